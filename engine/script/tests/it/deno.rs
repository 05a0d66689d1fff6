//! Scripts on `deno` processes: on a stand-in, and on the real program where there is one.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use studio_script::{
    Argument, Call, DenoRuntime, DenoSettings, Event, FailureKind, HostRequest, Limits, find_deno,
};

use super::{call, drive};

/// As much of `deno` as our worker needs, on `node`.
const STAND_IN: &str = include_str!("deno-stand-in.js");

const SCRIPT: &str = r#"
import { shout } from "./lib.mjs";
let calls = 0;
export const count = () => ++calls;
export const echo = (...all) => all;
export const optional = () => ({ a: undefined, b: 1 });
export async function query(exograph, word) {
  const { book } = await exograph.executeQuery("{ book }", { word });
  await exograph.addResponseHeader("X-Book", book);
  console.warn("read", { book });
  return shout(book) + Deno.env.get("REGION");
}
export async function refused(exograph) { await exograph.executeQuery("{ refused }"); }
export const proceeding = async (operation) => [operation.name(), await operation.proceed()];
export const broken = () => { throw new TypeError("no"); };
export const shown = () => { throw new ExographError("for you"); };
export const loop = () => { for (;;); };
export const hoard = () => { const all = []; for (;;) all.push("x".repeat(1000) + all.length); };
export const leave = () => { (globalThis.process ?? Deno).exit(3); };
export const stray = (text) => { Deno.stdout.writeSync(new TextEncoder().encode(text + "\n")); return 1; };
export async function late(exograph) {
  setTimeout(() => exograph.executeQuery("{ late }").catch((error) => console.log(error.message)), 1);
  return "early";
}
export const wait = () => new Promise((done) => setTimeout(done, 50, "waited"));
"#;

/// A project with the script, and the programs to run it on.
fn project() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("src/a.mjs"), SCRIPT).unwrap();
    std::fs::write(folder.path().join("src/lib.mjs"), "export const shout = (text) => text.toUpperCase();")
        .unwrap();
    let mut programs = Vec::new();
    if Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success()) {
        let program = folder.path().join("node_modules/@deno/stand-in/deno");
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::write(&program, STAND_IN).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find_deno(folder.path(), None).unwrap(), program);
        programs.push(program);
    } else {
        println!("skipped on the stand-in: there is no node");
    }
    let path = std::env::var("PATH").unwrap();
    match find_deno(Path::new("/nowhere"), Some(&path)) {
        Some(program) => programs.push(program),
        None => println!("skipped on the real program: there is no deno in the PATH"),
    }
    (folder, programs)
}

fn settings(root: &Path, program: &Path) -> DenoSettings {
    let limits = Limits {
        computing: Duration::from_secs(60),
        total: Duration::from_secs(120),
        memory: 64 * 1024 * 1024,
        ..Limits::default()
    };
    DenoSettings { program: program.to_owned(), root: root.to_owned(), allow_http: Vec::new(), limits }
}

fn asks(function: &str, arguments: Vec<Argument>) -> Call {
    Call { script: "src/a.mjs".to_owned(), arguments, ..call(function, &[]) }
}

