//! Pre-checks: rules on the data of a mutation, before anything is written (language.md 6.6 to 6.8).

use studio_model::ir::EntityId;
use studio_sql::expr::Expr;
use studio_sql::select::{Item, Select};
use studio_sql::write::Statement as Sql;

use super::{Steps, objects, part};
use crate::access::{Input, RuleSlot};
use crate::operation::Arguments;
use crate::plan::{Planned, Planner, Pred, StepRole};

impl<'a> Planner<'a, '_> {
    /// The rules for creating these objects and everything nested in them.
    pub(super) fn check_create(
        &mut self,
        entity: EntityId,
        data: &'a Arguments,
        residues: &mut Vec<(EntityId, Pred<'a>)>,
    ) -> Planned<()> {
        let input = Input { entity, data, field_level: false, creating: true };
        let rule = &self.entity(entity).access.create;
        let residue = self.input_rule(None, RuleSlot::Create, rule, input)?;
        keep(residues, entity, residue);
        for (name, _) in data {
            let Some((id, field)) = super::field_named(self.entity(entity), name) else { continue };
            if let Some(access) = &field.access {
                let residue = self.input_rule(Some(id), RuleSlot::Create, &access.create, input)?;
                keep(residues, entity, residue);
            }
        }
        for (_, field, value) in self.nested_parts(entity, data) {
            let Some((child, _)) = Self::child(field) else { continue };
            for object in objects(value) {
                self.check_create(child, object, residues)?;
            }
        }
        Ok(())
    }

    /// The input half of the update rules, for an object and everything nested in it. Field rules are part of the
    /// row condition.
    pub(super) fn check_update(
        &mut self,
        entity: EntityId,
        data: &'a Arguments,
        residues: &mut Vec<(EntityId, Pred<'a>)>,
    ) -> Planned<()> {
        let input = Input { entity, data, field_level: false, creating: false };
        let rule = &self.entity(entity).access.update;
        let residue = self.input_rule(None, RuleSlot::UpdateInput, rule, input)?;
        keep(residues, entity, residue);
        for (_, field, value) in self.nested_parts(entity, data) {
            let Some((child, _)) = Self::child(field) else { continue };
            for object in part(value, "update") {
                self.check_update(child, object, residues)?;
            }
            for object in part(value, "create") {
                self.check_create(child, object, residues)?;
            }
        }
        Ok(())
    }

    /// One statement for all residues: exactly one row if all of them hold.
    pub(super) fn check_step(&mut self, steps: &mut Steps, residues: Vec<(EntityId, Pred<'a>)>) {
        if residues.is_empty() {
            self.abandon();
            return;
        }
        let mut conditions = Vec::with_capacity(residues.len());
        for (entity, residue) in residues {
            // Residues on input speak about rows of their own only; this one is never printed.
            let row = self.unprinted_row(entity);
            conditions.extend(self.lower_nested(residue, row));
        }
        let select = Select {
            columns: vec![Item::Expr(Expr::Text("true".into()))],
            filter: Some(Expr::And(conditions)),
            ..Select::default()
        };
        self.step(steps, &Sql::Select(Box::new(select)), StepRole::Check);
    }
}

fn keep<'a>(residues: &mut Vec<(EntityId, Pred<'a>)>, entity: EntityId, residue: Pred<'a>) {
    if residue != Pred::True {
        residues.push((entity, residue));
    }
}
