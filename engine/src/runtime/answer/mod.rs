//! One GraphQL request from body to body: the pipeline of graphql-and-sql 2.2, timed and traced.

mod body;
mod clock;
mod record;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};
use studio_events::{PhaseKind, Surface, TraceId};
use studio_hooks::ReplyHeader;
use studio_query::access::{AccessLog, ContextError, NoLog};
use studio_query::error::RequestError;
use studio_query::operation::{Operation, OperationKind};
use studio_query::plan::{ContextUses, Plan, PlanError, PlanOptions, Template, VariableUse, plan_recorded};
use studio_query::{
    Document, Limits, Payload, Prepared, Stage, error_body, prepare, prepare_observed, trusted_text,
};

use self::body::data_body;
pub(crate) use self::body::object;
use self::clock::Clock;
use self::record::calls_note;
use super::access_trace::TimedLog;
use super::asked::Asked;
use super::auth::Verifier;
use super::caller::{Caller, Decisions, QueryResults, RequestHead};
use super::execute::{Execution, FieldTexts, Recording, Run, execute};
use super::histogram::LatencyRecorder;
use super::live;
use super::scope;
use super::sent::SentRequests;
use super::serving::{Cached, Known, Learned, Serving};
use super::tap::Tap;
use crate::bus::Bus;
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
    pub(super) headers: Vec<ReplyHeader>,
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
    headers: Vec<ReplyHeader>,
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
