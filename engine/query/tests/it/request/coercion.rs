//! Coerced values (graphql-and-sql 2.3): what is accepted, and as what.

use studio_query::operation::{Arguments, Data, RootCall, Value};

use super::accepted;

/// The arguments of the first root field in a compact notation.
fn arguments(document: &str, variables: &str) -> String {
    let operation = accepted(document, variables);
    match &operation.roots[0].call {
        RootCall::Entity(call) => object(&call.arguments),
        other => panic!("{other:?}"),
    }
}

fn object(arguments: &Arguments) -> String {
    let entries: Vec<_> = arguments.iter().map(|(name, value)| format!("{name}: {}", data(value))).collect();
    format!("{{{}}}", entries.join(", "))
}

fn data(value: &Value) -> String {
    let text = match &value.data {
        Data::Null => "null".into(),
        Data::Bool(value) => value.to_string(),
        Data::Number(number) => number.to_string(),
        Data::String(text) => format!("{text:?}"),
        Data::Enum(name) => name.clone(),
        Data::List(items) => format!("[{}]", items.iter().map(data).collect::<Vec<_>>().join(", ")),
        Data::Object(members) => object(members),
        Data::Json(json) => format!("json {json}"),
    };
    match &value.variable {
        Some(name) => format!("${name}={text}"),
        None => text,
    }
}

#[test]
fn arguments_come_in_schema_order_and_members_in_textual_order() {
    assert_eq!(
        arguments("{ books(offset: 2, limit: 1, orderBy: {title: ASC, id: DESC}) { id } }", ""),
        "{orderBy: [{title: ASC, id: DESC}], limit: 1, offset: 2}"
    );
}

#[test]
fn single_values_become_lists() {
    assert_eq!(
        arguments("{ books(where: {and: {id: {eq: 1}}}) { id } }", ""),
        "{where: {and: [{id: {eq: 1}}]}}"
    );
    assert_eq!(
        arguments("mutation { updateBook(id: 1, data: {tags: \"a\", probe: 1}) { id } }", ""),
        r#"{id: 1, data: {tags: ["a"], probe: [1]}}"#
    );
    assert_eq!(
        arguments("mutation { createAuthors(data: {name: \"I\"}) { id } }", ""),
        r#"{data: [{name: "I"}]}"#
    );
}

#[test]
fn declared_types_of_variables_are_ignored() {
    assert_eq!(
        arguments(
            "query($a: Nonsense!, $b: [String]!) { books(where: {pages: {eq: $a}, extra: {contains: $b}}) { id } }",
            r#"{"a": 7, "b": ["x", null]}"#
        ),
        r#"{where: {pages: {eq: $a=7}, extra: {contains: $b=json ["x",null]}}}"#
    );
}

#[test]
fn absent_variables_count_as_omitted_and_defaults_apply() {
    assert_eq!(
        arguments("query($a: Int, $b: Int = 3) { books(limit: $a, offset: $b) { id } }", ""),
        "{offset: $b=3}"
    );
    assert_eq!(
        arguments("query($b: Int! = 3) { books(offset: $b) { id } }", r#"{"b": null}"#),
        "{offset: $b=null}"
    );
    assert_eq!(arguments("{ books(limit: $undeclared) { id } }", r#"{"undeclared": 1}"#), "{}");
    assert_eq!(
        arguments("query($s: Shelf = Poetry) { books(where: {shelf: {eq: $s}}) { id } }", ""),
        "{where: {shelf: {eq: $s=Poetry}}}"
    );
}

#[test]
fn enums_are_names_in_literals_and_strings_in_variables() {
    assert_eq!(
        arguments(
            "query($w: F, $o: O) { books(where: $w, orderBy: {title: $o}) { id } }",
            r#"{"w": {"shelf": {"eq": "Poetry"}}, "o": "DESC"}"#
        ),
        "{where: $w={shelf: $w={eq: $w=Poetry}}, orderBy: [{title: $o=DESC}]}"
    );
    // Enum literals are never checked.
    assert_eq!(arguments("{ books(orderBy: text_DESC) { id } }", ""), "{orderBy: [text_DESC]}");
    assert_eq!(
        arguments("{ books(where: {shelf: {eq: Nope}, title: {eq: Bare}}) { id } }", ""),
        "{where: {shelf: {eq: Nope}, title: {eq: Bare}}}"
    );
}

#[test]
fn numbers_keep_their_text() {
    assert_eq!(
        arguments("{ books(where: {pages: {eq: 123456789012345678901}, weight: {eq: 3}}) { id } }", ""),
        "{where: {pages: {eq: 123456789012345678901}, weight: {eq: 3}}}"
    );
    assert_eq!(
        arguments("query($n: Int) { books(where: {pages: {eq: $n}}) { id } }", r#"{"n": 1.50}"#),
        "{where: {pages: {eq: $n=1.50}}}"
    );
}

#[test]
fn json_takes_everything_and_substitutes_variables() {
    assert_eq!(
        arguments(
            "mutation($v: Int, $gone: Int) { updateBook(id: 1, data: {extra: {a: [1, $v, $gone, E], b: $gone, __typename: \"X\"}}) { id } }",
            r#"{"v": 2}"#
        ),
        r#"{id: 1, data: {extra: json {"a":[1,2,null,"E"],"__typename":"X"}}}"#
    );
    for (literal, json) in [("5", "5"), ("true", "true"), ("\"s\"", "\"s\"")] {
        let document = format!("mutation {{ updateBook(id: 1, data: {{extra: {literal}}}) {{ id }} }}");
        assert_eq!(arguments(&document, ""), format!("{{id: 1, data: {{extra: json {json}}}}}"));
    }
    assert_eq!(
        arguments("mutation { updateBook(id: 1, data: {extra: null}) { id } }", ""),
        "{id: 1, data: {extra: null}}"
    );
}

#[test]
fn typename_in_inputs_is_dropped() {
    assert_eq!(
        arguments(
            "mutation($d: X) { updateBook(id: 1, data: $d) { id } }",
            r#"{"d": {"__typename": "Book", "title": "T", "author": {"__typename": "Author", "id": 3}}}"#
        ),
        r#"{id: 1, data: $d={title: $d="T", author: $d={id: $d=3}}}"#
    );
    assert_eq!(
        arguments("mutation { updateBook(id: 1, data: {__typename: \"Book\", title: \"T\"}) { id } }", ""),
        r#"{id: 1, data: {title: "T"}}"#
    );
}

#[test]
fn nulls_pass_where_the_type_is_nullable() {
    assert_eq!(
        arguments("{ books(where: null, orderBy: null, limit: null) { id } }", ""),
        "{where: null, orderBy: null, limit: null}"
    );
}
