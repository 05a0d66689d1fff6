//! Configuration: environment variables, `.env` files and `exo.toml`.

mod env_file;
mod exo_toml;
mod hooks;
mod limits;
mod scripts;
mod settings;

pub use env_file::{Environment, load_environment};
pub use exo_toml::{ExoToml, ExtensionsConfig, LimitsConfig, PersonaConfig, PostgresConfig};
pub use hooks::HookConfig;
pub use limits::RequestLimits;
pub(crate) use scripts::MISSING_DENO;
pub use scripts::{ScriptEngine, ScriptModuleConfig, ScriptsConfig};
pub use settings::{Authentication, CorsDomains, Introspection, Mode, Settings, TokenSource};

/// A mistake in the configuration: what is wrong, where, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigProblem {
    /// Stable code.
    pub code: &'static str,
    /// Variable name, or file with line.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub help: String,
}

impl ConfigProblem {
    fn new(
        code: &'static str,
        place: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { code, place: place.into(), message: message.into(), help: help.into() }
    }
}
