//! The runner against an in-memory laboratory: one fixture per row of section 2.

#![allow(clippy::panic, reason = "a test fails by panicking, also in its helpers")]
#![cfg_attr(
    not(feature = "script"),
    allow(dead_code, unused_imports, reason = "fewer tests without the engine")
)]

mod fake;
mod runs;
mod templates;
