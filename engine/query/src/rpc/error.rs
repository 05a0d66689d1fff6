//! Errors of the JSON-RPC surface and their codes (developer-experience 6.2).

use serde_json::{Value as Json, json};

use crate::error::{ErrorClass, RequestError};

/// The codes of the surface.
pub mod code {
    /// The body is no JSON.
    pub const PARSE: i32 = -32700;
    /// The body is no request.
    pub const INVALID_REQUEST: i32 = -32600;
    /// There is no such method.
    pub const METHOD_NOT_FOUND: i32 = -32601;
    /// The parameters do not fit the method.
    pub const INVALID_PARAMS: i32 = -32602;
    /// A bug or an unavailable service.
    pub const INTERNAL: i32 = -32603;
    /// Anything else: the database refused, or the batch was rolled back.
    pub const OTHER: i32 = -32000;
    /// A message that code of the model meant for the user.
    pub const USER: i32 = -32001;
    /// The call could not be resolved or validated.
    pub const VALIDATION: i32 = -32002;
    /// The token has expired.
    pub const EXPIRED: i32 = -32003;
    /// Access control said no.
    pub const NOT_AUTHORIZED: i32 = -32004;
}

/// An error object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    /// One of [`code`].
    pub code: i32,
    /// What the client reads.
    pub message: String,
}

impl RpcError {
    /// An error with its text.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// What the other calls of a batch get when one failed: nothing of the batch happened.
    pub fn rolled_back() -> Self {
        Self::new(code::OTHER, "The batch was rolled back because another call in it failed")
    }

    /// The error object.
    pub fn to_json(&self) -> Json {
        json!({ "code": self.code, "message": self.message })
    }
}

impl From<&RequestError> for RpcError {
    fn from(error: &RequestError) -> Self {
        let code = match error.class {
            ErrorClass::Syntax | ErrorClass::Invalid | ErrorClass::Conversion => code::VALIDATION,
            ErrorClass::NotAuthorized | ErrorClass::NotAllowed => code::NOT_AUTHORIZED,
            ErrorClass::Expired => code::EXPIRED,
            ErrorClass::Code => code::USER,
            ErrorClass::Database => code::OTHER,
            ErrorClass::Internal => code::INTERNAL,
        };
        Self::new(code, error.message.clone())
    }
}
