//! The first-run card: five steps that tick themselves off.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use studio_events::{DatabaseState, HttpState};

use crate::action::Action;
use crate::text::{line, millis, plural, put};
use crate::view::Cx;
use crate::view::parts;

pub(crate) fn draw(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let inner = parts::frame(cx, area, "Start here", &cx.state.project.name, false, buffer);
    let (theme, state, card) = (cx.theme, cx.state, cx.ui.first_run);
    let key = |action| cx.ui.keymap.shown(action);
    let up = |done: bool| if done { ("● ", theme.good()) } else { ("○ ", theme.dim()) };
    let model = match state.build.outcome {
        None => format!("model {} is being checked", state.build.revision),
        Some(_) => format!("model {} checked in {} ms", state.build.revision, millis(state.build.time)),
    };
    let (database_up, database) = match &*state.database {
        DatabaseState::Ready { version, time, .. } => {
            (true, format!("Postgres {version} ready in {:.1} s", time.as_millis_f64() / 1000.0))
        }
        DatabaseState::Starting { stage } => (false, stage.clone()),
        DatabaseState::Off | DatabaseState::Restarting { .. } | DatabaseState::Stopped => {
            (false, "Postgres is on its way".to_owned())
        }
        DatabaseState::Failed { .. } => (false, "Postgres failed: see Services".to_owned()),
    };
    let types = plural(state.schema.types.len(), "type");
    let (http_up, http) = match &state.http {
        HttpState::Listening { url, graphql_path, .. } => (true, format!("API {url}{graphql_path}")),
        HttpState::Down | HttpState::PortTaken { .. } => (false, "HTTP is not up yet".to_owned()),
    };
    let half = usize::from(inner.width) / 2;
    let facts = [
        ((state.build.outcome.is_some(), model), (database_up, database)),
        ((!state.schema.types.is_empty(), format!("{types} in the schema")), (http_up, http)),
    ];
    for (row, (one, two)) in (0..).zip(facts) {
        let (left_sign, right_sign) = (up(one.0), up(two.0));
        put(
            buffer,
            inner,
            row,
            &line([
                (format!(" {}", left_sign.0), left_sign.1),
                (crate::text::left(&one.1, half.saturating_sub(3)), Style::new()),
                (right_sign.0.to_owned(), right_sign.1),
                (two.1, Style::new()),
            ]),
        );
    }
    let steps = [
        (card.saved, "edit src/index.exo and save".to_owned(), "the API follows within 100 ms".to_owned()),
        (
            card.queried,
            "send a query, from anywhere".to_owned(),
            format!("curl lines: {} in Traces", key(Action::TraceCurl)),
        ),
        (card.looked, "see its SQL and time".to_owned(), format!("pane {}", key(Action::GoTraces))),
        (
            card.browser,
            format!("open GraphiQL: {}", key(Action::Playground)),
            format!("it acts as a persona: {}", key(Action::Personas)),
        ),
        (card.broke, "break the model on purpose".to_owned(), "the API keeps answering".to_owned()),
    ];
    for (row, (done, what, then)) in (3..).zip(steps) {
        let (sign, style) = up(done);
        let text = format!("{}  {}", row - 2, crate::text::left(&what, 38));
        put(
            buffer,
            inner,
            row,
            &line([(format!(" {sign}"), style), (text, Style::new()), (then, theme.dim())]),
        );
    }
    let keys =
        format!(" {} all keys   {} all commands   Esc hides this", key(Action::Help), key(Action::Palette));
    put(buffer, inner, 8, &line([(keys, theme.accent())]));
}
