//! One JSON-RPC request from body to body (developer-experience 6.2): the calls of a batch share one transaction.

use serde_json::Value as Json;
use serde_json::value::RawValue;
use studio_query::operation::Operation;
use studio_query::rpc::{Body, Call, DISCOVER, Entry, RpcError, Unwrap, code, open_rpc, reply};
use studio_query::{Limits, prepare};

use super::answer::{AnswerContext, Ran, limits, run_calls};
use super::caller::RequestHead;
use super::serving::Serving;
use crate::config::{Introspection, Settings};
use crate::derived::{RPC_TITLE, RPC_VERSION};
use crate::server::http::HttpReply;

/// Deepest selection a projection may make.
const MAX_DEPTH: usize = 32;

/// `GET <rpc>/discover`: the OpenRPC document, where introspection is on.
pub fn describe_rpc(settings: &Settings, serving: &Serving) -> HttpReply {
    match description(settings, serving) {
        Some(text) => HttpReply::json(200, text),
        None => HttpReply::empty(404),
    }
}

fn description(settings: &Settings, serving: &Serving) -> Option<String> {
    let surface = serving.rpc();
    (settings.introspection != Introspection::Disabled)
        .then(|| open_rpc(&surface.schema, &surface.methods, RPC_TITLE, RPC_VERSION).to_string())
}

/// Answers `POST <rpc>`.
pub async fn answer_rpc(
    context: &AnswerContext<'_>,
    serving: &Serving,
    head: &RequestHead,
    body: &[u8],
) -> HttpReply {
    let (entries, batch) = match Body::from_slice(body) {
        Ok(Body::Single(entry)) => (vec![entry], false),
        Ok(Body::Batch(entries)) => (entries, true),
        Err(error) => return HttpReply::json(200, reply(&Json::Null, &Err(error))),
    };
    let mut calls = Calls { context, serving, operations: Vec::new(), documents: String::new() };
    let mut fates: Vec<Fate> = entries.into_iter().filter_map(|entry| calls.resolve(entry)).collect();
    // A notification is acknowledged and not executed.
    if fates.is_empty() {
        return HttpReply::empty(204);
    }
    let mut statements = 0;
    let mut headers = Vec::new();
    let failed_early = fates.iter().any(|fate| matches!(fate, Fate::Answer(_, Err(_))));
    if !calls.operations.is_empty() && !failed_early {
        let Calls { operations, documents, .. } = calls;
        let ran = run_calls(context, serving, head, operations, documents).await;
        statements = ran.statements;
        settle(&mut fates, &ran);
        headers = ran.headers;
    }
    if fates.iter().any(|fate| matches!(fate, Fate::Answer(_, Err(_)))) {
        for fate in &mut fates {
            fate.roll_back();
        }
    }
    let replies: Vec<String> = fates.iter().map(Fate::reply).collect();
    let text = if batch { format!("[{}]", replies.join(",")) } else { replies.concat() };
    let mut answer = HttpReply::json(200, text);
    answer.sql_count = statements;
    answer.added = headers;
    answer
}

/// What becomes of one entry of the body.
enum Fate {
    /// Its answer is known.
    Answer(Json, Result<String, RpcError>),
    /// It is the operation at this position.
    Run(Json, usize, Unwrap),
}

impl Fate {
    /// Another call of the batch failed, so nothing of this one happened.
    fn roll_back(&mut self) {
        match self {
            Self::Answer(_, Err(_)) => {}
            Self::Answer(id, Ok(_)) | Self::Run(id, ..) => {
                *self = Self::Answer(id.take(), Err(RpcError::rolled_back()));
            }
        }
    }

    fn reply(&self) -> String {
        match self {
            Self::Answer(id, result) => reply(id, result),
            // Only calls that ran are left as they are, and those got their answer.
            Self::Run(id, ..) => reply(id, &Err(RpcError::new(code::INTERNAL, "Internal server error"))),
        }
    }
}

/// Gives every call that ran its answer.
fn settle(fates: &mut [Fate], ran: &Ran) {
    for fate in fates {
        let Fate::Run(id, position, unwrap) = fate else { continue };
        let result = match &ran.result {
            Ok(texts) => texts.get(*position).map(|(_, text)| unwrapped(text, *unwrap)),
            Err(error) if *position == ran.done => Some(Err(RpcError::from(error))),
            Err(_) => Some(Err(RpcError::rolled_back())),
        };
        if let Some(result) = result {
            *fate = Fate::Answer(id.take(), result);
        }
    }
}

fn unwrapped(text: &str, unwrap: Unwrap) -> Result<String, RpcError> {
    match unwrap {
        Unwrap::Whole => Ok(text.to_owned()),
        Unwrap::First => {
            let rows: Vec<&RawValue> = serde_json::from_str(text)
                .map_err(|_| RpcError::new(code::INTERNAL, "Internal server error"))?;
            Ok(rows.first().map_or("null", |row| row.get()).to_owned())
        }
    }
}

/// The calls of a request on their way to operations.
struct Calls<'a> {
    context: &'a AnswerContext<'a>,
    serving: &'a Serving,
    operations: Vec<Operation>,
    /// What they say in GraphQL, for the trace.
    documents: String,
}

impl Calls<'_> {
    /// `None` for notifications.
    fn resolve(&mut self, entry: Entry) -> Option<Fate> {
        let call = match entry {
            Entry::Invalid(id, error) => return Some(Fate::Answer(id, Err(error))),
            Entry::Call(call) => call,
        };
        let id = call.id.clone()?;
        if call.method == DISCOVER {
            let missing = || RpcError::new(code::METHOD_NOT_FOUND, "Method not found");
            return Some(Fate::Answer(
                id,
                description(self.context.settings, self.serving).ok_or_else(missing),
            ));
        }
        Some(match self.operation(&call) {
            Ok((operation, unwrap)) => {
                self.operations.push(operation);
                Fate::Run(id, self.operations.len() - 1, unwrap)
            }
            Err(error) => Fate::Answer(id, Err(error)),
        })
    }

    fn operation(&mut self, call: &Call) -> Result<(Operation, Unwrap), RpcError> {
        let surface = self.serving.rpc();
        let translated = surface.methods.translate(&surface.schema, call)?;
        let (document, _) =
            self.serving.document(&translated.document).map_err(|error| RpcError::from(&error))?;
        // The depth follows from projections, which the model declares.
        let limits = Limits { depth: MAX_DEPTH, ..limits(self.context.settings) };
        let mut operation = prepare(&document, None, Some(&translated.variables), &surface.schema, &limits)
            .map_err(|error| RpcError::from(&error))?;
        operation.name = Some(call.method.clone());
        if !self.documents.is_empty() {
            self.documents.push('\n');
        }
        self.documents.push_str(&translated.document);
        Ok((operation, translated.unwrap))
    }
}
