//! `@wasm` modules and their interceptors: a component and a plain core module.

use std::fs;

use serde_json::json;
use studio_events::{PhaseKind, StudioState};

use crate::guest::{ALL, component};
use crate::started::{Folder, NOTES, Started};
use crate::studio::{ask, code, hook_problems, wait};

const MODEL: &str = r#"
@postgres
module Notes {
  @access(true)
  type Note {
    @pk id: Int = autoIncrement()
    text: String
  }
  @access(true)
  type Secret {
    @pk id: Int = autoIncrement()
    text: String
  }
}

@wasm("all.wasm")
module Code {
  @access(true)
  query echo(a: Int): Json
  @access(true)
  query graphql(): Json
  @access(true)
  mutation refuse(): Json

  @before("mutation createNote")
  interceptor check(operation: Operation)
  @around("query notes")
  interceptor plain(operation: Operation)
  @around("query note")
  interceptor own(operation: Operation)
  @after("query notesAgg")
  interceptor selection(operation: Operation)
  @around("mutation createNotes")
  interceptor with(operation: Operation)
  @around("query secrets")
  interceptor name(operation: Operation)
}

@wasm("numbers.wasm")
module Numbers {
  @access(true)
  query add(a: Int, b: Int): Int
  @access(true)
  query spin(): Int
  @access(true)
  query trap(): Int
}
"#;
const TOML: &str =
    "[hooks.code]\npath = \"src/all.wasm\"\nexports = [\"interceptors\", \"module\"]\ntimeout_ms = 20000\n";
const NUMBERS: &str = r#"(module
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "spin") (result i32) (loop $again (br $again)) (i32.const 1))
    (func (export "trap") (result i32) unreachable))"#;

