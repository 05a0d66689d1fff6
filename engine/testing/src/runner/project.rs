//! The tests of one project.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use studio_events::{AccessCoverage, TestEvent, TestVerdict};
use tokio::task::JoinSet;

use super::seeds::{self, LoadedSeed, SeedSet, Seeded};
use super::{KeptTraces, Run, Stop, micros, prerequisite, snapshot};
use crate::discovery::{DiscoveredTest, Project};
use crate::file::{self, FileError, TestFile};
use crate::laboratory::{Instance, InstanceSpec, PrepareError, PreparedProject};
use crate::outcome::{Cause, Failure, ProjectFailure, RequestRecord, TestResult};
use crate::session::{Session, SessionState};
use crate::stage::{self, Role};

/// Traces that are kept of one test.
const MAX_TRACES: usize = 50;

/// What a project contributes to the report.
#[derive(Default)]
pub(super) struct ProjectOutcome {
    pub(super) tests: Vec<TestResult>,
    pub(super) not_run: Vec<String>,
    pub(super) failure: Option<ProjectFailure>,
    pub(super) access: Option<AccessCoverage>,
}

/// A test with everything it needs, read from disk.
struct LoadedTest {
    test: DiscoveredTest,
    file: Result<TestFile, FileError>,
    seeds: Arc<SeedSet>,
}

pub(super) async fn run_project(run: &Arc<Run>, project: Project) -> ProjectOutcome {
    let mut outcome = ProjectOutcome::default();
    let prepared = match prepare(run, &project).await {
        Ok(prepared) => prepared,
        Err(Stop::Interrupted) => {
            outcome.not_run = project.tests.iter().map(|test| test.name.clone()).collect();
            outcome.not_run.extend(run.options.snapshot(&project).map(|_| snapshot::name(&project)));
            return outcome;
        }
        Err(Stop::Failed(failure)) => {
            let snapshot = run.options.snapshot(&project).map(|_| DiscoveredTest {
                name: snapshot::name(&project),
                path: project.path.join("src/index.exo"),
                seeds: Vec::new(),
            });
            for test in project.tests.into_iter().chain(snapshot) {
                let mut own = Failure::new(
                    failure.cause,
                    &test.path,
                    None,
                    failure.message.lines().next().unwrap_or("the project cannot be tested"),
                );
                own.next_step = Some("see the failure of the project".to_owned());
                let result = TestResult {
                    name: test.name,
                    project: project.name.clone(),
                    file: test.path,
                    verdict: failure.cause.verdict(),
                    micros: 0,
                    attempts: 0,
                    failure: Some(own),
                    warnings: Vec::new(),
                    requests: Vec::new(),
                };
                run.finished(&result);
                outcome.tests.push(result);
            }
            outcome.failure = Some(ProjectFailure { project: project.name, failure });
            return outcome;
        }
    };
    if let Some(mode) = run.options.snapshot(&project) {
        if run.cancel.is_cancelled() {
            outcome.not_run.push(snapshot::name(&project));
        } else {
            let _permit = Arc::clone(&run.permits).acquire_owned().await;
            (run.progress)(TestEvent::Started { name: snapshot::name(&project) });
            let result = snapshot::check(run, prepared.as_ref(), &project, mode).await;
            run.finished(&result);
            outcome.tests.push(result);
        }
    }
    let tests = project.tests;
    let mut tasks = JoinSet::new();
    let loaded = tokio::task::spawn_blocking(move || load(tests)).await.unwrap_or_default();
    let sets: Vec<Arc<SeedSet>> = loaded.iter().map(|loaded| Arc::clone(&loaded.seeds)).collect();
    for loaded in loaded {
        let (run, prepared) = (Arc::clone(run), Arc::clone(&prepared));
        let project = project.name.clone();
        tasks.spawn(async move {
            let name = loaded.test.name.clone();
            let permit = Arc::clone(&run.permits).acquire_owned().await;
            if run.cancel.is_cancelled() || permit.is_err() {
                return Err(name);
            }
            (run.progress)(TestEvent::Started { name: name.clone() });
            match run_test(&run, prepared.as_ref(), loaded, project).await {
                Some(result) => {
                    run.finished(&result);
                    Ok(result)
                }
                None => Err(name),
            }
        });
    }
    while let Some(finished) = tasks.join_next().await {
        match finished {
            Ok(Ok(result)) => outcome.tests.push(result),
            Ok(Err(name)) => outcome.not_run.push(name),
            Err(error) => {
                let message = format!("the runner failed: {error}");
                let failure = Failure::new(Cause::Error, &project.path, None, message);
                outcome.failure = Some(ProjectFailure { project: project.name.clone(), failure });
            }
        }
    }
    for set in sets {
        while let Some(instance) = set.take_idle(run) {
            instance.close().await;
        }
    }
    outcome.access = prepared.access_coverage().map(|mut access| {
        access.rules.iter_mut().for_each(|rule| rule.project.clone_from(&project.name));
        access
    });
    prepared.close().await;
    outcome
}

