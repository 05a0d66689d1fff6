//! Runs hook components: WebAssembly components around and behind the API.
//!
//! The package `exo:hooks` in `wit/` is the contract with guests. This crate loads components, keeps their instances
//! within limits and calls them; what a hook may ask of the engine comes in through [`HookHost`] (facts about the HTTP
//! request) and [`HostCalls`] (work in the operation's transaction), so that tests need no engine.

mod artifact;
mod bindings;
mod cache;
mod call;
mod check;
mod clock;
mod component;
mod config;
mod core_module;
mod engine;
mod exchange;
mod exports;
mod failure;
mod host;
mod imports;
mod lease;
mod metrics;
mod orders;
mod outbound;
mod service;
mod session;
mod stdio;
mod store;
mod ticker;
mod work;
mod wrap;

pub use call::{Decision, FinishedOperation, FinishedRequest, OperationKind, RequestVerdict, Site, Verdict};
pub use check::{CheckReport, DryCall, callable, check, dry_call, dry_call_keys};
pub use component::HookComponent;
pub use config::{ComponentConfig, DEFAULT_MAX_INSTANCES, DEFAULT_MEMORY_MB, DEFAULT_TIMEOUT_MS};
pub use core_module::{CoreError, CoreModule};
pub use engine::{Counting, HookEngine};
pub use exchange::{Exchange, HeaderRefusal, ReplyHeader, RequestParts};
pub use exports::Interface;
pub use failure::{Failure, HookError, HookErrorKind, LoadError, Rejection};
pub use host::{
    ActingAs, GraphqlReply, HookHost, HookLevel, HookLine, HostCalls, NoCalls, OperationFacts, SilentHost,
};
pub use metrics::MetricsSnapshot;
pub use outbound::{Outbound, SendError, SendOptions, Sent};
pub use service::{HookService, Loaded, Reloaded};
pub use session::{CallReport, Session};
pub use wrap::WIT;
