//! Problems: the list, the source excerpt of the selected one, its fix.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{Problem, Severity, StudioState};

use crate::action::{Action, Pane};
use crate::effect::Effect;
use crate::pane::{Parts, list_over_text, passes};
use crate::text::{line, plain, plural, put, width, wrap};
use crate::theme::Theme;
use crate::ui::{Ui, identity};
use crate::view::Cx;
use crate::view::parts;

fn visible<'a>(ui: &'a Ui, state: &'a StudioState) -> Vec<&'a Problem> {
    let filter = &ui.list(Pane::Problems).filter;
    let text = |problem: &Problem| format!("{} {} {}", problem.code, problem.file, problem.message);
    let mut found: Vec<_> =
        ui.problems(state).into_iter().filter(|problem| passes(filter, &text(problem))).collect();
    // Errors first; inside of that the order of the source.
    found.sort_by_key(|problem| problem.severity);
    found
}

pub(crate) fn rows(ui: &Ui, state: &StudioState) -> Vec<u64> {
    let id = |problem: &&Problem| identity((&problem.code, &problem.file, problem.line, &problem.message));
    visible(ui, state).iter().map(id).collect()
}

fn selected<'a>(ui: &'a Ui, state: &'a StudioState) -> Option<&'a Problem> {
    visible(ui, state).get(ui.list(Pane::Problems).index).copied()
}

pub(crate) fn parts(ui: &Ui, state: &StudioState, area: Rect) -> Parts {
    let inner = parts::inside(area);
    let count = u16::try_from(visible(ui, state).len()).unwrap_or(u16::MAX);
    if ui.list(Pane::Problems).opened {
        return list_over_text(inner, 1);
    }
    list_over_text(inner, count.min((inner.height / 3).max(3)))
}

/// Sign and style of a severity.
pub(crate) fn sign(theme: Theme, severity: Severity) -> (&'static str, Style) {
    match severity {
        Severity::Error => ("✗", theme.error()),
        Severity::Warning => ("▲", theme.warning()),
    }
}

/// The excerpt and the remedies of the selected problem.
pub(crate) fn detail(ui: &Ui, state: &StudioState, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let Some(problem) = selected(ui, state) else { return Vec::new() };
    let mut lines = Vec::new();
    let mut rendered = problem.rendered.lines().peekable();
    // The first lines repeat what the list says, unless the problem is open.
    if !ui.list(Pane::Problems).opened {
        while rendered
            .next_if(|text| {
                let text = text.trim_start();
                text.starts_with("error") || text.starts_with("warning") || text.starts_with("-->")
            })
            .is_some()
        {}
    }
    let cut = !ui.list(Pane::Problems).opened && width(&row_text(problem)) + 1 > columns;
    if problem.rendered.trim().is_empty() || problem.file.is_empty() || cut {
        lines.extend(wrap(&problem.message, columns).into_iter().map(plain));
    }
    lines.extend(rendered.flat_map(|text| excerpt(theme, problem.severity, text, columns)));
    let known = |help: &&String| !problem.rendered.contains(help.as_str());
    for help in problem.help.iter().filter(known) {
        let mut prefix = "= help: ";
        for text in wrap(help, columns.saturating_sub(8)) {
            lines.push(line([(prefix.to_owned(), theme.dim()), (text, Style::new())]));
            prefix = "        ";
        }
    }
    for label in &problem.labels {
        if !problem.rendered.contains(&label.text) {
            let place = format!("{}:{}:{}  ", label.file, label.line, label.column);
            lines.push(line([(place, theme.dim()), (label.text.clone(), Style::new())]));
        }
    }
    lines.push(Line::default());
    if let Some(fix) = &problem.fix {
        let key = ui.keymap.shown(Action::ProblemFix);
        lines.push(line([(format!("{key}  "), theme.accent()), (fix.title.clone(), Style::new())]));
    }
    let mut keys = Vec::new();
    if !problem.file.is_empty() {
        keys.push((ui.keymap.shown(Action::ProblemEdit), "open in $EDITOR"));
    }
    keys.push((ui.keymap.shown(Action::CopyItem), "copy as text"));
    let parts = keys.into_iter().flat_map(|(key, word)| {
        [(format!("{key}  "), theme.accent()), (format!("{word}      "), Style::new())]
    });
    lines.push(line(parts));
    if ui.list(Pane::Problems).opened
        && let Some(text) = ui.explain.and_then(|explain| explain(&problem.code))
    {
        lines.push(Line::default());
        lines.push(line([(format!("─ {} explained ", problem.code), theme.dim())]));
        lines.extend(explanation(theme, &text, columns));
    }
    lines
}

