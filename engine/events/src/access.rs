//! What access control saw and said (language.md 6), per rule that a request touched.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::trace::ParamTrace;

/// One access rule that a request touched, what it saw and what it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessCheck {
    /// The type the rule belongs to, or the code module.
    pub type_name: String,
    /// The field or method, for rules of fields and methods.
    pub field: Option<String>,
    /// Which of its rules.
    pub operation: AccessOperation,
    /// The rule as written; `None` where none was given, which denies.
    pub rule: Option<String>,
    /// Project-relative path of the file it stands in.
    pub file: Arc<str>,
    /// 1-based line.
    pub line: u32,
    /// What it came to.
    pub verdict: AccessVerdict,
    /// The expression with everything below it; `None` where no rule was given.
    pub expression: Option<AccessPart>,
    /// For a rule that denies: the innermost expressions that decided, with what they saw, such as
    /// `AuthContext.role == "staff"  (AuthContext.role = "guest")`.
    pub decided_by: Vec<String>,
}

/// The rules of a type, field or method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessOperation {
    /// Queries, nested reads, results of mutations.
    Query,
    /// Creation, on the input.
    Create,
    /// Update, on existing rows.
    UpdateRow,
    /// Update, on the input.
    UpdateInput,
    /// Deletion.
    Delete,
    /// Calling a method of a code module.
    Call,
}

impl AccessOperation {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Create => "create",
            Self::UpdateRow => "update (row)",
            Self::UpdateInput => "update (input)",
            Self::Delete => "delete",
            Self::Call => "call",
        }
    }
}

/// What a rule or a part of it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessVerdict {
    /// Holds without looking at rows.
    Allowed,
    /// Does not hold, whatever the rows say.
    Denied,
    /// Depends on rows.
    Rows {
        /// The condition that is left, with `$n`.
        sql: String,
        /// The values behind `$n`.
        values: Vec<ParamTrace>,
    },
    /// Not looked at: another part had decided.
    Skipped,
}

/// A sub-expression of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessPart {
    /// The expression, in the language of models; parameters of `some` are called `x`.
    pub text: String,
    /// Values of its operands, for comparisons.
    pub operands: Vec<AccessOperand>,
    /// What it came to.
    pub verdict: AccessVerdict,
    /// What the database says about it, where somebody asked.
    pub in_database: Option<bool>,
    /// The expressions it is made of, in order of evaluation.
    pub parts: Vec<AccessPart>,
}

/// An operand with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessOperand {
    /// As written.
    pub text: String,
    /// As JSON; `None` if it is absent or not known before the database is asked.
    pub value: Option<String>,
}

impl AccessCheck {
    /// Whether the rule denies.
    pub fn is_denied(&self) -> bool {
        self.verdict == AccessVerdict::Denied
    }

    /// `Todo` or `Todo.title`.
    pub fn subject(&self) -> String {
        match &self.field {
            Some(field) => [&self.type_name, ".", field].concat(),
            None => self.type_name.clone(),
        }
    }

    /// In one line:
    /// `Todo query  AuthContext.role == "staff"  (src/index.exo:4)  AuthContext.role = "guest"  → denied`.
    pub fn summary(&self) -> String {
        let rule = self.rule.as_deref().unwrap_or("no rule, so nobody may");
        let mut operands = Vec::new();
        if let Some(expression) = &self.expression {
            expression.operand_texts(&mut operands);
        }
        operands.dedup();
        let seen = if operands.is_empty() { String::new() } else { format!("  {}", operands.join(", ")) };
        let (subject, operation) = (self.subject(), self.operation.name());
        let (file, line, verdict) = (&self.file, self.line, self.verdict.summary());
        format!("{subject} {operation}  {rule}  ({file}:{line}){seen}  → {verdict}")
    }
}

impl std::fmt::Display for AccessCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.summary())
    }
}

impl AccessPart {
    /// The expression with what it saw.
    pub fn with_operands(&self) -> String {
        let mut operands = Vec::new();
        self.operand_texts(&mut operands);
        if operands.is_empty() {
            self.text.clone()
        } else {
            format!("{}  ({})", self.text, operands.join(", "))
        }
    }

    fn operand_texts(&self, out: &mut Vec<String>) {
        out.extend(
            self.operands.iter().map(|operand| {
                format!("{} = {}", operand.text, operand.value.as_deref().unwrap_or("absent"))
            }),
        );
        self.parts.iter().for_each(|part| part.operand_texts(out));
    }
}

impl AccessVerdict {
    /// In words: `allowed`, `denied`, `rows where …`, `not looked at`.
    pub fn summary(&self) -> String {
        match self {
            Self::Allowed => "allowed".to_owned(),
            Self::Denied => "denied".to_owned(),
            Self::Skipped => "not looked at".to_owned(),
            Self::Rows { sql, values } if values.is_empty() => format!("rows where {sql}"),
            Self::Rows { sql, values } => {
                let values: Vec<_> =
                    values.iter().map(|value| value.value.as_deref().unwrap_or("NULL")).collect();
                format!("rows where {sql}  [{}]", values.join(", "))
            }
        }
    }
}

/// As whom a recorded request is judged again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessCaller {
    /// Whoever sent it.
    Sender,
    /// Nobody in particular.
    Anonymous,
    /// A persona of the project.
    Persona(String),
}

/// How access control judges a request for one caller. Nothing of the request is run; only conditions on its
/// input are asked of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessReport {
    /// Whom it was judged for: `sender`, `anonymous` or the name of a persona.
    pub caller: String,
    /// The answer to `would it pass?`
    pub decision: AccessDecision,
    /// Every rule touched.
    pub checks: Vec<AccessCheck>,
    /// Why the request could not be judged, or would fail for another reason than access.
    pub error: Option<String>,
}

/// Whether a request passes access control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessDecision {
    /// It passes, and sees every row.
    Passes,
    /// It passes; its rules choose among the rows.
    Filtered,
    /// It is denied.
    Denied,
    /// It could not be judged.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_fits_in_one_line() {
        let operand = AccessOperand { text: "AuthContext.role".into(), value: Some("\"guest\"".into()) };
        let part = AccessPart {
            text: "AuthContext.role == \"staff\"".into(),
            operands: vec![operand],
            verdict: AccessVerdict::Denied,
            in_database: None,
            parts: Vec::new(),
        };
        let check = AccessCheck {
            type_name: "Todo".into(),
            field: Some("title".into()),
            operation: AccessOperation::Query,
            rule: Some("AuthContext.role == \"staff\"".into()),
            file: "src/index.exo".into(),
            line: 4,
            verdict: AccessVerdict::Denied,
            decided_by: vec![part.with_operands()],
            expression: Some(part),
        };
        assert_eq!(
            check.summary(),
            "Todo.title query  AuthContext.role == \"staff\"  (src/index.exo:4)  AuthContext.role = \"guest\"  → denied"
        );
        assert_eq!(check.decided_by, ["AuthContext.role == \"staff\"  (AuthContext.role = \"guest\")"]);
    }
}
