//! Copying through the terminal: OSC 52, wrapped for tmux; on this machine also to the clipboard program of the
//! desktop, as not every terminal takes OSC 52; what is too large goes to a file.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// More than this many bytes many terminals refuse.
pub(crate) const MAX_BYTES: usize = 74_000;

/// The escape sequence that puts `text` into the clipboard of the terminal.
pub(crate) fn sequence(text: &str, tmux: bool) -> String {
    let plain = format!("\x1b]52;c;{}\x07", STANDARD.encode(text));
    if tmux { format!("\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b")) } else { plain }
}

/// What shall be sent to the terminal, and what is said about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) sequence: String,
    pub(crate) report: String,
}

/// Copies `text`; a large one is written to a file in `folder` and its path is copied instead.
pub(crate) fn copy(what: &str, text: &str, tmux: bool, folder: &Path) -> Copied {
    let count = text.chars().count();
    if text.len() <= MAX_BYTES {
        let via = if tmux { "terminal clipboard through tmux" } else { "terminal clipboard" };
        let report = format!("copied {count} characters of {what} ({via})");
        return Copied { sequence: sequence(text, tmux), report };
    }
    match write_file(folder, text) {
        Ok(path) => {
            let path = path.display().to_string();
            let report = format!("{count} characters of {what} are in {path} (path copied)");
            Copied { sequence: sequence(&path, tmux), report }
        }
        Err(error) => Copied { sequence: String::new(), report: format!("could not copy {what}: {error}") },
    }
}

/// Where a desktop may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Desktop {
    pub(crate) wayland: bool,
    pub(crate) x11: bool,
    pub(crate) mac: bool,
}

impl Desktop {
    /// The one of this session; none in a remote one, whose desktop is elsewhere.
    pub(crate) fn here(ssh: bool) -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if ssh {
            return Self::default();
        }
        Self { wayland: is_set("WAYLAND_DISPLAY"), x11: is_set("DISPLAY"), mac: cfg!(target_os = "macos") }
    }

    /// Programs that fill its clipboard from standard input, the likeliest first.
    fn programs(self) -> Vec<(&'static str, &'static [&'static str])> {
        let mut programs: Vec<(&str, &[&str])> = Vec::new();
        if self.mac {
            programs.push(("pbcopy", &[]));
        }
        if self.wayland {
            programs.push(("wl-copy", &[]));
        }
        if self.x11 {
            programs.push(("xclip", &["-selection", "clipboard"]));
            programs.push(("xsel", &["--clipboard", "--input"]));
        }
        programs
    }

    /// Gives a text to the first program that can be started; its name. Waits for nothing.
    pub(crate) fn offer(self, text: &str) -> Option<&'static str> {
        use std::process::{Command, Stdio};
        for (program, arguments) in self.programs() {
            let started = Command::new(program)
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let Ok(mut child) = started else { continue };
            let text = text.to_owned();
            std::thread::spawn(move || {
                if let Some(mut input) = child.stdin.take() {
                    // A program that does not read cannot be helped; the terminal has the text, too.
                    let _ = std::io::Write::write_all(&mut input, text.as_bytes());
                }
                let _ = child.wait();
            });
            return Some(program);
        }
        None
    }
}

fn write_file(folder: &Path, text: &str) -> std::io::Result<PathBuf> {
    for number in 0..1000 {
        let path = folder.join(format!("exo-studio-copy-{}-{number}.txt", std::process::id()));
        match crate::files::create_private(&path, text) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            other => return other.map(|()| path),
        }
    }
    Err(std::io::Error::other("too many copies in the temporary folder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_wrapped_for_tmux() {
        assert_eq!(sequence("hi", false), "\x1b]52;c;aGk=\x07");
        assert_eq!(sequence("hi", true), "\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\");
    }

    #[test]
    fn programs_fit_the_desktop_and_a_remote_session_has_none() {
        let names = |desktop: Desktop| desktop.programs().iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(names(Desktop { wayland: true, x11: true, mac: false }), ["wl-copy", "xclip", "xsel"]);
        assert_eq!(names(Desktop { mac: true, ..Desktop::default() }), ["pbcopy"]);
        assert_eq!(Desktop::here(true), Desktop::default());
        assert_eq!(Desktop::default().offer("text"), None);
    }

    #[test]
    fn large_texts_go_to_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let text = "x".repeat(MAX_BYTES + 1);
        let copied = copy("SQL", &text, false, folder.path());
        assert!(copied.report.contains("74001 characters of SQL are in"), "{}", copied.report);
        let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        assert_eq!(copied.sequence, sequence(&file.display().to_string(), false));
        assert_eq!(
            copy("SQL", "a", false, folder.path()).report,
            "copied 1 characters of SQL (terminal clipboard)"
        );
    }
}
