use super::*;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use studio_model::graphql::{Schema, SchemaOptions};

const MODEL: &str = r#"
@postgres
module Library {
  @access(true)
  @projection(cover = [isbn, title], full = [/cover, writer/basic, copies/pk])
  type Book {
    @pk id: Int = autoIncrement()
    @unique isbn: String
    title: String
    writer: Writer
    copies: Set<BookCopy>?
  }

  @access(true)
  type BookCopy {
    @pk id: Int = autoIncrement()
    @unique("shelf_place") shelf: String
    @unique("shelf_place") book: Book
  }

  @access(query = true, mutation = false)
  type Writer {
    @pk id: Int = autoIncrement()
    name: String
    @access(query = false) secret: String
    books: Set<Book>?
  }
}
"#;

fn schema() -> Schema {
    let sources = studio_model::source::SourceSet::from_texts([("src/index.exo", MODEL)]);
    let compiled = studio_model::compile(&sources);
    let ir = compiled.ir.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    Schema::new(Arc::new(ir), SchemaOptions::default())
}

fn translate(method: &str, params: Json) -> Result<Translated, RpcError> {
    let schema = schema();
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    match Body::from_slice(body.as_bytes())? {
        Body::Single(Entry::Call(call)) => Methods::new(&schema).translate(&schema, &call),
        other => panic!("{other:?}"),
    }
}

fn document(method: &str, params: Json) -> String {
    translate(method, params).unwrap_or_else(|error| panic!("{method}: {error}")).document
}

#[test]
fn reads_take_the_basic_projection_and_writes_the_key() {
    assert_eq!(
        document("get_books", json!({ "order_by": [{ "title": "ASC" }], "limit": 3 })),
        "query ($p0: [BookOrdering!], $p1: Int){ books(orderBy: $p0, limit: $p1) \
         { id isbn title writer { id } } }"
    );
    assert_eq!(
        document("get_book", json!([7])),
        "query ($p0: Int!){ book(id: $p0) { id isbn title writer { id } } }"
    );
    assert_eq!(
        document("delete_book", json!({ "id": 7 })),
        "mutation ($p0: Int!){ deleteBook(id: $p0) { id } }"
    );
    assert_eq!(
        document("get_book_copy_by_shelf_place", json!({ "shelf": "a", "book": { "id": 1 } })),
        "query ($p0: String!, $p1: BookUniqueFilter!){ bookCopyByShelfPlace(shelf: $p0, book: $p1) \
         { id shelf book { id } } }"
    );
}

#[test]
fn projections_are_chosen_by_name() {
    assert_eq!(document("get_books", json!({ "projection": "cover" })), "query { books { isbn title } }");
    assert_eq!(
        document("get_books", json!({ "projection": "full" })),
        "query { books { isbn title writer { id name secret } copies { id } } }"
    );
    let unknown = translate("get_books", json!({ "projection": "huge" })).unwrap_err();
    assert_eq!(
        (unknown.code, unknown.message.as_str()),
        (code::VALIDATION, "The type `Book` has no projection `huge`")
    );
}

#[test]
fn one_row_is_changed_by_a_unique_value() {
    let call = translate("update_book_by_isbn", json!({ "isbn": "978", "data": { "title": "x" } })).unwrap();
    assert_eq!(
        call.document,
        "mutation ($p0: BookUpdateInput!, $p1: BookFilter){ updateBooks(data: $p0, where: $p1) { id } }"
    );
    assert_eq!(
        Json::Object(call.variables),
        json!({ "p0": { "title": "x" }, "p1": { "isbn": { "eq": "978" } } })
    );
    assert_eq!(call.unwrap, Unwrap::First);
    let call =
        translate("delete_book_copy_by_shelf_place", json!({ "shelf": "a", "book": { "id": 4 } })).unwrap();
    assert_eq!(call.variables["p0"], json!({ "shelf": { "eq": "a" }, "book": { "id": { "eq": 4 } } }));
}

#[test]
fn wrong_calls_are_told_what_is_wrong() {
    for (method, params, expected, text) in [
        ("get_nothing", json!({}), code::METHOD_NOT_FOUND, "Method not found"),
        ("create_writer", json!({ "data": {} }), code::METHOD_NOT_FOUND, "Method not found"),
        ("get_books_agg", json!({}), code::METHOD_NOT_FOUND, "Method not found"),
        ("get_book", json!({}), code::INVALID_PARAMS, "The parameter `id` is missing"),
        ("get_book", json!({ "id": 1, "colour": 2 }), code::INVALID_PARAMS, "Unknown parameter `colour`"),
        ("get_book", json!([1, "pk", 3]), code::INVALID_PARAMS, "2 parameters at most, but 3 were given"),
        (
            "get_books",
            json!({ "orderBy": [], "order_by": [] }),
            code::INVALID_PARAMS,
            "The parameter `orderBy` was given twice",
        ),
        (
            "get_book",
            json!({ "id": 1, "projection": 5 }),
            code::INVALID_PARAMS,
            "`projection` has to be a string",
        ),
    ] {
        let error = translate(method, params).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (expected, text), "{method}");
    }
}

#[test]
fn bodies_follow_the_protocol() {
    let error = |body: &str| Body::from_slice(body.as_bytes()).unwrap_err().code;
    assert_eq!(error("{"), code::PARSE);
    assert_eq!(error("[]"), code::INVALID_REQUEST);
    let many = format!("[{}]", vec!["1"; MAX_BATCH + 1].join(","));
    assert_eq!(error(&many), code::INVALID_REQUEST);
    for (body, id) in [
        ("5", json!(null)),
        (r#"{"method": "a", "id": 1}"#, json!(1)),
        (r#"{"jsonrpc": "2.0", "id": 2, "method": 5}"#, json!(2)),
        (r#"{"jsonrpc": "2.0", "id": 3, "method": "a", "params": 5}"#, json!(3)),
        (r#"{"jsonrpc": "2.0", "id": {}, "method": "a"}"#, json!(null)),
    ] {
        let Ok(Body::Single(Entry::Invalid(read, error))) = Body::from_slice(body.as_bytes()) else {
            panic!("{body}")
        };
        assert_eq!((read, error.code), (id, code::INVALID_REQUEST), "{body}");
    }
    let Ok(Body::Single(Entry::Call(call))) = Body::from_slice(br#"{"jsonrpc": "2.0", "method": "a"}"#)
    else {
        panic!("a notification")
    };
    assert_eq!(call.id, None);
    assert_eq!(reply(&json!("x"), &Ok("[1]".to_owned())), r#"{"jsonrpc":"2.0","result":[1],"id":"x"}"#);
}

#[test]
fn the_description_names_every_method_and_resolves() {
    let schema = schema();
    let methods = Methods::new(&schema);
    let text = open_rpc(&schema, &methods, "Library", "1").to_string();
    let document: Json = serde_json::from_str(&text).unwrap();
    let names: Vec<&str> =
        document["methods"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert!(
        names.contains(&"get_book_by_isbn") && names.contains(&"delete_book_copy_by_shelf_place"),
        "{names:?}"
    );
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}
