//! The description of the surface: an OpenRPC 1.3.2 document with JSON schemas (developer-experience 6.2).

use serde_json::{Map, Value as Json, json};
use studio_model::graphql::{Schema, TypeId, TypeKind, TypeRef};
use studio_model::ir::Scalar;

use super::method::Methods;

/// The method that returns the description.
pub const DISCOVER: &str = "rpc.discover";

/// The OpenRPC document of a model.
pub fn open_rpc(schema: &Schema, methods: &Methods, title: &str, version: &str) -> Json {
    let mut components = Components { schema, done: Map::new(), open: Vec::new() };
    let mut described = Vec::new();
    for (name, method) in methods.iter() {
        let Some(definition) = method.definition(schema) else { continue };
        let params = method.params(schema, definition).into_iter().map(|param| {
            json!({ "name": param.name, "required": param.required, "schema": components.of(param.ty) })
        });
        let params: Vec<Json> = params.collect();
        let result = json!({ "name": "result", "schema": components.of(method.result(definition)) });
        let mut entry = Map::new();
        entry.insert("name".to_owned(), name.into());
        if let Some(text) = method.description(schema, definition) {
            entry.insert("description".to_owned(), text.into());
        }
        entry.insert("paramStructure".to_owned(), "by-name".into());
        entry.insert("params".to_owned(), params.into());
        entry.insert("result".to_owned(), result);
        described.push(Json::Object(entry));
    }
    components.finish();
    json!({
        "openrpc": "1.3.2",
        "info": { "title": title, "version": version },
        "methods": described,
        "components": { "schemas": components.done },
    })
}

struct Components<'a> {
    schema: &'a Schema,
    done: Map<String, Json>,
    open: Vec<TypeId>,
}

impl Components<'_> {
    fn of(&mut self, ty: TypeRef) -> Json {
        let inner = if ty.is_list() {
            json!({ "type": "array", "items": self.of(ty.element()) })
        } else {
            self.named(ty.base)
        };
        if ty.is_required() { inner } else { json!({ "anyOf": [inner, { "type": "null" }] }) }
    }

    fn named(&mut self, id: TypeId) -> Json {
        if let TypeId::Scalar(key) = id {
            return scalar(key.scalar());
        }
        let name = self.schema.type_name(id);
        if !self.done.contains_key(&*name) {
            self.done.insert(name.to_string(), Json::Null);
            self.open.push(id);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// Describes every type that was mentioned, until no new one is.
    fn finish(&mut self) {
        while let Some(id) = self.open.pop() {
            let definition = self.schema.define(id);
            let described = match &definition.kind {
                TypeKind::Scalar => json!({}),
                TypeKind::Enum(names) => {
                    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
                    json!({ "type": "string", "enum": names })
                }
                TypeKind::Object(fields) => {
                    let plain = fields.list().iter().filter(|field| field.args.list().is_empty());
                    let members: Vec<_> = plain.map(|field| (&field.name, field.ty)).collect();
                    // Which members a reply has is the projection's choice.
                    self.object(members.into_iter(), Vec::new())
                }
                TypeKind::Input(members) => {
                    let required =
                        members.required().iter().map(|at| members.list()[*at as usize].name.to_string());
                    let required = required.collect();
                    let members: Vec<_> = members.list().iter().map(|it| (&it.name, it.ty)).collect();
                    self.object(members.into_iter(), required)
                }
            };
            self.done.insert(definition.name.to_string(), described);
        }
        self.done.sort_keys();
    }

    fn object<'m>(
        &mut self,
        members: impl Iterator<Item = (&'m std::sync::Arc<str>, TypeRef)>,
        required: Vec<String>,
    ) -> Json {
        let properties: Map<String, Json> =
            members.map(|(name, ty)| (name.to_string(), self.of(ty))).collect();
        let mut object = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            object["required"] = required.into();
        }
        object
    }
}

fn scalar(scalar: Scalar) -> Json {
    match scalar {
        Scalar::Boolean => json!({ "type": "boolean" }),
        Scalar::Int => json!({ "type": "integer" }),
        Scalar::Float => json!({ "type": "number" }),
        Scalar::Decimal | Scalar::String => json!({ "type": "string" }),
        Scalar::LocalTime => json!({ "type": "string", "format": "time" }),
        Scalar::LocalDateTime | Scalar::Instant => json!({ "type": "string", "format": "date-time" }),
        Scalar::LocalDate => json!({ "type": "string", "format": "date" }),
        Scalar::Json => json!({}),
        Scalar::Blob => json!({ "type": "string", "contentEncoding": "base64" }),
        Scalar::Uuid => json!({ "type": "string", "format": "uuid" }),
    }
}
