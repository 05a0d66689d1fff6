//! The state of a test between its requests, and the evaluation of its expressions.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::document::Bind;
use crate::expression;
use crate::file::ExpressionText;
use crate::laboratory::{HttpReply, Instance};
use crate::outcome::{Cause, Failure, RequestRecord};
use crate::script::{self, ScriptError, ScriptInput, ScriptLimits};
use crate::suggest::nearest;

/// What seeds leave behind for the tests that share them, and stages for later stages.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionState {
    /// `$`
    pub(crate) bindings: Map<String, Value>,
    /// Cookies by name.
    pub(crate) cookies: Vec<(String, String)>,
}

/// Limits and switches of stages.
#[derive(Debug, Clone)]
pub struct StageSettings {
    /// Accept what the peer accepts by accident (`--compat-null`).
    pub compat_null: bool,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// Limits of class D expressions.
    pub script: ScriptLimits,
}

impl Default for StageSettings {
    fn default() -> Self {
        StageSettings {
            compat_null: false,
            request_timeout: Duration::from_secs(30),
            script: ScriptLimits::default(),
        }
    }
}

/// A test (or the seeds of a template) under way.
pub(crate) struct Session<'a> {
    pub(crate) instance: &'a dyn Instance,
    pub(crate) settings: &'a StageSettings,
    pub(crate) state: SessionState,
    pub(crate) warnings: Vec<String>,
    pub(crate) requests: Vec<RequestRecord>,
}

/// Where an expression stands, for failures.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) file: &'a std::path::Path,
    pub(crate) field: &'static str,
    pub(crate) text: &'a ExpressionText,
    pub(crate) prelude: Option<&'a ExpressionText>,
}

impl Site<'_> {
    pub(crate) fn failure(&self, cause: Cause, line: usize, message: String) -> Box<Failure> {
        Failure::new(cause, self.file, Some(line), message)
    }

    pub(crate) fn script_failure(&self, error: ScriptError, reader: &expression::NotBuiltIn) -> Box<Failure> {
        let here = self.text.line(reader.line);
        match error {
            ScriptError::Failed { message, line } => {
                let line = line.unwrap_or(here);
                self.failure(Cause::Setup, line, format!("`{}`: {message}", self.field))
            }
            ScriptError::Unsupported { message, line } => {
                let line = line.unwrap_or(here);
                let message = if cfg!(feature = "script") {
                    format!("`{}` needs {message}", self.field)
                } else {
                    format!("`{}` needs JavaScript ({reader}); {message}", self.field)
                };
                self.failure(Cause::Unsupported, line, message)
            }
        }
    }

    pub(crate) fn binding_failure(
        &self,
        error: &expression::BindingError,
        bindings: &Map<String, Value>,
    ) -> Box<Failure> {
        let line = self.text.line_of_offset(error.offset());
        let failure = self.failure(Cause::Setup, line, format!("`{}`: {error}", self.field));
        match error {
            expression::BindingError::Unbound { name, .. } => failure.next(known_bindings(name, bindings)),
            expression::BindingError::Missing { .. } => failure,
        }
    }
}

fn known_bindings(name: &str, bindings: &Map<String, Value>) -> String {
    if let Some(word) = nearest(name, bindings.keys().map(String::as_str)) {
        return format!("did you mean `$.{word}`?");
    }
    let names: Vec<&str> = bindings.keys().map(String::as_str).take(12).collect();
    if names.is_empty() {
        return "nothing is bound yet; bind a field of an earlier stage or a seed with `@bind(name: \"…\")`"
            .to_owned();
    }
    format!("bound are {}", names.join(", "))
}

impl<'a> Session<'a> {
    pub(crate) fn new(instance: &'a dyn Instance, settings: &'a StageSettings, state: SessionState) -> Self {
        Session { instance, settings, state, warnings: Vec::new(), requests: Vec::new() }
    }

    /// Evaluates an expression for sending. `None` when it is `undefined`.
    pub(crate) async fn send_value(&mut self, site: Site<'_>) -> Result<Option<Value>, Box<Failure>> {
        let reader = match expression::read(&site.text.text) {
            Ok((expression, _)) => {
                let mut absent = Vec::new();
                let value = expression.send_value(&self.state.bindings, &mut absent);
                for error in absent {
                    if !error.is_undefined() {
                        return Err(site.binding_failure(&error, &self.state.bindings));
                    }
                    let line = site.text.line_of_offset(error.offset());
                    self.warnings.push(format!("line {line}: {error}; it is left out of `{}`", site.field));
                }
                return Ok(value);
            }
            Err(reader) => reader,
        };
        if reader.too_deep {
            let message = format!("`{}`: {reader}", site.field);
            return Err(site.failure(Cause::Setup, site.text.line(reader.line), message));
        }
        let (text, prelude) = (site.text.clone(), site.prelude.cloned());
        let (bindings, limits) = (self.state.bindings.clone(), self.settings.script);
        let work = move || {
            let prelude = prelude.as_ref();
            script::evaluate_json(ScriptInput { expression: &text, prelude, bindings: &bindings, limits })
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(|error| site.script_failure(error, &reader)),
            Err(error) => {
                Err(site.failure(Cause::Error, site.text.first_line, format!("the script engine: {error}")))
            }
        }
    }

    /// Evaluates an expression that must be an object.
    pub(crate) async fn send_object(&mut self, site: Site<'_>) -> Result<Map<String, Value>, Box<Failure>> {
        match self.send_value(site).await? {
            Some(Value::Object(map)) => Ok(map),
            other => {
                let found = match other {
                    None => "undefined".to_owned(),
                    Some(Value::Array(_)) => "a list".to_owned(),
                    Some(value) => value.to_string().chars().take(40).collect(),
                };
                let message = format!("`{}` must be an object, but it is {found}", site.field);
                Err(site.failure(Cause::Setup, site.text.first_line, message))
            }
        }
    }