#[tokio::test]
async fn processes_run_functions_with_the_same_host_functions() {
    let (folder, programs) = project();
    for program in programs {
        let runtime = DenoRuntime::new(settings(folder.path(), &program));
        let plain = async |function: &str, arguments: &[&str]| {
            let arguments = arguments.iter().map(|json| Argument::Json((*json).to_owned())).collect();
            drive(runtime.call(asks(function, arguments)), |request| panic!("unexpected {request:?}")).await
        };
        assert_eq!(plain("count", &[]).await.0.unwrap(), "1");
        assert_eq!(plain("count", &[]).await.0.unwrap(), "2", "the process is kept");
        assert_eq!(
            plain("echo", &["1", "null", r#"{"a":["ü"]}"#]).await.0.unwrap(),
            r#"[1,null,{"a":["ü"]}]"#
        );
        let composite = Call { composite: true, ..asks("optional", Vec::new()) };
        let (optional, _) = drive(runtime.call(composite), |_| panic!("no questions")).await;
        assert_eq!(optional.unwrap(), r#"{"a":null,"b":1}"#);

        let mut asked = Vec::new();
        let queries = asks("query", vec![Argument::Exograph, Argument::Json("\"w\"".to_owned())]);
        let (result, events) = drive(runtime.call(queries), |request| {
            asked.push(request);
            Ok(r#"{"book":"atlas"}"#.to_owned())
        })
        .await;
        assert_eq!(result.unwrap(), "\"ATLASnorth\"");
        let [HostRequest::Query { query, variables, contexts: None }] = asked.as_slice() else {
            panic!("{asked:?}")
        };
        assert_eq!((query.as_str(), variables["word"].as_str()), ("{ book }", Some("w")));
        let [Event::Header { name, value }, Event::Console { text, .. }] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!((name.as_str(), value.as_str()), ("X-Book", "atlas"));
        assert!(text.starts_with("read ") && text.contains("atlas"), "{text}");

        let refused = asks("refused", vec![Argument::Exograph]);
        let (result, _) = drive(runtime.call(refused), |_| {
            Err(studio_script::HostError { message: "mine".to_owned(), public: true })
        })
        .await;
        assert_eq!(result.unwrap_err().kind, FailureKind::Public);
        let mut intercepts = asks("proceeding", vec![Argument::Operation]);
        let query = r#"{"alias":null,"name":"n","arguments":{},"subfields":[]}"#.to_owned();
        intercepts.operation = Some(studio_script::Operation { name: "n".to_owned(), query, proceed: true });
        let (result, _) = drive(runtime.call(intercepts), |_| Ok("7".to_owned())).await;
        assert_eq!(result.unwrap(), r#"["n",7]"#);

        let broken = plain("broken", &[]).await.0.unwrap_err();
        assert_eq!((broken.kind, broken.message.as_str()), (FailureKind::Thrown, "TypeError: no"));
        assert!(broken.stack.contains("src/a.mjs:"), "{}", broken.stack);
        let shown = plain("shown", &[]).await.0.unwrap_err();
        assert_eq!((shown.kind, shown.message.as_str()), (FailureKind::Public, "for you"));
        assert_eq!(plain("nowhere", &[]).await.0.unwrap_err().kind, FailureKind::Missing);

        let (result, events) = plain("stray", &[r#""{\"done\": 5}""#]).await;
        assert_eq!(result.unwrap(), "1");
        assert!(
            matches!(events.as_slice(), [Event::Console { text, .. }] if text.contains("done")),
            "{events:?}"
        );

        // What a call leaves behind does not act in the name of the next one.
        let (early, _) =
            drive(runtime.call(asks("late", vec![Argument::Exograph])), |_| panic!("no questions")).await;
        assert_eq!(early.unwrap(), "\"early\"");
        let (waited, events) = plain("wait", &[]).await;
        assert_eq!(waited.unwrap(), "\"waited\"");
        assert!(
            matches!(events.as_slice(), [Event::Console { text, .. }] if text.contains("has ended")),
            "{events:?}"
        );
    }
}

#[tokio::test]
async fn a_process_that_takes_too_much_is_killed_and_another_takes_over() {
    let (folder, programs) = project();
    for program in programs {
        let fine = async |runtime: &DenoRuntime| {
            let (result, _) =
                drive(runtime.call(asks("count", Vec::new())), |_| panic!("no questions")).await;
            assert_eq!(result.unwrap(), "1", "in a new process");
        };
        let failure = async |runtime: &DenoRuntime, function: &str| {
            let (result, _) =
                drive(runtime.call(asks(function, Vec::new())), |_| panic!("no questions")).await;
            result.unwrap_err()
        };
        let mut limited = settings(folder.path(), &program);
        limited.limits.computing = Duration::from_millis(300);
        let runtime = DenoRuntime::new(limited);
        assert_eq!(failure(&runtime, "loop").await.kind, FailureKind::Timeout);
        fine(&runtime).await;
        let ended = failure(&runtime, "leave").await;
        assert!(ended.kind == FailureKind::Stuck && ended.message.contains("exit status: 3"), "{ended}");
        fine(&runtime).await;
        drop(runtime.call(asks("loop", Vec::new())));

        let mut small = settings(folder.path(), &program);
        small.limits.memory = 32 * 1024 * 1024;
        let runtime = DenoRuntime::new(small);
        let hoards = failure(&runtime, "hoard").await;
        assert_eq!(hoards.kind, FailureKind::Memory, "{hoards}");
        fine(&runtime).await;
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = DenoRuntime::new(settings(folder.path(), Path::new("/nowhere/deno")));
    let (result, _) = drive(runtime.call(asks("count", Vec::new())), |_| panic!("no questions")).await;
    let failure = result.unwrap_err();
    assert!(failure.message.contains("`/nowhere/deno` cannot be started"), "{failure}");
    assert_eq!(find_deno(folder.path(), None), None);
}
