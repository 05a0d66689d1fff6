//! `SELECT` statements as a tree.

use std::borrow::Cow;

use crate::expr::{Alias, Expr};
use crate::write::Cte;

/// A `SELECT`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Select<'a> {
    /// `WITH` parts in order.
    pub with: Vec<Cte<'a>>,
    /// The select list; must not be empty when printed.
    pub columns: Vec<Item<'a>>,
    /// `FROM`; absent for a select of constants.
    pub from: Option<Source<'a>>,
    /// Joins in order.
    pub joins: Vec<Join<'a>>,
    /// `WHERE`.
    pub filter: Option<Expr<'a>>,
    /// `ORDER BY`.
    pub order: Vec<OrderBy<'a>>,
    /// `LIMIT`.
    pub limit: Option<Expr<'a>>,
    /// `OFFSET`.
    pub offset: Option<Expr<'a>>,
}

/// An entry of the select list.
#[derive(Debug, Clone, PartialEq)]
pub enum Item<'a> {
    /// An expression.
    Expr(Expr<'a>),
    /// An expression with a name.
    Named(Expr<'a>, Cow<'a, str>),
    /// `"alias".*`
    AllOf(Alias<'a>),
    /// `*`
    All,
}

/// What stands in `FROM` or a join.
#[derive(Debug, Clone, PartialEq)]
pub enum Source<'a> {
    /// A table under an alias.
    Table(Alias<'a>),
    /// A `WITH` part under an alias.
    Cte {
        /// Name of the part.
        name: Alias<'a>,
        /// Name used in the rest of the statement.
        alias: Alias<'a>,
    },
    /// A sub-select.
    Select(Box<Select<'a>>, Alias<'a>),
    /// `unnest(a, b) [WITH ORDINALITY] AS alias(columns…)`.
    Unnest {
        /// The arrays.
        arrays: Vec<Expr<'a>>,
        /// Number the elements; the number is the last column.
        ordinality: bool,
        /// Alias.
        alias: Alias<'a>,
        /// Column names, the ordinality last.
        columns: Vec<Cow<'a, str>>,
    },
    /// `function(argument) WITH ORDINALITY AS alias(columns…)`.
    Function {
        /// The call.
        call: Expr<'a>,
        /// Alias.
        alias: Alias<'a>,
        /// Column names, the ordinality last.
        columns: Vec<Cow<'a, str>>,
    },
}

/// A join.
#[derive(Debug, Clone, PartialEq)]
pub struct Join<'a> {
    /// The kind.
    pub kind: JoinKind,
    /// What is joined.
    pub source: Source<'a>,
    /// The condition.
    pub on: Expr<'a>,
}

/// Kinds of joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum JoinKind {
    Left,
    Inner,
}

/// A sort key.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderBy<'a> {
    /// The key.
    pub expr: Expr<'a>,
    /// `DESC`.
    pub descending: bool,
}
