//! The report for machines: one JSON document.

use serde_json::{Map, Value, json};
use studio_events::TestVerdict;

use super::shown;
use crate::outcome::Report;

/// Version of the document; raised when a member changes its meaning.
const FORMAT: u32 = 1;

/// The report as a JSON document, files relative to the directory of the run. `access`: with every access rule
/// and what the tests saw of it, not only the sum.
pub fn render(report: &Report, access: bool) -> Value {
    let mut document = Map::new();
    document.insert("format".into(), json!(FORMAT));
    document.insert("exitCode".into(), json!(report.exit_code()));
    document.insert(
        "counts".into(),
        json!({
            "total": report.tests.len() + report.not_run.len(),
            "passed": report.count(TestVerdict::Passed),
            "failed": report.count(TestVerdict::Failed),
            "setupFailed": report.count(TestVerdict::SetupFailed),
            "error": report.count(TestVerdict::Error),
            "unsupported": report.count(TestVerdict::Unsupported),
            "notRun": report.not_run.len(),
        }),
    );
    if let Some(coverage) = &report.access {
        let (seen, all) = coverage.points();
        let counts = json!({ "seen": seen, "points": all, "percent": coverage.percent() });
        document.insert("accessCoverage".into(), counts);
        if access {
            document.insert("accessRules".into(), json!(coverage.rules));
        }
    }
    let mut relative = report.clone();
    let root = relative.root.clone();
    let fix = |path: &mut std::path::PathBuf| *path = shown(path, &root).into();
    for test in &mut relative.tests {
        fix(&mut test.file);
        for request in &mut test.requests {
            fix(&mut request.file);
        }
        if let Some(failure) = &mut test.failure {
            fix(&mut failure.file);
        }
    }
    for project in &mut relative.projects {
        fix(&mut project.failure.file);
    }
    if let Ok(Value::Object(members)) = serde_json::to_value(&relative) {
        document.extend(members);
    }
    Value::Object(document)
}
