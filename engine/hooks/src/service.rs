//! The components of a project: loading all of them, replacing one while requests run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use crate::component::HookComponent;
use crate::config::ComponentConfig;
use crate::engine::HookEngine;
use crate::exports::Interface;
use crate::failure::LoadError;

/// The components in order of their configuration. Reading is a lock of nanoseconds; replacing swaps one `Arc`.
#[derive(Debug, Default)]
pub struct HookService {
    current: RwLock<Arc<Loaded>>,
}

/// Components at one moment; a request keeps the ones it began with.
#[derive(Debug, Default)]
pub struct Loaded {
    components: Vec<Arc<HookComponent>>,
    missing: Vec<String>,
}

impl Loaded {
    /// All of them.
    pub fn all(&self) -> &[Arc<HookComponent>] {
        &self.components
    }

    /// Whether none are configured.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty() && self.missing.is_empty()
    }

    /// Configured components of which no version could be loaded. What they should have refused must not pass.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Those with an interface, in order.
    pub fn with(&self, interface: Interface) -> impl Iterator<Item = &Arc<HookComponent>> {
        self.components.iter().filter(move |component| component.has(interface))
    }

    /// The one for a file.
    pub fn by_path(&self, path: &Path) -> Option<&Arc<HookComponent>> {
        self.components.iter().find(|component| component.config().path == path)
    }

    /// The one with a name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<HookComponent>> {
        self.components.iter().find(|component| component.name() == name)
    }
}

/// What became of loading one component.
#[derive(Debug)]
pub struct Reloaded {
    /// Its name.
    pub name: String,
    /// The new component, or why the old one (if any) stays.
    pub result: Result<Arc<HookComponent>, LoadError>,
    /// An older version goes on serving.
    pub kept_old: bool,
}

impl HookService {
    /// The components that serve now.
    pub fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Loads all configured components; see [`HookService::reload_some`].
    pub async fn reload(&self, engine: &HookEngine, configs: Vec<ComponentConfig>) -> Vec<Reloaded> {
        self.reload_some(engine, configs, &|_| true, &|_| Ok(())).await
    }

    /// Without an engine no component works.
    pub fn fail(&self, configs: Vec<ComponentConfig>, error: &LoadError) -> Vec<Reloaded> {
        let asked = configs.iter().filter(|config| !config.implied);
        let missing = asked.map(|config| config.name.clone()).collect();
        self.swap(Loaded { components: Vec::new(), missing });
        let failed = |config: ComponentConfig| Reloaded {
            name: config.name,
            result: Err(error.clone()),
            kept_old: false,
        };
        configs.into_iter().map(failed).collect()
    }

    fn swap(&self, loaded: Loaded) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
    }

    /// Loads components that are new, configured otherwise or `changed` beside the running ones and swaps them in at once.
    /// One that does not load leaves its older version in place; if it has none, it is missing.
    /// So does one that does not fit what is expected of it, where the older version does, and one that has lost an
    /// export, unless its configuration lists which ones are meant. Rights and limits follow the configuration at once,
    /// also for an older version.
    pub async fn reload_some(
        &self,
        engine: &HookEngine,
        configs: Vec<ComponentConfig>,
        changed: &(dyn Fn(&ComponentConfig) -> bool + Sync),
        fits: &(dyn Fn(&Arc<HookComponent>) -> Result<(), LoadError> + Sync),
    ) -> Vec<Reloaded> {
        let old = self.loaded();
        let known: BTreeMap<&str, &Arc<HookComponent>> =
            old.all().iter().map(|component| (component.name(), component)).collect();
        let mut outcomes = Vec::new();
        let mut components = Vec::with_capacity(configs.len());
        let mut missing = Vec::new();
        for config in configs {
            let before = known.get(config.name.as_str()).copied();
            if let Some(same) = before.filter(|it| *it.config() == config && !changed(&config)) {
                components.push(Arc::clone(same));
                continue;
            }
            let (name, implied) = (config.name.clone(), config.implied);
            let mut result = HookComponent::load(engine, config.clone()).await;
            if let (Ok(new), Some(before)) = (&result, before)
                && fits(before).is_ok()
                && let Err(error) = fits(new)
            {
                result = Err(error);
            }
            if let (Ok(new), Some(before)) = (&result, before)
                && let Some(lost) = lost(before, new)
            {
                result = Err(LoadError::Lost(lost.name()));
            }
            let kept = match &result {
                Ok(component) => Some(Arc::clone(component)),
                Err(_) => before.map(|before| before.within(&config).unwrap_or_else(|_| Arc::clone(before))),
            };
            if kept.is_none() && !implied {
                missing.push(name.clone());
            }
            outcomes.push(Reloaded { kept_old: result.is_err() && kept.is_some(), name, result });
            components.extend(kept);
        }
        self.swap(Loaded { components, missing });
        outcomes
    }
}

/// An interface that the older version of a file has and the new one has not, where no configuration says which ones are
/// meant. Nobody but the component itself needs its `lifecycle`.
fn lost(before: &HookComponent, new: &HookComponent) -> Option<Interface> {
    let config = new.config();
    if config.exports.is_some() || config.implied || config.path != before.config().path {
        return None;
    }
    let mut had = before.interfaces().iter().copied();
    had.find(|interface| *interface != Interface::Lifecycle && !new.has(*interface))
}
