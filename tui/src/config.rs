//! What the caller decides about the terminal: colour, glyphs, mouse, editor, key map. Reads the environment
//! only in [`TuiConfig::from_env`].

use std::path::PathBuf;
use std::sync::Arc;

use studio_events::Persona;

use crate::recording::Recorded;

/// How much colour the terminal gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorLevel {
    /// No colour code at all (`NO_COLOR`); signs, words and bold carry every state.
    None,
    /// The 16 terminal colours on the default background, readable on light and dark.
    #[default]
    Ansi,
    /// 24-bit colours (`COLORTERM`), of a brightness that reads on dark and on light.
    TrueColor,
}

/// Signs a fresh token for the claims of a persona. Runs in an effect, never while drawing; the token stays out
/// of the event stream.
#[derive(Clone)]
pub struct TokenSigner(pub Arc<Sign>);

/// From a persona to its token, or why there is none.
pub type Sign = dyn Fn(&Persona) -> Result<String, String> + Send + Sync;

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSigner")
    }
}

/// Takes what is recorded. Called while input is handled, so it must not wait.
#[derive(Clone)]
pub struct Recorder(pub Arc<Record>);

/// Keeps one line of a recording.
pub type Record = dyn Fn(Recorded) + Send + Sync;

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

/// The long explanation of a problem code; `None` for a code it does not know.
pub type Explain = fn(&str) -> Option<String>;

/// Settings of the terminal.
#[derive(Debug, Clone, Default)]
pub struct TuiConfig {
    /// Use ASCII twins of all signs and lines.
    pub ascii: bool,
    /// Colours.
    pub color: ColorLevel,
    /// The background is light: bold would turn colours into bright ones that cannot be read on it.
    pub light: bool,
    /// Take mouse clicks and the wheel.
    pub mouse: bool,
    /// Editor command, with arguments; `None` says how to set one.
    pub editor: Option<String>,
    /// File that rebinds actions by name.
    pub keymap: Option<PathBuf>,
    /// Offset of local time from UTC in seconds.
    pub utc_offset: i32,
    /// Copying goes through tmux.
    pub tmux: bool,
    /// The session is remote: no browser can be opened here.
    pub ssh: bool,
    /// Show the first-run card at the start.
    pub first_run: bool,
    /// Signs tokens for copied `curl` lines; without it they carry no token.
    pub token: Option<TokenSigner>,
    /// Keeps what is typed; without it nothing is recorded.
    pub recorder: Option<Recorder>,
    /// Explains problem codes; without it the help of a problem is all there is.
    pub explain: Option<Explain>,
    /// The studio runs in another process and is looked at only.
    pub viewer: bool,
}

impl TuiConfig {
    /// Settings from the environment: `NO_COLOR`, `COLORTERM`, `TERM`, locale, `VISUAL` and `EDITOR`, `TMUX`, `SSH_*`.
    pub fn from_env() -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = var("LC_ALL").or_else(|| var("LC_CTYPE")).or_else(|| var("LANG")).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let no_color = var("NO_COLOR").is_some() || var("TERM").is_some_and(|term| term == "dumb");
        Self {
            ascii: !utf8,
            color: color_level(no_color, &var),
            light: var("COLORFGBG").is_some_and(|colors| is_light(&colors)),
            mouse: true,
            editor: var("VISUAL").or_else(|| var("EDITOR")),
            keymap: own_keymap(),
            utc_offset: local_offset(),
            tmux: var("TMUX").is_some(),
            ssh: var("SSH_CONNECTION").is_some() || var("SSH_TTY").is_some(),
            first_run: false,
            token: None,
            recorder: None,
            explain: None,
            viewer: false,
        }
    }
}

/// How many colours there are. GNU screen passes `COLORTERM` on without knowing what it means.
fn color_level(no_color: bool, var: &dyn Fn(&str) -> Option<String>) -> ColorLevel {
    let many = var("COLORTERM").is_some_and(|it| matches!(it.as_str(), "truecolor" | "24bit"));
    let screen = var("TERM").is_some_and(|term| term.starts_with("screen")) && var("TMUX").is_none();
    match (no_color, many && !screen) {
        (true, _) => ColorLevel::None,
        (false, true) => ColorLevel::TrueColor,
        (false, false) => ColorLevel::Ansi,
    }
}

/// The key map file of the user, if there is one: `exo-studio/keys` in the folder for configuration.
fn own_keymap() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let configuration = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(configuration.join("exo-studio").join("keys")).filter(|path| path.is_file())
}

/// What terminals say of their colours: `0;15` is black on white.
fn is_light(colors: &str) -> bool {
    let background = colors.rsplit(';').next().and_then(|number| number.parse::<u8>().ok());
    background.is_some_and(|number| number == 7 || (9..=15).contains(&number))
}

/// Offset of local time from UTC in seconds, as `date` knows it; 0 when it cannot be asked.
fn local_offset() -> i32 {
    let Ok(output) = std::process::Command::new("date").arg("+%z").output() else { return 0 };
    parse_offset(String::from_utf8_lossy(&output.stdout).trim()).unwrap_or(0)
}

fn parse_offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let hours: i32 = digits.get(0..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..4)?.parse().ok()?;
    Some(sign * (hours * 3600 + minutes * 60))
}

/// How the terminal was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// `q` or Ctrl-c.
    Quit,
    /// A signal, by number.
    Signal(i32),
}

/// Why the terminal could not be run.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// Reading or writing the terminal failed.
    #[error("use the terminal: {0}")]
    Io(#[from] std::io::Error),
    /// The key map file could not be read.
    #[error("read the key map {path}: {source}")]
    Keymap {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_backgrounds_are_told() {
        assert!(is_light("0;15") && is_light("0;default;7"));
        assert!(!is_light("15;0") && !is_light("7;8") && !is_light("default;default") && !is_light(""));
    }

    #[test]
    fn colours_are_as_many_as_the_terminal_says() {
        let level = |no_color, set: &[(&str, &str)]| {
            let found =
                |name: &str| set.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned());
            color_level(no_color, &found)
        };
        assert_eq!(level(false, &[]), ColorLevel::Ansi);
        assert_eq!(level(false, &[("COLORTERM", "24bit")]), ColorLevel::TrueColor);
        assert_eq!(level(false, &[("COLORTERM", "yes")]), ColorLevel::Ansi);
        assert_eq!(level(true, &[("COLORTERM", "truecolor")]), ColorLevel::None);
        let screen = [("COLORTERM", "truecolor"), ("TERM", "screen-256color")];
        assert_eq!(level(false, &screen), ColorLevel::Ansi);
        assert_eq!(level(false, &[screen[0], screen[1], ("TMUX", "/tmp/tmux,1,0")]), ColorLevel::TrueColor);
    }

    #[test]
    fn offsets_of_date_are_read() {
        assert_eq!(parse_offset("+0000"), Some(0));
        assert_eq!(parse_offset("+0530"), Some(19_800));
        assert_eq!(parse_offset("-0800"), Some(-28_800));
        assert_eq!(parse_offset("UTC"), None);
    }
}
