//! Types of embedded `@json` values (graphql-and-sql 1.7.4).

use super::super::types::{FieldDef, InputDef, JsonForm, Meaning, Members, TypeKind};
use super::value_type;
use crate::ir::{Ir, JsonTypeId};

/// `J`
pub(super) fn object(ir: &Ir, id: JsonTypeId) -> TypeKind {
    let fields = ir.json_types[id].fields.iter().enumerate().map(|(index, field)| FieldDef {
        name: field.name.as_str().into(),
        ty: value_type(&field.ty, JsonForm::Object).with_optional(field.optional),
        args: Members::default(),
        meaning: Meaning::JsonMember(id, index),
    });
    TypeKind::Object(Members::new(fields.collect()))
}

/// `JCreationInput` or `JUpdateInput`: the declared nullability in both, an update replaces the whole value.
pub(super) fn input(ir: &Ir, id: JsonTypeId, form: JsonForm) -> TypeKind {
    let members = ir.json_types[id].fields.iter().map(|field| {
        InputDef::new(field.name.as_str(), value_type(&field.ty, form).with_optional(field.optional))
    });
    TypeKind::Input(Members::new(members.collect()))
}
