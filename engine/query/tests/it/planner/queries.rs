//! Queries: the SQL text of every shape.

use super::model::bookshop;
use super::request::{explain, snapshot};

#[test]
fn nested_data() {
    snapshot(
        "nested_data",
        &explain(
            &bookshop(),
            r#"{ books(where: {price: {lt: "20"}}) {
                title author { name } reviews(orderBy: {stars: DESC}, limit: 3) { stars }
            } }"#,
            None,
        ),
    );
}

#[test]
fn lookups() {
    snapshot(
        "lookups",
        &explain(
            &bookshop(),
            r#"{ b: book(id: 3) { id cost: price __typename author { profile { bio } booksAgg { id { count } } } }
                 bookByIsbn(isbn: "978") { title } }"#,
            None,
        ),
    );
}

#[test]
fn filters_over_one_collection_are_merged() {
    snapshot(
        "merged_filters",
        &explain(
            &bookshop(),
            r#"{ books(where: {and: [
                {reviews: {stars: {eq: 5}}}, {reviews: {body: {ilike: "%map%"}}}, {not: {shelf: {eq: Poetry}}}
            ]}) { title }
            none: books(where: {not: {reviews: {stars: {lt: 3}}}}) { title }
            not_both: books(where: {not: {and: [{reviews: {stars: {lt: 3}}}, {title: {eq: "x"}}]}}) { title } }"#,
            None,
        ),
    );
}

#[test]
fn aggregates() {
    snapshot(
        "aggregates",
        &explain(
            &bookshop(),
            r#"{ booksAgg(where: {author: {name: {startsWith: "I"}}}) { price { min avg } id { count } __typename }
                 bare: booksAgg { __typename } }"#,
            None,
        ),
    );
}

#[test]
fn order_through_relations() {
    snapshot(
        "order_through_relations",
        &explain(
            &bookshop(),
            r#"{ books(where: {author: {name: {neq: null}}},
                       orderBy: [{author: {name: ASC}}, {author: {id: DESC}}, {title: DESC}], offset: 1) { id }
                 authors(orderBy: {profile: {bio: ASC}}, where: {books: {author: {name: {eq: "x"}}}}) { id } }"#,
            None,
        ),
    );
}

#[test]
fn dear_values_are_computed_for_the_rows_that_are_left() {
    let long = "k".repeat(64);
    snapshot(
        "lists",
        &explain(
            &bookshop(),
            &format!(
                r#"{{ few: books(orderBy: {{title: ASC}}, limit: 2) {{ title author {{ name }} }}
                 skipped: books(orderBy: {{title: ASC}}, limit: 2, offset: 4) {{ title author {{ name }} }}
                 sorted: books(orderBy: {{title: ASC}}) {{ title reviews {{ stars }} }}
                 plain: books(orderBy: {{title: ASC}}, offset: 4) {{ __typename title }}
                 long: books(limit: 2) {{ {long}: title }} }}"#
            ),
            None,
        ),
    );
}

#[test]
fn bad_filters_and_orders() {
    snapshot(
        "bad_filters_and_orders",
        &explain(
            &bookshop(),
            r#"{ a: books(where: {and: [], title: {eq: "x"}}) { id }
                 b: books(where: {and: [{id: {eq: 1}}], or: [{id: {eq: 2}}]}) { id }
                 c: books(orderBy: {title: text_DESC}) { id }
                 d: books(orderBy: null) { id }
                 e: books(where: {price: {eq: "abc"}}) { id }
                 f: books(where: {id: {eq: 2147483648}}) { id }
                 g: books(where: null, limit: null, offset: null) { id } }"#,
            None,
        ),
    );
}

#[test]
fn vectors() {
    let model = r#"
        @postgres module Library {
          @access(true) type Text {
            @pk id: Int = autoIncrement()
            @size(3) @distanceFunction("l2") summary: Vector?
            @size(2) other: Vector?
          }
        }"#;
    let ir = studio_model::compile(&studio_model::SourceSet::from_root(model)).ir.unwrap();
    snapshot(
        "vectors",
        &explain(
            &ir,
            r#"{ texts(where: {summary: {similar: {distanceTo: [0.1, 0.4, 0.2], distance: {lt: 0.5, gte: 0.1}}}, other: {neq: null}},
                       orderBy: [{summary: {distanceTo: [1, 2, 3], order: DESC}}, {other: {distanceTo: [1, 2]}}]) {
                   summary summaryDistance(to: [0.1, 0.4, 0.2]) near: otherDistance(to: [0, 1]) }
                 textsAgg { summary { avg count } }
                 wrong: texts(where: {summary: {eq: [1, 2]}}) { id } }"#,
            None,
        ),
    );
    snapshot(
        "vectors_written",
        &explain(
            &ir,
            r#"mutation { createText(data: {summary: [0.1, 0.4, 0.2], other: null}) { id }
                          short: createText(data: {summary: [0.1]}) { id }
                          updateText(id: 1, data: {other: [1, 2]}) { other } }"#,
            None,
        ),
    );
}
