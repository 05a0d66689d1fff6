//! What a difference asks: from the live schema, the wanted one and the answers so far to steps and decisions.
//!
//! Answers change the steps (a rename in place of a drop and an addition), so everything is computed anew after each.

use std::collections::{BTreeMap, BTreeSet};

use studio_events::{
    Choice, Decision, DecisionId, DecisionKind, MigrationStep, MigrationSummary, Revision, StepClass,
    StepQuestion,
};
use studio_postgres::Connection;
use studio_postgres::inspect::{Stake, settle, stakes};
use studio_sql::ddl::type_text;
use studio_sql::diff::{
    Answers, BackFill, Change, ColumnRename, Consent, ConsentedPlan, DiffOptions, Migration, Step,
    TableRename, diff,
};
use studio_sql::risk;
use studio_sql::schema::{Column, ColumnType, DatabaseSchema, QualifiedName, quote_literal};

/// What a question is about; the same question has the same key after every computation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    kind: KeyKind,
    /// `table.column`, `table`, or what else the step is about.
    object: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum KeyKind {
    RenameTable,
    RenameColumn,
    Value,
    Destructive,
    Obstacle,
}

/// Options of a destructive step.
const DO_IT: usize = 0;
const KEEP: usize = 1;
const RELAX: usize = 2;

/// The answers so far.
#[derive(Debug, Default)]
pub(super) struct Answered {
    choices: BTreeMap<Key, Choice>,
    fills: BTreeMap<String, BackFill>,
    refused: BTreeMap<Key, String>,
    ids: BTreeMap<Key, DecisionId>,
    /// Nothing is taken for a rename unless somebody says so.
    cautious: bool,
}

impl Answered {
    /// No answer yet; `cautious` where nobody can be asked.
    pub(super) fn new(cautious: bool) -> Self {
        Self { cautious, ..Self::default() }
    }

    /// Forgets all answers, but not which question has which number.
    pub(super) fn forget(&mut self) {
        self.choices.clear();
        self.fills.clear();
        self.refused.clear();
    }

    fn option(&self, kind: KeyKind, object: &str) -> Option<usize> {
        match self.choices.get(&Key { kind, object: object.to_owned() }) {
            Some(Choice::Option(option)) => Some(*option),
            Some(Choice::Value(_) | Choice::Expression(_) | Choice::Defer) | None => None,
        }
    }

    fn defers(&self, kind: KeyKind, object: &str) -> bool {
        match self.choices.get(&Key { kind, object: object.to_owned() }) {
            Some(choice) => *choice == Choice::Defer,
            None => false,
        }
    }

    /// Whether something was said about a rename.
    fn knows(&self, rename: &Rename) -> bool {
        self.choices.contains_key(&Key { kind: rename.kind, object: rename.old.clone() })
    }

    fn id(&mut self, key: &Key) -> DecisionId {
        let next = DecisionId(u32::try_from(self.ids.len()).unwrap_or(u32::MAX).saturating_add(FIRST_ID));
        *self.ids.entry(key.clone()).or_insert(next)
    }
}

/// Smaller numbers are for questions of other kinds.
const FIRST_ID: u32 = 100;

/// A migration with what is asked and chosen.
#[derive(Debug)]
pub(super) struct Review {
    pub(super) migration: Migration,
    chosen: BTreeSet<usize>,
    questions: Vec<(Key, Decision)>,
    stakes: Vec<Stake>,
}

impl Review {
    /// The plan of what is chosen now.
    pub(super) fn plan(&self) -> ConsentedPlan {
        self.migration.consent(&Consent::Exactly(self.chosen.clone()))
    }

    /// Whether a chosen step loses values.
    pub(super) fn is_destructive(&self) -> bool {
        let plan = self.plan();
        plan.steps().iter().any(|index| self.migration.steps[*index].class == risk::StepClass::Destructive)
    }

