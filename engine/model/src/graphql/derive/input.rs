//! Mutation inputs of an entity (graphql-and-sql 1.7).

use super::super::types::{EntityForm, InputDef, JsonForm, Members, NestedForm, TypeId, TypeKind, TypeRef};
use super::{fields, is_auto_increment, is_optional_on_create, value_type};
use crate::ir::{Entity, EntityId, Field, FieldId, FieldKind, Ir};

/// `TReferenceInput`: the key fields.
pub(super) fn reference(ir: &Ir, id: EntityId) -> TypeKind {
    let entity = &ir.entities[id];
    let members = entity.primary_key.iter().map(|field_id| {
        let field = &entity.fields[*field_id];
        let ty = match (&field.kind, ir.relation_target(field)) {
            (FieldKind::Value(value), _) => value_type(value, JsonForm::Creation),
            (_, Some(target)) => reference_to(target).non_null(),
            (_, None) => return None,
        };
        Some(InputDef::new(field.name.as_str(), ty))
    });
    TypeKind::Input(Members::new(members.flatten().collect()))
}

/// `TCreationInput`, or `TCreationInputFromC` without the fields that lead to the container `C`.
pub(super) fn creation(ir: &Ir, id: EntityId, container: Option<EntityId>) -> TypeKind {
    let entity = &ir.entities[id];
    let members = fields(ir, id).filter_map(|(field_id, field)| {
        if is_closed(field) || (entity.primary_key.contains(&field_id) && is_auto_increment(field)) {
            return None;
        }
        let ty = match &field.kind {
            FieldKind::Value(value) => {
                value_type(value, JsonForm::Creation).with_optional(is_optional_on_create(field))
            }
            FieldKind::Reference { target, .. } => {
                if container == Some(*target) {
                    return None;
                }
                reference_to(*target).with_optional(is_optional_on_create(field))
            }
            FieldKind::InverseOne { target, .. } => {
                if container == Some(*target) || *target == id {
                    return None;
                }
                TypeRef::list_of(nested(*target, id, NestedForm::Creation))
            }
            FieldKind::Collection { target, .. } => {
                if *target == id {
                    return None;
                }
                TypeRef::list_of(nested(*target, id, NestedForm::Creation)).with_optional(field.optional)
            }
        };
        Some(data_member(field, ty))
    });
    TypeKind::Input(Members::new(members.collect()))
}

/// `TUpdateInput`: everything writable, nothing required.
pub(super) fn update(ir: &Ir, id: EntityId) -> TypeKind {
    TypeKind::Input(Members::new(update_members(ir, id, None).map(|(_, member)| member).collect()))
}

/// `XUpdateInputFromT`: lists of rows to create, update and delete.
pub(super) fn nested_update(ir: &Ir, child: EntityId, container: EntityId) -> TypeKind {
    let mut members = Vec::new();
    if is_created_below(ir, child, container) {
        members
            .push(InputDef::new("create", TypeRef::list_of(nested(child, container, NestedForm::Creation))));
    }
    members
        .push(InputDef::new("update", TypeRef::list_of(nested(child, container, NestedForm::UpdateEntry))));
    members.push(InputDef::new("delete", TypeRef::list_of(TypeId::Entity(child, EntityForm::Reference))));
    TypeKind::Input(Members::new(members))
}

/// Whether some creation input has a field for rows of `child` below a row of `container`: that of the container, or
/// one for rows of the container below something else. Without any, `XCreationInputFromT` does not exist
/// (language 6.2 e).
fn is_created_below(ir: &Ir, child: EntityId, container: EntityId) -> bool {
    let mut pairs = vec![(child, container)];
    let mut next = 0;
    while let Some(&(child, container)) = pairs.get(next) {
        next += 1;
        if !ir.entities[container].access.create.is_statically_closed() {
            return true;
        }
        for (above, _) in ir.entities.iter() {
            let pair = (container, above);
            if above != container
                && holds(ir, above, container, false)
                // The way back to `above` is no part of its nested input, unless it is a collection.
                && (above != child || holds(ir, container, child, true))
                && !pairs.contains(&pair)
            {
                pairs.push(pair);
            }
        }
    }
    false
}

/// Whether `container` has a writable field that holds rows of `child`.
fn holds(ir: &Ir, container: EntityId, child: EntityId, only_collections: bool) -> bool {
    fields(ir, container).any(|(_, field)| match field.kind {
        FieldKind::Collection { target, .. } => target == child && !is_closed(field),
        FieldKind::InverseOne { target, .. } => target == child && !only_collections && !is_closed(field),
        FieldKind::Value(_) | FieldKind::Reference { .. } => false,
    })
}

/// `XUpdateInputFromTNested`: the update input without the way back, keys required.
pub(super) fn nested_update_entry(ir: &Ir, child: EntityId, container: EntityId) -> TypeKind {
    let entity = &ir.entities[child];
    let mut survivors = 0;
    let members = update_members(ir, child, Some(container)).map(|(field_id, mut member)| {
        if entity.primary_key.contains(&field_id) {
            // The n-th surviving key field is printed with the type of the n-th key field as declared
            // (graphql-and-sql 1.7.3); values are checked against its own type.
            member.accepts = member.ty.non_null();
            member.ty = entity
                .primary_key
                .get(survivors)
                .map_or(member.accepts, |declared| shifted_key_type(ir, entity, *declared));
            survivors += 1;
        }
        member
    });
    TypeKind::Input(Members::new(members.collect()))
}

fn shifted_key_type(ir: &Ir, entity: &Entity, declared: FieldId) -> TypeRef {
    let field = &entity.fields[declared];
    match (&field.kind, ir.relation_target(field)) {
        (FieldKind::Value(value), _) => value_type(value, JsonForm::Update),
        (_, Some(target)) => TypeRef::required(TypeId::Entity(target, EntityForm::Update)),
        (_, None) => TypeRef::required(crate::ir::Scalar::Json.into()),
    }
}

fn update_members(
    ir: &Ir,
    id: EntityId,
    container: Option<EntityId>,
) -> impl Iterator<Item = (FieldId, InputDef)> {
    fields(ir, id).filter_map(move |(field_id, field)| {
        if is_closed(field) {
            return None;
        }
        let ty = match &field.kind {
            FieldKind::Value(value) => value_type(value, JsonForm::Update).or_null(),
            FieldKind::Reference { target, .. } => {
                if container == Some(*target) {
                    return None;
                }
                reference_to(*target)
            }
            FieldKind::InverseOne { target, .. } => {
                if container == Some(*target) {
                    return None;
                }
                TypeRef::nullable(nested(*target, id, NestedForm::Update))
            }
            FieldKind::Collection { target, .. } => {
                TypeRef::nullable(nested(*target, id, NestedForm::Update))
            }
        };
        Some((field_id, data_member(field, ty)))
    })
}

fn data_member(field: &Field, ty: TypeRef) -> InputDef {
    InputDef { range: field.range.clone(), ..InputDef::new(field.name.as_str(), ty) }
}

/// Not writable through the API.
fn is_closed(field: &Field) -> bool {
    field.readonly || field.update
}

fn reference_to(target: EntityId) -> TypeRef {
    TypeRef::nullable(TypeId::Entity(target, EntityForm::Reference))
}

fn nested(child: EntityId, container: EntityId, form: NestedForm) -> TypeId {
    TypeId::Nested { child, container, form }
}
