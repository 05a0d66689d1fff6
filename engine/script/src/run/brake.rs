//! What stops a script that takes too much, and what puts one aside that keeps a thread from others.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use corosensei::Yielder;

use super::pool::Limits;

/// The way out of a running script, on the stack of that script.
type Exit = NonNull<Yielder<(), ()>>;

/// The clock of one call. QuickJS asks it every few thousand steps, and we between jobs.
#[derive(Default)]
pub(super) struct Brake {
    /// Computing time that is left to the call.
    left: Cell<Duration>,
    /// When the call ends at the latest.
    until: Cell<Option<Instant>>,
    /// While JavaScript runs: since when. Time that it was put aside is taken out.
    since: Cell<Option<Instant>>,
    /// When the thread is wanted back.
    patience: Cell<Option<Instant>>,
    exit: Cell<Option<Exit>>,
    stopped: Cell<bool>,
    cancelled: RefCell<Arc<AtomicBool>>,
}

impl Brake {
    /// A call begins.
    pub(super) fn begin(&self, limits: Limits, until: Instant, cancelled: Arc<AtomicBool>) {
        self.left.set(limits.computing);
        self.until.set(Some(until));
        self.stopped.set(false);
        *self.cancelled.borrow_mut() = cancelled;
    }

    /// JavaScript begins to run.
    pub(super) fn release(&self) {
        self.since.set(Some(Instant::now()));
    }

    /// It has run; says for how long.
    pub(super) fn apply(&self) -> Duration {
        let ran = self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.left.set(self.left.get().saturating_sub(ran));
        ran
    }

    /// Whether JavaScript has to end. Comes back later, perhaps in another thread, when the patience is exhausted.
    pub(super) fn is_over(&self) -> bool {
        let now = Instant::now();
        let late = self.since.get().is_some_and(|since| {
            now >= since + self.left.get() || self.until.get().is_some_and(|until| now >= until)
        });
        if late || self.is_cancelled() {
            self.stopped.set(true);
            return true;
        }
        if self.patience.get().is_some_and(|until| now >= until) {
            self.step_aside(now);
        }
        false
    }

    /// The limits stopped the script, whatever it made of that.
    pub(super) fn has_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// The caller went away.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.borrow().load(Ordering::Relaxed)
    }

    /// Stops the script as if its caller had gone away.
    pub(super) fn cancel(&self) {
        self.cancelled.borrow().store(true, Ordering::Relaxed);
    }

    /// How long the script may have the thread; `None`: to its end.
    pub(super) fn be_patient(&self, patience: Option<Duration>) {
        self.patience.set(patience.map(|patience| Instant::now() + patience));
    }

    /// The script runs on a stack that can be left; `None` when it no longer does.
    pub(super) fn set_exit(&self, exit: Option<&Yielder<(), ()>>) {
        self.exit.set(exit.map(NonNull::from));
    }

    fn step_aside(&self, now: Instant) {
        self.patience.set(None);
        let Some(exit) = self.exit.get() else { return };
        #[expect(
            unsafe_code,
            reason = "it is set for as long as the function that was given it runs, and that function waits for us"
        )]
        let exit = unsafe { exit.as_ref() };
        exit.suspend(());
        // Waiting for a thread is no computing.
        self.since.set(self.since.get().map(|since| since + now.elapsed()));
    }
}
