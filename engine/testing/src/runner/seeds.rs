//! Seed sets: `init*.gql` and `init*.sql` run once for all tests that share them.
//!
//! The result is a template database and the state the seeds leave behind (bindings and cookies), because
//! tests may use what a seed bound.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::{Run, Stop};
use crate::file::{self, TestFile};
use crate::laboratory::{Instance, LaboratoryError, Template};
use crate::outcome::{Cause, Failure};
use crate::session::{Session, SessionState};
use crate::stage::{self, Role};

/// One seed file.
#[derive(Debug)]
pub(super) enum Seed {
    Gql(TestFile),
    Sql { path: PathBuf, text: String },
}

/// A seed file, or what is wrong with it.
pub(super) type LoadedSeed = Result<Seed, Box<Failure>>;

pub(super) fn load(path: &Path) -> LoadedSeed {
    if path.extension().is_some_and(|extension| extension == "sql") {
        return match std::fs::read_to_string(path) {
            Ok(text) => Ok(Seed::Sql { path: path.to_owned(), text }),
            Err(error) => {
                let message = format!("the seed cannot be read: {error}");
                Err(Failure::new(Cause::Error, path, None, message))
            }
        };
    }
    match file::read_file(path) {
        Ok(mut seed) => {
            if !seed.envs.is_empty() || seed.retries > 0 {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                seed.warnings.push(format!("`envs` and `retries` have no effect in a seed ({name})"));
            }
            Ok(Seed::Gql(seed))
        }
        Err(error) => Err(file_failure(&error)),
    }
}

pub(super) fn file_failure(error: &file::FileError) -> Box<Failure> {
    Failure::new(Cause::Error, &error.path, error.line, error.to_string())
}

pub(super) fn laboratory_failure(error: &LaboratoryError, file: &Path) -> Box<Failure> {
    let cause = match error {
        LaboratoryError::Environment(_) => Cause::Environment,
        LaboratoryError::Sql(_) | LaboratoryError::Invalid(_) => Cause::Error,
    };
    Failure::new(cause, file, None, error.to_string())
}

/// What seeds leave behind.
#[derive(Debug, Clone)]
pub(super) struct Seeded {
    pub(super) template: Option<Template>,
    pub(super) state: SessionState,
    pub(super) warnings: Vec<String>,
}

/// Tests with the same seeds and the same server settings.
pub(super) struct SeedSet {
    pub(super) name: String,
    pub(super) seeds: Vec<Arc<LoadedSeed>>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) rpc: bool,
    /// How many tests share it. A single test runs its seeds in its own database.
    pub(super) users: usize,
    pub(super) template: OnceCell<Result<Seeded, Stop>>,
    /// Instances that a test left as they were.
    idle: Mutex<Vec<Box<dyn Instance>>>,
}

impl SeedSet {
    pub(super) fn new(
        name: String,
        seeds: Vec<Arc<LoadedSeed>>,
        env: BTreeMap<String, String>,
        rpc: bool,
    ) -> Self {
        SeedSet { name, seeds, env, rpc, users: 0, template: OnceCell::new(), idle: Mutex::default() }
    }

    /// An instance that is as good as a new clone.
    pub(super) fn take_idle(&self, run: &Run) -> Option<Box<dyn Instance>> {
        let instance = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if instance.is_some() {
            run.idle.fetch_sub(1, Ordering::Relaxed);
        }
        instance
    }

    /// Takes an instance back after a test: keeps it for the next one, or gives it back to be closed.
    pub(super) fn keep(&self, run: &Run, instance: Box<dyn Instance>) -> Option<Box<dyn Instance>> {
        // One per running test is what can be used again at once.
        if self.users < 2 || !instance.is_reusable() || run.idle.load(Ordering::Relaxed) >= run.jobs {
            return Some(instance);
        }
        run.idle.fetch_add(1, Ordering::Relaxed);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(instance);
        None
    }

    /// Whether a template is worth its copy.
    pub(super) fn is_shared(&self) -> bool {
        self.users > 1 && !self.seeds.is_empty()
    }
}

/// Runs the seeds of a set in order.
pub(super) async fn run(session: &mut Session<'_>, seeds: &[Arc<LoadedSeed>]) -> Result<(), Box<Failure>> {
    for seed in seeds {
        match seed.as_ref() {
            Err(failure) => return Err(failure.clone()),
            Ok(Seed::Sql { path, text }) => {
                session.instance.run_sql(text).await.map_err(|error| laboratory_failure(&error, path))?;
            }
            Ok(Seed::Gql(file)) => {
                stage::run_file(session, file, Role::Seed).await.map_err(|mut failure| {
                    // A seed has nothing to assert about the product; what it expects is set-up.
                    if failure.cause == Cause::Assertion {
                        failure.cause = Cause::Setup;
                    }
                    failure
                })?;
            }
        }
    }
    Ok(())
}
