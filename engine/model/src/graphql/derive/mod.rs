//! Derivation of the members of one type. Each function is called once per type and schema, on first use.

mod builtin;
mod code;
mod entity;
mod input;
mod json;
mod root;

use std::sync::Arc;

pub(crate) use root::root_names;
pub(super) use root::{
    RootMember, field as root_field, members as root_members, method, operation_description,
};

use super::meta;
use super::naming::type_name;
use super::types::{
    CodeForm, EntityForm, InputDef, JsonForm, Members, NestedForm, TypeDef, TypeId, TypeKind, TypeRef,
};
use crate::ir::{ColumnDefault, Entity, EntityId, FieldDefault, FieldId, Ir, Scalar, ValueType};

/// Derives a type. The root types have no members here; see [`root_members`].
pub(super) fn define(ir: &Ir, id: TypeId) -> TypeDef {
    let (description, kind) = match id {
        TypeId::Query | TypeId::Mutation => (None, TypeKind::Object(Members::default())),
        TypeId::Ordering
        | TypeId::VectorOrdering
        | TypeId::VectorFilter
        | TypeId::VectorFilterArg
        | TypeId::VectorAggregate
        | TypeId::Vector
        | TypeId::Scalar(_)
        | TypeId::ScalarFilter(_)
        | TypeId::ScalarAggregate(_)
        | TypeId::EnumFilter(_)
        | TypeId::EnumAggregate(_) => builtin::define(id),
        TypeId::Enum(id) => (
            None,
            TypeKind::Enum(ir.enums[id].values.iter().map(|value| Arc::from(value.as_str())).collect()),
        ),
        TypeId::Entity(id, form) => {
            let entity = &ir.entities[id];
            match form {
                EntityForm::Object => (docs(&entity.docs), entity::object(ir, id)),
                EntityForm::Aggregate => (
                    Some(text(&["An aggregate for the `", &entity.name, "` type."])),
                    entity::aggregate(ir, id),
                ),
                EntityForm::Filter => (Some(filter_description(entity)), entity::filter(ir, id)),
                EntityForm::Ordering => (None, entity::ordering(ir, id)),
                EntityForm::UniqueFilter => (
                    Some(text(&[
                        "A predicate to filter the results for a `",
                        &entity.name,
                        "` type parameter.",
                    ])),
                    TypeKind::Input(Members::new(
                        entity.primary_key.iter().map(|id| key_argument(entity, *id)).collect(),
                    )),
                ),
                EntityForm::Reference => (docs(&entity.docs), input::reference(ir, id)),
                EntityForm::Creation => (docs(&entity.docs), input::creation(ir, id, None)),
                EntityForm::Update => (docs(&entity.docs), input::update(ir, id)),
            }
        }
        TypeId::Nested { child, container, form } => (
            docs(&ir.entities[child].docs),
            match form {
                NestedForm::Creation => input::creation(ir, child, Some(container)),
                NestedForm::Update => input::nested_update(ir, child, container),
                NestedForm::UpdateEntry => input::nested_update_entry(ir, child, container),
            },
        ),
        TypeId::Json(id, form) => (
            docs(&ir.json_types[id].docs),
            match form {
                JsonForm::Object => json::object(ir, id),
                JsonForm::Creation | JsonForm::Update => json::input(ir, id, form),
            },
        ),
        TypeId::Code(id, form) => (
            docs(&ir.code_types[id].docs),
            match form {
                CodeForm::Object => code::object(ir, id),
                CodeForm::Input => code::input(ir, id),
            },
        ),
        TypeId::Context(_) | TypeId::Injected(_) => (None, TypeKind::Scalar),
        TypeId::Meta(meta_type) => return meta::define(meta_type),
    };
    TypeDef { id, name: type_name(ir, id).into(), description, kind }
}

fn docs(docs: &Option<String>) -> Option<Arc<str>> {
    docs.as_deref().map(Arc::from)
}

fn text(parts: &[&str]) -> Arc<str> {
    parts.concat().into()
}

fn filter_description(entity: &Entity) -> Arc<str> {
    text(&[
        "Predicate for the `",
        &entity.name,
        "` type parameter. \nIf a field is omitted, no filter is applied for that field.\n\
         To check a field against null, use a `<field name>: null` filter",
    ])
}

/// The argument a key field becomes: a value, or the unique filter of the related entity.
fn key_argument(entity: &Entity, id: FieldId) -> InputDef {
    let field = &entity.fields[id];
    let ty = match &field.kind {
        crate::ir::FieldKind::Value(value) => value_type(value, JsonForm::Creation),
        crate::ir::FieldKind::Reference { target, .. }
        | crate::ir::FieldKind::InverseOne { target, .. }
        | crate::ir::FieldKind::Collection { target, .. } => {
            TypeRef::nullable(TypeId::Entity(*target, EntityForm::UniqueFilter))
        }
    };
    InputDef::new(field.name.as_str(), ty.non_null())
}

/// The type of a value, non-null. Embedded values take the given form.
fn value_type(value: &ValueType, form: JsonForm) -> TypeRef {
    match value {
        ValueType::Scalar(scalar) => TypeRef::required((*scalar).into()),
        ValueType::Vector { .. } => TypeRef::list_of(Scalar::Float.into()).non_null(),
        ValueType::Enum(id) => TypeRef::required(TypeId::Enum(*id)),
        ValueType::Json(id) => TypeRef::required(TypeId::Json(*id, form)),
        ValueType::Array { element, element_optional } => {
            value_type(element, form).with_optional(*element_optional).list().non_null()
        }
    }
}

/// The innermost element of a value.
fn innermost(value: &ValueType) -> &ValueType {
    match value {
        ValueType::Array { element, .. } => innermost(element),
        _ => value,
    }
}

/// Whether clients may leave the field out when they create a row.
fn is_optional_on_create(field: &crate::ir::Field) -> bool {
    field.optional || field.default.is_some()
}

/// Whether the key is numbered by the database and absent from creation inputs.
fn is_auto_increment(field: &crate::ir::Field) -> bool {
    matches!(
        field.default,
        Some(FieldDefault::Column(ColumnDefault::Serial | ColumnDefault::Sequence { .. }))
    )
}

/// The fields of an entity with their ids.
fn fields(ir: &Ir, id: EntityId) -> impl Iterator<Item = (FieldId, &crate::ir::Field)> {
    ir.entities[id].fields.iter()
}
