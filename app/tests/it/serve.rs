//! `exo-studio serve`: production defaults on any Postgres.

use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::harness::{Studio, ask, command, folder, http, kill, project, text, wait_for};

/// A server process that ends with the test.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(project: &std::path::Path, variables: &[(&str, &str)]) -> Self {
        let log = project.join(format!("serve-{}.txt", variables.len()));
        let child = command()
            .arg("serve")
            .arg(project)
            .envs(variables.iter().copied())
            .env("EXO_SERVER_PORT", "0")
            .env("EXO_SERVER_HOST", "127.0.0.1")
            .stdout(std::fs::File::create(&log).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = wait_for("address of the server", || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let rest = text.strip_prefix("serving ")?;
            rest.split("/graphql").next().filter(|url| rest.len() > url.len()).map(str::to_owned)
        });
        Self { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        kill("TERM", self.child.id());
        let _ = self.child.wait();
    }
}

#[test]
fn it_is_closed_and_read_only_until_told_otherwise() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let studio = Studio::start(&todo);
    studio.serves(1);
    let database = studio.event("/Database/Ready/url").as_str().unwrap().to_owned();
    let mutation = "mutation { createTodo(data: { title: \"x\" }) { title } }";

    let closed = Server::start(&todo, &[("EXO_POSTGRES_URL", &database)]);
    assert_eq!(http(&closed.url, "GET", "/healthz", &[], "").status, 200);
    assert_eq!(ask(&closed.url, "{ todo(id: 1) { id } }"), json!({ "data": { "todo": { "id": 1 } } }));
    assert_eq!(ask(&closed.url, mutation), json!({ "errors": [{ "message": "Operation failed" }] }));
    assert_eq!(
        ask(&closed.url, "{ __schema { description } }"),
        json!({ "errors": [{ "message": "Internal server error" }] })
    );
    assert!(http(&closed.url, "GET", "/playground", &[], "").body.contains("introspection is off"));
    let stranger = [("origin", "https://a.example")];
    assert_eq!(http(&closed.url, "POST", "/graphql", &stranger, "{}").status, 403);
    assert_eq!(http(&closed.url, "POST", "/graphql", &[], "[]").status, 400);
    assert_eq!(http(&closed.url, "GET", "/graphql", &[], "").status, 404);

    let open = Server::start(
        &todo,
        &[
            ("EXO_POSTGRES_URL", &database),
            ("EXO_POSTGRES_READ_WRITE", "true"),
            ("EXO_INTROSPECTION", "true"),
            ("EXO_CORS_DOMAINS", "https://a.example"),
            ("EXO_MAX_SELECTION_DEPTH", "1"),
        ],
    );
    let deep = ask(&open.url, mutation);
    assert!(
        deep["errors"][0]["message"].as_str().is_some_and(|text| text == "Selection set too deep"),
        "{deep}"
    );
    let shallow: Value = ask(&open.url, "{ __schema { queryType { name } } }");
    assert_eq!(shallow["data"]["__schema"]["queryType"]["name"], "Query");
    let allowed = http(&open.url, "POST", "/graphql", &stranger, "{\"query\":\"{ __typename }\"}");
    assert!(allowed.head.contains("access-control-allow-origin: https://a.example"), "{}", allowed.head);
}

#[test]
fn every_wrong_variable_is_named_and_nothing_starts() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let run = |variables: &[(&str, &str)]| {
        let output = command().arg("serve").arg(&todo).envs(variables.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{}", text(&output));
        text(&output)
    };
    let wrong = run(&[("EXO_SERVER_PORT", "http"), ("EXO_POSTGRES_READ_WRITE", "perhaps")]);
    assert!(wrong.contains("EXO_SERVER_PORT") && wrong.contains("EXO_POSTGRES_READ_WRITE"), "{wrong}");
    assert!(run(&[]).contains("EXO_POSTGRES_URL"));
    let unreachable = run(&[("EXO_POSTGRES_URL", "postgres://u:hunter2@127.0.0.1:1/x")]);
    assert!(unreachable.contains("reach the database") && !unreachable.contains("hunter2"), "{unreachable}");
}

