//! The components of a project: loading, reloading, problems, lines for the Services pane.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use studio_events::{
    EventKind, HookEvent, LogLevel, Problem, ProblemSet, ProblemSource, ServiceState, ServiceStatus, Severity,
};
use studio_hooks::{ComponentConfig, HookComponent, HookEngine, HookService, LoadError, Loaded, Reloaded};
use studio_model::ir::Ir;

use super::access_log::AccessLogs;
use super::host::service_name;
use super::modules::Code;
use super::wasm_file::WasmFile;
use crate::bus::Bus;
use crate::config::ExoToml;

/// All hook components of one project. Shared by everything that answers its requests.
#[derive(Debug, Default)]
pub struct Hooks {
    service: HookService,
    pub(super) access: AccessLogs,
    root: PathBuf,
}

impl Hooks {
    /// The hooks of the project in this folder, none loaded yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), ..Self::default() }
    }

    /// The project's folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The components that serve now; a request keeps these until its end.
    pub fn loaded(&self) -> Arc<Loaded> {
        self.service.loaded()
    }

    /// Loads what is new or changed beside what runs and swaps it in. A component that does not load, or lacks
    /// what these modules of the model declare, leaves its older version serving.
    pub async fn load(
        &self,
        toml: &ExoToml,
        changed: &(dyn Fn(&ComponentConfig) -> bool + Sync),
        modules: &[WasmFile],
    ) -> Vec<Reloaded> {
        let configs = toml.components(&self.root);
        for failure in self.access.configure(toml.access_logs(&self.root)) {
            tracing::warn!(%failure, "an access log cannot be opened");
        }
        if configs.is_empty() && self.loaded().is_empty() {
            return Vec::new();
        }
        // The engine is made with the first component; projects without hooks never pay for it.
        match HookEngine::new(Some(&self.root.join("target/hooks"))) {
            Ok(engine) => {
                let fits = |component: &Arc<HookComponent>| {
                    let of_it = |module: &&WasmFile| self.root.join(&module.path) == component.config().path;
                    let code = Code::Component(Arc::clone(component));
                    modules.iter().filter(of_it).try_for_each(|module| module.fits(&code))
                };
                self.service.reload_some(&engine, configs, changed, &fits).await
            }
            Err(error) => self.service.fail(configs, &error),
        }
    }

    /// Loads everything, or says what does not load: for modes in which nobody can mend it.
    ///
    /// # Errors
    /// The first component that does not load.
    pub async fn load_all(root: &Path, toml: &ExoToml) -> Result<Arc<Self>, (String, LoadError)> {
        let hooks = Arc::new(Self::new(root));
        for reloaded in hooks.load(toml, &|_| true, &[]).await {
            reloaded.result.map_err(|error| (reloaded.name, error))?;
        }
        Ok(hooks)
    }

    /// Finds out whether the files of `@wasm` modules can be loaded and have what the model declares.
    pub async fn check_modules(&self, modules: &[WasmFile], broken: &std::sync::Mutex<Broken>) {
        let mut faults = BTreeMap::new();
        for module in modules {
            if let Err(error) = self.check_module(module).await {
                faults.insert(module.path.clone(), error);
            }
        }
        broken.lock().unwrap_or_else(PoisonError::into_inner).modules = faults;
    }

    /// The same for all modules of a model, for modes in which nobody can mend it.
    ///
    /// # Errors
    /// The first file that does not load or lacks something.
    pub async fn check_all(&self, ir: &Ir) -> Result<(), (String, LoadError)> {
        for module in WasmFile::of(ir) {
            self.check_module(&module).await.map_err(|error| (module.path.clone(), error))?;
        }
        Ok(())
    }

    /// The same for one module.
    ///
    /// # Errors
    /// What keeps calls of it from working.
    pub async fn check_module(&self, module: &WasmFile) -> Result<(), LoadError> {
        let path = self.root.join(&module.path);
        match self.loaded().by_path(&path) {
            Some(component) => module.fits(&Code::Component(Arc::clone(component))),
            None => module.fits(&super::modules::load(self, &path).await?),
        }
    }

    /// Tells the studio what became of a load.
    pub fn publish(&self, bus: &Bus, toml: &ExoToml, reloaded: &[Reloaded], broken: &mut Broken) {
        for outcome in reloaded {
            match &outcome.result {
                Ok(component) => {
                    broken.components.remove(&outcome.name);
                    bus.send(EventKind::Hook(HookEvent::Loaded { name: outcome.name.clone() }));
                    bus.log(LogLevel::Info, &service_name(&outcome.name), loaded_text(component));
                }
                Err(error) => {
                    let message = error.to_string();
                    bus.log(LogLevel::Error, &service_name(&outcome.name), message.clone());
                    bus.send(EventKind::Hook(HookEvent::Failed { name: outcome.name.clone(), message }));
                    broken.components.insert(outcome.name.clone(), (error.clone(), outcome.kept_old));
                }
            }
        }
        let configured = toml.components(&self.root);
        broken.components.retain(|name, _| configured.iter().any(|config| config.name == *name));
        let components = configured.iter().filter_map(|config| {
            let (error, kept) = broken.components.get(&config.name)?;
            Some(problem(&self.root, config, error, *kept))
        });
        let modules = broken.modules.iter().map(|(file, error)| module_problem(file, error));
        let problems = Arc::new(components.chain(modules).collect());
        bus.send(EventKind::Problems(ProblemSet { source: ProblemSource::Hook, problems }));
        self.publish_services(bus, broken);
    }

    /// One entry per component for the Services pane.
    pub fn publish_services(&self, bus: &Bus, broken: &mut Broken) {
        let loaded = self.loaded();
        let names = loaded.all().iter().map(|component| component.name());
        let names: BTreeSet<String> =
            names.chain(broken.components.keys().map(String::as_str)).map(service_name).collect();
        for gone in broken.shown.difference(&names) {
            bus.send(EventKind::ServiceEnded(gone.clone()));
        }
        broken.shown = names;
        for component in loaded.all() {
            let status = if broken.components.contains_key(component.name()) {
                ServiceStatus::Degraded
            } else {
                ServiceStatus::Up
            };
            let mut lines = service_lines(component);
            if let Some((error, _)) = broken.components.get(component.name()) {
                lines.push(format!("the newest file is not used: {error}"));
            }
            let name = service_name(component.name());
            bus.send(EventKind::Service(ServiceState { name, status, lines }));
        }
        for (name, (error, _)) in &broken.components {
            if loaded.by_name(name).is_none() {
                let lines = vec![error.to_string(), error.help().to_owned()];
                let name = service_name(name);
                bus.send(EventKind::Service(ServiceState { name, status: ServiceStatus::Failed, lines }));
            }
        }
    }
}

