//! An instance in somebody's hands, and what the current call may do.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::Store;
use wasmtime::component::Instance;

use crate::component::HookComponent;
use crate::exports::Guests;
use crate::failure::{Failure, HookError, HookErrorKind};
use crate::store::{StoreData, store};

/// What one call may do.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    /// Interface and function.
    pub(crate) export: &'static str,
    /// The interceptor, rule or method, when somebody reads reports.
    pub(crate) about: Option<Box<str>>,
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
        Self {
            export,
            about: None,
            request_writable: false,
            status_writable: false,
            may_proceed: false,
            outcome: None,
        }
    }
}

/// One instance with its store. Dropping it gives its memory back to the pool, wiped.
pub(crate) struct Seat {
    pub(crate) store: Store<StoreData>,
    /// `None` until the first call starts it.
    pub(crate) instance: Option<Instance>,
    pub(crate) guests: Guests,
}

impl Seat {
    fn fresh(component: &HookComponent) -> Box<Self> {
        Box::new(Self {
            store: store(component.engine().wasm(), component.shared()),
            instance: None,
            guests: Guests::default(),
        })
    }
}

/// A seat taken by one request. Dropping it throws the instance away: a trap or an interrupted call leaves it in an
/// unknown state.
pub(crate) struct Lease {
    pub(crate) seat: Box<Seat>,
    pub(crate) place: Place,
}

/// One of the places that a component has for instances, taken until it is dropped, also when that happens in the middle
/// of a call.
pub(crate) struct Place {
    pub(crate) component: Arc<HookComponent>,
    /// Counted among `max_instances`.
    counted: bool,
}

impl Place {
    fn new(component: &Arc<HookComponent>, counted: bool) -> Self {
        component.shared().metrics.enter();
        Self { component: Arc::clone(component), counted }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.component.shared().metrics.leave();
        if self.counted {
            self.component.permits().add_permits(1);
        }
    }
}

impl Lease {
    /// Takes a seat if one can be had at once. The first one of a request waits for a free one; further ones never wait,
    /// since N requests that each hold one and wait for another would wait for ever.
    pub(crate) fn now(component: &Arc<HookComponent>, first: bool) -> Option<Self> {
        match component.permits().try_acquire() {
            Ok(permit) => {
                permit.forget();
                Some(Self::of(Place::new(component, true)))
            }
            Err(_) if !first => Some(Self::of(Place::new(component, false))),
            Err(_) => None,
        }
    }

    /// Waits for a free seat.
    pub(crate) async fn wait(
        component: &Arc<HookComponent>,
        export: &'static str,
    ) -> Result<Self, HookError> {
        let started = Instant::now();
        let limit = component.config().queue_timeout;
        let waited = tokio::time::timeout(limit, component.permits().acquire()).await;
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
        permit.forget();
        Ok(Self::of(Place::new(component, true)))
    }

    fn of(place: Place) -> Self {
        let seat = place.component.idle_seat().unwrap_or_else(|| Seat::fresh(&place.component));
        Self { seat, place }
    }

    /// Gives the seat back after a request that went well.
    pub(crate) fn give_back(self) {
        let Self { seat, place } = self;
        place.component.keep(seat);
    }
}
