//! Requests behind hooks as `serve` answers them: from known plans, which must be what planning anew gives.

use std::cell::Cell;
use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};
use studio_engine::config::ExoToml;
use studio_engine::hooks::Hooks;
use studio_engine::server::Server;

use super::allocations::COUNT;
use super::{Api, Lab, json_of, post};
use crate::guest::{ALL, component};

const MODEL: &str = r#"
context Caller {
  @jwt("sub") id: String?
  @hook("tenant-id") tenant: Int?
}

@postgres
module Notes {
  @access(query = Caller.tenant == 7 && (Caller.id == self.owner || self.public), mutation = true)
  type Note {
    @pk id: Int = autoIncrement()
    text: String
    owner: String
    public: Boolean
  }
  @access(Caller.id == "anna")
  type Secret {
    @pk id: Int = autoIncrement()
    text: String
  }
}

@wasm("all.wasm")
module Code {
  @before("query note")
  interceptor check(operation: Operation)
  @before("mutation createNote")
  interceptor look(operation: Operation)
  @around("query notes")
  interceptor plain(operation: Operation)
  @after("query notesAgg")
  interceptor selection(operation: Operation)
  @around("query secret")
  interceptor name(operation: Operation)
  @before("query secrets")
  interceptor first(operation: Operation)
  @after("query secrets")
  interceptor outcome(operation: Operation)
}
"#;
const TOML: &str = "[hooks.code]\npath = \"src/all.wasm\"\nexports = [\"gateway\", \"identity\", \"interceptors\"]\ntimeout_ms = 20000\n";

const ANNA: (&str, &str) = ("x-user", "{\"sub\":\"anna\"}");
const BERT: (&str, &str) = ("x-user", "{\"sub\":\"bert\"}");

/// A document, its variables, headers that the guest reacts to.
type Request = (&'static str, Value, &'static [(&'static str, &'static str)]);

fn requests() -> Vec<Request> {
    const NOTE: &str = "query($id: Int!) { note(id: $id) { text } }";
    const TWO: &str = "query Two($id: Int!, $no: Boolean!) { a: note(id: $id) { id } b: note(id: 2) @skip(if: $no) { id text } }";
    const CREATE: &str = "mutation($text: String!) { createNote(data: {text: $text, owner: \"bert\", public: true}) { text public } }";
    vec![
        (NOTE, json!({"id": 1}), &[]),
        (NOTE, json!({"id": 2}), &[]),
        (NOTE, json!({"id": 2}), &[ANNA]),
        (NOTE, json!({"id": 2}), &[BERT]),
        (NOTE, json!({"id": 1}), &[ANNA, ("x-arguments", "{\"id\":2}")]),
        (NOTE, json!({"id": 1}), &[("x-arguments", "{\"id\":2}")]),
        (NOTE, json!({"id": 1}), &[("x-arguments", "{\"no\":2}")]),
        (NOTE, json!({"id": 1}), &[("x-refuse", "1")]),
        (NOTE, json!({"id": "one"}), &[]),
        (NOTE, json!({"id": 99_999_999_999_i64}), &[]),
        (NOTE, json!({}), &[]),
        (TWO, json!({"id": 1, "no": false}), &[ANNA]),
        (TWO, json!({"id": 2, "no": false}), &[]),
        (TWO, json!({"id": 1, "no": true}), &[ANNA]),
        ("{ notes(orderBy: {id: ASC}) { id } }", json!({}), &[]),
        ("{ notes(orderBy: {id: ASC}) { id } }", json!({}), &[ANNA]),
        ("query($t: String) { notesAgg(where: {text: {eq: $t}}) { id { max } } }", json!({"t": "a"}), &[]),
        (
            "query($t: String) { notesAgg(where: {text: {eq: $t}}) { id { max } } }",
            json!({"t": "b"}),
            &[ANNA],
        ),
        ("query Named($id: Int!) { secret(id: $id) { text } }", json!({"id": 1}), &[ANNA]),
        ("query($id: Int!) { secret(id: $id) { text } }", json!({"id": 1}), &[ANNA]),
        ("{ secrets { text } }", json!({}), &[ANNA]),
        ("{ secrets { text } }", json!({}), &[BERT]),
        ("{ secrets { text } }", json!({}), &[]),
        (CREATE, json!({"text": "new"}), &[]),
        (
            CREATE,
            json!({"text": "new"}),
            &[("x-arguments", "{\"data\":{\"text\":\"other\",\"owner\":\"x\",\"public\":false}}")],
        ),
        (CREATE, json!({"text": "new"}), &[("x-refuse", "1")]),
    ]
}

pub(crate) async fn all(lab: &Lab) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("exo.toml"), TOML).unwrap();
    fs::write(folder.path().join("src/all.wasm"), component("hooks", ALL)).unwrap();
    let toml = ExoToml::read(folder.path()).unwrap();
    let hooks = Hooks::load_all(&folder.path().canonicalize().unwrap(), &toml).await.unwrap();
    let mut api = lab.api(MODEL, &[]).await;
    Arc::get_mut(&mut api.server).unwrap().hooks = Arc::clone(&hooks);
    api.sql("INSERT INTO notes (text, owner, public) VALUES ('a', 'anna', true), ('b', 'anna', false)").await;
    api.sql("INSERT INTO secrets (text) VALUES ('s')").await;
    let mut quiet = api.quiet();
    quiet.hooks = hooks;
    same_answers(&mut api, &quiet).await;
    statements(&mut api).await;
    allocations(&quiet).await;
    judged(lab).await;
}

