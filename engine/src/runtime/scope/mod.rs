//! Requests that run code of the model: one transaction around queries, functions and interceptors, down to the
//! queries that functions issue themselves (language.md 8.3 and 8.5, graphql-and-sql 2.7).

mod field;
mod host;
mod review;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use studio_model::ir::Plugin;
use studio_postgres::{Pace, PooledConnection, Transaction, TransactionMode};
use studio_query::access::{AccessLog, ContextError, NoLog};
use studio_query::error::{ErrorClass, RequestError};
use studio_query::operation::{Operation, OperationKind, RootCall, RootField};
use studio_query::plan::{
    CodePlan, FieldBody, FieldPlan, Injection, Plan, PlanError, code_module, interceptor_arguments,
    plan_root, project,
};
use studio_query::{field_tree, prepare, with_arguments};
use tokio::sync::{Mutex, OnceCell};

use self::field::{Field, Position};
use self::host::Host;
use super::access_trace::TimedLog;
use super::answer::{AnswerContext, Identity, limits};
use super::asked::Asked;
use super::caller::{Caller, Decisions, QueryResults, RequestHead};
use super::contexts;
use super::execute::{Execution, FieldTexts, Recording, Run, Running, database_error, execute, micros};
use super::modules::{Chain, FieldTree, Intercepted, ModuleCall, Woven};
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
    pub(super) headers: Vec<(String, String)>,
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
    headers: Lock<Vec<(String, String)>>,
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
            let mut texts = Vec::with_capacity(operation.roots.len());
            let is_work = |root: &RootField| !matches!(root.call, RootCall::Json(_));
            let last = operation.roots.iter().rposition(is_work);
            for (index, root) in operation.roots.iter().enumerate() {
                let text = match &root.call {
                    RootCall::Json(text) => text.clone(),
                    RootCall::Entity(_) | RootCall::Code(_) => {
                        let then = if depth == 0 && last == Some(index) { Then::End } else { Then::GoOn };
                        let chain = self.serving.modules.chain(operation.kind, &root.name);
                        let at = Position::of(operation, root, then);
                        self.root(at, Field::Given(root), &chain, acting, depth).await?
                    }
                };
                texts.push((root.key.clone(), text));
            }
            Ok(texts)
        }
        .boxed()
    }

    /// All root fields of what the client asked for. Behind a known plan the operation is not looked at.
    async fn asked(&self, asked: &Arc<Asked>, acting: &Acting) -> Result<FieldTexts, RequestError> {
        let known = asked.learned().and_then(|learned| Some((&learned.template, learned.chains.as_ref()?)));
        let Some((template, chains)) = known else {
            let operation = asked.operation()?;
            let mut texts = Vec::with_capacity(operation.roots.len());
            let is_work = |root: &RootField| !matches!(root.call, RootCall::Json(_));
            let last = operation.roots.iter().rposition(is_work);
            for (index, root) in operation.roots.iter().enumerate() {
                let text = match &root.call {
                    RootCall::Json(text) => text.clone(),
                    RootCall::Entity(_) | RootCall::Code(_) => {
                        let then = if last == Some(index) { Then::End } else { Then::GoOn };
                        let chain = self.serving.modules.chain(operation.kind, &root.name);
                        let at = Position::of(operation, root, then);
                        self.root(at, Field::Asked(asked, index), &chain, acting, 0).await?
                    }
                };
                texts.push((root.key.clone(), text));
            }
            return Ok(texts);
        };
        let mut texts = Vec::with_capacity(template.roots.len());
        for (index, ((root, field), chain)) in
            template.roots.iter().zip(&template.plan.fields).zip(chains).enumerate()
        {
            let then = if index + 1 == template.roots.len() { Then::End } else { Then::GoOn };
            let operation_name = template.operation_name.as_deref();
            let at = Position { kind: template.kind, name: &root.name, operation_name, then };
            let text = self.root(at, Field::Asked(asked, index), chain, acting, 0).await?;
            texts.push((field.key.clone(), text));
        }
        Ok(texts)
    }

    /// A root field with its interceptors.
    async fn root(
        &self,
        at: Position<'_>,
        field: Field<'_>,
        chain: &Chain,
        acting: &Acting,
        depth: usize,
    ) -> Result<String, RequestError> {
        let Position { kind, name, operation_name, then } = at;
        if chain.is_empty() {
            return self.core(field, then, acting, depth).await;
        }
        let then = if chain.after.is_empty() { then } else { Then::GoOn };
        let ir = &self.serving.ir;
        let mut plain = Arc::new(Intercepted {
            name: name.to_owned(),
            operation_name: operation_name.map(str::to_owned),
            query: field.tree(ir),
            can_proceed: false,
            kind,
            outcome: None,
        });
        let mut replaced = None;
        for woven in &chain.before {
            let answer = self.intercept(woven, &plain, acting, depth, None).await?;
            // Scripts look only (language.md 8.5); a component may give other arguments.
            if self.is_component(woven) && !answer.is_empty() {
                let root = field.or(replaced.as_ref()).root()?;
                let other = self.with_arguments(kind, root, &answer).map_err(|error| {
                    let cause = format!("the arguments of `{name}` do not fit: {}", error.message);
                    contract_broken(&cause)
                })?;
                let query = FieldTree::Made(Arc::new(field_tree(&other, ir)));
                plain = Arc::new(Intercepted { query, ..Intercepted::clone(&plain) });
                replaced = Some(other);
            }
        }
        let field = field.or(replaced.as_ref());
        let mut text = if chain.around.is_empty() {
            self.core(field, then, acting, depth).await?
        } else {
            let wrapped = Arc::new(Intercepted { can_proceed: true, ..Intercepted::clone(&plain) });
            self.around(&chain.around, field, &wrapped, acting, depth).await?
        };
        for woven in &chain.after {
            let outcome = Some(text.clone());
            let finished = Arc::new(Intercepted { outcome, ..Intercepted::clone(&plain) });
            let answer = self.intercept(woven, &finished, acting, depth, None).await?;
            // The result of a script is ignored (language.md 8.5); a component says whether it has another one.
            if self.is_component(woven) && !answer.is_empty() {
                text = answer;
            }
        }
        Ok(text)
    }

    fn is_component(&self, woven: &Woven) -> bool {
        matches!(self.serving.ir.modules[woven.module].plugin, Plugin::Wasm(_))
    }

    /// A root field with other arguments (a JSON object).
    fn with_arguments(
        &self,
        kind: OperationKind,
        root: &RootField,
        arguments: &str,
    ) -> Result<RootField, RequestError> {
        let arguments = serde_json::from_str(arguments).map_err(|error| {
            let message = format!("arguments must be a JSON object: {error}");
            RequestError::plain(message, ErrorClass::Invalid, None)
        })?;
        with_arguments(&self.serving.schema, kind, root, &arguments)
    }

    /// The field inside of these `@around` interceptors; the last declared one is outermost.
    fn around<'s>(
        &'s self,
        wrapping: &'s [Arc<Woven>],
        field: Field<'s>,
        operation: &'s Arc<Intercepted>,
        acting: &'s Acting,
        depth: usize,
    ) -> Answer<'s> {
        async move {
            let Some((outermost, inner)) = wrapping.split_last() else {
                return self.core(field, Then::GoOn, acting, depth).await;
            };
            let refused = Lock::new(None);
            let heard = &refused;
            let proceed = |arguments: Option<String>| {
                async move {
                    let result = match arguments {
                        None => self.around(inner, field, operation, acting, depth).await,
                        Some(arguments) => {
                            // What does not fit is for the interceptor to know; nothing was refused.
                            let root = self.with_arguments(operation.kind, field.root()?, &arguments)?;
                            let query = FieldTree::Made(Arc::new(field_tree(&root, &self.serving.ir)));
                            let operation = Arc::new(Intercepted { query, ..Intercepted::clone(operation) });
                            self.around(inner, Field::Given(&root), &operation, acting, depth).await
                        }
                    };
                    if let Err(error) = &result {
                        let mut refused = heard.lock().unwrap_or_else(PoisonError::into_inner);
                        *refused = Some(error.clone());
                    }
                    result
                }
                .boxed()
            };
            let result = self.intercept(outermost, operation, acting, depth, Some(&proceed)).await;
            let refused = refused.lock().unwrap_or_else(PoisonError::into_inner).take();
            match (result, refused) {
                (Ok(text), _) => self.raw(field, text),
                // What the operation itself was refused for stays what the client reads.
                (Err(error), Some(refused)) if error.class == ErrorClass::Internal => Err(refused),
                (Err(error), _) => Err(error),
            }
        }
        .boxed()
    }

    /// A string that an `@around` interceptor returns is the body itself, except where the field is a string.
    fn raw(&self, field: Field<'_>, text: String) -> Result<String, RequestError> {
        if !text.starts_with('"') {
            return Ok(text);
        }
        let scalar = match &field.root()?.call {
            RootCall::Code(call) => code_module(&self.serving.ir.modules[call.module].plugin)
                .and_then(|code| code.methods.get(call.method))
                .is_some_and(|method| {
                    matches!(method.result.base, studio_model::ir::CodeBase::Scalar(_))
                        && method.result.lists.is_empty()
                }),
            RootCall::Entity(_) | RootCall::Json(_) => false,
        };
        if scalar {
            return Ok(text);
        }
        Ok(match serde_json::from_str::<String>(&text) {
            Ok(body) if serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok() => body,
            _ => text,
        })
    }

    /// Calls an interceptor.
    async fn intercept(
        &self,
        woven: &Woven,
        operation: &Arc<Intercepted>,
        acting: &Acting,
        depth: usize,
        proceed: Option<Proceed<'_>>,
    ) -> Result<String, RequestError> {
        let ir = &self.serving.ir;
        let module = &ir.modules[woven.module];
        let interceptor = code_module(&module.plugin)
            .and_then(|code| code.interceptors.get(woven.index))
            .ok_or_else(|| RequestError::internal("an interceptor that the module does not have"))?;
        let arguments = loop {
            let attempt = interceptor_arguments(interceptor, ir, &self.caller(acting));
            match attempt {
                Ok(arguments) => break arguments?,
                Err(missing) => self.find(missing, acting, depth).await?,
            }
        };
        let target = Target {
            module: woven.module,
            function: &interceptor.name,
            arguments: &arguments,
            composite: false,
        };
        self.function(target, Some(operation), acting, depth, proceed).await
    }

    /// The field itself.
    async fn core(
        &self,
        field: Field<'_>,
        then: Then,
        acting: &Acting,
        depth: usize,
    ) -> Result<String, RequestError> {
        if let Field::Asked(asked, index) = field
            && let Some((learned, holes)) = asked.plan(|| self.caller(acting))
        {
            let plan = &learned.template.plan;
            let field = plan.fields.get(index);
            let field = field.ok_or_else(|| RequestError::internal("a plan without this root field"))?;
            if then == Then::End && self.runs_alone(field) {
                let repeatable = learned.template.kind == OperationKind::Query;
                // With other fields, which are all done, this one has a plan among several.
                let pace = Some(asked.pace());
                if plan.fields.len() == 1 {
                    return self.alone(plan, &holes, repeatable, pace).await;
                }
                let alone = Plan { fields: vec![field.clone()], transaction: false };
                return self.alone(&alone, &holes, repeatable, None).await;
            }
            return self.stepwise((field, &holes), then, acting, depth).await;
        }
        let root = field.root()?;
        let plan = self.plan(root, acting, depth).await?;
        if let Field::Asked(asked, 0) = field {
            let none = QueryResults::default();
            asked.learn(&self.serving.modules, || self.caller_with(acting, &none));
        }
        if then == Then::End && self.runs_alone(&plan) {
            let plan = Plan { fields: vec![plan], transaction: false };
            return self.alone(&plan, &[], field.is_query(), None).await;
        }
        self.stepwise((&plan, &[]), then, acting, depth).await
    }

    /// Whether a field that nothing follows is all that the request does in the database, with one statement: then it
    /// needs no transaction (graphql-and-sql 2.7).
    fn runs_alone(&self, plan: &FieldPlan) -> bool {
        plan.reviews.is_none()
            && matches!(&plan.body, FieldBody::Steps(steps) if steps.len() == 1)
            && !self.connection.initialized()
    }

    async fn alone(
        &self,
        plan: &Plan,
        holes: &[String],
        repeatable: bool,
        pace: Option<&Pace>,
    ) -> Result<String, RequestError> {
        let run = Run { pool: &self.serving.pool, holes, recording: self.recording, repeatable, pace };
        let (result, execution) = Box::pin(execute(plan, run)).await;
        self.run.lock().await.record.add(execution);
        Ok(result?.pop().map(|(_, json)| json).unwrap_or_default())
    }

    /// A field in the transaction of the request.
    async fn stepwise(
        &self,
        (plan, holes): (&FieldPlan, &[String]),
        then: Then,
        acting: &Acting,
        depth: usize,
    ) -> Result<String, RequestError> {
        match &plan.body {
            FieldBody::Constant(text) => Ok(text.clone()),
            FieldBody::Error(error) => Err(error.clone()),
            FieldBody::Steps(_) => {
                let text = {
                    let mut transaction = self.transaction.lock().await;
                    let mut run = self.run.lock().await;
                    let connection = self.connect(&mut run).await?;
                    transaction.get_or_insert_with(|| connection.transaction(TransactionMode::default()));
                    // A review may still refuse what was written.
                    let ends = then == Then::End && plan.reviews.is_none();
                    run.field((plan, holes), ends, &mut transaction).await?
                };
                match &plan.reviews {
                    Some(reviews) => self.reviewed(&text, reviews, acting, depth).await,
                    None => Ok(text),
                }
            }
            FieldBody::Code(plan) => self.method(plan, acting, depth).await,
        }
    }

    /// The connection of the request, taken when first needed.
    async fn connect(&self, run: &mut Running<'_>) -> Result<&'a PooledConnection, RequestError> {
        let started = Instant::now();
        let fresh = !self.connection.initialized();
        let connection = self
            .connection
            .get_or_try_init(|| self.serving.pool.get())
            .await
            .map_err(|error| RequestError::database(error.to_string()))?;
        if fresh {
            run.waited(started);
        }
        Ok(connection)
    }

    async fn plan(&self, root: &RootField, acting: &Acting, depth: usize) -> Result<FieldPlan, RequestError> {
        if let Ok(token) = self.head.token(&self.context.settings.token_source) {
            self.context.verifier.prepare(token).await;
        }
        loop {
            let mut observed = TimedLog::default();
            let planned = {
                let mut silent = NoLog;
                let log: &mut dyn AccessLog =
                    if self.context.is_recorded() { &mut observed } else { &mut silent };
                plan_root(root, &self.serving.ir, &self.caller(acting), log)
            };
            match planned {
                Ok(plan) => {
                    self.log.lock().unwrap_or_else(PoisonError::into_inner).append(observed);
                    return Ok(plan);
                }
                Err(missing) => self.find(missing, acting, depth).await?,
            }
        }
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
        if matches!(module.plugin, Plugin::Wasm(_))
            && !self.serving.ir.contexts.is_empty()
            && self.context.hooks.is_some_and(|hooks| hooks.asks_contexts(path))
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
        };
        if self.recording == Recording::Off {
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
