//! The hooks of one HTTP request: one instance per component, shared by all of its hooks.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::component::Instance;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, WasmBacktrace};

use crate::clock::CallClock;
use crate::component::HookComponent;
use crate::exchange::Exchange;
use crate::exports::{Guests, Interface};
use crate::failure::{HookError, HookErrorKind};
use crate::host::{HookLevel, HookLine, HostCalls, OperationFacts};
use crate::lease::{Lease, Seat, Stage};
use crate::orders::Order;
use crate::store::{CallState, StoreData};
use crate::work::{Guest, Work};

/// Calls of hooks that cause calls of hooks, this deep.
const MAX_DEPTH: usize = 8;

/// One call, for the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallReport {
    /// The component.
    pub component: Arc<str>,
    /// Interface and function, such as `gateway.on-request`.
    pub export: &'static str,
    /// The interceptor, rule or method it was called for.
    pub about: Option<Box<str>>,
    /// When it began.
    pub started: Instant,
    /// How long it took, without the rest of the chain that it proceeded to.
    pub time: Duration,
    /// Fuel its code took, when the engine counts it.
    pub fuel: Option<u64>,
    /// Code of the failure, if it failed.
    pub error: Option<&'static str>,
}

/// The hooks of one HTTP request.
pub struct Session {
    exchange: Arc<Exchange>,
    state: Mutex<State>,
    patience: Option<Duration>,
}

#[derive(Default)]
struct State {
    idle: Vec<Lease>,
    busy: usize,
    reports: Vec<CallReport>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// A guest's `lifecycle.start` said no.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct StartRefused(String);

impl Session {
    /// The hooks of an exchange.
    pub fn new(exchange: Arc<Exchange>) -> Self {
        Self { exchange, state: Mutex::default(), patience: None }
    }

    /// A session whose calls may take this long whatever the component's own limit is, for checks by hand.
    pub(crate) fn patient(exchange: Arc<Exchange>, limit: Duration) -> Self {
        Self { exchange, state: Mutex::default(), patience: Some(limit) }
    }

