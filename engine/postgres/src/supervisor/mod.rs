//! The process between the studio and its server: `exo-studio __postgres …`.
//!
//! It holds the project's lock, owns the server process and stops it when its standard input ends, which
//! happens when the studio stops or dies in any way. If it dies itself, the kernel stops the server
//! (Linux), or the next start does. Started by root, it gives up root before touching anything else.

mod data;
mod options;
mod place;
mod server;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use self::data::{Found, Server};
pub(crate) use self::options::Options;
use self::place::Place;
use self::server::{Haste, Launch, Process};
use crate::bundle;
use crate::protocol::{FailureKind, Report, Running};

/// Role that owns the cluster; also the name `postgresql_embedded` gives it.
pub(crate) const SUPERUSER: &str = "postgres";

/// File in the state folder that describes the running server.
const NOTE: &str = "supervisor.json";
/// Exit code for "another one runs", as in sysexits.h (temporary failure).
const EXIT_BUSY: u8 = 75;
/// How often the server process is looked at while all is well.
const WATCH: Duration = Duration::from_millis(100);
/// How often the size of the log is looked at.
const LOG_WATCH: Duration = Duration::from_secs(30);

/// Runs the hidden subcommand with the arguments that follow its name. Must be called first thing in
/// `main`, before any thread exists: it changes the process's user.
pub fn supervisor_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let started = Options::parse(args).map_err(StartError::other).and_then(|options| run(&options));
    match started {
        Ok(code) => code,
        Err(error) => {
            let code = if matches!(error, StartError::Busy { .. }) { EXIT_BUSY } else { 1 };
            if let Some(report) = error.into_report() {
                say(&report);
            }
            ExitCode::from(code)
        }
    }
}

/// Why there is no server.
#[derive(Debug)]
enum StartError {
    Busy {
        state_dir: PathBuf,
    },
    WrongVersion {
        found: String,
        ours: String,
        data_dir: PathBuf,
    },
    NoServer {
        message: String,
    },
    Unusable {
        dir: PathBuf,
        message: String,
    },
    DiskFull {
        dir: PathBuf,
    },
    Server {
        message: String,
        log: Vec<String>,
    },
    /// The studio went away meanwhile: nobody to tell.
    Cancelled,
}

impl StartError {
    fn io(dir: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { dir: dir.to_path_buf() }
            }
            _ => Self::Unusable { dir: dir.to_path_buf(), message: error.to_string() },
        }
    }

    fn other(message: impl Into<String>) -> Self {
        Self::Server { message: message.into(), log: Vec::new() }
    }

    fn into_report(self) -> Option<Report> {
        let failed = |kind, message, dir, log| Some(Report::Failed { kind, message, dir, log });
        match self {
            Self::Busy { state_dir } => Some(Report::Busy { running: read_note(&state_dir), state_dir }),
            Self::WrongVersion { found, ours, data_dir } => {
                Some(Report::WrongVersion { found, ours, data_dir })
            }
            Self::NoServer { message } => failed(FailureKind::NoServer, message, None, Vec::new()),
            Self::Unusable { dir, message } => failed(FailureKind::Unusable, message, Some(dir), Vec::new()),
            Self::DiskFull { dir } => {
                failed(FailureKind::DiskFull, "no space left on the disk".to_owned(), Some(dir), Vec::new())
            }
            Self::Server { message, log } => failed(FailureKind::Server, message, None, log),
            Self::Cancelled => None,
        }
    }
}

/// What the supervisor that holds the lock of a state folder says about its server, once it runs.
fn read_note(state_dir: &Path) -> Option<Running> {
    let text = fs::read_to_string(state_dir.join(NOTE)).ok()?;
    serde_json::from_str(&text).ok()
}

/// The server of a state folder, if a supervisor holds the folder's lock and its server is up.
pub(crate) fn running(state_dir: &Path) -> Option<Running> {
    let lock = fs::File::open(state_dir.join(place::LOCK)).ok()?;
    match lock.try_lock() {
        Err(fs::TryLockError::WouldBlock) => read_note(state_dir),
        // Nobody holds it; ours goes away with the file.
        Ok(()) | Err(fs::TryLockError::Error(_)) => None,
    }
}

/// A studio that is gone cannot read; its standard input end has told us already.
fn say(report: &Report) {
    if let Ok(mut line) = serde_json::to_vec(report) {
        line.push(b'\n');
        let mut out = io::stdout().lock();
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }
}

fn run(options: &Options) -> Result<ExitCode, StartError> {
    let place = Place::take(options)?;
    let result = serve(options, &place);
    place.clear();
    result
}

