//! TypeScript and JavaScript modules of a model (language.md 8): bundling and running them.
//!
//! [`bundle`] reads scripts with everything they import and strips the types, so that a compiled model carries its
//! code. [`ScriptRuntime`] runs functions of these scripts, each call with limits of time and memory: quick ones in the
//! task that calls them, others on a few threads of their own. [`DenoRuntime`] does the same with processes of `deno`. What a function asks of the engine (queries, headers,
//! fetches) comes out of the call as [`Event`]s and is answered through it.

mod bundle;
mod declare;
mod deno;
mod run;

pub use bundle::{Bundled, ScriptProblem, ScriptProblemKind, Scripts, bundle};
pub use declare::{Declaration, declarations, skeleton};
pub use deno::{DenoRuntime, DenoSettings, find_deno};
pub use run::{
    Argument, Call, CallHandle, ConsoleLevel, Event, Failure, FailureKind, HostError, HostRequest, Limits,
    Operation, RunSettings, ScriptRuntime,
};
