//! Integration tests of the crate: text in; diagnostics, IR and GraphQL schema out.

mod database;
mod graphql;
mod ir;
mod robust;
