//! One GraphQL request from body to body: the pipeline of graphql-and-sql 2.2, timed and traced.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use studio_events::{Micros, Phase, PhaseKind, Shares, Surface, Trace, TraceError, TraceId, TraceKind};
use studio_query::access::{AccessLog, ContextError, NoLog, RuleEvaluation};
use studio_query::error::{ErrorClass, RequestError};
use studio_query::operation::{Operation, OperationKind, RootCall};
use studio_query::plan::{Plan, PlanError, plan};
use studio_query::{Limits, Payload, error_body, prepare, trusted_text};

use super::access_note::note;
use super::auth::Verifier;
use super::caller::{Caller, QueryResults, RequestHead};
use super::execute::{Execution, FieldTexts, Recording, execute};
use super::histogram::{LatencyRecorder, Sample};
use super::serving::{Cached, Serving};
use super::tap::Tap;
use crate::bus::{self, Bus};
use crate::config::{Environment, Introspection, Settings};
use crate::server::http::HttpReply;

/// `@query` contexts may ask for values that again come from queries, this deep.
const MAX_CONTEXT_DEPTH: usize = 8;

static NEXT_TRACE: AtomicU32 = AtomicU32::new(1);

/// What a request needs besides the served model.
#[derive(Debug)]
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
    /// Where the request came from.
    pub surface: Surface,
    /// The request is exempt from trusted documents.
    pub trusted_bypass: bool,
}

impl AnswerContext<'_> {
    /// Whether anybody wants the record of a request.
    fn is_recorded(&self) -> bool {
        self.bus.is_some() || self.tap.is_some()
    }
}

/// Answers `POST <graphql>`.
pub async fn answer(
    context: &AnswerContext<'_>,
    serving: &Serving,
    head: &RequestHead,
    body: &[u8],
) -> HttpReply {
    let mut clock = Clock::start();
    let Ok(payload) = Payload::from_slice(body) else { return HttpReply::empty(400) };
    clock.lap(PhaseKind::Read, "");
    let mut request = Request {
        context,
        serving,
        head,
        clock,
        execution: Execution::default(),
        notes: Vec::new(),
        document: String::new(),
        operation: None,
    };
    let result = request.run(&payload).await;
    let body = match &result {
        Ok(fields) => data_body(fields),
        Err(error) => error_body(error),
    };
    request.clock.lap(PhaseKind::Encode, "");
    let statements = request.execution.statement_count;
    request.record(&payload, result.as_ref().err(), body.len());
    let mut reply = HttpReply::json(200, body);
    reply.sql_count = statements;
    reply
}

struct Request<'a> {
    context: &'a AnswerContext<'a>,
    serving: &'a Serving,
    head: &'a RequestHead,
    clock: Clock,
    execution: Execution,
    notes: Vec<RuleEvaluation>,
    document: String,
    operation: Option<Operation>,
}

