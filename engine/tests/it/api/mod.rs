//! The API as a client and the studio see it, against a real server.

mod access;
pub(crate) mod allocations;
mod extensions;
mod hooks;
mod limits;
mod live;
mod sql;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use studio_engine::bus::Bus;
use studio_engine::config::{Environment, Mode, PersonaConfig, Settings};
use studio_engine::derived::Derived;
use studio_engine::runtime::caller::RequestHead;
use studio_engine::runtime::pool_options;
use studio_engine::runtime::serving::Serving;
use studio_engine::server::Server;
use studio_engine::server::http::{HttpReply, HttpRequest};
use studio_engine::server::personas::PersonaBook;
use studio_events::{EventKind, Revision, StudioEvent, Trace};
use studio_model::graphql::Extensions;
use studio_model::{SourceSet, compile};
use studio_postgres::{Databases, Pool};
use tokio::sync::broadcast::Receiver;

/// Runs the wanted tests on a server.
pub(crate) async fn all(databases: &Databases, is_wanted: &dyn Fn(&str) -> bool) {
    let lab = Lab { databases: databases.clone(), counter: AtomicU32::new(0) };
    if is_wanted("api::access") {
        access::all(&lab).await;
    }
    if is_wanted("api::allocations") {
        allocations::all(&lab).await;
    }
    if is_wanted("api::extensions") {
        extensions::all(&lab).await;
    }
    if is_wanted("api::hooks") {
        hooks::all(&lab).await;
    }
    if is_wanted("api::limits") {
        limits::all(&lab).await;
    }
    if is_wanted("api::live") {
        live::all(&lab).await;
    }
    if is_wanted("api::sql") {
        sql::all(&lab).await;
    }
}

/// Makes APIs on databases of their own.
pub(crate) struct Lab {
    databases: Databases,
    counter: AtomicU32,
}

impl Lab {
    /// An API for a model, as the studio serves it; `settings` are variables.
    pub(crate) async fn api(&self, model: &str, settings: &[(&str, &str)]) -> Api {
        self.extended(model, settings, Extensions::default()).await
    }

    /// An API whose queries may be live.
    pub(crate) async fn live(&self, model: &str, settings: &[(&str, &str)]) -> Api {
        let mut api = self.api(model, settings).await;
        let server = Arc::get_mut(&mut api.server).unwrap();
        server.settings.live_queries = true;
        api
    }

    /// The same with parts beyond the contract.
    pub(crate) async fn extended(
        &self,
        model: &str,
        settings: &[(&str, &str)],
        extensions: Extensions,
    ) -> Api {
        let mut sources = SourceSet::new();
        sources.add("src/index.exo", model.to_owned());
        let compiled = compile(&sources);
        let ir = compiled.ir.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let derived = Derived::extended(Arc::new(ir), true, extensions);
        let name = format!("api_{}", self.counter.fetch_add(1, Ordering::Relaxed));
        self.databases.create(&name, None).await.unwrap();
        let mut map: BTreeMap<String, String> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        map.entry("EXO_JWT_SECRET".into()).or_insert_with(|| "a secret of this test".into());
        let environment = Environment::from_map(map);
        let settings = Settings::from_environment(&environment, Mode::Studio).unwrap();
        let pool = Pool::new(self.databases.target(&name), pool_options(&settings, true));
        pool.get().await.unwrap().batch_execute(&derived.ddl).await.unwrap();
        let bus = Bus::start();
        let secret = environment.get("EXO_JWT_SECRET").map(str::to_owned);
        let personas = Arc::new(PersonaBook::new(secret, bus.clone()));
        let mut server = Server::new(settings, Arc::new(environment));
        server.bus = Some(bus.clone());
        server.personas = Some(Arc::clone(&personas));
        server.swap(Arc::new(Serving::new(Revision(1), &derived, pool.clone())));
        let events = bus.subscribe();
        Api { server: Arc::new(server), personas, pool, derived, events, name }
    }
}

/// A served model.
pub(crate) struct Api {
    pub(crate) server: Arc<Server>,
    pub(crate) personas: Arc<PersonaBook>,
    pub(crate) pool: Pool,
    pub(crate) derived: Derived,
    events: Receiver<Arc<StudioEvent>>,
    pub(crate) name: String,
}

impl Api {
    /// Adds personas with these claims.
    pub(crate) fn personas(&self, list: &[(&str, Value)]) {
        let persona =
            |claims: &Value| PersonaConfig { claims: serde_json::from_value(claims.clone()).unwrap() };
        self.personas
            .replace(list.iter().map(|(name, claims)| ((*name).to_owned(), persona(claims))).collect());
    }

    /// A token for a persona.
    pub(crate) fn token(&self, persona: &str) -> String {
        self.personas.sign(&self.personas.claims(persona).unwrap()).unwrap()
    }

    /// Posts a request as a persona.
    pub(crate) async fn ask_as(&self, persona: Option<&str>, query: &str, variables: Value) -> Value {
        let mut headers = vec![("host".to_owned(), "localhost:9876".to_owned())];
        headers.extend(persona.map(|it| ("authorization".to_owned(), format!("Bearer {}", self.token(it)))));
        let body = json!({ "query": query, "variables": variables });
        json_of(&self.post("/graphql", headers, &body).await)
    }

    /// Posts a request as nobody.
    pub(crate) async fn ask(&self, query: &str) -> Value {
        self.ask_as(None, query, Value::Null).await
    }

    /// Posts a body.
    pub(crate) async fn post(&self, path: &str, headers: Vec<(String, String)>, body: &Value) -> HttpReply {
        post(&self.server, path, headers, body).await
    }

    /// The same API as `serve` runs it: nobody looks.
    pub(crate) fn quiet(&self) -> Server {
        let server = Server::new(self.server.settings.clone(), Arc::clone(&self.server.environment));
        server.swap(Arc::new(Serving::new(Revision(1), &self.derived, self.pool.clone())));
        server
    }

    /// Asks the studio's own interface.
    pub(crate) async fn studio(&self, path: &str, body: Value) -> (u16, Value) {
        let headers = vec![("host".to_owned(), "localhost:9876".to_owned())];
        let reply = self.post(&format!("/_studio/{path}"), headers, &body).await;
        (reply.status, json_of(&reply))
    }

    /// The next trace.
    pub(crate) async fn trace(&mut self) -> Arc<Trace> {
        loop {
            if let EventKind::Request(trace) = &self.events.recv().await.unwrap().kind {
                return Arc::clone(trace);
            }
        }
    }

    /// Runs SQL.
    pub(crate) async fn sql(&self, sql: &str) {
        self.pool.get().await.unwrap().batch_execute(sql).await.unwrap();
    }
}

/// Posts a body to a server.
pub(crate) async fn post(
    server: &Server,
    path: &str,
    headers: Vec<(String, String)>,
    body: &Value,
) -> HttpReply {
    let request = HttpRequest {
        method: "POST".into(),
        path: path.into(),
        head: RequestHead { headers: headers.into(), client_ip: Some(std::net::Ipv4Addr::LOCALHOST.into()) },
        body: body.to_string().into(),
        ..HttpRequest::default()
    };
    server.dispatch(&request).await
}

pub(crate) fn json_of(reply: &HttpReply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or(Value::Null)
}
