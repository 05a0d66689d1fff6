//! Access rules: solving, residues, pre-checks, outcomes.

use std::sync::Arc;

use serde_json::json;
use studio_model::ir::*;
use studio_query::access::{RuleEvaluation, Truth, condition_texts, conditions};
use studio_query::plan::plan;

use super::model::{Builder, bookshop, open, rule};
use super::request::{Claims, explain, operation, snapshot};

const READERS: [(&str, Option<&str>); 3] = [
    ("staff", Some(r#"{"id": 1, "role": "staff", "ids": [1, 2]}"#)),
    ("writer", Some(r#"{"id": 7, "role": "writer", "ids": []}"#)),
    ("anonymous", None),
];

fn with_context(mut ir: Ir) -> Ir {
    let field = |name: &str, scalar: Scalar, list: bool, optional: bool| ContextField {
        name: name.into(),
        source: ContextSource::Jwt(name.into()),
        ty: ContextType { scalar: Some(scalar), list, optional },
    };
    ir.contexts.push(Context {
        name: "AuthContext".into(),
        docs: None,
        fields: [
            field("id", Scalar::Int, false, false),
            field("role", Scalar::String, false, false),
            field("ids", Scalar::Int, true, false),
            field("maybe", Scalar::Int, false, true),
        ]
        .into_iter()
        .collect(),
    });
    ir
}

fn context(name: &str) -> Operand {
    let index = ["id", "role", "ids", "maybe"].iter().position(|known| *known == name).unwrap();
    Operand::Context(ContextValue {
        context: ContextId(0),
        field: ContextFieldId(u32::try_from(index).unwrap()),
        contains: None,
    })
}

fn text(text: &str) -> Operand {
    Operand::Literal(Literal::String(text.into()))
}

fn int(number: i64) -> Operand {
    Operand::Literal(Literal::Int(number))
}

fn entity(ir: &Ir, name: &str) -> EntityId {
    ir.entities.iter().find(|(_, entity)| entity.name == name).unwrap().0
}

fn path_from(ir: &Ir, root: PathRoot, name: &str, steps: &str) -> FieldPath {
    let start = entity(ir, name);
    let mut current = start;
    let mut out = Vec::new();
    for step in steps.split('.') {
        let (id, field) = ir.entities[current].fields.iter().find(|(_, field)| field.name == step).unwrap();
        out.push(id);
        if let Some(target) = ir.relation_target(field) {
            current = target;
        }
    }
    FieldPath { root, entity: start, steps: out }
}

fn path(ir: &Ir, name: &str, steps: &str) -> Operand {
    Operand::Path(path_from(ir, PathRoot::SelfRow, name, steps))
}

fn element(ir: &Ir, name: &str, steps: &str) -> Operand {
    Operand::Path(path_from(ir, PathRoot::Element, name, steps))
}

fn compare(left: Operand, op: CompareOp, right: Operand) -> AccessExpr {
    AccessExpr::Compare { op, left, right }
}

fn eq(left: Operand, right: Operand) -> AccessExpr {
    compare(left, CompareOp::Eq, right)
}

fn or(left: AccessExpr, right: AccessExpr) -> AccessExpr {
    AccessExpr::Or(Box::new(left), Box::new(right))
}

fn and(left: AccessExpr, right: AccessExpr) -> AccessExpr {
    AccessExpr::And(Box::new(left), Box::new(right))
}

fn not(inner: AccessExpr) -> AccessExpr {
    AccessExpr::Not(Box::new(inner))
}

fn some(ir: &Ir, name: &str, steps: &str, condition: AccessExpr) -> AccessExpr {
    AccessExpr::Some {
        collection: path_from(ir, PathRoot::SelfRow, name, steps),
        condition: Box::new(condition),
    }
}

/// The plan of a document for each caller.
fn for_everybody(ir: &Ir, document: &str) -> String {
    READERS
        .iter()
        .map(|(who, claims)| {
            let claims = claims.map(|claims| serde_json::from_str(claims).unwrap());
            format!("== {who}\n{}\n", explain(ir, document, claims))
        })
        .collect()
}

fn set_read(ir: &mut Ir, name: &str, expr: AccessExpr) {
    let id = entity(ir, name);
    ir.entities[id].access.read = rule(expr);
}

fn set_field(ir: &mut Ir, name: &str, field: &str, read: AccessExpr, write: AccessExpr) {
    let id = entity(ir, name);
    let (field, _) = ir.entities[id].fields.iter().find(|(_, known)| known.name == field).unwrap();
    ir.entities[id].fields[field].access =
        Some(Box::new(FieldAccess { read: rule(read), create: rule(write.clone()), update: rule(write) }));
}

#[test]
fn a_role_or_the_key_of_a_related_row() {
    let mut ir = with_context(bookshop());
    let expr = or(eq(context("role"), text("staff")), eq(path(&ir, "Book", "author.id"), context("id")));
    set_read(&mut ir, "Book", expr);
    snapshot(
        "rule_role_or_owner",
        &for_everybody(
            &ir,
            "{ books { title } book(id: 1) { title } authors { books { id } booksAgg { id { count } } } }",
        ),
    );
}

#[test]
fn absent_values_poison_comparisons() {
    let mut ir = with_context(bookshop());
    set_read(&mut ir, "Book", not(eq(context("role"), text("guest"))));
    let expr = eq(path(&ir, "Author", "id"), context("maybe"));
    set_read(&mut ir, "Author", expr);
    snapshot("rule_absent_and_null", &for_everybody(&ir, "{ books { title } } "));
    snapshot("rule_null_equals_null", &for_everybody(&ir, "{ authors { name } }"));
}

#[test]
fn some_and_membership() {
    let mut ir = with_context(bookshop());
    let good = and(
        compare(element(&ir, "Review", "stars"), CompareOp::Ge, int(4)),
        compare(element(&ir, "Review", "stars"), CompareOp::Gt, path(&ir, "Book", "id")),
    );
    let expr = and(
        some(&ir, "Book", "reviews", good.clone()),
        compare(path(&ir, "Book", "author.id"), CompareOp::In, context("ids")),
    );
    set_read(&mut ir, "Book", expr);
    let profile = some(&ir, "Profile", "author.books", eq(element(&ir, "Book", "title"), text("Tides")));
    set_read(&mut ir, "Profile", not(profile));
    let mine = some(&ir, "Author", "books", eq(element(&ir, "Book", "id"), context("id")));
    set_read(&mut ir, "Author", mine);
    snapshot(
        "rule_some",
        &for_everybody(
            &ir,
            r#"{ books(where: {reviews: {stars: {eq: 5}}}) { title } profiles { bio } mine: authors { id } }"#,
        ),
    );
}

#[test]
fn field_rules() {
    let mut ir = with_context(bookshop());
    let own = eq(path(&ir, "Book", "author.id"), context("id"));
    set_field(&mut ir, "Book", "price", own.clone(), own);
    set_field(&mut ir, "Author", "name", eq(context("role"), text("staff")), AccessExpr::Literal(true));
    snapshot(
        "rule_fields",
        &for_everybody(
            &ir,
            r#"{ selected: books { price } filtered: books(where: {price: {lt: "9"}}) { id }
                 negated: books(where: {not: {or: [{price: {lt: "9"}}, {title: {eq: "x"}}]}}) { id }
                 either: books(where: {or: [{price: {lt: "9"}}, {title: {eq: "x"}}]}) { id }
                 below: authors(where: {not: {books: {price: {lt: "9"}}}}) { id }
                 ordered: books(orderBy: {price: ASC}) { id } aggregated: booksAgg { price { min } }
                 nested: books(where: {author: {name: {eq: "x"}}}) { id } through: books(orderBy: {author: {name: ASC}}) { id } }"#,
        ),
    );
    snapshot(
        "rule_fields_written",
        &for_everybody(
            &ir,
            r#"mutation {
                a: createBook(data: {isbn: "1", title: "t", price: "1", shelf: Fiction, author: {id: 7}}) { id }
                b: createBook(data: {isbn: "1", title: "t", price: "1", shelf: Fiction}) { id }
                c: updateBook(id: 3, data: {price: "2"}) { id }
                d: updateBook(id: 3, data: {title: "t"}) { id }
                e: updateBook(id: 3, data: {price: "2", author: {id: 8}}) { id } }"#,
        ),
    );
}

fn guarded() -> Ir {
    let mut ir = with_context(bookshop());
    let book = entity(&ir, "Book");
    let author = entity(&ir, "Author");
    let deep = eq(path(&ir, "Book", "author.name"), context("role"));
    let cheap = not(eq(path(&ir, "Book", "title"), text("forbidden")));
    ir.entities[book].access = EntityAccess {
        create: rule(and(deep.clone(), cheap.clone())),
        update: rule(and(deep, cheap)),
        delete: rule(eq(path(&ir, "Book", "author.id"), context("id"))),
        ..open()
    };
    ir.entities[author].access.update = rule(eq(path(&ir, "Author", "id"), context("id")));
    let review = entity(&ir, "Review");
    ir.entities[review].access.create = rule(some(
        &ir,
        "Review",
        "book.reviews",
        eq(element(&ir, "Review", "stars"), path(&ir, "Review", "stars")),
    ));
    ir
}

#[test]
fn rules_on_input() {
    snapshot(
        "rule_input",
        &explain(
            &guarded(),
            r#"mutation {
                ok: createBook(data: {isbn: "1", title: "t", price: "1", shelf: Fiction, author: {id: 7}}) { id }
                no_author: createBook(data: {isbn: "1", title: "t", price: "1", shelf: Fiction}) { id }
                cleared: createBook(data: {isbn: "1", title: "t", price: "1", shelf: Fiction, author: null}) { id }
                forbidden: createBook(data: {isbn: "1", title: "forbidden", price: "1", shelf: Fiction, author: {id: 7}}) { id }
                untouched: updateBook(id: 3, data: {title: "x"}) { id }
                moved: updateBook(id: 3, data: {author: {id: 2}}) { id }
                deleted: deleteBooks { id }
                review: createReview(data: {stars: 3, body: "b", book: {id: 1}}) { id }
                nested: createBook(data: {isbn: "1", title: "t", price: "1", shelf: Fiction, author: {id: 7}, reviews: [{stars: 5, body: "b"}]}) { id }
            }"#,
            Some(json!({"id": 7, "role": "writer", "ids": []})),
        ),
    );
}

#[test]
fn rules_on_nested_parts() {
    snapshot(
        "rule_nested",
        &explain(
            &guarded(),
            r#"mutation { updateAuthor(id: 7, data: {books: {
                create: [{isbn: "1", title: "t", price: "1", shelf: Fiction}],
                update: [{id: 3, title: "x"}],
                delete: [{id: 4}]
            }}) { id } }"#,
            Some(json!({"id": 7, "role": "writer", "ids": []})),
        ),
    );
}

