//! The hooks of one HTTP request: before authentication, after the reply, and for the observers.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::{Map, Value as Json};
use studio_events::{Trace, TraceId};
use studio_hooks::{
    Exchange, Failure, FinishedOperation, HookComponent, HookError, HookErrorKind, HookHost, HostCalls,
    Interface, Loaded, Rejection, RequestParts, Session,
};

use super::host::RequestHost;
use super::load::Hooks;
use super::observe;
use crate::bus::Bus;
use crate::config::TokenSource;
use crate::runtime::answer::next_trace_id;
use crate::runtime::auth::Verifier;
use crate::runtime::caller::RequestHead;
use crate::server::http::{HttpReply, HttpRequest};

/// The hooks of one request, and what they have said so far.
pub struct RequestHooks {
    /// Calls go through this.
    pub(crate) session: Session,
    /// The components as they were when the request came.
    pub(crate) loaded: Arc<Loaded>,
    host: Arc<RequestHost>,
    started: Instant,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    trace: Option<(Trace, Instant)>,
    operations: Vec<FinishedOperation>,
}

impl std::fmt::Debug for RequestHooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestHooks").field("session", &self.session).finish_non_exhaustive()
    }
}

/// What requests' hooks need of the server.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) hooks: Arc<Hooks>,
    pub(crate) bus: Option<Bus>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) token_source: TokenSource,
}

impl RequestHooks {
    /// The hooks of a request; `None` when the project has none.
    pub(crate) fn begin(around: &Arc<Surroundings>, request: &HttpRequest) -> Option<Self> {
        let loaded = around.hooks.loaded();
        if loaded.is_empty() {
            return None;
        }
        let host = Arc::new(RequestHost::new(Arc::clone(around), next_trace_id()));
        let parts = RequestParts {
            method: request.method.clone(),
            target: request.target(),
            peer: request.head.client_ip,
            headers: Arc::clone(&request.head.headers),
        };
        let exchange = Exchange::new(parts, Arc::clone(&host) as Arc<dyn HookHost>);
        let session = Session::new(Arc::new(exchange));
        Some(Self { session, loaded, host, started: Instant::now(), kept: Mutex::default() })
    }

    /// Identity of the request's trace.
    pub(crate) fn trace_id(&self) -> TraceId {
        self.host.id
    }

    /// The request as its hooks see it.
    pub(crate) fn exchange(&self) -> &Arc<Exchange> {
        self.session.exchange()
    }

    /// Whether the contexts of the model have to be resolved for this request; true once.
    pub(crate) fn begin_contexts(&self) -> bool {
        !self.host.resolving.swap(true, Ordering::AcqRel)
    }

    /// The component behind a module's file; its calls are in the reports of the session.
    pub(crate) fn component(&self, file: &str) -> Option<&Arc<HookComponent>> {
        self.host.around.hooks.at(&self.loaded, file)
    }

    /// Contexts of the model by name, for `context.model`.
    pub(crate) fn set_contexts(&self, contexts: Map<String, Json>) {
        // Set once: `begin_contexts` lets one through.
        let _ = self.host.models.set(contexts);
    }

    /// Claims that a hook gave; `None` when tokens decide.
    pub(crate) fn identity(&self) -> Option<&Map<String, Json>> {
        self.host.identity.get()
    }

