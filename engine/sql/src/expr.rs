//! SQL expressions as a tree. Names are borrowed from the model; values are only ever [`Expr::Param`].

use std::borrow::Cow;

use crate::select::Select;

/// The name a table goes by inside one statement. The first use of a table is called like the table
/// (`schema#table` outside of `public`), further uses get `$n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alias<'a> {
    /// Schema of the table; `None` is `public`.
    pub schema: Option<&'a str>,
    /// Table name.
    pub table: &'a str,
    /// 0 for the first use; otherwise unique within the statement.
    pub serial: u32,
}

/// A parameter: an index into the planner's list of values. The printer numbers `$1…$n` in textual order and
/// reports which values stand behind the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ParamId(pub usize);

/// An SQL expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr<'a> {
    /// `"alias"."column"`.
    Column(Alias<'a>, &'a str),
    /// `"column"`, as in `RETURNING`.
    Name(Cow<'a, str>),
    /// A bound value.
    Param(ParamId),
    /// A string constant of the statement's shape (response keys, type names); never a client's value.
    Text(Cow<'a, str>),
    /// An integer constant of the statement's shape.
    Int(i64),
    /// `TRUE` or `FALSE`.
    Bool(bool),
    /// `NULL`.
    Null,
    /// `expr::type`.
    Cast(Box<Expr<'a>>, SqlType<'a>),
    /// A function call.
    Call(Function, Vec<Expr<'a>>),
    /// `left op right`.
    Binary(Box<Expr<'a>>, BinaryOp, Box<Expr<'a>>),
    /// `left op ANY(array)`.
    Any(Box<Expr<'a>>, BinaryOp, Box<Expr<'a>>),
    /// `left op ALL(array)`.
    All(Box<Expr<'a>>, BinaryOp, Box<Expr<'a>>),
    /// `NOT (…)`.
    Not(Box<Expr<'a>>),
    /// Conjunction; empty is `TRUE`.
    And(Vec<Expr<'a>>),
    /// Disjunction; empty is `FALSE`.
    Or(Vec<Expr<'a>>),
    /// `IS NULL`, or `IS NOT NULL` when negated.
    IsNull {
        /// What is tested.
        expr: Box<Expr<'a>>,
        /// `IS NOT NULL`.
        negated: bool,
    },
    /// `(a, b) IN (SELECT …)`; one column stands without parentheses.
    In(Vec<Expr<'a>>, Box<Select<'a>>),
    /// `EXISTS (SELECT …)`.
    Exists(Box<Select<'a>>),
    /// `(SELECT …)` as a value.
    Scalar(Box<Select<'a>>),
    /// A JSON object with these members in this order, of any number.
    JsonObject(Vec<(Cow<'a, str>, Expr<'a>)>),
    /// `COALESCE(json_agg(…), '[]'::json)`; between rows Postgres breaks lines.
    JsonList(Box<Expr<'a>>),
    /// `"alias".*`: the current row of a sub-select as one value. As JSON it is an object with the names of the
    /// columns as keys.
    Row(Alias<'a>),
}

/// Functions the planner uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Function {
    Min,
    Max,
    Sum,
    Avg,
    Count,
    Encode,
    Translate,
    Coalesce,
    JsonbTypeof,
    JsonbArrayElements,
    JsonbArrayElementsText,
    ToJsonb,
}

impl Function {
    /// The name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Min => "MIN",
            Self::Max => "MAX",
            Self::Sum => "SUM",
            Self::Avg => "AVG",
            Self::Count => "COUNT",
            Self::Encode => "encode",
            Self::Translate => "translate",
            Self::Coalesce => "COALESCE",
            Self::JsonbTypeof => "jsonb_typeof",
            Self::JsonbArrayElements => "jsonb_array_elements",
            Self::JsonbArrayElementsText => "jsonb_array_elements_text",
            Self::ToJsonb => "to_jsonb",
        }
    }
}

/// Binary operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Like,
    ILike,
    Concat,
    /// `@>`
    Contains,
    /// `<@`
    ContainedBy,
    /// `?`
    HasKey,
    /// `?|`
    HasAnyKey,
    Overlaps,
    /// `?&`
    HasAllKeys,
    /// `<=>`
    CosineDistance,
    /// `<->`
    L2Distance,
    /// `<#>`
    InnerProduct,
    /// `->`
    JsonMember,
}

impl BinaryOp {
    /// The operator in SQL.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "<>",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Like => "LIKE",
            Self::ILike => "ILIKE",
            Self::Concat => "||",
            Self::Contains => "@>",
            Self::ContainedBy => "<@",
            Self::HasKey => "?",
            Self::HasAnyKey => "?|",
            Self::Overlaps => "&&",
            Self::HasAllKeys => "?&",
            Self::CosineDistance => "<=>",
            Self::L2Distance => "<->",
            Self::InnerProduct => "<#>",
            Self::JsonMember => "->",
        }
    }
}

/// Types in casts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum SqlType<'a> {
    Text,
    Real,
    Bytea,
    Vector,
    /// An enum or another type by name.
    Named {
        /// Schema; `None` is `public`.
        schema: Option<&'a str>,
        /// Type name.
        name: &'a str,
    },
    Array(Box<SqlType<'a>>),
}

impl<'a> Expr<'a> {
    /// `left op right`.
    pub fn binary(left: Self, op: BinaryOp, right: Self) -> Self {
        Self::Binary(Box::new(left), op, Box::new(right))
    }

    /// `self::ty`.
    pub fn cast(self, ty: SqlType<'a>) -> Self {
        Self::Cast(Box::new(self), ty)
    }

    /// `IS [NOT] NULL`.
    pub fn is_null(self, negated: bool) -> Self {
        Self::IsNull { expr: Box::new(self), negated }
    }
}

/// Conjunction of two optional conditions; `None` is `TRUE`.
pub fn and<'a>(left: Option<Expr<'a>>, right: Option<Expr<'a>>) -> Option<Expr<'a>> {
    match (left, right) {
        (None, other) | (other, None) => other,
        (Some(Expr::And(mut parts)), Some(right)) => {
            match right {
                Expr::And(more) => parts.extend(more),
                single => parts.push(single),
            }
            Some(Expr::And(parts))
        }
        (Some(left), Some(Expr::And(more))) => {
            let mut parts = Vec::with_capacity(more.len() + 1);
            parts.push(left);
            parts.extend(more);
            Some(Expr::And(parts))
        }
        (Some(left), Some(right)) => Some(Expr::And(vec![left, right])),
    }
}
