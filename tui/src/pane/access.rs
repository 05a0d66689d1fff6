//! What access control saw and said of one request: every rule as a tree of its sub-expressions, and for whom else
//! it would pass.

use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{
    AccessCaller, AccessCheck, AccessDecision, AccessPart, AccessVerdict, Command, StudioState, Trace,
};

use crate::effect::Effect;
use crate::text::{clean, line, wrap};
use crate::theme::Theme;
use crate::ui::Ui;

/// Callers a request is judged for when its access tab is opened.
const CALLERS: usize = 12;

/// Orders that ask for whom a request would pass.
pub(super) fn ask(state: &StudioState, trace: &Trace) -> Vec<Effect> {
    if trace.document.is_empty() {
        return Vec::new();
    }
    let personas = state.personas.iter().map(|persona| AccessCaller::Persona(persona.name.clone()));
    let callers = std::iter::once(AccessCaller::Anonymous).chain(personas).take(CALLERS);
    callers.map(|caller| Effect::Send(Command::ExplainAccess { trace: trace.id, caller })).collect()
}

/// The whole text; without a state, for a request of a test, nobody else is judged.
pub(super) fn lines(
    ui: &Ui,
    state: Option<&StudioState>,
    trace: &Trace,
    columns: usize,
) -> Vec<Line<'static>> {
    let theme = ui.theme;
    let caller = if trace.caller.is_empty() { "anonymous" } else { &trace.caller };
    let mut lines = vec![line([(" caller  ".to_owned(), theme.dim()), (caller.to_owned(), theme.bold())])];
    if let Some(error) = trace.error.as_ref().filter(|error| error.denied) {
        lines.push(line([(format!(" ✗ denied: {}", clean(&error.message)), theme.error())]));
    }
    if let Some(state) = state {
        lines.extend(others(theme, state, trace));
    }
    lines.push(Line::default());
    if trace.access.is_empty() {
        lines.push(line([(" no access rule was touched".to_owned(), theme.dim())]));
    }
    for check in &trace.access {
        lines.extend(check_lines(theme, check, columns));
        lines.push(Line::default());
    }
    lines
}

fn decision(theme: Theme, decision: AccessDecision) -> (&'static str, Style) {
    match decision {
        AccessDecision::Passes => ("● passes", theme.good()),
        AccessDecision::Filtered => ("● passes, the rows decide what is seen", theme.good()),
        AccessDecision::Denied => ("✗ denied", theme.error()),
        AccessDecision::Unknown => ("▲ cannot be judged", theme.warning()),
    }
}

fn others(theme: Theme, state: &StudioState, trace: &Trace) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let names =
        std::iter::once("anonymous").chain(state.personas.iter().map(|persona| persona.name.as_str()));
    for name in names.take(CALLERS) {
        let mut reports = state.access_reports.iter().rev();
        let found = reports.find(|(of, report)| *of == trace.id && report.caller == name);
        let Some((_, report)) = found else { continue };
        let (words, style) = decision(theme, report.decision);
        let mut parts =
            vec![(format!("   {} ", crate::text::left(name, 14)), Style::new()), (words.to_owned(), style)];
        let why = report.error.clone().or_else(|| {
            let denying = report.checks.iter().find(|check| check.is_denied())?;
            denying.decided_by.first().cloned()
        });
        if let Some(why) = why {
            parts.push((format!("   {}", clean(&why)), theme.dim()));
        }
        lines.push(line(parts));
    }
    if !lines.is_empty() {
        lines.insert(0, line([(" would pass for".to_owned(), theme.keyword())]));
    }
    lines
}

fn sign(theme: Theme, verdict: &AccessVerdict) -> (&'static str, Style) {
    match verdict {
        AccessVerdict::Allowed => ("●", theme.good()),
        AccessVerdict::Denied => ("✗", theme.error()),
        AccessVerdict::Rows { .. } => ("▸", theme.accent()),
        AccessVerdict::Skipped => ("○", theme.dim()),
    }
}

fn word(verdict: &AccessVerdict) -> &'static str {
    match verdict {
        AccessVerdict::Allowed => "allowed",
        AccessVerdict::Denied => "denied",
        AccessVerdict::Rows { .. } => "left to the rows",
        AccessVerdict::Skipped => "not looked at",
    }
}

fn check_lines(theme: Theme, check: &AccessCheck, columns: usize) -> Vec<Line<'static>> {
    let (mark, style) = sign(theme, &check.verdict);
    let mut lines = vec![line([
        (format!(" {mark} "), style),
        (format!("{} {}", check.subject(), check.operation.name()), theme.bold()),
        (format!("  {}:{}  ", check.file, check.line), theme.dim()),
        (word(&check.verdict).to_owned(), style),
    ])];
    let rule = check.rule.as_deref().unwrap_or("no rule, so nobody may");
    lines.extend(
        wrap(rule, columns.saturating_sub(4))
            .into_iter()
            .map(|text| line([(format!("   {text}"), theme.literal())])),
    );
    match &check.expression {
        // The whole expression is the rule, which was written already.
        Some(whole) if !whole.parts.is_empty() && whole.operands.is_empty() => {
            for part in &whole.parts {
                part_lines(theme, part, 0, columns, &mut lines);
            }
        }
        Some(whole) => part_lines(theme, whole, 0, columns, &mut lines),
        None => {}
    }
    if let AccessVerdict::Rows { sql, values } = &check.verdict {
        let text = format!("in SQL  {sql}");
        lines.extend(
            wrap(&text, columns.saturating_sub(4))
                .into_iter()
                .map(|text| line([(format!("   {text}"), Style::new())])),
        );
        for (at, value) in values.iter().enumerate() {
            let text = value.value.as_deref().unwrap_or("NULL");
            lines.push(line([
                (format!("     ${} ", at + 1), theme.param()),
                (clean(text), theme.literal()),
                (format!("   {}", value.origin), theme.dim()),
            ]));
        }
    }
    lines
}

/// A sub-expression with its value, then those it is made of.
fn part_lines(theme: Theme, part: &AccessPart, depth: usize, columns: usize, lines: &mut Vec<Line<'static>>) {
    let (mark, style) = sign(theme, &part.verdict);
    let indent = format!("   {}└ ", "  ".repeat(depth));
    let operands = part
        .operands
        .iter()
        .map(|operand| format!("{} = {}", operand.text, operand.value.as_deref().unwrap_or("absent")));
    let seen = operands.collect::<Vec<_>>().join(", ");
    let mut parts = vec![
        (indent, theme.dim()),
        (format!("{mark} "), style),
        (crate::text::cut(&part.text, columns.saturating_sub(depth * 2 + 8)), Style::new()),
    ];
    if !seen.is_empty() {
        parts.push((format!("   {seen}"), theme.accent()));
    }
    if let Some(said) = part.in_database {
        parts.push((format!("   the database says {said}"), theme.dim()));
    }
    lines.push(line(parts));
    for below in &part.parts {
        part_lines(theme, below, depth + 1, columns, lines);
    }
}
