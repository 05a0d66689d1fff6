//! Model types as TypeScript.

use studio_model::ir::{CodeBase, CodeTypeRef, ContextType, Ir, ModuleId, Scalar};

/// A primitive.
pub(super) fn scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Boolean => "boolean",
        Scalar::Int | Scalar::Float => "number",
        Scalar::Decimal
        | Scalar::String
        | Scalar::LocalTime
        | Scalar::LocalDateTime
        | Scalar::LocalDate
        | Scalar::Instant
        | Scalar::Blob
        | Scalar::Uuid => "string",
        Scalar::Json => "any",
    }
}

pub(super) fn optional(ty: &str) -> String {
    format!("{ty} | undefined")
}

pub(super) fn list(element: &str) -> String {
    if element.contains(" | ") { format!("({element})[]") } else { format!("{element}[]") }
}

/// One line of an interface.
pub(super) fn property(name: &str, ty: &str) -> String {
    format!("  {name}: {ty};\n")
}

pub(super) fn context_type(ty: &ContextType) -> String {
    let base = ty.scalar.map_or("number[]", scalar);
    let listed = if ty.list { list(base) } else { base.to_owned() };
    if ty.optional { optional(&listed) } else { listed }
}

/// A type used in a code module.
pub(super) fn code_type(ir: &Ir, module: ModuleId, ty: &CodeTypeRef) -> String {
    let base = base(ir, module, &ty.base);
    let innermost = if ty.optional { optional(&base) } else { base };
    ty.lists.iter().rev().fold(innermost, |element, is_optional| {
        let listed = list(&element);
        if *is_optional { optional(&listed) } else { listed }
    })
}

fn base(ir: &Ir, module: ModuleId, base: &CodeBase) -> String {
    let name = match base {
        CodeBase::Scalar(ty) => return scalar(*ty).to_owned(),
        CodeBase::Vector => return "number[]".to_owned(),
        CodeBase::Context(id) => return ir.contexts[*id].name.clone(),
        CodeBase::Exograph => return "Exograph".to_owned(),
        CodeBase::ExographPriv => return "ExographPriv".to_owned(),
        CodeBase::Operation => return "Operation".to_owned(),
        CodeBase::Code(id) => &ir.code_types[*id].name,
        CodeBase::Enum(id) => &ir.enums[*id].name,
        CodeBase::Entity(id) => &ir.entities[*id].name,
    };
    match owner(ir, base) {
        Some(owner) if owner != module => format!("{}.{name}", ir.modules[owner].name),
        _ => name.clone(),
    }
}

/// The module a type belongs to.
pub(super) fn owner(ir: &Ir, base: &CodeBase) -> Option<ModuleId> {
    match base {
        CodeBase::Code(id) => Some(ir.code_types[*id].module),
        CodeBase::Enum(id) => Some(ir.enums[*id].module),
        CodeBase::Entity(id) => Some(ir.entities[*id].module),
        CodeBase::Scalar(_)
        | CodeBase::Vector
        | CodeBase::Context(_)
        | CodeBase::Exograph
        | CodeBase::ExographPriv
        | CodeBase::Operation => None,
    }
}
