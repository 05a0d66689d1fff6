//! E0040 to E0067, E0070, E0072, E0073, W0004, W0005, W0013.

use super::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::{Annotation, Name, Spread};

pub(crate) fn self_outside(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0040, span, "`self` is only available inside a type".to_owned())
}

pub(crate) fn unknown_head(name: &Name, near: Option<&str>) -> Diagnostic {
    Diagnostic::new(Code::E0041, name.span, format!("no context or enum value named `{}`", name.text))
        .near(near, name.span)
}

pub(crate) fn function_without_call(name: &Name) -> Diagnostic {
    Diagnostic::new(Code::E0041, name.span, format!("no context or enum value named `{}`", name.text))
        .help(format!("functions are called: `{}()`", name.text))
        .fix("add the parentheses", name.span.after(), "()")
}

pub(crate) fn unknown_member(owner: &str, name: &Name, near: Option<&str>) -> Diagnostic {
    Diagnostic::new(Code::E0042, name.span, format!("`{owner}` has no field `{}`", name.text))
        .near(near, name.span)
}

pub(crate) fn scalar_member(ty: &str, name: &Name) -> Diagnostic {
    Diagnostic::new(Code::E0043, name.span, format!("`{ty}` has no members"))
        .here(format!("`{}` asks a plain value for a member", name.text))
}

pub(crate) fn set_member(name: &Name) -> Diagnostic {
    Diagnostic::new(Code::E0044, name.span, format!("`{}`: ask about elements with `some(...)`", name.text))
        .help(format!("write `some(x => x.{} == …)`", name.text))
}

pub(crate) fn array_member(name: &Name) -> Diagnostic {
    Diagnostic::new(Code::E0045, name.span, "only `contains(...)` works on arrays".to_owned())
        .here(format!("`{}` is asked of an array", name.text))
}

pub(crate) fn list_function(name: &Name) -> Diagnostic {
    Diagnostic::new(Code::E0046, name.span, format!("unknown list function `{}`", name.text))
        .help("lists know `contains(value)`")
}

pub(crate) fn contains_arguments(call: Span) -> Diagnostic {
    Diagnostic::new(Code::E0047, call, "`contains` needs a value".to_owned()).help("pass exactly one literal")
}

pub(crate) fn contains_type(list: &str, value: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0048, span, format!("list holds `{list}`, value is `{value}`"))
}

pub(crate) fn record_call(owner: &str, name: &Name, call: Span) -> Diagnostic {
    Diagnostic::new(Code::E0049, name.span.to(call), format!("`{owner}` has no function `{}`", name.text))
}

pub(crate) fn negated_operand(ty: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0050, span, format!("cannot negate a `{ty}`"))
        .help("`!` binds tighter than comparisons: write `!(a == b)`")
}

pub(crate) fn logical_operand(op: &str, wrong: &[(Span, String)]) -> Diagnostic {
    let message = "both sides must be Boolean".to_owned();
    let first = wrong.first();
    let diagnostic = Diagnostic::new(Code::E0051, first.map(|(span, _)| *span), message);
    let diagnostic = match first {
        Some((_, ty)) => diagnostic.here(format!("a `{ty}` beside `{op}`")),
        None => diagnostic,
    };
    wrong
        .iter()
        .skip(1)
        .fold(diagnostic, |diagnostic, (span, ty)| diagnostic.label(*span, format!("a `{ty}`")))
}

pub(crate) fn incomparable(left: (&str, Span), right: (&str, Span)) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::E0052,
        left.1.to(right.1),
        format!("cannot compare `{}` with `{}`", left.0, right.0),
    )
    .label(left.1, format!("`{}`", left.0))
    .label(right.1, format!("`{}`", right.0));
    if left.0 == "null" || right.0 == "null" {
        return diagnostic.help("only optional values can be null");
    }
    diagnostic
}

pub(crate) fn call_at_head(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0053, span, "a call must follow a value".to_owned())
        .help("for example `AuthContext.roles.contains(\"admin\")`")
}

pub(crate) fn spread_in_lookup(spread: &Spread, name: &Name) -> Diagnostic {
    Diagnostic::new(Code::E0054, spread.span, format!("no fragment named `{}`", spread.name.text))
        .label(name.span, format!("met while looking for `{}`", name.text))
}

pub(crate) fn rule_not_boolean(ty: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0060, span, "an access rule must be true or false".to_owned())
        .here(format!("this is a `{ty}`"))
        .help("compare it, for example with `==`")
}

