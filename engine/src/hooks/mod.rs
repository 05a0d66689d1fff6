//! Hook components in the engine: loading them for a project, running them around requests.

mod access_log;
pub(crate) mod authorization;
mod calls;
mod gateway;
mod host;
mod imagined;
mod load;
mod modules;
mod observe;
mod rules;
mod show;
mod wasm_file;

pub(crate) use calls::ServerCalls;
pub use gateway::RequestHooks;
pub(crate) use gateway::Surroundings;
pub use load::{Hooks, HooksFault};
pub(crate) use modules::{ModuleCalls, WasmModules};
pub use rules::{DecidedRule, Expected};
pub use show::{Broken, problem};
pub use wasm_file::WasmFile;
