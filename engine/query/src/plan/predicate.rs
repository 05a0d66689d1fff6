//! Conditions on rows before they become SQL: what filters and access rules produce.
//!
//! A predicate is relative to a *current row*. [`Pred::Via`] moves to the rows a relation field leads to, which
//! makes the merging rules of graphql-and-sql 3.4 a matter of construction: two conditions over the same link
//! meet in one `Via` and so speak of the same related row.

use studio_model::ir::{ColumnId, EntityId, FieldId};
use studio_sql::expr::{BinaryOp, Expr};

/// A condition on the current row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pred<'a> {
    True,
    False,
    /// A test of one column of the current row.
    Leaf {
        column: ColumnId,
        test: Test<'a>,
    },
    /// A comparison of two columns.
    Pair {
        left: ColumnPath<'a>,
        op: BinaryOp,
        right: ColumnPath<'a>,
    },
    /// `left = ANY(right)`, the right one being an array column.
    Member {
        left: ColumnPath<'a>,
        right: ColumnPath<'a>,
    },
    /// A related row satisfies the inner condition. Independent ones (from `some`) are never merged.
    Via {
        field: FieldId,
        pred: Box<Pred<'a>>,
        independent: bool,
    },
    /// Inside the condition of `some`: a condition on the row the rule belongs to.
    Outer(Box<Pred<'a>>),
    /// A whole rule that belongs to the current row, wherever links have led: what [`Pred::Outer`] in it means.
    Scoped(Box<Pred<'a>>),
    /// A row of another table satisfies the condition: the one with this key, or any if the key is not known.
    Related {
        entity: EntityId,
        key: Option<Vec<(ColumnId, Expr<'a>)>>,
        pred: Box<Pred<'a>>,
    },
    And(Vec<Pred<'a>>),
    Or(Vec<Pred<'a>>),
    Not(Box<Pred<'a>>),
}

/// A column reached over to-one links.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnPath<'a> {
    pub(crate) start: Start<'a>,
    /// Relation fields to follow; to-one only.
    pub(crate) links: Vec<FieldId>,
    /// The column of the entity reached.
    pub(crate) column: ColumnId,
}

/// Where a [`ColumnPath`] starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Start<'a> {
    /// The current row.
    Row,
    /// The row the rule belongs to, while the current row is an element of `some`.
    Outer,
    /// The row of another table with this key.
    Key { entity: EntityId, key: Vec<(ColumnId, Expr<'a>)> },
}

/// A test of one column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test<'a> {
    /// `column op value`.
    Compare(BinaryOp, Expr<'a>),
    /// `IS NULL`, negated `IS NOT NULL`.
    Null { negated: bool },
    /// `column = ANY(values)`.
    AnyOf(Expr<'a>),
    /// Array column: some element is one of these.
    Overlaps(Expr<'a>),
    /// Array column: some element satisfies `element op value`.
    Element(BinaryOp, Expr<'a>),
    /// `(column distance probe) op bound`.
    Distance { distance: BinaryOp, probe: Expr<'a>, op: BinaryOp, bound: Expr<'a> },
}

impl<'a> Pred<'a> {
    pub(crate) fn leaf(column: ColumnId, test: Test<'a>) -> Self {
        Self::Leaf { column, test }
    }

    /// `Via`, dropped where the inner condition says nothing.
    pub(crate) fn via(field: FieldId, pred: Self) -> Self {
        match pred {
            Self::True => Self::True,
            Self::False => Self::False,
            pred => Self::Via { field, pred: Box::new(pred), independent: false },
        }
    }

    /// A rule on the current row, below the links that a filter follows.
    pub(crate) fn scoped(self) -> Self {
        if self.mentions_outer() { Self::Scoped(Box::new(self)) } else { self }
    }

    fn mentions_outer(&self) -> bool {
        let is_outer = |path: &ColumnPath<'a>| path.start == Start::Outer;
        match self {
            Self::Outer(_) => true,
            Self::Pair { left, right, .. } | Self::Member { left, right } => {
                is_outer(left) || is_outer(right)
            }
            Self::Via { pred, .. } | Self::Not(pred) => pred.mentions_outer(),
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::mentions_outer),
            Self::True | Self::False | Self::Leaf { .. } | Self::Scoped(_) | Self::Related { .. } => false,
        }
    }

    /// Whether other tables take part in choosing rows, so that the database may visit them in any order.
    pub(crate) fn follows_links(&self) -> bool {
        match self {
            Self::True | Self::False | Self::Leaf { .. } => false,
            Self::Via { .. } | Self::Outer(_) | Self::Scoped(_) | Self::Related { .. } => true,
            Self::Pair { left, right, .. } | Self::Member { left, right } => {
                !left.links.is_empty() || !right.links.is_empty()
            }
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::follows_links),
            Self::Not(inner) => inner.follows_links(),
        }
    }

    /// Whether the current row takes part, rather than only rows found by their keys.
    pub(crate) fn mentions_row(&self) -> bool {
        let starts_here = |path: &ColumnPath<'a>| matches!(path.start, Start::Row | Start::Outer);
        match self {
            Self::True | Self::False | Self::Related { .. } => false,
            Self::Leaf { .. } | Self::Via { .. } | Self::Outer(_) | Self::Scoped(_) => true,
            Self::Pair { left, right, .. } | Self::Member { left, right } => {
                starts_here(left) || starts_here(right)
            }
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::mentions_row),
            Self::Not(inner) => inner.mentions_row(),
        }
    }

    /// Conjunction: flat, without `True`, conditions over the same link merged.
    pub(crate) fn and(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut out: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::True => {}
                Self::False => return Self::False,
                Self::And(inner) => {
                    for part in inner {
                        Self::merge(&mut out, part, |left, right| Self::and([left, right]));
                    }
                }
                part => Self::merge(&mut out, part, |left, right| Self::and([left, right])),
            }
        }
        match out.len() {
            0 => Self::True,
            1 => out.remove(0),
            _ if out.contains(&Self::False) => Self::False,
            _ => Self::And(out),
        }
    }

    /// Disjunction: flat, without `False`, conditions over the same link merged.
    pub(crate) fn or(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut out: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::False => {}
                Self::True => return Self::True,
                Self::Or(inner) => {
                    for part in inner {
                        Self::merge(&mut out, part, |left, right| Self::or([left, right]));
                    }
                }
                part => Self::merge(&mut out, part, |left, right| Self::or([left, right])),
            }
        }
        match out.len() {
            0 => Self::False,
            1 => out.remove(0),
            _ if out.contains(&Self::True) => Self::True,
            _ => Self::Or(out),
        }
    }

    fn merge(out: &mut Vec<Self>, part: Self, join: impl Fn(Self, Self) -> Self) {
        match part {
            Self::Via { field, pred, independent: false } => {
                for present in &mut *out {
                    if let Self::Via { field: other, pred: inner, independent: false } = present
                        && *other == field
                    {
                        let merged = join(std::mem::replace(&mut **inner, Self::True), *pred);
                        *present = Self::via(field, merged);
                        return;
                    }
                }
                out.push(Self::Via { field, pred, independent: false });
            }
            Self::Related { entity, key, pred } => {
                for present in &mut *out {
                    if let Self::Related { entity: other, key: other_key, pred: inner } = present
                        && *other == entity
                        && *other_key == key
                    {
                        **inner = join(std::mem::replace(&mut **inner, Self::True), *pred);
                        return;
                    }
                }
                out.push(Self::Related { entity, key, pred });
            }
            part => out.push(part),
        }
    }

    /// Negation: comparisons are inverted (rows with NULL never match), links keep the negation inside
    /// (graphql-and-sql 3.4, language.md 6.3).
    pub(crate) fn negate(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Not(inner) => *inner,
            Self::Leaf { column, test: Test::Null { negated } } => {
                Self::leaf(column, Test::Null { negated: !negated })
            }
            Self::Leaf { column, test: Test::Compare(op, value) } => match invert(op) {
                Some(op) => Self::leaf(column, Test::Compare(op, value)),
                None => Self::Not(Box::new(Self::leaf(column, Test::Compare(op, value)))),
            },
            Self::Pair { left, op, right } => match invert(op) {
                Some(op) => Self::Pair { left, op, right },
                None => Self::Not(Box::new(Self::Pair { left, op, right })),
            },
            Self::Via { field, pred, independent } => {
                Self::Via { field, pred: Box::new(pred.negate()), independent }
            }
            Self::Outer(inner) => Self::Outer(Box::new(inner.negate())),
            Self::Scoped(inner) => Self::Scoped(Box::new(inner.negate())),
            Self::Related { entity, key, pred } => {
                Self::Related { entity, key, pred: Box::new(pred.negate()) }
            }
            other @ (Self::Leaf { .. } | Self::Member { .. } | Self::And(_) | Self::Or(_)) => {
                Self::Not(Box::new(other))
            }
        }
    }
}

/// The opposite comparison; `None` for operators without one.
fn invert(op: BinaryOp) -> Option<BinaryOp> {
    Some(match op {
        BinaryOp::Eq => BinaryOp::Ne,
        BinaryOp::Ne => BinaryOp::Eq,
        BinaryOp::Lt => BinaryOp::Ge,
        BinaryOp::Ge => BinaryOp::Lt,
        BinaryOp::Gt => BinaryOp::Le,
        BinaryOp::Le => BinaryOp::Gt,
        BinaryOp::Like
        | BinaryOp::ILike
        | BinaryOp::Concat
        | BinaryOp::Contains
        | BinaryOp::ContainedBy
        | BinaryOp::HasKey
        | BinaryOp::HasAnyKey
        | BinaryOp::Overlaps
        | BinaryOp::HasAllKeys
        | BinaryOp::CosineDistance
        | BinaryOp::L2Distance
        | BinaryOp::InnerProduct
        | BinaryOp::JsonMember => return None,
    })
}
