//! What can be wrong with a test file.

use std::path::PathBuf;

/// A mistake in a test file and its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// 1-based line; `None` when the file as a whole is meant.
    pub line: Option<usize>,
    /// What is wrong.
    pub kind: Box<FileErrorKind>,
}

/// The kinds of mistakes. The text of each names the mistake and the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileErrorKind {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// Not YAML.
    #[error("not valid YAML: {0}")]
    Yaml(String),
    /// No content.
    #[error("the file is empty; a test needs at least `operation: |`")]
    Empty,
    /// A key the grammar does not have.
    #[error("unknown key `{key}` in {place}{}", hint(suggestion, known))]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands.
        place: &'static str,
        /// The nearest known key.
        suggestion: Option<String>,
        /// All known keys.
        known: Vec<&'static str>,
    },
    /// A required key is absent.
    #[error("{place} needs the key `{key}`")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// Where.
        place: &'static str,
    },
    /// A value of the wrong shape.
    #[error("`{key}` must be {expected}, but it is {found}{hint}")]
    WrongShape {
        /// The key.
        key: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
        /// A next step, starting with `; `, or nothing.
        hint: &'static str,
    },
    /// `stages: []`
    #[error("`stages` is empty; a test needs at least one stage")]
    NoStages,
    /// A key that does not go with the operation type.
    #[error("`{key}` cannot be used with operation type `{operation}`")]
    WrongOperation {
        /// The key.
        key: &'static str,
        /// `graphql` or `rpc`.
        operation: &'static str,
    },
    /// `@bind` or `@unordered` used wrongly.
    #[error("{0}")]
    Directive(String),
    /// The file of an invariant has a mistake of its own, or is missing.
    #[error("invariant `{path}`: {error}")]
    Invariant {
        /// The path as written.
        path: String,
        /// What is wrong with it.
        error: String,
    },
}

fn hint(suggestion: &Option<String>, known: &[&str]) -> String {
    match suggestion {
        Some(word) => format!("; did you mean `{word}`?"),
        None => format!("; known are {}", known.join(", ")),
    }
}
