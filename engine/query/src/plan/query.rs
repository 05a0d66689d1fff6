//! Root queries: one statement each (graphql-and-sql 3.1).

use studio_model::ir::FieldId;
use studio_sql::expr::{Expr, SqlType};
use studio_sql::select::{Item, Select};
use studio_sql::write::Statement as Sql;

use super::lower::Joins;
use super::planner::{Planned, Planner};
use super::predicate::Pred;
use super::{FieldBody, Step, StepRole};
use crate::operation::EntityCall;

impl<'a> Planner<'a, '_> {
    /// A lookup by key or unique constraint.
    pub(crate) fn lookup(&mut self, call: &'a EntityCall, fields: &[FieldId]) -> Planned<FieldBody> {
        let row = self.row(call.entity);
        let outer = self.hooks.begin_level();
        let mut residue = Pred::True;
        let object = self.object(row, &call.selection, &mut residue)?;
        let key = self.lookup_condition(call.entity, fields, &call.arguments)?;
        let rule = self.read_rule(call.entity)?;
        let object = self.end_level(outer, None, row, object);
        let rows = super::selection::Rows {
            pred: Some(Pred::and([key, rule, residue])),
            ..super::selection::Rows::default()
        };
        let select = self.select(row, object, rows, Joins::default());
        Ok(self.single_statement(select))
    }

    /// A collection.
    pub(crate) fn list(&mut self, call: &'a EntityCall) -> Planned<FieldBody> {
        let row = self.row(call.entity);
        let outer = self.hooks.begin_level();
        let mut residue = Pred::True;
        let object = self.object(row, &call.selection, &mut residue)?;
        let mut rows = self.rows(call.entity, &call.arguments, residue)?;
        let object = self.end_level(outer, None, row, object);
        rows.listed = true;
        let select = self.select(row, Expr::JsonList(Box::new(object)), rows, Joins::default());
        Ok(self.single_statement(select))
    }

    /// A root aggregate.
    pub(crate) fn root_aggregate(&mut self, call: &'a EntityCall) -> Planned<FieldBody> {
        let select = self.aggregate(call.entity, &call.arguments, &call.selection, None)?;
        Ok(self.single_statement(select))
    }

    fn single_statement(&mut self, select: Select<'a>) -> FieldBody {
        let statement = self.finish(&Sql::Select(Box::new(as_text(select))));
        FieldBody::Steps(vec![Step { statement, role: StepRole::Result }])
    }
}

/// Casts the single JSON column of a select to text.
pub(crate) fn as_text(mut select: Select<'_>) -> Select<'_> {
    select.columns = select
        .columns
        .into_iter()
        .map(|item| match item {
            Item::Expr(expr) => Item::Expr(expr.cast(SqlType::Text)),
            other => other,
        })
        .collect();
    select
}
