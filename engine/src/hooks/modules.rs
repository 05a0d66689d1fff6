//! `@wasm` modules and their interceptors (language.md 8.7): components, or plain core modules with number functions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use studio_events::LogLevel;
use studio_hooks::{
    ActingAs, ComponentConfig, CoreModule, Exchange, Failure, GraphqlReply, HookComponent, HookError,
    HookHost, HookLevel, HookLine, HostCalls, Interface, LoadError, OperationFacts, OperationKind,
    RequestParts, Session,
};
use studio_model::ir::{InterceptorKind, Ir};
use studio_query::error::{ErrorClass, RequestError};
use studio_query::operation::OperationKind as QueryKind;
use studio_query::plan::{Injection, code_module};

use super::calls::{failure_of, variables_of};
use super::load::Hooks;
use super::wasm_file::WasmFile;
use crate::runtime::modules::{Intercepted, ModuleCall, ModuleHost, ModuleRuntime};

/// Runs the `@wasm` modules of one model.
#[derive(Debug)]
pub(crate) struct WasmModules {
    ir: Arc<Ir>,
    /// Files that no `[hooks.<name>]` configures, loaded when first called.
    own: Mutex<HashMap<PathBuf, Arc<Own>>>,
}

#[derive(Debug)]
struct Own {
    stamp: Stamp,
    code: Result<Code, LoadError>,
}

type Stamp = Option<(SystemTime, u64)>;

/// What a file of a module turned out to be.
#[derive(Debug, Clone)]
pub(super) enum Code {
    Component(Arc<HookComponent>),
    Core(Arc<CoreModule>),
}

impl WasmModules {
    pub(crate) fn new(ir: &Arc<Ir>) -> Self {
        Self { ir: Arc::clone(ir), own: Mutex::default() }
    }

    /// The code of a file that no configuration names, with default limits. A file that was replaced is loaded again;
    /// when the new one does not load, the old one goes on.
    async fn own(&self, path: &str, hooks: &Hooks) -> Result<Code, LoadError> {
        let file = hooks.root().join(path);
        let stamp = stamp(&file);
        let known = self.own.lock().unwrap_or_else(PoisonError::into_inner).get(&file).cloned();
        if let Some(known) = known.as_ref().filter(|known| known.stamp == stamp) {
            return known.code.clone();
        }
        let known = known.map(|known| known.code.clone());
        let mut fresh = load(hooks, &file).await;
        if let (Ok(new), Some(Ok(old))) = (&fresh, &known) {
            let modules: Vec<_> = WasmFile::of(&self.ir).into_iter().filter(|it| it.path == path).collect();
            let fits = |code| modules.iter().try_for_each(|module| module.fits(code));
            if let (Err(error), Ok(())) = (fits(new), fits(old)) {
                fresh = Err(error);
            }
        }
        let code = match (&fresh, known) {
            (Err(error), Some(Ok(old))) => {
                tracing::error!(path, %error, "the new file of a @wasm module is not used");
                Ok(old)
            }
            _ => fresh,
        };
        let own = Arc::new(Own { stamp, code: code.clone() });
        self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(file, own);
        code
    }

    async fn run(&self, call: &ModuleCall<'_>, host: &dyn ModuleHost) -> Result<String, RequestError> {
        if let (Some(hooks), Some(component)) = (call.hooks, call.component) {
            return self.component(&hooks.session, component, call, host).await;
        }
        Box::pin(self.run_rare(call, host)).await
    }

    /// The same without a configured component or without hooks around the request.
    async fn run_rare(&self, call: &ModuleCall<'_>, host: &dyn ModuleHost) -> Result<String, RequestError> {
        // A request with hooks keeps the components that it began with.
        let configured = match call.hooks {
            Some(_) => None,
            None => call.components.at(&call.components.loaded(), call.path).cloned(),
        };
        let code = match configured {
            Some(component) => Ok(Code::Component(component)),
            None => self.own(call.path, call.components).await,
        };
        let code = code.map_err(|error| {
            host.log(LogLevel::Error, &format!("`{}` does not load: {error}", call.path));
            RequestError::internal(format!("`{}` does not load: {error}; {}", call.path, error.help()))
        })?;
        match code {
            Code::Core(module) => self.core(&module, call).await,
            Code::Component(component) => match call.hooks {
                Some(hooks) => self.component(&hooks.session, &component, call, host).await,
                None => {
                    let exchange = Exchange::new(RequestParts::default(), Arc::new(Quiet));
                    self.component(&Session::new(Arc::new(exchange)), &component, call, host).await
                }
            },
        }
    }

