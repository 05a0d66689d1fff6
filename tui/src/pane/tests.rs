//! Tests: a tree of folders, verdicts, and the difference of the selected one. What it sent is in `test_text`, the
//! rules it touched in `coverage`.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{Command, StudioState, TestCase, TestVerdict};

use crate::action::{Action, Pane};
use crate::effect::Effect;
use crate::pane::{Parts, coverage, passes, test_text};
use crate::text::{line, millis, plain, plural, put};
use crate::theme::Theme;
use crate::ui::{Ui, identity};
use crate::view::Cx;
use crate::view::parts;

/// A row of the tree.
enum Row<'a> {
    Folder { path: &'a str, folded: bool, passed: usize, total: usize },
    Case { case: &'a TestCase, name: &'a str, depth: usize },
}

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

fn shown<'a>(ui: &Ui, state: &'a StudioState) -> Vec<&'a TestCase> {
    let filter = &ui.list(Pane::Tests).filter;
    let failed = |case: &TestCase| case.verdict.is_some_and(|verdict| !verdict.is_pass()) || case.running;
    let wanted = |case: &&TestCase| !ui.tests.failed_only || failed(case);
    state.tests.cases.iter().filter(wanted).filter(|case| passes(filter, &case.name)).collect()
}

fn tree<'a>(ui: &Ui, state: &'a StudioState) -> Vec<Row<'a>> {
    let cases = shown(ui, state);
    let mut rows = Vec::new();
    let mut folder = "";
    for case in &cases {
        let (path, name) = split(&case.name);
        if path != folder && !path.is_empty() {
            let inside = cases.iter().filter(|case| split(&case.name).0 == path);
            let passed = inside.clone().filter(|case| case.verdict.is_some_and(TestVerdict::is_pass)).count();
            let folded = ui.tests.folded.contains(path);
            rows.push(Row::Folder { path, folded, passed, total: inside.count() });
        }
        folder = path;
        if !ui.tests.folded.contains(path) {
            rows.push(Row::Case { case, name, depth: usize::from(!path.is_empty()) });
        }
    }
    rows
}

pub(crate) fn rows(ui: &Ui, state: &StudioState) -> Vec<u64> {
    if ui.tests.coverage {
        return coverage::rows(ui, state);
    }
    let id = |row: &Row<'_>| match row {
        Row::Folder { path, .. } => identity(("folder", path)),
        Row::Case { case, .. } => identity(("case", &case.name)),
    };
    tree(ui, state).iter().map(id).collect()
}

pub(crate) fn parts(ui: &Ui, area: Rect) -> Parts {
    let inner = parts::inside(area);
    if ui.list(Pane::Tests).opened {
        return crate::pane::list_over_text(inner, 1);
    }
    if inner.width >= 100 {
        let list = Rect { width: inner.width * 2 / 5, ..inner };
        let x = list.right() + 1;
        let detail = Rect { x, width: inner.right().saturating_sub(x), ..inner };
        return Parts { list, detail: Some(detail) };
    }
    crate::pane::list_over_text(inner, (inner.height / 2).max(3))
}

fn verdict(ui: &Ui, case: &TestCase) -> (&'static str, &'static str, Style) {
    let theme = ui.theme;
    if case.running {
        return (theme.spinner(ui.now), "running", theme.accent());
    }
    match case.verdict {
        None => ("○", "not run", theme.dim()),
        Some(TestVerdict::Passed) => ("●", "passed", theme.good()),
        Some(TestVerdict::Failed) => ("✗", "failed", theme.error()),
        Some(TestVerdict::SetupFailed) => ("✗", "setup failed", theme.error()),
        Some(TestVerdict::Error) => ("✗", "error", theme.error()),
        Some(TestVerdict::Unsupported) => ("▲", "unsupported", theme.warning()),
    }
}

fn selected<'a>(ui: &Ui, state: &'a StudioState) -> Option<Row<'a>> {
    tree(ui, state).into_iter().nth(ui.list(Pane::Tests).index)
}

/// Name, verdict and failure text of the selected test.
pub(crate) fn detail(ui: &Ui, state: &StudioState, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    if ui.tests.coverage {
        return coverage::detail(ui, state, columns);
    }
    match selected(ui, state) {
        None => Vec::new(),
        Some(Row::Folder { path, passed, total, .. }) => {
            let keys = [Action::TestRerun, Action::RunTests].map(|action| ui.keymap.shown(action));
            vec![
                line([(path.to_owned(), theme.bold())]),
                plain(format!("{passed} of {total} passed")),
                line([(format!("{} runs this folder, {} all tests", keys[0], keys[1]), theme.dim())]),
            ]
        }
        Some(Row::Case { case, .. }) => {
            let (sign, word, style) = verdict(ui, case);
            let mut lines = vec![line([
                (format!("{sign} {word} "), style),
                (case.name.clone(), theme.bold()),
                (format!("  {} ms", millis(case.time)), theme.dim()),
            ])];
            lines.extend(test_text::lines(ui, case, columns));
            lines
        }
    }
}

