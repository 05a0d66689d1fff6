//! Test runs of the studio: the same runner as `--ci`, reporting to the bus. One run at a time; what is asked for
//! meanwhile follows it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use studio_events::{EventKind, LogLevel, TestEvent, TestPlace};
use studio_postgres::{Cluster, ClusterConfig, ClusterKind};
use studio_testing::discovery::Concerned;
use studio_testing::{Cancellation, KeptTraces, Laboratory, RunOptions, discovery};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use super::actor::Internal;
use super::watch::Changes;
use crate::bus::Bus;
use crate::laboratory::ClusterLaboratory;
use crate::project::Project;

/// Which tests to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    /// All whose names match the wildcard; all without one.
    Pattern(Option<String>),
    /// Exactly these.
    Named(BTreeSet<String>),
}

impl Selection {
    /// Both of them.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Named(mut names), Self::Named(more)) => {
                names.extend(more);
                Self::Named(names)
            }
            (one, other) if one == other => one,
            _ => Self::Pattern(None),
        }
    }
}

/// The throw-away server of test runs, and its databases.
struct Bench {
    cluster: Cluster,
    laboratory: Arc<ClusterLaboratory>,
}

/// Runs tests, one run at a time.
pub(super) struct TestRuns {
    project: Project,
    executable: PathBuf,
    bus: Bus,
    ended: mpsc::UnboundedSender<Internal>,
    current: Option<(JoinHandle<()>, Cancellation)>,
    next: Option<Selection>,
    watching: bool,
    /// Kept between runs while tests are watched, because starting it takes longer than most runs.
    bench: Arc<Mutex<Option<Bench>>>,
}

impl TestRuns {
    pub(super) fn new(
        project: Project,
        executable: PathBuf,
        bus: Bus,
        ended: mpsc::UnboundedSender<Internal>,
    ) -> Self {
        Self {
            project,
            executable,
            bus,
            ended,
            current: None,
            next: None,
            watching: false,
            bench: Arc::default(),
        }
    }

    /// Tells which tests there are.
    pub(super) async fn list(&self) {
        let root = self.project.root.clone();
        let found = tokio::task::spawn_blocking(move || listed(&root)).await;
        // A project without a readable tests folder has no tests; running them tells why.
        if let Ok(Ok(tests)) = found {
            self.bus.send(EventKind::Test(TestEvent::Listed { tests }));
        }
    }

    /// Runs tests now, or after the run that is under way.
    pub(super) fn run(&mut self, selection: Selection) {
        if self.current.is_some() {
            self.bus.log(LogLevel::Info, "tests", "they run again when this run has ended");
            self.next = Some(match self.next.take() {
                Some(waiting) => waiting.and(selection),
                None => selection,
            });
            return;
        }
        let cancel = Cancellation::default();
        let run = run(
            self.project.clone(),
            self.executable.clone(),
            selection,
            self.bus.clone(),
            Arc::clone(&self.bench),
            cancel.clone(),
        );
        let ended = Ended(self.ended.clone());
        let task = tokio::spawn(async move {
            let _ended = ended;
            run.await;
        });
        self.current = Some((task, cancel));
    }

    /// Stops the run under way; its databases are dropped before it ends.
    pub(super) fn stop(&mut self) {
        self.next = None;
        if let Some((_, cancel)) = &self.current {
            cancel.cancel();
        }
    }

    /// Runs tests after each save, or not any more.
    pub(super) async fn watch(&mut self, on: bool) {
        self.watching = on;
        self.bus.send(EventKind::Test(TestEvent::Watching(on)));
        if on {
            self.run(Selection::Pattern(None));
        } else if self.current.is_none() {
            self.release().await;
        }
    }

    /// Files were saved. Tests of a model that does not check are not run.
    pub(super) async fn saved(&mut self, changes: &Changes, checks: bool) {
        if changes.tests() {
            self.list().await;
        }
        if !self.watching || !checks {
            return;
        }
        if let Some(selection) = concerned(&self.project.root, changes) {
            self.run(selection);
        }
    }