pub(crate) async fn modules_and_interceptors_run_in_components() {
    let folder = Folder::new(MODEL, TOML);
    let root = &folder.root;
    fs::write(root.join("src/all.wasm"), component("hooks", ALL)).unwrap();
    fs::write(root.join("src/numbers.wasm"), wat::parse_str(NUMBERS).unwrap()).unwrap();
    let Started { studio, mut states, authority, .. } = Started::on(&folder).await;
    let data = async |query: &str| {
        let (status, body, _) = ask(&authority, query, &[]).await;
        assert_eq!(status, 200);
        body
    };

    assert_eq!(data("{ echo(a: 5) }").await, json!({ "data": { "echo": { "a": 5 } } }));
    assert_eq!(data("{ sum: add(a: 2, b: 40) }").await, json!({ "data": { "sum": 42 } }));
    let refused = data("mutation { refuse }").await;
    assert_eq!((code(&refused), &refused["errors"][0]["message"]), ("NO", &json!("not that")));

    // Interceptors: before refuses and nothing is written; around passes on or answers itself.
    let create = "mutation { createNote(data: {text: \"a\"}) { text } }";
    let (_, body, _) = ask(&authority, create, &[("x-refuse", "1")]).await;
    assert_eq!((code(&body), &body["errors"][0]["message"]), ("NO", &json!("refused")));
    assert_eq!(data("{ notes { text } }").await, json!({ "data": { "notes": [] } }));
    assert_eq!(data(create).await, json!({ "data": { "createNote": { "text": "a" } } }));
    assert_eq!(data("{ notes { text } }").await, json!({ "data": { "notes": [{ "text": "a" }] } }));
    assert_eq!(data("{ note(id: 1) { text } }").await, json!({ "data": { "note": { "own": true } } }));
    // After may replace the result: this one shows the selection.
    let shown = data("{ notesAgg { id { max } } }").await;
    assert_eq!(shown["data"]["notesAgg"][0]["name"], "id", "{shown}");
    // Arguments that a component gives in place of the client's are checked like these.
    let given = ("x-arguments", "{\"data\":{\"text\":\"b\"}}");
    let (_, body, _) = ask(&authority, create, &[given]).await;
    assert_eq!(body, json!({ "data": { "createNote": { "text": "b" } } }));
    let (_, body, _) = ask(&authority, create, &[("x-arguments", "{\"data\":{\"text\":5}}")]).await;
    assert_eq!(code(&body), "HOOK_CONTRACT", "{body}");
    let many = "mutation { createNotes(data: [{text: \"x\"}]) { text } }";
    let (_, body, _) = ask(&authority, many, &[("x-arguments", "{\"data\":[{\"text\":\"c\"}]}")]).await;
    assert_eq!(body, json!({ "data": { "createNotes": [{ "text": "c" }] } }));
    let (_, body, _) = ask(&authority, many, &[("x-arguments", "{\"date\":[]}")]).await;
    assert_eq!(code(&body), "INVALID", "{body}");
    assert_eq!(data("{ notes { text } }").await["data"]["notes"].as_array().unwrap().len(), 3);
    // The name of the operation.
    for (query, name) in [("query Named { secrets { text } }", "Named"), ("{ secrets { text } }", "none")] {
        assert_eq!(data(query).await["errors"][0]["message"], name);
    }
    // A trap fails the operation, not the server.
    let (_, body, _) = ask(&authority, create, &[("x-trap", "1")]).await;
    assert_eq!(code(&body), "HOOK_CRASHED");
    assert_eq!(data("{ sum: add(a: 1, b: 1) }").await, json!({ "data": { "sum": 2 } }));

    // So do the functions of a plain core module.
    for (query, expected) in [("{ spin }", "HOOK_TIMEOUT"), ("{ trap }", "HOOK_CRASHED")] {
        assert_eq!(code(&data(query).await), expected);
    }

    let state = wait(&mut states, |state| state.traces.iter().any(|it| it.operation == "notes")).await;
    let trace = state.traces.iter().find(|trace| trace.operation == "notes").unwrap();
    let called = |phase: &studio_events::Phase| {
        phase.kind == PhaseKind::Hook
            && phase.note.contains("interceptors.around plain")
            && phase.note.contains(" fuel")
    };
    let hooks: Vec<_> = trace.phases.iter().filter(|phase| phase.kind == PhaseKind::Hook).collect();
    assert!(hooks.len() == 1 && called(hooks[0]), "each call is one phase: {:?}", trace.phases);

    // A module file that nothing configures is looked at as well when it is replaced.
    assert!(hook_problems(&state).is_empty());
    fs::write(root.join("src/numbers.wasm"), b"\0asm broken").unwrap();
    let state = wait(&mut states, |state| !hook_problems(state).is_empty()).await;
    let problem = &hook_problems(&state)[0];
    assert!(problem.contains("`src/numbers.wasm`") && problem.contains("does not compile"), "{problem}");
    // What ran before goes on.
    assert_eq!(data("{ sum: add(a: 1, b: 2) }").await, json!({ "data": { "sum": 3 } }));
    fs::write(root.join("src/numbers.wasm"), wat::parse_str(NUMBERS).unwrap()).unwrap();
    wait(&mut states, |state| hook_problems(state).is_empty()).await;
    // One that loads but lacks what the model declares is a problem, too, which names it.
    fs::write(root.join("src/numbers.wasm"), wat::parse_str(NUMBERS.replace("add\"", "sum\"")).unwrap())
        .unwrap();
    let state = wait(&mut states, |state| !hook_problems(state).is_empty()).await;
    let problem = &hook_problems(&state)[0];
    assert!(
        problem.contains("the method `add`") && problem.contains("exports only `sum`, `spin`, `trap`"),
        "{problem}"
    );
    assert_eq!(data("{ sum: add(a: 4, b: 2) }").await, json!({ "data": { "sum": 6 } }));
    fs::write(root.join("src/numbers.wasm"), wat::parse_str(NUMBERS).unwrap()).unwrap();
    wait(&mut states, |state| hook_problems(state).is_empty()).await;
    // A configured component without the interface: the older version goes on.
    let gateway = "(module (memory (export \"memory\") 1) (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 64)) (func (export \"exo:hooks/gateway@0.1.0#on-request\") (result i32) (i32.const 32)) (func (export \"exo:hooks/gateway@0.1.0#on-response\")))";
    fs::write(root.join("exo.toml"), TOML.replace("exports = [\"interceptors\", \"module\"]\n", "")).unwrap();
    let all = component("hooks", ALL);
    fs::write(root.join("src/all.wasm"), component("gateway-hooks", gateway)).unwrap();
    let state = wait(&mut states, |state| !hook_problems(state).is_empty()).await;
    let problem = &hook_problems(&state)[0];
    assert!(problem.contains("`Code`") && problem.contains("no export `module`"), "{problem}");
    assert_eq!(data("{ echo(a: 6) }").await, json!({ "data": { "echo": { "a": 6 } } }));
    fs::write(root.join("src/all.wasm"), all).unwrap();
    wait(&mut states, |state| hook_problems(state).is_empty()).await;
    let without = TOML.replace("\"interceptors\", ", "");
    fs::write(root.join("exo.toml"), &without).unwrap();
    let state = wait(&mut states, |state| !hook_problems(state).is_empty()).await;
    let problem = &hook_problems(&state)[0];
    assert!(problem.contains("`Code`") && problem.contains("no export `interceptors`"), "{problem}");
    studio.stop().await.unwrap();
}

