//! Object type, aggregate, filter and ordering of an entity (graphql-and-sql 1.3 to 1.6).

use super::super::types::{
    EntityForm, FieldDef, InputDef, JsonForm, Meaning, Members, TypeId, TypeKind, TypeRef,
};
use super::{fields, innermost, value_type};
use crate::ir::{EntityId, FieldKind, Ir, Scalar, ValueType};

/// `T`: declared fields, then one `<f>Agg` per collection, then one `<f>Distance` per vector.
pub(super) fn object(ir: &Ir, id: EntityId) -> TypeKind {
    let mut members = Vec::new();
    for (field_id, field) in fields(ir, id) {
        let (ty, args) = match &field.kind {
            FieldKind::Value(value) => (value_type(value, JsonForm::Object), Vec::new()),
            FieldKind::Reference { target, .. } => (row(*target).non_null(), Vec::new()),
            // The four arguments of a collection although the result is single (graphql-and-sql 1.3).
            FieldKind::InverseOne { target, .. } => (row(*target), list_arguments(*target)),
            FieldKind::Collection { target, .. } => (
                TypeRef::list_of(TypeId::Entity(*target, EntityForm::Object)).non_null(),
                list_arguments(*target),
            ),
        };
        let optional = field.optional || matches!(field.kind, FieldKind::InverseOne { .. });
        members.push(FieldDef {
            name: field.name.as_str().into(),
            ty: ty.with_optional(optional),
            args: Members::new(args),
            meaning: Meaning::Field(id, field_id),
        });
    }
    for (field_id, field) in fields(ir, id) {
        if let FieldKind::Collection { target, .. } = field.kind {
            members.push(FieldDef {
                name: [&field.name, "Agg"].concat().into(),
                ty: TypeRef::nullable(TypeId::Entity(target, EntityForm::Aggregate)),
                args: Members::new(vec![where_argument(target)]),
                meaning: Meaning::Aggregate(id, field_id),
            });
        }
    }
    for (field_id, field) in fields(ir, id) {
        if let FieldKind::Value(ValueType::Vector { .. }) = field.kind {
            let to = InputDef::new("to", TypeRef::list_of(Scalar::Float.into()).non_null());
            members.push(FieldDef {
                name: [&field.name, "Distance"].concat().into(),
                ty: TypeRef::required(Scalar::Float.into()),
                args: Members::new(vec![to]),
                meaning: Meaning::Distance(id, field_id),
            });
        }
    }
    TypeKind::Object(Members::new(members))
}

/// `TAgg`: one field per value, plus one per relational key field.
pub(super) fn aggregate(ir: &Ir, id: EntityId) -> TypeKind {
    let key = &ir.entities[id].primary_key;
    let members = fields(ir, id).filter_map(|(field_id, field)| {
        let ty = match &field.kind {
            FieldKind::Value(value) => value_aggregate(value)?,
            FieldKind::Reference { target, .. } if key.contains(&field_id) => {
                TypeId::Entity(*target, EntityForm::Aggregate)
            }
            _ => return None,
        };
        Some(FieldDef {
            name: field.name.as_str().into(),
            ty: TypeRef::nullable(ty),
            args: Members::default(),
            meaning: Meaning::AggregateField(id, field_id),
        })
    });
    TypeKind::Object(Members::new(members.collect()))
}

/// `TFilter`: every field but embedded values, then `and`, `or`, `not`.
pub(super) fn filter(ir: &Ir, id: EntityId) -> TypeKind {
    let own = TypeId::Entity(id, EntityForm::Filter);
    let mut members: Vec<_> = fields(ir, id)
        .filter_map(|(_, field)| {
            let ty = match (&field.kind, ir.relation_target(field)) {
                (FieldKind::Value(value), _) => value_filter(value)?,
                (_, target) => TypeId::Entity(target?, EntityForm::Filter),
            };
            Some(InputDef::new(field.name.as_str(), TypeRef::nullable(ty)))
        })
        .collect();
    members.push(InputDef::new("and", TypeRef::list_of(own)));
    members.push(InputDef::new("or", TypeRef::list_of(own)));
    members.push(InputDef::new("not", TypeRef::nullable(own)));
    TypeKind::Input(Members::new(members))
}

/// `TOrdering`: single values and to-one relations.
pub(super) fn ordering(ir: &Ir, id: EntityId) -> TypeKind {
    let members = fields(ir, id).filter_map(|(_, field)| {
        let ty = match &field.kind {
            FieldKind::Value(ValueType::Scalar(_) | ValueType::Enum(_)) => {
                TypeRef::nullable(TypeId::Ordering)
            }
            FieldKind::Value(ValueType::Vector { .. }) => TypeRef::nullable(TypeId::VectorOrdering),
            FieldKind::Reference { target, .. } | FieldKind::InverseOne { target, .. } => {
                TypeRef::list_of(TypeId::Entity(*target, EntityForm::Ordering))
            }
            FieldKind::Value(ValueType::Json(_) | ValueType::Array { .. }) | FieldKind::Collection { .. } => {
                return None;
            }
        };
        Some(InputDef::new(field.name.as_str(), ty))
    });
    TypeKind::Input(Members::new(members.collect()))
}

/// `where`, `orderBy`, `limit`, `offset`.
pub(super) fn list_arguments(target: EntityId) -> Vec<InputDef> {
    vec![
        where_argument(target),
        InputDef::new("orderBy", TypeRef::list_of(TypeId::Entity(target, EntityForm::Ordering))),
        InputDef::new("limit", TypeRef::nullable(Scalar::Int.into())),
        InputDef::new("offset", TypeRef::nullable(Scalar::Int.into())),
    ]
}

/// `where`.
pub(super) fn where_argument(target: EntityId) -> InputDef {
    InputDef::new("where", TypeRef::nullable(TypeId::Entity(target, EntityForm::Filter)))
}

fn row(target: EntityId) -> TypeRef {
    TypeRef::nullable(TypeId::Entity(target, EntityForm::Object))
}

fn value_aggregate(value: &ValueType) -> Option<TypeId> {
    match innermost(value) {
        ValueType::Scalar(scalar) => Some(TypeId::ScalarAggregate((*scalar).into())),
        ValueType::Vector { .. } => Some(TypeId::VectorAggregate),
        ValueType::Enum(id) => Some(TypeId::EnumAggregate(*id)),
        ValueType::Json(_) | ValueType::Array { .. } => None,
    }
}

fn value_filter(value: &ValueType) -> Option<TypeId> {
    match innermost(value) {
        ValueType::Scalar(scalar) => Some(TypeId::ScalarFilter((*scalar).into())),
        ValueType::Vector { .. } => Some(TypeId::VectorFilter),
        ValueType::Enum(id) => Some(TypeId::EnumFilter(*id)),
        ValueType::Json(_) | ValueType::Array { .. } => None,
    }
}
