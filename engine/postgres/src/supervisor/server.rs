//! The server process: its command line, waiting until it is ready, stopping it, its log.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::StartError;
use super::data::Server;
use crate::disk;
use crate::process;

/// Longest start, crash recovery included.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long the children of a killed server may hold its memory.
const LEFTOVER_LIMIT: Duration = Duration::from_secs(10);
/// Between two looks at the pid file while starting, and at the process while stopping.
const POLL: Duration = Duration::from_millis(2);
/// A fast shutdown that takes longer is followed by an immediate one, which loses nothing either.
const FAST_LIMIT: Duration = Duration::from_millis(1500);
/// After that there is only the kernel.
const IMMEDIATE_LIMIT: Duration = Duration::from_millis(1500);
/// Size from which a log is moved aside.
const LOG_LIMIT: u64 = 16 * 1024 * 1024;
/// A server that ends at once with less space than this ended for want of it: one segment of its write-ahead log.
const LEAST_SPACE: u64 = 16 * 1024 * 1024;
/// Lines of the log shown with an error.
const LOG_LINES: usize = 5;

/// The port is only a part of the socket's name.
pub(super) const PORT: u16 = 5432;

/// What to start.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    pub(super) server: &'a Server,
    pub(super) data: &'a Path,
    pub(super) socket_dir: &'a Path,
    pub(super) log: &'a Path,
    pub(super) durable: bool,
    pub(super) throw_away: bool,
}

/// A server process of ours.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    log: PathBuf,
    /// Where the log of this run begins.
    log_start: u64,
}

impl Launch<'_> {
    /// Starts the server and waits until it takes connections. Must be called from the main thread, since
    /// the parent-death signal follows the thread. `cancelled` ends the wait early.
    pub(super) fn start(&self, cancelled: &dyn Fn() -> bool) -> Result<Process, StartError> {
        let begin = Instant::now();
        let end = begin + START_LIMIT;
        loop {
            let (log, log_start) = self.open_log().map_err(|e| StartError::io(self.log, &e))?;
            let mut process = self.spawn(log, log_start).map_err(|e| self.cannot_run(&e))?;
            match process.wait_ready(self.data, end, cancelled) {
                Ok(()) => return Ok(process),
                Err(Stopped::Exited(status)) => {
                    let log = process.log_tail();
                    // The children of a killed server take a moment to notice; their memory is in the way.
                    let passing = log.iter().any(|line| line.contains("pre-existing shared memory block"));
                    if passing && begin.elapsed() < LEFTOVER_LIMIT {
                        thread::sleep(Duration::from_millis(50));
                        continue;
                    }
                    // On a full disk there is no room for the line that would say so either.
                    let no_space = || disk::free_space(self.data).is_some_and(|free| free < LEAST_SPACE);
                    if log.iter().any(|line| line.contains("No space left on device")) || no_space() {
                        return Err(StartError::DiskFull { dir: self.data.to_path_buf() });
                    }
                    return Err(StartError::Server { message: format!("postgres ended with {status}"), log });
                }
                Err(Stopped::Cancelled) => {
                    process.stop(Haste::Fast);
                    return Err(StartError::Cancelled);
                }
                Err(Stopped::TooLate) => {
                    let log = process.log_tail();
                    process.stop(Haste::Immediate);
                    let message = format!("postgres was not ready after {} s", START_LIMIT.as_secs());
                    return Err(StartError::Server { message, log });
                }
            }
        }
    }

    fn open_log(&self) -> io::Result<(File, u64)> {
        rotate(self.log);
        let log = File::options().create(true).append(true).open(self.log)?;
        let length = log.metadata()?.len();
        Ok((log, length))
    }

    fn cannot_run(&self, error: &io::Error) -> StartError {
        let program = self.server.bin.join("postgres");
        let hint = match error.kind() {
            io::ErrorKind::NotFound if self.server.bundled => "; it needs a system with glibc 2.27 or newer",
            io::ErrorKind::PermissionDenied if self.server.bundled => {
                "; if programs may not run there, set EXO_STUDIO_CACHE to another folder"
            }
            _ => "",
        };
        StartError::NoServer { message: format!("{} cannot be run: {error}{hint}", program.display()) }
    }

    fn spawn(&self, log: File, log_start: u64) -> io::Result<Process> {
        let mut command = Command::new(self.server.bin.join("postgres"));
        command.arg("-D").arg(self.data).arg("-k").arg(quoted(self.socket_dir));
        for (name, value) in self.settings() {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        process::end_with_parent(&mut command);
        Ok(Process { child: command.spawn()?, log: self.log.to_path_buf(), log_start })
    }

    /// Server settings. `synchronous_commit` stays on even without fsync: then a commit has reached the
    /// kernel before it is confirmed, and killing any process loses nothing.
    fn settings(&self) -> Vec<(&'static str, String)> {
        let durable = if self.durable { "on" } else { "off" };
        let mut settings: Vec<(&'static str, String)> = [
            ("listen_addresses", ""),
            ("unix_socket_permissions", "0700"),
            ("synchronous_commit", "on"),
            ("fsync", durable),
            ("full_page_writes", durable),
            ("shared_buffers", "32MB"),
            ("max_wal_size", "256MB"),
            // Nothing replicates from a development server; this makes bulk loads cheaper.
            ("wal_level", "minimal"),
            ("max_wal_senders", "0"),
            // A migration of a model with a thousand types locks each of its tables and indexes.
            ("max_locks_per_transaction", "256"),
            // Compiling a short query takes longer than running it.
            ("jit", "off"),
            ("TimeZone", "UTC"),
            ("log_timezone", "UTC"),
            ("log_destination", "stderr"),
            ("logging_collector", "off"),
            ("log_checkpoints", "off"),
            ("log_line_prefix", "%m [%p] "),
        ]
        .into_iter()
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
        if self.throw_away {
            // Inside the data folder, so that nothing outlives it even when the server is killed.
            settings.push(("dynamic_shared_memory_type", "mmap".to_owned()));
        }
        settings.push(("port", PORT.to_string()));
        if self.server.has_library("pg_stat_statements") {
            settings.push(("shared_preload_libraries", "pg_stat_statements".to_owned()));
        }
        settings
    }
}

