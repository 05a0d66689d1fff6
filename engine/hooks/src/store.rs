//! What belongs to one instance, and the current call on it.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::cache::HookCache;
use crate::clock::CallClock;
use crate::component::Shared;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::host::{HookLevel, HookLine, OperationFacts};
use crate::lease::Stage;
use crate::orders::Orders;
use crate::outbound::WasiGate;
use crate::stdio::Words;

/// Most elements of all tables of an instance.
pub(crate) const MAX_TABLE: usize = 200_000;
/// Most things that the host keeps for an instance: streams, requests, header lists. They are not in its memory.
const MAX_RESOURCES: usize = 1000;
/// Bytes of one list of headers of `wasi:http`.
const MAX_FIELDS: usize = 32 << 10;

/// What guests that use WASI see: no files, no sockets, no variables, no arguments; a clock, randomness, words for the
/// log, outgoing HTTP through the gate.
struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    http: WasiHttpCtx,
    gate: WasiGate,
    words: Words,
}

impl Wasi {
    fn new(shared: &Shared) -> Self {
        let words = Words::default();
        let ctx = WasiCtxBuilder::new().stdout(words.clone()).stderr(words.clone()).build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(MAX_FIELDS);
        Self { ctx, table, http, gate: WasiGate::new(Arc::clone(&shared.outbound)), words }
    }
}

/// Data of the store of one instance.
pub(crate) struct StoreData {
    /// Made when the guest first asks: most of them never do, and an instance lives for one request.
    wasi: Option<Box<Wasi>>,
    pub(crate) limits: Limits,
    pub(crate) shared: Arc<Shared>,
    /// Time of the current call.
    pub(crate) clock: Arc<CallClock>,
    /// What the current call asks of the engine.
    pub(crate) orders: Arc<Orders>,
    call: Option<CallState>,
}

/// The current call.
pub(crate) struct CallState {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) stage: Stage,
    pub(crate) operation: Option<Arc<dyn OperationFacts>>,
    /// Log lines it has written.
    pub(crate) lines: u32,
}

impl StoreData {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            wasi: None,
            limits: Limits { cap: shared.config.memory_bytes, used: 0, tables: 0, refused: false },
            shared: Arc::clone(shared),
            clock: Arc::new(CallClock::until(Instant::now())),
            orders: Arc::default(),
            call: None,
        }
    }

    fn wasi(&mut self) -> &mut Wasi {
        let shared = &self.shared;
        self.wasi.get_or_insert_with(|| Box::new(Wasi::new(shared)))
    }

    /// What the guest printed since the last look.
    pub(crate) fn take_words(&self) -> Option<String> {
        self.wasi.as_ref()?.words.take()
    }

    /// Begins a call.
    pub(crate) fn begin(&mut self, call: CallState) {
        self.call = Some(call);
        self.limits.refused = false;
    }

    /// Ends a call, so that nothing of the request stays with the instance.
    pub(crate) fn end(&mut self) {
        self.call = None;
    }

    pub(crate) fn call(&self) -> Option<&CallState> {
        self.call.as_ref()
    }

    pub(crate) fn call_mut(&mut self) -> Option<&mut CallState> {
        self.call.as_mut()
    }

    /// The result that `proceed` brought.
    pub(crate) fn take_outcome(&mut self) -> Option<Result<String, Failure>> {
        self.call.as_mut().and_then(|call| call.stage.outcome.take())
    }

    pub(crate) fn cache(&self) -> &HookCache {
        &self.shared.cache
    }

    /// Writes what the guest printed since the last look.
    pub(crate) fn log_words(&self) {
        if let (Some(call), Some(message)) = (&self.call, self.take_words()) {
            self.log(call, HookLevel::Info, message);
        }
    }

    fn log(&self, call: &CallState, level: HookLevel, message: String) {
        if call.exchange.host.log_enabled(level) {
            call.exchange.host.log(HookLine {
                level,
                component: self.shared.config.name.clone(),
                trace_id: call.exchange.trace_id(),
                message,
                fields: Vec::new(),
            });
        }
    }
}

/// A store with its limits and its answer to the clock.
pub(crate) fn store(engine: &wasmtime::Engine, shared: &Arc<Shared>) -> Store<StoreData> {
    let mut store = Store::new(engine, StoreData::new(shared));
    store.limiter(|data| &mut data.limits);
    store.epoch_deadline_callback(|context| {
        let data = context.data();
        data.shared.ticker.touch();
        let over = data.call.is_none() || data.clock.is_over();
        // Others on this thread get their turn at every tick.
        Ok(if over { UpdateDeadline::Interrupt } else { UpdateDeadline::Yield(1) })
    });
    store
}

/// Memory and tables of one instance.
pub(crate) struct Limits {
    cap: usize,
    used: usize,
    tables: usize,
    /// Something was refused during the current call.
    pub(crate) refused: bool,
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used.saturating_sub(current).saturating_add(desired);
        if used > self.cap {
            self.refused = true;
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let tables = self.tables.saturating_sub(current).saturating_add(desired);
        if tables > MAX_TABLE {
            self.refused = true;
            return Ok(false);
        }
        self.tables = tables;
        Ok(true)
    }
}

impl WasiView for StoreData {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi();
        WasiCtxView { ctx: &mut wasi.ctx, table: &mut wasi.table }
    }
}

impl WasiHttpView for StoreData {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let wasi = self.wasi();
        WasiHttpCtxView { ctx: &mut wasi.http, table: &mut wasi.table, hooks: &mut wasi.gate }
    }
}
