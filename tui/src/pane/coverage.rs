//! Access coverage: every rule of the model, and the conditions of it that no test saw true or false.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{RuleCoverage, StudioState};

use crate::action::{Action, Pane};
use crate::effect::Effect;
use crate::pane::{Parts, passes};
use crate::text::{left, line, put, right, wrap};
use crate::ui::{Ui, identity};
use crate::view::Cx;
use crate::view::parts;

fn visible<'a>(ui: &Ui, state: &'a StudioState) -> Vec<&'a RuleCoverage> {
    let filter = &ui.list(Pane::Tests).filter;
    let Some(coverage) = &state.tests.coverage else { return Vec::new() };
    let text = |rule: &RuleCoverage| format!("{} {} {}", rule.subject, rule.operation, rule.rule);
    coverage.rules.iter().filter(|rule| passes(filter, &text(rule))).collect()
}

pub(super) fn rows(ui: &Ui, state: &StudioState) -> Vec<u64> {
    let id = |rule: &&RuleCoverage| identity((&rule.project, &rule.subject, &rule.operation, rule.line));
    visible(ui, state).iter().map(id).collect()
}

fn selected<'a>(ui: &Ui, state: &'a StudioState) -> Option<&'a RuleCoverage> {
    visible(ui, state).get(ui.list(Pane::Tests).index).copied()
}

pub(super) fn detail(ui: &Ui, state: &StudioState, columns: usize) -> Vec<Line<'static>> {
    let theme = ui.theme;
    let Some(rule) = selected(ui, state) else { return Vec::new() };
    let mut lines = vec![
        line([(format!("{} {}", rule.subject, rule.operation), theme.bold())]),
        line([(format!("{}:{}", rule.file, rule.line), theme.dim())]),
    ];
    lines.extend(wrap(&rule.rule, columns).into_iter().map(|text| line([(text, theme.literal())])));
    let asked = format!("allowed {} · denied {} · left to the rows {}", rule.allowed, rule.denied, rule.rows);
    lines.push(line([(asked, Style::new())]));
    for condition in &rule.conditions {
        lines.push(Line::default());
        let missing = condition.missing();
        let (sign, style) =
            if missing.is_empty() { ("● ", theme.good()) } else { ("▲ ", theme.warning()) };
        let mut lead = sign.to_owned();
        for text in wrap(&condition.text, columns.saturating_sub(2)) {
            lines.push(line([(lead, style), (text, Style::new())]));
            lead = "  ".to_owned();
        }
        let seen = format!(
            "  true {} · false {} · by rows {}",
            condition.seen_true, condition.seen_false, condition.rows
        );
        lines.push(line([(seen, theme.dim())]));
        if !missing.is_empty() {
            lines.push(line([(format!("  no test saw it {}", missing.join(" or ")), theme.warning())]));
        }
    }
    if rule.conditions.is_empty() && rule.asked() == 0 {
        lines.push(line([("▲ no test asked this rule".to_owned(), theme.warning())]));
    }
    lines
}

pub(super) fn draw(cx: Cx<'_>, area: Rect, places: Parts, buffer: &mut Buffer) {
    let focused = cx.ui.pane == Pane::Tests;
    let coverage = cx.state.tests.coverage.as_deref();
    let note = coverage.map_or_else(String::new, |coverage| {
        let (seen, all) = coverage.points();
        format!("{} % · {seen} of {all} points", coverage.percent())
    });
    let title = format!("{} › access coverage", parts::title(Pane::Tests));
    let inner = parts::frame(cx, area, &title, &note, focused, buffer);
    let found = visible(cx.ui, cx.state);
    if found.is_empty() {
        let text = " no rule passes · Esc goes back";
        put(buffer, inner, 0, &line([(text.to_owned(), cx.theme.dim())]));
    }
    parts::list(cx, Pane::Tests, places.list, found.len(), buffer, |index| {
        let Some(rule) = found.get(index) else { return Line::default() };
        let (seen, all) = rule.points();
        let (sign, style) = if seen == all { ("●", cx.theme.good()) } else { ("▲", cx.theme.warning()) };
        line([
            (format!("{sign} "), style),
            (format!("{} ", right(&format!("{seen}/{all}"), 5)), cx.theme.dim()),
            (format!("{} ", left(&format!("{} {}", rule.subject, rule.operation), 24)), cx.theme.bold()),
            (rule.rule.clone(), Style::new()),
        ])
    });
    if let Some(area) = places.detail {
        let lines = detail(cx.ui, cx.state, usize::from(area.width));
        parts::text(area, &lines, cx.ui.list(Pane::Tests).scroll, buffer);
    }
}

pub(super) fn disabled(ui: &Ui, state: &StudioState) -> Option<String> {
    selected(ui, state).is_none().then(|| "no rule is selected".to_owned())
}

pub(super) fn run(ui: &mut Ui, state: &StudioState, action: Action) -> Vec<Effect> {
    let Some(rule) = selected(ui, state) else { return Vec::new() };
    let copy = |what: &str, text: String| vec![Effect::Copy { what: what.to_owned(), text }];
    match action {
        Action::TestEdit => vec![Effect::Edit { file: rule.file.clone(), line: rule.line, column: 1 }],
        Action::CopyItem => copy("the rule", rule.rule.clone()),
        Action::CopyPath => copy("the place", format!("{}:{}", rule.file, rule.line)),
        Action::CopyJson => copy("JSON", serde_json::to_string_pretty(rule).unwrap_or_default()),
        Action::Open => {
            let list = ui.focused();
            list.opened = !list.opened;
            list.scroll = 0;
            Vec::new()
        }
        _ => Vec::new(),
    }
}