pub(crate) fn draw(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let focused = cx.ui.pane == Pane::Tests;
    let tests = &cx.state.tests;
    let mut note = match (&tests.summary, tests.running) {
        (_, true) => "running".to_owned(),
        (Some((passed, total, time)), false) => format!("{passed} of {total} passed · {} ms", millis(*time)),
        (None, false) => String::new(),
    };
    if tests.watching {
        note = format!("watching ● · {note}");
    }
    if cx.ui.tests.failed_only {
        note = format!("failed only · {note}");
    }
    let filter = &cx.ui.list(Pane::Tests).filter;
    if !filter.is_empty() {
        note = format!("/{filter} · {note}");
    }
    if cx.ui.tests.coverage {
        return coverage::draw(cx, area, parts(cx.ui, area), buffer);
    }
    let inner = parts::frame(cx, area, &parts::title(Pane::Tests), &note, focused, buffer);
    let places = parts(cx.ui, area);
    let rows = tree(cx.ui, cx.state);
    if rows.is_empty() {
        empty(cx, inner, buffer);
        return;
    }
    parts::list(cx, Pane::Tests, places.list, rows.len(), buffer, |index| match rows.get(index) {
        None => Line::default(),
        Some(Row::Folder { path, folded, passed, total }) => {
            let fold = if *folded { "▸" } else { "▾" };
            line([
                (format!("{fold} {path}/"), cx.theme.bold()),
                (format!("  {passed}/{total}"), cx.theme.dim()),
            ])
        }
        Some(Row::Case { case, name, depth }) => {
            let (sign, word, style) = verdict(cx.ui, case);
            let time =
                if case.verdict.is_some() { format!("  {} ms", millis(case.time)) } else { String::new() };
            let word = if word == "passed" { String::new() } else { format!("  {word}") };
            line([
                ("  ".repeat(*depth), Style::new()),
                (format!("{sign} "), style),
                ((*name).to_owned(), Style::new()),
                (word, style),
                (time, cx.theme.dim()),
            ])
        }
    });
    if let Some(area) = places.detail {
        let lines = detail(cx.ui, cx.state, cx.theme, usize::from(area.width));
        parts::text(area, &lines, cx.ui.list(Pane::Tests).scroll, buffer);
    }
}

fn empty(cx: Cx<'_>, inner: Rect, buffer: &mut Buffer) {
    let tests = &cx.state.tests;
    let run = cx.ui.keymap.shown(Action::RunTests);
    let mut lines = Vec::new();
    if let Some(reason) = &tests.aborted {
        lines.push(line([(format!(" ✗ the tests could not run: {reason}"), cx.theme.error())]));
    }
    if tests.cases.is_empty() {
        lines.push(line([(format!(" {run} runs every .exotest below tests/"), cx.theme.dim())]));
    } else {
        lines.push(plain(format!(" none of {} passes the filter", plural(tests.cases.len(), "test"))));
    }
    for (row, line) in (0..).zip(&lines) {
        put(buffer, inner, row, line);
    }
}

pub(crate) fn disabled(ui: &Ui, state: &StudioState, action: Action) -> Option<String> {
    let case = match selected(ui, state) {
        Some(Row::Case { case, .. }) if !ui.tests.coverage => Some(case),
        Some(_) | None => None,
    };
    match action {
        Action::TestRerun | Action::TestRerunFailed if state.tests.running => {
            Some("the tests are running".to_owned())
        }
        Action::TestRerunFailed if state.tests.failed().is_empty() => Some("no test failed".to_owned()),
        Action::TestStop if !state.tests.running => Some("no test is running".to_owned()),
        Action::TestCoverage if state.tests.coverage.is_none() => {
            Some("coverage is known after a run of all tests".to_owned())
        }
        Action::TestEdit if !ui.has_editor => Some("set $EDITOR to open files".to_owned()),
        Action::TestEdit if ui.tests.coverage => coverage::disabled(ui, state),
        Action::TestEdit if case.is_none_or(|case| place(case).0.is_empty()) => {
            Some("no test with a file is selected".to_owned())
        }
        Action::TestNextRequest | Action::TestPreviousRequest
            if case.is_none_or(|case| case.outcome.requests.len() < 2) =>
        {
            Some("there is no other request".to_owned())
        }
        Action::TestRerun | Action::Fold | Action::Unfold if ui.tests.coverage => {
            Some("the rules of the model are shown, not tests".to_owned())
        }
        Action::Open | Action::CopyItem | Action::CopyPath | Action::CopyJson if ui.tests.coverage => {
            coverage::disabled(ui, state)
        }
        Action::TestRerun | Action::Open | Action::CopyItem | Action::CopyPath | Action::CopyJson
            if selected(ui, state).is_none() =>
        {
            Some("there is no test".to_owned())
        }
        Action::CopySql => Some("a test has no SQL".to_owned()),
        Action::Space => Some("nothing to pause or choose here".to_owned()),
        _ => None,
    }
}

