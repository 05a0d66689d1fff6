//! Entering and leaving the full screen, in every way a session can end.

use std::cell::Cell;
use std::io::{self, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;

/// Name of the thread that draws.
pub(crate) const THREAD: &str = "terminal";

/// The terminal is in raw mode because of us.
static ACTIVE: AtomicBool = AtomicBool::new(false);
/// The same until everything is given back: what others print before that would be lost with the full screen.
static HELD: AtomicBool = AtomicBool::new(false);
/// A frame is being written. Whoever else gives the terminal back lets it end first: its rest would land on the
/// ordinary screen.
static DRAWING: AtomicBool = AtomicBool::new(false);
/// Longest wait for that; a terminal may be gone.
const FRAME_LIMIT: Duration = Duration::from_secs(1);

thread_local! {
    /// This thread is the one that writes it.
    static DRAWS: Cell<bool> = const { Cell::new(false) };
}

/// Says that a frame is being written, also when that panics.
struct Drawing;

impl Drawing {
    fn begin() -> Self {
        DRAWS.set(true);
        DRAWING.store(true, Ordering::SeqCst);
        Self
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        DRAWING.store(false, Ordering::SeqCst);
        DRAWS.set(false);
    }
}

/// Panics of other threads while the screen is ours; printing them would tear it.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Clicks and the wheel, never motion, so that Shift-drag keeps selecting text.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// The full screen. Dropping it gives the terminal back.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) terminal: Terminal<CrosstermBackend<Stdout>>,
    mouse: bool,
}

impl Screen {
    /// Takes the terminal.
    pub(crate) fn enter(mouse: bool) -> io::Result<Self> {
        install_panic_hook();
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        let mut screen = Self { terminal, mouse };
        screen.resume()?;
        Ok(screen)
    }

    /// Takes the terminal again, after [`restore`] or after somebody else used it.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        HELD.store(true, Ordering::SeqCst);
        ACTIVE.store(true, Ordering::SeqCst);
        // A shell may have changed the modes behind our back; asking for raw mode twice would do nothing.
        let _ = disable_raw_mode();
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, Hide, EnableBracketedPaste)?;
        self.set_mouse(self.mouse)?;
        self.clear()
    }

    /// Draws a frame. The terminal shows it as a whole where it knows synchronized updates; others ignore the marks.
    pub(crate) fn draw(&mut self, frame: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        let _drawing = Drawing::begin();
        if !is_active() {
            return Ok(());
        }
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(frame).map(|_| ());
        let ended = execute!(self.terminal.backend_mut(), EndSynchronizedUpdate);
        drawn.and(ended)
    }

    /// Empties the screen, so that the next frame draws every cell. `Terminal::clear` would ask the terminal where
    /// the cursor is and fail when nothing answers.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::new(0, 0, size.width, size.height))
    }

    /// Shows the ordinary screen but keeps reading single keys.
    pub(crate) fn show_log(&mut self) -> io::Result<()> {
        write_raw(MOUSE_OFF)?;
        execute!(io::stdout(), LeaveAlternateScreen, Show)
    }

    /// Takes or leaves the mouse.
    pub(crate) fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        write_raw(if on { MOUSE_ON } else { MOUSE_OFF })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Writes an escape sequence or text as it is.
pub(crate) fn write_raw(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Gives the terminal back: main screen, cursor, cooked mode. Does nothing when it is not ours; safe to call from
/// anywhere, any number of times.
pub fn restore() {
    if !ACTIVE.swap(false, Ordering::SeqCst) {
        return;
    }
    let end = Instant::now() + FRAME_LIMIT;
    while DRAWING.load(Ordering::SeqCst) && !DRAWS.get() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    // Nothing can be done about a terminal that is gone.
    let _ = write_raw(MOUSE_OFF);
    let _ = execute!(io::stdout(), EndSynchronizedUpdate, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    HELD.store(false, Ordering::SeqCst);
}

/// Whether the terminal is not yet as it was before the panes.
pub fn has_terminal() -> bool {
    HELD.load(Ordering::SeqCst)
}

/// Whether the screen is ours.
pub(crate) fn is_active() -> bool {
    ACTIVE.load(Ordering::SeqCst)
}

/// Panic messages of other threads since the last call.
pub(crate) fn take_panics() -> Vec<String> {
    std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A panic that ends the session restores the terminal before its message is printed; one of a request, which the
/// server survives, is kept and shown inside the panes.
fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let ends = matches!(thread.name(), Some("main" | THREAD));
            if ACTIVE.load(Ordering::SeqCst) && !ends {
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
                return;
            }
            restore();
            previous(panic);
        }));
    });
}
