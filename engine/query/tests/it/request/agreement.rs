//! The printed schema and the introspection answer describe the same schema: the text is parsed again and compared
//! with the JSON, descriptions included.

use async_graphql_parser::Positioned;
use async_graphql_parser::types::{InputValueDefinition, TypeKind, TypeSystemDefinition};
use serde_json::{Value as Json, json};
use studio_model::graphql::{Schema, sdl};
use studio_query::operation::RootCall;
use studio_query::{Document, prepare};

const FULL: &str = "query Full { __schema { description queryType { name } mutationType { name } types { ...Type } } } \
    fragment Type on __Type { kind name description \
      fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...Input } type { ...Ref } } \
      inputFields { ...Input } enumValues(includeDeprecated: true) { name description } } \
    fragment Input on __InputValue { name description type { ...Ref } defaultValue } \
    fragment Ref on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name \
      ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";

fn introspected(schema: &Schema) -> Vec<Json> {
    let document = Document::parse(FULL).unwrap();
    let operation = prepare(&document, None, None, schema, &super::limits()).unwrap();
    let RootCall::Json(text) = &operation.roots[0].call else { panic!() };
    let answer: Json = serde_json::from_str(text).unwrap();
    answer["types"].as_array().unwrap().iter().filter(|ty| is_printed(ty)).map(simplified).collect()
}

fn is_printed(ty: &Json) -> bool {
    let name = ty["name"].as_str().unwrap();
    !name.starts_with("__") && !["Int", "Float", "String", "Boolean"].contains(&name)
}

fn simplified(ty: &Json) -> Json {
    let input = |input: &Json| {
        json!([input["name"], input["description"], type_text(&input["type"]), input["defaultValue"]])
    };
    let list = |list: &Json, each: &dyn Fn(&Json) -> Json| {
        list.as_array().into_iter().flatten().map(each).collect::<Vec<_>>()
    };
    let members = match ty["kind"].as_str().unwrap() {
        "SCALAR" => vec![],
        "ENUM" => list(&ty["enumValues"], &|value| json!([value["name"], value["description"]])),
        "INPUT_OBJECT" => list(&ty["inputFields"], &input),
        "OBJECT" => list(&ty["fields"], &|field| {
            let arguments = list(&field["args"], &input);
            json!([field["name"], field["description"], arguments, type_text(&field["type"])])
        }),
        other => panic!("{other}"),
    };
    json!([ty["kind"], ty["name"], ty["description"], members])
}

fn type_text(ty: &Json) -> String {
    match ty["kind"].as_str().unwrap() {
        "NON_NULL" => format!("{}!", type_text(&ty["ofType"])),
        "LIST" => format!("[{}]", type_text(&ty["ofType"])),
        _ => ty["name"].as_str().unwrap().to_owned(),
    }
}

fn printed(schema: &Schema) -> Vec<Json> {
    let text = |text: &Option<Positioned<String>>| text.as_ref().map(|text| text.node.clone());
    let input = |input: &Positioned<InputValueDefinition>| {
        let default = input.node.default_value.as_ref().map(|default| default.node.to_string());
        json!([input.node.name.node, text(&input.node.description), input.node.ty.node.to_string(), default])
    };
    let text_of_all = sdl(schema);
    // The parser knows no descriptions of the schema itself.
    let types_only = match text_of_all.split_once("schema {\n  query: Query\n  mutation: Mutation\n}\n") {
        Some((_, types)) => types,
        None => &text_of_all,
    };
    let document = async_graphql_parser::parse_schema(types_only).unwrap();
    let types = document.definitions.iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(ty) => Some(&ty.node),
        _ => None,
    });
    types
        .map(|ty| {
            let (kind, members): (_, Vec<Json>) = match &ty.kind {
                TypeKind::Scalar => ("SCALAR", vec![]),
                TypeKind::Enum(values) => (
                    "ENUM",
                    values
                        .values
                        .iter()
                        .map(|value| json!([value.node.value.node, text(&value.node.description)]))
                        .collect(),
                ),
                TypeKind::InputObject(object) => ("INPUT_OBJECT", object.fields.iter().map(input).collect()),
                TypeKind::Object(object) => (
                    "OBJECT",
                    object
                        .fields
                        .iter()
                        .map(|field| {
                            let arguments: Vec<_> = field.node.arguments.iter().map(input).collect();
                            json!([
                                field.node.name.node,
                                text(&field.node.description),
                                arguments,
                                field.node.ty.node.to_string()
                            ])
                        })
                        .collect(),
                ),
                other => panic!("{other:?}"),
            };
            json!([kind, ty.name.node, text(&ty.description), members])
        })
        .collect()
}

fn agree(model: &str) {
    let schema = super::schema(model, true);
    let (printed, introspected) = (printed(&schema), introspected(&schema));
    assert!(printed.len() > 10);
    assert_eq!(printed.len(), introspected.len());
    for (printed, introspected) in printed.iter().zip(&introspected) {
        assert_eq!(printed, introspected);
    }
}

#[test]
fn library() {
    agree(include_str!("library.exo"));
}

#[test]
fn keys() {
    agree(include_str!("../../../../model/tests/it/graphql/keys.exo"));
}

#[test]
fn relations() {
    agree(include_str!("../../../../model/tests/it/graphql/relations.exo"));
}

#[test]
fn values() {
    agree(include_str!("../../../../model/tests/it/graphql/values.exo"));
}

#[test]
fn code() {
    agree(include_str!("../../../../model/tests/it/graphql/code.exo"));
}
