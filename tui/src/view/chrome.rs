//! The lines around the panes: status, tabs, banner, message, hints.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use studio_events::{BuildOutcome, DatabaseState, HttpState, ServiceStatus, StudioState};

use crate::action::{Action, Pane, Scope, actions, info};
use crate::pane;
use crate::text::{age, clean, line, plain, plural, put, width};
use crate::ui::{TraceTab, Ui};
use crate::view::Cx;
use crate::view::layout::{Layout, Tier};

type Part = (String, Style);

/// Sign and style of a service.
pub(crate) fn sign(cx: Cx<'_>, status: ServiceStatus) -> Part {
    match status {
        ServiceStatus::Up => ("●".to_owned(), cx.theme.good()),
        ServiceStatus::Degraded => ("▲".to_owned(), cx.theme.warning()),
        ServiceStatus::Off => ("○".to_owned(), cx.theme.dim()),
        ServiceStatus::Failed => ("✗".to_owned(), cx.theme.error()),
    }
}

fn model(cx: Cx<'_>, wide: bool) -> Vec<Part> {
    let build = &cx.state.build;
    let revision = build.revision.to_string();
    let (sign, word, style) = match build.outcome {
        _ if build.running => (cx.theme.spinner(cx.ui.now), "building".to_owned(), cx.theme.accent()),
        None => ("○", if wide { "not built".to_owned() } else { String::new() }, cx.theme.dim()),
        Some(BuildOutcome::Broken { errors, .. }) => {
            let count = usize::try_from(errors).unwrap_or(usize::MAX);
            ("✗", if wide { plural(count, "error") } else { errors.to_string() }, cx.theme.error())
        }
        Some(BuildOutcome::Clean { warnings } | BuildOutcome::Unchanged { warnings }) if warnings > 0 => {
            let count = usize::try_from(warnings).unwrap_or(usize::MAX);
            ("▲", if wide { plural(count, "warning") } else { warnings.to_string() }, cx.theme.warning())
        }
        Some(BuildOutcome::Clean { .. } | BuildOutcome::Unchanged { .. }) => {
            ("●", if wide { "ok".to_owned() } else { String::new() }, cx.theme.good())
        }
    };
    let lead = if wide { format!("model {revision} ") } else { format!("{revision} ") };
    let separator = if wide { " " } else { "" };
    vec![(lead, Style::new()), (format!("{sign}{separator}{word}"), style)]
}

fn serving(cx: Cx<'_>, wide: bool) -> Vec<Part> {
    let behind = cx.state.serving.revision.is_some_and(|revision| revision != cx.state.build.revision);
    // A revision that means the same as the served one is served, whatever its number.
    let stale = behind && (cx.state.is_stale() || cx.state.migration.is_some());
    match cx.state.serving.revision {
        None if wide => vec![("nothing served".to_owned(), cx.theme.warning())],
        None => vec![("(nothing served)".to_owned(), cx.theme.warning())],
        Some(revision) if wide && stale => {
            let since = age(cx.ui.now.since(cx.state.serving.since));
            vec![(format!("serving {revision} ({since})"), cx.theme.warning())]
        }
        Some(revision) if wide => vec![(format!("serving {revision}"), Style::new())],
        Some(revision) if stale => vec![(format!("(serving {revision})"), cx.theme.warning())],
        Some(_) => Vec::new(),
    }
}

