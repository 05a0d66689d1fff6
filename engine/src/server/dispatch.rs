//! The server: settings, what it serves now, and routing (developer-experience 1.18).

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use serde_json::json;
use studio_events::{Problem, Surface};

use super::cors::{self, Verdict};
use super::http::{HttpReply, HttpRequest};
use super::personas::PersonaBook;
use super::playground::{self, PageFacts, STUDIO_PATH};
use super::studio_api;
use crate::bus::Bus;
use crate::config::{Environment, Settings};
use crate::hooks::{Hooks, RequestHooks, ServerCalls, Surroundings};
use crate::runtime::answer::{AnswerContext, Identity, answer, next_trace_id};
use crate::runtime::auth::Verifier;
use crate::runtime::caller::RequestHead;
use crate::runtime::histogram::LatencyRecorder;
use crate::runtime::live::Live;
use crate::runtime::rpc::{answer_rpc, describe_rpc};
use crate::runtime::sent::SentRequests;
use crate::runtime::serving::Serving;
use crate::runtime::tap::Tap;

/// Everything a request needs. One per process (or per test); cheap to share.
#[derive(Debug)]
pub struct Server {
    /// Settings.
    pub settings: Settings,
    /// Variables for `@env` contexts.
    pub environment: Arc<Environment>,
    /// Token verification.
    pub verifier: Arc<Verifier>,
    /// Exact latency numbers.
    pub latency: LatencyRecorder,
    /// Where traces go; `None` in production.
    pub bus: Option<Bus>,
    /// Who else is told of each request.
    pub tap: Option<Arc<dyn Tap>>,
    /// Hook components of the project.
    pub hooks: Arc<Hooks>,
    /// Personas of the interactive studio.
    pub personas: Option<Arc<PersonaBook>>,
    /// What the playground page is told.
    pub page: RwLock<PageFacts>,
    /// The name of the test this server was made for.
    pub test: Option<String>,
    /// Requests that the studio can judge again.
    pub sent: SentRequests,
    /// Those who wait for data to change.
    pub live: Live,
    surroundings: OnceLock<Arc<Surroundings>>,
    serving: RwLock<Option<Arc<Serving>>>,
    problems: RwLock<Arc<Vec<Problem>>>,
}

impl Server {
    /// A server that serves nothing yet.
    pub fn new(settings: Settings, environment: Arc<Environment>) -> Self {
        let verifier = Arc::new(Verifier::new(&settings.authentication));
        Self {
            settings,
            environment,
            verifier,
            latency: LatencyRecorder::default(),
            bus: None,
            tap: None,
            hooks: Arc::default(),
            personas: None,
            page: RwLock::new(PageFacts::default()),
            test: None,
            sent: SentRequests::default(),
            live: Live::default(),
            surroundings: OnceLock::new(),
            serving: RwLock::new(None),
            problems: RwLock::new(Arc::new(Vec::new())),
        }
    }

    /// What answers requests now.
    pub fn serving(&self) -> Option<Arc<Serving>> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Swaps what answers requests. Requests under way finish with what they began with.
    pub fn swap(&self, serving: Arc<Serving>) -> Option<Arc<Serving>> {
        let before = self.serving.write().unwrap_or_else(PoisonError::into_inner).replace(serving);
        self.live.changed();
        before
    }

    /// Answers nothing but the reason from now on.
    pub fn withdraw(&self) -> Option<Arc<Serving>> {
        let before = self.serving.write().unwrap_or_else(PoisonError::into_inner).take();
        self.live.changed();
        before
    }

    /// Why nothing is served, for the 503 answer.
    pub fn set_problems(&self, problems: Arc<Vec<Problem>>) {
        *self.problems.write().unwrap_or_else(PoisonError::into_inner) = problems;
    }

    /// Answers a request.
    ///
    /// What few requests need waits in a box of its own, here and below: a future is as large as the largest thing it
    /// may wait for, and every call on the way moves it as a whole.
    pub async fn dispatch(&self, request: &HttpRequest) -> HttpReply {
        let path = match request.path.trim_end_matches('/') {
            "" => "/",
            path => path,
        };
        if let Some(rest) = below(path, STUDIO_PATH).filter(|rest| !rest.is_empty()) {
            // Before CORS: these answers never carry permission for other origins.
            return match &self.personas {
                Some(personas) => Box::pin(studio_api::answer(self, personas, request, rest)).await,
                None => HttpReply::empty(404),
            };
        }
        match cors::judge(&self.settings.cors, request) {
            Verdict::Reply(status, headers) => cors::decorate(HttpReply::empty(status), headers),
            Verdict::Pass(headers) => cors::decorate(self.route(request, path).await, headers),
        }
    }

