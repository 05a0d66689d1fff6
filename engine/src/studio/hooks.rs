//! Hook components in the studio: loading them, following their files, showing how they are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use studio_events::LogLevel;
use studio_hooks::Counting;
use studio_model::ir::Ir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::actor::Internal;
use super::watched_files::WatchedFiles;
use crate::bus::Bus;
use crate::config::ExoToml;
use crate::hooks::{Broken, Expected, Hooks};

/// How often the files are looked at. Build tools replace whole folders, which watches do not survive; a few files are
/// cheaper to ask for.
const LOOK: Duration = Duration::from_millis(250);

/// Bytes from which compiling takes long enough to say that it has begun.
const LARGE: u64 = 1 << 20;

/// The studio's side of its project's hook components.
pub(super) struct StudioHooks {
    loader: Arc<Loader>,
    root: PathBuf,
    tasks: Vec<JoinHandle<()>>,
}

/// Loads what is wanted of components, one load after the other.
struct Loader {
    hooks: Arc<Hooks>,
    broken: Mutex<Broken>,
    bus: Bus,
    /// The configuration, and what the model expects; a load that waited for another one takes the newest.
    wanted: Mutex<(ExoToml, Expected)>,
    turn: tokio::sync::Mutex<()>,
}

impl Loader {
    fn wanted<T>(&self, f: impl FnOnce(&mut (ExoToml, Expected)) -> T) -> T {
        f(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Loads components that are new, configured otherwise, or whose files changed.
    async fn load(&self, files: &BTreeSet<PathBuf>) {
        let _turn = self.turn.lock().await;
        let (toml, expected) = self.wanted(|wanted| wanted.clone());
        let reloaded = self.hooks.load(&toml, &|config| files.contains(&config.path), &expected).await;
        self.hooks.check(&expected, &self.broken).await;
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        self.hooks.publish(&self.bus, &toml, &expected, (&reloaded, &mut broken));
    }
}

impl StudioHooks {
    pub(super) fn new(root: &Path, bus: Bus) -> Self {
        let hooks = Arc::new(Hooks::new(root, Counting::Fuel));
        let loader = Loader {
            hooks,
            broken: Mutex::default(),
            bus,
            wanted: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        };
        Self { loader: Arc::new(loader), root: root.to_owned(), tasks: Vec::new() }
    }

    /// What the server uses.
    pub(super) fn shared(&self) -> Arc<Hooks> {
        Arc::clone(&self.loader.hooks)
    }

    /// Loads what the configuration names and follows these files from now on.
    pub(super) async fn follow(&mut self, toml: &ExoToml, changed: mpsc::UnboundedSender<Internal>) {
        self.stop();
        let components = toml.components(&self.root).into_iter().map(|config| config.path);
        let files: BTreeSet<PathBuf> = self.loader.wanted(|(known, expected)| {
            toml.clone_into(known);
            let modules = expected.modules.iter().map(|module| self.root.join(&module.path));
            components.chain(modules).collect()
        });
        let watched = WatchedFiles::new(&files);
        self.loader.load(&BTreeSet::new()).await;
        if files.is_empty() {
            return;
        }
        self.tasks.push(tokio::spawn(look(watched, changed)));
        let loader = Arc::clone(&self.loader);
        self.tasks.push(tokio::spawn(async move { show(&loader).await }));
    }

    /// Follows the files of the model's `@wasm` modules, too.
    pub(super) async fn follow_model(
        &mut self,
        ir: &Ir,
        toml: &ExoToml,
        changed: mpsc::UnboundedSender<Internal>,
    ) {
        let expected = Expected::of(ir);
        let is_new = self.loader.wanted(|(_, known)| {
            let is_new = *known != expected;
            *known = expected;
            is_new
        });
        if is_new {
            self.follow(toml, changed).await;
        }
    }

    /// Loads components whose files changed, and says when that is done. Nobody waits for it meanwhile: compiling a
    /// guest with an interpreter in it takes many seconds.
    pub(super) fn files_changed(&self, files: BTreeSet<PathBuf>, done: mpsc::UnboundedSender<Internal>) {
        let size = |file: &PathBuf| std::fs::metadata(file).map_or(0, |data| data.len());
        for file in files.iter().filter(|file| size(file) > LARGE) {
            let name = file.strip_prefix(&self.root).unwrap_or(file).display();
            self.loader.bus.log(LogLevel::Info, "hooks", format!("{name} has changed and is being compiled"));
        }
        let loader = Arc::clone(&self.loader);
        tokio::spawn(async move {
            loader.load(&files).await;
            // At the end of the studio nobody listens any more.
            let _ = done.send(Internal::HooksLoaded);
        });
    }

    /// Follows no files any more.
    pub(super) fn stop(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
    }
}

/// Reports files that changed.
async fn look(mut files: WatchedFiles, changed: mpsc::UnboundedSender<Internal>) {
    let mut interval = tokio::time::interval(LOOK);
    loop {
        interval.tick().await;
        let news = files.look();
        if !news.is_empty() && changed.send(Internal::HookFiles(news)).is_err() {
            return;
        }
    }
}

/// Keeps the numbers in the Services pane fresh while there are new ones.
async fn show(loader: &Loader) {
    let mut seen = 0;
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    loop {
        interval.tick().await;
        let calls = loader.hooks.loaded().all().iter().map(|component| component.metrics().calls).sum();
        if calls != seen {
            seen = calls;
            let mut broken = loader.broken.lock().unwrap_or_else(PoisonError::into_inner);
            loader.hooks.publish_services(&loader.bus, &mut broken);
        }
    }
}
