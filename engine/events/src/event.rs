//! Facts. Owned, serialisable, totally ordered by `seq`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::command::{Choice, DecisionId};
use crate::copies::CopySummary;
use crate::decision::Decision;
use crate::latency::{Budget, LatencySlice};
use crate::problem::ProblemSet;
use crate::schema::{MigrationSummary, SchemaSummary};
use crate::state::{Persona, ProjectInfo, ServiceState};
use crate::test_run::TestEvent;
use crate::time::{Micros, Revision, Timestamp};
use crate::trace::Trace;

/// One fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudioEvent {
    /// Position in the stream.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EventKind {
    /// The project was opened.
    Project(ProjectInfo),
    /// Building the model.
    Build(BuildEvent),
    /// Replaces everything from one source.
    Problems(ProblemSet),
    /// The schema and its migration.
    Schema(SchemaEvent),
    /// HTTP and what it serves.
    Serving(ServingEvent),
    /// A request; sampled by the bounded queue. Histograms are exact.
    Request(Arc<Trace>),
    /// One per second while requests arrive.
    Latency(LatencySlice),
    /// Histograms were reset.
    LatencyReset,
    /// The budgets of `exo.toml`, all of them.
    Budgets(Vec<Budget>),
    /// Files of the project that can be opened, project-relative, sorted.
    Files(Vec<String>),
    /// What a statement typed by hand came to.
    Query(QueryEvent),
    /// The database server.
    Database(DatabaseEvent),
    /// Hook components.
    Hook(HookEvent),
    /// Tests.
    Test(TestEvent),
    /// A log line.
    Log(LogLine),
    /// A question.
    Decision(DecisionEvent),
    /// Personas of the project and the active one.
    Personas {
        /// All of them.
        personas: Vec<Persona>,
        /// The active one.
        active: Option<String>,
    },
    /// State of a service, for the Services pane.
    Service(ServiceState),
    /// A service, by name, that is no part of the project any more.
    ServiceEnded(String),
    /// The plan of a statement, on demand.
    Plan {
        /// Trace it belongs to.
        trace: crate::trace::TraceId,
        /// Text of the plan or the error.
        text: Arc<str>,
    },
    /// How access control judges a request for a caller, on demand.
    Access {
        /// Trace of the request.
        trace: crate::trace::TraceId,
        /// The judgement.
        report: Arc<crate::access::AccessReport>,
    },
    /// Nothing is under way: no build, no request, no job. For tests that wait instead of sleeping.
    Idle,
    /// Facts were dropped because a queue was full.
    Lost {
        /// Which queue.
        stream: Stream,
        /// How many.
        count: u64,
    },
}

/// A statement typed by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryEvent {
    /// The number that came with the order.
    pub number: u64,
    /// The statement.
    pub sql: String,
    /// How long it took.
    pub time: Micros,
    /// Column names and rows as text (`None` is NULL), or the error.
    pub result: Result<QueryRows, String>,
}

/// Rows of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryRows {
    /// Column names; empty when the statement yields no rows.
    pub columns: Vec<String>,
    /// Rows, at most as many as are worth showing.
    pub rows: Vec<Vec<Option<String>>>,
    /// There were more rows.
    pub more: bool,
}

/// Queues that may drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Traces of requests.
    Requests,
    /// Log lines.
    Logs,
}

/// Building.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BuildEvent {
    /// A build starts.
    Started {
        /// Its number.
        revision: Revision,
    },
    /// A build ended.
    Finished {
        /// Its number.
        revision: Revision,
        /// How it ended.
        outcome: BuildOutcome,
        /// Files read.
        files: u32,
        /// Timed parts.
        phases: Vec<PhaseTime>,
        /// Whole build.
        time: Micros,
    },
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BuildOutcome {
    /// No errors; perhaps warnings.
    Clean {
        /// Number of warnings.
        warnings: u32,
    },
    /// The meaning did not change (comments, formatting).
    Unchanged {
        /// Number of warnings.
        warnings: u32,
    },
    /// Errors: the last good revision keeps serving.
    Broken {
        /// Number of errors.
        errors: u32,
        /// Number of warnings.
        warnings: u32,
    },
}

/// A named span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// Name.
    pub name: String,
    /// Span.
    pub time: Micros,
}

