//! Services: Postgres, HTTP and whatever else the engine runs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{Command, DatabaseState, HttpState, ServiceStatus, StudioState};

use crate::action::{Action, Pane};
use crate::effect::Effect;
use crate::pane::{Parts, list_over_text};
use crate::text::{clean, cut, line, plain, width, wrap};
use crate::ui::{Ui, identity};
use crate::view::Cx;
use crate::view::{chrome, parts};

/// One service as the pane shows it.
struct Service {
    name: String,
    status: ServiceStatus,
    lines: Vec<String>,
    log: Vec<String>,
}

fn all(state: &StudioState) -> Vec<Service> {
    let mut services = vec![postgres(state), http(state)];
    services.extend(state.services.iter().map(|service| Service {
        name: service.name.clone(),
        status: service.status,
        lines: service.lines.clone(),
        log: Vec::new(),
    }));
    services
}

/// Services that a build reads again: the watcher's files and hook components.
fn reads_again(name: &str) -> bool {
    name == "watcher" || name == "hooks" || name.starts_with("hook ")
}

/// The question about the data folder that waits, if any: it is about no migration.
fn question(state: &StudioState) -> Option<&studio_events::Decision> {
    state.decisions.iter().find(|decision| decision.step.is_none() && decision.options.len() > 1)
}

fn postgres(state: &StudioState) -> Service {
    let (status, lines, log) = match &*state.database {
        DatabaseState::Off => (ServiceStatus::Off, vec!["not started yet".to_owned()], Vec::new()),
        DatabaseState::Stopped => (ServiceStatus::Off, vec!["stopped".to_owned()], Vec::new()),
        DatabaseState::Starting { stage } => (ServiceStatus::Degraded, vec![stage.clone()], Vec::new()),
        DatabaseState::Ready { version, url, time, kind, directory, pool } => {
            let ms = time.as_millis_f64();
            let mut lines = vec![format!("{version} · {kind} · ready in {ms:.0} ms"), url.clone()];
            if pool.1 > 0 {
                lines.push(format!("{} of {} connections in use", pool.0, pool.1));
            }
            if !directory.is_empty() {
                lines.push(format!("folder {directory}"));
            }
            (ServiceStatus::Up, lines, Vec::new())
        }
        DatabaseState::Restarting { attempt, of, reason } => (
            ServiceStatus::Degraded,
            vec![
                format!("restarting, attempt {attempt} of {of}"),
                reason.clone(),
                "requests fail with a clear code; the data is kept".to_owned(),
            ],
            Vec::new(),
        ),
        DatabaseState::Failed { attempt, message, log_tail } => {
            let mut lines: Vec<String> = message.lines().map(str::to_owned).collect();
            // What can be done comes before what was logged: where there is little room, the end is cut.
            if let Some(question) = question(state) {
                lines.push(format!("? {}", question.question));
                let option = question.options.last().map_or("yes", String::as_str);
                lines.push(format!("f  {option}"));
            }
            lines.push("r  try again   d  another database, by its URL".to_owned());
            if *attempt > 1 {
                lines.push(format!("attempt {attempt}"));
            }
            lines.extend(log_tail.iter().rev().take(3).rev().cloned());
            lines.push("checking, the SDL and schema queries work without it".to_owned());
            (ServiceStatus::Failed, lines, log_tail.clone())
        }
    };
    Service { name: "postgres".to_owned(), status, lines, log }
}

fn http(state: &StudioState) -> Service {
    let serving = match state.serving.revision {
        Some(revision) => format!("serving {revision}"),
        None => "nothing served yet: answers 503 with the problem list".to_owned(),
    };
    let (status, lines) = match &state.http {
        HttpState::Down => (ServiceStatus::Off, vec!["not bound yet".to_owned()]),
        HttpState::Listening { url, graphql_path, playground_path, loopback } => {
            let reach = if *loopback { "this machine only" } else { "reachable from the network" };
            let paths = format!("GraphQL {graphql_path} · GraphiQL {playground_path} · {serving}");
            let status =
                if state.serving.revision.is_some() { ServiceStatus::Up } else { ServiceStatus::Degraded };
            (status, vec![format!("{url} · {reach}"), paths])
        }
        HttpState::PortTaken { port, owner, next_free } => {
            let owner = owner.as_ref().map(|owner| format!(" by {owner}")).unwrap_or_default();
            let mut lines = vec![format!("port {port} is taken{owner}")];
            lines.push(match next_free {
                Some(free) => format!("Enter takes :{free}"),
                None => "no free port was found near it".to_owned(),
            });
            lines.push("r tries the same port again".to_owned());
            (ServiceStatus::Failed, lines)
        }
    };
    Service { name: "http".to_owned(), status, lines, log: Vec::new() }
}

