//! What is written about one request: statements with parameters and plan, variables, a summary.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use studio_events::{Phase, StatementTrace, StudioState, Trace, TraceKind};

use crate::action::Action;
use crate::pane::plan;
use crate::pane::waterfall::phase_style;
use crate::sql;
use crate::text::{clean, cut, line, millis, plain, width, wrap};
use crate::theme::Theme;
use crate::ui::Ui;

/// The selected statement: text, parameters, plan.
pub(crate) fn statement(ui: &Ui, state: &StudioState, trace: &Trace, columns: usize) -> Vec<Line<'static>> {
    let theme = ui.theme;
    let at = ui.traces.statement.min(trace.statements.len().saturating_sub(1));
    let Some(statement) = trace.statements.get(at) else {
        let why = match (&trace.error, trace.kind) {
            (Some(error), TraceKind::Invalid) if error.denied => " A hook ended the request before any SQL.",
            (Some(error), _) if error.denied => " Access rules said no before any SQL (see the access tab).",
            (_, TraceKind::Introspection) => " Schema queries are answered without SQL.",
            (_, TraceKind::Invalid) => " The request did not get as far as SQL.",
            (_, TraceKind::Query | TraceKind::Mutation) => " This request ran no SQL.",
        };
        return vec![line([(why.to_owned(), theme.dim())])];
    };
    let mut lines = Vec::new();
    for mut row in sql::pretty(theme, &statement.text, columns.saturating_sub(2)) {
        row.spans.insert(0, Span::raw(" "));
        lines.push(row);
    }
    lines.extend(params(theme, statement));
    if let Some(error) = &statement.error {
        lines.push(line([(format!(" ✗ {}", clean(error)), theme.error())]));
    }
    lines.extend(plan_part(ui, state, trace, columns));
    lines
}

/// The parameters of a statement with their origin.
pub(crate) fn params(theme: Theme, statement: &StatementTrace) -> Vec<Line<'static>> {
    let each = statement.params.iter().enumerate().map(|(at, param)| {
        let value = param.value.as_deref().map_or_else(|| "NULL".to_owned(), |value| cut(value, 60));
        line([
            (format!(" ${}", at + 1), theme.param()),
            (format!(" {} = ", param.ty), theme.dim()),
            (value, theme.literal()),
            (format!("   {}", param.origin), theme.dim()),
        ])
    });
    each.collect()
}

fn plan_part(ui: &Ui, state: &StudioState, trace: &Trace, columns: usize) -> Vec<Line<'static>> {
    let theme = ui.theme;
    let (key, analyze) = (ui.keymap.shown(Action::TracePlan), ui.keymap.shown(Action::TraceAnalyze));
    let rule = "─".repeat(columns.saturating_sub(14));
    let mut lines = vec![line([(format!("─ plan ({key}) {rule}"), theme.dim())])];
    let first = state.plans.pushed().saturating_sub(u64::try_from(state.plans.len()).unwrap_or(0));
    let found = (first..).zip(state.plans.iter()).filter(|(_, (of, _))| *of == trace.id).last();
    // A plan from before the question is shown, too, but not as its answer.
    let awaited = ui
        .traces
        .asked
        .is_some_and(|(of, before)| of == trace.id && found.is_none_or(|(number, _)| number < before));
    if awaited {
        lines.push(line([(" asking the database …".to_owned(), theme.dim())]));
    }
    match found {
        Some((_, (_, text))) => {
            let text = plan_of(text, ui.traces.statement.min(trace.statements.len().saturating_sub(1)));
            lines.extend(plan::lines(theme, &text, columns));
        }
        None if awaited => {}
        None => {
            let text = format!(" {key} asks for it · {analyze} runs it in a rolled-back transaction");
            lines.push(line([(text, theme.dim())]));
        }
    }
    lines
}

/// The plan of one statement out of the plans of all, which are told apart by `-- statement 2 of 3` lines.
fn plan_of(text: &str, statement: usize) -> Vec<&str> {
    let head = format!("-- statement {} of ", statement + 1);
    let is_head = |line: &&str| line.starts_with("-- statement ");
    if !text.lines().any(|line| is_head(&line)) {
        return text.lines().collect();
    }
    text.lines()
        .skip_while(|line| !line.starts_with(&head))
        .skip(1)
        .take_while(|line| !is_head(line))
        .collect()
}

