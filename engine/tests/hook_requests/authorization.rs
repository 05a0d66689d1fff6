//! Rules of a model that a component decides: allow, restrict, deny, review.

use std::fs;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use studio_events::{StudioState, Trace};

use crate::guest::{ALL, component};
use crate::started::{Folder, Started};
use crate::studio::{ask, code, hook_problems, wait};

const MODEL: &str = r#"
context Caller { @jwt("sub") id: String?  @header("x-role") role: String? }

@postgres
module Notes {
  enum Kind { HARD SOFT }
  @access(query = hook("allow") && self.text != "hidden", mutation = true)
  type Open { @pk id: Int = autoIncrement()  text: String }

  @access(query = hook("deny"), mutation = true)
  type Closed { @pk id: Int = autoIncrement()  text: String }

  @access(query = hook("echo", Caller.role, Caller.id, 5, "x", HARD, true), mutation = true)
  type Echo { @pk id: Int = autoIncrement()  text: String }

  @access(query = hook("site"), mutation = true)
  type Site { @pk id: Int = autoIncrement()  text: String }

  @access(query = Caller.role == "admin" || hook("restrict"), mutation = Caller.role == "admin" || hook("restrict"))
  type Note {
    @pk id: Int = autoIncrement()
    text: String
    tenant: Int
    lines: Set<Line>?
  }

  @access(query = hook("guard:allow", self.id, self.note.tenant) || Caller.role == "admin", mutation = true)
  type Line { @pk id: Int = autoIncrement()  sku: String  note: Note }
}

@wasm("all.wasm")
module Code {
  @access(hook("allow"))
  query back(a: Int): Json
  @access(hook("deny"))
  query never(a: Int): Json
  @access(hook("restrict"))
  query odd(a: Int): Json
}
"#;
const TOML: &str =
    "[hooks.guard]\npath = \"src/all.wasm\"\nexports = [\"authorization\", \"module\"]\ntimeout_ms = 20000\n";
const ADMIN: (&str, &str) = ("x-role", "admin");

pub(crate) async fn components_decide_rules_of_the_model() {
    let folder = Folder::new(MODEL, TOML);
    fs::write(folder.root.join("src/all.wasm"), component("hooks", ALL)).unwrap();
    let Started { studio, mut states, authority, .. } = Started::on(&folder).await;
    decisions(&authority).await;
    restrictions(&authority).await;
    reviews(&authority).await;
    let shown = |state: &StudioState, text: &str| {
        state.traces.iter().any(|trace| trace.operation == "Shown" && says(trace, text))
    };
    let query = "query Shown { notes { text } }";
    ask(&authority, query, &[("x-filter", "{\"tenant\":{\"eq\":7}}")]).await;
    let state = wait(&mut states, |state| shown(state, "restrict to {\"tenant\":{\"eq\":7}}")).await;
    let trace = state.traces.iter().find(|trace| trace.operation == "Shown").unwrap();
    let param = trace.statements.iter().flat_map(|it| &it.params).find(|it| it.origin == "hook restrict");
    assert_eq!(param.and_then(|it| it.value.as_deref()), Some("7"), "{:?}", trace.statements);
    assert!(trace.phases.iter().any(|phase| phase.note.contains("guard authorization.decide")));
    studio.stop().await.unwrap();
}

/// Whether the access checks of a trace have an operand with this value.
fn says(trace: &Arc<Trace>, value: &str) -> bool {
    fn within(part: &studio_events::AccessPart, value: &str) -> bool {
        part.operands.iter().any(|operand| operand.value.as_deref() == Some(value))
            || part.parts.iter().any(|part| within(part, value))
    }
    trace.access.iter().filter_map(|check| check.expression.as_ref()).any(|part| within(part, value))
}

async fn data(authority: &str, query: &str, headers: &[(&str, &str)]) -> Json {
    let (status, mut body, _) = ask(authority, query, headers).await;
    assert_eq!(status, 200, "{query}: {body}");
    assert!(body.get("errors").is_none(), "{query}: {body}");
    body["data"].take()
}

async fn error(authority: &str, query: &str, headers: &[(&str, &str)]) -> (String, String) {
    let (_, body, _) = ask(authority, query, headers).await;
    (body["errors"][0]["message"].as_str().unwrap_or_default().to_owned(), code(&body).to_owned())
}

fn pair(message: &str, code: &str) -> (String, String) {
    (message.to_owned(), code.to_owned())
}

