//! What to start, and what the environment says about it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::process;
use crate::supervisor::Options;

/// User for servers started by root in a folder of root: `nobody`, present everywhere.
const NOBODY: u32 = 65534;

/// What to start.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// A project's server or a throw-away one.
    pub kind: ClusterKind,
    /// Program and first arguments that lead to [`supervisor_main`](crate::supervisor_main); this
    /// executable with `__postgres` unless a test says otherwise.
    pub supervisor: Vec<OsString>,
    /// Folder with the programs of an installed server to use instead of the bundled one
    /// (`EXO_STUDIO_PG`).
    pub server: Option<PathBuf>,
    /// Folder below which the bundled server is unpacked (`EXO_STUDIO_CACHE`; else the user's cache folder).
    pub cache: Option<PathBuf>,
    /// When the data folder was made by another major version: rename it and start empty.
    pub set_aside_other_version: bool,
}

/// Whose data it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterKind {
    /// Kept in `<dir>/.exo`.
    Project {
        /// The project folder.
        dir: PathBuf,
        /// Survive a power cut too (fsync on). Killed processes never lose anything.
        durable: bool,
    },
    /// In a temporary folder, removed at the end; in memory if the machine has plenty, which makes
    /// creating a database ten times as fast.
    ThrowAway,
}

impl ClusterConfig {
    /// A configuration from the environment variables of the studio.
    pub fn new(kind: ClusterKind) -> Self {
        let folder = |name: &str| env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
        let program = env::current_exe().map_or_else(|_| "exo-studio".into(), PathBuf::into_os_string);
        Self {
            kind,
            supervisor: vec![program, "__postgres".into()],
            server: folder("EXO_STUDIO_PG"),
            cache: folder("EXO_STUDIO_CACHE"),
            set_aside_other_version: false,
        }
    }

    pub(super) fn options(&self) -> Options {
        let root = process::is_root();
        let (project, durable) = match &self.kind {
            ClusterKind::Project { dir, durable } => (Some(dir.clone()), *durable),
            ClusterKind::ThrowAway => (None, false),
        };
        let user = root.then(|| match project.as_ref().and_then(|dir| fs::metadata(dir).ok()) {
            Some(owner) if owner.uid() != 0 => (owner.uid(), owner.gid()),
            Some(_) | None => (NOBODY, NOBODY),
        });
        let runtime = env::var_os("XDG_RUNTIME_DIR").filter(|it| !it.is_empty()).map(PathBuf::from);
        Options {
            project,
            durable,
            set_aside: self.set_aside_other_version,
            server: self.server.clone(),
            cache: self.cache.clone().or_else(|| if root { None } else { user_cache() }),
            // Root's runtime folder is closed to the server's user.
            socket_bases: runtime.filter(|_| !root).into_iter().chain([env::temp_dir()]).collect(),
            temporary: Some(env::temp_dir()),
            memory: process::roomy_memory_folder(),
            user,
        }
    }
}

/// Where the user's programs keep what can be made again.
fn user_cache() -> Option<PathBuf> {
    let home = env::var_os("HOME").filter(|it| !it.is_empty()).map(PathBuf::from);
    let cache = if cfg!(target_os = "macos") {
        home.map(|it| it.join("Library").join("Caches"))
    } else {
        let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|it| it.is_absolute());
        named.or_else(|| home.map(|it| it.join(".cache")))
    };
    cache.map(|it| it.join("exo-studio"))
}
