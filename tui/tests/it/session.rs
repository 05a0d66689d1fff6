//! Whole sessions in a pseudo terminal: what the user's terminal looks like during and after them.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use studio_events::{EventKind, LogLevel, LogLine, StudioEvent, Timestamp};
use studio_tui::TuiConfig;
use tokio::sync::{broadcast, mpsc, watch};

use crate::fixture;
use crate::screen::Screen;

/// Name of the sample state for the child; its absence marks an ordinary test run.
const STATE: &str = "STUDIO_TUI_TEST_STATE";

/// Makes the child publish requests without pause.
const FLOOD: &str = "STUDIO_TUI_TEST_FLOOD";

/// Makes the child give the session up when the tests are to run (`T`).
const GIVE_UP: &str = "STUDIO_TUI_TEST_GIVE_UP";

/// Longest wait for anything; a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// The child of the tests below: the same binary, on a pseudo terminal.
#[test]
#[ignore = "runs as the child of the session tests"]
fn child() {
    let name = std::env::var(STATE).expect("set by the parent");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let exit = runtime.block_on(async {
        let mut state = fixture::state(&name);
        let (publish, states) = watch::channel(Arc::new(state.clone()));
        let (stream, events) = broadcast::channel(64);
        let (commands, mut orders) = mpsc::unbounded_channel();
        if std::env::var_os(FLOOD).is_some() {
            tokio::spawn(flood(state.clone(), publish.clone(), stream.clone()));
        }
        let (give_up, given_up) = tokio::sync::oneshot::channel::<()>();
        let mut give_up = std::env::var_os(GIVE_UP).map(|_| give_up);
        tokio::spawn(async move {
            while let Some(order) = orders.recv().await {
                if matches!(order, studio_events::Command::RunTests(_))
                    && let Some(give_up) = give_up.take()
                {
                    let _ = give_up.send(());
                    continue;
                }
                if order == studio_events::Command::ResetLatency {
                    // Stands for a fault of the drawing thread itself.
                    let faulty = std::thread::Builder::new().name("terminal".to_owned());
                    let _ = faulty.spawn(|| panic!("drawing went wrong")).unwrap().join();
                    std::process::exit(7);
                }
                // Two orders stand for what may go wrong elsewhere.
                if order == studio_events::Command::Rebuild {
                    let _ = tokio::spawn(async { panic!("a request went wrong") }).await;
                }
                let text = format!("got {order:?}");
                let kind = EventKind::Log(LogLine {
                    level: LogLevel::Info,
                    source: "test".into(),
                    text,
                    trace: None,
                });
                let event = StudioEvent { seq: state.seq + 1, at: Timestamp(fixture::NOW), kind };
                state.apply(&event);
                publish.send_replace(Arc::new(state.clone()));
                let _ = stream.send(Arc::new(event));
            }
        });
        let session = studio_tui::run(states, events, commands, TuiConfig::from_env());
        if std::env::var_os(GIVE_UP).is_none() {
            return session.await.unwrap();
        }
        // The engine ends first: the future is dropped. The drawing thread notices and goes.
        let session = tokio::spawn(session);
        let _ = given_up.await;
        session.abort();
        let _ = session.await;
        while studio_tui::has_terminal() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        studio_tui::Exit::Signal(0)
    });
    std::io::stdout().write_all(format!("left by {exit:?}\r\n").as_bytes()).unwrap();
}

