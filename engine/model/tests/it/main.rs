//! Integration tests of the crate: text in; diagnostics, IR and GraphQL schema out.

mod graphql;
mod ir;
mod robust;
