//! A loaded component.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use wasmtime::component::{Component, InstancePre};

use crate::artifact;
use crate::cache::HookCache;
use crate::config::ComponentConfig;
use crate::engine::HookEngine;
use crate::exchange::{Exchange, RequestParts};
use crate::exports::{self, Exports, Interface};
use crate::failure::LoadError;
use crate::host::SilentHost;
use crate::lease::Seat;
use crate::metrics::{Metrics, MetricsSnapshot};
use crate::outbound::Outbound;
use crate::session::Session;
use crate::store::StoreData;
use crate::ticker::Ticker;
use crate::wrap;

/// Starting an instance to see whether it fits may take this long.
const START_LIMIT: Duration = Duration::from_secs(10);

/// What all instances of a component share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: ComponentConfig,
    /// Its name, for the reports of calls.
    pub(crate) label: Arc<str>,
    pub(crate) settings: String,
    pub(crate) cache: HookCache,
    pub(crate) outbound: Arc<Outbound>,
    pub(crate) metrics: Metrics,
    pub(crate) ticker: Arc<Ticker>,
}

/// A component, compiled, linked and checked, with its idle instances.
pub struct HookComponent {
    engine: HookEngine,
    shared: Arc<Shared>,
    pre: InstancePre<StoreData>,
    exports: Exports,
    imports: Vec<String>,
    asks_model: bool,
    permits: Semaphore,
    // Boxed, so that taking one moves a pointer.
    #[allow(clippy::vec_box)]
    idle: Mutex<Vec<Box<Seat>>>,
    compile_time: Duration,
    size: usize,
}

impl std::fmt::Debug for HookComponent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookComponent")
            .field("name", &self.shared.config.name)
            .field("exports", &self.exports)
            .finish_non_exhaustive()
    }
}

impl HookComponent {
    /// Reads, compiles, links and checks a component, and starts one instance to see that it can be.
    ///
    /// # Errors
    /// [`LoadError`] with the import or export that does not fit.
    pub async fn load(engine: &HookEngine, config: ComponentConfig) -> Result<Arc<Self>, LoadError> {
        let path = config.path.clone();
        let bytes = tokio::task::spawn_blocking(move || read(&path))
            .await
            .map_err(|error| LoadError::Read(error.to_string()))??;
        Self::from_bytes(engine, config, bytes).await
    }

    /// The same from bytes.
    ///
    /// # Errors
    /// [`LoadError`] with the import or export that does not fit.
    pub async fn from_bytes(
        engine: &HookEngine,
        config: ComponentConfig,
        bytes: Vec<u8>,
    ) -> Result<Arc<Self>, LoadError> {
        let compiler = engine.clone();
        let size = bytes.len();
        let started = Instant::now();
        let component = tokio::task::spawn_blocking(move || compile(&compiler, &bytes))
            .await
            .map_err(|error| LoadError::Compile(error.to_string()))??;
        Self::from_compiled(engine, config, &component, (started.elapsed(), size)).await
    }

    /// The same from compiled code, with the time that took and the size of the file.
    pub(crate) async fn from_compiled(
        engine: &HookEngine,
        config: ComponentConfig,
        component: &Component,
        (compile_time, size): (Duration, usize),
    ) -> Result<Arc<Self>, LoadError> {
        let loaded = Self::link(engine, config, component, compile_time, size)?;
        loaded.try_start().await?;
        Ok(loaded)
    }

    /// Whether bytes begin as a component does, or are a core module that can be made one.
    pub fn looks_like(bytes: &[u8]) -> bool {
        bytes.starts_with(b"\0asm\x0d\0\x01\0") || is_core_module(bytes)
    }

    fn link(
        engine: &HookEngine,
        config: ComponentConfig,
        component: &Component,
        compile_time: Duration,
        size: usize,
    ) -> Result<Arc<Self>, LoadError> {
        let imports = exports::all_imports(component);
        let asks_model = exports::imports_function(component, "context", "model");
        let pre = engine
            .linker()
            .instantiate_pre(component)
            .map_err(|error| LoadError::Import(one_line(&error)))?;
        let exports = Exports::of(&pre, &config)?;
        let permits = Semaphore::new(config.max_instances.max(1) as usize);
        let shared = Arc::new(Shared {
            settings: serde_json::Value::Object(config.settings.clone()).to_string(),
            cache: HookCache::default(),
            outbound: Arc::new(Outbound::new(&config.allow_http, config.allow_private)),
            metrics: Metrics::default(),
            ticker: Arc::clone(engine.ticker()),
            label: Arc::from(config.name.as_str()),
            config,
        });
        let idle = Mutex::default();
        let engine = engine.clone();
        Ok(Arc::new(Self {
            engine,
            shared,
            pre,
            exports,
            imports,
            asks_model,
            permits,
            idle,
            compile_time,
            size,
        }))
    }

