//! Recording what every sub-expression of a rule came to, while somebody listens.

use studio_model::ir::{AccessExpr, EntityId, FieldPath};

use super::log::{Evaluated, ExprKind, OperandValue, RuleOutcome};
use super::solve::{Subject, This, Verdict};
use super::text::expression_text;
use crate::plan::{Planned, Planner, Pred, link_target};

/// What is known of the rule being evaluated.
#[derive(Debug, Default)]
pub(crate) struct Explaining {
    /// Operands of the comparison being solved.
    operands: Vec<OperandValue>,
    /// Finished parts of the expression being solved.
    parts: Vec<Evaluated>,
    /// The entity whose rows the rule speaks about, and that of the element inside `some`.
    rows: Option<EntityId>,
    element: Option<EntityId>,
}

impl<'a> Planner<'a, '_> {
    /// A rule on this entity is about to be solved.
    pub(crate) fn rule_begins(&mut self, entity: Option<EntityId>, subject: Subject<'a>) {
        if !self.log.enabled() {
            return;
        }
        self.log.rule_begins();
        let rows = match (subject.this, entity) {
            (This::Child { via }, Some(entity)) => Some(link_target(self.ir, entity, via)),
            (This::Input(input), _) => Some(self.subject_of(input)),
            (This::Rows | This::Child { .. }, entity) => entity,
        };
        self.explaining = Explaining { rows, ..Explaining::default() };
    }

    /// It was solved: the whole expression with its parts.
    pub(crate) fn rule_ends(&mut self) -> Option<Evaluated> {
        self.log.rule_ends();
        std::mem::take(&mut self.explaining).parts.pop()
    }

    /// Notes an operand of the comparison being solved.
    pub(crate) fn note_operand(&mut self, operand: OperandValue) {
        self.explaining.operands.push(operand);
    }

    /// Solves an expression and keeps what it came to.
    pub(super) fn solve_explained(
        &mut self,
        expr: &'a AccessExpr,
        subject: Subject<'a>,
    ) -> Planned<Verdict<'a>> {
        let outer_operands = std::mem::take(&mut self.explaining.operands);
        let outer_parts = std::mem::take(&mut self.explaining.parts);
        let outer_element = self.explaining.element;
        if let AccessExpr::Some { collection, .. } = expr {
            self.explaining.element = Some(self.end_of(collection));
        }
        let result = self.solve_plain(expr, subject);
        self.explaining.element = outer_element;
        let operands = std::mem::replace(&mut self.explaining.operands, outer_operands);
        let mut parts = std::mem::replace(&mut self.explaining.parts, outer_parts);
        if let (AccessExpr::And(_, right) | AccessExpr::Or(_, right), 1) = (expr, parts.len()) {
            parts.push(self.not_looked_at(right));
        }
        let (outcome, unsolvable) = match &result {
            Ok(verdict) => (self.outcome(&verdict.pred), !verdict.solved),
            Err(_) => (RuleOutcome::Denied, true),
        };
        self.explaining.parts.push(Evaluated {
            kind: kind(expr),
            text: expression_text(self.ir, expr),
            operands,
            outcome: Some(outcome),
            unsolvable,
            parts,
        });
        result
    }

    /// A condition as an outcome; in terms of the row it speaks about.
    pub(crate) fn outcome(&mut self, pred: &Pred<'a>) -> RuleOutcome {
        match pred {
            Pred::True => RuleOutcome::Allowed,
            Pred::False => RuleOutcome::Denied,
            residue => {
                let Explaining { rows, element, .. } = self.explaining;
                let Some(outer) = rows else { return RuleOutcome::Denied };
                let (sql, values) = self.describe(element.unwrap_or(outer), outer, residue.clone());
                RuleOutcome::Residue { sql, values }
            }
        }
    }

    fn not_looked_at(&self, expr: &AccessExpr) -> Evaluated {
        Evaluated {
            kind: kind(expr),
            text: expression_text(self.ir, expr),
            operands: Vec::new(),
            outcome: None,
            unsolvable: false,
            parts: Vec::new(),
        }
    }

    fn end_of(&self, path: &FieldPath) -> EntityId {
        path.steps.iter().fold(path.entity, |entity, step| link_target(self.ir, entity, *step))
    }
}

fn kind(expr: &AccessExpr) -> ExprKind {
    match expr {
        AccessExpr::Literal(_) => ExprKind::Literal,
        AccessExpr::Compare { .. } => ExprKind::Compare,
        AccessExpr::Not(_) => ExprKind::Not,
        AccessExpr::And(..) => ExprKind::And,
        AccessExpr::Or(..) => ExprKind::Or,
        AccessExpr::Some { .. } => ExprKind::Some,
        AccessExpr::Hook(_) => ExprKind::Hook,
    }
}
