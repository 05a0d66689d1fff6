//! Running all tests below a directory: scheduling, templates, retries, cancellation (sections 2.5, 2.8).

mod prerequisite;
mod project;
mod rpc_snapshot;
mod seeds;
mod snapshot;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use studio_events::{Micros, TestEvent, TestVerdict};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cancel::Cancellation;
use crate::discovery::{self, DiscoveryError, Project};
use crate::laboratory::Laboratory;
use crate::outcome::{Failure, Report, TestResult};
use crate::pattern;
use crate::session::StageSettings;
use crate::suggest::nearest;

pub use snapshot::Snapshots;

/// Upper bound of the default number of parallel tests; each has a database.
const MAX_DEFAULT_JOBS: usize = 32;

/// Receives the facts of a run as they happen, from several threads.
pub type Progress = Arc<dyn Fn(TestEvent) + Send + Sync>;

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Wildcard over test names.
    pub filter: Option<String>,
    /// Run only these names (rerun of failed tests); combined with `filter`.
    pub only: Option<BTreeSet<String>>,
    /// Tests at the same time; by default twice the processors, at most 32.
    pub jobs: Option<usize>,
    /// Limits and switches of stages.
    pub stages: StageSettings,
    /// Pause before the first repetition of a test with `retries`; doubled for each further one.
    pub retry_pause: Duration,
    /// Also check the schema of each project against its kept copy (`EXO_RUN_INTROSPECTION_TESTS`). Such a
    /// check is reported as a test named `schema-tests/introspection`.
    pub snapshots: Option<Snapshots>,
    /// How long one `tests/build*.sh` may take.
    pub build_script_timeout: Duration,
    /// Which recorded traces stay in the report. Whether they are recorded at all is up to the laboratory.
    pub traces: KeptTraces,
    /// Fail below this many percent of access coverage.
    pub min_access_coverage: Option<u8>,
}

/// Which traces of requests stay in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptTraces {
    /// None.
    None,
    /// Of the failing requests.
    Failing,
    /// Of all requests of all tests (up to a limit per test), for the Tests pane.
    All,
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions {
            filter: None,
            only: None,
            jobs: None,
            stages: StageSettings::default(),
            retry_pause: Duration::from_secs(1),
            snapshots: None,
            build_script_timeout: Duration::from_secs(600),
            traces: KeptTraces::None,
            min_access_coverage: None,
        }
    }
}

impl RunOptions {
    fn selects(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| pattern::matches(filter, name))
            && self.only.as_ref().is_none_or(|only| only.contains(name))
    }

    /// How the schema of a project is checked, when it is.
    fn snapshot(&self, project: &Project) -> Option<Snapshots> {
        self.snapshots.filter(|_| self.selects(&snapshot::name(project)))
    }

    fn is_whole(&self) -> bool {
        self.filter.is_none() && self.only.is_none()
    }
}

/// Why a test or a seed set has no result.
#[derive(Debug, Clone)]
enum Stop {
    Failed(Box<Failure>),
    Interrupted,
}

impl From<Box<Failure>> for Stop {
    fn from(failure: Box<Failure>) -> Self {
        Stop::Failed(failure)
    }
}

/// What every part of a run shares.
struct Run {
    root: std::path::PathBuf,
    laboratory: Arc<dyn Laboratory>,
    options: RunOptions,
    progress: Progress,
    cancel: Cancellation,
    permits: Arc<Semaphore>,
    /// How many projects may be open at the same time: each holds a compiled model and template databases.
    open: Arc<Semaphore>,
    /// Instances that wait for a next test, over all projects; each holds a connection.
    idle: std::sync::atomic::AtomicUsize,
    jobs: usize,
}

/// Runs seed files in order against an instance, outside of a test run: the studio fills a new database with
/// them. Returns warnings. What they bind is forgotten.
pub async fn seed(
    instance: &dyn crate::laboratory::Instance,
    files: &[std::path::PathBuf],
    settings: &StageSettings,
) -> Result<Vec<String>, Box<Failure>> {
    let loaded: Vec<_> = files.iter().map(|path| Arc::new(seeds::load(path))).collect();
    let mut session =
        crate::session::Session::new(instance, settings, crate::session::SessionState::default());
    seeds::run(&mut session, &loaded).await?;
    Ok(session.warnings)
}

