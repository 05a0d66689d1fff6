//! The session: one thread that reads keys, signals and states, and draws. Requests never wait for it.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossterm::event::{Event, MouseEventKind};
use rustix::process::Signal;
use studio_events::{Command, StudioEvent, StudioState, Timestamp};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::config::{Exit, TuiConfig, TuiError};
use crate::effect::Effect;
use crate::input::Input;
use crate::mailbox::{Lines, Looked, Mailbox};
use crate::recording::{Recorded, RecordedInput};
use crate::terminal::{self, Screen, write_raw};
use crate::ui::Ui;
use crate::update::Msg;
use crate::{editor, perform, plain, view};

/// A frame comes at the earliest this long after the last one when a key caused it …
const AFTER_KEY: Duration = Duration::from_millis(8);
/// … and this long when data did.
const AFTER_DATA: Duration = Duration::from_millis(33);
/// Facts kept for the plain log.
const LOG_TEXTS: usize = 2000;
/// Lines printed when the session ends.
const LAST_LINES: usize = 20;
/// Turns of a wheel closer than this are one: touch pads send hundreds.
const WHEEL: Duration = Duration::from_millis(20);

type States = watch::Receiver<Arc<StudioState>>;
type Events = broadcast::Receiver<Arc<StudioEvent>>;
type Commands = mpsc::UnboundedSender<Command>;

/// Runs the panes until the user leaves or a signal arrives, and gives the terminal back in every case. Draws on a
/// thread of its own: a slow terminal holds up nobody else.
///
/// # Errors
/// When the terminal cannot be used or the key map file cannot be read.
///
/// Dropping the future ends the session and gives the terminal back.
pub async fn run(
    states: States,
    events: Events,
    commands: Commands,
    config: TuiConfig,
) -> Result<Exit, TuiError> {
    let (done, result) = oneshot::channel();
    let (mailbox, lines, _feeders) = Mailbox::start(states, events);
    // Dropped with this future, which the session notices.
    let (_wanted, dropped) = oneshot::channel();
    std::thread::Builder::new().name(terminal::THREAD.to_owned()).spawn(move || {
        let outcome = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(TuiError::from)
            .and_then(|runtime| runtime.block_on(session(mailbox, lines, commands, config, dropped)));
        // The caller is gone when nobody waits any more.
        let _ = done.send(outcome);
    })?;
    result.await.unwrap_or_else(|_| {
        terminal::restore();
        Err(TuiError::Io(std::io::Error::other("the drawing thread panicked")))
    })
}

async fn session(
    mailbox: Mailbox,
    lines: Lines,
    commands: Commands,
    config: TuiConfig,
    dropped: oneshot::Receiver<()>,
) -> Result<Exit, TuiError> {
    let keymap = match &config.keymap {
        None => None,
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => Some((path.display().to_string(), text)),
            Err(source) => return Err(TuiError::Keymap { path: path.clone(), source }),
        },
    };
    let screen = Screen::enter(config.mouse)?;
    let size = screen.terminal.size()?;
    let mut ui = Ui::new(&config, size.width, size.height, now());
    if let Some((file, text)) = keymap {
        ui.rebind(&file, &text);
    }
    let mut session = Session {
        config,
        commands,
        screen,
        input: Input::start()?,
        ui,
        state: Arc::default(),
        mailbox,
        lines,
        log: PlainLog::default(),
        pace: Pace::new(),
        wheel: Instant::now(),
        exit: None,
        suspended: false,
        held: Vec::new(),
    };
    session.record(RecordedInput::Size(size.width, size.height));
    session.look();
    session.tell(Msg::Data);
    let exit = session.turn(dropped).await?;
    let last = session.log.last(LAST_LINES);
    let addresses = plain::addresses(&session.state);
    drop(session);
    let mut out = std::io::stdout();
    for line in last.iter().chain(&addresses) {
        writeln!(out, "{line}")?;
    }
    for panic in terminal::take_panics() {
        writeln!(out, "internal error: {panic}")?;
    }
    Ok(exit)
}

struct Session {
    config: TuiConfig,
    commands: Commands,
    screen: Screen,
    input: Input,
    ui: Ui,
    state: Arc<StudioState>,
    mailbox: Mailbox,
    lines: Lines,
    log: PlainLog,
    pace: Pace,
    /// The last turn of the wheel that counted.
    wheel: Instant,
    exit: Option<Exit>,
    /// Stopped; the shell has the terminal.
    suspended: bool,
    /// What was typed before we took the terminal again.
    held: Vec<Event>,
}

