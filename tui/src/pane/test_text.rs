//! What is written about one test: where bodies differ, what it sent and what came of each request.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use studio_events::{TestCase, TestDifference, TestRequest};

use crate::pane::waterfall::waterfall;
use crate::pane::{access, trace_text};
use crate::sql;
use crate::text::{clean, line, millis, plain, wrap};
use crate::theme::Theme;
use crate::ui::Ui;

/// Lines of a whole body that are shown; more are in the copy.
const BODY: usize = 200;

/// Everything below the line with the verdict.
pub(super) fn lines(ui: &Ui, case: &TestCase, columns: usize) -> Vec<Line<'static>> {
    let theme = ui.theme;
    let outcome = &case.outcome;
    let mut lines = Vec::new();
    if outcome.message.is_empty() {
        lines.extend(plain_detail(theme, &case.detail, columns));
    } else {
        lines.push(Line::default());
        lines.extend(wrap(&outcome.message, columns).into_iter().map(|text| line([(text, theme.error())])));
        if !outcome.file.is_empty() {
            lines.push(line([(format!("{}:{}", outcome.file, outcome.line.max(1)), theme.dim())]));
        }
        for difference in &outcome.differences {
            lines.extend(difference_lines(theme, difference, columns));
        }
        if !outcome.next_step.is_empty() {
            lines.extend(wrap(&format!("next: {}", outcome.next_step), columns).into_iter().map(plain));
        }
    }
    for warning in &outcome.warnings {
        lines.extend(
            wrap(warning, columns.saturating_sub(2))
                .into_iter()
                .map(|text| line([("▲ ".to_owned(), theme.warning()), (text, Style::new())])),
        );
    }
    lines.extend(requests(ui, &outcome.requests, columns));
    if !outcome.actual.is_empty() && !outcome.differences.is_empty() {
        lines.push(Line::default());
        lines.push(line([("whole answer".to_owned(), theme.keyword())]));
        lines.extend(outcome.actual.lines().take(BODY).map(|text| plain(format!("  {}", clean(text)))));
    }
    lines
}

fn plain_detail(theme: Theme, detail: &str, columns: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if !detail.is_empty() {
        lines.push(Line::default());
    }
    for text in detail.lines() {
        let trimmed = text.trim_start();
        let style = if trimmed.starts_with('-') {
            theme.error()
        } else if trimmed.starts_with('+') {
            theme.good()
        } else {
            Style::new()
        };
        lines.extend(wrap(text, columns).into_iter().map(|text| line([(text, style)])));
    }
    lines
}

fn difference_lines(theme: Theme, difference: &TestDifference, columns: usize) -> Vec<Line<'static>> {
    let path = if difference.path.is_empty() { "the whole body" } else { &difference.path };
    let mut lines = vec![
        Line::default(),
        line([(path.to_owned(), theme.bold()), (format!("  {}", difference.kind), theme.dim())]),
    ];
    let sides = [
        ("- expected ", &difference.expected, theme.error()),
        ("+ actual   ", &difference.actual, theme.good()),
    ];
    for (sign, value, style) in sides {
        if value.is_empty() {
            continue;
        }
        let mut lead = sign.to_owned();
        for text in wrap(value, columns.saturating_sub(11)) {
            lines.push(line([(lead, style), (text, style)]));
            lead = " ".repeat(11);
        }
    }
    if !difference.note.is_empty() {
        lines.extend(wrap(&difference.note, columns).into_iter().map(|text| line([(text, theme.dim())])));
    }
    lines
}

fn requests(ui: &Ui, requests: &[TestRequest], columns: usize) -> Vec<Line<'static>> {
    let theme = ui.theme;
    if requests.is_empty() {
        return Vec::new();
    }
    let opened = ui.list(crate::Pane::Tests).opened;
    let shown = ui.tests.request.min(requests.len() - 1);
    let mut lines = vec![Line::default(), line([("requests".to_owned(), theme.keyword())])];
    for (at, request) in requests.iter().enumerate() {
        let operation = request.trace.as_ref().map(|trace| trace.operation.clone()).unwrap_or_default();
        let statements = request.trace.as_ref().map_or(0, |trace| trace.statements.len());
        let cursor = if opened && at == shown { "▸ " } else { "  " };
        lines.push(line([
            (cursor.to_owned(), theme.accent()),
            (format!("{} {operation}  HTTP {}  ", request.path, request.status), Style::new()),
            (format!("{} ms · {statements} sql", millis(request.time)), theme.dim()),
            (format!("   {}:{}", request.file, request.line), theme.dim()),
        ]));
    }
    let Some(trace) = requests.get(shown).and_then(|request| request.trace.as_ref()).filter(|_| opened)
    else {
        return lines;
    };
    lines.push(Line::default());
    lines.extend(waterfall(theme, trace, 0, columns));
    lines.extend(access::lines(ui, None, trace, columns));
    for statement in &trace.statements {
        lines.push(Line::default());
        for mut row in sql::pretty(theme, &statement.text, columns.saturating_sub(2)) {
            row.spans.insert(0, Span::raw(" "));
            lines.push(row);
        }
        lines.extend(trace_text::params(theme, statement));
    }
    lines
}
