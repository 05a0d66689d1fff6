//! A session as a file: one JSON object per line, facts of the engine and what was typed, in order. Played again it
//! gives the same frames.

use std::sync::Arc;

use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde::{Deserialize, Serialize};
use studio_events::{StudioEvent, StudioState, Timestamp};

use crate::action::Key;
use crate::config::TuiConfig;
use crate::text;
use crate::ui::Ui;
use crate::update::Msg;
use crate::view;

/// Facts that come faster than this share a frame, as they do on a terminal.
const FRAME: u64 = 33_000;

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Recorded {
    /// A fact.
    Event(Arc<StudioEvent>),
    /// Something the user did, or what came of it.
    Input {
        /// When.
        at: Timestamp,
        /// What.
        input: RecordedInput,
    },
}

/// What the user did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordedInput {
    /// A key, as key map files write it.
    Key(String),
    /// Text that was pasted.
    Paste(String),
    /// A click, column and row.
    Click(u16, u16),
    /// The wheel, lines down (negative: up), column and row.
    Wheel(i8, u16, u16),
    /// The terminal has this size now, columns and rows.
    Size(u16, u16),
    /// What was said about something done.
    Report(String),
}

impl RecordedInput {
    /// What is kept of a message of the terminal. With `secret`, letters are kept as `*`.
    pub(crate) fn of(event: &Event, secret: bool) -> Vec<Self> {
        match event {
            Event::Key(key) if key.kind != crossterm::event::KeyEventKind::Release => {
                let keys = Key::from_event(*key).into_iter();
                keys.map(|key| Self::Key(if secret { key.masked() } else { key }.to_string())).collect()
            }
            Event::Paste(text) if secret => vec![Self::Paste("*".repeat(text.chars().count()))],
            Event::Paste(text) => vec![Self::Paste(text.clone())],
            Event::Resize(width, height) => vec![Self::Size(*width, *height)],
            Event::Mouse(mouse) => match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => vec![Self::Click(mouse.column, mouse.row)],
                MouseEventKind::ScrollDown => vec![Self::Wheel(1, mouse.column, mouse.row)],
                MouseEventKind::ScrollUp => vec![Self::Wheel(-1, mouse.column, mouse.row)],
                _ => Vec::new(),
            },
            Event::Key(_) | Event::FocusGained | Event::FocusLost => Vec::new(),
        }
    }

    /// The message again; `None` for a key this version does not know.
    fn message(&self) -> Option<Msg> {
        let mouse = |kind, column, row| {
            Msg::Input(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
        };
        Some(match self {
            Self::Key(key) => Msg::Input(Event::Key(Key::parse(key)?.to_event())),
            Self::Paste(text) => Msg::Input(Event::Paste(text.clone())),
            Self::Click(column, row) => mouse(MouseEventKind::Down(MouseButton::Left), *column, *row),
            Self::Wheel(by, column, row) if *by < 0 => mouse(MouseEventKind::ScrollUp, *column, *row),
            Self::Wheel(_, column, row) => mouse(MouseEventKind::ScrollDown, *column, *row),
            Self::Size(width, height) => Msg::Input(Event::Resize(*width, *height)),
            Self::Report(text) => Msg::Report(text.clone()),
        })
    }
}

/// Why a recording cannot be played.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is no event of a recording: {source}")]
pub struct RecordingError {
    /// 1-based.
    pub line: usize,
    /// What is wrong with it.
    pub source: serde_json::Error,
}

/// Reads a recording. A last line that was cut off, as a crash leaves it, is dropped.
///
/// # Errors
/// [`RecordingError`] for any other line that cannot be read.
pub fn read(text: &str) -> Result<Vec<Recorded>, RecordingError> {
    let whole = text.ends_with('\n');
    let lines: Vec<&str> = text.lines().collect();
    let mut recorded = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(line) {
            Ok(line) => recorded.push(line),
            Err(_) if at + 1 == lines.len() && !whole => {}
            Err(source) => return Err(RecordingError { line: at + 1, source }),
        }
    }
    Ok(recorded)
}

