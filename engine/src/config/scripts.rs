//! `[scripts]` of `exo.toml`: what `@deno` modules may use.

use std::time::Duration;

use serde::Deserialize;

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
    /// Hosts that `fetch` may reach: `host` (the port of the scheme) or `host:port`. None by default.
    pub allow_http: Vec<String>,
}

impl Default for ScriptsConfig {
    fn default() -> Self {
        Self { timeout_ms: 10_000, total_ms: 60_000, memory_mb: 128, allow_http: Vec::new() }
    }
}

impl ScriptsConfig {
    /// The limits as the script runtime takes them; zero counts as the smallest useful value.
    pub(crate) fn limits(&self) -> studio_script::Limits {
        studio_script::Limits {
            computing: Duration::from_millis(self.timeout_ms.max(1)),
            total: Duration::from_millis(self.total_ms.max(1)),
            memory: (self.memory_mb.max(4) as usize) * 1024 * 1024,
            ..studio_script::Limits::default()
        }
    }
}
