//! The real binary in a pseudo terminal.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::harness::{PATIENCE, binary, kill, wait_for};
use crate::screen::Screen;

/// A terminal with a program in it. Dropping it ends the program.
pub(crate) struct Terminal {
    pub(crate) child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Mutex<Screen>>,
}

impl Terminal {
    /// The panes on a project, on a free port.
    pub(crate) fn panes(project: &Path, size: (u16, u16), more: &[&str]) -> Self {
        let mut command = CommandBuilder::new(binary());
        command.arg(project);
        command.args(["--port", "0"]);
        command.args(more);
        Self::start(command, size)
    }

    /// Any program; `size` is columns and rows.
    pub(crate) fn start(mut command: CommandBuilder, size: (u16, u16)) -> Self {
        let (cols, rows) = size;
        let pair =
            native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        for name in [
            "NO_COLOR",
            "TMUX",
            "VISUAL",
            "EDITOR",
            "DISPLAY",
            "WAYLAND_DISPLAY",
            "BROWSER",
            "COLORFGBG",
            "COLORTERM",
        ] {
            command.env_remove(name);
        }
        for name in ["SSH_TTY", "SSH_CONNECTION", "DATABASE_URL", "EXO_POSTGRES_URL", "EXO_SERVER_PORT"] {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C.UTF-8");
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(Screen::new(size)));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let sink = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                sink.lock().unwrap().process(&buffer[..count]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { child, master: pair.master, keys, screen }
    }

    /// What the terminal shows.
    pub(crate) fn text(&self) -> String {
        self.screen.lock().unwrap().text()
    }

    /// Its rows without spaces at their ends.
    pub(crate) fn rows(&self) -> String {
        let screen = self.screen.lock().unwrap();
        let cols = screen.now().size().1.get();
        let rows: Vec<_> = screen.now().rows(0, cols).map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n")
    }

    /// The base URL of the API, once the panes show it.
    pub(crate) fn url(&self) -> String {
        let what = "http://localhost:";
        self.see(what);
        let text = self.text();
        let word = text.split_whitespace().find(|word| word.starts_with(what)).unwrap();
        word.trim_end_matches("/graphql").to_owned()
    }

    /// Waits until the terminal shows this.
    pub(crate) fn see(&self, what: &str) {
        self.until(what, |text| text.contains(what));
    }

    /// Waits until the terminal has shown this since the last key: a word that goes away by itself.
    pub(crate) fn saw(&self, what: &str) {
        let seen = || self.screen.lock().unwrap().has_seen(what).then_some(());
        wait_for(&format!("moment with `{what}`, now:\n{}", self.rows()), seen);
    }

    /// Waits until the text is as wanted.
    pub(crate) fn until(&self, what: &str, done: impl Fn(&str) -> bool) {
        let end = std::time::Instant::now() + PATIENCE;
        while !done(&self.text()) {
            assert!(std::time::Instant::now() < end, "no `{what}` on\n{}", self.rows());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Types.
    pub(crate) fn keys(&mut self, keys: &str) {
        self.screen.lock().unwrap().key();
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Gives it another size, columns and rows.
    pub(crate) fn resize(&self, size: (u16, u16)) {
        let (cols, rows) = size;
        self.screen.lock().unwrap().resize(size);
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, name: &str) {
        kill(name, self.child.process_id().unwrap());
    }

    /// Waits for the end and gives the exit code.
    pub(crate) fn ends(&mut self) -> u32 {
        wait_for("end of the program", || self.child.try_wait().unwrap()).exit_code()
    }

    /// Waits until the terminal is as an ordinary program leaves it: main screen, cursor, no mouse, echo.
    pub(crate) fn is_restored(&self) {
        wait_for(&format!("ordinary screen in place of\n{}", self.text()), || {
            let drawn = self.screen.lock().unwrap();
            let screen = drawn.now();
            let plain = !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None;
            let modes = format!("{:?}", self.master.get_termios().unwrap().local_flags);
            (plain && modes.contains("ICANON") && modes.contains("ECHO")).then_some(())
        });
    }

    /// Whether the panes have the screen.
    pub(crate) fn is_full_screen(&self) -> bool {
        self.screen.lock().unwrap().now().alternate_screen()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The process id of the Postgres of a project that runs.
pub(crate) fn postgres_of(project: &Path) -> u32 {
    let near = project.join(".exo/postgres");
    let elsewhere = std::fs::read_to_string(project.join(".exo/where")).unwrap_or_default();
    let folders = [near, PathBuf::from(elsewhere.trim())];
    let found = |folder: &PathBuf| {
        let text = std::fs::read_to_string(folder.join("data/postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    };
    wait_for("postmaster.pid", || folders.iter().find_map(found))
}
