//! Where the time of a request went: a row with a bar for each phase and each statement.

use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{Micros, Phase, PhaseKind, StatementTrace, Trace};

use crate::text::{bytes, clean, cut, left, line, millis, plural, right, width};
use crate::theme::Theme;

/// A bar from `start` to `end` of `whole` within `columns` cells, in eighths at its end.
fn bar(start: Micros, time: Micros, whole: Micros, columns: usize) -> String {
    let whole = whole.0.max(1);
    let eighths = |at: u64| {
        let at = u128::from(at.min(whole)) * columns as u128 * 8 / u128::from(whole);
        usize::try_from(at).unwrap_or(0)
    };
    let first = (eighths(start.0) / 8).min(columns.saturating_sub(1));
    let end = eighths(start.0.saturating_add(time.0)).max(first * 8 + 1);
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let mut out = " ".repeat(first);
    let cells = end - first * 8;
    out.push_str(&"█".repeat(cells / 8));
    out.push_str(PARTS.get(cells % 8).copied().unwrap_or_default());
    out
}

/// The colour of a phase.
pub(crate) fn phase_style(theme: Theme, kind: PhaseKind) -> Style {
    match kind {
        PhaseKind::Pool | PhaseKind::Sql => theme.accent(),
        PhaseKind::Hook => theme.param(),
        PhaseKind::Access | PhaseKind::Plan => theme.keyword(),
        PhaseKind::Read | PhaseKind::Parse | PhaseKind::Coerce | PhaseKind::Validate | PhaseKind::Encode => {
            theme.good()
        }
        PhaseKind::Other => theme.dim(),
    }
}

/// How wide the parts of a row are.
#[derive(Clone, Copy)]
struct Columns {
    /// The words behind the bars; 0 without.
    notes: usize,
    /// The bars.
    cells: usize,
}

impl Columns {
    fn of(columns: usize) -> Self {
        // Without words behind the bars only the unit stands there.
        let notes = if columns >= 70 { 24 } else { 0 };
        Self { notes, cells: columns.saturating_sub(20 + notes.max(3)).max(1) }
    }
}

/// One row: its name, its time, its bar, a word about it.
struct Row<'a> {
    name: &'a str,
    start: Micros,
    time: Micros,
    note: &'a str,
    style: Style,
}

impl Row<'_> {
    fn line(&self, theme: Theme, total: Micros, columns: Columns) -> Line<'static> {
        let drawn = bar(self.start, self.time, total, columns.cells);
        let mut parts = vec![
            (format!(" {}", left(self.name, 10)), Style::new()),
            (format!("{}  ", right(&millis(self.time), 6)), theme.bold()),
        ];
        if columns.notes > 0 {
            parts.push((left(&drawn, columns.cells + 1), self.style));
            parts.push((cut(self.note, columns.notes - 1), theme.dim()));
        } else {
            parts.push((drawn, self.style));
        }
        line(parts)
    }
}

/// Rows of statements that are shown at once, around the selected one.
const STATEMENTS: usize = 6;

/// The phases with their times and bars; that of SQL with a row for each statement, and the parts of the selected one.
pub(crate) fn waterfall(theme: Theme, trace: &Trace, selected: usize, columns: usize) -> Vec<Line<'static>> {
    let columns = Columns::of(columns);
    let mut lines = vec![axis(theme, trace.total, columns.cells)];
    let mut statements = Some(statements(theme, trace, selected, columns));
    for phase in &trace.phases {
        let is_sql = phase.kind == PhaseKind::Sql && !trace.statements.is_empty();
        let (mut name, mut note) = (phase.kind.name(), phase.note.clone());
        if phase.kind == PhaseKind::Encode && note.is_empty() && trace.response_bytes > 0 {
            note = bytes(trace.response_bytes);
        }
        if is_sql && trace.statements.len() == 1 {
            name = "sql 1/1";
        } else if is_sql && note.is_empty() {
            note = plural(trace.statements.len(), "statement");
        }
        let style = phase_style(theme, phase.kind);
        // Which hook it was, and its fuel, are worth a line where the column has no room.
        let below = phase.kind == PhaseKind::Hook && width(&note) > columns.notes.saturating_sub(1);
        let beside = if below { "" } else { note.as_str() };
        let row = Row { name, start: phase.start, time: phase.time, note: beside, style };
        lines.push(row.line(theme, trace.total, columns));
        if below {
            lines.push(line([(format!("   {}", clean(&note)), theme.dim())]));
        }
        if is_sql {
            lines.extend(statements.take().unwrap_or_default());
            lines.extend(transaction_end(theme, trace, phase, columns));
        }
    }
    if trace.phases.is_empty() {
        lines.push(line([(" no phases were timed".to_owned(), theme.dim())]));
    }
    if let Some(error) = &trace.error {
        lines.push(line([(format!(" ✗ {}", clean(&error.message)), theme.error())]));
        if let Some(cause) = &error.cause {
            lines.push(line([(format!("   cause: {}", clean(cause)), theme.warning())]));
        }
    }
    lines
}

