//! The engine's side of the facts that hooks ask for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value as Json};
use studio_events::{LogLevel, TraceId};
use studio_hooks::{HookHost, HookLevel, HookLine};

use super::gateway::Surroundings;
use crate::config::TokenSource;
use crate::runtime::auth::Verifier;
use crate::runtime::caller::RequestHead;

/// One request as its hooks may ask about it.
pub(super) struct RequestHost {
    pub(super) around: Arc<Surroundings>,
    /// Identity of its trace.
    pub(super) id: TraceId,
    /// The headers after `gateway.on-request`.
    pub(super) head: OnceLock<RequestHead>,
    /// What `identity.authenticate` said.
    pub(super) identity: OnceLock<Map<String, Json>>,
    /// Claims exist from here on.
    pub(super) authenticated: AtomicBool,
    /// Contexts of the model as JSON objects, resolved for this request.
    pub(super) models: OnceLock<Map<String, Json>>,
    /// Somebody resolves them.
    pub(super) resolving: AtomicBool,
}

impl RequestHost {
    pub(super) fn new(around: Arc<Surroundings>, id: TraceId) -> Self {
        Self {
            around,
            id,
            head: OnceLock::new(),
            identity: OnceLock::new(),
            authenticated: AtomicBool::new(false),
            models: OnceLock::new(),
            resolving: AtomicBool::new(false),
        }
    }
}

fn level_of(level: HookLevel) -> LogLevel {
    match level {
        HookLevel::Trace | HookLevel::Debug => LogLevel::Debug,
        HookLevel::Info => LogLevel::Info,
        HookLevel::Warn => LogLevel::Warn,
        HookLevel::Error => LogLevel::Error,
    }
}

/// The name that log lines and the Services pane give a component.
pub(super) fn service_name(component: &str) -> String {
    format!("hook {component}")
}

/// Claims of the caller's token, JSON text. A bad token is reported by the rule that needs a claim; here it is as good as
/// none.
pub(super) fn claims_of_token(
    head: &RequestHead,
    source: &TokenSource,
    verifier: &Verifier,
) -> Option<String> {
    let token = head.token(source).ok()??;
    verifier.verify(token).ok()?.map(|claims| claims.to_string())
}

impl HookHost for RequestHost {
    fn trace_id(&self) -> String {
        self.id.to_string()
    }

    fn wants_reports(&self) -> bool {
        self.around.bus.is_some()
    }

    fn log_enabled(&self, level: HookLevel) -> bool {
        if self.around.bus.is_some() {
            return true;
        }
        match level {
            HookLevel::Trace => tracing::enabled!(target: "hook", tracing::Level::TRACE),
            HookLevel::Debug => tracing::enabled!(target: "hook", tracing::Level::DEBUG),
            HookLevel::Info => tracing::enabled!(target: "hook", tracing::Level::INFO),
            HookLevel::Warn => tracing::enabled!(target: "hook", tracing::Level::WARN),
            HookLevel::Error => tracing::enabled!(target: "hook", tracing::Level::ERROR),
        }
    }

    fn log(&self, line: HookLine) {
        if let Some(bus) = &self.around.bus {
            bus.log_of(level_of(line.level), &service_name(&line.component), line.text(), Some(self.id));
        }
        let (component, trace, text) = (&line.component, &line.trace_id, line.text());
        match line.level {
            HookLevel::Trace => tracing::trace!(target: "hook", %component, %trace, "{text}"),
            HookLevel::Debug => tracing::debug!(target: "hook", %component, %trace, "{text}"),
            HookLevel::Info => tracing::info!(target: "hook", %component, %trace, "{text}"),
            HookLevel::Warn => tracing::warn!(target: "hook", %component, %trace, "{text}"),
            HookLevel::Error => tracing::error!(target: "hook", %component, %trace, "{text}"),
        }
    }

    fn access(&self, component: &str, record: Vec<u8>) -> bool {
        match self.around.hooks.access.take(component, &record) {
            Some(taken) => taken,
            None => {
                let text = String::from_utf8_lossy(&record).trim_end().to_owned();
                if let Some(bus) = &self.around.bus {
                    bus.log(LogLevel::Info, &service_name(component), text.clone());
                }
                tracing::info!(target: "access", %component, "{text}");
                true
            }
        }
    }

    fn claims(&self) -> Option<String> {
        if !self.authenticated.load(Ordering::Acquire) {
            return None;
        }
        if let Some(claims) = self.identity.get() {
            return serde_json::to_string(claims).ok();
        }
        claims_of_token(self.head.get()?, &self.around.token_source, &self.around.verifier)
    }

    fn model(&self, name: &str) -> Option<String> {
        self.models.get()?.get(name).map(Json::to_string)
    }
}