    /// A plain core module: arguments by position, the result a number.
    async fn core(&self, module: &CoreModule, call: &ModuleCall<'_>) -> Result<String, RequestError> {
        if call.operation.is_some() {
            return Err(RequestError::internal("a core module has no interceptors; build a component"));
        }
        let values = call.arguments.iter().filter_map(|argument| match argument {
            Injection::Value(value) => Some(value.clone()),
            Injection::Exograph | Injection::ExographPriv | Injection::Operation => None,
        });
        let values: Vec<Json> = values.collect();
        match module.call(call.function, &values).await {
            Ok(value) => Ok(value.to_string()),
            Err(error) => Err(match error.kind() {
                None => RequestError::internal(error.to_string()),
                Some(kind) => {
                    let component = self.ir.modules[call.module].name.clone();
                    let detail = error.to_string();
                    let error = HookError { component, export: "module.function", kind, detail };
                    refused(&error.to_failure(), Some(error.to_string()))
                }
            }),
        }
    }

    async fn component(
        &self,
        session: &Session,
        component: &Arc<HookComponent>,
        call: &ModuleCall<'_>,
        host: &dyn ModuleHost,
    ) -> Result<String, RequestError> {
        let module = code_module(&self.ir.modules[call.module].plugin)
            .ok_or_else(|| RequestError::internal("a module without code"))?;
        let mut calls = ModuleCalls::new(host);
        let calls = &mut calls;
        if let Some(operation) = call.operation {
            let kind = module
                .interceptors
                .iter()
                .find(|interceptor| interceptor.name == call.function)
                .map(|interceptor| interceptor.kind)
                .ok_or_else(|| RequestError::internal("an interceptor that the module does not have"))?;
            needs(component, Interface::Interceptors)?;
            let facts: Arc<dyn OperationFacts> = Arc::<Intercepted>::clone(operation);
            let answer = match kind {
                InterceptorKind::Before => {
                    let answer = session.before(component, call.function, facts, calls).await;
                    answer.map(|it| it.map(Option::unwrap_or_default))
                }
                InterceptorKind::After => {
                    let outcome = Ok(operation.outcome.clone().unwrap_or_else(|| "null".to_owned()));
                    let answer = session.after(component, call.function, facts, outcome, calls).await;
                    answer.map(|it| it.map(Option::unwrap_or_default))
                }
                InterceptorKind::Around => session.around(component, call.function, facts, calls).await,
            };
            return answered(answer);
        }
        let method = module
            .methods
            .iter()
            .find(|method| method.name == call.function)
            .ok_or_else(|| RequestError::internal("a method that the module does not have"))?;
        needs(component, Interface::Module)?;
        let named = method.params.iter().zip(call.arguments).filter_map(|(param, argument)| match argument {
            Injection::Value(value) => Some((param.name.clone(), value.clone())),
            Injection::Exograph | Injection::ExographPriv | Injection::Operation => None,
        });
        let arguments = Json::Object(named.collect::<Map<_, _>>()).to_string();
        let kind = if method.is_mutation { OperationKind::Mutation } else { OperationKind::Query };
        answered(session.module(component, kind, call.function, &arguments, None, calls).await)
    }
}

impl ModuleRuntime for WasmModules {
    fn call<'a>(
        &'a self,
        call: ModuleCall<'a>,
        host: &'a dyn ModuleHost,
    ) -> BoxFuture<'a, Result<String, RequestError>> {
        async move { self.run(&call, host).await }.boxed()
    }
}

fn stamp(file: &Path) -> Stamp {
    let data = std::fs::metadata(file).ok()?;
    Some((data.modified().ok()?, data.len()))
}

pub(super) async fn load(hooks: &Hooks, file: &Path) -> Result<Code, LoadError> {
    let engine = hooks.engine()?;
    let name =
        file.file_stem().map_or_else(|| "module".to_owned(), |name| name.to_string_lossy().into_owned());
    let config = ComponentConfig::new(name, file);
    let bytes =
        std::fs::read(file).map_err(|error| LoadError::Read(format!("{}: {error}", file.display())))?;
    if CoreModule::is_plain(&bytes) {
        let module = CoreModule::from_bytes(&engine, &bytes, config.timeout, config.memory_bytes)?;
        return Ok(Code::Core(Arc::new(module)));
    }
    HookComponent::from_bytes(&engine, config, bytes).await.map(Code::Component)
}

fn needs(component: &HookComponent, interface: Interface) -> Result<(), RequestError> {
    if component.has(interface) {
        return Ok(());
    }
    let message = format!("`{}` does not export `{}`", component.name(), interface.name());
    Err(RequestError::internal(message))
}

/// A hook's failure is for the client, with its code; a failed call has a `HOOK_*` code.
fn answered(answer: Result<Result<String, Failure>, HookError>) -> Result<String, RequestError> {
    match answer {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(failure)) => Err(refused(&failure, None)),
        Err(error) => Err(refused(&error.to_failure(), Some(error.to_string()))),
    }
}

