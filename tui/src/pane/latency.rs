//! Latency: sparkline of the window, percentiles per operation, a histogram of one of them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{Command, LatencySlice, Micros, SliceOperation, StudioState, Timestamp};

use crate::action::{Action, Pane};
use crate::effect::Effect;
use crate::pane::{Parts, passes};
use crate::text::{left, line, plain, plural, put, tenths};
use crate::ui::{Ui, identity};
use crate::view::Cx;
use crate::view::parts::{self, Column, Table, flexible, number};

const COLUMNS: &[Column] = &[
    flexible("operation", 12),
    number("n", 6, 1),
    number("errors", 6, 5),
    number("p50", 7, 3),
    number("p95", 7, 0),
    number("p99", 7, 2),
    number("max", 7, 4),
    number("sql", 5, 6),
];

/// Lines above the table: numbers, blank, sparkline, axis, blank, titles.
const HEAD: u16 = 6;

fn visible<'a>(ui: &Ui, state: &'a StudioState) -> Vec<&'a SliceOperation> {
    let filter = &ui.list(Pane::Latency).filter;
    let mut found: Vec<_> =
        state.latency.operations.iter().filter(|operation| passes(filter, &operation.name)).collect();
    found.sort_by(|a, b| b.numbers.p95.cmp(&a.numbers.p95).then_with(|| a.name.cmp(&b.name)));
    found
}

pub(crate) fn rows(ui: &Ui, state: &StudioState) -> Vec<u64> {
    visible(ui, state).iter().map(|operation| identity(&operation.name)).collect()
}

fn selected<'a>(ui: &Ui, state: &'a StudioState) -> Option<&'a SliceOperation> {
    visible(ui, state).get(ui.list(Pane::Latency).index).copied()
}

pub(crate) fn parts(ui: &Ui, state: &StudioState, area: Rect) -> Parts {
    let inner = parts::inside(area);
    if ui.list(Pane::Latency).opened && selected(ui, state).is_some() {
        return Parts { list: Rect { height: 0, ..inner }, detail: None };
    }
    let head = if inner.height >= HEAD + 3 { HEAD } else { 1.min(inner.height) };
    let list = Rect { y: inner.y + head, height: inner.height - head, ..inner };
    Parts { list, detail: None }
}

/// Slices of the window, oldest first.
fn window<'a>(ui: &Ui, state: &'a StudioState) -> Vec<&'a LatencySlice> {
    let from = Timestamp(now(ui, state).0.saturating_sub(ui.latency.minutes * 60_000_000));
    let recent = state.latency.slices.iter().rev().take_while(|slice| slice.at >= from);
    let mut slices: Vec<_> = recent.collect();
    slices.reverse();
    slices
}

/// The later of the last fact and the last message, so that silence moves the picture too.
fn now(ui: &Ui, state: &StudioState) -> Timestamp {
    ui.now.max(state.now)
}

/// The worst p95 per column of the sparkline; 0 where nothing happened.
pub(crate) fn columns(slices: &[&LatencySlice], now: Timestamp, minutes: u64, count: usize) -> Vec<Micros> {
    let mut worst = vec![Micros(0); count];
    let span = (minutes * 60_000_000).max(1);
    for slice in slices {
        let ago = now.0.saturating_sub(slice.at.0);
        if ago >= span || count == 0 {
            continue;
        }
        let back = usize::try_from(u128::from(ago) * count as u128 / u128::from(span)).unwrap_or(0);
        if let Some(column) = count.checked_sub(back + 1).and_then(|at| worst.get_mut(at)) {
            *column = (*column).max(slice.p95);
        }
    }
    worst
}

/// One character per column, scaled to the highest.
pub(crate) fn sparkline(values: &[u64]) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let top = values.iter().copied().max().unwrap_or(0).max(1);
    let level = |value: u64| match value {
        0 => ' ',
        value => {
            let at = usize::try_from(u128::from(value) * 7 / u128::from(top)).unwrap_or(0);
            LEVELS.get(at).copied().unwrap_or('█')
        }
    };
    values.iter().map(|value| level(*value)).collect()
}

