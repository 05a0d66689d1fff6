//! Context values of one request: extraction, coercion and caching (language.md 5).

use std::sync::Arc;

use serde_json::Value as Json;
use studio_model::ir::{
    ColumnType, ContextSource, ContextType, ContextValue, Field, FieldDefault, Ir, Scalar,
};

use super::context::{CallerContext, ContextError};
use super::hook::{HookDecision, HookQuestion};
use super::value::Val;
use crate::error::RequestError;
use crate::plan::{ContextUse, ContextUses, ParamOrigin, Stop};

/// The caller's context values, each source asked once.
pub(crate) struct Caller<'a> {
    ir: &'a Ir,
    source: &'a dyn CallerContext,
    cache: Vec<Asked<'a>>,
}

/// A source that was asked.
struct Asked<'a> {
    source: &'a ContextSource,
    /// The first access decides the type.
    ty: ContextType,
    /// Its coerced value; `None` where it has none.
    value: Result<Option<Val>, RequestError>,
    /// What its parameters are called.
    names: Vec<Arc<str>>,
    /// How often the value was taken.
    taken: usize,
    /// The columns it was compared with by parameters, without a look at the value.
    bound: Vec<ColumnType>,
}

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
        let found = match self.cache.iter_mut().find(|asked| *asked.source == field.source) {
            Some(asked) => {
                asked.taken += 1;
                asked.value.clone()
            }
            None => {
                let fresh = match self.fresh(&field.source, field.ty) {
                    Err(Stop::Error(error)) => Err(error),
                    other => Ok(other?),
                };
                self.cache.push(Asked {
                    source: &field.source,
                    ty: field.ty,
                    value: fresh.clone(),
                    names: Vec::new(),
                    taken: 1,
                    bound: Vec::new(),
                });
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
        let uses = self.cache.into_iter().map(|asked| {
            let Asked { source, ty, value, names, taken, bound } = asked;
            let only_bound = taken == bound.len();
            let column =
                bound.first().filter(|first| only_bound && bound.iter().all(|other| other == *first));
            Some(ContextUse { source: source.clone(), ty, value: value.ok()?, names, free: column.cloned() })
        });
        uses.collect::<Option<_>>().map(ContextUses)
    }

    /// What a component decided about a rule.
    pub(crate) fn decision(&self, question: &HookQuestion) -> Option<&'a HookDecision> {
        self.source.decision(question)
    }

    /// The origin of a parameter with a context value. Where the value goes into it as it is, the parameter is
    /// recognised by its name.
    pub(crate) fn origin(&mut self, wanted: &ContextValue) -> ParamOrigin {
        let name: Arc<str> = self.name(wanted).into();
        let source = &self.ir.contexts[wanted.context].fields[wanted.field].source;
        if wanted.contains.is_none()
            && let Some(asked) = self.cache.iter_mut().find(|asked| asked.source == source)
            && !asked.names.contains(&name)
        {
            asked.names.push(Arc::clone(&name));
        }
        ParamOrigin::Context(name)
    }

    /// A value that was taken was not looked at.
    pub(crate) fn put_back(&mut self, origin: &ParamOrigin) {
        if let Some(asked) = self.named(origin) {
            asked.taken = asked.taken.saturating_sub(1);
        }
    }

    /// A value that was taken has become a parameter for comparing with such a column, whatever it is.
    pub(crate) fn bound(&mut self, origin: &ParamOrigin, column: &ColumnType) {
        if let Some(asked) = self.named(origin) {
            asked.bound.push(column.clone());
        }
    }

    fn named(&mut self, origin: &ParamOrigin) -> Option<&mut Asked<'a>> {
        let ParamOrigin::Context(name) = origin else { return None };
        self.cache.iter_mut().find(|asked| asked.names.contains(name))
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
