//! Documents into operations for planner tests: names are looked up, nothing is validated.

use std::sync::Arc;

use async_graphql_parser::types::{OperationType, Selection, SelectionSet};
use async_graphql_value::Value as Input;
use indexmap::IndexMap;
use studio_model::ir::{EntityId, FieldKind, Ir};
use studio_query::access::{CallerContext, ContextError, NoLog};
use studio_query::error::Position;
use studio_query::operation::*;
use studio_query::plan::{FieldBody, Plan, plan};

const NOWHERE: Position = Position { line: 0, column: 0 };

/// A caller with claims.
#[derive(Debug, Default)]
pub(crate) struct Claims(pub(crate) Option<serde_json::Value>);

impl CallerContext for Claims {
    fn claims(&self) -> Result<Option<&serde_json::Value>, ContextError> {
        Ok(self.0.as_ref())
    }
    fn header(&self, _: &str) -> Option<&str> {
        None
    }
    fn cookie(&self, _: &str) -> Result<Option<&str>, ContextError> {
        Ok(None)
    }
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn client_ip(&self) -> Option<String> {
        None
    }
    fn query(&self, operation: &str) -> Result<Option<serde_json::Value>, ContextError> {
        Err(ContextError::NeedsQuery(operation.into()))
    }
}

pub(crate) fn plan_as(ir: &Ir, document: &str, claims: Option<serde_json::Value>) -> Plan {
    plan(&operation(ir, document), ir, &Claims(claims), &mut NoLog).unwrap()
}

