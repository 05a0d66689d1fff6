//! Mutations: pre-checks, writes and the final select (graphql-and-sql 3.8 and 3.9).

mod check;
mod create;
mod delete;
mod nested;
mod result;
mod update;
mod upsert;

use studio_model::ir::{ColumnId, EntityId, Field, FieldId, FieldKind};
use studio_sql::expr::{BinaryOp, Expr, SqlType};
use studio_sql::select::{Item, Select, Source};
use studio_sql::write::Statement as Sql;

use super::convert::{self, field_conversion_error, param_type};
use super::key::column_values;
use super::link::{field_named, key_columns};
use super::planner::{Planned, Planner};
use super::{Param, ParamOrigin, ParamType, ParamValue, Step, StepRole};
use crate::error::RequestError;
use crate::operation::{Arguments, Data, Value};

/// A relation field of mutation data with its nested part.
type NestedPart<'a> = (FieldId, &'a Field, &'a Value);

/// Statements of a mutation in the making.
#[derive(Debug, Default)]
struct Steps(Vec<Step>);

impl Steps {
    /// Adds a step and returns its index.
    fn push(&mut self, statement: super::Statement, role: StepRole) -> usize {
        self.0.push(Step { statement, role });
        self.0.len() - 1
    }
}

/// The objects of a nested list; a single object stands for a list of one, null for none.
fn objects(value: &Value) -> Vec<&Arguments> {
    match &value.data {
        Data::List(items) => items
            .iter()
            .filter_map(|item| if let Data::Object(members) = &item.data { Some(members) } else { None })
            .collect(),
        Data::Object(members) => vec![members],
        Data::Null | Data::Bool(_) | Data::Number(_) | Data::String(_) | Data::Enum(_) | Data::Json(_) => {
            Vec::new()
        }
    }
}

/// The object under a key of nested update data (`create`, `update`, `delete`).
fn part<'a>(value: &'a Value, key: &str) -> Vec<&'a Arguments> {
    match &value.data {
        Data::Object(parts) => parts.get(key).map(objects).unwrap_or_default(),
        _ => Vec::new(),
    }
}

impl<'a> Planner<'a, '_> {
    /// The `data` argument as objects.
    fn data(&self, arguments: &'a Arguments) -> Planned<Vec<&'a Arguments>> {
        match arguments.get("data") {
            Some(value) => Ok(objects(value)),
            None => Err(RequestError::internal("a mutation without data").into()),
        }
    }

    /// The supplied fields of an object, in the order of the model, without nested parts.
    fn supplied(&self, entity: EntityId, data: &'a Arguments) -> Vec<(FieldId, &'a Field, &'a Value)> {
        let model = self.entity(entity);
        let mut out: Vec<_> = data
            .iter()
            .filter_map(|(name, value)| field_named(model, name).map(|(id, field)| (id, field, value)))
            .filter(|(_, field, _)| matches!(field.kind, FieldKind::Value(_) | FieldKind::Reference { .. }))
            .collect();
        out.sort_by_key(|(id, ..)| *id);
        out
    }

    /// The nested parts of an object, in textual order; null says nothing.
    fn nested_parts(&self, entity: EntityId, data: &'a Arguments) -> Vec<NestedPart<'a>> {
        let model = self.entity(entity);
        data.iter()
            .filter(|(_, value)| value.data != Data::Null)
            .filter_map(|(name, value)| field_named(model, name).map(|(id, field)| (id, field, value)))
            .filter(|(_, field, _)| {
                matches!(field.kind, FieldKind::Collection { .. } | FieldKind::InverseOne { .. })
            })
            .collect()
    }

    /// The entity and owning field behind a nested part.
    fn child(field: &Field) -> Option<(EntityId, FieldId)> {
        match &field.kind {
            FieldKind::Collection { target, owner } | FieldKind::InverseOne { target, owner } => {
                Some((*target, *owner))
            }
            FieldKind::Value(_) | FieldKind::Reference { .. } => None,
        }
    }

    /// The values a supplied field gives to its columns.
    fn field_params(
        &self,
        entity: EntityId,
        id: FieldId,
        value: &Value,
        out: &mut Vec<(ColumnId, Param)>,
    ) -> Planned<()> {
        let model = self.entity(entity);
        let mut values = Vec::new();
        column_values(self.ir, model, id, value, &mut values);
        let shared = |column: ColumnId| {
            model.fields.iter().any(|(other, field)| other != id && field.columns.contains(&column))
        };
        let cleared = value.data == Data::Null && values.iter().any(|(column, _)| !shared(*column));
        for (column, value) in values {
            // Clearing one of two relations that share a column leaves the other one alone.
            if cleared && shared(column) {
                continue;
            }
            let ty = &model.columns[column].ty;
            let misfit = |_| field_conversion_error(&model.fields[id].name, ty, self.ir);
            let value = value.ok_or(convert::Misfit).map_err(misfit)?;
            let param = convert::param(value, ty).map_err(misfit)?;
            // A column that two fields set is written once; a value beats null.
            match out.iter_mut().find(|(known, _)| *known == column) {
                Some((_, known)) if param.value != ParamValue::Null => *known = param,
                Some(_) => {}
                None => out.push((column, param)),
            }
        }
        Ok(())
    }

    /// The key columns of an entity as text, for `RETURNING`.
    fn returning_key(&self, entity: EntityId) -> Vec<Item<'a>> {
        let model = self.entity(entity);
        key_columns(model)
            .map(|column| {
                Item::Expr(Expr::Name(model.columns[column].name.as_str().into()).cast(SqlType::Text))
            })
            .collect()
    }

    /// A key column of all rows of an earlier step, as an array.
    fn key_array(&mut self, entity: EntityId, column: ColumnId, step: usize, index: usize) -> Expr<'a> {
        let ty = &self.entity(entity).columns[column].ty;
        let bound = self.bind(Param {
            ty: ParamType::Array(Box::new(param_type(ty))),
            value: ParamValue::Column { step, column: index },
            origin: ParamOrigin::Row,
        });
        let array = studio_model::ir::ColumnType::Array(Box::new(ty.clone()));
        self.cast_param(bound, &array)
    }

    /// The condition that expressions, in the order of an entity's key, are a key of a row of an earlier step.
    fn among(&mut self, own: Vec<Expr<'a>>, entity: EntityId, step: usize) -> Expr<'a> {
        let columns: Vec<ColumnId> = key_columns(self.entity(entity)).collect();
        let mut arrays: Vec<Expr<'a>> = columns
            .into_iter()
            .enumerate()
            .map(|(index, column)| self.key_array(entity, column, step, index))
            .collect();
        if let ([_], [_]) = (own.as_slice(), arrays.as_slice()) {
            let (Some(own), Some(array)) = (own.into_iter().next(), arrays.pop()) else {
                return Expr::Bool(false);
            };
            return Expr::Any(Box::new(own), BinaryOp::Eq, Box::new(array));
        }
        let alias = self.alias(None, "key");
        let names = (0..arrays.len()).map(|index| ["k", &index.to_string()].concat().into()).collect();
        Expr::In(
            own,
            Box::new(Select {
                columns: vec![Item::All],
                from: Some(Source::Unnest { arrays, ordinality: false, alias, columns: names }),
                ..Select::default()
            }),
        )
    }

    /// Adds the statement as a step.
    fn step(&mut self, steps: &mut Steps, statement: &Sql<'a>, role: StepRole) -> usize {
        let statement = self.finish(statement);
        steps.push(statement, role)
    }
}
