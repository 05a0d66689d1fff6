//! Test runs from the Tests pane: the same runner as `--ci`, reporting to the bus.

use std::path::PathBuf;
use std::sync::Arc;

use studio_events::{EventKind, TestEvent};
use studio_postgres::{Cluster, ClusterConfig, ClusterKind};
use studio_testing::{Cancellation, Laboratory, RunOptions};

use crate::bus::Bus;
use crate::laboratory::ClusterLaboratory;
use crate::project::Project;

/// Runs the tests of the project whose names match. Ends with a summary or an `Aborted` event.
pub(super) async fn run(project: Project, executable: PathBuf, pattern: Option<String>, bus: Bus) {
    let aborted = |reason: String| bus.send(EventKind::Test(TestEvent::Aborted { reason }));
    let mut config = ClusterConfig::new(ClusterKind::ThrowAway);
    config.supervisor = vec![executable.into_os_string(), "__postgres".into()];
    let cluster = match Cluster::start(config, |_| {}).await {
        Ok(cluster) => cluster,
        Err(error) => return aborted(error.to_string()),
    };
    let laboratory: Arc<dyn Laboratory> = Arc::new(ClusterLaboratory::new(cluster.databases()));
    let events = bus.clone();
    let progress = Arc::new(move |event| events.send(EventKind::Test(event)));
    let options = RunOptions { filter: pattern, ..RunOptions::default() };
    let result =
        studio_testing::run(laboratory, &project.root, options, progress, Cancellation::default()).await;
    match result {
        Ok(report) => {
            if let Some(failed) = report.projects.first() {
                aborted(failed.failure.summary());
            }
        }
        Err(error) => aborted(error.to_string()),
    }
    cluster.stop().await;
}
