//! Predicates into SQL conditions: left joins where only to-one links are followed, sub-selects otherwise
//! (graphql-and-sql 3.3).

use std::borrow::Cow;

use studio_model::ir::{ColumnId, EntityId, FieldId, FieldKind, Ir};
use studio_sql::expr::{BinaryOp, Expr};
use studio_sql::select::{Item, Join, JoinKind, Select, Source};

use super::link::Link;
use super::planner::{Planner, Row};
use super::predicate::{ColumnPath, Pred, Start, Test};

/// Left joins of a statement, one per link and parent.
#[derive(Debug, Default)]
pub(crate) struct Joins<'a> {
    known: Vec<(Row<'a>, FieldId, Row<'a>)>,
    joins: Vec<Join<'a>>,
}

impl<'a> Joins<'a> {
    /// The joins in the order they were needed.
    pub(crate) fn into_joins(self) -> Vec<Join<'a>> {
        self.joins
    }
}

/// Where a predicate is lowered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The current row.
    pub(crate) row: Row<'a>,
    /// The row the rule belongs to; differs from `row` inside `some`.
    pub(crate) outer: Row<'a>,
    /// Under a `NOT (…)`, where `IN` over nullable columns would lose rows.
    negated: bool,
}

impl<'a> Place<'a> {
    pub(crate) fn at(row: Row<'a>) -> Self {
        Self { row, outer: row, negated: false }
    }
}

/// Whether a predicate follows a link that starts at a key column, so that joins could multiply rows.
pub(crate) fn needs_subselects(pred: &Pred<'_>, ir: &Ir, entity: EntityId) -> bool {
    match pred {
        Pred::True | Pred::False | Pred::Leaf { .. } | Pred::Outer(_) | Pred::Related { .. } => false,
        Pred::Via { field, pred, independent } => {
            *independent
                || Link::of(ir, entity, *field).is_none_or(|link| {
                    link.leaves_from_key(&ir.entities[entity]) || needs_subselects(pred, ir, link.target)
                })
        }
        Pred::Pair { left, right, .. } | Pred::Member { left, right } => {
            path_needs_subselects(left, ir, entity) || path_needs_subselects(right, ir, entity)
        }
        Pred::And(parts) | Pred::Or(parts) => parts.iter().any(|part| needs_subselects(part, ir, entity)),
        Pred::Not(inner) | Pred::Scoped(inner) => needs_subselects(inner, ir, entity),
    }
}

fn path_needs_subselects(path: &ColumnPath<'_>, ir: &Ir, entity: EntityId) -> bool {
    if path.start != Start::Row {
        return false;
    }
    let mut current = entity;
    for field in &path.links {
        let Some(link) = Link::of(ir, current, *field) else { return true };
        if link.leaves_from_key(&ir.entities[current]) {
            return true;
        }
        current = link.target;
    }
    false
}

