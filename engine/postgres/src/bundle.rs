//! The server programs and the empty cluster inside this binary (made by the build script), and how they
//! get onto the disk.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Bytes written at once; most files are smaller.
const COPY_BUFFER: usize = 256 * 1024;

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
pub(crate) fn install(dir: &Path, cancelled: &AtomicBool) -> io::Result<()> {
    let parent = dir.parent().ok_or(io::ErrorKind::InvalidInput)?;
    create_private_dir(parent)?;
    remove_leftovers(parent, dir);
    let temporary = sibling(dir, &format!("tmp-{}", std::process::id()));
    let _ = fs::remove_dir_all(&temporary);
    let made = unpack(embedded::archive(), &temporary, cancelled)
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
pub(crate) fn unpack_template(dir: &Path, cancelled: &AtomicBool) -> io::Result<()> {
    unpack(embedded::template(), dir, cancelled).map(|_| ())
}

/// Unpacks an archive of our own making and lists its files. Written for speed: a first start makes two
/// thousand small files, and the general way looks at every parent folder of each of them.
fn unpack(archive: &[u8], dir: &Path, cancelled: &AtomicBool) -> io::Result<String> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the bundled archive is damaged");
    create_private_dir(dir)?;
    let mut tar = tar::Archive::new(zstd::Decoder::with_buffer(archive)?);
    let mut files = String::new();
    let mut buffer = vec![0; COPY_BUFFER];
    let mut made = HashSet::new();
    for entry in tar.entries()? {
        let mut entry = entry?;
        if cancelled.load(Ordering::Relaxed) {
            return Err(io::Error::other("given up"));
        }
        let name = entry.path()?.into_owned();
        if !name.components().all(|it| matches!(it, Component::Normal(_) | Component::CurDir)) {
            return Err(damaged());
        }
        let path = dir.join(&name);
        match entry.header().entry_type() {
            tar::EntryType::Directory => fs::create_dir_all(&path)?,
            tar::EntryType::Regular => {
                let parent = path.parent().ok_or_else(damaged)?;
                if made.insert(parent.to_path_buf()) {
                    fs::create_dir_all(parent)?;
                }
                let mode = entry.header().mode()? & 0o755;
                let mut file = fs::File::options().write(true).create_new(true).mode(mode).open(&path)?;
                loop {
                    match entry.read(&mut buffer)? {
                        0 => break,
                        count => file.write_all(buffer.get(..count).ok_or_else(damaged)?)?,
                    }
                }
                files.push_str(&format!("{} {}\n", entry.size(), name.display()));
            }
            tar::EntryType::Symlink => {
                let to = entry.link_name()?.ok_or_else(damaged)?;
                // Names of libraries in the same folder, nothing else.
                if to.components().count() != 1 || to.is_absolute() {
                    return Err(damaged());
                }
                std::os::unix::fs::symlink(to, &path)?;
            }
            _ => return Err(damaged()),
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
