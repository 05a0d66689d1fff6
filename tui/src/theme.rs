//! Signs and styles. State is always sign + word; colour only repeats it. Nothing here is a fixed RGB colour.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use crate::config::ColorLevel;

/// Signs and styles of one session.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Theme {
    /// Use ASCII twins.
    pub ascii: bool,
    /// How much colour.
    pub color: ColorLevel,
    /// The background is light.
    pub light: bool,
}

impl Theme {
    fn colored(self, color: Color, modifier: Modifier) -> Style {
        let style = Style::new().add_modifier(modifier);
        match self.color {
            ColorLevel::None => style,
            // Many terminals brighten a colour that is bold; bright yellow and cyan vanish on white.
            ColorLevel::Ansi if self.light => Style::new().fg(color),
            ColorLevel::Ansi => style.fg(color),
        }
    }

    /// Errors.
    pub(crate) fn error(self) -> Style {
        self.colored(Color::Red, Modifier::BOLD)
    }

    /// Warnings.
    pub(crate) fn warning(self) -> Style {
        self.colored(Color::Yellow, Modifier::BOLD)
    }

    /// Things that run well.
    pub(crate) fn good(self) -> Style {
        self.colored(Color::Green, Modifier::empty())
    }

    /// The focused frame, keys, the cursor.
    pub(crate) fn accent(self) -> Style {
        self.colored(Color::Cyan, Modifier::BOLD)
    }

    /// Frames and secondary text.
    pub(crate) fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Emphasis without meaning.
    pub(crate) fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Key words of a language.
    pub(crate) fn keyword(self) -> Style {
        self.colored(Color::Blue, Modifier::BOLD)
    }

    /// Literals.
    pub(crate) fn literal(self) -> Style {
        self.colored(Color::Green, Modifier::empty())
    }

    /// Parameters.
    pub(crate) fn param(self) -> Style {
        self.colored(Color::Magenta, Modifier::BOLD)
    }

    /// A match of the search.
    pub(crate) fn found(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// How many pending things there are, as `±3`.
    pub(crate) fn pending(self) -> &'static str {
        if self.ascii { "+-" } else { "±" }
    }

    /// The Enter key in running text.
    pub(crate) fn enter(self) -> &'static str {
        if self.ascii { "Enter" } else { "⏎" }
    }

    /// A sign that turns while work is under way, ten steps a second.
    pub(crate) fn spinner(self, now: studio_events::Timestamp) -> &'static str {
        let signs = if self.ascii { ["|", "/", "-", "\\"] } else { ["◐", "◓", "◑", "◒"] };
        let step = usize::try_from(now.0 / 100_000 % 4).unwrap_or(0);
        signs.get(step).copied().unwrap_or_default()
    }

    /// Replaces every cell that is not ASCII by its twin. Runs after all drawing, so nothing can be forgotten.
    pub(crate) fn finish(self, buffer: &mut Buffer) {
        if !self.ascii {
            return;
        }
        for cell in &mut buffer.content {
            let Some(first) = cell.symbol().chars().next() else { continue };
            if !first.is_ascii() {
                cell.set_char(ascii_twin(first));
            }
        }
    }
}

/// One ASCII character for one sign.
pub(crate) fn ascii_twin(sign: char) -> char {
    match sign {
        '✗' | '×' => 'x',
        '▲' => '!',
        '●' | '•' => '*',
        '○' => 'o',
        '±' => '+',
        '✓' => 'v',
        '▸' | '→' | '›' => '>',
        '▾' => 'v',
        '└' | '┌' | '┐' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => '+',
        '─' | '–' | '—' => '-',
        '│' => '|',
        '…' => '~',
        '·' => '.',
        '█' | '▇' | '▉' => '#',
        '▆' | '▊' => '%',
        '▅' | '▋' => '*',
        '▄' | '▌' => '+',
        '▃' | '▍' => '=',
        '▂' | '▎' => '-',
        '▁' => '_',
        '▏' => '|',
        '↓' => 'v',
        '↑' => '^',
        '←' => '<',
        _ => '?',
    }
}
