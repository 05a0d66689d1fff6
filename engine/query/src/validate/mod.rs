//! From a parsed document to a validated operation (graphql-and-sql 2.2 to 2.5).

mod lower;
mod merge;
mod selection;

use async_graphql_parser::types::OperationType;
use serde_json::{Map, Value as Json};
use studio_model::graphql::{Schema, TypeId};

use crate::coerce::Variables;
use crate::document::{Document, fragments};
use crate::error::{Position, RequestError};
use crate::operation::{Operation, OperationKind};

/// What a server allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deepest selection of data: the root field counts 1, `__typename` does not count.
    pub depth: usize,
    /// Deepest selection of introspection.
    pub introspection_depth: usize,
    /// Most fields after fragment expansion.
    pub fields: usize,
    /// Whether introspection is answered.
    pub introspection: Introspection,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 5, introspection_depth: 15, fields: 100_000, introspection: Introspection::Disabled }
    }
}

/// The introspection switch (graphql-and-sql 1.16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Introspection {
    /// Introspection and data.
    Enabled,
    /// Data only; `__typename` at the root is still allowed.
    Disabled,
    /// Introspection only; every data field is rejected.
    Only,
}

/// Chooses the operation of a document, checks it against the schema and coerces all values.
///
/// # Errors
///
/// The first validation error, with the contract's text and locations.
pub fn prepare(
    document: &Document,
    operation_name: Option<&str>,
    variables: Option<&Map<String, Json>>,
    schema: &Schema,
    limits: &Limits,
) -> Result<Operation, RequestError> {
    let chosen = document.operation(operation_name)?;
    let unsupported = |kind: &str| {
        RequestError::invalid(format!("No such operation '{kind}'"), vec![Position { line: 0, column: 0 }])
    };
    let (kind, root) = match chosen.definition.ty {
        OperationType::Query => (OperationKind::Query, TypeId::Query),
        OperationType::Mutation if schema.mutation().is_some() => (OperationKind::Mutation, TypeId::Mutation),
        OperationType::Mutation => return Err(unsupported("Mutation")),
        OperationType::Subscription => return Err(unsupported("Subscription")),
    };
    fragments::check(document, chosen.definition)?;
    let variables = Variables::bind(&chosen.definition.variable_definitions, variables)?;
    let validator = selection::Validator::new(document, schema, &variables, limits);
    let checked = validator.root(&chosen.definition.selection_set.node, root)?;
    let merged = merge::merge(checked)?;
    let roots = merged.into_iter().map(|field| lower::root(schema, field)).collect::<Result<_, _>>()?;
    Ok(Operation { kind, name: chosen.name.map(str::to_owned), roots })
}
