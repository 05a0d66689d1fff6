//! Key arguments, unique filters and references: values for the columns a field owns.

use studio_model::ir::{ColumnId, Entity, EntityId, FieldId, FieldKind, Ir};

use super::convert::{self, conversion_error};
use super::link::key_columns;
use super::planner::{Planned, Planner};
use super::predicate::{Pred, Test};
use crate::operation::{Arguments, Data, Value};
use studio_sql::expr::BinaryOp;

/// The values a client gave for the columns of a field: one for a value, one per key column for a relation.
/// `None` stands for a key that was not given. Null (of the relation or one level of it) is null for each column.
pub(crate) fn column_values<'a>(
    ir: &Ir,
    entity: &Entity,
    field: FieldId,
    value: &'a Value,
    out: &mut Vec<(ColumnId, Option<&'a Value>)>,
) {
    let field = &entity.fields[field];
    match &field.kind {
        FieldKind::Reference { target, pairs, .. } => {
            let target_entity = &ir.entities[*target];
            let mut theirs = Vec::with_capacity(pairs.len());
            match &value.data {
                Data::Object(members) => {
                    for key in &target_entity.primary_key {
                        let name = &target_entity.fields[*key].name;
                        match members.get(name) {
                            Some(member) => column_values(ir, target_entity, *key, member, &mut theirs),
                            None => {
                                theirs.extend(
                                    target_entity.fields[*key].columns.iter().map(|column| (*column, None)),
                                );
                            }
                        }
                    }
                }
                // The bare key of a single-column target, or null.
                _ => theirs.extend(key_columns(target_entity).map(|column| (column, Some(value)))),
            }
            for (own, referenced) in pairs {
                let given =
                    theirs.iter().find(|(column, _)| column == referenced).and_then(|(_, value)| *value);
                out.push((*own, given));
            }
        }
        FieldKind::Value(_) => out.extend(field.columns.iter().map(|column| (*column, Some(value)))),
        FieldKind::InverseOne { .. } | FieldKind::Collection { .. } => {}
    }
}

impl<'a> Planner<'a, '_> {
    /// The condition of a lookup by the fields of a key: their values, and what the caller may read of them. An answer
    /// tells whether a row has the value, like a filter.
    pub(crate) fn lookup_condition(
        &mut self,
        entity: EntityId,
        fields: &[FieldId],
        arguments: &'a Arguments,
    ) -> Planned<Pred<'a>> {
        let mut parts = vec![self.key_condition(entity, fields, arguments)?];
        let level = self.hooks.pause();
        for field in fields {
            parts.push(self.field_read_rule(entity, *field)?);
        }
        self.hooks.resume(level);
        Ok(Pred::and(parts))
    }

    /// The condition that the fields of a key have the values given as arguments.
    pub(crate) fn key_condition(
        &mut self,
        entity: EntityId,
        fields: &[FieldId],
        arguments: &'a Arguments,
    ) -> Planned<Pred<'a>> {
        let mut values = Vec::with_capacity(fields.len());
        let model = self.entity(entity);
        for field in fields {
            let value = arguments.get(&model.fields[*field].name).ok_or_else(conversion_error)?;
            column_values(self.ir, model, *field, value, &mut values);
        }
        let mut parts = Vec::with_capacity(values.len());
        for (column, value) in values {
            let ty = self.column_type(entity, column);
            let value = value.ok_or_else(conversion_error)?;
            let param = convert::param(value, ty).map_err(|_| conversion_error())?;
            let bound = self.bind_for(param, ty);
            parts.push(Pred::leaf(column, Test::Compare(BinaryOp::Eq, bound)));
        }
        Ok(Pred::and(parts))
    }
}
