//! Latency numbers. Histograms live in the server and are exact; what travels is their summary per second.

use serde::{Deserialize, Serialize};

use crate::ring::Ring;
use crate::time::{Micros, Revision, Timestamp};

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
    /// Cumulative numbers per operation over the current window, all operations seen.
    pub operations: Vec<SliceOperation>,
}

/// Numbers of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceOperation {
    /// Operation name.
    pub name: String,
    /// The numbers.
    pub numbers: OperationLatency,
}

/// Percentiles of one operation over the window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationLatency {
    /// Requests.
    pub count: u64,
    /// Failed requests.
    pub errors: u64,
    /// Median.
    pub p50: Micros,
    /// 95th percentile.
    pub p95: Micros,
    /// 99th percentile.
    pub p99: Micros,
    /// Slowest.
    pub max: Micros,
    /// Share of SQL in the total time, in per cent.
    pub sql_percent: u8,
    /// Counts per power-of-two bucket of milliseconds: below 0.5, 1, 2, 4 … 128, above.
    pub buckets: [u64; 10],
    /// Revision of the last request.
    pub revision: Revision,
}

/// Latency as the panes see it.
#[derive(Debug, Clone, Default)]
pub struct LatencyState {
    /// One slice per second with requests, newest last.
    pub slices: Ring<LatencySlice>,
    /// Per operation, slowest p95 first.
    pub operations: Vec<SliceOperation>,
    /// Requests since the start.
    pub total: u64,
    /// Failed requests since the start.
    pub errors: u64,
}
