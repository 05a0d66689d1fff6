//! What the functions given to JavaScript write to, and what they read.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::brake::Brake;
use super::call::{Call, ConsoleLevel, Event, Failure, HostRequest};
use super::pool::Limits;
use super::threads::Report;

/// Console lines of one call that are passed on.
pub(crate) const MAX_LINES: u32 = 1000;

/// The way out of an engine, for the call that it serves.
#[derive(Default)]
pub(super) struct Link {
    outlet: RefCell<Outlet>,
    open: RefCell<Vec<u32>>,
    timers: RefCell<Vec<(Instant, u32)>>,
    done: RefCell<Option<Result<String, Failure>>>,
    limits: Cell<Limits>,
    /// Console lines of this call.
    lines: Cell<u32>,
    environment: RefCell<Arc<BTreeMap<String, String>>>,
    pub(super) brake: Brake,
}

/// Where events go.
enum Outlet {
    /// Who takes them runs the script.
    Kept(VecDeque<Event>),
    /// Who takes them waits elsewhere.
    Sent(mpsc::UnboundedSender<Report>),
}

impl Default for Outlet {
    fn default() -> Self {
        Self::Kept(VecDeque::new())
    }
}

impl Link {
    /// A call begins.
    pub(super) fn begin(&self, call: &Call) {
        *self.environment.borrow_mut() = Arc::clone(&call.environment);
        self.lines.set(0);
    }

    /// Timers and questions of a call are nothing to the next one.
    pub(super) fn clear(&self) {
        self.open.borrow_mut().clear();
        self.timers.borrow_mut().clear();
        self.done.borrow_mut().take();
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits.get()
    }

    pub(super) fn set_limits(&self, limits: Limits) {
        self.limits.set(limits);
    }

    /// A variable of the environment.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.environment.borrow().get(name).cloned()
    }

    /// All variables, as JSON.
    pub(super) fn variables(&self) -> String {
        serde_json::to_string(&**self.environment.borrow()).unwrap_or_else(|_| "{}".to_owned())
    }

    pub(super) fn emit(&self, event: Event) {
        match &mut *self.outlet.borrow_mut() {
            Outlet::Kept(events) => events.push_back(event),
            Outlet::Sent(reports) => {
                // A caller that went away is noticed by the brake.
                let _ = reports.send(Report::Event(event));
            }
        }
    }

    /// Sends events from now on; gives those that were kept.
    pub(super) fn send_to(&self, reports: mpsc::UnboundedSender<Report>) -> VecDeque<Event> {
        match self.outlet.replace(Outlet::Sent(reports)) {
            Outlet::Kept(events) => events,
            Outlet::Sent(_) => VecDeque::new(),
        }
    }

    /// Keeps events from now on; gives those that were kept before.
    pub(super) fn keep(&self) -> VecDeque<Event> {
        match &mut *self.outlet.borrow_mut() {
            Outlet::Kept(events) => std::mem::take(events),
            sent @ Outlet::Sent(_) => {
                *sent = Outlet::default();
                VecDeque::new()
            }
        }
    }

    /// A line for the console; the rest of a flood is left out.
    pub(super) fn print(&self, level: ConsoleLevel, text: String) {
        let lines = self.lines.get() + 1;
        self.lines.set(lines);
        match lines.cmp(&MAX_LINES) {
            std::cmp::Ordering::Less => self.emit(Event::Console { level, text }),
            std::cmp::Ordering::Equal => {
                let text = format!("(more than {MAX_LINES} lines of one call are left out)");
                self.emit(Event::Console { level: ConsoleLevel::Warn, text });
            }
            std::cmp::Ordering::Greater => {}
        }
    }

    pub(super) fn start_timer(&self, id: u32, wait: Duration) {
        self.timers.borrow_mut().push((Instant::now() + wait, id));
    }

    pub(super) fn stop_timer(&self, id: u32) {
        self.timers.borrow_mut().retain(|(_, known)| *known != id);
    }

    /// The timer that is due next.
    pub(super) fn next_timer(&self) -> Option<(Instant, u32)> {
        self.timers.borrow().iter().copied().min_by_key(|(at, _)| *at)
    }

    /// The function returned or threw.
    pub(super) fn finish(&self, result: Result<String, Failure>) {
        *self.done.borrow_mut() = Some(result);
    }

    /// What the function returned or threw, once.
    pub(super) fn take_result(&self) -> Option<Result<String, Failure>> {
        self.done.borrow_mut().take()
    }

    /// `false` when too many questions are open.
    pub(super) fn ask(&self, id: u32, request: HostRequest) -> bool {
        if self.open.borrow().len() >= self.limits.get().open_requests {
            return false;
        }
        self.open.borrow_mut().push(id);
        self.emit(Event::Ask { id, request });
        true
    }

    /// A question is answered.
    pub(super) fn close(&self, id: u32) {
        self.open.borrow_mut().retain(|open| *open != id);
    }

    /// Something from outside can still go on with the script.
    pub(super) fn waits(&self) -> bool {
        !self.open.borrow().is_empty() || !self.timers.borrow().is_empty()
    }
}
