//! Copying through the terminal: OSC 52, wrapped for tmux; what is too large goes to a file.

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
