//! Requests that run code of the model: one transaction around queries, functions and interceptors, down to the
//! queries that functions issue themselves (language.md 8.3 and 8.5, graphql-and-sql 2.7).

mod chain;
mod field;
mod host;
mod review;
mod work;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use studio_hooks::ReplyHeader;
use studio_model::ir::Plugin;
use studio_postgres::{PooledConnection, Transaction, TransactionMode};
use studio_query::access::ContextError;
use studio_query::error::{ErrorClass, RequestError};
use studio_query::operation::{Operation, OperationKind, RootCall};
use studio_query::plan::{CodePlan, Injection, PlanError, code_module, project};
use studio_query::prepare;
use tokio::sync::{Mutex, OnceCell};

use self::field::Field;
use self::host::Host;
use super::access_trace::TimedLog;
use super::answer::{AnswerContext, Identity, limits};
use super::asked::Asked;
use super::caller::{Caller, Decisions, QueryResults, RequestHead};
use super::contexts;
use super::execute::{Execution, FieldTexts, Recording, Run, Running, database_error, micros};
use super::modules::{Intercepted, ModuleCall};
use super::serving::Serving;
use crate::hooks::{ModuleCalls, RequestHooks, authorization};

/// Functions may issue queries that run functions again, this deep.
const MAX_DEPTH: usize = 16;

/// What a request with code came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) result: Result<FieldTexts, RequestError>,
    pub(super) execution: Execution,
    /// Headers that code added, in order.
    pub(super) headers: Vec<ReplyHeader>,
    /// Rules that were evaluated.
    pub(super) log: TimedLog,
    /// Calls of functions with their time, in order of their end.
    pub(super) calls: Vec<FunctionTime>,
}

/// One call of a function.
#[derive(Debug)]
pub(super) struct FunctionTime {
    pub(super) name: String,
    pub(super) time: studio_events::Micros,
}

/// Runs an operation with its functions and interceptors in one transaction.
pub(super) async fn run(
    context: &AnswerContext<'_>,
    serving: &Serving,
    head: &RequestHead,
    operation: &Operation,
    recording: Recording,
) -> Outcome {
    let connection = OnceCell::new();
    let scope = Scope::open(context, serving, head, &connection, recording);
    let result = scope.operation(operation, &Acting::default(), 0).await;
    scope.close(result).await
}

/// The same for what a client asked for, with a known plan if there is one.
pub(super) async fn run_asked(
    context: &AnswerContext<'_>,
    serving: &Serving,
    head: &RequestHead,
    asked: &Arc<Asked>,
    recording: Recording,
) -> Outcome {
    let connection = OnceCell::new();
    let scope = Scope::open(context, serving, head, &connection, recording);
    let result = scope.asked(asked, &Acting::default()).await;
    scope.close(result).await
}

/// Runs operations of one root field each, one after the other, in one transaction and without interceptors, as
/// JSON-RPC wants it. The first error ends it; the number of fields done before it is the second value.
pub(super) async fn run_calls(
    context: &AnswerContext<'_>,
    serving: &Serving,
    head: &RequestHead,
    operations: &[Operation],
    recording: Recording,
) -> (Outcome, usize) {
    let connection = OnceCell::new();
    let scope = Scope::open(context, serving, head, &connection, recording);
    let acting = Acting::default();
    let mut texts = Vec::with_capacity(operations.len());
    let mut failure = None;
    for root in operations.iter().flat_map(|operation| &operation.roots) {
        let text = match &root.call {
            RootCall::Json(text) => Ok(text.clone()),
            RootCall::Entity(_) | RootCall::Code(_) => {
                scope.core(Field::Given(root), Then::GoOn, &acting, 0).await
            }
        };
        match text {
            Ok(text) => texts.push((root.key.clone(), text)),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    let done = texts.len();
    (scope.close(failure.map_or(Ok(texts), Err)).await, done)
}

/// What everything in one request shares.
struct Scope<'a> {
    context: &'a AnswerContext<'a>,
    serving: &'a Serving,
    head: &'a RequestHead,
    connection: &'a OnceCell<PooledConnection>,
    transaction: Mutex<Option<Transaction<'a>>>,
    run: Mutex<Running<'a>>,
    recording: Recording,
    headers: Lock<Vec<ReplyHeader>>,
    log: Lock<TimedLog>,
    calls: Lock<Vec<FunctionTime>>,
    savepoints: AtomicU32,
}

/// As whom: context values that privileged code replaced, and results of context queries for these.
#[derive(Debug, Default)]
struct Acting {
    contexts: Option<Json>,
    role: Role,
    queries: QueryResults,
    decisions: Decisions,
}

/// Who asks.
#[derive(Debug, Clone, Default)]
enum Role {
    /// The caller of the request.
    #[default]
    Caller,
    /// The system itself.
    System,
    /// Somebody with these claims.
    Claims(Map<String, Json>),
}

/// What comes after a field in its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Other fields, or code.
    GoOn,
    /// Nothing: `COMMIT` may travel with its last statement.
    End,
}