fn database(cx: Cx<'_>, wide: bool) -> Vec<Part> {
    let theme = cx.theme;
    match &*cx.state.database {
        DatabaseState::Off | DatabaseState::Stopped => vec![("pg ○ off".to_owned(), theme.dim())],
        DatabaseState::Starting { stage } if wide => {
            let sign = theme.spinner(cx.ui.now);
            vec![(format!("pg {sign} "), theme.accent()), (stage.clone(), Style::new())]
        }
        DatabaseState::Starting { .. } => {
            vec![(format!("pg {}", theme.spinner(cx.ui.now)), theme.accent())]
        }
        DatabaseState::Ready { version, pool, .. } => {
            let version = version.split_whitespace().next().unwrap_or_default();
            let lead = if wide { format!("pg {version} ") } else { "pg ".to_owned() };
            let mut parts = vec![(lead, Style::new()), ("●".to_owned(), theme.good())];
            if wide && pool.1 > 0 {
                parts.push((format!(" {}/{}", pool.0, pool.1), Style::new()));
            }
            parts
        }
        DatabaseState::Restarting { attempt, of, .. } => {
            vec![(format!("pg ▲ restarting {attempt}/{of}"), theme.warning())]
        }
        DatabaseState::Failed { .. } => vec![("pg ✗ failed".to_owned(), theme.error())],
    }
}

/// Hook components: how many, and how the worst of them is. `hooks` is the service of all of them, `hook <name>` one.
fn hooks(cx: Cx<'_>) -> Vec<Part> {
    let is_hook = |name: &str| name == "hooks" || name.starts_with("hook ");
    let found: Vec<_> = cx.state.services.iter().filter(|service| is_hook(&service.name)).collect();
    let rank = |status: ServiceStatus| match status {
        ServiceStatus::Failed => 3,
        ServiceStatus::Degraded => 2,
        ServiceStatus::Up => 1,
        ServiceStatus::Off => 0,
    };
    match found.iter().map(|service| service.status).max_by_key(|status| rank(*status)) {
        None | Some(ServiceStatus::Off) => Vec::new(),
        Some(worst) => {
            let lead =
                if cx.tier == Tier::Wide { format!("hooks {} ", found.len()) } else { "hooks ".to_owned() };
            vec![(lead, Style::new()), sign(cx, worst)]
        }
    }
}

fn http(cx: Cx<'_>, wide: bool) -> Vec<Part> {
    let lead = if wide { "http " } else { "" };
    match &cx.state.http {
        HttpState::Down => vec![("http ○".to_owned(), cx.theme.dim())],
        HttpState::Listening { url, .. } => {
            let port = url.rsplit(':').next().unwrap_or_default();
            vec![(format!("{lead}:{port} "), Style::new()), ("●".to_owned(), cx.theme.good())]
        }
        HttpState::PortTaken { port, .. } => {
            vec![(format!("{lead}:{port} ✗ taken"), cx.theme.error())]
        }
    }
}

fn parts_width(parts: &[Part]) -> usize {
    parts.iter().map(|(text, _)| width(text)).sum()
}

fn project(cx: Cx<'_>) -> String {
    let name = &cx.state.project.name;
    let name = if name.is_empty() { "exo-studio" } else { name };
    if cx.ui.viewer { format!("viewer of {name}") } else { name.to_owned() }
}

/// The three questions: does the model check, what is served, what is up.
pub(crate) fn status(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let wide = cx.tier == Tier::Wide;
    let name = if wide && !cx.ui.viewer { format!("exo-studio · {}", project(cx)) } else { project(cx) };
    let mut groups = vec![model(cx, wide), serving(cx, wide), database(cx, wide), hooks(cx), http(cx, wide)];
    groups.retain(|group| !group.is_empty());
    let used: usize = groups.iter().map(|group| parts_width(group)).sum();
    let room = usize::from(area.width).saturating_sub(2);
    let gap = if wide { 4 } else { 3 };
    let tail = used + gap * groups.len().saturating_sub(1);
    let mut spans = vec![Span::raw(" ")];
    let name_room = room.saturating_sub(tail + gap).max(6);
    let shown = crate::text::cut(&name, name_room);
    let pad = if wide { room.saturating_sub(tail + width(&shown)) } else { gap };
    spans.push(Span::styled(shown, cx.theme.bold()));
    for (position, group) in groups.into_iter().enumerate() {
        spans.push(Span::raw(" ".repeat(if position == 0 { pad.max(1) } else { gap })));
        spans.extend(group.into_iter().map(|(text, style)| Span::styled(text, style)));
    }
    if !wide {
        let persona = persona(cx.state);
        let line_width: usize = spans.iter().map(|span| width(&span.content)).sum();
        let needs = width(&persona) + 2;
        if line_width + needs <= usize::from(area.width) {
            spans.push(Span::raw(" ".repeat(usize::from(area.width) - line_width - needs + 1)));
            spans.push(Span::styled(persona, cx.theme.accent()));
        }
    }
    put(buffer, area, 0, &Line::from(spans));
}

