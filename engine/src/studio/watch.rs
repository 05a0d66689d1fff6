//! Watches the inputs of a project and reports quiet batches of changes.
//!
//! Only inputs: `src/`, `tests/`, `trusted-documents/`, `exo.toml`, `.env*`, and files elsewhere that scripts import.
//! Outputs never wake us.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use notify::{Event, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// Silence that ends a batch.
pub const QUIET: Duration = Duration::from_millis(50);
/// A batch ends after this time even when changes keep coming.
const LONGEST: Duration = Duration::from_millis(500);
/// Period of the fall-back when the system has no watches left.
const POLL: Duration = Duration::from_secs(1);

/// Folders whose whole content is input.
const FOLDERS: [&str; 3] = ["src", "tests", "trusted-documents"];

/// Files outside of [`FOLDERS`] that are inputs as well, relative to the project.
type Followed = Arc<RwLock<BTreeSet<PathBuf>>>;

/// A running watch. Dropping it ends the watch.
pub struct Watch {
    watcher: Box<dyn Watcher + Send>,
    events: mpsc::UnboundedReceiver<PathBuf>,
    root: PathBuf,
    watched: BTreeSet<&'static str>,
    followed: Followed,
    /// The batch that is being collected. It is kept here so that whoever stops waiting loses nothing.
    batch: Option<Batch>,
    /// Why changes are found by polling, if they are.
    pub polling: Option<String>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("root", &self.root)
            .field("polling", &self.polling)
            .finish_non_exhaustive()
    }
}

/// A batch that has not ended.
struct Batch {
    changes: Changes,
    /// When it ends although changes keep coming.
    longest: Instant,
    /// When it ends if nothing comes.
    quiet: Instant,
}

/// What a batch of changes touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Project-relative paths.
    pub paths: BTreeSet<PathBuf>,
}

impl Changes {
    fn touches(&self, folder: &str) -> bool {
        self.paths.iter().any(|path| path.starts_with(folder))
    }
    /// The model has to be built again.
    pub fn model(&self) -> bool {
        let elsewhere = |path: &PathBuf| {
            !FOLDERS.iter().any(|folder| path.starts_with(folder)) && !is_configuration(path)
        };
        self.touches("src") || self.touches("trusted-documents") || self.paths.iter().any(elsewhere)
    }
    /// Tests or seeds changed.
    pub fn tests(&self) -> bool {
        self.touches("tests")
    }
    /// Settings changed.
    pub fn configuration(&self) -> bool {
        self.paths.iter().any(|path| is_configuration(path))
    }
}

fn is_configuration(path: &Path) -> bool {
    let name = path.to_string_lossy();
    path.components().count() == 1 && (name == "exo.toml" || name == ".env" || name.starts_with(".env."))
}

/// The project-relative path of a change worth reporting.
fn input(root: &Path, path: &Path, followed: &BTreeSet<PathBuf>) -> Option<PathBuf> {
    if let Some(found) = followed.iter().find(|known| normal(&root.join(known)) == path) {
        return Some(found.clone());
    }
    let relative = path.strip_prefix(root).ok()?;
    let first = relative.components().next()?.as_os_str().to_str()?;
    (FOLDERS.contains(&first) || is_configuration(relative)).then(|| relative.to_owned())
}

/// Without `..`; the folders of a project are no links.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut all, part| {
        if part == std::path::Component::ParentDir {
            all.pop();
        } else {
            all.push(part);
        }
        all
    })
}

impl Watch {
    /// Starts watching the project at `root` (canonical).
    pub fn start(root: &Path) -> notify::Result<Self> {
        let (sender, events) = mpsc::unbounded_channel();
        let followed = Followed::default();
        let handle = handler(root, sender.clone(), Arc::clone(&followed));
        let mut watch = match RecommendedWatcher::new(handle, notify::Config::default()) {
            Ok(watcher) => Self::with(Box::new(watcher), events, root, followed),
            Err(error) => return Self::poll(root, sender, events, &error),
        };
        match watch.watch_folders(true) {
            Ok(()) => Ok(watch),
            Err(error) => {
                let Self { events, .. } = watch;
                Self::poll(root, sender, events, &error)
            }
        }
    }

