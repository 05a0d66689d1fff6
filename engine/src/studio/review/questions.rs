//! What is asked about the steps of a migration.

use studio_events::{Decision, DecisionKind, StepQuestion};
use studio_postgres::inspect::Stake;
use studio_sql::ddl::type_text;
use studio_sql::diff::{Change, Migration, Step};
use studio_sql::risk;
use studio_sql::schema::{Column, ColumnType, DatabaseSchema, QualifiedName};

use super::answered::{Answered, KEEP, Key, KeyKind, RELAX};
use super::renames::{Rename, object_of};

/// The questions, in order of the steps. `fitting` are the columns whose values all fit a new type.
pub(super) fn questions(
    migration: &Migration,
    renames: &[Rename],
    stakes: &[Stake],
    fitting: &[String],
    wanted: &DatabaseSchema,
    answered: &mut Answered,
) -> Vec<(Key, Decision)> {
    let mut questions = Vec::new();
    for (index, step) in migration.steps.iter().enumerate() {
        let stake = stakes.iter().find(|stake| stake.step == index);
        let values = stake.map(|stake| stake.values);
        let about = |kind, object: String, value_type: Option<String>| StepQuestion {
            step: index,
            kind,
            object,
            old: None,
            candidates: Vec::new(),
            value_type,
            rows: stake.map(|stake| stake.rows),
            values,
            samples: stake.map(|stake| stake.samples.clone()).unwrap_or_default(),
        };
        if let Some(rename) = rename_of(&step.change, renames) {
            let lost =
                values.map_or_else(String::new, |values| format!(" and keeps {}", plural(values, "value")));
            let key = Key { kind: rename.kind, object: rename.old.clone() };
            let short = |name: &String| match rename.kind {
                KeyKind::RenameColumn => {
                    name.rsplit_once('.').map_or(name.clone(), |(_, column)| column.to_owned())
                }
                _ => name.clone(),
            };
            let (question, mut options) = match rename.candidates.as_slice() {
                [new] => (format!("{} becomes {}{lost}?", rename.old, short(new)), vec!["rename".to_owned()]),
                several => {
                    let options = several.iter().map(|new| format!("rename to {}", short(new))).collect();
                    (format!("what becomes of {}{lost}?", rename.old), options)
                }
            };
            options.push("drop and add".to_owned());
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let new = rename.taken_for().cloned().unwrap_or_else(|| rename.old.clone());
            let about = StepQuestion {
                old: Some(rename.old.clone()),
                candidates: rename.candidates.clone(),
                ..about(DecisionKind::Rename, new, None)
            };
            questions.push(decision(answered, key, question, &options, rename.default, about));
        }
        if let Some((table, column)) = filled_column(step) {
            let object = object_of(table, &column.name);
            let ty = type_text(&column.ty);
            let rows = match &step.change {
                Change::AddColumn { .. } => plural(values.unwrap_or(0), "row that exists"),
                _ => plural(values.unwrap_or(0), "row without one"),
            };
            let hint = hint(&column.ty, wanted);
            let question = format!("value of {object} ({ty}) for {rows}{hint}");
            let key = Key { kind: KeyKind::Value, object: object.clone() };
            let about = about(DecisionKind::Value, object, Some(ty));
            questions.push(decision(answered, key, question, &[], 0, about));
            continue;
        }
        let object = step.object.to_string();
        if let Change::ReplaceColumn(replace) = &step.change
            && fitting.contains(&object)
        {
            let (old, new) = (type_text(&replace.old.ty), type_text(&replace.new.ty));
            let all = match values {
                Some(1) => "its value fits".to_owned(),
                Some(0) | None => "there is no value".to_owned(),
                Some(values) => format!("all {values} values fit"),
            };
            let question = format!("{object}: {old} becomes {new}, {all}");
            let key = Key { kind: KeyKind::Convert, object: object.clone() };
            let about = about(DecisionKind::Convert, object, None);
            let default = answered.default_conversion();
            let options = ["convert", "keep for now", "drop and add"];
            questions.push(decision(answered, key, question, &options, default, about));
            continue;
        }
        match step.class {
            risk::StepClass::NeedsValue => {
                let question = match &step.change {
                    Change::AddUnique { table, unique } => {
                        format!("rows of {table} with equal {} stand in the way", unique.columns.join(", "))
                    }
                    Change::AddForeignKey { table, key } => {
                        format!("rows of {table} refer to rows of {} that do not exist", key.target)
                    }
                    _ => format!("rows stand in the way of: {}", step.description),
                };
                let key = Key { kind: KeyKind::Obstacle, object: object.clone() };
                let about = about(DecisionKind::Obstacle, object, None);
                questions.push(decision(answered, key, question, &["keep for now"], 0, about));
            }
            risk::StepClass::Destructive => {
                let key = Key { kind: KeyKind::Destructive, object: object.clone() };
                let misfits = match stake.and_then(|stake| stake.misfits).unwrap_or(0) {
                    0 => String::new(),
                    1 => ", as 1 does not fit".to_owned(),
                    misfits => format!(", as {misfits} do not fit"),
                };
                let question = match values {
                    Some(values) => {
                        format!("{}: {} lost{misfits}", step.description, plural(values, "value"))
                    }
                    None => step.description.clone(),
                };
                let relaxable = matches!(&step.change, Change::DropColumn { column, .. }
                    if !column.nullable && !column.primary_key);
                let options: &[&str] = if relaxable {
                    &["do it", "keep for now", "keep, allow NULL"]
                } else {
                    &["do it", "keep for now"]
                };
                let about = about(DecisionKind::Destructive, object, None);
                questions.push(decision(answered, key, question, options, KEEP, about));
            }
            risk::StepClass::Safe | risk::StepClass::Question => {
                relaxed(step, answered, &about, &mut questions)
            }
        }
    }
    questions
}

