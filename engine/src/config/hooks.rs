//! `[hooks.<name>]` of `exo.toml` (hooks.md 7.6).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use studio_hooks::{
    ComponentConfig, DEFAULT_MAX_INSTANCES, DEFAULT_MEMORY_MB, DEFAULT_TIMEOUT_MS, Interface,
};

use super::ConfigProblem;
use super::exo_toml::ExoToml;

/// One hook component as configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookConfig {
    /// The component, relative to the project.
    pub path: String,
    /// Keep instances between requests.
    #[serde(default)]
    pub recycle: bool,
    /// Longest time of one call.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u64,
    /// Most memory of one instance.
    #[serde(default = "default_memory")]
    pub memory_mb: u64,
    /// Most instances in use at once.
    #[serde(default = "default_instances")]
    pub max_instances: u32,
    /// How long a request waits for a free instance.
    #[serde(default = "default_queue")]
    pub queue_ms: u64,
    /// May run GraphQL without access rules or with other claims.
    #[serde(default)]
    pub privileged: bool,
    /// Outgoing HTTP, as `host:port`.
    #[serde(default)]
    pub allow_http: Vec<String>,
    /// Names in `allow_http` may lead to private addresses.
    #[serde(default)]
    pub allow_private: bool,
    /// Interfaces to use; all without it.
    #[serde(default)]
    pub exports: Option<Vec<String>>,
    /// File for the component's access-log records, relative to the project; without it they go to the log.
    #[serde(default)]
    pub access_log: Option<String>,
    /// The component's own settings.
    #[serde(default)]
    pub settings: BTreeMap<String, serde_json::Value>,
}

fn default_timeout() -> u64 {
    DEFAULT_TIMEOUT_MS
}
fn default_memory() -> u64 {
    DEFAULT_MEMORY_MB
}
fn default_instances() -> u32 {
    DEFAULT_MAX_INSTANCES
}
fn default_queue() -> u64 {
    1000
}

/// Entries of an `allow_http` have to be hosts.
pub(super) fn check_allowed(entries: &[String], place: &str) -> Result<(), ConfigProblem> {
    for entry in entries {
        let port = entry.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        let bracketed = entry.ends_with(']');
        // `*` is meant for names below one that is written out; anything else would match nothing.
        let name = entry.strip_prefix("*.").unwrap_or(entry);
        if name.is_empty() || name.contains(['/', '*', ' ']) || (matches!(port, Some(Err(_))) && !bracketed) {
            return Err(ConfigProblem::new(
                "C0005",
                place,
                format!("`{entry}` in `allow_http` is no host with a port"),
                "write `api.example.com:443` or `*.example.com:443`, without scheme and path",
            ));
        }
    }
    Ok(())
}

impl HookConfig {
    /// Checks what the parser cannot.
    pub(super) fn check(&self, name: &str, place: &str) -> Result<(), ConfigProblem> {
        let problem = |message: String, help: &str| Err(ConfigProblem::new("C0005", place, message, help));
        let sound = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if name.is_empty() || !name.chars().all(sound) {
            return problem(format!("`{name}` is no name for a hook"), "use letters, digits, - and _");
        }
        if self.path.is_empty() {
            return problem("`path` is empty".to_owned(), "name the component's file");
        }
        let limits = [
            ("timeout_ms", self.timeout_ms, 1, 600_000),
            ("memory_mb", self.memory_mb, 1, 4096),
            ("max_instances", u64::from(self.max_instances), 1, 256),
            ("queue_ms", self.queue_ms, 0, 60_000),
        ];
        for (key, value, least, most) in limits {
            if !(least..=most).contains(&value) {
                return problem(format!("`{key}` is {value}"), &format!("choose {least} to {most}"));
            }
        }
        check_allowed(&self.allow_http, place)?;
        if self.exports.as_ref().is_some_and(Vec::is_empty) {
            return problem(
                "`exports` is empty, so nothing of the component would be used".to_owned(),
                "list interfaces such as \"gateway\", or remove the line to use all that it exports",
            );
        }
        for export in self.exports.iter().flatten() {
            if Interface::from_name(export).is_none() {
                let names = Interface::ALL.map(Interface::name);
                let help = match studio_model::nearest(export, names) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the interfaces are: {}", names.join(", ")),
                };
                return problem(format!("`{export}` in `exports` is no interface"), &help);
            }
        }
        Ok(())
    }

    fn component(&self, name: &str, root: &Path) -> ComponentConfig {
        let exports = self.exports.as_ref();
        ComponentConfig {
            recycle: self.recycle,
            timeout: Duration::from_millis(self.timeout_ms),
            memory_bytes: usize::try_from(self.memory_mb).unwrap_or(usize::MAX >> 20) << 20,
            max_instances: self.max_instances,
            queue_timeout: Duration::from_millis(self.queue_ms),
            privileged: self.privileged,
            allow_http: self.allow_http.clone(),
            allow_private: self.allow_private,
            exports: exports.map(|names| names.iter().filter_map(|it| Interface::from_name(it)).collect()),
            settings: self.settings.clone().into_iter().collect(),
            ..ComponentConfig::new(name, root.join(&self.path))
        }
    }
}

