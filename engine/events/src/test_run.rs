//! Facts and state of test runs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::Micros;

/// The verdict of one test (developer-experience 2.6, 2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TestVerdict {
    /// All stages passed.
    Passed,
    /// An assertion failed.
    Failed,
    /// A stage could not be run.
    SetupFailed,
    /// Build, seed or internal error.
    Error,
    /// Needs something this build does not have; never counts as passed.
    Unsupported,
}

impl TestVerdict {
    /// Whether the test counts as passed.
    pub fn is_pass(self) -> bool {
        matches!(self, Self::Passed)
    }
}

/// A fact of a test run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TestEvent {
    /// A run begins with these tests, in report order.
    Discovered {
        /// Test names.
        names: Vec<String>,
        /// The run covers the whole project: tests not named no longer exist.
        whole: bool,
    },
    /// A test starts.
    Started {
        /// Its name.
        name: String,
    },
    /// A test ended.
    Finished {
        /// Its name.
        name: String,
        /// The verdict.
        verdict: TestVerdict,
        /// How long it took.
        time: Micros,
        /// Failure text: path, expected, actual, bodies; empty when passed.
        detail: Arc<str>,
    },
    /// The run ended.
    Summary {
        /// Passed tests.
        passed: u32,
        /// All tests.
        total: u32,
        /// Whole run.
        time: Micros,
    },
    /// The run could not take place.
    Aborted {
        /// Why.
        reason: String,
    },
}

/// One test in the pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    /// Its name.
    pub name: String,
    /// Running right now.
    pub running: bool,
    /// Last verdict; `None` before the first run.
    pub verdict: Option<TestVerdict>,
    /// Last time.
    pub time: Micros,
    /// Last failure text.
    pub detail: Arc<str>,
}

/// The tests as the pane sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestState {
    /// A run is under way.
    pub running: bool,
    /// Tests by name.
    pub cases: Vec<TestCase>,
    /// Passed and total of the last whole run.
    pub summary: Option<(u32, u32, Micros)>,
    /// Why the last run could not take place.
    pub aborted: Option<String>,
}
