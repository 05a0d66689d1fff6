//! Whether a function is quick, learned from its calls.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// A run that computes longer is slow. Slow functions are run by the threads for scripts from the start: the way there
/// and back is little to them, and much to whoever waits for a thread that answers requests.
const QUICK: Duration = Duration::from_micros(200);
/// How many quick runs make up for a slow one. The clock on the wall calls every run slow in which the system gave the
/// processor to somebody else, so an average would say more about the machine than about the function.
const WEIGHT: u8 = 8;
/// A function is slow from here on.
const SLOW: u8 = 2 * WEIGHT;
/// What is slow for long is quick again after this less `SLOW` quick runs.
const MOST: u8 = 3 * WEIGHT;

/// The pace of a function: one more than what speaks against it, and zero while nothing is known.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU8);

impl Pace {
    /// It is known to be quick.
    pub(super) fn is_quick(&self) -> bool {
        (1..=SLOW).contains(&self.0.load(Ordering::Relaxed))
    }

    /// Takes a run into account.
    pub(super) fn note(&self, time: Duration) {
        let slow = time > QUICK;
        let next = match self.0.load(Ordering::Relaxed) {
            0 if slow => MOST + 1,
            known if slow => (known + WEIGHT).min(MOST + 1),
            known => known.saturating_sub(1).max(1),
        };
        // An update that gets lost between two threads is no loss.
        self.0.store(next, Ordering::Relaxed);
    }

    /// Takes a run into account that was put aside, and goes on for nobody knows how long.
    pub(super) fn note_endless(&self) {
        self.note(Duration::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_micros(20);

    fn runs_until_quick(pace: &Pace) -> u8 {
        let mut runs = 0;
        while !pace.is_quick() {
            pace.note(SHORT);
            runs += 1;
        }
        runs
    }

    #[test]
    fn a_function_is_quick_once_it_has_been() {
        let pace = Pace::default();
        assert!(!pace.is_quick());
        pace.note(SHORT);
        assert!(pace.is_quick());
        let pace = Pace::default();
        pace.note_endless();
        assert_eq!(runs_until_quick(&pace), MOST - SLOW + 1);
    }

    #[test]
    fn a_slow_run_now_and_then_is_forgiven_and_several_are_not() {
        let pace = Pace::default();
        pace.note(SHORT);
        for _ in 0..100 {
            pace.note_endless();
            assert!(pace.is_quick());
            (0..WEIGHT).for_each(|_| pace.note(SHORT));
        }
        // Every fourth run is too many.
        for _ in 0..100 {
            pace.note_endless();
            (0..3).for_each(|_| pace.note(SHORT));
        }
        assert!(!pace.is_quick());
        assert!(runs_until_quick(&pace) <= MOST);
    }
}
