//! Latency numbers. Every request is counted in the server; what travels per second is a sparse histogram per
//! operation and revision, so that a reader can add up any window and nothing is sampled.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ring::Ring;
use crate::time::{Micros, Revision, Timestamp};

/// Parts per power of two: a bucket is at most 3.2 % wide.
const PARTS: u64 = 32;
/// Bits of [`PARTS`].
const PART_BITS: u32 = 5;
/// Buckets that are told apart: up to 2^36 microseconds, 19 hours.
const BUCKETS: usize = 1024;

/// Seconds that are kept: the longest window.
pub const KEPT_SECONDS: usize = 900;

/// The bucket of a time. Below 32 µs each microsecond has its own, above each power of two has 32.
pub fn bucket_of(time: Micros) -> u16 {
    let value = time.0;
    if value < PARTS {
        return u16::try_from(value).unwrap_or(0);
    }
    let exponent = value.ilog2() - PART_BITS;
    let part = (value >> exponent) - PARTS;
    let index = u64::from(exponent + 1) * PARTS + part;
    u16::try_from(index).unwrap_or(u16::MAX).min(u16::try_from(BUCKETS - 1).unwrap_or(u16::MAX))
}

/// The longest time that falls into a bucket.
pub fn bucket_end(bucket: u16) -> Micros {
    let bucket = u64::from(bucket);
    if bucket < PARTS {
        return Micros(bucket);
    }
    let exponent = bucket / PARTS - 1;
    let part = bucket % PARTS;
    Micros(((PARTS + part + 1) << exponent) - 1)
}

/// Counts per bucket, sparse and in order: what travels.
pub type Buckets = Vec<(u16, u32)>;

/// What happened in one second in which requests arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencySlice {
    /// End of the second.
    pub at: Timestamp,
    /// Requests in it.
    pub count: u64,
    /// Failed ones.
    pub errors: u64,
    /// 95th percentile of all requests in it.
    pub p95: Micros,
    /// What happened in this second, per operation and revision.
    pub operations: Vec<SliceOperation>,
}

/// One operation under one revision in one second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceOperation {
    /// Operation name.
    pub name: Arc<str>,
    /// Revision that answered.
    pub revision: Revision,
    /// Failed requests.
    pub errors: u64,
    /// Slowest request.
    pub max: Micros,
    /// Where the time went.
    pub shares: Shares,
    /// Whole times.
    pub times: Buckets,
    /// Time spent on SQL.
    pub sql: Buckets,
    /// Whole times less hooks; empty when no hook ran, then they are the whole times.
    pub without_hooks: Buckets,
}

/// Sums of times by what they were spent on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// Everything.
    pub total: Micros,
    /// SQL, waiting for a connection included.
    pub sql: Micros,
    /// Hooks.
    pub hook: Micros,
    /// Access rules and planning.
    pub plan: Micros,
    /// Building the body.
    pub encode: Micros,
}

impl Shares {
    /// Adds what another request took.
    pub fn add(&mut self, other: &Self) {
        self.total.0 = self.total.0.saturating_add(other.total.0);
        self.sql.0 = self.sql.0.saturating_add(other.sql.0);
        self.hook.0 = self.hook.0.saturating_add(other.hook.0);
        self.plan.0 = self.plan.0.saturating_add(other.plan.0);
        self.encode.0 = self.encode.0.saturating_add(other.encode.0);
    }

    /// A part in per cent of the whole; 0 without any time.
    pub fn percent(&self, part: Micros) -> u64 {
        u64::try_from(u128::from(part.0) * 100 / u128::from(self.total.0.max(1))).unwrap_or(100).min(100)
    }
}

/// Counts per bucket, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LatencyHistogram {
    counts: Vec<u64>,
    total: u64,
}

impl LatencyHistogram {
    /// Adds what travelled.
    pub fn add(&mut self, buckets: &[(u16, u32)]) {
        for (bucket, count) in buckets {
            let at = usize::from(*bucket).min(BUCKETS - 1);
            if self.counts.len() <= at {
                self.counts.resize(at + 1, 0);
            }
            if let Some(known) = self.counts.get_mut(at) {
                *known += u64::from(*count);
            }
            self.total += u64::from(*count);
        }
    }

    /// Requests in it.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The time that `percent` of the requests did not exceed, up to the width of a bucket; zero when empty.
    pub fn percentile(&self, percent: u64) -> Micros {
        let wanted = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in (0_u16..).zip(&self.counts) {
            seen += count;
            if seen >= wanted {
                return bucket_end(bucket);
            }
        }
        Micros(0)
    }

    /// Longest time and number of requests of each bucket that holds some.
    pub fn buckets(&self) -> impl Iterator<Item = (Micros, u64)> {
        let all = (0_u16..).zip(&self.counts);
        all.filter(|(_, count)| **count > 0).map(|(bucket, count)| (bucket_end(bucket), *count))
    }
}

