//! Which variables of an operation are free: their values only become parameters.

use std::sync::Arc;

use serde_json::Value as Json;
use studio_model::ir::{ColumnType, Entity, EntityId, FieldKind, Ir};

use super::{Class, Free, VariableUse, params, text};
use crate::operation::{Arguments, Data, EntityAction, EntityCall, Selected, SelectedField, Value};
use crate::plan::convert;
use crate::plan::key::column_values;
use crate::plan::link::field_named;
use crate::plan::{ParamOrigin, ParamType, ParamValue, Plan};

/// Places of an operation where a plain value becomes one parameter, whatever it is.
pub(super) struct Uses<'a> {
    ir: &'a Ir,
    found: Vec<(&'a Arc<str>, &'a ColumnType)>,
}

impl<'a> Uses<'a> {
    pub(super) fn new(ir: &'a Ir) -> Self {
        Self { ir, found: Vec::new() }
    }

    /// What is free about a variable.
    pub(super) fn free(&self, variable: &VariableUse, json: &Json, plan: &Plan) -> Option<Free> {
        let class = Class::of(json)?;
        let mut types = self.found.iter().filter(|(name, _)| **name == variable.name).map(|(_, ty)| *ty);
        let ty = types.next()?;
        let rest = types.clone().count();
        if variable.ranged || variable.inspected || !types.all(|other| other == ty) {
            return None;
        }
        // Each use has its parameter, and each parameter is what filling the hole would make of it.
        let (value, wire) = (ParamValue::Text(text(json, ty)?), convert::param_type(ty));
        let made = params(plan)
            .filter(|param| matches!(&param.origin, ParamOrigin::Variable(name) if *name == variable.name));
        let is_same = |ty: &ParamType, found: &ParamValue| *ty == wire && *found == value;
        let mut count = 0;
        for param in made {
            if !is_same(&param.ty, &param.value) {
                return None;
            }
            count += 1;
        }
        let uses = rest + 1;
        (count == uses && variable.count as usize == uses).then(|| Free {
            name: variable.name.clone(),
            class,
            ty: ty.clone(),
        })
    }

    /// Looks at a root field.
    pub(super) fn call(&mut self, call: &'a EntityCall) {
        let entity = &self.ir.entities[call.entity];
        for (name, value) in &call.arguments {
            match (name.as_str(), call.action) {
                (
                    "data",
                    EntityAction::CreateOne
                    | EntityAction::CreateMany
                    | EntityAction::Upsert(_)
                    | EntityAction::UpdateOne
                    | EntityAction::UpdateMany,
                ) => self.data(call.entity, value),
                (
                    _,
                    EntityAction::ByKey
                    | EntityAction::ByUnique(_)
                    | EntityAction::UpdateOne
                    | EntityAction::DeleteOne,
                ) => self.columns(entity, name, value),
                (
                    "where",
                    EntityAction::List
                    | EntityAction::Aggregate
                    | EntityAction::UpdateMany
                    | EntityAction::DeleteMany,
                ) => self.filter(call.entity, value),
                _ => {}
            }
        }
        self.selection(call.entity, &call.selection);
    }

    fn selection(&mut self, entity: EntityId, selection: &'a [SelectedField]) {
        for selected in selection {
            let (Selected::Field(id) | Selected::Aggregate(id)) = &selected.what else { continue };
            let Some(target) = self.ir.relation_target(&self.ir.entities[entity].fields[*id]) else {
                continue;
            };
            if let Some(value) = selected.arguments.get("where") {
                self.filter(target, value);
            }
            self.selection(target, &selected.selection);
        }
    }

    /// The values a field gives to its columns.
    fn columns(&mut self, entity: &'a Entity, name: &str, value: &'a Value) {
        let Some((id, _)) = field_named(entity, name) else { return };
        let mut values = Vec::new();
        column_values(self.ir, entity, id, value, &mut values);
        for (column, value) in values {
            if let Some(value) = value {
                self.leaf(value, &entity.columns[column].ty);
            }
        }
    }

    fn data(&mut self, entity: EntityId, value: &'a Value) {
        let model = &self.ir.entities[entity];
        for object in objects(value) {
            for (name, value) in object {
                match field_named(model, name).map(|(_, field)| &field.kind) {
                    Some(FieldKind::Value(_) | FieldKind::Reference { .. }) => {
                        self.columns(model, name, value)
                    }
                    // Nested updates come as parts; what they do with their values is left to planning.
                    Some(FieldKind::Collection { target, .. } | FieldKind::InverseOne { target, .. }) => {
                        self.data(*target, value);
                    }
                    None => {}
                }
            }
        }
    }

    fn filter(&mut self, entity: EntityId, value: &'a Value) {
        let model = &self.ir.entities[entity];
        for object in objects(value) {
            for (name, operand) in object {
                match field_named(model, name).map(|(_, field)| (field, &field.kind)) {
                    Some((field, FieldKind::Value(_))) => {
                        let ty = &model.columns[field.columns[0]].ty;
                        for (operator, value) in objects(operand).into_iter().flatten() {
                            if matches!(operator.as_str(), "eq" | "neq" | "lt" | "lte" | "gt" | "gte") {
                                self.leaf(value, ty);
                            }
                        }
                    }
                    Some((_, FieldKind::Reference { target, .. }))
                    | Some((_, FieldKind::Collection { target, .. }))
                    | Some((_, FieldKind::InverseOne { target, .. })) => self.filter(*target, operand),
                    None if matches!(name.as_str(), "and" | "or" | "not") => self.filter(entity, operand),
                    None => {}
                }
            }
        }
    }

    fn leaf(&mut self, value: &'a Value, ty: &'a ColumnType) {
        let plain = matches!(value.data, Data::Number(_) | Data::String(_));
        let is_scalar = !matches!(
            ty,
            ColumnType::Array(_) | ColumnType::Enum(_) | ColumnType::Vector(_) | ColumnType::Jsonb
        );
        if let (Some(name), true, true) = (&value.variable, plain, is_scalar) {
            self.found.push((name, ty));
        }
    }
}

/// Objects of a list, or the single one.
fn objects(value: &Value) -> Vec<&Arguments> {
    match &value.data {
        Data::Object(members) => vec![members],
        Data::List(items) => items
            .iter()
            .filter_map(|item| if let Data::Object(members) = &item.data { Some(members) } else { None })
            .collect(),
        Data::Null | Data::Bool(_) | Data::Number(_) | Data::String(_) | Data::Enum(_) | Data::Json(_) => {
            Vec::new()
        }
    }
}
