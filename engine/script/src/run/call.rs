//! One call from outside: what goes in, what comes out, what the script asks for meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A function to call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Path of the script in the bundle.
    pub script: String,
    /// Name of the exported function.
    pub function: String,
    /// Arguments in order.
    pub arguments: Vec<Argument>,
    /// The intercepted operation, for interceptors.
    pub operation: Option<Operation>,
    /// The result is an object with declared fields: members that are `undefined` are null.
    pub composite: bool,
    /// What `Deno.env` shows.
    pub environment: Arc<BTreeMap<String, String>>,
}

impl Call {
    /// Bytes of text that come with it.
    pub(crate) fn size(&self) -> usize {
        let arguments = self.arguments.iter().map(|argument| match argument {
            Argument::Json(json) => json.len(),
            Argument::Exograph | Argument::ExographPriv | Argument::Operation => 0,
        });
        arguments.sum::<usize>() + self.operation.as_ref().map_or(0, |operation| operation.query.len())
    }
}

/// An argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A value as JSON text.
    Json(String),
    /// The `Exograph` object.
    Exograph,
    /// The `ExographPriv` object.
    ExographPriv,
    /// The `Operation` object.
    Operation,
}

/// What interceptors are told about the operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Name of the root field.
    pub name: String,
    /// The field tree as JSON text: `{alias, name, arguments, subfields}`.
    pub query: String,
    /// Whether `proceed()` may be called.
    pub proceed: bool,
}

/// What happens during a call, in order. [`Event::Done`] is the last one.
#[derive(Debug)]
pub enum Event {
    /// The script asks for something and waits.
    Ask {
        /// Identifies the question in [`CallHandle::answer`].
        id: u32,
        /// The question.
        request: HostRequest,
    },
    /// Adds a header to the response.
    Header {
        /// A valid header name.
        name: String,
        /// A valid header value.
        value: String,
    },
    /// A line written to the console.
    Console {
        /// Its level.
        level: ConsoleLevel,
        /// The text.
        text: String,
    },
    /// The function returned (JSON text) or failed.
    Done(Result<String, Failure>),
}

/// What scripts ask of the engine.
#[derive(Debug, Clone, PartialEq)]
pub enum HostRequest {
    /// `executeQuery` and `executeQueryPriv`. The answer is an object keyed by response names.
    Query {
        /// The GraphQL document.
        query: String,
        /// Variables, an object or null.
        variables: serde_json::Value,
        /// `{Context: {field: value}}` that replaces context values; `None` without privileges.
        contexts: Option<serde_json::Value>,
    },
    /// `proceed()`. The answer is the value of the field.
    Proceed,
    /// `fetch`. The answer is `{status, statusText, url, headers: [[name, value]], body: base64}`.
    Fetch(serde_json::Value),
}

/// Levels of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ConsoleLevel {
    Debug,
    Info,
    Warn,
    Error,
}

impl ConsoleLevel {
    /// The level by its number in the prelude.
    pub(crate) fn reported(number: u32) -> Self {
        match number {
            0 => Self::Debug,
            1 => Self::Info,
            2 => Self::Warn,
            _ => Self::Error,
        }
    }
}

/// Why the engine could not do what a script asked for; thrown in the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostError {
    /// The message.
    pub message: String,
    /// The message may be shown to the client: it is thrown as an `ExographError`.
    pub public: bool,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}{stack}", if stack.is_empty() { "" } else { "\n" })]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// The message, with the name of the error class unless it is `Error`.
    pub message: String,
    /// Stack trace with places in the sources; may be empty.
    pub stack: String,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), stack: String::new() }
    }

    /// Nobody waits for the result.
    pub(crate) fn gone() -> Self {
        Self::new(FailureKind::Stuck, "the caller went away")
    }

    /// A limit of time is reached.
    pub(crate) fn too_long(limit: Duration) -> Self {
        let seconds = limit.as_secs_f64();
        Self::new(
            FailureKind::Timeout,
            format!("the script was stopped after {seconds} s; perhaps a loop without end"),
        )
    }
}

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// `ExographError` was thrown: the message is for the client.
    Public,
    /// Anything else was thrown.
    Thrown,
    /// The script cannot be loaded, or has no such function.
    Missing,
    /// It took too long.
    Timeout,
    /// It needed too much memory.
    Memory,
    /// It waits for something that cannot happen, or the worker is gone.
    Stuck,
}

impl FailureKind {
    /// The kind by its number in the prelude.
    pub(crate) fn reported(number: u32) -> Self {
        match number {
            0 => Self::Public,
            1 => Self::Missing,
            _ => Self::Thrown,
        }
    }
}
