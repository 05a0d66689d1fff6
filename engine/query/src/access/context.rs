//! What access rules and defaults may ask about the caller. The engine implements it per request.

use serde_json::Value as Json;

use super::hook::{HookDecision, HookQuestion};

/// The request as seen by context extraction (language.md 5.1). Lookups are lazy: a bad token is only noticed
/// when a rule needs a claim. `Ok(None)` means missing.
pub trait CallerContext {
    /// The verified claim set; `Ok(None)` without a token or without configured authentication.
    fn claims(&self) -> Result<Option<&Json>, ContextError>;
    /// First value of a header, name compared case-insensitively.
    fn header(&self, name: &str) -> Option<&str>;
    /// Raw value of a cookie.
    fn cookie(&self, name: &str) -> Result<Option<&str>, ContextError>;
    /// Server environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// Peer address.
    fn client_ip(&self) -> Option<String>;
    /// A value that a hook left for this request under this key.
    fn hook(&self, key: &str) -> Result<Option<Json>, ContextError> {
        let _ = key;
        Ok(None)
    }
    /// The system itself asks: rules do not apply.
    fn is_system(&self) -> bool {
        false
    }
    /// Result of `query { operation }` if it was run for this request already; otherwise
    /// [`ContextError::NeedsQuery`], upon which the engine runs it and plans again.
    fn query(&self, operation: &str) -> Result<Option<Json>, ContextError>;
    /// What a component decided about a rule; `None` if it was not asked yet, upon which the engine asks it and plans
    /// again.
    fn decision(&self, question: &HookQuestion) -> Option<&HookDecision> {
        let _ = question;
        None
    }
    /// A value that code with privileges put in place of a context field (language.md 5.3).
    fn replaced(&self, _context: &str, _field: &str) -> Option<&Json> {
        None
    }
}

/// Why a context value could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// The token is malformed, has a bad signature or bad claims.
    #[error("the token is not valid: {0}")]
    InvalidToken(String),
    /// The token has expired.
    #[error("the token has expired")]
    ExpiredToken,
    /// A value cannot be coerced to the declared type, a cookie header is malformed, a source is unknown.
    #[error("{0}")]
    Extraction(String),
    /// The named query has to be run first.
    #[error("the query `{0}` has to be run first")]
    NeedsQuery(String),
}
