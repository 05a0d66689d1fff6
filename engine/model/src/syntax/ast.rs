//! The syntax tree of one file (grammar: language.md 1.3). Holds what was written, decides nothing.

use std::sync::Arc;

use crate::source::Span;

/// An identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Its text.
    pub text: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

/// A file.
#[derive(Debug, Clone, Default)]
pub struct File {
    /// File documentation (`//!`), blocks joined with a newline.
    pub docs: Option<String>,
    /// `import` statements.
    pub imports: Vec<Import>,
    /// Contexts.
    pub contexts: Vec<TypeDecl>,
    /// Modules.
    pub modules: Vec<Module>,
    /// Doc comments in front of something that cannot be documented.
    pub stray_docs: Vec<Span>,
    /// Strings with a backslash, which is kept as it is.
    pub backslashes: Vec<Span>,
    /// Declarations (or stretches of text) with a syntax error inside.
    pub damaged: Vec<Span>,
}

/// `import "path"`
#[derive(Debug, Clone)]
pub struct Import {
    /// Text between the quotes.
    pub path: Arc<str>,
    /// The whole statement.
    pub span: Span,
    /// The string with its quotes.
    pub path_span: Span,
}

/// `module Name { … }`
#[derive(Debug, Clone)]
pub struct Module {
    /// Documentation.
    pub docs: Option<String>,
    /// Annotations.
    pub annotations: Vec<Annotation>,
    /// Name.
    pub name: Name,
    /// Types.
    pub types: Vec<TypeDecl>,
    /// Fragments.
    pub fragments: Vec<TypeDecl>,
    /// Enums.
    pub enums: Vec<EnumDecl>,
    /// Queries and mutations.
    pub methods: Vec<Method>,
    /// Interceptors.
    pub interceptors: Vec<InterceptorDecl>,
    /// The whole declaration.
    pub span: Span,
}

/// A type, fragment or context: they share their body.
#[derive(Debug, Clone)]
pub struct TypeDecl {
    /// Documentation.
    pub docs: Option<String>,
    /// Annotations.
    pub annotations: Vec<Annotation>,
    /// Name.
    pub name: Name,
    /// Fields in order.
    pub fields: Vec<Field>,
    /// `...Name`
    pub spreads: Vec<Spread>,
    /// The whole declaration.
    pub span: Span,
    /// The closing brace.
    pub close: Span,
}

/// `...Name`
#[derive(Debug, Clone)]
pub struct Spread {
    /// What is spread.
    pub name: Name,
    /// With the dots.
    pub span: Span,
}

/// A field of a type, fragment or context.
#[derive(Debug, Clone)]
pub struct Field {
    /// Documentation.
    pub docs: Option<String>,
    /// Annotations.
    pub annotations: Vec<Annotation>,
    /// Name.
    pub name: Name,
    /// Type.
    pub ty: TypeRef,
    /// Default value.
    pub default: Option<Box<Expr>>,
    /// From the first annotation to the end.
    pub span: Span,
}

/// A type as written.
#[derive(Debug, Clone)]
pub struct TypeRef {
    /// Module prefix; rare, so it takes little room where there is none.
    pub module: Option<Box<Name>>,
    /// Name.
    pub name: Name,
    /// Arguments in `<…>`.
    pub args: Vec<TypeRef>,
    /// How many `?` follow.
    pub optional: u32,
    /// The whole reference.
    pub span: Span,
}

/// `enum Name { A B }`
#[derive(Debug, Clone)]
pub struct EnumDecl {
    /// Documentation; not surfaced.
    pub docs: Option<String>,
    /// Annotations; without effect.
    pub annotations: Vec<Annotation>,
    /// Name.
    pub name: Name,
    /// Values in order.
    pub values: Vec<Name>,
    /// Commas between them; without effect.
    pub commas: Vec<Span>,
    /// The whole declaration.
    pub span: Span,
}

/// `query name(…): T` or `mutation name(…): T`
#[derive(Debug, Clone)]
pub struct Method {
    /// Documentation.
    pub docs: Option<String>,
    /// Annotations.
    pub annotations: Vec<Annotation>,
    /// Mutation rather than query.
    pub is_mutation: bool,
    /// Written with `export`, which has no effect.
    pub is_exported: bool,
    /// Name.
    pub name: Name,
    /// Parameters.
    pub params: Vec<Param>,
    /// Result type.
    pub result: TypeRef,
    /// The whole declaration.
    pub span: Span,
}

