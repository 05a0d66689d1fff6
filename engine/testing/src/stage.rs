//! Running one stage: invariants, request, bindings, comparison (section 2.5).

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::advice;
use crate::compare::{self, Difference, DifferenceKind, Expected, NoMatchers, Rules};
use crate::expression;
use crate::file::{ExpressionText, Operation, Stage, TestFile};
use crate::laboratory::HttpReply;
use crate::outcome::{Cause, Failure};
use crate::rpc;
use crate::script::{self, ScriptInput};
use crate::session::{Session, Site, value_at};

/// What to do about a body with `errors` where no response is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A stage of a test: an assertion failure.
    Test,
    /// A stage of a seed: a set-up failure.
    Seed,
}

/// Runs the stages of a file in order, up to the first failure.
pub(crate) async fn run_file(
    session: &mut Session<'_>,
    file: &TestFile,
    role: Role,
) -> Result<(), Box<Failure>> {
    session.warnings.extend(file.warnings.iter().cloned());
    for index in 0..file.stages.len() {
        run_stage(session, file, index, role).await?;
    }
    Ok(())
}

/// Runs one stage and returns the body. Boxed, because invariants are stages too.
fn run_stage<'a>(
    session: &'a mut Session<'_>,
    file: &'a TestFile,
    index: usize,
    role: Role,
) -> BoxFuture<'a, Result<Value, Box<Failure>>> {
    Box::pin(async move {
        let stage = &file.stages[index];
        let number = (file.stages.len() > 1).then_some(index + 1);
        let result = async {
            let before = invariants(session, stage).await?;
            let body = request(session, file, stage, role).await?;
            let after = invariants(session, stage).await?;
            compare_invariants(stage, file, &before, &after)?;
            Ok(body)
        }
        .await;
        result.map_err(|mut failure: Box<Failure>| {
            if failure.file == file.path && failure.stage.is_none() {
                failure.stage = number;
            }
            failure
        })
    })
}

/// The bodies of all invariants of a stage. They leave no bindings and cookies behind.
async fn invariants(session: &mut Session<'_>, stage: &Stage) -> Result<Vec<Vec<Value>>, Box<Failure>> {
    let mut all = Vec::with_capacity(stage.invariants.len());
    for file in &stage.invariants {
        let state = session.state.clone();
        let mut bodies = Vec::with_capacity(file.stages.len());
        for index in 0..file.stages.len() {
            bodies.push(run_stage(session, file, index, Role::Test).await?);
        }
        session.state = state;
        all.push(bodies);
    }
    Ok(all)
}

fn marks(stage: &Stage) -> BTreeSet<String> {
    match &stage.operation {
        Operation::GraphQl(document) => document.unordered.clone(),
        Operation::Rpc { unordered, .. } => unordered.iter().cloned().collect(),
    }
}

fn compare_invariants(
    stage: &Stage,
    file: &TestFile,
    before: &[Vec<Value>],
    after: &[Vec<Value>],
) -> Result<(), Box<Failure>> {
    for ((invariant, before), after) in stage.invariants.iter().zip(before).zip(after) {
        for ((inner, before), after) in invariant.stages.iter().zip(before).zip(after) {
            // The marks of the stage count (as in the peer), and those of the invariant itself.
            let unordered = marks(stage).union(&marks(inner)).cloned().collect();
            let rules = Rules { unordered: Some(&unordered), compat_null: false };
            let differences = compare::compare(&Expected::from_value(before), after, rules, &mut NoMatchers);
            if !differences.is_empty() {
                let name = invariant.path.file_name().unwrap_or_default().to_string_lossy();
                let message = format!("the stage changed what invariant `{name}` reads");
                let mut failure = Failure::new(Cause::Assertion, &file.path, Some(stage.line), message);
                failure.differences = differences;
                failure.expected = Some(before.clone());
                failure.actual = Some(after.clone());
                return Err(failure.next("`expected` was read before the stage, `actual` after it"));
            }
        }
    }
    Ok(())
}

/// What is sent, and the identifiers of JSON-RPC requests.
struct Outgoing {
    path: &'static str,
    body: Value,
    ids: Option<Vec<Option<Value>>>,
    headers: Vec<(String, String)>,
}