pub(crate) fn draw(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let focused = cx.ui.pane == Pane::Latency;
    let list = cx.ui.list(Pane::Latency);
    if let Some(operation) = selected(cx.ui, cx.state).filter(|_| list.opened) {
        let title = format!("{} › {}", parts::title(Pane::Latency), operation.name);
        let note = format!("serving {}", operation.numbers.revision);
        let inner = parts::frame(cx, area, &title, &note, focused, buffer);
        let lines = histogram(cx, operation, usize::from(inner.width));
        parts::text(inner, &lines, 0, buffer);
        return;
    }
    let note = format!("{} min", cx.ui.latency.minutes);
    let inner = parts::frame(cx, area, &parts::title(Pane::Latency), &note, focused, buffer);
    if cx.state.latency.total == 0 {
        let lines = [" No request yet.", " Percentiles per operation appear with the first one."];
        for (row, text) in (0..).zip(lines) {
            put(buffer, inner, row, &line([(text.to_owned(), cx.theme.dim())]));
        }
        return;
    }
    let places = parts(cx.ui, cx.state, area);
    let table = Table::new(COLUMNS, usize::from(inner.width).saturating_sub(2));
    let head = places.list.y - inner.y;
    if head >= HEAD {
        draw_head(cx, inner, buffer);
    }
    if head > 0 {
        put(buffer, inner, head - 1, &table.head(cx));
    }
    let found = visible(cx.ui, cx.state);
    parts::list(cx, Pane::Latency, places.list, found.len(), buffer, |index| {
        let Some(operation) = found.get(index) else { return Line::default() };
        let numbers = &operation.numbers;
        table.row(|column| {
            let cell = match column {
                0 => operation.name.clone(),
                1 => numbers.count.to_string(),
                2 => numbers.errors.to_string(),
                3 => tenths(numbers.p50),
                4 => tenths(numbers.p95),
                5 => tenths(numbers.p99),
                6 => tenths(numbers.max),
                _ => format!("{} %", numbers.sql_percent),
            };
            let style = if column == 2 && numbers.errors > 0 { cx.theme.error() } else { Style::new() };
            (cell, style)
        })
    });
}

fn draw_head(cx: Cx<'_>, inner: Rect, buffer: &mut Buffer) {
    let minutes = cx.ui.latency.minutes;
    let slices = window(cx.ui, cx.state);
    let count: u64 = slices.iter().map(|slice| slice.count).sum();
    let errors: u64 = slices.iter().map(|slice| slice.errors).sum();
    let rate = count as f64 / (minutes as f64 * 60.0);
    let share = if count == 0 { 0.0 } else { errors as f64 * 100.0 / count as f64 };
    let text = format!(" all operations · last {minutes} min · {rate:.1} req/s · {share:.1} % errors");
    put(buffer, inner, 0, &plain(text));
    let room = usize::from(inner.width).saturating_sub(8);
    let worst = columns(&slices, now(cx.ui, cx.state), minutes, room);
    let top = worst.iter().copied().max().unwrap_or_default();
    let values: Vec<u64> = worst.iter().map(|value| value.0).collect();
    let bars = line([(" p95  ".to_owned(), cx.theme.bold()), (sparkline(&values), cx.theme.accent())]);
    put(buffer, inner, 2, &bars);
    let ago = format!("{minutes} min ago");
    let end = format!("top {} ms · now", tenths(top));
    let gap = room.saturating_sub(ago.len() + end.chars().count());
    let axis = format!("      {ago}{}{end}", " ".repeat(gap));
    put(buffer, inner, 3, &line([(axis, cx.theme.dim())]));
}

const BUCKETS: [&str; 10] =
    ["< 0.5", "0.5–1", "1–2", "2–4", "4–8", "8–16", "16–32", "32–64", "64–128", "> 128"];