/// A column that was answered to stay without requiring values: the answer can still be changed.
fn relaxed(
    step: &Step,
    answered: &mut Answered,
    about: &dyn Fn(DecisionKind, String, Option<String>) -> StepQuestion,
    questions: &mut Vec<(Key, Decision)>,
) {
    let Change::DropNotNull { .. } = &step.change else { return };
    let object = step.object.to_string();
    if answered.option(KeyKind::Destructive, &object) != Some(RELAX) {
        return;
    }
    let key = Key { kind: KeyKind::Destructive, object: object.clone() };
    let question = format!("drop column {object} with all its values");
    let about = about(DecisionKind::Destructive, object, None);
    let options = ["do it", "keep for now", "keep, allow NULL"];
    questions.push(decision(answered, key, question, &options, KEEP, about));
}

fn decision(
    answered: &mut Answered,
    key: Key,
    question: String,
    options: &[&str],
    default: usize,
    step: StepQuestion,
) -> (Key, Decision) {
    let decision = Decision {
        id: answered.id(&key),
        question,
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        default,
        answer: answered.choices.get(&key).cloned(),
        refused: answered.refused.get(&key).cloned(),
        step: Some(step),
    };
    (key, decision)
}

/// The proposal behind a rename step, or behind the drop that was answered to be none.
fn rename_of<'a>(change: &Change, renames: &'a [Rename]) -> Option<&'a Rename> {
    let (kind, old) = match change {
        Change::RenameTable { old, .. } => (KeyKind::RenameTable, old.to_string()),
        Change::DropTable { table, .. } => (KeyKind::RenameTable, table.name.to_string()),
        Change::RenameColumn { table, old, .. } => (KeyKind::RenameColumn, object_of(table, old)),
        Change::DropColumn { table, column, .. } => (KeyKind::RenameColumn, object_of(table, &column.name)),
        _ => return None,
    };
    renames.iter().find(|rename| rename.kind == kind && rename.old == old)
}

/// The column that wants a value for rows that exist, given already or not.
pub(super) fn filled_column(step: &Step) -> Option<(&QualifiedName, &Column)> {
    let open = step.class == risk::StepClass::NeedsValue;
    match &step.change {
        Change::AddColumn { table, column, back_fill, .. } if !column.primary_key => {
            (open || back_fill.is_some()).then_some((table, column))
        }
        Change::SetNotNull { table, column, back_fill, .. } => {
            (open || back_fill.is_some()).then_some((table, column))
        }
        _ => None,
    }
}

/// The labels of an enum, where few enough to show.
fn hint(ty: &ColumnType, wanted: &DatabaseSchema) -> String {
    let ColumnType::Enum(name) = ty else { return String::new() };
    let labels = wanted.enum_type(name).map(|ty| ty.values.clone()).unwrap_or_default();
    if labels.is_empty() || labels.len() > 8 { String::new() } else { format!(": {}", labels.join(", ")) }
}

fn plural(number: u64, noun: &str) -> String {
    let (word, rest) = noun.split_once(' ').unwrap_or((noun, ""));
    let rest = if rest.is_empty() { String::new() } else { format!(" {rest}") };
    if number == 1 {
        return format!("1 {word}{rest}");
    }
    format!("{number} {word}s{}", rest.replace(" exists", " exist"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_agree() {
        assert_eq!(plural(1, "row that exists"), "1 row that exists");
        assert_eq!(plural(2, "row that exists"), "2 rows that exist");
        assert_eq!(plural(3, "row without one"), "3 rows without one");
    }
}
