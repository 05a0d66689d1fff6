//! Diagnostics: what is wrong with a model, where, and what to do about it.

mod code;
mod explain;
pub mod make;
pub mod render;

pub use code::Code;
pub use explain::explain;
pub use render::RenderStyle;
pub use studio_events::Severity;

use crate::source::Span;

/// One thing that is wrong (or doubtful) about a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// One line, lower case, without a full stop.
    pub message: String,
    /// Where; `None` only for problems without a place (a missing root file).
    pub primary: Option<Span>,
    /// A few words under the primary place.
    pub primary_label: Option<String>,
    /// Further places.
    pub labels: Vec<(Span, String)>,
    /// What to do next.
    pub help: Vec<String>,
    /// An edit that mends it.
    pub fix: Option<Fix>,
}

/// A machine-applicable edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, one line.
    pub title: String,
    /// Replacements, not overlapping.
    pub edits: Vec<(Span, String)>,
}

impl Diagnostic {
    pub(crate) fn new(code: Code, primary: impl Into<Option<Span>>, message: String) -> Self {
        Self {
            code,
            severity: code.severity(),
            message,
            primary: primary.into(),
            primary_label: None,
            labels: Vec::new(),
            help: Vec::new(),
            fix: None,
        }
    }

    pub(crate) fn here(mut self, text: impl Into<String>) -> Self {
        self.primary_label = Some(text.into());
        self
    }

    pub(crate) fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push((span, text.into()));
        self
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    pub(crate) fn fix(mut self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        self.fix = Some(Fix { title: title.into(), edits: vec![(span, text.into())] });
        self
    }

    /// Adds "did you mean" with its edit when a near name is known.
    pub(crate) fn near(self, near: Option<&str>, span: Span) -> Self {
        match near {
            None => self,
            Some(near) => {
                self.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), span, near)
            }
        }
    }

    /// Whether the model cannot be used because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