fn persona(state: &StudioState) -> String {
    state.persona.clone().unwrap_or_else(|| "anonymous".to_owned())
}

/// All there is below 60×15.
pub(crate) fn floor(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let mut parts = vec![(format!("{} ", project(cx)), cx.theme.bold())];
    parts.extend(model(cx, false));
    for group in [serving(cx, false), database(cx, false), http(cx, false)] {
        let used = parts_width(&parts) + 2;
        if !group.is_empty() && used + parts_width(&group) <= usize::from(area.width) {
            parts.push(("  ".to_owned(), Style::new()));
            parts.extend(group);
        }
    }
    let log = cx.ui.keymap.shown(Action::PlainLog);
    let hint = plain(format!("make the window larger or press {log}"));
    let screen = cx.ui.screen;
    let free = usize::from(area.width).saturating_sub(parts_width(&parts));
    if screen.height < 2 && free > 12 {
        parts.push((format!(" · larger window or {log}"), cx.theme.dim()));
    }
    put(buffer, area, 0, &line(parts));
    put(buffer, screen, 1, &hint);
}

/// The labels of the tabs, brackets included. One function for drawing and for clicks.
pub(crate) fn tab_labels(ui: &Ui, state: &StudioState) -> Vec<(Pane, String)> {
    let screen = ui.screen;
    let labels = |form: usize| -> Vec<(Pane, String)> {
        Pane::ALL.iter().map(|pane| (*pane, tab_label(ui, state, *pane, form))).collect()
    };
    let fits = |labels: &[(Pane, String)], spare: usize| {
        labels.iter().map(|(_, label)| width(label) + 1).sum::<usize>() + spare <= usize::from(screen.width)
    };
    let spare = if Tier::of(screen) == Tier::Wide { 22 } else { 1 };
    (0..3).map(labels).find(|labels| fits(labels, spare)).unwrap_or_else(|| labels(3))
}

/// A label in one of four forms, from roomy to terse.
fn tab_label(ui: &Ui, state: &StudioState, pane: Pane, form: usize) -> String {
    let short = ["Prob", "Schema", "Traces", "Lat", "Logs", "Svc", "Tests"];
    let active = ui.pane == pane;
    let name = match form {
        0 => pane.title(),
        1 if active => pane.title(),
        1 | 2 => short.get(pane.index()).copied().unwrap_or_default(),
        _ if active => short.get(pane.index()).copied().unwrap_or_default(),
        _ => "",
    };
    let badge = if form < 3 || active { badge(ui, state, pane) } else { String::new() };
    // `Problems✗2` reads well without a space, `Tests3/5` and `Problemsx2` do not.
    let glued = form > 0 && !ui.theme.ascii && !badge.starts_with(|c: char| c.is_ascii_digit());
    let space = if badge.is_empty() || name.is_empty() || glued { "" } else { " " };
    let number = pane.index() + 1;
    let gap = if name.is_empty() { "" } else { " " };
    if active {
        format!("[{number}{gap}{name}{space}{badge}]")
    } else {
        format!(" {number}{gap}{name}{space}{badge} ")
    }
}

