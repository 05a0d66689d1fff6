//! Questions the engine cannot decide alone, and what is said about them.

use serde::{Deserialize, Serialize};

use crate::command::{Choice, DecisionId};

/// A question that waits. It stays until what it is about is done or gone; [`Decision::answer`] says what was
/// answered so far, and an answer may be changed until the migration is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Identity: the same as long as the question is the same, whatever else is answered.
    pub id: DecisionId,
    /// The question, one line.
    pub question: String,
    /// Answers to choose from, for [`Choice::Option`]. Empty where a value is asked for.
    pub options: Vec<String>,
    /// Index of the option that counts as long as nobody answers; it never loses a value.
    #[serde(default)]
    pub default: usize,
    /// What was answered; `None`: the default counts, or the value is missing.
    #[serde(default)]
    pub answer: Option<Choice>,
    /// Why the last answer was not taken, such as a value that does not fit the type.
    #[serde(default)]
    pub refused: Option<String>,
    /// The migration step it is about; `None` for other questions.
    #[serde(default)]
    pub step: Option<StepQuestion>,
}

/// Which step of the pending migration a question is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepQuestion {
    /// Index of the step in [`MigrationSummary::steps`](crate::MigrationSummary::steps).
    pub step: usize,
    /// What kind of answer is wanted.
    pub kind: DecisionKind,
    /// `table.column` or `table`, as policy files and JSON lines name it. New names where a rename is assumed.
    pub object: String,
    /// What a rename would rename, named in the same way: `object` is the new name then.
    pub old: Option<String>,
    /// New names it may be renamed to, in order of the options; the option after them is `drop and add`.
    #[serde(default)]
    pub candidates: Vec<String>,
    /// SQL type of the wanted value, such as `INT`.
    pub value_type: Option<String>,
    /// Rows of the table, if known.
    pub rows: Option<u64>,
    /// Values that survive the rename, are lost, or are missing; if known.
    pub values: Option<u64>,
    /// A few of these values, shortened.
    pub samples: Vec<String>,
}

/// What kind of answer a step wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecisionKind {
    /// A value for the rows that exist: [`Choice::Value`], or [`Choice::Expression`] over the columns of a row.
    Value,
    /// A vanished and a new table or column: a rename, or not?
    Rename,
    /// Values would be lost: do it, or keep them?
    Destructive,
    /// The type of a column changes and every value has an equal one in the new type: cast them?
    Convert,
    /// Rows stand in the way (duplicates, references that lead nowhere): only mending them helps.
    Obstacle,
}

impl Decision {
    /// Whether everything that must be answered is: a value that is missing is not.
    pub fn is_settled(&self) -> bool {
        self.answer.is_some() || self.options.get(self.default).is_some()
    }

    /// Index of the option in force.
    pub fn chosen(&self) -> Option<usize> {
        match &self.answer {
            Some(Choice::Option(index)) => Some(*index),
            Some(Choice::Value(_) | Choice::Expression(_)) => None,
            Some(Choice::Defer) | None => (self.default < self.options.len()).then_some(self.default),
        }
    }
}