async fn prepare(run: &Run, project: &Project) -> Result<Arc<dyn PreparedProject>, Stop> {
    // Compiling and making tables is work like a test, so it waits its turn with them.
    let _permit = Arc::clone(&run.permits).acquire_owned().await;
    if run.cancel.is_cancelled() {
        return Err(Stop::Interrupted);
    }
    for script in &project.build_scripts {
        prerequisite::run(run, &project.path, script).await?;
    }
    if run.cancel.is_cancelled() {
        return Err(Stop::Interrupted);
    }
    run.laboratory.prepare(&project.path).await.map_err(|error| {
        let (cause, file) = match error {
            PrepareError::Model(_) => (Cause::Model, project.path.join("src/index.exo")),
            PrepareError::Environment(_) => (Cause::Environment, project.path.clone()),
        };
        Failure::new(cause, file, None, error.to_string()).into()
    })
}

/// Reads test files and seeds, and groups tests by what their databases have in common.
fn load(tests: Vec<DiscoveredTest>) -> Vec<LoadedTest> {
    let mut files: HashMap<PathBuf, Arc<LoadedSeed>> = HashMap::new();
    let mut read = Vec::with_capacity(tests.len());
    type Key = (Vec<PathBuf>, BTreeMap<String, String>, bool);
    let mut groups: HashMap<Key, SeedSet> = HashMap::new();
    for test in tests {
        let file = file::read_file(&test.path);
        let loaded: Vec<Arc<LoadedSeed>> = test
            .seeds
            .iter()
            .map(|path| Arc::clone(files.entry(path.clone()).or_insert_with(|| Arc::new(seeds::load(path)))))
            .collect();
        let seeds_use_rpc =
            loaded.iter().any(|seed| matches!(seed.as_ref(), Ok(seeds::Seed::Gql(file)) if file.uses_rpc()));
        let rpc = seeds_use_rpc || file.as_ref().is_ok_and(TestFile::uses_rpc);
        let env = file.as_ref().map(|file| file.envs.clone()).unwrap_or_default();
        let key = (test.seeds.clone(), env.clone(), rpc);
        let name = format!("seeds of {}", test.name);
        let group = groups.entry(key.clone()).or_insert_with(|| SeedSet::new(name, loaded, env, rpc));
        group.users += usize::from(file.is_ok());
        read.push((test, file, key));
    }
    let groups: HashMap<Key, Arc<SeedSet>> =
        groups.into_iter().map(|(key, group)| (key, Arc::new(group))).collect();
    read.into_iter()
        .filter_map(|(test, file, key)| {
            let seeds = Arc::clone(groups.get(&key)?);
            Some(LoadedTest { test, file, seeds })
        })
        .collect()
}

/// What one attempt leaves for the report.
#[derive(Default)]
struct Trail {
    warnings: Vec<String>,
    requests: Vec<RequestRecord>,
}

/// Runs a test with its retries. `None` when it was interrupted.
async fn run_test(
    run: &Run,
    prepared: &dyn PreparedProject,
    loaded: LoadedTest,
    project: String,
) -> Option<TestResult> {
    let mut started = Instant::now();
    let mut result = TestResult {
        name: loaded.test.name.clone(),
        project,
        file: loaded.test.path.clone(),
        verdict: TestVerdict::Passed,
        micros: 0,
        attempts: 1,
        failure: None,
        warnings: Vec::new(),
        requests: Vec::new(),
    };
    let file = match &loaded.file {
        Ok(file) => file,
        Err(error) => {
            let failure = seeds::file_failure(error);
            result.verdict = failure.cause.verdict();
            result.failure = Some(failure);
            return Some(result);
        }
    };
    let mut pause = run.options.retry_pause;
    loop {
        let (outcome, trail) = attempt(run, prepared, &loaded, file, &mut started).await;
        result.micros = micros(started);
        result.warnings = trail.warnings;
        result.requests = kept(run, trail.requests);
        match outcome {
            Ok(()) => {
                result.verdict = TestVerdict::Passed;
                result.failure = None;
                return Some(result);
            }
            Err(Stop::Interrupted) => return None,
            Err(Stop::Failed(mut failure)) => {
                if run.options.traces == KeptTraces::None {
                    failure.trace = None;
                }
                let repeat = result.attempts <= file.retries
                    && !failure.panicked
                    && failure.cause != Cause::Unsupported;
                result.verdict = failure.cause.verdict();
                result.failure = Some(failure);
                if !repeat {
                    return Some(result);
                }
            }
        }
        tokio::select! {
            () = run.cancel.cancelled() => return None,
            () = tokio::time::sleep(pause) => {}
        }
        pause *= 2;
        result.attempts += 1;
    }
}

