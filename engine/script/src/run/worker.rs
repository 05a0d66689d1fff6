//! A thread that owns instances and drives their calls. Calls that wait do not hold it up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::call::{Call, Event, Failure, HostError};
use super::instance::{Blank, Instance};
use super::pool::{Lease, Limits, Shared};

/// Room for QuickJS's own stack limit and what Rust needs below it.
const THREAD_STACK: usize = 16 * 1024 * 1024;

/// A message to a worker.
pub(super) enum Message {
    Call(Box<Work>),
    /// Have an engine ready for the next new instance.
    Prepare,
    /// Drop an instance that nobody leases.
    Forget(u64),
}

/// A call for a worker.
pub(super) struct Work {
    pub(super) lease: Lease,
    /// The instance has to be made from this.
    pub(super) fresh: Option<Arc<Shared>>,
    pub(super) settings: Limits,
    pub(super) call: Call,
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) answers: mpsc::UnboundedReceiver<(u32, Result<String, HostError>)>,
    pub(super) cancelled: Arc<AtomicBool>,
}

/// A thread, started by its first message.
#[derive(Debug)]
pub(super) struct Worker {
    index: usize,
    sender: OnceLock<Option<mpsc::UnboundedSender<Message>>>,
    /// Calls under way.
    load: Arc<AtomicUsize>,
}

impl Worker {
    pub(super) fn new(index: usize) -> Self {
        Self { index, sender: OnceLock::new(), load: Arc::default() }
    }

    pub(super) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// `false` when the thread does not exist.
    pub(super) fn send(&self, message: Message) -> bool {
        let started = self.sender.get_or_init(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            let load = Arc::clone(&self.load);
            let thread = std::thread::Builder::new()
                .name(format!("script-{}", self.index))
                .stack_size(THREAD_STACK)
                .spawn(move || run(receiver, &load));
            thread.is_ok().then_some(sender)
        });
        let Some(sender) = started else { return false };
        if matches!(message, Message::Call(_)) {
            self.load.fetch_add(1, Ordering::Relaxed);
        }
        sender.send(message).is_ok()
    }
}

/// What a thread owns.
#[derive(Default)]
struct Owned {
    instances: RefCell<HashMap<u64, Instance>>,
    /// Made while there is nothing else to do, used once.
    spare: RefCell<Option<Blank>>,
}

impl Owned {
    fn blank(&self) -> Result<Blank, Failure> {
        self.spare.take().map_or_else(Blank::new, Ok)
    }

    fn prepare(&self) {
        if self.spare.borrow().is_none() {
            // Without one the next instance makes its own, and says what is wrong.
            *self.spare.borrow_mut() = Blank::new().ok();
        }
    }
}

fn run(mut receiver: mpsc::UnboundedReceiver<Message>, load: &Arc<AtomicUsize>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
    let owned = Rc::new(Owned::default());
    let local = LocalSet::new();
    local.block_on(&runtime, async move {
        while let Some(message) = receiver.recv().await {
            match message {
                Message::Forget(instance) => {
                    owned.instances.borrow_mut().remove(&instance);
                }
                Message::Prepare => owned.prepare(),
                Message::Call(work) => {
                    let owned = Rc::clone(&owned);
                    let load = Arc::clone(load);
                    tokio::task::spawn_local(async move {
                        let made = serve(*work, &owned).await;
                        let waiting = load.fetch_sub(1, Ordering::Relaxed);
                        // The caller has its answer; others come first.
                        if made && waiting == 1 {
                            owned.prepare();
                        }
                    });
                }
            }
        }
    });
}

/// Serves a call; `true` when it needed a new instance.
async fn serve(work: Work, owned: &Owned) -> bool {
    let Work { lease, fresh, settings, call, events, answers, cancelled } = work;
    let known = owned.instances.borrow_mut().remove(&lease.instance);
    let made = known.is_none();
    let instance = match (known, fresh) {
        (Some(instance), _) => Ok(instance),
        (None, Some(shared)) => owned.blank().map(|blank| Instance::new(blank, &shared, &call.script)),
        (None, None) => Err(Failure::new(super::FailureKind::Stuck, "the instance of the script is gone")),
    };
    let mut instance = match instance {
        Ok(instance) => instance,
        Err(failure) => {
            let _ = events.send(Event::Done(Err(failure)));
            return made;
        }
    };
    let (result, reusable) = instance.call(&call, settings, &events, answers, cancelled).await;
    // Back before the caller learns of it, so that its next call finds this instance.
    if reusable && let Some(owner) = lease.owner.upgrade() {
        owned.instances.borrow_mut().insert(lease.instance, instance);
        if !owner.put_back(&lease) {
            owned.instances.borrow_mut().remove(&lease.instance);
        }
    }
    let _ = events.send(Event::Done(result));
    made
}
