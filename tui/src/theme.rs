//! Signs and styles. State is always sign + word; colour only repeats it.

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
            ColorLevel::TrueColor => style.fg(self.shade(color)),
        }
    }

    /// The 24-bit shade of one of the 16 colours. Where the background is not known to be light, a shade of middle
    /// brightness, which reads on both.
    fn shade(self, color: Color) -> Color {
        let (middle, deep) = match color {
            Color::Red => ((229, 72, 77), (176, 32, 37)),
            Color::Yellow => ((176, 128, 16), (133, 88, 0)),
            Color::Green => ((47, 158, 68), (22, 112, 45)),
            Color::Cyan => ((20, 146, 165), (0, 100, 116)),
            Color::Blue => ((74, 127, 224), (28, 84, 186)),
            Color::Magenta => ((176, 95, 208), (128, 48, 160)),
            other => return other,
        };
        let (red, green, blue) = if self.light { deep } else { middle };
        Color::Rgb(red, green, blue)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as the web's accessibility rules define it.
    fn luminance(color: Color) -> f64 {
        let Color::Rgb(red, green, blue) = color else { panic!("{color:?} has no shade") };
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    #[test]
    fn shades_read_on_their_backgrounds() {
        let theme = |light| Theme { ascii: false, color: ColorLevel::TrueColor, light };
        let colors = [Color::Red, Color::Yellow, Color::Green, Color::Cyan, Color::Blue, Color::Magenta];
        for color in colors {
            let middle = luminance(theme(false).shade(color));
            let (on_black, on_white) = ((middle + 0.05) / 0.05, 1.05 / (middle + 0.05));
            assert!(on_black > 4.5 && on_white > 3.0, "{color:?}: {on_black:.1} {on_white:.1}");
            let deep = luminance(theme(true).shade(color));
            assert!(1.05 / (deep + 0.05) > 4.5, "{color:?} on white");
        }
    }
}
