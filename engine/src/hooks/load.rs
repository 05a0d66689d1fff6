//! The components of a project: loading and reloading them, and whether they are what the model expects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use studio_hooks::{
    ComponentConfig, Counting, HookComponent, HookEngine, HookService, LoadError, Loaded, Reloaded,
};
use studio_model::ir::Ir;

use super::access_log::AccessLogs;
use super::modules::Code;
use super::rules::Expected;
use super::show::Broken;
use super::wasm_file::WasmFile;
use crate::config::ExoToml;

/// All hook components of one project. Shared by everything that answers its requests.
#[derive(Debug, Default)]
pub struct Hooks {
    service: HookService,
    pub(super) access: AccessLogs,
    /// Access logs that cannot be opened, and why.
    unwritable: Mutex<Vec<String>>,
    root: PathBuf,
    counting: Counting,
}

/// Why a project whose hooks nobody can mend does not start.
#[derive(Debug, thiserror::Error)]
pub enum HooksFault {
    /// A configured component does not load.
    #[error("the hook `{0}` does not load: {1}")]
    Component(String, LoadError),
    /// The file of a module does not load or lacks something.
    #[error("the module file `{0}` cannot be used: {1}")]
    Module(String, LoadError),
    /// Nobody can decide a rule of the model.
    #[error("the rule `{rule}` at {place} cannot be decided: {reason}")]
    Rule {
        /// The rule.
        rule: String,
        /// Where it stands.
        place: String,
        /// Why not.
        reason: String,
    },
}

impl HooksFault {
    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Component(_, error) | Self::Module(_, error) => error.help(),
            Self::Rule { .. } => super::rules::HELP,
        }
    }
}

impl Hooks {
    /// The hooks of the project in this folder, none loaded yet.
    pub fn new(root: &Path, counting: Counting) -> Self {
        Self { root: root.to_owned(), counting, ..Self::default() }
    }

