//! A root field as interceptors see it: `{alias, name, arguments, subfields}`, recursively (language.md 8.3).

use serde_json::{Map, Value as Json, json};
use studio_model::ir::{EntityId, FieldKind, Ir, ValueType};

use crate::operation::{Arguments, CodeSelection, RootCall, RootField, Selected, SelectedField};

/// The field tree of a root field.
pub fn field_tree(root: &RootField, ir: &Ir) -> Json {
    let (arguments, subfields) = match &root.call {
        RootCall::Json(_) => (json!({}), Vec::new()),
        RootCall::Entity(call) => {
            (arguments(&call.arguments), entity_fields(&call.selection, call.entity, ir))
        }
        RootCall::Code(call) => (arguments(&call.arguments), code_fields(&call.selection)),
    };
    node(&root.key, &root.name, arguments, subfields)
}

fn node(key: &str, name: &str, arguments: Json, subfields: Vec<Json>) -> Json {
    let alias = if key == name { Json::Null } else { Json::from(key) };
    json!({ "alias": alias, "name": name, "arguments": arguments, "subfields": subfields })
}

fn arguments(arguments: &Arguments) -> Json {
    let members: Map<String, Json> =
        arguments.iter().map(|(name, value)| (name.clone(), crate::plan::json(&value.data))).collect();
    Json::Object(members)
}

fn code_fields(selection: &[CodeSelection]) -> Vec<Json> {
    let fields = selection.iter().map(|field| {
        let name = field.member.as_deref().unwrap_or("__typename");
        node(&field.key, name, json!({}), code_fields(&field.selection))
    });
    fields.collect()
}

fn entity_fields(selection: &[SelectedField], entity: EntityId, ir: &Ir) -> Vec<Json> {
    selection
        .iter()
        .map(|field| {
            let model = &ir.entities[entity].fields;
            let (name, below) = match &field.what {
                Selected::Typename(_) => ("__typename".to_owned(), Vec::new()),
                Selected::Field(id) => {
                    let below = match (&model[*id].kind, ir.relation_target(&model[*id])) {
                        (_, Some(target)) => entity_fields(&field.selection, target, ir),
                        (FieldKind::Value(ty), None) => json_fields(&field.selection, ty, ir),
                        _ => Vec::new(),
                    };
                    (model[*id].name.clone(), below)
                }
                Selected::Aggregate(id) => {
                    let target = ir.relation_target(&model[*id]).unwrap_or(entity);
                    (format!("{}Agg", model[*id].name), entity_fields(&field.selection, target, ir))
                }
                Selected::Distance(id) => (format!("{}Distance", model[*id].name), Vec::new()),
                Selected::AggregateField(id) => {
                    (model[*id].name.clone(), entity_fields(&field.selection, entity, ir))
                }
                Selected::Function(function) => (function.name().to_owned(), Vec::new()),
                // Members of values are reached through their type.
                Selected::JsonMember(_) => (field.key.clone(), Vec::new()),
            };
            node(&field.key, &name, arguments(&field.arguments), below)
        })
        .collect()
}

fn json_fields(selection: &[SelectedField], ty: &ValueType, ir: &Ir) -> Vec<Json> {
    let mut inner = ty;
    while let ValueType::Array { element, .. } = inner {
        inner = element;
    }
    let members = match inner {
        ValueType::Json(id) => ir.json_types[*id].fields.as_slice(),
        _ => &[],
    };
    selection
        .iter()
        .map(|field| match &field.what {
            Selected::JsonMember(index) => match members.get(*index) {
                Some(member) => {
                    let below = json_fields(&field.selection, &member.ty, ir);
                    node(&field.key, &member.name, json!({}), below)
                }
                None => node(&field.key, &field.key, json!({}), Vec::new()),
            },
            _ => node(&field.key, "__typename", json!({}), Vec::new()),
        })
        .collect()
}
