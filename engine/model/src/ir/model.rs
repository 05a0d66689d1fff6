//! The intermediate representation: the checked model in compact, serialisable form.
//!
//! Everything downstream (GraphQL schema, tables, access control, planning) reads this and nothing else.
//! It holds decisions, not source text: relations are resolved, names and columns are final, rules are typed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::{
    Arena, CodeTypeId, ColumnId, ColumnIds, ContextFieldId, ContextId, EntityId, EnumId, FieldId, JsonTypeId,
    ModuleId,
};

/// A whole checked model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ir {
    /// File documentation (`//!`) of the root file; the GraphQL schema description.
    pub docs: Option<String>,
    /// All modules, root file first, then imports in order.
    pub modules: Arena<ModuleId, Module>,
    /// Enum types in declaration order.
    pub enums: Arena<EnumId, EnumType>,
    /// `@json` types in declaration order.
    pub json_types: Arena<JsonTypeId, JsonType>,
    /// Postgres entity types in declaration order.
    pub entities: Arena<EntityId, Entity>,
    /// Contexts in declaration order.
    pub contexts: Arena<ContextId, Context>,
    /// Types declared in code modules, in declaration order.
    pub code_types: Arena<CodeTypeId, CodeType>,
    /// Trusted documents by SHA-256 (graphql-and-sql 2.8). `None`: no such folder, everything is allowed.
    pub trusted_documents: Option<std::collections::BTreeMap<String, String>>,
    /// The code of script modules and everything it imports, by project-relative path (language.md 8.6).
    pub scripts: Arc<std::collections::BTreeMap<String, super::Script>>,
}

/// Where something was declared. Not part of the meaning: excluded from the hash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Project-relative path of the file.
    pub file: Arc<str>,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
}

/// A module and what runs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Module {
    /// Name as declared.
    pub name: String,
    /// Documentation; not surfaced.
    pub docs: Option<String>,
    /// The plugin and its settings.
    pub plugin: Plugin,
}

/// The plugin of a module (language.md 8.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Plugin {
    /// Tables in Postgres.
    Postgres {
        /// Schema from `@postgres(schema=…)`.
        schema: Option<String>,
    },
    /// JavaScript or TypeScript; project-relative path.
    Deno(CodeModule),
    /// WebAssembly; project-relative path.
    Wasm(CodeModule),
}

/// An enum type. Labels are verbatim in GraphQL and in Postgres.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnumType {
    /// GraphQL name.
    pub name: String,
    /// Values in declaration order.
    pub values: Vec<String>,
    /// Module it was declared in.
    pub module: ModuleId,
    /// Postgres schema; `None` is `public`.
    pub schema: Option<String>,
    /// Postgres type name: snake case of the name.
    pub db_name: String,
    /// Declaration place.
    pub origin: Origin,
}

/// A `@json` value type, stored in one JSONB column (language.md 3.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JsonType {
    /// GraphQL name.
    pub name: String,
    /// Documentation.
    pub docs: Option<String>,
    /// Members in declaration order.
    pub fields: Vec<JsonField>,
    /// Declaration place.
    pub origin: Origin,
}

/// A member of a `@json` type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JsonField {
    /// Name as declared.
    pub name: String,
    /// Documentation.
    pub docs: Option<String>,
    /// Its type.
    pub ty: ValueType,
    /// Declared with `?`.
    pub optional: bool,
}

