//! One GraphQL request from body to body: the pipeline of graphql-and-sql 2.2, timed and traced.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};
use studio_events::{Micros, Phase, PhaseKind, Shares, Surface, Trace, TraceError, TraceId, TraceKind};
use studio_query::access::{AccessLog, ContextError, NoLog};
use studio_query::error::{ErrorClass, RequestError};
use studio_query::operation::{Operation, OperationKind, RootCall};
use studio_query::plan::{ContextUses, Plan, PlanError, PlanOptions, Template, VariableUse, plan_recorded};
use studio_query::{
    Document, Limits, Payload, Prepared, Stage, document_hash, error_body, prepare, prepare_observed,
    trusted_text,
};

use studio_hooks::{FinishedOperation, OperationKind as HookOperationKind, RequestVerdict};

use super::access_trace::TimedLog;
use super::asked::Asked;
use super::auth::Verifier;
use super::caller::{Caller, Decisions, QueryResults, RequestHead};
use super::execute::{Execution, FieldTexts, Recording, Run, execute};
use super::histogram::{LatencyRecorder, Sample};
use super::live;
use super::scope;
use super::sent::{SentRequest, SentRequests};
use super::serving::{Cached, Known, Learned, Serving};
use super::tap::Tap;
use crate::bus::{self, Bus};
use crate::config::{Environment, Introspection, Settings};
use crate::hooks::{Hooks, RequestHooks, ServerCalls, authorization};
use crate::server::http::HttpReply;

static NEXT_TRACE: AtomicU32 = AtomicU32::new(1);

/// An identity for a trace.
pub(crate) fn next_trace_id() -> TraceId {
    TraceId(NEXT_TRACE.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B1) & 0x00ff_ffff)
}

/// Who the caller is.
#[derive(Debug, Clone, Copy)]
pub enum Identity<'a> {
    /// Whoever the token says.
    Token,
    /// These claims: a hook authenticated the caller, or code acts as somebody else.
    Claims(&'a Map<String, Json>),
    /// The system itself: no access rules.
    System,
}

/// What a request needs besides the served model.
#[derive(Debug, Clone)]
pub struct AnswerContext<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// Variables for `@env` contexts.
    pub environment: &'a Environment,
    /// Token verification.
    pub verifier: &'a Arc<Verifier>,
    /// Exact latency numbers.
    pub latency: &'a LatencyRecorder,
    /// Where traces go; `None` records nothing.
    pub bus: Option<&'a Bus>,
    /// Who else is told of each request.
    pub tap: Option<&'a dyn Tap>,
    /// Requests that can be judged again.
    pub sent: &'a SentRequests,
    /// Where the request came from.
    pub surface: Surface,
    /// The request is exempt from trusted documents.
    pub trusted_bypass: bool,
    /// The request's hooks, when the project has any.
    pub hooks: Option<&'a RequestHooks>,
    /// Hook components of the project, for `@wasm` modules.
    pub components: &'a Hooks,
    /// Who the caller is.
    pub identity: Identity<'a>,
    /// What the request is called, unless its hooks have named it before.
    pub trace: TraceId,
}

impl AnswerContext<'_> {
    /// The identity of the request in traces and log lines.
    pub fn trace_id(&self) -> TraceId {
        self.hooks.map_or(self.trace, RequestHooks::trace_id)
    }

    /// Whether anybody wants the record of a request.
    pub(super) fn is_recorded(&self) -> bool {
        self.bus.is_some() || self.tap.is_some()
    }
}

