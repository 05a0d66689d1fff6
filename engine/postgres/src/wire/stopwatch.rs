//! Where the time of a statement went: sending it, waiting for the database, receiving its rows.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Notes when a statement was handed over to be sent and when its answer began.
///
/// Shared references suffice, because the future that is watched borrows it while it runs.
#[derive(Debug)]
pub(super) struct Stopwatch {
    began: Instant,
    /// Nanoseconds since the beginning; 0 while it has not happened.
    sent: AtomicU64,
    answered: AtomicU64,
}

/// The parts of a statement's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// When its turn came: at once, or when the answer of the statement before it was complete.
    pub start: Duration,
    /// From then until it was handed over to the connection.
    pub send: Duration,
    /// From the first message of its answer to the last row.
    pub receive: Duration,
    /// From its turn to its last row.
    pub whole: Duration,
}

/// When things happened, since the beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    sent: Option<Duration>,
    answered: Option<Duration>,
    end: Duration,
}

impl Stopwatch {
    /// Began then, perhaps with others.
    pub(super) fn since(began: Instant) -> Self {
        Self { began, sent: AtomicU64::new(0), answered: AtomicU64::new(0) }
    }

    /// Runs what sends a statement; its first poll hands it over.
    pub(super) async fn first_poll<F: Future>(&self, sending: F) -> F::Output {
        let mut sending = pin!(sending);
        poll_fn(|cx| {
            let polled = sending.as_mut().poll(cx);
            if self.sent.load(Ordering::Relaxed) == 0 {
                self.sent.store(self.now(), Ordering::Relaxed);
            }
            polled
        })
        .await
    }

    /// The answer began.
    pub(super) fn answered(&self) {
        self.answered.store(self.now(), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// What was noted, with now as the end.
    pub(super) fn marks(&self) -> Marks {
        let [sent, answered] = [&self.sent, &self.answered].map(|at| {
            let at = at.load(Ordering::Relaxed);
            (at > 0).then(|| Duration::from_nanos(at))
        });
        Marks { sent, answered, end: self.began.elapsed() }
    }
}

impl Marks {
    /// The parts, when its turn came `start` after the beginning.
    pub(super) fn times(self, start: Duration) -> Times {
        let end = self.end.max(start);
        let sent = self.sent.unwrap_or(end).clamp(start, end);
        let answered = self.answered.unwrap_or(end).clamp(sent, end);
        Times { start, send: sent - start, receive: end - answered, whole: end - start }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(sent: u64, answered: u64, end: u64) -> Marks {
        let [sent, answered, end] = [sent, answered, end].map(Duration::from_micros);
        Marks { sent: Some(sent), answered: Some(answered), end }
    }

    fn parts(times: Times) -> [u128; 4] {
        [times.start, times.send, times.receive, times.whole].map(|time| time.as_micros())
    }

    #[test]
    fn statements_that_travel_together_take_turns() {
        let first = marks(3, 100, 120).times(Duration::ZERO);
        assert_eq!(parts(first), [0, 3, 20, 120]);
        // It was sent long before its turn.
        let second = marks(4, 150, 151).times(first.start + first.whole);
        assert_eq!(parts(second), [120, 0, 1, 31]);
        // Its answer came in the same packet as the one before.
        let third = marks(5, 150, 151).times(second.start + second.whole);
        assert_eq!(parts(third), [151, 0, 0, 0]);
    }

    #[test]
    fn what_never_got_an_answer_was_not_received() {
        let lost = Marks { answered: None, ..marks(3, 0, 50) };
        assert_eq!(parts(lost.times(Duration::ZERO)), [0, 3, 0, 50]);
    }

    #[tokio::test]
    async fn the_first_poll_sends() {
        let watch = Stopwatch::since(Instant::now());
        assert!(watch.marks().sent.is_none());
        let sent = watch.first_poll(async {
            tokio::task::yield_now().await;
            watch.marks().sent
        });
        let sent = sent.await;
        assert!(sent.is_some() && watch.marks().answered.is_none());
        watch.answered();
        let marks = watch.marks();
        assert!(marks.sent == sent && marks.answered >= sent && marks.end >= sent.unwrap());
    }
}
