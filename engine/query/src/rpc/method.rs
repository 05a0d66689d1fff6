//! The methods of a model and their translation into GraphQL documents (developer-experience 6.2, language.md 9.4).

use heck::{ToLowerCamelCase, ToSnakeCase};
use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};
use studio_model::graphql::{EntityAction, EntityForm, FieldDef, Meaning, Root, Schema, TypeId, TypeRef};
use studio_model::ir::{EntityId, FieldKind, Scalar, Unique};

use super::call::{Call, Params};
use super::error::{RpcError, code};
use super::projection;
use crate::operation::OperationKind;

/// The parameter that names the response shape.
const PROJECTION: &str = "projection";

/// All methods by name, queries first.
#[derive(Debug, Default)]
pub struct Methods {
    by_name: IndexMap<String, Method>,
}

/// One method.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Method {
    pub(super) kind: OperationKind,
    /// The root field it stands for.
    pub(super) root: String,
    pub(super) target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// An operation on an entity, as GraphQL has it.
    Entity,
    /// An update or deletion of the one row with a unique value, which GraphQL lacks: the many-row operation
    /// with a filter.
    ByUnique(EntityId, usize),
    /// A method of a code module.
    Code,
}

/// A call as a GraphQL document.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated {
    /// The document: one operation with one root field.
    pub document: String,
    /// Values of its variables.
    pub variables: Map<String, Json>,
    /// What to do with the result.
    pub unwrap: Unwrap,
}

/// How the JSON of the root field becomes the result of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwrap {
    /// As it is.
    Whole,
    /// The first element of the list, or null.
    First,
}

/// A parameter of a method.
pub(super) struct Param {
    pub(super) name: String,
    pub(super) ty: TypeRef,
    pub(super) required: bool,
}

impl Methods {
    /// The methods of a schema. Of two with the same name the first stays.
    pub fn new(schema: &Schema) -> Self {
        let mut methods = Self::default();
        let roots =
            [(OperationKind::Query, Some(schema.query())), (OperationKind::Mutation, schema.mutation())];
        for (kind, root) in roots {
            for (name, meaning) in root.into_iter().flat_map(Root::iter) {
                methods.add(schema, kind, name, meaning);
            }
        }
        methods
    }

