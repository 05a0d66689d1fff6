//! Next steps for failed comparisons, where the differences tell enough.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use studio_events::Trace;

use crate::compare::{self, Difference, DifferenceKind, Expected, Matchers, Rules};
use crate::outcome::Failure;

/// What is said about an answer with an error that was not expected.
const ANSWERED: &str = "the server answered with an error";

/// What to do about these differences, when that can be known.
pub(crate) fn next_step(
    differences: &[Difference],
    expected: &Expected,
    actual: &Value,
    rules: Rules<'_>,
    is_rpc: bool,
    matchers: &mut dyn Matchers,
) -> Option<String> {
    if let Some(message) = unexpected_error(expected, actual) {
        return Some(format!("{ANSWERED}: {message}"));
    }
    if let Some(path) = other_order(differences, expected, actual, rules, matchers) {
        let how = if is_rpc {
            format!("name `{path}` in `unorderedPaths`")
        } else {
            "mark the field `@unordered`".to_owned()
        };
        return Some(format!(
            "`{path}` has the expected elements in another order; when any order is right, {how}"
        ));
    }
    let by_accident = !rules.compat_null && differences.iter().all(accepted_by_the_peer);
    by_accident.then(|| "older runners accept this by accident; `--compat-null` does it too".to_owned())
}

/// Attaches the trace of the request, and says what the client of an unexpected error is not told: the rule that
/// denied, or the words of the database.
pub(crate) fn attach(failure: &mut Failure, trace: Option<&Arc<Trace>>) {
    failure.trace = trace.cloned();
    let Some(reason) = trace.and_then(|trace| reason(trace)) else { return };
    let has_errors = failure.actual.as_ref().is_some_and(|body| body.get("errors").is_some());
    match &mut failure.next_step {
        Some(step) if step.starts_with(ANSWERED) => {
            step.push_str("; ");
            step.push_str(&reason);
        }
        None if has_errors && failure.differences.is_empty() => failure.next_step = Some(reason),
        Some(_) | None => {}
    }
}

fn reason(trace: &Trace) -> Option<String> {
    let error = trace.error.as_ref()?;
    let denied = trace.access.iter().find(|check| check.is_denied()).filter(|_| error.denied);
    let Some(check) = denied else { return error.cause.clone() };
    let rule = check.rule.as_deref().unwrap_or("no rule, so nobody may");
    let decided = match check.decided_by.as_slice() {
        [] => String::new(),
        parts => format!(", because of {}", parts.join(" and ")),
    };
    let (subject, operation) = (check.subject(), check.operation.name());
    Some(format!("{subject} {operation} `{rule}` denies ({}:{}){decided}", check.file, check.line))
}

/// The first error of an answer where none is expected.
fn unexpected_error(expected: &Expected, actual: &Value) -> Option<String> {
    let key = ["errors", "error"].into_iter().find(|key| actual.get(key).is_some())?;
    match expected {
        Expected::Object(members) if !members.iter().any(|(known, _)| known == key) => {
            let error = actual.get(key)?;
            let error = error.get(0).unwrap_or(error);
            Some(
                error.get("message").and_then(Value::as_str).map_or_else(|| error.to_string(), str::to_owned),
            )
        }
        _ => None,
    }
}

/// The path of the list around the first difference, when the bodies are equal with that list as a bag.
fn other_order(
    differences: &[Difference],
    expected: &Expected,
    actual: &Value,
    rules: Rules<'_>,
    matchers: &mut dyn Matchers,
) -> Option<String> {
    let first = differences.first().filter(|first| first.kind != DifferenceKind::Broken)?;
    let mut path = first.marked.clone();
    // Outwards through the lists around the difference; a mark names a field, so each prefix is tried.
    loop {
        let mut unordered: BTreeSet<String> = rules.unordered.cloned().unwrap_or_default();
        if is_list(actual, &path) && unordered.insert(path.clone()) {
            let rules = Rules { unordered: Some(&unordered), ..rules };
            if compare::compare(expected, actual, rules, matchers).is_empty() {
                return Some(path);
            }
        }
        path.truncate(path.rfind('.')?);
    }
}

/// Whether a path names a list, looking into the first elements of the lists before it.
fn is_list(actual: &Value, path: &str) -> bool {
    let mut value = actual;
    for key in path.split('.').filter(|key| !key.is_empty()) {
        while let Value::Array(items) = value {
            value = items.first().unwrap_or(&Value::Null);
        }
        value = value.get(key).unwrap_or(&Value::Null);
    }
    value.is_array()
}

fn accepted_by_the_peer(difference: &Difference) -> bool {
    let empty = |value: &Value| value.as_object().is_some_and(serde_json::Map::is_empty);
    match (&difference.expected, &difference.actual) {
        (Some(expected), Some(Value::Number(_) | Value::Bool(_))) => expected.is_null() || empty(expected),
        (Some(expected), Some(Value::Array(items))) => empty(expected) && items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::NoMatchers;
    use serde_json::json;

    fn advice(expected: &Value, actual: &Value, is_rpc: bool) -> Option<String> {
        let expected = Expected::from_value(expected);
        let differences = compare::compare(&expected, actual, Rules::default(), &mut NoMatchers);
        assert!(!differences.is_empty());
        next_step(&differences, &expected, actual, Rules::default(), is_rpc, &mut NoMatchers)
    }

    #[test]
    fn advice_fits_the_differences() {
        let list = |ids: [i32; 3]| json!({"data": {"list": ids.map(|id| json!({"id": id}))}});
        for (expected, actual, is_rpc, advised) in [
            (
                list([1, 2, 3]),
                list([3, 2, 1]),
                false,
                Some(
                    "`data.list` has the expected elements in another order; when any order is right, mark the \
                     field `@unordered`",
                ),
            ),
            (
                json!({"result": [1, 2]}),
                json!({"result": [2, 1]}),
                true,
                Some(
                    "`result` has the expected elements in another order; when any order is right, name `result` \
                     in `unorderedPaths`",
                ),
            ),
            (list([1, 2, 3]), list([1, 2, 4]), false, None),
            (
                json!({"data": {"a": null, "b": {}}}),
                json!({"data": {"a": 1, "b": []}}),
                false,
                Some("older runners accept this by accident; `--compat-null` does it too"),
            ),
            (json!({"data": {"a": null, "b": 1}}), json!({"data": {"a": 1, "b": 2}}), false, None),
            (
                json!({"data": {"a": 1}}),
                json!({"data": null, "errors": [{"message": "Not authorized"}]}),
                false,
                Some("the server answered with an error: Not authorized"),
            ),
            (json!({"errors": [{"message": "x"}]}), json!({"errors": [{"message": "y"}]}), false, None),
        ] {
            assert_eq!(advice(&expected, &actual, is_rpc).as_deref(), advised, "{expected} {actual}");
        }
    }
}