fn badge(ui: &Ui, state: &StudioState, pane: Pane) -> String {
    match pane {
        Pane::Problems => {
            let (errors, warnings) = state.problem_counts();
            let warnings = warnings + ui.own_problems.len();
            match (errors, warnings) {
                (0, 0) => String::new(),
                (0, warnings) => format!("▲{warnings}"),
                (errors, _) => format!("✗{errors}"),
            }
        }
        Pane::Schema => {
            let questions = state.decisions.iter().filter(|decision| decision.step.is_none()).count();
            let waiting = state.migration.as_ref().map_or(0, |plan| plan.steps.len()) + questions;
            if waiting == 0 { String::new() } else { format!("{}{waiting}", ui.theme.pending()) }
        }
        Pane::Traces if Tier::of(ui.screen) == Tier::Wide && !state.traces.is_empty() => {
            state.traces.len().to_string()
        }
        Pane::Services => {
            let failed = pane::services::failed(state);
            if failed == 0 { String::new() } else { format!("✗{failed}") }
        }
        Pane::Tests => {
            let cases = &state.tests.cases;
            let passed =
                cases.iter().filter(|case| case.verdict.is_some_and(|verdict| verdict.is_pass())).count();
            if cases.is_empty() { String::new() } else { format!("{passed}/{}", cases.len()) }
        }
        Pane::Traces | Pane::Latency | Pane::Logs => String::new(),
    }
}

/// Line 2.
pub(crate) fn tabs(cx: Cx<'_>, places: &Layout, buffer: &mut Buffer) {
    for ((pane, label), (_, area)) in tab_labels(cx.ui, cx.state).into_iter().zip(&places.tabs) {
        let bad = label.contains('✗');
        let style = match (cx.ui.pane == pane, bad) {
            (true, _) => cx.theme.accent(),
            (false, true) => cx.theme.error(),
            (false, false) => Style::new(),
        };
        put(buffer, *area, 0, &line([(label, style)]));
    }
    if cx.tier == Tier::Wide {
        let text = format!("persona: {}", crate::text::cut(&persona(cx.state), 14));
        let columns = u16::try_from(width(&text)).unwrap_or(0);
        let x = places.tab_line.right().saturating_sub(columns + 1);
        let after = places.tabs.last().map_or(0, |(_, area)| area.right());
        if x > after {
            put(buffer, Rect { x, width: columns, ..places.tab_line }, 0, &plain(text));
        }
    }
}

/// What needs attention whatever pane is open.
pub(crate) fn banner(ui: &Ui, state: &StudioState) -> Option<String> {
    if let HttpState::PortTaken { port, owner, next_free } = &state.http {
        let owner = owner.as_ref().map(|owner| format!(" by {owner}")).unwrap_or_default();
        let key = ui.keymap.shown(Action::GoServices);
        let next = next_free.map(|free| format!(" · {key} then {} takes :{free}", ui.theme.enter()));
        return Some(format!("▲ Port {port} is taken{owner}{}", next.unwrap_or_default()));
    }
    let newest = state.build.revision;
    if let Some(BuildOutcome::Broken { errors, .. }) = state.build.outcome {
        let errors = plural(usize::try_from(errors).unwrap_or(0), "error");
        return Some(match state.serving.revision {
            Some(serving) => format!(
                "▲ The API still serves {serving}. {newest} has {errors}; the first save that checks clean \
                 replaces it without dropping requests."
            ),
            None => format!(
                "▲ Nothing is served. {newest} has {errors}; requests are answered with 503 and the \
                 problem list."
            ),
        });
    }
    if let DatabaseState::Failed { .. } = &*state.database {
        let key = ui.keymap.shown(Action::GoServices);
        return Some(format!(
            "▲ Postgres is down ({key} Services); requests that need data fail, the schema and checking work"
        ));
    }
    let in_review = ui.in_review(state);
    if let Some(plan) = state.migration.as_ref().filter(|_| !in_review) {
        let key = ui.keymap.shown(Action::Migration);
        let waits = if plan.steps.len() == 1 { "waits" } else { "wait" };
        let steps = format!("{} of {} {waits} for you", plural(plan.steps.len(), "step"), plan.revision);
        return Some(match state.serving.revision {
            Some(serving) => format!("▲ {steps} ({key} review); the API serves {serving}"),
            None => format!("▲ Nothing is served: {steps} ({key} review)"),
        });
    }
    if state.serving.revision.is_none()
        && let Some(problem) = ui.problems(state).into_iter().find(|problem| problem.code == "D0002")
    {
        return Some(format!("▲ Nothing is served: {}", clean(&problem.message)));
    }
    None
}

