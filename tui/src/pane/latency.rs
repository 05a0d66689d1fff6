//! Latency: sparkline of the window, percentiles per operation, budgets. One operation opens into `latency_detail`.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{
    Budget, Command, LatencyHistogram, LatencySlice, Measure, Micros, OperationWindow, StudioState, Timestamp,
};

use crate::action::{Action, Pane};
use crate::effect::Effect;
use crate::pane::{Parts, latency_detail, passes};
use crate::prompt::Purpose;
use crate::text::{line, plain, plural, put, tenths};
use crate::theme::Theme;
use crate::ui::{LatencyPart, Ui, identity};
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
    number("sql %", 5, 6),
];

/// Lines above the table: numbers, blank, sparkline, axis, blank, titles.
const HEAD: u16 = 6;
/// Budgets shown below the table.
const BUDGETS: usize = 4;

/// Adds the window up again when a second passed, a slice came or another window was chosen.
pub(crate) fn refresh(ui: &mut Ui, state: &StudioState) {
    let end = now(ui, state);
    let key = (state.latency.slices.pushed(), end.0 / 1_000_000, ui.latency.minutes);
    // The counter begins again after a reset: the total tells the two apart.
    if ui.latency.window_of == key && (state.latency.total > 0 || ui.latency.window.is_empty()) {
        return;
    }
    ui.latency.window_of = key;
    ui.latency.window = Arc::new(state.latency.window(begin(ui, state)));
}

fn visible(ui: &Ui) -> Vec<&OperationWindow> {
    let filter = &ui.list(Pane::Latency).filter;
    ui.latency.window.iter().filter(|operation| passes(filter, &operation.name)).collect()
}

pub(crate) fn rows(ui: &Ui) -> Vec<u64> {
    visible(ui).iter().map(|operation| identity(&operation.name)).collect()
}

fn selected(ui: &Ui) -> Option<&OperationWindow> {
    visible(ui).get(ui.list(Pane::Latency).index).copied()
}

pub(crate) fn parts(ui: &Ui, state: &StudioState, area: Rect) -> Parts {
    let inner = parts::inside(area);
    if ui.list(Pane::Latency).opened && selected(ui).is_some() {
        return Parts { list: Rect { height: 0, ..inner }, detail: Some(inner) };
    }
    let head = if inner.height >= HEAD + 3 { HEAD } else { 1.min(inner.height) };
    let foot = budget_rows(state, inner);
    let list = Rect { y: inner.y + head, height: inner.height - head - foot, ..inner };
    Parts { list, detail: None }
}

/// Lines for budgets and a blank one, where there is room for them.
fn budget_rows(state: &StudioState, inner: Rect) -> u16 {
    let budgets = u16::try_from(state.budgets.len().min(BUDGETS)).unwrap_or(0);
    if budgets > 0 && inner.height >= HEAD + 4 + budgets { budgets + 1 } else { 0 }
}

fn begin(ui: &Ui, state: &StudioState) -> Timestamp {
    Timestamp(now(ui, state).0.saturating_sub(ui.latency.minutes * 60_000_000))
}

/// Slices of the window, oldest first.
fn window<'a>(ui: &'a Ui, state: &'a StudioState) -> Vec<&'a LatencySlice> {
    let from = begin(ui, state);
    let recent = state.latency.slices.iter().rev().take_while(|slice| slice.at >= from);
    let mut slices: Vec<&LatencySlice> = recent.map(AsRef::as_ref).collect();
    slices.reverse();
    slices
}

/// The later of the last fact and the last message, so that silence moves the picture too.
fn now(ui: &Ui, state: &StudioState) -> Timestamp {
    ui.now.max(state.now)
}

/// The histogram of the chosen part.
pub(crate) fn histogram(part: LatencyPart, operation: &OperationWindow) -> &LatencyHistogram {
    match part {
        LatencyPart::All => &operation.times,
        LatencyPart::Sql => &operation.sql,
        LatencyPart::WithoutHooks => &operation.without_hooks,
    }
}

/// A percentile of the chosen part; 100 is the slowest.
pub(crate) fn percentile(part: LatencyPart, operation: &OperationWindow, percent: u64) -> Micros {
    match (part, percent) {
        (LatencyPart::All, 100) => operation.max,
        (LatencyPart::All, percent) => operation.percentile(percent),
        (LatencyPart::Sql | LatencyPart::WithoutHooks, percent) => {
            histogram(part, operation).percentile(percent).min(operation.max)
        }
    }
}

