//! Outgoing HTTP of hooks and scripts, whichever way it is asked for.

mod address;
mod allow;
mod client;
mod wasi;

pub use client::{Outbound, SendError, SendOptions, Sent};
pub(crate) use wasi::WasiGate;