    /// Descriptions of the steps that the plan runs.
    pub(super) fn titles(&self, plan: &ConsentedPlan) -> Vec<String> {
        plan.steps().iter().map(|index| self.migration.steps[*index].description.clone()).collect()
    }

    /// The question with this number.
    pub(super) fn question(&self, id: DecisionId) -> Option<(&Key, &Decision)> {
        self.questions.iter().find(|(_, decision)| decision.id == id).map(|(key, decision)| (key, decision))
    }

    /// The questions.
    pub(super) fn decisions(&self) -> impl Iterator<Item = &Decision> {
        self.questions.iter().map(|(_, decision)| decision)
    }

    /// What the panes show. `word` is the consent word, should one be needed; `copy` the name of the copy.
    pub(super) fn summary(
        &self,
        revision: Revision,
        word: String,
        copy: Option<String>,
        held: bool,
    ) -> MigrationSummary {
        let plan = self.plan();
        let steps = self.migration.steps.iter().enumerate().map(|(index, step)| {
            let stake = self.stakes.iter().find(|stake| stake.step == index);
            MigrationStep {
                title: match stake.filter(|stake| !stake.samples.is_empty()) {
                    Some(stake) => format!("{}, such as {}", step.description, stake.samples.join(", ")),
                    None => step.description.clone(),
                },
                class: shown_class(step),
                statements: step.applied.iter().map(|statement| statement.text.clone()).collect(),
                rows: stake.map(|stake| stake.values),
                applied: false,
                object: step.object.to_string(),
                lock: step.change.lock().to_string(),
                chosen: plan.steps().contains(&index),
            }
        });
        MigrationSummary {
            revision,
            steps: steps.collect(),
            decisions: self.decisions().cloned().collect(),
            word: self.is_destructive().then_some(word),
            copy,
            held,
        }
    }
}

fn shown_class(step: &Step) -> StepClass {
    match (&step.change, step.class) {
        (Change::RenameColumn { .. } | Change::RenameTable { .. }, _) | (_, risk::StepClass::Question) => {
            StepClass::Question
        }
        (_, risk::StepClass::Safe) => StepClass::Safe,
        (_, risk::StepClass::NeedsValue) => StepClass::NeedsValue,
        (_, risk::StepClass::Destructive) => StepClass::Destructive,
    }
}

/// Computes the steps and questions for the answers so far.
///
/// # Errors
/// When the database cannot be asked about its rows.
pub(super) async fn review(
    connection: &Connection,
    live: &DatabaseSchema,
    wanted: &DatabaseSchema,
    answered: &mut Answered,
) -> Result<Review, String> {
    let (mut migration, renames) = difference(live, wanted, answered);
    settle(connection, &mut migration).await.map_err(|error| error.to_string())?;
    // What is at stake is worth knowing; not knowing it is no reason to hide the steps.
    let stakes = stakes(connection, &migration).await.unwrap_or_default();
    let questions = questions(&migration, &renames, &stakes, wanted, answered);
    let chosen = chosen(&migration, answered);
    Ok(Review { migration, chosen, questions, stakes })
}

/// A vanished table or column, and what it may have become.
#[derive(Debug)]
struct Rename {
    kind: KeyKind,
    /// `old` or `table.old`.
    old: String,
    /// `new` or `table.new`, best first.
    candidates: Vec<String>,
    /// Index of the candidate it is taken for; their number: of none.
    assigned: usize,
    /// Index that counts when nobody answers.
    default: usize,
}

impl Rename {
    fn taken_for(&self) -> Option<&String> {
        self.candidates.get(self.assigned)
    }
}

