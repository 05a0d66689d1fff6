//! Space on the disk of the bundled database: told while it is short, and waited for when the server ended without any.

use std::path::{Path, PathBuf};
use std::time::Duration;

use studio_events::{EventKind, LogLevel, Problem, ProblemSource, Severity};
use studio_postgres::disk::free_space;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Actor, Internal};
use crate::studio::migrate::problem_of;

/// Below this the server may soon refuse to write: two segments of its write-ahead log.
const LITTLE: u64 = 32 * 1024 * 1024;
/// From here on there is enough again.
const ENOUGH: u64 = 48 * 1024 * 1024;
/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// What a look at the disk came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::studio) enum Space {
    /// So many bytes are left.
    Little(u64),
    Enough,
}

/// A task that looks at the disk of a folder, as long as this lives.
#[derive(Debug)]
pub(super) struct DiskWatch {
    folder: PathBuf,
    task: JoinHandle<()>,
}

impl Drop for DiskWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl DiskWatch {
    /// Tells every change.
    fn start(folder: PathBuf, sender: mpsc::UnboundedSender<Internal>) -> Self {
        let dir = folder.clone();
        let task = tokio::spawn(async move {
            let mut little = false;
            loop {
                let space = match free_space(&dir) {
                    Some(free) if !little && free < LITTLE => Some(Space::Little(free)),
                    Some(free) if little && free >= ENOUGH => Some(Space::Enough),
                    Some(_) | None => None,
                };
                if let Some(space) = space {
                    little = space != Space::Enough;
                    if sender.send(Internal::Disk(space)).is_err() {
                        return;
                    }
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        Self { folder, task }
    }
}

/// Whether there is so little space that a server cannot live with it.
pub(super) fn is_full(folder: &Path) -> bool {
    free_space(folder).is_some_and(|free| free < LITTLE)
}

impl Actor {
    /// Looks at the disk of this folder from now on.
    pub(super) fn watch_disk(&mut self, folder: &Path) {
        if self.disk.as_ref().is_none_or(|watch| watch.folder != folder) {
            self.disk = Some(DiskWatch::start(folder.to_owned(), self.internal.0.clone()));
        }
    }

    /// The folder of the disk that is looked at.
    pub(super) fn disk_folder(&self) -> Option<&Path> {
        self.disk.as_ref().map(|watch| watch.folder.as_path())
    }

    pub(super) fn disk_changed(&mut self, space: Space) {
        match space {
            Space::Little(free) => {
                let problem = almost_full(free, self.disk_folder().unwrap_or(Path::new("")));
                self.problems(ProblemSource::Disk, vec![problem]);
            }
            Space::Enough => {
                self.problems(ProblemSource::Disk, Vec::new());
                self.bus.log(LogLevel::Info, "postgres", "there is space on the disk again");
                if std::mem::take(&mut self.waits_for_space) && self.database.is_none() {
                    self.restarts = 0;
                    self.start_database();
                }
            }
        }
        self.bus.send(EventKind::Idle);
    }
}

fn almost_full(free: u64, folder: &Path) -> Problem {
    let message = format!("the disk of the database is almost full: {} MB are left", free / 1_000_000);
    let help = format!(
        "free some space on the disk of {}; until then the database may refuse to write. What is stored is safe, and reads \
         go on as long as the server runs",
        folder.display()
    );
    problem_of(Severity::Error, "D0004", message, &[], &help)
}
