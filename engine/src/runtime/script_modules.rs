//! `@deno` modules on the script runtime in process, or on processes of `deno` where the configuration says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use studio_events::LogLevel;
use studio_model::ir::{Ir, ModuleId, Plugin};
use studio_query::error::{ErrorClass, RequestError};
use studio_query::plan::Injection;
use studio_script::{
    Argument, Call, CallHandle, ConsoleLevel, DenoRuntime, Event, Failure, FailureKind, HostError,
    HostRequest, RunSettings, ScriptRuntime,
};

use super::fetch::Fetcher;
use super::modules::{ModuleCall, ModuleHost, ModuleRuntime};
use crate::config::{MISSING_DENO, ScriptEngine, ScriptsConfig};

/// Runs the scripts of one model.
#[derive(Debug)]
pub(super) struct ScriptModules {
    runtime: ScriptRuntime,
    /// `None` without the program.
    deno: Option<DenoRuntime>,
    /// Modules that run there.
    on_deno: BTreeSet<ModuleId>,
    /// Paths that are known, to tell a missing file from a missing function.
    scripts: Arc<BTreeMap<String, studio_model::ir::Script>>,
    fetcher: Fetcher,
}

impl ScriptModules {
    pub(super) fn new(ir: &Ir, config: &ScriptsConfig) -> Self {
        let scripts = Arc::clone(&ir.scripts);
        let settings = RunSettings { limits: config.limits() };
        let modules = ir.modules.iter().filter(|(_, module)| matches!(module.plugin, Plugin::Deno(_)));
        let on_deno: BTreeSet<ModuleId> = modules
            .filter(|(_, module)| config.engine(&module.name) == ScriptEngine::Deno)
            .map(|(id, _)| id)
            .collect();
        Self {
            runtime: ScriptRuntime::new(Arc::clone(&scripts), settings),
            deno: if on_deno.is_empty() { None } else { config.deno().map(DenoRuntime::new) },
            on_deno,
            scripts,
            fetcher: Fetcher::new(&config.allow_http, config.allow_private),
        }
    }
}

impl ScriptModules {
    fn start(&self, module: ModuleId, call: Call) -> Result<CallHandle, String> {
        if !self.on_deno.contains(&module) {
            return Ok(self.runtime.call(call));
        }
        match &self.deno {
            Some(deno) => Ok(deno.call(call)),
            None => Err(format!("there is no program `deno`: {MISSING_DENO}")),
        }
    }

    async fn answer(&self, host: &dyn ModuleHost, request: HostRequest) -> Result<String, HostError> {
        let result = match request {
            HostRequest::Query { query, variables, contexts } => {
                host.execute_query(&query, variables, contexts).await
            }
            HostRequest::Proceed => host.proceed().await,
            HostRequest::Fetch(request) => {
                let reply = self.fetcher.fetch(&request).await;
                return reply.map_err(|message| HostError { message, public: false });
            }
        };
        result.map_err(|error| {
            if let Some(cause) = &error.hidden {
                // The script only sees what a client would.
                host.log(LogLevel::Warn, &format!("{}: {cause}", error.message));
            }
            HostError { public: error.class == ErrorClass::Code, message: error.message }
        })
    }
}

impl ModuleRuntime for ScriptModules {
    fn call<'a>(
        &'a self,
        call: ModuleCall<'a>,
        host: &'a dyn ModuleHost,
    ) -> BoxFuture<'a, Result<String, RequestError>> {
        async move {
            if !self.scripts.contains_key(call.path) {
                let message = format!("there is no file `{}` (function `{}`)", call.path, call.function);
                host.log(LogLevel::Error, &message);
                return Err(RequestError::internal(message));
            }
            let operation = match call.operation {
                Some(operation) => Some(studio_script::Operation {
                    name: operation.name.clone(),
                    query: operation.query.json()?.to_string(),
                    proceed: operation.can_proceed,
                }),
                None => None,
            };
            let started = self.start(call.module, Call {
                script: call.path.to_owned(),
                function: call.function.to_owned(),
                arguments: call.arguments.iter().map(argument).collect(),
                operation,
                composite: call.composite,
                environment: Arc::clone(call.environment.variables()),
            });
            let mut handle = started.map_err(|message| {
                host.log(LogLevel::Error, &message);
                RequestError::internal(message)
            })?;
            let mut questions = FuturesUnordered::new();
            loop {
                tokio::select! {
                    biased;
                    Some((id, answer)) = questions.next(), if !questions.is_empty() => handle.answer(id, answer),
                    event = handle.next() => match event {
                        Some(Event::Ask { id, request }) => {
                            questions.push(async move { (id, self.answer(host, request).await) });
                        }
                        Some(Event::Header { name, value }) => host.add_response_header(&name, &value),
                        Some(Event::Console { level, text }) => host.log(log_level(level), &text),
                        Some(Event::Done(result)) => {
                            // What was started without being awaited is finished all the same.
                            while questions.next().await.is_some() {}
                            return result.map_err(|failure| refused(&call, host, &failure));
                        }
                        None => return Err(RequestError::internal("the thread of the script ended")),
                    },
                }
            }
        }
        .boxed()
    }
}

fn argument(argument: &Injection) -> Argument {
    match argument {
        Injection::Value(value) => Argument::Json(value.to_string()),
        Injection::Exograph => Argument::Exograph,
        Injection::ExographPriv => Argument::ExographPriv,
        Injection::Operation => Argument::Operation,
    }
}

fn log_level(level: ConsoleLevel) -> LogLevel {
    match level {
        ConsoleLevel::Debug => LogLevel::Debug,
        ConsoleLevel::Info => LogLevel::Info,
        ConsoleLevel::Warn => LogLevel::Warn,
        ConsoleLevel::Error => LogLevel::Error,
    }
}

/// Only `ExographError` speaks to the client (language.md 8.3); the rest is for the log.
fn refused(call: &ModuleCall<'_>, host: &dyn ModuleHost, failure: &Failure) -> RequestError {
    match failure.kind {
        FailureKind::Public => RequestError::code(failure.message.clone()),
        FailureKind::Thrown
        | FailureKind::Missing
        | FailureKind::Timeout
        | FailureKind::Memory
        | FailureKind::Stuck => {
            host.log(LogLevel::Error, &format!("`{}` in {} failed: {failure}", call.function, call.path));
            RequestError::internal(format!("`{}` in {}: {failure}", call.function, call.path))
        }
    }
}
