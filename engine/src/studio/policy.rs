//! Answers prepared in a file: what a studio without a terminal, or an agent, lets happen to the data.
//!
//! The file has the keys of an interactions file (graphql-and-sql 4.6) and ours, see [`studio_sql::diff::Answers`]. What
//! it does not name is left alone.

use studio_events::{Choice, Decision, DecisionId, DecisionKind, MigrationSummary};
use studio_sql::diff::Answers;

/// Answers of the policy to questions nobody answered yet.
pub(super) fn answers(plan: &MigrationSummary, policy: &Answers) -> Vec<(DecisionId, Choice)> {
    let open =
        plan.decisions.iter().filter(|decision| decision.answer.is_none() && decision.refused.is_none());
    open.filter_map(|decision| Some((decision.id, answer(decision, policy)?))).collect()
}

fn answer(decision: &Decision, policy: &Answers) -> Option<Choice> {
    let step = decision.step.as_ref()?;
    let object = step.object.as_str();
    let named = |list: &[String]| list.iter().any(|name| same(name, object));
    match step.kind {
        DecisionKind::Value => {
            let find = |values: &std::collections::BTreeMap<String, String>| {
                values.iter().find(|(name, _)| same(name, object)).map(|(_, value)| value.clone())
            };
            find(&policy.back_fill).or_else(|| find(&policy.back_fill_per_row)).map(Choice::Expression)
        }
        DecisionKind::Rename => {
            let old = step.old.as_deref()?;
            let tables = policy.rename_table.iter().filter(|it| same(&it.old_table, old));
            let columns = policy
                .rename_column
                .iter()
                .filter(|it| same(&format!("{}.{}", it.table, it.old_column), old))
                .map(|it| format!("{}.{}", it.table, it.new_column));
            let mut renamed = tables.map(|it| it.new_table.clone()).chain(columns);
            let option =
                renamed.find_map(|new| step.candidates.iter().position(|candidate| same(candidate, &new)));
            let dropped = |list: &[String]| list.iter().any(|name| same(name, old));
            let separate = dropped(&policy.delete_table) || dropped(&policy.delete_column);
            option.or_else(|| separate.then_some(step.candidates.len())).map(Choice::Option)
        }
        DecisionKind::Destructive => {
            if named(&policy.delete_table) || named(&policy.delete_column) || named(&policy.delete_other) {
                Some(Choice::Option(0))
            } else {
                named(&policy.relax_column).then_some(Choice::Option(2))
            }
        }
        DecisionKind::Convert if named(&policy.convert_column) => Some(Choice::Option(0)),
        DecisionKind::Convert => named(&policy.delete_column).then_some(Choice::Option(2)),
        DecisionKind::Obstacle => None,
    }
}

/// Tables of `public` may be written with or without their schema.
fn same(a: &str, b: &str) -> bool {
    let plain = |text: &'_ str| text.strip_prefix("public.").unwrap_or(text).to_owned();
    plain(a) == plain(b)
}