    fn with(
        watcher: Box<dyn Watcher + Send>,
        events: mpsc::UnboundedReceiver<PathBuf>,
        root: &Path,
        followed: Followed,
    ) -> Self {
        let (watched, root) = (BTreeSet::new(), root.to_owned());
        Self { watcher, events, root, watched, followed, batch: None, polling: None }
    }

    /// From now on changes of these files (relative to the project) count as well, and only of these; files in the
    /// usual folders and in `node_modules` are left out.
    pub fn follow(&mut self, files: BTreeSet<PathBuf>) {
        let usual = |path: &PathBuf| {
            FOLDERS.iter().any(|folder| path.starts_with(folder))
                || path.components().any(|part| part.as_os_str() == "node_modules")
        };
        let files: BTreeSet<PathBuf> = files.into_iter().filter(|path| !usual(path)).collect();
        let mut followed = self.followed.write().unwrap_or_else(PoisonError::into_inner);
        let folders: BTreeSet<PathBuf> = files
            .difference(&followed)
            .filter_map(|path| Some(normal(&self.root.join(path)).parent()?.to_owned()))
            .collect();
        *followed = files;
        drop(followed);
        for folder in folders.iter().filter(|folder| **folder != self.root) {
            // A change that is not seen shows at the next build.
            let _ = self.watcher.watch(folder, RecursiveMode::NonRecursive);
        }
    }

    fn poll(
        root: &Path,
        sender: mpsc::UnboundedSender<PathBuf>,
        events: mpsc::UnboundedReceiver<PathBuf>,
        error: &notify::Error,
    ) -> notify::Result<Self> {
        let config = notify::Config::default().with_poll_interval(POLL);
        let followed = Followed::default();
        let watcher = PollWatcher::new(handler(root, sender, Arc::clone(&followed)), config)?;
        let mut watch = Self::with(Box::new(watcher), events, root, followed);
        watch.polling = Some(error.to_string());
        watch.watch_folders(true)?;
        Ok(watch)
    }

    /// Folders may come and go; the root itself is watched for that.
    fn watch_folders(&mut self, with_root: bool) -> notify::Result<()> {
        if with_root {
            self.watcher.watch(&self.root, RecursiveMode::NonRecursive)?;
        }
        for folder in FOLDERS {
            let path = self.root.join(folder);
            if !path.is_dir() {
                self.watched.remove(folder);
            } else if self.watched.insert(folder) {
                self.watcher.watch(&path, RecursiveMode::Recursive)?;
            }
        }
        Ok(())
    }

    /// Waits for the next batch; `None` when the watcher is gone. Cancel safe: changes that were seen by a call that is
    /// dropped are in the batch of the next one.
    pub async fn next(&mut self) -> Option<Changes> {
        if self.batch.is_none() {
            let first = self.events.recv().await?;
            let now = Instant::now();
            let changes = Changes { paths: BTreeSet::from([first]) };
            self.batch = Some(Batch { changes, longest: now + LONGEST, quiet: now + QUIET });
        }
        while let Some(batch) = &mut self.batch {
            match timeout_at(batch.quiet.min(batch.longest), self.events.recv()).await {
                Ok(Some(path)) => {
                    batch.changes.paths.insert(path);
                }
                // A file without content is one that an editor is writing in place: its model would be an empty one.
                Err(_) if Instant::now() < batch.longest && is_half_written(&self.root, &batch.changes) => {}
                Ok(None) | Err(_) => break,
            }
            let now = Instant::now();
            if now >= batch.longest {
                break;
            }
            batch.quiet = now + QUIET;
        }
        let Batch { changes, .. } = self.batch.take()?;
        if self.polling.is_none() {
            // A folder that was replaced needs a new watch; failing to get one is no reason to stop.
            for folder in FOLDERS {
                if changes.paths.contains(Path::new(folder)) {
                    self.watched.remove(folder);
                }
            }
            let _ = self.watch_folders(false);
        }
        Some(changes)
    }
}

