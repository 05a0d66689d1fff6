//! An edit session that changes tables with data in them: with a policy file, by orders, and with an undo and a restart.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::harness::{Studio, command, edit, folder, project, text, wait_for};

/// Runs `exo-studio db …` on a project; what it printed.
pub(crate) fn db(project: &Path, args: &[&str]) -> String {
    let output = command().args(["db", "--dir"]).arg(project).args(args).output().unwrap();
    assert!(output.status.success(), "db {args:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

const TODOS: &str = "Buy groceries,File the taxes,Water the plants,Write to Ada";

#[test]
fn a_policy_file_stands_for_the_answers_and_what_it_does_not_name_is_kept() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let model = todo.join("src/index.exo");
    edit(&model, "title: String", "title: String\n    notes: String?");
    edit(
        &model,
        "module TodoDatabase {",
        "module TodoDatabase {\n  @access(true) type Label { @pk id: Int = autoIncrement() }",
    );
    let studio = Studio::start(&todo);
    studio.serves(1);
    studio.ask("mutation { updateTodo(id: 2, data: { notes: \"until May\" }) { id } }");
    assert_eq!(studio.stop(), 130);

    let policy = folder.path().join("policy.toml");
    fs::write(
        &policy,
        r#"
        delete-table = ["labels"]
        back-fill = { "todos.priority" = "3" }
        back-fill-per-row = { "todos.slug" = "lower(name)" }
        [[rename-column]]
        table = "todos"
        old-column = "title"
        new-column = "name"
        "#,
    )
    .unwrap();
    let studio = Studio::start_with(&todo, &["--policy", policy.to_str().unwrap()]);
    studio.serves(1);
    let changed = fs::read_to_string(&model)
        .unwrap()
        .replace("title: String\n    notes: String?", "name: String\n    priority: Int\n    slug: String")
        .replace("@access(true) type Label { @pk id: Int = autoIncrement() }", "");
    fs::write(&model, &changed).unwrap();
    studio.serves(2);
    let rows = studio.ask("{ todos(orderBy: {id: ASC}) { name priority slug } }");
    assert_eq!(
        rows["data"]["todos"][1],
        json!({ "name": "File the taxes", "priority": 3, "slug": "file the taxes" })
    );
    let left = studio.event("/Schema/Pending/steps");
    assert_eq!(left.as_array().unwrap().len(), 1, "only what the policy does not name: {left}");
    assert!(left[0]["title"].as_str().unwrap().starts_with("drop column todos.notes"), "{left}");
    let tables = db(
        &todo,
        &[
            "psql",
            "-c",
            "SELECT string_agg(relname, ',') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
        ],
    );
    assert_eq!(tables.trim(), "todos");
    assert_eq!(db(&todo, &["psql", "-c", "SELECT notes FROM todos WHERE id = 2"]).trim(), "until May");

    // Undone beside the running studio: the old tables and the old revision are back, nothing is applied again.
    db(&todo, &["undo"]);
    wait_for("the old revision", || (studio.event("/Serving/Swapped/to") == json!(1)).then_some(()));
    wait_for("the held steps", || (studio.event("/Schema/Pending/held") == json!(true)).then_some(()));
    let rows = studio.ask("{ todos(orderBy: {id: ASC}) { title } labels { id } }");
    assert_eq!(rows["data"]["todos"][1]["title"], "File the taxes");
    assert_eq!(studio.stop(), 130);

    // Nor after a restart.
    let studio = Studio::start_with(&todo, &["--policy", policy.to_str().unwrap()]);
    assert_eq!(studio.event("/Schema/Pending/held"), json!(true));
    let answer = studio.ask("{ todos { title } }");
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("the last migration was undone, and the model still asks for it"), "{message}");
    let titles = db(&todo, &["psql", "-c", "SELECT string_agg(title, ',' ORDER BY title) FROM todos"]);
    assert_eq!(titles.trim(), TODOS);

    // What was undone is a copy, and can be taken back; then the model fits and is served.
    let copies = db(&todo, &["list"]);
    assert!(copies.contains("before undo") && copies.contains("before r2"), "{copies}");
    db(&todo, &["restore", "before-undo"]);
    studio.serves(1);
    let rows = studio.ask("{ todos(orderBy: {id: ASC}) { name priority } }");
    assert_eq!(rows["data"]["todos"][1], json!({ "name": "File the taxes", "priority": 3 }));
    assert_eq!(studio.stop(), 130);
}