/// Where there is no room for both, the explanation is more than what was seen before.
fn show_explanation(ui: &mut Ui, state: &StudioState) {
    let places = crate::view::layout::layout(ui, state).panes;
    let area = places.iter().find(|(pane, _)| *pane == Pane::Problems).map(|(_, area)| *area);
    let Some(text) = area.and_then(|area| parts(ui, state, area).detail) else { return };
    let lines = detail(ui, state, ui.theme, usize::from(text.width));
    let is_head = |line: &Line<'_>| line.to_string().ends_with(" explained ");
    let Some(head) = lines.iter().position(is_head) else { return };
    if lines.len() > usize::from(text.height) {
        ui.focused().scroll = head;
    }
}

/// A Markdown explanation: headings stand out, code stays as it is, the rest is wrapped.
fn explanation(theme: Theme, text: &str, columns: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut code = false;
    for text in text.lines() {
        if text.trim_start().starts_with("```") {
            code = !code;
        } else if code {
            lines.push(line([(format!("    {text}"), theme.literal())]));
        } else if text.starts_with('#') {
            let title = text.trim_start_matches('#').trim().to_owned();
            lines.push(line([(title, theme.keyword())]));
        } else {
            lines.extend(wrap(text, columns).into_iter().map(plain));
        }
    }
    lines
}

/// A line of what was rendered. Source keeps its columns: gutter dim, carets in the colour of the severity. Words are
/// wrapped, and stay behind what they begin with.
fn excerpt(theme: Theme, severity: Severity, text: &str, columns: usize) -> Vec<Line<'static>> {
    let (gutter, rest) = match text.find(['│', '|']) {
        Some(at) if text[..at].trim().chars().all(|c| c.is_ascii_digit()) => {
            let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
            text.split_at(end)
        }
        _ => ("", text),
    };
    if gutter.is_empty() && width(text) > columns {
        let words = text.trim_start();
        let lead =
            ["= help: ", "= note: "].into_iter().find(|lead| words.starts_with(lead)).map_or(0, str::len);
        let indent = text.len() - words.len();
        let (first, rest) = words.split_at(lead);
        let mut begin = format!("{}{first}", " ".repeat(indent));
        let mut lines = Vec::new();
        for text in wrap(rest, columns.saturating_sub(indent + lead)) {
            lines.push(line([(begin, theme.dim()), (text, Style::new())]));
            begin = " ".repeat(indent + lead);
        }
        return lines;
    }
    let carets = !gutter.is_empty() && rest.trim_start().starts_with(['^', '-', '~']);
    let style = if carets { sign(theme, severity).1 } else { Style::new() };
    vec![line([(gutter.to_owned(), theme.dim()), (rest.to_owned(), style)])]
}

/// A problem in the list, as one text.
fn row_text(problem: &Problem) -> String {
    format!(" ✗ {} {}{}", problem.code, place(problem), problem.message)
}

fn place(problem: &Problem) -> String {
    if problem.file.is_empty() {
        return String::new();
    }
    format!("{}:{}:{}  ", problem.file, problem.line, problem.column)
}