/// One operation over a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationWindow {
    /// Operation name.
    pub name: Arc<str>,
    /// Failed requests.
    pub errors: u64,
    /// Slowest request.
    pub max: Micros,
    /// Where the time went.
    pub shares: Shares,
    /// Whole times.
    pub times: LatencyHistogram,
    /// Time spent on SQL.
    pub sql: LatencyHistogram,
    /// Whole times less hooks.
    pub without_hooks: LatencyHistogram,
    /// The same per revision, oldest first.
    pub revisions: Vec<RevisionWindow>,
}

/// What one revision contributed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevisionWindow {
    /// The revision.
    pub revision: Revision,
    /// Whole times.
    pub times: LatencyHistogram,
    /// Ends of the seconds with requests, and the slowest request of each.
    pub slowest: Vec<(Timestamp, Micros)>,
}

impl OperationWindow {
    fn add(&mut self, at: Timestamp, slice: &SliceOperation) {
        self.errors += slice.errors;
        self.max = self.max.max(slice.max);
        self.shares.add(&slice.shares);
        self.times.add(&slice.times);
        self.sql.add(&slice.sql);
        let bare = if slice.without_hooks.is_empty() { &slice.times } else { &slice.without_hooks };
        self.without_hooks.add(bare);
        let found = self.revisions.binary_search_by_key(&slice.revision, |known| known.revision);
        let at_revision = found.unwrap_or_else(|missing| {
            let fresh = RevisionWindow { revision: slice.revision, ..RevisionWindow::default() };
            self.revisions.insert(missing, fresh);
            missing
        });
        if let Some(revision) = self.revisions.get_mut(at_revision) {
            revision.times.add(&slice.times);
            revision.slowest.push((at, slice.max));
        }
    }

    /// A percentile, never above the slowest request.
    pub fn percentile(&self, percent: u64) -> Micros {
        self.times.percentile(percent).min(self.max)
    }

    /// The newest revision and the one before it, when the window holds both.
    pub fn last_two(&self) -> Option<(&RevisionWindow, &RevisionWindow)> {
        match self.revisions.as_slice() {
            [.., before, now] => Some((before, now)),
            _ => None,
        }
    }
}

/// Latency as the panes see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LatencyState {
    /// One slice per second with requests, newest last.
    pub slices: Ring<Arc<LatencySlice>>,
    /// Requests since the start.
    pub total: u64,
    /// Failed requests since the start.
    pub errors: u64,
}

impl Default for LatencyState {
    fn default() -> Self {
        Self { slices: Ring::new(KEPT_SECONDS), total: 0, errors: 0 }
    }
}

impl LatencyState {
    /// Adds a second.
    pub fn push(&mut self, slice: LatencySlice) {
        self.total += slice.count;
        self.errors += slice.errors;
        self.slices.push(Arc::new(slice));
    }

    /// All operations since `from`, slowest 95th percentile first.
    pub fn window(&self, from: Timestamp) -> Vec<OperationWindow> {
        let mut found: Vec<OperationWindow> = Vec::new();
        let recent: Vec<_> = self.slices.iter().rev().take_while(|slice| slice.at >= from).collect();
        for slice in recent.into_iter().rev() {
            for operation in &slice.operations {
                let at = found.iter().position(|known| known.name == operation.name).unwrap_or_else(|| {
                    let name = Arc::clone(&operation.name);
                    found.push(OperationWindow { name, ..OperationWindow::default() });
                    found.len() - 1
                });
                if let Some(known) = found.get_mut(at) {
                    known.add(slice.at, operation);
                }
            }
        }
        found.sort_by(|left, right| {
            right.percentile(95).cmp(&left.percentile(95)).then_with(|| left.name.cmp(&right.name))
        });
        found
    }
}

/// What a budget limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Median.
    P50,
    /// 95th percentile.
    P95,
    /// 99th percentile.
    P99,
    /// Slowest request.
    Max,
}

impl Measure {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Max => "max",
        }
    }

    /// Its value over a window.
    pub fn of(self, window: &OperationWindow) -> Micros {
        match self {
            Self::P50 => window.percentile(50),
            Self::P95 => window.percentile(95),
            Self::P99 => window.percentile(99),
            Self::Max => window.max,
        }
    }
}

/// A limit set by the user: `[budgets]` of `exo.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Operation it is about.
    pub operation: String,
    /// What is limited.
    pub measure: Measure,
    /// The value it must stay below.
    pub limit: Micros,
}

