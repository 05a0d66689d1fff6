//! `check`, `fmt`, `explain`, `build`: the commands that need no database.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc::channel;

use serde_json::Value;

use crate::harness::{PATIENCE, command, folder, kill, project, text};

const BROKEN: &str = "@postgres\nmodule Shop {\n  type Book {\n    @pk id: Int\n    title: Strng\n  }\n}\n";

#[test]
fn problems_in_every_format() {
    let folder = folder();
    let project = project(folder.path(), "todo");
    std::fs::write(project.join("src/index.exo"), BROKEN).unwrap();
    let check =
        |format: &str| command().arg("check").arg(&project).args(["--format", format]).output().unwrap();
    let human = check("human");
    assert_eq!(human.status.code(), Some(3));
    let shown = text(&human);
    assert!(shown.contains("error[E0030]: no type named `Strng`") && shown.contains("^^^^^"), "{shown}");
    assert!(shown.contains("src/index.exo:5:12") && shown.contains("did you mean `String`?"), "{shown}");
    let json = check("json");
    assert_eq!(json.status.code(), Some(3));
    let problem: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&problem["code"], &problem["line"]), (&"E0030".into(), &5.into()));
    assert_eq!((&problem["endLine"], &problem["endColumn"]), (&5.into(), &17.into()));
    assert_eq!(problem["fix"]["edits"][0]["text"], "String");
    let github = text(&check("github"));
    assert_eq!(
        github.trim(),
        "::error file=src/index.exo,line=5,col=12,endLine=5,endColumn=17,title=E0030::no type named `Strng`%0Adid you mean `String`?"
    );
    let build = command().arg("build").arg(&project).output().unwrap();
    assert_eq!(build.status.code(), Some(3));
    assert!(!project.join("target/index.exo_ir").exists());
}

#[test]
fn every_template_is_free_of_problems_and_laid_out() {
    let folder = folder();
    for template in ["todo", "bookshop", "multi-tenant", "with-hooks"] {
        let project = project(folder.path(), template);
        let output = command().arg("check").arg(&project).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{template}: {}", text(&output));
        let output = command().args(["fmt", "--check"]).arg(&project).output().unwrap();
        assert!(output.status.success(), "{template}: {}", text(&output));
    }
}

#[test]
fn fmt_names_the_files_it_would_change_and_changes_them() {
    let folder = folder();
    let project = project(folder.path(), "todo");
    let path = project.join("src/index.exo");
    let neat = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, neat.replace("  ", "        ")).unwrap();
    let output = command().args(["fmt", "--check"]).arg(&project).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output), "would change src/index.exo\n");
    let output = command().arg("fmt").arg(&project).output().unwrap();
    assert!(output.status.success());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), neat);
}

#[test]
fn imports_may_lead_out_of_the_project() {
    let folder = folder();
    let project = project(folder.path(), "todo");
    std::fs::create_dir(folder.path().join("shared")).unwrap();
    let shared = "import \"more.exo\"\n@postgres module Shared { @access(true) type Tag { @pk id: Int  kind: Kind } }\n";
    std::fs::write(folder.path().join("shared/index.exo"), shared).unwrap();
    let more = "@postgres module More { enum Kind { A B } }\n";
    std::fs::write(folder.path().join("shared/more.exo"), more).unwrap();
    let path = project.join("src/index.exo");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("import \"../../shared\"\n{text}")).unwrap();
    let output = command().arg("check").arg(&project).output().unwrap();
    assert!(output.status.success(), "{}", self::text(&output));
    std::fs::remove_file(folder.path().join("shared/more.exo")).unwrap();
    let output = command().arg("check").arg(&project).output().unwrap();
    let shown = self::text(&output);
    assert!(shown.contains("E0004") && shown.contains("../shared/index.exo:1:1"), "{shown}");
}

#[test]
fn files_of_code_modules_may_lie_anywhere_but_must_exist() {
    let folder = folder();
    let project = project(folder.path(), "todo");
    let path = project.join("src/index.exo");
    let model = std::fs::read_to_string(&path).unwrap();
    let module =
        "@wasm(\"../target/wasm/sums.wasm\") module Sums { @access(true) query sum(a: Int, b: Int): Int }\n";
    std::fs::write(&path, format!("{model}\n{module}")).unwrap();
    let check = || self::text(&command().arg("check").arg(&project).output().unwrap());
    let shown = check();
    assert!(shown.contains("E0164") && shown.contains("cannot read `target/wasm/sums.wasm`"), "{shown}");
    std::fs::create_dir_all(project.join("target/wasm")).unwrap();
    std::fs::write(project.join("target/wasm/sums.wasm"), b"\0asm").unwrap();
    let shown = check();
    assert!(!shown.contains("E0164"), "{shown}");
}

#[test]
fn check_watches_until_it_is_interrupted() {
    let folder = folder();
    let project = project(folder.path(), "todo");
    let path = project.join("src/index.exo");
    let mut child = command()
        .arg("check")
        .arg(&project)
        .args(["--watch", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, lines) = channel();
    let outputs: [Box<dyn std::io::Read + Send>; 2] =
        [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
    for output in outputs {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
    }
    let wait = |wanted: &str| loop {
        let line = lines.recv_timeout(PATIENCE).unwrap();
        if line.contains(wanted) {
            break;
        }
    };
    wait("watching; Ctrl-C stops");
    std::fs::write(&path, BROKEN).unwrap();
    wait("\"E0030\"");
    kill("INT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn explain_prints_a_page_and_refuses_what_is_no_code() {
    let page = text(&command().args(["explain", "e0030"]).output().unwrap());
    assert!(page.starts_with("# E0030") && page.contains("Wrong:") && page.contains("Right:"), "{page}");
    let output = command().args(["explain", "E9999"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("next:"));
}