/// Ten requests per millisecond, as far as the machine manages: more than anybody can look at.
async fn flood(
    mut state: studio_events::StudioState,
    publish: watch::Sender<Arc<studio_events::StudioState>>,
    stream: broadcast::Sender<Arc<StudioEvent>>,
) {
    let mut number = 0_u32;
    loop {
        for _ in 0..10 {
            number += 1;
            let mut trace = fixture::trace("Flood", studio_events::TraceKind::Query, 900, 1, 1);
            trace.id = studio_events::TraceId(number);
            let kind = EventKind::Request(Arc::new(trace));
            let event = StudioEvent { seq: state.seq + 1, at: Timestamp(fixture::NOW), kind };
            state.apply(&event);
            let _ = stream.send(Arc::new(event));
        }
        let kind = EventKind::Lost { stream: studio_events::Stream::Requests, count: 3 };
        state.apply(&StudioEvent { seq: state.seq + 1, at: Timestamp(fixture::NOW), kind });
        publish.send_replace(Arc::new(state.clone()));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

struct Session {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn std::io::Write + Send>,
    screen: Arc<Mutex<Screen>>,
    raw: Arc<Mutex<Vec<u8>>>,
}

impl Session {
    fn start(state: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["session::child", "--exact", "--ignored", "--nocapture"]);
        Self::spawn(command, state, environment)
    }

    fn spawn(mut command: CommandBuilder, state: &str, environment: &[(&str, &str)]) -> Self {
        let size = PtySize { rows: 36, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let unset =
            ["NO_COLOR", "TMUX", "VISUAL", "EDITOR", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_TTY"];
        for name in unset.into_iter().chain(["SSH_CONNECTION", "LC_ALL", "COLORFGBG", "COLORTERM"]) {
            command.env_remove(name);
        }
        command.env(STATE, state);
        command.env("LANG", "C.UTF-8");
        command.env("TERM", "xterm-256color");
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let screen = Arc::new(Mutex::new(Screen::new((120, 36))));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (of_thread, raw_of_thread) = (Arc::clone(&screen), Arc::clone(&raw));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                of_thread.lock().unwrap().process(&bytes[..count]);
                raw_of_thread.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Self { child, master: pair.master, writer, screen, raw }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().text()
    }

    fn until(&self, what: &str, done: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if done(self.screen.lock().unwrap().now()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("waited in vain: {what}\n{}", self.text());
    }

    /// Waits for the first frame with facts: keys are about what is drawn, and the very first one may be empty.
    fn begins(&self) {
        self.until("the first facts", |screen| {
            let text = screen.contents();
            text.contains("[1 Problems") && text.contains("model r1")
        });
    }

    fn shows(&self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    /// Waits until a frame since the last key had this text: a word that goes away by itself.
    fn showed(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.screen.lock().unwrap().has_seen(text) {
            assert!(Instant::now() < end, "waited in vain: {text}\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn keys(&mut self, keys: &str) {
        self.screen.lock().unwrap().key();
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    fn resize(&self, rows: u16, cols: u16) {
        self.screen.lock().unwrap().resize((cols, rows));
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    fn signal(&self, name: &str) {
        let id = self.child.process_id().unwrap().to_string();
        let status = std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(status.success());
    }

    /// The terminal is as it was before the session.
    fn is_restored(&self) {
        self.until("the ordinary screen", |screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
                && self.is_cooked()
        });
    }

    /// Line editing and echo are on.
    fn is_cooked(&self) -> bool {
        // The master answers for the line discipline of both sides.
        let modes = format!("{:?}", self.master.get_termios().unwrap().local_flags);
        modes.contains("ICANON") && modes.contains("ECHO")
    }

    fn ends(&mut self) -> u32 {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("did not end\n{}", self.text());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A failed test must not leave its child behind.
        let _ = self.child.kill();
    }
}

#[test]
fn a_session_from_the_first_frame_to_the_last() {
    let mut session = Session::start("busy", &[]);
    session.begins();
    assert!(session.screen.lock().unwrap().now().alternate_screen());
    assert!(!session.is_cooked());
    session.keys("3\r");
    session.shows("database 2.49");
    session.resize(24, 80);
    session.until("80 columns", |screen| {
        screen.rows(0, 80).nth(23).is_some_and(|row| row.contains("keys") && row.contains("q quit"))
    });
    session.resize(5, 30);
    session.shows("make the window larger");
    session.resize(36, 120);
    session.shows("SQL 1/1");
    session.keys("\x1b");
    session.keys("p");
    session.shows("Persona");
    session.keys("j\r");
    session.keys("5");
    session.shows("got SetPersona(Some(\"boss\"))");
    session.keys("q");
    session.shows("left by Quit");
    session.is_restored();
    // The last lines and the addresses stay on the ordinary screen.
    session.shows("got SetPersona");
    session.shows("GraphQL   http://localhost:9876/graphql");
    assert_eq!(session.ends(), 0);
}

#[test]
fn signals_give_the_terminal_back() {
    for (name, number) in [("TERM", 15), ("HUP", 1)] {
        let mut session = Session::start("ready", &[]);
        session.begins();
        session.signal(name);
        session.shows(&format!("left by Signal({number})"));
        session.is_restored();
        assert_eq!(session.ends(), 0);
    }
}

#[test]
fn a_dropped_session_gives_the_terminal_back() {
    let mut session = Session::start("ready", &[(GIVE_UP, "1")]);
    session.begins();
    session.keys("T");
    session.shows("left by Signal(0)");
    session.is_restored();
    assert_eq!(session.ends(), 0);
}

#[test]
fn the_plain_log_and_back() {
    let mut session = Session::start("busy", &[]);
    session.begins();
    session.keys("p\r");
    session.keys("L");
    session.shows("back to the panes");
    session.until("the ordinary screen", |screen| !screen.alternate_screen());
    session.shows("got SetPersona");
    session.keys("L");
    session
        .until("the panes", |screen| screen.alternate_screen() && screen.contents().contains("[1 Problems]"));
    session.keys("q");
    session.is_restored();
    assert_eq!(session.ends(), 0);
}

#[test]
fn a_panic_elsewhere_does_not_tear_the_screen() {
    let mut session = Session::start("busy", &[]);
    session.begins();
    session.keys("R");
    session.showed("internal error, see L");
    assert!(session.screen.lock().unwrap().now().alternate_screen());
    session.keys("q");
    session.shows("left by Quit");
    assert_eq!(session.ends(), 0);
}

#[test]
fn without_colour_no_colour_code_is_sent() {
    let mut session = Session::start("broken", &[("NO_COLOR", "1")]);
    session.shows("✗ 2 errors");
    session.keys("3\r7q");
    session.shows("left by Quit");
    assert_eq!(session.ends(), 0);
    let raw = String::from_utf8_lossy(&session.raw.lock().unwrap()).into_owned();
    for code in (30..38).chain(90..98).chain(40..48) {
        assert!(!raw.contains(&format!("\x1b[{code}m")), "colour {code}");
    }
    assert!(!raw.contains("\x1b[38") && !raw.contains("\x1b[48"));
}

/// Frames drawn so far: each is wrapped in marks of a synchronized update.
fn frames(session: &Session) -> usize {
    let raw = session.raw.lock().unwrap();
    raw.windows(8).filter(|bytes| *bytes == b"\x1b[?2026h").count()
}

#[test]
fn an_idle_studio_draws_nothing_and_latency_one_frame_a_second() {
    let mut quiet = Session::start("ready", &[]);
    quiet.shows("[1 Problems]");
    quiet.resize(24, 80);
    let start = Instant::now();
    let mut watched = Session::start("ready", &[]);
    watched.shows("4 Latency");
    // Latency is in sight of this one, so frames come by themselves and tell that time has passed.
    watched.until("frames", |_| frames(&watched) >= 4);
    // One or two frames for the start, one or two for the new size: however slow the machine is, no more.
    assert!(frames(&quiet) <= 5, "{} frames", frames(&quiet));
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
    assert!(frames(&watched) <= seconds + 4, "{} frames in {seconds} s", frames(&watched));
    for session in [&mut quiet, &mut watched] {
        session.keys("q");
        assert_eq!(session.ends(), 0);
    }
}

#[test]
fn a_key_sends_few_bytes() {
    for colors in ["", "truecolor"] {
        a_key_sends_few_bytes_with(colors);
    }
}

fn a_key_sends_few_bytes_with(colors: &str) {
    let mut session = Session::start("busy", &[("COLORTERM", colors)]);
    session.begins();
    session.resize(24, 80);
    session.keys("3");
    session.shows("[3 Traces]");
    session.shows("⏎ full");
    let steps = [
        ("j", "paused ○"),
        ("G", "following ●"),
        ("s", "slowest first"),
        ("ss", "8 kept"),
        ("E", "errors only"),
        ("*", "8 kept"),
        ("/board", "filter Traces: board"),
        ("\x1b", "8 kept"),
        (" ", "following ●"),
        ("Z", "no action on Z here"),
    ];
    for (keys, shown) in steps {
        let before = session.raw.lock().unwrap().len();
        session.keys(keys);
        session.showed(shown);
        let sent = session.raw.lock().unwrap().len() - before;
        assert!(sent < 4096, "{sent} bytes after {keys:?}");
    }
    session.keys("q");
    assert_eq!(session.ends(), 0);
}

#[test]
fn a_flood_of_requests_is_looked_at_without_harm() {
    let mut session = Session::start("ready", &[(FLOOD, "1")]);
    session.begins();
    session.keys("3");
    session.until("requests", |screen| screen.contents().contains("query Flood"));
    session.until("losses", |screen| {
        let text = screen.contents();
        text.contains(" dropped") && !text.contains("   0 dropped")
    });
    for (keys, shown) in [("j", "paused ○"), ("4", "[4 Latency]"), ("5", "[5 Logs]"), ("2", "[2 Schema]")] {
        session.keys(keys);
        session.shows(shown);
    }
    let id = session.child.process_id().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    if let Some(kilobytes) = resident.and_then(|text| text.trim().parse::<u64>().ok()) {
        assert!(kilobytes < 300_000, "{kilobytes} kB");
    }
    session.keys("L");
    session.shows("request   query Flood");
    session.keys("q");
    session.is_restored();
    assert_eq!(session.ends(), 0);
}

#[test]
fn a_fault_of_the_drawing_thread_gives_the_terminal_back_first() {
    let mut session = Session::start("busy", &[]);
    session.begins();
    session.keys("40");
    session.shows("drawing went wrong");
    session.is_restored();
    assert_eq!(session.ends(), 7);
}

#[test]
fn copied_sql_is_the_statement_and_nothing_else_locally_and_over_ssh() {
    use base64::Engine as _;
    for environment in [&[][..], &[("SSH_TTY", "/dev/pts/1")][..]] {
        let mut session = Session::start("busy", environment);
        session.begins();
        session.keys("3ys");
        session.showed("characters of SQL (terminal clipboard)");
        session.keys("q");
        assert_eq!(session.ends(), 0);
        let raw = session.raw.lock().unwrap().clone();
        let raw = String::from_utf8_lossy(&raw).into_owned();
        let coded = raw.split("\x1b]52;c;").nth(1).and_then(|rest| rest.split('\x07').next()).unwrap();
        let text = base64::engine::general_purpose::STANDARD.decode(coded).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), fixture::SQL);
    }
}

#[test]
fn copies_go_through_the_terminal() {
    let mut session = Session::start("busy", &[("TMUX", "/tmp/tmux,1,0")]);
    session.begins();
    session.keys("3ys");
    session.showed("characters of SQL (terminal clipboard through tmux)");
    session.keys("q");
    assert_eq!(session.ends(), 0);
    let raw = session.raw.lock().unwrap().clone();
    let wrapped = b"\x1bPtmux;\x1b\x1b]52;c;";
    assert!(raw.windows(wrapped.len()).any(|bytes| bytes == wrapped));
}

#[test]
fn the_editor_gets_the_terminal_and_gives_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let editor = folder.path().join("editor");
    std::fs::write(&editor, "#!/bin/sh\necho \"editing $1\"\nread line\n").unwrap();
    let status = std::process::Command::new("chmod").arg("755").arg(&editor).status().unwrap();
    assert!(status.success());
    let mut session = Session::start("broken", &[("EDITOR", &editor.display().to_string())]);
    session.shows("[1 Problems ✗2]");
    session.keys("e");
    session.shows("editing /home/anna/todo/src/index.exo");
    assert!(session.is_cooked());
    session.keys("done\r");
    session
        .until("the panes", |screen| screen.alternate_screen() && screen.contents().contains("[1 Problems"));
    session.keys("q");
    session.is_restored();
    assert_eq!(session.ends(), 0);
}

#[test]
fn suspend_and_resume() {
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-i"]);
    let mut session = Session::spawn(command, "busy", &[("PS1", "ready> ")]);
    session.shows("ready>");
    let program = std::env::current_exe().unwrap().display().to_string();
    session.keys(&format!("{program} session::child --exact --ignored --nocapture\r"));
    session.begins();
    session.keys("\x1a");
    session.until("the shell", |screen| !screen.alternate_screen() && screen.contents().contains("Stopped"));
    session.is_restored_by_shell();
    session.keys("fg\r");
    session
        .until("the panes", |screen| screen.alternate_screen() && screen.contents().contains("[1 Problems]"));
    session.keys("2");
    session.shows("[2 Schema]");
    session.keys("q");
    session.shows("left by Quit");
    // The session reads what is typed until it is gone.
    session.until("the prompt", |screen| screen.contents().trim_end().ends_with("ready>"));
    session.keys("exit\r");
    session.ends();
}

impl Session {
    /// Cursor and mouse are back; the line editor of the shell has its own modes.
    fn is_restored_by_shell(&self) {
        let drawn = self.screen.lock().unwrap();
        assert!(!drawn.now().hide_cursor());
        assert_eq!(drawn.now().mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    }
}
