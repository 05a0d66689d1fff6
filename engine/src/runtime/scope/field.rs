//! A root field under way: given, or one of what the client asked for, which may not have to be looked at.

use std::sync::Arc;

use studio_model::ir::Ir;
use studio_query::error::RequestError;
use studio_query::field_tree;
use studio_query::operation::{EntityAction, Operation, OperationKind, RootCall, RootField};

use super::Then;
use crate::runtime::asked::Asked;
use crate::runtime::modules::FieldTree;

/// A root field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'s> {
    /// It.
    Given(&'s RootField),
    /// By its index in what the client asked for.
    Asked(&'s Arc<Asked>, usize),
}

impl<'s> Field<'s> {
    /// This one, unless another one has taken its place.
    pub(super) fn or(self, replaced: Option<&'s RootField>) -> Self {
        replaced.map_or(self, Self::Given)
    }

    /// The field itself.
    pub(super) fn root(self) -> Result<&'s RootField, RequestError> {
        match self {
            Self::Given(root) => Ok(root),
            Self::Asked(asked, index) => asked.root(index),
        }
    }

    /// The field as interceptors see it.
    pub(super) fn tree(self, ir: &Ir) -> FieldTree {
        match self {
            Self::Given(root) => FieldTree::Made(Arc::new(field_tree(root, ir))),
            Self::Asked(asked, index) => FieldTree::Asked(Arc::clone(asked), index),
        }
    }

    /// Whether it only reads.
    pub(super) fn is_query(self) -> bool {
        match self {
            Self::Asked(asked, _) => asked.kind().is_ok_and(|kind| kind == OperationKind::Query),
            Self::Given(root) => matches!(
                &root.call,
                RootCall::Entity(call) if matches!(
                    call.action,
                    EntityAction::ByKey | EntityAction::ByUnique(_) | EntityAction::List | EntityAction::Aggregate
                )
            ),
        }
    }
}

/// Where a root field stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position<'s> {
    pub(super) kind: OperationKind,
    pub(super) name: &'s str,
    /// Name of the whole operation in the document.
    pub(super) operation_name: Option<&'s str>,
    pub(super) then: Then,
}

impl<'s> Position<'s> {
    pub(super) fn of(operation: &'s Operation, root: &'s RootField, then: Then) -> Self {
        let operation_name = operation.name.as_deref();
        Self { kind: operation.kind, name: &root.name, operation_name, then }
    }
}