fn serve(options: &Options, place: &Place) -> Result<ExitCode, StartError> {
    let (events, received) = mpsc::channel();
    let cancelled = watch_input(events);

    let data_dir = place.state_dir.join("data");
    let prepared = prepare(options, place, &data_dir, &cancelled);
    if cancelled.load(Ordering::SeqCst) {
        return Err(StartError::Cancelled);
    }
    let server = prepared?;
    data::prepare(&data_dir)?;
    let socket_dir = place.socket_dir(&options.socket_bases)?;
    say(&Report::Starting);
    let log = place.state_dir.join("postgres.log");
    let launch = Launch {
        server: &server,
        data: &data_dir,
        socket_dir: &socket_dir,
        log: &log,
        durable: options.durable,
        throw_away: place.is_throw_away(),
    };
    let mut process = match launch.start(&|| cancelled.load(Ordering::SeqCst)) {
        Ok(process) => process,
        Err(error) => {
            let _ = fs::remove_dir_all(&socket_dir);
            return Err(error);
        }
    };
    let running = Running {
        supervisor_pid: std::process::id(),
        postgres_pid: process.id(),
        socket_dir: socket_dir.clone(),
        port: server::PORT,
        user: SUPERUSER.to_owned(),
        state_dir: place.state_dir.clone(),
        install_dir: server.root.clone(),
    };
    let note = place.state_dir.join(NOTE);
    let _ = fs::write(&note, serde_json::to_vec(&running).unwrap_or_default());
    say(&Report::Ready(running));

    let end = watch(&mut process, &received);
    // Whoever starts meanwhile sees from the missing note that the lock will soon be free.
    let _ = fs::remove_file(&note);
    let code = match end {
        End::Wanted => {
            process.stop(if place.is_throw_away() { Haste::Immediate } else { Haste::Fast });
            ExitCode::SUCCESS
        }
        End::Unexpected(status) => {
            say(&Report::Exited { status: status.to_string(), log: process.log_tail() });
            ExitCode::FAILURE
        }
    };
    let _ = fs::remove_dir_all(&socket_dir);
    Ok(code)
}

/// Why the wait ended.
enum End {
    Wanted,
    Unexpected(ExitStatus),
}

/// Waits for the order to stop or for the end of the server, whichever comes first.
fn watch(process: &mut Process, received: &mpsc::Receiver<()>) -> End {
    let mut log_seen = Instant::now();
    loop {
        match received.recv_timeout(WATCH) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return End::Wanted,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(status) = process.ended() {
            return End::Unexpected(status);
        }
        if log_seen.elapsed() > LOG_WATCH {
            log_seen = Instant::now();
            process.trim_log();
        }
    }
}

/// Standard input ends when the studio closes it or dies. Anything it writes is ignored.
fn watch_input(events: mpsc::Sender<()>) -> Arc<AtomicBool> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancelled);
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while io::stdin().lock().read(&mut buffer).is_ok_and(|count| count > 0) {}
        flag.store(true, Ordering::SeqCst);
        let _ = events.send(());
    });
    cancelled
}

/// Gets server programs and data folder onto the disk. The two unpackings of a first start run side by side.
fn prepare(
    options: &Options,
    place: &Place,
    data_dir: &Path,
    cancelled: &AtomicBool,
) -> Result<Server, StartError> {
    if let Some(bin) = &options.server {
        let server = installed(bin)?;
        make_cluster(options, data_dir, &server, cancelled)?;
        return Ok(server);
    }
    if !bundle::is_embedded() {
        let message = "this exo-studio was built without a bundled Postgres".to_owned();
        return Err(StartError::NoServer { message });
    }
    let root = place.install_base.join(bundle::install_name());
    let major = bundle::major(bundle::version()).to_owned();
    let server = Server { bin: root.join("bin"), root, major, bundled: true };
    let unpack = || {
        if bundle::is_installed(&server.root) {
            return Ok(());
        }
        say(&Report::Unpacking);
        bundle::install(&server.root, cancelled).map_err(|e| StartError::io(&server.root, &e))
    };
    if bundle::has_template() && !options.durable {
        thread::scope(|scope| {
            let unpacking = scope.spawn(unpack);
            let made = make_cluster(options, data_dir, &server, cancelled);
            let unpacked = unpacking.join().unwrap_or_else(|_| Err(StartError::other("unpacking failed")));
            unpacked.and(made)
        })?;
    } else {
        unpack()?;
        make_cluster(options, data_dir, &server, cancelled)?;
    }
    Ok(server)
}

fn make_cluster(
    options: &Options,
    data_dir: &Path,
    server: &Server,
    cancelled: &AtomicBool,
) -> Result<(), StartError> {
    match data::inspect(data_dir, server, options.set_aside)? {
        Found::Cluster => Ok(()),
        Found::Nothing => {
            say(&Report::CreatingCluster);
            data::create(data_dir, server, options.durable, cancelled)
        }
    }
}

/// Looks at an installed server named by the user: the folder of its programs, or the one above.
fn installed(folder: &Path) -> Result<Server, StartError> {
    let no_server = |message: String| StartError::NoServer { message };
    let bin = if folder.join("postgres").exists() { folder.to_path_buf() } else { folder.join("bin") };
    let program = bin.join("postgres");
    let output = Command::new(&program)
        .arg("--version")
        .output()
        .map_err(|e| no_server(format!("cannot run {} of EXO_STUDIO_PG: {e}", program.display())))?;
    // `postgres (PostgreSQL) 18.4 (Debian …)`
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().find(|word| word.starts_with(|it: char| it.is_ascii_digit()));
    let version = version.ok_or_else(|| {
        no_server(format!("{} does not say its version, but: {}", program.display(), text.trim()))
    })?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    let root = bin.parent().unwrap_or(&bin).to_path_buf();
    Ok(Server { root, bin, major: digits, bundled: false })
}

/// The first `length` hexadecimal digits of a hash of the path.
fn hash_of(path: &Path, length: usize) -> String {
    let mut text: String = Sha256::digest(path.as_os_str().as_encoded_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    text.truncate(length);
    text
}
