//! Arguments and results of hook calls, and the calls themselves.

use std::sync::Arc;

use crate::bindings::exo::hooks::types as wit;
use crate::bindings::exports::exo::hooks as guest;
use crate::component::HookComponent;
use crate::failure::{Failure, HookError, Rejection};
use crate::host::{HostCalls, NoCalls, OperationFacts};
use crate::lease::Stage;
use crate::session::Session;
use crate::work::{
    After, Around, Authenticate, Before, CheckTypes, Decide, OfModule, OnFinished, OnRequest, OnResponse,
    Review,
};

/// Kinds of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// A query.
    Query,
    /// A mutation.
    Mutation,
}

/// Where in the model a rule is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Site {
    /// The type.
    pub type_name: String,
    /// The field; `None` when the rule is on the type itself.
    pub field: Option<String>,
}

/// What a rule decided before anything is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Allowed.
    Allow,
    /// Allowed for rows that match this filter, JSON text.
    Restrict(String),
    /// Not allowed.
    Deny(Failure),
}

/// What a rule decided about fetched items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All stay.
    KeepAll,
    /// None stays.
    DropAll(Failure),
    /// These go, by index, with the reason.
    DropSome(Vec<(u32, Failure)>),
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RequestVerdict {
    Success,
    Partial,
    Failed,
    Refused,
}

/// A finished operation, for observers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedOperation {
    /// Query or mutation.
    pub kind: OperationKind,
    /// Its name in the document.
    pub name: Option<String>,
    /// SHA-256 of the document, hex.
    pub document_hash: String,
    /// Microseconds until the plan was ready.
    pub planning_us: u64,
    /// Microseconds of execution.
    pub execution_us: u64,
    /// SQL statements.
    pub sql_statements: u32,
    /// Whether the document was known.
    pub from_plan_cache: bool,
    /// How it ended.
    pub verdict: RequestVerdict,
    /// Entries in `errors`.
    pub error_count: u32,
}

/// A finished HTTP request, for observers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedRequest {
    /// Method.
    pub method: String,
    /// Path and query string.
    pub target: String,
    /// HTTP status.
    pub status: u16,
    /// Microseconds of the whole request.
    pub total_us: u64,
    /// Its operations.
    pub operations: Vec<FinishedOperation>,
}

impl From<wit::Failure> for Failure {
    fn from(it: wit::Failure) -> Self {
        Self { message: it.message, code: it.code, extensions: it.extensions }
    }
}

impl From<Failure> for wit::Failure {
    fn from(it: Failure) -> Self {
        Self { message: it.message, code: it.code, extensions: it.extensions }
    }
}

impl From<wit::Rejection> for Rejection {
    /// The limits of the contract: a status outside 100..=599 is answered as 500, an empty list gets an entry. So is
    /// 1xx: in HTTP something follows such a status, and here nothing does.
    fn from(it: wit::Rejection) -> Self {
        let status = if (200..=599).contains(&it.status) { it.status } else { 500 };
        let mut errors: Vec<Failure> = it.errors.into_iter().map(Failure::from).collect();
        if errors.is_empty() {
            errors.push(Failure::message("The request was rejected"));
        }
        Self { status, errors, headers: it.headers }
    }
}

impl Session {
    /// `gateway.on-request`: `Ok(Err(_))` ends the request.
    pub async fn on_request(
        &self,
        component: &Arc<HookComponent>,
        calls: &mut dyn HostCalls,
    ) -> Result<Result<(), Rejection>, HookError> {
        let stage = Stage { request_writable: true, ..Stage::new("gateway.on-request") };
        let answer = self.call(component, stage, None, calls, OnRequest {}).await?;
        Ok(answer.map_err(Rejection::from))
    }

    /// `gateway.on-response`.
    pub async fn on_response(
        &self,
        component: &Arc<HookComponent>,
        calls: &mut dyn HostCalls,
    ) -> Result<(), HookError> {
        let stage = Stage { status_writable: true, ..Stage::new("gateway.on-response") };
        self.call(component, stage, None, calls, OnResponse {}).await
    }