const MODULE: &str = r#"
@deno("greetings.ts")
module Greetings {
  @access(true) query greet(name: String): String
  @access(true) mutation plan(title: String, @inject exograph: Exograph): Greeting
  @access(true) type Greeting { id: Int  note: String? }
  @before("mutation createTodo") interceptor check(operation: Operation)
}
"#;

const GREETINGS: &str = "import type { Exograph, Operation } from '../generated/exograph.d.ts';
import { hello } from './lib/hello.ts';
export const greet = (name: string): string => hello(name) + Deno.env.get('GREETING_MARK');
export async function plan(title: string, exograph: Exograph) {
  const query = 'mutation ($title: String!) { createTodo(data: {title: $title}) { id title } }';
  const { createTodo } = await exograph.executeQuery(query, { title });
  return { id: createTodo.id, note: undefined };
}
export function check(operation: Operation) {
  const { data } = operation.query().arguments as any;
  if (data.title.trim() === '') throw new ExographError('A title has letters');
}
";

#[test]
fn scripts_run_from_the_compiled_model_alone() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let model = todo.join("src/index.exo");
    let written = std::fs::read_to_string(&model).unwrap();
    std::fs::write(&model, written + MODULE).unwrap();
    std::fs::create_dir(todo.join("src/lib")).unwrap();
    std::fs::write(todo.join("src/lib/hello.ts"), "export const hello = (name: string) => `Hello ${name}`;")
        .unwrap();
    std::fs::write(todo.join("src/greetings.ts"), GREETINGS).unwrap();
    let studio = Studio::start(&todo);
    studio.serves(1);
    let database = studio.event("/Database/Ready/url").as_str().unwrap().to_owned();

    let output = command().arg("build").arg(&todo).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let deployed = folder.path().join("deployed");
    std::fs::create_dir_all(deployed.join("target")).unwrap();
    std::fs::copy(todo.join("target/index.exo_ir"), deployed.join("target/index.exo_ir")).unwrap();
    let variables = [
        ("EXO_POSTGRES_URL", database.as_str()),
        ("EXO_POSTGRES_READ_WRITE", "true"),
        ("GREETING_MARK", "!"),
    ];
    let server = Server::start(&deployed, &variables);
    assert_eq!(ask(&server.url, "{ greet(name: \"Ann\") }"), json!({ "data": { "greet": "Hello Ann!" } }));
    let planned = ask(&server.url, "mutation { plan(title: \"Walk\") { id note } }");
    let id = planned["data"]["plan"]["id"].as_i64().unwrap_or_else(|| panic!("{planned}"));
    assert_eq!(planned["data"]["plan"]["note"], Value::Null);
    assert_eq!(
        ask(&server.url, &format!("{{ todo(id: {id}) {{ title }} }}")),
        json!({ "data": { "todo": { "title": "Walk" } } })
    );
    let refused = json!({ "errors": [{ "message": "A title has letters" }] });
    assert_eq!(ask(&server.url, "mutation { createTodo(data: {title: \" \"}) { id } }"), refused);
    assert_eq!(ask(&server.url, "mutation { plan(title: \"\") { id } }"), refused);

    // A module that wants another runtime than there is stops the start, not the requests.
    std::fs::write(deployed.join("exo.toml"), "[scripts.modules.Greeting]\nruntime = \"embedded\"\n")
        .unwrap();
    let output = command().arg("serve").arg(&deployed).envs(variables).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert!(text(&output).contains("did you mean `Greetings`?"), "{}", text(&output));
}