/// How many services failed.
pub(crate) fn failed(state: &StudioState) -> usize {
    all(state).iter().filter(|service| service.status == ServiceStatus::Failed).count()
}

/// The first service that failed: what one comes to this pane for.
pub(crate) fn first_failed(state: &StudioState) -> Option<u64> {
    let services = all(state);
    services
        .iter()
        .find(|service| service.status == ServiceStatus::Failed)
        .map(|service| identity(&service.name))
}

pub(crate) fn rows(state: &StudioState) -> Vec<u64> {
    all(state).iter().map(|service| identity(&service.name)).collect()
}

pub(crate) fn parts(ui: &Ui, area: Rect) -> Parts {
    let inner = parts::inside(area);
    let list = ui.list(Pane::Services);
    if list.opened {
        return list_over_text(inner, 1);
    }
    // Rows are several lines high; the list of names is drawn with its facts, so clicks only focus.
    Parts { list: Rect { height: 0, ..inner }, detail: Some(inner) }
}

fn is_selected(ui: &Ui, index: usize) -> bool {
    ui.list(Pane::Services).index == index
}

/// A fact in lines; a word that is longer than one, such as a URL, is cut (the open service shows it whole).
fn facts_of(text: &str, room: usize) -> Vec<String> {
    let words: Vec<_> = text.split(' ').map(|word| cut(word, room)).collect();
    wrap(&words.join(" "), room)
}

/// Everything about all services, or the log of the open one.
pub(crate) fn detail(ui: &Ui, state: &StudioState, columns: usize) -> Vec<Line<'static>> {
    let services = all(state);
    if ui.list(Pane::Services).opened {
        let Some(service) = services.get(ui.list(Pane::Services).index) else { return Vec::new() };
        let wrapped = service.lines.iter().flat_map(|text| wrap(text, columns));
        let mut lines: Vec<_> = wrapped.map(plain).collect();
        let source = if service.name == "watcher" { "watch" } else { service.name.as_str() };
        let logged = state.logs.iter().filter(|(_, entry)| entry.source == source);
        let logged: Vec<_> = logged.map(|(at, entry)| format!("{}  {}", ui.clock(*at), entry.text)).collect();
        lines.push(Line::default());
        lines.extend(service.log.iter().map(|text| plain(clean(text))));
        lines.extend(logged.iter().rev().take(200).rev().map(|text| plain(clean(text))));
        return lines;
    }
    let names = services.iter().map(|service| width(&service.name)).max().unwrap_or(0).max(10);
    let mut lines = Vec::new();
    for (index, service) in services.iter().enumerate() {
        let cx = Cx { ui, state, theme: ui.theme, tier: crate::view::layout::Tier::Wide };
        let cursor = if is_selected(ui, index) { "▸" } else { " " };
        let (sign, style) = chrome::sign(cx, service.status);
        let name = crate::text::left(&service.name, names);
        let room = columns.saturating_sub(names + 4);
        let mut facts = service.lines.iter().flat_map(|text| facts_of(text, room));
        lines.push(line([
            (cursor.to_owned(), ui.theme.accent()),
            (format!("{sign} "), style),
            (name, ui.theme.bold()),
            (format!(" {}", facts.next().unwrap_or_default()), Style::new()),
        ]));
        for fact in facts {
            lines.push(line([(format!("{}{fact}", " ".repeat(names + 4)), Style::new())]));
        }
    }
    lines
}

