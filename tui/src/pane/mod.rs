//! The seven panes. Each has rows with stable identities, places for its list and its text, actions, and a
//! drawing function; this module only chooses between them.

mod access;
mod coverage;
pub(crate) mod latency;
mod latency_detail;
pub(crate) mod logs;
mod plan;
pub(crate) mod problems;
pub(crate) mod review;
pub(crate) mod schema;
pub(crate) mod schema_tree;
pub(crate) mod services;
mod test_text;
pub(crate) mod tests;
pub(crate) mod trace_text;
pub(crate) mod traces;
mod waterfall;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use studio_events::StudioState;

use crate::action::{Action, Pane, Scope, actions, info};
use crate::effect::Effect;
use crate::text::width;
use crate::ui::{SchemaTab, Ui};
use crate::view::Cx;
use crate::view::layout::Tier;

/// Where the list and the text of a pane are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// The rows of the list.
    pub(crate) list: Rect,
    /// The scrolled text.
    pub(crate) detail: Option<Rect>,
}

/// The rows of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Their identities, in order.
    Ids(std::sync::Arc<Vec<u64>>),
    /// So many lines of a text, whose identities are their numbers: a long text costs nothing.
    Lines(usize),
}

impl Rows {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ids(ids) => ids.len(),
            Self::Lines(count) => *count,
        }
    }

    /// The identity of one.
    pub(crate) fn get(&self, index: usize) -> Option<u64> {
        match self {
            Self::Ids(ids) => ids.get(index).copied(),
            Self::Lines(count) => u64::try_from(index).ok().filter(|_| index < *count),
        }
    }

    /// Where the one with this identity is.
    pub(crate) fn position(&self, id: u64) -> Option<usize> {
        match self {
            Self::Ids(ids) => ids.iter().position(|row| *row == id),
            Self::Lines(count) => usize::try_from(id).ok().filter(|at| at < count),
        }
    }
}

/// The rows of a pane.
pub(crate) fn rows(ui: &Ui, state: &StudioState, pane: Pane) -> Rows {
    Rows::Ids(std::sync::Arc::new(match pane {
        Pane::Problems => problems::rows(ui, state),
        Pane::Schema => return schema::rows(ui, state),
        Pane::Traces => traces::rows(ui, state),
        Pane::Latency => latency::rows(ui),
        Pane::Logs => logs::rows(ui, state),
        Pane::Services => services::rows(state),
        Pane::Tests => tests::rows(ui, state),
    }))
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

/// What Enter does in a pane; empty where it does nothing.
fn open_word(pane: Pane) -> &'static str {
    match pane {
        Pane::Problems => "explain",
        Pane::Schema => "open",
        Pane::Traces => "waterfall",
        Pane::Latency => "histogram",
        Pane::Logs => "request",
        Pane::Services => "log",
        Pane::Tests => "difference",
    }
}

/// The keys of a pane on its lower border, where the hint bar is about another pane.
fn foot(cx: Cx<'_>, pane: Pane, area: Rect, buffer: &mut Buffer) {
    if cx.ui.pane == pane || area.height < 8 || area.width < 30 {
        return;
    }
    let mut parts = Vec::new();
    let open = open_word(pane);
    let empty = match pane {
        Pane::Problems => cx.ui.problems(cx.state).is_empty(),
        Pane::Logs => !logs::leads_to_a_request(cx.ui, cx.state),
        Pane::Traces => traces::selected(cx.ui, cx.state).is_none(),
        Pane::Latency => latency::rows(cx.ui).is_empty(),
        Pane::Schema | Pane::Services | Pane::Tests => false,
    };
    if !open.is_empty() && !empty {
        parts.push(format!("{} {open}", cx.theme.enter()));
    }
    let of_pane = actions().iter().filter(|row| row.scope == Scope::Pane(pane) && !row.hint.is_empty());
    let of_pane = of_pane.filter(|row| disabled(cx.ui, cx.state, row.action).is_none());
    parts.extend(of_pane.map(|row| format!("{} {}", cx.ui.keymap.shown(row.action), row.hint)));
    lower_border(cx, area, &parts, buffer);
}

/// Words on the lower border of a box, as many as fit.
fn lower_border(cx: Cx<'_>, area: Rect, words: &[String], buffer: &mut Buffer) {
    let mut text = String::new();
    for word in words {
        if width(&text) + width(word) + 8 > usize::from(area.width) {
            break;
        }
        text.push_str("  ");
        text.push_str(word);
    }
    if text.is_empty() || area.height < 2 || area.width < 8 {
        return;
    }
    let text = format!("{} ", text.split_at(1).1);
    let y = area.bottom() - 1;
    buffer.set_stringn(area.x + 2, y, &text, usize::from(area.width.saturating_sub(4)), cx.theme.dim());
}

/// Draws a pane.
pub(crate) fn draw(cx: Cx<'_>, pane: Pane, area: Rect, buffer: &mut Buffer) {
    draw_pane(cx, pane, area, buffer);
    if cx.tier == Tier::Wide {
        foot(cx, pane, area, buffer);
    }
}

fn draw_pane(cx: Cx<'_>, pane: Pane, area: Rect, buffer: &mut Buffer) {
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
        (Action::Open, Pane::Services) => services::open_hint(ui, state),
        (Action::Open, Pane::Schema) if ui.in_review(state) => "type it",
        (Action::Open, Pane::Tests) => tests::open_hint(ui, state),
        (Action::RunTests, Pane::Tests) => "run all",
        (Action::Open, pane) if !open_word(pane).is_empty() => open_word(pane),
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
    Filter::new(filter).passes(&[text])
}

/// A filter, ready for many texts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    words: Vec<String>,
}

impl Filter {
    pub(crate) fn new(text: &str) -> Self {
        Self { words: text.to_lowercase().split_whitespace().map(str::to_owned).collect() }
    }

    /// Whether every word is in one of the texts.
    pub(crate) fn passes(&self, texts: &[&str]) -> bool {
        self.words.iter().all(|word| texts.iter().any(|text| contains(text, word)))
    }
}

/// Whether `word`, in lower case, is in `text`, letter case ignored. Texts of ASCII need no copy.
fn contains(text: &str, word: &str) -> bool {
    if word.is_empty() {
        return true;
    }
    if !text.is_ascii() {
        return text.to_lowercase().contains(word);
    }
    let same = |window: &[u8]| window.eq_ignore_ascii_case(word.as_bytes());
    text.as_bytes().windows(word.len()).any(same)
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

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn filters_take_every_word_in_any_case() {
        let filter = Filter::new("Board QUERY");
        assert!(filter.passes(&["query", "board"]) && filter.passes(&["a Query of the dashBOARD"]));
        assert!(!filter.passes(&["board"]));
        assert!(Filter::new("").passes(&[]) && Filter::new(" ").passes(&["x"]));
        assert!(passes("größe", "GRÖSSE Größe") && !passes("x", "") && passes("é", "É"));
    }
}
