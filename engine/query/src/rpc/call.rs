//! Bodies of JSON-RPC requests and of their replies.

use serde_json::{Map, Value as Json, json};

use super::error::{RpcError, code};

/// Most calls in one batch.
pub const MAX_BATCH: usize = 100;

/// A request body.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// One call.
    Single(Entry),
    /// A list of calls: one transaction, one reply per call that has an `id`.
    Batch(Vec<Entry>),
}

/// A call, or why it is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A sound call.
    Call(Call),
    /// Answered with an error; the `id` where one could be read.
    Invalid(Json, RpcError),
}

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The caller's identifier; `None` makes it a notification, which is acknowledged and not executed.
    pub id: Option<Json>,
    /// Method name.
    pub method: String,
    /// Parameters: an object, or a list in the order of the method's parameters.
    pub params: Params,
}

/// Parameters as sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Params {
    /// By name; also when there were none.
    Named(Map<String, Json>),
    /// By position.
    Positional(Vec<Json>),
}

impl Body {
    /// Reads a body.
    ///
    /// # Errors
    /// The body is no JSON, or an empty or oversized batch: the whole request is answered with one error.
    pub fn from_slice(body: &[u8]) -> Result<Self, RpcError> {
        let json: Json =
            serde_json::from_slice(body).map_err(|_| RpcError::new(code::PARSE, "Parse error"))?;
        match json {
            Json::Array(calls) if calls.is_empty() => {
                Err(RpcError::new(code::INVALID_REQUEST, "Invalid Request"))
            }
            Json::Array(calls) if calls.len() > MAX_BATCH => Err(RpcError::new(
                code::INVALID_REQUEST,
                format!("A batch may hold {MAX_BATCH} calls, but this one has {}", calls.len()),
            )),
            Json::Array(calls) => Ok(Self::Batch(calls.into_iter().map(entry).collect())),
            single => Ok(Self::Single(entry(single))),
        }
    }
}

fn entry(json: Json) -> Entry {
    let invalid = |id: Option<Json>| {
        Entry::Invalid(id.unwrap_or(Json::Null), RpcError::new(code::INVALID_REQUEST, "Invalid Request"))
    };
    let Json::Object(mut members) = json else { return invalid(None) };
    let id = members.remove("id");
    if id.as_ref().is_some_and(|id| id.is_object() || id.is_array() || id.is_boolean()) {
        return invalid(None);
    }
    let version = members.get("jsonrpc").and_then(Json::as_str);
    let (Some("2.0"), Some(Json::String(method))) = (version, members.get("method")) else {
        return invalid(id);
    };
    let method = method.clone();
    let params = match members.remove("params") {
        None | Some(Json::Null) => Params::Named(Map::new()),
        Some(Json::Object(named)) => Params::Named(named),
        Some(Json::Array(list)) => Params::Positional(list),
        Some(_) => return invalid(id),
    };
    Entry::Call(Call { id, method, params })
}

/// A reply to one call. `result` is finished JSON text.
pub fn reply(id: &Json, result: &Result<String, RpcError>) -> String {
    match result {
        Ok(json) => format!("{{\"jsonrpc\":\"2.0\",\"result\":{json},\"id\":{id}}}"),
        Err(error) => json!({ "jsonrpc": "2.0", "error": error.to_json(), "id": id }).to_string(),
    }
}
