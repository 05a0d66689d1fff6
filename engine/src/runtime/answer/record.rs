//! What is kept of a request: numbers, its trace, facts for observers.

use std::borrow::Cow;
use std::sync::Arc;

use studio_events::{Micros, PhaseKind, Shares, Surface, Trace, TraceError, TraceKind};
use studio_hooks::{FinishedOperation, OperationKind as HookOperationKind, RequestVerdict};
use studio_query::error::{ErrorClass, RequestError};
use studio_query::operation::{Operation, OperationKind, RootCall};
use studio_query::{Payload, document_hash};

use super::Request;
use super::clock::span;
use crate::bus;
use crate::runtime::histogram::Sample;
use crate::runtime::scope;
use crate::runtime::sent::SentRequest;

impl Request<'_> {
    /// Keeps what the request was and tells those who want to know.
    pub(super) fn record(mut self, payload: &Payload, error: Option<&RequestError>, bytes: usize) {
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

/// `Pricing.quote 1.2 ms, …` of the functions that ran.
pub(super) fn calls_note(calls: &[scope::FunctionTime]) -> String {
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