/// Which vanished thing is taken for which new one: as answered, else the most similar pairs first. `pairs` are in order
/// of similarity; `likely` says which of them are taken without an answer.
fn assign(
    kind: KeyKind,
    pairs: &[(String, String)],
    likely: impl Fn(&str, &str) -> bool,
    answered: &Answered,
) -> Vec<Rename> {
    let mut renames: Vec<Rename> = Vec::new();
    for (old, new) in pairs {
        match renames.iter_mut().find(|rename| rename.old == *old) {
            Some(rename) => rename.candidates.push(new.clone()),
            None => renames.push(Rename {
                kind,
                old: old.clone(),
                candidates: vec![new.clone()],
                assigned: usize::MAX,
                default: usize::MAX,
            }),
        }
    }
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for rename in &mut renames {
        rename.default = rename.candidates.len();
        let chosen = answered.option(kind, &rename.old);
        rename.assigned = chosen.unwrap_or(usize::MAX);
        // Two answers for one new thing: the first one counts.
        if let Some(new) = rename.taken_for().cloned()
            && !taken.insert(new)
        {
            rename.assigned = rename.candidates.len();
        }
    }
    for (old, new) in pairs {
        let Some(rename) = renames.iter_mut().find(|rename| rename.old == *old) else { continue };
        let open = rename.assigned == usize::MAX && !answered.cautious && likely(old, new);
        let position = rename.candidates.iter().position(|candidate| candidate == new);
        if open
            && let Some(position) = position
            && taken.insert(new.clone())
        {
            rename.assigned = position;
            rename.default = position;
        }
    }
    for rename in &mut renames {
        rename.assigned = rename.assigned.min(rename.candidates.len());
    }
    renames
}

fn difference(
    live: &DatabaseSchema,
    wanted: &DatabaseSchema,
    answered: &Answered,
) -> (Migration, Vec<Rename>) {
    let mut options = DiffOptions { answers: answers(answered), ..DiffOptions::default() };
    let mut migration = diff(live, wanted, &options);
    let pairs: Vec<_> =
        migration.table_candidates.iter().map(|it| (it.old.to_string(), it.new.to_string())).collect();
    let proposals = &migration.table_proposals;
    let likely = |old: &str, new: &str| {
        proposals.iter().any(|it| it.old.to_string() == old && it.new.to_string() == new)
    };
    let mut renames = assign(KeyKind::RenameTable, &pairs, likely, answered);
    // Tables that have little in common are only asked about where a policy may name them.
    renames.retain(|rename| {
        let proposed = proposals.iter().any(|it| it.old.to_string() == rename.old);
        proposed || answered.cautious || answered.knows(rename)
    });
    for rename in &renames {
        if let Some(new) = rename.taken_for() {
            let (old_table, new_table) = (rename.old.clone(), new.clone());
            options.answers.rename_table.push(TableRename { old_table, new_table });
        }
    }
    if !options.answers.rename_table.is_empty() {
        migration = diff(live, wanted, &options);
    }
    let candidates = &migration.column_candidates;
    let pairs: Vec<_> = candidates
        .iter()
        .map(|it| (object_of(&it.table, &it.old.name), object_of(&it.table, &it.new.name)))
        .collect();
    let columns = assign(KeyKind::RenameColumn, &pairs, |_, _| true, answered);
    for rename in &columns {
        let Some(new) = rename.taken_for() else { continue };
        let (Some((table, old_column)), Some((_, new_column))) =
            (rename.old.rsplit_once('.'), new.rsplit_once('.'))
        else {
            continue;
        };
        options.answers.rename_column.push(ColumnRename {
            table: table.to_owned(),
            old_column: old_column.to_owned(),
            new_column: new_column.to_owned(),
        });
    }
    if !options.answers.rename_column.is_empty() {
        migration = diff(live, wanted, &options);
    }
    // Whose only likely partner was taken by another one is asked about when that one is answered otherwise.
    let asked = |rename: &Rename| rename.taken_for().is_some() || answered.cautious || answered.knows(rename);
    renames.extend(columns.into_iter().filter(asked));
    // What may have become of the vanished is answered or asked; the rest of a pair is judged for itself.
    for step in &mut migration.steps {
        if step.class == risk::StepClass::Question {
            step.class = risk::classify(&step.change);
        }
    }
    (migration, renames)
}