/// A Postgres entity type: a table (or view) with operations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// Type name `T`.
    pub name: String,
    /// Plural `P` (graphql-and-sql 1.1).
    pub plural: String,
    /// Documentation.
    pub docs: Option<String>,
    /// Module it was declared in.
    pub module: ModuleId,
    /// The table.
    pub table: TableName,
    /// Whether migrations manage the table.
    pub managed: bool,
    /// Fields: own ones first, then those of fragments in spread order.
    pub fields: Arena<FieldId, Field>,
    /// Physical columns in model order; a column shared by several fields stands once.
    pub columns: Arena<ColumnId, Column>,
    /// `@pk` fields in declaration order.
    pub primary_key: Vec<FieldId>,
    /// Unique constraints in order of first appearance.
    pub uniques: Vec<Unique>,
    /// Indexes in order of first appearance.
    pub indexes: Vec<IndexDef>,
    /// Type-level access rules.
    pub access: EntityAccess,
    /// Named projections in declaration order, user-defined ones only.
    pub projections: Vec<Projection>,
    /// Declaration place.
    pub origin: Origin,
}

/// A table name; `schema` `None` is `public`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    /// Postgres schema.
    pub schema: Option<String>,
    /// Table.
    pub name: String,
}

/// A field of an entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Name as declared; never re-cased.
    pub name: String,
    /// Documentation.
    pub docs: Option<String>,
    /// What it is.
    pub kind: FieldKind,
    /// Declared with `?` (on a `Set`: only makes the nested creation list optional).
    pub optional: bool,
    /// Columns this field owns, in the order of the target's key for relations; empty for inverse sides.
    pub columns: ColumnIds,
    /// Default value.
    pub default: Option<FieldDefault>,
    /// `@readonly` or `@update`: not writable through the API.
    pub readonly: bool,
    /// `@update`: set to its default on each update by a trigger.
    pub update: bool,
    /// Bounds checked on input.
    pub range: Option<Range>,
    /// Field-level rules; `None` where the field has no `@access` (open).
    pub access: Option<Box<FieldAccess>>,
    /// Declaration place.
    pub origin: Origin,
}

/// What a field is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FieldKind {
    /// One column holding a value.
    Value(ValueType),
    /// Owning side of a relation: foreign-key columns here.
    Reference {
        /// The referenced entity.
        target: EntityId,
        /// The field of the target that leads back, if declared.
        inverse: Option<FieldId>,
        /// One-to-one (unique) rather than many-to-one.
        one_to_one: bool,
        /// Pairs (own column, referenced primary-key column of the target), in the target's key order.
        /// Parallel to `Field::columns`.
        pairs: Vec<(ColumnId, ColumnId)>,
    },
    /// Inverse side of a one-to-one: at most one row of `target` refers here.
    InverseOne {
        /// The entity that owns the foreign key.
        target: EntityId,
        /// Its owning field.
        owner: FieldId,
    },
    /// Inverse side of a many-to-one: a collection.
    Collection {
        /// The entity that owns the foreign key.
        target: EntityId,
        /// Its owning field.
        owner: FieldId,
    },
}

/// The type of a value held in one column or json member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ValueType {
    /// A primitive.
    Scalar(Scalar),
    /// A vector with its size and distance function.
    Vector {
        /// Dimensions.
        size: u32,
        /// Distance used by `similar`, ordering and `<field>Distance`.
        distance: Distance,
    },
    /// An enum.
    Enum(EnumId),
    /// An embedded `@json` value.
    Json(JsonTypeId),
    /// `Array<T>`.
    Array {
        /// Element type; arrays nest.
        element: Box<ValueType>,
        /// `Array<T?>`.
        element_optional: bool,
    },
}

/// Primitive types (language.md 2.1), except `Vector`, which carries parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Scalar {
    Boolean,
    Int,
    Float,
    Decimal,
    String,
    LocalTime,
    LocalDateTime,
    LocalDate,
    Instant,
    Json,
    Blob,
    Uuid,
}

/// Vector distance functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Distance {
    /// `<=>`
    Cosine,
    /// `<->`
    L2,
    /// `<#>`, negative inner product
    InnerProduct,
}

