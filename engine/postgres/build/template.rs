//! Makes the empty cluster that a first start unpacks instead of running `initdb`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::write;

/// The server refuses to run as root, so a root build makes the cluster as this user (`nobody`).
#[cfg(unix)]
const NOBODY: u32 = 65534;

/// The builtin locale provider sorts the same on every machine, which makes a cluster that was made
/// here safe to ship. Small WAL segments keep it small.
const OPTIONS: &[&str] = &[
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--wal-segsize=1",
    "--no-sync",
    "--no-instructions",
];

/// A folder that is removed again whatever happens.
struct Scratch(PathBuf);

impl Scratch {
    /// A new folder below `base`.
    fn new(base: &Path) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for attempt in 0..100 {
            let folder = base.join(format!("exo-studio-template-{}-{attempt}", std::process::id()));
            match fs::create_dir(&folder) {
                Ok(()) => return Ok(Self(folder)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Unpacks the server, runs `initdb` and packs the result into `to`.
///
/// # Errors
/// When the programs cannot be run here; the reason in words.
pub(crate) fn make(archive: &[u8], level: i32, cache: &Path, to: &Path) -> Result<(), String> {
    // Root's target folder often lies where `nobody` cannot enter, and a temporary folder may refuse to run
    // programs.
    let mut last = String::new();
    for base in [cache, &std::env::temp_dir(), Path::new("/var/tmp")] {
        match make_below(base, archive, level) {
            Ok(bytes) => return write(to, &bytes),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn make_below(base: &Path, archive: &[u8], level: i32) -> Result<Vec<u8>, String> {
    let failed = |e: io::Error| format!("{}: {e}", base.display());
    let scratch = Scratch::new(base).map_err(failed)?;
    let folder = scratch.0.as_path();
    tar::Archive::new(zstd::Decoder::new(archive).map_err(failed)?).unpack(folder).map_err(failed)?;
    let data = folder.join("data");
    fs::create_dir(&data).map_err(failed)?;

    let mut initdb = Command::new(folder.join("bin/initdb"));
    initdb.args(OPTIONS).arg("--pgdata").arg(&data).current_dir("/");
    initdb.env_clear().env("LC_ALL", "C").env("TZ", "UTC").env("PATH", "/usr/bin:/bin");
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        use std::os::unix::process::CommandExt;
        if fs::metadata(folder).map_err(failed)?.uid() == 0 {
            chown(&data, Some(NOBODY), Some(NOBODY)).map_err(failed)?;
            initdb.uid(NOBODY).gid(NOBODY);
        }
    }
    let output = initdb.output().map_err(failed)?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        return Err(format!("{}: initdb: {}", base.display(), String::from_utf8_lossy(&text).trim()));
    }
    let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), level).map_err(failed)?);
    tar.mode(tar::HeaderMode::Deterministic);
    tar.append_dir_all(".", &data).map_err(failed)?;
    tar.into_inner().and_then(zstd::Encoder::finish).map_err(failed)
}