/// What Enter does on the selected row.
pub(crate) fn open_hint(ui: &Ui, state: &StudioState) -> &'static str {
    match selected(ui, state) {
        _ if ui.tests.coverage => "open",
        Some(Row::Folder { folded: true, .. }) => "unfold",
        Some(Row::Folder { .. }) => "fold",
        Some(Row::Case { case, .. }) if case.verdict.is_some_and(|verdict| !verdict.is_pass()) => {
            "difference"
        }
        Some(Row::Case { .. }) | None => "requests",
    }
}

/// File and line of the failure, or of the test itself.
fn place(case: &TestCase) -> (&str, u32) {
    if case.outcome.file.is_empty() { (&case.file, 1) } else { (&case.outcome.file, case.outcome.line) }
}

/// Actions that are not about the selected test.
fn run_anyway(ui: &mut Ui, state: &StudioState, action: Action) -> Option<Vec<Effect>> {
    match action {
        Action::TestFailed => ui.tests.failed_only = true,
        Action::TestAll => ui.tests.failed_only = false,
        Action::TestRerunFailed => {
            return Some(vec![Effect::Send(Command::RunTestsNamed(state.tests.failed()))]);
        }
        Action::TestStop => return Some(vec![Effect::Send(Command::StopTests)]),
        Action::TestWatch => return Some(vec![Effect::Send(Command::WatchTests(!state.tests.watching))]),
        Action::TestCoverage => {
            ui.tests.coverage = !ui.tests.coverage;
            let list = ui.focused();
            *list = crate::ui::PaneUi::default();
        }
        _ => return None,
    }
    Some(Vec::new())
}

pub(crate) fn run(ui: &mut Ui, state: &StudioState, action: Action) -> Vec<Effect> {
    if let Some(effects) = run_anyway(ui, state, action) {
        return effects;
    }
    if ui.tests.coverage {
        return coverage::run(ui, state, action);
    }
    if let Some(Row::Case { case, .. }) = selected(ui, state) {
        let last = case.outcome.requests.len().saturating_sub(1);
        match action {
            Action::TestEdit => {
                let (file, line) = place(case);
                return vec![Effect::Edit { file: file.to_owned(), line, column: 1 }];
            }
            Action::TestNextRequest => ui.tests.request = (ui.tests.request + 1).min(last),
            Action::TestPreviousRequest => ui.tests.request = ui.tests.request.saturating_sub(1),
            Action::Open => ui.tests.request = 0,
            _ => {}
        }
    }
    let (name, folder, detail) = match selected(ui, state) {
        None => return Vec::new(),
        Some(Row::Folder { path, .. }) => (path.to_owned(), true, String::new()),
        Some(Row::Case { case, .. }) => (case.name.clone(), false, case.detail.to_string()),
    };
    match action {
        Action::Open | Action::Unfold | Action::Fold if folder => {
            let fold = match action {
                Action::Fold => true,
                Action::Unfold => false,
                _ => !ui.tests.folded.contains(&name),
            };
            if fold {
                ui.tests.folded.insert(name);
            } else {
                ui.tests.folded.remove(&name);
            }
        }
        Action::Fold => {
            let path = split(&name).0.to_owned();
            if !path.is_empty() {
                ui.panes[Pane::Tests.index()].selected = Some(identity(("folder", path.as_str())));
                ui.tests.folded.insert(path);
            }
        }
        Action::Open => {
            let list = ui.focused();
            list.opened = !list.opened;
            list.scroll = 0;
        }
        Action::TestRerun => {
            let pattern = if folder { format!("{name}/*") } else { name };
            return vec![Effect::Send(Command::RunTests(Some(pattern)))];
        }
        Action::CopyItem => {
            let text = if detail.is_empty() { name } else { format!("{name}\n{detail}") };
            return vec![Effect::Copy { what: "the test".to_owned(), text }];
        }
        Action::CopyPath => return vec![Effect::Copy { what: "the name".to_owned(), text: name }],
        Action::CopyJson => {
            let value = serde_json::json!({ "name": name, "detail": detail });
            return vec![Effect::Copy { what: "JSON".to_owned(), text: value.to_string() }];
        }
        _ => {}
    }
    Vec::new()
}
