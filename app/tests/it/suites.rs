//! `exo-studio --ci` on larger suites, interrupted runs, explanations and access coverage.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::harness::{command, edit, folder, is_alive, kill, project, text, wait_for};

fn write(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn report(folder: &Path, arguments: &[&str], code: i32) -> Value {
    let output = command().arg("--ci").arg(folder).arg("--json").args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", text(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A test that changes what the seed made and sees only its own change.
fn isolated(index: usize) -> String {
    format!(
        "stages:\n  - operation: |\n      mutation {{ createTodo(data: {{ title: \"mine {index}\" }}) {{ title }} }}\n    \
         response: |\n      {{ data: {{ createTodo: {{ title: \"mine {index}\" }} }} }}\n  \
         - operation: |\n      {{ todos(where: {{ title: {{ like: \"mine%\" }} }}) {{ title }} }}\n    \
         response: |\n      {{ data: {{ todos: [{{ title: \"mine {index}\" }}] }} }}\n"
    )
}

/// A test that reads what the seed made.
const READING: &str = "operation: |\n  { todosAgg(where: { title: { like: \"mine%\" } }) { id { count } } }\n\
    response: |\n  { data: { todosAgg: { id: { count: (n) => n === 0 } } } }\n";

#[test]
fn many_tests_in_parallel_do_not_see_each_other() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    for index in 0..120 {
        let body = if index % 4 == 0 { READING.to_owned() } else { isolated(index) };
        write(todo.join(format!("tests/generated/t{index:03}.exotest")), &body);
    }
    let report = report(&todo, &["generated/*", "--jobs", "6"], 0);
    let names: Vec<_> =
        report["tests"].as_array().unwrap().iter().map(|test| test["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 120);
    assert!(names.is_sorted(), "the report is in name order");
}

#[test]
fn a_project_that_does_not_build_fails_only_itself() {
    let folder = folder();
    for name in ["alpha", "beta", "gamma"] {
        let made = project(folder.path(), "todo");
        fs::rename(made, folder.path().join(name)).unwrap();
    }
    edit(&folder.path().join("beta/src/index.exo"), "title: String", "title: Strin");
    let report = report(folder.path(), &[], 3);
    let of = |name: &str, verdict: &str| {
        let tests = report["tests"].as_array().unwrap().iter();
        tests.filter(|test| test["project"] == name && test["verdict"] == verdict).count()
    };
    assert!(of("alpha", "passed") > 0 && of("alpha", "passed") == of("gamma", "passed"), "{report}");
    assert_eq!((of("beta", "passed"), of("beta", "error")), (0, of("alpha", "passed")));
    assert_eq!(report["projects"].as_array().unwrap().len(), 1);
}

#[test]
fn a_failing_request_is_explained_on_demand() {
    let folder = folder();
    let shop = project(folder.path(), "bookshop");
    write(
        shop.join("tests/wrong.exotest"),
        "operation: |\n  { books(where: { price: { gt: \"1\" } }) { title } }\nresponse: |\n  { data: { books: [] } }\n",
    );
    let run = |more: &[&str]| {
        let output = command().arg("--ci").arg(&shop).arg("wrong").args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        text(&output)
    };
    let plain = run(&[]);
    assert!(!plain.contains("select ") && !plain.contains("SELECT "), "{plain}");
    let explained = run(&["--explain"]);
    assert!(explained.contains("access  Book query") && explained.contains("self.published"), "{explained}");
    assert!(explained.contains("sql 1") && explained.to_lowercase().contains("select "), "{explained}");
    let json = report(&shop, &["wrong", "--explain"], 1);
    assert!(json["tests"][0]["failure"]["trace"]["statements"][0]["text"].is_string(), "{json}");
}

#[test]
fn an_unexpected_refusal_names_the_rule_and_what_it_saw() {
    let folder = folder();
    let shop = project(folder.path(), "bookshop");
    write(
        shop.join("tests/denied.exotest"),
        "operation: |\n  mutation { createAuthor(data: { name: \"x\" }) { id } }\nauth: |\n  { role: \"reader\" }\n",
    );
    write(
        shop.join("tests/twice.exotest"),
        "operation: |\n  mutation { createGenres(data: [{ name: \"x\" }, { name: \"x\" }]) { name } }\n\
         auth: |\n  { role: \"librarian\" }\nresponse: |\n  { data: { createGenres: [] } }\n",
    );
    let output = command().arg("--ci").arg(&shop).arg("*d*").output().unwrap();
    let shown = text(&output);
    let rule = "next: Author create `AuthContext.role == \"librarian\"` denies (src/index.exo:";
    assert!(shown.contains(rule) && shown.contains("\"reader\""), "{shown}");
    let output = command().arg("--ci").arg(&shop).arg("twice").output().unwrap();
    let shown = text(&output);
    let cause = "next: the server answered with an error: Operation failed; ";
    assert!(shown.contains(cause) && shown.contains("duplicate key"), "{shown}");
}

#[test]
fn access_coverage_names_what_no_test_saw_and_may_fail_the_run() {
    let folder = folder();
    let shop = project(folder.path(), "bookshop");
    let whole = report(&shop, &["--access-coverage"], 0);
    let seen = whole["accessCoverage"]["percent"].as_u64().unwrap();
    assert!(seen > 0, "{whole}");
    let rules = whole["accessRules"].as_array().unwrap();
    let staff = rules.iter().flat_map(|rule| rule["conditions"].as_array().unwrap()).any(|condition| {
        condition["seen_true"].as_u64() > Some(0) && condition["seen_false"].as_u64() > Some(0)
    });
    assert!(staff, "some condition was seen both ways: {rules:?}");

    // Without tests the rules are not seen, and the run fails by that alone.
    fs::remove_dir_all(shop.join("tests")).unwrap();
    write(shop.join("tests/one.exotest"), "operation: |\n  { authors { id } }\n");
    let junit = folder.path().join("junit.xml");
    let output = command()
        .arg("--ci")
        .arg(&shop)
        .args(["--access-coverage", "--min-access-coverage", "60", "--junit"])
        .arg(&junit)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let shown = text(&output);
    assert!(shown.contains("access coverage: ") && shown.contains("asked for are 60 %"), "{shown}");
    assert!(shown.contains("never asked"), "{shown}");
    assert!(fs::read_to_string(junit).unwrap().contains("<testcase name=\"access coverage\">"));
    let part = command().arg("--ci").arg(&shop).args(["one", "--min-access-coverage", "1"]).output().unwrap();
    assert_eq!(part.status.code(), Some(2), "a part of the tests is no measure: {}", text(&part));
}

/// Processes whose parent is `parent`.
fn children(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let of = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        if of == Some(parent) {
            found.push(pid);
        }
    }
    found
}

/// A run in the middle of a seed, with the processes it started and the folder of its databases.
struct Midway {
    child: Child,
    started: Vec<u32>,
    data: PathBuf,
}

fn midway(folder: &Path) -> Midway {
    let todo = project(folder, "todo");
    let marks = folder.join("marks");
    fs::create_dir_all(&marks).unwrap();
    fs::set_permissions(&marks, fs::Permissions::from_mode(0o777)).unwrap();
    let mark = marks.join("started");
    write(
        todo.join("tests/init-slow.sql"),
        &format!("COPY (SELECT 1) TO '{}';\nSELECT pg_sleep(600);\n", mark.display()),
    );
    let child = command().arg("--ci").arg(&todo).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("a test run under way", || mark.exists().then_some(()));
    let supervisors = children(child.id());
    let servers: Vec<u32> = supervisors.iter().flat_map(|supervisor| children(*supervisor)).collect();
    let data = servers
        .iter()
        .find_map(|server| {
            let line = fs::read_to_string(format!("/proc/{server}/cmdline")).ok()?;
            let mut words = line.split('\0');
            words.find(|word| *word == "-D")?;
            words.next().map(PathBuf::from)
        })
        .expect("a server with a data folder");
    assert!(data.is_dir());
    Midway { child, started: [supervisors, servers].concat(), data }
}

impl Midway {
    fn leaves_nothing(&self) {
        wait_for("the end of everything", || {
            let gone = self.started.iter().all(|pid| !is_alive(*pid)) && !self.data.exists();
            gone.then_some(())
        });
    }
}

#[test]
fn a_killed_run_leaves_no_process_and_no_database() {
    let folder = folder();
    let mut run = midway(folder.path());
    kill("KILL", run.child.id());
    run.child.wait().unwrap();
    run.leaves_nothing();
}

#[test]
fn an_interrupted_run_ends_with_130_and_leaves_nothing() {
    let folder = folder();
    let mut run = midway(folder.path());
    kill("INT", run.child.id());
    assert_eq!(run.child.wait().unwrap().code(), Some(130));
    run.leaves_nothing();
}

#[test]
fn a_watched_run_follows_saves_until_it_is_interrupted() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let log = folder.path().join("output.txt");
    let mut child = command()
        .arg("--ci")
        .arg(&todo)
        .args(["--watch", "--quiet"])
        .stdout(fs::File::create(&log).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let runs = |count: usize| {
        wait_for(&format!("run {count}"), || {
            let text = fs::read_to_string(&log).unwrap();
            let lines: Vec<_> = text.lines().filter(|line| line.contains(" tests, ")).collect();
            (lines.len() >= count).then(|| lines[count - 1].to_owned())
        })
    };
    let one = |text: &str| text.contains(" of 1 test, ");
    assert!(runs(1).starts_with("passed: "));
    edit(&todo.join("tests/list.exotest"), "operation", "# one\noperation");
    wait_for("the saved test alone", || fs::read_to_string(&log).unwrap().lines().any(one).then_some(()));
    edit(&todo.join("src/index.exo"), "title: String", "title: Strin");
    assert!(runs(2).starts_with("the model does not build"));
    edit(&todo.join("src/index.exo"), "title: Strin", "title: String");
    assert!(runs(3).starts_with("passed: "));
    kill("INT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
