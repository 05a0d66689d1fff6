//! A database schema as plain data: what a model wants, or what a live database has.
//!
//! Both sides of a difference are values of [`DatabaseSchema`]; printing is in [`crate::ddl`], comparing in
//! [`crate::diff`]. Contract: graphql-and-sql.md part 4.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Everything part 4 knows about a database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseSchema {
    /// Schemas other than `public`, in order of first mention.
    pub schemas: Vec<String>,
    /// Extensions by name.
    pub extensions: Vec<String>,
    /// Explicit sequences; those behind serial columns are not listed.
    pub sequences: Vec<QualifiedName>,
    /// Enum types.
    pub enums: Vec<EnumType>,
    /// Tables, in declaration order of the types.
    pub tables: Vec<Table>,
    /// Functions called by the update triggers.
    pub functions: Vec<Function>,
}

/// A name with an optional schema; `None` is `public`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QualifiedName {
    /// Schema, never `Some("public")`.
    pub schema: Option<String>,
    /// The name itself.
    pub name: String,
}

/// An enum type with its labels in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnumType {
    /// Type name.
    pub name: QualifiedName,
    /// Labels.
    pub values: Vec<String>,
    /// Whether migrations look after it.
    pub managed: bool,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Table name.
    pub name: QualifiedName,
    /// Columns in model order.
    pub columns: Vec<Column>,
    /// Name of the primary-key constraint where it is not PostgreSQL's `<table>_pkey`.
    pub key_name: Option<String>,
    /// Unique constraints, sorted by name.
    pub uniques: Vec<Unique>,
    /// Foreign keys, sorted by the field they come from.
    pub foreign_keys: Vec<ForeignKey>,
    /// Indexes in order of first appearance.
    pub indexes: Vec<Index>,
    /// Triggers that keep `@update` columns fresh.
    pub triggers: Vec<Trigger>,
    /// Whether migrations look after it. An unmanaged table is never created, changed or dropped.
    pub managed: bool,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Column name.
    pub name: String,
    /// Type; a serial column has the integer type and [`ColumnDefault::Serial`].
    pub ty: ColumnType,
    /// Part of the primary key.
    pub primary_key: bool,
    /// Whether NULL is allowed; false for primary keys.
    pub nullable: bool,
    /// Default.
    pub default: Option<ColumnDefault>,
}

/// SQL types (graphql-and-sql 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ColumnType {
    SmallInt,
    Int,
    BigInt,
    Real,
    DoublePrecision,
    Numeric {
        precision: Option<u32>,
        scale: Option<u32>,
    },
    Text,
    Varchar(Option<u32>),
    Char(Option<u32>),
    Boolean,
    Timestamp {
        precision: Option<u32>,
        time_zone: bool,
    },
    Time {
        precision: Option<u32>,
    },
    Date,
    Jsonb,
    Bytea,
    Uuid,
    Vector(Option<u32>),
    Enum(QualifiedName),
    Array(Box<ColumnType>),
    /// A type the model language cannot express, as the database prints it.
    Other(String),
}

/// A default kept by the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnDefault {
    /// `SERIAL` of the column's width, or an identity column.
    Serial,
    /// `nextval` of an explicit sequence.
    Sequence(QualifiedName),
    /// `now()`, also `CURRENT_TIMESTAMP` and `CURRENT_DATE`.
    Now,
    /// `gen_random_uuid()`.
    GenerateUuid,
    /// `uuid_generate_v4()`.
    UuidV4,
    /// `uuidv7()`.
    UuidV7,
    /// `true` or `false`.
    Bool(bool),
    /// A number as text.
    Number(String),
    /// A quoted literal without its quotes; the cast printed behind it follows from the column type.
    Quoted(String),
    /// Any other expression, verbatim.
    Expression(String),
}

/// A unique constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unique {
    /// Constraint name.
    pub name: String,
    /// Columns, sorted by name.
    pub columns: Vec<String>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Constraint name.
    pub name: String,
    /// The referenced table.
    pub target: QualifiedName,
    /// Pairs (own column, referenced column), sorted by own column.
    pub columns: Vec<(String, String)>,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Index name; it lives in the schema of its table.
    pub name: String,
    /// Columns, sorted by name.
    pub columns: Vec<String>,
    /// Access method.
    pub kind: IndexKind,
}

/// How an index is organised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexKind {
    /// The default b-tree.
    BTree,
    /// `hnsw` over a vector with the operator class of a distance.
    Hnsw(VectorOps),
}

/// Operator classes of vector indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum VectorOps {
    Cosine,
    L2,
    InnerProduct,
}

/// The BEFORE UPDATE trigger of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Trigger name.
    pub name: String,
    /// Function it executes.
    pub function: String,
}