type Answer<'s> = BoxFuture<'s, Result<String, RequestError>>;
/// The rest of a chain, with other arguments (a JSON object) if given.
type Proceed<'s> = &'s (dyn Fn(Option<String>) -> Answer<'s> + Sync + 's);

impl<'a> Scope<'a> {
    fn open(
        context: &'a AnswerContext<'a>,
        serving: &'a Serving,
        head: &'a RequestHead,
        connection: &'a OnceCell<PooledConnection>,
        recording: Recording,
    ) -> Self {
        Scope {
            context,
            serving,
            head,
            connection,
            transaction: Mutex::new(None),
            run: Mutex::new(Running::in_scope(Run {
                pool: &serving.pool,
                holes: &[],
                recording,
                repeatable: false,
                pace: None,
            })),
            recording,
            headers: Lock::default(),
            log: Lock::default(),
            calls: Lock::default(),
            savepoints: AtomicU32::new(0),
        }
    }

    /// Ends the transaction as the result says.
    async fn close(self, mut result: Result<FieldTexts, RequestError>) -> Outcome {
        let mut execution = self.run.into_inner().record;
        if let Some(transaction) = self.transaction.into_inner() {
            execution.round_trips += 1;
            let ended = match &result {
                Ok(_) => transaction.commit().await,
                // The answer is known; a connection that cannot even roll back is thrown away by the pool.
                Err(_) => transaction.rollback().await.or(Ok(())),
            };
            if let Err(error) = ended {
                result = Err(database_error(&self.serving.pool, &error));
            }
        }
        Outcome {
            result,
            execution,
            headers: self.headers.into_inner().unwrap_or_else(PoisonError::into_inner),
            log: self.log.into_inner().unwrap_or_else(PoisonError::into_inner),
            calls: self.calls.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// All root fields in order; the first error ends it.
    fn operation<'s>(
        &'s self,
        operation: &'s Operation,
        acting: &'s Acting,
        depth: usize,
    ) -> BoxFuture<'s, Result<FieldTexts, RequestError>> {
        async move {
            if depth > MAX_DEPTH {
                return Err(RequestError::internal("functions and queries call each other without end"));
            }
            self.fields(operation, |_, root| Field::Given(root), acting, depth).await
        }
        .boxed()
    }

    fn caller<'s>(&'s self, acting: &'s Acting) -> Caller<'s> {
        self.caller_with(acting, &acting.queries).deciding(&acting.decisions)
    }

