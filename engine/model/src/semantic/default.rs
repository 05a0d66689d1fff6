//! Defaults of entity fields (language.md 4.1).

use std::sync::Arc;

use super::member::{Member, Members};
use super::names::{Entry, Names};
use super::path::{context_path, literal};
use super::relation::Kind;
use super::suggest::nearest;
use super::ty::{Primitive, Ty};
use crate::diagnostic::{Diagnostic, make};
use crate::ir::{ColumnDefault, FieldDefault, Literal, Scalar, ValueType};
use crate::syntax::ast::{CallArgs, Expr, ExprKind, Field, LiteralKind, Path};

const FUNCTIONS: &[&str] = &["autoIncrement", "now", "generate_uuid", "uuidGenerateV4", "uuidGenerateV7"];

/// Lowers the default of a field, if it has one.
pub(crate) fn lower(
    names: &Names<'_>,
    members: &Members<'_>,
    member: &Member<'_>,
    kind: &Kind,
    out: &mut Vec<Diagnostic>,
) -> Option<FieldDefault> {
    let expr = member.decl.default.as_ref()?;
    let lowered = match &expr.kind {
        ExprKind::Literal(LiteralKind::Null) => Some(FieldDefault::Null),
        ExprKind::Literal(value) => {
            literal_default(names, member, kind, value, expr, out).map(FieldDefault::Column)
        }
        ExprKind::Path(path) => match &path.head_call {
            Some(call) if path.steps.is_empty() => {
                function_default(member, kind, path, &call.args, expr, out).map(FieldDefault::Column)
            }
            Some(call) => {
                out.push(make::call_at_head(call.span));
                None
            }
            None if path.steps.is_empty() => name_default(names, member, kind, path, expr, out),
            None => context_default(names, members, member, kind, path, expr, out),
        },
        ExprKind::Error
        | ExprKind::Or(_)
        | ExprKind::And(_)
        | ExprKind::Relation { .. }
        | ExprKind::Not(_) => None,
    };
    // A wrong default still is one: the field does not lack it.
    Some(lowered.unwrap_or(FieldDefault::Ignored))
}

/// The scalar of a plain field.
fn scalar_of(kind: &Kind) -> Option<Scalar> {
    match kind {
        Kind::Value(value) => match value.ty {
            ValueType::Scalar(scalar) => Some(scalar),
            ValueType::Vector { .. } | ValueType::Enum(_) | ValueType::Json(_) | ValueType::Array { .. } => {
                None
            }
        },
        Kind::Reference { .. } | Kind::InverseOne { .. } | Kind::Collection { .. } | Kind::Broken => None,
    }
}

fn literal_default(
    names: &Names<'_>,
    member: &Member<'_>,
    kind: &Kind,
    value: &LiteralKind,
    expr: &Expr,
    out: &mut Vec<Diagnostic>,
) -> Option<ColumnDefault> {
    if matches!(kind, Kind::Broken) {
        return None;
    }
    let ty = || member.ty.required().show(names);
    let wrong = |what: &str| {
        let literal = format!("a {what} literal");
        make::literal_kind(&literal, &ty(), accepted(scalar_of(kind)), expr.span)
    };
    let diagnostic = match (scalar_of(kind), value) {
        (Some(Scalar::Blob), LiteralKind::String(text)) => {
            return Some(ColumnDefault::Expression(str::to_owned(text)));
        }
        (Some(Scalar::Decimal), LiteralKind::String(text)) => {
            if text.trim().parse::<f64>().is_ok() {
                return Some(ColumnDefault::Literal(literal(value)));
            }
            make::invalid_number(text, &ty(), expr.span)
        }
        (
            Some(
                Scalar::String
                | Scalar::LocalDate
                | Scalar::LocalTime
                | Scalar::LocalDateTime
                | Scalar::Json
                | Scalar::Uuid,
            ),
            LiteralKind::String(_),
        )
        | (Some(Scalar::Boolean), LiteralKind::Bool(_)) => {
            return Some(ColumnDefault::Literal(literal(value)));
        }
        (Some(Scalar::Int), LiteralKind::Number(text)) => match literal(value) {
            int @ Literal::Int(_) => return Some(ColumnDefault::Literal(int)),
            _ => make::invalid_number(text, &ty(), expr.span),
        },
        (Some(Scalar::Float), LiteralKind::Number(text)) => {
            if text.parse::<f64>().is_ok_and(f64::is_finite) {
                return Some(ColumnDefault::Literal(literal(value)));
            }
            make::invalid_number(text, &ty(), expr.span)
        }
        (Some(Scalar::Decimal), LiteralKind::Number(text)) => {
            wrong("number").fix("write the number as a string", expr.span, format!("\"{text}\""))
        }
        (_, LiteralKind::String(_)) => wrong("string"),
        (_, LiteralKind::Number(_)) => wrong("number"),
        (_, LiteralKind::Bool(_)) => wrong("boolean"),
        (_, LiteralKind::Null) => return None,
    };
    out.push(diagnostic);
    None
}

