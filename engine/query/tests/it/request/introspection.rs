//! Introspection answers (graphql-and-sql 1.16).

use serde_json::{Value as Json, json};
use studio_query::operation::RootCall;

use super::accepted;

fn answer(document: &str, variables: &str) -> Json {
    let operation = accepted(document, variables);
    let fields = operation.roots.iter().map(|root| match &root.call {
        RootCall::Json(text) => (root.key.clone(), serde_json::from_str(text).unwrap()),
        other => panic!("{other:?}"),
    });
    Json::Object(fields.collect())
}

#[test]
fn schema() {
    assert_eq!(
        answer(
            "{ s: __schema { description queryType { name kind __typename } mutationType { name } \
             subscriptionType { name } directives { name } __typename } }",
            ""
        ),
        json!({"s": {"description": null, "queryType": {"name": "Query", "kind": "OBJECT", "__typename": "__Type"},
            "mutationType": {"name": "Mutation"}, "subscriptionType": null, "directives": [],
            "__typename": "__Schema"}})
    );
}

#[test]
fn types_end_with_the_roots_and_the_introspection_system() {
    let answer = answer("{ __schema { types { name } } }", "");
    let names: Vec<_> = answer["__schema"]["types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ty| ty["name"].as_str().unwrap())
        .collect();
    assert_eq!(names[..3], ["Author", "AuthorAgg", "AuthorCreationInput"]);
    assert!(names.contains(&"Boolean") && names.contains(&"String"));
    let tail = &names[names.len() - 10..];
    assert_eq!(
        tail,
        [
            "Query",
            "Mutation",
            "__Directive",
            "__DirectiveLocation",
            "__EnumValue",
            "__Field",
            "__InputValue",
            "__Schema",
            "__Type",
            "__TypeKind"
        ]
    );
}

#[test]
fn one_type_through_fragments_and_variables() {
    assert_eq!(
        answer(
            "query($n: String!) { __type(name: $n) { ...T fields(includeDeprecated: true) { name \
             args { name type { ...T } defaultValue } type { ...T } isDeprecated deprecationReason } \
             interfaces { name } possibleTypes { name } inputFields { name } enumValues { name } \
             specifiedByURL description } } fragment T on __Type { kind name ofType { kind name } }",
            r#"{"n": "IntAgg"}"#
        ),
        json!({"__type": {"kind": "OBJECT", "name": "IntAgg", "ofType": null, "fields": [
            aggregate("min", "Int"), aggregate("max", "Int"), aggregate("sum", "Int"),
            aggregate("avg", "Float"), aggregate("count", "Int")],
            "interfaces": [], "possibleTypes": null, "inputFields": null, "enumValues": null,
            "specifiedByURL": null, "description": null}})
    );
}

fn aggregate(name: &str, ty: &str) -> Json {
    json!({"name": name, "args": [], "type": {"kind": "SCALAR", "name": ty, "ofType": null},
        "isDeprecated": false, "deprecationReason": null})
}

#[test]
fn enums_inputs_and_arguments() {
    assert_eq!(
        answer(
            "{ e: __type(name: \"Shelf\") { kind enumValues { name description isDeprecated } fields { name } } \
             i: __type(name: \"AuthorOrdering\") { kind inputFields { name defaultValue type { name } } } \
             m: __type(name: \"__Field\") { fields { name args { name defaultValue } } } }",
            ""
        ),
        json!({
            "e": {"kind": "ENUM", "enumValues": [
                {"name": "Fiction", "description": null, "isDeprecated": false},
                {"name": "Poetry", "description": null, "isDeprecated": false}], "fields": null},
            "i": {"kind": "INPUT_OBJECT", "inputFields": [
                {"name": "id", "defaultValue": null, "type": {"name": "Ordering"}},
                {"name": "name", "defaultValue": null, "type": {"name": "Ordering"}}]},
            "m": {"fields": [
                {"name": "name", "args": []}, {"name": "description", "args": []},
                {"name": "args", "args": [{"name": "includeDeprecated", "defaultValue": "false"}]},
                {"name": "type", "args": []}, {"name": "isDeprecated", "args": []},
                {"name": "deprecationReason", "args": []}]}
        })
    );
}

#[test]
fn an_unknown_type_is_an_object_of_nulls() {
    assert_eq!(
        answer("{ __type(name: \"Nope\") { name kind fields { name } __typename x: name } }", ""),
        json!({"__type": {"name": null, "kind": null, "fields": null, "__typename": null, "x": null}})
    );
}

#[test]
fn the_depth_cap_is_fifteen() {
    let nested = |levels: usize| {
        format!(
            "{{ __type(name: \"Book\") {{ {} name {} }} }}",
            "ofType { ".repeat(levels),
            "}".repeat(levels)
        )
    };
    accepted(&nested(13), "");
    super::refused(&nested(14), "", "Selection set too deep", &[(1, 27 + 14 * 9)]);
}