    /// Runs `gateway.on-request` and `identity.authenticate`: the head to go on with, or the reply that ends the request.
    pub(crate) async fn enter(
        &self,
        request: &HttpRequest,
        calls: &mut dyn HostCalls,
    ) -> Result<RequestHead, HttpReply> {
        if let Some(name) = self.loaded.missing().first() {
            let failure = Failure {
                message: format!("The hook '{name}' is not loaded"),
                code: Some("HOOK_UNAVAILABLE".to_owned()),
                extensions: None,
            };
            let body = serde_json::json!({ "errors": [failure.to_json()] }).to_string();
            return Err(HttpReply::json(503, body).with("retry-after", "1"));
        }
        for component in self.loaded.with(Interface::Gateway) {
            match self.session.on_request(component, calls).await {
                Ok(Ok(())) => {}
                Ok(Err(rejection)) => return Err(self.rejected(rejection)),
                Err(error) => return Err(self.failed(&error)),
            }
        }
        let mut head = request.head.clone();
        if let Some(headers) = self.exchange().changed_headers() {
            head.headers = headers;
        }
        // Set once, here.
        let _ = self.host.head.set(head.clone());
        for component in self.loaded.with(Interface::Identity) {
            match self.session.authenticate(component, calls).await {
                // The first one that knows the caller decides.
                Ok(Ok(Some(claims))) => {
                    let _ = self.host.identity.set(claims);
                    break;
                }
                Ok(Ok(None)) => {}
                Ok(Err(rejection)) => return Err(self.rejected(rejection)),
                Err(error) => return Err(self.failed(&error)),
            }
        }
        self.host.authenticated.store(true, Ordering::Release);
        Ok(head)
    }

    /// Runs `gateway.on-response` and puts the headers that hooks set on the reply.
    pub(crate) async fn leave(&self, mut reply: HttpReply, calls: &mut dyn HostCalls) -> HttpReply {
        let exchange = Arc::clone(self.exchange());
        let own = reply.headers.drain(..).map(|(name, value)| (Cow::Borrowed(name), value));
        // Code of modules may have set some, too.
        exchange.set_reply(reply.status, own.chain(std::mem::take(&mut reply.added)).collect());
        for component in self.loaded.with(Interface::Gateway) {
            if let Err(error) = self.session.on_response(component, calls).await {
                reply = self.failed(&error);
                exchange.set_reply(reply.status, Vec::new());
                break;
            }
        }
        reply.status = exchange.status().unwrap_or(reply.status);
        reply.headers.clear();
        // Observers may look at them later.
        reply.added = exchange.take_response_headers();
        if self.is_observed() {
            exchange.set_reply(reply.status, reply.added.clone());
        }
        reply
    }

    /// Keeps the trace of the operation until the hooks are through.
    pub(crate) fn keep_trace(&self, trace: Trace, began: Instant) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).trace = Some((trace, began));
    }

    /// Keeps facts for the observers.
    pub(crate) fn keep_operation(&self, operation: FinishedOperation) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).operations.push(operation);
    }

    /// Whether some component observes.
    pub(crate) fn is_observed(&self) -> bool {
        self.loaded.with(Interface::Observer).next().is_some()
    }

    /// Publishes the trace with the calls in it and tells the observers.
    pub(crate) fn finish(self, request: &HttpRequest, reply: &HttpReply) {
        let Kept { trace, operations } =
            std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let reports = self.session.take_reports();
        if let Some(bus) = &self.host.around.bus {
            let (mut trace, began) =
                trace.unwrap_or_else(|| (observe::rejected(request, reply), self.started));
            // Log lines of hooks name it.
            trace.id = self.host.id;
            bus.trace(Arc::new(observe::with_calls(trace, began, &reports, reply)));
        }
        if self.is_observed() {
            observe::tell(&self.loaded, self.exchange(), request, reply, self.started, operations);
        }
    }

    fn rejected(&self, rejection: Rejection) -> HttpReply {
        let reply = HttpReply::json(rejection.status, rejection.body());
        for (name, value) in rejection.headers {
            // The same rules as for other headers; what breaks them is left out.
            let _ = self.exchange().change_response_header(name, Some(value), true);
        }
        reply
    }

    fn failed(&self, error: &HookError) -> HttpReply {
        let status = match error.kind {
            HookErrorKind::Busy => 503,
            HookErrorKind::Timeout => 504,
            HookErrorKind::OutOfMemory
            | HookErrorKind::Crashed
            | HookErrorKind::StartFailed
            | HookErrorKind::Contract => 500,
        };
        let body = serde_json::json!({ "errors": [error.to_failure().to_json()] });
        HttpReply::json(status, body.to_string())
    }
}
