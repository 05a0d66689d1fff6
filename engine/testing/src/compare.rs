//! Comparison of an expected with an actual body (section 2.4).

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Number, Value};

use crate::expression::number;

/// Differences that are kept; more of them help nobody.
const MAX_DIFFERENCES: usize = 20;

/// What a response expression evaluates to.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// JavaScript's `undefined`: equal to an absent member only.
    Undefined,
    /// `null`
    Null,
    /// A boolean.
    Bool(bool),
    /// A number; `computed` when it went through a JavaScript double.
    Number {
        /// Its value.
        value: Number,
        /// Whether it was computed in JavaScript.
        computed: bool,
    },
    /// A string.
    String(String),
    /// A list.
    List(Vec<Expected>),
    /// An object, in order.
    Object(Vec<(String, Expected)>),
    /// A function; called with the actual value.
    Matcher {
        /// Which one, for [`Matchers::call`].
        id: usize,
        /// Its source text, for reports.
        source: String,
    },
}

impl Expected {
    /// A constant that was read exactly, not computed.
    pub fn from_value(value: &Value) -> Expected {
        match value {
            Value::Null => Expected::Null,
            Value::Bool(value) => Expected::Bool(*value),
            Value::Number(value) => Expected::Number { value: value.clone(), computed: false },
            Value::String(value) => Expected::String(value.clone()),
            Value::Array(items) => Expected::List(items.iter().map(Expected::from_value).collect()),
            Value::Object(members) => Expected::Object(
                members.iter().map(|(key, value)| (key.clone(), Expected::from_value(value))).collect(),
            ),
        }
    }

    /// For reports: functions as their source text, `undefined` as that word.
    pub fn to_report(&self) -> Value {
        match self {
            Expected::Undefined => Value::from("undefined"),
            Expected::Null => Value::Null,
            Expected::Bool(value) => Value::Bool(*value),
            Expected::Number { value, .. } => Value::Number(value.clone()),
            Expected::String(value) => Value::String(value.clone()),
            Expected::List(items) => Value::Array(items.iter().map(Expected::to_report).collect()),
            Expected::Object(members) => {
                Value::Object(members.iter().map(|(key, value)| (key.clone(), value.to_report())).collect())
            }
            Expected::Matcher { source, .. } => Value::String(source.clone()),
        }
    }
}

/// What a function said about an actual value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatcherOutcome {
    /// Anything but `false` and `undefined`.
    Accepted,
    /// `false`
    Rejected,
    /// It threw; the message.
    Threw(String),
    /// It cannot be used: it returned `undefined`, or ran out of time or memory. The reason.
    Broken(String),
}

/// Calls the functions of an expected body.
pub trait Matchers {
    /// Calls matcher `id` with the actual value.
    fn call(&mut self, id: usize, actual: &Value) -> MatcherOutcome;
}

/// For expected bodies without functions.
#[derive(Debug)]
pub struct NoMatchers;

impl Matchers for NoMatchers {
    fn call(&mut self, _: usize, _: &Value) -> MatcherOutcome {
        MatcherOutcome::Broken("there is no engine to call functions".to_owned())
    }
}

/// Settings of a comparison.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules<'a> {
    /// Dotted paths, without list indexes, whose lists are bags.
    pub unordered: Option<&'a BTreeSet<String>>,
    /// Accept what the peer accepts by accident: any number or boolean where `null` or `{}` is expected,
    /// and `[]` where `{}` is expected (`--compat-null`).
    pub compat_null: bool,
}

/// One place where two bodies differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Readable path with list indexes, such as `data.todos[1].title`; empty for the whole body.
    pub path: String,
    /// What kind of difference.
    pub kind: DifferenceKind,
    /// The expected value, functions as source text; absent for an unexpected member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// The actual value; absent for a missing member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<Value>,
    /// More about it, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Difference {
    /// Place and kind in a few words.
    pub fn headline(&self) -> String {
        let place = if self.path.is_empty() { "the body" } else { &self.path };
        format!("{place}: {}", self.kind.describe())
    }
}