pub(crate) fn bare_record(name: &Name, ty: &str) -> Diagnostic {
    Diagnostic::new(Code::E0061, name.span, format!("name a field of `{}`", name.text))
        .help(format!("`{}` is a whole `{ty}`", name.text))
}

pub(crate) fn bare_context(name: &Name) -> Diagnostic {
    Diagnostic::new(Code::E0062, name.span, format!("name a field of context `{}`", name.text))
}

pub(crate) fn enum_value_in_rule(name: &Name) -> Diagnostic {
    Diagnostic::new(Code::E0062, name.span, "enum values cannot be compared here".to_owned())
        .here(format!("`{}` is an enum value", name.text))
        .help("compare it with a field of that enum")
}

pub(crate) fn contains_on_row(call: Span) -> Diagnostic {
    Diagnostic::new(Code::E0063, call, "list functions work on context fields only".to_owned())
        .help("for arrays write `\"value\" in self.field`; for relations use `some(x => …)`")
}

pub(crate) fn set_function(name: &Name) -> Diagnostic {
    Diagnostic::new(Code::E0064, name.span, "only `some` is available".to_owned()).fix(
        "write `some`",
        name.span,
        "some",
    )
}

pub(crate) fn some_without_lambda(call: Span) -> Diagnostic {
    Diagnostic::new(Code::E0064, call, "only `some` with a condition is available".to_owned())
        .help("write `some(x => x.field == …)`")
}

pub(crate) fn nested_some(call: Span) -> Diagnostic {
    Diagnostic::new(Code::E0065, call, "nested `some` is not supported".to_owned())
}

pub(crate) fn condition_as_operand(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0066, span, "compare plain values, combine with `&&`/`||`".to_owned())
        .here("this is a condition already")
}

pub(crate) fn mixed_rule(parent: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::E0067,
        span,
        format!("cannot enforce this rule for nested creation under `{parent}`"),
    )
    .here(format!("it compares fields of `{parent}` with fields of this type"))
}

pub(crate) fn no_column_to_compare(name: &Name) -> Diagnostic {
    Diagnostic::new(Code::E0143, name.span, format!("no column to compare for `{}`", name.text))
        .help("compare a field that is stored in a column of its own")
}

pub(crate) fn self_in_code(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0070, span, "only contexts and literals are available here".to_owned())
        .here("rules of code modules see no row")
}

pub(crate) fn hook_without_name(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0072, span, "`hook` needs the name of a rule first".to_owned())
        .help("write `hook(\"rule\", …)` with a name that the component knows")
}

pub(crate) fn hook_in_some(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0073, span, "`some` cannot ask a component".to_owned())
        .here("this would be asked about rows that the database is still looking for")
        .help("ask beside it: `hook(…) && self.list.some(x => …)`")
}

pub(crate) fn review_beside_rows(span: Span) -> Diagnostic {
    let message =
        "a hook rule that names fields of `self` cannot be negated or be one of several ways to a row";
    Diagnostic::new(Code::E0073, span, message.to_owned())
        .here("rows are reviewed after the database has chosen them")
        .help("combine it by `&&`; beside it `||` may only ask about contexts")
}

pub(crate) fn review_of_writes(span: Span) -> Diagnostic {
    let message = "only `query` rules can name fields of `self` in `hook(…)`";
    Diagnostic::new(Code::E0073, span, message.to_owned())
        .here("such a rule reviews rows that were read")
        .help("write `query = hook(\"rule\", self.field)` and `mutation = hook(\"rule\")`")
}

pub(crate) fn writable_unreadable(name: &Name) -> Diagnostic {
    Diagnostic::new(Code::W0004, name.span, format!("`{}` can be written but not read", name.text)).help(
        "every mutation returns what it wrote, which is a read: they will all fail with \"Not authorized\"",
    )
}

pub(crate) fn half_open(annotation: &Annotation, field: &str, reads: bool) -> Diagnostic {
    let (open, closed) = if reads { ("reading", "writing") } else { ("writing", "reading") };
    let message = format!("this opens `{field}` for {open} and closes it for {closed}");
    let help = if reads { "add `mutation = …`" } else { "add `query = …`" };
    Diagnostic::new(Code::W0005, annotation.span, message).help(help)
}

pub(crate) fn null_meets_null(context: Span, column: Span) -> Diagnostic {
    let message = "a missing context value equals an empty column here".to_owned();
    Diagnostic::new(Code::W0013, context.to(column), message)
        .label(context, "null when missing")
        .label(column, "may be null")
        .help("declare the context field without `?`, or also ask that it is not null")
}
