//! Exact latency numbers: what happened per operation and revision in the current second, taken once a second for
//! the event stream. Nothing is sampled; readers add seconds up to windows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use studio_events::{
    Buckets, LatencyHistogram, LatencySlice, Micros, Revision, Shares, SliceOperation, Timestamp, bucket_of,
};

/// Operations tracked by name; requests of further names are counted under [`OTHER`].
const MAX_OPERATIONS: usize = 200;
/// The name for what exceeds [`MAX_OPERATIONS`].
const OTHER: &str = "(other operations)";

/// Collects requests from any thread.
#[derive(Debug, Default)]
pub struct LatencyRecorder(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    /// Names seen since the start; their number is bounded.
    names: HashSet<Arc<str>>,
    second: HashMap<(Arc<str>, Revision), OperationRecord>,
    count: u64,
    errors: u64,
}

#[derive(Debug, Default)]
struct OperationRecord {
    errors: u64,
    max: Micros,
    shares: Shares,
    times: Sparse,
    sql: Sparse,
    /// Counted from the first hook on; what came before it is copied.
    without_hooks: Option<Sparse>,
}

/// Counts per bucket.
#[derive(Debug, Default, Clone)]
struct Sparse(BTreeMap<u16, u32>);

impl Sparse {
    fn count(&mut self, time: Micros) {
        let known = self.0.entry(bucket_of(time)).or_default();
        *known = known.saturating_add(1);
    }

    fn take(self) -> Buckets {
        self.0.into_iter().collect()
    }
}

/// One finished request.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Operation name.
    pub operation: &'a str,
    /// Where the time went.
    pub shares: Shares,
    /// It ended in an error.
    pub failed: bool,
    /// Revision that answered.
    pub revision: Revision,
}

impl LatencyRecorder {
    /// Records a request.
    pub fn record(&self, sample: Sample<'_>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = inner.name(sample.operation);
        inner.count += 1;
        inner.errors += u64::from(sample.failed);
        let record = inner.second.entry((name, sample.revision)).or_default();
        record.errors += u64::from(sample.failed);
        record.max = record.max.max(sample.shares.total);
        if sample.shares.hook > Micros(0) && record.without_hooks.is_none() {
            record.without_hooks = Some(record.times.clone());
        }
        if let Some(bare) = &mut record.without_hooks {
            bare.count(Micros(sample.shares.total.0.saturating_sub(sample.shares.hook.0)));
        }
        record.shares.add(&sample.shares);
        record.times.count(sample.shares.total);
        record.sql.count(sample.shares.sql);
    }

    /// The slice of the second that ends now; `None` when no request arrived.
    pub fn take_slice(&self, at: Timestamp) -> Option<LatencySlice> {
        let (second, count, errors) = {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let second = std::mem::take(&mut inner.second);
            (second, std::mem::take(&mut inner.count), std::mem::take(&mut inner.errors))
        };
        if count == 0 {
            return None;
        }
        let mut whole = LatencyHistogram::default();
        let mut max = Micros(0);
        let mut operations: Vec<_> = second
            .into_iter()
            .map(|((name, revision), record)| SliceOperation {
                name,
                revision,
                errors: record.errors,
                max: record.max,
                shares: record.shares,
                times: record.times.take(),
                sql: record.sql.take(),
                without_hooks: record.without_hooks.map(Sparse::take).unwrap_or_default(),
            })
            .collect();
        for operation in &operations {
            whole.add(&operation.times);
            max = max.max(operation.max);
        }
        operations.sort_by(|left, right| {
            left.name.cmp(&right.name).then_with(|| left.revision.cmp(&right.revision))
        });
        Some(LatencySlice { at, count, errors, p95: whole.percentile(95).min(max), operations })
    }

    /// Forgets everything.
    pub fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Recorded::default();
    }
}

impl Recorded {
    /// The name to count under.
    fn name(&mut self, operation: &str) -> Arc<str> {
        if let Some(known) = self.names.get(operation) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(if self.names.len() < MAX_OPERATIONS { operation } else { OTHER });
        self.names.insert(Arc::clone(&name));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(operation: &str, total: u64, hook: u64) -> Sample<'_> {
        let shares =
            Shares { total: Micros(total), sql: Micros(total / 2), hook: Micros(hook), ..Shares::default() };
        Sample { operation, shares, failed: total > 1000, revision: Revision(1) }
    }

    #[test]
    fn a_slice_holds_its_second_and_nothing_before_it() {
        let recorder = LatencyRecorder::default();
        for total in [400, 800, 3000] {
            recorder.record(sample("Board", total, 0));
        }
        let slice = recorder.take_slice(Timestamp(1)).unwrap();
        assert_eq!((slice.count, slice.errors, slice.p95), (3, 1, Micros(3000)));
        let operation = &slice.operations[0];
        assert_eq!((operation.errors, operation.max, operation.shares.sql), (1, Micros(3000), Micros(2100)));
        let counts: Vec<_> = operation.times.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [1, 1, 1]);
        assert!(operation.without_hooks.is_empty(), "no hook ran");
        assert_eq!(recorder.take_slice(Timestamp(2)), None);
    }

    #[test]
    fn times_without_hooks_count_every_request_of_the_second() {
        let recorder = LatencyRecorder::default();
        recorder.record(sample("Board", 400, 0));
        recorder.record(sample("Board", 900, 500));
        let slice = recorder.take_slice(Timestamp(1)).unwrap();
        assert_eq!(slice.operations[0].without_hooks, [(bucket_of(Micros(400)), 2)]);
        assert_eq!(slice.operations[0].shares.hook, Micros(500));
    }

    #[test]
    fn memory_is_bounded_by_the_number_of_names() {
        let recorder = LatencyRecorder::default();
        for n in 0..1000 {
            recorder.record(sample(&format!("op{n}"), 1, 0));
        }
        let slice = recorder.take_slice(Timestamp(1)).unwrap();
        assert_eq!(slice.operations.len(), MAX_OPERATIONS + 1);
        let other = slice.operations.iter().find(|operation| &*operation.name == OTHER).unwrap();
        assert_eq!(other.times, [(1, 800)]);
        recorder.record(sample("one more", 1, 0));
        assert_eq!(&*recorder.take_slice(Timestamp(2)).unwrap().operations[0].name, OTHER);
    }
}
