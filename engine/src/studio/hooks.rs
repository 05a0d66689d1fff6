//! Hook components in the studio: loading them, following their files, showing how they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use studio_hooks::Counting;
use studio_model::ir::Ir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::actor::Internal;
use crate::bus::Bus;
use crate::config::ExoToml;
use crate::hooks::{Broken, Expected, Hooks};

/// How often the files are looked at. Build tools replace whole folders, which watches do not survive; a few files are
/// cheaper to ask for.
const LOOK: Duration = Duration::from_millis(250);

/// The studio's side of its project's hook components.
pub(super) struct StudioHooks {
    hooks: Arc<Hooks>,
    broken: Arc<Mutex<Broken>>,
    bus: Bus,
    root: PathBuf,
    /// What the model expects of them.
    expected: Expected,
    tasks: Vec<JoinHandle<()>>,
}

impl StudioHooks {
    pub(super) fn new(root: &Path, bus: Bus) -> Self {
        let hooks = Arc::new(Hooks::new(root, Counting::Fuel));
        Self {
            hooks,
            broken: Arc::default(),
            bus,
            root: root.to_owned(),
            expected: Expected::default(),
            tasks: Vec::new(),
        }
    }

    /// What the server uses.
    pub(super) fn shared(&self) -> Arc<Hooks> {
        Arc::clone(&self.hooks)
    }

    /// Loads what the configuration names and follows these files from now on.
    pub(super) async fn follow(&mut self, toml: &ExoToml, changed: mpsc::UnboundedSender<Internal>) {
        self.stop();
        let components = toml.components(&self.root).into_iter().map(|config| config.path);
        let modules = self.expected.modules.iter().map(|module| self.root.join(&module.path));
        let files: BTreeSet<PathBuf> = components.chain(modules).collect();
        let before = stamps(&files);
        self.load(toml, &BTreeSet::new()).await;
        if files.is_empty() {
            return;
        }
        self.tasks.push(tokio::spawn(look(files, before, changed)));
        let (hooks, broken, bus) = (Arc::clone(&self.hooks), Arc::clone(&self.broken), self.bus.clone());
        self.tasks.push(tokio::spawn(async move { show(&hooks, &broken, &bus).await }));
    }

    /// Follows the files of the model's `@wasm` modules, too.
    pub(super) async fn follow_model(
        &mut self,
        ir: &Ir,
        toml: &ExoToml,
        changed: mpsc::UnboundedSender<Internal>,
    ) {
        let expected = Expected::of(ir);
        if expected != self.expected {
            self.expected = expected;
            self.follow(toml, changed).await;
        }
    }

    /// Loads components whose files changed.
    pub(super) async fn files_changed(&self, toml: &ExoToml, files: &BTreeSet<PathBuf>) {
        self.load(toml, files).await;
    }

    async fn load(&self, toml: &ExoToml, files: &BTreeSet<PathBuf>) {
        let reloaded = self.hooks.load(toml, &|config| files.contains(&config.path), &self.expected).await;
        self.hooks.check(&self.expected, &self.broken).await;
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        self.hooks.publish(&self.bus, toml, &self.expected, (&reloaded, &mut broken));
    }

    /// Follows no files any more.
    pub(super) fn stop(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
    }
}

type Stamp = Option<(SystemTime, u64)>;

fn stamps(files: &BTreeSet<PathBuf>) -> BTreeMap<PathBuf, Stamp> {
    let stamp = |path: &PathBuf| {
        let data = std::fs::metadata(path).ok()?;
        Some((data.modified().ok()?, data.len()))
    };
    files.iter().map(|path| (path.clone(), stamp(path))).collect()
}

/// Reports files that changed and have been the same for two looks: a file that is still being written is left alone.
async fn look(
    files: BTreeSet<PathBuf>,
    mut reported: BTreeMap<PathBuf, Stamp>,
    changed: mpsc::UnboundedSender<Internal>,
) {
    let mut last = reported.clone();
    let mut interval = tokio::time::interval(LOOK);
    loop {
        interval.tick().await;
        let now = stamps(&files);
        let settled = |path: &PathBuf| last.get(path) == now.get(path) && reported.get(path) != now.get(path);
        let news: BTreeSet<PathBuf> = files.iter().filter(|path| settled(path)).cloned().collect();
        for path in &news {
            reported.insert(path.clone(), now.get(path).copied().flatten());
        }
        last = now;
        // A file that is gone comes back when the build ends.
        let news: BTreeSet<PathBuf> = news.into_iter().filter(|path| path.is_file()).collect();
        if !news.is_empty() && changed.send(Internal::HookFiles(news)).is_err() {
            return;
        }
    }
}

/// Keeps the numbers in the Services pane fresh while there are new ones.
async fn show(hooks: &Hooks, broken: &Mutex<Broken>, bus: &Bus) {
    let mut seen = 0;
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    loop {
        interval.tick().await;
        let calls = hooks.loaded().all().iter().map(|component| component.metrics().calls).sum();
        if calls != seen {
            seen = calls;
            hooks.publish_services(bus, &mut broken.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}