/// When the next frame is due.
#[derive(Debug)]
struct Pace {
    last: Instant,
    due: Option<Instant>,
}

impl Pace {
    fn new() -> Self {
        let now = Instant::now();
        Self { last: now.checked_sub(AFTER_DATA).unwrap_or(now), due: Some(now) }
    }

    /// Asks for a frame `after` the last one, or earlier when one is already due earlier.
    fn ask(&mut self, after: Duration) {
        let at = self.last + after;
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    fn drawn(&mut self) {
        self.last = Instant::now();
        self.due = None;
    }
}

impl Session {
    async fn turn(&mut self, mut dropped: oneshot::Receiver<()>) -> Result<Exit, TuiError> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut stop = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
        let mut resumed = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
        let mut lines_open = true;
        loop {
            if let Some(exit) = self.exit {
                return Ok(exit);
            }
            let due = self.pace.due;
            let wait = tokio::time::Instant::from_std(due.unwrap_or_else(Instant::now));
            tokio::select! { biased;
                input = self.input.next() => match input {
                    Some(Ok(event)) => self.on_input(event).await?,
                    Some(Err(error)) => return Err(error.into()),
                    None => return Ok(Exit::Signal(Signal::HUP.as_raw())),
                },
                _ = terminate.recv() => return Ok(Exit::Signal(Signal::TERM.as_raw())),
                _ = hangup.recv() => return Ok(Exit::Signal(Signal::HUP.as_raw())),
                _ = interrupt.recv() => return Ok(Exit::Quit),
                _ = &mut dropped => return Ok(Exit::Quit),
                _ = stop.recv() => self.suspend()?,
                _ = resumed.recv() => {
                    self.retake()?;
                    for event in std::mem::take(&mut self.held) {
                        self.on_input(event).await?;
                    }
                }
                () = tokio::time::sleep_until(wait), if due.is_some() => self.draw()?,
                () = self.mailbox.fresh() => self.pace.ask(AFTER_DATA),
                line = self.lines.recv(), if lines_open => match line {
                    Some(line) => self.log_lines(line)?,
                    None => lines_open = false,
                },
            }
        }
    }

    /// Takes the newest state, if one is there. Looks again with the next frame when somebody is writing it.
    fn look(&mut self) {
        match self.mailbox.look() {
            Looked::Fresh(state) => self.state = state,
            Looked::Same => {}
            Looked::Busy => self.pace.ask(AFTER_DATA),
        }
    }

    fn record(&self, input: RecordedInput) {
        if let Some(recorder) = &self.config.recorder {
            (recorder.0)(Recorded::Input { at: now(), input });
        }
    }

    /// Tells the terminal's own state something; its wishes that need nothing but us are done at once.
    fn tell(&mut self, msg: Msg) {
        // Wishes come from input only; see `on_input`.
        let _ = self.ui.update(msg, now(), &self.state);
    }

    async fn on_input(&mut self, event: Event) -> Result<(), TuiError> {
        if self.suspended {
            // Typed between the shell's `fg` and the signal that tells us of it.
            self.held.push(event);
            return Ok(());
        }
        if self.log.open {
            return self.on_log_key(&event);
        }
        if matches!(&event, Event::Mouse(mouse) if is_wheel(mouse.kind)) {
            if self.wheel.elapsed() < WHEEL {
                return Ok(());
            }
            self.wheel = Instant::now();
        }
        // The state is the one that was drawn: a key is about what its user saw, not about what came in since.
        if self.config.recorder.is_some() {
            for input in RecordedInput::of(&event, self.ui.types_a_secret()) {
                self.record(input);
            }
        }
        let effects = self.ui.update(Msg::Input(event), now(), &self.state);
        for effect in effects {
            self.perform(effect).await?;
        }
        self.pace.ask(AFTER_KEY);
        Ok(())
    }