    /// The caller before anybody was asked but for these queries.
    fn caller_with<'s>(&'s self, acting: &'s Acting, queries: &'s QueryResults) -> Caller<'s> {
        let context = self.context;
        Caller::new(self.head, context.verifier, &context.settings.token_source, context.environment, queries)
            .acting(acting.role.identity(context), context.hooks.map(RequestHooks::exchange))
            .replacing(acting.contexts.as_ref())
    }

    /// Gets what planning waits for.
    fn find<'s>(
        &'s self,
        missing: PlanError,
        acting: &'s Acting,
        depth: usize,
    ) -> BoxFuture<'s, Result<(), RequestError>> {
        async move {
            match missing {
                PlanError::NeedsQuery(name) => self.context_query(&name, acting, depth).await,
                PlanError::NeedsDecision(question) => {
                    self.show_contexts(acting, depth).await;
                    let host = self.asking(acting, depth);
                    let mut calls = ModuleCalls::new(&host);
                    let decision =
                        authorization::decide(self.context, self.serving, self.head, &question, &mut calls)
                            .await?;
                    acting.decisions.insert(*question, decision);
                    Ok(())
                }
            }
        }
        .boxed()
    }

    /// What a component that decides or reviews may ask for.
    fn asking<'h>(&'h self, acting: &'h Acting, depth: usize) -> Host<'h, 'a, 'h> {
        Host { scope: self, acting, depth, proceed: None, module: "authorization", turn: Mutex::new(()) }
    }

    /// Runs `query { name }` for a context value: same caller, transaction, rules and interceptors (language.md 5.1).
    fn context_query<'s>(
        &'s self,
        name: &'s str,
        acting: &'s Acting,
        depth: usize,
    ) -> BoxFuture<'s, Result<(), RequestError>> {
        async move {
            if depth >= MAX_DEPTH {
                return Err(RequestError::not_authorized("contexts ask for each other without end"));
            }
            let result = async {
                let operation = self.prepare(&format!("query {{ {name} }}"), None)?;
                let fields = self.operation(&operation, acting, depth + 1).await?;
                let text = fields.into_iter().next().map(|(_, json)| json).unwrap_or_default();
                serde_json::from_str(&text).map_err(|error| RequestError::internal(error.to_string()))
            };
            let result: Result<Json, RequestError> = result.await;
            acting.queries.insert(
                name,
                result.map(Some).map_err(|error| {
                    let cause = error.hidden.unwrap_or(error.message);
                    ContextError::Extraction(format!("the query `{name}` failed: {cause}"))
                }),
            );
            Ok(())
        }
        .boxed()
    }

    fn prepare(&self, query: &str, variables: Option<&Map<String, Json>>) -> Result<Operation, RequestError> {
        let (document, _) = self.serving.document(query)?;
        let limits = limits(self.context.settings);
        prepare(&document, None, variables, &self.serving.schema, &limits)
    }

    /// A query or mutation of a module.
    async fn method(&self, plan: &CodePlan, acting: &Acting, depth: usize) -> Result<String, RequestError> {
        let method = code_module(&self.serving.ir.modules[plan.module].plugin)
            .and_then(|code| code.methods.get(plan.method))
            .ok_or_else(|| RequestError::internal("a method that the module does not have"))?;
        let target = Target {
            module: plan.module,
            function: &method.name,
            arguments: &plan.arguments,
            composite: plan.selection.is_some(),
        };
        let text = self.function(target, None, acting, depth, None).await?;
        let Some(selection) = &plan.selection else { return Ok(text) };
        let value: Json = serde_json::from_str(&text)
            .map_err(|error| RequestError::internal(format!("the function returned no JSON: {error}")))?;
        project(value, selection).map(|value| value.to_string())
    }

    async fn function(
        &self,
        target: Target<'_>,
        operation: Option<&Arc<Intercepted>>,
        acting: &Acting,
        depth: usize,
        proceed: Option<Proceed<'_>>,
    ) -> Result<String, RequestError> {
        let module = &self.serving.ir.modules[target.module];
        let runtime = self.serving.modules.runtime(&module.plugin)?;
        let path = code_module(&module.plugin).map_or("", |code| &code.path);
        let hooks = self.context.hooks.filter(|_| matches!(module.plugin, Plugin::Wasm(_)));
        let component = hooks.and_then(|hooks| hooks.component(path));
        if hooks.is_some()
            && !self.serving.ir.contexts.is_empty()
            && component.is_none_or(|component| component.asks_model())
        {
            self.show_contexts(acting, depth).await;
        }
        let host = Host { scope: self, acting, depth, proceed, module: &module.name, turn: Mutex::new(()) };
        let call = ModuleCall {
            module: target.module,
            path,
            function: target.function,
            arguments: target.arguments,
            operation,
            composite: target.composite,
            environment: self.context.environment,
            components: self.context.components,
            hooks: self.context.hooks,
            component,
        };
        // Calls of components get phases of their own.
        if self.recording == Recording::Off || component.is_some() {
            return runtime.call(call, &host).await;
        }
        let started = Instant::now();
        let result = runtime.call(call, &host).await;
        let name = format!("{}.{}", module.name, target.function);
        let time = FunctionTime { name, time: micros(started) };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(time);
        result
    }

    /// Lets components see the contexts of the model. One whose values cannot be had is left out: the rule that needs it
    /// says why.
    async fn show_contexts(&self, acting: &Acting, depth: usize) {
        let Some(hooks) = self.context.hooks.filter(|hooks| hooks.begin_contexts()) else { return };
        let ir = &self.serving.ir;
        let mut objects = Map::new();
        for (id, context) in ir.contexts.iter() {
            let found = loop {
                let attempt = contexts::object(ir, id, &self.caller(acting));
                match attempt {
                    Ok(found) => break found,
                    Err(missing) => {
                        if self.find(missing, acting, depth).await.is_err() {
                            break None;
                        }
                    }
                }
            };
            objects.extend(found.map(|object| (context.name.clone(), object)));
        }
        hooks.set_contexts(objects);
    }

    /// An operation issued by code. When a mutation fails and the code goes on, nothing of it stays.
    async fn nested(
        &self,
        operation: &Operation,
        acting: &Acting,
        depth: usize,
    ) -> Result<FieldTexts, RequestError> {
        if operation.kind == OperationKind::Query {
            return self.operation(operation, acting, depth).await;
        }
        let name = format!("exo_{}", self.savepoints.fetch_add(1, Ordering::Relaxed));
        let database = |error: studio_postgres::DbError| database_error(&self.serving.pool, &error);
        {
            let mut transaction = self.transaction.lock().await;
            let mut run = self.run.lock().await;
            let connection = self.connect(&mut run).await?;
            let open = transaction.get_or_insert_with(|| connection.transaction(TransactionMode::default()));
            run.record.round_trips += 1;
            open.savepoint(&name).await.map_err(database)?;
        }
        let result = self.operation(operation, acting, depth).await;
        let mut transaction = self.transaction.lock().await;
        if let Some(open) = transaction.as_mut() {
            self.run.lock().await.record.round_trips += 1;
            match &result {
                Ok(_) => open.release(&name).await.map_err(database)?,
                Err(_) => open.rollback_to(&name).await.map_err(database)?,
            }
        }
        result
    }
}

/// A component gave what its contract does not allow.
fn contract_broken(cause: &str) -> RequestError {
    let message = "The hook gave an answer that cannot be used";
    RequestError {
        extensions: Some("{\"code\":\"HOOK_CONTRACT\"}".to_owned()),
        ..RequestError::plain(message, ErrorClass::Code, Some(cause.to_owned()))
    }
}

/// A function and its arguments.
#[derive(Clone, Copy)]
struct Target<'t> {
    module: studio_model::ir::ModuleId,
    function: &'t str,
    arguments: &'t [Injection],
    composite: bool,
}

impl Role {
    fn identity<'s>(&'s self, context: &AnswerContext<'s>) -> Identity<'s> {
        match self {
            Self::Caller => context.identity,
            Self::System => Identity::System,
            Self::Claims(claims) => Identity::Claims(claims),
        }
    }
}
