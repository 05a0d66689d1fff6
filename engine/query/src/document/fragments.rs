//! Walks over the fragments of a document, independent of the schema.

use async_graphql_parser::types::{OperationDefinition, Selection, SelectionSet};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Document, position};
use crate::error::RequestError;

/// Selection sets, inline fragments and spreads may nest this deep together: later passes are recursive, and the
/// stack is finite. The contract's depth limits are far below.
const MAX_NESTING: usize = 200;

/// Checks that the fragments an operation uses exist and do not contain themselves.
pub(crate) fn check(document: &Document, operation: &OperationDefinition) -> Result<(), RequestError> {
    let mut walk = Check { document, path: FxHashSet::default(), heights: FxHashMap::default() };
    walk.set(&operation.selection_set.node, 0).map(|_| ())
}

struct Check<'a> {
    document: &'a Document,
    /// The fragments around the current place.
    path: FxHashSet<&'a str>,
    /// How deep the selection of each finished fragment nests.
    heights: FxHashMap<&'a str, usize>,
}

impl<'a> Check<'a> {
    /// Walks a selection set with `depth` sets around it and returns how deep it nests.
    fn set(&mut self, set: &'a SelectionSet, depth: usize) -> Result<usize, RequestError> {
        let mut height = 0;
        for item in &set.items {
            let below = match &item.node {
                Selection::Field(field) if field.node.selection_set.node.items.is_empty() => 0,
                Selection::Field(field) => self.set(&field.node.selection_set.node, depth + 1)?,
                Selection::InlineFragment(inline) => self.set(&inline.node.selection_set.node, depth + 1)?,
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str();
                    let refuse =
                        |message: String| Err(RequestError::invalid(message, vec![position(spread.pos)]));
                    if self.path.contains(name) {
                        return refuse(format!("Fragment cycle detected: {name}"));
                    }
                    let Some(fragment) = self.document.fragment(name) else {
                        return refuse(format!("Fragment definition '{name}' not found"));
                    };
                    match self.heights.get(name) {
                        Some(height) => *height,
                        None if depth >= MAX_NESTING => 1,
                        None => {
                            self.path.insert(name);
                            let height = self.set(&fragment.selection_set.node, depth + 1)?;
                            self.path.remove(name);
                            self.heights.insert(name, height);
                            height
                        }
                    }
                }
            };
            height = height.max(below + 1);
            if depth + height > MAX_NESTING {
                return Err(RequestError::invalid("Selection set too deep", vec![position(item.pos)]));
            }
        }
        Ok(height)
    }
}

/// Whether all operations ask only for `__schema`, `__type` and `__typename` at the root. A spread that leads back
/// or nowhere does not count: such a document is refused later.
pub(super) fn is_introspection_only<'a>(
    document: &'a Document,
    operations: impl Iterator<Item = &'a OperationDefinition>,
) -> bool {
    let mut seen = FxHashSet::default();
    let mut todo: Vec<_> = operations.map(|operation| &operation.selection_set.node).collect();
    while let Some(set) = todo.pop() {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    if !matches!(field.node.name.node.as_str(), "__schema" | "__type" | "__typename") {
                        return false;
                    }
                }
                Selection::InlineFragment(inline) => todo.push(&inline.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str();
                    if let Some(fragment) = document.fragment(name)
                        && seen.insert(name)
                    {
                        todo.push(&fragment.selection_set.node);
                    }
                }
            }
        }
    }
    true
}