/// One frame of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFrame {
    /// When it was drawn.
    pub at: Timestamp,
    /// Its rows, without spaces at their ends.
    pub text: String,
}

/// All frames of a recording that differ from the one before, drawn at this size until the recording says another
/// one. A pure function: the same recording gives the same frames.
pub fn frames(recording: &[Recorded], config: &TuiConfig, size: (u16, u16)) -> Vec<RecordedFrame> {
    let start = recording.iter().map(Recorded::at).next().unwrap_or_default();
    let mut state = StudioState::default();
    let mut ui = Ui::new(config, size.0, size.1, start);
    let mut out: Vec<RecordedFrame> = Vec::new();
    let mut buffer = Buffer::default();
    let mut drawn = start;
    for (index, line) in recording.iter().enumerate() {
        let at = line.at();
        let draws = match line {
            Recorded::Event(event) => {
                state.apply(event);
                // A later fact of the same moment is drawn with it.
                let next = recording.get(index + 1);
                let follows =
                    matches!(next, Some(Recorded::Event(next)) if next.at.0 < drawn.0.saturating_add(FRAME));
                if !follows {
                    // Effects are what happened then; nothing happens now.
                    let _ = ui.update(Msg::Data, at, &state);
                }
                !follows
            }
            Recorded::Input { input, .. } => {
                if let Some(message) = input.message() {
                    let _ = ui.update(message, at, &state);
                }
                true
            }
        };
        if !draws {
            continue;
        }
        drawn = at;
        let area = Rect::new(0, 0, ui.screen.width, ui.screen.height);
        buffer.resize(area);
        buffer.reset();
        view::draw(&ui, &state, area, &mut buffer);
        ui.drawn(at);
        let text = text::rows(&buffer).join("\n");
        if out.last().is_none_or(|last| last.text != text) {
            out.push(RecordedFrame { at, text });
        }
    }
    out
}

impl Recorded {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Event(event) => event.at,
            Self::Input { at, .. } => *at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyEvent};

    #[test]
    fn inputs_survive_the_file() {
        let key = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
        let events = [
            key(KeyCode::Char('x'), KeyModifiers::NONE),
            key(KeyCode::Char('d'), KeyModifiers::CONTROL),
            key(KeyCode::Backspace, KeyModifiers::NONE),
            key(KeyCode::F(5), KeyModifiers::NONE),
            Event::Paste("a b".to_owned()),
            Event::Resize(80, 24),
        ];
        for event in events {
            for input in RecordedInput::of(&event, false) {
                let line = Recorded::Input { at: Timestamp(3), input };
                let text = serde_json::to_string(&line).unwrap();
                let again: Recorded = serde_json::from_str(&text).unwrap();
                assert_eq!(again, line, "{text}");
                let Recorded::Input { input, .. } = again else { panic!("{text}") };
                let Some(Msg::Input(back)) = input.message() else { panic!("{text}") };
                assert_eq!(back, event);
            }
        }
    }

    #[test]
    fn what_is_typed_into_a_secret_field_is_not_kept() {
        let typed = Event::Key(KeyEvent::new(KeyCode::Char('s'), KeyModifiers::NONE));
        assert_eq!(RecordedInput::of(&typed, true), [RecordedInput::Key("*".to_owned())]);
        let pasted = Event::Paste("secret".to_owned());
        assert_eq!(RecordedInput::of(&pasted, true), [RecordedInput::Paste("******".to_owned())]);
        let enter = Event::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
        assert_eq!(RecordedInput::of(&enter, true), [RecordedInput::Key("Enter".to_owned())]);
    }

    #[test]
    fn a_line_that_was_cut_off_is_dropped_and_others_are_errors() {
        let good = r#"{"seq":1,"at":5,"kind":"Idle"}"#;
        assert_eq!(read(&format!("{good}\n{{\"seq\":2,")).unwrap().len(), 1);
        let error = read(&format!("nonsense\n{good}\n")).unwrap_err();
        assert!(error.to_string().starts_with("line 1 is no event"), "{error}");
    }
}
