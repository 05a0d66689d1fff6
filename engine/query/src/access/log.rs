//! A record of rule evaluations, for traces.

use studio_model::ir::Origin;

use crate::plan::Param;

/// Receives rule evaluations. Nothing is rendered unless [`AccessLog::enabled`] says so.
pub trait AccessLog {
    /// Whether anybody wants to know.
    fn enabled(&self) -> bool;
    /// One evaluated rule.
    fn record(&mut self, evaluation: RuleEvaluation);
    /// A rule is about to be evaluated; for logs that have a clock.
    fn rule_begins(&mut self) {}
    /// The evaluation of that rule has ended.
    fn rule_ends(&mut self) {}
}

/// A log that keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLog;

impl AccessLog for NoLog {
    fn enabled(&self) -> bool {
        false
    }
    fn record(&mut self, _: RuleEvaluation) {}
}

impl AccessLog for Vec<RuleEvaluation> {
    fn enabled(&self) -> bool {
        true
    }
    fn record(&mut self, evaluation: RuleEvaluation) {
        self.push(evaluation);
    }
}

/// One rule, what it saw and what it said.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleEvaluation {
    /// The type the rule belongs to.
    pub type_name: String,
    /// The field, for field-level rules.
    pub field: Option<String>,
    /// Which of its rules.
    pub slot: RuleSlot,
    /// The rule as written; `None` where none was given, which denies.
    pub rule: Option<String>,
    /// Where it was declared.
    pub origin: Origin,
    /// The expression with everything below it; `None` where no rule was given.
    pub expression: Option<Evaluated>,
    /// What its conditions came to, in order of evaluation. A condition that decided nothing (behind `||` or `&&`,
    /// or not about what was checked) is absent; one asked for several objects of the input is there several times.
    pub conditions: Vec<ConditionSeen>,
    /// The verdict.
    pub outcome: RuleOutcome,
}

impl RuleEvaluation {
    /// Operands that have a value before the database is asked, in order of evaluation.
    pub fn operands(&self) -> Vec<&OperandValue> {
        fn collect<'a>(part: &'a Evaluated, out: &mut Vec<&'a OperandValue>) {
            out.extend(&part.operands);
            part.parts.iter().for_each(|part| collect(part, out));
        }
        let mut out = Vec::new();
        if let Some(expression) = &self.expression {
            collect(expression, &mut out);
        }
        out
    }

    /// The innermost expressions that made the rule deny; empty for any other verdict.
    pub fn deciding(&self) -> Vec<&Evaluated> {
        let mut out = Vec::new();
        if let (RuleOutcome::Denied, Some(expression)) = (&self.outcome, &self.expression) {
            expression.because(false, &mut out);
        }
        out
    }
}

/// A sub-expression of a rule and what it came to (language.md 6.5).
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// What kind of expression it is.
    pub kind: ExprKind,
    /// The expression, in the language of models.
    pub text: String,
    /// For a comparison or a question to a component: operands that have a value before the database is asked, and what
    /// the component said.
    pub operands: Vec<OperandValue>,
    /// What it came to; `None` if it was not looked at, because the other side decided.
    pub outcome: Option<RuleOutcome>,
    /// A value is missing, so a negation around it leaves the outcome alone.
    pub unsolvable: bool,
    /// The expressions it is made of, in order of evaluation.
    pub parts: Vec<Evaluated>,
}

/// Kinds of expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ExprKind {
    Literal,
    Compare,
    Not,
    And,
    Or,
    Some,
    Hook,
}

impl Evaluated {
    /// Collects the innermost parts that explain why this is true or false. Parts that depend on rows explain
    /// nothing here.
    fn because<'a>(&'a self, truth: bool, out: &mut Vec<&'a Self>) {
        let before = out.len();
        let wanted = if truth { RuleOutcome::Allowed } else { RuleOutcome::Denied };
        let decisive = || self.parts.iter().filter(|part| part.outcome.as_ref() == Some(&wanted));
        match (self.kind, truth) {
            // One is enough.
            (ExprKind::And, false) | (ExprKind::Or, true) => {
                if let Some(part) = decisive().next() {
                    part.because(truth, out);
                }
            }
            (ExprKind::And, true) | (ExprKind::Or, false) | (ExprKind::Some, _) => {
                decisive().for_each(|part| part.because(truth, out));
            }
            (ExprKind::Not, _) => {
                if let Some(part) = self.parts.first() {
                    part.because(if part.unsolvable { truth } else { !truth }, out);
                }
            }
            (ExprKind::Literal | ExprKind::Compare | ExprKind::Hook, _) => {}
        }
        if out.len() == before {
            out.push(self);
        }
    }
}

/// The slots of a rule set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleSlot {
    /// Queries, nested reads, mutation results.
    Read,
    /// Creation, on the input.
    Create,
    /// Update, on existing rows.
    UpdateRow,
    /// Update, on the input.
    UpdateInput,
    /// Deletion.
    Delete,
    /// Calling a method of a code module.
    Call,
}

/// An operand and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperandValue {
    /// As written, e.g. `AuthContext.role` or `self.qty`.
    pub operand: String,
    /// Its value as JSON; `None` if it is absent (language.md 5.3) or not known.
    pub value: Option<String>,
}

/// A condition of a rule and what it came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConditionSeen {
    /// Position in [`conditions`](super::conditions) of the rule.
    pub index: usize,
    /// What it came to.
    pub truth: Truth,
}

/// What a condition came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It holds, whatever the rows.
    True,
    /// It does not hold, whatever the rows.
    False,
    /// The rows decide: it became part of the statement.
    Rows,
}

/// What a rule came to.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleOutcome {
    /// Holds without looking at rows.
    Allowed,
    /// Does not hold: `Not authorized`.
    Denied,
    /// Depends on rows.
    Residue {
        /// The condition in SQL, with `$n`.
        sql: String,
        /// The values behind `$n`, with their types and where they came from.
        values: Vec<Param>,
    },
}