/// Answers `POST <graphql>`.
pub async fn answer(
    context: &AnswerContext<'_>,
    serving: &Serving,
    head: &RequestHead,
    body: &[u8],
    received: Option<Instant>,
) -> HttpReply {
    let told = context.hooks.is_some_and(RequestHooks::is_observed);
    let mut clock = Clock::start(received, context.is_recorded() || told);
    let Ok(mut payload) = Payload::from_slice(body) else { return HttpReply::empty(400) };
    clock.lap(PhaseKind::Read, "");
    let mut request = Request {
        context,
        serving,
        head,
        clock,
        execution: Execution::default(),
        log: TimedLog::default(),
        document: String::new(),
        cached: false,
        operation: None,
        asked: None,
        template: None,
        headers: Vec::new(),
    };
    let result = request.run(&mut payload).await;
    let body = match &result {
        Ok(fields) => data_body(fields),
        Err(error) => error_body(error),
    };
    request.clock.lap(PhaseKind::Encode, "");
    let statements = request.execution.statement_count;
    if context.settings.live_queries && result.is_ok() && request.is_mutation() {
        Box::pin(live::notify(&serving.pool)).await;
        request.clock.lap(PhaseKind::Sql, "NOTIFY for live queries");
    }
    let headers = std::mem::take(&mut request.headers);
    request.record(&payload, result.as_ref().err(), body.len());
    let mut reply = HttpReply::json(200, body);
    reply.sql_count = statements;
    reply.added = headers;
    reply
}

/// What the calls of a JSON-RPC request came to.
pub(super) struct Ran {
    /// JSON text of each call, or the error of the first one that failed.
    pub(super) result: Result<FieldTexts, RequestError>,
    /// How many calls were done before that.
    pub(super) done: usize,
    pub(super) statements: u32,
    /// Headers that code added.
    pub(super) headers: Vec<(String, String)>,
}

/// Runs the calls of a JSON-RPC request in one transaction; traced as one request.
pub(super) async fn run_calls(
    context: &AnswerContext<'_>,
    serving: &Serving,
    head: &RequestHead,
    operations: Vec<Operation>,
    document: String,
) -> Ran {
    let recording = if context.is_recorded() { Recording::On } else { Recording::Off };
    let mut clock = Clock::start(None, context.is_recorded());
    let (outcome, done) = scope::run_calls(context, serving, head, &operations, recording).await;
    let statements = outcome.execution.statements.iter();
    let sql: u64 = statements.map(|statement| statement.time.0 + statement.wait.0).sum();
    clock.split(PhaseKind::Sql, Duration::from_micros(sql), PhaseKind::Hook);
    let bytes = outcome.result.as_ref().map_or(0, |texts| texts.iter().map(|(_, text)| text.len()).sum());
    let statements = outcome.execution.statement_count;
    let request = Request {
        context,
        serving,
        head,
        clock,
        execution: outcome.execution,
        log: outcome.log,
        document,
        cached: false,
        operation: operations.into_iter().next(),
        asked: None,
        template: None,
        headers: Vec::new(),
    };
    request.record(&Payload::default(), outcome.result.as_ref().err(), bytes);
    Ran { result: outcome.result, done, statements, headers: outcome.headers }
}

struct Request<'a> {
    context: &'a AnswerContext<'a>,
    serving: &'a Serving,
    head: &'a RequestHead,
    clock: Clock,
    execution: Execution,
    log: TimedLog,
    document: String,
    cached: bool,
    operation: Option<Operation>,
    /// What code was woven around, in place of the operation.
    asked: Option<Arc<Asked>>,
    template: Option<Arc<Learned>>,
    /// Headers that code added.
    headers: Vec<(String, String)>,
}