    /// The claims of `auth`: an expression, or `@name` for those of a persona (section 3.3).
    pub(crate) async fn claims(&mut self, site: Site<'_>) -> Result<Map<String, Value>, Box<Failure>> {
        let Some(name) = site.text.text.trim().strip_prefix('@') else { return self.send_object(site).await };
        self.instance.persona(name).ok_or_else(|| {
            let message = format!("`auth`: there is no persona `{name}` in exo.toml");
            let failure = site.failure(Cause::Setup, site.text.first_line, message);
            let names = self.instance.personas();
            failure.next(match nearest(name, names.iter().map(String::as_str)) {
                Some(word) => format!("did you mean `@{word}`?"),
                None if names.is_empty() => {
                    format!("add it: [personas.{name}] with claims = {{ sub = \"1\" }}")
                }
                None => format!("personas are {}", names.join(", ")),
            })
        })
    }

    /// The headers of a request: content type, token, cookies, then the stage's own, which win.
    pub(crate) fn headers(
        &self,
        claims: Option<Map<String, Value>>,
        own: Map<String, Value>,
    ) -> Result<Vec<(String, String)>, String> {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        if let Some(mut claims) = claims {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
            claims.entry("iat").or_insert(json!(now));
            claims.entry("exp").or_insert(json!(now + 3600));
            let token =
                self.instance.sign(&claims).map_err(|error| format!("`auth` cannot be signed: {error}"))?;
            headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        }
        let mut cookies: Vec<String> =
            self.state.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for (name, value) in own {
            let Value::String(value) = value else {
                return Err(format!("`headers` must be an object of strings, but `{name}` is {value}"));
            };
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(token) || value.contains(['\r', '\n', '\0']) {
                return Err(format!("`{name}` in `headers` is not a possible HTTP header"));
            }
            let name = name.to_ascii_lowercase();
            if name == "cookie" {
                cookies.push(value);
                continue;
            }
            headers.retain(|(known, _)| *known != name);
            headers.push((name, value));
        }
        if !cookies.is_empty() {
            headers.push(("cookie".to_owned(), cookies.join("; ")));
        }
        Ok(headers)
    }

    /// Sends a request and keeps its cookies. `None` when the time limit passed.
    pub(crate) async fn post(
        &mut self,
        path: &'static str,
        headers: Vec<(String, String)>,
        body: &Value,
        place: (&std::path::Path, usize),
    ) -> Option<(HttpReply, Duration)> {
        let started = Instant::now();
        let request = self.instance.post(path, headers, body.to_string().into_bytes());
        let reply = tokio::time::timeout(self.settings.request_timeout, request).await.ok()?;
        let elapsed = started.elapsed();
        for (name, value) in &reply.headers {
            if name.eq_ignore_ascii_case("set-cookie") {
                let pair = value.split(';').next().unwrap_or_default();
                if let Some((name, value)) = pair.split_once('=') {
                    let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
                    match self.state.cookies.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, known)) => *known = value,
                        None => self.state.cookies.push((name, value)),
                    }
                }
            }
        }
        self.requests.push(RequestRecord {
            file: place.0.to_owned(),
            line: place.1,
            path,
            status: reply.status,
            micros: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
            trace: reply.trace.clone(),
        });
        Some((reply, elapsed))
    }

    /// Binds the marked fields of a response.
    pub(crate) fn bind(&mut self, binds: &[Bind], body: &Value) -> Result<(), String> {
        for bind in binds {
            match value_at(&bind.path, body) {
                Ok(value) => {
                    self.state.bindings.insert(bind.name.clone(), value);
                }
                Err(missing) => {
                    let path = bind.path.join(".");
                    return Err(format!(
                        "`@bind(name: {:?})`: no value at {path}: `{missing}` is missing",
                        bind.name
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The value at a path; a list in between collects the values of its elements unless the key is an index,
/// `null` stays `null`.
/// The error is the missing key.
pub(crate) fn value_at(path: &[String], value: &Value) -> Result<Value, String> {
    let Some((key, rest)) = path.split_first() else { return Ok(value.clone()) };
    match value {
        Value::Array(items) if key.parse::<usize>().is_ok() => {
            let element = key.parse().ok().and_then(|index: usize| items.get(index));
            element.ok_or_else(|| key.clone()).and_then(|element| value_at(rest, element))
        }
        Value::Array(items) => {
            items.iter().map(|item| value_at(path, item)).collect::<Result<_, _>>().map(Value::Array)
        }
        Value::Null => Ok(Value::Null),
        Value::Object(map) => map.get(key).ok_or_else(|| key.clone()).and_then(|value| value_at(rest, value)),
        _ => Err(key.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binding_paths() {
        let body =
            json!({"data": {"a": {"id": 1}, "list": [{"x": [{"y": 1}, {"y": 2}]}, {"x": []}], "none": null}});
        let at = |path: &str| value_at(&path.split('.').map(str::to_owned).collect::<Vec<_>>(), &body);
        assert_eq!(at("data.a.id"), Ok(json!(1)));
        assert_eq!(at("data.list.x.y"), Ok(json!([[1, 2], []])));
        assert_eq!(at("data.list.0.x.1.y"), Ok(json!(2)));
        assert_eq!(at("data.list.7"), Err("7".to_owned()));
        assert_eq!(at("data.none.id"), Ok(json!(null)));
        assert_eq!(at("data.b.id"), Err("b".to_owned()));
        assert_eq!(at("data.a.id.z"), Err("z".to_owned()));
    }
}
