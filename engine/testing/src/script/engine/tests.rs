use std::time::Duration;

use super::*;
use crate::compare::{Rules, compare};
use crate::file::ExpressionText;
use crate::script::ScriptLimits;
use proptest::prelude::*;
use serde_json::{Map, json};

/// Generous, because the machine may be busy.
fn limits() -> ScriptLimits {
    ScriptLimits { time: Duration::from_secs(20), memory: 16 << 20, ..ScriptLimits::default() }
}

/// A short time for scripts that never end.
fn limits_for(expression: &ExpressionText) -> ScriptLimits {
    let endless = ["while (true) {", "(a+)+"].iter().any(|part| expression.text.contains(part));
    let time = if endless { Duration::from_millis(300) } else { limits().time };
    ScriptLimits { time, ..limits() }
}

fn json_of(prelude: &str, expression: &str) -> Result<Option<Value>, ScriptError> {
    let expression = ExpressionText { text: expression.into(), first_line: 20 };
    let prelude = ExpressionText { text: prelude.into(), first_line: 10 };
    let bindings = json!({"n": 5, "list": [{"id": "a"}]});
    let bindings: Map<String, Value> = bindings.as_object().cloned().expect("object");
    let prelude = (!prelude.text.is_empty()).then_some(&prelude);
    evaluate_json(ScriptInput {
        expression: &expression,
        prelude,
        bindings: &bindings,
        limits: limits_for(&expression),
    })
}

fn differences(prelude: &str, expression: &str, actual: Value) -> Result<Vec<String>, ScriptError> {
    let expression = ExpressionText { text: expression.into(), first_line: 20 };
    let prelude = ExpressionText { text: prelude.into(), first_line: 10 };
    let bindings = Map::new();
    let input = ScriptInput {
        expression: &expression,
        prelude: Some(&prelude),
        bindings: &bindings,
        limits: limits_for(&expression),
    };
    let (differences, _) =
        with_response(input, |expected, calls| compare(&expected, &actual, Rules::default(), calls))?;
    Ok(differences
        .into_iter()
        .map(|d| {
            format!(
                "{}: {}{}",
                d.path,
                d.kind.describe(),
                d.note.map_or(String::new(), |n| format!(" ({n})"))
            )
        })
        .collect())
}

#[test]
fn values_pass_through_json() {
    let prelude = "function twice(x) { return x * 2 }\nconst now = new Date(0);";
    for (expression, expected) in [
        (
            "{ a: twice($.n), b: `x${$.list[0].id}`, c: () => 1, d: undefined }",
            Some(json!({"a": 10, "b": "xa"})),
        ),
        ("[1, undefined, Math.max(2, 3), 0.1 + 0.2]", Some(json!([1, null, 3, 0.30000000000000004]))),
        ("now", Some(json!("1970-01-01T00:00:00.000Z"))),
        (
            "(() => { let s = ''; for (const x of ['a', 'b']) s += x.toUpperCase(); return s })()",
            Some(json!("AB")),
        ),
        ("await (async () => ({ ok: true }))()", Some(json!({"ok": true}))),
        ("(async () => 7)()", Some(json!(7))),
        ("JSON.parse('[1]').map(x => x + 1)", Some(json!([2]))),
        ("undefined", None),
        ("1e21", Some(serde_json::from_str("1e+21").expect("number"))),
    ] {
        assert_eq!(json_of(prelude, expression), Ok(expected), "{expression}");
    }
}

#[test]
fn mistakes_have_a_file_line() {
    for (prelude, expression, message, line) in [
        ("", "{\n a: 1,\n b: nope()\n}", "ReferenceError: nope is not defined", 22),
        ("let x = 1;\nthrow new Error('early');\n", "1", "early", 11),
        ("function f() {\n  throw new RangeError('far')\n}", "f()", "RangeError: far", 11),
        ("", "$.list[3].id", "TypeError: cannot read property 'id' of undefined", 20),
    ] {
        let error = json_of(prelude, expression).expect_err(expression);
        assert_eq!(error, ScriptError::Failed { message: message.into(), line: Some(line) }, "{expression}");
    }
    let Err(ScriptError::Failed { message, line }) = json_of("", "{ a: }") else { panic!("an error") };
    assert!(message.starts_with("SyntaxError"), "{message}");
    assert_eq!(line, Some(20));
}

