//! Evaluations of rules: timing them, and their form in traces.

use std::time::{Duration, Instant};

use studio_events::{AccessCheck, AccessOperand, AccessOperation, AccessPart, AccessVerdict, ParamTrace};
use studio_query::access::{AccessLog, Evaluated, RuleEvaluation, RuleOutcome, RuleSlot};
use studio_query::plan::{Param, ParamValue};

use super::bind::{origin, sql_type};

/// Keeps evaluations and the time they took; for requests that somebody looks at.
#[derive(Debug, Default)]
pub(super) struct TimedLog {
    /// What was evaluated, in order.
    pub(super) notes: Vec<RuleEvaluation>,
    /// Time spent on it.
    pub(super) spent: Duration,
    begun: Option<Instant>,
}

impl TimedLog {
    /// Forgets the evaluations, not the time.
    pub(super) fn clear(&mut self) {
        self.notes.clear();
    }

    /// Goes on with what another log noted.
    pub(super) fn append(&mut self, mut other: Self) {
        self.notes.append(&mut other.notes);
        self.spent += other.spent;
    }

    /// The evaluations as a trace keeps them.
    pub(super) fn checks(&self) -> Vec<AccessCheck> {
        self.notes.iter().map(check).collect()
    }
}

impl AccessLog for TimedLog {
    fn enabled(&self) -> bool {
        true
    }

    fn record(&mut self, evaluation: RuleEvaluation) {
        self.notes.push(evaluation);
    }

    fn rule_begins(&mut self) {
        self.begun = Some(Instant::now());
    }

    fn rule_ends(&mut self) {
        self.spent += self.begun.take().map(|begun| begun.elapsed()).unwrap_or_default();
    }
}

/// A rule evaluation as data.
pub(super) fn check(evaluation: &RuleEvaluation) -> AccessCheck {
    AccessCheck {
        type_name: evaluation.type_name.clone(),
        field: evaluation.field.clone(),
        operation: match evaluation.slot {
            RuleSlot::Read => AccessOperation::Query,
            RuleSlot::Create => AccessOperation::Create,
            RuleSlot::UpdateRow => AccessOperation::UpdateRow,
            RuleSlot::UpdateInput => AccessOperation::UpdateInput,
            RuleSlot::Delete => AccessOperation::Delete,
            RuleSlot::Call => AccessOperation::Call,
        },
        rule: evaluation.rule.clone(),
        file: evaluation.origin.file.clone(),
        line: evaluation.origin.line,
        verdict: verdict(&evaluation.outcome),
        expression: evaluation.expression.as_ref().map(part),
        decided_by: evaluation.deciding().into_iter().map(|it| part(it).with_operands()).collect(),
    }
}

/// A sub-expression as data.
pub(super) fn part(evaluated: &Evaluated) -> AccessPart {
    let operands = evaluated.operands.iter();
    AccessPart {
        text: evaluated.text.clone(),
        operands: operands
            .map(|operand| AccessOperand { text: operand.operand.clone(), value: operand.value.clone() })
            .collect(),
        verdict: evaluated.outcome.as_ref().map_or(AccessVerdict::Skipped, verdict),
        in_database: None,
        parts: evaluated.parts.iter().map(part).collect(),
    }
}

fn verdict(outcome: &RuleOutcome) -> AccessVerdict {
    match outcome {
        RuleOutcome::Allowed => AccessVerdict::Allowed,
        RuleOutcome::Denied => AccessVerdict::Denied,
        RuleOutcome::Residue { sql, values } => {
            AccessVerdict::Rows { sql: sql.clone(), values: values.iter().map(value).collect() }
        }
    }
}

fn value(param: &Param) -> ParamTrace {
    ParamTrace {
        ty: sql_type(&param.ty).name().to_owned(),
        value: match &param.value {
            ParamValue::Text(text) => Some(text.clone()),
            ParamValue::Null | ParamValue::Cell { .. } | ParamValue::Column { .. } | ParamValue::Hole(_) => {
                None
            }
        },
        origin: origin(param),
    }
}
