//! Coercion of argument values to the types of the schema (graphql-and-sql 2.3): variables are substituted, single
//! values wrapped into lists, kinds checked with the contract's lax rules.

use std::cell::Cell;
use std::sync::Arc;

use async_graphql_parser::Positioned;
use async_graphql_parser::types::VariableDefinition;
use async_graphql_value::{ConstValue, Name, Value as Literal};
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use serde_json::{Map, Number, Value as Json};
use studio_model::graphql::{EntityForm, InputDef, Member, Members, Schema, TypeId, TypeKind, TypeRef};
use studio_model::ir::{EntityId, Range, Scalar};

use crate::document::position;
use crate::error::{Position, RequestError};
use crate::operation::{Arguments, Data, Value};
use crate::plan::VariableUse;

/// The declared variables of an operation with their values.
#[derive(Debug, Default)]
pub(crate) struct Variables<'a> {
    bound: FxHashMap<&'a str, Bound<'a>>,
}

#[derive(Debug)]
struct Bound<'a> {
    name: Arc<str>,
    value: Option<Source<'a>>,
    /// How often it was used.
    count: Cell<u32>,
    /// Whether one of these places has a range.
    ranged: Cell<bool>,
}

impl<'a> Variables<'a> {
    /// Gives every declared variable its value: the supplied one, the default, or none if it is nullable. The
    /// declared type is not looked at.
    pub(crate) fn bind(
        definitions: &'a [Positioned<VariableDefinition>],
        supplied: Option<&'a Map<String, Json>>,
    ) -> Result<Self, RequestError> {
        let mut bound = FxHashMap::default();
        for Positioned { pos, node } in definitions {
            let name = node.name.node.as_str();
            let value = match supplied.and_then(|supplied| supplied.get(name)) {
                Some(json) => Some(Source::Json(json)),
                None => node.default_value.as_ref().map(|default| Source::Default(&default.node)),
            };
            if value.is_none() && !node.var_type.node.nullable {
                return Err(RequestError::invalid(
                    format!("Variable '{name}' not found"),
                    vec![position(*pos)],
                ));
            }
            let (count, ranged) = (Cell::new(0), Cell::new(false));
            bound.insert(name, Bound { name: name.into(), value, count, ranged });
        }
        Ok(Self { bound })
    }

    /// How the variables were used so far, in order of their names.
    pub(crate) fn uses(&self) -> Vec<VariableUse> {
        let mut uses: Vec<_> = self
            .bound
            .values()
            .map(|bound| VariableUse {
                name: bound.name.clone(),
                count: bound.count.get(),
                ranged: bound.ranged.get(),
                inspected: false,
            })
            .collect();
        uses.sort_by(|left, right| left.name.cmp(&right.name));
        uses
    }
}

