use std::path::Path;

use proptest::prelude::*;

use super::*;

fn file(text: &str) -> TestFile {
    read(Path::new("a.exotest"), text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn mistake(text: &str) -> (usize, String) {
    let error = read(Path::new("a.exotest"), text).expect_err(text);
    (error.line.unwrap_or(0), error.to_string())
}

const WHOLE: &str = r#"envs:
  LIBRARY_REGION: "north"
  PORT: 8080
retries: 2
stages:
  - operation: |
      mutation ($label: String!) {
        createShelf(data: { label: $label }) { id @bind(name: "shelfId") label }
      }
    variable: |
      { label: "Maps" }
    auth: |
      { "role": "librarian", "sub": $.annaId }
    headers: |
      { "x-a": "b" }
    deno: |
      function f() {}
    response: |
      { "data": { "createShelf": { "id": (n) => n > 0, "label": "Maps" } } }
    status: 200
    responseHeaders:
      content-type: application/json
    maxMs: 50
    sqlCount: 1
    bind:
      label: data.createShelf.label
  - operation:
      type: rpc
      payload: |
        { "method": "get_shelves" }
      unorderedPaths: ["result"]
    response: |
      { "result": [ { "id": $.shelfId } ] }
  - operation:
      query: "{ a }"
      unorderedPaths: [data.a]
"#;

#[test]
fn the_whole_grammar() {
    let file = file(WHOLE);
    assert_eq!(file.retries, 2);
    assert_eq!(
        file.envs.into_iter().collect::<Vec<_>>(),
        [("LIBRARY_REGION".to_owned(), "north".to_owned()), ("PORT".to_owned(), "8080".to_owned())]
    );
    assert!(file.warnings.is_empty());
    let [first, second, third] = file.stages.as_slice() else { panic!("three stages") };
    assert_eq!((first.line, second.line, third.line), (6, 27, 34));
    let Operation::GraphQl(document) = &first.operation else { panic!("graphql") };
    assert_eq!(document.binds[0].path, ["data", "createShelf", "id"]);
    assert_eq!(first.variable.as_ref().map(|text| text.first_line), Some(11));
    assert_eq!(first.response.as_ref().map(|text| text.line(1)), Some(19));
    assert_eq!(
        first.auth.as_ref().map(|text| text.text.as_str()),
        Some("{ \"role\": \"librarian\", \"sub\": $.annaId }\n")
    );
    assert!(first.headers.is_some() && first.prelude.is_some());
    assert_eq!((first.status, first.max_ms, first.sql_count), (Some(200), Some(50), Some(1)));
    assert_eq!(first.response_headers, [("content-type".to_owned(), "application/json".to_owned())]);
    assert_eq!(first.bind, [("label".to_owned(), vec!["data".into(), "createShelf".into(), "label".into()])]);
    let Operation::Rpc { payload, unordered } = &second.operation else { panic!("rpc") };
    assert_eq!((payload.first_line, unordered.as_slice()), (30, ["result".to_owned()].as_slice()));
    let Operation::GraphQl(document) = &third.operation else { panic!("graphql") };
    assert!(document.unordered.contains("data.a"));
}

#[test]
fn a_single_stage_with_file_keys() {
    let file = file("operation: |\n  { a }\nretries: 1\nenvs:\nresponse:\n");
    assert_eq!((file.retries, file.stages.len()), (1, 1));
    assert!(file.stages[0].response.is_none());
    assert!(!file.uses_rpc());
}

#[test]
fn personas_need_no_quotes() {
    let file = file(
        "stages:\n  - operation: '{ a }'\n    auth: @anna-2\n  - auth:  @bo\r\n    operation: '{ a }'\n",
    );
    let auth: Vec<_> =
        file.stages.iter().map(|stage| stage.auth.as_ref().expect("auth").text.as_str()).collect();
    assert_eq!(auth, ["@anna-2", "@bo"]);
    assert!(mistake("operation: '{ a }'\nresponse: @anna\n").1.starts_with("not valid YAML"));
}

/// Files as editors and people write them: all of these are the same test.
#[test]
fn odd_but_valid_yaml() {
    let plain = "operation: |\n  {\n    a\n  }\nresponse: |\n  { data: { a: 1 } }\n";
    let crlf = plain.replace('\n', "\r\n");
    let bom = format!("\u{feff}{plain}");
    let header = format!("%YAML 1.2\n---\n# comment\n{plain}...\n");
    let trailing = plain.replace("|\n", "|   \n").replace("a: 1 } }\n", "a: 1 } }\n\n\n  \n");
    for text in [
        plain,
        &crlf,
        &bom,
        &format!("\u{feff}{crlf}"),
        &format!("---\n{plain}"),
        &header,
        &trailing,
        &plain.replace("|\n", "| # why\n"),
        &plain.replace("|\n", "|-\n"),
        &plain.replace("|\n", "|+\n"),
        &plain.replace("|\n", "|2\n"),
        &plain.replace("operation: |", "\"operation\": |").replace("response: |", "'response' : |"),
        &plain.replace("operation: |", "operation:\n  |"),
        &format!("\n\n# first\n{}# last", plain.replace("response", "# between\nresponse")),
        "operation: |\n\n  {\n    a\n  }\nresponse: '{ data: { a: 1 } }'\n",
        "operation: |\n  {\n  \ta\n  }\nresponse: |\n  {\tdata: { a: 1 } }\n",
        "operation: \"{\\n  a\\n}\"\nresponse: \"{ data: { a: 1 } }\"\n",
        "{ \"operation\": \"{ a }\", \"response\": \"{ data: { a: 1 } }\" }",
        "operation: >\n  {\n\n  a\n\n  }\nresponse: >-\n  { data:\n  { a: 1 } }\n",
        "operation: &same |\n  { a }\nresponse: |\n  { data: { a: 1 } }\nretries: 0\n",
        "retries: 0\nenvs: {}\nresponse: |\n  { data: { a: 1 } }\noperation:\n  type: graphql\n  query: |\n    { a }\n",
        "stages:\n- operation: |\n    { a }\n  response: |\n    { data: { a: 1 } }\n",
        "stages:\n  -\n    operation: |\n      { a }\n    response: |\n      { data: { a: 1 } }\n",
        "stages: [{operation: '{ a }', response: '{ data: { a: 1 } }'}]",
        "operation: |\n  { a }\nauth:\nvariable: ~\nheaders: null\nresponse: |\n  { data: { a: 1 } }\n",
    ] {
        let file = file(text);
        let [stage] = file.stages.as_slice() else { panic!("one stage in {text:?}") };
        let Operation::GraphQl(document) = &stage.operation else { panic!("graphql in {text:?}") };
        let words: String = document.text.split_whitespace().collect();
        assert_eq!(words, "{a}", "{text:?}");
        let response = &stage.response.as_ref().expect("a response").text;
        let value =
            crate::expression::read(response).expect("relaxed JSON").0.strict_value(&serde_json::Map::new());
        assert_eq!(value.expect("constant"), serde_json::json!({"data": {"a": 1}}), "{text:?}");
        assert!(file.warnings.is_empty(), "{text:?} {:?}", file.warnings);
    }
}

#[test]
fn anchors_serve_several_stages() {
    let file = file(
        "stages:\n  - operation: &ask |\n      { a }\n    auth: &anna |\n      { sub: 1 }\n  - operation: *ask\n    auth: *anna\n",
    );
    assert_eq!(
        file.stages[0].auth.as_ref().map(|text| &text.text),
        file.stages[1].auth.as_ref().map(|text| &text.text)
    );
    let Operation::GraphQl(document) = &file.stages[1].operation else { panic!("graphql") };
    assert_eq!(document.text, "{ a }\n");
}

#[test]
fn lines_are_right_with_any_line_ends() {
    for end in ["\n", "\r\n"] {
        let text = ["operation: |", "  {", "    a @bind", "  }", ""].join(end);
        assert_eq!(mistake(&text).0, 3, "{end:?}");
        let text = [
            "operation: |",
            "  { a }",
            "response: |",
            "  {",
            "    data: {",
            "      a: $.no",
            "    }",
            "  }",
            "",
        ]
        .join(end);
        let response = file(&text).stages.remove(0).response.expect("a response");
        let offset = response.text.find('$').expect("a binding");
        assert_eq!((response.first_line, response.line_of_offset(offset)), (4, 6), "{end:?}");
    }
}

#[test]
fn keys_beside_stages_are_warnings() {
    let file = file("stages:\n  - operation: '{ a }'\nresponse: |\n  {}\nenv: {}\n");
    assert_eq!(
        file.warnings,
        [
            "line 3: `response` beside `stages` has no effect; move it into a stage",
            "line 5: `env` beside `stages` has no effect; did you mean `envs`?",
        ]
    );
}

#[test]
fn mistakes_have_a_line_and_a_next_step() {
    for (text, line, message) in [
        ("", 0, "the file is empty; a test needs at least `operation: |`"),
        ("- a", 1, "`the file` must be a map, but it is a list"),
        (
            "operation: '{ a }'\nvariables: |\n  {}\n",
            2,
            "unknown key `variables` in a stage; did you mean `variable`?",
        ),
        (
            "operation: '{ a }'\ncookies: x\n",
            2,
            "unknown key `cookies` in a stage; known are operation, variable, auth, headers, deno, response, \
             invariants, bind, status, responseHeaders, maxMs, sqlCount",
        ),
        (
            "operation: '{ a }'\nunorderedPaths: []\n",
            2,
            "unknown key `unorderedPaths` in a stage; did you mean `operation.unorderedPaths`?",
        ),
        ("response: '{}'\n", 1, "a stage needs the key `operation`"),
        ("stages: []\n", 1, "`stages` is empty; a test needs at least one stage"),
        ("stages: {}\n", 1, "`stages` must be a list of stages, but it is a map"),
        ("stages:\n  - 1\n", 2, "`a stage` must be a map, but it is `1`"),
        (
            "operation: '{ a }'\nauth:\n  role: x\n",
            3,
            "`auth` must be text, but it is a map; write it as a block: `key: |`",
        ),
        (
            "operation: '{ a }'\nretries: 6\n",
            2,
            "`retries` must be a whole number from 0 to 5, but it is `6`",
        ),
        (
            "operation: '{ a }'\nretries: -1\n",
            2,
            "`retries` must be a whole number from 0 to 5, but it is `-1`",
        ),
        ("operation: '{ a }'\nenvs: [a]\n", 2, "`envs` must be a map, but it is a list"),
        (
            "operation: '{ a }'\nenvs:\n  A: [b]\n",
            3,
            "`envs.A` must be text, but it is a list; write it as a block: `key: |`",
        ),
        ("operation: [a]\n", 1, "`operation` must be text or a map, but it is a list"),
        ("operation:\n  type: sql\n", 2, "`operation.type` must be `graphql` or `rpc`, but it is `sql`"),
        ("operation:\n  type: rpc\n", 2, "`operation` needs the key `payload`"),
        ("operation:\n  type: graphql\n", 2, "`operation` needs the key `query`"),
        ("operation:\n  typ: rpc\n", 2, "unknown key `typ` in `operation`; did you mean `type`?"),
        (
            "operation:\n  query: '{ a }'\n  payload: '{}'\n",
            3,
            "`payload` cannot be used with operation type `graphql`",
        ),
        (
            "operation:\n  type: rpc\n  query: a\n  payload: '{}'\n",
            3,
            "`query` cannot be used with operation type `rpc`",
        ),
        (
            "operation:\n  type: rpc\n  payload: '{}'\nvariable: '{}'\n",
            4,
            "`variable` cannot be used with operation type `rpc`",
        ),
        (
            "operation: |\n  {\n    a @bind\n  }\n",
            3,
            "`@bind` takes one argument, a text: write `@bind(name: \"theName\")`",
        ),
        (
            "operation: '{ a }'\ninvariants:\n  - file: x\n",
            3,
            "unknown key `file` in an invariant; known are path",
        ),
        (
            "operation: '{ a }'\noperation: '{ b }'\n",
            2,
            "not valid YAML: `operation` is written twice; the first is in line 1",
        ),
        ("operation: '{ a }'\nmaxMs: fast\n", 2, "`maxMs` must be a whole number, but it is `fast`"),
    ] {
        assert_eq!(mistake(text), (line, message.to_owned()), "{text}");
    }
}

#[test]
fn invariants_are_read_relative_to_their_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("count.gql"), "operation: '{ count }'\n").expect("write");
    std::fs::write(folder.path().join("self.gql"), "operation: '{ a }'\ninvariants: [{path: self.gql}]\n")
        .expect("write");
    let path = folder.path().join("a.exotest");
    let read_text = |text: &str| read(&path, text);
    let file = read_text("operation: '{ a }'\ninvariants:\n  - path: count.gql\n").expect("file");
    assert_eq!(file.stages[0].invariants[0].stages.len(), 1);
    let error = read_text("operation: '{ a }'\ninvariants:\n  - path: none.gql\n").expect_err("missing");
    assert_eq!(error.line, Some(3));
    assert!(error.to_string().starts_with("invariant `none.gql`: cannot be read"), "{error}");
    let error = read_text("operation: '{ a }'\ninvariants:\n  - path: self.gql\n").expect_err("a circle");
    assert!(error.to_string().contains("in a circle"), "{error}");
}

#[test]
fn deep_nesting_ends() {
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000), "a:\n".repeat(3)] {
        assert!(read(Path::new("a.exotest"), &text).is_err());
    }
}

proptest! {
    #[test]
    fn reading_never_panics(text in any::<String>()) {
        let _ = read(Path::new("a.exotest"), &text);
    }

    #[test]
    fn reading_near_misses_never_panics(
        lines in prop::collection::vec(
            prop_oneof![
                Just("stages:"), Just("- operation: |"), Just("  operation:"), Just("    type: rpc"), Just("    { a @bind(name: \"x\") }"),
                Just("    payload: |"), Just("response: |"), Just("  { a: 1 }"), Just("envs:"), Just("  A: *x"), Just("retries: &x 1"),
                Just("invariants: [{path: a}]"), Just("\t"), Just("- - -"), Just("? a"), Just("'"), Just("")
            ],
            0..12,
        )
    ) {
        let _ = read(Path::new("a.exotest"), &lines.join("\n"));
    }
}
