//! The columns of a table, which fields may share, and the constraints over them (language.md 3.4, 4.3).

use std::borrow::Cow;
use std::collections::hash_map::Entry as MapEntry;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::annotation::find;
use super::key::snake_case;
use super::member::Members;
use super::names::Names;
use super::relation::Kind;
use crate::ir::{Arena, ArenaId, Column, ColumnId, FieldId, IndexDef, Unique};
use crate::syntax::ast::{self, Annotation};

/// The columns of one table while fields add theirs.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) columns: Arena<ColumnId, Column>,
    by_name: FxHashMap<Cow<'a, str>, (ColumnId, &'a ast::Field)>,
}

impl<'a> Columns<'a> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        let by_name = FxHashMap::with_capacity_and_hasher(capacity, FxBuildHasher);
        Self { columns: Arena::with_capacity(capacity), by_name }
    }

    /// A column of its own: nobody else may have made it before.
    pub(super) fn add(
        &mut self,
        name: Cow<'a, str>,
        column: Column,
        field: &'a ast::Field,
    ) -> Result<ColumnId, (String, &'a ast::Field)> {
        match self.by_name.entry(name) {
            MapEntry::Occupied(taken) => Err((column.name, taken.get().1)),
            MapEntry::Vacant(free) => {
                let id = self.columns.push(column);
                free.insert((id, field));
                Ok(id)
            }
        }
    }

    /// A foreign-key column: shared with whoever made it before.
    pub(super) fn share(&mut self, column: Column, field: &'a ast::Field) -> ColumnId {
        match self.by_name.get(column.name.as_str()) {
            Some((id, _)) => {
                let existing = &mut self.columns[*id];
                existing.primary_key |= column.primary_key;
                existing.nullable &= column.nullable;
                existing.on_update |= column.on_update;
                *id
            }
            None => {
                let name = column.name.clone();
                let id = self.columns.push(column);
                self.by_name.insert(Cow::Owned(name), (id, field));
                id
            }
        }
    }
}

/// Unique constraints and indexes of an entity, in order of first appearance (language.md 4.3).
pub(super) fn constraints(
    names: &Names<'_>,
    members: &Members<'_>,
    kinds: &[Vec<Kind>],
    composite: usize,
) -> (Vec<Unique>, Vec<IndexDef>) {
    let entity = &*names.composites[composite].decl.name.text;
    let mut uniques: Vec<Unique> = Vec::new();
    let mut indexes: Vec<IndexDef> = Vec::new();
    for (index, member) in members.composites[composite].members.iter().enumerate() {
        let field = member.decl;
        let id = FieldId::from_index(index);
        let kind = &kinds[composite][index];
        if !matches!(kind, Kind::Value(_) | Kind::Reference { .. }) {
            continue;
        }
        let unique = find(&field.annotations, "unique").map(Annotation::strings);
        let implicit = matches!(kind, Kind::Reference { one_to_one: true, .. });
        let constraints = match unique {
            _ if implicit => vec![&*field.name.text],
            Some(names) if names.is_empty() => vec![&*field.name.text],
            Some(names) => names,
            None => Vec::new(),
        };
        for name in constraints {
            match uniques.iter_mut().find(|unique| unique.name == name) {
                Some(unique) if unique.fields.contains(&id) => {}
                Some(unique) => unique.fields.push(id),
                None => uniques.push(Unique {
                    name: name.to_owned(),
                    db_name: snake_case(&["unique_constraint_", entity, "_", name].concat()).into_owned(),
                    fields: vec![id],
                }),
            }
        }
        let Some(annotation) = find(&field.annotations, "index") else { continue };
        let mut wanted: Vec<String> = annotation.strings().into_iter().map(str::to_owned).collect();
        if wanted.is_empty() {
            wanted.push([entity, "_", &field.name.text, "_idx"].concat().to_lowercase());
        }
        for name in wanted {
            match indexes.iter_mut().find(|index| index.name == name) {
                Some(index) if index.fields.contains(&id) => {}
                Some(index) => index.fields.push(id),
                None => indexes.push(IndexDef { name, fields: vec![id] }),
            }
        }
    }
    (uniques, indexes)
}