    /// Access logs that cannot be opened, and why.
    pub(super) fn unwritable(&self) -> Vec<String> {
        self.unwritable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The WebAssembly engine, with compiled code kept in the project.
    pub(super) fn engine(&self) -> Result<HookEngine, LoadError> {
        HookEngine::new(Some(&self.root.join("target/hooks")), self.counting)
    }

    /// The project's folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The component among these for a file of the project, as the model writes it.
    pub(super) fn at<'l>(&self, loaded: &'l Loaded, file: &str) -> Option<&'l Arc<HookComponent>> {
        let root = self.root.as_os_str().as_encoded_bytes();
        let is_it = |component: &&Arc<HookComponent>| {
            let path = component.config().path.as_os_str().as_encoded_bytes();
            path.strip_prefix(root).and_then(|rest| rest.strip_prefix(b"/")) == Some(file.as_bytes())
        };
        let found = loaded.all().iter().find(is_it);
        // A path may be written in another way.
        found.or_else(|| loaded.by_path(&self.root.join(file)))
    }

    /// The components that serve now; a request keeps these until its end.
    pub fn loaded(&self) -> Arc<Loaded> {
        self.service.loaded()
    }

    /// Loads what is new or changed beside what runs and swaps it in. A component that does not load, or lacks
    /// what the model expects of it, leaves its older version serving.
    pub async fn load(
        &self,
        toml: &ExoToml,
        changed: &(dyn Fn(&ComponentConfig) -> bool + Sync),
        expected: &Expected,
    ) -> Vec<Reloaded> {
        let configs = self.configs(toml, &expected.modules);
        let failures = self.access.configure(toml.access_logs(&self.root));
        for failure in &failures {
            tracing::warn!(%failure, "an access log cannot be opened");
        }
        *self.unwritable.lock().unwrap_or_else(PoisonError::into_inner) = failures;
        if configs.is_empty() && self.loaded().is_empty() {
            return Vec::new();
        }
        // The engine is made with the first component; projects without hooks never pay for it.
        match self.engine() {
            Ok(engine) => {
                let before = self.loaded();
                let fits = |component: &Arc<HookComponent>| {
                    let of_it = |module: &&WasmFile| self.root.join(&module.path) == component.config().path;
                    let code = Code::Component(Arc::clone(component));
                    expected.modules.iter().filter(of_it).try_for_each(|module| module.fits(&code))?;
                    expected.rules.iter().try_for_each(|rule| rule.fits(&before, component))
                };
                self.service.reload_some(&engine, configs, changed, &fits).await
            }
            Err(error) => self.service.fail(configs, &error),
        }
    }

    /// What is configured, then the components behind `@wasm` modules that nobody configured.
    pub(super) fn configs(&self, toml: &ExoToml, modules: &[WasmFile]) -> Vec<ComponentConfig> {
        let loaded = self.loaded();
        let mut configs = toml.components(&self.root);
        for module in modules {
            let path = self.root.join(&module.path);
            if configs.iter().all(|config| config.path != path) && module.is_component(&path, &loaded) {
                let taken = configs.iter().any(|config| config.name == module.module);
                let name = if taken { format!("{}-module", module.module) } else { module.module.clone() };
                configs.push(ComponentConfig { implied: true, ..ComponentConfig::new(name, path) });
            }
        }
        configs
    }

    /// Loads everything, or says what does not load: for modes in which nobody can mend it.
    ///
    /// # Errors
    /// The first component that does not load.
    pub async fn load_all(root: &Path, toml: &ExoToml) -> Result<Arc<Self>, HooksFault> {
        Self::load_expected(root, toml, &Expected::default()).await
    }

    /// The same with all that a model expects of components.
    ///
    /// # Errors
    /// The first thing that is missing.
    pub async fn load_for(root: &Path, toml: &ExoToml, ir: &Ir) -> Result<Arc<Self>, HooksFault> {
        let expected = Expected::of(ir);
        let hooks = Self::load_expected(root, toml, &expected).await?;
        for module in &expected.modules {
            let checked = hooks.check_module(module).await;
            checked.map_err(|error| HooksFault::Module(module.path.clone(), error))?;
        }
        for rule in &expected.rules {
            if let Some(reason) = rule.fault(&hooks.loaded()) {
                return Err(HooksFault::Rule { rule: rule.name.clone(), place: rule.place(), reason });
            }
        }
        Ok(hooks)
    }

    async fn load_expected(
        root: &Path,
        toml: &ExoToml,
        expected: &Expected,
    ) -> Result<Arc<Self>, HooksFault> {
        let hooks = Arc::new(Self::new(root, Counting::Nothing));
        let configs = hooks.configs(toml, &expected.modules);
        for Reloaded { name, result, .. } in hooks.load(toml, &|_| true, expected).await {
            let Err(error) = result else { continue };
            let file = configs.iter().find(|config| config.implied && config.name == name);
            return Err(match file.map(|config| config.path.strip_prefix(root).unwrap_or(&config.path)) {
                Some(file) => HooksFault::Module(file.display().to_string(), error),
                None => HooksFault::Component(name, error),
            });
        }
        Ok(hooks)
    }

    /// Finds out whether the files of `@wasm` modules can be loaded and have what the model declares, and whether
    /// somebody can decide each of its rules.
    pub async fn check(&self, expected: &Expected, broken: &Mutex<Broken>) {
        let mut faults = BTreeMap::new();
        for module in &expected.modules {
            if let Err(error) = self.check_module(module).await {
                faults.insert(module.path.clone(), error);
            }
        }
        let loaded = self.loaded();
        let undecided = expected.rules.iter().filter_map(|rule| Some((rule.clone(), rule.fault(&loaded)?)));
        let mut broken = broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.modules = faults;
        broken.rules = undecided.collect();
    }

    /// What keeps calls of a module from working.
    async fn check_module(&self, module: &WasmFile) -> Result<(), LoadError> {
        let path = self.root.join(&module.path);
        match self.loaded().by_path(&path) {
            Some(component) => module.fits(&Code::Component(Arc::clone(component))),
            None => module.fits(&super::modules::load(self, &path).await?),
        }
    }
}
