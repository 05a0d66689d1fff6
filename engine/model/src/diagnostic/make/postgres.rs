//! E0100 to E0126, E0140 to E0150, W0011, W0012.

use super::{Code, Diagnostic, list};
use crate::diagnostic::Fix;
use crate::semantic::member::MemberList;
use crate::source::Span;
use crate::syntax::ast::{Annotation, Field, Name, TypeDecl};

pub(crate) fn no_primary_key(decl: &TypeDecl, members: &MemberList<'_>) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::E0100,
        decl.name.span,
        format!("`{}` needs a primary key (`@pk`)", decl.name.text),
    );
    let id = members.find("id").map(|index| &members.members[index]).filter(|member| member.via.is_none());
    match id {
        Some(member) => diagnostic.help("mark the field that identifies a row with `@pk`").fix(
            "mark `id` with `@pk`",
            member.decl.span.before(),
            "@pk ",
        ),
        None => diagnostic.help("for example `@pk id: Int = autoIncrement()`"),
    }
}

pub(crate) fn default_needed(field: &Field, annotation: &str) -> Diagnostic {
    Diagnostic::new(Code::E0101, field.span, format!("`{}` needs a default value", field.name.text))
        .help(format!("clients cannot write an `@{annotation}` field, so say what it holds, e.g. `= now()`"))
}

pub(crate) fn auto_increment_type(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0102, span, "`autoIncrement()` needs an `Int` field".to_owned())
}

pub(crate) fn auto_increment_arguments(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0103, span, "pass nothing or one sequence name".to_owned())
}

pub(crate) fn sequence_name(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0104, span, "use `name` or `schema.name`".to_owned())
}

pub(crate) fn now_type(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0105, span, "`now()` needs a date or time field".to_owned())
        .help("`Instant`, `LocalDate`, `LocalTime` or `LocalDateTime`")
}

pub(crate) fn uuid_type(function: &str, span: Span, field: &Field) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::E0106, span, format!("`{function}()` needs a `Uuid` field"));
    if field.ty.args.is_empty() && &*field.ty.name.text == "String" {
        return diagnostic.fix("make it a `Uuid`", field.ty.name.span, "Uuid");
    }
    diagnostic
}

pub(crate) fn unknown_function(name: &Name, span: Span, known: &[&str], near: Option<&str>) -> Diagnostic {
    Diagnostic::new(Code::E0107, span, format!("no default function `{}`", name.text))
        .near(near, name.span)
        .help(format!("known functions: {}", list(known.iter().copied(), "and")))
}

pub(crate) fn literal_kind(kind: &str, ty: &str, accepted: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0108, span, format!("{kind} cannot initialise `{ty}`"))
        .help(format!("it takes {accepted}"))
}

pub(crate) fn invalid_number(text: &str, ty: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0109, span, format!("`{text}` is not a valid `{ty}`"))
}

pub(crate) fn context_default_type(
    path: &str,
    found: &str,
    field: &Field,
    needed: &str,
    span: Span,
) -> Diagnostic {
    let message = format!("`{path}` is `{found}`, `{}` needs `{needed}`", field.name.text);
    Diagnostic::new(Code::E0110, span, message).help("this default has no effect")
}

pub(crate) fn context_default_composite(field: &Field, span: Span) -> Diagnostic {
    let message = format!("the default of `{}` is not supported for composite keys", field.name.text);
    Diagnostic::new(Code::E0111, span, message).help("this default has no effect")
}

pub(crate) fn context_default_without_column(field: &Field, span: Span) -> Diagnostic {
    let message = format!("only columns can have this default, and `{}` has none", field.name.text);
    Diagnostic::new(Code::E0112, span, message).help("this default has no effect")
}

pub(crate) fn foreign_hint(field: &Field, hints: &[&Annotation], ty: &str, allowed: &[&str]) -> Diagnostic {
    let names: Vec<String> = hints.iter().map(|hint| format!("@{}", hint.name.text)).collect();
    let verb = if names.len() == 1 { "does" } else { "do" };
    let message = format!("{} {verb} not apply to `{ty}`", list(names.iter().map(String::as_str), "and"));
    let diagnostic = Diagnostic::new(Code::E0113, field.span, message);
    let mut diagnostic =
        hints.iter().fold(diagnostic, |diagnostic, hint| diagnostic.label(hint.span, "this one"));
    diagnostic.fix = Some(Fix {
        title: format!("remove {}", list(names.iter().map(String::as_str), "and")),
        edits: hints.iter().map(|hint| (hint.span, String::new())).collect(),
    });
    if allowed.is_empty() {
        return diagnostic.help(format!("`{ty}` takes no hints"));
    }
    let known: Vec<String> = allowed.iter().map(|name| format!("@{name}")).collect();
    diagnostic.help(format!("`{ty}` takes {}", list(known.iter().map(String::as_str), "and")))
}

pub(crate) fn dbtype_with_hint(field: &Field, annotation: Span) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Code::E0114, field.span, "choose either `@dbtype` or specific hints".to_owned())
            .label(annotation, "the explicit type")
            .fix("remove `@dbtype`", annotation, "");
    if matches!(&*field.ty.name.text, "Decimal" | "Vector") {
        return diagnostic
            .help(format!("a `{}` always has hints, so it takes no `@dbtype`", field.ty.name.text));
    }
    diagnostic
}

