//! Modules backed by code: which runtime runs them, which interceptors apply (language.md 8).
//!
//! A [`ModuleRuntime`] executes functions. It knows nothing of GraphQL: what a function asks for goes through a
//! [`ModuleHost`], which is made by the request the call belongs to.

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use studio_events::LogLevel;
use studio_hooks::HookComponent;
use studio_model::ir::{InterceptorKind, Ir, ModuleId, Plugin};
use studio_query::error::RequestError;
use studio_query::operation::{Operation, OperationKind, RootCall, RootField};
use studio_query::plan::{Injection, code_module};

use super::asked::Asked;
use super::script_modules::ScriptModules;
use crate::config::{Environment, ScriptsConfig};
use crate::hooks::{Hooks, RequestHooks, WasmModules};

/// Runs functions of code modules.
pub trait ModuleRuntime: Send + Sync + std::fmt::Debug {
    /// Calls a function and gives what it returned, as JSON text.
    ///
    /// # Errors
    /// What the client should read, with the cause for the log: [`RequestError::code`] for public errors of the
    /// code, [`RequestError::internal`] for everything else.
    fn call<'a>(
        &'a self,
        call: ModuleCall<'a>,
        host: &'a dyn ModuleHost,
    ) -> BoxFuture<'a, Result<String, RequestError>>;
}

/// One call of a function.
#[derive(Debug, Clone, Copy)]
pub struct ModuleCall<'a> {
    /// The module.
    pub module: ModuleId,
    /// Path of its file.
    pub path: &'a str,
    /// Exported function.
    pub function: &'a str,
    /// Arguments in order.
    pub arguments: &'a [Injection],
    /// For interceptors: what they intercept.
    pub operation: Option<&'a Arc<Intercepted>>,
    /// The result is an object, or objects, with declared fields.
    pub composite: bool,
    /// Variables of the server.
    pub environment: &'a Environment,
    /// Hook components of the project.
    pub components: &'a Hooks,
    /// The hooks of the request, when the project has any.
    pub hooks: Option<&'a RequestHooks>,
    /// The component behind the module's file, of those that the request began with.
    pub component: Option<&'a Arc<HookComponent>>,
}

/// An operation as its interceptors see it.
#[derive(Debug, Clone)]
pub struct Intercepted {
    /// Name of the root field in the API.
    pub name: String,
    /// Name of the whole operation in the document.
    pub operation_name: Option<String>,
    /// `{alias, name, arguments, subfields}`.
    pub query: FieldTree,
    /// Whether [`ModuleHost::proceed`] may be called (`@around`).
    pub can_proceed: bool,
    /// Query or mutation.
    pub kind: OperationKind,
    /// The field's value as JSON text, for `@after`.
    pub outcome: Option<String>,
}

/// A root field with its arguments and what is selected below it; made when somebody asks.
#[derive(Debug, Clone)]
pub enum FieldTree {
    /// As it is.
    Made(Arc<Json>),
    /// A root field of what the client asked for.
    Asked(Arc<Asked>, usize),
}

impl FieldTree {
    /// `{alias, name, arguments, subfields}`.
    ///
    /// # Errors
    /// When the operation cannot be prepared after all.
    pub fn json(&self) -> Result<Cow<'_, Json>, RequestError> {
        match self {
            Self::Made(tree) => Ok(Cow::Borrowed(tree)),
            Self::Asked(asked, index) => asked.tree(*index).map(Cow::Owned),
        }
    }

    /// The arguments as JSON text.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub fn arguments(&self) -> Result<String, RequestError> {
        match self {
            Self::Made(tree) => Ok(tree["arguments"].to_string()),
            Self::Asked(asked, index) => asked.arguments(*index),
        }
    }

    /// Its key in the reply.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub fn key(&self) -> Result<String, RequestError> {
        match self {
            Self::Made(tree) => {
                let alias = tree["alias"].as_str().or_else(|| tree["name"].as_str());
                Ok(alias.unwrap_or_default().to_owned())
            }
            Self::Asked(asked, index) => asked.key(*index),
        }
    }
}

/// What a running function may ask for.
pub trait ModuleHost: Send + Sync {
    /// Runs a GraphQL operation as the same caller, in the same transaction; `contexts` (`{Context: {field: value}}`)
    /// replaces context values. Gives the data as a JSON object keyed by response names.
    fn execute_query<'a>(
        &'a self,
        query: &'a str,
        variables: Json,
        contexts: Option<Json>,
    ) -> BoxFuture<'a, Result<String, RequestError>>;

    /// The same as the system itself, without access rules, or with other claims: for components with that privilege.
    fn execute_as<'a>(
        &'a self,
        query: &'a str,
        variables: Json,
        claims: Option<Map<String, Json>>,
    ) -> BoxFuture<'a, Result<String, RequestError>>;

    /// Runs the intercepted operation and gives the value of its field.
    fn proceed(&self) -> BoxFuture<'_, Result<String, RequestError>>;

    /// The same with other arguments: a JSON object that is checked against the schema.
    fn proceed_with(&self, arguments: String) -> BoxFuture<'_, Result<String, RequestError>>;

    /// Adds a header to the response.
    fn add_response_header(&self, name: &str, value: &str);

    /// A line for the log.
    fn log(&self, level: LogLevel, text: &str);
}