/// The edit session of `review.rs`, without anybody to ask: the policy file says what may happen.
#[test]
fn an_edit_session_with_a_policy_loses_nothing_and_asks_nothing() {
    const LABEL: &str = "  @access(true) type Label { @pk id: Int = autoIncrement() text: String }\n";
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let model = todo.join("src/index.exo");
    edit(&model, "module TodoDatabase {\n", &format!("module TodoDatabase {{\n{LABEL}"));
    edit(&model, "title: String", "title: String\n    @bits64 points: Int = 5");
    let policy = folder.path().join("policy.toml");
    fs::write(
        &policy,
        r#"
        delete-table = ["labels"]
        convert-column = ["todos.points"]
        back-fill = { "todos.priority" = "3" }
        [[rename-column]]
        table = "todos"
        old-column = "title"
        new-column = "name"
        "#,
    )
    .unwrap();
    let with_policy = ["--policy", policy.to_str().unwrap()];
    let studio = Studio::start_with(&todo, &with_policy);
    studio.serves(1);
    studio.ask("mutation { createLabels(data: [{ text: \"home\" }, { text: \"office\" }]) { id } }");
    let nothing_waits = |studio: &Studio| {
        wait_for("the last question", || studio.event("/Schema/Pending").is_null().then_some(()));
    };

    // A rename, a new required field, and a type that holds less.
    edit(&model, "title: String", "name: String");
    studio.serves(2);
    edit(&model, "name: String", "name: String\n    priority: Int");
    studio.serves(3);
    edit(&model, "@bits64 points: Int", "points: Int");
    studio.serves(4);
    nothing_waits(&studio);
    let first = json!({ "name": "Buy groceries", "priority": 3, "points": 5 });
    let all = "{ todos(orderBy: {id: ASC}) { name priority points } }";
    assert_eq!(studio.ask(all)["data"]["todos"][0], first);
    studio.ask("mutation { updateTodo(id: 2, data: { priority: 1, points: 2000000000 }) { id } }");

    // A table that is gone, and taken back.
    edit(&model, LABEL, "");
    studio.serves(5);
    nothing_waits(&studio);
    assert_eq!(
        db(&todo, &["psql", "-c", "SELECT coalesce(to_regclass('labels')::text, 'gone')"]).trim(),
        "gone"
    );
    db(&todo, &["undo"]);
    wait_for("the held step", || (studio.event("/Schema/Pending/held") == json!(true)).then_some(()));
    edit(&model, "module TodoDatabase {\n", &format!("module TodoDatabase {{\n{LABEL}"));
    studio.serves(6);
    nothing_waits(&studio);
    assert_eq!(studio.stop(), 130);

    // The next start asks nothing and has it all.
    let studio = Studio::start_with(&todo, &with_policy);
    studio.serves(1);
    nothing_waits(&studio);
    let rows = studio.ask(all);
    assert_eq!(rows["data"]["todos"].as_array().unwrap().len(), 4, "{rows}");
    assert_eq!(
        rows["data"]["todos"][1],
        json!({ "name": "File the taxes", "priority": 1, "points": 2_000_000_000 })
    );
    let labels = json!({ "labels": [{ "text": "home" }, { "text": "office" }] });
    assert_eq!(studio.ask("{ labels(orderBy: {id: ASC}) { text } }")["data"], labels);

    // Taken back once more, further than anything this studio served: it says so in place of wrong answers.
    db(&todo, &["undo"]);
    studio.event("/Serving/Withdrawn");
    let reason = wait_for("the reason", || {
        let answer = studio.ask(all);
        answer["errors"][0]["message"].as_str().filter(|text| text.contains("D0001")).map(str::to_owned)
    });
    assert!(
        reason.contains("the last migration was undone") && reason.contains("nothing is served"),
        "{reason}"
    );
    db(&todo, &["restore", "before-undo-2"]);
    wait_for("the rows", || (studio.ask(all)["data"]["todos"][0] == first).then_some(()));
    assert_eq!(studio.stop(), 130);
}