impl Request<'_> {
    async fn run(&mut self, payload: &mut Payload) -> Result<FieldTexts, RequestError> {
        let serving = self.serving;
        let trusted = serving.ir.trusted_documents.as_ref();
        let text = trusted_text(payload, trusted, !self.context.trusted_bypass)?;
        if trusted.is_some() && payload.query.is_some() && !self.context.trusted_bypass {
            advise_hashes();
        }
        if self.context.is_recorded() || self.is_told() {
            self.document.push_str(&text);
        }
        let (known, cached) = serving.known(&text)?;
        self.cached = cached == Cached::Hit;
        self.clock.lap(PhaseKind::Parse, if cached == Cached::Hit { "document cache hit" } else { "" });
        let observed = self.context.is_recorded() || self.is_told();
        // Whoever looks wants to see how a request is judged and planned, so that is done anew then.
        if !observed && let Some((learned, holes)) = self.planned_before(&known, payload).await {
            self.clock.lap(PhaseKind::Plan, "plan cache hit");
            self.template = Some(Arc::clone(&learned));
            if learned.chains.is_some() {
                let asked = self.ask(&known, payload).of_shape(learned, holes);
                return Box::pin(self.with_code(asked, Recording::Off)).await;
            }
            let template = &learned.template;
            let run = Run {
                pool: &serving.pool,
                holes: &holes,
                recording: Recording::Off,
                repeatable: template.kind == OperationKind::Query,
                pace: Some(&known.pace),
            };
            let (result, execution) = execute(&template.plan, run).await;
            self.clock.lap(PhaseKind::Sql, "");
            self.execution = execution;
            return result;
        }
        let Prepared { operation, mut uses } = self.prepare(&known.document, payload)?;
        let recording = if observed { Recording::On } else { Recording::Off };
        if serving.modules.concern(&operation) {
            let asked = self.ask(&known, payload).prepared_as(Prepared { operation, uses }, !observed);
            return Box::pin(self.with_code(asked, recording)).await;
        }
        let nothing = (&QueryResults::default(), &Decisions::default());
        let log = &mut self.log;
        let planning = plan_once(self.context, serving, self.head, &operation, log, &mut uses, nothing);
        let planned = Box::pin(planning).await;
        let planned = match planned {
            Ok(planned) => planned,
            // A context value comes from a query, or a component decides: both belong into the same transaction.
            Err(PlanError::NeedsQuery(_) | PlanError::NeedsDecision(_)) => {
                self.log.clear();
                let asked = self.ask(&known, payload).prepared_as(Prepared { operation, uses }, false);
                return Box::pin(self.with_code(asked, recording)).await;
            }
        };
        let repeatable = operation.kind == OperationKind::Query;
        self.clock.split(PhaseKind::Access, self.log.spent, PhaseKind::Plan);
        let (plan, contexts) = planned;
        if let (Some(contexts), false) = (contexts, observed) {
            known.learn(|| {
                let asked = payload.operation_name.as_deref();
                let variables = payload.variables.as_ref();
                let template =
                    Template::new(&plan, &operation, asked, &uses, variables, contexts, &serving.ir)?;
                Some(Learned { template, chains: None })
            });
        }
        self.operation = Some(operation);
        let run = Run { pool: &serving.pool, holes: &[], recording, repeatable, pace: None };
        let (result, execution) = execute(&plan, run).await;
        self.clock.split(PhaseKind::Pool, Duration::from_micros(execution.wait.0), PhaseKind::Sql);
        self.execution = execution;
        result
    }

    /// Functions, interceptors and context queries run within one transaction with the rest.
    async fn with_code(&mut self, asked: Asked, recording: Recording) -> Result<FieldTexts, RequestError> {
        self.clock.lap(PhaseKind::Plan, "");
        let asked = self.asked.insert(Arc::new(asked));
        let outcome = scope::run_asked(self.context, self.serving, self.head, asked, recording).await;
        self.execution = outcome.execution;
        self.headers = outcome.headers;
        self.log.append(outcome.log);
        let statements = self.execution.statements.iter();
        let sql: u64 = statements.map(|statement| statement.time.0 + statement.wait.0).sum();
        self.clock.split(PhaseKind::Sql, Duration::from_micros(sql), PhaseKind::Hook);
        self.clock.note(&calls_note(&outcome.calls));
        outcome.result
    }

    /// What is asked for, for code around it. The trace wants to keep the variables.
    fn ask(&self, known: &Arc<Known>, payload: &mut Payload) -> Asked {
        let variables =
            if self.context.is_recorded() { payload.variables.clone() } else { payload.variables.take() };
        let name = payload.operation_name.clone();
        Asked::new(self.serving, known, name, variables, limits(self.context.settings))
    }

    /// The operation, if it had to be looked at.
    fn operation(&self) -> Option<&Operation> {
        self.operation.as_ref().or_else(|| self.asked.as_ref()?.seen())
    }

    /// Whether a hook hears of the operation.
    fn is_told(&self) -> bool {
        self.context.hooks.is_some_and(RequestHooks::is_observed)
    }

    fn is_mutation(&self) -> bool {
        let kind = self.template.as_ref().map(|learned| learned.template.kind);
        let kind = kind.or(self.operation().map(|operation| operation.kind));
        kind == Some(OperationKind::Mutation)
    }

    /// The plan of an earlier request of the same shape by a caller who is the same to its rules.
    /// Where code is woven around it, what the caller is to the rules is asked only when their turn comes: code may
    /// leave values for them.
    async fn planned_before(&self, known: &Known, payload: &Payload) -> Option<(Arc<Learned>, Vec<String>)> {
        let settings = self.context.settings;
        if let Ok(token) = self.head.token(&settings.token_source) {
            self.context.verifier.prepare(token).await;
        }
        let queries = QueryResults::default();
        let (verifier, environment) = (self.context.verifier, self.context.environment);
        let caller = Caller::new(self.head, verifier, &settings.token_source, environment, &queries)
            .acting(self.context.identity, self.context.hooks.map(RequestHooks::exchange));
        let (asked, variables) = (payload.operation_name.as_deref(), payload.variables.as_ref());
        known.find(|Learned { template, chains }| match chains {
            None => template.fill(asked, variables, &caller, &self.serving.ir),
            Some(_) if matches!(self.context.identity, Identity::System) => None,
            Some(_) => template.shape(asked, variables),
        })
    }

    fn prepare(&mut self, document: &Document, payload: &Payload) -> Result<Prepared, RequestError> {
        let (mut coercing, mut begun) = (Duration::ZERO, None);
        let observed = self.context.is_recorded();
        let mut observe = |stage| match stage {
            _ if !observed => {}
            Stage::CoercionBegins => begun = Some(Instant::now()),
            Stage::CoercionEnds => coercing += begun.map(|it: Instant| it.elapsed()).unwrap_or_default(),
        };
        let operation = prepare_observed(
            document,
            payload.operation_name.as_deref(),
            payload.variables.as_ref(),
            &self.serving.schema,
            &limits(self.context.settings),
            &mut observe,
        );
        self.clock.split(PhaseKind::Coerce, coercing, PhaseKind::Validate);
        operation
    }

    fn record(mut self, payload: &Payload, error: Option<&RequestError>, bytes: usize) {
        let total = self.clock.total();
        let template = self.template.take();
        let (kind, name) = match template.as_deref().map(|learned| &learned.template) {
            Some(template) => (kind_of(template.kind), Cow::Borrowed(&*template.name)),
            None => {
                let (kind, name) = describe(self.operation(), payload.operation_name.as_deref());
                (kind, Cow::Owned(name))
            }
        };
        // In production nobody asks for these numbers.
        if kind != TraceKind::Introspection && self.context.bus.is_some() {
            self.context.latency.record(Sample {
                operation: &name,
                shares: Shares {
                    total,
                    sql: Micros(self.clock.of(PhaseKind::Pool).0 + self.clock.of(PhaseKind::Sql).0),
                    hook: self.clock.of(PhaseKind::Hook),
                    plan: Micros(self.clock.of(PhaseKind::Access).0 + self.clock.of(PhaseKind::Plan).0),
                    encode: self.clock.of(PhaseKind::Encode),
                },
                failed: error.is_some(),
                revision: self.serving.revision,
            });
        }
        if let Some(error) = error.filter(|error| error.hidden.is_some()) {
            let hidden = error.hidden.as_deref().unwrap_or_default();
            tracing::warn!(operation = %name, message = %error.message, cause = %hidden, "request failed");
        }
        self.tell_observers(kind, error);
        if !self.context.is_recorded() {
            return;
        }
        let id = self.context.trace_id();
        if self.context.bus.is_some() {
            let operation_name = payload.operation_name.clone();
            self.context.sent.keep(id, SentRequest { head: self.head.clone(), operation_name });
        }
        let variables =
            payload.variables.as_ref().and_then(|it| serde_json::to_string(it).ok()).unwrap_or_default();
        // Their starts count from when the plan was run.
        let ran_after = self.execution.began.map_or(0, |began| span(self.clock.start, began).0);
        for statement in &mut self.execution.statements {
            statement.start.0 += ran_after;
        }
        let trace = Trace {
            id,
            at: bus::now(),
            revision: self.serving.revision,
            surface: self.context.surface.clone(),
            kind,
            operation: name.into_owned(),
            caller: self.caller_label(),
            document: std::mem::take(&mut self.document).into(),
            variables: variables.into(),
            status: 200,
            total,
            phases: self.clock.phases(total),
            statements: std::mem::take(&mut self.execution.statements),
            round_trips: self.execution.round_trips,
            rows: self.execution.rows,
            response_bytes: bytes as u64,
            error: error.map(|error| TraceError {
                message: error.message.clone(),
                cause: error.hidden.clone(),
                denied: error.class == ErrorClass::NotAuthorized,
            }),
            access: self.log.checks(),
        };
        let trace = Arc::new(trace);
        if let Some(tap) = self.context.tap {
            tap.request(&trace, &self.log.notes);
        }
        match (self.context.hooks, self.context.bus) {
            // Hooks after the reply belong to the trace as well.
            (Some(hooks), Some(_)) => hooks.keep_trace(Trace::clone(&trace), self.clock.start),
            (None, Some(bus)) => bus.trace(trace),
            (_, None) => {}
        }
    }

    /// Facts for observers, if some hook observes.
    fn tell_observers(&self, kind: TraceKind, error: Option<&RequestError>) {
        let Some(hooks) = self.context.hooks.filter(|hooks| hooks.is_observed()) else { return };
        let verdict = match error.map(|error| error.class) {
            None => RequestVerdict::Success,
            Some(ErrorClass::NotAuthorized | ErrorClass::Expired | ErrorClass::NotAllowed) => {
                RequestVerdict::Refused
            }
            Some(_) => RequestVerdict::Failed,
        };
        let sql = self.clock.of(PhaseKind::Sql).0;
        hooks.keep_operation(FinishedOperation {
            kind: match kind {
                TraceKind::Mutation => HookOperationKind::Mutation,
                TraceKind::Query | TraceKind::Introspection | TraceKind::Invalid => HookOperationKind::Query,
            },
            name: self.operation().and_then(|operation| operation.name.clone()),
            document_hash: document_hash(&self.document),
            planning_us: self.clock.total().0.saturating_sub(sql),
            execution_us: sql,
            sql_statements: self.execution.statement_count,
            from_plan_cache: self.cached,
            verdict,
            error_count: u32::from(error.is_some()),
        });
    }

    /// The active persona for the page's requests, `token` for others that bring one.
    fn caller_label(&self) -> String {
        match self.head.token(&self.context.settings.token_source) {
            Ok(None) => String::new(),
            Ok(Some(_)) if self.context.surface == Surface::Playground => {
                let persona = self.context.bus.and_then(|bus| bus.states().borrow().persona.clone());
                persona.unwrap_or_else(|| "token".to_owned())
            }
            Ok(Some(_)) => "token".to_owned(),
            Err(_) => "bad token".to_owned(),
        }
    }
}