    async fn route(&self, request: &HttpRequest, path: &str) -> HttpReply {
        let reading = matches!(&*request.method, "GET" | "HEAD");
        if path == self.settings.graphql_path {
            return if request.method == "POST" {
                self.graphql(request).await
            } else {
                HttpReply::empty(404)
            };
        }
        if let Some(rest) = self.settings.rpc_path.as_deref().and_then(|rpc| below(path, rpc)) {
            return match (&*request.method, rest) {
                ("POST", "") => Box::pin(self.rpc(request)).await,
                ("GET", "discover") => self.discover(),
                _ => HttpReply::empty(404),
            };
        }
        if !reading {
            return HttpReply::empty(404);
        }
        if let Some(rest) = below(path, &self.settings.playground_path) {
            let mut page = self.page.read().unwrap_or_else(PoisonError::into_inner).clone();
            page.revision = self.serving().map(|serving| serving.revision.0);
            return playground::answer(&self.settings, &page, request, rest);
        }
        match path {
            "/" => HttpReply::empty(308).with("location", self.settings.playground_path.clone()),
            "/healthz" => Box::pin(self.health()).await,
            _ => HttpReply::empty(404),
        }
    }

    async fn graphql(&self, request: &HttpRequest) -> HttpReply {
        let limit = self.settings.limits.body_bytes;
        if request.body.len() > limit {
            return HttpReply::too_large(limit);
        }
        let Some(serving) = self.serving() else { return self.nothing_served() };
        let playground = request.head.header("_exo_playground") == Some("true");
        let surface = if playground { Surface::Playground } else { Surface::Graphql };
        let context = self.answer_context(surface, playground && self.settings.playground_bypass);
        self.within_hooks(&context, &serving, request, Protocol::Graphql).await
    }

    async fn rpc(&self, request: &HttpRequest) -> HttpReply {
        let limit = self.settings.limits.body_bytes;
        if request.body.len() > limit {
            return HttpReply::too_large(limit);
        }
        let Some(serving) = self.serving() else { return self.nothing_served() };
        let context = self.answer_context(Surface::Rpc, false);
        self.within_hooks(&context, &serving, request, Protocol::Rpc).await
    }

    /// Answers with the hook components around, whatever the protocol.
    async fn within_hooks(
        &self,
        context: &AnswerContext<'_>,
        serving: &Serving,
        request: &HttpRequest,
        protocol: Protocol,
    ) -> HttpReply {
        match RequestHooks::begin(self.surroundings(), request) {
            None => protocol.answer(context, serving, &request.head, request).await,
            Some(hooks) => Box::pin(Self::hooked(hooks, context, serving, request, protocol)).await,
        }
    }

    /// What hooks need of this server; it does not change once there are requests.
    fn surroundings(&self) -> &Arc<Surroundings> {
        self.surroundings.get_or_init(|| {
            Arc::new(Surroundings {
                hooks: Arc::clone(&self.hooks),
                bus: self.bus.clone(),
                verifier: Arc::clone(&self.verifier),
                token_source: self.settings.token_source.clone(),
            })
        })
    }

    async fn hooked(
        hooks: RequestHooks,
        context: &AnswerContext<'_>,
        serving: &Serving,
        request: &HttpRequest,
        protocol: Protocol,
    ) -> HttpReply {
        let reply = {
            let context = AnswerContext { hooks: Some(&hooks), ..context.clone() };
            let mut calls = ServerCalls::new(&context, serving, &request.head);
            let reply = match hooks.enter(request, &mut calls).await {
                Ok(head) => {
                    let identity = hooks.identity().map_or(Identity::Token, Identity::Claims);
                    let context = AnswerContext { identity, ..context.clone() };
                    protocol.answer(&context, serving, &head, request).await
                }
                Err(reply) => reply,
            };
            hooks.leave(reply, &mut calls).await
        };
        hooks.finish(request, &reply);
        reply
    }

