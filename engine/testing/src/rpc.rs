//! JSON-RPC extras (section 2.4): missing `jsonrpc` and `id` members of requests and expected bodies,
//! and batches whose answers come in any order.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::compare::Expected;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Completes a request or each request of a batch, and returns the identifiers by position.
pub(crate) fn complete(payload: &mut Value) -> Vec<Option<Value>> {
    fn one(request: &mut Value) -> Option<Value> {
        let members = request.as_object_mut()?;
        members.entry("jsonrpc").or_insert_with(|| json!("2.0"));
        let id = members.entry("id").or_insert_with(|| json!(NEXT_ID.fetch_add(1, Ordering::Relaxed)));
        Some(id.clone())
    }
    match payload {
        Value::Array(requests) => requests.iter_mut().map(one).collect(),
        request => vec![one(request)],
    }
}

/// Completes the expected body with the identifiers of the requests, by position.
pub(crate) fn complete_expected(expected: &mut Expected, ids: &[Option<Value>]) {
    fn one(expected: &mut Expected, id: Option<&Option<Value>>) {
        let Expected::Object(members) = expected else { return };
        if !members.iter().any(|(key, _)| key == "jsonrpc") {
            members.push(("jsonrpc".to_owned(), Expected::String("2.0".to_owned())));
        }
        if let Some(Some(id)) = id
            && !members.iter().any(|(key, _)| key == "id")
        {
            members.push(("id".to_owned(), Expected::from_value(id)));
        }
    }
    match expected {
        Expected::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                one(item, ids.get(index));
            }
        }
        single => one(single, ids.first()),
    }
}

/// Brings the answers of a batch into the order of the expected ones, by `id`.
pub(crate) fn reorder(expected: &Expected, actual: &Value) -> Value {
    let (Expected::List(items), Value::Array(answers)) = (expected, actual) else { return actual.clone() };
    let mut rest: Vec<Option<&Value>> = answers.iter().map(Some).collect();
    let mut slots: Vec<Option<Value>> = vec![None; items.len()];
    for (slot, item) in slots.iter_mut().zip(items) {
        let Expected::Object(members) = item else { continue };
        let id = members.iter().find(|(key, _)| key == "id").map(|(_, id)| id.to_report());
        let found =
            rest.iter_mut().find(|answer| answer.is_some_and(|answer| answer.get("id") == id.as_ref()));
        *slot = found.and_then(Option::take).cloned();
    }
    let mut rest = rest.into_iter().flatten().cloned();
    let mut ordered: Vec<Value> = Vec::with_capacity(answers.len());
    for slot in slots {
        ordered.extend(slot.or_else(|| rest.next()));
    }
    ordered.extend(rest);
    Value::Array(ordered)
}

/// Whether an answer without expectation is an error.
pub(crate) fn has_error(body: &Value) -> bool {
    match body {
        Value::Array(answers) => answers.iter().any(has_error),
        answer => answer.get("error").is_some() || answer.get("errors").is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_completed() {
        let mut payload = json!({"method": "a"});
        let ids = complete(&mut payload);
        assert_eq!(payload, json!({"method": "a", "jsonrpc": "2.0", "id": ids[0]}));
        let mut payload = json!([{"method": "a", "id": "x"}, {"method": "b"}, 5]);
        let ids = complete(&mut payload);
        assert_eq!(ids[0], Some(json!("x")));
        assert!(ids[1].as_ref().is_some_and(Value::is_u64));
        assert_eq!(ids[2], None);
        assert_eq!(payload[1]["jsonrpc"], "2.0");
    }

    #[test]
    fn batches_are_matched_by_id() {
        let ids = [Some(json!(1)), Some(json!(2))];
        let mut expected = Expected::from_value(&json!([{"result": "a"}, {"result": "b"}]));
        complete_expected(&mut expected, &ids);
        assert_eq!(
            expected.to_report(),
            json!([{"result": "a", "jsonrpc": "2.0", "id": 1}, {"result": "b", "jsonrpc": "2.0", "id": 2}])
        );
        let actual = json!([{"id": 2, "r": "b"}, {"id": null}, {"id": 1, "r": "a"}]);
        assert_eq!(
            reorder(&expected, &actual),
            json!([{"id": 1, "r": "a"}, {"id": 2, "r": "b"}, {"id": null}])
        );
        assert_eq!(reorder(&expected, &json!([{"id": 2}])), json!([{"id": 2}]));
    }

    #[test]
    fn errors_in_answers() {
        assert!(has_error(&json!({"error": {}})));
        assert!(has_error(&json!([{"result": 1}, {"error": {}}])));
        assert!(!has_error(&json!({"result": 1})));
    }
}
