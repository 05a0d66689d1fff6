//! Walking relation fields of the model.

use studio_model::ir::{ColumnId, Entity, EntityId, Field, FieldId, FieldKind, Ir};

/// A relation field seen as a link from one table to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link<'a> {
    /// The entity the field leads to.
    pub(crate) target: EntityId,
    pairs: &'a [(ColumnId, ColumnId)],
    owning: bool,
}

impl<'a> Link<'a> {
    /// The link behind a relation field; `None` for a value.
    pub(crate) fn of(ir: &'a Ir, entity: EntityId, field: FieldId) -> Option<Self> {
        match &ir.entities[entity].fields[field].kind {
            FieldKind::Value(_) => None,
            FieldKind::Reference { target, pairs, .. } => Some(Self { target: *target, pairs, owning: true }),
            FieldKind::InverseOne { target, owner } | FieldKind::Collection { target, owner } => {
                match &ir.entities[*target].fields[*owner].kind {
                    FieldKind::Reference { pairs, .. } => {
                        Some(Self { target: *target, pairs, owning: false })
                    }
                    FieldKind::Value(_) | FieldKind::InverseOne { .. } | FieldKind::Collection { .. } => None,
                }
            }
        }
    }

    /// Column pairs (own, target's), in the order of the key.
    pub(crate) fn pairs(self) -> impl ExactSizeIterator<Item = (ColumnId, ColumnId)> + 'a {
        self.pairs.iter().map(move |(from, to)| if self.owning { (*from, *to) } else { (*to, *from) })
    }

    /// The own column that holds the same value as this column of the target, on the owning side.
    pub(crate) fn own_column(self, target_column: ColumnId) -> Option<ColumnId> {
        if !self.owning {
            return None;
        }
        self.pairs.iter().find(|(_, to)| *to == target_column).map(|(from, _)| *from)
    }

    /// Whether the foreign key is on this side.
    pub(crate) fn is_owning(self) -> bool {
        self.owning
    }

    /// Whether an own column belongs to the primary key: the test of graphql-and-sql 3.3.
    pub(crate) fn leaves_from_key(self, entity: &Entity) -> bool {
        self.pairs().any(|(own, _)| entity.columns[own].primary_key)
    }
}

/// The field with this name.
pub(crate) fn field_named<'a>(entity: &'a Entity, name: &str) -> Option<(FieldId, &'a Field)> {
    entity.fields.iter().find(|(_, field)| field.name == name)
}

/// A path of fields as links to follow and the column they end on. Steps that only read the key of a referenced
/// row are answered by the own foreign-key column, without following the link.
pub(crate) fn resolve_path(ir: &Ir, entity: EntityId, steps: &[FieldId]) -> Option<(Vec<FieldId>, ColumnId)> {
    let (last, links) = steps.split_last()?;
    let mut entities = Vec::with_capacity(links.len() + 1);
    entities.push(entity);
    let mut current = entity;
    for step in links {
        current = Link::of(ir, current, *step)?.target;
        entities.push(current);
    }
    let mut column = *ir.entities[current].fields[*last].columns.first()?;
    let mut kept = links.len();
    while kept > 0 {
        let link = Link::of(ir, entities[kept - 1], links[kept - 1])?;
        match link.own_column(column) {
            Some(own) => column = own,
            None => break,
        }
        kept -= 1;
    }
    Some((links[..kept].to_vec(), column))
}

/// The columns of the primary key, in the order of the key fields.
pub(crate) fn key_columns(entity: &Entity) -> impl Iterator<Item = ColumnId> + '_ {
    entity.primary_key.iter().flat_map(|field| entity.fields[*field].columns.iter().copied())
}

/// The entity a relation field leads to; the entity itself for a value.
pub(crate) fn link_target(ir: &Ir, entity: EntityId, field: FieldId) -> EntityId {
    Link::of(ir, entity, field).map_or(entity, |link| link.target)
}