    /// `identity.authenticate`: the claims as JSON text, `None` for anonymous.
    pub async fn authenticate(
        &self,
        component: &Arc<HookComponent>,
        calls: &mut dyn HostCalls,
    ) -> Result<Result<Option<serde_json::Map<String, serde_json::Value>>, Rejection>, HookError> {
        let stage = Stage::new("identity.authenticate");
        let answer = self.call(component, stage, None, calls, Authenticate {}).await?;
        match answer {
            Ok(None) => Ok(Ok(None)),
            Ok(Some(text)) => match serde_json::from_str(&text) {
                Ok(claims) => Ok(Ok(Some(claims))),
                Err(error) => Err(self.no_json(component, "identity.authenticate", &error)),
            },
            Err(rejection) => Ok(Err(rejection.into())),
        }
    }

    /// `interceptors.before`: new arguments as JSON text, or none to keep them.
    pub async fn before(
        &self,
        component: &Arc<HookComponent>,
        hook: &str,
        operation: Arc<dyn OperationFacts>,
        calls: &mut dyn HostCalls,
    ) -> Result<Result<Option<String>, Failure>, HookError> {
        let stage = self.about(hook, Stage::new("interceptors.before"));
        let answer = self.call(component, stage, Some(operation), calls, Before { hook }).await?;
        self.checked_json(component, "interceptors.before", answer)
    }

    /// `interceptors.after`: a new result as JSON text, or none to keep it.
    pub async fn after(
        &self,
        component: &Arc<HookComponent>,
        hook: &str,
        operation: Arc<dyn OperationFacts>,
        outcome: Result<String, Failure>,
        calls: &mut dyn HostCalls,
    ) -> Result<Result<Option<String>, Failure>, HookError> {
        let stage = self.about(hook, Stage { outcome: Some(outcome), ..Stage::new("interceptors.after") });
        let answer = self.call(component, stage, Some(operation), calls, After { hook }).await?;
        self.checked_json(component, "interceptors.after", answer)
    }

    /// `interceptors.around`: the field's result, its own or that of `proceed`.
    pub async fn around(
        &self,
        component: &Arc<HookComponent>,
        hook: &str,
        operation: Arc<dyn OperationFacts>,
        calls: &mut dyn HostCalls,
    ) -> Result<Result<String, Failure>, HookError> {
        let stage = self.about(hook, Stage { may_proceed: true, ..Stage::new("interceptors.around") });
        let (answer, outcome) = self.call(component, stage, Some(operation), calls, Around { hook }).await?;
        match self.checked_json(component, "interceptors.around", answer)? {
            Err(failure) => Ok(Err(failure)),
            Ok(Some(result)) => Ok(Ok(result)),
            Ok(None) => match outcome {
                Some(outcome) => Ok(outcome),
                None => {
                    let detail = format!("`{hook}` neither proceeded nor gave a result");
                    Err(self.broke(component, "interceptors.around", detail))
                }
            },
        }
    }

