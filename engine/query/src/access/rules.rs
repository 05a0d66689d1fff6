//! Which rule applies where, and what its verdict means (language.md 6.1 and 6.7).

use studio_model::ir::{AccessRule, EntityId, FieldId};

use super::input::Input;
use super::log::{RuleEvaluation, RuleSlot};
use super::solve::{Subject, This};
use crate::error::RequestError;
use crate::plan::{Planned, Planner, Pred};

impl<'a> Planner<'a, '_> {
    /// The read rule of an entity on its rows.
    pub(crate) fn read_rule(&mut self, entity: EntityId) -> Planned<Pred<'a>> {
        let rule = &self.entity(entity).access.read;
        self.row_rule(entity, None, RuleSlot::Read, rule)
    }

    /// The read rule of a field on the rows of its entity; open without a rule.
    pub(crate) fn field_read_rule(&mut self, entity: EntityId, field: FieldId) -> Planned<Pred<'a>> {
        match &self.entity(entity).fields[field].access {
            None => Ok(Pred::True),
            Some(access) => self.row_rule(entity, Some(field), RuleSlot::Read, &access.read),
        }
    }

    /// Solves a rule on rows: `Not authorized` if it folds to false, otherwise the condition that remains.
    pub(crate) fn row_rule(
        &mut self,
        entity: EntityId,
        field: Option<FieldId>,
        slot: RuleSlot,
        rule: &'a AccessRule,
    ) -> Planned<Pred<'a>> {
        self.apply_rule(entity, field, slot, rule, Subject::rows())
    }

    /// Solves a rule on the data of a mutation, in the same way.
    pub(crate) fn input_rule(
        &mut self,
        field: Option<FieldId>,
        slot: RuleSlot,
        rule: &'a AccessRule,
        input: Input<'a>,
    ) -> Planned<Pred<'a>> {
        let input = Input { field_level: field.is_some(), ..input };
        self.apply_rule(input.entity, field, slot, rule, Subject::input(input))
    }

    /// The part of an entity's update rule that speaks about the parent `via` leads to, on the parent's rows.
    pub(crate) fn parent_rule(&mut self, entity: EntityId, via: FieldId) -> Planned<Pred<'a>> {
        let rule = &self.entity(entity).access.update;
        let subject = Subject { this: This::Child { via }, element: None };
        self.apply_rule(entity, None, RuleSlot::UpdateRow, rule, subject)
    }

    fn apply_rule(
        &mut self,
        entity: EntityId,
        field: Option<FieldId>,
        slot: RuleSlot,
        rule: &'a AccessRule,
        subject: Subject<'a>,
    ) -> Planned<Pred<'a>> {
        self.rule_begins(Some(entity), subject);
        self.hooks.begin(
            &self.entity(entity).name,
            field.map(|field| &*self.entity(entity).fields[field].name),
            Some(entity),
        );
        let pred = match self.solve(&rule.expr, subject) {
            Ok(verdict) => verdict.pred,
            Err(stop) => {
                self.note_rule(entity, field, slot, rule, &Pred::False);
                return Err(stop);
            }
        };
        self.note_rule(entity, field, slot, rule, &pred);
        if pred == Pred::False {
            let refusal = self.hooks.refusal.take();
            return Err(refusal.unwrap_or_else(|| self.denied(entity, field, slot)).into());
        }
        Ok(pred)
    }

    /// The refusal, with the reason for the log.
    pub(crate) fn denied(&self, entity: EntityId, field: Option<FieldId>, slot: RuleSlot) -> RequestError {
        let entity = self.entity(entity);
        let operation = match slot {
            RuleSlot::Read => "read",
            RuleSlot::Create => "create",
            RuleSlot::UpdateRow | RuleSlot::UpdateInput => "update",
            RuleSlot::Delete => "delete",
            RuleSlot::Call => "call",
        };
        let field = field.map(|field| [".", &entity.fields[field].name].concat()).unwrap_or_default();
        RequestError::not_authorized(
            ["the ", operation, " rule of `", &entity.name, &field, "` denies"].concat(),
        )
    }

    /// Reports an evaluation to the log, if anybody listens.
    fn note_rule(
        &mut self,
        entity: EntityId,
        field: Option<FieldId>,
        slot: RuleSlot,
        rule: &'a AccessRule,
        pred: &Pred<'a>,
    ) {
        if !self.log.enabled() {
            return;
        }
        let outcome = self.outcome(pred);
        let expression = self.rule_ends();
        let conditions = self.take_conditions(&rule.expr);
        let model = self.entity(entity);
        self.log.record(RuleEvaluation {
            type_name: model.name.clone(),
            field: field.map(|field| model.fields[field].name.clone()),
            slot,
            rule: rule.text.clone(),
            origin: rule.origin.clone(),
            expression: expression.filter(|_| rule.text.is_some()),
            conditions,
            outcome,
        });
    }
}
