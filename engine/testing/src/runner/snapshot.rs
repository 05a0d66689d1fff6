//! Checks of a project's GraphQL schema against a kept copy (section 2.7).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use similar::TextDiff;
use studio_events::TestVerdict;

use super::{Run, micros, rpc_snapshot};
use crate::discovery::Project;
use crate::laboratory::{InstanceSpec, PreparedProject};
use crate::outcome::{Cause, Failure, TestResult};

/// The folder of the kept copies in a project.
pub(super) const FOLDER: &str = "schema-tests";

/// What to do when the schema and its kept copy differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshots {
    /// The check fails; the schema is left beside the copy as `introspection.actual.graphql`.
    Check,
    /// The copy is replaced (`--update`).
    Update,
}

/// Name of the check in reports.
pub(super) fn name(project: &Project) -> String {
    let inside = format!("{FOLDER}/introspection");
    if project.name.is_empty() { inside } else { format!("{}/{inside}", project.name) }
}

fn expected_path(project: &Project) -> PathBuf {
    project.path.join(FOLDER).join("introspection.expected.graphql")
}

fn actual_path(project: &Project) -> PathBuf {
    project.path.join(FOLDER).join("introspection.actual.graphql")
}

/// A result with nothing in it yet.
fn result(project: &Project) -> TestResult {
    TestResult {
        name: name(project),
        project: project.name.clone(),
        file: expected_path(project),
        verdict: TestVerdict::Passed,
        micros: 0,
        attempts: 1,
        failure: None,
        warnings: Vec::new(),
        requests: Vec::new(),
    }
}

/// Checks the schema of a project: introspection answers, and its SDL is the kept one.
pub(super) async fn check(
    run: &Run,
    prepared: &dyn PreparedProject,
    project: &Project,
    mode: Snapshots,
) -> TestResult {
    let started = Instant::now();
    let mut result = result(project);
    let outcome = match introspection(run, prepared, project).await {
        Ok(()) => compare(prepared, project, mode),
        Err(failure) => Err(failure),
    };
    let outcome = match outcome {
        Ok(note) => {
            result.warnings.extend(note);
            rpc_snapshot::check(run, prepared, project).await
        }
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(note) => result.warnings.extend(note),
        Err(failure) => {
            result.verdict = failure.cause.verdict();
            result.failure = Some(failure);
        }
    }
    result.micros = micros(started);
    result
}

/// The introspection query must succeed and describe a schema.
async fn introspection(
    run: &Run,
    prepared: &dyn PreparedProject,
    project: &Project,
) -> Result<(), Box<Failure>> {
    let fail = |cause: Cause, message: String| Failure::new(cause, expected_path(project), None, message);
    let spec = InstanceSpec { name: name(project), ..InstanceSpec::default() };
    let instance = prepared
        .instantiate(spec)
        .await
        .map_err(|error| super::seeds::laboratory_failure(&error, &expected_path(project)))?;
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let body = json!({ "query": INTROSPECTION }).to_string().into_bytes();
    let answer = tokio::select! {
        () = run.cancel.cancelled() => None,
        answer = tokio::time::timeout(run.options.stages.request_timeout, instance.post("/graphql", headers, body)) => answer.ok(),
    };
    instance.close().await;
    let Some(reply) = answer else {
        return Err(fail(Cause::Setup, "the introspection query got no answer in time".to_owned()));
    };
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    if body.get("errors").is_some() || !body["data"]["__schema"]["types"].is_array() {
        let mut failure =
            fail(Cause::Assertion, "the introspection query does not describe a schema".to_owned());
        failure.actual = Some(body);
        return Err(failure);
    }
    undefined_types(&body["data"]["__schema"]).map_err(|name| {
        fail(
            Cause::Assertion,
            format!("the introspection result refers to type `{name}`, which it does not describe"),
        )
    })
}

/// Every named type that is referred to must be described; the error is the first that is not.
fn undefined_types(schema: &Value) -> Result<(), String> {
    fn walk(value: &Value, known: &std::collections::HashSet<&str>) -> Result<(), String> {
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| walk(item, known)),
            Value::Object(members) => {
                if members.contains_key("ofType")
                    && let Some(name) = members.get("name").and_then(Value::as_str)
                    && !known.contains(name)
                {
                    return Err(name.to_owned());
                }
                members.values().try_for_each(|value| walk(value, known))
            }
            _ => Ok(()),
        }
    }
    let types = schema["types"].as_array().map(Vec::as_slice).unwrap_or_default();
    let known = types.iter().filter_map(|kind| kind["name"].as_str()).collect();
    walk(schema, &known)
}

fn compare(
    prepared: &dyn PreparedProject,
    project: &Project,
    mode: Snapshots,
) -> Result<Option<String>, Box<Failure>> {
    let (expected, actual) = (expected_path(project), actual_path(project));
    let fail = |cause: Cause, message: String| Failure::new(cause, &expected, None, message);
    let io = |error: std::io::Error| fail(Cause::Environment, error.to_string());
    let schema = prepared.sdl().map_err(|error| super::seeds::laboratory_failure(&error, &expected))?;
    let kept = match fs::read_to_string(&expected) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(io(error)),
    };
    let same = kept.as_ref().is_some_and(|kept| {
        let lines = |text: &str| text.trim().lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
        lines(kept) == lines(&schema)
    });
    if same {
        let _ = fs::remove_file(&actual);
        return Ok(None);
    }
    let Some(kept) = kept.filter(|_| mode == Snapshots::Check) else {
        write(&expected, &schema).map_err(io)?;
        let _ = fs::remove_file(&actual);
        return Ok(Some("the kept schema was written; look at it and commit it".to_owned()));
    };
    write(&actual, &schema).map_err(io)?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let difference = TextDiff::from_lines(&kept, &schema)
        .unified_diff()
        .context_radius(3)
        .header(&name(&expected), &name(&actual))
        .to_string();
    let message = format!("the schema is not the kept one\n{}", difference.trim_end());
    Err(fail(Cause::Assertion, message).next("when the new schema is meant, run again with `--update`"))
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

/// What tools ask for when they load a schema.
const INTROSPECTION: &str = "\
query IntrospectionQuery {
  __schema {
    queryType { name }
    mutationType { name }
    subscriptionType { name }
    types { ...FullType }
    directives { name description locations args { ...InputValue } }
  }
}
fragment FullType on __Type {
  kind
  name
  description
  fields(includeDeprecated: true) {
    name
    description
    args { ...InputValue }
    type { ...TypeRef }
    isDeprecated
    deprecationReason
  }
  inputFields { ...InputValue }
  interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
  possibleTypes { ...TypeRef }
}
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type {
  kind
  name
  ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_must_be_described() {
        let schema = |name: &str| {
            json!({"types": [{"name": "A", "fields": [
                {"name": "x", "type": {"kind": "NON_NULL", "name": null, "ofType": {"name": name, "ofType": null}}}
            ]}]})
        };
        assert_eq!(undefined_types(&schema("A")), Ok(()));
        assert_eq!(undefined_types(&schema("B")), Err("B".to_owned()));
    }
}