async fn outgoing(session: &mut Session<'_>, file: &Path, stage: &Stage) -> Result<Outgoing, Box<Failure>> {
    let prelude = stage.prelude.as_ref();
    let mut variables = None;
    if let Some(text) = &stage.variable {
        let map = session.send_object(Site { file, field: "variable", text, prelude }).await?;
        // Variables are bindings from the moment they are sent, so also in the other expressions.
        session.state.bindings.extend(map.clone());
        variables = Some(map);
    }
    let claims = match &stage.auth {
        Some(text) => Some(session.claims(Site { file, field: "auth", text, prelude: None }).await?),
        None => None,
    };
    let own = match &stage.headers {
        Some(text) => session.send_object(Site { file, field: "headers", text, prelude }).await?,
        None => Map::new(),
    };
    let line = match (&stage.headers, &stage.auth) {
        (Some(text), _) | (None, Some(text)) => text.first_line,
        (None, None) => stage.line,
    };
    let headers = session
        .headers(claims, own)
        .map_err(|message| Failure::new(Cause::Setup, file, Some(line), message))?;
    match &stage.operation {
        Operation::GraphQl(document) => {
            let mut body = json!({ "query": document.text });
            if let (Some(variables), Value::Object(members)) = (variables, &mut body) {
                members.insert("variables".to_owned(), Value::Object(variables));
            }
            Ok(Outgoing { path: "/graphql", body, ids: None, headers })
        }
        Operation::Rpc { payload, .. } => {
            let site = Site { file, field: "payload", text: payload, prelude };
            let mut body = session.send_value(site).await?.unwrap_or(Value::Null);
            if !(body.is_object() || body.is_array()) {
                let message = format!("`payload` must be an object or a list, but it is {body}");
                return Err(site.failure(Cause::Setup, payload.first_line, message));
            }
            let ids = rpc::complete(&mut body);
            Ok(Outgoing { path: "/rpc", body, ids: Some(ids), headers })
        }
    }
}

async fn request(
    session: &mut Session<'_>,
    file: &TestFile,
    stage: &Stage,
    role: Role,
) -> Result<Value, Box<Failure>> {
    let path = file.path.as_path();
    let Outgoing { path: target, body, ids, headers } = outgoing(session, path, stage).await?;
    let Some((reply, elapsed)) = session.post(target, headers, &body, (path, stage.line)).await else {
        let seconds = session.settings.request_timeout.as_secs_f64();
        let message = format!("no answer within {seconds} s");
        return Err(Failure::new(Cause::Setup, path, Some(stage.line), message));
    };
    let checked = check(session, path, stage, role, ids.as_deref(), &reply, elapsed).await;
    checked.map_err(|mut failure| {
        advice::attach(&mut failure, reply.trace.as_ref());
        failure
    })
}

async fn check(
    session: &mut Session<'_>,
    path: &Path,
    stage: &Stage,
    role: Role,
    ids: Option<&[Option<Value>]>,
    reply: &HttpReply,
    elapsed: Duration,
) -> Result<Value, Box<Failure>> {
    let body: Value = match serde_json::from_slice(&reply.body) {
        Ok(body) => body,
        Err(_) if stage.response.is_none() && stage.status == Some(reply.status) => Value::Null,
        Err(error) => {
            let start: String = String::from_utf8_lossy(&reply.body).chars().take(200).collect();
            let message =
                format!("status {} with a body that is not JSON ({error}): {start:?}", reply.status);
            return Err(Failure::new(Cause::Setup, path, Some(stage.line), message));
        }
    };
    let binds = match &stage.operation {
        Operation::GraphQl(document) => document.binds.as_slice(),
        Operation::Rpc { .. } => &[],
    };
    // A response may use what its own stage binds, and a failed expectation says more than a missing key.
    let mut bound = session.bind(binds, &body);
    for (name, keys) in &stage.bind {
        match value_at(keys, &body) {
            Ok(value) => {
                session.state.bindings.insert(name.clone(), value);
            }
            Err(missing) => {
                let error = format!("`bind.{name}`: no value at {}: `{missing}` is missing", keys.join("."));
                bound = bound.and(Err(error));
            }
        }
    }
    match respond(session, path, stage, ids, &body).await {
        Err(failure) if failure.cause == Cause::Setup && bound.is_err() => {}
        other => other?,
    }
    if stage.response.is_none() {
        no_errors(path, stage, role, ids.is_some(), &body)?;
    }
    bound.map_err(|message| {
        let mut failure = Failure::new(Cause::Setup, path, Some(stage.line), message);
        failure.actual = Some(body.clone());
        failure
    })?;
    extras(path, stage, reply, elapsed, &body)?;
    Ok(body)
}

fn no_errors(path: &Path, stage: &Stage, role: Role, is_rpc: bool, body: &Value) -> Result<(), Box<Failure>> {
    let errors = body.get("errors");
    if errors.is_none() && !(is_rpc && rpc::has_error(body)) {
        return Ok(());
    }
    let first = errors.and_then(|errors| errors.get(0)).or_else(|| body.get("error"));
    let first = first.and_then(|error| error.get("message")).and_then(Value::as_str).unwrap_or("no message");
    let cause = match role {
        Role::Test => Cause::Assertion,
        Role::Seed => Cause::Setup,
    };
    let message = format!("the answer has errors, and no `response` expects them: {first}");
    let mut failure = Failure::new(cause, path, Some(stage.line), message);
    failure.actual = Some(body.clone());
    Err(failure)
}

