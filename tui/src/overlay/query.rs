//! The result of a statement typed by hand: rows as a table, or the error.

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{Command, QueryEvent, QueryRows, StudioState};

use crate::action::Key;
use crate::effect::Effect;
use crate::overlay::Overlay;
use crate::prompt::Purpose;
use crate::sql;
use crate::text::{clean, left, line, millis, plain, plural, put, width};
use crate::ui::Ui;
use crate::update::shift;
use crate::view::Cx;
use crate::view::parts;

/// Widest column of a table; longer values are cut, copying gives them whole.
const WIDEST: usize = 32;

/// A statement whose result is shown or awaited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) number: u64,
    pub(super) sql: &'a str,
    pub(super) write: bool,
}

fn result(state: &StudioState, number: u64) -> Option<&QueryEvent> {
    state.query.as_deref().filter(|query| query.number == number)
}

pub(super) fn on_key(ui: &mut Ui, key: Key, by: isize, state: &StudioState) -> Vec<Effect> {
    let Some(Overlay::Query { number, sql, scroll, .. }) = &mut ui.overlay else { return Vec::new() };
    let found = result(state, *number);
    let rows = found.and_then(|query| query.result.as_ref().ok()).map_or(0, |rows| rows.rows.len());
    *scroll = shift(*scroll, by, rows);
    let sql = sql.clone();
    match key.code {
        KeyCode::Char('q') | KeyCode::Enter => ui.overlay = None,
        KeyCode::Char('e') => {
            ui.overlay = None;
            ui.ask(Purpose::Sql, sql);
        }
        KeyCode::Char('y') => {
            if let Some(Ok(rows)) = found.map(|query| &query.result) {
                return vec![Effect::Copy { what: "the rows".to_owned(), text: tab_separated(rows) }];
            }
        }
        KeyCode::Char('W') if found.is_some_and(|query| query.result.is_err()) => {
            let number = ui.next_query();
            let effect = Effect::Send(Command::Query { number, sql, write: true });
            let question = "Run the statement again and let it write?".to_owned();
            ui.overlay = Some(Overlay::Confirm { question, effect });
        }
        _ => {}
    }
    Vec::new()
}

fn tab_separated(rows: &QueryRows) -> String {
    let mut text = rows.columns.join("\t");
    for row in &rows.rows {
        text.push('\n');
        let cells = row.iter().map(|cell| cell.as_deref().unwrap_or_default().replace(['\t', '\n'], " "));
        text.push_str(&cells.collect::<Vec<_>>().join("\t"));
    }
    text
}

pub(super) fn draw(cx: Cx<'_>, asked: Asked<'_>, scroll: usize, screen: Rect, buffer: &mut Buffer) {
    let Asked { number, sql, write } = asked;
    let found = result(cx.state, number);
    let rows = match found.map(|query| &query.result) {
        Some(Ok(rows)) => rows.rows.len(),
        Some(Err(_)) | None => 2,
    };
    let height = u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(5).clamp(6, 24);
    let area = super::clear(screen, 110, height, buffer);
    let note = match found {
        None => "running".to_owned(),
        Some(query) => match &query.result {
            Ok(rows) => {
                let more = if rows.more { "more than " } else { "" };
                format!("{more}{} · {} ms", plural(rows.rows.len(), "row"), millis(query.time))
            }
            Err(_) => format!("failed · {} ms", millis(query.time)),
        },
    };
    let title = if write { "SQL, allowed to write" } else { "SQL, read-only" };
    let inner = parts::frame(cx, area, title, &note, true, buffer);
    let mut text = sql::highlight(cx.theme, &clean(sql));
    text.spans.insert(0, " ".into());
    put(buffer, inner, 0, &text);
    let body = Rect { y: inner.y + 1.min(inner.height), height: inner.height.saturating_sub(2), ..inner };
    let mut keys = " j k scroll   y copy rows   e edit   Esc back".to_owned();
    match found.map(|query| &query.result) {
        None => put(buffer, body, 0, &line([(" asking the database …".to_owned(), cx.theme.dim())])),
        Some(Err(error)) => {
            for (row, text) in (0..).zip(crate::text::wrap(error, usize::from(body.width).saturating_sub(4)))
            {
                put(buffer, body, row, &line([(format!(" ✗ {text}"), cx.theme.error())]));
            }
            keys = " e edit   W run it again and let it write (asks)   Esc back".to_owned();
        }
        Some(Ok(rows)) if rows.rows.is_empty() => {
            put(buffer, body, 0, &line([(" no rows".to_owned(), cx.theme.dim())]));
        }
        Some(Ok(rows)) => table(cx, rows, scroll, body, buffer),
    }
    if inner.height > 1 {
        put(buffer, inner, inner.height - 1, &line([(keys, cx.theme.accent())]));
    }
}

fn table(cx: Cx<'_>, rows: &QueryRows, scroll: usize, area: Rect, buffer: &mut Buffer) {
    let count = rows.rows.first().map_or(0, Vec::len).max(rows.columns.len());
    let cell = |row: &Vec<Option<String>>, at: usize| match row.get(at) {
        Some(Some(text)) => (clean(text), Style::new()),
        Some(None) => ("NULL".to_owned(), cx.theme.dim()),
        None => (String::new(), Style::new()),
    };
    let widths: Vec<usize> = (0..count)
        .map(|at| {
            let head = rows.columns.get(at).map_or(0, |name| width(name));
            rows.rows.iter().map(|row| width(&cell(row, at).0)).fold(head, usize::max).min(WIDEST)
        })
        .collect();
    let mut top = 0;
    if !rows.columns.is_empty() {
        let head = widths.iter().zip(&rows.columns).map(|(columns, name)| left(name, *columns));
        let text = format!(" {}", head.collect::<Vec<_>>().join("  "));
        put(buffer, area, 0, &line([(text, cx.theme.bold())]));
        top = 1;
    }
    for (y, row) in (top..area.height).zip(rows.rows.iter().skip(scroll)) {
        let mut drawn: Line<'_> = plain(" ");
        for (at, columns) in widths.iter().enumerate() {
            let (text, style) = cell(row, at);
            drawn.push_span(ratatui::text::Span::styled(left(&text, *columns), style));
            drawn.push_span("  ");
        }
        put(buffer, area, y, &drawn);
    }
}
