//! Would it pass? Access control for a request and a caller, without running the request (developer-experience
//! 5.3). For the studio only.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use studio_events::{
    AccessCaller, AccessDecision, AccessOperation, AccessPart, AccessReport, AccessVerdict, Surface, Trace,
};
use studio_postgres::{Pool, TransactionMode};
use studio_query::access::{Evaluated, ExprKind, RuleOutcome};
use studio_query::error::{ErrorClass, RequestError};
use studio_query::plan::{FieldBody, Step, StepRole};
use studio_query::prepare;

use super::access_trace::{TimedLog, check, part};
use super::answer::{AnswerContext, limits, plan_for};
use super::bind::bind;
use super::caller::RequestHead;
use crate::config::TokenSource;
use crate::server::Server;
use crate::server::personas::PersonaBook;

/// A request to be judged.
#[derive(Debug, Default)]
pub struct Question {
    /// The document.
    pub document: String,
    /// Its variables.
    pub variables: Option<Map<String, Json>>,
    /// Which of its operations.
    pub operation_name: Option<String>,
    /// Headers and address of its sender.
    pub head: RequestHead,
}

impl Question {
    /// The request of a trace.
    pub fn of_trace(server: &Server, trace: &Trace) -> Self {
        let sent = server.sent.find(trace.id);
        Self {
            document: trace.document.to_string(),
            variables: serde_json::from_str(&trace.variables).ok(),
            operation_name: sent.as_ref().and_then(|sent| sent.operation_name.clone()),
            head: sent.map(|sent| sent.head.clone()).unwrap_or_default(),
        }
    }
}

/// Judges a request as if this caller had sent it.
pub async fn judge(server: &Server, mut question: Question, caller: &AccessCaller) -> AccessReport {
    let name = match caller {
        AccessCaller::Sender => "sender".to_owned(),
        AccessCaller::Anonymous => "anonymous".to_owned(),
        AccessCaller::Persona(name) => name.clone(),
    };
    let mut report =
        AccessReport { caller: name, decision: AccessDecision::Unknown, checks: Vec::new(), error: None };
    if let Err(error) = impersonate(server, &mut question.head, caller) {
        report.error = Some(error);
        return report;
    }
    match evaluate(server, &question, &mut report).await {
        Ok(()) => {}
        Err(error) => {
            if matches!(error.class, ErrorClass::NotAuthorized | ErrorClass::Expired) {
                report.decision = AccessDecision::Denied;
            }
            report.error = Some(error.hidden.unwrap_or(error.message));
        }
    }
    report
}

/// Puts the token of the caller in the place of the sender's.
fn impersonate(server: &Server, head: &mut RequestHead, caller: &AccessCaller) -> Result<(), String> {
    let token = match caller {
        AccessCaller::Sender => return Ok(()),
        AccessCaller::Anonymous => None,
        AccessCaller::Persona(name) => {
            let personas = server.personas.as_ref().ok_or("personas belong to the studio")?;
            Some(token_of(personas, name)?)
        }
    };
    match &server.settings.token_source {
        TokenSource::Header(name) => {
            let headers = Arc::make_mut(&mut head.headers);
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.extend(token.map(|token| (name.to_ascii_lowercase(), format!("Bearer {token}"))));
        }
        TokenSource::Cookie(name) => {
            let headers = Arc::make_mut(&mut head.headers);
            for (known, value) in headers.iter_mut() {
                if known.eq_ignore_ascii_case("cookie") {
                    let others = value
                        .split(';')
                        .filter(|pair| pair.split_once('=').is_none_or(|(known, _)| known.trim() != name));
                    *value = others.collect::<Vec<_>>().join(";");
                }
            }
            headers.extend(token.map(|token| ("cookie".to_owned(), format!("{name}={token}"))));
        }
    }
    Ok(())
}

fn token_of(personas: &PersonaBook, name: &str) -> Result<String, String> {
    let claims = personas
        .claims(name)
        .ok_or_else(|| format!("there is no persona `{name}` in exo.toml; add [personas.{name}]"))?;
    personas.sign(&claims)
}