#[test]
fn functions_are_matchers() {
    for (expression, actual, expected) in [
        ("{ id: (n) => n > 0, label: 'Maps' }", json!({"id": 3, "label": "Maps"}), vec![]),
        ("{ id: (n) => n > 0 }", json!({"id": 0}), vec!["id: rejected by the function"]),
        ("{ id: () => true }", json!({}), vec!["id: missing"]),
        (
            "{ id: function (x) { if (x !== 1) { throw new Error('not one'); } return true; } }",
            json!({"id": 2}),
            vec!["id: the function threw (not one)"],
        ),
        (
            "{ id: (x) => { x; } }",
            json!({"id": 2}),
            vec!["id: the function cannot be used (it returned `undefined`; perhaps a `return` is missing)"],
        ),
        ("{ id: async (x) => x === 2 }", json!({"id": 2}), vec![]),
        (
            "{ id: async (x) => { throw new TypeError('no') } }",
            json!({"id": 2}),
            vec!["id: the function threw (TypeError: no)"],
        ),
        ("{ id: isId, when: (t) => !isNaN(Date.parse(t)) }", json!({"id": 1, "when": "2026-01-01"}), vec![]),
        ("(body) => body.data.length === 2", json!({"data": [1, 2]}), vec![]),
        (
            "{ a: 0.1 + 0.2, b: [null, undefined] }",
            json!({"a": 0.30000000000000004, "b": [null, null]}),
            vec!["b[1]: not equal"],
        ),
        ("{ a: 9007199254740993 }", json!({"a": 9007199254740992_i64}), vec![]),
        (
            "{ id: (x) => { while (true) {} } }",
            json!({"id": 2}),
            vec![
                "id: the function cannot be used (the script was stopped after 0.3 s; perhaps a loop without end)",
            ],
        ),
    ] {
        let found = differences("function isId(x) { return Number.isInteger(x); }", expression, actual);
        assert_eq!(found, Ok(expected.into_iter().map(str::to_owned).collect()), "{expression}");
    }
}

#[test]
fn limits_hold() {
    let stopped = "the script was stopped after 0.3 s; perhaps a loop without end";
    for (expression, message) in [
        ("(() => { while (true) {} })()", stopped),
        ("(() => { try { while (true) {} } catch (e) { return 1 } })()", stopped),
        ("await (async () => { while (true) { await null } })()", stopped),
        ("/^(a+)+$/.test('a'.repeat(40) + 'b')", stopped),
        (
            "(() => { const x = []; while (true) x.push('y'.repeat(1000) + x.length) })()",
            "the script used more than 16 MiB of memory",
        ),
        ("(function f() { return f() + 1 })()", "RangeError: Maximum call stack size exceeded"),
        ("await new Promise(() => {})", "waits for a promise that nothing can settle"),
    ] {
        match json_of("", expression) {
            Err(ScriptError::Failed { message: found, .. }) => assert_eq!(found, message, "{expression}"),
            other => panic!("{expression}: {other:?}"),
        }
    }
}

#[test]
fn the_outside_world_is_unsupported() {
    for (prelude, expression, part) in [
        (
            "import { assert } from 'https://deno.land/std/testing/asserts.ts';",
            "1",
            "the import of `https://deno.land/std",
        ),
        ("", "(await import('./x.js')).y", "the import of `./x.js`"),
        ("", "fetch('http://localhost')", "`fetch`"),
        ("", "Deno.readTextFileSync('/etc/passwd')", "`Deno`"),
    ] {
        match json_of(prelude, expression) {
            Err(ScriptError::Unsupported { message, .. }) => assert!(message.contains(part), "{message}"),
            other => panic!("{expression}: {other:?}"),
        }
    }
    for name in ["std", "os", "bjson", "scriptArgs", "print", "gc", "Worker", "performance.timeOrigin.x.y"] {
        assert!(json_of("", name).is_err(), "{name} is not visible");
    }
}

#[test]
fn the_uuid_validator_is_built_in() {
    let good = json!({"id": "7c9e6679-7425-40de-944b-e07fc1f90ae7"});
    let bad = json!({"id": "7c9e6679-7425-40de-944b"});
    for (prelude, expression) in [
        (
            "import { validate } from 'https://deno.land/std@0.100.0/uuid/mod.ts';",
            "{ id: (x) => validate(x) }",
        ),
        ("import * as uuid from 'npm:uuid@9';", "{ id: uuid.validate }"),
        (
            "import uuid from 'https://esm.sh/uuid';",
            "{ id: (x) => uuid.validate(x) && uuid.version(x) === 4 }",
        ),
        ("import { v4 } from 'uuid';", "{ id: (x) => v4.validate(x) }"),
        ("import { validate } from 'https://deno.land/std/uuid/v4.ts';", "{ id: validate }"),
    ] {
        assert_eq!(differences(prelude, expression, good.clone()), Ok(vec![]), "{prelude}");
        let found = differences(prelude, expression, bad.clone());
        assert_eq!(found, Ok(vec!["id: rejected by the function".to_owned()]), "{prelude}");
    }
}

