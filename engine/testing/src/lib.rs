//! The `.exotest` runner: discovery, file grammar, expressions, comparison, scheduling and reports
//! (developer-experience section 2).
//!
//! Independent of the engine: a project under test is reached through the traits of [`laboratory`].

mod advice;
pub mod cancel;
pub mod compare;
pub mod discovery;
pub mod document;
pub mod expression;
pub mod file;
pub mod history;
pub mod laboratory;
pub mod outcome;
pub mod pattern;
pub mod report;
mod rpc;
pub mod runner;
pub mod script;
mod session;
mod stage;
mod suggest;
mod yaml;

pub use cancel::Cancellation;
pub use laboratory::{
    Endpoint, HttpReply, Instance, InstanceSpec, Laboratory, LaboratoryError, PrepareError, PreparedProject,
    Template,
};
pub use outcome::{Cause, Failure, ProjectFailure, Report, RequestRecord, TestResult, exit};
pub use runner::{KeptTraces, Progress, RunOptions, Snapshots, run, seed};
pub use session::StageSettings;
pub use suggest::nearest;