/// A function without parameters that returns a trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Function name, in `public`.
    pub name: String,
    /// Text between the dollar signs, without surrounding blanks.
    pub body: String,
}

impl QualifiedName {
    /// A name in `schema`; `None` and `public` are the same.
    pub fn new(schema: Option<&str>, name: impl Into<String>) -> Self {
        Self { schema: schema.filter(|schema| *schema != "public").map(str::to_owned), name: name.into() }
    }

    /// A name in `public`.
    pub fn public(name: impl Into<String>) -> Self {
        Self { schema: None, name: name.into() }
    }

    /// The schema, `public` spelled out.
    pub fn schema_name(&self) -> &str {
        self.schema.as_deref().unwrap_or("public")
    }

    /// `"s"."t"`, or `"t"` in `public`.
    pub fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quote_ident(schema), quote_ident(&self.name)),
            None => quote_ident(&self.name),
        }
    }
}

impl fmt::Display for QualifiedName {
    /// `s.t`, or `t` in `public`: the form used in answers files and messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl DatabaseSchema {
    /// The table with this name.
    pub fn table(&self, name: &QualifiedName) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == *name)
    }

    /// The enum type with this name.
    pub fn enum_type(&self, name: &QualifiedName) -> Option<&EnumType> {
        self.enums.iter().find(|candidate| candidate.name == *name)
    }

    /// The function with this name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| same_ident(&function.name, name))
    }
}

impl Table {
    /// The column with this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Primary-key columns in column order.
    pub fn primary_key(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.primary_key)
    }

    /// The name of the primary-key constraint.
    pub fn key_constraint(&self) -> String {
        self.key_name.clone().unwrap_or_else(|| format!("{}_pkey", self.name.name))
    }

    /// Whether this column alone is the primary key.
    pub fn is_sole_key(&self, column: &Column) -> bool {
        column.primary_key && self.primary_key().count() == 1
    }
}

impl Function {
    /// Whether two update functions assign the same, in whatever order.
    pub fn same_body(&self, other: &Function) -> bool {
        fn statements(body: &str) -> Vec<&str> {
            let body = body.trim().strip_prefix("BEGIN").unwrap_or(body);
            let mut statements: Vec<&str> = body.split(';').map(str::trim).collect();
            statements.sort_unstable();
            statements
        }
        statements(&self.body) == statements(&other.body)
    }
}

impl ForeignKey {
    /// Own columns, in stored order.
    pub fn own_columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(own, _)| own.as_str())
    }
}

impl ColumnType {
    /// The innermost element type; the type itself when it is no array.
    pub fn element(&self) -> &ColumnType {
        match self {
            ColumnType::Array(element) => element.element(),
            other => other,
        }
    }

    /// Whether two types hold the same values, however they are spelt: `NUMERIC(9)` is `NUMERIC(9, 0)`, and a
    /// timestamp without precision has six digits.
    pub fn same_as(&self, other: &ColumnType) -> bool {
        match (self, other) {
            (
                ColumnType::Numeric { precision: Some(a), scale: a_scale },
                ColumnType::Numeric { precision: Some(b), scale: b_scale },
            ) => a == b && a_scale.unwrap_or(0) == b_scale.unwrap_or(0),
            (
                ColumnType::Timestamp { precision: a, time_zone: a_zone },
                ColumnType::Timestamp { precision: b, time_zone: b_zone },
            ) => a_zone == b_zone && a.unwrap_or(6) == b.unwrap_or(6),
            (ColumnType::Time { precision: a }, ColumnType::Time { precision: b }) => {
                a.unwrap_or(6) == b.unwrap_or(6)
            }
            (ColumnType::Array(a), ColumnType::Array(b)) => a.same_as(b),
            (a, b) => a == b,
        }
    }
}

/// An identifier in double quotes, always.
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An identifier without quotes where it reads the same without them; quoted otherwise.
pub fn plain_ident(name: &str) -> String {
    let mut chars = name.chars();
    let starts_well = chars.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_');
    let goes_on_well = chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if starts_well && goes_on_well && !RESERVED.contains(&name) { name.to_owned() } else { quote_ident(name) }
}

/// Whether two names are the same to PostgreSQL, which cuts identifiers after 63 bytes.
pub fn same_ident(a: &str, b: &str) -> bool {
    stored_ident(a) == stored_ident(b)
}

fn stored_ident(name: &str) -> &str {
    const LONGEST: usize = 63;
    let mut end = name.len().min(LONGEST);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// A string literal in single quotes.
pub fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Words that cannot name a table or column without quotes (reserved key words of PostgreSQL 18).
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];