/// A `COMMIT` or `ROLLBACK` that travelled by itself, after the last statement.
fn transaction_end(theme: Theme, trace: &Trace, sql: &Phase, columns: Columns) -> Option<Line<'static>> {
    let last = trace.statements.last().filter(|last| last.round_trip < trace.round_trips)?;
    let start = Micros(last.start.0 + last.time.0);
    let time = Micros((sql.start.0 + sql.time.0).saturating_sub(start.0));
    let name = if trace.error.is_some() { "  rollback" } else { "  commit" };
    let note = format!("trip {}", trace.round_trips);
    let row = Row { name, start, time, note: &note, style: theme.accent() };
    (time.0 > 0).then(|| row.line(theme, trace.total, columns))
}

/// A row for each statement when there are several, and where the time of the selected one went.
fn statements(theme: Theme, trace: &Trace, selected: usize, columns: Columns) -> Vec<Line<'static>> {
    let count = trace.statements.len();
    let selected = selected.min(count.saturating_sub(1));
    let Some(statement) = trace.statements.get(selected) else { return Vec::new() };
    let parts = line([(parts_of(trace, statement), theme.dim())]);
    if count == 1 {
        return vec![parts];
    }
    let first = selected.saturating_sub(STATEMENTS / 2).min(count.saturating_sub(STATEMENTS));
    let shown = trace.statements.iter().enumerate().skip(first).take(STATEMENTS);
    let mut lines = Vec::new();
    for (at, statement) in shown {
        let mark = if at == selected { '▸' } else { ' ' };
        let rows = plural(usize::try_from(statement.rows).unwrap_or(usize::MAX), "row");
        let row = Row {
            name: &format!("{mark} {}/{count}", at + 1),
            start: statement.start,
            time: statement.time,
            note: &format!("trip {} · {rows}", statement.round_trip),
            style: if statement.error.is_some() { theme.error() } else { theme.accent() },
        };
        lines.push(row.line(theme, trace.total, columns));
        if at == selected {
            lines.push(parts.clone());
        }
    }
    let hidden = count.saturating_sub(STATEMENTS);
    if hidden > 0 {
        lines.push(line([(format!("   and {hidden} more"), theme.dim())]));
    }
    lines
}

fn parts_of(trace: &Trace, statement: &StatementTrace) -> String {
    let trips = plural(usize::try_from(trace.round_trips).unwrap_or(0), "round trip");
    let pool = if statement.wait.0 > 0 || trace.statements.len() == 1 {
        format!("pool {} · ", millis(statement.wait))
    } else {
        String::new()
    };
    format!(
        "   {pool}send {} · database {} · receive {} · {trips}",
        millis(statement.send),
        millis(statement.database()),
        millis(statement.receive)
    )
}

/// The line of times above the bars: 0, and as many round steps as there is room for.
fn axis(theme: Theme, total: Micros, cells: usize) -> Line<'static> {
    let mut marks = " ".repeat(cells);
    let whole = total.as_millis_f64();
    let mut step = 0.01;
    // 1, 2, 5, 10 … until the marks are at least seven cells apart.
    for factor in [2.0, 2.5, 2.0].into_iter().cycle().take(40) {
        if whole <= 0.0 || step / whole * cells as f64 >= 7.0 {
            break;
        }
        step *= factor;
    }
    let mut at = 0.0;
    while at <= whole && whole > 0.0 {
        // Positions are small and not negative.
        let cell = (at / whole * cells as f64) as usize;
        let text = if step < 1.0 { format!("{at:.2}") } else { format!("{at:.0}") };
        let text = if at == 0.0 { "0".to_owned() } else { text };
        if cell + text.len() <= cells {
            marks.replace_range(cell..cell + text.len(), &text);
        }
        at += step;
    }
    line([(format!(" {}{}  {marks} ms", left("phase", 10), right("ms", 6)), theme.dim())])
}

#[cfg(test)]
mod tests {
    use studio_events::{Revision, TraceId};

    use super::*;

    /// A request with one hook call of this note.
    fn hooked(note: &str) -> Trace {
        let phase = Phase { kind: PhaseKind::Hook, start: Micros(0), time: Micros(5), note: note.to_owned() };
        Trace {
            id: TraceId::parse("0a1b2c").unwrap(),
            revision: Revision(1),
            operation: "a".to_owned(),
            status: 200,
            total: Micros(10),
            phases: vec![phase],
            ..Trace::default()
        }
    }

    #[test]
    fn what_a_hook_took_is_read_at_any_width() {
        let long = "guard gateway.on-request · 318 fuel";
        for (note, columns, rows) in
            [(long, 76, 3), (long, 50, 3), ("code 3 fuel", 76, 2), ("code 3 fuel", 50, 3)]
        {
            let lines = waterfall(Theme::default(), &hooked(note), 0, columns);
            assert_eq!(lines.len(), rows, "{lines:?}");
            assert!(lines.iter().any(|line| line.to_string().contains(note)), "{lines:?}");
        }
    }

    #[test]
    fn bars_have_their_place_and_never_vanish() {
        assert_eq!(bar(Micros(0), Micros(500), Micros(1000), 8), "████");
        assert_eq!(bar(Micros(500), Micros(500), Micros(1000), 8), "    ████");
        assert_eq!(bar(Micros(999), Micros(0), Micros(1000), 8), "       ▉");
        assert_eq!(bar(Micros(0), Micros(1), Micros(1000), 8), "▏");
        assert_eq!(bar(Micros(5), Micros(5), Micros(0), 4).chars().count(), 4);
        assert_eq!(bar(Micros(5), Micros(5), Micros(10), 0), "▏");
    }
}
