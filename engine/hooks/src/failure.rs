//! What can go wrong, for clients (`HOOK_*` codes) and for whoever loads a component.

use serde_json::{Map, Value as Json};

/// One entry of the `errors` list of a reply, as a hook gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the client reads.
    pub message: String,
    /// `extensions.code`.
    pub code: Option<String>,
    /// JSON object merged into `extensions`.
    pub extensions: Option<String>,
}

impl Failure {
    /// A failure without code and extensions.
    pub fn message(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: None, extensions: None }
    }

    /// The `extensions` object: the hook's own members, then `code` (`HOOK_REJECTED` when it named none).
    /// Extensions that are no JSON object are left out.
    pub fn to_extensions(&self) -> Map<String, Json> {
        let text = self.extensions.as_deref().unwrap_or("{}");
        let mut extensions = match serde_json::from_str(text) {
            Ok(Json::Object(map)) => map,
            Ok(_) | Err(_) => Map::new(),
        };
        let code = self.code.as_deref().unwrap_or("HOOK_REJECTED");
        extensions.insert("code".to_owned(), Json::from(code));
        extensions
    }

    /// The entry of the `errors` list.
    pub fn to_json(&self) -> Json {
        serde_json::json!({ "message": self.message, "extensions": self.to_extensions() })
    }
}

/// A hook ended the HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// HTTP status, 100 to 599.
    pub status: u16,
    /// At least one.
    pub errors: Vec<Failure>,
    /// Headers of the reply.
    pub headers: Vec<(String, String)>,
}

impl Rejection {
    /// The body: `{"errors": […]}`.
    pub fn body(&self) -> String {
        let errors: Vec<_> = self.errors.iter().map(Failure::to_json).collect();
        serde_json::json!({ "errors": errors }).to_string()
    }
}

/// Why a call of a hook failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HookErrorKind {
    /// The call took longer than `timeout_ms`.
    Timeout,
    /// It asked for more memory than `memory_mb`.
    OutOfMemory,
    /// It trapped: an explicit abort, a deep recursion, an access outside its memory.
    Crashed,
    /// No instance became free in time, or calls nest deeper than allowed.
    Busy,
    /// It could not be started: `lifecycle.start` said no.
    StartFailed,
    /// It has no such export, or answered what the contract does not allow.
    Contract,
}

impl HookErrorKind {
    /// The code that clients match on.
    pub fn code(self) -> &'static str {
        match self {
            Self::Timeout => "HOOK_TIMEOUT",
            Self::OutOfMemory => "HOOK_OUT_OF_MEMORY",
            Self::Crashed => "HOOK_CRASHED",
            Self::Busy => "HOOK_BUSY",
            Self::StartFailed => "HOOK_START_FAILED",
            Self::Contract => "HOOK_CONTRACT",
        }
    }
}

/// A failed call of a hook. `detail` is for the log; clients see only [`HookError::client_message`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("hook `{component}` ({export}): {} — {detail}", .kind.code())]
pub struct HookError {
    /// The component.
    pub component: String,
    /// Interface and function.
    pub export: &'static str,
    /// What happened.
    pub kind: HookErrorKind,
    /// Cause, backtrace, the guest's last words.
    pub detail: String,
}

impl HookError {
    /// What the client reads.
    pub fn client_message(&self) -> String {
        let what = match self.kind {
            HookErrorKind::Timeout => "took too long",
            HookErrorKind::OutOfMemory => "needed too much memory",
            HookErrorKind::Crashed => "failed",
            HookErrorKind::Busy => "is busy",
            HookErrorKind::StartFailed => "could not be started",
            HookErrorKind::Contract => "gave an answer that cannot be used",
        };
        ["The hook '", &self.component, "' ", what].concat()
    }

    /// The same as an entry of the `errors` list.
    pub fn to_failure(&self) -> Failure {
        Failure {
            message: self.client_message(),
            code: Some(self.kind.code().to_owned()),
            extensions: Some(serde_json::json!({ "hook": self.component }).to_string()),
        }
    }
}

/// Why a component cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The engine could not be made.
    #[error("no WebAssembly engine: {0}")]
    Engine(String),
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Read(String),
    /// It is no WebAssembly, or the compiler refuses it.
    #[error("it does not compile: {0}")]
    Compile(String),
    /// It imports what the host does not offer.
    #[error("it needs an import that hooks do not have: {0}")]
    Import(String),
    /// It exports nothing that the host knows.
    #[error("it exports no interface of exo:hooks@0.1.0; {0}")]
    NoExports(String),
    /// One of its interfaces lacks a function or has another type.
    #[error("its export `{interface}` does not fit exo:hooks@0.1.0: {detail}")]
    Export {
        /// The interface, such as `gateway`.
        interface: &'static str,
        /// What is missing or different.
        detail: String,
    },
    /// The configuration enables an export that it does not have.
    #[error("`exports` lists `{0}`, which the component does not export")]
    NotExported(String),
    /// The model declares what the file does not have.
    #[error("the module `{module}` of the model declares {what}")]
    Undeclared {
        /// The module.
        module: String,
        /// What is missing.
        what: String,
    },
    /// The model has a rule for it, and it cannot decide any.
    #[error(
        "the rule `{rule}` at {place} asks it, but it has no export `authorization` (or `exports` leaves it out)"
    )]
    Rule {
        /// The rule.
        rule: String,
        /// Where the model has it.
        place: String,
    },
    /// It lacks what the version that serves has.
    #[error("it has no export `{0}` any more, which the version that serves has")]
    Lost(&'static str),
    /// It cannot be started.
    #[error("it cannot be started: {0}")]
    Start(String),
}

impl LoadError {
    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Engine(_) => "raise the limit of the address space (ulimit -v)",
            Self::Read(_) => "build the component, or correct `path` in exo.toml",
            Self::Compile(_) => "build it as a WebAssembly component (wasm32-wasip2, jco componentize, …)",
            Self::Import(_) => "build it against the WIT package exo:hooks@0.1.0 and WASI 0.2",
            Self::NoExports(_) => "`exo-studio hooks check FILE` lists what it exports",
            Self::Export { .. } => "build it again with the WIT files that `exo-studio new-hook` writes",
            Self::NotExported(_) => "remove the name from `exports` in exo.toml, or export the interface",
            Self::Undeclared { .. } => "export it from the file, or remove it from the model",
            Self::Rule { .. } => "export it from the file, or remove the rule from the model",
            Self::Lost(_) => {
                "export it again; if it is not wanted any more, list in `exports` of exo.toml what is to be used"
            }
            Self::Start(_) => "`exo-studio hook call NAME EXPORT` shows the whole error",
        }
    }
}