const ALONE: &str = r#"
@wasm("all.wasm")
module Code {
  @access(true)
  query echo(a: Int): Json
  @access(true)
  query claims(): Json
}
"#;

/// Without a line in `exo.toml`, too, a module's component knows its request, and the studio knows the component.
pub(crate) async fn a_component_that_nobody_configured_is_shown_and_followed() {
    let folder = Folder::new(&[NOTES, ALONE].concat(), "");
    let root = &folder.root;
    let replace = |bytes: &[u8]| {
        fs::write(root.join("src/all.tmp"), bytes).unwrap();
        fs::rename(root.join("src/all.tmp"), root.join("src/all.wasm")).unwrap();
    };
    replace(&component("hooks", ALL));
    let Started { studio, mut states, authority, .. } = Started::on(&folder).await;
    let shown = |state: &StudioState, word: &str| {
        let service = state.services.iter().find(|service| service.name == "hook Code");
        service.is_some_and(|service| service.lines.iter().any(|line| line.contains(word)))
    };
    // What modules do not have is not used of it: `gateway` would set a header.
    let (_, body, head) = ask(&authority, "{ echo(a: 1) }", &[]).await;
    assert_eq!(body, json!({ "data": { "echo": { "a": 1 } } }));
    assert!(!head.contains("x-count"), "{head}");
    let (_, body, _) = ask(&authority, "query Trap { echo(a: 1) }", &[("x-trap", "1")]).await;
    assert_eq!(code(&body), "HOOK_CRASHED");
    let state = wait(&mut states, |state| shown(state, "HOOK_CRASHED 1") && shown(state, "2 calls")).await;
    let trace = state.traces.iter().find(|trace| trace.operation == "Trap").unwrap();
    assert!(
        trace.phases.iter().any(|phase| phase.note.starts_with("Code module.query echo")),
        "{:?}",
        trace.phases
    );
    let told = state.logs.iter().any(|(_, line)| line.source == "hook Code" && line.trace == Some(trace.id));
    assert!(told, "the log leads to the request");

    replace(b"\0asm broken");
    let state = wait(&mut states, |state| !hook_problems(state).is_empty()).await;
    let problems = hook_problems(&state);
    assert!(problems.len() == 1 && problems[0].contains("component of the module `Code`"), "{problems:?}");
    let (_, body, _) = ask(&authority, "{ echo(a: 2) }", &[]).await;
    assert_eq!(body, json!({ "data": { "echo": { "a": 2 } } }));
    replace(&component("hooks", ALL));
    wait(&mut states, |state| hook_problems(state).is_empty()).await;
    studio.stop().await.unwrap();
}
