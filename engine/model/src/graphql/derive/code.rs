//! Types of code modules (graphql-and-sql 1.15, language 8.2).

use super::super::types::{
    CodeForm, EntityForm, FieldDef, Injected, InputDef, Meaning, Members, TypeId, TypeKind, TypeRef,
};
use crate::ir::{CodeBase, CodeTypeId, CodeTypeRef, Ir, Scalar};

/// `Foo`
pub(super) fn object(ir: &Ir, id: CodeTypeId) -> TypeKind {
    let fields = ir.code_types[id].fields.iter().enumerate().map(|(index, field)| FieldDef {
        name: field.name.as_str().into(),
        ty: type_ref(&field.ty, CodeForm::Object),
        args: Members::default(),
        meaning: Meaning::CodeField(id, index),
    });
    TypeKind::Object(Members::new(fields.collect()))
}

/// `FooInput`
pub(super) fn input(ir: &Ir, id: CodeTypeId) -> TypeKind {
    let members = ir.code_types[id]
        .fields
        .iter()
        .map(|field| InputDef::new(field.name.as_str(), type_ref(&field.ty, CodeForm::Input)));
    TypeKind::Input(Members::new(members.collect()))
}

/// The GraphQL type of a type used in a code module.
pub(super) fn type_ref(ty: &CodeTypeRef, form: CodeForm) -> TypeRef {
    let base = match ty.base {
        CodeBase::Scalar(scalar) => TypeRef::nullable(scalar.into()),
        CodeBase::Vector => TypeRef::list_of(Scalar::Float.into()),
        CodeBase::Code(id) => TypeRef::nullable(TypeId::Code(id, form)),
        CodeBase::Enum(id) => TypeRef::nullable(TypeId::Enum(id)),
        CodeBase::Entity(id) => TypeRef::nullable(TypeId::Entity(
            id,
            match form {
                CodeForm::Object => EntityForm::Object,
                CodeForm::Input => EntityForm::Creation,
            },
        )),
        CodeBase::Context(id) => TypeRef::nullable(TypeId::Context(id)),
        CodeBase::Exograph => TypeRef::nullable(TypeId::Injected(Injected::Exograph)),
        CodeBase::ExographPriv => TypeRef::nullable(TypeId::Injected(Injected::ExographPriv)),
        CodeBase::Operation => TypeRef::nullable(TypeId::Injected(Injected::Operation)),
    };
    ty.lists
        .iter()
        .rev()
        .fold(base.with_optional(ty.optional), |inner, optional| inner.list().with_optional(*optional))
}
