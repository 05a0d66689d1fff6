//! Reports of a run: for people, for machines, for CI services (section 2.6).

mod access;
mod explain;
pub mod github;
pub mod json;
pub mod junit;
pub mod text;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use studio_events::{Micros, TestDifference, TestOutcome, TestRequest};

use crate::compare::Difference;
use crate::outcome::TestResult;

/// A path as reports show it: from the directory of the run, with `/`.
pub(crate) fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// A finished test as data for events. Paths are shown from `root`.
pub(crate) fn outcome(result: &TestResult, root: &Path) -> TestOutcome {
    let line = |line: usize| u32::try_from(line).unwrap_or(u32::MAX);
    let pretty = |value: &Option<Value>| -> Arc<str> {
        let text = value.as_ref().and_then(|value| serde_json::to_string_pretty(value).ok());
        text.unwrap_or_default().into()
    };
    let one_line = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
    let mut outcome = TestOutcome {
        file: shown(&result.file, root),
        warnings: result.warnings.clone(),
        attempts: result.attempts,
        requests: result
            .requests
            .iter()
            .map(|request| TestRequest {
                file: shown(&request.file, root),
                line: line(request.line),
                path: request.path.to_owned(),
                status: request.status,
                time: Micros(request.micros),
                trace: request.trace.clone(),
            })
            .collect(),
        ..TestOutcome::default()
    };
    if let Some(failure) = &result.failure {
        outcome.file = shown(&failure.file, root);
        outcome.line = line(failure.line.unwrap_or(0));
        outcome.message.clone_from(&failure.message);
        outcome.next_step = failure.next_step.clone().unwrap_or_default();
        outcome.expected = pretty(&failure.expected);
        outcome.actual = pretty(&failure.actual);
        let difference = |difference: &Difference| TestDifference {
            path: difference.path.clone(),
            kind: difference.kind.describe().to_owned(),
            expected: one_line(&difference.expected),
            actual: one_line(&difference.actual),
            note: difference.note.clone().unwrap_or_default(),
        };
        outcome.differences = failure.differences.iter().map(difference).collect();
    }
    outcome
}
