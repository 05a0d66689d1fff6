//! Requests and replies as plain data, so that tests run the same code path without a socket.

use std::borrow::Cow;
use std::time::Instant;

use bytes::Bytes;
use studio_hooks::ReplyHeader;

use crate::runtime::caller::RequestHead;

/// A request whose body has been read.
#[derive(Debug, Clone, Default)]
pub struct HttpRequest {
    /// Method in upper case.
    pub method: Cow<'static, str>,
    /// Path without the query string.
    pub path: String,
    /// Headers and peer address.
    pub head: RequestHead,
    /// The body.
    pub body: Bytes,
    /// When it began to arrive; `None` for now.
    pub received: Option<Instant>,
    /// Query string without its `?`.
    pub query: String,
}

impl HttpRequest {
    /// Path and query string as received.
    pub fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { [&self.path, "?", &self.query].concat() }
    }
}

/// A reply.
#[derive(Debug, Clone, Default)]
pub struct HttpReply {
    /// Status code.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// Headers that hooks and modules set, in order, after ours.
    pub added: Vec<ReplyHeader>,
    /// The body.
    pub body: Bytes,
    /// Number of SQL statements it took; not sent.
    pub sql_count: u32,
}

impl HttpReply {
    /// A reply without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// A JSON reply.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type", Cow::Borrowed("application/json"))],
            body: body.into(),
            ..Self::default()
        }
    }

    /// The reply to a body of more bytes than are allowed.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("The request body is larger than {limit} bytes");
        Self::json(413, serde_json::json!({ "errors": [{ "message": message }] }).to_string())
    }

    /// A plain-text reply.
    pub fn text(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type", Cow::Borrowed("text/plain; charset=utf-8"))],
            body: body.into(),
            ..Self::default()
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
