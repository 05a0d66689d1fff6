//! Key help, generated from the action table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::action::{Pane, Scope, actions};
use crate::text::{left, line};
use crate::view::Cx;
use crate::view::parts;

/// Scopes in the order of the help.
pub(crate) fn scopes() -> Vec<Scope> {
    let mut scopes = vec![Scope::Anywhere, Scope::Engine, Scope::List];
    scopes.extend(Pane::ALL.map(Scope::Pane));
    scopes.push(Scope::Review);
    scopes
}

/// Lines of the help.
pub(crate) fn height() -> usize {
    actions().len() + 2 * scopes().len()
}

pub(crate) fn draw(cx: Cx<'_>, scroll: usize, screen: Rect, buffer: &mut Buffer) {
    let area = super::clear(screen, 78, screen.height.saturating_sub(2), buffer);
    let note = "j k scroll · : finds and runs · Esc back";
    let inner = parts::frame(cx, area, "Keys", note, true, buffer);
    let mut lines: Vec<Line<'static>> = Vec::new();
    // The focused pane first: what one most likely looks for.
    let mut order = scopes();
    order.sort_by_key(|scope| *scope != Scope::Pane(cx.ui.pane));
    for scope in order {
        lines.push(line([(format!(" {}", scope.title()), cx.theme.keyword())]));
        for row in actions().iter().filter(|row| row.scope == scope) {
            let keys = cx.ui.keymap.all_shown(row.action);
            let disabled = cx.ui.disabled(row.action, cx.state);
            let style = if disabled.is_some() { cx.theme.dim() } else { Style::new() };
            let reason = disabled.map(|reason| format!("  ({reason})")).unwrap_or_default();
            lines.push(line([
                (format!("   {} ", left(&keys, 16)), cx.theme.accent()),
                (row.help.to_owned(), style),
                (reason, cx.theme.dim()),
            ]));
        }
        lines.push(Line::default());
    }
    parts::text(inner, &lines, scroll, buffer);
}
