//! The whole state as the terminal sees it. Fields are shared; a reader always sees a whole state.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::access::AccessReport;
use crate::copies::CopySummary;
use crate::decision::Decision;
use crate::event::{BuildOutcome, LogLine, QueryEvent};
use crate::latency::{Budget, LatencyState};
use crate::problem::{Problem, ProblemSource, Severity};
use crate::ring::Ring;
use crate::schema::{MigrationSummary, SchemaSummary};
use crate::test_run::TestState;
use crate::time::{Micros, Revision, Timestamp};
use crate::trace::{Trace, TraceId};

/// The project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectInfo {
    /// Folder name.
    pub name: String,
    /// Absolute path.
    pub root: String,
    /// Version of exo-studio.
    pub version: String,
}

/// The last build.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct BuildState {
    /// Newest revision; `r0` before the first build.
    pub revision: Revision,
    /// A build is under way.
    pub running: bool,
    /// How the newest finished build ended.
    pub outcome: Option<BuildOutcome>,
    /// How long it took.
    pub time: Micros,
    /// Files read.
    pub files: u32,
}

/// What answers requests.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ServingState {
    /// Revision; `None` when nothing was ever served.
    pub revision: Option<Revision>,
    /// Since when.
    pub since: Timestamp,
}

/// The HTTP side.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub enum HttpState {
    /// Not bound yet.
    #[default]
    Down,
    /// Listening.
    Listening {
        /// Base URL.
        url: String,
        /// GraphQL path.
        graphql_path: String,
        /// Playground path.
        playground_path: String,
        /// Only this machine can reach it.
        loopback: bool,
    },
    /// The port is in use.
    PortTaken {
        /// Port asked for.
        port: u16,
        /// Who has it.
        owner: Option<String>,
        /// Next free port.
        next_free: Option<u16>,
    },
}

/// The database side.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub enum DatabaseState {
    /// Not started yet.
    #[default]
    Off,
    /// On its way up.
    Starting {
        /// What is being done.
        stage: String,
    },
    /// Takes connections.
    Ready {
        /// Server version.
        version: String,
        /// URL without secrets.
        url: String,
        /// Start time.
        time: Micros,
        /// Bundled, installed or external.
        kind: String,
        /// Data directory.
        directory: String,
        /// Connections in use and maximum.
        pool: (u32, u32),
    },
    /// Died, being started again.
    Restarting {
        /// Attempt.
        attempt: u32,
        /// Of at most.
        of: u32,
        /// Why.
        reason: String,
    },
    /// Could not be started.
    Failed {
        /// Attempt.
        attempt: u32,
        /// What went wrong and what to do next.
        message: String,
        /// Last lines of the log.
        log_tail: Vec<String>,
    },
    /// Stopped on request.
    Stopped,
}

/// How a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceStatus {
    /// Running.
    Up,
    /// Running with a restriction.
    Degraded,
    /// Not running because nobody asked.
    Off,
    /// Failed.
    Failed,
}

/// One service of the Services pane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// Its name: `watcher`, `hooks`, …
    pub name: String,
    /// How it is.
    pub status: ServiceStatus,
    /// Lines of facts.
    pub lines: Vec<String>,
}

/// A named claim set used to sign test tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persona {
    /// Its name.
    pub name: String,
    /// Claims as JSON text.
    pub claims: String,
}

/// Everything.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StudioState {
    /// Sequence number of the last event applied.
    pub seq: u64,
    /// Time of the last event applied.
    pub now: Timestamp,
    /// The project.
    pub project: Arc<ProjectInfo>,
    /// The last build.
    pub build: BuildState,
    /// What answers requests.
    pub serving: ServingState,
    /// Problems by source, in a fixed order.
    pub problems: Vec<(ProblemSource, Arc<Vec<Problem>>)>,
    /// HTTP.
    pub http: HttpState,
    /// Database.
    pub database: Arc<DatabaseState>,
    /// Schema of the newest clean build.
    pub schema: Arc<SchemaSummary>,
    /// Rows per type name, when counted.
    pub row_counts: Arc<Vec<(String, u64)>>,
    /// Migration that waits for consent.
    pub migration: Option<Arc<MigrationSummary>>,
    /// Statements done and in all, while a migration is applied.
    pub migrating: Option<(u32, u32)>,
    /// Copies of the database, newest first.
    pub copies: Arc<Vec<CopySummary>>,
    /// Requests, newest last.
    pub traces: Ring<Arc<Trace>>,
    /// Traces dropped because the queue was full.
    pub traces_lost: u64,
    /// Plans on demand, newest last.
    pub plans: Ring<(TraceId, Arc<str>)>,
    /// Judgements of access on demand, newest last.
    pub access_reports: Ring<(TraceId, Arc<AccessReport>)>,
    /// Latency.
    pub latency: Arc<LatencyState>,
    /// Latency budgets.
    pub budgets: Arc<Vec<Budget>>,
    /// Files of the project that can be opened.
    pub files: Arc<Vec<String>>,
    /// What the last statement typed by hand came to.
    pub query: Option<Arc<QueryEvent>>,
    /// Log lines, newest last.
    pub logs: Ring<(Timestamp, Arc<LogLine>)>,
    /// Log lines dropped.
    pub logs_lost: u64,
    /// Further services.
    pub services: Vec<ServiceState>,
    /// Tests.
    pub tests: Arc<TestState>,
    /// Personas.
    pub personas: Arc<Vec<Persona>>,
    /// The active persona; `None` is anonymous.
    pub persona: Option<String>,
    /// Questions that wait.
    pub decisions: Vec<Decision>,
    /// The line above the hints: the last noteworthy fact.
    pub message: Option<(Timestamp, String)>,
}

impl StudioState {
    /// All problems, errors of the model first by source order.
    pub fn all_problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().flat_map(|(_, problems)| problems.iter())
    }

    /// Number of errors and warnings over all sources.
    pub fn problem_counts(&self) -> (usize, usize) {
        self.all_problems().fold((0, 0), |(errors, warnings), problem| match problem.severity {
            Severity::Error => (errors + 1, warnings),
            Severity::Warning => (errors, warnings + 1),
        })
    }

    /// The served revision is older than the newest one because that one is broken.
    pub fn is_stale(&self) -> bool {
        matches!(self.build.outcome, Some(BuildOutcome::Broken { .. }))
    }
}
