//! How states and lines reach the drawing thread: handed over on the engine's side, looked at without ever waiting
//! on a lock here.

use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use studio_events::{EventKind, StudioEvent, StudioState};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast, mpsc, watch};
use tokio::task::JoinHandle;

use crate::plain;

/// Lines that may wait for the drawing thread; more are counted and dropped.
const LINES: usize = 1024;
/// Rest after handing over, shorter than a frame: under load the drawing thread is woken for many facts at once and not
/// for each of them.
const REST: Duration = Duration::from_millis(16);

/// The newest state. The writer replaces it under a lock that it holds for one assignment; the reader takes it when
/// nobody writes and otherwise keeps what it has.
#[derive(Debug, Default)]
struct Slot {
    state: Mutex<Option<Arc<StudioState>>>,
    fresh: Notify,
}

/// Where the drawing thread finds states.
#[derive(Debug)]
pub(crate) struct Mailbox {
    slot: Arc<Slot>,
}

/// Lines of the plain log, in order.
pub(crate) type Lines = mpsc::Receiver<String>;

/// The tasks that fill a mailbox; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Feeders([JoinHandle<()>; 2]);

impl Drop for Feeders {
    fn drop(&mut self) {
        for feeder in &self.0 {
            feeder.abort();
        }
    }
}

/// What came of looking for a new state.
#[derive(Debug)]
pub(crate) enum Looked {
    /// A new one.
    Fresh(Arc<StudioState>),
    /// Nothing new.
    Same,
    /// The writer is at it: look again with the next frame.
    Busy,
}

impl Mailbox {
    /// Starts to fill a mailbox on the current runtime.
    pub(crate) fn start(
        states: watch::Receiver<Arc<StudioState>>,
        events: broadcast::Receiver<Arc<StudioEvent>>,
    ) -> (Self, Lines, Feeders) {
        let slot = Arc::new(Slot::default());
        let (sender, lines) = mpsc::channel(LINES);
        let of_lines = states.clone();
        let feeders = [
            tokio::spawn(feed_states(states, Arc::clone(&slot))),
            tokio::spawn(feed_lines(events, of_lines, sender)),
        ];
        (Self { slot }, lines, Feeders(feeders))
    }

    /// Waits until there may be a new state.
    pub(crate) async fn fresh(&self) {
        self.slot.fresh.notified().await;
    }

    /// The newest state, without waiting.
    pub(crate) fn look(&self) -> Looked {
        match self.slot.state.try_lock() {
            Ok(mut state) => state.take().map_or(Looked::Same, Looked::Fresh),
            Err(TryLockError::Poisoned(poisoned)) => {
                poisoned.into_inner().take().map_or(Looked::Same, Looked::Fresh)
            }
            Err(TryLockError::WouldBlock) => Looked::Busy,
        }
    }
}

async fn feed_states(mut states: watch::Receiver<Arc<StudioState>>, slot: Arc<Slot>) {
    loop {
        let state = Arc::clone(&states.borrow_and_update());
        // What was there is dropped after the lock is free.
        let old = slot.state.lock().unwrap_or_else(PoisonError::into_inner).replace(state);
        drop(old);
        slot.fresh.notify_one();
        tokio::time::sleep(REST).await;
        if states.changed().await.is_err() {
            return;
        }
    }
}

async fn feed_lines(
    mut events: broadcast::Receiver<Arc<StudioEvent>>,
    states: watch::Receiver<Arc<StudioState>>,
    lines: mpsc::Sender<String>,
) {
    let mut lost = 0_u64;
    loop {
        let mut is_request = false;
        let line = match events.recv().await {
            Ok(event) => {
                is_request = matches!(event.kind, EventKind::Request(_));
                let state = Arc::clone(&states.borrow());
                plain::line(&event, &state)
            }
            Err(RecvError::Lagged(count)) => {
                lost = lost.saturating_add(count);
                None
            }
            Err(RecvError::Closed) => return,
        };
        if lost > 0 && lines.try_send(format!("… {lost} facts came too fast to be listed")).is_ok() {
            lost = 0;
        }
        if let Some(line) = line
            && let Err(error) = lines.try_send(line)
        {
            match error {
                mpsc::error::TrySendError::Full(_) => lost = lost.saturating_add(1),
                mpsc::error::TrySendError::Closed(_) => return,
            }
        }
        if is_request && events.is_empty() {
            tokio::time::sleep(REST).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use studio_events::{LogLevel, LogLine, Timestamp};

    fn event(seq: u64) -> Arc<StudioEvent> {
        let text = format!("fact {seq}");
        let kind =
            EventKind::Log(LogLine { level: LogLevel::Info, source: "test".into(), text, trace: None });
        Arc::new(StudioEvent { seq, at: Timestamp(seq), kind })
    }

    #[tokio::test]
    async fn the_reader_gets_the_newest_state_and_never_waits_for_the_writer() {
        let (publish, states) = watch::channel(Arc::new(StudioState::default()));
        let (_stream, events) = broadcast::channel(4);
        let (mailbox, _lines, _feeders) = Mailbox::start(states, events);
        mailbox.fresh().await;
        assert!(matches!(mailbox.look(), Looked::Fresh(state) if state.seq == 0));
        for seq in 1..=3 {
            publish.send_replace(Arc::new(StudioState { seq, ..StudioState::default() }));
        }
        mailbox.fresh().await;
        assert!(matches!(mailbox.look(), Looked::Fresh(state) if state.seq == 3), "what was skipped is gone");
        assert!(matches!(mailbox.look(), Looked::Same));
        let writing = mailbox.slot.state.lock().unwrap();
        assert!(matches!(mailbox.look(), Looked::Busy));
        drop(writing);
        assert!(matches!(mailbox.look(), Looked::Same));
    }

    #[tokio::test]
    async fn lines_that_come_too_fast_are_counted() {
        let (_publish, states) = watch::channel(Arc::new(StudioState::default()));
        let (stream, events) = broadcast::channel(8);
        for seq in 0..20 {
            stream.send(event(seq)).unwrap();
        }
        let (_mailbox, mut lines, _feeders) = Mailbox::start(states, events);
        assert_eq!(lines.recv().await.unwrap(), "… 12 facts came too fast to be listed");
        assert_eq!(lines.recv().await.unwrap(), "test      fact 12");
        drop(stream);
        let mut last = String::new();
        while let Some(line) = lines.recv().await {
            last = line;
        }
        assert_eq!(last, "test      fact 19");
    }
}