impl Budget {
    /// Reads `p95 < 10 ms`; units are `us`, `ms` and `s`.
    ///
    /// # Errors
    /// What is wrong with the text, in words that fit after "the budget".
    pub fn parse(operation: &str, text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` does not read like `p95 < 10 ms`");
        let (measure, limit) = text.split_once('<').ok_or_else(wrong)?;
        let measure = match measure.trim() {
            "p50" => Measure::P50,
            "p95" => Measure::P95,
            "p99" => Measure::P99,
            "max" => Measure::Max,
            other => return Err(format!("`{other}` is not one of p50, p95, p99, max")),
        };
        let limit = limit.trim();
        let digits = limit.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(limit.len());
        let (number, unit) = limit.split_at(digits);
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let factor = match unit.trim() {
            "us" | "µs" => 1.0,
            "ms" => 1_000.0,
            "s" => 1_000_000.0,
            other => return Err(format!("`{other}` is not one of us, ms, s")),
        };
        let micros = (number * factor).round();
        if !(1.0..=86_400_000_000.0).contains(&micros) {
            return Err(format!("`{limit}` is not a time between 1 us and a day"));
        }
        // In range by the check above.
        Ok(Self { operation: operation.to_owned(), measure, limit: Micros(micros as u64) })
    }
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = self.limit.0;
        let measure = self.measure.name();
        if micros.is_multiple_of(1000) {
            write!(f, "{measure} < {} ms", micros / 1000)
        } else {
            write!(f, "{measure} < {micros} us")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_narrow_ordered_and_cover_everything() {
        for value in (0..5_000).chain((5_000..80_000_000).step_by(7_919)) {
            let bucket = bucket_of(Micros(value));
            let end = bucket_end(bucket).0;
            assert!(end >= value, "{value} is in bucket {bucket} that ends at {end}");
            assert!(end - value <= value / 32 + 1, "{value} is in bucket {bucket} that ends at {end}");
            assert!(bucket == 0 || bucket_end(bucket - 1).0 < value, "{value} is in two buckets");
        }
        assert_eq!(usize::from(bucket_of(Micros(u64::MAX))), BUCKETS - 1);
    }

    fn slice(at: u64, revision: u32, times: &[u64]) -> LatencySlice {
        let mut sorted: Vec<u64> = times.to_vec();
        sorted.sort_unstable();
        let mut buckets = Buckets::new();
        for time in &sorted {
            let bucket = bucket_of(Micros(*time));
            match buckets.last_mut() {
                Some((last, count)) if *last == bucket => *count += 1,
                _ => buckets.push((bucket, 1)),
            }
        }
        let max = Micros(sorted.last().copied().unwrap_or(0));
        LatencySlice {
            at: Timestamp(at),
            count: u64::try_from(times.len()).unwrap_or(0),
            errors: 0,
            p95: max,
            operations: vec![SliceOperation {
                name: "Board".into(),
                revision: Revision(revision),
                max,
                times: buckets,
                ..SliceOperation::default()
            }],
        }
    }

    #[test]
    fn windows_add_up_seconds_and_tell_revisions_apart() {
        let mut state = LatencyState::default();
        state.push(slice(1_000_000, 1, &[100; 10]));
        state.push(slice(2_000_000, 1, &[1_000; 80]));
        state.push(slice(3_000_000, 2, &[9_000; 20]));
        let all = state.window(Timestamp(0));
        assert_eq!((all.len(), all[0].times.count(), all[0].max), (1, 110, Micros(9_000)));
        assert!((1_000..1_040).contains(&all[0].percentile(50).0), "{:?}", all[0].percentile(50));
        assert_eq!(all[0].percentile(99), Micros(9_000), "never above the slowest");
        let (before, now) = all[0].last_two().unwrap();
        assert_eq!((before.revision, now.revision, now.times.count()), (Revision(1), Revision(2), 20));
        assert_eq!(state.window(Timestamp(2_500_000))[0].times.count(), 20);
        assert_eq!(state.window(Timestamp(9_000_000)), []);
        assert_eq!(LatencyHistogram::default().percentile(95), Micros(0));
        let counts: Vec<_> = all[0].times.buckets().map(|(_, count)| count).collect();
        assert_eq!(counts, [10, 80, 20]);
    }

    #[test]
    fn budgets_are_read_and_written_and_mistakes_are_told() {
        let read = |text| Budget::parse("Board", text).map(|budget| (budget.measure, budget.limit.0));
        assert_eq!(read("p95 < 10 ms"), Ok((Measure::P95, 10_000)));
        assert_eq!(read("max<1.5s"), Ok((Measure::Max, 1_500_000)));
        assert_eq!(read("p50 < 250us"), Ok((Measure::P50, 250)));
        assert_eq!(Budget::parse("Board", "p99 < 0.5 ms").unwrap().to_string(), "p99 < 500 us");
        assert_eq!(Budget::parse("Board", "p95 < 10 ms").unwrap().to_string(), "p95 < 10 ms");
        for wrong in
            ["", "p95", "p95 < ", "p95 < fast", "p12 < 1 ms", "p95 < 1 h", "p95 < 0 ms", "p95 < 9e9 s"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
