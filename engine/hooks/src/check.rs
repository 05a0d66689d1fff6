//! Looking at a component by hand: what it has, what it needs, what a call costs.

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};

use crate::call::{FinishedRequest, OperationKind, Site};
use crate::component::{HookComponent, compile};
use crate::config::ComponentConfig;
use crate::engine::HookEngine;
use crate::exchange::{Exchange, RequestParts};
use crate::exports::{Interface, all_exports, all_imports};
use crate::failure::{HookError, LoadError};
use crate::host::{HookHost, NoCalls, OperationFacts};
use crate::session::Session;

/// What a file holds.
#[derive(Debug)]
pub struct CheckReport {
    /// Bytes of the file.
    pub size: usize,
    /// Compiling it.
    pub compile_time: Duration,
    /// Its imports.
    pub imports: Vec<String>,
    /// Its exports.
    pub exports: Vec<String>,
    /// The component, or why it cannot be used.
    pub component: Result<Arc<HookComponent>, LoadError>,
}

/// Looks at a file.
///
/// # Errors
/// When it cannot be read or compiled; everything else is in the report.
pub async fn check(engine: &HookEngine, path: &Path) -> Result<CheckReport, LoadError> {
    let bytes =
        std::fs::read(path).map_err(|error| LoadError::Read(format!("{}: {error}", path.display())))?;
    let size = bytes.len();
    let started = Instant::now();
    let component = compile(engine, &bytes)?;
    let compile_time = started.elapsed();
    let name = path.file_stem().map_or_else(|| "hook".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(CheckReport {
        size,
        compile_time,
        imports: all_imports(&component),
        exports: all_exports(&component),
        component: HookComponent::from_compiled(
            engine,
            ComponentConfig::new(name, path),
            &component,
            (compile_time, size),
        )
        .await,
    })
}

/// What can be called of a component by hand: interfaces with their functions, such as `gateway.on-request`.
pub fn callable(component: &HookComponent) -> Vec<String> {
    let interfaces = component.interfaces().iter().filter(|it| **it != Interface::Lifecycle);
    interfaces
        .flat_map(|it| it.functions().iter().map(|function| format!("{}.{function}", it.name())))
        .collect()
}

/// What a call by hand can be told about the call, by name.
pub fn dry_call_keys(export: &str) -> Vec<&'static str> {
    let own: &[&str] = match export {
        "gateway.on-response" => &["status"],
        "interceptors.before" | "interceptors.around" => {
            &["hook", "kind", "field", "key", "operation", "arguments", "selection"]
        }
        "interceptors.after" => {
            &["hook", "kind", "field", "key", "operation", "arguments", "selection", "result"]
        }
        "authorization.decide" => &["rule", "type", "member", "details"],
        "authorization.review" => &["rule", "type", "member", "details", "items"],
        "module.query" | "module.mutation" => &["name", "arguments"],
        _ => &[],
    };
    own.iter().chain(&["headers", "method", "target", "claims"]).copied().collect()
}

/// A call by hand.
#[derive(Debug)]
pub struct DryCall {
    /// The answer as JSON.
    pub answer: Json,
    /// How long it took.
    pub time: Duration,
    /// Fuel its code took, when the engine counts it.
    pub fuel: Option<u64>,
}

/// A request and an operation made up from JSON: `{"headers": {…}, "method": …, "hook": …, "arguments": …, …}`.
struct Made(Map<String, Json>);

impl Made {
    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        })
    }

    fn json(&self, name: &str, default: &str) -> String {
        self.0.get(name).map_or_else(|| default.to_owned(), Json::to_string)
    }
}

impl OperationFacts for Made {
    fn kind(&self) -> OperationKind {
        match self.text("kind").as_deref() {
            Some("mutation") => OperationKind::Mutation,
            Some(_) | None => OperationKind::Query,
        }
    }
    fn field(&self) -> String {
        self.text("field").unwrap_or_default()
    }
    fn response_key(&self) -> String {
        self.text("key").unwrap_or_else(|| self.field())
    }
    fn operation_name(&self) -> Option<String> {
        self.text("operation")
    }
    fn arguments(&self) -> String {
        self.json("arguments", "{}")
    }
    fn selection(&self) -> String {
        self.json("selection", "[]")
    }
}

/// Calls an export such as `gateway.on-request` with arguments from a JSON object; [`dry_call_keys`] says which. Claims are
/// the host's.
///
/// # Errors
/// When the export does not exist or the call fails. `Err(Err(_))` never happens: an unknown name is a [`HookError`].
pub async fn dry_call(
    component: &Arc<HookComponent>,
    export: &str,
    arguments: Map<String, Json>,
    host: Arc<dyn HookHost>,
) -> Result<DryCall, HookError> {
    let made = Arc::new(Made(arguments));
    let headers = match made.0.get("headers") {
        Some(Json::Object(headers)) => headers
            .iter()
            .map(|(name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (name.clone(), value)
            })
            .collect(),
        Some(_) | None => Vec::new(),
    };
    let parts = RequestParts {
        method: made.text("method").map_or(Cow::Borrowed("POST"), Cow::Owned),
        target: made.text("target").unwrap_or_else(|| "/graphql".to_owned()),
        peer: Some(Ipv4Addr::LOCALHOST.into()),
        headers: Arc::new(headers),
    };
    let exchange = Arc::new(Exchange::new(parts, host));
    let session = Session::new(Arc::clone(&exchange));
    let started = Instant::now();
    let answer = call(&session, component, export, &made).await?;
    let time = started.elapsed();
    let fuel = session.take_reports().into_iter().find_map(|report| report.fuel);
    Ok(DryCall { answer, time, fuel })
}