/// The document and the variables as they were sent.
pub(crate) fn variables(ui: &Ui, trace: &Trace, columns: usize) -> Vec<Line<'static>> {
    let theme = ui.theme;
    let mut lines = vec![line([(" variables".to_owned(), theme.keyword())])];
    if trace.variables.is_empty() {
        lines.push(line([("   none were sent".to_owned(), theme.dim())]));
    } else {
        let pretty = serde_json::from_str::<serde_json::Value>(&trace.variables)
            .and_then(|value| serde_json::to_string_pretty(&value))
            .unwrap_or_else(|_| trace.variables.to_string());
        lines.extend(pretty.lines().map(|text| plain(format!("   {}", clean(text)))));
    }
    let origins = trace.statements.iter().flat_map(|statement| &statement.params);
    let coerced: Vec<_> = origins.filter(|param| param.origin.starts_with("variable")).collect();
    if !coerced.is_empty() {
        lines.push(Line::default());
        lines.push(line([(" after coercion, as SQL parameters".to_owned(), theme.keyword())]));
        for param in coerced {
            let value = param.value.as_deref().unwrap_or("NULL");
            lines.push(line([
                (format!("   {}  ", param.origin), Style::new()),
                (format!("{} = ", param.ty), theme.dim()),
                (cut(value, columns.saturating_sub(30)), theme.literal()),
            ]));
        }
    }
    lines.push(Line::default());
    lines.push(line([(" document".to_owned(), theme.keyword())]));
    for text in trace.document.lines() {
        let text = clean(text);
        // Documents of programs are often one long line.
        let rows =
            if width(&text) + 3 > columns { wrap(&text, columns.saturating_sub(3)) } else { vec![text] };
        lines.extend(rows.into_iter().map(|text| plain(format!("   {text}"))));
    }
    lines
}

/// Phases with their times as text, in order; those that took the least are left out where there is no room for all.
fn worth_naming(trace: &Trace, columns: usize) -> Vec<(&Phase, String)> {
    let text = |phase: &Phase| {
        let time = millis(phase.time);
        time.strip_prefix('0').unwrap_or(&time).to_owned()
    };
    let mut shown: Vec<_> = trace.phases.iter().map(|phase| (phase, text(phase))).collect();
    let size = |shown: &[(&Phase, String)]| {
        shown.iter().map(|(phase, time)| phase.kind.name().len() + time.len() + 2).sum::<usize>()
    };
    while size(&shown) > columns {
        let least = shown.iter().enumerate().min_by_key(|(_, (phase, _))| phase.time).map(|(at, _)| at);
        let Some(least) = least else { break };
        shown.remove(least);
    }
    shown
}

/// Five lines for the narrow layout.
pub(crate) fn preview(ui: &Ui, trace: &Trace, columns: usize) -> Vec<Line<'static>> {
    let theme = ui.theme;
    let shown = worth_naming(trace, columns);
    let mut words = Vec::new();
    for (phase, time) in shown {
        words.push((format!(" {} ", phase.kind.name()), theme.dim()));
        words.push((time, phase_style(theme, phase.kind)));
    }
    let cells = columns.saturating_sub(2);
    let mut bars: Vec<(String, Style)> = vec![(" ".to_owned(), Style::new())];
    // Each phase has a cell at least; the longest ones make room for the others.
    let share = |phase: &Phase| u128::from(phase.time.0) * cells as u128 / u128::from(trace.total.0.max(1));
    let mut shares: Vec<usize> =
        trace.phases.iter().map(|phase| usize::try_from(share(phase)).unwrap_or(0)).collect();
    while shares.iter().map(|share| (*share).max(1)).sum::<usize>() > cells {
        let Some(longest) = shares.iter_mut().max().filter(|longest| **longest > 1) else { break };
        *longest -= 1;
    }
    for (phase, share) in trace.phases.iter().zip(shares) {
        let drawn = if share == 0 { "▏".to_owned() } else { "█".repeat(share) };
        bars.push((drawn, phase_style(theme, phase.kind)));
    }
    let mut lines = vec![line(words), line(bars)];
    if let Some(error) = &trace.error {
        lines.push(line([(format!(" ✗ {}", clean(&error.message)), theme.error())]));
    }
    if let Some(statement) = trace.statements.first() {
        let mut text = sql::highlight(theme, &clean(statement.text.trim()));
        text.spans.insert(0, Span::raw(" "));
        lines.push(text);
        let shown = statement.params.iter().enumerate().flat_map(|(at, param)| {
            let value = param.value.as_deref().unwrap_or("NULL");
            [
                (format!(" ${} = ", at + 1), theme.param()),
                (cut(value, 20), theme.literal()),
                (format!(" ({})  ", param.origin), theme.dim()),
            ]
        });
        lines.push(line(shown));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_told_apart_by_statement() {
        let text = "-- statement 1 of 2\nSeq Scan\n\n-- statement 2 of 2\nIndex Scan\n  rows";
        assert_eq!(plan_of(text, 0), ["Seq Scan", ""]);
        assert_eq!(plan_of(text, 1), ["Index Scan", "  rows"]);
        assert_eq!(plan_of(text, 2), Vec::<&str>::new());
        assert_eq!(plan_of("Result", 0), ["Result"]);
    }
}
