//! E0030 to E0036, E0068, E0069.

use super::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::{Field, Name, Spread};

pub(crate) fn unknown_type(name: &Name, near: Option<&str>) -> Diagnostic {
    Diagnostic::new(Code::E0030, name.span, format!("no type named `{}`", name.text)).near(near, name.span)
}

pub(crate) fn type_argument(name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0031, span, format!("`{name}` takes one type argument"))
        .help(format!("write `{name}<T>` with the type of the elements"))
}

pub(crate) fn optional_twice(field: Span) -> Diagnostic {
    Diagnostic::new(Code::E0032, field, "a type can be optional only once".to_owned())
}

pub(crate) fn unknown_spread(spread: &Spread, near: Option<&str>) -> Diagnostic {
    Diagnostic::new(Code::E0033, spread.span, format!("no fragment named `{}`", spread.name.text))
        .near(near, spread.name.span)
}

pub(crate) fn not_spreadable(spread: &Spread) -> Diagnostic {
    Diagnostic::new(Code::E0033, spread.span, format!("`{}` cannot be spread", spread.name.text))
        .help("only fragments and types have fields to spread")
}

pub(crate) fn set_of_values(field: &Field, element: &str) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Code::E0034, field.span, "use `Array` for lists of plain values".to_owned())
            .here(format!("`{element}` is not an entity type"));
    if &*field.ty.name.text == "Set" {
        return diagnostic.fix("write `Array`", field.ty.name.span, "Array");
    }
    diagnostic
}

pub(crate) fn array_of(field: &Field, element: &str) -> Diagnostic {
    Diagnostic::new(Code::E0035, field.span, "arrays may only contain primitive values".to_owned())
        .here(format!("`{element}` is no primitive type"))
        .help("use `Set<T>` for entities, or `Json` for structured values")
}

pub(crate) fn not_storable(field: &Field) -> Diagnostic {
    let name = &field.ty.name.text;
    let shown = field.ty.args.first().map_or(name, |inner| &inner.name.text);
    Diagnostic::new(Code::E0036, field.ty.span, format!("`{shown}` cannot be stored in a table"))
        .help("fields hold primitives, enums, `@json` types and types of Postgres modules")
}

pub(crate) fn access_on_json(name: &Name, annotation: Span) -> Diagnostic {
    Diagnostic::new(
        Code::E0068,
        name.span,
        "json types follow the access of the field holding them".to_owned(),
    )
    .help("remove `@access` here")
    .fix("remove `@access`", annotation, "")
}

pub(crate) fn access_on_json_field(field: &Field, annotation: Span) -> Diagnostic {
    Diagnostic::new(
        Code::E0069,
        field.span,
        "json types follow the access of the field holding them".to_owned(),
    )
    .label(annotation, "without effect here")
    .help("remove `@access` here")
    .fix("remove `@access`", annotation, "")
}
