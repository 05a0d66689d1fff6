//! A record of rule evaluations, for traces.

use studio_model::ir::Origin;

/// Receives rule evaluations. Nothing is rendered unless [`AccessLog::enabled`] says so.
pub trait AccessLog {
    /// Whether anybody wants to know.
    fn enabled(&self) -> bool;
    /// One evaluated rule.
    fn record(&mut self, evaluation: RuleEvaluation);
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
    /// Operands that have a value before the database is asked, in order of evaluation.
    pub operands: Vec<OperandValue>,
    /// What its conditions came to, in order of evaluation. A condition that decided nothing (behind `||` or `&&`,
    /// or not about what was checked) is absent; one asked for several objects of the input is there several times.
    pub conditions: Vec<ConditionSeen>,
    /// The verdict.
    pub outcome: RuleOutcome,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleOutcome {
    /// Holds without looking at rows.
    Allowed,
    /// Does not hold: `Not authorized`.
    Denied,
    /// Depends on rows.
    Residue {
        /// The condition in SQL, with `$n`.
        sql: String,
        /// The values behind `$n`.
        values: Vec<String>,
    },
}