#[test]
fn orders_as_json_lines_answer_and_apply() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let mut studio = Studio::start_with(&todo, &["--jsonl"]);
    studio.serves(1);
    edit(&todo.join("src/index.exo"), "title: String", "name: String\n    priority: Int");
    let seen = |studio: &Studio, what: &str| {
        wait_for(what, || studio.output().contains(what).then_some(()));
    };
    studio.event("/Schema/Pending/decisions/1");
    studio.order(r#"{"do":"answer","about":"todos.priority","value":"high"}"#);
    wait_for("a refusal", || studio.output().contains("invalid input syntax for type integer").then_some(()));
    studio.order(r#"{"do":"answer","about":"todos.nothing","value":"1"}"#);
    seen(&studio, "nothing is asked about `todos.nothing`");
    studio.order(r#"{"do":"answer","about":"todos.priority","value":"2"}"#);
    studio.order(r#"{"do":"apply"}"#);
    studio.serves(2);
    let rows = studio.ask("{ todos(orderBy: {id: ASC}) { name priority } }");
    assert_eq!(rows["data"]["todos"][0], json!({ "name": "Buy groceries", "priority": 2 }));

    // What loses values needs the word.
    edit(&todo.join("src/index.exo"), "\n    priority: Int", "");
    studio.event("/Schema/Pending/decisions/0/options/2");
    studio.order(r#"{"do":"answer","about":"todos.priority","choice":"do it"}"#);
    studio.order(r#"{"do":"apply","word":"please"}"#);
    seen(&studio, "the word is todo/r3");
    studio.order(r#"{"do":"apply","word":"todo/r3"}"#);
    studio.serves(3);
    studio.order(r#"{"do":"quit"}"#);
    assert!(studio.child.wait().unwrap().success());
}

#[test]
fn a_dump_is_loaded_into_an_empty_database() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    db(&todo, &["load", "/dev/null"]);
    let sql = "CREATE TABLE authors (id serial PRIMARY KEY, name text NOT NULL, note bytea, tags text[]); \
               CREATE TABLE books (id uuid PRIMARY KEY, author_id int REFERENCES authors, made timestamptz); \
               INSERT INTO authors (name, note, tags) VALUES (E'O''Hara \\\\ \\n', '\\x00ff', '{a,\"b c\"}'), ('x', NULL, '{}'); \
               INSERT INTO books VALUES ('0f4b1c1e-0000-4000-8000-000000000000', 2, '2024-02-29 10:00+02'); \
               CREATE VIEW names AS SELECT name FROM authors";
    db(&todo, &["psql", "-c", sql]);
    let file = folder.path().join("old.sql");
    let output = command().args(["db", "--dir"]).arg(&todo).args(["dump", "-o"]).arg(&file).output().unwrap();
    assert!(
        text(&output).contains("2 tables, 3 rows") && text(&output).contains("not in the dump: view names")
    );
    let all = "SELECT a::text, b::text FROM authors a LEFT JOIN books b ON b.author_id = a.id ORDER BY a.id";
    let before = db(&todo, &["psql", "-c", all]);
    db(&todo, &["reset"]);
    db(&todo, &["load", file.to_str().unwrap()]);
    assert_eq!(db(&todo, &["psql", "-c", all]), before);
    let next = db(&todo, &["psql", "-c", "INSERT INTO authors (name) VALUES ('y') RETURNING id"]);
    assert_eq!(next.trim(), "3");
}

#[test]
fn a_project_is_made_from_an_existing_database() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let studio = Studio::start(&todo);
    studio.serves(1);
    db(&todo, &["psql", "-c", "CREATE INDEX lengths ON todos (length(title))"]);
    let url = db(&todo, &["url"]);
    let url = url.trim();
    let copy = folder.path().join("imported");
    let output = command()
        .arg("new")
        .arg(&copy)
        .args([&format!("--from-database={url}"), "--query-access", "true", "--mutation-access", "true"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("public:\n  todos\n"), "{}", text(&output));
    assert!(
        text(&output).contains("index lengths of todos: over an expression; skipped"),
        "{}",
        text(&output)
    );
    let verify = command().current_dir(&copy).args(["schema", "verify", "--database", url]).output().unwrap();
    assert!(text(&verify).contains("compatible"), "{}", text(&verify));

    // A second studio on that very database: the same review, nothing is written without leave.
    edit(&copy.join("src/index.exo"), "title: String", "title: String\n    notes: String?");
    let second = Studio::start_with(&copy, &["--database-url", url]);
    second.event("/Schema/Pending/steps/0");
    assert_eq!(second.event("/Schema/Pending/copy"), json!(null));
    assert_eq!(second.stop(), 130);
    let second = Studio::start_with(&copy, &["--database-url", url, "--read-write"]);
    second.serves(1);
    let rows = second.ask("{ todos(orderBy: {id: ASC}) { title notes } }");
    assert_eq!(rows["data"]["todos"][0], json!({ "title": "Buy groceries", "notes": null }));
    assert_eq!(second.stop(), 130);
    assert_eq!(studio.stop(), 130);
}
