//! Every row of the validation table (graphql-and-sql 2.3) with its locations.

use studio_query::error::RequestError;
use studio_query::{Document, Introspection, Limits, error_body, prepare};

use super::{SCHEMA, accepted, body, limits, refused, schema};

#[test]
fn syntax() {
    assert_eq!(
        body("{\n  book(id: 1\n}", ""),
        r#"{"errors": [{"message":"Syntax error:\n --> 3:1\n  |\n3 | }\n  | ^---\n  |\n  = expected name", "locations": [{"line": 3, "column": 1}]}]}"#
    );
    let report = body("{ book(id: \"x }", "");
    assert!(report.contains("1 | { book(id: x }"), "double quotes are lost: {report}");
}

#[test]
fn operations_of_a_document() {
    refused("query A { __typename } query A { __typename }", "", "Operation duplicated", &[(1, 1), (1, 24)]);
    refused("{ __typename }\nquery B { __typename }", "", "Multiple operations", &[(1, 1), (2, 1)]);
    refused("query B { __typename }\n{ __typename }", "", "Multiple operations", &[(2, 1), (1, 1)]);
    refused("fragment F on Book { id }", "", "Missing operation", &[(0, 0)]);
    refused("subscription { books { id } }", "", "No such operation 'Subscription'", &[(0, 0)]);
}

#[test]
fn fragments() {
    refused(
        "{ book(id: 1) { ...F } }\nfragment F on Book { id }\nfragment F on Book { id }",
        "",
        "Fragment F duplicated",
        &[(2, 1), (3, 1)],
    );
    refused("{ book(id: 1) { ...Gone } }", "", "Fragment definition 'Gone' not found", &[(1, 17)]);
    refused(
        "{ books { ...F } }\nfragment F on Book {\n  ...F }",
        "",
        "Fragment cycle detected: F",
        &[(3, 3)],
    );
    refused(
        "{ books { ...F } } fragment F on Book {\n ...G }\nfragment G on Book { author { books {\n...F } } }",
        "",
        "Fragment cycle detected: F",
        &[(4, 1)],
    );
    accepted("{ books { id } } fragment Unused on Nowhere { x ...Gone }", "");
}

#[test]
fn mutations_switched_off() {
    let schema = schema(include_str!("library.exo"), false);
    let document = Document::parse("mutation { deleteBook(id: 1) { id } }").unwrap();
    let error = prepare(&document, None, None, &schema, &limits()).unwrap_err();
    assert_eq!(
        error_body(&error),
        r#"{"errors": [{"message":"No such operation 'Mutation'", "locations": [{"line": 0, "column": 0}]}]}"#
    );
}

#[test]
fn operation_names() {
    let choose = |text: &str, name: Option<&str>| -> Result<Option<String>, RequestError> {
        prepare(&Document::parse(text)?, name, None, &SCHEMA, &limits()).map(|operation| operation.name)
    };
    let refusal = |text: &str, name: Option<&str>| error_body(&choose(text, name).unwrap_err());
    assert_eq!(choose("{ __typename }", Some("X")), Ok(None));
    assert_eq!(choose("query A { __typename }", None), Ok(Some("A".into())));
    assert_eq!(choose("query A { __typename }", Some("A")), Ok(Some("A".into())));
    assert_eq!(
        refusal("query A { __typename }", Some("X")),
        r#"{"errors": [{"message":"operationName 'X' doesn't match any operation", "locations": []}]}"#
    );
    let two = "query A($v: Int!) { book(id: $v) { id } } query B { __typename }";
    assert_eq!(choose(two, Some("B")), Ok(Some("B".into())), "variables of the other do not matter");
    assert_eq!(
        refusal(two, None),
        r#"{"errors": [{"message":"Must provide operation name if query contains multiple operations", "locations": []}]}"#
    );
}

