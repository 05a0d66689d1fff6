//! Which steps may run: dependencies between steps, and plans that only consent can create.

use std::collections::{BTreeSet, HashMap};

use crate::risk::StepClass;
use crate::schema::{Column, ColumnDefault, DatabaseSchema, QualifiedName, quote_literal};

use super::probe::fresh_column;
use super::{Change, Migration, Object, Phase, Step};

/// What somebody agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// Nothing beyond what is safe.
    SafeOnly,
    /// The safe steps and these ones, by index. A chosen step whose needs are not chosen does not run.
    Steps(BTreeSet<usize>),
    /// These steps and no others, by index, as far as what they need is among them.
    Exactly(BTreeSet<usize>),
    /// Everything, destructive steps included.
    Everything,
}

/// Statements somebody agreed to run. Only [`Migration::consent`] and its relatives make one, so code that
/// executes plans cannot execute anything nobody agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentedPlan {
    transactions: Vec<Vec<String>>,
    steps: Vec<usize>,
}

/// The refusal of `--apply-to-database` (4.6).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Destructive change detected: {statement}")]
pub struct DestructiveChange {
    /// The first statement that loses values.
    pub statement: String,
}

impl ConsentedPlan {
    /// Groups of statements, each to be run in one transaction. There is a first group of its own only for enum
    /// labels which later statements use: PostgreSQL forbids using a label in the transaction that added it.
    pub fn transactions(&self) -> &[Vec<String>] {
        &self.transactions
    }

    /// All statements in order.
    pub fn statements(&self) -> impl Iterator<Item = &str> {
        self.transactions.iter().flatten().map(String::as_str)
    }

    /// Indices of the steps in the plan.
    pub fn steps(&self) -> &[usize] {
        &self.steps
    }

    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        self.transactions.iter().all(Vec::is_empty)
    }
}

impl Migration {
    /// The plan of the safe steps.
    pub fn safe_plan(&self) -> ConsentedPlan {
        self.consent(&Consent::SafeOnly)
    }

    /// The plan of the steps that are agreed to. Steps whose needs are left out are left out too.
    pub fn consent(&self, consent: &Consent) -> ConsentedPlan {
        let mut chosen: Vec<bool> = self
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| match consent {
                Consent::Everything => true,
                Consent::SafeOnly => step.class == StepClass::Safe,
                Consent::Exactly(steps) => steps.contains(&index),
                Consent::Steps(steps) => step.class == StepClass::Safe || steps.contains(&index),
            })
            .collect();
        while let Some(left_out) = self
            .steps
            .iter()
            .enumerate()
            .position(|(index, step)| chosen[index] && step.needs.iter().any(|need| !chosen[*need]))
        {
            chosen[left_out] = false;
        }
        let steps: Vec<usize> = (0..self.steps.len()).filter(|index| chosen[*index]).collect();
        ConsentedPlan { transactions: self.transactions(&steps), steps }
    }

    /// The plan of everything, unless it would lose values and that is not allowed.
    ///
    /// # Errors
    /// [`DestructiveChange`] with the first statement that loses values.
    pub fn plan_all(&self, allow_destructive: bool) -> Result<ConsentedPlan, DestructiveChange> {
        let applied = self.steps.iter().flat_map(|step| &step.applied);
        match applied.into_iter().find(|statement| statement.destructive && !allow_destructive) {
            Some(statement) => Err(DestructiveChange { statement: statement.text.clone() }),
            None => Ok(self.consent(&Consent::Everything)),
        }
    }

    fn transactions(&self, steps: &[usize]) -> Vec<Vec<String>> {
        let mut labels = Vec::new();
        let mut rest: Vec<(Phase, &str)> = Vec::new();
        for step in steps.iter().map(|index| &self.steps[*index]) {
            let texts = step.applied.iter().map(|statement| (statement.phase, statement.text.as_str()));
            match &step.change {
                Change::AddEnumValue { value, .. } => {
                    labels.extend(texts.map(|(_, text)| (quote_literal(value), text)));
                }
                _ => rest.extend(texts),
            }
        }
        rest.sort_by_key(|(phase, _)| *phase);
        let alone =
            labels.iter().any(|(label, _)| rest.iter().any(|(_, text)| text.contains(label.as_str())));
        let labels: Vec<String> = labels.into_iter().map(|(_, text)| text.to_owned()).collect();
        let rest = rest.into_iter().map(|(_, text)| text.to_owned());
        let groups =
            if alone { vec![labels, rest.collect()] } else { vec![labels.into_iter().chain(rest).collect()] };
        groups.into_iter().filter(|group| !group.is_empty()).collect()
    }
}

/// A unique constraint over a column that is NULL or generated in every row cannot fail on the rows that exist. A foreign key
/// over a new column depends on the value that column gets, not on the rows: whoever gives the value answers for it.
pub(super) fn relax_constraints_over_new_columns(steps: &mut [Step]) {
    let fresh = |table: &QualifiedName, name: &str| {
        steps.iter().find_map(|step| fresh_column(&step.change, table, name))
    };
    let no_duplicates = |column: &Column| match &column.default {
        None => column.nullable,
        Some(
            ColumnDefault::Serial
            | ColumnDefault::Sequence(_)
            | ColumnDefault::GenerateUuid
            | ColumnDefault::UuidV4
            | ColumnDefault::UuidV7,
        ) => true,
        Some(_) => false,
    };
    let safe: Vec<usize> = steps
        .iter()
        .enumerate()
        .filter(|(_, step)| match &step.change {
            Change::AddUnique { table, unique } => {
                unique.columns.iter().any(|name| fresh(table, name).is_some_and(no_duplicates))
            }
            Change::AddForeignKey { table, key } => {
                key.own_columns().any(|name| fresh(table, name).is_some())
            }
            _ => false,
        })
        .map(|(index, _)| index)
        .collect();
    for index in safe {
        steps[index].class = StepClass::Safe;
    }
}

/// Fills [`Step::needs`].
pub(super) fn link(steps: &mut [Step], wanted: &DatabaseSchema) {
    let mut providers: HashMap<Object, Vec<usize>> = HashMap::new();
    for (index, step) in steps.iter().enumerate() {
        for object in step.change.provides() {
            providers.entry(object).or_default().push(index);
        }
    }
    for (index, step) in steps.iter_mut().enumerate() {
        let needs: BTreeSet<usize> = step
            .change
            .requires(wanted)
            .iter()
            .filter_map(|object| providers.get(object))
            .flatten()
            .copied()
            .filter(|need| *need != index)
            .collect();
        step.needs = needs.into_iter().collect();
    }
}
