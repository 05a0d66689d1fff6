//! Selections: fragments are expanded, every field and argument is checked against the schema.

use std::cell::Cell;
use std::sync::Arc;

use async_graphql_parser::Positioned;
use async_graphql_parser::types::{Directive, Field, Selection, SelectionSet};
use studio_model::graphql::{EntityAction, FieldDef, Meaning, Schema, TypeId};

use super::{Introspection, Limits, Stage};
use crate::coerce::{Coercion, Variables};
use crate::document::{Document, position};
use crate::error::{Position, RequestError};
use crate::operation::{Arguments, Data};

/// A field that passed validation; equal response keys are not merged yet.
#[derive(Debug)]
pub(super) struct Checked<'a> {
    pub(super) key: &'a str,
    pub(super) what: What<'a>,
    pub(super) arguments: Arguments,
    pub(super) selection: Vec<Checked<'a>>,
    pub(super) position: Position,
}

/// What a field selects.
#[derive(Debug, Clone)]
pub(super) enum What<'a> {
    /// `__typename`, with its constant.
    Typename(Arc<str>),
    /// A field of the schema.
    Field(&'a FieldDef),
}

pub(super) struct Validator<'a> {
    document: &'a Document,
    schema: &'a Schema,
    variables: &'a Variables<'a>,
    limits: &'a Limits,
    fields_left: Cell<usize>,
    roots_left: Cell<usize>,
    aliases_left: Cell<usize>,
    observe: &'a dyn Fn(Stage),
}

/// Where a selection set stands.
#[derive(Clone, Copy)]
struct Level {
    parent: TypeId,
    /// Depth of the fields of this set.
    depth: usize,
    /// Deepest level allowed.
    cap: usize,
}

impl<'a> Validator<'a> {
    pub(super) fn new(
        document: &'a Document,
        schema: &'a Schema,
        variables: &'a Variables<'a>,
        limits: &'a Limits,
        observe: &'a dyn Fn(Stage),
    ) -> Self {
        let [fields_left, roots_left, aliases_left] =
            [limits.fields, limits.root_fields, limits.aliases].map(Cell::new);
        Self { document, schema, variables, limits, fields_left, roots_left, aliases_left, observe }
    }