#[test]
fn fields() {
    refused("{\n  book(id: 1) {\n    titel } }", "", "Field 'titel' is not valid for type 'Book'", &[(3, 5)]);
    refused("{ bok(id: 1) { id } }", "", "Field 'bok' is not valid for type 'Query'", &[(1, 3)]);
    refused(
        "mutation { createFact(data: {}) { id } }",
        "",
        "Field 'createFact' is not valid for type 'Mutation'",
        &[(1, 12)],
    );
    refused(
        "{ book(id: 1) { title { x } } }",
        "",
        "Field 'title' is of a scalar type, which should not specify fields",
        &[(1, 17)],
    );
    refused(
        "{ booksAgg { pages { median } } }",
        "",
        "Field 'median' is not valid for type 'IntAgg'",
        &[(1, 22)],
    );
    refused(
        "{ books { id __schema { types { name } } } }",
        "",
        "Field '__schema' is not valid for type 'Book'",
        &[(1, 14)],
    );
}

#[test]
fn required_arguments() {
    refused("{\n book { id } }", "", "Required argument 'id' not found", &[(2, 2)]);
    refused("{ book(id: null) { id } }", "", "Required argument 'id' not found", &[(1, 12)]);
    refused(
        "mutation {\n  createBook(data: {isbn: \"1\", author: {id: 1}}) { id } }",
        "",
        "Required argument 'title' not found",
        &[(2, 3)],
    );
    refused(
        "mutation { createBook(data: {isbn: \"1\", title: null, author: {id: 1}}) { id } }",
        "",
        "Required argument 'title' not found",
        &[(1, 29)],
    );
    refused(
        "mutation { createBook(data: {isbn: \"1\", title: \"T\", author: {}}) { id } }",
        "",
        "Required argument 'id' not found",
        &[(1, 12)],
    );
    refused(
        "mutation($d: X) { createBook(data: $d) { id } }",
        r#"{"d": {"isbn": "1", "title": null}}"#,
        "Required argument 'title' not found",
        &[(1, 36)],
    );
    // The first missing one in schema order, before later mistakes.
    refused(
        "mutation { createBook(data: {title: 5}) { id } }",
        "",
        "Required argument 'isbn' not found",
        &[(1, 12)],
    );
    refused("{ books(where: {and: [null]}) { id } }", "", "Required argument 'and' not found", &[(1, 16)]);
}

#[test]
fn stray_arguments() {
    refused("{\n book(id: 1, b: 2, a: 3) { id } }", "", "Argument(s) '[b, a]' invalid for 'book'", &[(2, 2)]);
    refused(
        "mutation { createBook(data: {isbn: \"1\", title: \"T\", author: {id: 1, nome: 2}}) { id } }",
        "",
        "Argument(s) '[nome]' invalid for 'createBook'",
        &[(1, 12)],
    );
    refused("{ x: books(were: 1) { id } }", "", "Argument(s) '[were]' invalid for 'books'", &[(1, 3)]);
    refused("{ book(id: 1) { title(a: 1) } }", "", "Argument(s) '[a]' invalid for 'title'", &[(1, 17)]);
    refused("{ __typename(a: 1) }", "", "Argument(s) '[a]' invalid for '__typename'", &[(1, 3)]);
    // Stray keys are looked at last.
    refused("{ book(x: 1) { id } }", "", "Required argument 'id' not found", &[(1, 3)]);
}

