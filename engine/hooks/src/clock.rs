//! Time of one call: a deadline that stands still while the rest of the chain runs.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// The deadline of the current call on an instance.
#[derive(Debug)]
pub(crate) struct CallClock(Mutex<State>);

#[derive(Debug)]
struct State {
    deadline: Instant,
    paused: Option<Instant>,
    rest: Duration,
}

impl State {
    fn until(deadline: Instant) -> Self {
        Self { deadline, paused: None, rest: Duration::ZERO }
    }
}

impl CallClock {
    /// The clock of a call that ends then.
    pub(crate) fn until(deadline: Instant) -> Self {
        Self(Mutex::new(State::until(deadline)))
    }

    /// Begins another call.
    pub(crate) fn start(&self, deadline: Instant) {
        self.with(|state| *state = State::until(deadline));
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
        let clock = CallClock::until(Instant::now());
        assert!(clock.is_over());
        clock.start(Instant::now() + Duration::from_secs(60));
        clock.pause();
        let left = clock.remaining();
        assert_eq!(clock.remaining(), left);
        clock.resume();
        assert!(clock.remaining() <= left && !clock.is_over());
    }
}
