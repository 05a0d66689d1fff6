//! Prints expressions back as text that reads to the same expression.

use super::{BindingPath, Expression, Step};

/// Compact text of an expression.
pub fn print(expression: &Expression) -> String {
    let mut out = String::new();
    write(expression, &mut out);
    out
}

fn write(expression: &Expression, out: &mut String) {
    match expression {
        Expression::Null => out.push_str("null"),
        Expression::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Expression::Number(value) => out.push_str(&value.to_string()),
        Expression::String(value) => out.push_str(&quote(value)),
        Expression::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write(item, out);
            }
            out.push(']');
        }
        Expression::Object(members) => {
            out.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { " " });
                out.push_str(&quote(key));
                out.push_str(": ");
                write(value, out);
            }
            out.push_str(if members.is_empty() { "}" } else { " }" });
        }
        Expression::Binding(binding) => out.push_str(&path(binding)),
    }
}

/// Text of a `$` path.
pub(super) fn path(binding: &BindingPath) -> String {
    let mut out = String::from("$");
    let key = |key: &str, out: &mut String| {
        if is_plain_name(key) {
            out.push('.');
            out.push_str(key);
        } else {
            out.push('[');
            out.push_str(&quote(key));
            out.push(']');
        }
    };
    key(&binding.name, &mut out);
    for step in &binding.steps {
        match step {
            Step::Key(name) => key(name, &mut out),
            Step::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }
    out
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn is_plain_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'$')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$')
}