impl ExoToml {
    /// The hook components of a project, in the order of the file.
    pub fn components(&self, root: &Path) -> Vec<ComponentConfig> {
        let mut hooks: Vec<_> = self.hooks.iter().collect();
        hooks.sort_by_key(|(_, hook)| hook.span().start);
        hooks.into_iter().map(|(name, hook)| hook.get_ref().component(name, root)).collect()
    }

    /// Files for access-log records by component.
    pub fn access_logs(&self, root: &Path) -> BTreeMap<String, std::path::PathBuf> {
        let files = self.hooks.iter().filter_map(|(name, hook)| {
            hook.get_ref().access_log.as_ref().map(|path| (name.clone(), root.join(path)))
        });
        files.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ExoToml, ConfigProblem> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("exo.toml"), text).unwrap();
        ExoToml::read(dir.path())
    }

    #[test]
    fn components_keep_the_order_of_the_file_and_have_finite_limits() {
        let toml = read(
            "[hooks.zeta]\npath = \"z.wasm\"\n\n[hooks.alpha]\npath = \"a.wasm\"\nmemory_mb = 8\n\
             [hooks.alpha.settings]\nsecret = \"x\"\nretries = 3\n",
        )
        .unwrap();
        let components = toml.components(Path::new("/p"));
        assert_eq!(components.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["zeta", "alpha"]);
        let [zeta, alpha] = components.as_slice() else { unreachable!("two") };
        assert_eq!(zeta.timeout, Duration::from_millis(50));
        assert_eq!((zeta.memory_bytes, alpha.memory_bytes), (64 << 20, 8 << 20));
        assert!(!zeta.recycle && !zeta.privileged && zeta.allow_http.is_empty());
        assert_eq!(alpha.settings["retries"], 3);
        assert_eq!(alpha.path, Path::new("/p/a.wasm"));
    }

    #[test]
    fn an_unknown_key_is_an_error_with_a_suggestion() {
        let problem = read("[hooks.a]\npath = \"a.wasm\"\ntimeout = 5\n").unwrap_err();
        assert_eq!(problem.place, "exo.toml:3");
        let problem = read("[hooks.a]\npath = \"a.wasm\"\nmemory_mp = 5\n").unwrap_err();
        assert_eq!(problem.help, "did you mean `memory_mb`?");
        assert_eq!(problem.message, "unknown field `memory_mp`");
        let problem = read("[hooks.a]\npath = \"a.wasm\"\nfuel = 5\n").unwrap_err();
        assert!(problem.help.contains("timeout_ms"), "{problem}");
    }

    #[test]
    fn values_that_mean_nothing_are_errors() {
        for (line, word) in [
            ("timeout_ms = 0", "timeout_ms"),
            ("max_instances = 1000", "max_instances"),
            ("allow_http = [\"https://a.example/\"]", "allow_http"),
            ("allow_http = [\"*\"]", "`*` in `allow_http`"),
            ("allow_http = [\"api.*.example:443\"]", "allow_http"),
            ("exports = [\"gatway\"]", "gatway"),
            ("exports = []", "`exports` is empty"),
        ] {
            let problem = read(&format!("[hooks.a]\npath = \"a.wasm\"\n{line}\n")).unwrap_err();
            assert!(problem.message.contains(word), "{problem}");
        }
    }
}
