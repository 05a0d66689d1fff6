//! `/_studio/*`: personas and tokens for the playground page. Same origin and loopback names only: another
//! page, or a host name that was re-pointed at this machine, must not get a token.

use serde_json::{Value, json};

use super::cors::is_same_origin;
use super::http::{HttpReply, HttpRequest};
use super::personas::PersonaBook;

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
pub(super) fn answer(personas: &PersonaBook, request: &HttpRequest, rest: &str) -> HttpReply {
    if !is_trusted(request) {
        return HttpReply::empty(403);
    }
    match (request.method.as_str(), rest) {
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
        _ => HttpReply::empty(404),
    }
    .with("cache-control", "no-store")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::caller::RequestHead;

    fn trusted(headers: &[(&str, &str)]) -> bool {
        let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        is_trusted(&HttpRequest { head: RequestHead { headers, client_ip: None }, ..HttpRequest::default() })
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
