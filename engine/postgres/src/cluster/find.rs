//! Installed servers of another version than the bundled one.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::config::{ClusterConfig, ClusterKind};

/// Where packages put server programs; `{}` stands for the major version.
const USUAL: &[&str] = &[
    "/usr/lib/postgresql/{}/bin",
    "/usr/pgsql-{}/bin",
    "/opt/homebrew/opt/postgresql@{}/bin",
    "/usr/local/opt/postgresql@{}/bin",
    "/Library/PostgreSQL/{}/bin",
];

/// The folder of the programs of a server of this major version: named by `EXO_STUDIO_PG`, on the path, where packages put
/// them, or left in the cache by another version of the studio.
pub fn find_server(major: &str) -> Option<PathBuf> {
    let config = ClusterConfig::new(ClusterKind::ThrowAway);
    let named = config.server.iter().flat_map(|folder| [folder.clone(), folder.join("bin")]);
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = USUAL.iter().map(|folder| PathBuf::from(folder.replace("{}", major)));
    let cached = config.options().cache.into_iter().flat_map(|cache| {
        let own = folders(&cache);
        // Root keeps one cache for each user of a server.
        own.iter()
            .flat_map(|folder| folders(folder))
            .chain(own.clone())
            .map(|it| it.join("bin"))
            .collect::<Vec<_>>()
    });
    let mut all = named.chain(env::split_paths(&path)).chain(usual).chain(cached);
    all.find(|folder| version_of(folder).as_deref() == Some(major))
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// The major version that the `postgres` of a folder says it has.
fn version_of(folder: &Path) -> Option<String> {
    let program = folder.join("postgres");
    if !program.is_file() {
        return None;
    }
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    // `postgres (PostgreSQL) 17.5 (Debian …)`
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().find(|word| word.starts_with(|it: char| it.is_ascii_digit()))?;
    Some(version.chars().take_while(char::is_ascii_digit).collect())
}
