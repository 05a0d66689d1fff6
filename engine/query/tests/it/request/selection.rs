//! Selections: aliases, fragments, directives, merging, and the operation that results.

use studio_query::operation::{Operation, OperationKind, RootCall, Selected, SelectedField};

use super::{SCHEMA, accepted};

fn shape(operation: &Operation) -> String {
    let ir = SCHEMA.ir();
    let roots = operation.roots.iter().map(|root| match &root.call {
        RootCall::Json(json) => format!("{}={json}", root.key),
        RootCall::Entity(call) => format!(
            "{}={}.{:?}{}",
            root.key,
            ir.entities[call.entity].name,
            call.action,
            selection(&call.selection)
        ),
        RootCall::Code(call) => format!("{}=code {}", root.key, call.method),
    });
    roots.collect::<Vec<_>>().join(" ")
}

fn selection(fields: &[SelectedField]) -> String {
    if fields.is_empty() {
        return String::new();
    }
    let fields: Vec<_> = fields
        .iter()
        .map(|field| {
            let what = match &field.what {
                Selected::Typename(name) => format!("typename {name}"),
                Selected::Field(id) => format!("field {}", id.0),
                Selected::Aggregate(id) => format!("aggregate {}", id.0),
                Selected::Distance(id) => format!("distance {}", id.0),
                Selected::AggregateField(id) => format!("of {}", id.0),
                Selected::Function(function) => function.name().to_owned(),
                Selected::JsonMember(index) => format!("member {index}"),
            };
            format!("{}={what}{}", field.key, selection(&field.selection))
        })
        .collect();
    format!(" {{{}}}", fields.join(", "))
}

#[test]
fn every_kind_of_field() {
    let operation = accepted(
        "query Q { b: book(id: 1) { t: title author { name } box { h __typename } probeDistance(to: [1, 2]) \
         copiesAgg { id { count } } __typename } booksAgg { price { avg } } __typename }",
        "",
    );
    assert_eq!(operation.kind, OperationKind::Query);
    assert_eq!(operation.name.as_deref(), Some("Q"));
    assert_eq!(
        shape(&operation),
        "b=Book.ByKey {t=field 2, author=field 12 {name=field 1}, box=field 11 {h=member 0, __typename=typename Box}, \
         probeDistance=distance 10, copiesAgg=aggregate 13 {id=of 0 {count=count}}, __typename=typename Book} \
         booksAgg=Book.Aggregate {price=of 3 {avg=avg}} __typename=\"Query\""
    );
}

#[test]
fn mutations() {
    let operation = accepted("mutation { deleteBooks { id } __typename }", "");
    assert_eq!(operation.kind, OperationKind::Mutation);
    assert_eq!(shape(&operation), "deleteBooks=Book.DeleteMany {id=field 0} __typename=\"Mutation\"");
}

#[test]
fn fragments_keep_the_order_of_selection() {
    let operation = accepted(
        "{ ...R } fragment R on Query { books { ...F isbn ... on Whatever { shelf } ... { id } ...F } } \
         fragment F on Nonsense { title author { id } }",
        "",
    );
    assert_eq!(
        shape(&operation),
        "books=Book.List {title=field 2, author=field 12 {id=field 0}, isbn=field 1, shelf=field 6, id=field 0}"
    );
}

#[test]
fn equal_keys_merge_at_the_first_place() {
    let operation = accepted("{ books { author { id } title author { name id } } books { isbn } }", "");
    assert_eq!(
        shape(&operation),
        "books=Book.List {author=field 12 {id=field 0, name=field 1}, title=field 2, isbn=field 1}"
    );
    let wide: String = (0..40).map(|index| format!("a{index}: id b: title ")).collect();
    let operation = accepted(&format!("{{ books {{ {wide} }} }}"), "");
    let RootCall::Entity(call) = &operation.roots[0].call else { panic!() };
    assert_eq!(call.selection.len(), 41);
}

#[test]
fn skip_and_include() {
    let document = "query($yes: Boolean!, $no: Boolean = false) { books { \
        a: id @skip(if: $yes) b: id @skip(if: $no) c: id @include(if: true) d: id @include(if: $no) \
        ... @include(if: $no) { e: id } ...F @skip(if: true) } } fragment F on Book { f: id }";
    assert_eq!(shape(&accepted(document, r#"{"yes": true}"#)), "books=Book.List {b=field 0, c=field 0}");
    super::refused("{ books { id @skip } }", "", "Required argument 'if' not found", &[(1, 14)]);
    super::refused("{ books { id @skip(if: $gone) } }", "", "Required argument 'if' not found", &[(1, 14)]);
    super::refused(
        "{ books { id @include(if: 1) } }",
        "",
        "Argument 'if' is not of a valid type. Expected 'Boolean', got 'Number'",
        &[(1, 27)],
    );
    super::refused(
        "{ books { id @skip(if: true, unless: false) } }",
        "",
        "Argument(s) '[unless]' invalid for 'skip'",
        &[(1, 14)],
    );
}

#[test]
fn unknown_directives_and_composites_without_selection_are_accepted() {
    let operation = accepted(
        "query @x { books @unordered { id @bind(name: \"n\") author } } fragment F on Book @y { id }",
        "",
    );
    assert_eq!(shape(&operation), "books=Book.List {id=field 0, author=field 12}");
}