/// The plan as text: statements with their parameters.
pub(crate) fn explain(ir: &Ir, document: &str, claims: Option<serde_json::Value>) -> String {
    let plan = plan_as(ir, document, claims);
    let mut out = format!("transaction: {}\n", plan.transaction);
    for field in &plan.fields {
        out.push_str(&format!("\n{}\n", field.key));
        match &field.body {
            FieldBody::Constant(json) => out.push_str(&format!("  constant {json}\n")),
            FieldBody::Error(error) => out.push_str(&format!("  error {error} ({:?})\n", error.hidden)),
            FieldBody::Code(call) => out.push_str(&format!("  call {:?}\n", call.arguments)),
            FieldBody::Steps(steps) => {
                for step in steps {
                    out.push_str(&format!("  {:?}: {}\n", step.role, step.statement.text));
                    for (index, param) in step.statement.params.iter().enumerate() {
                        out.push_str(&format!(
                            "    ${} {:?} {:?} {:?}\n",
                            index + 1,
                            param.ty,
                            param.value,
                            param.origin
                        ));
                    }
                }
            }
        }
    }
    out
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

fn find_root(ir: &Ir, name: &str) -> (EntityId, EntityAction) {
    for (id, entity) in ir.entities.iter() {
        let (one, many) = (lower_first(&entity.name), lower_first(&entity.plural));
        let candidates = [
            (one.clone(), EntityAction::ByKey),
            (many.clone(), EntityAction::List),
            (format!("{many}Agg"), EntityAction::Aggregate),
            (format!("create{}", entity.name), EntityAction::CreateOne),
            (format!("create{}", entity.plural), EntityAction::CreateMany),
            (format!("update{}", entity.name), EntityAction::UpdateOne),
            (format!("update{}", entity.plural), EntityAction::UpdateMany),
            (format!("delete{}", entity.name), EntityAction::DeleteOne),
            (format!("delete{}", entity.plural), EntityAction::DeleteMany),
        ];
        for (candidate, action) in candidates {
            if candidate == name {
                return (id, action);
            }
        }
        for (index, unique) in entity.uniques.iter().enumerate() {
            if name.eq_ignore_ascii_case(&format!("{one}By{}", unique.name)) {
                return (id, EntityAction::ByUnique(index));
            }
        }
    }
    panic!("no root field {name}")
}

pub(crate) fn operation(ir: &Ir, document: &str) -> Operation {
    let parsed = async_graphql_parser::parse_query(document).unwrap();
    let (_, parsed) = parsed.operations.iter().next().unwrap();
    let kind = match parsed.node.ty {
        OperationType::Mutation => OperationKind::Mutation,
        _ => OperationKind::Query,
    };
    let roots = fields(&parsed.node.selection_set.node)
        .map(|field| {
            let name = field.name.node.to_string();
            let (entity, action) = find_root(ir, &name);
            let selection = match action {
                EntityAction::Aggregate => aggregates(ir, entity, &field.selection_set.node),
                _ => selection(ir, entity, &field.selection_set.node),
            };
            RootField {
                key: field.response_key().node.to_string(),
                name,
                position: NOWHERE,
                call: RootCall::Entity(EntityCall { entity, action, arguments: arguments(field), selection }),
            }
        })
        .collect();
    Operation { kind, name: None, roots }
}

fn fields(set: &SelectionSet) -> impl Iterator<Item = &async_graphql_parser::types::Field> {
    set.items.iter().map(|item| match &item.node {
        Selection::Field(field) => &field.node,
        _ => panic!("no fragments here"),
    })
}

fn arguments(field: &async_graphql_parser::types::Field) -> Arguments {
    field.arguments.iter().map(|(name, value)| (name.node.to_string(), input(&value.node))).collect()
}

fn input(value: &Input) -> Value {
    let data = match value {
        Input::Null => Data::Null,
        Input::Boolean(value) => Data::Bool(*value),
        Input::Number(number) => Data::Number(number.clone()),
        Input::String(text) => Data::String(text.clone()),
        Input::Enum(name) => Data::Enum(name.to_string()),
        Input::List(items) => Data::List(items.iter().map(input).collect()),
        Input::Object(members) => Data::Object(
            members.iter().map(|(key, value)| (key.to_string(), input(value))).collect::<IndexMap<_, _>>(),
        ),
        other => panic!("unexpected {other}"),
    };
    Value { data, variable: None }
}

fn selection(ir: &Ir, entity: EntityId, set: &SelectionSet) -> Vec<SelectedField> {
    fields(set)
        .map(|field| {
            let name = field.name.node.as_str();
            let model = &ir.entities[entity];
            let named = |name: &str| model.fields.iter().find(|(_, field)| field.name == name);
            let (what, inner) = if name == "__typename" {
                (Selected::Typename(Arc::from(model.name.as_str())), Vec::new())
            } else if let Some((id, found)) = named(name) {
                let inner = match (&found.kind, ir.relation_target(found)) {
                    (_, Some(target)) => selection(ir, target, &field.selection_set.node),
                    (FieldKind::Value(ty), None) => json_members(ir, ty, &field.selection_set.node),
                    _ => Vec::new(),
                };
                (Selected::Field(id), inner)
            } else if let Some((id, found)) = name.strip_suffix("Agg").and_then(named) {
                let target = ir.relation_target(found).unwrap();
                (Selected::Aggregate(id), aggregates(ir, target, &field.selection_set.node))
            } else if let Some((id, _)) = name.strip_suffix("Distance").and_then(named) {
                (Selected::Distance(id), Vec::new())
            } else {
                panic!("no field {name}")
            };
            selected(field, what, inner)
        })
        .collect()
}

fn json_members(ir: &Ir, ty: &studio_model::ir::ValueType, set: &SelectionSet) -> Vec<SelectedField> {
    let studio_model::ir::ValueType::Json(json) = ty else { return Vec::new() };
    fields(set)
        .map(|field| {
            let index =
                ir.json_types[*json].fields.iter().position(|member| member.name == field.name.node).unwrap();
            let inner = json_members(ir, &ir.json_types[*json].fields[index].ty, &field.selection_set.node);
            selected(field, Selected::JsonMember(index), inner)
        })
        .collect()
}

fn aggregates(ir: &Ir, entity: EntityId, set: &SelectionSet) -> Vec<SelectedField> {
    fields(set)
        .map(|field| {
            let name = field.name.node.as_str();
            if name == "__typename" {
                return selected(
                    field,
                    Selected::Typename(Arc::from(format!("{}Agg", ir.entities[entity].name))),
                    vec![],
                );
            }
            let (id, found) =
                ir.entities[entity].fields.iter().find(|(_, field)| field.name == name).unwrap();
            let inner = match ir.relation_target(found) {
                Some(target) => aggregates(ir, target, &field.selection_set.node),
                None => fields(&field.selection_set.node)
                    .map(|function| {
                        let what = match function.name.node.as_str() {
                            "min" => AggregateFunction::Min,
                            "max" => AggregateFunction::Max,
                            "sum" => AggregateFunction::Sum,
                            "avg" => AggregateFunction::Avg,
                            _ => AggregateFunction::Count,
                        };
                        selected(function, Selected::Function(what), vec![])
                    })
                    .collect(),
            };
            selected(field, Selected::AggregateField(id), inner)
        })
        .collect()
}

fn selected(
    field: &async_graphql_parser::types::Field,
    what: Selected,
    selection: Vec<SelectedField>,
) -> SelectedField {
    SelectedField {
        key: field.response_key().node.to_string(),
        what,
        arguments: arguments(field),
        selection,
        position: NOWHERE,
    }
}

/// Compares with `snapshots/sql`.
#[track_caller]
pub(crate) fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => "../../../../../snapshots/sql",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}
