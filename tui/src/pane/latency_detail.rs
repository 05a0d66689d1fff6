//! One operation of Latency: histogram over a logarithmic axis, percentiles, shares, what changed with the last
//! revision, budgets.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{LatencyHistogram, Micros, OperationWindow, RevisionWindow, StudioState};

use crate::pane::latency::{histogram, part_name, per_second, percentile, seconds, standing};
use crate::text::{line, plain, plural, tenths, width};
use crate::ui::{LatencyPart, Ui};

/// What can be looked at.
const PARTS: [LatencyPart; 3] = [LatencyPart::All, LatencyPart::Sql, LatencyPart::WithoutHooks];
/// Lines of text besides the bars.
const OTHER_LINES: u16 = 11;
/// Columns left of the bars.
const MARGIN: usize = 7;
/// Powers of two of microseconds at the ends of the axis: 64 µs and 67 s.
const LOWEST: u32 = 6;
const HIGHEST: u32 = 26;

/// The logarithmic axis: whole powers of two of microseconds, so many columns each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Axis {
    low: u32,
    high: u32,
    per_power: usize,
}

impl Axis {
    fn new(times: &LatencyHistogram, max: Micros, columns: usize) -> Self {
        let power = |time: Micros| time.0.max(1).ilog2().clamp(LOWEST, HIGHEST - 1);
        let low = power(times.percentile(0));
        let high = (power(max) + 1).max(low + 1);
        // At least three powers: a single bar says little about its neighbours.
        let low = low.min(high.saturating_sub(3)).max(LOWEST.saturating_sub(1));
        let powers = usize::try_from(high - low).unwrap_or(1).max(1);
        // Buckets are a 32nd of a power: more columns than that would be empty.
        Self { low, high, per_power: (columns / powers).clamp(1, 16) }
    }

    fn columns(self) -> usize {
        usize::try_from(self.high - self.low).unwrap_or(0) * self.per_power
    }

    /// Requests per column; what is off the axis is in its first or last one.
    fn counts(self, times: &LatencyHistogram) -> Vec<u64> {
        let mut counts = vec![0; self.columns()];
        for (time, count) in times.buckets() {
            if let Some(column) = counts.get_mut(self.column(time)) {
                *column += count;
            }
        }
        counts
    }

    /// The column of a time, the last one at most.
    fn column(self, time: Micros) -> usize {
        let last = self.columns().saturating_sub(1);
        let power = (time.0.max(1) as f64).log2() - f64::from(self.low);
        // Negative powers become 0.
        ((power * self.per_power as f64) as usize).min(last)
    }
}

/// The whole text.
pub(super) fn lines(
    ui: &Ui,
    state: &StudioState,
    operation: &OperationWindow,
    area: Rect,
) -> Vec<Line<'static>> {
    let theme = ui.theme;
    let part = ui.latency.part;
    let count = usize::try_from(operation.times.count()).unwrap_or(usize::MAX);
    let errors = usize::try_from(operation.errors).unwrap_or(usize::MAX);
    let columns = usize::from(area.width);
    let rate = count as f64 / seconds(ui, state) as f64;
    let mut head = vec![plural(count, "request"), per_second(rate), plural(errors, "error")];
    // Where the parts do not fit beside them, rate and then errors give way.
    let parts: usize = PARTS.iter().map(|part| width(part_name(*part)) + 3).sum();
    while head.len() > 1 && width(&head.join(" · ")) + parts + 3 > columns {
        head.remove(1);
    }
    let gap = columns.saturating_sub(width(&head.join(" · ")) + parts + 1).clamp(2, 6);
    let mut first = vec![(format!(" {}{}", head.join(" · "), " ".repeat(gap)), Style::new())];
    for other in PARTS {
        let style = if other == part { theme.accent() } else { theme.dim() };
        let name = part_name(other);
        first.push((if other == part { format!("[{name}] ") } else { format!(" {name}  ") }, style));
    }
    let mut lines = vec![line(first), Line::default()];
    lines.extend(bars(ui, operation, area));
    lines.push(Line::default());
    lines.push(plain(shares(operation, columns)));
    lines.push(since(ui, operation));
    for budget in state.budgets.iter().filter(|budget| *budget.operation == *operation.name) {
        let (words, style) = standing(theme, std::slice::from_ref(operation), budget);
        lines.push(line([(format!(" budget {budget}   "), Style::new()), (words, style)]));
    }
    lines
}

fn bars(ui: &Ui, operation: &OperationWindow, area: Rect) -> Vec<Line<'static>> {
    const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let (theme, part) = (ui.theme, ui.latency.part);
    let times = histogram(part, operation);
    let axis = Axis::new(times, operation.max, usize::from(area.width).saturating_sub(MARGIN + 2));
    let counts = axis.counts(times);
    let top = counts.iter().copied().max().unwrap_or(0).max(1);
    let rows = usize::from(area.height.saturating_sub(OTHER_LINES).clamp(1, 12));
    let mut lines = Vec::new();
    for row in (0..rows).rev() {
        let bar: String = counts
            .iter()
            .map(|count| {
                let eighths = u128::from(*count) * (rows * 8) as u128 / u128::from(top);
                let eighths = usize::try_from(eighths).unwrap_or(0).max(usize::from(*count > 0));
                LEVELS.get(eighths.saturating_sub(row * 8).min(8)).copied().unwrap_or(' ')
            })
            .collect();
        let label = if row + 1 == rows { format!("{top:>5}  ") } else { " ".repeat(MARGIN) };
        lines.push(line([(label, theme.dim()), (bar, theme.accent())]));
    }
    lines.push(line([(marks(axis), theme.dim())]));
    lines.extend(flags(ui, operation, axis, usize::from(area.width)));
    lines
}

