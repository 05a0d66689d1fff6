//! Scripts in the studio: first versions are written, saves are followed, mistakes leave the old code serving.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use studio_events::{LogLevel, Problem, StudioState};
use studio_model::ir::Ir;

use super::started::Started;

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

const HELLO: &str = "{ hello(name: \"Ann\") }";

fn problem<'s>(state: &'s StudioState, code: &str) -> &'s Problem {
    state.all_problems().find(|problem| problem.code == code).unwrap()
}

fn place(problem: &Problem) -> (&str, u32, u32) {
    (&problem.file, problem.line, problem.column)
}

pub(crate) async fn scripts_are_written_once_and_followed() {
    let mut it = Started::with(&[("src/index.exo", MODEL)]);
    let script = it.root.join("src/code/hello.ts");

    // The first version and the declarations are there; calling it says nothing to the client.
    let state = it.serves().await;
    let written = fs::read_to_string(&script).unwrap();
    assert!(written.contains("export async function hello(name: string): Promise<string> {"), "{written}");
    assert!(
        it.root.join("generated/exograph.d.ts").is_file() && it.root.join("generated/Notes.d.ts").is_file()
    );
    assert!(!it.root.join("generated/contexts.d.ts").exists());
    assert!(it.ask(HELLO).await.contains("Internal server error"));
    it.logs(LogLevel::Error, "not implemented").await;
    it.logs(LogLevel::Error, "src/code/hello.ts:4").await;

    // A save of a script is live, also of one that is only imported.
    let served = state.serving.revision;
    it.write("src/code/greet.ts", "export const greet = (name: string) => `Hello ${name}`;\n");
    it.write("src/code/hello.ts", SCRIPT);
    let state = it.until(|state| state.serving.revision > served && !state.is_stale()).await;
    assert!(it.ask(HELLO).await.contains("Hello Ann"));
    it.logs(LogLevel::Warn, "asked Ann").await;
    let served = state.serving.revision;
    it.write("src/code/greet.ts", "export const greet = (name: string) => `Bye ${name}`;\n");
    it.until(|state| state.serving.revision > served && !state.is_stale()).await;
    assert!(it.ask(HELLO).await.contains("Bye Ann"));

    mistakes_have_their_place(&mut it).await;

    // What somebody wrote is not touched, and the compiled model has the code in it.
    assert_eq!(fs::read_to_string(&script).unwrap(), SCRIPT);
    let compiled = Ir::from_bytes(&fs::read(it.root.join("target/index.exo_ir")).unwrap()).unwrap();
    assert!(compiled.scripts["src/code/greet.ts"].code.contains("Bye"));
    it.studio.stop().await.unwrap();
}

/// Whatever is wrong, the old code serves on.
async fn mistakes_have_their_place(it: &mut Started) {
    it.write("src/code/hello.ts", &SCRIPT.replace("return greet", "return greet("));
    let state = it.until(StudioState::is_stale).await;
    assert_eq!(place(problem(&state, "E0165")), ("src/code/hello.ts", 4, 22));
    assert!(it.ask(HELLO).await.contains("Bye Ann"));
    it.write("src/code/hello.ts", SCRIPT);
    it.serves().await;

    // A name that the other file does not export.
    let wave = SCRIPT.replace("{ greet }", "{ greet, wave }").replace("greet(name)", "greet(wave)");
    it.write("src/code/hello.ts", &wave);
    let state = it.until(StudioState::is_stale).await;
    let found = problem(&state, "E0165");
    assert_eq!(place(found), ("src/code/hello.ts", 1, 17));
    assert!(found.rendered.contains("`./greet.ts` has no export `wave`"), "{}", found.rendered);
    it.write("src/code/hello.ts", SCRIPT);
    it.serves().await;

    // A script that goes away is a problem at its module, and nothing is written in its place.
    let script = it.root.join("src/code/hello.ts");
    fs::remove_file(&script).unwrap();
    let state = it.until(StudioState::is_stale).await;
    let found = problem(&state, "E0164");
    assert_eq!(place(found), ("src/index.exo", 3, 7));
    assert!(found.rendered.contains("^^^^^^^^^^^^^^^") && !script.exists(), "{}", found.rendered);
    assert!(it.ask(HELLO).await.contains("Bye Ann"));
    it.write("src/code/hello.ts", SCRIPT);
    it.serves().await;

    // A function that is declared and not exported is a warning at its declaration.
    it.write("src/index.exo", &MODEL.replace("interceptor look", "interceptor peek"));
    let warned = |state: &StudioState| state.all_problems().any(|problem| problem.code == "C0023");
    let state = it.until(warned).await;
    assert_eq!(place(problem(&state, "C0023")), ("src/index.exo", 5, 38));
    it.write("src/index.exo", MODEL);
    it.until(|state| !warned(state)).await;
}