#[test]
fn every_evaluation_is_recorded_on_request() {
    use super::request::{Claims, operation};
    let mut ir = with_context(bookshop());
    let expr = or(eq(context("role"), text("staff")), eq(path(&ir, "Book", "author.name"), context("role")));
    let mut read = rule(expr);
    Arc::make_mut(&mut read).text = Some("…".into());
    let book = entity(&ir, "Book");
    ir.entities[book].access.read = read;
    let mut log = Vec::new();
    let request = operation(&ir, "{ books { title author { name } } }");
    let claims = Claims(Some(json!({"role": "writer"})));
    let logged = studio_query::plan::plan(&request, &ir, &claims, &mut log).unwrap();
    let silent = studio_query::plan::plan(&request, &ir, &claims, &mut studio_query::access::NoLog).unwrap();
    assert_eq!(logged, silent, "recording must not change the plan");
    snapshot("rule_log", &format!("{log:#?}"));
}

#[test]
fn keys_of_referenced_rows_are_read_from_the_own_column() {
    let mut b = Builder::new();
    let org = b.entity("Org", "Orgs", "orgs");
    b.id(org);
    let depot = b.entity("Depot", "Depots", "depots");
    let code = b.scalar(depot, "code", Scalar::String, ColumnType::Text);
    let owner = b.relation(depot, "org", org, None);
    b.ir.entities[depot].primary_key = vec![code, owner];
    for field in [code, owner] {
        for column in b.ir.entities[depot].fields[field].columns.clone() {
            b.ir.entities[depot].columns[column].primary_key = true;
        }
    }
    let truck = b.entity("Truck", "Trucks", "trucks");
    b.id(truck);
    b.relation(truck, "depot", depot, Some(("trucks", false)));
    let mut ir = with_context(b.ir);
    let expr = eq(path(&ir, "Truck", "depot.org.id"), context("id"));
    set_read(&mut ir, "Truck", expr);
    snapshot(
        "composite_keys",
        &explain(
            &ir,
            r#"{ trucks { id depot { code org { id } trucks { id } } }
                 depot(code: "a", org: {id: 1}) { code }
                 depots(where: {trucks: {id: {gt: 1}}}) { code }
                 through: depots(where: {org: {id: {gt: 1}}}) { code } }"#,
            Some(json!({"id": 7})),
        ),
    );
    snapshot(
        "composite_keys_written",
        &explain(
            &ir,
            r#"mutation { createDepots(data: [{code: "a", org: {id: 1}, trucks: [{}, {}]}, {code: "b", org: {id: 1}}]) { code trucks { id depot { code } } }
                 updateDepot(code: "a", org: {id: 1}, data: {trucks: {create: [{}], update: [{id: 2}], delete: [{id: 3}]}}) { code }
                 clear: updateTruck(id: 1, data: {depot: null}) { id } }"#,
            Some(json!({"id": 7})),
        ),
    );
}

