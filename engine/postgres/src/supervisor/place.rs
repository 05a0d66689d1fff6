//! Where a cluster lives: its state folder with the lock, the install folder and the socket folder, and
//! the change from root to the user that may run a server.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, lchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::options::Options;
use super::{NOTE, StartError, hash_of, read_note};
use crate::bundle::create_private_dir;
use crate::process;

/// File in the state folder whose lock is held by the supervisor in charge.
pub(super) const LOCK: &str = "supervisor.lock";

/// Longest folder a Unix socket can lie in: the address holds 108 bytes (104 on macOS) with its final
/// zero, and the socket's name `/.s.PGSQL.5432` takes 14.
const SOCKET_DIR_LIMIT: usize = if cfg!(target_os = "macos") { 89 } else { 93 };

/// How long another supervisor that is starting or stopping is waited for: then it either says what it
/// runs, or the lock is free.
const CHANGE_LIMIT: Duration = Duration::from_secs(5);
/// How long one that runs is waited for: its studio may have been killed a moment ago.
const NOTICE_LIMIT: Duration = Duration::from_millis(500);
/// Between two looks.
const CHANGE_POLL: Duration = Duration::from_millis(5);

/// A locked state folder.
#[derive(Debug)]
pub(super) struct Place {
    /// Folder of lock, log and data.
    pub(super) state_dir: PathBuf,
    /// Folder below which the server programs are.
    pub(super) install_base: PathBuf,
    /// Lock of a throw-away cluster, beside its folder; removed with it.
    throw_away: Option<PathBuf>,
    /// Held as long as this process lives; the kernel releases it on any kind of death.
    _lock: File,
}

impl Place {
    /// Does what only root can do, gives up root, then finds and locks the state folder. Starts no thread.
    pub(super) fn take(options: &Options) -> Result<Self, StartError> {
        let root = process::is_root();
        let near = options.project.as_ref().map(|dir| dir.join(".exo").join("postgres"));
        let install = options.cache.as_ref().map(|dir| match options.user {
            // Root's cache belongs to root; the server's user gets a folder of its own in it.
            Some((uid, _)) if root => dir.join(format!("for-{uid}")),
            Some(_) | None => dir.clone(),
        });
        if root {
            let (uid, gid) = options.user.ok_or_else(|| StartError::other("a server cannot run as root"))?;
            for dir in near.iter().chain(&install) {
                give(dir, uid, gid).map_err(|e| StartError::io(dir, &e))?;
            }
            process::become_user(uid, gid)
                .map_err(|e| StartError::other(format!("cannot give up root: {e}")))?;
        }
        process::detach();

        let fallback = PathBuf::from(format!("/var/tmp/exo-studio-{}", process::uid()));
        let install_base = match install {
            Some(dir) if create_private_dir(&dir).is_ok() && process::may_write(&dir) => dir,
            Some(_) | None => private(&fallback)?,
        };
        let Some(near) = near else {
            let name = format!("exo-studio-{}", process::uid());
            let memory = options.memory.as_ref().and_then(|dir| private(&dir.join(&name)).ok());
            let base = match (memory, &options.temporary) {
                (Some(dir), _) => dir,
                (None, Some(dir)) if !root => private(&dir.join(&name))?,
                (None, _) => private(&fallback)?,
            };
            return Self::throw_away(&base, install_base, &options.socket_bases);
        };
        let state_dir = match create_private_dir(&near) {
            Ok(()) if process::may_write(&near) => near,
            // Root's projects often lie where no other user can enter.
            Ok(()) | Err(_) if root => {
                let project = options.project.as_deref().unwrap_or(&near);
                let dir = private(&fallback)?.join(hash_of(project, 16));
                create_private_dir(&dir).map_err(|e| StartError::io(&dir, &e))?;
                dir
            }
            Ok(()) => return Err(StartError::io(&near, &io::ErrorKind::PermissionDenied.into())),
            Err(error) => return Err(StartError::io(&near, &error)),
        };
        let path = state_dir.join(LOCK);
        let file = open_lock(&path).map_err(|e| StartError::io(&path, &e))?;
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => {
                    // Whoever wrote it was killed.
                    let _ = fs::remove_file(state_dir.join(NOTE));
                    return Ok(Self { state_dir, install_base, throw_away: None, _lock: file });
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = read_note(&state_dir).and_then(|it| i32::try_from(it.supervisor_pid).ok());
                    let sound = holder.is_some_and(process::is_running);
                    if begin.elapsed() > if sound { NOTICE_LIMIT } else { CHANGE_LIMIT } {
                        return Err(StartError::Busy { state_dir });
                    }
                }
                Err(TryLockError::Error(error)) => return Err(StartError::io(&path, &error)),
            }
            thread::sleep(CHANGE_POLL);
        }
    }

    /// A new folder of its own, after removing those whose supervisors were killed.
    fn throw_away(base: &Path, install_base: PathBuf, socket_bases: &[PathBuf]) -> Result<Self, StartError> {
        sweep(base, socket_bases);
        for attempt in 0..100_u32 {
            let dir = base.join(format!("run-{}-{attempt}", std::process::id()));
            let path = dir.with_extension("lock");
            let file = open_lock(&path).map_err(|e| StartError::io(&path, &e))?;
            // A sweep between opening and locking may have removed the file: then this lock guards nothing.
            let same = |a: io::Result<fs::Metadata>| {
                file.metadata().is_ok_and(|it| a.is_ok_and(|a| a.ino() == it.ino() && a.dev() == it.dev()))
            };
            if file.try_lock().is_err() || !same(fs::metadata(&path)) || dir.exists() {
                continue;
            }
            fs::DirBuilder::new().mode(0o700).create(&dir).map_err(|e| StartError::io(&dir, &e))?;
            return Ok(Self { state_dir: dir, install_base, throw_away: Some(path), _lock: file });
        }
        Err(StartError::io(base, &io::ErrorKind::AlreadyExists.into()))
    }

    /// Whether the folder goes away with the server.
    pub(super) fn is_throw_away(&self) -> bool {
        self.throw_away.is_some()
    }

    /// Removes a throw-away folder; does nothing for a project's.
    pub(super) fn clear(&self) {
        if let Some(lock) = &self.throw_away {
            let _ = fs::remove_dir_all(&self.state_dir);
            let _ = fs::remove_file(lock);
        }
    }

    /// Makes the folder for the socket: short, private, in the first base folder that allows it.
    pub(super) fn socket_dir(&self, bases: &[PathBuf]) -> Result<PathBuf, StartError> {
        let mut last = None;
        for dir in socket_dirs(bases, &self.state_dir) {
            if dir.as_os_str().len() > SOCKET_DIR_LIMIT {
                continue;
            }
            match private(&dir) {
                Ok(dir) => {
                    // The lock is ours, so whatever lies here is left over.
                    for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
                        let _ = fs::remove_file(entry.path());
                    }
                    return Ok(dir);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| StartError::other("found no folder for the server's socket")))
    }
}