/// The schema and its migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchemaEvent {
    /// Derived from a clean build.
    Derived(Arc<SchemaSummary>),
    /// The live database differs: steps that wait for consent. `None`: nothing is pending.
    Pending(Option<Arc<MigrationSummary>>),
    /// Steps were applied.
    Migrated {
        /// Revision whose schema the database now has.
        revision: Revision,
        /// Number of statements.
        statements: u32,
        /// How long it took.
        time: Micros,
        /// Lines to show.
        titles: Vec<String>,
    },
    /// Applying failed and was rolled back.
    Failed {
        /// Statement that failed.
        statement: String,
        /// Database error.
        error: String,
    },
    /// Fresh database was seeded.
    Seeded {
        /// Files.
        files: Vec<String>,
        /// How long it took.
        time: Micros,
    },
    /// Rows per type name.
    RowCounts(Vec<(String, u64)>),
    /// A statement of a migration that is being applied is done; many are one event.
    Progress {
        /// Statements done.
        done: u32,
        /// Of these.
        total: u32,
    },
    /// All copies, newest first.
    Copies(Vec<CopySummary>),
    /// A copy was made.
    Copied {
        /// Its name.
        name: String,
        /// Its size.
        bytes: u64,
        /// How long it took.
        time: Micros,
    },
    /// The database was replaced by a copy, emptied, or taken back to before the last migration.
    Restored {
        /// What it is now: the name of a copy, or `empty`.
        from: String,
        /// The copy that holds what was there before.
        kept: String,
        /// How long it took.
        time: Micros,
        /// It was an undo: the steps of the newest revision wait until they are asked for or the model changes.
        undo: bool,
    },
    /// An order about copies or the database was not carried out.
    Refused {
        /// What was asked for: `copy`, `restore`, `undo`, `drop`, `reset`, `seed`.
        order: String,
        /// Why, and what to do next.
        reason: String,
    },
}

/// HTTP and what it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServingEvent {
    /// The socket is bound.
    Bound {
        /// Base URL, such as `http://localhost:9876`.
        url: String,
        /// GraphQL path.
        graphql_path: String,
        /// Playground path.
        playground_path: String,
        /// Whether only this machine can reach it.
        loopback: bool,
    },
    /// Requests are answered by another revision now.
    Swapped {
        /// Before.
        from: Option<Revision>,
        /// Now.
        to: Revision,
    },
    /// No revision that is known fits the database any more: requests are answered with the reason.
    Withdrawn {
        /// Before.
        from: Revision,
    },
    /// The port is in use.
    PortTaken {
        /// Port asked for.
        port: u16,
        /// Who has it, if readable.
        owner: Option<String>,
        /// Next free port.
        next_free: Option<u16>,
    },
}

/// The database server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DatabaseEvent {
    /// On its way up.
    Starting {
        /// What is being done: `unpacking Postgres`, `creating the cluster`, `starting`.
        stage: String,
    },
    /// Takes connections.
    Ready {
        /// Server version.
        version: String,
        /// Connection URL without secrets.
        url: String,
        /// Since the start was asked for.
        time: Micros,
        /// Bundled, installed or external.
        kind: String,
        /// Data directory of a bundled server; empty otherwise.
        directory: String,
    },
    /// It died and is started again.
    Restarting {
        /// Attempt.
        attempt: u32,
        /// Of at most.
        of: u32,
        /// Why.
        reason: String,
    },
    /// It could not be started.
    Failed {
        /// Attempt.
        attempt: u32,
        /// What went wrong and what to do next.
        message: String,
        /// Last lines of its log.
        log_tail: Vec<String>,
    },
    /// Connections in use.
    Pool {
        /// In use.
        in_use: u32,
        /// Maximum.
        size: u32,
    },
    /// Stopped on request.
    Stopped,
}

/// Hook components (a later issue fills them).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HookEvent {
    /// A component was loaded.
    Loaded {
        /// Its name.
        name: String,
    },
    /// A component failed.
    Failed {
        /// Its name.
        name: String,
        /// Why.
        message: String,
    },
}

/// Log levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// A log line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Level.
    pub level: LogLevel,
    /// Who says it: `build`, `postgres`, `http`, `watch`, …
    pub source: String,
    /// One line, without secrets.
    pub text: String,
    /// The request it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<crate::trace::TraceId>,
}

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DecisionEvent {
    /// The engine asks something that is not about the pending migration (whose questions come with
    /// [`SchemaEvent::Pending`]).
    Asked(Box<Decision>),
    /// It was answered or withdrawn: the question is gone.
    Answered {
        /// Identity.
        id: DecisionId,
        /// The answer.
        choice: Choice,
    },
}
