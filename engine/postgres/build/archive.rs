//! Turns the server package and the `vector` wheel into one small, deterministic `.tar.zst` with `bin`,
//! `lib` and `share` at its top.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use crate::pins::Pins;
use crate::{read, write, zip};

/// Folder of the package that holds the server.
const ROOT: &str = "package/native/";

/// One entry of the new archive.
enum Entry {
    File { bytes: Vec<u8>, executable: bool },
    Symlink(String),
}

/// Writes the archive. Entries are sorted, times and owners are zero: same inputs, same bytes.
pub(crate) fn repack(
    package: &Path,
    wheel: Option<&Path>,
    pins: &Pins,
    level: i32,
    to: &Path,
) -> Result<(), String> {
    let mut entries = server_files(package)?;
    if let Some(wheel) = wheel {
        entries.extend(vector_files(wheel, pins)?);
    }
    let bytes = pack(&entries, level).map_err(|e| format!("cannot pack {}: {e}", to.display()))?;
    write(to, &bytes)
}

fn server_files(package: &Path) -> Result<BTreeMap<String, Entry>, String> {
    let damaged = |e: std::io::Error| format!("cannot read {}: {e}", package.display());
    let bytes = read(package)?;
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
    let mut entries = BTreeMap::new();
    let mut symlinks = Vec::new();
    for entry in tar.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().map_err(damaged)?.to_string_lossy().into_owned();
        let name = match path.strip_prefix(ROOT) {
            Some(name) => name.to_owned(),
            None if path == "package/LICENSE.md" => "LICENSE-packaging.md".to_owned(),
            None => continue,
        };
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).map_err(damaged)?;
        if name == "pg-symlinks.json" {
            symlinks = parse_symlinks(&contents)?;
        } else if wanted(&name) {
            let executable = name.starts_with("bin/");
            entries.insert(name, Entry::File { bytes: contents, executable });
        }
    }
    for (source, target) in symlinks {
        if wanted(&target) {
            entries.insert(target, Entry::Symlink(source));
        }
    }
    if !entries.contains_key("bin/postgres") {
        return Err(format!("{} holds no bin/postgres", package.display()));
    }
    Ok(entries)
}

/// Packages cannot hold symbolic links; this one lists them instead. Gives (link text, path).
fn parse_symlinks(json: &[u8]) -> Result<Vec<(String, String)>, String> {
    let list: Vec<BTreeMap<String, String>> =
        serde_json::from_slice(json).map_err(|e| format!("pg-symlinks.json: {e}"))?;
    let mut links = Vec::new();
    for entry in list {
        let source = entry.get("source").and_then(|it| it.strip_prefix("native/"));
        let target = entry.get("target").and_then(|it| it.strip_prefix("native/"));
        let (Some(source), Some(target)) = (source, target) else {
            return Err("pg-symlinks.json: unknown form".to_owned());
        };
        let same_folder = Path::new(source).parent() == Path::new(target).parent();
        let name =
            Path::new(source).file_name().filter(|_| same_folder).ok_or("pg-symlinks.json: unknown form")?;
        links.push((name.to_string_lossy().into_owned(), target.to_owned()));
    }
    Ok(links)
}

/// Leaves out what a running server never reads: link-time files, and procedural languages whose
/// interpreters are not there anyway.
fn wanted(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let link_time = name.starts_with("include/")
        || name.starts_with("lib/pkgconfig/")
        || name.starts_with("lib/postgresql/pgxs/")
        || name.starts_with("share/doc/")
        || name.starts_with("share/man/")
        || file.ends_with(".a")
        || file.starts_with("libecpg")
        || file.starts_with("libpgtypes");
    let language = ["plperl", "plpython", "pltcl", "plpython3"].iter().any(|it| file.contains(it));
    let sample = file == "psqlrc.sample" || file == "pg_service.conf.sample";
    !link_time && !language && !sample
}

fn vector_files(wheel: &Path, pins: &Pins) -> Result<BTreeMap<String, Entry>, String> {
    let root = format!("{}/", pins.vector.folder);
    let script = format!("share/postgresql/extension/vector--{}.sql", pins.vector.version);
    let wanted = |name: &str| {
        name.strip_prefix(&root).is_some_and(|it| {
            it == script
                || it == "share/postgresql/extension/vector.control"
                || it == "lib/postgresql/vector.so"
                || it == "lib/postgresql/vector.dylib"
        })
    };
    let files = zip::extract(&read(wheel)?, wanted).map_err(|e| format!("{}: {e}", wheel.display()))?;
    if files.len() != 3 {
        return Err(format!("{} does not hold vector {}", wheel.display(), pins.vector.version));
    }
    let entry = |(name, bytes): (String, Vec<u8>)| {
        (name.trim_start_matches(&root).to_owned(), Entry::File { bytes, executable: false })
    };
    Ok(files.into_iter().map(entry).collect())
}

fn pack(entries: &BTreeMap<String, Entry>, level: i32) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), level)?);
    tar.mode(tar::HeaderMode::Deterministic);
    for (name, entry) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        match entry {
            Entry::File { bytes, executable } => {
                header.set_entry_type(tar::EntryType::Regular);
                header.set_mode(if *executable { 0o755 } else { 0o644 });
                header.set_size(bytes.len() as u64);
                tar.append_data(&mut header, name, bytes.as_slice())?;
            }
            Entry::Symlink(to) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                tar.append_link(&mut header, name, to)?;
            }
        }
    }
    tar.into_inner()?.finish()
}
