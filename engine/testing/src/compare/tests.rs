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
        ["data.todos[1].title: not equal", "data.todos[1][\"x y\"]: not expected", "errors: not expected"]
    );
    assert_eq!(strict(json!({"a": {"b": 1}}), json!({"a": {}})), ["a.b: missing"]);
    assert!(
        strict(json!({"a": {"b": null}}), json!({"a": {}})).is_empty(),
        "null also matches a missing key"
    );
    assert_eq!(strict(json!({"a": {}}), json!({"a": {"b": null}})), ["a.b: not expected"]);
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
