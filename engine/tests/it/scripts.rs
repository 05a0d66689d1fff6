//! Scripts in the studio: first versions are written, saves are followed, mistakes leave the old code serving.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use studio_engine::project::Project;
use studio_engine::studio::{Studio, StudioConfig};
use studio_events::{HttpState, LogLevel};
use studio_model::ir::Ir;

use super::consent::{ask, wait};

const MODEL: &str = r#"
@postgres module Notes { @access(true) type Note { @pk id: Int = autoIncrement() body: String } }
@deno("code/hello.ts") module Hello {
  @access(true) query hello(name: String): String
  @before("query notes") interceptor look(operation: Operation)
}
"#;

const SCRIPT: &str = "import { greet } from './greet.ts';
export async function hello(name: string): Promise<string> {
  console.warn('asked', name);
  return greet(name);
}
export function look() {}
";

pub(crate) async fn scripts_are_written_once_and_followed() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let root = folder.path().join("hello");
    fs::create_dir_all(root.join("src")).unwrap();
    fs::write(root.join("src/index.exo"), MODEL).unwrap();
    let project = Project::open(&root).unwrap();
    let executable = std::env::current_exe().unwrap();
    let config = StudioConfig {
        project,
        port: Some(0),
        executable,
        interactive: true,
        policy: None,
        database_url: None,
        read_write: false,
        enforce_trusted_documents: true,
    };
    let studio = Studio::prepare(config).unwrap().start();
    let mut states = studio.states();
    let state = wait(&mut states, |state| state.serving.revision.is_some()).await;
    let HttpState::Listening { url, .. } = &state.http else { panic!("not bound: {:?}", state.http) };
    let authority = url.trim_start_matches("http://").to_owned();
    let hello = "{ hello(name: \"Ann\") }";

    // The first version and the declarations are there; calling it says nothing to the client.
    let script = root.join("src/code/hello.ts");
    let written = fs::read_to_string(&script).unwrap();
    assert!(written.contains("export async function hello(name: string): Promise<string> {"), "{written}");
    assert!(root.join("generated/exograph.d.ts").is_file() && root.join("generated/Notes.d.ts").is_file());
    assert!(!root.join("generated/contexts.d.ts").exists());
    assert!(ask(&authority, hello).await.contains("Internal server error"));
    let found = |state: &studio_events::StudioState, level, text: &str| {
        state.logs.iter().any(|(_, line)| line.level == level && line.text.contains(text))
    };
    wait(&mut states, |state| found(state, LogLevel::Error, "not implemented")).await;
    wait(&mut states, |state| found(state, LogLevel::Error, "src/code/hello.ts:4")).await;

    // A save of a script is live, also of one that is only imported.
    let served = state.serving.revision;
    fs::write(root.join("src/code/greet.ts"), "export const greet = (name: string) => `Hello ${name}`;\n")
        .unwrap();
    fs::write(&script, SCRIPT).unwrap();
    let state = wait(&mut states, |state| state.serving.revision > served && !state.is_stale()).await;
    assert!(ask(&authority, hello).await.contains("Hello Ann"));
    wait(&mut states, |state| found(state, LogLevel::Warn, "asked Ann")).await;
    let served = state.serving.revision;
    fs::write(root.join("src/code/greet.ts"), "export const greet = (name: string) => `Bye ${name}`;\n")
        .unwrap();
    let state = wait(&mut states, |state| state.serving.revision > served && !state.is_stale()).await;
    assert!(ask(&authority, hello).await.contains("Bye Ann"));

    // A mistake has its place, and the old code serves on.
    let served = state.serving.revision;
    fs::write(&script, SCRIPT.replace("return greet", "return greet(")).unwrap();
    let state = wait(&mut states, |state| state.is_stale()).await;
    let problem = state.all_problems().find(|problem| problem.code == "E0165").unwrap();
    assert_eq!((problem.file.as_str(), problem.line), ("src/code/hello.ts", 4), "{}", problem.rendered);
    assert!(ask(&authority, hello).await.contains("Bye Ann"));
    fs::write(&script, SCRIPT).unwrap();
    wait(&mut states, |state| !state.is_stale() && state.serving.revision >= served).await;

    // What somebody wrote is not touched, and the compiled model has the code in it.
    assert_eq!(fs::read_to_string(&script).unwrap(), SCRIPT);
    let compiled = Ir::from_bytes(&fs::read(root.join("target/index.exo_ir")).unwrap()).unwrap();
    assert!(compiled.scripts["src/code/greet.ts"].code.contains("Bye"));
    studio.stop().await.unwrap();
}
