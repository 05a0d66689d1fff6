//! On demand: plans of recorded statements, replays of recorded requests, row counts.

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::json;
use studio_events::{AccessCaller, EventKind, LogLevel, SchemaEvent, Trace, TraceId, TraceKind};
use studio_model::ir::Ir;
use studio_postgres::Pool;
use studio_sql::schema::QualifiedName;

use super::newest::Newest;
use crate::bus::Bus;
use crate::runtime::caller::RequestHead;
use crate::runtime::judge::{Question, judge};
use crate::runtime::plans::plans;
use crate::server::Server;
use crate::server::http::HttpRequest;
use crate::server::personas::PersonaBook;

fn find(bus: &Bus, id: TraceId) -> Option<Arc<Trace>> {
    let state = bus.states().borrow().clone();
    state.traces.iter().rev().find(|trace| trace.id == id).cloned()
}

/// What is asked for on demand and under way.
#[derive(Debug, Default)]
pub(super) struct OnDemand {
    plans: Newest<TraceId>,
    judgements: Newest<(TraceId, AccessCaller)>,
    counts: Newest<()>,
}

impl OnDemand {
    /// Explains every statement of a trace; with `analyze` it is executed in a transaction that is rolled back.
    pub(super) fn explain(&self, bus: &Bus, pool: &Pool, ir: Option<Arc<Ir>>, id: TraceId, analyze: bool) {
        let (found, pool) = (find(bus, id), pool.clone());
        self.plans.start(bus, id, async move {
            let text = match found {
                None => "the request is no longer kept".to_owned(),
                Some(trace) => plans(&pool, ir.as_ref(), &trace, analyze).await,
            };
            Some(EventKind::Plan { trace: id, text: text.into() })
        });
    }

    /// Judges the access of a recorded request for a caller.
    pub(super) fn access(&self, bus: &Bus, server: Arc<Server>, id: TraceId, caller: AccessCaller) {
        let Some(trace) = find(bus, id) else {
            return bus.log(LogLevel::Warn, "access", "the request is no longer kept");
        };
        self.judgements.start(bus, (id, caller.clone()), async move {
            let report = judge(&server, Question::of_trace(&server, &trace), &caller).await;
            Some(EventKind::Access { trace: id, report: Arc::new(report) })
        });
    }

    /// Counts the rows of every table.
    pub(super) fn count_rows(&self, bus: &Bus, pool: &Pool, ir: Arc<Ir>) {
        let (reports, pool) = (bus.clone(), pool.clone());
        self.counts.start(bus, (), async move { count_rows(&reports, &pool, &ir).await });
    }
}

/// Sends a recorded request again, as the active persona. A mutation is refused unless somebody agreed that it
/// writes once more.
pub(super) fn replay(bus: &Bus, server: Arc<Server>, personas: &PersonaBook, id: TraceId, write: bool) {
    let Some(trace) = find(bus, id) else {
        return bus.log(LogLevel::Warn, "replay", "the request is no longer kept");
    };
    if trace.kind == TraceKind::Mutation && !write {
        return bus.log(LogLevel::Warn, "replay", "a mutation is not sent again without being asked");
    }
    let variables: serde_json::Value = serde_json::from_str(&trace.variables).unwrap_or_default();
    let body = json!({ "query": &*trace.document, "variables": variables }).to_string();
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    if let Ok(Some((token, _))) = personas.token() {
        headers.push(("authorization".to_owned(), format!("Bearer {token}")));
    }
    let request = HttpRequest {
        method: "POST".into(),
        path: server.settings.graphql_path.clone(),
        head: RequestHead { headers: headers.into(), client_ip: Some(Ipv4Addr::LOCALHOST.into()) },
        body: body.into(),
        ..HttpRequest::default()
    };
    tokio::spawn(async move { server.dispatch(&request).await });
}

async fn count_rows(bus: &Bus, pool: &Pool, ir: &Ir) -> Option<EventKind> {
    let Ok(lease) = pool.get().await else {
        bus.log(LogLevel::Warn, "schema", "no connection is free to count rows");
        return None;
    };
    let mut counts = Vec::new();
    for entity in ir.entities.values() {
        let table = QualifiedName::new(entity.table.schema.as_deref(), &entity.table.name).quoted();
        match lease.run(&format!("SELECT count(*)::text FROM {table}"), &[]).await {
            Ok(rows) => {
                let cell = rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten();
                counts.push((entity.name.clone(), cell.and_then(|text| text.parse().ok()).unwrap_or(0)));
            }
            Err(error) => bus.log(LogLevel::Warn, "schema", format!("{table}: {error}")),
        }
    }
    Some(EventKind::Schema(SchemaEvent::RowCounts(counts)))
}
