//! Parsed GraphQL documents: syntax errors with the contract's texts, and the choice of the operation
//! (graphql-and-sql 2.3, 2.4).

pub(crate) mod fragments;
mod nesting;

use async_graphql_parser::types::{
    DocumentOperations, ExecutableDocument, FragmentDefinition, OperationDefinition, OperationType,
};
use async_graphql_parser::{Error, Pos, parse_query};

use crate::error::{Position, RequestError};

/// A parsed document. Independent of schema and variables, so it can be cached by its text.
#[derive(Debug)]
pub struct Document {
    syntax: ExecutableDocument,
}

/// One operation of a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DocumentOperation<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) definition: &'a OperationDefinition,
}

impl Document {
    /// Parses a document.
    ///
    /// # Errors
    ///
    /// Syntax errors, duplicate operations and fragments, a document without operation.
    pub fn parse(text: &str) -> Result<Self, RequestError> {
        if let Some(place) = nesting::too_deep(text) {
            return Err(RequestError::invalid("Selection set too deep", vec![place]));
        }
        parse_query(text).map(|syntax| Self { syntax }).map_err(syntax_error)
    }

    /// Names of the operations, in byte order; an anonymous operation has none.
    pub fn operation_names(&self) -> Vec<Option<&str>> {
        let mut names: Vec<_> =
            self.syntax.operations.iter().map(|(name, _)| name.map(|name| name.as_str())).collect();
        names.sort_unstable();
        names
    }

    /// Whether the operation that would run is a mutation; `None` if the choice fails.
    pub fn is_mutation(&self, operation_name: Option<&str>) -> Option<bool> {
        let operation = self.operation(operation_name).ok()?;
        Some(operation.definition.ty == OperationType::Mutation)
    }

    /// Whether every operation asks only for `__schema`, `__type` and `__typename` at the root.
    pub fn is_introspection_only(&self) -> bool {
        fragments::is_introspection_only(
            self,
            self.syntax.operations.iter().map(|(_, operation)| &operation.node),
        )
    }

    /// A fragment by name.
    pub(crate) fn fragment(&self, name: &str) -> Option<&FragmentDefinition> {
        self.syntax.fragments.get(name).map(|fragment| &fragment.node)
    }

    /// The operation a request means (graphql-and-sql 2.4).
    pub(crate) fn operation(&self, name: Option<&str>) -> Result<DocumentOperation<'_>, RequestError> {
        let no_place = |message: String| RequestError::invalid(message, Vec::new());
        match &self.syntax.operations {
            DocumentOperations::Single(operation) => {
                Ok(DocumentOperation { name: None, definition: &operation.node })
            }
            DocumentOperations::Multiple(operations) => {
                let found = match name {
                    Some(name) => operations.get_key_value(name).ok_or_else(|| {
                        no_place(format!("operationName '{name}' doesn't match any operation"))
                    })?,
                    None if operations.len() > 1 => {
                        return Err(no_place(
                            "Must provide operation name if query contains multiple operations".into(),
                        ));
                    }
                    None => operations.iter().next().ok_or_else(|| no_place("No operation found".into()))?,
                };
                Ok(DocumentOperation { name: Some(found.0.as_str()), definition: &found.1.node })
            }
        }
    }
}

/// A place in the document.
pub(crate) fn position(pos: Pos) -> Position {
    Position { line: pos.line, column: pos.column }
}

fn syntax_error(error: Error) -> RequestError {
    let nowhere = Position { line: 0, column: 0 };
    match error {
        Error::Syntax { message, start, end } => {
            let places = std::iter::once(start).chain(end).map(position).collect();
            RequestError::syntax(format!("Syntax error:\n{message}"), places)
        }
        Error::MultipleOperations { anonymous, operation } => {
            RequestError::invalid("Multiple operations", vec![position(anonymous), position(operation)])
        }
        Error::OperationDuplicated { first, second, .. } => {
            RequestError::invalid("Operation duplicated", vec![position(first), position(second)])
        }
        Error::FragmentDuplicated { fragment, first, second } => RequestError::invalid(
            format!("Fragment {fragment} duplicated"),
            vec![position(first), position(second)],
        ),
        Error::MissingOperation => RequestError::invalid("Missing operation", vec![nowhere]),
        // The parser's own nesting limit of 64 selection sets.
        Error::RecursionLimitExceeded => RequestError::invalid("Selection set too deep", vec![nowhere]),
        other => {
            RequestError::syntax(format!("Syntax error:\n{other}"), other.positions().map(position).collect())
        }
    }
}