async fn evaluate(
    server: &Server,
    question: &Question,
    report: &mut AccessReport,
) -> Result<(), RequestError> {
    let unserved = || RequestError::internal("no model is served yet");
    let serving = server.serving().ok_or_else(unserved)?;
    let context: AnswerContext<'_> = server.answer_context(Surface::Graphql, true);
    let (document, _) = serving.document(&question.document)?;
    let operation = prepare(
        &document,
        question.operation_name.as_deref(),
        question.variables.as_ref(),
        &serving.schema,
        &limits(&server.settings),
    )?;
    let mut log = TimedLog::default();
    let planned = plan_for(&context, &serving, &question.head, &operation, &mut log).await;
    let mut denied = false;
    let mut filtered = false;
    for evaluation in &log.notes {
        let mut judged = check(evaluation);
        if on_input(judged.operation)
            && let (Some(expression), RuleOutcome::Residue { .. }) =
                (&evaluation.expression, &evaluation.outcome)
        {
            let asked = ask(&serving.pool, expression).await;
            if asked.in_database == Some(false) {
                denied = true;
                decisive(expression, &asked, &mut judged.decided_by);
            }
            judged.expression = Some(asked);
        }
        filtered |= matches!(judged.verdict, AccessVerdict::Rows { .. });
        report.checks.push(judged);
    }
    let planned = planned?;
    for field in &planned.fields {
        if let FieldBody::Steps(steps) = &field.body {
            denied |= refused(&serving.pool, steps).await;
        }
    }
    filtered |= planned.fields.iter().any(|field| field.reviews.is_some());
    let failed = planned.fields.into_iter().find_map(|field| match field.body {
        FieldBody::Error(error) => Some(error),
        FieldBody::Constant(_) | FieldBody::Steps(_) | FieldBody::Code(_) => None,
    });
    if let Some(error) = failed {
        return Err(error);
    }
    report.decision = match (denied, filtered) {
        (true, _) => AccessDecision::Denied,
        (false, true) => AccessDecision::Filtered,
        (false, false) => AccessDecision::Passes,
    };
    Ok(())
}

/// Rules on the data of a mutation: what is left of them speaks of rows that exist already, and is asked before
/// anything is written.
fn on_input(operation: AccessOperation) -> bool {
    matches!(operation, AccessOperation::Create | AccessOperation::UpdateInput)
}

/// A sub-expression with what the database says about it and about its parts.
fn ask<'a>(pool: &'a Pool, evaluated: &'a Evaluated) -> BoxFuture<'a, AccessPart> {
    async move {
        let mut asked = part(evaluated);
        if let Some(RuleOutcome::Residue { sql, values }) = &evaluated.outcome {
            asked.in_database = holds(pool, sql, values).await;
        }
        // Parts of `some` speak of an element, which is nobody in particular here.
        if evaluated.kind != ExprKind::Some {
            asked.parts.clear();
            for inner in &evaluated.parts {
                asked.parts.push(ask(pool, inner).await);
            }
        }
        asked
    }
    .boxed()
}

/// `None` when the condition cannot be asked by itself: it speaks of the row that will be written.
async fn holds(pool: &Pool, sql: &str, values: &[studio_query::plan::Param]) -> Option<bool> {
    let params = bind(values, &[], &[]).ok()?;
    let lease = pool.get().await.ok()?;
    let transaction = lease.transaction(TransactionMode::ReadOnly);
    let rows = transaction.run_and_commit(&format!("SELECT ({sql})::text"), &params).await.ok()?;
    let cell = rows.into_iter().next()?.into_iter().next()?;
    Some(cell.as_deref() == Some("true"))
}

/// Whether a check of a mutation fails, as far as that can be seen without writing: what the rules of new rows say about
/// an existing parent is asked of the parents that the statement before it finds. Where that one writes, it is left open.
async fn refused(pool: &Pool, steps: &[Step]) -> bool {
    let Ok(lease) = pool.get().await else { return false };
    let mut transaction = lease.transaction(TransactionMode::ReadOnly);
    let mut earlier = Vec::with_capacity(steps.len());
    let mut refused = false;
    for step in steps.iter().take_while(|step| step.role != StepRole::Result) {
        let Ok(params) = bind(&step.statement.params, &earlier, &[]) else { break };
        let Ok(rows) = transaction.run(&step.statement.text, &params).await else { break };
        refused = step.role == StepRole::Check && rows.len() != 1;
        if refused {
            break;
        }
        earlier.push(rows);
    }
    // Nothing was written; a connection that cannot even roll back is thrown away by the pool.
    let _ = transaction.rollback().await;
    refused
}

/// The innermost parts that are false, in memory or in the database.
fn decisive(evaluated: &Evaluated, asked: &AccessPart, out: &mut Vec<String>) {
    let is_false =
        |part: &AccessPart| part.in_database == Some(false) || part.verdict == AccessVerdict::Denied;
    let inner = evaluated.parts.iter().zip(&asked.parts).filter(|(_, part)| is_false(part));
    let before = out.len();
    match evaluated.kind {
        ExprKind::And => inner.take(1).for_each(|(evaluated, part)| decisive(evaluated, part, out)),
        ExprKind::Or => inner.for_each(|(evaluated, part)| decisive(evaluated, part, out)),
        ExprKind::Literal | ExprKind::Compare | ExprKind::Not | ExprKind::Some | ExprKind::Hook => {}
    }
    if out.len() == before {
        out.push(asked.with_operands());
    }
}
