//! Questions about the rows that exist: what stands in the way of a step, and what a step would cost.

use crate::convert::Conversion;
use crate::risk::StepClass;
use crate::schema::{Column, QualifiedName, Table, quote_ident};

use super::{Change, Migration};

/// Rows that are looked at before counting stops.
pub const COUNT_LIMIT: u32 = 1_000_000;

/// A question about the data that decides whether a step needs a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The step.
    pub step: usize,
    /// A query with one Boolean result; true means the step is safe as it is.
    pub sql: String,
}

/// A query with one row: rows of the table, values at stake (both counted up to [`COUNT_LIMIT`]), up to three of the
/// values as a JSON array of shortened texts, or NULL; for a change of type a fourth column: how many of the values
/// have no equal one in the new type. Then these are the samples, unless there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StakeQuery {
    /// The step.
    pub step: usize,
    /// The query.
    pub sql: String,
}

impl Migration {
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

    /// How many rows and values every step that is not safe touches: what is lost, survives a rename, or lacks a
    /// value.
    pub fn stakes(&self) -> Vec<StakeQuery> {
        let steps = self.steps.iter().enumerate();
        steps.filter_map(|(step, it)| Some(StakeQuery { step, sql: self.stake(&it.change)? })).collect()
    }

    fn stake(&self, change: &Change) -> Option<String> {
        match change {
            Change::RenameTable { old: table, .. }
            | Change::DropTable { table: Table { name: table, .. }, .. } => {
                let live = table.quoted();
                Some(format!(
                    "SELECT count(*), count(*), NULL FROM (SELECT 1 FROM {live} LIMIT {COUNT_LIMIT}) s"
                ))
            }
            Change::DropColumn { table, column, .. } => Some(self.values_of(table, &column.name)),
            Change::ReplaceColumn(replace) if !replace.widening => match &replace.conversion {
                Some(conversion) if !replace.converts => {
                    Some(self.misfits_of(&replace.table, &replace.old.name, conversion))
                }
                _ => Some(self.values_of(&replace.table, &replace.old.name)),
            },
            Change::RenameColumn { table, new, .. } => Some(self.values_of(table, new)),
            Change::AddColumn { table, column, .. } if !column.nullable && column.default.is_none() => {
                let live = self.live_table(table).quoted();
                Some(format!(
                    "SELECT count(*), count(*), NULL FROM (SELECT 1 FROM {live} LIMIT {COUNT_LIMIT}) s"
                ))
            }
            Change::SetNotNull { table, column, .. } => {
                let live = self.live_table(table).quoted();
                let column = self.live_column(table, &column.name);
                Some(format!(
                    "SELECT count(*), count(*) FILTER (WHERE c IS NULL), NULL \
                     FROM (SELECT {column} AS c FROM {live} LIMIT {COUNT_LIMIT}) s"
                ))
            }
            _ => None,
        }
    }

    fn misfits_of(&self, table: &QualifiedName, column: &str, conversion: &Conversion) -> String {
        let live = self.live_table(table).quoted();
        let column = self.live_column(table, column);
        let (here, inside) = (conversion.survives(&column), conversion.survives("c"));
        format!(
            "SELECT count(*), count(c), (SELECT json_agg(v) FROM (SELECT left({column}::text, 40) AS v FROM {live} \
             WHERE {column} IS NOT NULL ORDER BY {here} IS TRUE LIMIT 3) e), count(*) FILTER (WHERE NOT {inside}) \
             FROM (SELECT {column} AS c FROM {live} LIMIT {COUNT_LIMIT}) s"
        )
    }

    fn values_of(&self, table: &QualifiedName, column: &str) -> String {
        let live = self.live_table(table).quoted();
        let column = self.live_column(table, column);
        format!(
            "SELECT count(*), count(c), (SELECT json_agg(v) FROM (SELECT left({column}::text, 40) AS v FROM {live} \
             WHERE {column} IS NOT NULL LIMIT 3) e) FROM (SELECT {column} AS c FROM {live} LIMIT {COUNT_LIMIT}) s"
        )
    }
}

/// The column, if this change makes it without taking over old values.
pub(super) fn fresh_column<'a>(change: &'a Change, table: &QualifiedName, name: &str) -> Option<&'a Column> {
    let (in_table, column) = match change {
        Change::AddColumn { table, column, .. } => (table, column),
        Change::ReplaceColumn(replace) if !replace.is_in_place() => (&replace.table, &replace.new),
        _ => return None,
    };
    (in_table == table && column.name == name).then_some(column)
}
