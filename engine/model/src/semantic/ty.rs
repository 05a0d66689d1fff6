//! Types as the checker sees them, and their resolution from names.

use std::sync::Arc;

use super::names::{Entry, Names};
use crate::diagnostic::{Diagnostic, make};
use crate::ir::Scalar;
use crate::source::Span;
use crate::syntax::ast::TypeRef;

/// Primitive types (language.md 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Primitive {
    Scalar(Scalar),
    Vector,
}

impl Primitive {
    pub(crate) const ALL: [Primitive; 13] = [
        Self::Scalar(Scalar::Boolean),
        Self::Scalar(Scalar::Int),
        Self::Scalar(Scalar::Float),
        Self::Scalar(Scalar::Decimal),
        Self::Scalar(Scalar::String),
        Self::Scalar(Scalar::LocalTime),
        Self::Scalar(Scalar::LocalDateTime),
        Self::Scalar(Scalar::LocalDate),
        Self::Scalar(Scalar::Instant),
        Self::Scalar(Scalar::Json),
        Self::Scalar(Scalar::Blob),
        Self::Scalar(Scalar::Uuid),
        Self::Vector,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vector => "Vector",
            Self::Scalar(scalar) => match scalar {
                Scalar::Boolean => "Boolean",
                Scalar::Int => "Int",
                Scalar::Float => "Float",
                Scalar::Decimal => "Decimal",
                Scalar::String => "String",
                Scalar::LocalTime => "LocalTime",
                Scalar::LocalDateTime => "LocalDateTime",
                Scalar::LocalDate => "LocalDate",
                Scalar::Instant => "Instant",
                Scalar::Json => "Json",
                Scalar::Blob => "Blob",
                Scalar::Uuid => "Uuid",
            },
        }
    }
}

/// Types whose values the engine provides (language.md 8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Injected {
    Exograph,
    ExographPriv,
    Operation,
}

impl Injected {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Exograph => "Exograph",
            Self::ExographPriv => "ExographPriv",
            Self::Operation => "Operation",
        }
    }
}

/// A resolved type, cheap to clone. Numbers are positions in the lists of [`Names`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ty {
    /// A problem was reported; nothing more is said about it.
    Error,
    /// The type of the literal `null`.
    Null,
    Primitive(Primitive),
    Injected(Injected),
    Enum(usize),
    Context(usize),
    Composite(usize),
    Set(Arc<Ty>),
    Array(Arc<Ty>),
    Optional(Arc<Ty>),
}

impl Ty {
    pub(crate) const BOOLEAN: Ty = Ty::Primitive(Primitive::Scalar(Scalar::Boolean));

    pub(crate) fn scalar(scalar: Scalar) -> Ty {
        Ty::Primitive(Primitive::Scalar(scalar))
    }

    /// Without one `?`.
    pub(crate) fn required(&self) -> &Ty {
        match self {
            Ty::Optional(inner) => inner,
            other => other,
        }
    }

    pub(crate) fn is_optional(&self) -> bool {
        matches!(self, Ty::Optional(_))
    }

    /// Without `?`, `Set` and `Array`.
    pub(crate) fn innermost(&self) -> &Ty {
        match self {
            Ty::Optional(inner) | Ty::Set(inner) | Ty::Array(inner) => inner.innermost(),
            other => other,
        }
    }

    /// The text of the type as in the model.
    pub(crate) fn show(&self, names: &Names<'_>) -> String {
        match self {
            Ty::Error => "an unknown type".to_owned(),
            Ty::Null => "null".to_owned(),
            Ty::Primitive(primitive) => primitive.name().to_owned(),
            Ty::Injected(injected) => injected.name().to_owned(),
            Ty::Enum(index) => str::to_owned(&names.enums[*index].decl.name.text),
            Ty::Context(index) => str::to_owned(&names.contexts[*index].name.text),
            Ty::Composite(index) => str::to_owned(&names.composites[*index].decl.name.text),
            Ty::Set(inner) => format!("Set<{}>", inner.show(names)),
            Ty::Array(inner) => format!("Array<{}>", inner.show(names)),
            Ty::Optional(inner) => format!("{}?", inner.show(names)),
        }
    }
}

/// Resolves a type as written. `owner` is the field or parameter it belongs to.
pub(crate) fn resolve(names: &Names<'_>, ty: &TypeRef, owner: Span, out: &mut Vec<Diagnostic>) -> Ty {
    let base = match names.lookup(&ty.name.text) {
        Some(Entry::Generic) => match ty.args.as_slice() {
            [only] => {
                let inner = Arc::new(resolve(names, only, owner, out));
                if &*ty.name.text == "Set" { Ty::Set(inner) } else { Ty::Array(inner) }
            }
            _ => {
                out.push(make::type_argument(&ty.name.text, ty.span));
                Ty::Error
            }
        },
        Some(Entry::Primitive(primitive)) => Ty::Primitive(primitive),
        Some(Entry::Injected(injected)) => Ty::Injected(injected),
        Some(Entry::Enum(index)) => Ty::Enum(index),
        Some(Entry::Context(index)) => Ty::Context(index),
        Some(Entry::Composite(index)) => Ty::Composite(index),
        None => {
            let near = names.near(&ty.name.text, |_| true);
            out.push(make::unknown_type(&ty.name, near));
            Ty::Error
        }
    };
    match ty.optional {
        0 => base,
        1 => Ty::Optional(Arc::new(base)),
        _ => {
            out.push(make::optional_twice(owner));
            Ty::Optional(Arc::new(base))
        }
    }
}