async fn respond(
    session: &Session<'_>,
    path: &Path,
    stage: &Stage,
    ids: Option<&[Option<Value>]>,
    body: &Value,
) -> Result<(), Box<Failure>> {
    let Some(text) = &stage.response else { return Ok(()) };
    let site = Site { file: path, field: "response", text, prelude: stage.prelude.as_ref() };
    let unordered = marks(stage);
    let compat_null = session.settings.compat_null;
    let ids = ids.map(<[_]>::to_vec);
    let actual = body.clone();
    let compare = move |mut expected: Expected, matchers: &mut dyn compare::Matchers| {
        let mut actual = actual;
        if let Some(ids) = &ids {
            rpc::complete_expected(&mut expected, ids);
            actual = rpc::reorder(&expected, &actual);
        }
        let rules = Rules { unordered: Some(&unordered), compat_null };
        let differences = compare::compare(&expected, &actual, rules, matchers);
        let step = match differences.is_empty() {
            true => None,
            false => advice::next_step(&differences, &expected, &actual, rules, ids.is_some(), matchers),
        };
        (differences, expected.to_report(), actual, step)
    };
    let ((differences, expected, actual, step), console) = match expression::read(&text.text) {
        Ok((expression, _)) => {
            let value = expression
                .strict_value(&session.state.bindings)
                .map_err(|error| site.binding_failure(&error, &session.state.bindings))?;
            (compare(Expected::from_value(&value), &mut NoMatchers), Vec::new())
        }
        Err(reader) if reader.too_deep => {
            let message = format!("`response`: {reader}");
            return Err(site.failure(Cause::Setup, text.line(reader.line), message));
        }
        Err(reader) => {
            let (text, prelude) = (text.clone(), stage.prelude.clone());
            let (bindings, limits) = (session.state.bindings.clone(), session.settings.script);
            let work = move || {
                let prelude = prelude.as_ref();
                let input = ScriptInput { expression: &text, prelude, bindings: &bindings, limits };
                script::with_response(input, compare)
            };
            match tokio::task::spawn_blocking(work).await {
                Ok(result) => result.map_err(|error| site.script_failure(error, &reader))?,
                Err(error) => {
                    let message = format!("the script engine: {error}");
                    return Err(site.failure(Cause::Error, text_line(stage), message));
                }
            }
        }
    };
    let Some(first) = differences.first() else { return Ok(()) };
    let broken = differences.iter().any(|difference| difference.kind == DifferenceKind::Broken);
    let cause = if broken { Cause::Setup } else { Cause::Assertion };
    let line = line_of(text, &first.written);
    let mut failure = Failure::new(cause, path, Some(line), headline(first, differences.len()));
    failure.differences = differences;
    failure.expected = Some(expected);
    failure.actual = Some(actual);
    failure.console = console;
    failure.next_step = step;
    Err(failure)
}

fn text_line(stage: &Stage) -> usize {
    stage.response.as_ref().map_or(stage.line, |text| text.first_line)
}

/// The file line of a place in an expected body, or of the nearest place around it that is written there.
fn line_of(text: &ExpressionText, written: &str) -> usize {
    let places = expression::places(&text.text);
    let around = |path: &str| {
        written.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let nearest = places.iter().filter(|(path, _)| around(path)).max_by_key(|(path, _)| path.len());
    nearest.map_or(text.first_line, |(_, offset)| text.line_of_offset(*offset))
}

fn headline(first: &Difference, count: usize) -> String {
    match count {
        1 => first.headline(),
        count => format!("{} (and {} more)", first.headline(), count - 1),
    }
}

/// The assertions of rule T5.
fn extras(
    path: &Path,
    stage: &Stage,
    reply: &HttpReply,
    elapsed: Duration,
    body: &Value,
) -> Result<(), Box<Failure>> {
    let fail = |cause: Cause, message: String| {
        let mut failure = Failure::new(cause, path, Some(stage.line), message);
        failure.actual = Some(body.clone());
        Err(failure)
    };
    if let Some(expected) = stage.status
        && expected != reply.status
    {
        return fail(Cause::Assertion, format!("status: expected {expected}, actual {}", reply.status));
    }
    for (name, expected) in &stage.response_headers {
        let values: Vec<&str> = reply
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        if !values.contains(&expected.as_str()) {
            let actual = if values.is_empty() { "no such header".to_owned() } else { format!("{values:?}") };
            return fail(
                Cause::Assertion,
                format!("response header `{name}`: expected {expected:?}, actual {actual}"),
            );
        }
    }
    if let Some(limit) = stage.max_ms
        && elapsed > Duration::from_millis(limit)
    {
        let actual = elapsed.as_secs_f64() * 1000.0;
        return fail(
            Cause::Assertion,
            format!("maxMs: the answer took {actual:.1} ms, allowed are {limit} ms"),
        );
    }
    match (stage.sql_count, reply.sql_count) {
        (Some(expected), Some(actual)) if expected != actual => {
            fail(Cause::Assertion, format!("sqlCount: expected {expected}, actual {actual}"))
        }
        (Some(_), None) => {
            fail(Cause::Unsupported, "`sqlCount` needs a server that counts its statements".to_owned())
        }
        _ => Ok(()),
    }
}
