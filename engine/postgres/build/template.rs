//! Makes the empty cluster that a first start unpacks instead of running `initdb`.

use std::fs;
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

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Unpacks the server, runs `initdb` and packs the result into `to`.
pub(crate) fn make(archive: &[u8], level: i32, to: &Path) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("cannot make the cluster template: {e}");
    // The system's temporary folder, because the target folder may lie where `nobody` cannot enter.
    let scratch = Scratch(std::env::temp_dir().join(format!("exo-studio-template-{}", std::process::id())));
    let folder = scratch.0.as_path();
    fs::create_dir(folder).map_err(failed)?;
    tar::Archive::new(zstd::Decoder::new(archive).map_err(failed)?).unpack(folder).map_err(failed)?;
    let data = folder.join("data");
    fs::create_dir(&data).map_err(failed)?;

    let mut initdb = Command::new(folder.join("bin/initdb"));
    initdb.args(OPTIONS).arg("--pgdata").arg(&data).current_dir(folder);
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
        return Err(format!(
            "initdb of the bundled Postgres failed:\n{}",
            String::from_utf8_lossy(&text).trim()
        ));
    }
    let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), level).map_err(failed)?);
    tar.mode(tar::HeaderMode::Deterministic);
    tar.append_dir_all(".", &data).map_err(failed)?;
    let bytes = tar.into_inner().and_then(zstd::Encoder::finish).map_err(failed)?;
    write(to, &bytes)
}
