//! The conditions of a rule: its smallest parts that are true or false. Access coverage counts for each of them
//! what requests saw.

use studio_model::ir::{AccessExpr, FieldPath, Ir};

use super::log::{ConditionSeen, Truth};
use super::solve::Verdict;
use super::text::{expression_text, path_text};
use crate::plan::{Planner, Pred};

/// The comparisons of a rule and what it asks components, also those inside of `some`, in the order they are written. Empty for a rule that is
/// the literal `true` or `false`.
pub fn conditions(rule: &AccessExpr) -> Vec<&AccessExpr> {
    let mut found = Vec::new();
    visit(rule, None, &mut |condition, _| found.push(condition));
    found
}

/// The text of each condition of a rule, in the language of models; one inside of `some` with its collection.
pub fn condition_texts(ir: &Ir, rule: &AccessExpr) -> Vec<String> {
    let mut texts = Vec::new();
    visit(rule, None, &mut |condition, over| {
        let text = expression_text(ir, condition);
        texts.push(match over {
            Some(collection) => format!("{}.some(x => {text})", path_text(ir, collection)),
            None => text,
        });
    });
    texts
}

/// Visits the conditions with the collection of the innermost `some` around each.
fn visit<'a>(
    expr: &'a AccessExpr,
    over: Option<&'a FieldPath>,
    found: &mut dyn FnMut(&'a AccessExpr, Option<&'a FieldPath>),
) {
    match expr {
        AccessExpr::Literal(_) => {}
        AccessExpr::Compare { .. } | AccessExpr::Hook(_) => found(expr, over),
        AccessExpr::Not(inner) => visit(inner, over, found),
        AccessExpr::And(left, right) | AccessExpr::Or(left, right) => {
            visit(left, over, found);
            visit(right, over, found);
        }
        AccessExpr::Some { collection, condition } => visit(condition, Some(collection), found),
    }
}

impl<'a> Planner<'a, '_> {
    /// Notes what a condition came to, if anybody listens. One that does not concern what is being checked was not
    /// seen.
    pub(crate) fn note_condition(&mut self, condition: &'a AccessExpr, verdict: &Verdict<'a>) {
        if !self.log.enabled() {
            return;
        }
        let truth = match (&verdict.pred, verdict.solved) {
            (Pred::True, true) => Truth::True,
            (Pred::True, false) => return,
            (Pred::False, _) => Truth::False,
            _ => Truth::Rows,
        };
        self.seen.push((condition, truth));
    }

    /// What the conditions of a rule came to since the last time this was asked.
    pub(crate) fn take_conditions(&mut self, rule: &AccessExpr) -> Vec<ConditionSeen> {
        let all = conditions(rule);
        let seen = std::mem::take(&mut self.seen);
        seen.into_iter()
            .filter_map(|(condition, truth)| {
                let index = all.iter().position(|known| std::ptr::eq(*known, condition))?;
                Some(ConditionSeen { index, truth })
            })
            .collect()
    }
}