/// Runs the tests of every project at or below `root`.
///
/// Projects are prepared and their tests run in parallel; the report is in name order. A project without a
/// test that is to be run is prepared only when everything is to be run, so that a broken model is noticed.
/// After [`Cancellation::cancel`] the databases of running tests are still dropped before this returns.
pub async fn run(
    laboratory: Arc<dyn Laboratory>,
    root: &Path,
    options: RunOptions,
    progress: Progress,
    cancel: Cancellation,
) -> Result<Report, DiscoveryError> {
    let started = Instant::now();
    let folder = root.to_owned();
    let found = tokio::task::spawn_blocking(move || discovery::discover(&folder)).await;
    let mut projects = found.unwrap_or_else(|error| {
        Err(DiscoveryError::Unreadable { path: root.to_owned(), reason: error.to_string() })
    })?;
    let all: Vec<String> =
        projects.iter().flat_map(|project| &project.tests).map(|test| test.name.clone()).collect();
    for project in &mut projects {
        project.tests.retain(|test| options.selects(&test.name));
    }
    if !options.is_whole() {
        projects.retain(|project| !project.tests.is_empty() || options.snapshot(project).is_some());
    }
    let mut names: Vec<String> =
        projects.iter().flat_map(|project| &project.tests).map(|test| test.name.clone()).collect();
    names.extend(projects.iter().filter(|p| options.snapshot(p).is_some()).map(snapshot::name));
    names.sort();
    let jobs = options.jobs.unwrap_or_else(default_jobs).max(1);
    let mut report = Report {
        root: root.to_owned(),
        filter: options.filter.clone(),
        named: options.only.is_some(),
        near: Vec::new(),
        tests: Vec::new(),
        not_run: Vec::new(),
        projects: Vec::new(),
        interrupted: false,
        access: None,
        min_access_coverage: options.min_access_coverage,
        micros: 0,
        jobs,
    };
    if let (Some(filter), true) = (&options.filter, names.is_empty()) {
        report.near = near(filter, &all);
    }
    progress(TestEvent::Discovered { names, whole: options.is_whole() });
    let run = Arc::new(Run {
        root: root.to_owned(),
        laboratory,
        options,
        progress,
        cancel,
        permits: Arc::new(Semaphore::new(jobs)),
        // One more than can run tests, so that the next one is built while the last tests of others run.
        open: Arc::new(Semaphore::new(jobs + 1)),
        idle: std::sync::atomic::AtomicUsize::new(0),
        jobs,
    });
    run_projects(&run, projects, &mut report).await;
    report.tests.sort_by(|left, right| (&left.name, &left.file).cmp(&(&right.name, &right.file)));
    report.not_run.sort();
    report.projects.sort_by(|left, right| left.project.cmp(&right.project));
    if let Some(access) = &mut report.access {
        access.rules.sort_by(|left, right| left.project.cmp(&right.project));
        // What single tests saw says nothing about the whole.
        if run.options.is_whole() {
            (run.progress)(TestEvent::Coverage(Arc::new(access.clone())));
        }
    }
    report.interrupted = run.cancel.is_cancelled();
    report.micros = micros(started);
    (run.progress)(TestEvent::Summary {
        passed: number(report.count(TestVerdict::Passed)),
        total: number(report.tests.len() + report.not_run.len()),
        time: Micros(report.micros),
    });
    Ok(report)
}

/// Names that a wildcard without a match may have meant: a path of the file instead of its name, a part of a
/// name, or a slip of the finger.
fn near(filter: &str, names: &[String]) -> Vec<String> {
    const MOST: usize = 5;
    let name = filter.trim_start_matches("./").trim_end_matches(".exotest").replace("tests/", "");
    let of_path: Vec<String> =
        names.iter().filter(|known| pattern::matches(&name, known)).take(MOST).cloned().collect();
    if !of_path.is_empty() {
        return of_path;
    }
    let word = name.replace(['*', '?'], "");
    if word.is_empty() {
        return Vec::new();
    }
    let with_part: Vec<String> =
        names.iter().filter(|known| known.contains(&word)).take(MOST).cloned().collect();
    if !with_part.is_empty() {
        return with_part;
    }
    nearest(&word, names.iter().map(String::as_str)).map(str::to_owned).into_iter().collect()
}

async fn run_projects(run: &Arc<Run>, projects: Vec<Project>, report: &mut Report) {
    let mut tasks = JoinSet::new();
    for project in projects {
        let run = Arc::clone(run);
        tasks.spawn(async move {
            // Tasks get their permits in the order they ask for them, which is the order of the names.
            let _open = Arc::clone(&run.open).acquire_owned().await;
            project::run_project(&run, project).await
        });
    }
    while let Some(finished) = tasks.join_next().await {
        match finished {
            Ok(outcome) => {
                report.tests.extend(outcome.tests);
                report.not_run.extend(outcome.not_run);
                report.projects.extend(outcome.failure);
                if let Some(access) = outcome.access {
                    report.access.get_or_insert_default().rules.extend(access.rules);
                }
            }
            Err(error) => report.projects.push(crate::outcome::ProjectFailure {
                project: String::new(),
                failure: Failure::new(
                    crate::outcome::Cause::Error,
                    report.root.clone(),
                    None,
                    format!("the runner failed: {error}"),
                ),
            }),
        }
    }
}

impl Run {
    fn finished(&self, result: &TestResult) {
        (self.progress)(TestEvent::Finished {
            name: result.name.clone(),
            verdict: result.verdict,
            time: Micros(result.micros),
            detail: crate::report::text::detail(result, &self.root).into(),
            outcome: Arc::new(crate::report::outcome(result, &self.root)),
        });
    }
}

/// Twice the processors, at most 32.
pub fn default_jobs() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    (2 * processors).min(MAX_DEFAULT_JOBS)
}

fn micros(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn names_that_may_have_been_meant() {
        let names = ["access/list", "access/deep/one", "shop/list"].map(str::to_owned);
        for (filter, expected) in [
            ("tests/access/list.exotest", vec!["access/list"]),
            ("./tests/access/*.exotest", vec!["access/list", "access/deep/one"]),
            ("shop/tests/list.exotest", vec!["shop/list"]),
            ("list", vec!["access/list", "shop/list"]),
            ("acess/list", vec!["access/list"]),
            ("*", vec!["access/list", "access/deep/one", "shop/list"]),
            ("nothing-like-it", vec![]),
        ] {
            assert_eq!(near(filter, &names), expected, "{filter}");
        }
        assert!(near("?", &[]).is_empty());
    }
}
