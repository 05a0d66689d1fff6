//! Integration tests of the crate: text in; diagnostics, IR and GraphQL schema out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests may fail, read fixtures and measure"
)]

mod coverage;
mod database;
mod explain;
mod fixtures;
mod format;
mod graphql;
mod ide;
mod ir;
mod meaning;
#[path = "../../../sql/tests/it/random.rs"]
mod random;
mod robust;
mod suites;
mod traps;
