//! Contexts: declaration rules and lowering (language.md 5).

use super::annotation;
use super::member::{Member, Members};
use super::names::Names;
use super::ty::{Primitive, Ty};
use crate::diagnostic::{Diagnostic, make};
use crate::ir::{Arena, Context, ContextField, ContextSource, ContextType, Scalar};
use crate::syntax::ast::{Annotation, Params};

/// Checks and lowers all contexts. What comes through a spread counts like what is written: its problems are reported
/// where it was declared, once.
pub(crate) fn lower(
    names: &Names<'_>,
    members: &Members<'_>,
    out: &mut Vec<Diagnostic>,
) -> Arena<crate::ir::ContextId, Context> {
    names
        .contexts
        .iter()
        .zip(&members.contexts)
        .map(|(decl, list)| Context {
            name: str::to_owned(&decl.name.text),
            docs: decl.docs.clone(),
            fields: list
                .members
                .iter()
                .map(|member| ContextField {
                    name: str::to_owned(&member.decl.name.text),
                    source: source(member, out),
                    ty: context_type(member, out),
                })
                .collect(),
        })
        .collect()
}

fn source(member: &Member<'_>, out: &mut Vec<Diagnostic>) -> ContextSource {
    let field = member.decl;
    if field.default.is_some() {
        out.push(make::context_default(field));
    }
    let [annotation] = field.annotations.as_slice() else {
        out.push(match field.annotations.as_slice() {
            [] => make::no_source(field),
            several => make::several_sources(field, several),
        });
        return ContextSource::Unknown(String::new());
    };
    let key = key(annotation, &field.name.text, out);
    match &*annotation.name.text {
        "jwt" => ContextSource::Jwt(key),
        "header" => ContextSource::Header(key),
        "cookie" => ContextSource::Cookie(key),
        "env" => ContextSource::Env(key),
        "clientIp" => ContextSource::ClientIp,
        "query" => ContextSource::Query(key),
        "hook" => ContextSource::Hook(key),
        other => {
            let near =
                annotation::annotations_for(crate::syntax::ast::Target::ContextField).map(|(name, _)| name);
            out.push(make::unknown_source(&annotation.name, super::suggest::nearest(other, near)));
            ContextSource::Unknown(other.to_owned())
        }
    }
}

fn key(annotation: &Annotation, field: &str, out: &mut Vec<Diagnostic>) -> String {
    match &annotation.params {
        Params::None => field.to_owned(),
        Params::Single(value) => value.as_string().map_or_else(
            || {
                out.push(make::source_key(value.span));
                String::new()
            },
            str::to_owned,
        ),
        Params::List(_) | Params::Named(_) => {
            out.push(make::source_key(annotation.span));
            String::new()
        }
    }
}

/// How a context field's type reads at run time.
pub(crate) fn classify(ty: &Ty) -> Option<ContextType> {
    let (list, optional, inner) = match ty {
        Ty::Set(inner) | Ty::Array(inner) => (true, false, &**inner),
        Ty::Optional(inner) => match &**inner {
            Ty::Set(element) | Ty::Array(element) => (true, true, &**element),
            plain => (false, true, plain),
        },
        plain => (false, false, plain),
    };
    // `Array<T?>` reads like `Array<T>`.
    let inner = if list { inner.required() } else { inner };
    match inner {
        Ty::Primitive(Primitive::Scalar(scalar)) => {
            Some(ContextType { scalar: Some(*scalar), list, optional })
        }
        Ty::Primitive(Primitive::Vector) => Some(ContextType { scalar: None, list, optional }),
        _ => None,
    }
}

fn context_type(member: &Member<'_>, out: &mut Vec<Diagnostic>) -> ContextType {
    let classified = if member.decl.ty.optional > 1 { None } else { classify(&member.ty) };
    let Some(found) = classified else {
        out.push(make::context_field_type(member.decl));
        return ContextType { scalar: None, list: false, optional: false };
    };
    let coerces = matches!(
        found.scalar,
        Some(Scalar::String | Scalar::Int | Scalar::Float | Scalar::Boolean | Scalar::Uuid)
    );
    if !coerces {
        out.push(make::never_coerces(member.decl));
    }
    found
}