const ON_DENO: &str = "[scripts.modules.Hello]\nruntime = \"deno\"\n";

pub(crate) async fn modules_may_run_on_deno() {
    if !std::process::Command::new("node").arg("--version").output().is_ok_and(|it| it.status.success()) {
        println!("modules on deno: skipped, there is no node for the stand-in");
        return;
    }
    let script = "import os from 'node:os';
import { greet } from './greet.mjs';
export async function hello(name) { return `${await greet(name)} ${typeof os.cpus}`; }
export function look(operation) { throw new ExographError(`${operation.name()} is closed`); }
";
    let model = MODEL.replace("hello.ts", "hello.mjs");
    let mut it = Started::with(&[
        ("src/index.exo", &model),
        ("src/code/hello.mjs", script),
        ("src/code/greet.mjs", "export const greet = async (name) => `Hello ${name}`;"),
    ]);
    // The embedded engine has no modules of Node.
    let broken = |state: &StudioState| state.all_problems().any(|problem| problem.code == "E0165");
    let state = it.until(broken).await;
    assert_eq!(place(problem(&state, "E0165")), ("src/code/hello.mjs", 1, 16));
    let in_path = std::env::var("PATH")
        .unwrap_or_default()
        .split(':')
        .any(|folder| fs::exists(format!("{folder}/deno")).is_ok_and(|it| it));
    if !in_path {
        // Without the program it is said what to install.
        it.write("exo.toml", ON_DENO);
        let missing = |state: &StudioState| state.all_problems().any(|problem| problem.code == "C0025");
        let state = it.until(missing).await;
        let found = problem(&state, "C0025");
        assert!(
            found.message.contains("`Hello`") && found.help[0].contains("npm install deno"),
            "{}",
            found.rendered
        );
    }
    let program = it.root.join("node_modules/@deno/stand-in/deno");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, include_str!("../../script/tests/it/deno-stand-in.js")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    it.write("exo.toml", &format!("{ON_DENO}\n"));
    // A save that builds again: whether the program is there is looked at by builds.
    it.write("src/code/greet.mjs", "export const greet = async (name) => `Moin ${name}`;");
    it.serves().await;
    assert!(it.ask(HELLO).await.contains("Moin Ann function"));
    assert!(it.ask("{ notes { body } }").await.contains("notes is closed"));

    // Saves are followed, mistakes have their place.
    let served = it.serves().await.serving.revision;
    it.write("src/code/greet.mjs", "export const greet = async (name) => `Bye ${name}`;");
    it.until(|state| state.serving.revision > served && !state.is_stale()).await;
    assert!(it.ask(HELLO).await.contains("Bye Ann function"));
    it.write("src/code/hello.mjs", &script.replace("return", "return ("));
    let state = it.until(StudioState::is_stale).await;
    assert_eq!(place(problem(&state, "E0165")).0, "src/code/hello.mjs");
    it.studio.stop().await.unwrap();
}
