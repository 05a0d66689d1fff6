//! Answers to what a difference cannot decide alone (graphql-and-sql.md 4.6, "Interactions and renames").

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::schema::QualifiedName;

/// Answers, from an interactions file or from questions answered in the terminal.
///
/// The kebab-case keys are those of the file; names may carry a schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Answers {
    /// Vanished tables that became new ones.
    pub rename_table: Vec<TableRename>,
    /// Vanished tables to drop; their drop is no longer marked destructive.
    pub delete_table: Vec<String>,
    /// Vanished tables to leave alone for now.
    pub defer_table: Vec<String>,
    /// Vanished columns that became new ones (ours).
    pub rename_column: Vec<ColumnRename>,
    /// Vanished columns to drop, as `table.column` (ours); their drop is no longer marked destructive.
    pub delete_column: Vec<String>,
    /// Columns whose values are cast to their new type, as `table.column` (ours). Should one not fit, nothing happens.
    pub convert_column: Vec<String>,
    /// Enums, sequences, schemas, extensions to drop or replace (ours), by name.
    pub delete_other: Vec<String>,
    /// Vanished required columns that stay with their values, as `table.column` (ours): they no longer require one.
    pub relax_column: Vec<String>,
    /// Values for existing rows of required columns, by `table.column` (ours): SQL expressions.
    pub back_fill: BTreeMap<String, String>,
    /// The same as expressions over the other columns of each row (ours).
    pub back_fill_per_row: BTreeMap<String, String>,
}

/// What the rows that exist get in a column that requires a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackFill {
    /// The value of an expression that names no column.
    Value(String),
    /// An expression over the other columns of the row.
    PerRow(String),
}

/// `[[rename-table]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TableRename {
    /// The vanished table.
    pub old_table: String,
    /// The new table.
    pub new_table: String,
}

/// `[[rename-column]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ColumnRename {
    /// The table, by its new name.
    pub table: String,
    /// The vanished column.
    pub old_column: String,
    /// The new column.
    pub new_column: String,
}

/// An answer that does not fit the two schemas.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// A vanished table nobody decided about.
    #[error("No answer for table `{0}`: name it in `delete-table`, `defer-table` or `rename-table`")]
    Unanswered(QualifiedName),
    /// A rename from a table that did not vanish.
    #[error("`{0}` cannot be renamed: it is not a table that the model lacks")]
    NotVanished(String),
    /// A rename to a table that is not new.
    #[error("`{0}` cannot be the new name of a table: it is not a table that the database lacks")]
    NotNew(String),
    /// A rename of a column that is not missing, or to one that is not new.
    #[error(
        "`{table}.{old}` cannot be renamed to `{new}`: the first must be gone from the model, the second new"
    )]
    Column {
        /// The table.
        table: String,
        /// The column that should have vanished.
        old: String,
        /// The column that should be new.
        new: String,
    },
}

impl Answers {
    /// No answer to anything.
    pub const NONE: Self = Self {
        rename_table: Vec::new(),
        delete_table: Vec::new(),
        defer_table: Vec::new(),
        rename_column: Vec::new(),
        delete_column: Vec::new(),
        convert_column: Vec::new(),
        delete_other: Vec::new(),
        relax_column: Vec::new(),
        back_fill: BTreeMap::new(),
        back_fill_per_row: BTreeMap::new(),
    };

    pub(crate) fn deletes(&self, table: &QualifiedName) -> bool {
        self.delete_table.iter().any(|text| names(text, table))
    }

    pub(crate) fn defers(&self, table: &QualifiedName) -> bool {
        self.defer_table.iter().any(|text| names(text, table))
    }

    /// The value for existing rows of this column.
    pub(crate) fn back_fill(&self, table: &QualifiedName, column: &str) -> Option<BackFill> {
        let find = |values: &BTreeMap<String, String>| {
            values.iter().find(|(key, _)| names_column(key, table, column)).map(|(_, value)| value.clone())
        };
        let value = find(&self.back_fill).map(BackFill::Value);
        value.or_else(|| find(&self.back_fill_per_row).map(BackFill::PerRow))
    }

    pub(crate) fn deletes_column(&self, table: &QualifiedName, column: &str) -> bool {
        self.delete_column.iter().any(|text| names_column(text, table, column))
    }

    pub(crate) fn converts_column(&self, table: &QualifiedName, column: &str) -> bool {
        self.convert_column.iter().any(|text| names_column(text, table, column))
    }

    pub(crate) fn relaxes(&self, table: &QualifiedName, column: &str) -> bool {
        self.relax_column.iter().any(|text| names_column(text, table, column))
    }

    /// The old name of a column of `table`, if it was renamed.
    pub(crate) fn column_renames(&self, table: &QualifiedName) -> impl Iterator<Item = &ColumnRename> {
        self.rename_column.iter().filter(move |rename| names(&rename.table, table))
    }
}

/// Whether `table.column` of an answers file means this column.
fn names_column(text: &str, table: &QualifiedName, column: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(named, name)| name == column && names(named, table))
}

/// Whether the text of an answers file means this table; tables of `public` may be written without schema.
pub(crate) fn names(text: &str, table: &QualifiedName) -> bool {
    match text.split_once('.') {
        Some((schema, name)) => schema == table.schema_name() && name == table.name,
        None => table.schema.is_none() && text == table.name,
    }
}
