//! From a parsed document to a validated operation (graphql-and-sql 2.2 to 2.5).

mod lower;
mod merge;
mod replace;
mod selection;

use std::cell::RefCell;

use async_graphql_parser::types::OperationType;
use serde_json::{Map, Value as Json};
use studio_model::graphql::{Schema, TypeId};

use crate::coerce::Variables;
use crate::document::{Document, fragments};
use crate::error::{Position, RequestError};
use crate::operation::{Operation, OperationKind};
use crate::plan::VariableUse;

pub use replace::with_arguments;

/// What a server allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deepest selection of data: the root field counts 1, `__typename` does not count.
    pub depth: usize,
    /// Deepest selection of introspection.
    pub introspection_depth: usize,
    /// Most fields after fragment expansion.
    pub fields: usize,
    /// Most root fields after fragment expansion.
    pub root_fields: usize,
    /// Most aliases after fragment expansion.
    pub aliases: usize,
    /// Most rows of one list, for which each list has to say its `limit`; `None` for any number.
    pub rows: Option<u32>,
    /// Whether introspection is answered.
    pub introspection: Introspection,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 5,
            introspection_depth: 15,
            fields: 100_000,
            root_fields: 1000,
            aliases: 1000,
            rows: None,
            introspection: Introspection::Disabled,
        }
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

/// Moments of preparing an operation, for callers with a clock. Values are coerced in many places: those of variables
/// first, then the arguments of each field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Values are about to be coerced.
    CoercionBegins,
    /// They were.
    CoercionEnds,
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
    prepare_observed(document, operation_name, variables, schema, limits, &mut |_| {}).map(|it| it.operation)
}

/// An operation and how its variables were used.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The operation.
    pub operation: Operation,
    /// All variables it declares, in order of their names.
    pub uses: Vec<VariableUse>,
}

/// [`prepare`], telling when its stages begin and end, and what became of the variables.
///
/// # Errors
///
/// As [`prepare`].
pub fn prepare_observed(
    document: &Document,
    operation_name: Option<&str>,
    variables: Option<&Map<String, Json>>,
    schema: &Schema,
    limits: &Limits,
    observe: &mut dyn FnMut(Stage),
) -> Result<Prepared, RequestError> {
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
    observe(Stage::CoercionBegins);
    let variables = Variables::bind(&chosen.definition.variable_definitions, variables);
    observe(Stage::CoercionEnds);
    let variables = variables?;
    let observe = RefCell::new(observe);
    let tell = |stage| (*observe.borrow_mut())(stage);
    let validator = selection::Validator::new(document, schema, &variables, limits, &tell);
    let checked = validator.root(&chosen.definition.selection_set.node, root)?;
    let merged = merge::merge(checked)?;
    let roots = merged.into_iter().map(|field| lower::root(schema, field)).collect::<Result<_, _>>()?;
    let operation = Operation { kind, name: chosen.name.map(str::to_owned), roots };
    Ok(Prepared { operation, uses: variables.uses() })
}
