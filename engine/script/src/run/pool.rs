//! Which instance serves a call: the first free one of the script, else a new one.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc;

use super::call::{Call, CallHandle, Event, Failure, FailureKind};
use super::worker::{Message, Work, Worker};
use crate::bundle::Scripts;

/// Idle instances that are kept per script.
const KEEP: usize = 8;

/// What a call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Computing time of one call.
    pub computing: Duration,
    /// Time of one call, waiting for queries and the network included.
    pub total: Duration,
    /// Memory of one instance, in bytes.
    pub memory: usize,
    /// Stack of one instance, in bytes.
    pub stack: usize,
    /// Questions to the engine that may be open at once.
    pub open_requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            computing: Duration::from_secs(10),
            total: Duration::from_secs(60),
            memory: 128 * 1024 * 1024,
            stack: 1024 * 1024,
            open_requests: 256,
        }
    }
}

/// Settings of a runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunSettings {
    /// Limits of every call.
    pub limits: Limits,
}

/// Runs functions of scripts. Clones share their instances; with the last one they are dropped.
#[derive(Debug, Clone)]
pub struct ScriptRuntime {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) scripts: Arc<Scripts>,
    pub(super) settings: RunSettings,
    instances: Mutex<Instances>,
}

#[derive(Debug, Default)]
struct Instances {
    /// Idle instances by script, oldest first, with their worker.
    idle: HashMap<String, BTreeSet<(u64, usize)>>,
}

/// A claim on an instance.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) instance: u64,
    pub(super) worker: usize,
    pub(super) script: String,
    pub(super) owner: Weak<Shared>,
}

impl ScriptRuntime {
    /// A runtime without instances yet; one of them is prepared for.
    pub fn new(scripts: Arc<Scripts>, settings: RunSettings) -> Self {
        let shared = Arc::new(Shared { scripts, settings, instances: Mutex::default() });
        if !shared.scripts.is_empty() {
            // The first call goes to the first of those that have nothing to do.
            let worker = workers().iter().min_by_key(|worker| worker.load());
            // A thread that cannot be started shows with the first call.
            worker.map(|worker| worker.send(Message::Prepare));
        }
        Self { shared }
    }

    /// Starts a call.
    pub fn call(&self, call: Call) -> CallHandle {
        let (event_sender, events) = mpsc::unbounded_channel();
        let (answers, answer_receiver) = mpsc::unbounded_channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let handle = CallHandle { events, answers, cancelled: Arc::clone(&cancelled) };
        let workers = workers();
        let (lease, fresh) = self.lease(&call.script, workers);
        let worker = &workers[lease.worker];
        let work = Work {
            lease,
            fresh: fresh.then(|| Arc::clone(&self.shared)),
            settings: self.shared.settings.limits,
            call,
            events: event_sender.clone(),
            answers: answer_receiver,
            cancelled,
        };
        if !worker.send(Message::Call(Box::new(work))) {
            let failure = Failure::new(FailureKind::Stuck, "the thread for scripts could not be started");
            // The receiver is in the handle.
            let _ = event_sender.send(Event::Done(Err(failure)));
        }
        handle
    }

    /// The first free instance, else the number of one to be made on the worker with the least to do.
    fn lease(&self, script: &str, workers: &[Worker]) -> (Lease, bool) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let lease = |instance, worker| Lease {
            instance,
            worker,
            script: script.to_owned(),
            owner: Arc::downgrade(&self.shared),
        };
        let idle = self.shared.lock().idle.get_mut(script).and_then(BTreeSet::pop_first);
        if let Some((instance, worker)) = idle {
            return (lease(instance, worker), false);
        }
        let worker = (0..workers.len()).min_by_key(|index| workers[*index].load()).unwrap_or(0);
        (lease(NEXT.fetch_add(1, Ordering::Relaxed), worker), true)
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Instances> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an instance back; `false` when there are enough and it should be dropped.
    pub(super) fn put_back(&self, lease: &Lease) -> bool {
        let mut instances = self.lock();
        let idle = instances.idle.entry(lease.script.clone()).or_default();
        idle.len() < KEEP && idle.insert((lease.instance, lease.worker))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let instances = std::mem::take(&mut *self.lock());
        for (instance, worker) in instances.idle.into_values().flatten() {
            if let Some(worker) = workers().get(worker) {
                worker.send(Message::Forget(instance));
            }
        }
    }
}

/// The worker threads of the process. They are started when first used and end with it.
fn workers() -> &'static [Worker] {
    static WORKERS: OnceLock<Vec<Worker>> = OnceLock::new();
    WORKERS.get_or_init(|| {
        let count = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
        (0..count).map(Worker::new).collect()
    })
}