/// The limits of the settings.
pub(super) fn limits(settings: &Settings) -> Limits {
    Limits {
        depth: settings.limits.depth,
        root_fields: settings.limits.root_fields,
        aliases: settings.limits.aliases,
        rows: settings.limits.rows,
        introspection: match settings.introspection {
            Introspection::Disabled => studio_query::Introspection::Disabled,
            Introspection::Enabled => studio_query::Introspection::Enabled,
            Introspection::Only => studio_query::Introspection::Only,
        },
        ..Limits::default()
    }
}

/// A listed document was sent in full: told once, because clients that do so do it all the time.
fn advise_hashes() {
    static TOLD: std::sync::Once = std::sync::Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            "clients send trusted documents as text; extensions.persistedQuery.sha256Hash is shorter"
        );
    });
}

/// Plans an operation, running the queries its contexts come from and asking the components of its rules first.
pub(super) async fn plan_for(
    context: &AnswerContext<'_>,
    serving: &Serving,
    head: &RequestHead,
    operation: &Operation,
    log: &mut TimedLog,
) -> Result<Plan, RequestError> {
    let (queries, decisions) = (QueryResults::default(), Decisions::default());
    // Each round knows the result of one more query or question.
    loop {
        log.clear();
        let known = (&queries, &decisions);
        match plan_once(context, serving, head, operation, log, &mut [], known).await {
            Ok((plan, _)) => return Ok(plan),
            Err(PlanError::NeedsDecision(question)) => {
                let mut calls = ServerCalls::new(context, serving, head);
                let decision = authorization::decide(context, serving, head, &question, &mut calls).await?;
                decisions.insert(*question, decision);
            }
            Err(PlanError::NeedsQuery(name)) => {
                let result = context_query(context, serving, head, &name).await;
                queries.insert(
                    &name,
                    result.map_err(|error| {
                        let cause = error.hidden.unwrap_or(error.message);
                        ContextError::Extraction(format!("the query `{name}` failed: {cause}"))
                    }),
                );
            }
        }
    }
}