fn histogram(cx: Cx<'_>, operation: &SliceOperation, room: usize) -> Vec<Line<'static>> {
    let numbers = &operation.numbers;
    let requests = plural(usize::try_from(numbers.count).unwrap_or(usize::MAX), "request");
    let errors = plural(usize::try_from(numbers.errors).unwrap_or(usize::MAX), "error");
    let mut lines = vec![
        plain(format!(" {requests} · {errors} · last answered by {}", numbers.revision)),
        plain(format!(
            " p50 {}   p95 {}   p99 {}   max {} ms",
            tenths(numbers.p50),
            tenths(numbers.p95),
            tenths(numbers.p99),
            tenths(numbers.max)
        )),
        plain(format!(" SQL {} % of the time", numbers.sql_percent)),
        Line::default(),
    ];
    let top = numbers.buckets.iter().copied().max().unwrap_or(0).max(1);
    let width = room.saturating_sub(24).max(1);
    for (name, count) in BUCKETS.iter().zip(numbers.buckets) {
        let cells = usize::try_from(u128::from(count) * width as u128 / u128::from(top)).unwrap_or(0);
        let bar = match (count, cells) {
            (0, _) => String::new(),
            (_, 0) => "▏".to_owned(),
            (_, cells) => "█".repeat(cells),
        };
        lines.push(line([
            (format!(" {} ms  ", left(name, 7)), cx.theme.dim()),
            (bar, cx.theme.accent()),
            (if count == 0 { String::new() } else { format!(" {count}") }, Style::new()),
        ]));
    }
    lines
}

pub(crate) fn disabled(ui: &Ui, state: &StudioState, action: Action) -> Option<String> {
    match action {
        Action::Open | Action::CopyItem | Action::CopyJson | Action::CopyPath
            if selected(ui, state).is_none() =>
        {
            Some("there is no operation yet".to_owned())
        }
        Action::LatencyReset if state.latency.total == 0 => Some("nothing to reset".to_owned()),
        Action::CopySql => Some("SQL is in Traces".to_owned()),
        Action::Space | Action::Fold | Action::Unfold => Some("nothing to pause or fold here".to_owned()),
        _ => None,
    }
}

pub(crate) fn run(ui: &mut Ui, state: &StudioState, action: Action) -> Vec<Effect> {
    match action {
        Action::LatencyWindow => {
            ui.latency.minutes = match ui.latency.minutes {
                1 => 5,
                5 => 15,
                _ => 1,
            };
        }
        Action::LatencyReset => return vec![Effect::Send(Command::ResetLatency)],
        Action::Open => {
            let list = ui.focused();
            list.opened = !list.opened;
        }
        Action::CopyItem | Action::CopyJson | Action::CopyPath => {
            let Some(operation) = selected(ui, state) else { return Vec::new() };
            let n = &operation.numbers;
            let (what, text) = match action {
                Action::CopyPath => ("the name", operation.name.clone()),
                Action::CopyJson => ("JSON", serde_json::to_string_pretty(operation).unwrap_or_default()),
                _ => (
                    "the numbers",
                    format!(
                        "{}: {} requests, p50 {} ms, p95 {} ms, p99 {} ms, max {} ms",
                        operation.name,
                        n.count,
                        tenths(n.p50),
                        tenths(n.p95),
                        tenths(n.p99),
                        tenths(n.max)
                    ),
                ),
            };
            return vec![Effect::Copy { what: what.to_owned(), text }];
        }
        _ => {}
    }
    Vec::new()
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn the_newest_second_is_the_last_column() {
        let slice = |seconds: u64, p95| LatencySlice {
            at: Timestamp(seconds * 1_000_000),
            count: 1,
            errors: 0,
            p95: Micros(p95),
            operations: Vec::new(),
        };
        let slices = [slice(100, 5), slice(130, 9), slice(131, 4)];
        let refs: Vec<_> = slices.iter().collect();
        let values = columns(&refs, Timestamp(131_000_000), 1, 6);
        assert_eq!(values.iter().map(|value| value.0).collect::<Vec<_>>(), [0, 0, 5, 0, 0, 9]);
        assert_eq!(columns(&refs, Timestamp(0), 1, 0), []);
        assert_eq!(sparkline(&[0, 1, 7, 4]), " ▂█▅");
    }
}
