//! Root operations (graphql-and-sql 1.2) and their visibility (1.10).

use std::borrow::Cow;

use super::super::action::EntityAction;
use super::super::naming::OperationNames;
use super::super::types::{CodeForm, EntityForm, FieldDef, InputDef, Meaning, Members, TypeId, TypeRef};
use super::entity::{list_arguments, where_argument};
use super::{code, key_argument};
use crate::ir::{CodeModule, Entity, EntityId, Ir, Method, ModuleId, Plugin};

/// A root field: its name and what it stands for.
#[derive(Debug)]
pub(in super::super) struct RootMember {
    pub(in super::super) name: String,
    pub(in super::super) meaning: Meaning,
}

/// Root fields of queries or mutations, entities first, then JavaScript, then WebAssembly; unsorted, and of two
/// with the same name the first wins (language 7.1).
pub(in super::super) fn members(ir: &Ir, mutations: bool) -> Vec<RootMember> {
    let mut members = Vec::new();
    for (id, entity) in ir.entities.iter() {
        of_entity(id, entity, mutations, &mut members);
    }
    for wasm in [false, true] {
        for (id, module) in ir.modules.iter() {
            let code = match (&module.plugin, wasm) {
                (Plugin::Deno(code), false) | (Plugin::Wasm(code), true) => code,
                _ => continue,
            };
            for (index, method) in code.methods.iter().enumerate() {
                if method.is_mutation == mutations && !method.access.is_statically_closed() {
                    members
                        .push(RootMember { name: method.name.clone(), meaning: Meaning::Method(id, index) });
                }
            }
        }
    }
    members
}

/// The root fields of one entity.
fn of_entity(id: EntityId, entity: &Entity, mutations: bool, members: &mut Vec<RootMember>) {
    let names = OperationNames::new(entity);
    let keyed = !entity.primary_key.is_empty();
    let mut push = |name: String, action: EntityAction| {
        members.push(RootMember { name, meaning: Meaning::Operation(id, action) });
    };
    if !mutations {
        if entity.access.read.is_statically_closed() {
            return;
        }
        if keyed {
            push(names.by_key(), EntityAction::ByKey);
        }
        push(names.list(), EntityAction::List);
        push(names.aggregate(), EntityAction::Aggregate);
        for (index, unique) in entity.uniques.iter().enumerate() {
            push(names.by_unique(unique), EntityAction::ByUnique(index));
        }
        return;
    }
    let verbs = [
        (&entity.access.create, "create", EntityAction::CreateOne, EntityAction::CreateMany),
        (&entity.access.update, "update", EntityAction::UpdateOne, EntityAction::UpdateMany),
        (&entity.access.delete, "delete", EntityAction::DeleteOne, EntityAction::DeleteMany),
    ];
    for (rule, verb, one, many) in verbs {
        if rule.is_statically_closed() {
            continue;
        }
        if keyed {
            push(names.on_one(verb), one);
        }
        push(names.on_many(verb), many);
    }
}

/// Names of the queries (or mutations) an entity gives the API.
pub(crate) fn root_names(ir: &Ir, id: EntityId, mutations: bool) -> Vec<String> {
    let mut members = Vec::new();
    of_entity(id, &ir.entities[id], mutations, &mut members);
    members.into_iter().map(|member| member.name).collect()
}

/// The full definition of a root field. Only operations and methods are root members.
pub(in super::super) fn field(ir: &Ir, member: &RootMember) -> FieldDef {
    let (ty, args) = match member.meaning {
        Meaning::Operation(id, action) => operation(ir, id, action),
        Meaning::Method(module, index) => match method(ir, module, index) {
            Some(method) => (
                code::type_ref(&method.result, CodeForm::Object),
                method
                    .params
                    .iter()
                    .filter(|param| !param.injected)
                    .map(|param| {
                        InputDef::new(param.name.as_str(), code::type_ref(&param.ty, CodeForm::Input))
                    })
                    .collect(),
            ),
            None => (TypeRef::nullable(crate::ir::Scalar::Json.into()), Vec::new()),
        },
        _ => (TypeRef::nullable(crate::ir::Scalar::Json.into()), Vec::new()),
    };
    FieldDef { name: member.name.as_str().into(), ty, args: Members::new(args), meaning: member.meaning }
}