impl<'a> Planner<'a, '_> {
    /// Lowers the predicate of a statement over `row`, choosing between joins and sub-selects.
    pub(crate) fn lower_root(
        &mut self,
        pred: Pred<'a>,
        row: Row<'a>,
        joins: &mut Joins<'a>,
    ) -> Option<Expr<'a>> {
        if needs_subselects(&pred, self.ir, row.entity) {
            self.lower(pred, Place::at(row), None)
        } else {
            self.lower(pred, Place::at(row), Some(joins))
        }
    }

    /// Lowers without joins, for `UPDATE`, `DELETE` and inner conditions.
    pub(crate) fn lower_nested(&mut self, pred: Pred<'a>, row: Row<'a>) -> Option<Expr<'a>> {
        self.lower(pred, Place::at(row), None)
    }

    /// Lowers a condition on an element of `some` by itself, for the record.
    pub(crate) fn lower_described(
        &mut self,
        pred: Pred<'a>,
        row: Row<'a>,
        outer: Row<'a>,
    ) -> Option<Expr<'a>> {
        self.lower(pred, Place { row, outer, negated: false }, None)
    }

    /// `None` is `TRUE`.
    fn lower(
        &mut self,
        pred: Pred<'a>,
        place: Place<'a>,
        mut joins: Option<&mut Joins<'a>>,
    ) -> Option<Expr<'a>> {
        match pred {
            Pred::True => None,
            Pred::False => Some(Expr::Bool(false)),
            Pred::Leaf { column, test } => {
                let column = self.column(place.row, column);
                Some(self.test(column, test))
            }
            Pred::Pair { left, op, right } => {
                let left = self.path(left, place, joins.as_deref_mut());
                let right = self.path(right, place, joins);
                Some(Expr::binary(left, op, right))
            }
            Pred::Member { left, right } => {
                let left = self.path(left, place, joins.as_deref_mut());
                let right = self.path(right, place, joins);
                Some(Expr::Any(Box::new(left), BinaryOp::Eq, Box::new(right)))
            }
            Pred::Via { field, pred, .. } => Some(match joins {
                Some(joins) => {
                    let row = self.join(joins, place.row, field);
                    return self.lower(*pred, Place { row, ..place }, Some(joins));
                }
                None => self.related(field, *pred, place),
            }),
            Pred::Outer(inner) => self.lower(*inner, Place { row: place.outer, ..place }, None),
            Pred::Scoped(inner) => self.lower(*inner, Place { outer: place.row, ..place }, joins),
            Pred::Related { entity, key, pred } => {
                // With a key it is one row: under NOT a condition that is NULL for it must stay NULL.
                let exact = place.negated && key.is_some();
                let row = self.row(entity);
                let filter = self.key_equals(row, key.unwrap_or_default());
                let inner = self.lower(*pred, Place { row, outer: row, negated: exact }, None);
                let select = |value, filter| {
                    Box::new(Select {
                        columns: vec![Item::Expr(value)],
                        from: Some(Self::source(row)),
                        filter,
                        ..Select::default()
                    })
                };
                Some(if exact {
                    Expr::Scalar(select(inner.unwrap_or(Expr::Bool(true)), filter))
                } else {
                    Expr::Exists(select(Expr::Int(1), studio_sql::expr::and(filter, inner)))
                })
            }
            Pred::And(parts) => {
                let mut out = Vec::with_capacity(parts.len());
                for part in parts {
                    out.extend(self.lower(part, place, joins.as_deref_mut()));
                }
                (!out.is_empty()).then_some(Expr::And(out))
            }
            Pred::Or(parts) => {
                let mut out = Vec::with_capacity(parts.len());
                for part in parts {
                    out.push(self.lower(part, place, joins.as_deref_mut())?);
                }
                Some(Expr::Or(out))
            }
            Pred::Not(inner) => {
                let inner = self.lower(*inner, Place { negated: true, ..place }, joins);
                Some(match inner {
                    Some(inner) => Expr::Not(Box::new(inner)),
                    None => Expr::Bool(false),
                })
            }
        }
    }

    fn test(&mut self, column: Expr<'a>, test: Test<'a>) -> Expr<'a> {
        match test {
            Test::Compare(op, value) => Expr::binary(column, op, value),
            Test::Null { negated } => column.is_null(negated),
            Test::AnyOf(values) => Expr::Any(Box::new(column), BinaryOp::Eq, Box::new(values)),
            Test::Overlaps(values) => Expr::binary(column, BinaryOp::Overlaps, values),
            Test::Element(BinaryOp::Eq, value) => Expr::Any(Box::new(value), BinaryOp::Eq, Box::new(column)),
            Test::Element(op, value) => {
                let alias = self.alias(None, "element");
                let element = Expr::Column(alias, "value");
                Expr::Exists(Box::new(Select {
                    columns: vec![Item::Expr(Expr::Int(1))],
                    from: Some(Source::Unnest {
                        arrays: vec![column],
                        ordinality: false,
                        alias,
                        columns: vec![Cow::Borrowed("value")],
                    }),
                    filter: Some(Expr::binary(element, op, value)),
                    ..Select::default()
                }))
            }
            Test::Distance { distance, probe, op, bound } => {
                Expr::binary(Expr::binary(column, distance, probe), op, bound)
            }
        }
    }

    /// `key IN (SELECT foreign key FROM related WHERE …)`.
    fn related(&mut self, field: FieldId, pred: Pred<'a>, place: Place<'a>) -> Expr<'a> {
        let link = self.link(place.row.entity, field);
        if let FieldKind::Reference { .. } | FieldKind::InverseOne { .. } =
            self.entity(place.row.entity).fields[field].kind
        {
            let missing = self.on_missing_row(link.target, &pred);
            if place.negated || missing == Some(true) {
                return self.related_or_nulls(link, pred, place, missing);
            }
        }
        let row = self.row(link.target);
        let inner = Place { row, outer: place.outer, negated: false };
        if place.negated && !link.is_owning() {
            // A NULL foreign key among the candidates would turn NOT IN into NULL for every row.
            let tie = self.tie(link, place.row, row);
            let filter = self.lower(pred, inner, None);
            return Expr::Exists(Box::new(Select {
                columns: vec![Item::Expr(Expr::Int(1))],
                from: Some(Self::source(row)),
                filter: studio_sql::expr::and(Some(tie), filter),
                ..Select::default()
            }));
        }
        let (own, theirs) = link
            .pairs()
            .map(|(own, theirs)| (self.column(place.row, own), Item::Expr(self.column(row, theirs))))
            .unzip();
        let filter = self.lower(pred, inner, None);
        Expr::In(
            own,
            Box::new(Select { columns: theirs, from: Some(Self::source(row)), filter, ..Select::default() }),
        )
    }

    /// A condition on the row a to-one link leads to, whose columns are all NULL if there is none: what a left join
    /// gives, with its three truth values.
    fn related_or_nulls(
        &mut self,
        link: Link<'a>,
        pred: Pred<'a>,
        place: Place<'a>,
        missing: Option<bool>,
    ) -> Expr<'a> {
        let row = self.row(link.target);
        let value = self.lower(pred, Place { row, ..place }, None).unwrap_or(Expr::Bool(true));
        let value = Expr::Scalar(Box::new(Select {
            columns: vec![Item::Expr(value)],
            from: Some(Self::source(row)),
            filter: Some(self.tie(link, place.row, row)),
            ..Select::default()
        }));
        let Some(missing) = missing else { return value };
        let present = self.row(link.target);
        let present = Expr::Exists(Box::new(Select {
            columns: vec![Item::Expr(Expr::Int(1))],
            from: Some(Self::source(present)),
            filter: Some(self.tie(link, place.row, present)),
            ..Select::default()
        }));
        if missing {
            Expr::Or(vec![value, Expr::Not(Box::new(present))])
        } else {
            Expr::And(vec![value, present])
        }
    }

    /// What a condition says about a row whose columns are all NULL and that nothing refers to; `None` is NULL.
    fn on_missing_row(&self, entity: EntityId, pred: &Pred<'a>) -> Option<bool> {
        match pred {
            Pred::True => Some(true),
            Pred::Leaf { test: Test::Null { negated }, .. } => Some(!negated),
            Pred::Leaf { .. } | Pred::Pair { .. } | Pred::Member { .. } => None,
            Pred::Via { field, pred, .. } => match &self.entity(entity).fields[*field].kind {
                FieldKind::Reference { target, .. } | FieldKind::InverseOne { target, .. } => {
                    self.on_missing_row(*target, pred)
                }
                FieldKind::Value(_) | FieldKind::Collection { .. } => Some(false),
            },
            // Conditions on other rows only stand below to-many links.
            Pred::False | Pred::Outer(_) | Pred::Related { .. } => Some(false),
            Pred::Scoped(inner) => self.on_missing_row(entity, inner),
            Pred::Not(inner) => self.on_missing_row(entity, inner).map(|truth| !truth),
            Pred::And(parts) => {
                let values = || parts.iter().map(|part| self.on_missing_row(entity, part));
                if values().any(|value| value == Some(false)) {
                    Some(false)
                } else {
                    values().all(|value| value == Some(true)).then_some(true)
                }
            }
            Pred::Or(parts) => {
                let values = || parts.iter().map(|part| self.on_missing_row(entity, part));
                if values().any(|value| value == Some(true)) {
                    Some(true)
                } else {
                    values().all(|value| value == Some(false)).then_some(false)
                }
            }
        }
    }

    /// The link of a relation field that planning follows.
    pub(crate) fn link(&self, entity: EntityId, field: FieldId) -> Link<'a> {
        Link::of(self.ir, entity, field).expect("invariant: only relation fields are followed as links")
    }

    /// The condition that ties a related row to its row.
    pub(crate) fn tie(&self, link: Link<'a>, row: Row<'a>, related: Row<'a>) -> Expr<'a> {
        let mut parts: Vec<Expr<'a>> = link
            .pairs()
            .map(|(own, theirs)| {
                Expr::binary(self.column(row, own), BinaryOp::Eq, self.column(related, theirs))
            })
            .collect();
        match parts.len() {
            1 => parts.remove(0),
            _ => Expr::And(parts),
        }
    }

    /// The left join over a link, added once.
    pub(crate) fn join(&mut self, joins: &mut Joins<'a>, row: Row<'a>, field: FieldId) -> Row<'a> {
        if let Some((.., known)) = joins.known.iter().find(|(from, over, _)| *from == row && *over == field) {
            return *known;
        }
        let link = self.link(row.entity, field);
        let related = self.row(link.target);
        joins.joins.push(Join {
            kind: JoinKind::Left,
            source: Self::source(related),
            on: self.tie(link, row, related),
        });
        joins.known.push((row, field, related));
        related
    }

    /// A column reached over to-one links: joined, or as a scalar sub-select.
    fn path(&mut self, path: ColumnPath<'a>, place: Place<'a>, joins: Option<&mut Joins<'a>>) -> Expr<'a> {
        match (path.start, joins) {
            (Start::Row, Some(joins)) => {
                let mut row = place.row;
                for field in path.links {
                    row = self.join(joins, row, field);
                }
                self.column(row, path.column)
            }
            (Start::Row, None) => self.scalar_path(place.row, &path.links, path.column),
            (Start::Outer, _) => self.scalar_path(place.outer, &path.links, path.column),
            (Start::Key { entity, key }, _) => {
                let row = self.row(entity);
                let value = self.scalar_path(row, &path.links, path.column);
                let filter = self.key_equals(row, key);
                Expr::Scalar(Box::new(Select {
                    columns: vec![Item::Expr(value)],
                    from: Some(Self::source(row)),
                    filter,
                    ..Select::default()
                }))
            }
        }
    }

    fn key_equals(&self, row: Row<'a>, key: Vec<(ColumnId, Expr<'a>)>) -> Option<Expr<'a>> {
        let mut filter = None;
        for (column, value) in key {
            let equal = Expr::binary(self.column(row, column), BinaryOp::Eq, value);
            filter = studio_sql::expr::and(filter, Some(equal));
        }
        filter
    }

    /// A column reached over to-one links, as a scalar sub-select.
    pub(crate) fn scalar_path(&mut self, row: Row<'a>, links: &[FieldId], column: ColumnId) -> Expr<'a> {
        let Some((field, rest)) = links.split_first() else { return self.column(row, column) };
        let link = self.link(row.entity, *field);
        let related = self.row(link.target);
        let tie = self.tie(link, row, related);
        let value = self.scalar_path(related, rest, column);
        Expr::Scalar(Box::new(Select {
            columns: vec![Item::Expr(value)],
            from: Some(Self::source(related)),
            filter: Some(tie),
            ..Select::default()
        }))
    }
}
