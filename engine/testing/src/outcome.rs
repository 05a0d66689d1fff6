//! What comes out of a test: failures, results and the exit code (sections 2.6 and 1.20).

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use studio_events::{AccessCoverage, TestVerdict, Trace};

use crate::compare::Difference;

/// What is to blame for a failure; decides verdict and exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// The answer is not what was expected.
    Assertion,
    /// A stage could not be run.
    Setup,
    /// The test file, a seed, a prerequisite or the runner itself.
    Error,
    /// The model does not build.
    Model,
    /// Postgres, a port, the file system.
    Environment,
    /// Something this build leaves out.
    Unsupported,
}

impl Cause {
    /// The verdict of a test with such a failure.
    pub fn verdict(self) -> TestVerdict {
        match self {
            Cause::Assertion => TestVerdict::Failed,
            Cause::Setup => TestVerdict::SetupFailed,
            Cause::Error | Cause::Model | Cause::Environment => TestVerdict::Error,
            Cause::Unsupported => TestVerdict::Unsupported,
        }
    }
}

/// Why a test did not pass.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What is to blame.
    pub cause: Cause,
    /// One sentence.
    pub message: String,
    /// The file with the mistake or the expectation.
    pub file: PathBuf,
    /// 1-based line in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// 1-based number of the stage in its file, when the file has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<usize>,
    /// Where the bodies differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// The whole expected body, functions as their source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// The whole actual body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<Value>,
    /// What the functions of the test wrote to the console.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub console: Vec<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
    /// The trace of the failing request, when requests were recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Arc<Trace>>,
    /// The runner panicked; such a test is not repeated.
    #[serde(skip)]
    pub panicked: bool,
}

impl Failure {
    /// A failure with a message only.
    pub fn new(
        cause: Cause,
        file: impl Into<PathBuf>,
        line: Option<usize>,
        message: impl Into<String>,
    ) -> Box<Failure> {
        Box::new(Failure {
            cause,
            message: message.into(),
            file: file.into(),
            line,
            stage: None,
            differences: Vec::new(),
            expected: None,
            actual: None,
            console: Vec::new(),
            next_step: None,
            trace: None,
            panicked: false,
        })
    }

    /// File, line, sentence, differing body and next step in a few lines, for logs and problem entries.
    pub fn summary(&self) -> String {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        let file = self.file.file_name().unwrap_or_default().to_string_lossy();
        let mut text = format!("{file}{line}: {}", self.message);
        if let Some(actual) = &self.actual {
            text.push_str(&format!("\n  answer: {actual}"));
        }
        if let Some(next) = &self.next_step {
            text.push_str(&format!("\n  next: {next}"));
        }
        text
    }

    /// The same failure with a next step.
    pub(crate) fn next(mut self: Box<Self>, step: impl Into<String>) -> Box<Failure> {
        self.next_step = Some(step.into());
        self
    }
}

/// One request of a test.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRecord {
    /// The file with the stage, as it was found.
    pub file: PathBuf,
    /// 1-based line of the stage.
    pub line: usize,
    /// `/graphql` or `/rpc`.
    pub path: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Time in microseconds.
    pub micros: u64,
    /// The recorded trace, when it was to be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Arc<Trace>>,
}

/// The result of one test.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// Name of the test (section 2.1).
    pub name: String,
    /// Name of its project; empty for the root.
    pub project: String,
    /// The file.
    pub file: PathBuf,
    /// The verdict.
    pub verdict: TestVerdict,
    /// Time of the test without its seeds, in microseconds.
    pub micros: u64,
    /// How often it was run; more than 1 only with `retries`.
    pub attempts: u32,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Box<Failure>>,
    /// Accepted but suspicious.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The requests of the last attempt, seeds left out.
    pub requests: Vec<RequestRecord>,
}

/// A project that could not be tested, or a failed snapshot of its schema.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectFailure {
    /// Name of the project; empty for the root.
    pub project: String,
    /// Why.
    pub failure: Box<Failure>,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The directory the run started in.
    pub root: PathBuf,
    /// The wildcard, when there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Only named tests were to be run (rerun of failed ones).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub named: bool,
    /// Names near the wildcard, when it matched nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub near: Vec<String>,
    /// Every test that was to be run and was, by name.
    pub tests: Vec<TestResult>,
    /// Names of tests that were not run because the run was interrupted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_run: Vec<String>,
    /// What went wrong with whole projects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<ProjectFailure>,
    /// The run was interrupted.
    pub interrupted: bool,
    /// What the tests saw of the access rules, when it was recorded. In JSON reports on demand.
    #[serde(skip)]
    pub access: Option<AccessCoverage>,
    /// Points of access coverage in percent below which the run fails (`--min-access-coverage`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_access_coverage: Option<u8>,
    /// Time of the whole run in microseconds.
    pub micros: u64,
    /// How many tests were run at the same time.
    pub jobs: usize,
}

/// Exit codes of `--ci` (section 1.20).
pub mod exit {
    /// All passed.
    pub const PASSED: u8 = 0;
    /// At least one test did not pass.
    pub const FAILED: u8 = 1;
    /// The model does not build.
    pub const MODEL: u8 = 3;
    /// Postgres, port, file system.
    pub const ENVIRONMENT: u8 = 4;
    /// No test matched the pattern.
    pub const NO_MATCH: u8 = 5;
    /// Interrupted.
    pub const INTERRUPTED: u8 = 130;
}

impl Report {
    /// Tests with a verdict.
    pub fn count(&self, verdict: TestVerdict) -> usize {
        self.tests.iter().filter(|test| test.verdict == verdict).count()
    }

    /// Whether the tests saw less of the access rules than was asked for.
    pub fn misses_access_coverage(&self) -> bool {
        let percent = self.access.as_ref().map_or(0, AccessCoverage::percent);
        self.min_access_coverage.is_some_and(|least| percent < usize::from(least))
    }

    /// Whether everything that was asked for was run and passed.
    pub fn passed(&self) -> bool {
        self.exit_code() == exit::PASSED
    }

    /// The exit code. With several reasons the one that must be repaired first wins: environment, model,
    /// tests. Unsupported tests are not passed tests, so they give 1.
    pub fn exit_code(&self) -> u8 {
        let causes = || {
            let of_tests = self.tests.iter().filter_map(|test| test.failure.as_deref());
            of_tests
                .chain(self.projects.iter().map(|project| project.failure.as_ref()))
                .map(|failure| failure.cause)
        };
        if self.interrupted {
            exit::INTERRUPTED
        } else if causes().any(|cause| cause == Cause::Environment) {
            exit::ENVIRONMENT
        } else if causes().any(|cause| cause == Cause::Model) {
            exit::MODEL
        } else if causes().next().is_some() {
            exit::FAILED
        } else if self.tests.is_empty() && (self.named || self.filter.is_some()) {
            exit::NO_MATCH
        } else if self.misses_access_coverage() {
            exit::FAILED
        } else {
            exit::PASSED
        }
    }
}
