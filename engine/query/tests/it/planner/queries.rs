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