/// Inclusive bounds of `@range`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Range {
    /// Bounds of an `Int`.
    Int {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// Bounds of a `Float`.
    Float {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
}

/// A physical column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Column name.
    pub name: String,
    /// SQL type; foreign keys carry the type of the referenced column (never serial).
    pub ty: ColumnType,
    /// Whether NULL is allowed by the model (primary-key columns are never nullable).
    pub nullable: bool,
    /// Part of the primary key.
    pub primary_key: bool,
    /// Default kept by the database; context defaults are not here.
    pub default: Option<ColumnDefault>,
    /// Re-set to its default by the BEFORE UPDATE trigger.
    pub on_update: bool,
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
    Numeric { precision: Option<u32>, scale: Option<u32> },
    Text,
    Varchar(u32),
    Char(u32),
    Boolean,
    Timestamp { precision: Option<u32>, time_zone: bool },
    Time { precision: Option<u32> },
    Date,
    Jsonb,
    Bytea,
    Uuid,
    Vector(u32),
    Enum(EnumId),
    Array(Box<ColumnType>),
}

/// A default kept by the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ColumnDefault {
    /// SERIAL of the column's width.
    Serial,
    /// An explicit sequence.
    Sequence {
        /// Schema of the sequence.
        schema: Option<String>,
        /// Its name.
        name: String,
    },
    /// `now()`.
    Now,
    /// `gen_random_uuid()`.
    GenerateUuid,
    /// `uuid_generate_v4()`, needs `uuid-ossp`.
    UuidV4,
    /// `uuidv7()`.
    UuidV7,
    /// A literal; the text as in the model (without quotes for strings).
    Literal(Literal),
    /// An enum label.
    Enum(String),
    /// Raw SQL expression (Blob strings).
    Expression(String),
}

/// A default as written on a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FieldDefault {
    /// Kept by the database; see the column.
    Column(ColumnDefault),
    /// `= null`: merely optional.
    Null,
    /// Filled from the request.
    Context {
        /// Which context value.
        value: ContextValue,
    },
    /// Accepted but without effect at run time (language.md 4.1, mismatching context default).
    Ignored,
}

/// A literal of the language. Numbers keep their text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Literal {
    /// Raw text between the quotes; escapes are not decoded.
    String(String),
    /// Parses as a 64-bit integer.
    Int(i64),
    /// Any other number, as text.
    Float(String),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

/// A unique constraint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unique {
    /// Constraint name `k` as in the model (the field's name by default).
    pub name: String,
    /// Name in the database.
    pub db_name: String,
    /// Fields in declaration order.
    pub fields: Vec<FieldId>,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexDef {
    /// Name in the database.
    pub name: String,
    /// Fields in declaration order.
    pub fields: Vec<FieldId>,
}

/// Type-level rules, with the fall-back chain of language.md 6.1 already applied; slots that follow the same rule share
/// it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntityAccess {
    /// Queries, nested reads and mutation results.
    pub read: Arc<AccessRule>,
    /// Creation.
    pub create: Arc<AccessRule>,
    /// Update.
    pub update: Arc<AccessRule>,
    /// Deletion.
    pub delete: Arc<AccessRule>,
}

/// Field-level rules, with the fall-back chain applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldAccess {
    /// Selecting, filtering, ordering.
    pub read: Arc<AccessRule>,
    /// Supplying the field on create.
    pub create: Arc<AccessRule>,
    /// Supplying the field on update.
    pub update: Arc<AccessRule>,
}

/// An access rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessRule {
    /// The expression; `Literal(false)` where no rule was given.
    pub expr: AccessExpr,
    /// Text of the expression as written; `None` where no rule was given.
    pub text: Option<String>,
    /// Where it stands.
    pub origin: Origin,
}

impl AccessRule {
    /// Whether the rule is the literal `false` (or missing): the operation does not exist at all.
    /// Nothing is folded (language.md 6.1).
    pub fn is_statically_closed(&self) -> bool {
        matches!(self.expr, AccessExpr::Literal(false))
    }
}

