//! Named copies of the project's database.

use serde::{Deserialize, Serialize};

use crate::time::{Revision, Timestamp};

/// A copy that can be restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopySummary {
    /// Its name, such as `r15`; `todo@r15` in full.
    pub name: String,
    /// When it was made.
    pub at: Timestamp,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Why: `before r16`, `by hand`, `before undo`, `before restore`, `before reset`.
    pub reason: String,
    /// Revision the database was at, if known.
    pub revision: Option<Revision>,
    /// It is the state before the last migration: undoing goes back to it.
    pub undo: bool,
}