/// Plans an operation with the results of context queries that are known.
async fn plan_once(
    context: &AnswerContext<'_>,
    serving: &Serving,
    head: &RequestHead,
    operation: &Operation,
    log: &mut TimedLog,
    uses: &mut [VariableUse],
    (queries, decisions): (&QueryResults, &Decisions),
) -> Result<(Plan, Option<ContextUses>), PlanError> {
    let settings = context.settings;
    if let Ok(token) = head.token(&settings.token_source) {
        context.verifier.prepare(token).await;
    }
    let caller = Caller::new(head, context.verifier, &settings.token_source, context.environment, queries)
        .acting(context.identity, context.hooks.map(RequestHooks::exchange))
        .deciding(decisions);
    let mut silent = NoLog;
    let log: &mut dyn AccessLog = if context.is_recorded() { log } else { &mut silent };
    plan_recorded(operation, &serving.ir, &caller, log, PlanOptions::default(), uses)
}

/// Runs an operation that code asked for: same rules as from outside, unless it acts as somebody else; trusted documents
/// do not apply (language.md 8.3).
pub(crate) async fn run_inner(
    context: &AnswerContext<'_>,
    serving: &Serving,
    head: &RequestHead,
    document: &str,
    variables: Option<&Map<String, Json>>,
) -> Result<FieldTexts, RequestError> {
    let (document, _) = serving.document(document)?;
    let operation = prepare(&document, None, variables, &serving.schema, &limits(context.settings))?;
    if serving.modules.concern(&operation) {
        return scope::run(context, serving, head, &operation, Recording::Off).await.result;
    }
    let nothing = (&QueryResults::default(), &Decisions::default());
    let log = &mut TimedLog::default();
    let Ok((plan, _)) = plan_once(context, serving, head, &operation, log, &mut [], nothing).await else {
        return scope::run(context, serving, head, &operation, Recording::Off).await.result;
    };
    let repeatable = operation.kind == OperationKind::Query;
    let run = Run { pool: &serving.pool, holes: &[], recording: Recording::Off, repeatable, pace: None };
    let (fields, _) = execute(&plan, run).await;
    fields
}