/// A typed boolean expression (language.md 6.3). Bare Boolean paths are lowered to `path == true`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AccessExpr {
    /// A literal rule.
    Literal(bool),
    /// A comparison.
    Compare {
        /// The operator.
        op: CompareOp,
        /// Left operand.
        left: Operand,
        /// Right operand.
        right: Operand,
    },
    /// Negation.
    Not(Box<AccessExpr>),
    /// Conjunction.
    And(Box<AccessExpr>, Box<AccessExpr>),
    /// Disjunction.
    Or(Box<AccessExpr>, Box<AccessExpr>),
    /// `path.some(x => e)`: one related row satisfies all of `e`. In `e`, [`PathRoot::Element`] is `x`,
    /// and [`PathRoot::SelfRow`] still is the enclosing row.
    Some {
        /// Path that ends on a collection.
        collection: FieldPath,
        /// Condition on one element.
        condition: Box<AccessExpr>,
    },
    /// `hook("rule", …)`: a component decides.
    Hook(HookRule),
}

/// A rule that a hook component decides (`authorization` of the component contract).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HookRule {
    /// What the component knows the rule by; `component:rule` names the component as well.
    pub name: String,
    /// Literals and context values for the component, in order.
    pub arguments: Vec<Operand>,
    /// Fields of the row, in order. With any the component also reviews the rows that were read.
    pub fields: Vec<FieldPath>,
}

impl AccessExpr {
    /// Shows every rule that a component decides.
    pub fn hooks<'a>(&'a self, show: &mut dyn FnMut(&'a HookRule)) {
        match self {
            Self::Literal(_) | Self::Compare { .. } => {}
            Self::Not(inner) => inner.hooks(show),
            Self::And(left, right) | Self::Or(left, right) => {
                left.hooks(show);
                right.hooks(show);
            }
            Self::Some { condition, .. } => condition.hooks(show),
            Self::Hook(rule) => show(rule),
        }
    }

    /// Whether a component reviews rows after they were read.
    pub fn reviews(&self) -> bool {
        match self {
            Self::Literal(_) | Self::Compare { .. } => false,
            Self::Not(inner) => inner.reviews(),
            Self::And(left, right) | Self::Or(left, right) => left.reviews() || right.reviews(),
            Self::Some { condition, .. } => condition.reviews(),
            Self::Hook(rule) => !rule.fields.is_empty(),
        }
    }
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
}

/// An operand of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Operand {
    /// A literal.
    Literal(Literal),
    /// An enum label.
    EnumValue(EnumId, String),
    /// A context field, or a `contains` call on it.
    Context(ContextValue),
    /// A path from the row (or the element of `some`). A path that ends on an owning relation stands for its
    /// first foreign-key column.
    Path(FieldPath),
}

/// A context field, optionally asked `contains(literal)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextValue {
    /// The context.
    pub context: ContextId,
    /// Its field.
    pub field: ContextFieldId,
    /// `field.contains(literal)`, a Boolean.
    pub contains: Option<Literal>,
}

/// A path of fields; each step is a field of the entity the previous step leads to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldPath {
    /// Where it starts.
    pub root: PathRoot,
    /// The entity it starts from.
    pub entity: EntityId,
    /// At least one step.
    pub steps: Vec<FieldId>,
}

/// The start of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PathRoot {
    /// `self`.
    SelfRow,
    /// The lambda parameter of the enclosing `some`.
    Element,
}

/// A context declaration (language.md 5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// Name.
    pub name: String,
    /// Documentation.
    pub docs: Option<String>,
    /// Fields.
    pub fields: Arena<ContextFieldId, ContextField>,
}

/// A field of a context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextField {
    /// Name.
    pub name: String,
    /// Where the value comes from.
    pub source: ContextSource,
    /// Declared type.
    pub ty: ContextType,
}

/// The type of a context field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextType {
    /// Primitive type of the value or of the elements; `None` for `Vector`, which never coerces.
    pub scalar: Option<Scalar>,
    /// `Set<T>` or `Array<T>`.
    pub list: bool,
    /// Declared with `?`: missing is null rather than absent.
    pub optional: bool,
}