/// `interceptor name(…)`
#[derive(Debug, Clone)]
pub struct InterceptorDecl {
    /// Documentation.
    pub docs: Option<String>,
    /// Annotations.
    pub annotations: Vec<Annotation>,
    /// Name.
    pub name: Name,
    /// Parameters.
    pub params: Vec<Param>,
    /// The whole declaration.
    pub span: Span,
}

/// A parameter.
#[derive(Debug, Clone)]
pub struct Param {
    /// Annotations.
    pub annotations: Vec<Annotation>,
    /// Name.
    pub name: Name,
    /// Type.
    pub ty: TypeRef,
    /// The whole parameter.
    pub span: Span,
}

/// `@name(…)`
#[derive(Debug, Clone)]
pub struct Annotation {
    /// Name without the `@`.
    pub name: Name,
    /// Parameters.
    pub params: Params,
    /// With the `@` and the parameters.
    pub span: Span,
}

/// Parameters of an annotation.
#[derive(Debug, Clone)]
pub enum Params {
    /// No parentheses.
    None,
    /// Exactly one positional parameter.
    Single(Expr),
    /// Several positional parameters.
    List(Vec<Expr>),
    /// `name = value, …`
    Named(Vec<(Name, NamedValue)>),
}

/// The value of a named parameter.
#[derive(Debug, Clone)]
pub enum NamedValue {
    /// An expression.
    Expr(Expr),
    /// `{a: "x"}`
    Object(Vec<(Name, Literal)>, Span),
    /// `[a, b/c, /d]`
    Projection(Vec<ProjectionAtom>, Span),
}

impl NamedValue {
    /// Where the value stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Expr(expr) => expr.span,
            Self::Object(_, span) | Self::Projection(_, span) => *span,
        }
    }
}

/// An element of a projection.
#[derive(Debug, Clone)]
pub enum ProjectionAtom {
    /// `field`
    Field(Name),
    /// `/name`
    Own(Name),
    /// `relation/name`
    Relation(Name, Name),
}

/// A literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Its value.
    pub kind: LiteralKind,
    /// Where it stands.
    pub span: Span,
}

/// The value of a literal, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiteralKind {
    /// Raw text between the quotes.
    String(Arc<str>),
    /// Text of the number.
    Number(Arc<str>),
    /// `true` or `false`
    Bool(bool),
    /// `null`
    Null,
}

/// An expression.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands, parentheses included.
    pub span: Span,
}

/// The kinds of expression. Chains of `||` and `&&` are flat, so that long rules do not nest deeply.
#[derive(Debug, Clone)]
pub enum ExprKind {
    /// `a || b || …`
    Or(Vec<Expr>),
    /// `a && b && …`
    And(Vec<Expr>),
    /// `a == b`
    Relation {
        /// The operator.
        op: RelationOp,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `!a`
    Not(Box<Expr>),
    /// A literal.
    Literal(LiteralKind),
    /// `a.b.c(…)`
    Path(Path),
    /// Unreadable; a problem was reported.
    Error,
}

/// Operators of level 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RelationOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
}

/// `head.step.step`
#[derive(Debug, Clone)]
pub struct Path {
    /// First name.
    pub head: Name,
    /// Arguments directly after the head: a function call in a default, a mistake elsewhere.
    pub head_call: Option<Box<Call>>,
    /// The rest.
    pub steps: Vec<Step>,
}

/// `.name` or `.name(…)`
#[derive(Debug, Clone)]
pub struct Step {
    /// Name of the member or function.
    pub name: Name,
    /// Arguments.
    pub call: Option<Box<Call>>,
}

/// Arguments of a call.
#[derive(Debug, Clone)]
pub struct Call {
    /// What was passed.
    pub args: CallArgs,
    /// With the parentheses.
    pub span: Span,
}

/// What was passed to a call.
#[derive(Debug, Clone)]
pub enum CallArgs {
    /// `x => expr`
    Lambda(Name, Box<Expr>),
    /// Literals, maybe none.
    Literals(Vec<Literal>),
    /// Values of any kind, maybe none: `hook("rule", AuthContext.id, self.owner)`
    Values(Vec<Expr>),
}

/// What of the tree can carry annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Target {
    Module,
    Type,
    Context,
    Fragment,
    Field,
    ContextField,
    Method,
    Interceptor,
    Param,
}

impl Target {
    /// How messages call it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Type => "type",
            Self::Context => "context",
            Self::Fragment => "fragment",
            Self::Field => "field",
            Self::ContextField => "context field",
            Self::Method => "query or mutation",
            Self::Interceptor => "interceptor",
            Self::Param => "parameter",
        }
    }
}