/// The answers that change the difference itself.
fn answers(answered: &Answered) -> Answers {
    let mut answers = Answers::default();
    for (object, fill) in &answered.fills {
        let (values, value) = match fill {
            BackFill::Value(value) => (&mut answers.back_fill, value),
            BackFill::PerRow(value) => (&mut answers.back_fill_per_row, value),
        };
        values.insert(object.clone(), value.clone());
    }
    for (key, choice) in &answered.choices {
        if key.kind == KeyKind::Destructive && *choice == Choice::Option(RELAX) {
            answers.relax_column.push(key.object.clone());
        }
    }
    answers
}

fn object_of(table: &QualifiedName, column: &str) -> String {
    format!("{table}.{column}")
}

/// Indices of the steps that run when the migration is applied now.
fn chosen(migration: &Migration, answered: &Answered) -> BTreeSet<usize> {
    let steps = migration.steps.iter().enumerate();
    let chosen = steps.filter(|(_, step)| match (&step.change, step.class) {
        (Change::RenameTable { old, .. }, _) => !answered.defers(KeyKind::RenameTable, &old.to_string()),
        (Change::RenameColumn { table, old, .. }, _) => {
            !answered.defers(KeyKind::RenameColumn, &object_of(table, old))
        }
        (_, risk::StepClass::Safe) => true,
        (_, risk::StepClass::Destructive) => {
            answered.option(KeyKind::Destructive, &step.object.to_string()) == Some(DO_IT)
        }
        (_, risk::StepClass::NeedsValue | risk::StepClass::Question) => false,
    });
    chosen.map(|(index, _)| index).collect()
}

