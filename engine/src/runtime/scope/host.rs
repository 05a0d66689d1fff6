//! What a running function may ask of the request it belongs to.

use std::sync::PoisonError;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use studio_events::LogLevel;
use studio_query::error::RequestError;
use tokio::sync::Mutex;

use super::{Acting, Proceed, Role, Scope};
use crate::runtime::answer::object;
use crate::runtime::modules::ModuleHost;

/// What one running function may do.
pub(super) struct Host<'h, 'a, 'p> {
    pub(super) scope: &'h Scope<'a>,
    pub(super) acting: &'h Acting,
    pub(super) depth: usize,
    pub(super) proceed: Option<Proceed<'p>>,
    pub(super) module: &'h str,
    /// What a function starts side by side runs one after the other: there is one transaction.
    pub(super) turn: Mutex<()>,
}

impl Host<'_, '_, '_> {
    async fn go_on(&self, arguments: Option<String>) -> Result<String, RequestError> {
        let _turn = self.turn.lock().await;
        match self.proceed {
            Some(proceed) => proceed(arguments).await,
            None => Err(RequestError::internal("only `@around` interceptors can proceed")),
        }
    }
}

impl ModuleHost for Host<'_, '_, '_> {
    fn execute_query<'q>(
        &'q self,
        query: &'q str,
        variables: Json,
        contexts: Option<Json>,
    ) -> BoxFuture<'q, Result<String, RequestError>> {
        async move {
            let _turn = self.turn.lock().await;
            let variables = match variables {
                Json::Object(variables) => Some(variables),
                Json::Null => None,
                _ => return Err(RequestError::internal("variables must be an object")),
            };
            let operation = self.scope.prepare(query, variables.as_ref())?;
            let fields = match contexts {
                None => self.scope.nested(&operation, self.acting, self.depth + 1).await?,
                Some(contexts) => {
                    let acting = Acting {
                        contexts: Some(merged(self.acting.contexts.as_ref(), contexts)),
                        role: self.acting.role.clone(),
                        ..Acting::default()
                    };
                    self.scope.nested(&operation, &acting, self.depth + 1).await?
                }
            };
            Ok(object(&fields))
        }
        .boxed()
    }

    fn execute_as<'q>(
        &'q self,
        query: &'q str,
        variables: Json,
        claims: Option<Map<String, Json>>,
    ) -> BoxFuture<'q, Result<String, RequestError>> {
        async move {
            let _turn = self.turn.lock().await;
            let variables = match variables {
                Json::Object(variables) => Some(variables),
                _ => None,
            };
            let operation = self.scope.prepare(query, variables.as_ref())?;
            let role = claims.map_or(Role::System, Role::Claims);
            let acting = Acting { role, ..Acting::default() };
            let fields = self.scope.nested(&operation, &acting, self.depth + 1).await?;
            Ok(object(&fields))
        }
        .boxed()
    }

    fn proceed(&self) -> BoxFuture<'_, Result<String, RequestError>> {
        self.go_on(None).boxed()
    }

    fn proceed_with(&self, arguments: String) -> BoxFuture<'_, Result<String, RequestError>> {
        self.go_on(Some(arguments)).boxed()
    }

    fn add_response_header(&self, name: &str, value: &str) {
        let mut headers = self.scope.headers.lock().unwrap_or_else(PoisonError::into_inner);
        headers.push((name.to_owned().into(), value.to_owned().into()));
    }

    fn log(&self, level: LogLevel, text: &str) {
        match level {
            LogLevel::Error => tracing::error!(module = self.module, "{text}"),
            LogLevel::Warn => tracing::warn!(module = self.module, "{text}"),
            LogLevel::Info => tracing::info!(module = self.module, "{text}"),
            LogLevel::Debug => tracing::debug!(module = self.module, "{text}"),
        }
        if let Some(bus) = self.scope.context.bus {
            bus.log_of(level, self.module, text, Some(self.scope.context.trace_id()));
        }
    }
}

/// Earlier replacements and new ones, which win field by field.
fn merged(earlier: Option<&Json>, new: Json) -> Json {
    let (Some(Json::Object(earlier)), Json::Object(new)) = (earlier, &new) else { return new };
    let mut all = earlier.clone();
    for (context, fields) in new {
        match (all.get_mut(context), fields) {
            (Some(Json::Object(known)), Json::Object(fields)) => known.extend(fields.clone()),
            _ => {
                all.insert(context.clone(), fields.clone());
            }
        }
    }
    Json::Object(all)
}