    fn discover(&self) -> HttpReply {
        match self.serving() {
            Some(serving) => describe_rpc(&self.settings, &serving),
            None => self.nothing_served(),
        }
    }

    /// What answering a request needs.
    pub(crate) fn answer_context(&self, surface: Surface, trusted_bypass: bool) -> AnswerContext<'_> {
        AnswerContext {
            settings: &self.settings,
            environment: &self.environment,
            verifier: &self.verifier,
            latency: &self.latency,
            bus: self.bus.as_ref(),
            tap: self.tap.as_deref(),
            sent: &self.sent,
            surface: self.test.clone().map_or(surface, Surface::Test),
            trusted_bypass: trusted_bypass || !self.settings.enforce_trusted_documents,
            hooks: None,
            components: &self.hooks,
            identity: Identity::Token,
            trace: next_trace_id(),
        }
    }

    /// The model never compiled or does not fit the database: 503 with the list of problems, which only the studio on one's own machine shows.
    fn nothing_served(&self) -> HttpReply {
        let problems = self.problems.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut message = "No model is served".to_owned();
        if self.settings.is_loopback() {
            for problem in problems.iter() {
                let place = match problem.file.as_str() {
                    "" => String::new(),
                    file => format!("{file}:{}:{} ", problem.line, problem.column),
                };
                message.push_str(&format!("; {} {place}{}", problem.code, problem.message));
                if problem.file.is_empty() {
                    problem.help.iter().for_each(|help| message.push_str(&format!("; {help}")));
                }
            }
        }
        HttpReply::json(503, json!({ "errors": [{ "message": message }] }).to_string())
            .with("retry-after", "1")
    }

    async fn health(&self) -> HttpReply {
        let serving = self.serving();
        let database = match &serving {
            Some(serving) => serving.pool.get().await.is_ok(),
            None => false,
        };
        let ready = serving.is_some() && database;
        let revision = serving.map(|serving| serving.revision.0);
        let status = if ready { 200 } else { 503 };
        let word = if ready { "ok" } else { "unavailable" };
        HttpReply::json(
            status,
            json!({ "status": word, "database": database, "revision": revision }).to_string(),
        )
        .with("cache-control", "no-store")
    }
}

/// What the body of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Graphql,
    Rpc,
}

impl Protocol {
    async fn answer(
        self,
        context: &AnswerContext<'_>,
        serving: &Serving,
        head: &RequestHead,
        request: &HttpRequest,
    ) -> HttpReply {
        match self {
            Self::Graphql => answer(context, serving, head, &request.body, request.received).await,
            Self::Rpc => Box::pin(answer_rpc(context, serving, head, &request.body)).await,
        }
    }
}

/// The part of `path` below `base`, without leading slash; empty for `base` itself.
fn below<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(base)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;

    async fn ask(server: &Server, method: &str, path: &str) -> HttpReply {
        let request =
            HttpRequest { method: method.to_owned().into(), path: path.to_owned(), ..HttpRequest::default() };
        server.dispatch(&request).await
    }

    #[tokio::test]
    async fn unknown_paths_and_methods_are_404_without_a_body() {
        let environment = Arc::new(Environment::default());
        let settings = Settings::from_environment(&environment, Mode::Studio).unwrap();
        let server = Server::new(settings, environment);
        for (method, path) in [("GET", "/graphql"), ("POST", "/"), ("GET", "/nope"), ("DELETE", "/graphql")] {
            let reply = ask(&server, method, path).await;
            assert_eq!((reply.status, reply.body.len()), (404, 0), "{method} {path}");
        }
        assert_eq!(ask(&server, "GET", "/").await.status, 308);
        assert_eq!(ask(&server, "GET", "/playground/").await.status, 200);
        assert_eq!(ask(&server, "GET", "/healthz").await.status, 503);
        assert_eq!(ask(&server, "POST", "/graphql/").await.status, 503);
    }

    #[tokio::test]
    async fn production_shows_no_playground_and_no_studio() {
        let environment = Arc::new(Environment::default());
        let settings = Settings::from_environment(&environment, Mode::Production).unwrap();
        let server = Server::new(settings, environment);
        let reply = ask(&server, "GET", "/playground").await;
        assert!(String::from_utf8_lossy(&reply.body).contains("introspection is off"));
        assert_eq!(ask(&server, "GET", "/_studio/persona").await.status, 404);
    }
}
