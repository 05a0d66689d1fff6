//! Numbers of one component.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::failure::{HookError, HookErrorKind};

/// Calls whose times the percentiles are made from.
const WINDOW: usize = 512;

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    calls: AtomicU64,
    fuel: AtomicU64,
    in_use: AtomicU32,
    queue_wait_us: AtomicU64,
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    times: Vec<u64>,
    next: usize,
    errors: Vec<(HookErrorKind, u64)>,
    last_error: Option<String>,
}

/// Numbers of one component at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricsSnapshot {
    /// Calls since it was loaded.
    pub calls: u64,
    /// Median of the newest calls, microseconds.
    pub p50_us: u64,
    /// 95th percentile of the newest calls, microseconds.
    pub p95_us: u64,
    /// Fuel of all calls; none when the engine does not count it.
    pub fuel: u64,
    /// Instances in use.
    pub in_use: u32,
    /// Microseconds that requests waited for an instance, in sum.
    pub queue_wait_us: u64,
    /// Failed calls by code.
    pub errors: Vec<(&'static str, u64)>,
    /// The last failure, as in the log.
    pub last_error: Option<String>,
}

impl Metrics {
    /// Forgets all calls.
    pub(crate) fn reset(&self) {
        for number in [&self.calls, &self.fuel, &self.queue_wait_us] {
            number.store(0, Ordering::Relaxed);
        }
        *self.recent.lock().unwrap_or_else(PoisonError::into_inner) = Recent::default();
    }

    pub(crate) fn enter(&self) {
        self.in_use.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.in_use.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn waited(&self, time: Duration) {
        self.queue_wait_us.fetch_add(micros(time), Ordering::Relaxed);
    }

    pub(crate) fn called(&self, time: Duration, fuel: Option<u64>, error: Option<&HookError>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.fuel.fetch_add(fuel.unwrap_or(0), Ordering::Relaxed);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let time = micros(time);
        if recent.times.len() < WINDOW {
            recent.times.push(time);
        } else {
            let next = recent.next;
            recent.times[next] = time;
            recent.next = (next + 1) % WINDOW;
        }
        drop(recent);
        if let Some(error) = error {
            self.failed(error);
        }
    }

    /// A call failed, or gave an answer that cannot be used.
    pub(crate) fn failed(&self, error: &HookError) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        match recent.errors.iter_mut().find(|(kind, _)| *kind == error.kind) {
            Some((_, count)) => *count += 1,
            None => recent.errors.push((error.kind, 1)),
        }
        recent.last_error = Some(error.to_string());
    }

    pub(crate) fn snapshot(&self) -> MetricsSnapshot {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut times = recent.times.clone();
        times.sort_unstable();
        let at = |percent: usize| {
            let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
            times.get(index).copied().unwrap_or(0)
        };
        MetricsSnapshot {
            calls: self.calls.load(Ordering::Relaxed),
            p50_us: at(50),
            p95_us: at(95),
            fuel: self.fuel.load(Ordering::Relaxed),
            in_use: self.in_use.load(Ordering::Relaxed),
            queue_wait_us: self.queue_wait_us.load(Ordering::Relaxed),
            errors: recent.errors.iter().map(|(kind, count)| (kind.code(), *count)).collect(),
            last_error: recent.last_error.clone(),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_newest_calls() {
        let metrics = Metrics::default();
        assert_eq!(metrics.snapshot().p95_us, 0);
        for _ in 0..WINDOW {
            metrics.called(Duration::from_secs(1), None, None);
        }
        for n in 1..=WINDOW as u64 {
            metrics.called(Duration::from_micros(n), Some(1), None);
        }
        let snapshot = metrics.snapshot();
        assert_eq!((snapshot.p50_us, snapshot.p95_us), (256, 487));
        assert_eq!((snapshot.calls, snapshot.fuel), (1024, 512));
    }
}
