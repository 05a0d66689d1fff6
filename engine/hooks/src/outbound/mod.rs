//! Outgoing HTTP of hooks, whichever way it is asked for.

mod address;
mod allow;
mod client;
mod wasi;

pub(crate) use client::{Outbound, SendError, Sent};
pub(crate) use wasi::WasiGate;