/// The word of a part.
pub(crate) fn part_name(part: LatencyPart) -> &'static str {
    match part {
        LatencyPart::All => "all",
        LatencyPart::Sql => "sql only",
        LatencyPart::WithoutHooks => "without hooks",
    }
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

/// How a budget stands: words and style.
pub(crate) fn standing(theme: Theme, window: &[OperationWindow], budget: &Budget) -> (String, Style) {
    let Some(operation) = window.iter().find(|operation| *operation.name == *budget.operation) else {
        return ("○ no request in this window".to_owned(), theme.dim());
    };
    let value = budget.measure.of(operation);
    if value < budget.limit {
        return (format!("● ok ({} ms)", tenths(value)), theme.good());
    }
    let over = Micros(value.0 - budget.limit.0);
    (format!("▲ over by {} ms", tenths(over)), theme.warning())
}

/// The detail of the selected operation.
pub(crate) fn detail(ui: &Ui, state: &StudioState, area: Rect) -> Vec<Line<'static>> {
    selected(ui).map_or(Vec::new(), |operation| latency_detail::lines(ui, state, operation, area))
}

pub(crate) fn draw(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let focused = cx.ui.pane == Pane::Latency;
    let list = cx.ui.list(Pane::Latency);
    let part = cx.ui.latency.part;
    let mut note = format!("{} min", cx.ui.latency.minutes);
    if part != LatencyPart::All {
        note = format!("{} · {note}", part_name(part));
    }
    if !list.filter.is_empty() {
        note = format!("/{} · {note}", list.filter);
    }
    if let Some(operation) = selected(cx.ui).filter(|_| list.opened) {
        let title = format!("{} › {}", parts::title(Pane::Latency), operation.name);
        let inner = parts::frame(cx, area, &title, &note, focused, buffer);
        let lines = detail(cx.ui, cx.state, inner);
        parts::text(inner, &lines, list.scroll, buffer);
        return;
    }
    let inner = parts::frame(cx, area, &parts::title(Pane::Latency), &note, focused, buffer);
    if cx.state.latency.total == 0 && cx.state.budgets.is_empty() {
        let lines = [" No request yet.", " Percentiles per operation appear with the first one."];
        for (row, text) in (0..).zip(lines) {
            put(buffer, inner, row, &line([(text.to_owned(), cx.theme.dim())]));
        }
        return;
    }
    let places = parts(cx.ui, cx.state, area);
    let head = places.list.y - inner.y;
    if head >= HEAD {
        draw_head(cx, inner, buffer);
    }
    let table = Table::new(COLUMNS, usize::from(inner.width).saturating_sub(2));
    if head > 0 {
        put(buffer, inner, head - 1, &table.head(cx));
    }
    draw_table(cx, &table, places.list, buffer);
    let foot = inner.bottom() - places.list.bottom();
    if foot > 0 {
        let names = cx.state.budgets.iter().map(|budget| crate::text::width(&budget.operation)).max();
        let names = names.unwrap_or(0).min(24);
        for (row, budget) in (inner.height - foot + 1..inner.height).zip(cx.state.budgets.iter()) {
            let (words, style) = standing(cx.theme, &cx.ui.latency.window, budget);
            let name = crate::text::left(&budget.operation, names);
            let limit = crate::text::left(&budget.to_string(), 14);
            put(
                buffer,
                inner,
                row,
                &line([
                    (" budget  ".to_owned(), cx.theme.dim()),
                    (format!("{name} {limit}  "), Style::new()),
                    (words, style),
                ]),
            );
        }
    }
}

fn draw_table(cx: Cx<'_>, table: &Table<'_>, area: Rect, buffer: &mut Buffer) {
    let found = visible(cx.ui);
    let part = cx.ui.latency.part;
    if found.is_empty() {
        let text = if cx.ui.list(Pane::Latency).filter.is_empty() {
            " no request in this window"
        } else {
            " no operation passes · Esc drops the filter"
        };
        put(buffer, area, 0, &line([(text.to_owned(), cx.theme.dim())]));
    }
    parts::list(cx, Pane::Latency, area, found.len(), buffer, |index| {
        let Some(operation) = found.get(index) else { return Line::default() };
        let over = cx.state.budgets.iter().any(|budget| {
            *budget.operation == *operation.name && budget.measure.of(operation) >= budget.limit
        });
        table.row(|column| {
            let cell = match column {
                0 if over => format!("{} ▲", operation.name),
                0 => operation.name.to_string(),
                1 => operation.times.count().to_string(),
                2 => operation.errors.to_string(),
                3 => tenths(percentile(part, operation, 50)),
                4 => tenths(percentile(part, operation, 95)),
                5 => tenths(percentile(part, operation, 99)),
                6 => tenths(percentile(part, operation, 100)),
                _ => format!("{} %", operation.shares.percent(operation.shares.sql)),
            };
            let style = match column {
                2 if operation.errors > 0 => cx.theme.error(),
                0 if over => cx.theme.warning(),
                _ => Style::new(),
            };
            (cell, style)
        })
    });
}

