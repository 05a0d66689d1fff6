//! Expressions of classes A to C (section 2.8): JSON, relaxed JSON and `$` paths, read without a
//! JavaScript engine. Everything else is class D and goes to the `script` module.

pub mod number;
mod print;
mod read;

use serde_json::{Map, Number, Value};

pub use print::print;
pub use read::{MAX_DEPTH, NotBuiltIn, read};

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
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn arbitrary() -> impl Strategy<Value = Expression> {
        let step = prop_oneof![
            any::<String>().prop_map(Step::Key),
            "[a-z_]{1,6}".prop_map(Step::Key),
            (0usize..1000).prop_map(Step::Index)
        ];
        let leaf = prop_oneof![
            Just(Expression::Null),
            any::<bool>().prop_map(Expression::Bool),
            any::<i64>().prop_map(|n| Expression::Number(n.into())),
            any::<f64>()
                .prop_filter("finite", |n| n.is_finite())
                .prop_filter_map("number", |n| number::from_literal(&format!("{n}")))
                .prop_map(Expression::Number),
            any::<String>().prop_map(Expression::String),
            (
                prop_oneof![any::<String>(), "[a-z$_]{1,8}".prop_map(String::from)],
                prop::collection::vec(step, 0..4)
            )
                .prop_map(|(name, steps)| Expression::Binding(BindingPath {
                    name,
                    steps,
                    offset: 0
                })),
        ];
        leaf.prop_recursive(6, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Expression::List),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Expression::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reading_what_was_printed_gives_the_same(expression in arbitrary()) {
            let text = print(&expression);
            let (again, _) = read(&text).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
            prop_assert_eq!(again, expression);
        }

        #[test]
        fn reading_never_panics(text in any::<String>()) {
            let _ = read(&text);
        }

        #[test]
        fn reading_near_misses_never_panics(text in "[\\[\\]{}()$.,:'\"\\\\/*0-9a-fx_\\-+ \nunl]{0,60}") {
            let _ = read(&text);
        }

        #[test]
        fn json_is_class_a(text in any::<i64>().prop_map(|n| json!({"a": [n, null, true, "x\n\u{1F600}"]}).to_string())) {
            let (expression, class) = read(&text).expect("JSON");
            prop_assert_eq!(class, Class::A);
            let value: Value = serde_json::from_str(&text).expect("JSON");
            prop_assert_eq!(expression.strict_value(&Map::new()), Ok(value));
        }
    }

    #[test]
    fn classes() {
        for (text, class) in [
            (r#"{ "a": [1, -2.5e3, true, null, "x\u00e9"] }"#, Class::A),
            ("5", Class::A),
            ("{ a: 1 }", Class::B),
            ("{ \"a\": 1, }", Class::B),
            ("[1, /* two */ 2, // three\n 3]", Class::B),
            ("{ 'a': 'it\\'s' }", Class::B),
            ("[0x1F, .5, 5., 1_000, +1]", Class::B),
            ("({ \"a\": 1 })", Class::B),
            ("{ 1: 2, a$: 3, _x: 4, null: 5 }", Class::B),
            ("$.name", Class::C),
            ("{ id: $.todo.id, second: $.list[1], third: $.list[1].x, q: $[\"odd name\"]['k'] }", Class::C),
        ] {
            assert_eq!(read(text).map(|(_, class)| class).map_err(|e| e.to_string()), Ok(class), "{text}");
        }
        for text in [
            "",
            "  // only a comment",
            "{ a: (n) => n > 0 }",
            "1 + 2",
            "`text`",
            "$",
            "$.a()",
            "$.a + 1",
            "$?.a",
            "{ ...$.a }",
            "{ a }",
            "{ a() { return 1 } }",
            "{ [\"a\"]: 1 }",
            "[1,,2]",
            "undefined",
            "new Date()",
            "{ a: 1 } { b: 2 }",
            "\"unclosed",
            "'a\nb'",
            "01",
            "1n",
            "{ a: 1",
            "\"\\ud800\"",
            "/* open",
        ] {
            assert!(read(text).is_err(), "{text} is not for the built-in reader");
        }
    }

    #[test]
    fn strings_follow_javascript() {
        for (text, expected) in [
            (r#"'\x41\u0042\u{1F600}\q\0'"#, "AB\u{1F600}q\0"),
            (r#""\ud83d\ude00""#, "\u{1F600}"),
            ("'one \\\n two'", "one  two"),
            (r#""\b\f\n\r\t\v""#, "\u{8}\u{c}\n\r\t\u{b}"),
        ] {
            assert_eq!(read(text).expect(text).0, Expression::String(expected.into()), "{text}");
        }
    }

    #[test]
    fn a_repeated_key_keeps_its_first_place_and_last_value() {
        let (expression, _) = read("{ a: 1, b: 2, a: 3 }").expect("relaxed JSON");
        assert_eq!(expression.strict_value(&Map::new()).expect("value").to_string(), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn nesting_is_limited() {
        let text = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
        assert!(read(&text).is_ok());
        let text = "[".repeat(100_000);
        assert_eq!(
            read(&text).expect_err("too deep").to_string(),
            format!("nested deeper than {MAX_DEPTH} levels")
        );
        let text = "(".repeat(100_000);
        assert!(read(&text).is_err());
    }

    #[test]
    fn errors_carry_their_place() {
        let error = read("{\n  a: 1,\n  b: n => n\n}").expect_err("an arrow");
        assert_eq!((error.line, error.column), (3, 6));
    }

    #[test]
    fn paths_without_a_value() {
        let bindings = json!({"todo": {"id": 7, "tags": ["a", "b"]}, "text": "héllo"});
        let bindings = bindings.as_object().expect("object");
        let value = |text: &str| {
            let (expression, _) = read(text).expect(text);
            let mut absent = Vec::new();
            let value = expression.send_value(bindings, &mut absent);
            (value, absent.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(value("$.todo.id"), (Some(json!(7)), vec![]));
        assert_eq!(value("$.todo.tags[1]"), (Some(json!("b")), vec![]));
        assert_eq!(value("$.todo.tags.length"), (Some(json!(2)), vec![]));
        assert_eq!(value("$.text.length"), (Some(json!(5)), vec![]));
        assert_eq!(
            value("{ a: $.nope, b: [$.todo.nope] }"),
            (
                Some(json!({"b": [null]})),
                vec![
                    "`$.nope` is not bound at this point".to_owned(),
                    "`$.todo.nope` has no value: `$.todo` is an object without `nope`".to_owned()
                ]
            )
        );
        assert_eq!(value("$.todo.tags[5].x").1.len(), 1);
        let undefined = |text: &str| match read(text).expect(text).0 {
            Expression::Binding(path) => path.value(bindings).expect_err(text).is_undefined(),
            other => panic!("{other:?}"),
        };
        assert!(undefined("$.nope") && undefined("$.todo.nope") && undefined("$.todo.tags[9]"));
        assert!(!undefined("$.nope.x") && !undefined("$.todo.nope.x") && !undefined("$.todo.none.x"));
    }
}