    pub(super) fn root(&self, set: &'a SelectionSet, root: TypeId) -> Result<Vec<Checked<'a>>, RequestError> {
        let mut checked = Vec::with_capacity(set.items.len());
        self.set(set, Level { parent: root, depth: 1, cap: self.limits.depth }, &mut checked)?;
        Ok(checked)
    }

    fn set(
        &self,
        set: &'a SelectionSet,
        level: Level,
        out: &mut Vec<Checked<'a>>,
    ) -> Result<(), RequestError> {
        for item in &set.items {
            // What a directive excludes is validated all the same, then dropped.
            let kept = out.len();
            let directives = match &item.node {
                Selection::Field(field) => {
                    out.push(self.field(field, level)?);
                    &field.node.directives
                }
                Selection::InlineFragment(inline) => {
                    self.set(&inline.node.selection_set.node, level, out)?;
                    &inline.node.directives
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str();
                    if let Some(fragment) = self.document.fragment(name) {
                        self.set(&fragment.selection_set.node, level, out)?;
                    }
                    &spread.node.directives
                }
            };
            if !self.is_included(directives)? {
                out.truncate(kept);
            }
        }
        Ok(())
    }

    fn field(&self, field: &'a Positioned<Field>, level: Level) -> Result<Checked<'a>, RequestError> {
        let place = position(field.pos);
        let node = &field.node;
        let name = node.name.node.as_str();
        let key = node.response_key().node.as_str();
        let has_selection = !node.selection_set.node.items.is_empty();
        let error = |message: String| Err(RequestError::invalid(message, vec![place]));
        if !take(&self.fields_left) {
            return error("Selection set too large".into());
        }
        if level.depth == 1 && !take(&self.roots_left) {
            return error(format!("More than {} root fields", self.limits.root_fields));
        }
        if node.alias.is_some() && !take(&self.aliases_left) {
            return error(format!("More than {} aliases", self.limits.aliases));
        }
        let leaf = || format!("Field '{name}' is of a scalar type, which should not specify fields");
        let coercion =
            Coercion { schema: self.schema, variables: self.variables, field: name, position: place };
        if name == "__typename" {
            if has_selection {
                return error(leaf());
            }
            coercion.no_arguments(&node.arguments)?;
            let what = What::Typename(self.schema.type_name(level.parent));
            return Ok(Checked {
                key,
                what,
                arguments: Arguments::new(),
                selection: Vec::new(),
                position: place,
            });
        }
        let is_root = level.depth == 1;
        let is_meta = is_root && matches!(name, "__schema" | "__type");
        let cap = if is_meta { self.limits.introspection_depth } else { level.cap };
        if level.depth > cap {
            return error("Selection set too deep".into());
        }
        let found = match self.limits.introspection {
            Introspection::Only if is_root && !is_meta => None,
            _ => self.schema.field(level.parent, name),
        };
        let Some(definition) = found else {
            let parent = self.schema.type_name(level.parent);
            return error(format!("Field '{name}' is not valid for type '{parent}'"));
        };
        if is_meta && self.limits.introspection == Introspection::Disabled {
            return Err(RequestError::internal("introspection is disabled"));
        }
        if has_selection && self.is_leaf(definition) {
            return error(leaf());
        }
        let arguments = self.coerced(|| coercion.arguments(&node.arguments, &definition.args))?;
        if let Some(most) = self.limits.rows
            && is_list(definition)
            && !arguments.get("limit").is_some_and(|limit| is_at_most(&limit.data, most))
        {
            return error(format!("Field '{name}' needs a 'limit' of at most {most} rows"));
        }
        let mut selection = Vec::with_capacity(node.selection_set.node.items.len());
        let below = Level { parent: definition.ty.base, depth: level.depth + 1, cap };
        self.set(&node.selection_set.node, below, &mut selection)?;
        Ok(Checked { key, what: What::Field(definition), arguments, selection, position: place })
    }

    fn coerced<T>(&self, coerce: impl FnOnce() -> T) -> T {
        (self.observe)(Stage::CoercionBegins);
        let coerced = coerce();
        (self.observe)(Stage::CoercionEnds);
        coerced
    }

    fn is_leaf(&self, field: &FieldDef) -> bool {
        match field.meaning {
            // Saves the derivation of the type.
            Meaning::Operation(..) | Meaning::Aggregate(..) => false,
            _ => self.schema.define(field.ty.base).is_leaf(),
        }
    }

    /// Evaluates `@skip` and `@include`; other directives are ignored.
    fn is_included(&self, directives: &'a [Positioned<Directive>]) -> Result<bool, RequestError> {
        let mut included = true;
        for directive in directives {
            let keep_if = match directive.node.name.node.as_str() {
                "skip" => false,
                "include" => true,
                _ => continue,
            };
            let coercion = Coercion {
                schema: self.schema,
                variables: self.variables,
                field: directive.node.name.node.as_str(),
                position: position(directive.pos),
            };
            let arguments = self.coerced(|| {
                coercion.arguments(&directive.node.arguments, self.schema.condition_arguments())
            })?;
            match arguments.get("if").map(|value| &value.data) {
                Some(Data::Bool(value)) => included &= *value == keep_if,
                // Enum literals pass coercion unchecked.
                _ => {
                    return Err(RequestError::invalid(
                        "Argument 'if' is not of a valid type. Expected 'Boolean', got 'Enum'",
                        vec![position(directive.pos)],
                    ));
                }
            }
        }
        Ok(included)
    }
}

/// Takes one of what is left.
fn take(left: &Cell<usize>) -> bool {
    let rest = left.get().checked_sub(1);
    left.set(rest.unwrap_or(0));
    rest.is_some()
}

/// Whether a field answers with rows of a table, as many as its `limit` says.
fn is_list(field: &FieldDef) -> bool {
    matches!(field.meaning, Meaning::Operation(_, EntityAction::List) | Meaning::Field(..))
        && field.args.position("limit").is_some()
}

fn is_at_most(limit: &Data, most: u32) -> bool {
    match limit {
        // A negative limit is refused by the database.
        Data::Number(number) => number.as_i64().is_some_and(|number| number <= i64::from(most)),
        _ => false,
    }
}
