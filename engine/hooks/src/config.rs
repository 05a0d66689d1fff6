//! What one component is allowed (hooks.md 7.6).

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use crate::exports::Interface;

/// Default of `timeout_ms`.
pub const DEFAULT_TIMEOUT_MS: u64 = 50;
/// Default of `memory_mb`.
pub const DEFAULT_MEMORY_MB: u64 = 64;
/// Default of `max_instances`.
pub const DEFAULT_MAX_INSTANCES: u32 = 32;

/// Settings of one component. Every limit is finite.
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentConfig {
    /// Name in the configuration; stamps log lines and errors.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Keep instances for further requests. Off: state never outlives a request.
    pub recycle: bool,
    /// Longest time of one call, waiting in host functions included (`proceed` is not counted).
    pub timeout: Duration,
    /// Most bytes of linear memory of one instance.
    pub memory_bytes: usize,
    /// Most instances in use at once.
    pub max_instances: u32,
    /// How long a request waits for a free instance.
    pub queue_timeout: Duration,
    /// May run GraphQL without access rules or with other claims.
    pub privileged: bool,
    /// Outgoing HTTP: `host:port`, `*.host:port`; empty allows nothing.
    pub allow_http: Vec<String>,
    /// Names on the list may resolve to private addresses.
    pub allow_private: bool,
    /// Interfaces to use; `None`: all that the component exports.
    pub exports: Option<Vec<Interface>>,
    /// Nobody configured it: a `@wasm` module of the model names the file. Then only what modules have is used of it,
    /// and requests pass when it does not load.
    pub implied: bool,
    /// The component's own settings.
    pub settings: Map<String, Json>,
}

impl ComponentConfig {
    /// The defaults for a file.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            recycle: false,
            timeout: Duration::from_millis(DEFAULT_TIMEOUT_MS),
            memory_bytes: (DEFAULT_MEMORY_MB as usize) << 20,
            max_instances: DEFAULT_MAX_INSTANCES,
            queue_timeout: Duration::from_secs(1),
            privileged: false,
            allow_http: Vec::new(),
            allow_private: false,
            exports: None,
            implied: false,
            settings: Map::new(),
        }
    }
}