pub(crate) fn draw(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let focused = cx.ui.pane == Pane::Problems;
    let found = visible(cx.ui, cx.state);
    let count = |severity| found.iter().filter(|problem| problem.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let note = match (errors, warnings) {
        (0, 0) => "none".to_owned(),
        (errors, warnings) => format!("{} · {}", plural(errors, "error"), plural(warnings, "warning")),
    };
    let inner = parts::frame(cx, area, &parts::title(Pane::Problems), &note, focused, buffer);
    if found.is_empty() {
        empty(cx, inner, buffer);
        return;
    }
    let places = parts(cx.ui, cx.state, area);
    parts::list(cx, Pane::Problems, places.list, found.len(), buffer, |index| {
        let Some(problem) = found.get(index) else { return Line::default() };
        let (sign, style) = sign(cx.theme, problem.severity);
        let mut cells = vec![(format!(" {sign} {} ", problem.code), style)];
        cells.push((place(problem), cx.theme.dim()));
        cells.push((problem.message.clone(), Style::new()));
        line(cells)
    });
    if let Some(area) = places.detail {
        let lines = detail(cx.ui, cx.state, cx.theme, usize::from(area.width));
        parts::text(area, &lines, cx.ui.list(Pane::Problems).scroll, buffer);
    }
}

fn empty(cx: Cx<'_>, inner: Rect, buffer: &mut Buffer) {
    if !cx.ui.list(Pane::Problems).filter.is_empty() {
        put(buffer, inner, 0, &plain(" no problem passes the filter · Esc drops it"));
        return;
    }
    let revision = cx.state.build.revision;
    let text = match cx.state.build.outcome {
        None => " The model is being checked for the first time.".to_owned(),
        Some(_) => format!(" ● {revision} checks without problems."),
    };
    put(buffer, inner, 0, &line([(text, cx.theme.good())]));
    let lines = [
        " Save a .exo file: it is checked at once.",
        " What is wrong is listed here with its place and a fix.",
    ];
    for (row, text) in (2..).zip(lines) {
        put(buffer, inner, row, &line([(text.to_owned(), cx.theme.dim())]));
    }
}

pub(crate) fn disabled(ui: &Ui, state: &StudioState, action: Action) -> Option<String> {
    let Some(problem) = selected(ui, state) else {
        return matches!(
            action,
            Action::ProblemEdit
                | Action::ProblemFix
                | Action::ProblemNext
                | Action::ProblemPrevious
                | Action::Open
                | Action::CopyItem
                | Action::CopyJson
                | Action::CopyPath
        )
        .then(|| "there is no problem".to_owned())
        .or_else(|| other(action));
    };
    match action {
        Action::ProblemEdit if problem.file.is_empty() => Some("this problem has no place".to_owned()),
        Action::ProblemFix if problem.fix.is_none() => Some("this problem has no automatic fix".to_owned()),
        Action::ProblemFix if state.build.running => {
            Some("a build is under way; the fix may be out of date".to_owned())
        }
        action => other(action),
    }
}

fn other(action: Action) -> Option<String> {
    match action {
        Action::Space => Some("nothing to pause or choose here".to_owned()),
        Action::Fold | Action::Unfold => Some("nothing to fold here".to_owned()),
        Action::CopySql => Some("a problem has no SQL".to_owned()),
        _ => None,
    }
}

pub(crate) fn run(ui: &mut Ui, state: &StudioState, action: Action) -> Vec<Effect> {
    let Some(problem) = selected(ui, state).cloned() else { return Vec::new() };
    match action {
        Action::Open => {
            let list = ui.focused();
            list.opened = !list.opened;
            list.scroll = 0;
            if list.opened {
                ui.zoom_for_now();
                show_explanation(ui, state);
            } else {
                ui.unzoom();
            }
        }
        Action::ProblemEdit => {
            return vec![Effect::Edit { file: problem.file, line: problem.line, column: problem.column }];
        }
        Action::ProblemFix => return vec![Effect::Fix(Box::new(problem))],
        Action::ProblemNext => return ui.run(Action::Down, state),
        Action::ProblemPrevious => return ui.run(Action::Up, state),
        Action::CopyItem => {
            let text = if problem.rendered.is_empty() { problem.message } else { problem.rendered };
            return vec![Effect::Copy { what: "the problem".to_owned(), text }];
        }
        Action::CopyPath => {
            let text = format!("{}:{}:{}", problem.file, problem.line, problem.column);
            return vec![Effect::Copy { what: "the place".to_owned(), text }];
        }
        Action::CopyJson => {
            let text = serde_json::to_string_pretty(&problem).unwrap_or_default();
            return vec![Effect::Copy { what: "JSON".to_owned(), text }];
        }
        _ => {}
    }
    Vec::new()
}