#[test]
fn wrong_kinds() {
    let kind = |argument: &str, expected: &str, got: &str| {
        format!("Argument '{argument}' is not of a valid type. Expected '{expected}', got '{got}'")
    };
    refused("{ book(id: \"1\") { id } }", "", &kind("id", "Int", "String"), &[(1, 12)]);
    refused("{ book(id: true) { id } }", "", &kind("id", "Int", "Boolean"), &[(1, 12)]);
    refused("{ book(id: [1]) { id } }", "", &kind("id", "Int", "[Int]"), &[(1, 12)]);
    refused("{ book(id: {a: 1}) { id } }", "", &kind("id", "Int!", "Int"), &[(1, 12)]);
    refused("{ bookByIsbn(isbn: 1) { id } }", "", &kind("isbn", "String", "Number"), &[(1, 20)]);
    refused("{ bookByIsbn(isbn: {a: 1}) { id } }", "", &kind("isbn", "String!", "String"), &[(1, 20)]);
    refused("{ books(where: 5) { id } }", "", &kind("where", "BookFilter", "Number"), &[(1, 16)]);
    refused("{ books(where: [{}]) { id } }", "", &kind("where", "BookFilter", "[BookFilter]"), &[(1, 16)]);
    refused("{ books(limit: \"3\") { id } }", "", &kind("limit", "Int", "String"), &[(1, 16)]);
    refused("{ books(where: {price: {lt: 20}}) { id } }", "", &kind("lt", "Decimal", "Number"), &[(1, 16)]);
    refused(
        "mutation { updateBook(id: 1, data: {tags: [\"a\", 3]}) { id } }",
        "",
        &kind("tags", "String", "Number"),
        &[(1, 36)],
    );
    refused(
        "mutation { updateBook(id: 1, data: {tags: [[\"a\"]]}) { id } }",
        "",
        &kind("tags", "String", "[String]"),
        &[(1, 36)],
    );
    refused(
        "mutation { updateBook(id: 1, data: {shelf: \"Poetry\"}) { id } }",
        "",
        &kind("shelf", "Shelf", "String"),
        &[(1, 36)],
    );
    refused(
        "query($w: BookFilter) { books(where: $w) { id } }",
        r#"{"w": {"pages": {"eq": "3"}}}"#,
        &kind("eq", "Int", "String"),
        &[(1, 38)],
    );
    refused("{ books(orderBy: [{title: 1}]) { id } }", "", &kind("title", "Ordering", "Number"), &[(1, 18)]);
}

#[test]
fn variables() {
    refused("query(\n $v: Int!) { book(id: $v) { id } }", "", "Variable 'v' not found", &[(2, 2)]);
    refused("query($v: Int!) { books { id } }", "", "Variable 'v' not found", &[(1, 7)]);
    // Declared but absent: omitted, not null.
    refused("query($v: Int) { book(id: $v) { id } }", "", "Required argument 'id' not found", &[(1, 18)]);
    refused("{ book(id: $nope) { id } }", "", "Required argument 'id' not found", &[(1, 3)]);
    refused(
        "query($v: Int!) { book(id: $v) { id } }",
        r#"{"v": null}"#,
        "Required argument 'id' not found",
        &[(1, 28)],
    );
    refused(
        "mutation { updateBook(id: 1, data: {extra: {a: [$nope]}}) { id } }",
        "",
        "Variable 'nope' not found",
        &[(0, 0)],
    );
}

#[test]
fn ranges() {
    let update = |member: &str| format!("mutation {{ updateBook(id: 1, data: {{{member}}}) {{ id }} }}");
    let out = |text: &str| format!("Invalid value for 'range': {text}");
    refused(&update("pages: 0"), "", &out("min = 1, provided value = 0"), &[(1, 36)]);
    refused(&update("pages: 1000"), "", &out("max = 999, provided value = 1000"), &[(1, 36)]);
    refused(&update("weight: 0.25"), "", &out("min = 0.5, provided value = 0.25"), &[(1, 36)]);
    refused(&update("weight: 0"), "", &out("min = 0.5, provided value = 0"), &[(1, 36)]);
    refused(&update("weight: 2.5"), "", &out("max = 2, provided value = 2.5"), &[(1, 36)]);
    refused(
        "mutation($p: Int) { updateBook(id: 1, data: {pages: $p}) { id } }",
        r#"{"p": 5000}"#,
        &out("max = 999, provided value = 5000"),
        &[(1, 45)],
    );
    for fine in ["pages: 1", "pages: 999", "weight: 1", "weight: 0.5", "weight: null"] {
        accepted(&update(fine), "");
    }
    accepted("{ books(where: {pages: {gt: 5000}}) { id } }", "");
}