fn accepted(scalar: Option<Scalar>) -> &'static str {
    match scalar {
        Some(Scalar::Boolean) => "`true` or `false`",
        Some(Scalar::Int | Scalar::Float) => "a number",
        Some(Scalar::Decimal) => "a number in quotes",
        Some(Scalar::String | Scalar::Json | Scalar::Blob) => "a string",
        Some(Scalar::LocalDate | Scalar::LocalTime | Scalar::LocalDateTime) => "a string or `now()`",
        Some(Scalar::Uuid) => "a string or `generate_uuid()`",
        Some(Scalar::Instant) => "`now()`",
        None => "`null` or a context field, but no other literal",
    }
}

fn function_default(
    member: &Member<'_>,
    kind: &Kind,
    path: &Path,
    args: &CallArgs,
    expr: &Expr,
    out: &mut Vec<Diagnostic>,
) -> Option<ColumnDefault> {
    let name = &*path.head.text;
    if !FUNCTIONS.contains(&name) {
        out.push(make::unknown_function(
            &path.head,
            expr.span,
            FUNCTIONS,
            nearest(name, FUNCTIONS.iter().copied()),
        ));
        return None;
    }
    if matches!(kind, Kind::Broken) {
        return None;
    }
    let scalar = scalar_of(kind);
    match name {
        "autoIncrement" => {
            if scalar != Some(Scalar::Int) {
                out.push(make::auto_increment_type(expr.span));
                return None;
            }
            sequence(args, expr, out)
        }
        "now" => {
            let dates = [Scalar::Instant, Scalar::LocalDate, Scalar::LocalTime, Scalar::LocalDateTime];
            if scalar.is_some_and(|scalar| dates.contains(&scalar)) {
                return Some(ColumnDefault::Now);
            }
            out.push(make::now_type(expr.span));
            None
        }
        _ => {
            if scalar != Some(Scalar::Uuid) {
                out.push(make::uuid_type(name, expr.span, member.decl));
                return None;
            }
            Some(match name {
                "generate_uuid" => ColumnDefault::GenerateUuid,
                "uuidGenerateV4" => ColumnDefault::UuidV4,
                _ => ColumnDefault::UuidV7,
            })
        }
    }
}

fn sequence(args: &CallArgs, expr: &Expr, out: &mut Vec<Diagnostic>) -> Option<ColumnDefault> {
    let CallArgs::Literals(arguments) = args else {
        out.push(make::auto_increment_arguments(expr.span));
        return None;
    };
    let text = match arguments.as_slice() {
        [] => return Some(ColumnDefault::Serial),
        [only] => match &only.kind {
            LiteralKind::String(text) => &**text,
            _ => {
                out.push(make::auto_increment_arguments(expr.span));
                return None;
            }
        },
        _ => {
            out.push(make::auto_increment_arguments(expr.span));
            return None;
        }
    };
    let parts: Vec<&str> = text.split('.').collect();
    match parts.as_slice() {
        [name] if !name.is_empty() => {
            Some(ColumnDefault::Sequence { schema: None, name: (*name).to_owned() })
        }
        [schema, name] if !name.is_empty() && !schema.is_empty() => {
            let schema = (*schema != "public").then(|| (*schema).to_owned());
            Some(ColumnDefault::Sequence { schema, name: (*name).to_owned() })
        }
        _ => {
            out.push(make::sequence_name(expr.span));
            None
        }
    }
}