    /// The request.
    pub fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    /// The calls since the last look, in the order they ended.
    pub fn take_reports(&self) -> Vec<CallReport> {
        std::mem::take(&mut self.state().reports)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls an export of a component. The deadline counts from the moment an instance is there.
    pub(crate) async fn call<W: Work>(
        &self,
        component: &Arc<HookComponent>,
        stage: Stage,
        operation: Option<Arc<dyn OperationFacts>>,
        calls: &mut dyn HostCalls,
        work: W,
    ) -> Result<W::Answer, HookError> {
        let export = stage.export;
        let started = Instant::now();
        let (mut lease, ready) = match self.take(component, export)? {
            Some(lease) => (lease, started),
            None => (Box::pin(Lease::wait(component, export)).await?, Instant::now()),
        };
        let limit = self.patience.unwrap_or(component.config().timeout);
        let data = lease.seat.store.data_mut();
        let clock = Arc::clone(&data.clock);
        clock.start(ready + limit);
        data.begin(CallState { exchange: Arc::clone(&self.exchange), stage, operation, lines: 0 });
        lease.seat.store.set_epoch_deadline(1);
        if component.engine().counts_fuel() {
            // It counts down from here. The engine does count, so this cannot fail.
            let _ = lease.seat.store.set_fuel(u64::MAX);
        }
        let busy = Busy::new(self);
        let result = drive(component, &mut lease.seat, &clock, calls, work).await;
        drop(busy);
        let result = result.map_err(|stop| error_of(component, export, &lease.seat, stop));
        let time = started.elapsed().saturating_sub(clock.rest());
        self.finish(lease, export, (started, time), result.as_ref().err());
        result
    }

    fn log(&self, error: &HookError) {
        if self.exchange.host.log_enabled(HookLevel::Error) {
            self.exchange.host.log(HookLine {
                level: HookLevel::Error,
                component: error.component.clone(),
                trace_id: self.exchange.trace_id(),
                message: error.to_string(),
                fields: Vec::new(),
            });
        }
    }

    /// The call that just ended gave an answer that breaks the contract.
    pub(crate) fn broke(&self, component: &HookComponent, export: &'static str, detail: String) -> HookError {
        let kind = HookErrorKind::Contract;
        let error = HookError { component: component.name().to_owned(), export, kind, detail };
        component.shared().metrics.failed(&error);
        self.log(&error);
        if let Some(report) = self.state().reports.last_mut() {
            report.error = Some(kind.code());
        }
        error
    }

    /// A seat of a component; `None` when the request has to wait for one.
    fn take(&self, component: &Arc<HookComponent>, export: &'static str) -> Result<Option<Lease>, HookError> {
        let first = {
            let mut state = self.state();
            if state.busy >= MAX_DEPTH {
                return Err(HookError {
                    component: component.name().to_owned(),
                    export,
                    kind: HookErrorKind::Busy,
                    detail: format!("hooks call each other more than {MAX_DEPTH} deep"),
                });
            }
            let of_it = |lease: &Lease| Arc::ptr_eq(&lease.place.component, component);
            if let Some(index) = state.idle.iter().position(of_it) {
                return Ok(Some(state.idle.swap_remove(index)));
            }
            state.busy == 0 && state.idle.is_empty()
        };
        Ok(Lease::now(component, first))
    }

    fn finish(
        &self,
        mut lease: Lease,
        export: &'static str,
        (started, time): (Instant, Duration),
        error: Option<&HookError>,
    ) {
        let component = &lease.place.component;
        let store = &mut lease.seat.store;
        let left = component.engine().counts_fuel().then(|| store.get_fuel().ok()).flatten();
        let fuel = left.map(|left| u64::MAX - left);
        let data = store.data_mut();
        data.log_words();
        let about = data.call_mut().and_then(|call| call.stage.about.take());
        data.end();
        component.shared().metrics.called(time, fuel, error);
        if let Some(error) = error {
            self.log(error);
        }
        let report = self.exchange.host.wants_reports().then(|| CallReport {
            component: Arc::clone(&component.shared().label),
            export,
            about,
            started,
            time,
            fuel,
            error: error.map(|error| error.kind.code()),
        });
        // A contract violation leaves the instance whole, but nothing is known of its state.
        let lease = error.is_none().then_some(lease);
        let mut state = self.state();
        state.idle.extend(lease);
        state.reports.extend(report);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let idle = std::mem::take(&mut self.state().idle);
        idle.into_iter().for_each(Lease::give_back);
    }
}

/// Counts a running call, also when the request is dropped in the middle of it.
struct Busy<'a>(&'a Session);

impl<'a> Busy<'a> {
    fn new(session: &'a Session) -> Self {
        session.state().busy += 1;
        Self(session)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.state().busy -= 1;
    }
}

/// Why a call ended without an answer.
enum Stop {
    Guest(wasmtime::Error),
    /// It waits in the host although its time is over.
    Deadline,
}

/// Runs the guest, and what it asks of the engine in between.
async fn drive<W: Work>(
    component: &HookComponent,
    seat: &mut Seat,
    clock: &CallClock,
    calls: &mut dyn HostCalls,
    work: W,
) -> Result<W::Answer, Stop> {
    let Seat { store, instance, guests } = seat;
    let orders = Arc::clone(&store.data().orders);
    let guest = async {
        let exports = component.exports();
        let instance: &Instance = match instance {
            Some(instance) => instance,
            None => {
                let fresh = Box::pin(start(component, store, guests)).await?;
                instance.insert(fresh)
            }
        };
        work.run(Guest { exports, functions: guests, store, instance }).await
    };
    let mut guest = std::pin::pin!(guest);
    let ticker = component.engine().ticker();
    // It may have waited for long.
    let mut guest = std::future::poll_fn(|context| {
        ticker.touch();
        guest.as_mut().poll(context)
    });
    let mut over = std::pin::pin!(clock.over());
    loop {
        tokio::select! {
            biased;
            result = &mut guest => return result.map_err(Stop::Guest),
            order = orders.next() => Box::pin(obey(order, clock, calls)).await,
            () = &mut over => return Err(Stop::Deadline),
        }
    }
}

async fn start(
    component: &HookComponent,
    store: &mut Store<StoreData>,
    guests: &mut Guests,
) -> wasmtime::Result<Instance> {
    let instance = component.pre().instantiate_async(&mut *store).await?;
    if component.exports().has(Interface::Lifecycle) {
        let guest = guests.lifecycle(component.exports(), store, &instance)?;
        if let Err(reason) = guest.call_start(&mut *store).await? {
            return Err(wasmtime::Error::new(StartRefused(reason)));
        }
    }
    Ok(instance)
}

async fn obey(order: Order, clock: &CallClock, calls: &mut dyn HostCalls) {
    // A receiver that is gone belongs to a call that has ended; nobody waits for the answer then.
    match order {
        Order::Execute { document, variables, acting_as, reply } => {
            let _ = reply.send(calls.execute(document, variables, acting_as).await);
        }
        Order::Proceed { arguments, reply } => {
            // The time of the rest of the chain is not the hook's.
            clock.pause();
            let result = calls.proceed(arguments).await;
            clock.resume();
            let _ = reply.send(result);
        }
    }
}

/// The functions that were running, the innermost first.
fn place_of(error: &wasmtime::Error) -> Option<String> {
    /// A deep recursion has thousands.
    const SHOWN: usize = 8;
    let frames = error.downcast_ref::<WasmBacktrace>()?.frames();
    let mut names: Vec<_> = frames.iter().take(SHOWN).filter_map(|frame| frame.func_name()).collect();
    names.dedup();
    let more = if frames.len() > SHOWN { " < …" } else { "" };
    (!names.is_empty()).then(|| format!("in {}{more}", names.join(" < ")))
}

fn error_of(component: &HookComponent, export: &'static str, seat: &Seat, stop: Stop) -> HookError {
    let limit = component.config().timeout.as_millis();
    let mut place = None;
    let (kind, mut detail) = match stop {
        Stop::Deadline => (HookErrorKind::Timeout, format!("it waited longer than {limit} ms")),
        Stop::Guest(error) => {
            if let Some(StartRefused(reason)) = error.downcast_ref() {
                (HookErrorKind::StartFailed, reason.clone())
            } else if error.is::<PoolConcurrencyLimitError>() {
                (HookErrorKind::Busy, format!("{error:#}"))
            } else if error.downcast_ref() == Some(&Trap::Interrupt) {
                (HookErrorKind::Timeout, format!("it ran longer than {limit} ms"))
            } else if seat.store.data().limits.refused {
                let cap = component.config().memory_bytes >> 20;
                (HookErrorKind::OutOfMemory, format!("it needs more than {cap} MB"))
            } else {
                place = place_of(&error);
                (HookErrorKind::Crashed, error.root_cause().to_string())
            }
        }
    };
    if let Some(words) = seat.store.data().take_words() {
        detail.push_str("; it printed: ");
        detail.push_str(&words);
    }
    if let Some(place) = place {
        detail.push('\n');
        detail.push_str(&place);
    }
    HookError { component: component.name().to_owned(), export, kind, detail }
}
