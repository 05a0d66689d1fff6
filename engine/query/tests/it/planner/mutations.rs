//! Mutations: steps and their SQL text.

use super::model::bookshop;
use super::request::{explain, snapshot};

const DOCUMENTS: [(&str, &str); 10] = [
    (
        "create_flat",
        r#"mutation { createAuthor(data: {name: "Ines"}) { id name } empty: createAuthors(data: []) { id } }"#,
    ),
    (
        "create_reading_the_table_again",
        r#"mutation { createBook(data: {isbn: "11", title: "T", price: "1.5", shelf: Poetry, author: {id: 1}}) { title author { books { title } } } }"#,
    ),
    (
        "create_nested",
        r#"mutation { createAuthor(data: {name: "Ines", profile: [{bio: "b"}], books: [
            {isbn: "21", title: "Tides", price: "9.50", shelf: Fiction, reviews: [{stars: 5, body: "!"}, {stars: 1, body: "?"}]},
            {isbn: "22", title: "Maps", price: "1", shelf: Fiction, reviews: {stars: 2, body: "ok"}}
        ]}) { name profile { bio } books { isbn reviews { stars } } } }"#,
    ),
    (
        "create_nested_at_once",
        r#"mutation { createBook(data: {isbn: "1", title: "T", price: "1", shelf: Fiction, author: {id: 1}, reviews: [
            {stars: 5, body: "a"}, {stars: 3, body: "b"}
        ]}) { id title author { name } reviews { id stars book { title } } } }"#,
    ),
    (
        "create_many",
        r#"mutation { createAuthors(data: [{name: "A", books: [{isbn: "31", title: "x", price: "1", shelf: Fiction}]}, {name: "B"}]) { name books { isbn } } }"#,
    ),
    (
        "update_flat",
        r#"mutation { updateBook(id: 1, data: {price: "7.00", author: null}) { price title }
                      updateBooks(where: {author: {name: {eq: "Olu"}}}, data: {shelf: Poetry}) { id shelf }
                      again: updateBook(id: 2, data: {title: "N"}) { title author { books { title } } }
                      many: updateBooks(where: {id: {lt: 3}}, data: {title: "M"}) { title author { books { title } } }
                      nothing: updateBook(id: 1, data: {}) { id } }"#,
    ),
    (
        "update_nested",
        r#"mutation { updateAuthor(id: 2, data: {name: "Olu K.", books: {
            create: [{isbn: "41", title: "new", price: "5.00", shelf: Fiction, reviews: [{stars: 4, body: "n"}]}],
            update: [{id: 2, price: "7.00", reviews: {update: [{id: 3, stars: 2}], create: {stars: 1, body: "c"}}}, {id: 1, price: "99"}],
            delete: [{id: 12}]
        }}) { name books { title price reviews { stars } } } }"#,
    ),
    (
        "update_many_nested",
        r#"mutation { updateAuthors(where: {id: {lte: 2}}, data: {books: {create: [{isbn: null, title: "each", price: "5.00", shelf: Fiction}]}}) { name books { title } } }"#,
    ),
    (
        "delete",
        r#"mutation { deleteProfile(id: 1) { bio author { name } } deleteReviews(where: {book: {title: {eq: "x"}}}) { id book { reviews { id } } } }"#,
    ),
    (
        "conversion_errors",
        r#"mutation { a: createBook(data: {isbn: "1", title: "t", price: "abc", shelf: Fiction, author: {id: 1}}) { id }
                      b: createReview(data: {stars: 2147483648, body: "b", book: {id: 1}}) { id }
                      c: createReview(data: {stars: 1, body: "b", book: {id: 2147483648}}) { id }
                      d: updateReview(id: 1, data: {stars: 1.5}) { id } }"#,
    ),
];

#[test]
fn mutations() {
    let ir = bookshop();
    for (name, document) in DOCUMENTS {
        snapshot(name, &explain(&ir, document, None));
    }
}
