//! The WebAssembly engine: its settings, its clock, its linker, its cache of compiled code (hooks.md 3).

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::artifact;
use crate::bindings;
use crate::failure::LoadError;
use crate::store::StoreData;
use crate::ticker::Ticker;

/// Instances of components at once, over all components of the process.
const INSTANCES: u32 = 256;
/// A QuickJS component holds about eight core instances.
const CORE_PER_COMPONENT: u32 = 16;
/// Memory that an instance slot keeps between uses.
const KEEP_RESIDENT: usize = 1 << 20;
/// Stack of guests; deep recursion ends here.
const GUEST_STACK: usize = 512 << 10;

/// What an engine counts while guests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counting {
    /// Nothing: in production nobody looks.
    #[default]
    Nothing,
    /// Fuel, about one for each WebAssembly instruction that was run: for traces and the Services pane.
    Fuel,
}

/// The engine of the process. Cheap to clone.
#[derive(Clone)]
pub struct HookEngine {
    shared: Arc<Shared>,
    cache: Option<PathBuf>,
}

struct Shared {
    engine: Engine,
    linker: Linker<StoreData>,
    pooling: bool,
    counting: Counting,
    ticker: Arc<Ticker>,
}

impl std::fmt::Debug for HookEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookEngine").field("pooling", &self.shared.pooling).finish_non_exhaustive()
    }
}

impl HookEngine {
    /// The engine of this process that counts this, made at the first call. `cache` is a private folder for compiled
    /// code; `None` compiles each time.
    ///
    /// # Errors
    /// When the machine has neither address space for the pool nor for single instances.
    pub fn new(cache: Option<&Path>, counting: Counting) -> Result<Self, LoadError> {
        type Made = OnceLock<Result<Arc<Shared>, LoadError>>;
        static PLAIN: Made = OnceLock::new();
        static WITH_FUEL: Made = OnceLock::new();
        let made = match counting {
            Counting::Nothing => &PLAIN,
            Counting::Fuel => &WITH_FUEL,
        };
        let shared = made.get_or_init(|| Shared::new(counting).map(Arc::new)).clone()?;
        let cache = cache.and_then(artifact::private_folder);
        Ok(Self { shared, cache })
    }

    /// Whether instances come from a pool (they do unless address space is limited).
    pub fn is_pooling(&self) -> bool {
        self.shared.pooling
    }

    /// Whether stores have fuel to set and to read; one without makes an error of it each time.
    pub(crate) fn counts_fuel(&self) -> bool {
        self.shared.counting == Counting::Fuel
    }

    pub(crate) fn wasm(&self) -> &Engine {
        &self.shared.engine
    }

    pub(crate) fn linker(&self) -> &Linker<StoreData> {
        &self.shared.linker
    }

    pub(crate) fn cache(&self) -> Option<&Path> {
        self.cache.as_deref()
    }

    /// Its clock.
    pub(crate) fn ticker(&self) -> &Arc<Ticker> {
        &self.shared.ticker
    }
}

impl Shared {
    fn new(counting: Counting) -> Result<Self, LoadError> {
        let (engine, pooling) = match Engine::new(&config(Some(pool()), counting)) {
            Ok(engine) => (engine, true),
            // Limited address space: `ulimit -v`, small containers.
            Err(_) => {
                let engine = Engine::new(&config(None, counting))
                    .map_err(|error| LoadError::Engine(format!("{error:#}")))?;
                (engine, false)
            }
        };
        let linker = linker(&engine).map_err(|error| LoadError::Engine(format!("{error:#}")))?;
        let ticker = Arc::new(Ticker::default());
        let thread = Arc::clone(&ticker);
        let weak = engine.weak();
        let handle = std::thread::Builder::new()
            .name("hook-clock".to_owned())
            .spawn(move || thread.run(&weak))
            .map_err(|error| LoadError::Engine(error.to_string()))?;
        ticker.set_thread(handle.thread().clone());
        Ok(Self { engine, linker, pooling, counting, ticker })
    }
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(INSTANCES)
        .total_core_instances(INSTANCES * CORE_PER_COMPONENT)
        // A guest in Python is made of nearly forty.
        .max_core_instances_per_component(CORE_PER_COMPONENT * 4)
        .total_memories(INSTANCES)
        .total_tables(INSTANCES * 4)
        .total_stacks(INSTANCES)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .max_memories_per_component(8)
        .max_tables_per_component(16)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

fn config(pool: Option<PoolingAllocationConfig>, counting: Counting) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(counting == Counting::Fuel)
        .memory_init_cow(true)
        .wasm_component_model(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(GUEST_STACK + (512 << 10));
    match pool {
        Some(pool) => {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        }
        None => {
            config
                .memory_reservation(16 << 20)
                .memory_reservation_for_growth(16 << 20)
                .memory_guard_size(64 << 10);
        }
    }
    config
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<StoreData>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    bindings::Hooks::add_to_linker::<StoreData, HasSelf<StoreData>>(&mut linker, |data| data)?;
    Ok(linker)
}