#[test]
fn conditions_tell_what_they_came_to() {
    let mut ir = with_context(bookshop());
    let reviewed = eq(element(&ir, "Review", "stars"), context("maybe"));
    let owned = eq(path(&ir, "Book", "author.id"), context("id"));
    let expr = or(
        and(eq(context("role"), text("staff")), not(compare(context("id"), CompareOp::Gt, int(5)))),
        and(owned, not(some(&ir, "Book", "reviews", reviewed))),
    );
    let access = rule(expr);
    let id = entity(&ir, "Book");
    ir.entities[id].access.read = access;
    let rule = &ir.entities[id].access.read.expr;
    let texts = condition_texts(&ir, rule);
    assert_eq!(
        texts,
        [
            "AuthContext.role == \"staff\"",
            "AuthContext.id > 5",
            "self.author.id == AuthContext.id",
            "self.reviews.some(x => x.stars == AuthContext.maybe)"
        ]
    );
    let seen = |claims: Option<&str>| {
        let claims = claims.map(|claims| serde_json::from_str(claims).unwrap());
        let mut log: Vec<RuleEvaluation> = Vec::new();
        let _ = plan(&operation(&ir, "{ books { id } }"), &ir, &Claims(claims), &mut log);
        let of_book = log.into_iter().find(|evaluation| evaluation.type_name == "Book").unwrap();
        of_book.conditions.into_iter().map(|seen| (seen.index, seen.truth)).collect::<Vec<_>>()
    };
    assert_eq!(seen(Some(r#"{"id": 1, "role": "staff"}"#)), [(0, Truth::True), (1, Truth::False)]);
    assert_eq!(
        seen(Some(r#"{"id": 7, "role": "staff", "maybe": 4}"#)),
        [(0, Truth::True), (1, Truth::True), (2, Truth::Rows), (3, Truth::Rows)]
    );
    assert_eq!(
        seen(Some(r#"{"role": "guest"}"#)),
        [(0, Truth::False), (2, Truth::False), (3, Truth::Rows)],
        "what is absent denies, and does not decide the rest"
    );
    assert!(conditions(&AccessExpr::Literal(true)).is_empty());
}
