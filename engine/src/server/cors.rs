//! Cross-origin rules (graphql-and-sql 2.1, developer-experience 1.18).

use super::http::{HttpReply, HttpRequest};
use crate::config::CorsDomains;

/// What to do with a request as far as its origin is concerned.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on; add these headers to the reply.
    Pass(Vec<(&'static str, String)>),
    /// Answer at once.
    Reply(u16, Vec<(&'static str, String)>),
}

/// Judges a request.
pub fn judge(domains: &CorsDomains, request: &HttpRequest) -> Verdict {
    let origin = request.head.header("origin");
    let preflight = request.method == "OPTIONS";
    let Some(origin) = origin else {
        return if preflight { Verdict::Reply(403, Vec::new()) } else { Verdict::Pass(Vec::new()) };
    };
    let vary = ("vary", "Origin".to_owned());
    let allowed = domains.allows(origin);
    if !allowed && !is_same_origin(origin, request) {
        return Verdict::Reply(403, vec![vary]);
    }
    let value = if *domains == CorsDomains::Any { "*" } else { origin };
    let mut headers = vec![vary, ("access-control-allow-origin", value.to_owned())];
    if preflight {
        headers.push(("access-control-allow-methods", "*".to_owned()));
        // `*` does not cover `Authorization` in browsers, so what was asked for is repeated.
        let asked = request.head.header("access-control-request-headers").unwrap_or("*");
        headers.push(("access-control-allow-headers", asked.to_owned()));
        headers.push(("access-control-max-age", "3600".to_owned()));
        return Verdict::Reply(200, headers);
    }
    Verdict::Pass(headers)
}

/// Whether the page that sent the request was served from here.
pub fn is_same_origin(origin: &str, request: &HttpRequest) -> bool {
    let authority = origin.split_once("://").map(|(_, rest)| rest);
    authority.is_some() && authority == request.head.header("host")
}

/// Adds headers to a reply.
pub fn decorate(mut reply: HttpReply, headers: Vec<(&'static str, String)>) -> HttpReply {
    reply.headers.extend(headers.into_iter().map(|(name, value)| (name, value.into())));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::caller::RequestHead;

    fn request(method: &str, headers: &[(&str, &str)]) -> HttpRequest {
        let headers: Vec<_> = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        HttpRequest {
            method: method.to_owned().into(),
            path: "/graphql".to_owned(),
            head: RequestHead { headers: headers.into(), client_ip: None },
            ..HttpRequest::default()
        }
    }

    #[test]
    fn clients_without_an_origin_pass() {
        assert_eq!(judge(&CorsDomains::None, &request("POST", &[])), Verdict::Pass(Vec::new()));
    }

    #[test]
    fn our_own_page_passes_even_when_no_origin_is_allowed() {
        let it = request("POST", &[("origin", "http://localhost:9876"), ("host", "localhost:9876")]);
        assert!(matches!(judge(&CorsDomains::None, &it), Verdict::Pass(_)));
    }

    #[test]
    fn strangers_get_403_and_listed_origins_pass() {
        let it = request("POST", &[("origin", "https://a.example"), ("host", "api.example")]);
        assert!(matches!(judge(&CorsDomains::None, &it), Verdict::Reply(403, _)));
        let listed = CorsDomains::List(vec!["https://a.example".into()]);
        let Verdict::Pass(headers) = judge(&listed, &it) else { panic!("a listed origin must pass") };
        assert!(headers.contains(&("access-control-allow-origin", "https://a.example".to_owned())));
        assert!(headers.contains(&("vary", "Origin".to_owned())));
    }

    #[test]
    fn preflight_answers_200_or_403() {
        let it = request("OPTIONS", &[("origin", "https://a.example"), ("host", "api.example")]);
        assert!(matches!(judge(&CorsDomains::Any, &it), Verdict::Reply(200, _)));
        assert!(matches!(judge(&CorsDomains::None, &it), Verdict::Reply(403, _)));
        assert!(matches!(judge(&CorsDomains::Any, &request("OPTIONS", &[])), Verdict::Reply(403, _)));
    }
}
