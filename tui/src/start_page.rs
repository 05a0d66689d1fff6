//! The page before the panes when another studio runs the project already: look at it, or stop it and take over.

use std::time::{SystemTime, UNIX_EPOCH};

use crossterm::event::{Event, KeyCode};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use rustix::process::Signal;
use studio_events::{StudioState, Timestamp};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::action::Key;
use crate::config::{Exit, TuiConfig, TuiError};
use crate::input::Input;
use crate::terminal::{self, Screen};
use crate::text::{line, put, wrap};
use crate::ui::Ui;
use crate::view::layout::Tier;
use crate::view::{Cx, parts};

/// The other studio.
#[derive(Debug, Clone)]
pub struct OtherStudio {
    /// Name of the project.
    pub project: String,
    /// Its process.
    pub process: u32,
}

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Look at it, changing nothing.
    Look,
    /// Stop it and start here.
    Stop,
    /// Neither.
    Leave(Exit),
}

/// Asks on the whole screen.
///
/// # Errors
/// When the terminal cannot be used.
pub async fn ask_about(other: OtherStudio, config: TuiConfig) -> Result<Wish, TuiError> {
    let (done, result) = oneshot::channel();
    // The name tells the panic hook that the screen is given back first.
    std::thread::Builder::new().name(terminal::THREAD.to_owned()).spawn(move || {
        let outcome = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(TuiError::from)
            .and_then(|runtime| runtime.block_on(page(&other, &config)));
        // The caller is gone when nobody waits any more.
        let _ = done.send(outcome);
    })?;
    result.await.unwrap_or_else(|_| {
        terminal::restore();
        Err(TuiError::Io(std::io::Error::other("the drawing thread panicked")))
    })
}

async fn page(other: &OtherStudio, config: &TuiConfig) -> Result<Wish, TuiError> {
    let mut screen = Screen::enter(false)?;
    let mut input = Input::start()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut page = Page { other, sure: false };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
    let wish = loop {
        screen.draw(|frame| {
            let area = frame.area();
            let ui = Ui::new(config, area.width, area.height, now);
            page.draw(&ui, area, frame.buffer_mut());
        })?;
        tokio::select! { biased;
            event = input.next() => match event {
                Some(Ok(Event::Key(key))) if key.kind != crossterm::event::KeyEventKind::Release => {
                    let wish = Key::from_event(key).into_iter().find_map(|key| page.key(key));
                    if let Some(wish) = wish {
                        break wish;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => break Wish::Leave(Exit::Signal(Signal::HUP.as_raw())),
            },
            _ = terminate.recv() => break Wish::Leave(Exit::Signal(Signal::TERM.as_raw())),
            _ = hangup.recv() => break Wish::Leave(Exit::Signal(Signal::HUP.as_raw())),
            _ = interrupt.recv() => break Wish::Leave(Exit::Quit),
        }
    };
    // What is typed from here on is for the panes.
    input.pause().await;
    Ok(wish)
}

/// What is shown.
#[derive(Debug)]
struct Page<'a> {
    other: &'a OtherStudio,
    /// It is asked whether the other one is really to be stopped.
    sure: bool,
}

impl Page<'_> {
    fn key(&mut self, key: Key) -> Option<Wish> {
        match key.code {
            KeyCode::Char('c') if key.ctrl => return Some(Wish::Leave(Exit::Quit)),
            KeyCode::Char('y') | KeyCode::Enter if self.sure => return Some(Wish::Stop),
            KeyCode::Char('n') | KeyCode::Esc if self.sure => self.sure = false,
            KeyCode::Char('q') => return Some(Wish::Leave(Exit::Quit)),
            KeyCode::Char('a') => return Some(Wish::Look),
            KeyCode::Char('s') => self.sure = true,
            _ => {}
        }
        None
    }

    fn draw(&self, ui: &Ui, area: Rect, buffer: &mut Buffer) {
        let state = StudioState::default();
        let cx = Cx { ui, state: &state, theme: ui.theme, tier: Tier::of(area) };
        let width = area.width.min(74);
        let columns = usize::from(width).saturating_sub(4).max(8);
        let process = self.other.process;
        let mut lines = wrap(&format!("Another exo-studio (process {process}) runs this project."), columns)
            .into_iter()
            .map(|text| line([(text, Style::new())]))
            .collect::<Vec<_>>();
        lines.push(ratatui::text::Line::default());
        let keys = if self.sure {
            vec![("y", format!("yes, stop process {process}; its data is kept")), ("n", "no".to_owned())]
        } else {
            vec![
                ("a", "attach: look at it here, changing nothing".to_owned()),
                ("s", "stop it and start here".to_owned()),
                ("q", "leave".to_owned()),
            ]
        };
        for (key, text) in keys {
            lines.push(line([(format!("{key}  "), cx.theme.accent()), (text, Style::new())]));
        }
        let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2).min(area.height);
        let place = Rect {
            x: area.x + (area.width - width) / 2,
            y: area.y + (area.height - height) / 3,
            width,
            height,
        };
        if height < 4 || width < 20 {
            // No room for a box: the keys alone.
            let text = if self.sure { "y stop it  n no" } else { "runs already: a look  s stop it  q leave" };
            put(buffer, area, 0, &line([(text.to_owned(), Style::new())]));
        } else {
            let title = if self.sure { "Sure?" } else { &self.other.project };
            let inner = parts::frame(cx, place, title, "runs already", true, buffer);
            let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(1), ..inner };
            for (row, text) in (0..inner.height).zip(&lines) {
                put(buffer, inner, row, text);
            }
        }
        ui.theme.finish(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(page: &mut Page<'_>, code: KeyCode) -> Option<Wish> {
        page.key(Key::plain(code))
    }

    #[test]
    fn stopping_the_other_one_takes_two_keys_and_escape_goes_one_step_back() {
        let other = OtherStudio { project: "todo".to_owned(), process: 4711 };
        let mut page = Page { other: &other, sure: false };
        assert_eq!(press(&mut page, KeyCode::Char('y')), None);
        assert_eq!(press(&mut page, KeyCode::Char('s')), None);
        assert_eq!(press(&mut page, KeyCode::Esc), None);
        assert_eq!(press(&mut page, KeyCode::Char('a')), Some(Wish::Look));
        assert_eq!(press(&mut page, KeyCode::Char('s')), None);
        assert_eq!(press(&mut page, KeyCode::Char('y')), Some(Wish::Stop));
    }

    #[test]
    fn it_says_what_to_do_at_every_size() {
        let other = OtherStudio { project: "todo".to_owned(), process: 4711 };
        for sure in [false, true] {
            for height in 1..40 {
                for width in (1..130).step_by(3) {
                    let area = Rect::new(0, 0, width, height);
                    let mut buffer = Buffer::empty(area);
                    let ui = Ui::new(&TuiConfig::default(), width, height, Timestamp(0));
                    Page { other: &other, sure }.draw(&ui, area, &mut buffer);
                    let text = crate::text::rows(&buffer).join("\n");
                    if width >= 60 && height >= 8 {
                        let words = if sure { "stop process 4711" } else { "stop it and start here" };
                        assert!(text.contains(words), "{width}×{height}\n{text}");
                    }
                }
            }
        }
    }
}
