//! What the user sees of a diagnostic.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The model (or the configuration) cannot be used.
    Error,
    /// Works, but probably not as meant.
    Warning,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Stable code, such as `E0203`.
    pub code: String,
    /// One line.
    pub message: String,
    /// Project-relative file; empty when the problem has no place.
    pub file: String,
    /// 1-based line; 0 without a place.
    pub line: u32,
    /// 1-based column in characters; 0 without a place.
    pub column: u32,
    /// 1-based line of the end; 0 when only the start is known.
    #[serde(rename = "endLine", default)]
    pub end_line: u32,
    /// 1-based column one past the end, in characters; 0 when only the start is known.
    #[serde(rename = "endColumn", default)]
    pub end_column: u32,
    /// The whole diagnostic as text with source excerpt and carets, without colours.
    pub rendered: String,
    /// Further places.
    pub labels: Vec<ProblemLabel>,
    /// What to do next.
    pub help: Vec<String>,
    /// An edit that mends it.
    pub fix: Option<ProblemFix>,
}

impl Problem {
    /// As a workflow command that marks the place in a code review.
    pub fn to_github(&self) -> String {
        let escape = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        let property = |text: &str| escape(text).replace(':', "%3A").replace(',', "%2C");
        let level = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut text = self.message.clone();
        for help in &self.help {
            text.push('\n');
            text.push_str(help);
        }
        let mut place = String::new();
        if !self.file.is_empty() {
            place = format!("file={},line={},col={},", property(&self.file), self.line, self.column);
        }
        if !self.file.is_empty() && self.end_line > 0 {
            place.push_str(&format!("endLine={},endColumn={},", self.end_line, self.end_column));
        }
        format!("::{level} {place}title={}::{}", self.code, escape(&text))
    }
}

/// A further place of a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemLabel {
    /// Project-relative file.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based column.
    pub column: u32,
    /// 1-based line of the end.
    #[serde(rename = "endLine", default)]
    pub end_line: u32,
    /// 1-based column one past the end.
    #[serde(rename = "endColumn", default)]
    pub end_column: u32,
    /// Text of the label.
    pub text: String,
}

/// A machine-applicable fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemFix {
    /// What it does, one line.
    pub title: String,
    /// Replacements, not overlapping.
    pub edits: Vec<TextEdit>,
}

/// A replacement of a byte range of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextEdit {
    /// Project-relative file.
    pub file: String,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// New text.
    pub text: String,
}

/// Who found the problems; a new set replaces everything from the same source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProblemSource {
    /// The compiler.
    Model,
    /// `exo.toml`, `.env*`, environment variables.
    Configuration,
    /// Schema differences and migrations.
    Database,
    /// Seeding from `tests/init*`.
    Seed,
    /// Hook components.
    Hook,
    /// Space on the disk of the bundled database.
    Disk,
}

/// All problems of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemSet {
    /// Who found them.
    pub source: ProblemSource,
    /// In source order.
    pub problems: Arc<Vec<Problem>>,
}