    /// Starts an instance, so that wrong types and start-up faults are found now and not by a request.
    async fn try_start(self: &Arc<Self>) -> Result<(), LoadError> {
        let exchange = Exchange::new(RequestParts::default(), Arc::new(SilentHost));
        let session = Session::patient(Arc::new(exchange), START_LIMIT);
        session.start(self).await.map_err(|error| {
            // The message of a type that does not fit names interface and function.
            let fits = Interface::ALL
                .into_iter()
                .find(|interface| error.detail.contains(&format!("its export `{}`", interface.name())));
            match fits {
                Some(interface) => {
                    LoadError::Export { interface: interface.name(), detail: last_cause(&error.detail) }
                }
                None => LoadError::Start(format!("{}: {}", error.kind.code(), error.detail)),
            }
        })?;
        drop(session);
        // The numbers are about requests.
        self.shared.metrics.reset();
        Ok(())
    }

    /// The same code with the rights and limits of other settings. What it is (file, exports, its own settings) stays:
    /// this is for a version that goes on serving because a newer one does not load.
    pub(crate) fn within(self: &Arc<Self>, settings: &ComponentConfig) -> Result<Arc<Self>, LoadError> {
        let own = self.config();
        let config = ComponentConfig {
            name: own.name.clone(),
            path: own.path.clone(),
            exports: own.exports.clone(),
            implied: own.implied,
            settings: own.settings.clone(),
            ..settings.clone()
        };
        if config == *own {
            return Ok(Arc::clone(self));
        }
        Self::link(&self.engine, config, self.pre.component(), self.compile_time, self.size)
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.shared.config.name
    }

    /// Its settings.
    pub fn config(&self) -> &ComponentConfig {
        &self.shared.config
    }

    /// The interfaces it exports and the configuration enables.
    pub fn interfaces(&self) -> &[Interface] {
        self.exports.found()
    }

    /// Whether it has an interface.
    pub fn has(&self, interface: Interface) -> bool {
        self.exports.has(interface)
    }

    /// What it imports, `wasi:*` and `exo:hooks/*`.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Whether it may ask for contexts of the model.
    pub fn asks_model(&self) -> bool {
        self.asks_model
    }

    /// How long compiling (or reading the compiled code) took.
    pub fn compile_time(&self) -> Duration {
        self.compile_time
    }

    /// Bytes of the file.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Its numbers.
    pub fn metrics(&self) -> MetricsSnapshot {
        self.shared.metrics.snapshot()
    }

    pub(crate) fn engine(&self) -> &HookEngine {
        &self.engine
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn pre(&self) -> &InstancePre<StoreData> {
        &self.pre
    }

    pub(crate) fn exports(&self) -> &Exports {
        &self.exports
    }

    pub(crate) fn permits(&self) -> &Semaphore {
        &self.permits
    }

    pub(crate) fn idle_seat(&self) -> Option<Box<Seat>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Keeps an instance for the next request if the component is recycled; drops it otherwise.
    pub(crate) fn keep(&self, seat: Box<Seat>) {
        if !self.shared.config.recycle {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.shared.config.max_instances as usize {
            idle.push(seat);
        }
    }
}

fn last_cause(detail: &str) -> String {
    let causes: Vec<_> = detail.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    causes.first().map_or_else(|| detail.to_owned(), |first| (*first).to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    /// Largest file: a Python component has 18 MB.
    const MAX_FILE: u64 = 256 << 20;
    let error = |error: std::io::Error| LoadError::Read(format!("{}: {error}", path.display()));
    let size = std::fs::metadata(path).map_err(error)?.len();
    if size > MAX_FILE {
        return Err(LoadError::Read(format!("{} is larger than {} MB", path.display(), MAX_FILE >> 20)));
    }
    std::fs::read(path).map_err(error)
}

/// Compiles a component; a core module is made into one first.
pub(crate) fn compile(engine: &HookEngine, bytes: &[u8]) -> Result<Component, LoadError> {
    if !bytes.starts_with(b"\0asm") {
        if bytes.is_empty() {
            return Err(LoadError::Compile("the file is empty".to_owned()));
        }
        let start = String::from_utf8_lossy(bytes.get(..4).unwrap_or(bytes)).escape_debug().to_string();
        return Err(LoadError::Compile(format!("it is no WebAssembly, it begins with `{start}`")));
    }
    let wrapped;
    let bytes = if is_core_module(bytes) {
        wrapped = wrap::component(bytes)?;
        wrapped.as_slice()
    } else {
        bytes
    };
    artifact::component(engine.wasm(), engine.cache(), bytes)
        .map_err(|error| LoadError::Compile(one_line(&error)))
}

/// An error of the engine without its line breaks.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The two formats share the magic number and differ in the layer.
pub(crate) fn is_core_module(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x01\0\0\0")
}