async fn ask(server: &Server, (query, variables, headers): &Request) -> (u16, Value, u32) {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let body = json!({ "query": query, "variables": variables });
    let reply = post(server, "/graphql", headers, &body).await;
    (reply.status, json_of(&reply), reply.sql_count)
}

/// A server that is looked at plans each request anew; one that is not has a plan from the second request on.
async fn same_answers(api: &mut Api, quiet: &Server) {
    for round in 0..3 {
        for request in requests() {
            let (looked_at, answered) = (ask(&api.server, &request).await, ask(quiet, &request).await);
            // Each request has its trace, and the next one waits for its own.
            api.trace().await;
            assert_eq!(answered, looked_at, "round {round}: {request:?}");
            assert_eq!(answered.0, 200);
        }
    }
    let (_, private, _) = ask(quiet, &requests()[2]).await;
    assert_eq!(private, json!({"data": {"note": {"text": "b"}}}));
}

/// One statement that nothing follows needs no transaction; `@around` may still go on after it.
async fn statements(api: &mut Api) {
    for (index, round_trips) in [(0, 1), (14, 2), (23, 1)] {
        let request = &requests()[index];
        ask(&api.server, request).await;
        let trace = api.trace().await;
        assert_eq!((trace.statements.len(), trace.round_trips), (1, round_trips), "{request:?}");
    }
}

/// Allocations of a request whose plan is known, with a gateway hook and an interceptor on an instance of its own.
const MOST: u64 = 240;

async fn allocations(quiet: &Server) {
    let query = "query Counted($id: Int!) { note(id: $id) { id text } }";
    let (mut fewest, mut first) = (u64::MAX, None);
    for id in 1..30 {
        let before = COUNT.with(Cell::get);
        let (_, body, _) = ask(quiet, &(query, json!({"id": id}), &[ANNA])).await;
        let count = COUNT.with(Cell::get) - before;
        assert!(body["data"].is_object(), "{body}");
        first.get_or_insert(count);
        fewest = fewest.min(count);
    }
    let first = first.unwrap();
    println!("{fewest} allocations behind hooks from the plan cache, {first} without: {query}");
    assert!(fewest <= MOST, "{fewest} allocations where {MOST} were thought to be enough");
    assert!(fewest < first, "the first request has to plan: {first} against {fewest}");
}

const RULES: &str = r#"
@postgres
module Notes {
  @access(query = hook("known"), mutation = true)
  type Note { @pk id: Int = autoIncrement()  text: String }
}
context Caller { @jwt("sub") id: String? }
"#;
/// Allows whoever has claims, and a context of the model with a value.
const KNOWN: &str = r#"(module
    (import "exo:hooks/context@0.1.0" "claims" (func $claims (param i32)))
    (import "exo:hooks/context@0.1.0" "model" (func $model (param i32 i32 i32)))
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func $refuse (param i32 i32) (result i32)
        (i32.store8 (i32.const 3072) (i32.const 2))
        (i32.store (i32.const 3076) (local.get 0))
        (i32.store (i32.const 3080) (local.get 1))
        (i32.const 3072))
    (func (export "exo:hooks/authorization@0.1.0#decide")
        (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (call $claims (i32.const 2048))
        (if (i32.eqz (i32.load8_u (i32.const 2048))) (then (return (call $refuse @"who are you"))))
        (call $model @"Caller" (i32.const 2048))
        ;; {"id":"anna"}
        (if (i32.ne (i32.load (i32.const 2056)) (i32.const 13)) (then (return (call $refuse @"not anna"))))
        (i32.const 3072))
    (func (export "exo:hooks/authorization@0.1.0#review")
        (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (i32.const 3072)))"#;

/// Would it pass? Components that decide are told who is asked about.
async fn judged(lab: &Lab) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("exo.toml"), "[hooks.known]\npath = \"known.wasm\"\ntimeout_ms = 20000\n")
        .unwrap();
    fs::write(folder.path().join("known.wasm"), component("authorization-hooks", KNOWN)).unwrap();
    let toml = ExoToml::read(folder.path()).unwrap();
    let hooks = Hooks::load_all(&folder.path().canonicalize().unwrap(), &toml).await.unwrap();
    let mut api = lab.api(RULES, &[]).await;
    Arc::get_mut(&mut api.server).unwrap().hooks = hooks;
    api.personas(&[("anna", json!({"sub": "anna"})), ("bert", json!({"sub": "bertram"}))]);
    for (persona, refusal) in
        [(Some("anna"), None), (Some("bert"), Some("not anna")), (None, Some("who are you"))]
    {
        let body = json!({"query": "{ notes { text } }", "persona": persona});
        let (status, report) = api.studio("access", body).await;
        assert_eq!(status, 200);
        let answer = api.ask_as(persona, "{ notes { text } }", Value::Null).await;
        match refusal {
            None => {
                assert_eq!(report["decision"], "passes", "{report}");
                assert_eq!(answer, json!({"data": {"notes": []}}));
            }
            Some(refusal) => {
                assert_eq!(report["decision"], "denied", "{report}");
                assert!(report["error"].as_str().unwrap().contains(refusal), "{report}");
                assert_eq!(answer["errors"][0]["message"], refusal);
            }
        }
    }
}
