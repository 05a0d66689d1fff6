//! What a mutation answers: the written rows, filtered by the read rules.

use studio_model::ir::{ColumnId, EntityId};
use studio_sql::expr::{BinaryOp, Expr, and};
use studio_sql::select::{Item, Join, JoinKind, OrderBy, Select, Source};
use studio_sql::write::{Cte, Statement as Sql};

use super::Steps;
use crate::operation::EntityCall;
use crate::plan::link::key_columns;
use crate::plan::list;
use crate::plan::lower::Joins;
use crate::plan::planner::Row;
use crate::plan::query::as_text;
use crate::plan::selection::Rows;
use crate::plan::{Planned, Planner, Pred, StepRole};

impl<'a> Planner<'a, '_> {
    /// `WITH written AS (…  RETURNING *), … SELECT … FROM written`, in one statement; the first part has the rows
    /// that are answered.
    ///
    /// The select sees other tables, and the written ones beyond the written rows, as before the statement. With
    /// `fresh` that is not wanted: if the selection comes back to a written table, nothing is planned and false is
    /// returned. With `placed` the rows come in the order of the places they name.
    pub(super) fn result_of_write(
        &mut self,
        call: &'a EntityCall,
        single: bool,
        with: Vec<Cte<'a>>,
        fresh: bool,
        placed: bool,
        steps: &mut Steps,
    ) -> Planned<bool> {
        let written = with[0].name;
        let row = Row { entity: call.entity, alias: written };
        let uses = self.uses();
        let (object, pred) = self.result_object(call, row)?;
        let what = if single { object } else { Expr::JsonList(Box::new(object)) };
        let rows = Rows { pred: Some(pred), placed, ..Rows::default() };
        let source = Source::Cte { name: written, alias: written };
        let select = self.select_from(source, row, what, rows, Joins::default());
        if fresh && self.touched_since(uses, &with) {
            self.abandon();
            return Ok(false);
        }
        let mut select = as_text(select);
        if single && !self.entity(call.entity).managed {
            select = as_value(select);
        }
        select.with = with;
        self.step(steps, &Sql::Select(Box::new(select)), StepRole::Result);
        Ok(true)
    }

    /// Selects rows by the keys that earlier steps returned, in the order of those keys.
    pub(super) fn result_by_key(
        &mut self,
        call: &'a EntityCall,
        single: bool,
        written: &[usize],
        steps: &mut Steps,
    ) -> Planned<()> {
        let row = self.row(call.entity);
        let (object, pred) = self.result_object(call, row)?;
        let mut joins = Joins::default();
        let condition = self.lower_root(pred, row, &mut joins);
        let select = if let ([step], true) = (written, single) {
            let own = key_columns(self.entity(call.entity)).map(|column| self.column(row, column)).collect();
            let key = self.among(own, call.entity, *step);
            Select {
                columns: vec![Item::Expr(object)],
                from: Some(Self::source(row)),
                joins: joins.into_joins(),
                filter: and(Some(key), condition),
                ..Select::default()
            }
        } else {
            let keys = self.alias(None, "key");
            let columns: Vec<ColumnId> = key_columns(self.entity(call.entity)).collect();
            let mut arrays = Vec::with_capacity(columns.len());
            let mut names = Vec::with_capacity(columns.len() + 1);
            let mut ties = Vec::with_capacity(columns.len());
            for (index, column) in columns.into_iter().enumerate() {
                arrays.push(self.key_arrays(call.entity, column, written, index));
                let name = KEY_NAMES[index.min(KEY_NAMES.len() - 1)];
                names.push(name.into());
                ties.push(Expr::binary(self.column(row, column), BinaryOp::Eq, Expr::Column(keys, name)));
            }
            names.push("position".into());
            let mut all =
                vec![Join { kind: JoinKind::Inner, source: Self::source(row), on: Expr::And(ties) }];
            all.extend(joins.into_joins());
            let rows = Select {
                from: Some(Source::Unnest { arrays, ordinality: true, alias: keys, columns: names }),
                joins: all,
                filter: condition,
                order: vec![OrderBy { expr: Expr::Column(keys, "position"), descending: false }],
                ..Select::default()
            };
            match list::members(Expr::JsonList(Box::new(object))) {
                Ok(members) => list::of_rows(members, rows, row.alias),
                Err(what) => list::over(vec![Item::Expr(what)], rows, row.alias),
            }
        };
        let mut select = as_text(select);
        if single && !self.entity(call.entity).managed {
            select = as_value(select);
        }
        self.step(steps, &Sql::Select(Box::new(select)), StepRole::Result);
        Ok(())
    }

    /// A key column of several steps, one after the other.
    fn key_arrays(
        &mut self,
        entity: EntityId,
        column: ColumnId,
        written: &[usize],
        index: usize,
    ) -> Expr<'a> {
        let mut arrays =
            written.iter().map(|step| self.key_array(entity, column, *step, index)).collect::<Vec<_>>();
        let first = arrays.remove(0);
        arrays.into_iter().fold(first, |left, right| Expr::binary(left, BinaryOp::Concat, right))
    }

    /// The object of the selection and the condition under which the caller sees a row.
    pub(super) fn result_object(
        &mut self,
        call: &'a EntityCall,
        row: Row<'a>,
    ) -> Planned<(Expr<'a>, Pred<'a>)> {
        let outer = self.hooks.begin_level();
        let mut residue = Pred::True;
        let object = self.object(row, &call.selection, &mut residue)?;
        let rule = self.read_rule(call.entity)?;
        let object = self.end_level(outer, None, row, object);
        Ok((object, Pred::and([rule, residue])))
    }
}

/// The one row as a value: a second row fails the statement, so that it leaves nothing behind. Nobody but the database
/// knows whether the key of an unmanaged table is one.
fn as_value(select: Select<'_>) -> Select<'_> {
    Select { columns: vec![Item::Expr(Expr::Scalar(Box::new(select)))], ..Select::default() }
}

/// Names of the columns of an unnested key; Postgres allows no more than 32 columns in an index.
pub(super) const KEY_NAMES: [&str; 32] = [
    "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "k10", "k11", "k12", "k13", "k14", "k15",
    "k16", "k17", "k18", "k19", "k20", "k21", "k22", "k23", "k24", "k25", "k26", "k27", "k28", "k29", "k30",
    "k31",
];