pub(crate) fn draw_banner(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    if let Some(text) = banner(cx.ui, cx.state) {
        // Where the whole does not fit, the first part says what is the matter.
        let fits = width(&text) < usize::from(area.width);
        let text = if fits { text.as_str() } else { text.split("; ").next().unwrap_or_default() };
        put(buffer, area, 0, &line([(format!(" {text}"), cx.theme.warning())]));
    }
}

/// The line above the hints: a toast, the filter being typed, or the last noteworthy fact.
pub(crate) fn message(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let ui = cx.ui;
    let list = ui.list(ui.pane);
    if let Some(prompt) = &ui.prompt {
        let typed = prompt.shown();
        let label = format!(" {}: ", prompt.purpose.label());
        // The end of a long line is what is being typed.
        let room = usize::from(area.width).saturating_sub(width(&label) + 1);
        let skipped = typed.chars().count().saturating_sub(room);
        let typed: String = typed.chars().skip(skipped).collect();
        let parts = [(label, cx.theme.accent()), (typed, Style::new()), (" ".to_owned(), cx.theme.found())];
        put(buffer, area, 0, &line(parts));
        return;
    }
    if ui.typing_filter {
        let text = format!(" filter {}: ", ui.pane.title());
        let typed = line([
            (text, cx.theme.accent()),
            (list.filter.clone(), Style::new()),
            (" ".to_owned(), cx.theme.found()),
        ]);
        put(buffer, area, 0, &typed);
        return;
    }
    if let Some(toast) = &ui.toast {
        put(buffer, area, 0, &line([(format!(" {}", toast.text), cx.theme.accent())]));
        return;
    }
    if let Some((at, text)) = &cx.state.message {
        let parts = [(format!(" {}  ", ui.clock(*at)), cx.theme.dim()), (text.clone(), Style::new())];
        put(buffer, area, 0, &line(parts));
    }
}

/// The last line: the next keys, from the action table.
pub(crate) fn hints(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    // While something is typed, letters are no keys.
    if let Some(prompt) = &cx.ui.prompt {
        let parts = match &cx.ui.toast {
            // What is wrong with it stands below what was typed.
            Some(toast) => [(format!(" ▲ {}", toast.text), cx.theme.warning()), Default::default()],
            None => keys_of(cx, prompt.purpose.hint()),
        };
        return put(buffer, area, 0, &line(parts));
    }
    if cx.ui.typing_filter {
        return put(buffer, area, 0, &line(keys_of(cx, "keeps it, Esc drops it")));
    }
    if let Some(keys) = crate::overlay::keys(cx) {
        let parts = keys.into_iter().map(|(key, word)| (key.to_owned(), word.to_owned())).collect();
        return put_keys(cx, parts, area, buffer);
    }
    let room = usize::from(area.width).saturating_sub(2);
    let mut parts: Vec<(String, String)> = Vec::new();
    if cx.ui.pending.is_empty() {
        // The way out of what was opened comes first: it must not give way to anything.
        let inside = cx.ui.list(cx.ui.pane).opened && !cx.ui.in_review(cx.state);
        let mut hinted = hinted(cx);
        let first = if inside { Action::Back } else { Action::Open };
        if hinted.contains(&first) {
            hinted.retain(|action| *action != first);
            hinted.insert(0, first);
        }
        for action in hinted {
            let info = crate::action::info(action);
            parts.push((cx.ui.keymap.shown(action), pane::hint(cx.ui, cx.state, action, info.hint)));
        }
        parts.insert(0, ("1-7".to_owned(), "pane".to_owned()));
    } else {
        let (pane, review) = (cx.ui.pane, cx.ui.in_review(cx.state));
        let active = |scope: Scope| crate::update::scope_is_active(scope, pane, review);
        if let crate::action::Lookup::Prefix(next) = cx.ui.keymap.lookup(&cx.ui.pending, active) {
            let typed: String = cx.ui.pending.iter().map(ToString::to_string).collect();
            parts.extend(
                next.into_iter().map(|(key, action)| {
                    (format!("{typed}{key}"), crate::action::info(action).help.to_owned())
                }),
            );
        }
    }
    // The general keys at the end stay; the ones before them give way, the last first.
    let tail: Vec<(String, String)> = [Action::Palette, Action::Help, Action::Quit]
        .into_iter()
        .map(|action| (cx.ui.keymap.shown(action), crate::action::info(action).hint.to_owned()))
        .collect();
    let size = |parts: &[(String, String)]| {
        parts.iter().map(|(key, word)| width(key) + 1 + width(word) + 2).sum::<usize>()
    };
    let tail = if cx.ui.pending.is_empty() { tail } else { Vec::new() };
    while !parts.is_empty() && size(&parts) + size(&tail) > room + 3 {
        // The most useful key is worth more than the numbers of the panes, which stand on the tabs.
        if parts.len() == 2 {
            parts.remove(0);
        } else {
            parts.pop();
        }
    }
    parts.extend(tail);
    put_keys(cx, parts, area, buffer);
}

