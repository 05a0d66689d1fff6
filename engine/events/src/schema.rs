//! What the Schema pane shows: types, DDL, SDL and the pending migration.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::time::Revision;

/// The schema of one revision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaSummary {
    /// Revision it belongs to.
    pub revision: Revision,
    /// Types and enums in declaration order.
    pub types: Vec<TypeSummary>,
    /// Root query fields.
    pub queries: Vec<String>,
    /// Root mutation fields.
    pub mutations: Vec<String>,
    /// Statements that create the whole schema.
    pub ddl: Arc<str>,
    /// GraphQL SDL.
    pub sdl: Arc<str>,
}

/// Kinds of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TypeKind {
    /// An entity with a table.
    Entity,
    /// An enum.
    Enum,
    /// A `@json` value type.
    Json,
}

/// One type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeSummary {
    /// GraphQL name.
    pub name: String,
    /// What it is.
    pub kind: TypeKind,
    /// Table, schema-qualified where needed; empty for other kinds.
    pub table: String,
    /// Fields, or the values of an enum.
    pub fields: Vec<FieldSummary>,
    /// Access rules in words, one line each, such as `query  AuthContext.role == "staff"`.
    pub access: Vec<String>,
    /// Estimated or counted rows.
    pub rows: Option<u64>,
    /// Project-relative file and 1-based line of the declaration.
    pub file: String,
    /// 1-based line.
    pub line: u32,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSummary {
    /// Name.
    pub name: String,
    /// GraphQL type, such as `Int!`.
    pub ty: String,
    /// Facts such as `primary key, identity`, `fk users.id, indexed`.
    pub note: String,
}

/// A reviewed list of migration steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationSummary {
    /// Revision that needs it.
    pub revision: Revision,
    /// Steps in order.
    pub steps: Vec<MigrationStep>,
    /// What is asked about them, in order of the steps. Also in
    /// [`StudioState::decisions`](crate::StudioState::decisions).
    #[serde(default)]
    pub decisions: Vec<Decision>,
    /// The word to type before applying, because a chosen step loses values; `None`: none is needed.
    #[serde(default)]
    pub word: Option<String>,
    /// Name of the copy that is made first; `None`: no copy can be made of this database.
    #[serde(default)]
    pub copy: Option<String>,
    /// The last migration was undone: even safe steps wait until they are applied by order.
    #[serde(default)]
    pub held: bool,
}

/// The class of a step (terminal.md section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepClass {
    /// Applied at once.
    Safe,
    /// Needs a value for existing rows.
    NeedsValue,
    /// Could be a rename.
    Question,
    /// Loses data.
    Destructive,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationStep {
    /// What changes, one line.
    pub title: String,
    /// Its class.
    pub class: StepClass,
    /// Statements.
    pub statements: Vec<String>,
    /// Rows touched, if known.
    pub rows: Option<u64>,
    /// Whether it has run.
    pub applied: bool,
    /// `table.column` or `table`.
    #[serde(default)]
    pub object: String,
    /// What applying it does to others who use the table: `none`, `short`, `scan` (reads the table meanwhile),
    /// `rewrite`.
    #[serde(default)]
    pub lock: String,
    /// Whether applying now runs it: safe, or answered so.
    #[serde(default)]
    pub chosen: bool,
}