/// Kinds of differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DifferenceKind {
    /// Two values that are not equal.
    Value,
    /// An expected member is missing.
    Missing,
    /// An actual member was not expected.
    Extra,
    /// Lists of different lengths.
    Length,
    /// A function returned `false`.
    Rejected,
    /// A function threw.
    Threw,
    /// A function could not be used; the test is a set-up failure.
    Broken,
    /// An element of a bag has no partner.
    Unordered,
}

impl DifferenceKind {
    /// The difference in words.
    pub fn describe(self) -> &'static str {
        match self {
            DifferenceKind::Value => "not equal",
            DifferenceKind::Missing => "missing",
            DifferenceKind::Extra => "not expected",
            DifferenceKind::Length => "different lengths",
            DifferenceKind::Rejected => "rejected by the function",
            DifferenceKind::Threw => "the function threw",
            DifferenceKind::Broken => "the function cannot be used",
            DifferenceKind::Unordered => "no such element, in any order",
        }
    }
}

/// Every difference (up to a limit) between an expected and an actual body; none when they match.
pub fn compare(
    expected: &Expected,
    actual: &Value,
    rules: Rules<'_>,
    matchers: &mut dyn Matchers,
) -> Vec<Difference> {
    let mut comparison = Comparison { rules, matchers, differences: Vec::new() };
    comparison.value(expected, Some(actual), &Place::default());
    comparison.differences
}

/// Where the comparison is: for people (with indexes) and for marks (without).
#[derive(Debug, Clone, Default)]
struct Place {
    shown: String,
    marked: String,
}

impl Place {
    fn member(&self, key: &str) -> Place {
        let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        let dot = if self.shown.is_empty() { "" } else { "." };
        let shown =
            if plain { format!("{}{dot}{key}", self.shown) } else { format!("{}[{key:?}]", self.shown) };
        let dot = if self.marked.is_empty() { "" } else { "." };
        Place { shown, marked: format!("{}{dot}{key}", self.marked) }
    }

    fn element(&self, index: usize) -> Place {
        Place { shown: format!("{}[{index}]", self.shown), marked: self.marked.clone() }
    }
}

struct Comparison<'a, 'm> {
    rules: Rules<'a>,
    matchers: &'m mut dyn Matchers,
    differences: Vec<Difference>,
}

impl Comparison<'_, '_> {
    fn differ(
        &mut self,
        place: &Place,
        kind: DifferenceKind,
        expected: Option<&Expected>,
        actual: Option<&Value>,
    ) {
        self.differ_note(place, kind, expected, actual, None);
    }

    fn differ_note(
        &mut self,
        place: &Place,
        kind: DifferenceKind,
        expected: Option<&Expected>,
        actual: Option<&Value>,
        note: Option<String>,
    ) {
        if self.differences.len() < MAX_DIFFERENCES {
            self.differences.push(Difference {
                path: place.shown.clone(),
                kind,
                expected: expected.map(Expected::to_report),
                actual: actual.cloned(),
                note,
            });
        }
    }

    fn value(&mut self, expected: &Expected, actual: Option<&Value>, place: &Place) {
        let Some(actual) = actual else {
            if !matches!(expected, Expected::Undefined) {
                self.differ(place, DifferenceKind::Missing, Some(expected), None);
            }
            return;
        };
        match (expected, actual) {
            (Expected::Matcher { id, .. }, _) => self.matcher(*id, expected, actual, place),
            (Expected::Null, Value::Null) => {}
            (Expected::Bool(left), Value::Bool(right)) if left == right => {}
            (Expected::String(left), Value::String(right)) if left == right => {}
            (Expected::Number { value, computed }, Value::Number(right))
                if number::equal(value, right, *computed) => {}
            (Expected::Object(members), Value::Object(map)) => self.object(members, map, place),
            (Expected::List(items), Value::Array(list)) => {
                if items.len() != list.len() {
                    let note = format!("expected {}, actual {}", count(items.len()), count(list.len()));
                    self.differ_note(place, DifferenceKind::Length, Some(expected), Some(actual), Some(note));
                } else if self.rules.unordered.is_some_and(|paths| paths.contains(&place.marked)) {
                    self.bag(items, list, place);
                } else {
                    for (index, (item, actual)) in items.iter().zip(list).enumerate() {
                        self.value(item, Some(actual), &place.element(index));
                    }
                }
            }
            (Expected::Null, Value::Number(_) | Value::Bool(_)) if self.rules.compat_null => {}
            (Expected::Object(members), Value::Number(_) | Value::Bool(_))
                if self.rules.compat_null && members.is_empty() => {}
            (Expected::Object(members), Value::Array(list))
                if self.rules.compat_null && members.is_empty() && list.is_empty() => {}
            _ => self.differ(place, DifferenceKind::Value, Some(expected), Some(actual)),
        }
    }