#[test]
fn console_lines_are_kept() {
    let expression = ExpressionText {
        text: "{ a: (x) => { console.log('got', x, [1]); return true } }".into(),
        first_line: 1,
    };
    let bindings = Map::new();
    let input = ScriptInput { expression: &expression, prelude: None, bindings: &bindings, limits: limits() };
    let (_, lines) =
        with_response(input, |expected, calls| compare(&expected, &json!({"a": 1}), Rules::default(), calls))
            .expect("a response");
    assert_eq!(lines, ["got 1 [1]"]);
}

/// Whatever the built-in reader accepts means the same in JavaScript.
fn agrees(text: &str) -> Result<(), TestCaseError> {
    let Ok((expression, _)) = crate::expression::read(text) else { return Ok(()) };
    let bindings = json!({"n": 5, "o": {"k": [1, "x", null]}, "0": "zero", "s": "text"});
    let bindings: Map<String, Value> = bindings.as_object().cloned().expect("object");
    let mut absent = Vec::new();
    let built_in = expression.send_value(&bindings, &mut absent);
    let is_error = absent.iter().any(|error| !error.is_undefined());
    let written = ExpressionText { text: text.to_owned(), first_line: 1 };
    let input = ScriptInput { expression: &written, prelude: None, bindings: &bindings, limits: limits() };
    match evaluate_json(input) {
        Err(error) => prop_assert!(is_error, "{text}: {built_in:?} but {error:?}"),
        Ok(script) => {
            prop_assert!(!is_error, "{text}: an error but {script:?}");
            let same = match (&built_in, &script) {
                (Some(left), Some(right)) => {
                    let mut none = crate::compare::NoMatchers;
                    compare(&Expected::from_value(left), right, Rules::default(), &mut none).is_empty()
                }
                (left, right) => left == right,
            };
            prop_assert!(same, "{text}: {built_in:?} but {script:?}");
        }
    }
    Ok(())
}

fn token() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "(",
        ")",
        "a: ",
        "\"b\": ",
        "'c': ",
        "1: ",
        ".5: ",
        "0x10: ",
        "null: ",
        "\"d\"",
        "'e\\x41'",
        "\"\\u0041\\n\"",
        "'\\\n'",
        "'\\0'",
        "'\\q'",
        "1",
        "-1",
        "- 2",
        "+3",
        ".5",
        "5.",
        "1e3 ",
        "1.50",
        "0x1F",
        "0b11",
        "0o17",
        "1_000",
        "010",
        "1_",
        "null",
        "true",
        "false",
        "undefined",
        "$.n",
        "$.o.k",
        "$.o.k[0]",
        "$[\"o\"]",
        "$[0]",
        "$.o.k.length",
        "$.s.length",
        "$.nope",
        "$.nope.x",
        "$.o.nope.x",
        "$",
        " ",
        "\n",
        "/* c */",
        "// c\n",
        "\u{a0}",
        "\u{feff}",
        ".k",
        "[1]",
        "é: ",
        "'\u{1F600}'",
        "1n",
        "'\\u{41}'",
        "\"\t\"",
    ])
}

/// Text that is nearly always in the subset.
fn relaxed() -> impl Strategy<Value = String> {
    let space = prop::sample::select(vec!["", " ", "\n", "/* x */", "// y\n"]);
    let leaf = prop::sample::select(vec![
        "1",
        "-2.50",
        ".5",
        "5.",
        "0x1F",
        "1_0",
        "1e-7",
        "'a\\x41'",
        "\"b\\n\"",
        "null",
        "true",
        "$.n",
        "$.o.k[1]",
        "$.o.k[9]",
        "$.nope",
        "$.o",
        "(3)",
        "- 4",
        "'\\\n'",
        "123456789.125",
        "1e21",
    ]);
    let key = prop::sample::select(vec!["a", "\"b c\"", "'d'", "1", "1.50", "$e", "true", "0x10"]);
    (leaf.prop_map(str::to_owned), space)
        .prop_map(|(leaf, space)| format!("{space}{leaf}{space}"))
        .prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                (prop::collection::vec(inner.clone(), 0..4), any::<bool>()).prop_map(
                    |(items, comma)| format!(
                        "[{}{}]",
                        items.join(","),
                        if comma && !items.is_empty() { "," } else { "" }
                    )
                ),
                (prop::collection::vec((key.clone(), inner), 0..4), any::<bool>()).prop_map(
                    |(members, comma)| {
                        let comma = if comma && !members.is_empty() { "," } else { "" };
                        let members: Vec<String> =
                            members.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                        format!("{{{}{comma}}}", members.join(","))
                    }
                ),
            ]
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_built_in_reader_agrees_with_javascript(text in relaxed()) {
        agrees(&text)?;
    }

    #[test]
    fn the_built_in_reader_agrees_on_odd_texts(tokens in prop::collection::vec(token(), 0..7)) {
        agrees(&tokens.concat())?;
    }
}
