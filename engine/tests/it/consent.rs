//! A change that could lose data, from the first question to the answer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use studio_engine::project::Project;
use studio_engine::studio::{Studio, StudioConfig};
use studio_events::{Command, DatabaseState, HttpState, LogLevel, Revision, StudioState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const BEFORE: &str =
    "@postgres module Notes { @access(true) type Note { @pk id: Int = autoIncrement() body: String } }";
const SEED: &str =
    "operation: |\n  mutation { createNotes(data: [{body: \"one\"}, {body: \"two\"}]) { id } }\n";

pub(crate) async fn a_rename_keeps_its_values_and_needs_the_typed_word() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let root = folder.path().join("notes");
    fs::create_dir_all(root.join("src")).unwrap();
    fs::create_dir_all(root.join("tests")).unwrap();
    fs::write(root.join("src/index.exo"), BEFORE).unwrap();
    fs::write(root.join("tests/init.gql"), SEED).unwrap();
    let project = Project::open(&root).unwrap();
    let executable = std::env::current_exe().unwrap();
    let config = StudioConfig { project, port: Some(0), executable, interactive: true };
    let studio = Studio::prepare(config).unwrap().start();
    let mut states = studio.states();

    let state = wait(&mut states, |state| state.serving.revision == Some(Revision(1))).await;
    let HttpState::Listening { url, .. } = &state.http else {
        panic!("the server is not bound: {:?}", state.http)
    };
    let authority = url.trim_start_matches("http://").to_owned();
    let both = "[{\"b\" : \"one\"}, {\"b\" : \"two\"}]";
    assert!(ask(&authority, "{ notes { b: body } }").await.contains(both));

    fs::write(root.join("src/index.exo"), BEFORE.replace("body", "text")).unwrap();
    let state = wait(&mut states, |state| state.migration.is_some()).await;
    let step = &state.migration.as_ref().unwrap().steps[0];
    assert!(step.title.starts_with("rename column notes.body to text"), "{}", step.title);
    assert_eq!(step.rows, Some(2), "values at stake are counted");
    assert_eq!(state.serving.revision, Some(Revision(1)), "the old revision goes on");

    studio.commands().send(Command::Migrate { consent: "yes".to_owned() }).unwrap();
    wait(&mut states, |state| state.logs.iter().any(|(_, line)| line.text.contains("notes/r2"))).await;
    assert!(ask(&authority, "{ notes { b: body } }").await.contains(both), "nothing was applied");

    studio.commands().send(Command::Migrate { consent: "notes/r2".to_owned() }).unwrap();
    let state = wait(&mut states, |state| state.serving.revision == Some(Revision(2))).await;
    assert!(ask(&authority, "{ notes { b: text } }").await.contains(both), "the values are kept");
    let copied = state.logs.iter().any(|(_, line)| line.text.contains("copy `app@r1`"));
    assert!(copied && state.migration.is_none());
    let errors = state.logs.iter().filter(|(_, line)| line.level == LogLevel::Error).count();
    assert_eq!(errors, 0);
    assert!(matches!(*state.database, DatabaseState::Ready { .. }));
    studio.stop().await.unwrap();
}

pub(crate) async fn wait(
    states: &mut tokio::sync::watch::Receiver<Arc<StudioState>>,
    condition: impl Fn(&StudioState) -> bool,
) -> Arc<StudioState> {
    let limit = std::time::Duration::from_secs(120);
    let found = tokio::time::timeout(limit, states.wait_for(|state| condition(state))).await;
    match found {
        Ok(state) => state.unwrap().clone(),
        Err(_) => panic!("still waiting"),
    }
}

async fn ask(authority: &str, query: &str) -> String {
    let body = serde_json::json!({ "query": query }).to_string();
    let head = format!("POST /graphql HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}
