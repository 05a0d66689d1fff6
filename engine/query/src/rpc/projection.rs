//! From a projection of a type to a GraphQL selection (language.md 9.1).

use std::fmt::Write;

use studio_model::graphql::{EntityForm, Schema, TypeId, TypeKind};
use studio_model::ir::{EntityId, FieldId, FieldKind, Ir, ProjectionElement};

use super::error::{RpcError, code};

/// Projections nest at most this deep; cycles through several types end here.
const MAX_DEPTH: usize = 12;
/// A selection text may grow to this many bytes.
const MAX_TEXT: usize = 256 * 1024;

/// Writes ` { … }` for the named projections of an entity, united.
pub(super) fn entity(
    schema: &Schema,
    id: EntityId,
    projections: &[String],
    depth: usize,
    out: &mut String,
) -> Result<(), RpcError> {
    let ir = schema.ir();
    let ty = TypeId::Entity(id, EntityForm::Object);
    let mut elements: Vec<ProjectionElement> = Vec::new();
    for name in projections {
        for element in elements_of(ir, id, name)? {
            unite(&mut elements, element);
        }
    }
    if depth > MAX_DEPTH || out.len() > MAX_TEXT {
        let name = &ir.entities[id].name;
        let message = format!("The projection `{}` of `{name}` nests too deep", projections.join("`, `"));
        return Err(RpcError::new(code::VALIDATION, message));
    }
    out.push_str(" {");
    for element in &elements {
        let (field, inner) = match element {
            ProjectionElement::Field(field) => (*field, None),
            ProjectionElement::Relation(field, names) => (*field, Some(names)),
        };
        let declared = &ir.entities[id].fields[field];
        // A field that the schema leaves out is refused, not left out silently.
        let Some(definition) = schema.field(ty, &declared.name) else {
            return Err(RpcError::new(code::NOT_AUTHORIZED, "Not authorized"));
        };
        let _ = write!(out, " {}", declared.name);
        match (inner, target(&declared.kind)) {
            (Some(names), Some(target)) => entity(schema, target, names, depth + 1, out)?,
            (_, _) => whole(schema, definition.ty.base, depth + 1, out)?,
        }
    }
    if elements.is_empty() {
        out.push_str(" __typename");
    }
    out.push_str(" }");
    Ok(())
}

fn target(kind: &FieldKind) -> Option<EntityId> {
    match kind {
        FieldKind::Value(_) => None,
        FieldKind::Reference { target, .. }
        | FieldKind::InverseOne { target, .. }
        | FieldKind::Collection { target, .. } => Some(*target),
    }
}

/// Writes the selection of all of a value: nothing for leaves, every member of embedded and code types.
pub(super) fn whole(schema: &Schema, base: TypeId, depth: usize, out: &mut String) -> Result<(), RpcError> {
    if let TypeId::Entity(id, EntityForm::Object) = base {
        return entity(schema, id, &["basic".to_owned()], depth, out);
    }
    let TypeKind::Object(fields) = &schema.define(base).kind else { return Ok(()) };
    if depth > MAX_DEPTH || out.len() > MAX_TEXT {
        return Err(RpcError::new(code::VALIDATION, "The result type nests too deep"));
    }
    out.push_str(" {");
    for field in fields.list() {
        let _ = write!(out, " {}", field.name);
        whole(schema, field.ty.base, depth + 1, out)?;
    }
    out.push_str(" }");
    Ok(())
}

fn elements_of(ir: &Ir, id: EntityId, name: &str) -> Result<Vec<ProjectionElement>, RpcError> {
    let entity = &ir.entities[id];
    if let Some(own) = entity.projections.iter().find(|own| own.name == name) {
        return Ok(own.elements.clone());
    }
    let one = |field: FieldId| match &entity.fields[field].kind {
        FieldKind::Value(_) => Some(ProjectionElement::Field(field)),
        FieldKind::Reference { .. } => Some(ProjectionElement::Relation(field, vec!["pk".to_owned()])),
        FieldKind::InverseOne { .. } | FieldKind::Collection { .. } => None,
    };
    match name {
        "pk" => Ok(entity.primary_key.iter().copied().filter_map(one).collect()),
        "basic" => Ok(entity.fields.ids().filter_map(one).collect()),
        _ => Err(RpcError::new(
            code::VALIDATION,
            format!("The type `{}` has no projection `{name}`", entity.name),
        )),
    }
}

fn unite(elements: &mut Vec<ProjectionElement>, element: ProjectionElement) {
    for existing in elements.iter_mut() {
        match (existing, &element) {
            (ProjectionElement::Field(one), ProjectionElement::Field(other)) if one == other => return,
            (ProjectionElement::Relation(one, names), ProjectionElement::Relation(other, more))
                if one == other =>
            {
                for name in more {
                    if !names.contains(name) {
                        names.push(name.clone());
                    }
                }
                return;
            }
            (
                ProjectionElement::Field(_) | ProjectionElement::Relation(..),
                ProjectionElement::Field(_) | ProjectionElement::Relation(..),
            ) => {}
        }
    }
    elements.push(element);
}
