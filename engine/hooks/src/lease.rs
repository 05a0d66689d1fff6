//! An instance in somebody's hands, and what the current call may do.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;
use wasmtime::component::Instance;

use crate::component::{HookComponent, Shared};
use crate::exports::Guests;
use crate::failure::{Failure, HookError, HookErrorKind};
use crate::orders::Orders;
use crate::store::{StoreData, store};

/// What one call may do.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    /// Interface and function.
    pub(crate) export: &'static str,
    /// Headers of the request may be changed.
    pub(crate) request_writable: bool,
    /// The status of the reply may be changed.
    pub(crate) status_writable: bool,
    /// `operation.proceed` may be called.
    pub(crate) may_proceed: bool,
    /// The field's result, in `after` and once `proceed` has returned.
    pub(crate) outcome: Option<Result<String, Failure>>,
}

impl Stage {
    pub(crate) fn new(export: &'static str) -> Self {
        Self { export, request_writable: false, status_writable: false, may_proceed: false, outcome: None }
    }
}

/// One instance with its store. Dropping it gives its memory back to the pool, wiped.
pub(crate) struct Seat {
    pub(crate) store: Store<StoreData>,
    /// `None` until the first call starts it.
    pub(crate) instance: Option<Instance>,
    pub(crate) guests: Guests,
    pub(crate) orders: Arc<Orders>,
}

/// A seat taken by one request.
pub(crate) struct Lease {
    pub(crate) component: Arc<HookComponent>,
    pub(crate) seat: Seat,
    permit: Option<OwnedSemaphorePermit>,
    in_use: InUse,
}

/// Counts a seat as taken, also when the request is dropped in the middle of a call.
struct InUse(Arc<Shared>);

impl InUse {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.metrics.enter();
        Self(Arc::clone(shared))
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.metrics.leave();
    }
}

impl Lease {
    /// Takes a seat. The first one of a request waits for a free one; further ones never wait, since N requests that
    /// each hold one and wait for another would wait for ever.
    pub(crate) async fn take(
        component: &Arc<HookComponent>,
        export: &'static str,
        first: bool,
    ) -> Result<Self, HookError> {
        let permits = Arc::clone(component.permits());
        let permit = match Arc::clone(&permits).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) if !first => None,
            Err(_) => {
                let started = Instant::now();
                let limit = component.config().queue_timeout;
                let waited = tokio::time::timeout(limit, permits.acquire_owned()).await;
                component.shared().metrics.waited(started.elapsed());
                let permit = waited.ok().and_then(Result::ok).ok_or_else(|| HookError {
                    component: component.name().to_owned(),
                    export,
                    kind: HookErrorKind::Busy,
                    detail: format!(
                        "all {} instances are in use; raise max_instances",
                        component.config().max_instances
                    ),
                })?;
                Some(permit)
            }
        };
        let in_use = InUse::new(component.shared());
        let seat = component.idle_seat().unwrap_or_else(|| Seat {
            store: store(component.engine().wasm(), component.shared()),
            instance: None,
            guests: Guests::default(),
            orders: Arc::default(),
        });
        Ok(Self { component: Arc::clone(component), seat, permit, in_use })
    }

    /// Gives the seat back after a request that went well. Just dropping the lease throws the instance away: a trap or
    /// an interrupted call leaves it in an unknown state.
    pub(crate) fn give_back(self) {
        let Self { component, seat, permit, in_use } = self;
        component.keep(seat);
        drop(in_use);
        drop(permit);
    }
}
