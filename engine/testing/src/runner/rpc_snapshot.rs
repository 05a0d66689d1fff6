//! The kept description of the JSON-RPC surface (section 2.7): its references resolve and it names our methods.
//!
//! The schemas inside are not compared: an OpenRPC document may say the same thing in many ways, and the contract
//! fixes none of them.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::Run;
use super::snapshot::{FOLDER, name};
use crate::discovery::Project;
use crate::laboratory::{InstanceSpec, PreparedProject};
use crate::outcome::{Cause, Failure};

/// Checks the kept description, if there is one. The note says how far the check goes.
pub(super) async fn check(
    run: &Run,
    prepared: &dyn PreparedProject,
    project: &Project,
) -> Result<Option<String>, Box<Failure>> {
    let path = project.path.join(FOLDER).join("rpc-introspection.expected.json");
    let fail = |cause: Cause, message: String| Failure::new(cause, &path, None, message);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(Cause::Environment, error.to_string())),
    };
    let kept: Value = serde_json::from_str(&text)
        .map_err(|error| fail(Cause::Setup, format!("the kept description is no JSON: {error}")))?;
    unresolved(&kept).map_err(|reference| {
        fail(
            Cause::Assertion,
            format!("the kept description refers to `{reference}`, which it does not hold"),
        )
    })?;
    let actual = discover(run, prepared, project).await.map_err(|message| fail(Cause::Setup, message))?;
    unresolved(&actual).map_err(|reference| {
        fail(Cause::Assertion, format!("the description refers to `{reference}`, which it does not hold"))
    })?;
    let (expected, found) = (methods(&kept), methods(&actual));
    if expected == found {
        return Ok(Some(
            "of the kept JSON-RPC description the names of the methods were compared".to_owned(),
        ));
    }
    let list = |names: BTreeSet<&&str>| names.into_iter().copied().collect::<Vec<_>>().join(", ");
    let message = format!(
        "the methods are not the kept ones; missing: {}; new: {}",
        list(expected.difference(&found).collect()),
        list(found.difference(&expected).collect())
    );
    Err(fail(Cause::Assertion, message))
}

async fn discover(run: &Run, prepared: &dyn PreparedProject, project: &Project) -> Result<Value, String> {
    let spec = InstanceSpec { name: name(project), rpc: true, ..InstanceSpec::default() };
    let instance = prepared.instantiate(spec).await.map_err(|error| error.to_string())?;
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "rpc.discover" }).to_string().into_bytes();
    let limit = run.options.stages.request_timeout;
    let answer = tokio::select! {
        () = run.cancel.cancelled() => None,
        answer = tokio::time::timeout(limit, instance.post("/rpc", headers, body)) => answer.ok(),
    };
    instance.close().await;
    let reply = answer.ok_or("rpc.discover got no answer in time")?;
    let mut body: Value = serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
    match body.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => Err(format!("rpc.discover answered {body}")),
    }
}

fn methods(document: &Value) -> BTreeSet<&str> {
    let methods = document["methods"].as_array().map(Vec::as_slice).unwrap_or_default();
    // Whether a description lists the method that returns it is a matter of taste.
    methods
        .iter()
        .filter_map(|method| method["name"].as_str())
        .filter(|name| *name != "rpc.discover")
        .collect()
}

/// The first `$ref` that leads nowhere in the document is the error.
fn unresolved(document: &Value) -> Result<(), String> {
    fn walk(value: &Value, document: &Value) -> Result<(), String> {
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| walk(item, document)),
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref")
                    && let Some(pointer) = reference.strip_prefix('#')
                    && document.pointer(pointer).is_none()
                {
                    return Err(reference.clone());
                }
                members.values().try_for_each(|value| walk(value, document))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }
    walk(document, document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_inside_a_description_have_to_lead_somewhere() {
        let sound = json!({ "a": [{ "$ref": "#/b/C" }], "b": { "C": {} } });
        assert_eq!(unresolved(&sound), Ok(()));
        let broken = json!({ "a": [{ "$ref": "#/b/D" }], "b": { "C": {} } });
        assert_eq!(unresolved(&broken), Err("#/b/D".to_owned()));
    }
}
