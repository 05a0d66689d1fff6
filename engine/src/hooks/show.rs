//! What the studio shows of components: problems, log lines, entries of the Services pane.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use studio_events::{
    EventKind, HookEvent, LogLevel, Problem, ProblemSet, ProblemSource, ServiceState, ServiceStatus, Severity,
};
use studio_hooks::{ComponentConfig, HookComponent, LoadError, Reloaded};

use super::host::service_name;
use super::load::Hooks;
use super::observe::amount;
use super::rules::{DecidedRule, Expected, HELP};
use crate::bus::Bus;
use crate::config::ExoToml;

impl Hooks {
    /// Tells the studio what became of a load.
    pub fn publish(
        &self,
        bus: &Bus,
        toml: &ExoToml,
        expected: &Expected,
        (reloaded, broken): (&[Reloaded], &mut Broken),
    ) {
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
        let configured = self.configs(toml, &expected.modules);
        broken.components.retain(|name, _| configured.iter().any(|config| config.name == *name));
        let components = configured.iter().filter_map(|config| {
            let (error, kept) = broken.components.get(&config.name)?;
            Some(problem(self.root(), config, error, *kept))
        });
        let told: BTreeSet<&Path> = configured
            .iter()
            .filter(|config| broken.components.contains_key(&config.name))
            .map(|config| config.path.as_path())
            .collect();
        // A file that has an entry as a component needs none as a module.
        let modules =
            broken.modules.iter().filter(|(file, _)| !told.contains(self.root().join(file).as_path()));
        let modules = modules.map(|(file, error)| module_problem(file, error));
        let rules = broken.rules.iter().map(|(rule, reason)| rule_problem(rule, reason));
        let logs = self.unwritable().into_iter().map(|failure| {
            let message = format!("the access log cannot be opened: {failure}");
            let help = "correct `access_log` in exo.toml; until then its records go to the log".to_owned();
            entry(("exo.toml".to_owned(), 1, 1), message, vec![help])
        });
        let problems = Arc::new(components.chain(modules).chain(rules).chain(logs).collect());
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
    pub(super) modules: BTreeMap<String, LoadError>,
    /// Rules that nobody can decide, and why.
    pub(super) rules: Vec<(DecidedRule, String)>,
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
        match metrics.calls {
            0 => "no calls yet".to_owned(),
            1 => format!("1 call · {} us", metrics.p50_us),
            calls => format!("{calls} calls · p50 {} us · p95 {} us", metrics.p50_us, metrics.p95_us),
        },
    ];
    if metrics.fuel > 0 {
        lines.push(format!(
            "{} fuel, {} a call",
            amount(metrics.fuel),
            amount(metrics.fuel / metrics.calls.max(1))
        ));
    }
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
    let name = &config.name;
    let message = if config.implied {
        format!("the component of the module `{name}` was not loaded: {error}")
    } else {
        format!("the hook `{name}` was not loaded: {error}")
    };
    let then = match (kept_old, config.implied) {
        (true, _) => "its older version goes on serving",
        (false, true) => "calls of the module fail until it loads",
        (false, false) => {
            "requests are answered with 503 until it loads, since what it should refuse would pass"
        }
    };
    entry((file, 1, 1), message, vec![error.help().to_owned(), then.to_owned()])
}

/// A file of a `@wasm` module that does not load, as an entry of the problem list.
fn module_problem(file: &str, error: &LoadError) -> Problem {
    let message = match error {
        LoadError::Undeclared { .. } => error.to_string(),
        _ => format!("the module file `{file}` cannot be loaded: {error}"),
    };
    let then = "what was loaded of it before goes on; without that, calls fail";
    entry((file.to_owned(), 1, 1), message, vec![error.help().to_owned(), then.to_owned()])
}

/// A rule that nobody can decide, as an entry of the problem list.
fn rule_problem(rule: &DecidedRule, reason: &str) -> Problem {
    let message =
        format!("the rule `{}` cannot be decided, so what it guards is refused: {reason}", rule.name);
    entry((rule.file.clone(), rule.line, rule.column), message, vec![HELP.to_owned()])
}

fn entry((file, line, column): (String, u32, u32), message: String, help: Vec<String>) -> Problem {
    let place = if line > 1 { format!("{file}:{line}:{column}") } else { file.clone() };
    Problem {
        severity: Severity::Error,
        code: "C0006".to_owned(),
        rendered: format!("error[C0006]: {message}\n --> {place}\n  = help: {}", help.join("\n  = help: ")),
        message,
        file,
        line,
        column,
        end_line: 0,
        end_column: 0,
        labels: Vec::new(),
        help,
        fix: None,
    }
}
