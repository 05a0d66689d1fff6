//! The errors a request can end in, with the exact client texts of graphql-and-sql 2.3 and 2.6.

/// A place in the GraphQL document, 1-based; `0:0` where the contract says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column in characters.
    pub column: usize,
}

/// Why a request was refused. `message` is what the client reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    /// Client text before clean-up of quotes and newlines.
    pub message: String,
    /// `None`: the body has no `locations` member; `Some(vec![])`: an empty list.
    pub locations: Option<Vec<Position>>,
    /// What kind of error it is, for logs, traces and counters.
    pub class: ErrorClass,
    /// Detail for the log and the trace; never sent to the client.
    pub hidden: Option<String>,
    /// The `extensions` object as JSON text; only code of a hook gives one.
    pub extensions: Option<String>,
}

/// Classes of request errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The document does not parse.
    Syntax,
    /// Validation.
    Invalid,
    /// Access control said no.
    NotAuthorized,
    /// The token has expired.
    Expired,
    /// A value does not fit its column.
    Conversion,
    /// The database refused.
    Database,
    /// Code of the model refused with a message of its own (`ExographError`).
    Code,
    /// Trusted documents.
    NotAllowed,
    /// A bug of ours or an unavailable service.
    Internal,
}

impl RequestError {
    /// A syntax error; the parser's report keeps its line breaks.
    pub fn syntax(message: impl Into<String>, locations: Vec<Position>) -> Self {
        Self { class: ErrorClass::Syntax, ..Self::invalid(message, locations) }
    }

    /// A validation error at places in the document.
    pub fn invalid(message: impl Into<String>, locations: Vec<Position>) -> Self {
        Self {
            message: message.into(),
            locations: Some(locations),
            class: ErrorClass::Invalid,
            hidden: None,
            extensions: None,
        }
    }

    /// `Not authorized`, with the reason for the trace.
    pub fn not_authorized(hidden: impl Into<String>) -> Self {
        Self::plain("Not authorized", ErrorClass::NotAuthorized, Some(hidden.into()))
    }

    /// `Expired authentication`.
    pub fn expired() -> Self {
        Self::plain("Expired authentication", ErrorClass::Expired, None)
    }

    /// `Operation failed`, with the database's own words for the log.
    pub fn database(hidden: impl Into<String>) -> Self {
        Self::plain("Operation failed", ErrorClass::Database, Some(hidden.into()))
    }

    /// `Internal server error`, with the cause for the log.
    pub fn internal(hidden: impl Into<String>) -> Self {
        Self::plain("Internal server error", ErrorClass::Internal, Some(hidden.into()))
    }

    /// The message of a public error of module code (language.md 8.3).
    pub fn code(message: impl Into<String>) -> Self {
        Self::plain(message, ErrorClass::Code, None)
    }

    /// `Operation not allowed` (trusted documents).
    pub fn not_allowed() -> Self {
        Self::plain("Operation not allowed", ErrorClass::NotAllowed, None)
    }

    /// A run-time error without locations.
    pub fn plain(message: impl Into<String>, class: ErrorClass, hidden: Option<String>) -> Self {
        Self { message: message.into(), locations: None, class, hidden, extensions: None }
    }
}

/// The response body for an error (graphql-and-sql 2.1): one error, no `data`, `locations` only where the error
/// has them. Double quotes are removed from the message and line breaks become `; `, except in syntax errors,
/// which keep them.
pub fn error_body(error: &RequestError) -> String {
    use std::fmt::Write;
    let mut body = String::from("{\"errors\": [{\"message\":\"");
    let mut characters = error.message.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {}
            '\\' => body.push_str("\\\\"),
            // A line break of two characters is one line break.
            '\r' if characters.peek() == Some(&'\n') => {}
            '\n' if error.class == ErrorClass::Syntax => body.push_str("\\n"),
            '\n' => body.push_str("; "),
            '\0'..='\x1f' => {
                let _ = write!(body, "\\u{:04x}", u32::from(character));
            }
            _ => body.push(character),
        }
    }
    body.push('"');
    if let Some(locations) = &error.locations {
        body.push_str(", \"locations\": [");
        for (index, Position { line, column }) in locations.iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            let _ = write!(body, "{separator}{{\"line\": {line}, \"column\": {column}}}");
        }
        body.push(']');
    }
    if let Some(extensions) = &error.extensions {
        body.push_str(", \"extensions\": ");
        body.push_str(extensions);
    }
    body.push_str("}]}");
    body
}
