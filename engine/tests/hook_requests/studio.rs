//! One project with a component that exports everything, in the interactive studio.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use studio_events::{PhaseKind, ProblemSource, ServiceStatus, StudioState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::guest::{ALL, component};
use crate::started::{Folder, Started};

const MODEL: &str = r#"
context Caller {
  @jwt("sub") id: String?
  @hook("tenant-id") tenant: Int?
}

@postgres
module Notes {
  @access(query = Caller.tenant == 7 && (Caller.id == "anna" || self.public), mutation = true)
  type Note {
    @pk id: Int = autoIncrement()
    text: String
    public: Boolean
  }
}

@deno("greet.mjs")
module Greeter {
  @access(true) query greet(@inject exograph: Exograph): String
}
"#;
const SCRIPT: &str =
    "export function greet(exograph) { exograph.addResponseHeader('X-Greeted', 'yes'); return 'hello'; }\n";
const SEED: &str = "operation: |\n  mutation { createNotes(data: [{text: \"a\", public: true}, {text: \"b\", public: false}]) { id } }\n";
const TOML: &str = "[hooks.guard]\npath = \"hooks/guard.wasm\"\ntimeout_ms = 20000\nmemory_mb = 8\n";

pub(crate) async fn hooks_stand_around_requests_and_follow_their_files() {
    let folder = Folder::new(MODEL, TOML);
    let root = &folder.root;
    for name in ["tests", "hooks"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    fs::write(root.join("src/greet.mjs"), SCRIPT).unwrap();
    // No component yet: nothing is answered, since what it should refuse would pass.
    let Started { studio, mut states, state, authority } = Started::on(&folder).await;
    let problem = hook_problems(&state);
    assert!(problem[0].contains("`guard`") && problem[0].contains("cannot be read"), "{problem:?}");
    let (status, body, _) = ask(&authority, "{ notes { text } }", &[]).await;
    assert_eq!((status, code(&body)), (503, "HOOK_UNAVAILABLE"));

    // It is built: served from now on, problem gone.
    replace(root, &component("hooks", ALL));
    wait(&mut states, |state| hook_problems(state).is_empty()).await;
    let create =
        "mutation { createNotes(data: [{text: \"a\", public: true}, {text: \"b\", public: false}]) { id } }";
    let (_, body, _) = ask(&authority, create, &[]).await;
    // What the caller may read of it.
    assert_eq!(body["data"]["createNotes"].as_array().unwrap().len(), 1, "{body}");

    requests(&authority).await;
    let state = wait(&mut states, |state| {
        state.traces.iter().any(|trace| trace.phases.iter().any(|phase| phase.note.contains("HOOK_CRASHED")))
    })
    .await;
    traces(&state);
    let up = |state: &StudioState| {
        state.services.iter().any(|service| {
            service.name == "hook guard"
                && service.status == ServiceStatus::Up
                && service.lines.iter().any(|line| line.contains("HOOK_CRASHED 1"))
        })
    };
    wait(&mut states, up).await;

    // A broken file changes nothing but the problem list.
    replace(root, b"\0asm broken");
    let state = wait(&mut states, |state| !hook_problems(state).is_empty()).await;
    assert!(hook_problems(&state)[0].contains("does not compile"), "{:?}", hook_problems(&state));
    assert_eq!(ask(&authority, "{ notes { text } }", &[("x-block", "1")]).await.0, 403);
    // A file for access records that cannot be one is a problem, and hooks run all the same.
    fs::write(root.join("exo.toml"), format!("{TOML}access_log = \"hooks/guard.wasm/access.log\"\n"))
        .unwrap();
    wait(&mut states, |state| {
        hook_problems(state).iter().any(|it| it.contains("access log cannot be opened"))
    })
    .await;
    assert_eq!(ask(&authority, "{ notes { text } }", &[("x-block", "1")]).await.0, 403);
    // And a configuration without it removes it.
    fs::write(root.join("exo.toml"), "").unwrap();
    let named = |state: &StudioState| state.services.iter().any(|service| service.name == "hook guard");
    wait(&mut states, |state| hook_problems(state).is_empty() && !named(state)).await;
    assert_eq!(ask(&authority, "{ notes { text } }", &[("x-block", "1")]).await.0, 200);
    studio.stop().await.unwrap();
    seeded_tests(root).await;
}

async fn requests(authority: &str) {
    let list = "{ notes(orderBy: {text: ASC}) { text } }";
    // Header and context values, reply headers.
    let (status, body, headers) = ask(authority, list, &[]).await;
    assert_eq!((status, &body), (200, &json!({ "data": { "notes": [{ "text": "a" }] } })));
    assert!(headers.contains("x-count: 1") && headers.contains("x-bye: 1"), "{headers}");
    // So are those of scripts.
    let (_, body, headers) = ask(authority, "{ greet }", &[]).await;
    assert_eq!(body, json!({ "data": { "greet": "hello" } }));
    assert!(headers.contains("x-greeted: yes") && headers.contains("x-bye: 1"), "{headers}");
    // A fresh instance for each request.
    assert!(ask(authority, list, &[]).await.2.contains("x-count: 1"));
    // Claims from a hook are read as those of a token.
    let (_, body, _) = ask(authority, list, &[("x-user", "{\"sub\":\"anna\"}")]).await;
    assert_eq!(body["data"]["notes"].as_array().unwrap().len(), 2, "{body}");
    // Rejections of both kinds.
    let (status, body, headers) = ask(authority, list, &[("x-block", "1")]).await;
    assert_eq!((status, code(&body)), (403, "NO"));
    assert!(headers.contains("retry-after: 5"), "{headers}");
    assert_eq!(body["errors"][0]["extensions"]["why"], "test");
    assert_eq!(ask(authority, list, &[("x-unknown", "1")]).await.0, 401);
    assert_eq!(ask(authority, list, &[("x-teapot", "1")]).await.0, 418);
    // Hostile guests.
    let (status, body, _) = ask(authority, list, &[("x-bomb", "1")]).await;
    assert_eq!((status, code(&body)), (500, "HOOK_OUT_OF_MEMORY"));
    let (status, body, _) = ask(authority, list, &[("x-trap", "1")]).await;
    assert_eq!((status, code(&body)), (500, "HOOK_CRASHED"));
    assert_eq!(body["errors"][0]["message"], "The hook 'guard' failed");
}

fn traces(state: &StudioState) {
    let trace = state.traces.iter().find(|trace| trace.operation == "notes").unwrap();
    let notes: Vec<_> =
        trace.phases.iter().filter(|phase| phase.kind == PhaseKind::Hook).map(|phase| &phase.note).collect();
    let exports = ["gateway.on-request", "identity.authenticate", "gateway.on-response"];
    assert_eq!(notes.len(), exports.len(), "{notes:?}");
    for (note, export) in notes.iter().zip(exports) {
        assert!(note.starts_with(&format!("guard {export}")), "{note}");
    }
    let sum: u64 = trace.phases.iter().map(|phase| phase.time.0).sum();
    assert!(sum <= trace.total.0 + trace.phases.len() as u64, "{sum} of {}", trace.total.0);
    // Log lines of the hook name the trace.
    let of_trace = |line: &studio_events::LogLine| line.trace == Some(trace.id) && line.text == "seen";
    assert!(state.logs.iter().any(|(_, line)| line.source == "hook guard" && of_trace(line)), "{}", trace.id);
}

/// The same project under `--ci`: a test sees the hook.
async fn seeded_tests(root: &Path) {
    fs::write(root.join("exo.toml"), TOML).unwrap();
    replace(root, &component("hooks", ALL));
    fs::write(root.join("tests/init.gql"), SEED).unwrap();
    let blocked = "operation: |\n  { notes { text } }\nheaders: |\n  {\"x-user\": \"{\\\"sub\\\":\\\"anna\\\"}\"}\nresponse: |\n  {\"data\": {\"notes\": [{\"text\": \"a\"}, {\"text\": \"b\"}]}}\n";
    fs::write(root.join("tests/anna.exotest"), blocked).unwrap();
    let cluster = studio_postgres::Cluster::start(
        studio_postgres::ClusterConfig::new(studio_postgres::ClusterKind::ThrowAway),
        |_| {},
    )
    .await
    .unwrap();
    let laboratory: Arc<dyn studio_testing::Laboratory> =
        Arc::new(studio_engine::laboratory::ClusterLaboratory::new(cluster.databases()));
    let report = studio_testing::run(
        laboratory,
        root,
        studio_testing::RunOptions::default(),
        Arc::new(|_| {}),
        studio_testing::Cancellation::default(),
    )
    .await
    .unwrap();
    cluster.stop().await;
    let style = studio_testing::report::text::TextStyle::default();
    let text = studio_testing::report::text::render(&report, style);
    assert!(report.passed() && report.tests.len() == 1, "{text}");
}

fn replace(root: &Path, bytes: &[u8]) {
    let temporary = root.join("hooks/guard.tmp");
    fs::write(&temporary, bytes).unwrap();
    fs::rename(&temporary, root.join("hooks/guard.wasm")).unwrap();
}

pub(crate) fn hook_problems(state: &StudioState) -> Vec<String> {
    let sets = state.problems.iter().filter(|(source, _)| *source == ProblemSource::Hook);
    sets.flat_map(|(_, problems)| problems.iter().map(|problem| problem.message.clone())).collect()
}

pub(crate) fn code(body: &Json) -> &str {
    body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}

pub(crate) async fn wait(
    states: &mut tokio::sync::watch::Receiver<Arc<StudioState>>,
    condition: impl Fn(&StudioState) -> bool,
) -> Arc<StudioState> {
    let limit = std::time::Duration::from_secs(120);
    let last = states.clone();
    match tokio::time::timeout(limit, states.wait_for(|state| condition(state))).await {
        Ok(state) => state.unwrap().clone(),
        Err(_) => {
            let state = last.borrow().clone();
            panic!("still waiting; problems {:?}; services {:?}", hook_problems(&state), state.services)
        }
    }
}

pub(crate) async fn ask(authority: &str, query: &str, headers: &[(&str, &str)]) -> (u16, Json, String) {
    let body = json!({ "query": query }).to_string();
    let mut request = format!("POST /graphql HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Json::Null), head.to_ascii_lowercase())
}
