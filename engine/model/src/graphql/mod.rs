//! The GraphQL schema of a model: derivation, printing as SDL, introspection (graphql-and-sql part 1).

mod action;

pub use action::{AggregateFunction, EntityAction};
