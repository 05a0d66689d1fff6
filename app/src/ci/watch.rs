//! `--ci --watch`: run, then run again what a save may have changed.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use studio_engine::studio::watch::{Changes, Watch};
use studio_testing::discovery::{self, Concerned};
use studio_testing::{RunOptions, exit, pattern};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::place::Place;
use super::{Bench, STOPPED};
use crate::failure::Failure;
use crate::output;

/// Runs until it is interrupted.
pub(super) async fn run(bench: &Bench<'_>, options: RunOptions) -> Result<u8, Failure> {
    let mut watches = Watches::new();
    let mut next = options.clone();
    loop {
        // Before the run, so that a save in the middle of it is not missed.
        watches.follow(&bench.place.root)?;
        let report = bench.run(next).await?;
        let code = bench.print(&report)?;
        if code == exit::INTERRUPTED {
            return Ok(code);
        }
        output::note("watching; Ctrl-C stops");
        let changed = tokio::select! {
            () = bench.cancel.cancelled() => return Ok(STOPPED),
            changed = watches.changed(&bench.place, options.filter.as_deref()) => changed?,
        };
        // A part of the tests says nothing about coverage.
        next = RunOptions { only: Some(changed), min_access_coverage: None, ..options.clone() };
    }
}

/// A watch per project; all of them report to one place.
struct Watches {
    sender: mpsc::UnboundedSender<(PathBuf, Changes)>,
    changes: mpsc::UnboundedReceiver<(PathBuf, Changes)>,
    tasks: HashMap<PathBuf, JoinHandle<()>>,
}

impl Watches {
    fn new() -> Self {
        let (sender, changes) = mpsc::unbounded_channel();
        Self { sender, changes, tasks: HashMap::new() }
    }

    /// Watches every project that is not watched yet.
    fn follow(&mut self, root: &Path) -> Result<(), Failure> {
        let failure = |error: &dyn std::fmt::Display| Failure::environment("watch the projects", &error);
        let projects = discovery::discover(root).map_err(|error| failure(&error))?;
        for project in projects {
            if self.tasks.get(&project.path).is_some_and(|task| !task.is_finished()) {
                continue;
            }
            let folder = project.path.canonicalize().map_err(|error| failure(&error))?;
            let mut watch = Watch::start(&folder).map_err(|error| failure(&error))?;
            let (sender, path) = (self.sender.clone(), project.path.clone());
            let task = tokio::spawn(async move {
                while let Some(changes) = watch.next().await {
                    if sender.send((path.clone(), changes)).is_err() {
                        return;
                    }
                }
            });
            self.tasks.insert(project.path, task);
        }
        Ok(())
    }

    /// Waits for saves and names the tests they concern that match the wildcard.
    async fn changed(&mut self, place: &Place, filter: Option<&str>) -> Result<BTreeSet<String>, Failure> {
        let mut names = BTreeSet::new();
        while names.is_empty() {
            let Some(first) = self.changes.recv().await else {
                return Err(Failure::environment("watch the projects", &"every watch ended"));
            };
            let mut saved = vec![first];
            while let Ok(more) = self.changes.try_recv() {
                saved.push(more);
            }
            // Files may have come or gone with the save.
            let projects = discovery::discover(&place.root)
                .map_err(|error| Failure::environment("find the tests", &error))?;
            for (path, changes) in &saved {
                let Some(project) = projects.iter().find(|known| known.path == *path) else { continue };
                match project.concerned(changes.paths.iter().map(PathBuf::as_path)) {
                    Concerned::Nothing => {}
                    Concerned::Tests(some) => names.extend(some),
                    Concerned::All => names.extend(project.tests.iter().map(|test| test.name.clone())),
                }
            }
            names.retain(|name| {
                filter.is_none_or(|filter| pattern::matches(filter, name))
                    && place.only.as_ref().is_none_or(|only| only.contains(name))
            });
        }
        Ok(names)
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        self.tasks.values().for_each(JoinHandle::abort);
    }
}
