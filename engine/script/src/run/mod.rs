//! Running functions of a bundle.
//!
//! An instance (a QuickJS runtime with one evaluated script) serves one call at a time; a call that comes while all are
//! busy gets a new one. What an instance keeps between calls is what the script itself keeps in its variables. A quick
//! function runs in the task that calls it; a slow one, and one that turns out to be slow, in a thread for scripts
//! ([`course`]). For that JavaScript has a stack of its own ([`slice`]) and an instance goes from thread to thread.

mod brake;
mod bridge;
mod call;
mod course;
mod handle;
mod instance;
mod link;
mod loader;
mod pace;
mod places;
mod pool;
mod prelude;
mod shims;
mod slice;
mod threads;

pub(crate) use bridge::{BRIDGE, arguments};
pub use call::{
    Argument, Call, ConsoleLevel, Event, Failure, FailureKind, HostError, HostRequest, Operation,
};
pub use handle::CallHandle;
pub(crate) use handle::Remote;
pub(crate) use link::MAX_LINES;
pub use pool::{Limits, RunSettings, ScriptRuntime};
