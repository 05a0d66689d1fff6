//! The answers so far, and what they are about.

use std::collections::BTreeMap;

use studio_events::{Choice, DecisionId};
use studio_sql::diff::BackFill;

use super::renames::Rename;

/// What a question is about; the same question has the same key after every computation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: KeyKind,
    /// `table.column`, `table`, or what else the step is about.
    pub(super) object: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyKind {
    RenameTable,
    RenameColumn,
    Value,
    Destructive,
    /// A change of type to which all values can be cast.
    Convert,
    Obstacle,
}

/// Options of a destructive step.
pub(super) const DO_IT: usize = 0;
pub(super) const KEEP: usize = 1;
pub(super) const RELAX: usize = 2;
/// Options of a change of type, beside [`KEEP`].
pub(super) const CONVERT: usize = 0;
pub(super) const REPLACE: usize = 2;

/// The answers so far.
#[derive(Debug, Default)]
pub(in crate::studio) struct Answered {
    pub(super) choices: BTreeMap<Key, Choice>,
    pub(super) fills: BTreeMap<String, BackFill>,
    pub(super) refused: BTreeMap<Key, String>,
    pub(super) ids: BTreeMap<Key, DecisionId>,
    /// Nothing is taken for a rename unless somebody says so.
    pub(super) cautious: bool,
}

impl Answered {
    /// No answer yet; `cautious` where nobody can be asked.
    pub(in crate::studio) fn new(cautious: bool) -> Self {
        Self { cautious, ..Self::default() }
    }

    /// Forgets all answers, but not which question has which number.
    pub(in crate::studio) fn forget(&mut self) {
        self.choices.clear();
        self.fills.clear();
        self.refused.clear();
    }

    pub(super) fn option(&self, kind: KeyKind, object: &str) -> Option<usize> {
        match self.choices.get(&Key { kind, object: object.to_owned() }) {
            Some(Choice::Option(option)) => Some(*option),
            Some(Choice::Value(_) | Choice::Expression(_) | Choice::Defer) | None => None,
        }
    }

    pub(super) fn defers(&self, kind: KeyKind, object: &str) -> bool {
        match self.choices.get(&Key { kind, object: object.to_owned() }) {
            Some(choice) => *choice == Choice::Defer,
            None => false,
        }
    }

    /// What becomes of a column whose values all fit its new type: an option that is in force, answered or not.
    pub(super) fn conversion(&self, object: &str) -> usize {
        match self.option(KeyKind::Convert, object) {
            Some(option) => option,
            None if self.defers(KeyKind::Convert, object) => KEEP,
            None => self.default_conversion(),
        }
    }

    /// Nobody's answer keeps everything; a question that is asked suggests what loses nothing.
    pub(super) fn default_conversion(&self) -> usize {
        if self.cautious { KEEP } else { CONVERT }
    }

    /// Whether something was said about a rename.
    pub(super) fn knows(&self, rename: &Rename) -> bool {
        self.choices.contains_key(&Key { kind: rename.kind, object: rename.old.clone() })
    }

    pub(super) fn id(&mut self, key: &Key) -> DecisionId {
        let next = DecisionId(u32::try_from(self.ids.len()).unwrap_or(u32::MAX).saturating_add(FIRST_ID));
        *self.ids.entry(key.clone()).or_insert(next)
    }
}

/// Smaller numbers are for questions of other kinds.
const FIRST_ID: u32 = 100;
