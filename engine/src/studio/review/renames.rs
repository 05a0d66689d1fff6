//! Which vanished table or column became which new one, and the difference that follows from it.

use std::collections::BTreeSet;

use studio_events::Choice;
use studio_sql::diff::{Answers, BackFill, ColumnRename, DiffOptions, Migration, TableRename, diff};
use studio_sql::risk;
use studio_sql::schema::{DatabaseSchema, QualifiedName};

use super::answered::{Answered, KeyKind, RELAX, REPLACE};

/// A vanished table or column, and what it may have become.
#[derive(Debug)]
pub(super) struct Rename {
    pub(super) kind: KeyKind,
    /// `old` or `table.old`.
    pub(super) old: String,
    /// `new` or `table.new`, best first.
    pub(super) candidates: Vec<String>,
    /// Index of the candidate it is taken for; their number: of none.
    assigned: usize,
    /// Index that counts when nobody answers.
    pub(super) default: usize,
}

impl Rename {
    pub(super) fn taken_for(&self) -> Option<&String> {
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

/// The steps for the answers so far, and what is taken for renamed. `fitting` are the columns whose values all fit a new type.
pub(super) fn difference(
    live: &DatabaseSchema,
    wanted: &DatabaseSchema,
    answered: &Answered,
    fitting: &[String],
) -> (Migration, Vec<Rename>) {
    let mut options = DiffOptions { answers: answers(answered), ..DiffOptions::default() };
    let cast = fitting.iter().filter(|object| answered.conversion(object) != REPLACE);
    options.answers.convert_column.extend(cast.cloned());
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

/// `table.column`.
pub(super) fn object_of(table: &QualifiedName, column: &str) -> String {
    format!("{table}.{column}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::review::answered::Key;

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
}