/// Where a value is written.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    /// In the document.
    Literal(&'a Literal),
    /// As the default of a variable.
    Default(&'a ConstValue),
    /// In the variables of the request.
    Json(&'a Json),
}

/// A value one level deep.
enum Shape<'a> {
    Null,
    Bool(bool),
    Number(&'a Number),
    String(&'a str),
    Enum(&'a str),
    List(Vec<Source<'a>>),
    Object(Vec<(&'a str, Source<'a>)>),
    Variable(&'a str),
}

impl<'a> Source<'a> {
    fn shape(self) -> Shape<'a> {
        fn pairs<'a, T: 'a>(map: &'a IndexMap<Name, T>, wrap: impl Fn(&'a T) -> Source<'a>) -> Shape<'a> {
            Shape::Object(map.iter().map(|(key, value)| (key.as_str(), wrap(value))).collect())
        }
        match self {
            Self::Literal(literal) => match literal {
                // The parser never produces binary values.
                Literal::Null | Literal::Binary(_) => Shape::Null,
                Literal::Boolean(value) => Shape::Bool(*value),
                Literal::Number(number) => Shape::Number(number),
                Literal::String(text) => Shape::String(text),
                Literal::Enum(name) => Shape::Enum(name),
                Literal::List(items) => Shape::List(items.iter().map(Source::Literal).collect()),
                Literal::Object(map) => pairs(map, Source::Literal),
                Literal::Variable(name) => Shape::Variable(name),
            },
            Self::Default(value) => match value {
                ConstValue::Null | ConstValue::Binary(_) => Shape::Null,
                ConstValue::Boolean(value) => Shape::Bool(*value),
                ConstValue::Number(number) => Shape::Number(number),
                ConstValue::String(text) => Shape::String(text),
                ConstValue::Enum(name) => Shape::Enum(name),
                ConstValue::List(items) => Shape::List(items.iter().map(Source::Default).collect()),
                ConstValue::Object(map) => pairs(map, Source::Default),
            },
            Self::Json(json) => match json {
                Json::Null => Shape::Null,
                Json::Bool(value) => Shape::Bool(*value),
                Json::Number(number) => Shape::Number(number),
                Json::String(text) => Shape::String(text),
                Json::Array(items) => Shape::List(items.iter().map(Source::Json).collect()),
                Json::Object(map) => Shape::Object(
                    map.iter().map(|(key, value)| (key.as_str(), Source::Json(value))).collect(),
                ),
            },
        }
    }
}

/// Coerces the arguments of one selected field.
#[derive(Debug)]
pub(crate) struct Coercion<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) variables: &'a Variables<'a>,
    /// Name of the selected field.
    pub(crate) field: &'a str,
    /// Where the selected field stands.
    pub(crate) position: Position,
}

/// A filter that was not written in a document, as the value of a `where` argument.
pub(crate) fn filter(schema: &Schema, entity: EntityId, json: &Json) -> Result<Value, RequestError> {
    let (variables, position) = (Variables::default(), Position { line: 0, column: 0 });
    let coercion = Coercion { schema, variables: &variables, field: "where", position };
    let ty = TypeRef::nullable(TypeId::Entity(entity, EntityForm::Filter));
    let place = Place { name: "where", position, variable: None };
    let value = coercion.value(Source::Json(json), ty, place, None)?;
    Ok(value.unwrap_or(Value { data: Data::Null, variable: None }))
}

/// The place a value belongs to.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The nearest named argument or input entry.
    name: &'a str,
    /// The outermost inline value, or the use of the variable.
    position: Position,
    /// The variable the value came from.
    variable: Option<&'a Arc<str>>,
}

struct Entry<'a> {
    /// Position among the definitions.
    definition: usize,
    /// Position in the text.
    written: usize,
    source: Source<'a>,
    place: Place<'a>,
}

impl<'a> Coercion<'a> {
    /// Checks and coerces the arguments; the result is in schema order.
    pub(crate) fn arguments(
        &self,
        written: &'a [(Positioned<Name>, Positioned<Literal>)],
        definitions: &'a Members<InputDef>,
    ) -> Result<Arguments, RequestError> {
        if written.is_empty() && definitions.required().is_empty() {
            return Ok(Arguments::new());
        }
        let entries = written.iter().map(|(name, value)| {
            let place = Place { name: name.node.as_str(), position: position(value.pos), variable: None };
            (Source::Literal(&value.node), place)
        });
        let coerced = self.members(entries, definitions)?;
        Ok(coerced.into_iter().map(|(_, name, value)| (name.to_owned(), value)).collect())
    }

    /// Checks and coerces arguments that code gives in place of those of the document.
    pub(crate) fn replaced(
        &self,
        given: &'a Map<String, Json>,
        definitions: &'a Members<InputDef>,
    ) -> Result<Arguments, RequestError> {
        let entries = given.iter().map(|(name, value)| {
            (Source::Json(value), Place { name, position: self.position, variable: None })
        });
        let coerced = self.members(entries, definitions)?;
        Ok(coerced.into_iter().map(|(_, name, value)| (name.to_owned(), value)).collect())
    }

    /// Refuses all arguments: `__typename` has none.
    pub(crate) fn no_arguments(
        &self,
        written: &'a [(Positioned<Name>, Positioned<Literal>)],
    ) -> Result<(), RequestError> {
        let strays: Vec<_> = written.iter().map(|(name, _)| name.node.as_str()).collect();
        if strays.is_empty() { Ok(()) } else { Err(self.strays(&strays)) }
    }

    /// Checks named values against definitions: definitions in schema order, stray names last. The result is in
    /// schema order and says where each value was written.
    fn members(
        &self,
        written: impl Iterator<Item = (Source<'a>, Place<'a>)>,
        definitions: &'a Members<InputDef>,
    ) -> Result<Vec<(usize, &'a str, Value)>, RequestError> {
        let mut strays = Vec::new();
        let mut entries = Vec::new();
        for (index, (source, place)) in written.enumerate() {
            match definitions.position(place.name) {
                Some(definition) => entries.push(Entry { definition, written: index, source, place }),
                None => strays.push(place.name),
            }
        }
        entries.sort_by_key(|entry| entry.definition);
        let mut required = definitions.required().iter().map(|index| *index as usize).peekable();
        let mut coerced = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(missing) = required.next_if(|index| *index < entry.definition) {
                return Err(self.missing(&definitions.list()[missing]));
            }
            required.next_if_eq(&entry.definition);
            let definition = &definitions.list()[entry.definition];
            match self.value(entry.source, definition.accepts, entry.place, definition.range.as_ref())? {
                Some(value) => coerced.push((entry.written, definition.name.as_ref(), value)),
                None if definition.is_required() => return Err(self.missing(definition)),
                None => {}
            }
        }
        if let Some(missing) = required.next() {
            return Err(self.missing(&definitions.list()[missing]));
        }
        if !strays.is_empty() {
            return Err(self.strays(&strays));
        }
        Ok(coerced)
    }

    fn strays(&self, names: &[&str]) -> RequestError {
        let message = format!("Argument(s) '[{}]' invalid for '{}'", names.join(", "), self.field);
        RequestError::invalid(message, vec![self.position])
    }

    /// Coerces one value; `None` if it counts as omitted.
    fn value(
        &self,
        source: Source<'a>,
        ty: TypeRef,
        place: Place<'a>,
        range: Option<&Range>,
    ) -> Result<Option<Value>, RequestError> {
        let shape = source.shape();
        if let Shape::Variable(name) = shape {
            return match self.variables.bound.get(name) {
                Some(Bound { name, value: Some(value), count, ranged }) => {
                    count.set(count.get() + 1);
                    ranged.set(ranged.get() || range.is_some());
                    self.value(*value, ty, Place { variable: Some(name), ..place }, range)
                }
                Some(Bound { value: None, .. }) | None => Ok(None),
            };
        }
        let data = match shape {
            Shape::Null if ty.is_required() => return Err(null_for_required(place)),
            Shape::Null => Data::Null,
            _ if ty.is_list() => return self.list(source, shape, ty.element(), place, range).map(Some),
            _ if ty.base == TypeId::from(Scalar::Json) => Data::Json(self.json(source)?),
            shape => self.named(shape, source, ty, place, range)?,
        };
        Ok(Some(Value { data, variable: place.variable.cloned() }))
    }

    fn list(
        &self,
        source: Source<'a>,
        shape: Shape<'a>,
        element: TypeRef,
        place: Place<'a>,
        range: Option<&Range>,
    ) -> Result<Value, RequestError> {
        let items = match shape {
            Shape::List(items) => items,
            // A single value counts as a list of one.
            _ => vec![source],
        };
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(match self.value(item, element, place, range)? {
                Some(value) => value,
                // An absent variable as an element.
                None if element.is_required() => return Err(null_for_required(place)),
                None => Value { data: Data::Null, variable: place.variable.cloned() },
            });
        }
        Ok(Value { data: Data::List(values), variable: place.variable.cloned() })
    }

    /// A value that is not null, not a list type, not a variable.
    fn named(
        &self,
        shape: Shape<'a>,
        source: Source<'a>,
        ty: TypeRef,
        place: Place<'a>,
        range: Option<&Range>,
    ) -> Result<Data, RequestError> {
        let mismatch = |got: &str| self.mismatch(ty, got, place);
        let definition = self.schema.define(ty.base);
        match shape {
            Shape::List(_) => Err(mismatch(&format!("[{}]", definition.name))),
            // Enum literals are never checked here.
            Shape::Enum(name) => Ok(Data::Enum(name.to_owned())),
            Shape::Object(entries) => match &definition.kind {
                TypeKind::Input(members) => self.object(entries, members, place).map(Data::Object),
                TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::Object(_) => {
                    let message = format!(
                        "Argument '{}' is not of a valid type. Expected '{}', got '{}'",
                        place.name,
                        self.schema.type_text(ty),
                        definition.name
                    );
                    Err(RequestError::invalid(message, vec![place.position]))
                }
            },
            Shape::Bool(value) if accepts(ty.base, Kind::Bool) => Ok(Data::Bool(value)),
            Shape::Bool(_) => Err(mismatch("Boolean")),
            Shape::Number(number) if accepts(ty.base, Kind::Number) => {
                check_range(number, range, place)?;
                Ok(Data::Number(number.clone()))
            }
            Shape::Number(_) => Err(mismatch("Number")),
            Shape::String(text) if accepts(ty.base, Kind::String) => Ok(Data::String(text.to_owned())),
            Shape::String(text) => match (&definition.kind, source) {
                // Enum values in variables are JSON strings.
                (TypeKind::Enum(_), Source::Json(_)) => Ok(Data::Enum(text.to_owned())),
                _ => Err(mismatch("String")),
            },
            Shape::Null | Shape::Variable(_) => Ok(Data::Null),
        }
    }

    fn object(
        &self,
        entries: Vec<(&'a str, Source<'a>)>,
        members: &'a Members<InputDef>,
        place: Place<'a>,
    ) -> Result<Arguments, RequestError> {
        let written = entries
            .into_iter()
            // Clients echo fetched objects back.
            .filter(|(name, _)| *name != "__typename")
            .map(|(name, source)| (source, Place { name, ..place }));
        let mut coerced = self.members(written, members)?;
        coerced.sort_by_key(|(written, _, _)| *written);
        Ok(coerced.into_iter().map(|(_, name, value)| (name.to_owned(), value)).collect())
    }

    /// A value for a `Json` argument, taken as is.
    fn json(&self, source: Source<'a>) -> Result<Json, RequestError> {
        if let Source::Json(json) = source {
            return Ok(json.clone());
        }
        Ok(match source.shape() {
            Shape::Null => Json::Null,
            Shape::Bool(value) => Json::Bool(value),
            Shape::Number(number) => Json::Number(number.clone()),
            Shape::String(text) | Shape::Enum(text) => Json::String(text.to_owned()),
            Shape::List(items) => {
                let items = items.into_iter().map(|item| match self.embedded(item)? {
                    Some(item) => self.json(item),
                    None => Ok(Json::Null),
                });
                Json::Array(items.collect::<Result<_, _>>()?)
            }
            Shape::Object(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    if let Some(value) = self.embedded(value)? {
                        map.insert(key.to_owned(), self.json(value)?);
                    }
                }
                Json::Object(map)
            }
            Shape::Variable(_) => Json::Null,
        })
    }

    /// Resolves a variable inside a `Json` literal; `None` if it has no value.
    fn embedded(&self, source: Source<'a>) -> Result<Option<Source<'a>>, RequestError> {
        let Source::Literal(Literal::Variable(name)) = source else { return Ok(Some(source)) };
        match self.variables.bound.get(name.as_str()) {
            Some(bound) => {
                bound.count.set(bound.count.get() + 1);
                Ok(bound.value)
            }
            None => Err(RequestError::invalid(
                format!("Variable '{name}' not found"),
                vec![Position { line: 0, column: 0 }],
            )),
        }
    }

    fn missing(&self, definition: &InputDef) -> RequestError {
        RequestError::invalid(required(&definition.name), vec![self.position])
    }

    fn mismatch(&self, ty: TypeRef, got: &str, place: Place<'_>) -> RequestError {
        let message = format!(
            "Argument '{}' is not of a valid type. Expected '{}', got '{got}'",
            place.name,
            self.schema.type_name(ty.base)
        );
        RequestError::invalid(message, vec![place.position])
    }
}

