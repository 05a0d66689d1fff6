//! Pre-checks: rules on the data of a mutation, before anything is written (language.md 6.6 to 6.8).

use studio_model::ir::{AccessExpr, EntityId, FieldId, FieldPath, Operand};
use studio_sql::expr::Expr;
use studio_sql::select::{Item, Select};
use studio_sql::write::Statement as Sql;

use super::{Steps, objects, part};
use crate::access::{Input, Parent, ParentRow, RuleSlot};
use crate::operation::Arguments;
use crate::plan::{Planned, Planner, Pred, StepRole};

impl<'a> Planner<'a, '_> {
    /// The rules for creating this object and everything nested in it: what they say about their parents is asked of
    /// the objects above (graphql-and-sql 3.9: what holds for the direct mutation has to hold for the nested one).
    pub(super) fn check_create(
        &mut self,
        entity: EntityId,
        data: &'a Arguments,
        parent: Option<Parent>,
        residues: &mut Vec<(EntityId, Pred<'a>)>,
    ) -> Planned<()> {
        let input = Input { entity, data, field_level: false, creating: true, parent };
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
            let Some((child, owner)) = Self::child(field) else { continue };
            let above = self.parent_of(input, owner);
            for object in objects(value) {
                self.check_create(child, object, Some(above), residues)?;
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
        let input = Input { entity, data, field_level: false, creating: false, parent: None };
        let rule = &self.entity(entity).access.update;
        let residue = self.input_rule(None, RuleSlot::UpdateInput, rule, input)?;
        keep(residues, entity, residue);
        for (_, field, value) in self.nested_parts(entity, data) {
            let Some((child, owner)) = Self::child(field) else { continue };
            for object in part(value, "update") {
                self.check_update(child, object, residues)?;
            }
            let above = Parent { via: owner, row: ParentRow::Elsewhere };
            for object in part(value, "create") {
                self.check_create(child, object, Some(above), residues)?;
            }
        }
        Ok(())
    }

    /// What the create rules of an object, and of those nested in it, say about the existing row it will stand below:
    /// conditions on that row. Everything else in them is checked beforehand.
    pub(super) fn conditions_on_parent(
        &mut self,
        child: EntityId,
        owner: FieldId,
        data: &'a Arguments,
    ) -> Planned<Pred<'a>> {
        if !self.reaches(child, data, &mut vec![owner]) {
            return Ok(Pred::True);
        }
        let mut residues = Vec::new();
        let above = Parent { via: owner, row: ParentRow::Existing };
        self.check_create(child, data, Some(above), &mut residues)?;
        Ok(Pred::and(residues.into_iter().map(|(_, residue)| residue).filter(Pred::mentions_row)))
    }

    /// Whether a create rule of the object, or of one nested in it, follows these references and goes on from there.
    fn reaches(&self, entity: EntityId, data: &'a Arguments, up: &mut Vec<FieldId>) -> bool {
        let model = self.entity(entity);
        let fields = data.iter().filter_map(|(name, _)| super::field_named(model, name));
        let mut rules = fields.filter_map(|(_, field)| Some(&field.access.as_ref()?.create.expr));
        if follows(&model.access.create.expr, up) || rules.any(|rule| follows(rule, up)) {
            return true;
        }
        self.nested_parts(entity, data).into_iter().any(|(_, field, value)| {
            let Some((child, owner)) = Self::child(field) else { return false };
            up.insert(0, owner);
            let found = objects(value).into_iter().any(|object| self.reaches(child, object, up));
            up.remove(0);
            found
        })
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

/// Whether a path of a rule starts with these fields and goes on.
fn follows(rule: &AccessExpr, up: &[FieldId]) -> bool {
    let path = |path: &FieldPath| path.steps.len() > up.len() && path.steps.starts_with(up);
    let operand = |operand: &Operand| match operand {
        Operand::Path(steps) => path(steps),
        Operand::Literal(_) | Operand::EnumValue(..) | Operand::Context(_) => false,
    };
    match rule {
        AccessExpr::Literal(_) => false,
        AccessExpr::Compare { left, right, .. } => operand(left) || operand(right),
        AccessExpr::Not(inner) => follows(inner, up),
        AccessExpr::And(left, right) | AccessExpr::Or(left, right) => follows(left, up) || follows(right, up),
        AccessExpr::Some { collection, condition } => path(collection) || follows(condition, up),
        // What a component restricts to may lead anywhere.
        AccessExpr::Hook(_) => true,
    }
}

fn keep<'a>(residues: &mut Vec<(EntityId, Pred<'a>)>, entity: EntityId, residue: Pred<'a>) {
    if residue != Pred::True {
        residues.push((entity, residue));
    }
}