/// How long the window is; one that is not full yet counts from its first second.
pub(crate) fn seconds(ui: &Ui, state: &StudioState) -> u64 {
    let first = window(ui, state).first().map_or(Timestamp(0), |slice| slice.at);
    (now(ui, state).0.saturating_sub(first.0) / 1_000_000 + 1).min(ui.latency.minutes * 60).max(1)
}

fn draw_head(cx: Cx<'_>, inner: Rect, buffer: &mut Buffer) {
    let slices = window(cx.ui, cx.state);
    let count: u64 = slices.iter().map(|slice| slice.count).sum();
    let errors: u64 = slices.iter().map(|slice| slice.errors).sum();
    let minutes = cx.ui.latency.minutes;
    let rate = count as f64 / seconds(cx.ui, cx.state) as f64;
    let percent = errors as f64 * 100.0 / count.max(1) as f64;
    let errors = if errors == 0 { "no errors".to_owned() } else { format!("{percent:.1} % errors") };
    put(
        buffer,
        inner,
        0,
        &plain(format!(" all operations · last {minutes} min · {} · {errors}", per_second(rate))),
    );
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

/// A rate in words.
pub(crate) fn per_second(rate: f64) -> String {
    match rate {
        ..0.1 => format!("{rate:.2} req/s"),
        0.1..10.0 => format!("{rate:.1} req/s"),
        _ => format!("{rate:.0} req/s"),
    }
}

pub(crate) fn disabled(ui: &Ui, state: &StudioState, action: Action) -> Option<String> {
    match action {
        Action::Open | Action::CopyItem | Action::CopyJson | Action::CopyPath | Action::LatencyBudget
            if selected(ui).is_none() =>
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
        Action::LatencyPart => {
            ui.latency.part = match ui.latency.part {
                LatencyPart::All => LatencyPart::Sql,
                LatencyPart::Sql => LatencyPart::WithoutHooks,
                LatencyPart::WithoutHooks => LatencyPart::All,
            };
        }
        Action::LatencyReset => return vec![Effect::Send(Command::ResetLatency)],
        Action::Open => {
            let list = ui.focused();
            list.opened = !list.opened;
            list.scroll = 0;
            if list.opened {
                ui.zoom_for_now();
            } else {
                ui.unzoom();
            }
        }
        Action::LatencyBudget => {
            let Some(operation) = selected(ui) else { return Vec::new() };
            let operation = operation.name.to_string();
            let known = state.budgets.iter().find(|budget| budget.operation == operation);
            let suggestion = known.map_or_else(|| "p95 < 10 ms".to_owned(), Budget::to_string);
            ui.ask(Purpose::Budget { operation }, suggestion);
        }
        Action::CopyItem | Action::CopyJson | Action::CopyPath => {
            let Some(operation) = selected(ui) else { return Vec::new() };
            let (what, text) = match action {
                Action::CopyPath => ("the name", operation.name.to_string()),
                Action::CopyJson => ("JSON", json(operation)),
                _ => ("the numbers", numbers(operation)),
            };
            return vec![Effect::Copy { what: what.to_owned(), text }];
        }
        _ => {}
    }
    Vec::new()
}

const MEASURES: [Measure; 4] = [Measure::P50, Measure::P95, Measure::P99, Measure::Max];

fn numbers(operation: &OperationWindow) -> String {
    let count = usize::try_from(operation.times.count()).unwrap_or(usize::MAX);
    let values = MEASURES.map(|measure| format!("{} {} ms", measure.name(), tenths(measure.of(operation))));
    format!("{}: {}, {}", operation.name, plural(count, "request"), values.join(", "))
}

fn json(operation: &OperationWindow) -> String {
    let mut value = serde_json::json!({
        "operation": &*operation.name,
        "requests": operation.times.count(),
        "errors": operation.errors,
        "sqlPercent": operation.shares.percent(operation.shares.sql),
    });
    for measure in MEASURES {
        let name = format!("{}Micros", measure.name());
        value[name] = measure.of(operation).0.into();
    }
    serde_json::to_string_pretty(&value).unwrap_or_default()
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