async fn call(
    session: &Session,
    component: &Arc<HookComponent>,
    export: &str,
    made: &Arc<Made>,
) -> Result<Json, HookError> {
    let operation = || Arc::clone(made) as Arc<dyn OperationFacts>;
    let hook = made.text("hook").unwrap_or_default();
    let details = made.json("details", "{}");
    let rule = made.text("rule").unwrap_or_default();
    let site = Site { type_name: made.text("type").unwrap_or_default(), field: made.text("member") };
    let calls = &mut NoCalls;
    let raw = |text: String| serde_json::from_str(&text).unwrap_or(Json::String(text));
    let either = |result: Result<Option<String>, crate::failure::Failure>| match result {
        Ok(Some(text)) => serde_json::json!({ "ok": raw(text) }),
        Ok(None) => serde_json::json!({ "ok": null }),
        Err(failure) => serde_json::json!({ "error": failure.to_json() }),
    };
    let exchange = session.exchange();
    let rejected = |rejection: crate::failure::Rejection| {
        serde_json::json!({ "rejected": {
            "status": rejection.status,
            "body": raw(rejection.body()),
            "headers": rejection.headers,
        }})
    };
    Ok(match export {
        "gateway.on-request" => match session.on_request(component, calls).await? {
            Ok(()) => serde_json::json!({
                "ok": null,
                "headers": exchange.changed_headers(),
                "response-headers": exchange.response_headers(),
            }),
            Err(rejection) => rejected(rejection),
        },
        "gateway.on-response" => {
            let status = made.0.get("status").and_then(Json::as_u64).and_then(|it| u16::try_from(it).ok());
            exchange.set_reply(status.unwrap_or(200), Vec::new());
            session.on_response(component, calls).await?;
            serde_json::json!({ "status": exchange.status(), "headers": exchange.response_headers() })
        }
        "identity.authenticate" => match session.authenticate(component, calls).await? {
            Ok(claims) => serde_json::json!({ "claims": claims }),
            Err(rejection) => rejected(rejection),
        },
        "interceptors.before" => either(session.before(component, &hook, operation(), calls).await?),
        "interceptors.after" => {
            let outcome = Ok(made.json("result", "null"));
            either(session.after(component, &hook, operation(), outcome, calls).await?)
        }
        "interceptors.around" => {
            either(session.around(component, &hook, operation(), calls).await?.map(Some))
        }
        "authorization.decide" => {
            let decision = session.decide(component, &rule, &site, &details, calls).await?;
            match decision {
                crate::call::Decision::Allow => Json::from("allow"),
                crate::call::Decision::Restrict(filter) => serde_json::json!({ "restrict": raw(filter) }),
                crate::call::Decision::Deny(failure) => serde_json::json!({ "deny": failure.to_json() }),
            }
        }
        "authorization.review" => {
            let items = match made.0.get("items") {
                Some(Json::Array(items)) => items.iter().map(Json::to_string).collect(),
                Some(_) | None => Vec::new(),
            };
            match session.review(component, &rule, &site, &details, items, calls).await? {
                crate::call::Verdict::KeepAll => Json::from("keep-all"),
                crate::call::Verdict::DropAll(failure) => {
                    serde_json::json!({ "drop-all": failure.to_json() })
                }
                crate::call::Verdict::DropSome(items) => {
                    let items: Vec<_> =
                        items.iter().map(|(index, failure)| (index, failure.to_json())).collect();
                    serde_json::json!({ "drop-some": items })
                }
            }
        }
        "module.query" | "module.mutation" => {
            let kind = if export == "module.query" { OperationKind::Query } else { OperationKind::Mutation };
            let name = made.text("name").unwrap_or_default();
            let arguments = made.json("arguments", "{}");
            let result = session.module(component, kind, &name, &arguments, Some(operation()), calls).await?;
            either(result.map(Some))
        }
        "observer.on-finished" => {
            let request = FinishedRequest {
                method: exchange.method.to_string(),
                target: exchange.target.clone(),
                status: 200,
                total_us: 0,
                operations: Vec::new(),
            };
            session.on_finished(component, &request).await?;
            Json::Null
        }
        _ => {
            return Err(HookError {
                component: component.name().to_owned(),
                export: "unknown",
                kind: crate::failure::HookErrorKind::Contract,
                detail: format!("`{export}` is no export of exo:hooks@0.1.0"),
            });
        }
    })
}
