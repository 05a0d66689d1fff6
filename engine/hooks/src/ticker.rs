//! The thread that advances the epoch while guests run, and sleeps otherwise.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::Duration;

use wasmtime::EngineWeak;

/// How often interruptible code looks at the clock.
const TICK: Duration = Duration::from_millis(1);
/// Ticks after which the thread sleeps when no guest has run meanwhile.
const IDLE_TICKS: u32 = 500;

/// The clock of an engine.
#[derive(Debug, Default)]
pub(crate) struct Ticker {
    /// A guest has run since the last tick.
    used: AtomicBool,
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Ticker {
    /// Who ticks.
    pub(crate) fn set_thread(&self, thread: Thread) {
        // Set once, by the engine.
        let _ = self.thread.set(thread);
    }

    /// A guest is about to run, or runs at a tick: the clock goes on for a while. Mostly it is a look at a flag that
    /// changes once per tick, so that calls on several threads do not disturb each other.
    pub(crate) fn touch(&self) {
        if self.used.load(Ordering::Relaxed) {
            return;
        }
        self.used.store(true, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Ticks as long as the engine exists.
    pub(crate) fn run(&self, engine: &EngineWeak) {
        let mut idle = 0;
        loop {
            std::thread::sleep(TICK);
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
            drop(engine);
            if self.used.swap(false, Ordering::SeqCst) {
                idle = 0;
                continue;
            }
            idle += 1;
            if idle >= IDLE_TICKS {
                self.asleep.store(true, Ordering::SeqCst);
                // Who came before it saw `asleep` is seen here; who comes later wakes us.
                while !self.used.load(Ordering::SeqCst) {
                    std::thread::park();
                }
                self.asleep.store(false, Ordering::SeqCst);
                idle = 0;
            }
        }
    }
}
