//! Work on demand whose results may come out of order: the newest order wins, whatever it was that took longer.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use studio_events::EventKind;
use tokio::task::AbortHandle;

use crate::bus::Bus;

/// What is under way, by what it is about.
#[derive(Debug)]
pub(super) struct Newest<K> {
    under_way: Arc<Mutex<Running<K>>>,
}

#[derive(Debug)]
struct Running<K> {
    number: u64,
    by_key: HashMap<K, (u64, Option<AbortHandle>)>,
}

impl<K> Default for Newest<K> {
    fn default() -> Self {
        Self { under_way: Arc::new(Mutex::new(Running { number: 0, by_key: HashMap::new() })) }
    }
}

impl<K: Hash + Eq + Clone + Send + 'static> Newest<K> {
    /// Starts the work and publishes its result, unless the same is ordered again before: then this one is given up.
    pub(super) fn start(
        &self,
        bus: &Bus,
        key: K,
        work: impl Future<Output = Option<EventKind>> + Send + 'static,
    ) {
        let mut running = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        running.number += 1;
        let number = running.number;
        if let Some((_, Some(older))) = running.by_key.insert(key.clone(), (number, None)) {
            // Its connection cancels the statement.
            older.abort();
        }
        let (bus, under_way, of_task) = (bus.clone(), Arc::clone(&self.under_way), key.clone());
        let task = tokio::spawn(async move {
            let result = work.await;
            let mut running = under_way.lock().unwrap_or_else(PoisonError::into_inner);
            // An aborted task may get this far before it notices.
            if running.by_key.get(&of_task).is_some_and(|(newest, _)| *newest == number) {
                running.by_key.remove(&of_task);
                // Under the lock, so that nothing newer can come before it.
                if let Some(kind) = result {
                    bus.send(kind);
                }
            }
        });
        if let Some((_, handle)) = running.by_key.get_mut(&key) {
            *handle = Some(task.abort_handle());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use studio_events::{LogLevel, LogLine};
    use tokio::sync::oneshot;

    fn line(text: &str) -> EventKind {
        EventKind::Log(LogLine {
            level: LogLevel::Info,
            source: "test".into(),
            text: text.into(),
            trace: None,
        })
    }

    #[tokio::test]
    async fn a_late_result_of_an_older_order_does_not_follow_a_newer_one() {
        let bus = Bus::start();
        let mut events = bus.subscribe();
        let newest = Newest::default();
        let (_slow, wait) = oneshot::channel::<()>();
        newest.start(&bus, 1, async move {
            let _ = wait.await;
            Some(line("older"))
        });
        let (other, wait) = oneshot::channel::<()>();
        newest.start(&bus, 2, async move {
            let _ = wait.await;
            Some(line("about something else"))
        });
        newest.start(&bus, 1, async { Some(line("newer")) });
        assert_eq!(events.recv().await.unwrap().kind, line("newer"));
        other.send(()).unwrap();
        assert_eq!(events.recv().await.unwrap().kind, line("about something else"));
        let left = newest.under_way.lock().unwrap().by_key.len();
        assert_eq!(left, 0, "nothing is kept of what has ended");
    }
}