impl Server {
    /// Whether the server has an extension library. Installed servers keep them in different folders.
    fn has_library(&self, name: &str) -> bool {
        ["lib/postgresql", "lib"].iter().any(|folder| {
            ["so", "dylib"]
                .iter()
                .any(|suffix| self.root.join(folder).join(format!("{name}.{suffix}")).exists())
        })
    }
}

/// The setting is a list; quoting keeps a comma, a space or a quote in the path from splitting it.
fn quoted(dir: &Path) -> OsString {
    let text = dir.to_string_lossy();
    OsString::from(format!("\"{}\"", text.replace('"', "\"\"")))
}

/// Why waiting ended without a ready server.
enum Stopped {
    Exited(ExitStatus),
    Cancelled,
    TooLate,
}

/// How to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    /// Disconnect clients, write everything out.
    Fast,
    /// Leave the rest to recovery at the next start, or to nobody.
    Immediate,
}

impl Process {
    /// Process id of the server.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("invariant: a process id fits into i32")
    }

    /// Exit status, once the server has ended.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Line 1 of the pid file is our child's number and line 8 says `ready`.
    fn wait_ready(&mut self, data: &Path, end: Instant, cancelled: &dyn Fn() -> bool) -> Result<(), Stopped> {
        let pid_file = data.join("postmaster.pid");
        let ours = self.id().to_string();
        loop {
            if let Some(status) = self.ended() {
                return Err(Stopped::Exited(status));
            }
            let text = fs::read_to_string(&pid_file).unwrap_or_default();
            let mut lines = text.lines().map(str::trim);
            if lines.next() == Some(&ours) && lines.nth(6) == Some("ready") {
                return Ok(());
            }
            if cancelled() {
                return Err(Stopped::Cancelled);
            }
            if Instant::now() > end {
                return Err(Stopped::TooLate);
            }
            thread::sleep(POLL);
        }
    }

    /// Ends the server, more and more firmly. Returns when it is gone.
    pub(super) fn stop(&mut self, haste: Haste) {
        let steps: &[(Signal, Duration)] = match haste {
            Haste::Fast => &[(Signal::SIGINT, FAST_LIMIT), (Signal::SIGQUIT, IMMEDIATE_LIMIT)],
            Haste::Immediate => &[(Signal::SIGQUIT, IMMEDIATE_LIMIT)],
        };
        for &(signal, limit) in steps {
            if self.ended().is_some() {
                return;
            }
            process::signal(self.pid(), signal);
            let end = Instant::now() + limit;
            while Instant::now() < end {
                if self.ended().is_some() {
                    return;
                }
                thread::sleep(POLL);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Last lines that this run wrote.
    pub(super) fn log_tail(&self) -> Vec<String> {
        let mut text = String::new();
        if let Ok(mut file) = File::open(&self.log) {
            let length = file.metadata().map_or(0, |it| it.len());
            let from = self.log_start.min(length).max(length.saturating_sub(16 * 1024));
            let mut bytes = Vec::new();
            if file.seek(SeekFrom::Start(from)).is_ok() && file.read_to_end(&mut bytes).is_ok() {
                text = String::from_utf8_lossy(&bytes).into_owned();
            }
        }
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines.iter().skip(lines.len().saturating_sub(LOG_LINES)).map(|&line| line.to_owned()).collect()
    }

    /// Keeps the log of a long session from filling the disk. The server appends, so emptying works.
    pub(super) fn trim_log(&self) {
        let Ok(file) = File::options().append(true).open(&self.log) else { return };
        if file.metadata().is_ok_and(|it| it.len() > LOG_LIMIT) {
            let _ = fs::copy(&self.log, self.log.with_extension("log.old"));
            let _ = file.set_len(0);
        }
    }
}

fn rotate(log: &Path) {
    if fs::metadata(log).is_ok_and(|it| it.len() > LOG_LIMIT) {
        let _ = fs::rename(log, log.with_extension("log.old"));
    }
}