pub(super) fn refused(failure: &Failure, hidden: Option<String>) -> RequestError {
    let extensions = Json::Object(failure.to_extensions()).to_string();
    RequestError {
        extensions: Some(extensions),
        ..RequestError::plain(failure.message.clone(), ErrorClass::Code, hidden)
    }
}

/// What a module asks of the request it runs in.
pub(crate) struct ModuleCalls<'h> {
    host: &'h dyn ModuleHost,
}

impl<'h> ModuleCalls<'h> {
    pub(crate) fn new(host: &'h dyn ModuleHost) -> Self {
        Self { host }
    }
}

impl HostCalls for ModuleCalls<'_> {
    fn execute<'a>(
        &'a mut self,
        document: String,
        variables: Option<String>,
        acting_as: ActingAs,
    ) -> BoxFuture<'a, GraphqlReply> {
        async move {
            let failed = |failure| GraphqlReply { data: None, errors: vec![failure] };
            let variables = match variables_of(variables.as_deref()) {
                Ok(variables) => variables.map_or(Json::Null, Json::Object),
                Err(failure) => return failed(failure),
            };
            let result = match acting_as {
                ActingAs::Caller => self.host.execute_query(&document, variables, None).await,
                ActingAs::System => self.host.execute_as(&document, variables, None).await,
                ActingAs::Claims(claims) => self.host.execute_as(&document, variables, Some(claims)).await,
            };
            match result {
                Ok(data) => GraphqlReply { data: Some(data), errors: Vec::new() },
                Err(error) => failed(failure_of(&error)),
            }
        }
        .boxed()
    }

    fn proceed<'a>(&'a mut self, arguments: Option<String>) -> BoxFuture<'a, Result<String, Failure>> {
        async move {
            let result = match arguments {
                Some(arguments) => self.host.proceed_with(arguments).await,
                None => self.host.proceed().await,
            };
            result.map_err(|error| failure_of(&error))
        }
        .boxed()
    }
}

/// The intercepted operation, as the contract shows it.
impl OperationFacts for Intercepted {
    fn kind(&self) -> OperationKind {
        match self.kind {
            QueryKind::Query => OperationKind::Query,
            QueryKind::Mutation => OperationKind::Mutation,
        }
    }
    fn field(&self) -> String {
        self.name.clone()
    }
    fn response_key(&self) -> String {
        had(self.query.key(), &self.name)
    }
    fn operation_name(&self) -> Option<String> {
        self.operation_name.clone()
    }
    fn arguments(&self) -> String {
        had(self.query.arguments(), "{}")
    }
    fn selection(&self) -> String {
        let below = self.query.json().map(|tree| {
            let below = tree.get("subfields").cloned().unwrap_or(Json::Array(Vec::new()));
            renamed(below).to_string()
        });
        had(below, "[]")
    }
}

/// The interface has no error: what cannot be said is said in the log. Only an operation that was valid is intercepted.
fn had(text: Result<String, RequestError>, without: &str) -> String {
    text.unwrap_or_else(|error| {
        tracing::error!(message = %error.message, "an intercepted operation cannot be shown");
        without.to_owned()
    })
}

/// `subfields` is called `fields` in the contract with components.
fn renamed(fields: Json) -> Json {
    match fields {
        Json::Array(items) => Json::Array(items.into_iter().map(renamed).collect()),
        Json::Object(mut field) => {
            let below = field.remove("subfields").unwrap_or(Json::Array(Vec::new()));
            field.insert("fields".to_owned(), renamed(below));
            Json::Object(field)
        }
        other => other,
    }
}

/// A request without hooks: only warnings of a module are worth a line.
pub(super) struct Quiet;

impl HookHost for Quiet {
    fn trace_id(&self) -> String {
        String::new()
    }
    fn wants_reports(&self) -> bool {
        false
    }
    fn log_enabled(&self, level: HookLevel) -> bool {
        level >= HookLevel::Info
    }
    fn log(&self, line: HookLine) {
        let (component, text) = (&line.component, line.text());
        match line.level {
            HookLevel::Error => tracing::error!(target: "hook", %component, "{text}"),
            HookLevel::Warn => tracing::warn!(target: "hook", %component, "{text}"),
            HookLevel::Trace | HookLevel::Debug | HookLevel::Info => {
                tracing::info!(target: "hook", %component, "{text}");
            }
        }
    }
    fn access(&self, _component: &str, _record: Vec<u8>) -> bool {
        false
    }
    fn claims(&self) -> Option<String> {
        None
    }
    fn model(&self, _name: &str) -> Option<String> {
        None
    }
}
