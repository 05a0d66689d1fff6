//! Hook components against a host without an engine. Guests are WebAssembly text, built in this process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod covered;
mod exports;
mod guest;
mod imports;
mod limits;
mod loading;
mod outgoing;
mod replacing;
mod told;
mod toolchains;
