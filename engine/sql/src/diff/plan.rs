//! Which steps may run: dependencies between steps, and plans that only consent can create.

use std::collections::{BTreeSet, HashMap};

use crate::risk::StepClass;
use crate::schema::{Column, DatabaseSchema, QualifiedName, quote_ident, quote_literal};

use super::{Change, Migration, Object, Phase, Step};

/// What somebody agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// Nothing beyond what is safe.
    SafeOnly,
    /// The safe steps and these ones, by index. A chosen step whose needs are not chosen does not run.
    Steps(BTreeSet<usize>),
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

/// A question about the data that decides whether a step needs a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The step.
    pub step: usize,
    /// A query with one Boolean result; true means the step is safe as it is.
    pub sql: String,
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

    /// Questions about the data whose answers [`Migration::settle`] takes.
    pub fn probes(&self) -> Vec<Probe> {
        let steps = self.steps.iter().enumerate().filter(|(_, step)| step.class == StepClass::NeedsValue);
        steps
            .filter_map(|(index, step)| {
                let counterexample = self.counterexample(&step.change)?;
                Some(Probe { step: index, sql: format!("SELECT NOT EXISTS ({counterexample})") })
            })
            .collect()
    }

    /// A query for rows that stand in the way of a change, in terms of the database as it is now.
    fn counterexample(&self, change: &Change) -> Option<String> {
        match change {
            Change::AddColumn { table, .. } => {
                Some(format!("SELECT 1 FROM {}", self.live_table(table).quoted()))
            }
            Change::SetNotNull { table, column, .. } => {
                let live = self.live_table(table).quoted();
                let column = self.live_column(table, &column.name);
                Some(format!("SELECT 1 FROM {live} WHERE {column} IS NULL"))
            }
            Change::AddUnique { table, unique } => {
                let live = self.live_table(table).quoted();
                // A column that is only about to exist holds the same value in every row, or NULL in every row.
                let columns: Vec<String> = unique
                    .columns
                    .iter()
                    .filter(|column| !self.is_added(table, column))
                    .map(|column| self.live_column(table, column))
                    .collect();
                let filled: Vec<String> =
                    columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
                Some(match columns.as_slice() {
                    [] => format!("SELECT 1 FROM {live} HAVING count(*) > 1"),
                    _ => format!(
                        "SELECT 1 FROM {live} WHERE {} GROUP BY {} HAVING count(*) > 1",
                        filled.join(" AND "),
                        columns.join(", ")
                    ),
                })
            }
            Change::AddForeignKey { table, key } => {
                let filled: Vec<String> = key
                    .own_columns()
                    .map(|column| format!("o.{} IS NOT NULL", self.live_column(table, column)))
                    .collect();
                let mut query = format!(
                    "SELECT 1 FROM {} o WHERE {}",
                    self.live_table(table).quoted(),
                    filled.join(" AND ")
                );
                let is_new = |(_, referenced): &(String, String)| self.is_added(&key.target, referenced);
                if !self.is_created(&key.target) && !key.columns.iter().any(is_new) {
                    let equal: Vec<String> = key
                        .columns
                        .iter()
                        .map(|(own, referenced)| {
                            let own = self.live_column(table, own);
                            format!("r.{} = o.{own}", self.live_column(&key.target, referenced))
                        })
                        .collect();
                    let target = self.live_table(&key.target).quoted();
                    query.push_str(&format!(
                        " AND NOT EXISTS (SELECT 1 FROM {target} r WHERE {})",
                        equal.join(" AND ")
                    ));
                }
                Some(query)
            }
            _ => None,
        }
    }

    fn is_created(&self, table: &QualifiedName) -> bool {
        self.steps.iter().any(|step| matches!(&step.change, Change::CreateTable(new) if new.name == *table))
    }

    /// Whether a column gets its values only in this migration.
    fn is_added(&self, table: &QualifiedName, name: &str) -> bool {
        self.steps.iter().any(|step| fresh_column(&step.change, table, name).is_some())
    }

    /// Steps whose probe came back true need no value: they become safe.
    pub fn settle(&mut self, answers: impl IntoIterator<Item = (usize, bool)>) {
        for (index, satisfied) in answers {
            if let Some(step) = self.steps.get_mut(index)
                && satisfied
                && step.class == StepClass::NeedsValue
            {
                step.class = StepClass::Safe;
            }
        }
    }

    /// The name a table has before the migration runs.
    fn live_table<'a>(&'a self, table: &'a QualifiedName) -> &'a QualifiedName {
        let renamed = self.steps.iter().find_map(|step| match &step.change {
            Change::RenameTable { old, new, .. } if new == table => Some(old),
            _ => None,
        });
        renamed.unwrap_or(table)
    }

    /// The quoted name a column has before the migration runs.
    fn live_column(&self, table: &QualifiedName, column: &str) -> String {
        let renamed = self.steps.iter().find_map(|step| match &step.change {
            Change::RenameColumn { table: t, old, new } if t == table && new == column => Some(old.as_str()),
            _ => None,
        });
        quote_ident(renamed.unwrap_or(column))
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

/// The column, if this change makes it without taking over old values.
fn fresh_column<'a>(change: &'a Change, table: &QualifiedName, name: &str) -> Option<&'a Column> {
    let (in_table, column) = match change {
        Change::AddColumn { table, column, .. } => (table, column),
        Change::ReplaceColumn(replace) if !replace.widening => (&replace.table, &replace.new),
        _ => return None,
    };
    (in_table == table && column.name == name).then_some(column)
}

/// A unique constraint over a column that is NULL in every row cannot fail on the rows that exist. A foreign key
/// over a new column depends on the value that column gets, not on the rows: whoever gives the value answers for it.
pub(super) fn relax_constraints_over_new_columns(steps: &mut [Step]) {
    let fresh = |table: &QualifiedName, name: &str| {
        steps.iter().find_map(|step| fresh_column(&step.change, table, name))
    };
    let all_null = |column: &Column| column.nullable && column.default.is_none();
    let safe: Vec<usize> = steps
        .iter()
        .enumerate()
        .filter(|(_, step)| match &step.change {
            Change::AddUnique { table, unique } => {
                unique.columns.iter().any(|name| fresh(table, name).is_some_and(all_null))
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
