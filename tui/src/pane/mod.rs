//! The seven panes. Each has rows with stable identities, places for its list and its text, actions, and a
//! drawing function; this module only chooses between them.

mod coverage;
pub(crate) mod latency;
mod latency_detail;
pub(crate) mod logs;
mod plan;
pub(crate) mod problems;
pub(crate) mod review;
pub(crate) mod schema;
pub(crate) mod services;
mod test_text;
pub(crate) mod tests;
pub(crate) mod trace_text;
pub(crate) mod traces;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use studio_events::StudioState;

use crate::action::{Action, Pane, Scope, info};
use crate::effect::Effect;
use crate::ui::{SchemaTab, Ui};
use crate::view::Cx;

/// Where the list and the text of a pane are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// The rows of the list.
    pub(crate) list: Rect,
    /// The scrolled text.
    pub(crate) detail: Option<Rect>,
}

/// Identities of the rows, in order.
pub(crate) fn rows(ui: &Ui, state: &StudioState, pane: Pane) -> Vec<u64> {
    match pane {
        Pane::Problems => problems::rows(ui, state),
        Pane::Schema => schema::rows(ui, state),
        Pane::Traces => traces::rows(ui, state),
        Pane::Latency => latency::rows(ui),
        Pane::Logs => logs::rows(ui, state),
        Pane::Services => services::rows(state),
        Pane::Tests => tests::rows(ui, state),
    }
}

/// Places of the parts of a pane drawn in `area`.
pub(crate) fn parts(ui: &Ui, state: &StudioState, pane: Pane, area: Rect) -> Parts {
    match pane {
        Pane::Problems => problems::parts(ui, state, area),
        Pane::Schema => schema::parts(ui, state, area),
        Pane::Traces => traces::parts(ui, state, area),
        Pane::Latency => latency::parts(ui, state, area),
        Pane::Logs => logs::parts(area),
        Pane::Services => services::parts(ui, area),
        Pane::Tests => tests::parts(ui, area),
    }
}

/// Lines of the text of the selected item.
pub(crate) fn detail_height(ui: &Ui, state: &StudioState, pane: Pane, detail: Rect) -> usize {
    match pane {
        Pane::Problems => problems::detail(ui, state, ui.theme, usize::from(detail.width)).len(),
        Pane::Schema => schema::detail(ui, state, ui.theme, usize::from(detail.width)).len(),
        Pane::Traces => traces::detail(ui, state, usize::from(detail.width)).len(),
        Pane::Services => services::detail(ui, state, usize::from(detail.width)).len(),
        Pane::Tests => tests::detail(ui, state, ui.theme, usize::from(detail.width)).len(),
        Pane::Latency => latency::detail(ui, state, detail).len(),
        Pane::Logs => 0,
    }
}

/// Draws a pane.
pub(crate) fn draw(cx: Cx<'_>, pane: Pane, area: Rect, buffer: &mut Buffer) {
    match pane {
        Pane::Problems => problems::draw(cx, area, buffer),
        Pane::Schema => schema::draw(cx, area, buffer),
        Pane::Traces => traces::draw(cx, area, buffer),
        Pane::Latency => latency::draw(cx, area, buffer),
        Pane::Logs => logs::draw(cx, area, buffer),
        Pane::Services => services::draw(cx, area, buffer),
        Pane::Tests => tests::draw(cx, area, buffer),
    }
}

/// The pane that takes an action.
fn owner(ui: &Ui, action: Action) -> Pane {
    match info(action).scope {
        Scope::Pane(pane) => pane,
        Scope::Review => Pane::Schema,
        Scope::List | Scope::Anywhere | Scope::Engine => ui.pane,
    }
}

/// Runs an action of a pane or a list action that means something in the focused pane.
pub(crate) fn run(ui: &mut Ui, state: &StudioState, action: Action) -> Vec<Effect> {
    match owner(ui, action) {
        Pane::Problems => problems::run(ui, state, action),
        Pane::Schema if ui.in_review(state) || info(action).scope == Scope::Review => {
            review::run(ui, state, action)
        }
        Pane::Schema => schema::run(ui, state, action),
        Pane::Traces => traces::run(ui, state, action),
        Pane::Latency => latency::run(ui, state, action),
        Pane::Logs => logs::run(ui, state, action),
        Pane::Services => services::run(ui, state, action),
        Pane::Tests => tests::run(ui, state, action),
    }
}

/// Why an action of a pane cannot be run now.
pub(crate) fn disabled(ui: &Ui, state: &StudioState, action: Action) -> Option<String> {
    match owner(ui, action) {
        Pane::Problems => problems::disabled(ui, state, action),
        Pane::Schema if info(action).scope == Scope::Review => review::disabled(ui, state, action),
        Pane::Schema if ui.in_review(state) && info(action).scope == Scope::List => None,
        Pane::Schema => schema::disabled(ui, state, action),
        Pane::Traces => traces::disabled(ui, state, action),
        Pane::Latency => latency::disabled(ui, state, action),
        Pane::Logs => logs::disabled(ui, state, action),
        Pane::Services => services::disabled(ui, state, action),
        Pane::Tests => tests::disabled(ui, state, action),
    }
}

/// The word of an action in the hint bar, where a pane has a better one.
pub(crate) fn hint(ui: &Ui, state: &StudioState, action: Action, default: &'static str) -> String {
    let list = ui.list(ui.pane);
    let word = match (action, ui.pane) {
        (Action::Open, Pane::Problems) => "explain",
        (Action::Open, Pane::Traces) => "waterfall",
        (Action::Open, Pane::Latency) => "histogram",
        (Action::Open, Pane::Tests) => "difference",
        (Action::Open, Pane::Services) => services::open_hint(ui, state),
        (Action::Space, Pane::Traces | Pane::Logs) if !list.follow => "follow",
        (Action::Space, Pane::Schema) if ui.in_review(state) => "choose",
        _ => default,
    };
    word.to_owned()
}

/// Moves to the next match in a searched text; false when the pane filters instead.
pub(crate) fn find(ui: &mut Ui, state: &StudioState, direction: isize) -> bool {
    match (ui.pane, ui.schema.tab) {
        (Pane::Schema, SchemaTab::Ddl | SchemaTab::Sdl) => schema::find(ui, state, direction),
        _ => false,
    }
}

/// How many answers the migration review has.
pub(crate) fn review_answers(state: &StudioState) -> usize {
    review::answers(state).len()
}

/// Whether a text passes the filter: every word of it, letter case ignored.
pub(crate) fn passes(filter: &str, text: &str) -> bool {
    if filter.is_empty() {
        return true;
    }
    let text = text.to_lowercase();
    filter.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

/// Splits an area into a list of `rows` lines, a blank line and the rest.
pub(crate) fn list_over_text(inner: Rect, rows: u16) -> Parts {
    if inner.height < 6 {
        return Parts { list: inner, detail: None };
    }
    let rows = rows.clamp(1, inner.height.saturating_sub(4));
    let list = Rect { height: rows, ..inner };
    let detail = Rect { y: inner.y + rows + 1, height: inner.height - rows - 1, ..inner };
    let detail = Rect { x: detail.x + 1, width: detail.width.saturating_sub(1), ..detail };
    Parts { list, detail: Some(detail) }
}