/// Runs `query { name }` for a context value: same caller, same rules (language.md 5.1).
async fn context_query(
    context: &AnswerContext<'_>,
    serving: &Serving,
    head: &RequestHead,
    name: &str,
) -> Result<Option<Json>, RequestError> {
    let (document, _) = serving.document(&format!("query {{ {name} }}"))?;
    let limits = Limits { depth: context.settings.limits.depth, ..Limits::default() };
    let operation = prepare(&document, None, None, &serving.schema, &limits)?;
    let fields = scope::run(context, serving, head, &operation, Recording::Off).await.result;
    let text = fields?.into_iter().next().map(|(_, json)| json).unwrap_or_default();
    serde_json::from_str(&text).map(Some).map_err(|error| RequestError::internal(error.to_string()))
}

/// The `data` object from finished JSON texts.
pub(crate) fn data_object(fields: &FieldTexts) -> String {
    object(fields)
}

/// `Pricing.quote 1.2 ms, …` of the functions that ran.
fn calls_note(calls: &[scope::FunctionTime]) -> String {
    let shown: Vec<String> = calls
        .iter()
        .take(5)
        .map(|call| {
            #[allow(clippy::cast_precision_loss)]
            let milliseconds = call.time.0 as f64 / 1000.0;
            format!("{} {milliseconds:.1} ms", call.name)
        })
        .collect();
    let more = if calls.len() > shown.len() { ", …" } else { "" };
    shown.join(", ") + more
}

