//! `[scripts]` of `exo.toml`: what `@deno` modules may use.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use studio_model::ir::{Ir, Plugin};
use studio_script::{DenoSettings, find_deno};

use super::ConfigProblem;
use super::hooks::check_allowed;

/// What runs scripts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScriptEngine {
    /// QuickJS in this process.
    #[default]
    Embedded,
    /// Processes of `deno`, which has to be installed.
    Deno,
}

/// `[scripts.modules.<name>]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptModuleConfig {
    /// What runs this module, where it is not what runs the others.
    #[serde(default)]
    pub runtime: Option<ScriptEngine>,
}

/// Limits and permissions of scripts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScriptsConfig {
    /// Computing time of one call, in milliseconds.
    pub timeout_ms: u64,
    /// Time of one call including what it waits for, in milliseconds.
    pub total_ms: u64,
    /// Memory of one instance of a script, in MiB.
    pub memory_mb: u32,
    /// Hosts that `fetch` may reach: `host` (80 and 443), `host:port`, `*.host:port`. None by default.
    pub allow_http: Vec<String>,
    /// Names in `allow_http` may lead to private addresses.
    pub allow_private: bool,
    /// What runs modules that say nothing else.
    pub runtime: ScriptEngine,
    /// Modules by name.
    pub modules: BTreeMap<String, ScriptModuleConfig>,
    /// Where the project is; known to whoever reads the file.
    #[serde(skip)]
    pub root: PathBuf,
}

impl Default for ScriptsConfig {
    fn default() -> Self {
        Self {
            timeout_ms: 10_000,
            total_ms: 60_000,
            memory_mb: 128,
            allow_http: Vec::new(),
            allow_private: false,
            runtime: ScriptEngine::default(),
            modules: BTreeMap::new(),
            root: PathBuf::new(),
        }
    }
}

impl ScriptsConfig {
    /// Checks what the parser cannot.
    pub(super) fn check(&self, place: &str) -> Result<(), ConfigProblem> {
        check_allowed(&self.allow_http, place)
    }

    /// The limits as the script runtime takes them; zero counts as the smallest useful value.
    pub(crate) fn limits(&self) -> studio_script::Limits {
        studio_script::Limits {
            computing: Duration::from_millis(self.timeout_ms.max(1)),
            total: Duration::from_millis(self.total_ms.max(1)),
            memory: (self.memory_mb.max(4) as usize) * 1024 * 1024,
            ..studio_script::Limits::default()
        }
    }

    /// What runs a module.
    pub fn engine(&self, module: &str) -> ScriptEngine {
        self.modules.get(module).and_then(|module| module.runtime).unwrap_or(self.runtime)
    }

    /// How processes of `deno` are started; `None` where there is no such program.
    pub(crate) fn deno(&self) -> Option<DenoSettings> {
        Some(DenoSettings {
            program: find_deno(&self.root, std::env::var("PATH").ok().as_deref())?,
            root: self.root.clone(),
            allow_http: self.allow_http.clone(),
            limits: self.limits(),
        })
    }

    /// What cannot run as configured, with what to do about it.
    pub fn check_modules(&self, ir: &Ir) -> Vec<ConfigProblem> {
        let place = "exo.toml, [scripts]";
        let names: Vec<&str> = (ir.modules.values())
            .filter(|module| matches!(module.plugin, Plugin::Deno(_)))
            .map(|module| module.name.as_str())
            .collect();
        let mut problems = Vec::new();
        for unknown in self.modules.keys().filter(|name| !names.contains(&name.as_str())) {
            let help = match studio_model::nearest(unknown, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a `@deno` module of the model, or remove the section".to_owned(),
            };
            let message = format!("[scripts.modules.{unknown}]: the model has no such `@deno` module");
            problems.push(ConfigProblem::new("C0026", place, message, help));
        }
        let on_deno = names.iter().find(|name| self.engine(name) == ScriptEngine::Deno);
        if let Some(module) = on_deno.filter(|_| self.deno().is_none()) {
            problems.push(ConfigProblem::new(
                "C0025",
                place,
                format!("the module `{module}` wants `runtime = \"deno\"`, and there is no program `deno`"),
                MISSING_DENO,
            ));
        }
        problems
    }
}

/// What to do about a missing `deno`.
pub(crate) const MISSING_DENO: &str = "run `npm install deno` in the project or put `deno` into the PATH; or remove \
    `runtime = \"deno\"` to use the embedded engine";
