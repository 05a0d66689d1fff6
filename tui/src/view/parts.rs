//! Parts all panes are made of: frames, lists, tables, scrolled text.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::symbols::border;
use ratatui::text::{Line, Span};

use crate::action::Pane;
use crate::text::{cut, left, line, put, right, width};
use crate::view::Cx;

/// Draws a frame with a title on the left and one on the right; returns what is inside.
pub(crate) fn frame(
    cx: Cx<'_>,
    area: Rect,
    title: &str,
    note: &str,
    focused: bool,
    buffer: &mut Buffer,
) -> Rect {
    let area = area.intersection(buffer.area);
    if area.width < 4 || area.height < 2 {
        put(buffer, area, 0, &line([(title.to_owned(), cx.theme.bold())]));
        return Rect { height: 0, ..area };
    }
    let style = if focused { cx.theme.accent().remove_modifier(Modifier::BOLD) } else { cx.theme.dim() };
    let set = border::PLAIN;
    let (right_edge, bottom) = (area.right() - 1, area.bottom() - 1);
    for x in area.x + 1..right_edge {
        buffer[(x, area.y)].set_symbol(set.horizontal_top).set_style(style);
        buffer[(x, bottom)].set_symbol(set.horizontal_bottom).set_style(style);
    }
    for y in area.y + 1..bottom {
        buffer[(area.x, y)].set_symbol(set.vertical_left).set_style(style);
        buffer[(right_edge, y)].set_symbol(set.vertical_right).set_style(style);
    }
    buffer[(area.x, area.y)].set_symbol(set.top_left).set_style(style);
    buffer[(right_edge, area.y)].set_symbol(set.top_right).set_style(style);
    buffer[(area.x, bottom)].set_symbol(set.bottom_left).set_style(style);
    buffer[(right_edge, bottom)].set_symbol(set.bottom_right).set_style(style);
    let room = usize::from(area.width) - 4;
    let title_style = if focused { cx.theme.accent() } else { cx.theme.bold() };
    let title = format!(" {} ", cut(title, room.saturating_sub(2)));
    buffer.set_stringn(area.x + 1, area.y, &title, room + 2, title_style);
    let left_over = room.saturating_sub(width(&title));
    if !note.is_empty() && left_over > 6 {
        let note = format!(" {} ", cut(note, left_over - 3));
        let columns = u16::try_from(width(&note)).unwrap_or(0);
        buffer.set_stringn(right_edge - columns, area.y, &note, usize::from(columns), Style::new());
    }
    inside(area)
}

/// What is inside of a frame.
pub(crate) fn inside(area: Rect) -> Rect {
    if area.width < 4 || area.height < 2 {
        return Rect { height: 0, ..area };
    }
    Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
}

/// The title of a pane with its number.
pub(crate) fn title(pane: Pane) -> String {
    format!("{} {}", pane.index() + 1, pane.title())
}

/// Draws the visible rows of a list: one column for the cursor, then the row.
pub(crate) fn list<'a>(
    cx: Cx<'_>,
    pane: Pane,
    area: Rect,
    count: usize,
    buffer: &mut Buffer,
    row: impl Fn(usize) -> Line<'a>,
) {
    let list = cx.ui.list(pane);
    let focused = cx.ui.pane == pane;
    for y in 0..area.height {
        let index = list.offset + usize::from(y);
        if index >= count {
            break;
        }
        let mut line = row(index);
        let selected = index == list.index;
        if selected && focused {
            line = line.patch_style(Style::new().add_modifier(Modifier::BOLD));
        }
        let sign = if selected { "▸" } else { " " };
        line.spans.insert(0, Span::styled(sign, cx.theme.accent()));
        put(buffer, area, y, &line);
    }
}

/// Draws the visible lines of a text.
pub(crate) fn text(area: Rect, lines: &[Line<'_>], scroll: usize, buffer: &mut Buffer) {
    let scroll = scroll.min(lines.len().saturating_sub(usize::from(area.height)));
    for (y, line) in (0..area.height).zip(lines.iter().skip(scroll)) {
        put(buffer, area, y, line);
    }
}

/// One column of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    /// Columns it takes; for the flexible one the least.
    pub(crate) width: usize,
    /// Right-aligned.
    pub(crate) number: bool,
    /// Takes what is left.
    pub(crate) flexible: bool,
    /// Columns of a higher rank go first when space shrinks.
    pub(crate) rank: u8,
}

/// A column of text.
pub(crate) const fn words(title: &'static str, width: usize, rank: u8) -> Column {
    Column { title, width, number: false, flexible: false, rank }
}

/// A column of numbers.
pub(crate) const fn number(title: &'static str, width: usize, rank: u8) -> Column {
    Column { title, width, number: true, flexible: false, rank }
}

/// The column that takes what is left.
pub(crate) const fn flexible(title: &'static str, width: usize) -> Column {
    Column { title, width, number: false, flexible: true, rank: 0 }
}

/// Columns that fit, with their widths, as indices into the given ones.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    columns: &'a [Column],
    shown: Vec<(usize, usize)>,
}

impl<'a> Table<'a> {
    /// Lays the columns out for `room`, one space between two.
    pub(crate) fn new(columns: &'a [Column], room: usize) -> Self {
        let mut kept: Vec<usize> = (0..columns.len()).collect();
        let need = |kept: &[usize]| kept.iter().map(|at| columns[*at].width + 1).sum::<usize>();
        while kept.len() > 1 && need(&kept) > room + 1 {
            let worst = kept.iter().copied().max_by_key(|at| (columns[*at].rank, *at)).unwrap_or(0);
            kept.retain(|at| *at != worst);
        }
        let spare = (room + 1).saturating_sub(need(&kept));
        let widen = |at: usize| columns[at].width + if columns[at].flexible { spare } else { 0 };
        let shown = kept.into_iter().map(|at| (at, widen(at).min(room))).collect();
        Self { columns, shown }
    }

    /// The line of titles.
    pub(crate) fn head(&self, cx: Cx<'_>) -> Line<'static> {
        let cells: Vec<_> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        let mut line = self.row(|at| (cells.get(at).cloned().unwrap_or_default(), cx.theme.dim()));
        line.spans.insert(0, Span::raw(" "));
        line
    }

    /// One line of cells.
    pub(crate) fn row(&self, cell: impl Fn(usize) -> (String, Style)) -> Line<'static> {
        let mut spans = Vec::new();
        for (position, (at, columns)) in self.shown.iter().enumerate() {
            if position > 0 {
                spans.push(Span::raw(" "));
            }
            let (text, style) = cell(*at);
            let number = self.columns.get(*at).is_some_and(|column| column.number);
            let text = if number { right(&text, *columns) } else { left(&text, *columns) };
            spans.push(Span::styled(text, style));
        }
        Line::from(spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_disappear_by_rank() {
        const COLUMNS: &[Column] =
            &[words("time", 8, 1), flexible("operation", 10), number("ms", 6, 0), number("rows", 5, 3)];
        let titles = |room| {
            let table = Table::new(COLUMNS, room);
            table.shown.iter().map(|(at, width)| (COLUMNS[*at].title, *width)).collect::<Vec<_>>()
        };
        assert_eq!(titles(40), [("time", 8), ("operation", 18), ("ms", 6), ("rows", 5)]);
        assert_eq!(titles(30), [("time", 8), ("operation", 14), ("ms", 6)]);
        assert_eq!(titles(17), [("operation", 10), ("ms", 6)]);
        assert_eq!(titles(3).len(), 1);
    }
}
