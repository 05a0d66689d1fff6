//! The result of planning: ordered SQL steps per root field. The engine executes it and knows nothing else.

use std::sync::Arc;

use studio_model::ir::ModuleId;

use crate::access::HookQuestion;
use crate::error::RequestError;
use crate::operation::CodeSelection;

/// A planned operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// One entry per root field, in response order.
    pub fields: Vec<FieldPlan>,
    /// Whether everything runs in one transaction (graphql-and-sql 2.7).
    pub transaction: bool,
}

/// How one root field is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldPlan {
    /// Response key.
    pub key: String,
    /// The work.
    pub body: FieldBody,
    /// Rows of the result that components have to see before anybody else does.
    pub reviews: Option<Box<ReviewPlan>>,
}

/// Reviews of the objects of a result, or of those in a list, and of what is below them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReviewPlan {
    /// Reviews of these objects.
    pub reviews: Vec<Review>,
    /// Members, by response key, whose objects are reviewed.
    pub below: Vec<(String, ReviewPlan)>,
}

/// A review of objects by a component.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// The rule, as the component was asked before anything was fetched.
    pub question: HookQuestion,
    /// Member of each object with what the component is shown of it. It is no part of the answer; no response key can
    /// be spelled like it.
    pub member: String,
}

/// The work of one root field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldBody {
    /// JSON text known without the database.
    Constant(String),
    /// Steps in order; the last one yields the JSON of the field.
    Steps(Vec<Step>),
    /// A function of a code module.
    Code(Box<CodePlan>),
    /// Decided while planning (for example access denied). Reported in document order with the others.
    Error(RequestError),
}

/// A call of a function of a code module, allowed by the rules.
#[derive(Debug, Clone, PartialEq)]
pub struct CodePlan {
    /// The module.
    pub module: ModuleId,
    /// Index into `CodeModule::methods`.
    pub method: usize,
    /// Arguments in the order of the function's parameters.
    pub arguments: Vec<Injection>,
    /// The selection on objects that are returned; `None` where the result passes untouched. See [`super::project`].
    pub selection: Option<Vec<CodeSelection>>,
}

/// An argument of a function of a code module (language.md 8.3).
#[derive(Debug, Clone, PartialEq)]
pub enum Injection {
    /// A value, from the client or a context.
    Value(serde_json::Value),
    /// `Exograph`.
    Exograph,
    /// `ExographPriv`.
    ExographPriv,
    /// `Operation`, the operation that an interceptor is woven around.
    Operation,
}

/// One SQL statement of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The statement.
    pub statement: Statement,
    /// What its rows mean.
    pub role: StepRole,
}

/// What the rows of a step mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepRole {
    /// An access pre-check: anything but exactly one row is `Not authorized`.
    Check,
    /// Rows of key columns (as text) that later steps refer to; any number.
    Rows,
    /// The JSON of the field in the single column of at most one row; no row is `null`, two are
    /// `Operation failed`.
    Result,
}

/// SQL text and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// SQL with `$1…$n`. Result columns are all of type text.
    pub text: Arc<str>,
    /// Parameters in order.
    pub params: Vec<Param>,
}

/// A typed parameter. All values travel as text in the input syntax of their type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Postgres type given in the Parse message.
    pub ty: ParamType,
    /// The value.
    pub value: ParamValue,
    /// Where it came from, for traces.
    pub origin: ParamOrigin,
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamValue {
    /// SQL NULL.
    Null,
    /// Text in the input syntax of the type.
    Text(String),
    /// A cell of an earlier [`StepRole::Rows`] step of the same field.
    Cell {
        /// Index of the step within the field.
        step: usize,
        /// Row.
        row: usize,
        /// Column.
        column: usize,
    },
    /// In a [`super::Template`]: the value with this index that filling it gives.
    Hole(usize),
    /// A whole column of an earlier step, as an array literal.
    Column {
        /// Index of the step within the field.
        step: usize,
        /// Column.
        column: usize,
    },
}

/// Where a parameter came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamOrigin {
    /// Written in the document.
    Document,
    /// A GraphQL variable.
    Variable(Arc<str>),
    /// A context value, such as `AuthContext.id`.
    Context(Arc<str>),
    /// A literal of the model's rule or a default.
    Model,
    /// A row of an earlier step.
    Row,
}

/// Postgres parameter types.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ParamType {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Varchar,
    Bytea,
    Uuid,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Json,
    Jsonb,
    /// One-dimensional in the type system; the literal may have more dimensions.
    Array(Box<ParamType>),
}