/// What is wrong with files of components, and what the Services pane shows.
#[derive(Debug, Default)]
pub struct Broken {
    /// Components whose newest file does not load, and whether an older one serves.
    components: BTreeMap<String, (LoadError, bool)>,
    /// Files of `@wasm` modules, relative to the project, that do not load.
    modules: BTreeMap<String, LoadError>,
    /// Services that have an entry.
    shown: BTreeSet<String>,
}

fn loaded_text(component: &HookComponent) -> String {
    let exports: Vec<_> = component.interfaces().iter().map(|it| it.name()).collect();
    format!(
        "loaded: {} · {} KB · ready in {} ms",
        exports.join(", "),
        component.size().div_ceil(1024),
        component.compile_time().as_millis()
    )
}

fn service_lines(component: &HookComponent) -> Vec<String> {
    let exports: Vec<_> = component.interfaces().iter().map(|it| it.name()).collect();
    let config = component.config();
    let metrics = component.metrics();
    let kind = if config.recycle { "recycled" } else { "fresh for each request" };
    let mut lines = vec![
        format!("{} · {} KB", exports.join(", "), component.size().div_ceil(1024)),
        format!("{} of {} instances in use · {kind}", metrics.in_use, config.max_instances),
        format!(
            "{} calls · p50 {} us · p95 {} us · {} ms of code",
            metrics.calls, metrics.p50_us, metrics.p95_us, metrics.epochs
        ),
    ];
    if metrics.queue_wait_us > 0 {
        lines.push(format!("{} us waited for an instance", metrics.queue_wait_us));
    }
    let errors: Vec<_> = metrics.errors.iter().map(|(code, count)| format!("{code} {count}")).collect();
    if !errors.is_empty() {
        lines.push(format!("failed: {}", errors.join(", ")));
    }
    if let Some(error) = metrics.last_error {
        lines.push(format!("last: {}", error.lines().next().unwrap_or_default()));
    }
    lines
}

/// A component that does not load, as an entry of the problem list.
pub fn problem(root: &Path, config: &ComponentConfig, error: &LoadError, kept_old: bool) -> Problem {
    let file = config.path.strip_prefix(root).unwrap_or(&config.path).display().to_string();
    let message = format!("the hook `{}` was not loaded: {error}", config.name);
    entry(file, message, error, kept_old)
}

/// A file of a `@wasm` module that does not load, as an entry of the problem list.
fn module_problem(file: &str, error: &LoadError) -> Problem {
    let message = match error {
        LoadError::Undeclared { .. } => format!("{error}: calling it will fail"),
        _ => format!("the module file `{file}` cannot be loaded, so calling it will fail: {error}"),
    };
    entry(file.to_owned(), message, error, false)
}

fn entry(file: String, message: String, error: &LoadError, kept_old: bool) -> Problem {
    let mut help = vec![error.help().to_owned()];
    if kept_old {
        help.push("its older version goes on serving".to_owned());
    }
    Problem {
        severity: Severity::Error,
        code: "C0006".to_owned(),
        rendered: format!("error[C0006]: {message}\n --> {file}\n  = help: {}", help.join("\n  = help: ")),
        message,
        file,
        line: 1,
        column: 1,
        end_line: 0,
        end_column: 0,
        labels: Vec::new(),
        help,
        fix: None,
    }
}