pub(crate) fn draw(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let focused = cx.ui.pane == Pane::Services;
    let failed = failed(cx.state);
    let note = if failed == 0 { String::new() } else { format!("{failed} failed") };
    let inner = parts::frame(cx, area, &parts::title(Pane::Services), &note, focused, buffer);
    let places = parts(cx.ui, area);
    let services = all(cx.state);
    if cx.ui.list(Pane::Services).opened {
        parts::list(cx, Pane::Services, places.list, services.len(), buffer, |index| {
            let Some(service) = services.get(index) else { return Line::default() };
            let (sign, style) = chrome::sign(cx, service.status);
            line([(format!("{sign} "), style), (service.name.clone(), cx.theme.bold())])
        });
    }
    let place = places.detail.unwrap_or(inner);
    let lines = detail(cx.ui, cx.state, usize::from(place.width));
    // Keep the selected service in sight.
    let is_cursor = |line: &Line<'_>| line.spans.first().is_some_and(|span| span.content == "▸");
    let before = lines.iter().position(is_cursor).unwrap_or(0);
    let scroll = if cx.ui.list(Pane::Services).opened {
        cx.ui.list(Pane::Services).scroll
    } else if lines.len() > usize::from(place.height) {
        before
    } else {
        0
    };
    parts::text(place, &lines, scroll, buffer);
}

pub(crate) fn open_hint(ui: &Ui, state: &StudioState) -> &'static str {
    match (&state.http, ui.list(Pane::Services).index) {
        (HttpState::PortTaken { next_free: Some(_), .. }, 1) => "take the free port",
        _ => "log",
    }
}

pub(crate) fn disabled(ui: &Ui, state: &StudioState, action: Action) -> Option<String> {
    let services = all(state);
    let service = services.get(ui.list(Pane::Services).index)?;
    match action {
        Action::ServiceRestart => match service.name.as_str() {
            "postgres" => None,
            "http" if matches!(state.http, HttpState::PortTaken { .. }) => None,
            "http" => Some("the API is listening".to_owned()),
            name if reads_again(name) => state.build.running.then(|| "a build is under way".to_owned()),
            other => Some(format!("{other} starts with the studio")),
        },
        Action::ServiceFresh if question(state).is_none() => {
            Some("the data folder fits the server".to_owned())
        }
        Action::Space | Action::Fold | Action::Unfold => Some("nothing to pause or fold here".to_owned()),
        Action::CopySql => Some("a service has no SQL".to_owned()),
        Action::CopyPath if !matches!(state.http, HttpState::Listening { .. }) => {
            Some("HTTP has no address yet".to_owned())
        }
        _ => None,
    }
}

pub(crate) fn run(ui: &mut Ui, state: &StudioState, action: Action) -> Vec<Effect> {
    let services = all(state);
    let Some(service) = services.get(ui.list(Pane::Services).index) else { return Vec::new() };
    match action {
        Action::Open => {
            if let HttpState::PortTaken { next_free: Some(free), .. } = &state.http
                && service.name == "http"
            {
                return vec![Effect::Send(Command::TakePort(*free))];
            }
            let list = ui.focused();
            list.opened = !list.opened;
            list.scroll = if list.opened { usize::MAX / 2 } else { 0 };
        }
        Action::ServiceFresh => {
            let Some(question) = question(state) else { return Vec::new() };
            // The last option keeps the most: data is moved where a server of its version is at hand.
            let last = question.options.len().saturating_sub(1);
            let option = question.options.get(last).map_or("yes", String::as_str);
            let text = format!("{}: {option}?", question.question);
            ui.confirm(&text, Command::Answer(question.id, studio_events::Choice::Option(last)));
        }
        Action::ServiceDatabase => ui.ask(crate::prompt::Purpose::Database, String::new()),
        Action::ServiceRestart => {
            let command = match service.name.as_str() {
                "http" => Command::RetryPort,
                // Components and sources are read again with a build.
                name if reads_again(name) => Command::Rebuild,
                _ => Command::RestartDatabase,
            };
            return vec![Effect::Send(command)];
        }
        Action::CopyItem => {
            let text = format!("{}\n{}", service.name, service.lines.join("\n"));
            return vec![Effect::Copy { what: "the service".to_owned(), text }];
        }
        Action::CopyJson => {
            let value = serde_json::json!({ "name": service.name, "lines": service.lines });
            return vec![Effect::Copy { what: "JSON".to_owned(), text: value.to_string() }];
        }
        Action::CopyPath => {
            if let HttpState::Listening { url, graphql_path, .. } = &state.http {
                let text = format!("{url}{graphql_path}");
                return vec![Effect::Copy { what: "the address".to_owned(), text }];
            }
        }
        _ => {}
    }
    Vec::new()
}
