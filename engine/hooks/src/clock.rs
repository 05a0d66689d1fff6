//! Time of one call: a deadline that stands still while the rest of the chain runs.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// The deadline of a call.
#[derive(Debug)]
pub(crate) struct CallClock(Mutex<State>);

#[derive(Debug)]
struct State {
    deadline: Instant,
    paused: Option<Instant>,
    rest: Duration,
}

impl CallClock {
    pub(crate) fn start(limit: Duration) -> Self {
        Self(Mutex::new(State { deadline: Instant::now() + limit, paused: None, rest: Duration::ZERO }))
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.with(|state| state.paused.is_none() && Instant::now() >= state.deadline)
    }

    /// Time left; what is left at the pause while it is paused.
    pub(crate) fn remaining(&self) -> Duration {
        self.with(|state| state.deadline.saturating_duration_since(state.paused.unwrap_or_else(Instant::now)))
    }

    pub(crate) fn pause(&self) {
        self.with(|state| {
            state.paused.get_or_insert_with(Instant::now);
        });
    }

    pub(crate) fn resume(&self) {
        self.with(|state| {
            if let Some(since) = state.paused.take() {
                let time = since.elapsed();
                state.deadline += time;
                state.rest += time;
            }
        });
    }

    /// Time spent in pauses.
    pub(crate) fn rest(&self) -> Duration {
        self.with(|state| state.rest)
    }

    /// Waits until the deadline has passed.
    pub(crate) async fn over(&self) {
        loop {
            if self.is_over() {
                return;
            }
            // A pause can only move it further away; the shortest sleep keeps this from spinning.
            tokio::time::sleep(self.remaining().max(Duration::from_millis(1))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_moves_the_deadline() {
        let clock = CallClock::start(Duration::ZERO);
        assert!(clock.is_over());
        let clock = CallClock::start(Duration::from_secs(60));
        clock.pause();
        let left = clock.remaining();
        assert_eq!(clock.remaining(), left);
        clock.resume();
        assert!(clock.remaining() <= left && !clock.is_over());
    }
}
