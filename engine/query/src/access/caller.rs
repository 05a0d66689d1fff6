//! Context values of one request: extraction, coercion and caching (language.md 5).

use serde_json::Value as Json;
use studio_model::ir::{ContextSource, ContextType, ContextValue, Field, FieldDefault, Ir, Scalar};

use super::context::{CallerContext, ContextError};
use super::hook::{HookDecision, HookQuestion};
use super::value::Val;
use crate::error::RequestError;
use crate::plan::{ContextUse, ContextUses, Stop};

/// The caller's context values, each source asked once.
pub(crate) struct Caller<'a> {
    ir: &'a Ir,
    source: &'a dyn CallerContext,
    cache: Vec<Asked<'a>>,
}

/// A source with its coerced value; `None` where it has none. The first access decides the type.
type Asked<'a> = (&'a ContextSource, ContextType, Result<Option<Val>, RequestError>);

impl<'a> Caller<'a> {
    pub(crate) fn new(ir: &'a Ir, source: &'a dyn CallerContext) -> Self {
        Self { ir, source, cache: Vec::new() }
    }

    /// The value of a context field, or of `contains` on it; `None` is absent: declared without `?` and missing.
    pub(crate) fn value(&mut self, wanted: &ContextValue) -> Result<Option<Val>, Stop> {
        let context = &self.ir.contexts[wanted.context];
        let field = &context.fields[wanted.field];
        if let Some(replaced) = self.source.replaced(&context.name, &field.name) {
            let value = coerce(replaced, &field.ty)?;
            return Ok(Some(contained(value, wanted)));
        }
        let found = match self.cache.iter().find(|(source, ..)| **source == field.source) {
            Some((.., known)) => known.clone(),
            None => {
                let fresh = match self.fresh(&field.source, field.ty) {
                    Err(Stop::Error(error)) => Err(error),
                    other => Ok(other?),
                };
                self.cache.push((&field.source, field.ty, fresh.clone()));
                fresh
            }
        };
        let value = match found? {
            Some(value) => value,
            None if field.ty.optional => Val::Null,
            None => return Ok(None),
        };
        Ok(Some(contained(value, wanted)))
    }

    /// The value of a source, asked now.
    pub(crate) fn fresh(&self, source: &ContextSource, ty: ContextType) -> Result<Option<Val>, Stop> {
        match self.extract(source) {
            Ok(json) => Ok(json.map(|json| coerce(&json, &ty)).transpose()?),
            Err(ContextError::NeedsQuery(query)) => Err(Stop::NeedsQuery(query)),
            Err(error) => Err(refusal(&error).into()),
        }
    }

    /// Everything that was asked; `None` if a value could not be had.
    pub(crate) fn into_uses(self) -> Option<ContextUses> {
        // What was planned without rules is for nobody else.
        if self.is_system() {
            return None;
        }
        let uses = self
            .cache
            .into_iter()
            .map(|(source, ty, value)| Some(ContextUse { source: source.clone(), ty, value: value.ok()? }));
        uses.collect::<Option<_>>().map(ContextUses)
    }

    /// What a component decided about a rule.
    pub(crate) fn decision(&self, question: &HookQuestion) -> Option<&'a HookDecision> {
        self.source.decision(question)
    }

    /// The system itself asks.
    pub(crate) fn is_system(&self) -> bool {
        self.source.is_system()
    }

    /// The name of a context value as in the model.
    pub(crate) fn name(&self, wanted: &ContextValue) -> String {
        super::text::context_text(self.ir, wanted)
    }

    /// The name of the context value that fills a field, as in the model.
    pub(crate) fn name_of_default(&self, field: &Field) -> String {
        match &field.default {
            Some(FieldDefault::Context { value }) => self.name(value),
            Some(FieldDefault::Column(_) | FieldDefault::Null | FieldDefault::Ignored) | None => {
                String::new()
            }
        }
    }

    fn extract(&self, source: &ContextSource) -> Result<Option<Json>, ContextError> {
        let text = |text: String| Some(Json::String(text));
        match source {
            ContextSource::Jwt(path) => {
                Ok(self.source.claims()?.and_then(|claims| claim(claims, path)).cloned())
            }
            ContextSource::Header(name) => Ok(self.source.header(name).map(str::to_owned).and_then(text)),
            ContextSource::Cookie(name) => Ok(self.source.cookie(name)?.map(str::to_owned).and_then(text)),
            ContextSource::Env(name) => Ok(self.source.env(name).and_then(text)),
            ContextSource::Hook(key) => self.source.hook(key),
            ContextSource::ClientIp => Ok(self.source.client_ip().and_then(text)),
            ContextSource::Query(operation) => match self.source.query(operation)? {
                Some(Json::Null) | None => {
                    Err(ContextError::Extraction(["the query `", operation, "` gave no value"].concat()))
                }
                value => Ok(value),
            },
            ContextSource::Unknown(name) => {
                Err(ContextError::Extraction(["unknown context source `@", name, "`"].concat()))
            }
        }
    }
}

/// The value itself, or whether it contains what is asked for.
fn contained(value: Val, wanted: &ContextValue) -> Val {
    match &wanted.contains {
        Some(literal) => Val::Bool(value.contains(&Val::literal(literal))),
        None => value,
    }
}

/// A claim by its path; a claim whose name contains dots is found by its whole name first.
fn claim<'j>(claims: &'j Json, path: &str) -> Option<&'j Json> {
    if let Some(found) = claims.get(path) {
        return Some(found);
    }
    path.split('.').try_fold(claims, |value, part| value.as_object()?.get(part))
}

fn refusal(error: &ContextError) -> RequestError {
    match error {
        ContextError::ExpiredToken => RequestError::expired(),
        other => RequestError::not_authorized(other.to_string()),
    }
}

fn coerce(json: &Json, ty: &ContextType) -> Result<Val, RequestError> {
    match json {
        Json::Array(items) if ty.list => {
            Ok(Val::List(items.iter().map(|item| coerce_scalar(item, ty.scalar)).collect::<Result<_, _>>()?))
        }
        value => coerce_scalar(value, ty.scalar),
    }
}

/// The table of language.md 5.2.
fn coerce_scalar(json: &Json, scalar: Option<Scalar>) -> Result<Val, RequestError> {
    let refused = || RequestError::not_authorized("a context value does not fit its declared type");
    match (json, scalar) {
        (Json::Null, _) => Ok(Val::Null),
        (Json::String(text), Some(Scalar::String)) => Ok(Val::Text(text.clone())),
        // Unchecked, but in the spelling that input values get, so that they compare.
        (Json::String(text), Some(Scalar::Uuid)) => {
            Ok(Val::Text(crate::plan::normal_uuid(text).unwrap_or_else(|_| text.clone())))
        }
        (Json::String(text), Some(Scalar::Int)) => text.parse().map(Val::Int).map_err(|_| refused()),
        (Json::String(text), Some(Scalar::Float)) => text.parse().map(Val::Float).map_err(|_| refused()),
        (Json::String(text), Some(Scalar::Boolean)) => match text.as_str() {
            "true" => Ok(Val::Bool(true)),
            "false" => Ok(Val::Bool(false)),
            _ => Err(refused()),
        },
        (Json::Number(_), Some(Scalar::Int | Scalar::Float)) => Ok(Val::json(json)),
        (Json::Bool(value), Some(Scalar::Boolean)) => Ok(Val::Bool(*value)),
        _ => Err(refused()),
    }
}