    fn add(&mut self, schema: &Schema, kind: OperationKind, root: &str, meaning: Meaning) {
        let ir = schema.ir();
        let mut insert = |name: String, target: Target| {
            self.by_name.entry(name).or_insert_with(|| Method { kind, root: root.to_owned(), target });
        };
        match meaning {
            Meaning::Operation(id, action) => {
                let entity = &ir.entities[id];
                let (one, many) = (entity.name.to_snake_case(), entity.plural.to_snake_case());
                let by =
                    |verb: &str, unique: &Unique| format!("{verb}_{one}_by_{}", unique.name.to_snake_case());
                let name = match action {
                    EntityAction::ByKey => format!("get_{one}"),
                    EntityAction::List => format!("get_{many}"),
                    EntityAction::ByUnique(index) => by("get", &entity.uniques[index]),
                    EntityAction::CreateOne => format!("create_{one}"),
                    EntityAction::CreateMany => format!("create_{many}"),
                    EntityAction::UpdateOne => format!("update_{one}"),
                    EntityAction::UpdateMany => format!("update_{many}"),
                    EntityAction::DeleteOne => format!("delete_{one}"),
                    EntityAction::DeleteMany => format!("delete_{many}"),
                    // The surface has no aggregates.
                    EntityAction::Aggregate | EntityAction::Upsert(_) => return,
                };
                insert(name, Target::Entity);
                let verb = match action {
                    EntityAction::UpdateMany => "update",
                    EntityAction::DeleteMany => "delete",
                    EntityAction::ByKey
                    | EntityAction::ByUnique(_)
                    | EntityAction::List
                    | EntityAction::Aggregate
                    | EntityAction::CreateOne
                    | EntityAction::CreateMany
                    | EntityAction::UpdateOne
                    | EntityAction::DeleteOne
                    | EntityAction::Upsert(_) => return,
                };
                for (index, unique) in entity.uniques.iter().enumerate() {
                    if lookup(schema, id, index).is_some() {
                        insert(by(verb, unique), Target::ByUnique(id, index));
                    }
                }
            }
            Meaning::Method(..) => insert(root.to_snake_case(), Target::Code),
            Meaning::Field(..)
            | Meaning::Aggregate(..)
            | Meaning::Distance(..)
            | Meaning::AggregateField(..)
            | Meaning::Function(_)
            | Meaning::JsonMember(..)
            | Meaning::CodeField(..)
            | Meaning::Meta(_) => {}
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Method)> {
        self.by_name.iter().map(|(name, method)| (name.as_str(), method))
    }

    /// The GraphQL document that does what a call asks for.
    ///
    /// # Errors
    /// An unknown method, parameters that do not fit, an unknown projection.
    pub fn translate(&self, schema: &Schema, call: &Call) -> Result<Translated, RpcError> {
        let not_found = || RpcError::new(code::METHOD_NOT_FOUND, "Method not found");
        let method = self.by_name.get(&call.method).ok_or_else(not_found)?;
        let definition = method.definition(schema).ok_or_else(not_found)?;
        let mut params = method.named(schema, definition, &call.params)?;
        let projection = match params.remove(PROJECTION) {
            None | Some(Json::Null) => None,
            Some(Json::String(name)) => Some(name),
            Some(_) => return Err(invalid(format!("`{PROJECTION}` has to be a string"))),
        };
        let selection = method.selection(schema, definition, projection)?;
        method.place_unique(schema, &mut params)?;
        let mut variables = Map::new();
        let (mut head, mut arguments) = (String::new(), String::new());
        for (name, value) in params {
            let Some(argument) = definition.args.get(&name) else {
                return Err(invalid(format!("`{}` has no parameter `{name}`", call.method)));
            };
            let variable = format!("p{}", variables.len());
            let separator = if variables.is_empty() { "" } else { ", " };
            head.push_str(&format!("{separator}${variable}: {}", schema.type_text(argument.accepts)));
            arguments.push_str(&format!("{separator}{name}: ${variable}"));
            variables.insert(variable, value);
        }
        let word = match method.kind {
            OperationKind::Query => "query",
            OperationKind::Mutation => "mutation",
        };
        let bracket = |text: String| if text.is_empty() { text } else { format!("({text})") };
        let document =
            format!("{word} {}{{ {}{}{selection} }}", bracket(head), method.root, bracket(arguments));
        let unwrap = match method.target {
            Target::ByUnique(..) => Unwrap::First,
            Target::Entity | Target::Code => Unwrap::Whole,
        };
        Ok(Translated { document, variables, unwrap })
    }
}

impl Method {
    pub(super) fn definition<'s>(&self, schema: &'s Schema) -> Option<&'s FieldDef> {
        let root = match self.kind {
            OperationKind::Query => TypeId::Query,
            OperationKind::Mutation => TypeId::Mutation,
        };
        schema.field(root, &self.root)
    }

    /// The type of the result with the whole shape of its type.
    pub(super) fn result(&self, definition: &FieldDef) -> TypeRef {
        match self.target {
            Target::ByUnique(..) => TypeRef::nullable(definition.ty.base),
            Target::Entity | Target::Code => definition.ty,
        }
    }

    pub(super) fn description(&self, schema: &Schema, definition: &FieldDef) -> Option<String> {
        let text = schema.field_description(definition)?;
        Some(match self.target {
            Target::ByUnique(id, index) => {
                let entity = &schema.ir().entities[id];
                let unique = entity.uniques[index].name.replace('_', " ");
                format!("{text} Here: the one `{}` with the given {unique}.", entity.name)
            }
            Target::Entity | Target::Code => text.into_owned(),
        })
    }

    /// The parameters in order, `projection` last.
    pub(super) fn params(&self, schema: &Schema, definition: &FieldDef) -> Vec<Param> {
        let own = |argument: &studio_model::graphql::InputDef| Param {
            name: argument.name.to_string(),
            ty: argument.ty,
            required: argument.accepts.is_required() && argument.default.is_none(),
        };
        let mut params = Vec::new();
        if let Target::ByUnique(id, index) = self.target {
            let lookup = lookup(schema, id, index);
            params.extend(lookup.into_iter().flat_map(|lookup| lookup.args.list()).map(own));
            params.extend(definition.args.list().iter().filter(|it| &*it.name != "where").map(own));
        } else {
            params.extend(definition.args.list().iter().map(own));
        }
        if self.has_projection(definition) {
            let ty = TypeRef::nullable(Scalar::String.into());
            params.push(Param { name: PROJECTION.to_owned(), ty, required: false });
        }
        params
    }

    fn has_projection(&self, definition: &FieldDef) -> bool {
        matches!(definition.ty.base, TypeId::Entity(_, EntityForm::Object))
    }

    /// Parameters by the names of GraphQL; `snake_case` is taken for `camelCase`.
    fn named(
        &self,
        schema: &Schema,
        definition: &FieldDef,
        params: &Params,
    ) -> Result<Map<String, Json>, RpcError> {
        let known = self.params(schema, definition);
        let mut named = Map::new();
        match params {
            Params::Positional(values) if values.len() > known.len() => {
                return Err(invalid(format!(
                    "{} parameters at most, but {} were given",
                    known.len(),
                    values.len()
                )));
            }
            Params::Positional(values) => {
                named.extend(
                    known.iter().zip(values).map(|(param, value)| (param.name.clone(), value.clone())),
                );
            }
            Params::Named(values) => {
                for (name, value) in values {
                    let is = |wanted: &str| known.iter().any(|param| param.name == wanted);
                    let camel = name.to_lower_camel_case();
                    let name = match () {
                        () if is(name) => name.clone(),
                        () if is(&camel) => camel,
                        () => return Err(invalid(format!("Unknown parameter `{name}`"))),
                    };
                    if named.insert(name.clone(), value.clone()).is_some() {
                        return Err(invalid(format!("The parameter `{name}` was given twice")));
                    }
                }
            }
        }
        match known.iter().find(|param| param.required && named.get(&param.name).is_none_or(Json::is_null)) {
            Some(missing) => Err(invalid(format!("The parameter `{}` is missing", missing.name))),
            None => Ok(named),
        }
    }

    fn selection(
        &self,
        schema: &Schema,
        definition: &FieldDef,
        projection: Option<String>,
    ) -> Result<String, RpcError> {
        let mut text = String::new();
        match definition.ty.base {
            TypeId::Entity(id, EntityForm::Object) => {
                let default = match self.kind {
                    OperationKind::Query => "basic",
                    OperationKind::Mutation => "pk",
                };
                let name = projection.unwrap_or_else(|| default.to_owned());
                projection::entity(schema, id, &[name], 1, &mut text)?;
            }
            other => projection::whole(schema, other, 1, &mut text)?,
        }
        Ok(text)
    }

    /// Turns the values of a unique constraint into the filter of the many-row operation.
    fn place_unique(&self, schema: &Schema, params: &mut Map<String, Json>) -> Result<(), RpcError> {
        let Target::ByUnique(id, index) = self.target else { return Ok(()) };
        let entity = &schema.ir().entities[id];
        let mut filter = Map::new();
        for field in &entity.uniques[index].fields {
            let field = &entity.fields[*field];
            let Some(value) = params.remove(&field.name) else {
                return Err(invalid(format!("The parameter `{}` is missing", field.name)));
            };
            filter.insert(field.name.clone(), equals(&field.kind, value));
        }
        params.insert("where".to_owned(), Json::Object(filter));
        Ok(())
    }
}

/// The query by the same unique constraint, whose arguments the method shares.
fn lookup(schema: &Schema, id: EntityId, index: usize) -> Option<&FieldDef> {
    let wanted = Meaning::Operation(id, EntityAction::ByUnique(index));
    let (name, _) = schema.query().iter().find(|(_, meaning)| *meaning == wanted)?;
    schema.field(TypeId::Query, name)
}

/// A value of a key as a filter: `{eq: …}` on the columns, nested below relations.
fn equals(kind: &FieldKind, value: Json) -> Json {
    match kind {
        FieldKind::Value(_) => json!({ "eq": value }),
        FieldKind::Reference { .. } | FieldKind::InverseOne { .. } | FieldKind::Collection { .. } => {
            equals_key(value)
        }
    }
}

/// The key of a related row, whose members are plain values or keys again.
fn equals_key(value: Json) -> Json {
    match value {
        Json::Object(members) => {
            Json::Object(members.into_iter().map(|(name, value)| (name, equals_key(value))).collect())
        }
        plain => json!({ "eq": plain }),
    }
}

fn invalid(message: impl Into<String>) -> RpcError {
    RpcError::new(code::INVALID_PARAMS, message)
}
