//! `/_studio/*`: personas and tokens for the playground page, judgements of access. Same origin and loopback names only: another
//! page, or a host name that was re-pointed at this machine, must not get a token.

use std::sync::Arc;

use serde_json::{Value, json};

use studio_events::{AccessCaller, Trace, TraceId};

use super::cors::is_same_origin;
use super::dispatch::Server;
use super::http::{HttpReply, HttpRequest};
use super::personas::PersonaBook;
use crate::runtime::judge::{Question, judge};
use crate::runtime::plans::plans;

/// Whether the request may use the studio's own interface.
pub(super) fn is_trusted(request: &HttpRequest) -> bool {
    let host = request.head.header("host").unwrap_or("");
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    let local = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    local && request.head.header("origin").is_none_or(|origin| is_same_origin(origin, request))
}

/// Answers a request below [`super::playground::STUDIO_PATH`]; `rest` has no leading slash.
pub(super) async fn answer(
    server: &Server,
    personas: &PersonaBook,
    request: &HttpRequest,
    rest: &str,
) -> HttpReply {
    if !is_trusted(request) {
        return HttpReply::empty(403);
    }
    match (&*request.method, rest) {
        ("GET", "persona") => HttpReply::json(200, personas.overview().to_string()),
        ("POST", "persona") => match serde_json::from_slice::<Value>(&request.body) {
            Ok(Value::Object(body)) => match body.get("name") {
                Some(Value::String(name)) if personas.choose(Some(name)) => HttpReply::empty(204),
                Some(Value::Null) | None if personas.choose(None) => HttpReply::empty(204),
                _ => HttpReply::json(404, json!({ "error": "there is no such persona" }).to_string()),
            },
            _ => HttpReply::empty(400),
        },
        ("POST", "persona/token") => match personas.token() {
            Ok(token) => {
                let (token, seconds) =
                    token.map_or((None, None), |(token, seconds)| (Some(token), Some(seconds)));
                HttpReply::json(200, json!({ "token": token, "expiresInSeconds": seconds }).to_string())
            }
            Err(error) => HttpReply::json(409, json!({ "error": error }).to_string()),
        },
        ("POST", "access") => access(server, request).await,
        ("POST", "explain") => explain(server, request).await,
        ("GET", "traces") => traces(server),
        _ => HttpReply::empty(404),
    }
    .with("cache-control", "no-store")
}

fn refuse(status: u16, error: &str) -> HttpReply {
    HttpReply::json(status, json!({ "error": error }).to_string())
}

/// `GET traces`: the requests that are kept, newest last.
fn traces(server: &Server) -> HttpReply {
    let state = server.bus.as_ref().map(|bus| bus.states().borrow().clone());
    let traces: Vec<_> = state.iter().flat_map(|state| state.traces.iter()).collect();
    let traces: Vec<Value> = traces
        .into_iter()
        .map(|trace| {
            let mut value = serde_json::to_value(&**trace).unwrap_or_default();
            // As it is asked for.
            value["id"] = trace.id.to_string().into();
            value
        })
        .collect();
    HttpReply::json(200, Value::from(traces).to_string())
}

fn find(server: &Server, id: &str) -> Result<Arc<Trace>, HttpReply> {
    let id = u32::from_str_radix(id, 16).map_err(|_| refuse(400, "`trace` is six hexadecimal digits"))?;
    let state = server.bus.as_ref().map(|bus| bus.states().borrow().clone());
    let found = state.and_then(|state| state.traces.iter().rev().find(|it| it.id == TraceId(id)).cloned());
    found.ok_or_else(|| refuse(404, "the request is no longer kept"))
}

/// `POST explain`: `{"trace": "0a1b2c", "analyze": false}`. Answers with the plans as text.
async fn explain(server: &Server, request: &HttpRequest) -> HttpReply {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        trace: String,
        #[serde(default)]
        analyze: bool,
    }
    let asked: Asked = match serde_json::from_slice(&request.body) {
        Ok(asked) => asked,
        Err(error) => return refuse(400, &error.to_string()),
    };
    let trace = match find(server, &asked.trace) {
        Ok(trace) => trace,
        Err(reply) => return reply,
    };
    let Some(serving) = server.serving() else { return refuse(503, "no model is served yet") };
    let text = plans(&serving.pool, Some(&serving.ir), &trace, asked.analyze).await;
    HttpReply::json(200, json!({ "text": text }).to_string())
}

/// `POST access`: `{"trace": "0a1b2c"}` or `{"query": …, "variables": …, "operationName": …}`, and
/// `"persona": "anna"` (null is anonymous; without it the sender of the trace). Answers with an
/// [`studio_events::AccessReport`]; 400 and 404 say what is wrong.
async fn access(server: &Server, request: &HttpRequest) -> HttpReply {
    let Ok(Value::Object(mut body)) = serde_json::from_slice::<Value>(&request.body) else {
        return refuse(400, "send a JSON object");
    };
    let mut sender = AccessCaller::Anonymous;
    let question = match (body.remove("trace"), body.remove("query")) {
        (Some(Value::String(id)), None) => {
            let trace = match find(server, &id) {
                Ok(trace) => trace,
                Err(reply) => return reply,
            };
            sender = AccessCaller::Sender;
            Question::of_trace(server, &trace)
        }
        (None, Some(Value::String(document))) => Question {
            document,
            variables: match body.remove("variables") {
                None | Some(Value::Null) => None,
                Some(Value::Object(variables)) => Some(variables),
                Some(_) => return refuse(400, "`variables` has to be an object"),
            },
            operation_name: match body.remove("operationName") {
                None | Some(Value::Null) => None,
                Some(Value::String(name)) => Some(name),
                Some(_) => return refuse(400, "`operationName` has to be a string"),
            },
            head: crate::runtime::caller::RequestHead::default(),
        },
        _ => return refuse(400, "send either `trace` or `query`"),
    };
    let caller = match body.remove("persona") {
        None => sender,
        Some(Value::Null) => AccessCaller::Anonymous,
        Some(Value::String(name)) => AccessCaller::Persona(name),
        Some(_) => return refuse(400, "`persona` is a name or null"),
    };
    if let Some(unknown) = body.keys().next() {
        return refuse(400, &format!("`{unknown}` is not known here"));
    }
    let report = judge(server, question, &caller).await;
    HttpReply::json(200, serde_json::to_string(&report).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::caller::RequestHead;

    fn trusted(headers: &[(&str, &str)]) -> bool {
        let headers: Vec<_> = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        is_trusted(&HttpRequest {
            head: RequestHead { headers: headers.into(), client_ip: None },
            ..HttpRequest::default()
        })
    }

    #[test]
    fn only_our_own_page_on_a_loopback_name_is_trusted() {
        assert!(trusted(&[("host", "localhost:9876")]));
        assert!(trusted(&[("host", "[::1]:9876"), ("origin", "http://[::1]:9876")]));
        assert!(!trusted(&[("host", "localhost:9876"), ("origin", "https://evil.example")]));
        assert!(!trusted(&[("host", "evil.example:9876"), ("origin", "http://evil.example:9876")]));
        assert!(!trusted(&[]));
    }
}
