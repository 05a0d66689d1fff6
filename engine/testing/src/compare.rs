//! Comparison of an expected with an actual body (section 2.4).

mod bag;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Number, Value};

use self::bag::Unmatched;
use crate::expression::{element_path, member_path, number};

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
    /// The same place in the expected body; differs from `path` in the indexes of bags.
    #[serde(skip)]
    pub written: String,
    /// The same place without list indexes, as marks name it.
    #[serde(skip)]
    pub marked: String,
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
    let mut comparison = Comparison { rules, matchers, differences: Vec::new(), probe: None };
    comparison.value(expected, Some(actual), &Place::default());
    comparison.differences
}

/// Where the comparison is: in the actual body for people, in the expected text, and for marks (without
/// list indexes).
#[derive(Debug, Clone, Default)]
struct Place {
    shown: String,
    written: String,
    marked: String,
}

impl Place {
    fn member(&self, key: &str) -> Place {
        let dot = if self.marked.is_empty() { "" } else { "." };
        Place {
            shown: member_path(&self.shown, key),
            written: member_path(&self.written, key),
            marked: format!("{}{dot}{key}", self.marked),
        }
    }

    fn element(&self, actual: usize, expected: usize) -> Place {
        Place {
            shown: element_path(&self.shown, actual),
            written: element_path(&self.written, expected),
            marked: self.marked.clone(),
        }
    }
}

struct Comparison<'a, 'm> {
    rules: Rules<'a>,
    matchers: &'m mut dyn Matchers,
    differences: Vec<Difference>,
    /// While only asking whether something fits: whether a difference was met.
    probe: Option<bool>,
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
        if self.probe.is_some() {
            self.probe = Some(true);
        } else if self.differences.len() < MAX_DIFFERENCES {
            self.differences.push(Difference {
                path: place.shown.clone(),
                written: place.written.clone(),
                marked: place.marked.clone(),
                kind,
                expected: expected.map(Expected::to_report),
                actual: actual.cloned(),
                note,
            });
        }
    }

    fn value(&mut self, expected: &Expected, actual: Option<&Value>, place: &Place) {
        if self.probe == Some(true) {
            return;
        }
        let Some(actual) = actual else {
            // An expected `null` also matches a missing member (graphql-and-sql 2.10).
            if !matches!(expected, Expected::Undefined | Expected::Null) {
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
                        self.value(item, Some(actual), &place.element(index, index));
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

    /// Whether a pair has no difference; stops at the first one.
    fn fits(&mut self, expected: &Expected, actual: &Value, place: &Place) -> bool {
        let outer = self.probe.replace(false);
        self.value(expected, Some(actual), place);
        let differs = std::mem::replace(&mut self.probe, outer) == Some(true);
        !differs
    }

    fn bag(&mut self, items: &[Expected], list: &[Value], place: &Place) {
        let matched = bag::assign(items.len(), &mut |index, at| {
            self.fits(&items[index], &list[at], &place.element(at, index))
        });
        let Err(Unmatched { index, free }) = matched else { return };
        if self.probe.is_some() {
            self.probe = Some(true);
            return;
        }
        // The nearest free element shows best what is wrong.
        let nearest = free
            .iter()
            .map(|at| self.pair(&items[index], &list[*at], &place.element(*at, index)))
            .min_by_key(Vec::len)
            .unwrap_or_default();
        if let Some(broken) = nearest.iter().find(|difference| difference.kind == DifferenceKind::Broken) {
            self.differences.push(broken.clone());
            return;
        }
        let structured = matches!(items[index], Expected::Object(_) | Expected::List(_))
            && nearest.iter().all(|difference| difference.path != place.element(free[0], index).shown);
        if free.len() == 1 && structured {
            self.differences.extend(nearest);
            return;
        }
        let rest = Value::Array(free.iter().map(|at| list[*at].clone()).collect());
        let note = Some("actual are the elements without a partner".to_owned());
        self.differ_note(place, DifferenceKind::Unordered, Some(&items[index]), Some(&rest), note);
    }
}

fn count(elements: usize) -> String {
    if elements == 1 { "1 element".to_owned() } else { format!("{elements} elements") }
}

#[cfg(test)]
mod tests;
