//! The server programs and the empty cluster inside this binary (made by the build script), and how they
//! get onto the disk.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/bundle.rs"));

    pub(super) const fn version() -> &'static str {
        VERSION
    }
    pub(super) const fn hash() -> &'static str {
        HASH
    }
    pub(super) const fn vector() -> Option<&'static str> {
        VECTOR
    }
    pub(super) const fn archive() -> &'static [u8] {
        ARCHIVE
    }
    pub(super) const fn template() -> &'static [u8] {
        TEMPLATE
    }
}

/// Lists every file of an unpacked install with its size. Written last, checked at each start.
const INVENTORY: &str = ".inventory";

/// Whether this binary carries a server at all (not when built with `EXO_STUDIO_BUNDLE=none`).
pub const fn is_embedded() -> bool {
    !embedded::archive().is_empty()
}

/// Version of the bundled server, such as `18.4`.
pub const fn version() -> &'static str {
    embedded::version()
}

/// Version of the bundled `vector` extension; `None` when the studio was built without it.
pub const fn vector_version() -> Option<&'static str> {
    embedded::vector()
}

/// The major version within a version text: `18.4` gives `18`.
pub(crate) fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

/// Name of the install folder: another bundle never lands in the same folder.
pub(crate) fn install_name() -> String {
    let hash = embedded::hash();
    format!("postgres-{}-{}", embedded::version(), hash.get(..8).unwrap_or(hash))
}

/// Whether [`unpack_template`] has something to unpack.
pub(crate) const fn has_template() -> bool {
    !embedded::template().is_empty()
}

/// Whether `dir` holds a complete install. Cleaners of temporary folders remove single old files, so
/// every file is looked at (about a thousand, a few milliseconds).
pub(crate) fn is_installed(dir: &Path) -> bool {
    let Ok(inventory) = fs::read_to_string(dir.join(INVENTORY)) else { return false };
    let whole = |line: &str| {
        line.split_once(' ').is_some_and(|(size, name)| {
            fs::metadata(dir.join(name))
                .is_ok_and(|it| size.parse::<u64>().is_ok_and(|size| size == it.len()))
        })
    };
    !inventory.is_empty() && inventory.lines().all(whole)
}

/// Unpacks the server into `dir` through a temporary folder, so that a half-made install is never seen.
/// Two studios that start at the same time may both do it; the first one wins.
pub(crate) fn install(dir: &Path) -> io::Result<()> {
    let parent = dir.parent().ok_or(io::ErrorKind::InvalidInput)?;
    create_private_dir(parent)?;
    remove_leftovers(parent, dir);
    let temporary = sibling(dir, &format!("tmp-{}", std::process::id()));
    let _ = fs::remove_dir_all(&temporary);
    let made = unpack(embedded::archive(), &temporary)
        .and_then(|files| fs::write(temporary.join(INVENTORY), files))
        .and_then(|()| {
            if dir.exists() && !is_installed(dir) {
                // Damaged: move it aside first. A server that still runs from it keeps its open files.
                let aside = sibling(dir, &format!("tmp-{}-old", std::process::id()));
                fs::rename(dir, &aside)?;
                let _ = fs::remove_dir_all(&aside);
            }
            fs::rename(&temporary, dir)
        });
    if made.is_err() {
        let _ = fs::remove_dir_all(&temporary);
    }
    match made {
        Err(_) if is_installed(dir) => Ok(()),
        other => other,
    }
}

/// Unpacks the empty cluster into `dir`, which must not exist.
pub(crate) fn unpack_template(dir: &Path) -> io::Result<()> {
    unpack(embedded::template(), dir).map(|_| ())
}

fn unpack(archive: &[u8], dir: &Path) -> io::Result<String> {
    create_private_dir(dir)?;
    let mut tar = tar::Archive::new(zstd::Decoder::new(archive)?);
    tar.set_preserve_mtime(false);
    let mut files = String::new();
    for entry in tar.entries()? {
        let mut entry = entry?;
        // `unpack_in` refuses to leave `dir`; the archive is our own, so nothing should ask for it.
        if !entry.unpack_in(dir)? {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the bundle names a file outside of its folder",
            ));
        }
        if entry.header().entry_type().is_file() {
            let name = entry.path()?.to_string_lossy().into_owned();
            files.push_str(&format!("{} {name}\n", entry.size()));
        }
    }
    Ok(files)
}

/// Creates a folder only its owner can enter, and its parents.
pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Removes half-made installs of processes that are gone.
fn remove_leftovers(parent: &Path, dir: &Path) {
    let Some(prefix) = sibling(dir, "tmp-").file_name().map(|it| it.to_string_lossy().into_owned()) else {
        return;
    };
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid =
            name.strip_prefix(&prefix).and_then(|it| it.split('-').next()).and_then(|it| it.parse().ok());
        if pid.is_some_and(|pid| !crate::process::is_alive(pid)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// `<dir>.<suffix>`, beside `dir`.
pub(crate) fn sibling(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}