#[test]
fn hooks_stand_around_requests_in_production_too() {
    let folder = folder();
    let project = project(folder.path(), "with-hooks");
    let studio = Studio::start(&project);
    studio.serves(1);
    let database = studio.event("/Database/Ready/url").as_str().unwrap().to_owned();
    let server =
        Server::start(&project, &[("EXO_POSTGRES_URL", &database), ("EXO_POSTGRES_READ_WRITE", "true")]);
    let ask = |query: &str, headers: &[(&str, &str)]| {
        http(&server.url, "POST", "/graphql", headers, &json!({ "query": query }).to_string())
    };
    // A gateway hook refuses, sets a header on the reply, and leaves a value for the model.
    let blocked = ask("{ todos { title } }", &[("x-blocked", "1")]);
    assert_eq!(blocked.status, 403);
    assert!(blocked.body.contains("\"code\":\"BLOCKED\""), "{}", blocked.body);
    let home = ask("{ todos(orderBy: {title: ASC}) { title } }", &[("x-list", "home")]);
    assert!(home.head.contains("x-guard: seen"), "{}", home.head);
    let expected =
        json!({ "data": { "todos": [{ "title": "Buy groceries" }, { "title": "Water the plants" }] } });
    assert_eq!(serde_json::from_str::<Value>(&home.body).unwrap(), expected);
    // An interceptor in a component of the model.
    let untitled = ask("mutation { createTodo(data: {title: \"\"}) { id } }", &[("x-list", "home")]);
    assert!(untitled.body.contains("\"code\":\"TITLE_MISSING\""), "{}", untitled.body);

    let refuses = |words: &str| {
        let output =
            command().arg("serve").arg(&project).env("EXO_POSTGRES_URL", &database).output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{}", text(&output));
        assert!(text(&output).contains(words), "{}", text(&output));
    };
    // A component that cannot be loaded is a reason not to start: what it should refuse would pass.
    std::fs::write(project.join("hooks/guard/hook.wasm"), "broken").unwrap();
    refuses("the hook `guard` does not load");
    // So is a module file that does not load, or lacks what the model declares.
    let module = project.join("src/limit/hook.wasm");
    std::fs::write(&module, &std::fs::read(&module).unwrap()[..300]).unwrap();
    std::fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/../templates/with-hooks/hooks/guard/hook.wasm"),
        project.join("hooks/guard/hook.wasm"),
    )
    .unwrap();
    refuses("the module file `src/limit/hook.wasm` cannot be used");
    let guard = project.join("hooks/guard/hook.wasm");
    std::fs::copy(&guard, project.join("src/limit/hook.wasm")).unwrap();
    refuses("has no export `interceptors`");
    // And a rule that nobody can decide.
    let model = std::fs::read_to_string(project.join("src/index.exo")).unwrap();
    let model = model.split("// An interceptor").next().unwrap().replace("query=", "query=hook(\"see\") && ");
    std::fs::write(project.join("src/index.exo"), model).unwrap();
    refuses("the rule `see` at src/index.exo:11 cannot be decided");
}

#[test]
fn a_compiled_model_that_is_older_than_what_it_was_made_of_is_compiled_again() {
    let folder = folder();
    let project = folder.path().join("app");
    let shared = folder.path().join("shared/note.exo");
    std::fs::create_dir_all(project.join("src")).unwrap();
    std::fs::create_dir_all(folder.path().join("shared")).unwrap();
    std::fs::write(project.join("src/index.exo"), "import \"../../shared/note.exo\"\n").unwrap();
    let note = |more: &str| {
        format!(
            "@postgres module Notes {{ @access(true) type Note {{ @pk id: Int  text: String {more} }} }}\n"
        )
    };
    std::fs::write(&shared, note("")).unwrap();
    let built = command().arg("build").arg(&project).output().unwrap();
    assert!(built.status.success(), "{}", text(&built));
    let compiled = std::fs::metadata(project.join("target/index.exo_ir")).unwrap().modified().unwrap();
    let fields = || {
        let server = Server::start(
            &project,
            &[
                ("EXO_POSTGRES_URL", "postgres://nobody@127.0.0.1:1/none"),
                ("EXO_CHECK_CONNECTION_ON_STARTUP", "false"),
                ("EXO_INTROSPECTION", "true"),
            ],
        );
        let answer = ask(&server.url, "{ __type(name: \"Note\") { fields { name } } }");
        answer["data"]["__type"]["fields"].as_array().unwrap().len()
    };
    assert_eq!(fields(), 2);
    // An import from beside the project; its time is set, since clocks of file systems are coarse.
    std::fs::write(&shared, note("more: String")).unwrap();
    let newer = compiled + std::time::Duration::from_secs(5);
    std::fs::File::options().write(true).open(&shared).unwrap().set_modified(newer).unwrap();
    assert_eq!(fields(), 3);
}