async fn decisions(authority: &str) {
    let create = r#"mutation { createOpens(data: [{text: "a"}, {text: "hidden"}]) { text } }"#;
    assert_eq!(data(authority, create, &[]).await, json!({ "createOpens": [{ "text": "a" }] }));
    assert_eq!(data(authority, "{ opens { text } }", &[]).await, json!({ "opens": [{ "text": "a" }] }));
    // A refusal has the component's own words, also beside a field that may be seen.
    let refused = pair("denied", "NO");
    assert_eq!(error(authority, "{ closeds { text } }", &[]).await, refused);
    assert_eq!(error(authority, "{ opens { text } closeds { text } }", &[]).await, refused);
    assert_eq!(
        error(authority, r#"mutation { createClosed(data: {text: "a"}) { text } }"#, &[]).await,
        refused
    );
    // What the component is told.
    let details = error(authority, "{ echoes { text } }", &[ADMIN]).await.0;
    assert_eq!(details, "[admin,null,5,x,HARD,true]");
    assert_eq!(error(authority, "{ sites { text } }", &[]).await.0, "Site");
    // Methods of modules.
    assert_eq!(data(authority, "{ back(a: 1) }", &[]).await, json!({ "back": { "a": 1 } }));
    assert_eq!(error(authority, "{ never(a: 1) }", &[]).await, refused);
    assert_eq!(error(authority, "{ odd(a: 1) }", &[("x-filter", "{}")]).await.1, "HOOK_CONTRACT");
    // A component that fails refuses.
    assert_eq!(error(authority, "{ opens { text } }", &[("x-trap", "1")]).await.1, "HOOK_CRASHED");
}

async fn restrictions(authority: &str) {
    let seven = ("x-filter", r#"{"tenant":{"eq":7}}"#);
    let create = r#"mutation { createNotes(data: [
        {text: "a", tenant: 7, lines: [{sku: "x"}, {sku: "y"}, {sku: "z"}]},
        {text: "b", tenant: 8, lines: [{sku: "u"}]}]) { id } }"#;
    let made = data(authority, create, &[ADMIN]).await;
    let other = made["createNotes"][1]["id"].clone();
    let all = "{ notes(orderBy: {id: ASC}) { text } notesAgg { id { count } } }";
    let both = json!({ "notes": [{ "text": "a" }, { "text": "b" }], "notesAgg": { "id": { "count": 2 } } });
    assert_eq!(data(authority, all, &[ADMIN]).await, both);
    // The filter is part of the statement: counts are right as well.
    let own = json!({ "notes": [{ "text": "a" }], "notesAgg": { "id": { "count": 1 } } });
    assert_eq!(data(authority, all, &[seven]).await, own);
    // Over relations, beside what the client asks of the same relation.
    let lined = ("x-filter", r#"{"lines":{"sku":{"eq":"x"}}}"#);
    let asked = r#"{ notes(where: {lines: {sku: {eq: "y"}}}) { text } }"#;
    assert_eq!(data(authority, asked, &[lined]).await, json!({ "notes": [{ "text": "a" }] }));
    // On data: it has to fit, too.
    let one = r#"mutation { createNote(data: {text: "c", tenant: 7}) { text } }"#;
    assert_eq!(data(authority, one, &[seven]).await, json!({ "createNote": { "text": "c" } }));
    let foreign = r#"mutation { createNote(data: {text: "d", tenant: 8}) { text } }"#;
    assert_eq!(error(authority, foreign, &[seven]).await.0, "Not authorized");
    let moved = r#"mutation { updateNotes(where: {text: {eq: "a"}}, data: {tenant: 8}) { text } }"#;
    assert_eq!(error(authority, moved, &[seven]).await.0, "Not authorized");
    // On existing rows: those of others stay as they are.
    let update = format!(r#"mutation {{ updateNote(id: {other}, data: {{text: "mine"}}) {{ text }} }}"#);
    assert_eq!(data(authority, &update, &[seven]).await, json!({ "updateNote": null }));
    let delete = format!("mutation {{ deleteNote(id: {other}) {{ text }} }}");
    assert_eq!(data(authority, &delete, &[seven]).await, json!({ "deleteNote": null }));
    // Filters that mean nothing refuse.
    for filter in [r#"{"nothing":{"eq":7}}"#, r#"{"tenant":{"eq":"seven"}}"#, "[7]", "tenant"] {
        let code = error(authority, all, &[("x-filter", filter)]).await.1;
        assert_eq!(code, "HOOK_CONTRACT", "{filter}");
    }
    let liked = ("x-filter", r#"{"text":{"like":"a%"}}"#);
    assert_eq!(data(authority, "{ notes { text } }", &[liked]).await, json!({ "notes": [{ "text": "a" }] }));
    assert_eq!(error(authority, one, &[liked]).await.1, "HOOK_CONTRACT");
}

async fn reviews(authority: &str) {
    let filter = ("x-filter", "{}");
    let list = "{ lines(orderBy: {sku: ASC}) { sku } }";
    let skus = async |headers: &[(&str, &str)]| data(authority, list, headers).await["lines"].clone();
    assert_eq!(skus(&[ADMIN]).await, json!([{ "sku": "u" }, { "sku": "x" }, { "sku": "y" }, { "sku": "z" }]));
    assert_eq!(skus(&[]).await, json!([{ "sku": "u" }, { "sku": "y" }, { "sku": "z" }]));
    // Nested rows are reviewed together; what the component saw is no part of the answer.
    let nested = r#"{ notes(where: {text: {eq: "a"}}) { text below: lines(orderBy: {sku: ASC}) { sku } } }"#;
    let expected = json!({ "notes": [{ "text": "a", "below": [{ "sku": "x" }, { "sku": "z" }] }] });
    assert_eq!(data(authority, nested, &[filter]).await, expected);
    // The fields the rule names, in the component's refusal.
    let all = ("x-drop-all", "1");
    assert_eq!(error(authority, list, &[all]).await, pair("{id:4,note.tenant:8}", "NO"));
    // A mutation whose result is withheld altogether does nothing.
    let create = r#"mutation { createLine(data: {sku: "w", note: {id: 1}}) { sku } }"#;
    assert_eq!(error(authority, create, &[all]).await.1, "NO");
    assert_eq!(skus(&[ADMIN]).await.as_array().unwrap().len(), 4);
    assert_eq!(data(authority, create, &[]).await, json!({ "createLine": { "sku": "w" } }));
    // Nothing is counted or chosen by rows that would have to be reviewed.
    assert_eq!(error(authority, "{ linesAgg { id { count } } }", &[]).await.0, "Not authorized");
    assert_eq!(error(authority, list, &[("x-drop-far", "1")]).await.1, "HOOK_CONTRACT");
}

const RULED: &str = r#"
@postgres
module Notes {
  @access(query = hook("allow"), mutation = true)
  type Note { @pk id: Int = autoIncrement()  text: String }
}
"#;

/// A rule that nobody can decide is a problem at its place; a component that could and cannot any more is refused.
pub(crate) async fn a_rule_without_a_component_is_a_problem() {
    let folder = Folder::new(RULED, "");
    fs::write(folder.root.join("all.wasm"), component("hooks", ALL)).unwrap();
    let Started { studio, mut states, authority, .. } = Started::on(&folder).await;
    let state = wait(&mut states, |state| !hook_problems(state).is_empty()).await;
    let problem = state.all_problems().next().unwrap();
    assert!(
        problem.message.contains("`allow`") && problem.message.contains("`authorization`"),
        "{problem:?}"
    );
    assert_eq!((problem.file.as_str(), problem.line), ("src/index.exo", 4));
    assert_eq!(error(&authority, "{ notes { text } }", &[]).await.1, "HOOK_UNAVAILABLE");

    let configure = |exports: &str| {
        let toml = format!("[hooks.guard]\npath = \"all.wasm\"\ntimeout_ms = 20000\n{exports}");
        fs::write(folder.root.join("exo.toml"), toml).unwrap();
    };
    configure("exports = [\"gateway\"]\n");
    wait(&mut states, |state| hook_problems(state).iter().any(|it| it.contains("no hook component exports")))
        .await;
    configure("");
    wait(&mut states, |state| hook_problems(state).is_empty()).await;
    assert_eq!(data(&authority, "{ notes { text } }", &[]).await, json!({ "notes": [] }));
    configure("exports = [\"gateway\"]\n");
    let state = wait(&mut states, |state| !hook_problems(state).is_empty()).await;
    let problems = hook_problems(&state);
    assert!(problems[0].contains("the rule `allow` at src/index.exo:4"), "{problems:?}");
    assert_eq!(data(&authority, "{ notes { text } }", &[]).await, json!({ "notes": [] }));
    studio.stop().await.unwrap();
}
