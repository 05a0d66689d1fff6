//! A rule evaluation in one line, for traces.

use studio_query::access::{RuleEvaluation, RuleOutcome, RuleSlot};

/// `Todo query  AuthContext.role == "staff"  (src/index.exo:4)  role = "guest"  → denied`
pub(super) fn note(evaluation: &RuleEvaluation) -> String {
    let subject = match &evaluation.field {
        Some(field) => format!("{}.{field}", evaluation.type_name),
        None => evaluation.type_name.clone(),
    };
    let slot = match evaluation.slot {
        RuleSlot::Read => "query",
        RuleSlot::Create => "create",
        RuleSlot::UpdateRow => "update (row)",
        RuleSlot::UpdateInput => "update (input)",
        RuleSlot::Delete => "delete",
        RuleSlot::Call => "call",
    };
    let rule = evaluation.rule.as_deref().unwrap_or("no rule, so nobody may");
    let place = format!("{}:{}", evaluation.origin.file, evaluation.origin.line);
    let operands: Vec<_> = evaluation
        .operands
        .iter()
        .map(|operand| format!("{} = {}", operand.operand, operand.value.as_deref().unwrap_or("absent")))
        .collect();
    let outcome = match &evaluation.outcome {
        RuleOutcome::Allowed => "allowed".to_owned(),
        RuleOutcome::Denied => "denied".to_owned(),
        RuleOutcome::Residue { sql, values } if values.is_empty() => format!("rows where {sql}"),
        RuleOutcome::Residue { sql, values } => format!("rows where {sql}  [{}]", values.join(", ")),
    };
    let seen = if operands.is_empty() { String::new() } else { format!("  {}", operands.join(", ")) };
    format!("{subject} {slot}  {rule}  ({place}){seen}  → {outcome}")
}
