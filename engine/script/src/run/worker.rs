//! A thread that owns instances and drives their calls. Calls that wait do not hold it up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::call::{Call, Event, Failure, HostError};
use super::instance::Instance;
use super::pool::{Lease, Limits, Shared};

/// Room for QuickJS's own stack limit and what Rust needs below it.
const THREAD_STACK: usize = 16 * 1024 * 1024;

/// A message to a worker.
pub(super) enum Message {
    Call(Box<Work>),
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

type Instances = Rc<RefCell<HashMap<u64, Instance>>>;

fn run(mut receiver: mpsc::UnboundedReceiver<Message>, load: &Arc<AtomicUsize>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
    let instances = Instances::default();
    let local = LocalSet::new();
    local.block_on(&runtime, async move {
        while let Some(message) = receiver.recv().await {
            match message {
                Message::Forget(instance) => {
                    instances.borrow_mut().remove(&instance);
                }
                Message::Call(work) => {
                    let instances = Rc::clone(&instances);
                    let load = Arc::clone(load);
                    tokio::task::spawn_local(async move {
                        serve(*work, &instances).await;
                        load.fetch_sub(1, Ordering::Relaxed);
                    });
                }
            }
        }
    });
}

async fn serve(work: Work, instances: &Instances) {
    let Work { lease, fresh, settings, call, events, answers, cancelled } = work;
    let known = instances.borrow_mut().remove(&lease.instance);
    let instance = match (known, fresh) {
        (Some(instance), _) => Ok(instance),
        (None, Some(shared)) => Instance::new(&shared, &call.script),
        (None, None) => Err(Failure::new(super::FailureKind::Stuck, "the instance of the script is gone")),
    };
    let mut instance = match instance {
        Ok(instance) => instance,
        Err(failure) => {
            let _ = events.send(Event::Done(Err(failure)));
            return;
        }
    };
    let (result, reusable) = instance.call(&call, settings, &events, answers, cancelled).await;
    // Back before the caller learns of it, so that its next call finds this instance.
    if reusable && let Some(owner) = lease.owner.upgrade() {
        instances.borrow_mut().insert(lease.instance, instance);
        if !owner.put_back(&lease) {
            instances.borrow_mut().remove(&lease.instance);
        }
    }
    let _ = events.send(Event::Done(result));
}
