//! What hooks may ask of the engine, behind traits.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::call::OperationKind;
use crate::failure::Failure;

/// Levels of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum HookLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// A log line of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookLine {
    /// Severity.
    pub level: HookLevel,
    /// The component.
    pub component: String,
    /// Trace of the request it speaks about.
    pub trace_id: String,
    /// One text.
    pub message: String,
    /// Names with JSON texts.
    pub fields: Vec<(String, String)>,
}

impl HookLine {
    /// The line as one text: message, then `name=json` pairs.
    pub fn text(&self) -> String {
        let mut text = self.message.replace(['\n', '\r'], " ");
        for (name, value) in &self.fields {
            text.push(' ');
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
        text
    }
}

/// Facts about one HTTP request and places to write to. One per request.
pub trait HookHost: Send + Sync {
    /// Identity of the request's trace.
    fn trace_id(&self) -> String;
    /// Whether somebody looks at the calls afterwards ([`crate::Session::take_reports`]).
    fn wants_reports(&self) -> bool;
    /// Whether a level is written at all.
    fn log_enabled(&self, level: HookLevel) -> bool;
    /// Takes a log line.
    fn log(&self, line: HookLine);
    /// Takes an access-log record; `false` when the log is full.
    fn access(&self, component: &str, record: Vec<u8>) -> bool;
    /// The authenticated caller's claims, a JSON object; `None` for anonymous or before authentication.
    fn claims(&self) -> Option<String>;
    /// A context of the model as a JSON object.
    fn model(&self, name: &str) -> Option<String>;
}

/// A host that knows nothing and keeps nothing, for checks and benches.
#[derive(Debug, Clone, Copy, Default)]
pub struct SilentHost;

impl HookHost for SilentHost {
    fn trace_id(&self) -> String {
        String::new()
    }
    fn wants_reports(&self) -> bool {
        false
    }
    fn log_enabled(&self, _level: HookLevel) -> bool {
        false
    }
    fn log(&self, _line: HookLine) {}
    fn access(&self, _component: &str, _record: Vec<u8>) -> bool {
        true
    }
    fn claims(&self) -> Option<String> {
        None
    }
    fn model(&self, _name: &str) -> Option<String> {
        None
    }
}

/// As whom a nested GraphQL operation runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActingAs {
    /// The current caller, access rules and all.
    Caller,
    /// No access rules.
    System,
    /// These claims (a JSON object) in place of the caller's.
    Claims(serde_json::Map<String, serde_json::Value>),
}

/// The reply of a nested operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GraphqlReply {
    /// The `data` object as JSON text.
    pub data: Option<String>,
    /// The errors.
    pub errors: Vec<Failure>,
}

/// Work that a hook causes while it runs; done in the operation's transaction if there is one.
pub trait HostCalls: Send {
    /// Runs GraphQL. Whether the component may act as somebody else was checked before.
    fn execute<'a>(
        &'a mut self,
        document: String,
        variables: Option<String>,
        acting_as: ActingAs,
    ) -> BoxFuture<'a, GraphqlReply>;

    /// Runs the rest of the chain of an `around` interceptor, with other arguments if given (a JSON object);
    /// the result is the field's JSON text.
    fn proceed<'a>(&'a mut self, arguments: Option<String>) -> BoxFuture<'a, Result<String, Failure>>;
}

/// Nothing can be caused here.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCalls;

impl HostCalls for NoCalls {
    fn execute<'a>(
        &'a mut self,
        _document: String,
        _variables: Option<String>,
        _acting_as: ActingAs,
    ) -> BoxFuture<'a, GraphqlReply> {
        let failure = Failure {
            message: "GraphQL cannot be run from this hook".to_owned(),
            code: Some("HOOK_NOT_HERE".to_owned()),
            extensions: None,
        };
        async move { GraphqlReply { data: None, errors: vec![failure] } }.boxed()
    }

    fn proceed<'a>(&'a mut self, _arguments: Option<String>) -> BoxFuture<'a, Result<String, Failure>> {
        async { Err(Failure::message("there is nothing to proceed with")) }.boxed()
    }
}

/// The root field around which a hook runs. Texts are made when a hook asks for them.
pub trait OperationFacts: Send + Sync {
    /// Query or mutation.
    fn kind(&self) -> OperationKind;
    /// Field name in the schema.
    fn field(&self) -> String;
    /// Its key in the reply.
    fn response_key(&self) -> String;
    /// Name of the whole operation in the document.
    fn operation_name(&self) -> Option<String>;
    /// Arguments as a JSON object.
    fn arguments(&self) -> String;
    /// JSON: `[{name, alias, arguments, fields: [...]}]`.
    fn selection(&self) -> String;
}
