//! Running functions of a bundle.
//!
//! QuickJS values never leave their thread, so every instance (a QuickJS runtime with one evaluated script) belongs to
//! one of a few worker threads. An instance serves one call at a time; a call that comes while all are busy gets a new
//! one. What an instance keeps between calls is what the script itself keeps in its variables.

mod bridge;
mod call;
mod instance;
mod loader;
mod pool;
mod prelude;
mod shims;
mod worker;

pub(crate) use bridge::{BRIDGE, arguments};
pub use call::{
    Argument, Call, CallHandle, ConsoleLevel, Event, Failure, FailureKind, HostError, HostRequest, Operation,
};
pub(crate) use instance::MAX_LINES;
pub use pool::{Limits, RunSettings, ScriptRuntime};