    async fn perform(&mut self, effect: Effect) -> Result<(), TuiError> {
        let state = Arc::clone(&self.state);
        let report = match effect {
            Effect::Send(command) => match self.commands.send(command) {
                Ok(()) => return Ok(()),
                Err(_) => "the engine has stopped".to_owned(),
            },
            Effect::Copy { what, text } => perform::copy(&self.config, &what, &text),
            Effect::Edit { file, line, column } => {
                let path = perform::openable(&state, &file);
                self.edit(&path, line, column).await?
            }
            Effect::EditText { name, text } => match perform::scratch(&name, &text) {
                Ok(path) => {
                    let report = self.edit(&path, 1, 1).await?;
                    // Only a copy for looking at.
                    let _ = std::fs::remove_file(&path);
                    report
                }
                Err(error) => format!("could not write {name}: {error}"),
            },
            Effect::Fix(problem) => perform::fix(&state, &problem),
            Effect::Budget { operation, limit } => perform::budget(&state, &operation, &limit),
            Effect::Write { file, text } => perform::write(&state, &file, &text),
            Effect::Browse(url) => perform::browse(&self.config, &url),
            Effect::Curl(trace) => perform::curl(&self.config, &state, trace),
            Effect::PlainLog => return self.open_log(),
            Effect::Mouse { on } => return Ok(self.screen.set_mouse(on)?),
            Effect::Redraw => return Ok(self.screen.clear()?),
            Effect::Suspend => return self.suspend(),
            Effect::Quit => {
                self.exit = Some(Exit::Quit);
                return Ok(());
            }
        };
        if !report.is_empty() {
            self.record(RecordedInput::Report(report.clone()));
            self.tell(Msg::Report(report));
        }
        Ok(())
    }

    /// Gives the terminal to the editor until it ends.
    async fn edit(&mut self, file: &std::path::Path, line: u32, column: u32) -> Result<String, TuiError> {
        let Some((program, arguments)) =
            self.config.editor.as_deref().and_then(|editor| editor::command(editor, file, line, column))
        else {
            return Ok(format!("set $EDITOR to open {}:{line}", file.display()));
        };
        self.input.pause().await;
        terminal::restore();
        let ended = tokio::process::Command::new(&program).args(&arguments).status().await;
        self.input.resume();
        self.retake()?;
        Ok(match ended {
            Ok(status) if status.success() => String::new(),
            Ok(status) => format!("{program} ended with {status}"),
            Err(error) => format!("could not start {program}: {error}"),
        })
    }

    /// Stops the whole process group, as Ctrl-z does in a program that leaves it to the terminal.
    fn suspend(&mut self) -> Result<(), TuiError> {
        // Without a shell above us nobody could wake us up again.
        let alone = rustix::process::getsid(None).is_ok_and(|session| session == rustix::process::getpgrp());
        if alone {
            self.tell(Msg::Report("there is no shell to go back to".to_owned()));
            self.pace.ask(AFTER_KEY);
            return Ok(());
        }
        terminal::restore();
        // This thread may run on for a moment; the terminal is taken again when the continue signal arrives.
        self.suspended = true;
        rustix::process::kill_current_process_group(Signal::STOP).map_err(std::io::Error::from)?;
        Ok(())
    }

    /// Takes the terminal again and draws everything.
    fn retake(&mut self) -> Result<(), TuiError> {
        self.suspended = false;
        if self.log.open {
            return Ok(());
        }
        self.screen.resume()?;
        self.pace.ask(Duration::ZERO);
        Ok(())
    }

    fn draw(&mut self) -> Result<(), TuiError> {
        self.pace.drawn();
        if self.log.open || self.suspended || !terminal::is_active() {
            return Ok(());
        }
        for panic in terminal::take_panics() {
            let text = panic.lines().collect::<Vec<_>>().join(" ");
            self.log.push(format!("internal error: {text}"));
            self.tell(Msg::Report(format!("internal error, see L: {text}")));
        }
        let size = self.screen.terminal.size()?;
        self.look();
        self.tell(Msg::Tick);
        if (size.width, size.height) != (self.ui.screen.width, self.ui.screen.height) {
            self.tell(Msg::Input(Event::Resize(size.width, size.height)));
        }
        let (ui, state) = (&self.ui, &self.state);
        self.screen.draw(|frame| view(ui, state, frame))?;
        self.ui.drawn(now());
        if let Some(tick) = self.ui.next_tick(&self.state) {
            self.pace.due = Some(self.pace.last + Duration::from_micros(tick.0));
        }
        Ok(())
    }

    /// Takes a line and those that wait behind it.
    fn log_lines(&mut self, first: String) -> Result<(), TuiError> {
        self.log.push(first);
        while let Ok(line) = self.lines.try_recv() {
            self.log.push(line);
        }
        Ok(self.log.print()?)
    }

