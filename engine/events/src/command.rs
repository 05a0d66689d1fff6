//! What a user (pane, JSON line, policy) may ask of the engine. Results come back as events only.

use serde::{Deserialize, Serialize};

use crate::access::AccessCaller;
use crate::time::Revision;
use crate::trace::TraceId;

/// Identity of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DecisionId(pub u32);

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choice {
    /// The option at this index.
    Option(usize),
    /// This value, as text: it is quoted and cast to the type that is asked for.
    Value(String),
    /// This SQL expression, evaluated for every row; it may name columns of the row.
    Expression(String),
    /// Keep as is, later.
    Defer,
}

/// An order to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Build again now.
    Rebuild,
    /// Answer a question.
    Answer(DecisionId, Choice),
    /// Apply the pending migration as it was answered. With destructive steps among the chosen ones
    /// ([`MigrationSummary::word`](crate::MigrationSummary::word) is there) `consent` has to be that word;
    /// anything else applies nothing.
    Migrate {
        /// The typed word.
        consent: String,
        /// Revision of the plan that was looked at: when another one took its place meanwhile, nothing is applied.
        /// `None` applies whatever is pending.
        plan: Option<Revision>,
    },
    /// Forget every answer about the pending migration.
    ForgetAnswers,
    /// Go back to the database as it was before the last migration; a copy of the present one is kept.
    UndoMigration,
    /// Make a copy of the database; without a name it gets one from the revision.
    MakeCopy {
        /// Letters, digits, `.`, `_`, `-`; at most 40.
        name: Option<String>,
    },
    /// Replace the database by a copy; the present one is kept as another copy.
    RestoreCopy {
        /// Its name.
        name: String,
    },
    /// Remove a copy.
    DropCopy {
        /// Its name.
        name: String,
    },
    /// Empty the database, create the tables, run the seeds; the present one is kept as a copy.
    ResetDatabase,
    /// Read the list of copies again.
    ListCopies,
    /// Run the seeds now, whether they ran before or not.
    Seed,
    /// Ask for the plans of all statements of a trace (EXPLAIN); they come back as an event, with hints.
    Explain {
        /// Which trace.
        trace: TraceId,
        /// Execute it (in a transaction that is rolled back).
        analyze: bool,
    },
    /// Judge the access of a recorded request for a caller; the report comes back as an event.
    ExplainAccess {
        /// Which trace.
        trace: TraceId,
        /// For whom.
        caller: AccessCaller,
    },
    /// Send the request of a trace again.
    Replay {
        /// Which trace.
        trace: TraceId,
        /// Somebody agreed that a mutation writes again; without, one is refused.
        write: bool,
    },
    /// Run a statement typed by hand, in a read-only transaction unless somebody agreed to `write`.
    Query {
        /// Comes back with the result.
        number: u64,
        /// The statement.
        sql: String,
        /// Commit what it changes.
        write: bool,
    },
    /// Run tests whose names match the wildcard; all without one.
    RunTests(Option<String>),
    /// Run exactly these tests, by name.
    RunTestsNamed(Vec<String>),
    /// Stop the tests that are running.
    StopTests,
    /// Run tests after each save, or stop doing so.
    WatchTests(bool),
    /// Sign requests of the playground as this persona; `None` is anonymous.
    SetPersona(Option<String>),
    /// Count rows of all tables.
    CountRows,
    /// Bind the next free port that was offered.
    TakePort(u16),
    /// Try to bind the port again that was taken.
    RetryPort,
    /// Start the database again.
    RestartDatabase,
    /// Go over to the database at this URL, or with an empty one back to the project's own. The present one stays
    /// when the new one cannot be reached.
    UseDatabase(DatabaseUrl),
    /// Reset latency histograms.
    ResetLatency,
    /// Stop everything in order.
    Quit,
}

impl Command {
    /// Whether it changes nothing anywhere: what a second viewer may ask.
    pub fn only_looks(&self) -> bool {
        match self {
            Self::Explain { analyze, .. } => !analyze,
            Self::ExplainAccess { .. } | Self::CountRows | Self::ListCopies => true,
            Self::Rebuild
            | Self::Answer(..)
            | Self::Migrate { .. }
            | Self::ForgetAnswers
            | Self::UndoMigration
            | Self::MakeCopy { .. }
            | Self::RestoreCopy { .. }
            | Self::DropCopy { .. }
            | Self::ResetDatabase
            | Self::Seed
            | Self::Replay { .. }
            | Self::Query { .. }
            | Self::RunTests(_)
            | Self::RunTestsNamed(_)
            | Self::StopTests
            | Self::WatchTests(_)
            | Self::SetPersona(_)
            | Self::TakePort(_)
            | Self::RetryPort
            | Self::RestartDatabase
            | Self::UseDatabase(_)
            | Self::ResetLatency
            | Self::Quit => false,
        }
    }
}

/// Address of a database; it may hold a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(pub String);

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl")
    }
}