/// Leaves out the traces that are not to be kept. (A failure carries the trace of its own request.)
fn kept(run: &Run, mut requests: Vec<RequestRecord>) -> Vec<RequestRecord> {
    let limit = match run.options.traces {
        KeptTraces::None | KeptTraces::Failing => 0,
        KeptTraces::All => MAX_TRACES,
    };
    requests.iter_mut().skip(limit).for_each(|request| request.trace = None);
    requests
}

/// One attempt in a database of its own, which is dropped whatever happens.
async fn attempt(
    run: &Run,
    prepared: &dyn PreparedProject,
    loaded: &LoadedTest,
    file: &TestFile,
    started: &mut Instant,
) -> (Result<(), Stop>, Trail) {
    let set = &loaded.seeds;
    let seeded = if set.is_shared() {
        match set.template.get_or_init(|| make_template(run, prepared, set)).await {
            Ok(seeded) => seeded.clone(),
            Err(stop) => return (Err(stop.clone()), Trail::default()),
        }
    } else {
        Seeded { template: None, state: SessionState::default(), warnings: Vec::new() }
    };
    *started = Instant::now();
    let spec = InstanceSpec {
        name: loaded.test.name.clone(),
        env: set.env.clone(),
        rpc: set.rpc,
        template: seeded.template,
    };
    let instance = match set.take_idle(run) {
        Some(instance) => Ok(instance),
        None => prepared.instantiate(spec).await,
    };
    let instance = match instance {
        Ok(instance) => instance,
        Err(error) => {
            let failure = seeds::laboratory_failure(&error, &loaded.test.path);
            return (Err(failure.into()), Trail::default());
        }
    };
    let mut session = Session::new(instance.as_ref(), &run.options.stages, seeded.state);
    session.warnings = seeded.warnings;
    let outcome = guarded(run, &loaded.test.path, async {
        if !set.is_shared() {
            seeds::run(&mut session, &set.seeds).await?;
            session.requests.clear();
        }
        stage::run_file(&mut session, file, Role::Test).await
    })
    .await;
    let trail = Trail { warnings: session.warnings, requests: session.requests };
    // After a panic or an interruption nobody knows what is still under way in there.
    let orderly = match &outcome {
        Ok(()) => true,
        Err(Stop::Interrupted) => false,
        Err(Stop::Failed(failure)) => !failure.panicked,
    };
    let unwanted = if orderly { set.keep(run, instance) } else { Some(instance) };
    if let Some(instance) = unwanted {
        instance.close().await;
    }
    (outcome, trail)
}

/// Runs the seeds of a shared set once and keeps their database.
async fn make_template(run: &Run, prepared: &dyn PreparedProject, set: &SeedSet) -> Result<Seeded, Stop> {
    let place = match set.seeds.first().map(AsRef::as_ref) {
        Some(Ok(seeds::Seed::Gql(file))) => file.path.clone(),
        Some(Ok(seeds::Seed::Sql { path, .. })) => path.clone(),
        Some(Err(failure)) => return Err(failure.clone().into()),
        None => PathBuf::new(),
    };
    let spec = InstanceSpec { name: set.name.clone(), env: set.env.clone(), rpc: set.rpc, template: None };
    let lost =
        |error: &crate::laboratory::LaboratoryError| Stop::from(seeds::laboratory_failure(error, &place));
    let instance: Box<dyn Instance> = prepared.instantiate(spec).await.map_err(|error| lost(&error))?;
    let mut session = Session::new(instance.as_ref(), &run.options.stages, SessionState::default());
    let outcome = guarded(run, &place, seeds::run(&mut session, &set.seeds)).await;
    let (state, warnings) = (session.state, session.warnings);
    if let Err(stop) = outcome {
        instance.close().await;
        return Err(stop);
    }
    let template = instance.freeze().await.map_err(|error| lost(&error))?;
    Ok(Seeded { template: Some(template), state, warnings })
}

/// Runs work that may be cancelled or panic; both leave the instance to be closed by the caller.
async fn guarded(
    run: &Run,
    file: &Path,
    work: impl Future<Output = Result<(), Box<Failure>>>,
) -> Result<(), Stop> {
    tokio::select! {
        biased;
        () = run.cancel.cancelled() => Err(Stop::Interrupted),
        outcome = AssertUnwindSafe(work).catch_unwind() => match outcome {
            Ok(outcome) => outcome.map_err(Stop::from),
            Err(panic) => {
                let text = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("no message");
                let mut failure = Failure::new(Cause::Error, file, None, format!("panicked: {text}"));
                failure.panicked = true;
                Err(failure.into())
            }
        }
    }
}