/// What Enter does with what is typed.
fn keys_of(cx: Cx<'_>, enter: &str) -> [(String, Style); 2] {
    [(format!(" {}", cx.theme.enter()), cx.theme.accent()), (format!(" {enter}"), Style::new())]
}

fn put_keys(cx: Cx<'_>, parts: Vec<(String, String)>, area: Rect, buffer: &mut Buffer) {
    let mut spans = vec![Span::raw(" ")];
    for (key, word) in parts {
        let key = if key == "Enter" { cx.theme.enter().to_owned() } else { key };
        spans.push(Span::styled(key, cx.theme.accent()));
        spans.push(Span::raw(format!(" {word}")));
        spans.push(Span::raw("  "));
    }
    spans.pop();
    put(buffer, area, 0, &Line::from(spans));
}

/// Actions of the hint bar for the focused pane, most useful first.
fn hinted(cx: Cx<'_>) -> Vec<Action> {
    let (pane, review) = (cx.ui.pane, cx.ui.in_review(cx.state));
    let rank = |scope: Scope| match scope {
        Scope::Review => 0,
        Scope::Pane(_) => 1,
        Scope::List => 2,
        Scope::Anywhere => 3,
        Scope::Engine => 4,
    };
    // The tab of a request that is shown already.
    let shown = (pane == Pane::Traces).then_some(match cx.ui.traces.tab {
        TraceTab::Detail => Action::TraceDetail,
        TraceTab::Access => Action::TraceAccess,
        TraceTab::Variables => Action::TraceVariables,
    });
    let mut found: Vec<_> = actions()
        .iter()
        .filter(|row| !row.hint.is_empty() && crate::update::scope_is_active(row.scope, pane, review))
        .filter(|row| !matches!(row.action, Action::Palette | Action::Help | Action::Quit))
        .filter(|row| !(review && row.action == Action::NextPane))
        .filter(|row| row.action != Action::Zoom || cx.tier == Tier::Wide)
        .filter(|row| row.action != Action::Back || cx.ui.leads_back(cx.state))
        .filter(|row| row.action != Action::Open || !cx.ui.list(pane).opened)
        .filter(|row| !(cx.ui.list(pane).opened && Some(row.action) == shown))
        .filter(|row| cx.ui.disabled(row.action, cx.state).is_none())
        .collect();
    found.sort_by_key(|row| rank(row.scope));
    let tests = info(Action::RunTests);
    if review {
        // What answers the focused question comes first.
        found.retain(|row| !matches!(row.action, Action::Open | Action::Space));
        let typed = pane::review::is_typed(cx.ui, cx.state);
        found.insert(0, info(if typed { Action::Open } else { Action::Space }));
    }
    if pane == Pane::Tests && cx.ui.disabled(tests.action, cx.state).is_none() {
        found.insert(0, tests);
    }
    found.into_iter().map(|row| row.action).collect()
}