    /// `authorization.decide`.
    pub async fn decide(
        &self,
        component: &Arc<HookComponent>,
        rule: &str,
        site: &Site,
        details: &str,
        calls: &mut dyn HostCalls,
    ) -> Result<Decision, HookError> {
        let stage = self.about(rule, Stage::new("authorization.decide"));
        let answer = self
            .call(
                component,
                stage,
                None,
                calls,
                Decide { rule, site: &site_of(site), details: &details.to_owned() },
            )
            .await?;
        Ok(match answer {
            guest::authorization::Decision::Allow => Decision::Allow,
            guest::authorization::Decision::Deny(failure) => Decision::Deny(failure.into()),
            guest::authorization::Decision::Restrict(filter) => {
                let parsed = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&filter);
                parsed.map_err(|error| self.no_json(component, "authorization.decide", &error))?;
                Decision::Restrict(filter)
            }
        })
    }

    /// `authorization.review`: one JSON object per item.
    pub async fn review(
        &self,
        component: &Arc<HookComponent>,
        rule: &str,
        site: &Site,
        details: &str,
        items: Vec<String>,
        calls: &mut dyn HostCalls,
    ) -> Result<Verdict, HookError> {
        let stage = self.about(rule, Stage::new("authorization.review"));
        let answer = self
            .call(
                component,
                stage,
                None,
                calls,
                Review { rule, site: &site_of(site), details: &details.to_owned(), items: &items },
            )
            .await?;
        Ok(match answer {
            guest::authorization::Verdict::KeepAll => Verdict::KeepAll,
            guest::authorization::Verdict::DropAll(failure) => Verdict::DropAll(failure.into()),
            guest::authorization::Verdict::DropSome(items) => {
                Verdict::DropSome(items.into_iter().map(|(index, failure)| (index, failure.into())).collect())
            }
        })
    }

    /// `module.query` or `module.mutation`: the result as JSON text.
    pub async fn module(
        &self,
        component: &Arc<HookComponent>,
        kind: OperationKind,
        name: &str,
        arguments: &str,
        operation: Option<Arc<dyn OperationFacts>>,
        calls: &mut dyn HostCalls,
    ) -> Result<Result<String, Failure>, HookError> {
        let export = match kind {
            OperationKind::Query => "module.query",
            OperationKind::Mutation => "module.mutation",
        };
        let answer = self
            .call(
                component,
                self.about(name, Stage::new(export)),
                operation,
                calls,
                OfModule { kind, name, arguments: arguments.to_owned() },
            )
            .await?;
        self.checked_json(component, export, answer.map(Some))
            .map(|answer| answer.map(Option::unwrap_or_default))
    }

    /// `observer.on-finished`.
    pub async fn on_finished(
        &self,
        component: &Arc<HookComponent>,
        request: &FinishedRequest,
    ) -> Result<(), HookError> {
        let stage = Stage::new("observer.on-finished");
        self.call(component, stage, None, &mut NoCalls, OnFinished { request: &finished(request) }).await
    }

    /// With a name for the reports, if anybody reads them.
    fn about(&self, name: &str, stage: Stage) -> Stage {
        Stage { about: self.exchange().host.wants_reports().then(|| name.into()), ..stage }
    }

    fn no_json(
        &self,
        component: &HookComponent,
        export: &'static str,
        error: &dyn std::fmt::Display,
    ) -> HookError {
        self.broke(component, export, format!("the answer is not the JSON it should be: {error}"))
    }

    /// Texts go into the reply unparsed, so what is no JSON must not get there.
    fn checked_json(
        &self,
        component: &HookComponent,
        export: &'static str,
        answer: Result<Option<String>, wit::Failure>,
    ) -> Result<Result<Option<String>, Failure>, HookError> {
        match answer {
            Ok(Some(text)) => match serde_json::from_str::<&serde_json::value::RawValue>(&text) {
                Ok(_) => Ok(Ok(Some(text))),
                Err(error) => Err(self.no_json(component, export, &error)),
            },
            Ok(None) => Ok(Ok(None)),
            Err(failure) => Ok(Err(failure.into())),
        }
    }

    /// Starts an instance and gives it back: whether the component can be started at all.
    pub(crate) async fn start(&self, component: &Arc<HookComponent>) -> Result<(), HookError> {
        let stage = Stage::new("lifecycle.start");
        self.call(component, stage, None, &mut NoCalls, CheckTypes).await
    }
}

fn site_of(site: &Site) -> wit::Site {
    wit::Site { type_name: site.type_name.clone(), field: site.field.clone() }
}

fn finished(request: &FinishedRequest) -> guest::observer::FinishedRequest {
    use crate::bindings::exo::hooks::operation::Kind;
    let operations = request.operations.iter().map(|it| guest::observer::FinishedOperation {
        kind: match it.kind {
            OperationKind::Query => Kind::Query,
            OperationKind::Mutation => Kind::Mutation,
        },
        name: it.name.clone(),
        document_hash: it.document_hash.clone(),
        planning_us: it.planning_us,
        execution_us: it.execution_us,
        sql_statements: it.sql_statements,
        from_plan_cache: it.from_plan_cache,
        verdict: match it.verdict {
            RequestVerdict::Success => guest::observer::Verdict::Success,
            RequestVerdict::Partial => guest::observer::Verdict::Partial,
            RequestVerdict::Failed => guest::observer::Verdict::Failed,
            RequestVerdict::Refused => guest::observer::Verdict::Refused,
        },
        error_count: it.error_count,
    });
    guest::observer::FinishedRequest {
        method: request.method.clone(),
        target: request.target.clone(),
        status: request.status,
        total_us: request.total_us,
        operations: operations.collect(),
    }
}
