//! Whatever is sent, preparing a request answers or refuses; it never panics.

use proptest::prelude::*;
use studio_query::{Document, Payload, error_body, prepare};

use super::{SCHEMA, limits};

const TOKENS: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "$",
    "@",
    "!",
    "=",
    "...",
    "query",
    "mutation",
    "fragment",
    "on",
    "F",
    "A",
    "books",
    "book",
    "booksAgg",
    "createBook",
    "updateBook",
    "authors",
    "id",
    "title",
    "author",
    "price",
    "copies",
    "__typename",
    "__schema",
    "__type",
    "types",
    "name",
    "where",
    "data",
    "orderBy",
    "limit",
    "and",
    "not",
    "eq",
    "isbn",
    "tags",
    "extra",
    "probe",
    "v",
    "$v",
    "1",
    "1.5",
    "-3",
    "\"x\"",
    "\"\"\"y\"\"\"",
    "true",
    "null",
    "ASC",
    "@skip(if: $v)",
    "@include(if: true)",
    "Int",
    "Int!",
    "é",
    "#c\n",
];

/// Documents that parse more often than random tokens do.
fn selection() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("1".to_owned()),
        Just("\"x\"".to_owned()),
        Just("null".to_owned()),
        Just("$v".to_owned()),
        Just("$w".to_owned()),
        Just("E".to_owned()),
        Just("1.5".to_owned()),
    ]
    .prop_recursive(4, 24, 4, |inner| {
        let key =
            prop::sample::select(vec!["id", "eq", "and", "title", "author", "extra", "books", "create", "x"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(" "))),
            prop::collection::vec((key, inner), 0..4).prop_map(|entries| {
                let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{{}}}", entries.join(" "))
            }),
        ]
    });
    let name = prop::sample::select(vec![
        "books",
        "book",
        "id",
        "title",
        "author",
        "copies",
        "booksAgg",
        "price",
        "count",
        "createBook",
        "updateBook",
        "__typename",
        "__type",
        "name",
        "fields",
        "box",
        "h",
        "probeDistance",
    ]);
    let argument = prop::sample::select(vec!["where", "id", "data", "limit", "orderBy", "name", "to"]);
    let arguments = prop::collection::vec((argument, value), 0..3).prop_map(|arguments| {
        if arguments.is_empty() {
            return String::new();
        }
        let arguments: Vec<_> = arguments.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("({})", arguments.join(" "))
    });
    let field = (name, arguments).prop_map(|(name, arguments)| format!("{name}{arguments}"));
    field.prop_recursive(5, 40, 4, |inner| {
        (inner.clone(), prop::collection::vec(inner, 1..4))
            .prop_map(|(field, below)| format!("{field} {{ {} ...F }}", below.join(" ")))
    })
}

fn check(text: &str, variables: &serde_json::Value) {
    let answer = Document::parse(text)
        .and_then(|document| prepare(&document, None, variables.as_object(), &SCHEMA, &limits()));
    if let Err(error) = answer {
        let body = error_body(&error);
        assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{body}");
        assert_ne!(error.message, "Internal server error", "{text}: {:?}", error.hidden);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_tokens(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..60)) {
        check(&tokens.join(" "), &serde_json::json!({"v": 1}));
    }

    #[test]
    fn random_selections(
        roots in prop::collection::vec(selection(), 1..4),
        mutation in any::<bool>(),
        v in prop::sample::select(vec!["1", "null", "true", "[1, {\"id\": 2}]", "{\"title\": {\"eq\": \"x\"}}", "\"s\""]),
    ) {
        let kind = if mutation { "mutation" } else { "query" };
        let text = format!(
            "{kind}($v: Int, $w: X) {{ {} }} fragment F on Book {{ id author {{ name }} }}",
            roots.join(" ")
        );
        check(&text, &serde_json::from_str(&format!("{{\"v\": {v}}}")).unwrap());
    }

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Payload::from_slice(&bytes);
        check(&String::from_utf8_lossy(&bytes), &serde_json::Value::Null);
    }
}
