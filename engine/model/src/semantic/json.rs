//! `@json` value types (language.md 3.6).

use super::annotation::find;
use super::entity::origin;
use super::member::Members;
use super::names::{CompositeKind, Names};
use super::ty::Ty;
use super::value;
use crate::diagnostic::{Diagnostic, make};
use crate::ir::{Arena, JsonField, JsonType, JsonTypeId, Scalar, ValueType};
use crate::source::FileTable;
use crate::syntax::ast::Field;

/// Checks and lowers all `@json` types.
pub(crate) fn lower(
    names: &Names<'_>,
    members: &Members<'_>,
    files: &FileTable,
    out: &mut Vec<Diagnostic>,
) -> Arena<JsonTypeId, JsonType> {
    let mut types = Arena::new();
    for (index, composite) in names.composites.iter().enumerate() {
        let CompositeKind::Json(_) = composite.kind else { continue };
        let decl = composite.decl;
        if let Some(annotation) = find(&decl.annotations, "access") {
            out.push(make::access_on_json(&decl.name, annotation.span));
        }
        let mut fields = Vec::new();
        for member in &members.composites[index].members {
            if let Some(annotation) = find(&member.decl.annotations, "access") {
                out.push(make::access_on_json_field(member.decl, annotation.span));
            }
            fields.push(JsonField {
                name: str::to_owned(&member.decl.name.text),
                docs: member.decl.docs.clone(),
                ty: member_type(names, member.decl, member.ty.required(), out),
                optional: member.ty.is_optional(),
            });
        }
        types.push(JsonType {
            name: str::to_owned(&decl.name.text),
            docs: decl.docs.clone(),
            fields,
            origin: origin(files, decl.name.span),
        });
    }
    types
}

fn member_type(names: &Names<'_>, field: &Field, ty: &Ty, out: &mut Vec<Diagnostic>) -> ValueType {
    let fallback = ValueType::Scalar(Scalar::Json);
    let innermost = ty.innermost();
    if *innermost == Ty::Error {
        return fallback;
    }
    if contains_set(ty) {
        out.push(make::set_of_values(field, &innermost.show(names)));
        return fallback;
    }
    match value::plain(names, ty) {
        Some(found) => {
            if matches!(ty, Ty::Array(_)) && !matches!(innermost, Ty::Primitive(_)) {
                out.push(make::array_of(field, &innermost.show(names)));
            }
            found
        }
        None => {
            out.push(make::not_storable(field));
            fallback
        }
    }
}

fn contains_set(ty: &Ty) -> bool {
    match ty {
        Ty::Set(_) => true,
        Ty::Array(inner) | Ty::Optional(inner) => contains_set(inner),
        _ => false,
    }
}