impl Request<'_> {
    async fn run(&mut self, payload: &Payload) -> Result<FieldTexts, RequestError> {
        let settings = self.context.settings;
        let serving = self.serving;
        let trusted = serving.ir.trusted_documents.as_ref();
        let text = trusted_text(payload, trusted, !self.context.trusted_bypass)?;
        self.document.push_str(&text);
        let (document, cached) = serving.document(&text)?;
        self.clock.lap(PhaseKind::Parse, if cached == Cached::Hit { "document cache hit" } else { "" });
        let limits = Limits {
            depth: settings.max_depth,
            introspection: match settings.introspection {
                Introspection::Disabled => studio_query::Introspection::Disabled,
                Introspection::Enabled => studio_query::Introspection::Enabled,
                Introspection::Only => studio_query::Introspection::Only,
            },
            ..Limits::default()
        };
        let operation = prepare(
            &document,
            payload.operation_name.as_deref(),
            payload.variables.as_ref(),
            &serving.schema,
            &limits,
        );
        self.clock.lap(PhaseKind::Validate, "");
        let operation = operation?;
        let recording = if self.context.is_recorded() { Recording::On } else { Recording::Off };
        let plan = plan_for(self.context, serving, self.head, &operation, &mut self.notes, 0).await;
        self.operation = Some(operation);
        self.clock.lap(PhaseKind::Plan, "");
        let (result, execution) = execute(&plan?, &serving.pool, recording).await;
        self.execution = execution;
        self.clock.lap(PhaseKind::Sql, "");
        result
    }

    fn record(mut self, payload: &Payload, error: Option<&RequestError>, bytes: usize) {
        let total = self.clock.total();
        let (kind, name) = describe(self.operation.as_ref(), payload.operation_name.as_deref());
        if kind != TraceKind::Introspection {
            self.context.latency.record(Sample {
                operation: &name,
                shares: Shares {
                    total,
                    sql: self.clock.of(PhaseKind::Sql),
                    hook: self.clock.of(PhaseKind::Hook),
                    plan: self.clock.of(PhaseKind::Plan),
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
        if !self.context.is_recorded() {
            return;
        }
        let variables =
            payload.variables.as_ref().and_then(|it| serde_json::to_string(it).ok()).unwrap_or_default();
        let trace = Trace {
            id: TraceId(NEXT_TRACE.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B1) & 0x00ff_ffff),
            at: bus::now(),
            revision: self.serving.revision,
            surface: self.context.surface.clone(),
            kind,
            operation: name,
            caller: self.caller_label(),
            document: std::mem::take(&mut self.document).into(),
            variables: variables.into(),
            status: 200,
            total,
            phases: self.clock.phases(total),
            statements: self.execution.statements,
            round_trips: self.execution.round_trips,
            rows: self.execution.rows,
            response_bytes: bytes as u64,
            error: error.map(|error| TraceError {
                message: error.message.clone(),
                cause: error.hidden.clone(),
                denied: error.class == ErrorClass::NotAuthorized,
            }),
            access: self.notes.iter().map(note).collect(),
        };
        let trace = Arc::new(trace);
        if let Some(tap) = self.context.tap {
            tap.request(&trace, &self.notes);
        }
        if let Some(bus) = self.context.bus {
            bus.trace(trace);
        }
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

/// Plans an operation, running the queries its contexts come from first.
fn plan_for<'a>(
    context: &'a AnswerContext<'_>,
    serving: &'a Serving,
    head: &'a RequestHead,
    operation: &'a Operation,
    notes: &'a mut Vec<RuleEvaluation>,
    depth: usize,
) -> BoxFuture<'a, Result<Plan, RequestError>> {
    async move {
        let settings = context.settings;
        let queries = QueryResults::default();
        if let Ok(token) = head.token(&settings.token_source) {
            context.verifier.prepare(token).await;
        }
        loop {
            notes.clear();
            let planned = {
                let caller = Caller::new(
                    head,
                    context.verifier,
                    &settings.token_source,
                    context.environment,
                    &queries,
                );
                let mut silent = NoLog;
                let log: &mut dyn AccessLog = if context.is_recorded() { &mut *notes } else { &mut silent };
                plan(operation, &serving.ir, &caller, log)
            };
            match planned {
                Ok(plan) => return Ok(plan),
                Err(PlanError::NeedsQuery(_)) if depth >= MAX_CONTEXT_DEPTH => {
                    return Err(RequestError::not_authorized("contexts ask for each other without end"));
                }
                Err(PlanError::NeedsQuery(name)) => {
                    let result = context_query(context, serving, head, &name, depth + 1).await;
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
    .boxed()
}

/// Runs `query { name }` for a context value: same caller, same rules (language.md 5.1).
async fn context_query(
    context: &AnswerContext<'_>,
    serving: &Serving,
    head: &RequestHead,
    name: &str,
    depth: usize,
) -> Result<Option<Json>, RequestError> {
    let (document, _) = serving.document(&format!("query {{ {name} }}"))?;
    let limits = Limits { depth: context.settings.max_depth, ..Limits::default() };
    let operation = prepare(&document, None, None, &serving.schema, &limits)?;
    let plan = plan_for(context, serving, head, &operation, &mut Vec::new(), depth).await?;
    let (fields, _) = execute(&plan, &serving.pool, Recording::Off).await;
    let text = fields?.into_iter().next().map(|(_, json)| json).unwrap_or_default();
    serde_json::from_str(&text).map(Some).map_err(|error| RequestError::internal(error.to_string()))
}

/// `{"data": …}` from finished JSON texts, in selection order.
fn data_body(fields: &FieldTexts) -> String {
    let size: usize = fields.iter().map(|(key, json)| key.len() + json.len() + 6).sum();
    let mut body = String::with_capacity(size + 16);
    body.push_str("{\"data\":{");
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
    body.push_str("}}");
    body
}

fn describe(operation: Option<&Operation>, asked: Option<&str>) -> (TraceKind, String) {
    let Some(operation) = operation else {
        return (TraceKind::Invalid, asked.unwrap_or("(invalid)").to_owned());
    };
    let only_schema = operation.roots.iter().all(|root| matches!(root.call, RootCall::Json(_)));
    let kind = match operation.kind {
        OperationKind::Query if only_schema => TraceKind::Introspection,
        OperationKind::Query => TraceKind::Query,
        OperationKind::Mutation => TraceKind::Mutation,
    };
    let first = || operation.roots.first().map_or("(empty)", |root| root.name.as_str());
    (kind, operation.name.as_deref().unwrap_or_else(first).to_owned())
}

/// Laps of one request.
struct Clock {
    start: Instant,
    last: Instant,
    laps: Vec<Phase>,
}

impl Clock {
    fn start() -> Self {
        let now = Instant::now();
        Self { start: now, last: now, laps: Vec::with_capacity(7) }
    }

    fn lap(&mut self, kind: PhaseKind, note: &str) {
        let now = Instant::now();
        self.laps.push(Phase {
            kind,
            start: span(self.start, self.last),
            time: span(self.last, now),
            note: note.to_owned(),
        });
        self.last = now;
    }

    fn total(&self) -> Micros {
        span(self.start, Instant::now())
    }

    fn of(&self, kind: PhaseKind) -> Micros {
        Micros(self.laps.iter().filter(|lap| lap.kind == kind).map(|lap| lap.time.0).sum())
    }

    /// The laps, and what they leave out as `other`.
    fn phases(mut self, total: Micros) -> Vec<Phase> {
        let known: u64 = self.laps.iter().map(|lap| lap.time.0).sum();
        let start = span(self.start, self.last);
        let time = Micros(total.0.saturating_sub(known));
        self.laps.push(Phase { kind: PhaseKind::Other, start, time, note: String::new() });
        self.laps
    }
}

fn span(from: Instant, to: Instant) -> Micros {
    Micros(u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX))
}
