//! Deletion (graphql-and-sql 3.8.2).

use studio_sql::expr::Expr;
use studio_sql::select::Item;
use studio_sql::write::{Cte, Delete, Statement as Sql};

use super::Steps;
use crate::access::RuleSlot;
use crate::operation::EntityCall;
use crate::plan::{FieldBody, Planned, Planner, Pred};

impl<'a> Planner<'a, '_> {
    /// `deleteT` and `deleteTs`: the answer shows everything as it was before.
    pub(crate) fn delete(&mut self, call: &'a EntityCall, single: bool) -> Planned<FieldBody> {
        let row = self.row(call.entity);
        let chosen = self.chosen(call, single)?;
        let rule =
            self.row_rule(call.entity, None, RuleSlot::Delete, &self.entity(call.entity).access.delete)?;
        let pred = Pred::and([chosen, rule]);
        let placed = !single && self.needs_place(call.entity, &pred);
        let filter = self.lower_nested(pred, row);
        let mut returning = vec![Item::All];
        if placed {
            returning.push(Item::Named(Expr::Column(row.alias, "ctid"), "ctid".into()));
        }
        let delete = Delete { table: row.alias, filter, returning };
        let mut steps = Steps::default();
        let written = Cte { name: self.written_name(call.entity), body: Sql::Delete(delete) };
        self.result_of_write(call, single, vec![written], false, placed, &mut steps)?;
        Ok(FieldBody::Steps(steps.0))
    }

    /// The rows an update or deletion is asked for: by key, or by `where`.
    pub(super) fn chosen(&mut self, call: &'a EntityCall, single: bool) -> Planned<Pred<'a>> {
        if single {
            return self.lookup_condition(
                call.entity,
                &self.entity(call.entity).primary_key,
                &call.arguments,
            );
        }
        match call.arguments.get("where") {
            Some(value) => self.filter(call.entity, value),
            None => Ok(Pred::True),
        }
    }
}
