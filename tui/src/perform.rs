//! Does what `update` asked for, except what needs the whole screen (see `run`).

use std::path::{Path, PathBuf};
use std::process::Stdio;

use studio_events::{HttpState, Persona, StudioState, TraceId};

use crate::clipboard;
use crate::config::TuiConfig;
use crate::{curl, files, terminal};

/// Copies and says where it went.
pub(crate) fn copy(config: &TuiConfig, what: &str, text: &str) -> String {
    let copied = clipboard::copy(what, text, config.tmux, &std::env::temp_dir());
    match terminal::write_raw(&copied.sequence) {
        Ok(()) if config.tmux || text.len() > clipboard::MAX_BYTES => copied.report,
        Ok(()) => match clipboard::Desktop::here(config.ssh).offer(text) {
            Some(program) => format!("{} and {program}", copied.report),
            None => copied.report,
        },
        Err(error) => format!("could not copy {what}: {error}"),
    }
}

/// The root of the project.
pub(crate) fn root(state: &StudioState) -> PathBuf {
    PathBuf::from(&state.project.root)
}

/// Opens an address, or copies it where no browser can be started.
pub(crate) fn browse(config: &TuiConfig, url: &str) -> String {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let screen =
        ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"].iter().any(|name| std::env::var_os(name).is_some());
    let possible = !config.ssh && (screen || cfg!(target_os = "macos"));
    if possible {
        let program = std::env::var("BROWSER")
            .ok()
            .filter(|program| !program.is_empty() && !program.contains([' ', ':']));
        let program = program.as_deref().unwrap_or(opener);
        let mut command = tokio::process::Command::new(program);
        command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.spawn().is_ok() {
            return format!("GraphiQL is at {url}");
        }
    }
    copy(config, "the address", url);
    format!("no browser here: {url} (copied)")
}

/// Copies a request as a curl line, with a fresh token of its caller or of the active persona.
pub(crate) fn curl(config: &TuiConfig, state: &StudioState, id: TraceId) -> String {
    let Some(trace) = state.traces.iter().rev().find(|trace| trace.id == id) else {
        return "this request is no longer kept".to_owned();
    };
    let HttpState::Listening { url, graphql_path, .. } = &state.http else {
        return "HTTP is not up".to_owned();
    };
    let named = |name: &str| state.personas.iter().find(|persona| persona.name == name);
    let persona: Option<&Persona> = named(&trace.caller).or_else(|| state.persona.as_deref().and_then(named));
    let signed = match (&config.token, persona) {
        (Some(signer), Some(persona)) => Some((signer.0)(persona)),
        _ => None,
    };
    let (token, note) = match signed {
        Some(Ok(token)) => (Some(token), persona.map(|it| format!(" as {}", it.name)).unwrap_or_default()),
        Some(Err(error)) => (None, format!(" without a token: {error}")),
        None => (None, String::new()),
    };
    let text = curl::line(&format!("{url}{graphql_path}"), trace, token.as_deref());
    copy(config, &format!("curl{note}"), &text)
}

/// Applies a fix and says how it went.
pub(crate) fn fix(state: &StudioState, problem: &studio_events::Problem) -> String {
    files::apply_fix(&root(state), problem).unwrap_or_else(|error| error)
}

/// Writes a latency budget into `exo.toml` and says how it went.
pub(crate) fn budget(state: &StudioState, operation: &str, limit: &str) -> String {
    files::write_budget(&root(state), operation, limit).unwrap_or_else(|error| error)
}

/// Writes a new file and says how it went.
pub(crate) fn write(state: &StudioState, file: &str, text: &str) -> String {
    files::write_new(&root(state), file, text).unwrap_or_else(|error| error)
}

/// A temporary file with a text to look at.
pub(crate) fn scratch(name: &str, text: &str) -> std::io::Result<PathBuf> {
    let folder = std::env::temp_dir();
    let mut last = std::io::Error::other("no name is free");
    for number in 0..100 {
        let path = folder.join(format!("{}-{number}-{name}", std::process::id()));
        match files::create_private(&path, text) {
            Ok(()) => return Ok(path),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A file of the project or an absolute one, as a path that can be opened.
pub(crate) fn openable(state: &StudioState, file: &str) -> PathBuf {
    let path = Path::new(file);
    if path.is_absolute() { path.to_owned() } else { root(state).join(path) }
}