    fn open_log(&mut self) -> Result<(), TuiError> {
        self.screen.show_log()?;
        self.log.open = true;
        self.log.print()?;
        let key = crate::action::info(crate::Action::PlainLog).keys;
        write_raw(&format!("--- {key} back to the panes, q quits ---\r\n"))?;
        Ok(())
    }

    fn on_log_key(&mut self, event: &Event) -> Result<(), TuiError> {
        use crossterm::event::{KeyCode, KeyEventKind, KeyModifiers};
        let Event::Key(key) = event else { return Ok(()) };
        if key.kind == KeyEventKind::Release {
            return Ok(());
        }
        let ctrl_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('q') => self.exit = Some(Exit::Quit),
            _ if ctrl_c => self.exit = Some(Exit::Quit),
            KeyCode::Char('L') | KeyCode::Esc => {
                self.log.open = false;
                self.retake()?;
            }
            KeyCode::Enter => write_raw("\r\n")?,
            _ => {}
        }
        Ok(())
    }
}

fn is_wheel(kind: MouseEventKind) -> bool {
    matches!(kind, MouseEventKind::ScrollDown | MouseEventKind::ScrollUp)
}

/// The texts of all facts, bounded.
#[derive(Debug, Default)]
struct PlainLog {
    texts: VecDeque<String>,
    /// Texts ever taken, and how many of them were printed.
    taken: usize,
    printed: usize,
    open: bool,
}

impl PlainLog {
    fn push(&mut self, text: String) {
        self.texts.push_back(text);
        self.taken += 1;
        if self.texts.len() > LOG_TEXTS {
            self.texts.pop_front();
        }
    }

    /// Texts not printed yet, and the number of those that are no longer kept.
    fn fresh(&mut self) -> (usize, Vec<String>) {
        let wanted = self.taken - self.printed;
        let lost = wanted.saturating_sub(self.texts.len());
        let skip = self.texts.len() - (wanted - lost);
        self.printed = self.taken;
        (lost, self.texts.iter().skip(skip).cloned().collect())
    }

    fn print(&mut self) -> std::io::Result<()> {
        if !self.open {
            return Ok(());
        }
        let (lost, texts) = self.fresh();
        let mut out = String::new();
        if lost > 0 {
            out.push_str(&format!("… {lost} earlier facts\r\n"));
        }
        for line in texts.iter().flat_map(|text| text.lines()) {
            out.push_str(line);
            out.push_str("\r\n");
        }
        write_raw(&out)
    }

    /// The newest whole texts that take at most `lines` lines; at least one.
    fn last(&self, lines: usize) -> Vec<String> {
        let mut used = 0;
        let fits = |text: &&String| {
            used += text.lines().count();
            used <= lines || used == text.lines().count()
        };
        let mut texts: Vec<String> = self.texts.iter().rev().take_while(fits).cloned().collect();
        texts.reverse();
        texts
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_log_shows_missed_lines_first_and_new_ones_on_the_next_visit() {
        let mut log = PlainLog::default();
        for number in 0..LOG_TEXTS + 5 {
            log.push(format!("fact {number}"));
        }
        let (lost, texts) = log.fresh();
        assert_eq!((lost, texts.len(), texts[0].as_str()), (5, LOG_TEXTS, "fact 5"));
        assert_eq!(log.fresh(), (0, Vec::new()));
        log.push("two\nlines".to_owned());
        assert_eq!(log.fresh(), (0, vec!["two\nlines".to_owned()]));
        assert_eq!(log.last(3), ["fact 2004", "two\nlines"]);
        assert_eq!(log.last(1), ["two\nlines"]);
        assert_eq!(PlainLog::default().last(5), Vec::<String>::new());
    }

    #[test]
    fn keys_bring_the_frame_forward_and_data_does_not_push_it_back() {
        let mut pace = Pace::new();
        pace.drawn();
        assert_eq!(pace.due, None);
        pace.ask(AFTER_DATA);
        assert_eq!(pace.due, Some(pace.last + AFTER_DATA));
        pace.ask(AFTER_KEY);
        assert_eq!(pace.due, Some(pace.last + AFTER_KEY));
        pace.ask(AFTER_DATA);
        assert_eq!(pace.due, Some(pace.last + AFTER_KEY));
    }
}
