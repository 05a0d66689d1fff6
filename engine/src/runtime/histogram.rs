//! Exact latency numbers: histograms per operation, a slice per second for the event stream.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hdrhistogram::Histogram;
use studio_events::{LatencySlice, Micros, OperationLatency, Revision, SliceOperation, Timestamp};

/// Operations tracked by name; requests of further names are counted under [`OTHER`].
const MAX_OPERATIONS: usize = 200;
/// The name for what exceeds [`MAX_OPERATIONS`].
const OTHER: &str = "(other operations)";
/// Slowest time told apart: one minute.
const MAX_MICROS: u64 = 60_000_000;

/// Collects requests from any thread.
#[derive(Debug, Default)]
pub struct LatencyRecorder(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    operations: HashMap<String, OperationRecord>,
    second: Option<Histogram<u64>>,
    count: u64,
    errors: u64,
}

#[derive(Debug)]
struct OperationRecord {
    times: Histogram<u64>,
    errors: u64,
    sql: u64,
    total: u64,
    buckets: [u64; 10],
    revision: Revision,
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_MICROS, 2).expect("invariant: these bounds make a histogram")
}

/// One finished request.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Operation name.
    pub operation: &'a str,
    /// Whole time.
    pub total: Micros,
    /// Time spent on SQL.
    pub sql: Micros,
    /// It ended in an error.
    pub failed: bool,
    /// Revision that answered.
    pub revision: Revision,
}

impl LatencyRecorder {
    /// Records a request.
    pub fn record(&self, sample: Sample<'_>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name =
            if inner.operations.len() >= MAX_OPERATIONS && !inner.operations.contains_key(sample.operation) {
                OTHER
            } else {
                sample.operation
            };
        let micros = sample.total.0.clamp(1, MAX_MICROS);
        inner.count += 1;
        inner.errors += u64::from(sample.failed);
        inner.second.get_or_insert_with(histogram).saturating_record(micros);
        if !inner.operations.contains_key(name) {
            let fresh = OperationRecord {
                times: histogram(),
                errors: 0,
                sql: 0,
                total: 0,
                buckets: [0; 10],
                revision: sample.revision,
            };
            inner.operations.insert(name.to_owned(), fresh);
        }
        if let Some(record) = inner.operations.get_mut(name) {
            record.times.saturating_record(micros);
            record.errors += u64::from(sample.failed);
            record.sql += sample.sql.0;
            record.total += sample.total.0;
            record.revision = sample.revision;
            if let Some(bucket) = record.buckets.get_mut(bucket_of(micros)) {
                *bucket += 1;
            }
        }
    }

    /// The slice of the second that ends now; `None` when no request arrived.
    pub fn take_slice(&self, at: Timestamp) -> Option<LatencySlice> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let second = inner.second.take()?;
        let mut operations: Vec<_> = inner
            .operations
            .iter()
            .map(|(name, record)| SliceOperation { name: name.clone(), numbers: record.numbers() })
            .collect();
        operations.sort_by(|left, right| {
            right.numbers.p95.cmp(&left.numbers.p95).then_with(|| left.name.cmp(&right.name))
        });
        let slice = LatencySlice {
            at,
            count: inner.count,
            errors: inner.errors,
            p95: Micros(second.value_at_quantile(0.95)),
            operations,
        };
        inner.count = 0;
        inner.errors = 0;
        Some(slice)
    }

    /// Forgets everything.
    pub fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Recorded::default();
    }
}

/// Below 0.5, 1, 2, 4, 8, 16, 32, 64, 128 ms, and above.
fn bucket_of(micros: u64) -> usize {
    let mut limit = 500;
    (0..9)
        .find(|_| {
            let fits = micros < limit;
            limit *= 2;
            fits
        })
        .unwrap_or(9)
}

impl OperationRecord {
    fn numbers(&self) -> OperationLatency {
        let quantile = |q| Micros(self.times.value_at_quantile(q));
        OperationLatency {
            count: self.times.len(),
            errors: self.errors,
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: Micros(self.times.max()),
            sql_percent: u8::try_from(self.sql * 100 / self.total.max(1)).unwrap_or(100),
            buckets: self.buckets,
            revision: self.revision,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_counts_its_second_and_keeps_the_operations() {
        let recorder = LatencyRecorder::default();
        let sample = |total| Sample {
            operation: "Board",
            total: Micros(total),
            sql: Micros(total / 2),
            failed: total > 1000,
            revision: Revision(1),
        };
        for total in [400, 800, 3000] {
            recorder.record(sample(total));
        }
        let slice = recorder.take_slice(Timestamp(1)).unwrap();
        assert_eq!((slice.count, slice.errors), (3, 1));
        let numbers = &slice.operations[0].numbers;
        assert_eq!((numbers.count, numbers.sql_percent), (3, 50));
        assert_eq!(numbers.buckets, [1, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(recorder.take_slice(Timestamp(2)), None);
    }

    #[test]
    fn memory_is_bounded_by_the_number_of_names() {
        let recorder = LatencyRecorder::default();
        for n in 0..1000 {
            let operation = format!("op{n}");
            recorder.record(Sample {
                operation: &operation,
                total: Micros(1),
                sql: Micros(0),
                failed: false,
                revision: Revision(1),
            });
        }
        let slice = recorder.take_slice(Timestamp(1)).unwrap();
        assert_eq!(slice.operations.len(), MAX_OPERATIONS + 1);
    }
}