/// The source of a context field.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContextSource {
    /// Claim path of the verified token, as written.
    Jwt(String),
    /// Header name.
    Header(String),
    /// Cookie name.
    Cookie(String),
    /// Environment variable.
    Env(String),
    /// Peer address.
    ClientIp,
    /// Result of the named query operation.
    Query(String),
    /// An annotation we do not know; extraction fails at run time (W0002).
    Unknown(String),
    /// A value that a hook left under this key.
    Hook(String),
}

/// A named response shape of the RPC surface (language.md 9.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    /// Name.
    pub name: String,
    /// Elements, flattened: references to projections of the same type are resolved.
    pub elements: Vec<ProjectionElement>,
}

/// One element of a projection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ProjectionElement {
    /// A plain field.
    Field(FieldId),
    /// A relation with projections of the related type, by name.
    Relation(FieldId, Vec<String>),
}

/// A module backed by code (language.md 8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CodeModule {
    /// Project-relative path of the script or component.
    pub path: String,
    /// Queries and mutations in declaration order.
    pub methods: Vec<Method>,
    /// Interceptors in declaration order.
    pub interceptors: Vec<Interceptor>,
}

/// A type declared in a code module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CodeType {
    /// Name as declared.
    pub name: String,
    /// Documentation.
    pub docs: Option<String>,
    /// Its module.
    pub module: ModuleId,
    /// Used as a parameter (an input type) rather than a result.
    pub is_input: bool,
    /// Fields.
    pub fields: Vec<CodeField>,
    /// The single rule; `Literal(false)` where none was given. Operands are contexts and literals only.
    pub access: AccessRule,
}

/// A field of a code type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CodeField {
    /// Name.
    pub name: String,
    /// Documentation.
    pub docs: Option<String>,
    /// Type.
    pub ty: CodeTypeRef,
}

/// A type used in a code module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CodeTypeRef {
    /// The named type.
    pub base: CodeBase,
    /// List wrappers from the outside in; each says whether that list is optional.
    pub lists: Vec<bool>,
    /// Whether the innermost type is optional.
    pub optional: bool,
}

/// The innermost type of a [`CodeTypeRef`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum CodeBase {
    Scalar(Scalar),
    Vector,
    Code(CodeTypeId),
    Enum(EnumId),
    /// A foreign result type (`Module.Type`).
    Entity(EntityId),
    Context(ContextId),
    Exograph,
    ExographPriv,
    Operation,
}

/// A query or mutation of a code module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// Function name, GraphQL name.
    pub name: String,
    /// Documentation.
    pub docs: Option<String>,
    /// Mutation rather than query.
    pub is_mutation: bool,
    /// Parameters in order.
    pub params: Vec<Param>,
    /// Result.
    pub result: CodeTypeRef,
    /// The single rule; `Literal(false)` where none was given.
    pub access: AccessRule,
}

/// A parameter of a method or interceptor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: CodeTypeRef,
    /// Filled by the engine rather than by the client.
    pub injected: bool,
}

/// An interceptor (language.md 8.5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interceptor {
    /// Function name.
    pub name: String,
    /// When it runs.
    pub kind: InterceptorKind,
    /// Wildcard pattern over `query <name>` / `mutation <name>`.
    pub pattern: String,
    /// Parameters.
    pub params: Vec<Param>,
}

/// When an interceptor runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum InterceptorKind {
    Before,
    After,
    Around,
}

impl Ir {
    /// The entity a relation field leads to; `None` for values.
    pub fn relation_target(&self, field: &Field) -> Option<EntityId> {
        match field.kind {
            FieldKind::Value(_) => None,
            FieldKind::Reference { target, .. }
            | FieldKind::InverseOne { target, .. }
            | FieldKind::Collection { target, .. } => Some(target),
        }
    }
}
