//! The caller of one request: token, headers, cookies, address (language.md 5.1).

use std::cell::OnceCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use studio_query::access::{CallerContext, ContextError, HookDecision, HookQuestion};

use studio_hooks::Exchange;

use crate::config::{Environment, TokenSource};
use crate::runtime::answer::Identity;
use crate::runtime::auth::Verifier;

/// What the transport knows of a request.
#[derive(Debug, Clone, Default)]
pub struct RequestHead {
    /// Header names in lower case with their values, in order; shared by all who look at the request.
    pub headers: Arc<Vec<(String, String)>>,
    /// Peer address without port.
    pub client_ip: Option<IpAddr>,
}

impl RequestHead {
    /// First value of a header, compared case-insensitively.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Raw value of a cookie; an error when a cookie header is malformed.
    pub fn cookie(&self, name: &str) -> Result<Option<&str>, ContextError> {
        let headers = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case("cookie"));
        for pair in headers.flat_map(|(_, value)| value.split(';')).map(str::trim) {
            if pair.is_empty() {
                continue;
            }
            match pair.split_once('=') {
                Some((known, value)) if known.trim() == name => return Ok(Some(value.trim())),
                Some(_) => {}
                None => return Err(ContextError::Extraction("the cookie header is malformed".to_owned())),
            }
        }
        Ok(None)
    }

    /// The token, where the settings say it stands; `Err` when the header lacks its `Bearer ` prefix.
    pub fn token(&self, source: &TokenSource) -> Result<Option<&str>, ContextError> {
        match source {
            TokenSource::Cookie(name) => self.cookie(name),
            TokenSource::Header(name) => match self.header(name) {
                None => Ok(None),
                Some(value) => value.strip_prefix("Bearer ").map(Some).ok_or_else(|| {
                    ContextError::InvalidToken(format!("the header `{name}` does not start with `Bearer `"))
                }),
            },
        }
    }
}

/// A request with everything rules may ask about. Claims are verified once, when first needed.
#[derive(Debug)]
pub struct Caller<'a> {
    /// Headers and address.
    pub head: &'a RequestHead,
    verifier: &'a Verifier,
    token_source: &'a TokenSource,
    environment: &'a Environment,
    claims: OnceCell<Result<Option<Json>, ContextError>>,
    queries: &'a QueryResults,
    identity: Identity<'a>,
    hooks: Option<&'a Arc<Exchange>>,
    replaced: Option<&'a Json>,
    decisions: Vec<Decided>,
}

/// What components decided about rules, for one identity of one request.
#[derive(Debug, Default)]
pub struct Decisions(Mutex<Vec<Decided>>);

/// A question to a component and its decision.
type Decided = Arc<(HookQuestion, HookDecision)>;

impl Decisions {
    /// Keeps a decision for the next planning.
    pub fn insert(&self, question: HookQuestion, decision: HookDecision) {
        let decided = Arc::new((question, decision));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(decided);
    }
}

/// Results of `@query` contexts of one request, by operation name.
#[derive(Debug, Default)]
pub struct QueryResults(Mutex<HashMap<String, Result<Option<Json>, ContextError>>>);

impl QueryResults {
    /// Keeps a result for the second planning.
    pub fn insert(&self, operation: &str, result: Result<Option<Json>, ContextError>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(operation.to_owned(), result);
    }
}

impl<'a> Caller<'a> {
    /// A caller for one planning of a request.
    pub fn new(
        head: &'a RequestHead,
        verifier: &'a Arc<Verifier>,
        token_source: &'a TokenSource,
        environment: &'a Environment,
        queries: &'a QueryResults,
    ) -> Self {
        let claims = OnceCell::new();
        let identity = Identity::Token;
        Self {
            head,
            verifier,
            token_source,
            environment,
            claims,
            queries,
            identity,
            hooks: None,
            replaced: None,
            decisions: Vec::new(),
        }
    }

    /// The same request with another identity, and with the values that hooks left.
    #[must_use]
    pub fn acting(self, identity: Identity<'a>, hooks: Option<&'a Arc<Exchange>>) -> Self {
        Self { identity, hooks, ..self }
    }

    /// The same with what components decided so far.
    #[must_use]
    pub fn deciding(mut self, decisions: &Decisions) -> Self {
        self.decisions.clone_from(&decisions.0.lock().unwrap_or_else(PoisonError::into_inner));
        self
    }

    /// The same with context values replaced: `{Context: {field: value}}` (language.md 5.3).
    #[must_use]
    pub fn replacing(mut self, contexts: Option<&'a Json>) -> Self {
        self.replaced = contexts;
        self
    }
}

impl CallerContext for Caller<'_> {
    fn claims(&self) -> Result<Option<&Json>, ContextError> {
        self.claims
            .get_or_init(|| match (self.identity, self.head.token(self.token_source)) {
                (Identity::Claims(claims), _) => Ok(Some(Json::Object(claims.clone()))),
                (Identity::System, _) => Ok(None),
                (Identity::Token, Ok(Some(token))) => self.verifier.verify(token),
                (Identity::Token, Ok(None)) => Ok(None),
                (Identity::Token, Err(error)) => Err(error),
            })
            .as_ref()
            .map(Option::as_ref)
            .map_err(Clone::clone)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    fn cookie(&self, name: &str) -> Result<Option<&str>, ContextError> {
        self.head.cookie(name)
    }

    fn env(&self, name: &str) -> Option<String> {
        self.environment.get(name).map(str::to_owned)
    }

    fn client_ip(&self) -> Option<String> {
        self.head.client_ip.map(|ip| ip.to_string())
    }

    fn hook(&self, key: &str) -> Result<Option<Json>, ContextError> {
        let Some(text) = self.hooks.and_then(|exchange| exchange.value(key)) else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| ContextError::Extraction(error.to_string()))
    }

    fn is_system(&self) -> bool {
        matches!(self.identity, Identity::System)
    }

    fn query(&self, operation: &str) -> Result<Option<Json>, ContextError> {
        let results = self.queries.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.get(operation).cloned().unwrap_or_else(|| Err(ContextError::NeedsQuery(operation.to_owned())))
    }

    fn decision(&self, question: &HookQuestion) -> Option<&HookDecision> {
        self.decisions.iter().find(|decided| decided.0 == *question).map(|decided| &decided.1)
    }

    fn replaced(&self, context: &str, field: &str) -> Option<&Json> {
        self.replaced?.get(context)?.get(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> RequestHead {
        let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        RequestHead { headers: Arc::new(headers), client_ip: None }
    }

    #[test]
    fn tokens_come_from_the_configured_place_only() {
        let head = head(&[("Authorization", "Bearer a.b"), ("Cookie", "t=c.d; x=1")]);
        assert_eq!(head.token(&TokenSource::Header("authorization".into())), Ok(Some("a.b")));
        assert_eq!(head.token(&TokenSource::Cookie("t".into())), Ok(Some("c.d")));
        assert_eq!(head.token(&TokenSource::Header("x-token".into())), Ok(None));
    }

    #[test]
    fn a_header_without_the_prefix_is_an_invalid_token() {
        let head = head(&[("authorization", "Basic abc")]);
        assert!(head.token(&TokenSource::Header("Authorization".into())).is_err());
    }

    #[test]
    fn a_malformed_cookie_header_is_an_error() {
        assert!(head(&[("cookie", "a=1; broken")]).cookie("b").is_err());
        assert_eq!(head(&[("cookie", "a=1;b=2")]).cookie("b"), Ok(Some("2")));
    }
}