pub(crate) fn several_sizes(field: &Field) -> Diagnostic {
    Diagnostic::new(Code::E0115, field.span, "choose one integer size".to_owned())
}

pub(crate) fn both_precisions(field: &Field) -> Diagnostic {
    Diagnostic::new(Code::E0116, field.span, "choose one float precision".to_owned())
}

pub(crate) fn scale_alone(field: &Field) -> Diagnostic {
    Diagnostic::new(Code::E0117, field.span, "`@scale` needs `@precision`".to_owned())
        .help("for example `@precision(10) @scale(2)`")
}

pub(crate) fn float_bound(field: &Field, name: &str, value: Span) -> Diagnostic {
    Diagnostic::new(Code::E0118, field.span, format!("`{name}` is not a number")).label(value, "this one")
}

pub(crate) fn distance_function(field: &Field, text: &str) -> Diagnostic {
    Diagnostic::new(Code::E0119, field.span, "use \"cosine\", \"l2\" or \"ip\"".to_owned())
        .help(format!("\"{text}\" is no distance function"))
}

pub(crate) fn unknown_sql_type(text: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0120, span, format!("unknown SQL type `{text}`")).help(
        "known: SMALLINT INT BIGINT SMALLSERIAL SERIAL BIGSERIAL REAL DOUBLE PRECISION NUMERIC(p,s) TEXT \
         VARCHAR(n) CHAR(n) BOOLEAN UUID JSONB BYTEA TIMESTAMP(n) [WITH TIME ZONE] TIME(n) DATE VECTOR(n), \
         each with [] for arrays",
    )
}

pub(crate) fn empty_range(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0121, span, "empty range".to_owned()).here("`min` is greater than `max`")
}

pub(crate) fn table_twice(name: &Name, table: &str, other: &Name) -> Diagnostic {
    let message = format!("table `{table}` of `{}` is already used by `{}`", name.text, other.text);
    Diagnostic::new(Code::E0125, name.span, message)
        .label(other.span, "used here")
        .help("give one of them another table with `@table(\"name\")`, or another plural with `@plural`")
}

pub(crate) fn column_twice(field: &Field, column: &str, table: &str, other: &Field) -> Diagnostic {
    let message = format!("column `{column}` of `{table}` is already used by `{}`", other.name.text);
    Diagnostic::new(Code::E0125, field.span, message)
        .label(other.name.span, "used here")
        .help("a plain field that shares a column with a relation must be declared before the relation")
}

pub(crate) fn field_without_column(field: &Field, annotation: &Annotation) -> Diagnostic {
    Diagnostic::new(Code::E0126, annotation.span, format!("`{}` has no column", field.name.text))
        .here(format!("`@{}` needs one", annotation.name.text))
        .help("the column belongs to the other side of the relation")
        .fix(format!("remove `@{}`", annotation.name.text), annotation.span, "")
}

pub(crate) fn mapping_key(target: &str, key: &Name, near: Option<&str>) -> Diagnostic {
    Diagnostic::new(Code::E0140, key.span, format!("`{target}` has no field `{}`", key.text))
        .near(near, key.span)
}

pub(crate) fn mapping_incomplete(field: &Field, target: &str, missing: &[&str], mapping: Span) -> Diagnostic {
    let (word, verb) = if missing.len() == 1 { ("field", "is") } else { ("fields", "are") };
    let names = list(missing.iter().copied(), "and");
    Diagnostic::new(
        Code::E0141,
        field.span,
        format!("primary-key {word} {names} of `{target}` {verb} not mapped"),
    )
    .label(mapping, "every primary-key field must stand here")
}

pub(crate) fn column_count(field: &Field, columns: usize, target: &str, keys: usize) -> Diagnostic {
    let word = if columns == 1 { "column" } else { "columns" };
    let message = format!("`{}` yields {columns} {word}, key of `{target}` has {keys}", field.name.text);
    let diagnostic = Diagnostic::new(Code::E0142, field.span, message);
    if keys == 0 {
        return diagnostic.help(format!("`{target}` has no primary key to refer to"));
    }
    diagnostic.help(format!("name each column: `@column(mapping={{…}})` with the key fields of `{target}`"))
}

pub(crate) fn no_column(column: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0143, span, format!("internal: no column `{column}`"))
}

pub(crate) fn circular_key(field: &Field, target: &str) -> Diagnostic {
    Diagnostic::new(Code::E0144, field.span, format!("cannot classify relation `{}`", field.name.text))
        .here(format!("the key of `{target}` in turn depends on this key"))
}

pub(crate) fn projection(
    entity: &str,
    broken: &[&str],
    annotation: Span,
    place: Option<Span>,
    reason: &str,
) -> Diagnostic {
    let word = if broken.len() == 1 { "projection" } else { "projections" };
    let names = list(broken.iter().copied(), "and");
    let diagnostic =
        Diagnostic::new(Code::E0150, annotation, format!("{word} {names} of `{entity}` cannot be resolved"));
    match place {
        Some(span) => diagnostic.label(span, reason),
        None => diagnostic.help(reason),
    }
}

pub(crate) fn hint_without_effect(annotation: &Annotation, field: &Field) -> Diagnostic {
    let message =
        format!("`@{}` has no effect on a field of type `{}`", annotation.name.text, field.ty.name.text);
    Diagnostic::new(Code::W0011, annotation.span, message)
}

pub(crate) fn schema_overridden(own: &str, module: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::W0012, span, format!("schema `{own}` is overridden by `{module}` of the module"))
}
