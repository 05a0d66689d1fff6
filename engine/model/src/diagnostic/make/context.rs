//! E0080 to E0083, W0002, W0003, W0010.

use super::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::{Annotation, Field, Name};

pub(crate) fn no_source(field: &Field) -> Diagnostic {
    let name = &field.name.text;
    Diagnostic::new(Code::E0080, field.span, format!("say where `{name}` comes from, e.g. `@jwt`"))
        .help("sources: `@jwt`, `@header`, `@cookie`, `@env`, `@clientIp`, `@query`")
        .fix("insert `@jwt`", field.span.before(), "@jwt ")
}

pub(crate) fn several_sources(field: &Field, sources: &[Annotation]) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Code::E0081, field.span, format!("`{}` must have one source", field.name.text));
    sources.iter().fold(diagnostic, |diagnostic, source| diagnostic.label(source.span, "one of them"))
}

pub(crate) fn context_field_type(field: &Field) -> Diagnostic {
    Diagnostic::new(Code::E0082, field.span, "context fields hold primitives or lists of them".to_owned())
        .label(field.ty.span, "this type does not fit")
}

pub(crate) fn source_key(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0083, span, "the source key must be a string".to_owned())
}

pub(crate) fn unknown_source(name: &Name, near: Option<&str>) -> Diagnostic {
    Diagnostic::new(Code::W0002, name.span, format!("unknown context source `@{}`", name.text))
        .near(near, name.span)
        .help("requests that need this field will fail with \"Not authorized\"")
}

pub(crate) fn context_default(field: &Field) -> Diagnostic {
    let span = field.default.as_ref().map_or(field.span, |default| default.span);
    Diagnostic::new(Code::W0003, span, "a default on a context field has no effect".to_owned())
}

pub(crate) fn never_coerces(field: &Field) -> Diagnostic {
    let message = format!("a context value can never be a `{}`", field.ty.name.text);
    Diagnostic::new(Code::W0010, field.ty.span, message)
        .help("use `String`, `Int`, `Float`, `Boolean` or `Uuid`, or a list of them")
}
