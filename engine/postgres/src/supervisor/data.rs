//! The data folder: made from the template, or by `initdb` when there is none, and checked before a start.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use postgresql_embedded::{PostgreSQL, Settings, VersionReq};

use super::StartError;
use crate::bundle::{self, sibling};
use crate::process;

/// Longest time `initdb` may take; on a slow disk it needs some seconds.
const INITDB_LIMIT: Duration = Duration::from_secs(120);

/// How long an orphan may take for each way of stopping it.
const ORPHAN_PATIENCE: Duration = Duration::from_secs(3);

/// The server programs to use.
#[derive(Debug, Clone)]
pub(super) struct Server {
    /// Folder that holds `bin`.
    pub(super) root: PathBuf,
    /// Folder of the programs.
    pub(super) bin: PathBuf,
    /// Major version.
    pub(super) major: String,
    /// Whether it is the bundled one, whose template fits.
    pub(super) bundled: bool,
}

/// What to do about a data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// There is none yet.
    Nothing,
    /// It is there and fits.
    Cluster,
}

/// Looks at the data folder without changing it, except that an unfitting one is renamed when allowed.
pub(super) fn inspect(data: &Path, server: &Server, set_aside: bool) -> Result<Found, StartError> {
    let version = match fs::read_to_string(data.join("PG_VERSION")) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut entries = match fs::read_dir(data) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
                Err(error) => return Err(StartError::io(data, &error)),
            };
            if entries.next().is_none() {
                fs::remove_dir(data).map_err(|e| StartError::io(data, &e))?;
                return Ok(Found::Nothing);
            }
            let error =
                io::Error::other("it is not empty and holds no Postgres data (PG_VERSION is missing)");
            return Err(StartError::io(data, &error));
        }
        Err(error) => return Err(StartError::io(data, &error)),
    };
    if version == server.major {
        return Ok(Found::Cluster);
    }
    if set_aside {
        let old = (1..10_000_u32)
            .map(|number| sibling(data, &format!("{version}-{number}")))
            .find(|path| !path.exists())
            .ok_or_else(|| StartError::io(data, &io::ErrorKind::AlreadyExists.into()))?;
        fs::rename(data, &old).map_err(|e| StartError::io(data, &e))?;
        return Ok(Found::Nothing);
    }
    Err(StartError::WrongVersion { found: version, ours: server.major.clone(), data_dir: data.to_path_buf() })
}

/// Makes an empty cluster in `data`, through a temporary name.
pub(super) fn create(
    data: &Path,
    server: &Server,
    durable: bool,
    cancelled: &AtomicBool,
) -> Result<(), StartError> {
    let temporary = sibling(data, "tmp");
    remove(&temporary)?;
    let made = fill(&temporary, server, durable, cancelled)
        .and_then(|()| fs::rename(&temporary, data).map_err(|e| StartError::io(data, &e)));
    if made.is_err() {
        // A full disk should not stay full because of us.
        let _ = fs::remove_dir_all(&temporary);
    }
    made
}

fn fill(dir: &Path, server: &Server, durable: bool, cancelled: &AtomicBool) -> Result<(), StartError> {
    if server.bundled && bundle::has_template() {
        bundle::unpack_template(dir, cancelled).map_err(|e| StartError::io(dir, &e))?;
    } else {
        initdb(dir, server)?;
    }
    if !durable {
        return Ok(());
    }
    let status = Command::new(server.bin.join("initdb"))
        .args(["--sync-only", "--pgdata"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if status.is_ok_and(|it| it.success()) {
        return Ok(());
    }
    Err(StartError::other("the new data folder could not be written through to the disk"))
}

/// The way of `postgresql_embedded`, used for its settings and its `setup` only. Its `start` and `stop` go
/// through a shell and a daemon, and dropping its value runs `stop`: so the value is never dropped.
fn initdb(data: &Path, server: &Server) -> Result<(), StartError> {
    let password_file = sibling(data, "password");
    let _ = fs::remove_file(&password_file);
    let settings = Settings {
        releases_url: String::new(),
        version: VersionReq::STAR,
        installation_dir: server.root.clone(),
        password_file: password_file.clone(),
        data_dir: data.to_path_buf(),
        host: "localhost".to_owned(),
        port: 0,
        username: super::SUPERUSER.to_owned(),
        // Replaced by the socket folder's permissions below; `initdb` only wants some password.
        password: super::hash_of(data, 32),
        temporary: false,
        timeout: Some(INITDB_LIMIT),
        configuration: std::collections::HashMap::new(),
        trust_installation_dir: true,
        socket_dir: None,
    };
    let failed =
        |text: String| StartError::Server { message: format!("initdb failed: {text}"), log: Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| failed(e.to_string()))?;
    let mut postgresql = PostgreSQL::new(settings);
    let result = runtime.block_on(postgresql.setup());
    std::mem::forget(postgresql);
    let _ = fs::remove_file(&password_file);
    result.map_err(|e| failed(e.to_string()))?;
    let access = "local all all trust\n";
    fs::write(data.join("pg_hba.conf"), access).map_err(|e| StartError::io(data, &e))
}

/// Gets an existing folder ready for a start: permissions the server insists on, and no stale pid file.
pub(super) fn prepare(data: &Path) -> Result<(), StartError> {
    fs::set_permissions(data, fs::Permissions::from_mode(0o700)).map_err(|e| StartError::io(data, &e))?;
    let pid_file = data.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&pid_file) else { return Ok(()) };
    let pid = text.lines().next().and_then(|line| line.trim().parse::<i32>().ok());
    match pid.filter(|&pid| pid > 1 && process::is_alive(pid)) {
        // We hold the lock, so nobody looks after this server any more.
        Some(pid) if process::is_server_of(pid, data) => stop_orphan(pid, data),
        // Another process has that number now. Postgres would take it for a server and refuse to start.
        Some(_) => match fs::remove_file(&pid_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StartError::io(&pid_file, &error)),
            Ok(()) | Err(_) => Ok(()),
        },
        // Postgres deals with this itself, and uses the file to see whether old children are still alive.
        None => Ok(()),
    }
}

fn stop_orphan(pid: i32, data: &Path) -> Result<(), StartError> {
    for way in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGKILL] {
        process::signal(pid, way);
        let end = Instant::now() + ORPHAN_PATIENCE;
        while Instant::now() < end {
            if !process::is_server_of(pid, data) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
    Err(StartError::io(
        data,
        &io::Error::other(format!("a server (pid {pid}) uses it and cannot be stopped")),
    ))
}

fn remove(dir: &Path) -> Result<(), StartError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StartError::io(dir, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