/// Creates `dir` and makes it the property of the server's user. Never follows a symbolic link.
fn give(dir: &Path, uid: u32, gid: u32) -> io::Result<()> {
    if !dir.exists() {
        if let Some(parent) = dir.parent() {
            fs::create_dir_all(parent)?;
        }
        match fs::DirBuilder::new().mode(0o700).create(dir) {
            // Another start was faster; what it made is looked at below.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
    }
    let found = fs::symlink_metadata(dir)?;
    if !found.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder"));
    }
    if found.uid() == 0 && uid != 0 {
        lchown(dir, Some(uid), Some(gid))?;
    }
    Ok(())
}

/// A folder in a place that everybody can write: it must be ours and closed to others, or somebody else
/// could have laid it out for us.
fn private(dir: &Path) -> Result<PathBuf, StartError> {
    create_private_dir(dir).map_err(|e| StartError::io(dir, &e))?;
    let found = fs::symlink_metadata(dir).map_err(|e| StartError::io(dir, &e))?;
    if !found.is_dir() || found.uid() != process::uid() {
        return Err(StartError::io(dir, &io::Error::other("it belongs to somebody else")));
    }
    if found.mode() & 0o077 != 0 {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(|e| StartError::io(dir, &e))?;
    }
    Ok(dir.to_path_buf())
}

fn open_lock(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

/// Where the socket of a cluster may be, best first.
fn socket_dirs(bases: &[PathBuf], state_dir: &Path) -> Vec<PathBuf> {
    let name = format!("exo-{}", hash_of(state_dir, 8));
    let standard = ["/tmp", "/var/tmp"].map(PathBuf::from);
    bases.iter().chain(&standard).map(|base| base.join(&name)).collect()
}

/// Removes throw-away clusters that no living supervisor holds.
fn sweep(base: &Path, socket_bases: &[PathBuf]) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let path = entry.path();
        let ours = path.extension().is_some_and(|it| it == "lock")
            && path.file_name().is_some_and(|it| it.to_string_lossy().starts_with("run-"));
        if ours && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let state_dir = path.with_extension("");
            for dir in socket_dirs(socket_bases, &state_dir) {
                let _ = fs::remove_dir_all(dir);
            }
            let _ = fs::remove_dir_all(state_dir);
            let _ = fs::remove_file(&path);
        }
    }
}