/// The code modules of a served model.
#[derive(Debug, Clone)]
pub struct Modules {
    deno: Arc<dyn ModuleRuntime>,
    wasm: Arc<dyn ModuleRuntime>,
    /// Interceptors in the order of modules and declarations.
    interceptors: Vec<Arc<Woven>>,
}

/// An interceptor and where it is declared.
#[derive(Debug, Clone)]
pub(super) struct Woven {
    pub(super) module: ModuleId,
    /// Index into `CodeModule::interceptors`.
    pub(super) index: usize,
    kind: InterceptorKind,
    pattern: String,
}

/// Interceptors of one root field, each list in order of declaration.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) before: Vec<Arc<Woven>>,
    pub(super) around: Vec<Arc<Woven>>,
    pub(super) after: Vec<Arc<Woven>>,
}

impl Chain {
    pub(super) fn is_empty(&self) -> bool {
        self.before.is_empty() && self.around.is_empty() && self.after.is_empty()
    }
}

impl Modules {
    /// Gets ready for a model. Nothing is started before the first call.
    pub fn new(ir: &Arc<Ir>, scripts: &ScriptsConfig) -> Self {
        let mut interceptors = Vec::new();
        // Subsystems in order: scripts, then components.
        for wasm in [false, true] {
            for (id, module) in ir.modules.iter() {
                if matches!(module.plugin, Plugin::Wasm(_)) != wasm {
                    continue;
                }
                let declared = code_module(&module.plugin).into_iter().flat_map(|code| &code.interceptors);
                interceptors.extend(declared.enumerate().map(|(index, interceptor)| {
                    let (kind, pattern) = (interceptor.kind, interceptor.pattern.clone());
                    Arc::new(Woven { module: id, index, kind, pattern })
                }));
            }
        }
        Self {
            deno: Arc::new(ScriptModules::new(ir, scripts)),
            wasm: Arc::new(WasmModules::new(ir)),
            interceptors,
        }
    }

    /// What runs a module.
    pub(super) fn runtime(&self, plugin: &Plugin) -> Result<&dyn ModuleRuntime, RequestError> {
        match plugin {
            Plugin::Deno(_) => Ok(&*self.deno),
            Plugin::Wasm(_) => Ok(&*self.wasm),
            Plugin::Postgres { .. } => Err(RequestError::internal("a Postgres module runs no code")),
        }
    }

    /// Whether any code runs for an operation.
    pub(super) fn concern(&self, operation: &Operation) -> bool {
        operation.roots.iter().any(|root| match root.call {
            RootCall::Code(_) => true,
            RootCall::Entity(_) => self.intercept(operation.kind, root),
            RootCall::Json(_) => false,
        })
    }

    fn intercept(&self, kind: OperationKind, root: &RootField) -> bool {
        !self.interceptors.is_empty() && {
            let subject = subject(kind, &root.name);
            self.interceptors.iter().any(|woven| matches(&woven.pattern, &subject))
        }
    }

    /// The interceptors of a root field.
    pub(super) fn chain(&self, kind: OperationKind, name: &str) -> Chain {
        let mut chain = Chain::default();
        if self.interceptors.is_empty() {
            return chain;
        }
        let subject = subject(kind, name);
        for woven in self.interceptors.iter().filter(|woven| matches(&woven.pattern, &subject)) {
            let list = match woven.kind {
                InterceptorKind::Before => &mut chain.before,
                InterceptorKind::Around => &mut chain.around,
                InterceptorKind::After => &mut chain.after,
            };
            list.push(Arc::clone(woven));
        }
        chain
    }
}

/// What patterns are compared with.
fn subject(kind: OperationKind, name: &str) -> String {
    let kind = match kind {
        OperationKind::Query => "query ",
        OperationKind::Mutation => "mutation ",
    };
    [kind, name].concat()
}

/// Whether a pattern covers the whole text: `*` is any run of characters, `?` one character. Names of GraphQL are ASCII.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` was, and how much of the text it covers so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, covered)) => {
                    star = Some((at, covered + 1));
                    p = at + 1;
                    t = covered + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_cover_the_whole_text() {
        for (pattern, text, expected) in [
            ("*", "query books", true),
            ("query books", "query books", true),
            ("query book", "query books", false),
            ("query book?", "query books", true),
            ("query Books", "query books", false),
            ("mutation *Book*", "mutation createBook", true),
            ("mutation *Book*", "mutation createBooks", true),
            ("mutation *Book", "mutation createBooks", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("", "query books", false),
            ("query *s", "query bookss", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
