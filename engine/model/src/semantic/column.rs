//! The columns of a table, which fields may share, and the constraints over them (language.md 3.4, 4.3).

use rustc_hash::FxHashMap;

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
    /// The field that made each column.
    makers: Vec<&'a ast::Field>,
    /// Empty while there are few columns, which are looked through faster than hashed.
    by_name: FxHashMap<String, ColumnId>,
}

/// Up to this many columns are few.
const FEW: usize = 32;

impl<'a> Columns<'a> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        let columns = Arena::with_capacity(capacity);
        Self { columns, makers: Vec::with_capacity(capacity), by_name: FxHashMap::default() }
    }

    fn find(&self, name: &str) -> Option<ColumnId> {
        if self.by_name.is_empty() {
            let position = self.columns.values().position(|column| column.name == name);
            return position.map(ColumnId::from_index);
        }
        self.by_name.get(name).copied()
    }

    fn push(&mut self, column: Column, maker: &'a ast::Field) -> ColumnId {
        if !self.by_name.is_empty() {
            self.by_name.insert(column.name.clone(), ColumnId::from_index(self.columns.len()));
        }
        let id = self.columns.push(column);
        self.makers.push(maker);
        if self.columns.len() == FEW {
            self.by_name = self.columns.iter().map(|(id, column)| (column.name.clone(), id)).collect();
        }
        id
    }

    /// A column of its own: nobody else may have made it before.
    pub(super) fn add(
        &mut self,
        column: Column,
        field: &'a ast::Field,
    ) -> Result<ColumnId, (String, &'a ast::Field)> {
        match self.find(&column.name) {
            Some(taken) => Err((column.name, self.makers[taken.index()])),
            None => Ok(self.push(column, field)),
        }
    }

    /// A foreign-key column: shared with whoever made it before.
    pub(super) fn share(&mut self, column: Column, field: &'a ast::Field) -> ColumnId {
        let Some(id) = self.find(&column.name) else { return self.push(column, field) };
        let existing = &mut self.columns[id];
        existing.primary_key |= column.primary_key;
        existing.nullable &= column.nullable;
        existing.on_update |= column.on_update;
        id
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
        let implicit = matches!(kind, Kind::Reference { one_to_one: true, .. });
        let is_stored = matches!(kind, Kind::Value(_) | Kind::Reference { .. });
        if !is_stored || (field.annotations.is_empty() && !implicit) {
            continue;
        }
        let unique = find(&field.annotations, "unique").map(Annotation::strings);
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
