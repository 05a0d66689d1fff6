//! Requests against a schema: error texts with locations, coercion, the resulting operation.

mod agreement;
mod coercion;
mod errors;
mod introspection;
mod robust;
mod selection;

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value as Json};
use studio_model::SourceSet;
use studio_model::graphql::{Schema, SchemaOptions};
use studio_query::error::RequestError;
use studio_query::operation::Operation;
use studio_query::{Document, Introspection, Limits, error_body, prepare};

pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| schema(include_str!("library.exo"), true));

pub(crate) fn schema(model: &str, mutations: bool) -> Schema {
    let compiled = studio_model::compile(&SourceSet::from_root(model));
    assert!(!compiled.has_errors(), "{:?}", compiled.diagnostics);
    Schema::new(Arc::new(compiled.ir.unwrap()), SchemaOptions { mutations, ..SchemaOptions::default() })
}

pub(crate) fn limits() -> Limits {
    Limits { introspection: Introspection::Enabled, ..Limits::default() }
}

/// Parses and prepares with variables given as JSON text.
pub(crate) fn run(document: &str, variables: &str) -> Result<Operation, RequestError> {
    let variables: Map<String, Json> =
        if variables.is_empty() { Map::new() } else { serde_json::from_str(variables).unwrap() };
    prepare(&Document::parse(document)?, None, Some(&variables), &SCHEMA, &limits())
}

/// The body of the error a request ends in.
pub(crate) fn body(document: &str, variables: &str) -> String {
    match run(document, variables) {
        Ok(operation) => panic!("accepted: {document}: {operation:?}"),
        Err(error) => error_body(&error),
    }
}

/// Asserts message (after clean-up) and locations of the error a request ends in.
pub(crate) fn refused(document: &str, variables: &str, message: &str, locations: &[(usize, usize)]) {
    let body: Json = serde_json::from_str(&body(document, variables)).unwrap();
    let error = &body["errors"][0];
    assert_eq!(error["message"], message, "{document}");
    let found: Vec<_> = error["locations"]
        .as_array()
        .map(|places| {
            places
                .iter()
                .map(|at| (at["line"].as_u64().unwrap() as usize, at["column"].as_u64().unwrap() as usize))
                .collect()
        })
        .unwrap_or_default();
    assert_eq!(found, locations, "{document}");
}

/// Asserts that a request is accepted.
pub(crate) fn accepted(document: &str, variables: &str) -> Operation {
    run(document, variables).unwrap_or_else(|error| panic!("{document}: {}", error_body(&error)))
}