#[test]
fn merging() {
    let conflict = |key: &str| {
        format!("Failed to merge field defined multiple times with different selection or arguments: '{key}'")
    };
    refused("{ books { title\n  title: isbn } }", "", &conflict("title"), &[(1, 11), (2, 3)]);
    refused("{ books(limit: 1) { id } books(limit: 2) { id } }", "", &conflict("books"), &[(1, 3), (1, 26)]);
    refused("{ books { author { n: name } author { n: id } } }", "", &conflict("n"), &[(1, 20), (1, 39)]);
    accepted("query($l: Int) { books(limit: 1) { id } books(limit: $l) { title } }", r#"{"l": 1}"#);
}

#[test]
fn depth() {
    accepted("{ authors { books { copies { loans { due __typename } } } } }", "");
    refused(
        "{ authors { books { copies { loans { copy {\n id } } } } } }",
        "",
        "Selection set too deep",
        &[(2, 2)],
    );
    let document = Document::parse("{ authors { books { copies { loans { copy { id } } } } } }").unwrap();
    let deeper = Limits { depth: 15, ..limits() };
    assert!(prepare(&document, None, None, &SCHEMA, &deeper).is_ok());
}

#[test]
fn fragments_cannot_multiply_without_end() {
    let mut text = String::from("{ books { ...F0 } }");
    for index in 0..30 {
        text.push_str(&format!(" fragment F{index} on Book {{ ...F{} ...F{} }}", index + 1, index + 1));
    }
    text.push_str(" fragment F30 on Book { id }");
    refused(&text, "", "Selection set too large", &[(1, text.len() - 3)]);
}

#[test]
fn chains_of_fragments_are_bounded() {
    let chain = |length: usize, inline: usize| {
        let mut text = String::from("{ books { ...F0 } }");
        for index in 0..length {
            let (open, close) = ("... { ".repeat(inline), "}".repeat(inline));
            text.push_str(&format!(" fragment F{index} on Book {{ {open} ...F{} {close} }}", index + 1));
        }
        text + &format!(" fragment F{length} on Book {{ id }}")
    };
    accepted(&chain(150, 0), "");
    for text in [chain(400, 0), chain(20_000, 0), chain(100, 50)] {
        assert!(body(&text, "").contains("Selection set too deep"));
    }
    // A fragment that was walked at a shallow place counts in full at a deep one.
    let text = format!("{{ books {{ ...F0 ...G0 }} }}{}", &chain(150, 0)["{ books { ...F0 } }".len()..]);
    let text: String = (0..100).fold(text, |text, index| {
        text + &format!(
            " fragment G{index} on Book {{ ...{} }}",
            if index == 99 { "F0".into() } else { format!("G{}", index + 1) }
        )
    });
    assert!(body(&text, "").contains("Selection set too deep"));
}

#[test]
fn introspection_switch() {
    let with = |text: &str, introspection| {
        let limits = Limits { introspection, ..Limits::default() };
        prepare(&Document::parse(text)?, None, None, &SCHEMA, &limits)
    };
    let refusal = |text, introspection| error_body(&with(text, introspection).unwrap_err());
    let internal = r#"{"errors": [{"message":"Internal server error"}]}"#;
    assert_eq!(refusal("{ __schema { description } }", Introspection::Disabled), internal);
    assert_eq!(refusal("{ __type(name: \"Book\") { name } }", Introspection::Disabled), internal);
    assert!(with("{ __typename }", Introspection::Disabled).is_ok());
    assert!(with("{ __schema { description } __typename }", Introspection::Only).is_ok());
    assert_eq!(
        refusal("{ books { id } }", Introspection::Only),
        r#"{"errors": [{"message":"Field 'books' is not valid for type 'Query'", "locations": [{"line": 1, "column": 3}]}]}"#
    );
}

#[test]
fn messages_are_cleaned_up() {
    let error = RequestError::not_authorized("because");
    assert_eq!(error_body(&error), r#"{"errors": [{"message":"Not authorized"}]}"#);
    let error = RequestError::invalid("a \"b\"\nc \\ \t", vec![]);
    assert_eq!(error_body(&error), r#"{"errors": [{"message":"a b; c \\ \u0009", "locations": []}]}"#);
}
