//! E0010 to E0018, W0001, W0008, W0015, W0018.

use super::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::{Annotation, EnumDecl, Name};

fn repeated(code: Code, message: String, first: Span, later: &[Span]) -> Diagnostic {
    let diagnostic = Diagnostic::new(code, first, message).here("first here");
    later.iter().fold(diagnostic, |diagnostic, span| diagnostic.label(*span, "again here"))
}

pub(crate) fn module_twice(name: &str, first: Span, later: &[Span]) -> Diagnostic {
    repeated(Code::E0010, format!("module `{name}` is defined twice"), first, later)
}

pub(crate) fn operation_twice(name: &str, module: &str, first: Span, later: &[Span]) -> Diagnostic {
    repeated(Code::E0011, format!("operation `{name}` is defined twice in `{module}`"), first, later)
}

pub(crate) fn type_twice(name: &str, module: &str, first: Span, later: &[Span]) -> Diagnostic {
    repeated(Code::E0012, format!("type `{name}` is defined twice in `{module}`"), first, later)
}

pub(crate) fn enum_twice(name: &str, module: &str, first: Span, later: &[Span]) -> Diagnostic {
    repeated(Code::E0013, format!("enum `{name}` is defined twice in `{module}`"), first, later)
}

pub(crate) fn field_twice(name: &str, owner: &str, first: Span, later: &[Span]) -> Diagnostic {
    repeated(Code::E0014, format!("field `{name}` appears twice in `{owner}`"), first, later)
}

pub(crate) fn enum_value_twice(name: &str, owner: &str, first: Span, later: &[Span]) -> Diagnostic {
    repeated(Code::E0015, format!("value `{name}` appears twice in `{owner}`"), first, later)
}

pub(crate) fn name_taken(name: &Name, kind: &str, other: Option<Span>) -> Diagnostic {
    let message = format!("`{}` already names {kind}; choose another name", name.text);
    let diagnostic = Diagnostic::new(Code::E0017, name.span, message);
    match other {
        Some(span) => diagnostic.label(span, "declared here"),
        None => diagnostic,
    }
}

pub(crate) fn also_provided(field: &str, fragment: &str, place: Span, other: Span) -> Diagnostic {
    Diagnostic::new(Code::E0018, place, format!("`{field}` is also provided by `...{fragment}`"))
        .label(other, "provided here")
        .help("remove one of the two")
}

pub(crate) fn declared_again(name: &Name, kind: &str, first: Option<Span>) -> Diagnostic {
    let message = format!("this {kind} is ignored: `{}` is declared before", name.text);
    let diagnostic = Diagnostic::new(Code::W0001, name.span, message)
        .help("names of types, enums and contexts are shared by all modules; choose another one");
    match first {
        Some(span) => diagnostic.label(span, "declared here"),
        None => diagnostic,
    }
}

pub(crate) fn annotation_on_enum(annotation: &Annotation) -> Diagnostic {
    Diagnostic::new(
        Code::W0008,
        annotation.span,
        format!("`@{}` has no effect on an enum", annotation.name.text),
    )
}

/// `None` for an enum without commas.
pub(crate) fn enum_commas(decl: &EnumDecl) -> Option<Diagnostic> {
    let first = *decl.commas.first()?;
    let message = format!("the values of `{}` need no commas", decl.name.text);
    let mut diagnostic = Diagnostic::new(Code::W0018, first, message)
        .help("the values of an enum are separated by blanks or line breaks")
        .fix("remove the commas", first, "");
    if let Some(fix) = &mut diagnostic.fix {
        fix.edits = decl.commas.iter().map(|comma| (*comma, String::new())).collect();
    }
    Some(diagnostic)
}

pub(crate) fn shared_operation(name: &Name, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::W0015,
        name.span,
        format!("operation `{}` also comes from another module", name.text),
    )
    .label(first, "it comes from here, too")
    .help("only one of them answers: Postgres modules first, then Deno, then Wasm")
}
