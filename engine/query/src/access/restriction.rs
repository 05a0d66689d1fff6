//! Filters of components as rules, for the data of mutations: nothing is stored yet that SQL could filter.

use studio_model::ir::{
    AccessExpr, CompareOp, EntityId, FieldId, FieldKind, FieldPath, Ir, Literal, Operand, PathRoot,
};

use crate::operation::{Data, Value};

/// The rule that says the same as a filter, or which part of it a rule cannot say.
pub(super) fn rule(ir: &Ir, entity: EntityId, filter: &Value) -> Result<AccessExpr, String> {
    level(ir, &FieldPath { root: PathRoot::SelfRow, entity, steps: Vec::new() }, entity, filter)
}

/// The conditions on the row that `path` leads to.
fn level(ir: &Ir, path: &FieldPath, entity: EntityId, filter: &Value) -> Result<AccessExpr, String> {
    let Data::Object(members) = &filter.data else { return Ok(AccessExpr::Literal(true)) };
    let mut parts = Vec::with_capacity(members.len());
    for (name, operand) in members {
        if operand.data == Data::Null {
            continue;
        }
        let found = ir.entities[entity].fields.iter().find(|(_, field)| field.name == *name);
        let Some((id, field)) = found else {
            parts.push(logical(ir, path, entity, name, operand)?);
            continue;
        };
        let target = step(path, id);
        match &field.kind {
            FieldKind::Value(_) => comparisons(&target, name, operand, &mut parts)?,
            FieldKind::Reference { target: next, .. } | FieldKind::InverseOne { target: next, .. } => {
                parts.push(level(ir, &target, *next, operand)?);
            }
            FieldKind::Collection { target: next, .. } => {
                if path.root == PathRoot::Element {
                    return Err(format!("`{name}` is a list within a list"));
                }
                let element = FieldPath { root: PathRoot::Element, entity: *next, steps: Vec::new() };
                let condition = Box::new(level(ir, &element, *next, operand)?);
                parts.push(AccessExpr::Some { collection: target, condition });
            }
        }
    }
    Ok(all(parts))
}

fn logical(
    ir: &Ir,
    path: &FieldPath,
    entity: EntityId,
    name: &str,
    operand: &Value,
) -> Result<AccessExpr, String> {
    if name == "not" {
        return Ok(AccessExpr::Not(Box::new(level(ir, path, entity, operand)?)));
    }
    let items = match &operand.data {
        Data::List(items) => items.as_slice(),
        _ => std::slice::from_ref(operand),
    };
    let parts = items.iter().map(|item| level(ir, path, entity, item)).collect::<Result<Vec<_>, _>>()?;
    let either = |left, right| AccessExpr::Or(Box::new(left), Box::new(right));
    match name {
        "and" => Ok(all(parts)),
        "or" => Ok(parts.into_iter().reduce(either).unwrap_or(AccessExpr::Literal(false))),
        _ => Err(format!("`{name}` is no field")),
    }
}

fn comparisons(
    path: &FieldPath,
    name: &str,
    operand: &Value,
    parts: &mut Vec<AccessExpr>,
) -> Result<(), String> {
    let Data::Object(operators) = &operand.data else {
        parts.push(compare(path, CompareOp::Eq, literal(name, operand)?));
        return Ok(());
    };
    for (operator, value) in operators {
        let op = match operator.as_str() {
            "eq" => CompareOp::Eq,
            "neq" => CompareOp::Ne,
            "lt" => CompareOp::Lt,
            "lte" => CompareOp::Le,
            "gt" => CompareOp::Gt,
            "gte" => CompareOp::Ge,
            "in" => {
                let Data::List(items) = &value.data else { continue };
                let mut any = AccessExpr::Literal(false);
                for (index, item) in items.iter().enumerate() {
                    let equal = compare(path, CompareOp::Eq, literal(name, item)?);
                    any = if index == 0 { equal } else { AccessExpr::Or(Box::new(any), Box::new(equal)) };
                }
                parts.push(any);
                continue;
            }
            other => return Err(format!("data that is written cannot be compared by `{other}`")),
        };
        parts.push(compare(path, op, literal(name, value)?));
    }
    Ok(())
}

fn compare(path: &FieldPath, op: CompareOp, right: Literal) -> AccessExpr {
    AccessExpr::Compare { op, left: Operand::Path(path.clone()), right: Operand::Literal(right) }
}

fn literal(name: &str, value: &Value) -> Result<Literal, String> {
    Ok(match &value.data {
        Data::Null => Literal::Null,
        Data::Bool(value) => Literal::Bool(*value),
        Data::Number(number) => {
            number.as_i64().map_or_else(|| Literal::Float(number.to_string()), Literal::Int)
        }
        Data::String(text) | Data::Enum(text) => Literal::String(text.clone()),
        Data::List(_) | Data::Object(_) | Data::Json(_) => {
            return Err(format!("`{name}` is compared with something that is no plain value"));
        }
    })
}

fn step(path: &FieldPath, field: FieldId) -> FieldPath {
    let mut steps = path.steps.clone();
    steps.push(field);
    FieldPath { steps, ..*path }
}

fn all(parts: Vec<AccessExpr>) -> AccessExpr {
    let both = |left, right| AccessExpr::And(Box::new(left), Box::new(right));
    parts.into_iter().reduce(both).unwrap_or(AccessExpr::Literal(true))
}