/// A bare name: a value of the field's enum, or a mistake.
fn name_default(
    names: &Names<'_>,
    member: &Member<'_>,
    kind: &Kind,
    path: &Path,
    expr: &Expr,
    out: &mut Vec<Diagnostic>,
) -> Option<FieldDefault> {
    let name = &*path.head.text;
    if let Ty::Enum(index) = member.ty.required()
        && names.enums[*index].decl.values.iter().any(|value| &*value.text == name)
    {
        return Some(FieldDefault::Column(ColumnDefault::Enum(name.to_owned())));
    }
    if matches!(kind, Kind::Broken) {
        return None;
    }
    if names.context(name).is_some() {
        out.push(make::bare_context(&path.head));
    } else if FUNCTIONS.contains(&name) {
        out.push(make::function_without_call(&path.head));
    } else if names.values.contains_key(name) {
        let ty = member.ty.required().show(names);
        out.push(make::literal_kind("an enum value", &ty, accepted(scalar_of(kind)), expr.span));
    } else {
        let near = match member.ty.required() {
            Ty::Enum(index) => {
                nearest(name, names.enums[*index].decl.values.iter().map(|value| &*value.text))
            }
            _ => names.near(name, |entry| matches!(entry, Entry::Context(_))),
        };
        out.push(make::unknown_head(&path.head, near));
    }
    None
}

fn context_default(
    names: &Names<'_>,
    members: &Members<'_>,
    member: &Member<'_>,
    kind: &Kind,
    path: &Path,
    expr: &Expr,
    out: &mut Vec<Diagnostic>,
) -> Option<FieldDefault> {
    let Some(context) = names.context(&path.head.text) else {
        let near = names.near(&path.head.text, |entry| matches!(entry, Entry::Context(_)));
        out.push(make::unknown_head(&path.head, near));
        return None;
    };
    let (value, ty) = context_path(names, members, context, path, out)?;
    let field = member.decl;
    let accepts = match kind {
        Kind::Broken => return None,
        Kind::Value(_) => compatible(&member.ty, &ty),
        Kind::InverseOne { .. } | Kind::Collection { .. } => {
            out.push(make::context_default_without_column(field, expr.span));
            return None;
        }
        Kind::Reference { target, .. } => match key_type(members, *target) {
            KeyType::None => return None,
            KeyType::Composite => {
                out.push(make::context_default_composite(field, expr.span));
                return None;
            }
            KeyType::Single(key) => {
                let wanted =
                    if member.ty.is_optional() { Ty::Optional(Arc::new(key.clone())) } else { key.clone() };
                compatible(&wanted, &ty)
            }
        },
    };
    if !accepts {
        let needed = needed_type(names, members, member, kind);
        out.push(make::context_default_type(&written(path), &ty.show(names), field, &needed, expr.span));
        return None;
    }
    Some(FieldDefault::Context { value })
}

fn written(path: &Path) -> String {
    let mut text = str::to_owned(&path.head.text);
    for step in &path.steps {
        text.push('.');
        text.push_str(&step.name.text);
    }
    text
}

enum KeyType<'m> {
    None,
    Single(&'m Ty),
    Composite,
}

fn key_type<'m>(members: &'m Members<'_>, target: usize) -> KeyType<'m> {
    let mut keys = (members.composites[target].members.iter())
        .filter(|member| super::annotation::has(&member.decl.annotations, "pk"));
    match (keys.next(), keys.next()) {
        (None, _) => KeyType::None,
        (Some(only), None) => KeyType::Single(only.ty.required()),
        (Some(_), Some(_)) => KeyType::Composite,
    }
}

fn needed_type(names: &Names<'_>, members: &Members<'_>, member: &Member<'_>, kind: &Kind) -> String {
    match kind {
        Kind::Reference { target, .. } => match key_type(members, *target) {
            KeyType::Single(key) => key.show(names),
            KeyType::None | KeyType::Composite => member.ty.show(names),
        },
        Kind::Value(_) | Kind::InverseOne { .. } | Kind::Collection { .. } | Kind::Broken => {
            member.ty.show(names)
        }
    }
}

/// `Plain=Plain`, `List=List`, `Optional=Optional`, or an optional field with a plain context value.
fn compatible(field: &Ty, context: &Ty) -> bool {
    match (field, context) {
        (Ty::Optional(field), Ty::Optional(context)) => compatible(field, context),
        (Ty::Optional(field), plain) => compatible(field, plain),
        (Ty::Set(field) | Ty::Array(field), Ty::Set(context) | Ty::Array(context)) => {
            compatible(field, context)
        }
        (Ty::Primitive(field), Ty::Primitive(context)) => field == context && *field != Primitive::Vector,
        _ => false,
    }
}

/// Whether the field is written by the engine only.
pub(crate) fn is_readonly(field: &Field) -> (bool, bool) {
    let update = super::annotation::has(&field.annotations, "update");
    (update || super::annotation::has(&field.annotations, "readonly"), update)
}
