//! Rows that the statement under construction inserts itself: a select of the same statement does not see them in
//! their tables, so relations between them are followed from `WITH` part to `WITH` part.

use studio_model::ir::{EntityId, FieldId, FieldKind};
use studio_sql::expr::Alias;
use studio_sql::select::Source;

use super::planner::{Planner, Row};

/// The inserting `WITH` parts of a statement and the rows read from them.
#[derive(Debug, Default)]
pub(crate) struct Fresh<'a> {
    parts: Vec<FreshPart<'a>>,
    /// Aliases that stand for rows of a part.
    rows: Vec<(Alias<'a>, usize)>,
}

/// One inserting part.
#[derive(Debug)]
pub(crate) struct FreshPart<'a> {
    pub(crate) name: Alias<'a>,
    pub(crate) entity: EntityId,
    /// The part with the parents of its rows, and the relation field to them.
    pub(crate) parent: Option<(usize, FieldId)>,
}

impl<'a> Fresh<'a> {
    pub(crate) fn new(parts: Vec<FreshPart<'a>>) -> Self {
        let rows = parts.first().map(|part| (part.name, 0)).into_iter().collect();
        Self { parts, rows }
    }
}

impl<'a> Planner<'a, '_> {
    /// The rows a relation field leads to: of a part of this statement if they are new, otherwise of the table.
    pub(crate) fn related_source(&mut self, row: Row<'a>, field: FieldId) -> (Row<'a>, Source<'a>) {
        let target = self.link(row.entity, field).target;
        match self.fresh_part(row, field, target) {
            Some((part, name)) => {
                let table = &self.entity(target).table;
                let alias = self.alias(table.schema.as_deref(), &table.name);
                self.fresh.rows.push((alias, part));
                (Row { entity: target, alias }, Source::Cte { name, alias })
            }
            None => {
                let related = self.row(target);
                (related, Self::source(related))
            }
        }
    }

    fn fresh_part(&self, row: Row<'a>, field: FieldId, target: EntityId) -> Option<(usize, Alias<'a>)> {
        let (_, from) = self.fresh.rows.iter().find(|(alias, _)| *alias == row.alias)?;
        let part = match &self.entity(row.entity).fields[field].kind {
            // Whatever refers to a new row is new itself, so one part with rows of the target has all of them.
            FieldKind::Collection { .. } | FieldKind::InverseOne { .. } => {
                let mut parts = self.fresh.parts.iter().enumerate().filter(|(_, part)| part.entity == target);
                match (parts.next(), parts.next()) {
                    (Some((index, _)), None) => index,
                    _ => return None,
                }
            }
            FieldKind::Reference { .. } => match self.fresh.parts[*from].parent {
                Some((parent, owner)) if owner == field => parent,
                _ => return None,
            },
            FieldKind::Value(_) => return None,
        };
        Some((part, self.fresh.parts[part].name))
    }
}