fn required(name: &str) -> String {
    format!("Required argument '{name}' not found")
}

fn null_for_required(place: Place<'_>) -> RequestError {
    RequestError::invalid(required(place.name), vec![place.position])
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bool,
    Number,
    String,
}

/// Which kinds of scalars a leaf type takes. Dates, identifiers and decimals are parsed when they are bound.
fn accepts(id: TypeId, kind: Kind) -> bool {
    match id {
        TypeId::Scalar(scalar) => match scalar.scalar() {
            Scalar::Int | Scalar::Float => kind == Kind::Number,
            Scalar::Boolean => kind == Kind::Bool,
            Scalar::Json => true,
            Scalar::String
            | Scalar::Decimal
            | Scalar::LocalTime
            | Scalar::LocalDateTime
            | Scalar::LocalDate
            | Scalar::Instant
            | Scalar::Blob
            | Scalar::Uuid => kind == Kind::String,
        },
        // The filter of a Blob is a scalar: the value to be equal to.
        TypeId::ScalarFilter(scalar) => scalar.scalar() == Scalar::Blob && kind == Kind::String,
        _ => false,
    }
}

fn check_range(number: &Number, range: Option<&Range>, place: Place<'_>) -> Result<(), RequestError> {
    let violated = match range {
        None => None,
        Some(Range::Int { min, max }) => match number.as_i64() {
            Some(value) if value < *min => Some(format!("min = {min}")),
            Some(value) if value > *max => Some(format!("max = {max}")),
            Some(_) => None,
            None => float_violation(number, *min as f64, *max as f64),
        },
        Some(Range::Float { min, max }) => float_violation(number, *min, *max),
    };
    match violated {
        None => Ok(()),
        Some(bound) => Err(RequestError::invalid(
            format!("Invalid value for 'range': {bound}, provided value = {number}"),
            vec![place.position],
        )),
    }
}

fn float_violation(number: &Number, min: f64, max: f64) -> Option<String> {
    let value = number.as_f64()?;
    if value < min {
        Some(format!("min = {min}"))
    } else if value > max {
        Some(format!("max = {max}"))
    } else {
        None
    }
}
