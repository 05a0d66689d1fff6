//! One key press, how it is written in tables and files, and how it is shown.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// One key press. Shift is part of the character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) code: KeyCode,
    pub(crate) ctrl: bool,
}

impl Key {
    pub(crate) fn plain(code: KeyCode) -> Self {
        Self { code, ctrl: false }
    }

    /// The keys of a terminal event. Alt is how a terminal tells an Escape that another key follows closely, as it
    /// does on slow connections; we bind no Alt keys and take it for those two.
    pub(crate) fn from_event(event: KeyEvent) -> Vec<Self> {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let code = match event.code {
            KeyCode::Char(c) if ctrl => KeyCode::Char(c.to_ascii_lowercase()),
            KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            code => code,
        };
        let key = Self { code, ctrl };
        if event.modifiers.contains(KeyModifiers::ALT) {
            vec![Self::plain(KeyCode::Esc), key]
        } else {
            vec![key]
        }
    }

    /// The terminal event of a key.
    pub(crate) fn to_event(self) -> KeyEvent {
        let modifiers = match self.code {
            _ if self.ctrl => KeyModifiers::CONTROL,
            KeyCode::BackTab => KeyModifiers::SHIFT,
            _ => KeyModifiers::NONE,
        };
        KeyEvent::new(self.code, modifiers)
    }

    /// The same key, with a letter replaced by one that says nothing.
    pub(crate) fn masked(self) -> Self {
        match self.code {
            KeyCode::Char(_) if !self.ctrl => Self::plain(KeyCode::Char('*')),
            _ => self,
        }
    }

    /// Reads one key as written in tables: `q`, `Ctrl-d`, `Space`, `S-Tab`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("Ctrl-") {
            let mut chars = rest.chars();
            let (c, None) = (chars.next()?, chars.next()) else { return None };
            return Some(Self { code: KeyCode::Char(c), ctrl: true });
        }
        let code = match text {
            "Tab" => KeyCode::Tab,
            "S-Tab" => KeyCode::BackTab,
            "Enter" => KeyCode::Enter,
            "Esc" => KeyCode::Esc,
            "Space" => KeyCode::Char(' '),
            "Backspace" => KeyCode::Backspace,
            "Delete" => KeyCode::Delete,
            "Insert" => KeyCode::Insert,
            "Up" => KeyCode::Up,
            "Down" => KeyCode::Down,
            "Left" => KeyCode::Left,
            "Right" => KeyCode::Right,
            "PageUp" => KeyCode::PageUp,
            "PageDown" => KeyCode::PageDown,
            "Home" => KeyCode::Home,
            "End" => KeyCode::End,
            one => {
                let number = one.strip_prefix('F').and_then(|number| number.parse().ok());
                if let Some(number @ 1..=24) = number {
                    return Some(Self::plain(KeyCode::F(number)));
                }
                let mut chars = one.chars();
                let (c, None) = (chars.next()?, chars.next()) else { return None };
                KeyCode::Char(c)
            }
        };
        Some(Self::plain(code))
    }

    /// Reads a sequence: words are single keys, a word of several letters such as `gg` is typed one by one.
    pub(crate) fn parse_sequence(text: &str) -> Option<Vec<Self>> {
        match Self::parse(text) {
            Some(key) => Some(vec![key]),
            None if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                text.chars().map(|c| Some(Self::plain(KeyCode::Char(c)))).collect()
            }
            None => None,
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.ctrl {
            f.write_str("Ctrl-")?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::BackTab => f.write_str("S-Tab"),
            KeyCode::F(n) => write!(f, "F{n}"),
            code => write!(f, "{code:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_shown_as_they_are_written() {
        let keys = [
            "q",
            "Ctrl-d",
            "Space",
            "S-Tab",
            "Enter",
            "Esc",
            "F1",
            "F12",
            "F",
            "PageUp",
            "*",
            "]",
            "?",
            "Backspace",
        ];
        for text in keys {
            let key = Key::parse(text).unwrap();
            assert_eq!(key.to_string(), text);
            assert_eq!(Key::from_event(key.to_event()), [key]);
        }
        assert_eq!(Key::parse_sequence("gg").unwrap().len(), 2);
        assert_eq!(Key::parse_sequence("nonsense"), None);
        assert_eq!(Key::parse("Ctrl-xx"), None);
    }
}
