//! `exo-studio --ci`: verdicts and exit codes.

use std::fs;

use crate::harness::{command, edit, folder, project, text};

#[test]
fn every_template_passes_its_own_tests() {
    let folder = folder();
    for template in ["todo", "bookshop", "multi-tenant", "with-hooks"] {
        project(folder.path(), template);
    }
    let output = command().arg("--ci").arg(folder.path()).arg("--json").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["tests"].as_array().unwrap().len() >= 20, "{report}");
}

#[test]
fn a_failing_test_is_1_and_shows_where_the_bodies_differ() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    fs::write(
        todo.join("tests/wrong.exotest"),
        "operation: |\n  { todo(id: 1) { title } }\nresponse: |\n  { \"data\": { \"todo\": { \"title\": \"never\" } } }\n",
    )
    .unwrap();
    let junit = folder.path().join("report.xml");
    let output = command().arg("--ci").arg(&todo).arg("--junit").arg(&junit).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let text = text(&output);
    assert!(text.contains("wrong") && text.contains("data.todo.title") && text.contains("never"), "{text}");
    assert!(fs::read_to_string(junit).unwrap().contains("<testsuite"));
}

#[test]
fn a_broken_model_is_3_and_shows_the_diagnostic() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    edit(&todo.join("src/index.exo"), "title: String", "title: Strin");
    let output = command().arg("--ci").arg(&todo).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let text = text(&output);
    assert!(text.contains("E0030") && text.contains("src/index.exo:") && text.contains("^^^^^"), "{text}");
}

#[test]
fn no_matching_test_is_5_and_wrong_arguments_are_2() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let none = command().arg("--ci").arg(&todo).arg("nothing*").output().unwrap();
    assert_eq!(none.status.code(), Some(5), "{}", text(&none));
    let one = command().arg("--ci").arg(&todo).arg("lis*").output().unwrap();
    assert_eq!(one.status.code(), Some(0), "{}", text(&one));
    let gone = command().arg("--ci").arg(folder.path().join("gone")).arg("--json").output().unwrap();
    assert_eq!(gone.status.code(), Some(4));
    let json: serde_json::Value = serde_json::from_slice(&gone.stdout).unwrap();
    assert_eq!(json["exitCode"], 4, "standard output is JSON even then: {json}");
    let wrong = command().arg("--ci").arg("--nonsense").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn build_schema_and_sdl_print_what_the_model_says() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let run = |args: &[&str]| {
        let output = command().args(args).current_dir(&todo).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["build"]);
    assert!(todo.join("target/index.exo_ir").is_file());
    let ddl = run(&["schema", "create"]);
    assert!(ddl.starts_with("CREATE TABLE \"todos\" (\n\t\"id\" SERIAL PRIMARY KEY,\n"), "{ddl}");
    assert_eq!(ddl, run(&["schema", "create", "--use-ir"]));
    run(&["graphql", "schema"]);
    let sdl = fs::read_to_string(todo.join("generated/schema.graphql")).unwrap();
    assert!(sdl.contains("todo(id: Int!): Todo"), "{sdl}");
    let json = run(&["graphql", "schema", "--format", "json", "-o", "-"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["data"]["__schema"]["queryType"]["name"], "Query");
}

#[test]
fn code_that_asks_for_itself_is_refused_and_the_process_goes_on() {
    let folder = folder();
    let root = folder.path().join("circle");
    fs::create_dir_all(root.join("src")).unwrap();
    fs::create_dir_all(root.join("tests")).unwrap();
    fs::write(root.join("exo.toml"), "").unwrap();
    let around: String = (1..=4)
        .map(|n| format!("  @around(\"query again\") interceptor around{n}(operation: Operation)\n"))
        .collect();
    let model = format!(
        "@deno(\"code.js\")\nmodule Code {{\n  @access(true) query again(left: Int, @inject exograph: Exograph): Json\n{around}}}\n"
    );
    fs::write(root.join("src/index.exo"), model).unwrap();
    let mut code = "export async function again(left, exograph) {\n  if (left === 0) return 'bottom';\n  \
                    const query = 'query($left: Int!) { again(left: $left) }';\n  \
                    return (await exograph.executeQuery(query, { left: left - 1 })).again;\n}\n"
        .to_owned();
    for n in 1..=4 {
        code.push_str(&format!(
            "export async function around{n}(operation) {{ return await operation.proceed(); }}\n"
        ));
    }
    fs::write(root.join("src/code.js"), code).unwrap();
    let test = "stages:\n  - operation: |\n      { again(left: 100000) }\n    response: |\n      \
                { errors: [{ message: \"Internal server error\" }] }\n  - operation: |\n      \
                { again(left: 12) }\n    response: |\n      { data: { again: \"bottom\" } }\n";
    fs::write(root.join("tests/circle.exotest"), test).unwrap();
    let output = command().arg("--ci").arg(&root).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}
