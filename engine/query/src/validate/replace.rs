//! Root fields with other arguments than those of the document.

use serde_json::{Map, Value as Json};
use studio_model::graphql::{Schema, TypeId};

use crate::coerce::{Coercion, Variables};
use crate::error::RequestError;
use crate::operation::{OperationKind, RootCall, RootField};

/// A root field with other arguments, checked against the schema as those of the document were.
///
/// # Errors
///
/// The first thing that does not fit.
pub fn with_arguments(
    schema: &Schema,
    kind: OperationKind,
    root: &RootField,
    arguments: &Map<String, Json>,
) -> Result<RootField, RequestError> {
    let parent = match kind {
        OperationKind::Query => TypeId::Query,
        OperationKind::Mutation => TypeId::Mutation,
    };
    let field = schema
        .field(parent, &root.name)
        .ok_or_else(|| RequestError::internal("a root field that the schema does not have"))?;
    let variables = Variables::default();
    let coercion = Coercion { schema, variables: &variables, field: &root.name, position: root.position };
    let checked = coercion.replaced(arguments, &field.args)?;
    let mut replaced = root.clone();
    match &mut replaced.call {
        RootCall::Entity(call) => call.arguments = checked,
        RootCall::Code(call) => call.arguments = checked,
        RootCall::Json(_) => {}
    }
    Ok(replaced)
}
