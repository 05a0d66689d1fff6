//! E0130 to E0139, W0009.

use super::{Code, Diagnostic, list};
use crate::source::Span;
use crate::syntax::ast::{Annotation, Field, TypeDecl};

/// The name with its first letter in lower case.
fn lower(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn with_candidates(diagnostic: Diagnostic, candidates: &[&Field]) -> Diagnostic {
    candidates.iter().fold(diagnostic, |diagnostic, candidate| {
        diagnostic.label(candidate.name.span, "could be its partner")
    })
}

pub(crate) fn no_partner(field: &Field, entity: &str, target: &TypeDecl) -> Diagnostic {
    let message =
        format!("`{}` has no field leading back to `{entity}` for `{}`", target.name.text, field.name.text);
    let partner = lower(entity);
    Diagnostic::new(Code::E0130, field.span, message)
        .label(target.name.span, format!("a field such as `{partner}: {entity}` belongs here"))
        .help("if there is one, check that the names in `@relation` agree")
        .fix(
            format!("add `{partner}: {entity}` to `{}`", target.name.text),
            target.close.before(),
            format!("  {partner}: {entity}\n  "),
        )
}

pub(crate) fn several_partners(field: &Field, candidates: &[&Field]) -> Diagnostic {
    let names = candidates.iter().map(|candidate| &*candidate.name.text);
    let message = format!(
        "{} could {} pair with `{}`; add `@relation`",
        list(names, "and"),
        if candidates.len() == 2 { "both" } else { "all" },
        field.name.text
    );
    let first = candidates.first().map_or("field", |candidate| &*candidate.name.text);
    let diagnostic = with_candidates(Diagnostic::new(Code::E0131, field.span, message), candidates)
        .help(format!("for example `@relation(\"{first}\") {}`", field.name.text));
    diagnostic.fix(format!("pair it with `{first}`"), field.span.before(), format!("@relation(\"{first}\") "))
}

pub(crate) fn no_cardinality(
    field: &Field,
    entity: &str,
    target: &TypeDecl,
    candidates: &[&Field],
) -> Diagnostic {
    let message = format!(
        "cannot tell the cardinality of `{}`: add a partner field, `@manyToOne` or `@oneToOne`",
        field.name.text
    );
    let diagnostic = Diagnostic::new(Code::E0132, field.span, message);
    if candidates.is_empty() {
        return diagnostic
            .help(format!(
                "a partner field in `{}` would be `…: Set<{entity}>?` or `…: {entity}?`",
                target.name.text
            ))
            .fix("add `@manyToOne`", field.span.before(), "@manyToOne ");
    }
    with_candidates(diagnostic, candidates)
        .help("several fields could be its partner: choose with `@relation`")
}

pub(crate) fn both_cardinalities(field: &Field, many: Span, one: Span) -> Diagnostic {
    Diagnostic::new(Code::E0133, field.span, "choose one cardinality".to_owned())
        .label(many, "this one")
        .label(one, "or this one")
        .fix("remove `@oneToOne`", one, "")
}

pub(crate) fn optional_one_to_one(field: &Field) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Code::E0134, field.span, "use `@manyToOne` or a partner field".to_owned())
            .help("`@oneToOne` needs a required field");
    match field.annotations.iter().find(|annotation| &*annotation.name.text == "oneToOne") {
        Some(annotation) => diagnostic.fix("write `@manyToOne`", annotation.name.span, "manyToOne"),
        None => diagnostic,
    }
}

pub(crate) fn both_optional(field: &Field, partner: &Field) -> Diagnostic {
    Diagnostic::new(Code::E0135, field.span, "one side must be required".to_owned())
        .label(partner.span, "the other side is optional, too")
        .help("the required side holds the column: remove its `?`")
        .fix(
            format!("make `{}` required", field.name.text),
            Span { start: field.ty.span.end.saturating_sub(1), ..field.ty.span },
            "",
        )
}

pub(crate) fn both_required(field: &Field, partner: &Field) -> Diagnostic {
    Diagnostic::new(Code::E0136, field.span, "one side must be optional".to_owned())
        .label(partner.span, "the other side is required, too")
        .help("add `?` to the side that holds no column")
        .fix(format!("make `{}` optional", field.name.text), field.ty.span.after(), "?")
}

pub(crate) fn many_to_many(field: &Field, partner: &Field, one: &str, two: &str) -> Diagnostic {
    let (first, second) = if one <= two { (one, two) } else { (two, one) };
    let link = format!("{first}{second}");
    let (a, b) = (lower(first), lower(second));
    Diagnostic::new(Code::E0137, field.span, format!("introduce a linking type, e.g. `{link}`"))
        .label(partner.span, "the other side is a set, too")
        .help(format!(
            "type {link} {{ @pk {a}: {first}  @pk {b}: {second} }}, and `Set<{link}>` on both sides"
        ))
}

pub(crate) fn column_on_inverse(field: &Field, column: Span, partner: &Field) -> Diagnostic {
    Diagnostic::new(Code::E0138, field.span, "the column belongs to the other side".to_owned())
        .label(column, "remove this")
        .label(partner.span, "the column is made here")
        .fix("remove `@column`", column, "")
}

pub(crate) fn column_on_collection(field: &Field, column: Span) -> Diagnostic {
    Diagnostic::new(Code::E0139, field.span, "collections have no column".to_owned())
        .label(column, "remove this")
        .fix("remove `@column`", column, "")
}

pub(crate) fn redundant_cardinality(annotation: &Annotation, partner: &Field) -> Diagnostic {
    let message = format!("`@{}` is redundant: the partner field decides", annotation.name.text);
    Diagnostic::new(Code::W0009, annotation.span, message).label(partner.name.span, "the partner").fix(
        "remove it",
        annotation.span,
        "",
    )
}
