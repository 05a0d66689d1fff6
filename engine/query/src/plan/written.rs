//! Arguments of a root field as JSON text, kept for requests of the same shape: what free variables gave is written anew.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::operation::{Arguments, Data, Value};
use crate::plan::json;

/// JSON text with places for the values of variables.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Written {
    /// Text, and the variable whose value follows it.
    before: Vec<(String, Arc<str>)>,
    rest: String,
}

impl Written {
    /// The text of arguments; values of variables that `is_free` may differ from request to request.
    pub(crate) fn new(arguments: &Arguments, is_free: &dyn Fn(&str) -> bool) -> Self {
        let mut written = Self { before: Vec::new(), rest: String::new() };
        written.object(arguments, is_free);
        written
    }

    /// The arguments with these variables; `None` if one of them is missing.
    pub(crate) fn text(&self, variables: Option<&Map<String, Json>>) -> Option<String> {
        let mut text = String::with_capacity(self.rest.len() + 32);
        for (before, name) in &self.before {
            text.push_str(before);
            match variables?.get(&**name)? {
                Json::String(value) => push_string(&mut text, value),
                value => text.push_str(&value.to_string()),
            }
        }
        text.push_str(&self.rest);
        Some(text)
    }

    fn object(&mut self, members: &Arguments, is_free: &dyn Fn(&str) -> bool) {
        self.rest.push('{');
        for (index, (name, value)) in members.iter().enumerate() {
            if index > 0 {
                self.rest.push(',');
            }
            push_string(&mut self.rest, name);
            self.rest.push(':');
            self.value(value, is_free);
        }
        self.rest.push('}');
    }

    fn value(&mut self, value: &Value, is_free: &dyn Fn(&str) -> bool) {
        match &value.data {
            // Coercion takes numbers and strings over as they are.
            Data::Number(_) | Data::String(_) => match &value.variable {
                Some(name) if is_free(name) => {
                    self.before.push((std::mem::take(&mut self.rest), Arc::clone(name)));
                }
                Some(_) | None => self.rest.push_str(&json(&value.data).to_string()),
            },
            Data::List(items) => {
                self.rest.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.rest.push(',');
                    }
                    self.value(item, is_free);
                }
                self.rest.push(']');
            }
            Data::Object(members) => self.object(members, is_free),
            Data::Null | Data::Bool(_) | Data::Enum(_) | Data::Json(_) => {
                self.rest.push_str(&json(&value.data).to_string());
            }
        }
    }
}

/// A string in quotes, with its escapes.
fn push_string(text: &mut String, value: &str) {
    if value.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        text.push('"');
        text.push_str(value);
        text.push('"');
    } else {
        text.push_str(&Json::from(value).to_string());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(data: Data, variable: Option<&str>) -> Value {
        Value { data, variable: variable.map(Into::into) }
    }

    #[test]
    fn only_values_of_free_variables_are_written_anew() {
        let list = vec![value(Data::String("a\"b".to_owned()), Some("free")), value(Data::Null, None)];
        let inner = Arguments::from_iter([
            ("list".to_owned(), value(Data::List(list), Some("free"))),
            ("kind".to_owned(), value(Data::Enum("ASC".to_owned()), None)),
        ]);
        let arguments = Arguments::from_iter([
            ("where".to_owned(), value(Data::Object(inner), None)),
            ("limit".to_owned(), value(Data::Number(5.into()), Some("fixed"))),
            ("any".to_owned(), value(Data::Json(json!({"free": [1.50]})), None)),
        ]);
        let written = Written::new(&arguments, &|name| name == "free");
        let variables = json!({"free": "new\n\"ü\"", "fixed": 7});
        assert_eq!(
            written.text(variables.as_object()).unwrap(),
            r#"{"where":{"list":["new\n\"ü\"",null],"kind":"ASC"},"limit":5,"any":{"free":[1.5]}}"#
        );
        assert_eq!(written.text(None), None);
    }

    #[test]
    fn without_variables_it_is_the_text_itself() {
        let arguments = Arguments::from_iter([("id".to_owned(), value(Data::Number(7.into()), None))]);
        assert_eq!(Written::new(&arguments, &|_| true).text(None).unwrap(), r#"{"id":7}"#);
    }
}
