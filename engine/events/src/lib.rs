//! The plain data everybody shares: events, commands and the state they reduce to.
//!
//! Pure: no clock, no IO. One reducer ([`StudioState::apply`]) turns facts into the state the terminal draws;
//! the raw stream of [`StudioEvent`]s feeds the line printer, the recorder and the machine formats.

mod access;
mod access_coverage;
mod command;
mod copies;
mod decision;
mod event;
mod latency;
mod problem;
mod reducer;
mod ring;
mod schema;
mod state;
mod test_run;
mod time;
mod trace;
mod words;

pub use access::{
    AccessCaller, AccessCheck, AccessDecision, AccessOperand, AccessOperation, AccessPart, AccessReport,
    AccessVerdict,
};
pub use access_coverage::{AccessCoverage, ConditionCoverage, RuleCoverage};
pub use command::{Choice, Command, DatabaseUrl, DecisionId};
pub use copies::CopySummary;
pub use decision::{Decision, DecisionKind, StepQuestion};
pub use event::{
    BuildEvent, BuildOutcome, DatabaseEvent, DecisionEvent, EventKind, HookEvent, LogLevel, LogLine,
    PhaseTime, QueryEvent, QueryRows, SchemaEvent, ServingEvent, Stream, StudioEvent,
};
pub use latency::{
    Buckets, Budget, KEPT_SECONDS, LatencyHistogram, LatencySlice, LatencyState, Measure, OperationWindow,
    RevisionWindow, Shares, SliceOperation, bucket_end, bucket_of,
};
pub use problem::{Problem, ProblemFix, ProblemLabel, ProblemSet, ProblemSource, Severity, TextEdit};
pub use ring::Ring;
pub use schema::{
    FieldSummary, MigrationStep, MigrationSummary, SchemaSummary, StepClass, TypeKind, TypeSummary,
};
pub use state::{
    BuildState, DatabaseState, HttpState, Persona, ProjectInfo, ServiceState, ServiceStatus, ServingState,
    StudioState,
};
pub use test_run::{
    TestCase, TestDifference, TestEvent, TestOutcome, TestPlace, TestRequest, TestState, TestVerdict,
};
pub use time::{Micros, Revision, Timestamp};
pub use trace::{
    ParamTrace, Phase, PhaseKind, StatementTrace, Surface, Trace, TraceError, TraceId, TraceKind,
};
pub use words::plural;
