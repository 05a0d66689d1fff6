//! `INSERT`, `UPDATE` and `DELETE` as trees, and whole statements.

use crate::expr::{Alias, Expr};
use crate::select::{Item, Select};

/// A whole statement.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Statement<'a> {
    Select(Box<Select<'a>>),
    Insert(Insert<'a>),
    Update(Update<'a>),
    Delete(Delete<'a>),
}

/// One part of a `WITH` clause.
#[derive(Debug, Clone, PartialEq)]
pub struct Cte<'a> {
    /// Its name.
    pub name: Alias<'a>,
    /// Its statement.
    pub body: Statement<'a>,
}

/// `INSERT INTO table (columns) …  RETURNING …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Insert<'a> {
    /// The table; its alias is not printed.
    pub table: Alias<'a>,
    /// Target columns.
    pub columns: Vec<&'a str>,
    /// Where the rows come from.
    pub source: InsertSource<'a>,
    /// `ON CONFLICT … DO UPDATE`.
    pub conflict: Option<Conflict<'a>>,
    /// `RETURNING`; absent when empty.
    pub returning: Vec<Item<'a>>,
}

/// `ON CONFLICT (columns) DO UPDATE SET … WHERE …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict<'a> {
    /// The columns of the unique constraint.
    pub columns: Vec<&'a str>,
    /// Assignments.
    pub set: Vec<(&'a str, Expr<'a>)>,
    /// Which of the rows that are there may be updated.
    pub filter: Option<Expr<'a>>,
}

/// Where inserted rows come from.
#[derive(Debug, Clone, PartialEq)]
pub enum InsertSource<'a> {
    /// `VALUES (…), (…)`; `None` is `DEFAULT`.
    Values(Vec<Vec<Option<Expr<'a>>>>),
    /// `DEFAULT VALUES`: one row.
    Defaults,
    /// `SELECT …`.
    Select(Box<Select<'a>>),
}

/// `UPDATE table SET … FROM other WHERE … RETURNING …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Update<'a> {
    /// The table under its alias.
    pub table: Alias<'a>,
    /// Assignments.
    pub set: Vec<(&'a str, Expr<'a>)>,
    /// Another table to take part, under its alias.
    pub from: Option<Alias<'a>>,
    /// `WHERE`.
    pub filter: Option<Expr<'a>>,
    /// `RETURNING`; absent when empty.
    pub returning: Vec<Item<'a>>,
}

/// `DELETE FROM table WHERE … RETURNING …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Delete<'a> {
    /// The table under its alias.
    pub table: Alias<'a>,
    /// `WHERE`.
    pub filter: Option<Expr<'a>>,
    /// `RETURNING`; absent when empty.
    pub returning: Vec<Item<'a>>,
}