fn questions(
    migration: &Migration,
    renames: &[Rename],
    stakes: &[Stake],
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
                let question = match values {
                    Some(values) => format!("{}: {} lost", step.description, plural(values, "value")),
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
fn filled_column(step: &Step) -> Option<(&QualifiedName, &Column)> {
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

impl Review {
    /// Takes an answer, or says why not in the decision itself. Returns whether there was such a question.
    pub(super) async fn answer(
        &self,
        connection: &Connection,
        id: DecisionId,
        choice: Choice,
        answered: &mut Answered,
    ) -> bool {
        let Some((key, decision)) = self.question(id) else { return false };
        let key = key.clone();
        answered.refused.remove(&key);
        let taken = match &choice {
            Choice::Defer => {
                answered.fills.remove(&key.object);
                Ok(())
            }
            Choice::Option(option) if *option < decision.options.len() => Ok(()),
            Choice::Option(option) => Err(format!("there is no option {option}")),
            Choice::Value(_) | Choice::Expression(_) if key.kind != KeyKind::Value => {
                Err("choose one of the options".to_owned())
            }
            Choice::Value(_) | Choice::Expression(_) => {
                match self.fill(connection, decision, &choice).await {
                    Ok(fill) => {
                        answered.fills.insert(key.object.clone(), fill);
                        Ok(())
                    }
                    Err(error) => Err(error),
                }
            }
        };
        match taken {
            Ok(()) => {
                answered.choices.insert(key, choice);
            }
            Err(why) => {
                answered.refused.insert(key, why);
            }
        }
        true
    }

    /// Checks a value against the type of its column, by the server itself.
    async fn fill(
        &self,
        connection: &Connection,
        decision: &Decision,
        choice: &Choice,
    ) -> Result<BackFill, String> {
        let step = decision.step.as_ref().and_then(|about| self.migration.steps.get(about.step));
        let (table, column) = step.and_then(filled_column).ok_or("the step is gone")?;
        let ty = type_text(&column.ty);
        let sql = match choice {
            Choice::Value(text) => format!("{}::{ty}", quote_literal(text)),
            Choice::Expression(text) => text.clone(),
            Choice::Option(_) | Choice::Defer => return Err("a value is wanted".to_owned()),
        };
        let first = format!("SELECT ((({sql})::{ty}) IS NULL)::text");
        match self.tried(connection, &first).await {
            Ok(null) if null.as_deref() == Some("true") => Err("NULL is no value".to_owned()),
            Ok(_) => Ok(BackFill::Value(sql)),
            Err(error) if matches!(choice, Choice::Value(_)) => Err(error),
            // It may name columns of the row.
            Err(_) => {
                let rows =
                    format!("SELECT count(*)::text FROM {} WHERE (({sql})::{ty}) IS NULL", table.quoted());
                match self.tried(connection, &rows).await?.as_deref() {
                    Some("0") => Ok(BackFill::PerRow(sql)),
                    count => Err(format!("it is NULL for {} rows", count.unwrap_or("some"))),
                }
            }
        }
    }

    /// Runs a query on the database as it is after the renames, and leaves it as it was.
    async fn tried(&self, connection: &Connection, query: &str) -> Result<Option<String>, String> {
        let renames =
            self.migration.steps.iter().filter(|step| {
                matches!(step.change, Change::RenameTable { .. } | Change::RenameColumn { .. })
            });
        let statements = renames.flat_map(|step| &step.applied).map(|statement| statement.text.as_str());
        let mut batch =
            vec!["BEGIN;", "SET LOCAL lock_timeout = 2000;", "SET LOCAL statement_timeout = 20000;"];
        batch.extend(statements);
        let begun = connection.batch_execute(&batch.join("\n")).await;
        let rows = match begun {
            // One statement only: an expression cannot end it and begin another one.
            Ok(()) => connection.run(query, &[]).await,
            Err(error) => Err(error),
        };
        let ended = connection.batch_execute("ROLLBACK").await;
        let rows = rows.map_err(|error| error.to_string())?;
        ended.map_err(|error| error.to_string())?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(texts: &[&str]) -> Vec<(String, String)> {
        let pair = |text: &&str| text.split_once('>').map(|(old, new)| (old.to_owned(), new.to_owned()));
        texts.iter().filter_map(pair).collect()
    }

    fn taken(renames: &[Rename]) -> Vec<Option<&str>> {
        renames.iter().map(|rename| rename.taken_for().map(String::as_str)).collect()
    }

    fn answered(old: &str, option: usize) -> Answered {
        let key = Key { kind: KeyKind::RenameColumn, object: old.to_owned() };
        Answered { choices: [(key, Choice::Option(option))].into(), ..Answered::default() }
    }

    /// Best first: `title` is most like `name`, `notes` as well.
    const PAIRS: &[&str] = &["t.notes>t.name", "t.title>t.name", "t.title>t.slug", "t.notes>t.slug"];

    #[test]
    fn an_answer_wins_over_the_likeliest_pair_and_the_rest_follows() {
        let assigned =
            |answered: &Answered| assign(KeyKind::RenameColumn, &pairs(PAIRS), |_, _| true, answered);
        let free = assigned(&Answered::default());
        assert_eq!(taken(&free), [Some("t.name"), Some("t.slug")]);
        assert_eq!((free[0].default, free[1].default), (0, 1));
        let title = assigned(&answered("t.title", 0));
        assert_eq!(taken(&title), [Some("t.slug"), Some("t.name")], "title is name, so notes is slug");
        let none = assigned(&answered("t.notes", 2));
        assert_eq!(taken(&none), [None, Some("t.name")], "notes is dropped, so title is name");
    }

    #[test]
    fn with_a_policy_nothing_is_a_rename_unless_it_says_so() {
        let cautious = Answered::new(true);
        let renames = assign(KeyKind::RenameColumn, &pairs(PAIRS), |_, _| true, &cautious);
        assert_eq!(taken(&renames), [None, None]);
        assert_eq!(renames[0].default, 2, "drop and add, of which the drop waits");
    }

    #[test]
    fn numbers_and_words_agree() {
        assert_eq!(plural(1, "row that exists"), "1 row that exists");
        assert_eq!(plural(2, "row that exists"), "2 rows that exist");
        assert_eq!(plural(3, "row without one"), "3 rows without one");
    }
}
