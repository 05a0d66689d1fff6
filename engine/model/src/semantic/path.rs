//! Paths that start at a context, in rules and in defaults.

use super::member::Members;
use super::names::Names;
use super::suggest::nearest;
use super::ty::{Primitive, Ty};
use crate::diagnostic::{Diagnostic, make};
use crate::ir::{ArenaId, ContextFieldId, ContextId, ContextValue, Literal, Scalar};
use crate::syntax::ast::{Call, CallArgs, LiteralKind, Path, Step};

/// A literal as the IR keeps it: a number is an Int exactly if it fits 64 bits.
pub(crate) fn literal(kind: &LiteralKind) -> Literal {
    match kind {
        LiteralKind::String(text) => Literal::String(str::to_owned(text)),
        LiteralKind::Number(text) => match text.parse::<i64>() {
            Ok(number) => Literal::Int(number),
            Err(_) => Literal::Float(str::to_owned(text)),
        },
        LiteralKind::Bool(value) => Literal::Bool(*value),
        LiteralKind::Null => Literal::Null,
    }
}

/// The type of a literal (language.md 6.3).
pub(crate) fn literal_type(literal: &Literal) -> Ty {
    match literal {
        Literal::String(_) => Ty::scalar(Scalar::String),
        Literal::Int(_) => Ty::scalar(Scalar::Int),
        Literal::Float(_) => Ty::scalar(Scalar::Float),
        Literal::Bool(_) => Ty::BOOLEAN,
        Literal::Null => Ty::Null,
    }
}

/// Whether two types may be compared: equal, or both numbers with a literal.
pub(crate) fn interchangeable(left: &Ty, right: &Ty) -> bool {
    let number = |ty: &Ty| matches!(ty, Ty::Primitive(Primitive::Scalar(Scalar::Int | Scalar::Float)));
    left == right || (number(left) && number(right))
}

/// Resolves `Context.field` and `Context.field.contains(literal)`. `None`: a problem was reported.
pub(crate) fn context_path(
    names: &Names<'_>,
    members: &Members<'_>,
    context: usize,
    path: &Path,
    out: &mut Vec<Diagnostic>,
) -> Option<(ContextValue, Ty)> {
    let decl = names.contexts[context];
    let list = &members.contexts[context];
    let Some((step, rest)) = path.steps.split_first() else {
        out.push(make::bare_context(&path.head));
        return None;
    };
    if let Some(call) = &step.call {
        out.push(make::record_call(&decl.name.text, &step.name, call.span));
        return None;
    }
    let Some(position) = list.find(&step.name.text) else {
        match list.unknown_spreads.first() {
            Some(spread) => out.push(make::spread_in_lookup(spread, &step.name)),
            None => {
                let near = nearest(&step.name.text, list.names());
                out.push(make::unknown_member(&decl.name.text, &step.name, near));
            }
        }
        return None;
    };
    let member = &list.members[position];
    if *member.ty.innermost() == Ty::Error {
        return None;
    }
    let mut value = ContextValue {
        context: ContextId::from_index(context),
        field: ContextFieldId::from_index(position),
        contains: None,
    };
    let Some((function, further)) = rest.split_first() else {
        return Some((value, member.ty.clone()));
    };
    let element = match member.ty.required() {
        Ty::Set(element) | Ty::Array(element) => &**element,
        plain => {
            out.push(make::scalar_member(&plain.show(names), &function.name));
            return None;
        }
    };
    let Some(call) = &function.call else {
        out.push(plain_member_of_list(member.ty.required(), function));
        return None;
    };
    value.contains = Some(contains(names, element.required(), function, call, out)?);
    if let Some(next) = further.first() {
        out.push(make::scalar_member("Boolean", &next.name));
        return None;
    }
    Some((value, Ty::BOOLEAN))
}

/// The problem of asking a list for a member.
pub(crate) fn plain_member_of_list(list: &Ty, step: &Step) -> Diagnostic {
    if matches!(list, Ty::Set(_)) { make::set_member(&step.name) } else { make::array_member(&step.name) }
}

fn contains(
    names: &Names<'_>,
    element: &Ty,
    function: &Step,
    call: &Call,
    out: &mut Vec<Diagnostic>,
) -> Option<Literal> {
    if &*function.name.text != "contains" {
        out.push(make::list_function(&function.name));
        return None;
    }
    let CallArgs::Literals(arguments) = &call.args else {
        out.push(make::contains_arguments(call.span));
        return None;
    };
    let [argument] = arguments.as_slice() else {
        out.push(make::contains_arguments(call.span));
        return None;
    };
    let value = literal(&argument.kind);
    let ty = literal_type(&value);
    if !interchangeable(element, &ty) {
        out.push(make::contains_type(&element.show(names), &ty.show(names), argument.span));
        return None;
    }
    Some(value)
}
