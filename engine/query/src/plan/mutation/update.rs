//! Update, with and without nested parts (graphql-and-sql 3.8.2 and 3.8.3).

use studio_model::ir::{EntityId, FieldId};
use studio_sql::expr::{BinaryOp, Expr, SqlType, and};
use studio_sql::select::{Item, OrderBy, Select, Source};
use studio_sql::write::{Cte, Statement as Sql, Update};

use super::Steps;
use crate::access::{Input, RuleSlot};
use crate::operation::{Arguments, EntityCall};
use crate::plan::link::key_columns;
use crate::plan::lower::Joins;
use crate::plan::planner::Row;
use crate::plan::{FieldBody, Planned, Planner, Pred, StepRole};

impl<'a> Planner<'a, '_> {
    /// `updateT` and `updateTs`.
    pub(crate) fn update(&mut self, call: &'a EntityCall, single: bool) -> Planned<FieldBody> {
        let data = self.data(&call.arguments)?;
        let Some(data) = data.first().copied() else {
            return Err(crate::error::RequestError::internal("an update without data").into());
        };
        let mut residues = Vec::new();
        self.check_update(call.entity, data, &mut residues)?;
        let mut steps = Steps::default();
        self.check_step(&mut steps, residues);

        let nested = !self.nested_parts(call.entity, data).is_empty();
        let row = self.row(call.entity);
        let chosen = self.chosen(call, single)?;
        let pred = Pred::and([chosen, self.update_condition(call.entity, data, &[])?]);
        let set = self.assignments(call.entity, data, &[])?;
        if nested {
            let key = self.written_keys(row, set, pred, single, &mut steps)?;
            self.nested_writes(call.entity, key, data, &mut steps)?;
            self.result_by_key(call, single, &[key], &mut steps)?;
            return Ok(FieldBody::Steps(steps.0));
        }
        if set.is_empty() {
            self.untouched(call, single, row, pred, &mut steps)?;
            return Ok(FieldBody::Steps(steps.0));
        }
        let has_key = !self.entity(call.entity).primary_key.is_empty();
        let placed = !single && has_key && self.needs_place(call.entity, &pred);
        let filter = self.lower_nested(pred, row);
        let written = self.written(row, set, filter, placed);
        if !self.result_of_write(call, single, vec![written], has_key, placed, &mut steps)? {
            // The selection comes back to the table: first update, then look.
            let row = self.row(call.entity);
            let chosen = self.chosen(call, single)?;
            let pred = Pred::and([chosen, self.update_condition(call.entity, data, &[])?]);
            let set = self.assignments(call.entity, data, &[])?;
            let key = self.written_keys(row, set, pred, single, &mut steps)?;
            self.result_by_key(call, single, &[key], &mut steps)?;
        }
        Ok(FieldBody::Steps(steps.0))
    }

    /// The update as a part of a statement. With `placed` each row says where it was before: rows chosen through
    /// other tables come in any order, and clients expect that of the table.
    fn written(
        &mut self,
        row: Row<'a>,
        set: Vec<(&'a str, Expr<'a>)>,
        filter: Option<Expr<'a>>,
        placed: bool,
    ) -> Cte<'a> {
        let mut update = Update { table: row.alias, set, from: None, filter, returning: vec![Item::All] };
        if placed {
            // `RETURNING` knows the place of the new row only.
            let before = self.row(row.entity);
            let same = key_columns(self.entity(row.entity))
                .map(|key| Expr::binary(self.column(row, key), BinaryOp::Eq, self.column(before, key)))
                .collect();
            update.from = Some(before.alias);
            update.filter = and(update.filter, Some(Expr::And(same)));
            let place = Item::Named(Expr::Column(before.alias, "ctid"), "ctid".into());
            update.returning = vec![Item::AllOf(row.alias), place];
        }
        Cte { name: self.written_name(row.entity), body: Sql::Update(update) }
    }

    /// Whether rows that a mutation chooses have to be put into the order of the table.
    pub(super) fn needs_place(&self, entity: EntityId, pred: &Pred<'a>) -> bool {
        self.options.physical_order && self.entity(entity).managed && pred.follows_links()
    }

    /// `data: {}`: the rows that an update would have touched.
    fn untouched(
        &mut self,
        call: &'a EntityCall,
        single: bool,
        row: Row<'a>,
        pred: Pred<'a>,
        steps: &mut Steps,
    ) -> Planned<()> {
        let (object, visible) = self.result_object(call, row)?;
        let rows = crate::plan::selection::Rows {
            listed: !single,
            pred: Some(Pred::and([pred, visible])),
            ..crate::plan::selection::Rows::default()
        };
        let what = if single { object } else { Expr::JsonList(Box::new(object)) };
        let select = crate::plan::query::as_text(self.select(row, what, rows, Joins::default()));
        self.step(steps, &Sql::Select(Box::new(select)), StepRole::Result);
        Ok(())
    }

    /// The row half of the update rules: of the type, and of the supplied fields.
    pub(super) fn update_condition(
        &mut self,
        entity: EntityId,
        data: &'a Arguments,
        keys: &[FieldId],
    ) -> Planned<Pred<'a>> {
        let model = self.entity(entity);
        let mut parts = vec![self.row_rule(entity, None, RuleSlot::UpdateRow, &model.access.update)?];
        let input = Input { entity, data, field_level: true, creating: false, parent: None };
        for (name, _) in data {
            let Some((id, field)) = super::field_named(model, name) else { continue };
            if keys.contains(&id) {
                continue;
            }
            if let Some(access) = &field.access {
                parts.push(self.input_rule(Some(id), RuleSlot::UpdateInput, &access.update, input)?);
            }
        }
        Ok(Pred::and(parts))
    }

    /// The assignments of the supplied fields, except those that are keys of a nested entry.
    pub(super) fn assignments(
        &mut self,
        entity: EntityId,
        data: &'a Arguments,
        keys: &[FieldId],
    ) -> Planned<Vec<(&'a str, Expr<'a>)>> {
        let model = self.entity(entity);
        let mut params = Vec::new();
        for (id, _, value) in self.supplied(entity, data) {
            if !keys.contains(&id) {
                self.field_params(entity, id, value, &mut params)?;
            }
        }
        let mut set = Vec::with_capacity(params.len());
        for (column, param) in params {
            let value = self.bind_for(param, &model.columns[column].ty);
            set.push((model.columns[column].name.as_str(), value));
        }
        Ok(set)
    }

    /// Updates rows, or only finds them, and returns the step that yields their keys.
    pub(super) fn written_keys(
        &mut self,
        row: Row<'a>,
        set: Vec<(&'a str, Expr<'a>)>,
        pred: Pred<'a>,
        single: bool,
        steps: &mut Steps,
    ) -> Planned<usize> {
        let placed = !single && self.needs_place(row.entity, &pred);
        let filter = self.lower_nested(pred, row);
        self.written_keys_where(row, set, filter, placed, steps)
    }

    /// The same with a finished condition.
    pub(super) fn written_keys_where(
        &mut self,
        row: Row<'a>,
        set: Vec<(&'a str, Expr<'a>)>,
        filter: Option<Expr<'a>>,
        placed: bool,
        steps: &mut Steps,
    ) -> Planned<usize> {
        let keys = |planner: &Self, row: Row<'a>| {
            key_columns(planner.entity(row.entity))
                .map(|column| Item::Expr(planner.column(row, column).cast(SqlType::Text)))
                .collect::<Vec<_>>()
        };
        let order = |row: Row<'a>| {
            let place = OrderBy { expr: Expr::Column(row.alias, "ctid"), descending: false };
            if placed { vec![place] } else { Vec::new() }
        };
        let statement = if set.is_empty() {
            Sql::Select(Box::new(Select {
                columns: keys(self, row),
                from: Some(Self::source(row)),
                filter,
                order: order(row),
                ..Select::default()
            }))
        } else if placed {
            let part = self.written(row, set, filter, true);
            let written = Row { entity: row.entity, alias: part.name };
            Sql::Select(Box::new(Select {
                columns: keys(self, written),
                from: Some(Source::Cte { name: part.name, alias: part.name }),
                order: order(written),
                with: vec![part],
                ..Select::default()
            }))
        } else {
            let returning = self.returning_key(row.entity);
            Sql::Update(Update { table: row.alias, set, from: None, filter, returning })
        };
        Ok(self.step(steps, &statement, StepRole::Rows))
    }
}
