//! The interactive loop without a terminal: edit, serve, survive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::json;

use crate::harness::{Studio, ask, command, edit, folder, http, is_alive, kill, project, text, wait_for};

#[test]
fn a_saved_model_is_live_without_a_dropped_request_and_a_broken_one_is_not() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let model = todo.join("src/index.exo");
    let studio = Studio::start(&todo);
    studio.serves(1);
    let rows = studio.ask("{ todosAgg { id { count } } }");
    assert_eq!(rows, json!({ "data": { "todosAgg": { "id": { "count": 4 } } } }), "seeded once");

    // Somebody asks all the time while the model changes.
    let url = studio.url();
    let stop = Arc::new(AtomicBool::new(false));
    let (asked, failed) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let load = {
        let (url, stop, asked, failed) = (url.clone(), stop.clone(), asked.clone(), failed.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let answer = ask(&url, "{ todos { id title } }");
                asked.fetch_add(1, Ordering::Relaxed);
                if answer["data"]["todos"].as_array().is_none_or(|rows| rows.len() != 4) {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    };
    edit(&model, "completed: Boolean = false", "completed: Boolean = false\n    note: String?");
    studio.serves(2);
    assert_eq!(ask(&url, "{ todo(id: 1) { note } }"), json!({ "data": { "todo": { "note": null } } }));
    edit(&model, "note: String?", "note: Strin?");
    studio.event("/Build/Finished/outcome/Broken");
    assert_eq!(ask(&url, "{ todo(id: 1) { note } }"), json!({ "data": { "todo": { "note": null } } }));
    let output = wait_for("diagnostic", || Some(studio.output()).filter(|text| text.contains("E0030")));
    assert!(output.contains("src/index.exo:") && output.contains("did you mean `String`"), "{output}");
    edit(&model, "note: Strin?", "note: String?");
    studio.event("/Build/Finished/outcome/Unchanged");
    stop.store(true, Ordering::Relaxed);
    load.join().unwrap();
    assert!(asked.load(Ordering::Relaxed) > 5);
    assert_eq!(failed.load(Ordering::Relaxed), 0);
    assert_eq!(studio.stop(), 130);
}

#[test]
fn what_would_lose_data_waits_and_the_last_revision_serves() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let model = todo.join("src/index.exo");
    let studio = Studio::start(&todo);
    studio.serves(1);
    edit(&model, "title: String", "label: String");
    let pending = studio.event("/Schema/Pending/steps");
    assert!(pending.to_string().contains("rename column"), "{pending}");
    let answer = studio.ask("{ todo(id: 1) { title } }");
    assert_eq!(answer, json!({ "data": { "todo": { "title": "Buy groceries" } } }));
}

#[test]
fn a_killed_studio_leaves_no_server_and_loses_nothing() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let mut studio = Studio::start(&todo);
    studio.serves(1);
    let created = studio.ask("mutation { createTodo(data: { title: \"kept\" }) { id } }");
    assert_eq!(created["data"]["createTodo"]["id"], 5, "{created}");
    let directory = studio.event("/Database/Ready/directory").as_str().unwrap().to_owned();
    let pid_file = std::path::Path::new(&directory).join("data/postmaster.pid");
    let pid: u32 = std::fs::read_to_string(pid_file).unwrap().lines().next().unwrap().parse().unwrap();
    assert!(is_alive(pid));
    kill("KILL", studio.child.id());
    studio.child.wait().unwrap();
    wait_for("end of the server", || (!is_alive(pid)).then_some(()));

    let again = Studio::start(&todo);
    again.serves(1);
    let answer = again.ask("{ todosAgg { id { count } } todo(id: 5) { title } }");
    let expected = json!({ "data": { "todosAgg": { "id": { "count": 5 } }, "todo": { "title": "kept" } } });
    assert_eq!(answer, expected, "nothing lost, nothing seeded twice");
}

#[test]
fn a_second_studio_on_the_same_project_says_who_has_it() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let studio = Studio::start(&todo);
    studio.serves(1);
    let output = command().arg(&todo).args(["--plain", "--port", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output).contains("another exo-studio"), "{}", text(&output));
    let next = format!("Use the API of the other studio at {}, or stop it", studio.url());
    assert!(text(&output).contains(&next), "{}", text(&output));
    assert_eq!(studio.ask("{ todo(id: 1) { id } }")["data"]["todo"]["id"], 1, "the first one goes on");
}

#[test]
fn a_taken_port_is_named_with_the_next_free_one() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let output = command().arg(&todo).args(["--plain", "--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let text = text(&output);
    assert!(text.contains(&format!("port {port} is in use")) && text.contains("--port"), "{text}");
}

#[test]
fn a_model_that_never_compiled_answers_503_with_its_problems() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    edit(&todo.join("src/index.exo"), "@pk id", "id");
    let studio = Studio::start(&todo);
    studio.event("/Build/Finished/outcome/Broken");
    let reply = http(&studio.url(), "POST", "/graphql", &[], "{\"query\": \"{ todos { id } }\"}");
    assert_eq!(reply.status, 503);
    assert!(reply.body.contains("E0100"), "{}", reply.body);
    edit(&todo.join("src/index.exo"), "    id: Int", "    @pk id: Int");
    studio.serves(2);
    assert_eq!(studio.ask("{ todo(id: 1) { id } }")["data"]["todo"]["id"], 1);
}

#[test]
fn personas_sign_tokens_for_our_own_page_only() {
    let folder = folder();
    let shop = project(folder.path(), "bookshop");
    let studio = Studio::start(&shop);
    studio.serves(1);
    let url = studio.url();
    let overview = http(&url, "GET", "/_studio/persona", &[], "");
    let overview: serde_json::Value = serde_json::from_str(&overview.body).unwrap();
    let name = overview["personas"][0]["name"].as_str().unwrap().to_owned();
    let chosen = json!({ "name": name }).to_string();
    assert_eq!(http(&url, "POST", "/_studio/persona", &[], &chosen).status, 204);
    let token = http(&url, "POST", "/_studio/persona/token", &[], "");
    assert!(token.body.contains("\"token\":\"ey"), "{}", token.body);
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(http(&url, "POST", "/_studio/persona/token", &foreign, "").status, 403);
    assert!(!studio.output().contains("\"token\""), "tokens are not logged");
}