    fn object(&mut self, members: &[(String, Expected)], map: &Map<String, Value>, place: &Place) {
        for (key, expected) in members {
            self.value(expected, map.get(key), &place.member(key));
        }
        for (key, actual) in map {
            if !members.iter().any(|(known, _)| known == key) {
                self.differ(&place.member(key), DifferenceKind::Extra, None, Some(actual));
            }
        }
    }

    fn matcher(&mut self, id: usize, expected: &Expected, actual: &Value, place: &Place) {
        let (kind, note) = match self.matchers.call(id, actual) {
            MatcherOutcome::Accepted => return,
            MatcherOutcome::Rejected => (DifferenceKind::Rejected, None),
            MatcherOutcome::Threw(message) => (DifferenceKind::Threw, Some(message)),
            MatcherOutcome::Broken(reason) => (DifferenceKind::Broken, Some(reason)),
        };
        self.differ_note(place, kind, Some(expected), Some(actual), note);
    }

    /// The differences of one pair, kept apart.
    fn pair(&mut self, expected: &Expected, actual: &Value, place: &Place) -> Vec<Difference> {
        let before = std::mem::take(&mut self.differences);
        self.value(expected, Some(actual), place);
        std::mem::replace(&mut self.differences, before)
    }

    /// Bag matching: the last expected element takes the first actual one that fits. When that way gets
    /// stuck because loose elements (functions) took what stricter ones need, elements are exchanged
    /// along augmenting paths, so a bag matches exactly when some one-to-one assignment exists.
    fn bag(&mut self, items: &[Expected], list: &[Value], place: &Place) {
        let mut owner: Vec<Option<usize>> = vec![None; list.len()];
        let mut fits: Vec<Vec<Option<bool>>> = vec![vec![None; list.len()]; items.len()];
        for index in (0..items.len()).rev() {
            let mut tried = vec![false; list.len()];
            if self.assign(index, items, list, place, &mut owner, &mut fits, &mut tried) {
                continue;
            }
            let free: Vec<usize> = (0..list.len()).filter(|at| owner[*at].is_none()).collect();
            // The nearest free element shows best what is wrong.
            let nearest = free
                .iter()
                .map(|at| self.pair(&items[index], &list[*at], &place.element(*at)))
                .min_by_key(Vec::len)
                .unwrap_or_default();
            if let Some(broken) = nearest.iter().find(|d| d.kind == DifferenceKind::Broken) {
                self.differences.push(broken.clone());
                return;
            }
            let structured = matches!(items[index], Expected::Object(_) | Expected::List(_))
                && nearest.iter().all(|difference| difference.path != place.element(free[0]).shown);
            if free.len() == 1 && structured {
                self.differences.extend(nearest);
            } else {
                let rest = Value::Array(free.iter().map(|at| list[*at].clone()).collect());
                let note = "actual are the elements without a partner".to_owned();
                self.differ_note(
                    place,
                    DifferenceKind::Unordered,
                    Some(&items[index]),
                    Some(&rest),
                    Some(note),
                );
            }
            return;
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the state of one recursive search")]
    fn assign(
        &mut self,
        index: usize,
        items: &[Expected],
        list: &[Value],
        place: &Place,
        owner: &mut Vec<Option<usize>>,
        fits: &mut Vec<Vec<Option<bool>>>,
        tried: &mut Vec<bool>,
    ) -> bool {
        for free_only in [true, false] {
            for at in 0..list.len() {
                if tried[at] || (free_only && owner[at].is_some()) {
                    continue;
                }
                let fit = match fits[index][at] {
                    Some(fit) => fit,
                    None => self.pair(&items[index], &list[at], place).is_empty(),
                };
                fits[index][at] = Some(fit);
                if !fit {
                    continue;
                }
                tried[at] = true;
                let free = match owner[at] {
                    None => true,
                    Some(other) => self.assign(other, items, list, place, owner, fits, tried),
                };
                if free {
                    owner[at] = Some(index);
                    return true;
                }
            }
        }
        false
    }
}

fn count(elements: usize) -> String {
    if elements == 1 { "1 element".to_owned() } else { format!("{elements} elements") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A table of functions: accept, reject, throw, broken, positive.
    struct Table;

    impl Matchers for Table {
        fn call(&mut self, id: usize, actual: &Value) -> MatcherOutcome {
            match id {
                0 => MatcherOutcome::Accepted,
                1 => MatcherOutcome::Rejected,
                2 => MatcherOutcome::Threw("no".into()),
                3 => MatcherOutcome::Broken("it returned undefined".into()),
                _ if actual.as_i64().is_some_and(|n| n > 0) => MatcherOutcome::Accepted,
                _ => MatcherOutcome::Rejected,
            }
        }
    }

    /// JSON where `"fn:N"` is matcher N and `"undefined"` is undefined.
    fn expected(value: Value) -> Expected {
        fn convert(expected: Expected) -> Expected {
            match expected {
                Expected::String(text) if text == "undefined" => Expected::Undefined,
                Expected::String(text) if text.starts_with("fn:") => {
                    Expected::Matcher { id: text[3..].parse().expect("id"), source: text }
                }
                Expected::List(items) => Expected::List(items.into_iter().map(convert).collect()),
                Expected::Object(members) => {
                    Expected::Object(members.into_iter().map(|(k, v)| (k, convert(v))).collect())
                }
                other => other,
            }
        }
        convert(Expected::from_value(&value))
    }

    fn differences(left: Value, right: Value, unordered: &[&str], compat_null: bool) -> Vec<String> {
        let paths = unordered.iter().map(|path| (*path).to_owned()).collect();
        let rules = Rules { unordered: Some(&paths), compat_null };
        compare(&expected(left), &right, rules, &mut Table)
            .into_iter()
            .map(|d| format!("{}: {}", d.path, d.kind.describe()))
            .collect()
    }

    fn strict(left: Value, right: Value) -> Vec<String> {
        differences(left, right, &[], false)
    }

    #[test]
    fn equal_values() {
        for value in [
            json!(null),
            json!(true),
            json!(1.5),
            json!("a"),
            json!([1, [2]]),
            json!({"a": {"b": []}}),
            json!({}),
        ] {
            assert!(strict(value.clone(), value.clone()).is_empty(), "{value}");
        }
        assert!(strict(json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1})).is_empty());
        assert!(strict(json!(1), json!(1.0)).is_empty());
    }

    #[test]
    fn strict_types() {
        let values = [
            json!(null),
            json!(true),
            json!(1),
            json!("1"),
            json!([]),
            json!({}),
            json!(false),
            json!(0),
            json!(""),
        ];
        for (i, left) in values.iter().enumerate() {
            for (j, right) in values.iter().enumerate() {
                assert_eq!(strict(left.clone(), right.clone()).is_empty(), i == j, "{left} and {right}");
            }
        }
    }

    #[test]
    fn compat_null_accepts_what_the_peer_accepts_by_accident() {
        for (left, right, equal) in [
            (json!(null), json!(5), true),
            (json!(null), json!(false), true),
            (json!({}), json!(5), true),
            (json!({}), json!(true), true),
            (json!({}), json!([]), true),
            (json!(null), json!("x"), false),
            (json!(null), json!([]), false),
            (json!({}), json!([1]), false),
            (json!({}), json!("x"), false),
            (json!({"a": 1}), json!(5), false),
            (json!(5), json!(null), false),
        ] {
            assert_eq!(
                differences(left.clone(), right.clone(), &[], true).is_empty(),
                equal,
                "{left} and {right}"
            );
            assert!(!strict(left.clone(), right.clone()).is_empty(), "{left} and {right}");
        }
    }

    #[test]
    fn places() {
        assert_eq!(
            strict(
                json!({"data": {"todos": [{"id": 1, "title": "a"}, {"id": 2, "title": "b"}]}}),
                json!({"data": {"todos": [{"id": 1, "title": "a"}, {"id": 2, "title": "c", "x y": 1}]}, "errors": []})
            ),
            [
                "data.todos[1].title: not equal",
                "data.todos[1][\"x y\"]: not expected",
                "errors: not expected"
            ]
        );
        assert_eq!(strict(json!({"a": {"b": 1}}), json!({"a": {}})), ["a.b: missing"]);
        assert_eq!(strict(json!([1, 2]), json!([1])), [": different lengths"]);
    }

    #[test]
    fn functions() {
        assert!(strict(json!({"a": "fn:0"}), json!({"a": null})).is_empty());
        assert_eq!(strict(json!({"a": "fn:0"}), json!({})), ["a: missing"]);
        assert_eq!(strict(json!({"a": "fn:1"}), json!({"a": 1})), ["a: rejected by the function"]);
        assert_eq!(strict(json!({"a": "fn:2"}), json!({"a": 1})), ["a: the function threw"]);
        assert_eq!(strict(json!({"a": "fn:3"}), json!({"a": 1})), ["a: the function cannot be used"]);
        assert!(strict(json!("fn:0"), json!({"a": 1})).is_empty());
    }

    #[test]
    fn undefined_members() {
        assert!(strict(json!({"a": "undefined"}), json!({})).is_empty());
        assert_eq!(strict(json!({"a": "undefined"}), json!({"a": null})), ["a: not equal"]);
    }

    #[test]
    fn bags() {
        let list = |items: Value| json!({"data": {"list": items}});
        let bag = |left: Value, right: Value| differences(list(left), list(right), &["data.list"], false);
        assert!(bag(json!([1, 2, 3]), json!([3, 1, 2])).is_empty());
        assert!(bag(json!([1, 1, 2]), json!([1, 2, 1])).is_empty());
        assert_eq!(bag(json!([1, 1, 2]), json!([1, 2, 2])), ["data.list: no such element, in any order"]);
        assert_eq!(bag(json!([1, 2]), json!([1, 2, 3])), ["data.list: different lengths"]);
        assert_eq!(
            bag(json!([{"id": 1, "x": 1}, {"id": 2, "x": 1}]), json!([{"id": 2, "x": 1}, {"id": 1, "x": 2}])),
            ["data.list[1].x: not equal"],
            "one element without a partner: the root cause"
        );
        // The greedy way gives the last function the only element the first number could have.
        assert!(bag(json!([5, "fn:9"]), json!([5, 7])).is_empty());
        assert_eq!(bag(json!(["fn:3"]), json!([7])), ["data.list[0]: the function cannot be used"]);
        assert!(!strict(list(json!([1, 2])), list(json!([2, 1]))).is_empty(), "ordered without a mark");
    }

    #[test]
    fn a_mark_applies_to_every_list_at_its_path() {
        let left = json!({"data": {"a": [{"b": [1, 2]}, {"b": [3, 4]}]}});
        let right = json!({"data": {"a": [{"b": [2, 1]}, {"b": [4, 3]}]}});
        assert!(differences(left.clone(), right.clone(), &["data.a.b"], false).is_empty());
        let swapped = json!({"data": {"a": [{"b": [4, 3]}, {"b": [2, 1]}]}});
        assert!(differences(left.clone(), swapped, &["data.a", "data.a.b"], false).is_empty());
        assert_eq!(differences(left, right, &["data.a"], false).len(), 1);
    }

    #[test]
    fn differences_are_bounded() {
        let many: Vec<i32> = (0..500).collect();
        let other: Vec<i32> = (1..501).collect();
        assert_eq!(strict(json!(many), json!(other)).len(), MAX_DIFFERENCES);
    }
}
