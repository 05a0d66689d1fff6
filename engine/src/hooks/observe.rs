//! What is told about a request afterwards: phases of its trace, observers.

use std::sync::Arc;
use std::time::Instant;

use studio_events::{Micros, Phase, PhaseKind, Trace, TraceError, TraceKind};
use studio_hooks::{
    CallReport, Exchange, FinishedOperation, FinishedRequest, HookErrorKind, Interface, Loaded, Session,
};
use tokio::sync::Semaphore;

use crate::bus;
use crate::server::http::{HttpReply, HttpRequest};

/// Requests whose observers may be under way at once; further ones are not told.
const OBSERVED: usize = 256;

static OBSERVING: Semaphore = Semaphore::const_new(OBSERVED);

fn span(from: Instant, to: Instant) -> Micros {
    Micros(u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX))
}

/// A number that may be large: `318`, `41.2 k`, `7.0 M`.
pub(super) fn amount(number: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let of = |unit: u64| number as f64 / unit as f64;
    match number {
        0..10_000 => number.to_string(),
        10_000..1_000_000 => format!("{:.1} k", of(1000)),
        _ => format!("{:.1} M", of(1_000_000)),
    }
}

/// The trace of a request that a hook ended before there was an operation.
pub(super) fn rejected(request: &HttpRequest, reply: &HttpReply) -> Trace {
    Trace {
        at: bus::now(),
        kind: TraceKind::Invalid,
        operation: "(ended by a hook)".to_owned(),
        document: String::from_utf8_lossy(&request.body).into(),
        status: reply.status,
        response_bytes: reply.body.len() as u64,
        error: Some(TraceError {
            message: first_message(&reply.body),
            cause: None,
            denied: matches!(reply.status, 401 | 403),
        }),
        ..Trace::default()
    }
}

/// What the client reads first.
fn first_message(body: &[u8]) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = parsed.as_ref().and_then(|body| body["errors"][0]["message"].as_str());
    message.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned)
}

/// The trace with a phase for each call. Time that a call took out of another phase is taken off that one, so that the
/// phases still add up.
pub(super) fn with_calls(
    mut trace: Trace,
    began: Instant,
    reports: &[CallReport],
    reply: &HttpReply,
) -> Trace {
    let base = reports.iter().map(|report| report.started).fold(began, Instant::min);
    let shift = span(base, began).0;
    for phase in &mut trace.phases {
        phase.start.0 += shift;
    }
    for statement in &mut trace.statements {
        statement.start.0 += shift;
    }
    // The time of all code of the operation is one phase behind its statements; some of that code is calls of components.
    let code = trace.phases.iter().position(|phase| phase.kind == PhaseKind::Hook);
    let timed = trace.phases.len();
    for report in reports {
        let start = span(base, report.started);
        let time = Micros(u64::try_from(report.time.as_micros()).unwrap_or(u64::MAX));
        let of_code = !["gateway.", "identity."].iter().any(|it| report.export.starts_with(it));
        let around = match code {
            Some(code) if of_code => Some(code),
            _ => trace.phases[..timed].iter().position(|phase| {
                phase.kind != PhaseKind::Hook
                    && phase.start <= start
                    && start.0 < phase.start.0 + phase.time.0
            }),
        };
        if let Some(phase) = around {
            let phase = &mut trace.phases[phase];
            phase.time.0 = phase.time.0.saturating_sub(time.0);
        }
        let mut note = format!("{} {}", report.component, report.export);
        if let Some(about) = &report.about {
            note.push(' ');
            note.push_str(about);
        }
        if let Some(fuel) = report.fuel {
            // What was stopped has not written all of it down; an answer that cannot be used came to its end.
            let stopped = report.error.is_some_and(|code| code != HookErrorKind::Contract.code());
            let least = if stopped { "at least " } else { "" };
            note.push_str(&format!(" · {least}{} fuel", amount(fuel)));
        }
        if let Some(code) = report.error {
            note.push_str(" · ");
            note.push_str(code);
        }
        trace.phases.push(Phase { kind: PhaseKind::Hook, start, time, note });
    }
    // What is left of it when no script ran is the engine's own work between the calls.
    if let Some(code) = code
        && trace.phases[code].note.is_empty()
    {
        trace.phases.remove(code);
    }
    trace.phases.sort_by_key(|phase| phase.start);
    trace.total = span(base, Instant::now());
    let known: u64 =
        trace.phases.iter().filter(|it| it.kind != PhaseKind::Other).map(|phase| phase.time.0).sum();
    let rest = Micros(trace.total.0.saturating_sub(known));
    match trace.phases.iter_mut().find(|phase| phase.kind == PhaseKind::Other) {
        Some(other) => other.time = rest,
        None => {
            trace.phases.push(Phase {
                kind: PhaseKind::Other,
                start: trace.total,
                time: rest,
                note: String::new(),
            });
        }
    }
    trace.status = reply.status;
    trace
}

/// Tells the observers, off the request's path.
pub(super) fn tell(
    loaded: &Arc<Loaded>,
    exchange: &Arc<Exchange>,
    request: &HttpRequest,
    reply: &HttpReply,
    started: Instant,
    operations: Vec<FinishedOperation>,
) {
    let Ok(permit) = OBSERVING.try_acquire() else {
        tracing::warn!("observers are too slow; a request was not told to them");
        return;
    };
    let finished = FinishedRequest {
        method: request.method.to_string(),
        target: request.target(),
        status: reply.status,
        total_us: span(started, Instant::now()).0,
        operations,
    };
    let (loaded, exchange) = (Arc::clone(loaded), Arc::clone(exchange));
    tokio::spawn(async move {
        let session = Session::new(exchange);
        for component in loaded.with(Interface::Observer) {
            // A failure is in the log and in the component's numbers; there is nobody else to tell.
            let _ = session.on_finished(component, &finished).await;
        }
        drop(permit);
    });
}
