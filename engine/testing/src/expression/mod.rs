//! Expressions of classes A to C (section 2.8): JSON, relaxed JSON and `$` paths, read without a
//! JavaScript engine. Everything else is class D and goes to the `script` module.

pub mod number;
mod print;
mod read;

use serde_json::{Map, Number, Value};

pub use print::print;
pub use read::{MAX_DEPTH, NotBuiltIn, element_path, member_path, places, read};

/// The least powerful reader that understands a text (section 2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub enum Class {
    /// Strict JSON.
    A,
    /// Relaxed JSON: comments, trailing commas, bare keys, single quotes, JavaScript number forms.
    B,
    /// B plus `$` paths.
    C,
    /// Real JavaScript.
    D,
}

/// A constant expression with holes for bindings.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// `null`
    Null,
    /// `true` and `false`
    Bool(bool),
    /// A number, with its exact value.
    Number(Number),
    /// A string.
    String(String),
    /// A list.
    List(Vec<Expression>),
    /// An object; keys are unique, in order of first appearance.
    Object(Vec<(String, Expression)>),
    /// A `$` path.
    Binding(BindingPath),
}

/// `$.name`, then any number of fields and indexes.
#[derive(Debug, Clone)]
pub struct BindingPath {
    /// The bound name.
    pub name: String,
    /// What follows the name.
    pub steps: Vec<Step>,
    /// Byte offset of the `$` in the text it was read from; not part of equality.
    pub offset: usize,
}

impl PartialEq for BindingPath {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.steps == other.steps
    }
}

/// One step of a `$` path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `.key` or `["key"]`
    Key(String),
    /// `[0]`
    Index(usize),
}

/// Why a `$` path has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// Nothing bound the name so far.
    #[error("`{path}` is not bound at this point")]
    Unbound {
        /// The whole path as text.
        path: String,
        /// The name after `$`.
        name: String,
        /// Byte offset in the expression.
        offset: usize,
        /// Nothing follows the missing part, so JavaScript has `undefined` there instead of an error.
        last: bool,
    },
    /// The value has no such field or element.
    #[error("`{path}` has no value: {reason}")]
    Missing {
        /// The whole path as text.
        path: String,
        /// What is missing where.
        reason: String,
        /// Byte offset in the expression.
        offset: usize,
        /// Nothing follows the missing part, so JavaScript has `undefined` there instead of an error.
        last: bool,
    },
}

impl BindingError {
    /// Byte offset of the path in the expression.
    pub fn offset(&self) -> usize {
        match self {
            BindingError::Unbound { offset, .. } | BindingError::Missing { offset, .. } => *offset,
        }
    }

    /// Whether the path is `undefined` in JavaScript, not an error.
    pub fn is_undefined(&self) -> bool {
        match self {
            BindingError::Unbound { last, .. } | BindingError::Missing { last, .. } => *last,
        }
    }
}

impl BindingPath {
    /// The value of the path. `Err(Unbound)` and a missing last step are what JavaScript calls
    /// `undefined`; a step below a missing value is an error there too.
    pub fn value(&self, bindings: &Map<String, Value>) -> Result<Value, BindingError> {
        let Some(mut value) = bindings.get(&self.name) else {
            return Err(BindingError::Unbound {
                path: self.to_string(),
                name: self.name.clone(),
                offset: self.offset,
                last: self.steps.is_empty(),
            });
        };
        for (index, step) in self.steps.iter().enumerate() {
            let next = match (step, value) {
                (Step::Key(key), Value::Object(map)) => map.get(key),
                (Step::Index(at), Value::Array(list)) => list.get(*at),
                (Step::Index(at), Value::Object(map)) => map.get(&at.to_string()),
                (Step::Key(key), Value::Array(list)) if key == "length" => {
                    return self.length(list.len(), index);
                }
                (Step::Key(key), Value::String(text)) if key == "length" => {
                    return self.length(text.encode_utf16().count(), index);
                }
                _ => None,
            };
            value = next.ok_or_else(|| self.missing(index, value))?;
        }
        Ok(value.clone())
    }

    fn length(&self, length: usize, index: usize) -> Result<Value, BindingError> {
        let value = Value::from(length);
        if index + 1 == self.steps.len() { Ok(value) } else { Err(self.missing(index + 1, &value)) }
    }

    fn missing(&self, index: usize, parent: &Value) -> BindingError {
        let kind = match parent {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        let before =
            BindingPath { name: self.name.clone(), steps: self.steps[..index].to_vec(), offset: self.offset };
        let reason = match &self.steps[index] {
            Step::Key(key) => format!("`{before}` is {kind} without `{key}`"),
            Step::Index(at) => format!("`{before}` is {kind} without element {at}"),
        };
        let last = index + 1 == self.steps.len() && !matches!(parent, Value::Null);
        BindingError::Missing { path: self.to_string(), reason, offset: self.offset, last }
    }
}

impl std::fmt::Display for BindingPath {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&print::path(self))
    }
}

impl Expression {
    /// The value as it is sent: through JSON, as section 2.3 says. A path without a value is
    /// `undefined`: as an object member it vanishes, as a list element it becomes `null`, on its own it
    /// gives `None`. Each such path is added to `absent`, because it is seldom meant.
    pub fn send_value(&self, bindings: &Map<String, Value>, absent: &mut Vec<BindingError>) -> Option<Value> {
        match self {
            Expression::Null => Some(Value::Null),
            Expression::Bool(value) => Some(Value::Bool(*value)),
            Expression::Number(value) => Some(Value::Number(value.clone())),
            Expression::String(value) => Some(Value::String(value.clone())),
            Expression::List(items) => Some(Value::Array(
                items.iter().map(|item| item.send_value(bindings, absent).unwrap_or(Value::Null)).collect(),
            )),
            Expression::Object(members) => Some(Value::Object(
                members
                    .iter()
                    .filter_map(|(key, value)| Some((key.clone(), value.send_value(bindings, absent)?)))
                    .collect(),
            )),
            Expression::Binding(path) => path.value(bindings).map_err(|error| absent.push(error)).ok(),
        }
    }

    /// The value with every path resolved, or the first path without a value.
    pub fn strict_value(&self, bindings: &Map<String, Value>) -> Result<Value, BindingError> {
        let mut absent = Vec::new();
        let value = self.send_value(bindings, &mut absent);
        match (absent.into_iter().next(), value) {
            (Some(error), _) => Err(error),
            (None, Some(value)) => Ok(value),
            (None, None) => Ok(Value::Null),
        }
    }
}

#[cfg(test)]
mod tests;