fn is_half_written(root: &Path, changes: &Changes) -> bool {
    let is_empty = |path: &PathBuf| {
        let found = std::fs::metadata(root.join(path));
        found.is_ok_and(|found| found.is_file() && found.len() == 0)
    };
    changes.paths.iter().any(is_empty)
}

fn handler(
    root: &Path,
    sender: mpsc::UnboundedSender<PathBuf>,
    followed: Followed,
) -> impl Fn(notify::Result<Event>) + Send + 'static {
    let root = root.to_owned();
    move |event| {
        let Ok(event) = event else { return };
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        let followed = followed.read().unwrap_or_else(PoisonError::into_inner);
        for path in event.paths.iter().filter_map(|path| input(&root, path, &followed)) {
            let _ = sender.send(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_is_one_batch_and_outputs_are_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("src")).unwrap();
        let mut watch = Watch::start(&root).unwrap();
        std::fs::create_dir_all(root.join("target")).unwrap();
        std::fs::write(root.join("target/index.exo_ir"), "x").unwrap();
        for n in 0..5 {
            std::fs::write(root.join("src/index.exo"), format!("{n}")).unwrap();
        }
        std::fs::write(root.join(".env"), "A=1").unwrap();
        let changes = watch.next().await.unwrap();
        assert!(changes.model() && changes.configuration() && !changes.tests());
        assert!(changes.paths.iter().all(|path| !path.starts_with("target")), "{changes:?}");
    }

    #[tokio::test]
    async fn changes_seen_by_a_wait_that_was_given_up_are_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("src")).unwrap();
        let mut watch = Watch::start(&root).unwrap();
        std::fs::write(root.join("src/index.exo"), "x").unwrap();
        std::fs::write(root.join(".env"), "A=1").unwrap();
        let mut seen = Changes::default();
        let all = async {
            while !(seen.model() && seen.configuration()) {
                // Given up before the silence has passed, as when a command or the database comes first.
                if let Ok(Some(changes)) = tokio::time::timeout(QUIET / 5, watch.next()).await {
                    seen.paths.extend(changes.paths);
                }
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(60), all).await;
        assert!(found.is_ok(), "lost: {seen:?}");
    }

    #[tokio::test]
    async fn a_file_that_is_being_written_in_place_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("src")).unwrap();
        let path = root.join("src/index.exo");
        std::fs::write(&path, "before").unwrap();
        let mut watch = Watch::start(&root).unwrap();
        std::fs::write(&path, "").unwrap();
        let written = path.clone();
        let writer = tokio::spawn(async move {
            // Longer than the silence that ends a batch, and still one save.
            tokio::time::sleep(QUIET * 2).await;
            std::fs::write(&written, "after").unwrap();
        });
        assert!(watch.next().await.unwrap().model());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "after");
        writer.await.unwrap();
        // A file that stays empty is a change, too.
        std::fs::write(&path, "").unwrap();
        assert!(watch.next().await.unwrap().model());
    }

    #[tokio::test]
    async fn imported_files_elsewhere_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("project");
        std::fs::create_dir_all(root.join("lib")).unwrap();
        std::fs::create_dir_all(root.join("../shared")).unwrap();
        let mut watch = Watch::start(&root).unwrap();
        watch.follow(["lib/a.ts", "../shared/b.ts", "src/c.ts"].map(PathBuf::from).into());
        std::fs::write(root.join("lib/other.ts"), "x").unwrap();
        std::fs::write(root.join("lib/a.ts"), "x").unwrap();
        std::fs::write(root.join("../shared/b.ts"), "x").unwrap();
        let changes = watch.next().await.unwrap();
        assert!(changes.model());
        assert_eq!(changes.paths, ["lib/a.ts", "../shared/b.ts"].map(PathBuf::from).into());
    }

    #[tokio::test]
    async fn a_folder_made_later_is_watched() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let mut watch = Watch::start(&root).unwrap();
        std::fs::create_dir_all(root.join("tests")).unwrap();
        assert!(watch.next().await.unwrap().tests());
        std::fs::write(root.join("tests/a.exotest"), "x").unwrap();
        assert!(watch.next().await.unwrap().paths.contains(Path::new("tests/a.exotest")));
    }
}
