//! `after`, an extension: the rows behind a row in the order of the list (keyset pagination).
//!
//! The row is named by its key, and its values are looked up in the same statement, under the caller's read rules:
//! behind a row that is not there, or that the caller may not see, there is nothing.

use studio_model::ir::{ColumnId, EntityId};
use studio_sql::expr::{BinaryOp, Expr, and};
use studio_sql::select::{Item, Select};

use super::key::column_values;
use super::link::key_columns;
use super::order::SortKey;
use super::planner::{Planned, Planner, Row};
use super::predicate::Pred;
use crate::error::{ErrorClass, RequestError};
use crate::operation::{Data, Value};

/// The place behind a row.
#[derive(Debug)]
pub(crate) struct Keyset<'a> {
    /// The columns of the order, each with whether it goes downwards; the last ones are the key.
    columns: Vec<(ColumnId, bool)>,
    /// The row.
    anchor: Pred<'a>,
}

fn invalid(detail: &str) -> RequestError {
    RequestError::plain(["Invalid field 'after': ", detail].concat(), ErrorClass::Invalid, None)
}

impl<'a> Planner<'a, '_> {
    /// The place an `after` value names; null is none. The order gets the key as its last part, so that every row has
    /// one place in it.
    pub(crate) fn keyset(
        &mut self,
        entity: EntityId,
        value: &'a Value,
        order: &mut Vec<SortKey<'a>>,
    ) -> Planned<Option<Keyset<'a>>> {
        let members = match &value.data {
            Data::Null => return Ok(None),
            Data::Object(members) => members,
            _ => return Err(super::conversion_error().into()),
        };
        let model = self.entity(entity);
        let mut columns = Vec::with_capacity(order.len() + 1);
        for key in &*order {
            let (column, descending) = key
                .own_column()
                .ok_or_else(|| invalid("the order may only use fields of the rows themselves"))?;
            // Nothing compares with null, so such rows would be lost between two pages.
            if model.columns[column].nullable {
                return Err(invalid("the order may not use fields that can be null").into());
            }
            columns.push((column, descending));
        }
        for column in key_columns(model) {
            if !columns.iter().any(|(known, _)| *known == column) {
                columns.push((column, false));
                order.push(SortKey::ascending(column));
            }
        }
        let mut parts = Vec::new();
        for field in &model.primary_key {
            let given = members.get(&model.fields[*field].name).ok_or_else(super::conversion_error)?;
            let mut values = Vec::new();
            column_values(self.ir, model, *field, given, &mut values);
            for (column, value) in values {
                let ty = self.column_type(entity, column);
                let value = value.ok_or_else(super::conversion_error)?;
                let param = super::convert_param(value, ty).map_err(|_| super::conversion_error())?;
                let bound = self.bind_for(param, ty);
                parts.push(Pred::leaf(column, super::Test::Compare(BinaryOp::Eq, bound)));
            }
        }
        parts.push(self.read_rule(entity)?);
        Ok(Some(Keyset { columns, anchor: Pred::and(parts) }))
    }

    /// The condition that a row comes behind the place. The first column is compared by itself as well: that is what
    /// an index can be searched with.
    pub(crate) fn behind(&mut self, keyset: Keyset<'a>, row: Row<'a>) -> Expr<'a> {
        let mut condition: Option<Expr<'a>> = None;
        let first = keyset.columns.first().map(|(column, descending)| {
            let op = if *descending { BinaryOp::Le } else { BinaryOp::Ge };
            Expr::binary(self.column(row, *column), op, self.of_anchor(&keyset, row, *column))
        });
        let single = keyset.columns.len() == 1;
        for (column, descending) in keyset.columns.iter().rev() {
            let op = if *descending { BinaryOp::Lt } else { BinaryOp::Gt };
            let further = Expr::binary(self.column(row, *column), op, self.of_anchor(&keyset, row, *column));
            condition = Some(match condition {
                None => further,
                Some(rest) => {
                    let equal = Expr::binary(
                        self.column(row, *column),
                        BinaryOp::Eq,
                        self.of_anchor(&keyset, row, *column),
                    );
                    Expr::Or(vec![further, Expr::And(vec![equal, rest])])
                }
            });
        }
        let first = first.filter(|_| !single);
        and(first, condition).unwrap_or(Expr::Bool(true))
    }

    /// A column of the row that names the place.
    fn of_anchor(&mut self, keyset: &Keyset<'a>, row: Row<'a>, column: ColumnId) -> Expr<'a> {
        let anchor = self.row(row.entity);
        let filter = self.lower_nested(keyset.anchor.clone(), anchor);
        Expr::Scalar(Box::new(Select {
            columns: vec![Item::Expr(self.column(anchor, column))],
            from: Some(Self::source(anchor)),
            filter,
            ..Select::default()
        }))
    }
}
