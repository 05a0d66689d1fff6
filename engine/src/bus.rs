//! The event bus: one task numbers facts, applies them to the state and hands both out.
//!
//! Requests never wait for it: traces go through a bounded queue and losses are counted and shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use studio_events::{
    EventKind, LogLevel, LogLine, Stream, StudioEvent, StudioState, Timestamp, Trace, TraceId,
};
use tokio::sync::{broadcast, mpsc, watch};

/// How many traces may wait for the reducer.
const TRACE_QUEUE: usize = 1024;
/// How many facts a slow reader of the raw stream may lag behind.
const STREAM_QUEUE: usize = 4096;
/// How many facts are applied at most between two published states.
const BATCH: usize = 512;
/// Rest after a state with new requests: under load one state is published for many requests, not for each of them.
const REST: Duration = Duration::from_millis(2);

/// Now, as the events count time.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// The sending side; cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    facts: mpsc::UnboundedSender<EventKind>,
    traces: mpsc::Sender<Arc<Trace>>,
    lost: Arc<AtomicU64>,
    states: watch::Receiver<Arc<StudioState>>,
    stream: broadcast::Sender<Arc<StudioEvent>>,
}

impl Bus {
    /// Starts the task on the current runtime.
    pub fn start() -> Self {
        let (facts, fact_queue) = mpsc::unbounded_channel();
        let (traces, trace_queue) = mpsc::channel(TRACE_QUEUE);
        let (publish, states) = watch::channel(Arc::new(StudioState::default()));
        let (stream, _) = broadcast::channel(STREAM_QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let bus = Self { facts, traces, lost: Arc::clone(&lost), states, stream: stream.clone() };
        tokio::spawn(reduce(fact_queue, trace_queue, publish, stream, lost));
        bus
    }

    /// Publishes a fact.
    pub fn send(&self, kind: EventKind) {
        // The task ends only with the runtime; nobody is left to read then.
        let _ = self.facts.send(kind);
    }

    /// Publishes a trace, or counts it as lost when the queue is full.
    pub fn trace(&self, trace: Arc<Trace>) {
        if self.traces.try_send(trace).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Publishes a log line.
    pub fn log(&self, level: LogLevel, source: &str, text: impl Into<String>) {
        self.log_of(level, source, text, None);
    }

    /// Publishes a log line of a request.
    pub fn log_of(&self, level: LogLevel, source: &str, text: impl Into<String>, trace: Option<TraceId>) {
        self.send(EventKind::Log(LogLine { level, source: source.to_owned(), text: text.into(), trace }));
    }

    /// Whole states; a slow reader skips.
    pub fn states(&self) -> watch::Receiver<Arc<StudioState>> {
        self.states.clone()
    }

    /// The raw stream from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<StudioEvent>> {
        self.stream.subscribe()
    }
}

async fn reduce(
    mut facts: mpsc::UnboundedReceiver<EventKind>,
    mut traces: mpsc::Receiver<Arc<Trace>>,
    publish: watch::Sender<Arc<StudioState>>,
    stream: broadcast::Sender<Arc<StudioEvent>>,
    lost: Arc<AtomicU64>,
) {
    let mut state = StudioState::default();
    let mut seq = 0;
    loop {
        let first = tokio::select! {
            biased;
            fact = facts.recv() => fact,
            trace = traces.recv() => trace.map(EventKind::Request),
        };
        let Some(first) = first else { return };
        let mut next = Some(first);
        let mut applied = Vec::new();
        // What waits is applied before one state is published: that limits frames for free.
        while let Some(kind) = next {
            seq += 1;
            let event = Arc::new(StudioEvent { seq, at: now(), kind });
            state.apply(&event);
            applied.push(event);
            if applied.len() == BATCH {
                break;
            }
            next = facts.try_recv().ok().or_else(|| traces.try_recv().ok().map(EventKind::Request));
        }
        let dropped = lost.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            seq += 1;
            let kind = EventKind::Lost { stream: Stream::Requests, count: dropped };
            let event = Arc::new(StudioEvent { seq, at: now(), kind });
            state.apply(&event);
            applied.push(event);
        }
        publish.send_replace(Arc::new(state.clone()));
        let requests = applied.iter().any(|event| matches!(event.kind, EventKind::Request(_)));
        // Whoever hears a fact finds it in the state.
        for event in applied {
            let _ = stream.send(event);
        }
        if requests {
            tokio::time::sleep(REST).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use studio_events::ProjectInfo;

    #[tokio::test]
    async fn every_loss_is_counted_also_while_more_comes() {
        let bus = Bus::start();
        let mut states = bus.states();
        let sent = u64::try_from(TRACE_QUEUE + BATCH).unwrap() * 3;
        for number in 0..sent {
            // Nothing else runs meanwhile, so the queue overflows; facts keep the reducer busy afterwards.
            bus.trace(Arc::new(trace(u32::try_from(number).unwrap())));
            bus.log(LogLevel::Info, "test", "more");
        }
        let counted = |state: &Arc<StudioState>| state.traces.pushed() + state.traces_lost == sent;
        tokio::time::timeout(std::time::Duration::from_secs(60), states.wait_for(counted))
            .await
            .unwrap()
            .unwrap();
        assert!(states.borrow().traces_lost > 0);
    }

    fn trace(id: u32) -> Trace {
        Trace {
            id: studio_events::TraceId(id),
            at: now(),
            revision: studio_events::Revision(1),
            status: 200,
            total: studio_events::Micros(1),
            ..Trace::default()
        }
    }

    #[tokio::test]
    async fn a_state_holds_everything_sent_before_it() {
        let bus = Bus::start();
        let mut events = bus.subscribe();
        let mut states = bus.states();
        let project = ProjectInfo { name: "todo".into(), ..ProjectInfo::default() };
        bus.send(EventKind::Project(project));
        bus.log(LogLevel::Info, "test", "hello");
        states.wait_for(|state| state.seq == 2).await.unwrap();
        assert_eq!(states.borrow().project.name, "todo");
        assert_eq!(events.recv().await.unwrap().seq, 1);
        assert_eq!(events.recv().await.unwrap().seq, 2);
    }
}