    /// The run ended: the next one follows, or the server is given back.
    pub(super) async fn ended(&mut self) {
        self.current = None;
        match self.next.take() {
            Some(selection) => self.run(selection),
            None if !self.watching => self.release().await,
            None => {}
        }
    }

    async fn release(&self) {
        if let Some(bench) = self.bench.lock().await.take() {
            bench.cluster.stop().await;
        }
    }

    /// Ends everything.
    pub(super) async fn shut_down(&mut self) {
        self.stop();
        if let Some((task, _)) = self.current.take() {
            task.abort();
            // It lets go of the server; its databases go with it.
            let _ = task.await;
        }
        self.release().await;
    }
}

/// Tells the actor that a run ended, however it did.
struct Ended(mpsc::UnboundedSender<Internal>);

impl Drop for Ended {
    fn drop(&mut self) {
        // Without a listener the studio is stopping.
        let _ = self.0.send(Internal::TestsEnded);
    }
}

fn listed(root: &Path) -> Result<Vec<TestPlace>, discovery::DiscoveryError> {
    let projects = discovery::discover(root)?;
    let place = |test: &discovery::DiscoveredTest| TestPlace {
        name: test.name.clone(),
        file: test.path.strip_prefix(root).unwrap_or(&test.path).to_string_lossy().replace('\\', "/"),
    };
    Ok(projects.iter().flat_map(|project| &project.tests).map(place).collect())
}

/// The tests a save concerns; `None` when it concerns none.
fn concerned(root: &Path, changes: &Changes) -> Option<Selection> {
    let project = discovery::discover(root).ok()?.into_iter().next()?;
    match project.concerned(changes.paths.iter().map(PathBuf::as_path)) {
        Concerned::Nothing => None,
        Concerned::Tests(names) => Some(Selection::Named(names)),
        Concerned::All => Some(Selection::Pattern(None)),
    }
}

/// One run. Ends with a summary or an `Aborted` event.
async fn run(
    project: Project,
    executable: PathBuf,
    selection: Selection,
    bus: Bus,
    bench: Arc<Mutex<Option<Bench>>>,
    cancel: Cancellation,
) {
    let aborted = |reason: String| bus.send(EventKind::Test(TestEvent::Aborted { reason }));
    let mut bench = bench.lock().await;
    if bench.is_none() {
        let mut config = ClusterConfig::new(ClusterKind::ThrowAway);
        config.supervisor = vec![executable.into_os_string(), "__postgres".into()];
        match Cluster::start(config, |_| {}).await {
            Ok(cluster) => {
                let laboratory = Arc::new(ClusterLaboratory::new(cluster.databases()));
                *bench = Some(Bench { cluster, laboratory });
            }
            Err(error) => return aborted(error.to_string()),
        }
    }
    let Some(running) = bench.as_ref() else { return };
    let laboratory = Arc::clone(&running.laboratory) as Arc<dyn Laboratory>;
    let events = bus.clone();
    let progress = Arc::new(move |event| events.send(EventKind::Test(event)));
    let options = match selection {
        Selection::Pattern(filter) => RunOptions { filter, ..RunOptions::default() },
        Selection::Named(names) => RunOptions { only: Some(names), ..RunOptions::default() },
    };
    let options = RunOptions { traces: KeptTraces::All, ..options };
    let result = studio_testing::run(laboratory, &project.root, options, progress, cancel).await;
    match result {
        Ok(report) => {
            if let Some(failed) = report.projects.first() {
                aborted(failed.failure.summary());
            }
            if report.exit_code() == studio_testing::exit::ENVIRONMENT {
                // Perhaps the server is gone; the next run gets a new one.
                if let Some(bench) = bench.take() {
                    bench.cluster.stop().await;
                }
            }
        }
        Err(error) => aborted(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_joined() {
        let named = |names: &[&str]| Selection::Named(names.iter().map(|name| (*name).to_owned()).collect());
        let all = Selection::Pattern(None);
        assert_eq!(named(&["a"]).and(named(&["b"])), named(&["a", "b"]));
        assert_eq!(named(&["a"]).and(all.clone()), all);
        assert_eq!(Selection::Pattern(Some("x*".into())).and(Selection::Pattern(Some("y*".into()))), all);
    }
}