/// A method of a code module.
pub(in super::super) fn method(ir: &Ir, module: ModuleId, index: usize) -> Option<&Method> {
    let code: &CodeModule = match &ir.modules.get(module)?.plugin {
        Plugin::Deno(code) | Plugin::Wasm(code) => code,
        Plugin::Postgres { .. } => return None,
    };
    code.methods.get(index)
}

fn operation(ir: &Ir, id: EntityId, action: EntityAction) -> (TypeRef, Vec<InputDef>) {
    let entity = &ir.entities[id];
    let row = TypeRef::nullable(TypeId::Entity(id, EntityForm::Object));
    let rows = row.non_null().list().non_null();
    let creation = TypeRef::required(TypeId::Entity(id, EntityForm::Creation));
    let update = InputDef::new("data", TypeRef::required(TypeId::Entity(id, EntityForm::Update)));
    let keys = |fields: &[_]| fields.iter().map(|field| key_argument(entity, *field)).collect::<Vec<_>>();
    match action {
        EntityAction::ByKey => (row, keys(&entity.primary_key)),
        EntityAction::ByUnique(index) => (row, keys(&entity.uniques[index].fields)),
        EntityAction::List => (rows, list_arguments(id)),
        EntityAction::Aggregate => {
            (TypeRef::required(TypeId::Entity(id, EntityForm::Aggregate)), vec![where_argument(id)])
        }
        EntityAction::CreateOne => (row.non_null(), vec![InputDef::new("data", creation)]),
        EntityAction::CreateMany => (rows, vec![InputDef::new("data", creation.list().non_null())]),
        EntityAction::UpdateOne => {
            let mut args = keys(&entity.primary_key);
            args.push(update);
            (row, args)
        }
        EntityAction::UpdateMany => (rows, vec![where_argument(id), update]),
        EntityAction::DeleteOne => (row, keys(&entity.primary_key)),
        EntityAction::DeleteMany => (rows, vec![where_argument(id)]),
        EntityAction::Upsert(_) => (row, vec![InputDef::new("data", creation)]),
    }
}

/// The description of an operation on an entity.
pub(in super::super) fn operation_description(
    ir: &Ir,
    id: EntityId,
    action: EntityAction,
) -> Cow<'static, str> {
    let entity = &ir.entities[id];
    let t = entity.name.as_str();
    let shape = "for the expected shape of the data.";
    match action {
        EntityAction::ByKey => format!("Get a single `{t}` by primary key"),
        EntityAction::ByUnique(index) => {
            format!("Get a single `{t}` by {}", entity.uniques[index].name.replace('_', " "))
        }
        EntityAction::List => {
            format!("Get multiple `{t}`s given the provided `where` filter, order by, limit, and offset")
        }
        EntityAction::Aggregate => format!(
            "Get the aggregate value of the selected fields over all `{t}`s given the provided `where` filter"
        ),
        EntityAction::CreateOne => format!("Create a new {t}. Check the `{t}CreationInput` type {shape}"),
        EntityAction::CreateMany => format!("Create multiple {t}s. Check the `{t}CreationInput` type {shape}"),
        EntityAction::UpdateOne => format!(
            "Update the {t} with the provided primary key with the provided data. Any fields not provided will remain unchanged."
        ),
        EntityAction::UpdateMany => format!(
            "Update multiple {t}s matching the provided `where` filter with the provided data. Any fields not provided will remain unchanged."
        ),
        EntityAction::DeleteOne => format!("Delete the {t} with the provided primary key."),
        EntityAction::DeleteMany => format!("Delete multiple {t}s matching the provided `where` filter."),
        EntityAction::Upsert(on) => {
            let key = match on {
                Some(index) => entity.uniques[index].name.replace('_', " "),
                None => "primary key".to_owned(),
            };
            format!(
                "Create a {t}, or update the one with the same {key}. Returns null where that one may not be updated."
            )
        }
    }
    .into()
}
