//! Guests and a host for tests.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use studio_hooks::{
    ActingAs, ComponentConfig, Counting, Exchange, Failure, GraphqlReply, HookComponent, HookEngine,
    HookHost, HookLevel, HookLine, HostCalls, LoadError, OperationFacts, OperationKind, RequestParts,
    Session,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract, as guests bind to it.
pub(crate) const WIT: &str = include_str!("../../wit/world.wit");

/// A guest that exports everything and does what the request's headers and arguments say.
pub(crate) const ALL: &str = include_str!("all.wat");

/// A component from WebAssembly text for a world of the contract.
pub(crate) fn component(world: &str, wat: &str) -> Vec<u8> {
    component_of(WIT, world, wat)
}

/// A component for a world of any package.
pub(crate) fn component_of(wit: &str, world: &str, wat: &str) -> Vec<u8> {
    ComponentEncoder::default()
        .validate(true)
        .module(&module(wit, world, wat))
        .expect("the module fits its world")
        .encode()
        .expect("the component can be encoded")
}

/// A core module that carries its component types, as `wit-bindgen` makes them.
pub(crate) fn module(wit: &str, world: &str, wat: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("exo-hooks.wit", wit).expect("the package parses");
    let world = resolve.select_world(&[package], Some(world)).expect("the world exists");
    let mut module = wat::parse_str(with_strings(wat)).expect("the text is a module");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("types can be embedded");
    module
}

/// Replaces each `@"text"` by its address and length, and adds the texts as data from address 16 on.
pub(crate) fn with_strings(wat: &str) -> String {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let (mut out, mut data, mut rest) = (String::new(), String::new(), wat);
    while let Some((before, after)) = rest.split_once("@\"") {
        let (text, after) = after.split_once('"').expect("a text ends");
        let text = text.replace('\'', "\"");
        let next = 16 + data.len();
        let address = *known.entry(text.clone()).or_insert_with(|| {
            data.push_str(&text);
            next
        });
        out.push_str(before);
        out.push_str(&format!("(i32.const {address}) (i32.const {})", text.len()));
        rest = after;
    }
    out.push_str(rest);
    if data.is_empty() {
        return out;
    }
    assert!(data.len() < 2000, "the texts reach into the work area");
    let escaped: String = data.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let end = out.rfind(')').expect("a module ends");
    out.insert_str(end, &format!("(data (i32.const 16) \"{escaped}\")"));
    out
}

/// What the host of a test heard.
#[derive(Default)]
pub(crate) struct Ears {
    pub(crate) lines: Mutex<Vec<HookLine>>,
    pub(crate) records: Mutex<Vec<String>>,
    pub(crate) claims: Option<String>,
}

impl HookHost for Ears {
    fn trace_id(&self) -> String {
        "abc123".to_owned()
    }
    fn wants_reports(&self) -> bool {
        true
    }
    fn log_enabled(&self, level: HookLevel) -> bool {
        level >= HookLevel::Info
    }
    fn log(&self, line: HookLine) {
        self.lines.lock().unwrap().push(line);
    }
    fn access(&self, _component: &str, record: Vec<u8>) -> bool {
        self.records.lock().unwrap().push(String::from_utf8(record).unwrap());
        true
    }
    fn claims(&self) -> Option<String> {
        self.claims.clone()
    }
    fn model(&self, name: &str) -> Option<String> {
        (name == "Caller").then(|| "{\"id\":7}".to_owned())
    }
}

/// GraphQL of tests: remembers what was asked and answers with it.
#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) executed: Vec<(String, Option<String>, ActingAs)>,
    pub(crate) proceeded: Vec<Option<String>>,
    pub(crate) result: Option<Result<String, Failure>>,
}

impl HostCalls for Calls {
    fn execute<'a>(
        &'a mut self,
        document: String,
        variables: Option<String>,
        acting_as: ActingAs,
    ) -> BoxFuture<'a, GraphqlReply> {
        async move {
            // Really asynchronous, so that the guest is suspended in between.
            tokio::task::yield_now().await;
            self.executed.push((document, variables, acting_as));
            GraphqlReply { data: Some("{\"n\":1}".to_owned()), errors: Vec::new() }
        }
        .boxed()
    }

    fn proceed<'a>(&'a mut self, arguments: Option<String>) -> BoxFuture<'a, Result<String, Failure>> {
        async move {
            tokio::task::yield_now().await;
            self.proceeded.push(arguments);
            self.result.clone().unwrap_or_else(|| Ok("[1,2]".to_owned()))
        }
        .boxed()
    }
}

/// An operation of tests.
pub(crate) struct Operation;

impl OperationFacts for Operation {
    fn kind(&self) -> OperationKind {
        OperationKind::Mutation
    }
    fn field(&self) -> String {
        "createTodo".to_owned()
    }
    fn response_key(&self) -> String {
        "made".to_owned()
    }
    fn operation_name(&self) -> Option<String> {
        Some("Make".to_owned())
    }
    fn arguments(&self) -> String {
        "{\"title\":\"a\"}".to_owned()
    }
    fn selection(&self) -> String {
        "[{\"name\":\"id\",\"alias\":null,\"arguments\":{},\"fields\":[]}]".to_owned()
    }
}

pub(crate) fn engine() -> HookEngine {
    HookEngine::new(None, Counting::Fuel).expect("an engine can be made")
}

/// Settings of tests: generous with time, since the machine may be busy.
pub(crate) fn config() -> ComponentConfig {
    ComponentConfig {
        timeout: std::time::Duration::from_secs(20),
        ..ComponentConfig::new("guest", "guest.wasm")
    }
}

pub(crate) async fn load(bytes: Vec<u8>, config: ComponentConfig) -> Result<Arc<HookComponent>, LoadError> {
    HookComponent::from_bytes(&engine(), config, bytes).await
}

/// The guest that exports everything.
pub(crate) async fn all(config: ComponentConfig) -> Arc<HookComponent> {
    load(component("hooks", ALL), config).await.expect("the guest loads")
}

/// A session for a request with these headers.
pub(crate) fn session(headers: &[(&str, &str)]) -> (Session, Arc<Ears>) {
    let ears = Arc::new(Ears::default());
    (session_of(headers, &ears), ears)
}

pub(crate) fn session_of(headers: &[(&str, &str)], ears: &Arc<Ears>) -> Session {
    let parts = RequestParts {
        method: "POST".into(),
        target: "/graphql?x=1".to_owned(),
        peer: Some(Ipv4Addr::LOCALHOST.into()),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>()
            .into(),
    };
    Session::new(Arc::new(Exchange::new(parts, Arc::clone(ears) as Arc<dyn HookHost>)))
}
