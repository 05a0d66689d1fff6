//! An edit session that changes tables with data in them, played in the panes: what is asked, what is kept.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{ask, edit, folder, project, wait_for};
use crate::migration::db;
use crate::pty::Terminal;

const WIDE: (u16, u16) = (120, 36);

/// Whether a row of the terminal has all of these.
fn has_row(text: &str, parts: &[&str]) -> bool {
    text.lines().any(|line| parts.iter().all(|part| line.contains(part)))
}

/// Waits for a row with all of these.
fn see_row(terminal: &Terminal, parts: &[&str]) {
    terminal.until(&parts.join(" … "), |text| has_row(text, parts));
}

/// The data of an answer without errors.
fn data(url: &str, query: &str) -> Value {
    let answer = ask(url, query);
    assert_eq!(answer.get("errors"), None, "{query}: {answer}");
    answer["data"].clone()
}

/// The address, which pane 6 shows.
fn address(terminal: &mut Terminal) -> String {
    terminal.keys("6");
    terminal.see("this machine only");
    terminal.url()
}

const LABEL: &str =
    "  @access(true)\n  type Label {\n    @pk id: Int = autoIncrement()\n    text: String\n  }\n";

#[test]
fn an_edit_session_in_the_panes_loses_nothing_and_asks_only_what_it_must() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let model = todo.join("src/index.exo");
    edit(&model, "module TodoDatabase {\n", &format!("module TodoDatabase {{\n{LABEL}"));
    let mut terminal = Terminal::panes(&todo, WIDE, &[]);
    terminal.see("serving r1");
    let url = address(&mut terminal);
    let labels = json!({ "labels": [{ "text": "home" }, { "text": "office" }] });
    data(&url, "mutation { createLabels(data: [{ text: \"home\" }, { text: \"office\" }]) { id } }");
    let titles = ["Buy groceries", "File the taxes", "Water the plants", "Write to Ada"];

    // Another name for a field: it is asked whether the values go along, and only that. The old API serves meanwhile.
    edit(&model, "title: String", "name: String");
    terminal.see("a migration waits for your decision (m)");
    terminal.keys("m");
    terminal.see("Migration r1 → r2");
    see_row(&terminal, &["todos.title becomes name and keeps 4 values?", "(•) rename", "( ) drop and add"]);
    assert!(terminal.text().contains("1 step · 1 to answer · 0 destructive"), "{}", terminal.rows());
    assert_eq!(data(&url, "{ todos(where: {id: {eq: 1}}) { title } }")["todos"][0]["title"], titles[0]);
    // The other answer would lose the values, and says so; back to the rename.
    terminal.keys(" ");
    see_row(&terminal, &["todos.title becomes name", "( ) rename", "(•) drop and add"]);
    terminal.see("DESTRUCTIVE");
    terminal.keys(" ");
    see_row(&terminal, &["todos.title becomes name", "(•) rename", "( ) drop and add"]);
    terminal.see("A applies 1 step");
    assert!(!terminal.text().contains("needs the word"), "a rename loses nothing\n{}", terminal.rows());
    terminal.keys("A");
    terminal.see("serving r2");
    terminal.see("nothing pending");
    let named: Vec<Value> = titles.iter().map(|title| json!({ "name": title })).collect();
    assert_eq!(data(&url, "{ todos(orderBy: {id: ASC}) { name } }"), json!({ "todos": named }));

    // A new required field: the rows that exist need a value, of its type.
    edit(&model, "name: String", "name: String\n    priority: Int");
    terminal.see("Migration r2 → r3");
    terminal.see("value of todos.priority (INT) for 4 rows that exist");
    assert!(terminal.text().contains("1 step · 1 to answer · 0 destructive"), "{}", terminal.rows());
    terminal.keys("A");
    terminal.see("needs a value for the rows there are");
    terminal.keys("\r");
    terminal.see("takes the value");
    terminal.keys("high\r");
    terminal.see("✗ not taken: ERROR 22P02: invalid input syntax for type integer");
    assert_eq!(data(&url, "{ todos(orderBy: {id: ASC}) { name } }"), json!({ "todos": named }));
    terminal.keys("\r");
    terminal.see("takes the value");
    terminal.keys("\x153\r");
    see_row(&terminal, &["value of todos.priority", "[3"]);
    terminal.see("A applies 1 step");
    terminal.keys("A");
    terminal.see("serving r3");
    terminal.see("nothing pending");
    let ranked: Vec<Value> = titles.iter().map(|title| json!({ "name": title, "priority": 3 })).collect();
    assert_eq!(data(&url, "{ todos(orderBy: {id: ASC}) { name priority } }"), json!({ "todos": ranked }));
    data(&url, "mutation { updateTodo(id: 2, data: { priority: 1 }) { id } }");

    // A type that is gone: the API follows at once, its table stays until somebody says so and types the word.
    edit(&model, LABEL, "");
    terminal.see("serving r4");
    terminal.see("model r4");
    see_row(&terminal, &["drop table labels", "( ) do it", "(•) keep for now"]);
    assert!(terminal.text().contains("1 step · 1 to answer · 1 destructive"), "{}", terminal.rows());
    terminal.see("every step is kept for now: nothing would change");
    assert!(ask(&url, "{ labels { text } }")["errors"].is_array());
    let count = ["psql", "-c", "SELECT count(*) FROM labels"];
    assert_eq!(db(&todo, &count).trim(), "2");
    terminal.keys(" ");
    see_row(&terminal, &["drop table labels", "(•) do it", "( ) keep for now"]);
    terminal.see("needs the word  todo/r4");
    terminal.keys("\t\rtodo/r3\r");
    terminal.see("typed here: [todo/r3");
    terminal.keys("A");
    terminal.saw("needs the word todo/r4 typed in full");
    terminal.keys("\r\x15todo/r4\r");
    terminal.see("A applies 1 step");
    terminal.keys("A");
    terminal.see("nothing pending");
    let table = db(&todo, &["psql", "-c", "SELECT coalesce(to_regclass('labels')::text, 'gone')"]);
    assert_eq!(table.trim(), "gone");

    // Taken back from the copy that was made before; nothing drops the table again by itself.
    terminal.keys("u");
    terminal.see("Undo the last migration?");
    terminal.keys("y");
    terminal.see("undone: safe steps wait, too");
    see_row(&terminal, &["drop table labels", "( ) do it", "(•) keep for now"]);

    assert_eq!(db(&todo, &count).trim(), "2");

    // With the type back in the model, nothing is asked: the rows are there.
    let text = fs::read_to_string(&model).unwrap();
    fs::write(&model, text.replace("module TodoDatabase {\n", &format!("module TodoDatabase {{\n{LABEL}")))
        .unwrap();
    terminal.see("serving r5");
    terminal.see("nothing pending");
    assert_eq!(data(&url, "{ labels(orderBy: {id: ASC}) { text } }"), labels);

    terminal.keys("q");
    assert_eq!(terminal.ends(), 0);
    terminal.is_restored();

    // The next start asks nothing and has it all.
    let mut terminal = Terminal::panes(&todo, WIDE, &[]);
    terminal.see("serving r1");
    terminal.keys("m");
    terminal.see("The database has the tables of the model.");
    let url = address(&mut terminal);
    wait_for("the rows after the restart", || {
        let mut kept = ranked.clone();
        kept[1]["priority"] = json!(1);
        let rows = data(&url, "{ todos(orderBy: {id: ASC}) { name priority } }");
        (rows == json!({ "todos": kept })).then_some(())
    });
    assert_eq!(data(&url, "{ labels(orderBy: {id: ASC}) { text } }"), labels);
    terminal.keys("q");
    assert_eq!(terminal.ends(), 0);
}