/// `{"data": …}` from finished JSON texts, in selection order.
fn data_body(fields: &FieldTexts) -> String {
    let mut body = String::with_capacity(size(fields) + "{\"data\":}".len());
    body.push_str("{\"data\":");
    push_object(&mut body, fields);
    body.push('}');
    body
}

/// An object of finished JSON texts.
pub(super) fn object(fields: &FieldTexts) -> String {
    let mut body = String::with_capacity(size(fields));
    push_object(&mut body, fields);
    body
}

/// Bytes of [`object`], or a few more.
fn size(fields: &FieldTexts) -> usize {
    fields.iter().map(|(key, json)| key.len() + json.len() + 6).sum::<usize>() + 2
}

fn push_object(body: &mut String, fields: &FieldTexts) {
    body.push('{');
    for (index, (key, json)) in fields.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        // GraphQL names need no escaping.
        body.push('"');
        body.push_str(key);
        body.push_str("\":");
        body.push_str(json);
    }
    body.push('}');
}

fn describe(operation: Option<&Operation>, asked: Option<&str>) -> (TraceKind, String) {
    let Some(operation) = operation else {
        return (TraceKind::Invalid, asked.unwrap_or("(invalid)").to_owned());
    };
    let only_schema = operation.roots.iter().all(|root| matches!(root.call, RootCall::Json(_)));
    let kind = match operation.kind {
        OperationKind::Query if only_schema => TraceKind::Introspection,
        kind => kind_of(kind),
    };
    let first = || operation.roots.first().map_or("(empty)", |root| root.name.as_str());
    (kind, operation.name.as_deref().unwrap_or_else(first).to_owned())
}

fn kind_of(kind: OperationKind) -> TraceKind {
    match kind {
        OperationKind::Query => TraceKind::Query,
        OperationKind::Mutation => TraceKind::Mutation,
    }
}

/// Laps of one request.
struct Clock {
    start: Instant,
    last: Instant,
    laps: Vec<Phase>,
    /// Somebody wants to know.
    runs: bool,
}

impl Clock {
    fn start(at: Option<Instant>, runs: bool) -> Self {
        let start = at.unwrap_or_else(Instant::now);
        Self { start, last: start, laps: Vec::with_capacity(if runs { 11 } else { 0 }), runs }
    }

    /// A lap of two parts: `known` of it was spent on the first one.
    fn split(&mut self, first: PhaseKind, known: Duration, rest: PhaseKind) {
        if !self.runs {
            return;
        }
        let now = Instant::now();
        let border = (self.last + known).min(now);
        for (kind, from, to) in [(first, self.last, border), (rest, border, now)] {
            // Borders are rounded, not spans, so that the spans add up.
            let (start, end) = (span(self.start, from), span(self.start, to));
            self.laps.push(Phase { kind, start, time: Micros(end.0 - start.0), note: String::new() });
        }
        self.last = now;
    }

    fn lap(&mut self, kind: PhaseKind, note: &str) {
        if !self.runs {
            return;
        }
        let now = Instant::now();
        let (start, end) = (span(self.start, self.last), span(self.start, now));
        self.laps.push(Phase { kind, start, time: Micros(end.0 - start.0), note: note.to_owned() });
        self.last = now;
    }

    /// A word about the last lap.
    fn note(&mut self, note: &str) {
        if let Some(lap) = self.laps.last_mut() {
            note.clone_into(&mut lap.note);
        }
    }

    fn total(&self) -> Micros {
        span(self.start, Instant::now())
    }

    fn of(&self, kind: PhaseKind) -> Micros {
        Micros(self.laps.iter().filter(|lap| lap.kind == kind).map(|lap| lap.time.0).sum())
    }

    /// The laps, and what they leave out as `other`.
    fn phases(&mut self, total: Micros) -> Vec<Phase> {
        let known: u64 = self.laps.iter().map(|lap| lap.time.0).sum();
        let start = span(self.start, self.last);
        let time = Micros(total.0.saturating_sub(known));
        self.laps.push(Phase { kind: PhaseKind::Other, start, time, note: String::new() });
        std::mem::take(&mut self.laps)
    }
}

fn span(from: Instant, to: Instant) -> Micros {
    Micros(u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX))
}
