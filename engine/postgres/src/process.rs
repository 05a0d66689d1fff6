//! The few calls that concern processes: signals, users, sessions. The only place with `unsafe`.

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid};

/// Whether a process with this id exists (of any user).
pub(crate) fn is_alive(pid: i32) -> bool {
    match kill(Pid::from_raw(pid), None) {
        Ok(()) | Err(Errno::EPERM) => true,
        Err(_) => false,
    }
}

/// Like [`is_alive`], but a process that has ended and was not collected yet does not count.
pub(crate) fn is_running(pid: i32) -> bool {
    if cfg!(target_os = "linux") {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next().and_then(|it| it.chars().next());
        return state.is_some_and(|it| !matches!(it, 'Z' | 'X'));
    }
    is_alive(pid)
}

/// Sends a signal; a process that is gone already is fine.
pub(crate) fn signal(pid: i32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid), signal);
}

/// Gives up root for good. Must run before any thread is started.
///
/// # Errors
/// When a step fails, or when root could be regained afterwards.
pub(crate) fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    #[cfg(not(target_os = "macos"))]
    nix::unistd::setgroups(&[])?;
    nix::unistd::setgid(Gid::from_raw(gid))?;
    nix::unistd::setuid(Uid::from_raw(uid))?;
    if nix::unistd::setuid(Uid::from_raw(0)).is_ok() {
        return Err(io::Error::other("root could be regained after changing the user"));
    }
    Ok(())
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Numeric id of the user this process acts for.
pub(crate) fn uid() -> u32 {
    Uid::effective().as_raw()
}

/// Leaves the terminal's session, so that Ctrl-C there does not reach this process, and lets nobody
/// else read what is written from now on.
pub(crate) fn detach() {
    // Fails only for a process that leads a group already, which then is detached enough.
    let _ = nix::unistd::setsid();
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
}

/// Makes the command's process end itself (fast shutdown) when the thread that spawned it ends. Only
/// Linux can do that; elsewhere the next start finds and stops an orphan.
pub(crate) fn end_with_parent(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;
        let parent = nix::unistd::getpid();
        let before_exec = move || {
            nix::sys::prctl::set_pdeathsig(Signal::SIGINT)?;
            // The parent may have died before the line above.
            if nix::unistd::getppid() != parent {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe));
            }
            Ok(())
        };
        #[expect(
            unsafe_code,
            reason = "the closure only makes two system calls, both safe between fork and exec"
        )]
        // SAFETY: no allocation, no lock, no other thread's state is touched in the closure.
        unsafe {
            command.pre_exec(before_exec);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// Whether `pid` is a server that works in `data_dir`.
pub(crate) fn is_server_of(pid: i32, data_dir: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        let proc = Path::new("/proc").join(pid.to_string());
        let name = std::fs::read_to_string(proc.join("comm")).unwrap_or_default();
        let cwd = std::fs::read_link(proc.join("cwd")).and_then(std::fs::canonicalize).ok();
        let command = std::fs::read(proc.join("cmdline")).unwrap_or_default();
        let named =
            command.split(|&byte| byte == 0).any(|word| word == data_dir.as_os_str().as_encoded_bytes());
        // The working folder can be closed to us; the command line never is.
        name.trim() == "postgres" && (named || (cwd.is_some() && cwd == std::fs::canonicalize(data_dir).ok()))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let output = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output();
        let line = output.map(|it| String::from_utf8_lossy(&it.stdout).into_owned()).unwrap_or_default();
        line.contains("postgres") && line.contains(&*data_dir.to_string_lossy())
    }
}

/// Whether this process may enter and write `dir`.
pub(crate) fn may_write(dir: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    CString::new(dir.as_os_str().as_bytes()).is_ok_and(|path| {
        use nix::unistd::{AccessFlags, access};
        access(path.as_c_str(), AccessFlags::W_OK | AccessFlags::X_OK | AccessFlags::R_OK).is_ok()
    })
}

/// A database takes 8 MB and its content; tests use a handful at a time.
#[cfg(target_os = "linux")]
const MEMORY_FOLDER_ROOM: u64 = 1024 * 1024 * 1024;

/// A folder in memory with room for some databases, if this machine has one: never in a container with
/// the usual 64 MB, never where memory is short.
#[cfg(target_os = "linux")]
pub(crate) fn roomy_memory_folder() -> Option<PathBuf> {
    let folder = Path::new("/dev/shm");
    let found = nix::sys::statvfs::statvfs(folder).ok()?;
    let free = found.blocks_available().saturating_mul(found.fragment_size());
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let available = line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.saturating_mul(1024);
    let group = |name: &str| {
        let text = std::fs::read_to_string(Path::new("/sys/fs/cgroup").join(name)).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let allowed = match (group("memory.max"), group("memory.current")) {
        (Some(most), Some(used)) => most.saturating_sub(used),
        (Some(_) | None, _) => u64::MAX,
    };
    let roomy = free >= MEMORY_FOLDER_ROOM && available.min(allowed) >= 2 * MEMORY_FOLDER_ROOM;
    roomy.then(|| folder.to_path_buf())
}

/// Other systems have no such folder.
#[cfg(not(target_os = "linux"))]
pub(crate) fn roomy_memory_folder() -> Option<PathBuf> {
    None
}
