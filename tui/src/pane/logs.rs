//! Logs: filtered lines, newest last.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{LogLevel, LogLine, StudioState, Timestamp};

use crate::action::{Action, Pane};
use crate::effect::Effect;
use crate::pane::{Parts, passes};
use crate::text::{left, line, plural, put};
use crate::theme::Theme;
use crate::ui::Ui;
use crate::view::Cx;
use crate::view::parts;

type Entry = (Timestamp, Arc<LogLine>);

/// Lines that pass, with their number since the start.
fn visible<'a>(ui: &Ui, state: &'a StudioState) -> Vec<(u64, &'a Entry)> {
    let filter = &ui.list(Pane::Logs).filter;
    let first = state.logs.pushed().saturating_sub(u64::try_from(state.logs.len()).unwrap_or(0));
    (first..)
        .zip(state.logs.iter())
        .filter(|(_, (_, entry))| entry.level <= ui.logs.level)
        .filter(|(_, (_, entry))| ui.logs.source.as_ref().is_none_or(|source| entry.source == *source))
        .filter(|(_, (_, entry))| {
            let trace = entry.trace.map(|id| id.to_string()).unwrap_or_default();
            filter.is_empty() || passes(filter, &format!("{} {trace} {}", entry.source, entry.text))
        })
        .collect()
}

pub(crate) fn rows(ui: &Ui, state: &StudioState) -> Vec<u64> {
    visible(ui, state).into_iter().map(|(number, _)| number).collect()
}

/// The line the cursor is on.
fn selected<'a>(ui: &Ui, state: &'a StudioState) -> Option<&'a LogLine> {
    visible(ui, state).get(ui.list(Pane::Logs).index).map(|(_, (_, entry))| entry.as_ref())
}

/// Whether Enter goes somewhere.
pub(crate) fn leads_to_a_request(ui: &Ui, state: &StudioState) -> bool {
    selected(ui, state).is_some_and(|entry| entry.trace.is_some())
}

pub(crate) fn parts(area: Rect) -> Parts {
    let inner = parts::inside(area);
    let hint = u16::from(inner.height > 4);
    Parts { list: Rect { height: inner.height - hint, ..inner }, detail: None }
}

fn level(theme: Theme, level: LogLevel) -> (&'static str, Style) {
    match level {
        LogLevel::Error => ("✗ error", theme.error()),
        LogLevel::Warn => ("▲ warn ", theme.warning()),
        LogLevel::Info => ("  info ", Style::new()),
        LogLevel::Debug => ("  debug", theme.dim()),
    }
}

fn word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "errors only",
        LogLevel::Warn => "warnings and errors",
        LogLevel::Info => "info and above",
        LogLevel::Debug => "all levels",
    }
}

pub(crate) fn draw(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let focused = cx.ui.pane == Pane::Logs;
    let list = cx.ui.list(Pane::Logs);
    let found = visible(cx.ui, cx.state);
    let mut note = cx.ui.logs.source.clone().unwrap_or_else(|| "all sources".to_owned());
    note = format!("{note} · {}", word(cx.ui.logs.level));
    if !list.filter.is_empty() {
        note = format!("/{} · {note}", list.filter);
    }
    let inner = parts::frame(cx, area, &parts::title(Pane::Logs), &note, focused, buffer);
    let places = parts(area);
    if found.is_empty() {
        let text = if cx.state.logs.is_empty() {
            " Builds, migrations, Postgres and HTTP report here."
        } else {
            " No line passes: s source, + more levels, Esc filter."
        };
        put(buffer, inner, 0, &line([(text.to_owned(), cx.theme.dim())]));
    }
    parts::list(cx, Pane::Logs, places.list, found.len(), buffer, |index| {
        let Some((_, (at, entry))) = found.get(index) else { return Line::default() };
        let (sign, style) = level(cx.theme, entry.level);
        line([
            (format!("{}  ", cx.ui.clock(*at)), cx.theme.dim()),
            (format!("{sign}  "), style),
            (
                format!("{} ", left(entry.source.strip_prefix("hook ").unwrap_or(&entry.source), 9)),
                cx.theme.bold(),
            ),
            (entry.trace.map(|id| format!("{id} ")).unwrap_or_default(), cx.theme.accent()),
            (entry.text.clone(), Style::new()),
        ])
    });
    if places.list.height < inner.height {
        let follow = if list.follow { "following ● (Space pauses)" } else { "paused (Space follows)" };
        let text = format!(" {follow}   {} dropped   {}", cx.state.logs_lost, plural(found.len(), "line"));
        put(buffer, inner, inner.height - 1, &line([(text, cx.theme.dim())]));
    }
}