/// The line of times below the bars.
fn marks(axis: Axis) -> String {
    let mut text = format!("{:<MARGIN$}", "   ms");
    let start = text.len();
    for power in axis.low..=axis.high {
        let column = usize::try_from(power - axis.low).unwrap_or(0) * axis.per_power;
        let at = start + column;
        let label = milliseconds(1_u64 << power);
        if text.len() <= at && at + label.len() <= start + axis.columns() + 6 {
            text.push_str(&" ".repeat(at - text.len()));
            text.push_str(&label);
            text.push(' ');
        }
    }
    text
}

/// A power of two of microseconds as the nearest round number of milliseconds.
fn milliseconds(micros: u64) -> String {
    // 1024 µs is read as 1 ms: the axis is for the eye.
    match micros {
        0..1024 => {
            let text = format!("{:.3}", micros as f64 / 1024.0);
            text.trim_end_matches('0').to_owned()
        }
        _ => (micros / 1024).to_string(),
    }
}

/// Percentiles at their places; those that would overlap stand below each other.
fn flags(ui: &Ui, operation: &OperationWindow, axis: Axis, columns: usize) -> Vec<Line<'static>> {
    let part = ui.latency.part;
    let values = [(50, "p50"), (95, "p95"), (99, "p99"), (100, "max")];
    let mut rows: Vec<String> = Vec::new();
    for (percent, name) in values {
        let value = percentile(part, operation, percent);
        let column = MARGIN + axis.column(value);
        let right = format!("└ {name} {}", tenths(value));
        // The words stand on the side where there is room.
        let (at, label) = if column + width(&right) <= columns {
            (column, right)
        } else {
            let left = format!("{name} {} ┘", tenths(value));
            ((column + 1).saturating_sub(width(&left)), left)
        };
        let free = rows.iter_mut().find(|row| width(row) < at || row.is_empty());
        match free {
            Some(row) => {
                let gap = at.saturating_sub(width(row));
                row.push_str(&" ".repeat(gap));
                row.push_str(&label);
            }
            None => rows.push(format!("{}{label}", " ".repeat(at))),
        }
    }
    rows.into_iter().map(|row| line([(row, ui.theme.bold())])).collect()
}

fn shares(operation: &OperationWindow, columns: usize) -> String {
    let shares = &operation.shares;
    let parts =
        [("sql", shares.sql), ("hook", shares.hook), ("plan", shares.plan), ("encode", shares.encode)];
    let known: u64 = parts.iter().map(|(_, time)| shares.percent(*time)).sum();
    let words = parts.map(|(name, time)| format!("{name} {} %", shares.percent(time)));
    let text = |gap: &str| format!(" share {}{gap}rest {} %", words.join(gap), 100_u64.saturating_sub(known));
    let wide = text("   ");
    if width(&wide) <= columns { wide } else { text(" ") }
}

/// The newest revision beside the one before it.
fn since(ui: &Ui, operation: &OperationWindow) -> Line<'static> {
    let theme = ui.theme;
    let Some((before, now)) = operation.last_two() else {
        let revision = operation.revisions.first().map(|only| only.revision).unwrap_or_default();
        return line([(format!(" all answered by {revision}"), theme.dim())]);
    };
    let (was, is) = (before.times.percentile(95), now.times.percentile(95).min(operation.max));
    let change = (is.0 as f64 - was.0 as f64) * 100.0 / was.0.max(1) as f64;
    let style = if change >= 20.0 {
        theme.warning()
    } else if change <= -20.0 {
        theme.good()
    } else {
        Style::new()
    };
    let sign = if change >= 20.0 { "▲ " } else { "" };
    let mut parts = vec![
        (format!(" since {}  p95 {} ", now.revision, tenths(is)), Style::new()),
        (format!("{sign}(was {} in {}, {change:+.0} %)", tenths(was), before.revision), style),
    ];
    if let Some(at) = first_slower(now, was).filter(|_| change >= 20.0) {
        parts.push((format!("   first slower request {}", ui.clock(at)), Style::new()));
    }
    line(parts)
}

/// When a request first was slower than nearly all were before.
fn first_slower(now: &RevisionWindow, was: Micros) -> Option<studio_events::Timestamp> {
    now.slowest.iter().find(|(_, slowest)| *slowest > was).map(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use studio_events::bucket_of;

    #[test]
    fn the_axis_holds_every_request_once() {
        let mut times = LatencyHistogram::default();
        for micros in [90, 400, 1_000, 3_900, 8_800, 14_200, 120_000] {
            times.add(&[(bucket_of(Micros(micros)), 3)]);
        }
        for columns in [10, 40, 110] {
            let axis = Axis::new(&times, Micros(120_000), columns);
            assert_eq!(axis.counts(&times).iter().sum::<u64>(), times.count(), "{axis:?}");
            assert!(axis.columns() <= columns.max(20), "{axis:?}");
            assert!(axis.column(Micros(120_000)) < axis.columns());
            assert_eq!(axis.column(Micros(1)), 0);
        }
        assert!(Axis::new(&LatencyHistogram::default(), Micros(0), 0).columns() > 0);
    }

    #[test]
    fn marks_are_round() {
        assert_eq!(milliseconds(512), "0.5");
        assert_eq!(milliseconds(128), "0.125");
        assert_eq!(milliseconds(131_072), "128");
    }
}
