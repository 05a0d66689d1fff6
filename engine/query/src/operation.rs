//! A validated and coerced operation: the border between the GraphQL side (documents, schema) and the database
//! side (access control, planning). Names are resolved to ids, variables are substituted, defaults applied.

use std::sync::Arc;

use indexmap::IndexMap;
use studio_model::ir::{EntityId, FieldId, ModuleId};

pub use studio_model::graphql::{AggregateFunction, EntityAction};

use crate::error::Position;

/// One operation, ready to be planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Query or mutation.
    pub kind: OperationKind,
    /// Its name in the document.
    pub name: Option<String>,
    /// Root fields after fragment expansion and merging, in response order.
    pub roots: Vec<RootField>,
}

/// Kinds of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// A query.
    Query,
    /// A mutation.
    Mutation,
}

/// A root field.
#[derive(Debug, Clone, PartialEq)]
pub struct RootField {
    /// Response key: alias or name.
    pub key: String,
    /// Field name in the schema.
    pub name: String,
    /// Where it stands.
    pub position: Position,
    /// What it asks for.
    pub call: RootCall,
}

/// What a root field asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum RootCall {
    /// The finished JSON text: `__typename`, `__schema`, `__type`.
    Json(String),
    /// An operation on an entity.
    Entity(EntityCall),
    /// A method of a code module.
    Code(CodeCall),
}

/// A call of a method of a code module (language 8.2).
#[derive(Debug, Clone, PartialEq)]
pub struct CodeCall {
    /// The module.
    pub module: ModuleId,
    /// Index into `CodeModule::methods`.
    pub method: usize,
    /// Arguments by name; an argument that was omitted is absent.
    pub arguments: Arguments,
    /// The selection on the result; empty for scalars and lists of them.
    pub selection: Vec<CodeSelection>,
}

/// A field selected on the value that code returned.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeSelection {
    /// Response key: alias or name.
    pub key: String,
    /// Name of the member in the returned value; `Err` holds the constant of `__typename`.
    pub member: Result<String, Arc<str>>,
    /// Sub-selection.
    pub selection: Vec<CodeSelection>,
}

/// An operation on an entity (graphql-and-sql 1.2).
#[derive(Debug, Clone, PartialEq)]
pub struct EntityCall {
    /// The entity `T`.
    pub entity: EntityId,
    /// The operation.
    pub action: EntityAction,
    /// Arguments by name, in schema order; an argument that was omitted is absent.
    pub arguments: Arguments,
    /// The selection on the result.
    pub selection: Vec<SelectedField>,
}

/// A selected field below the root.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectedField {
    /// Response key: alias or name.
    pub key: String,
    /// What is selected.
    pub what: Selected,
    /// Arguments by name; an argument that was omitted is absent.
    pub arguments: Arguments,
    /// Sub-selection; empty for leaves, and also for composites written without one (answered with `{}`).
    pub selection: Vec<SelectedField>,
    /// Where it stands.
    pub position: Position,
}

/// What a selected field is, relative to its enclosing type.
#[derive(Debug, Clone, PartialEq)]
pub enum Selected {
    /// `__typename` with its constant.
    Typename(Arc<str>),
    /// A field of the entity: value, to-one or collection.
    Field(FieldId),
    /// `<f>Agg` of a collection field; the selection holds [`Selected::AggregateField`]s.
    Aggregate(FieldId),
    /// `<f>Distance(to:)` of a vector field.
    Distance(FieldId),
    /// A field of `TAgg`: the selection holds [`Selected::Function`]s.
    AggregateField(FieldId),
    /// An aggregate function inside `IntAgg` and the like.
    Function(AggregateFunction),
    /// A member of a `@json` type, by position.
    JsonMember(usize),
}

/// Arguments or members of an input object, in textual order.
pub type Arguments = IndexMap<String, Value>;

/// A coerced input value and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The value.
    pub data: Data,
    /// The variable it (or an enclosing value) came from, for traces.
    pub variable: Option<Arc<str>>,
}

/// Input data. Numbers keep their exact text through `serde_json::Number`.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Explicit null.
    Null,
    /// Boolean.
    Bool(bool),
    /// Integer or float.
    Number(serde_json::Number),
    /// String.
    String(String),
    /// Enum literal (or a string from a variable where an enum is expected).
    Enum(String),
    /// List; single values were wrapped where a list is expected.
    List(Vec<Value>),
    /// Input object without `__typename`, keys in textual order.
    Object(Arguments),
    /// A value for a `Json` argument, taken as is.
    Json(serde_json::Value),
}