pub(crate) fn disabled(ui: &Ui, state: &StudioState, action: Action) -> Option<String> {
    let empty = visible(ui, state).is_empty();
    match action {
        Action::LogEdit if !ui.has_editor => Some("set $EDITOR to open files".to_owned()),
        Action::LogEdit | Action::CopyItem | Action::CopyJson if empty => Some("there is no line".to_owned()),
        Action::CopySql => Some("a log line has no SQL".to_owned()),
        Action::CopyPath => Some("a log line has no path".to_owned()),
        Action::Fold | Action::Unfold => Some("nothing to fold here".to_owned()),
        Action::Open => match selected(ui, state).and_then(|entry| entry.trace) {
            None => Some("this line is of no request".to_owned()),
            Some(id) if state.traces.iter().all(|trace| trace.id != id) => {
                Some("its request is no longer kept".to_owned())
            }
            Some(_) => None,
        },
        Action::LogMore if ui.logs.level == LogLevel::Debug => Some("all levels are shown".to_owned()),
        Action::LogLess if ui.logs.level == LogLevel::Error => Some("only errors are shown".to_owned()),
        _ => None,
    }
}

pub(crate) fn run(ui: &mut Ui, state: &StudioState, action: Action) -> Vec<Effect> {
    match action {
        Action::Space => {
            let list = &mut ui.panes[Pane::Logs.index()];
            list.follow = !list.follow;
        }
        Action::LogSource => next_source(ui, state),
        Action::Open => {
            if let Some(id) = selected(ui, state).and_then(|entry| entry.trace) {
                crate::pane::traces::show(ui, id);
            }
        }
        Action::LogMore => {
            ui.logs.level = match ui.logs.level {
                LogLevel::Error => LogLevel::Warn,
                LogLevel::Warn => LogLevel::Info,
                LogLevel::Info | LogLevel::Debug => LogLevel::Debug,
            };
        }
        Action::LogLess => {
            ui.logs.level = match ui.logs.level {
                LogLevel::Debug => LogLevel::Info,
                LogLevel::Info => LogLevel::Warn,
                LogLevel::Warn | LogLevel::Error => LogLevel::Error,
            };
        }
        Action::LogEdit => {
            let text = whole(ui, state);
            return vec![Effect::EditText { name: "exo-studio.log".to_owned(), text }];
        }
        Action::CopyItem => {
            if let Some((_, (_, entry))) = visible(ui, state).get(ui.list(Pane::Logs).index) {
                return vec![Effect::Copy { what: "the line".to_owned(), text: entry.text.clone() }];
            }
        }
        Action::CopyJson => {
            if let Some((_, (_, entry))) = visible(ui, state).get(ui.list(Pane::Logs).index) {
                let text = serde_json::to_string(entry.as_ref()).unwrap_or_default();
                return vec![Effect::Copy { what: "JSON".to_owned(), text }];
            }
        }
        _ => {}
    }
    Vec::new()
}

fn next_source(ui: &mut Ui, state: &StudioState) {
    let mut sources: Vec<&str> = state.logs.iter().map(|(_, entry)| entry.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    ui.logs.source = match &ui.logs.source {
        None => sources.first().map(|source| (*source).to_owned()),
        Some(current) => {
            let at = sources.iter().position(|source| source == current);
            at.and_then(|at| sources.get(at + 1)).map(|source| (*source).to_owned())
        }
    };
}

/// All lines that pass, as text.
fn whole(ui: &Ui, state: &StudioState) -> String {
    let mut text = String::new();
    for (_, (at, entry)) in visible(ui, state) {
        let (sign, _) = level(ui.theme, entry.level);
        text.push_str(&format!("{} {} {} {}\n", ui.clock(*at), sign.trim(), entry.source, entry.text));
    }
    text
}
