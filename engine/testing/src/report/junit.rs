//! JUnit XML, as CI services read it: one suite per project.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use studio_events::TestVerdict;

use super::{shown, text};
use crate::outcome::{Report, TestResult};

/// The report as an XML document.
pub fn render(report: &Report) -> String {
    let mut suites: BTreeMap<&str, Vec<&TestResult>> = BTreeMap::new();
    for test in &report.tests {
        suites.entry(&test.project).or_default().push(test);
    }
    for project in &report.projects {
        suites.entry(&project.project).or_default();
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let builds = suites.values().filter(|tests| tests.is_empty()).count();
    let access = report.access.as_ref().filter(|_| report.misses_access_coverage());
    let unseen = usize::from(access.is_some());
    let _ = writeln!(
        out,
        "<testsuites tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">",
        report.tests.len() + report.not_run.len() + builds + unseen,
        report.count(TestVerdict::Failed) + unseen,
        report.count(TestVerdict::SetupFailed) + report.count(TestVerdict::Error) + builds,
        report.count(TestVerdict::Unsupported) + report.not_run.len(),
        seconds(report.micros)
    );
    for (project, tests) in suites {
        let name = if project.is_empty() { "tests" } else { project };
        let count =
            |verdicts: &[TestVerdict]| tests.iter().filter(|test| verdicts.contains(&test.verdict)).count();
        let failed = report.projects.iter().filter(|failed| failed.project == project);
        let builds = if tests.is_empty() { failed.clone().count() } else { 0 };
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">",
            escape(name),
            tests.len() + builds,
            count(&[TestVerdict::Failed]),
            count(&[TestVerdict::SetupFailed, TestVerdict::Error]) + builds,
            count(&[TestVerdict::Unsupported]),
            seconds(tests.iter().map(|test| test.micros).sum())
        );
        for test in &tests {
            case(report, test, &mut out);
        }
        for failed in failed {
            let text = escape(&failed.failure.message);
            if tests.is_empty() {
                let head = format!("    <testcase name=\"build\" classname=\"{}\">", escape(name));
                let _ = writeln!(out, "{head}<error message=\"build\">{text}</error></testcase>");
            } else {
                // Each test of such a project is an error already; this is the whole text, once.
                let _ = writeln!(out, "    <system-err>{text}</system-err>");
            }
        }
        out.push_str("  </testsuite>\n");
    }
    if !report.not_run.is_empty() {
        let _ = writeln!(
            out,
            "  <testsuite name=\"not run\" tests=\"{0}\" skipped=\"{0}\">",
            report.not_run.len()
        );
        for name in &report.not_run {
            let _ = writeln!(
                out,
                "    <testcase name=\"{}\"><skipped message=\"the run was interrupted\"/></testcase>",
                escape(name)
            );
        }
        out.push_str("  </testsuite>\n");
    }
    if let Some(access) = access {
        out.push_str("  <testsuite name=\"access coverage\" tests=\"1\" failures=\"1\">\n");
        let text = super::github::too_little(access, report);
        let message = text.lines().next().unwrap_or_default();
        let _ = writeln!(
            out,
            "    <testcase name=\"access coverage\"><failure message=\"{}\">{}</failure></testcase>",
            escape(message),
            escape(&text)
        );
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn case(report: &Report, test: &TestResult, out: &mut String) {
    let head = format!(
        "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" time=\"{}\"",
        escape(&test.name),
        escape(if test.project.is_empty() { "tests" } else { &test.project }),
        escape(&shown(&test.file, &report.root)),
        seconds(test.micros)
    );
    let element = match test.verdict {
        TestVerdict::Passed => {
            let _ = writeln!(out, "{head}/>");
            return;
        }
        TestVerdict::Failed => "failure",
        TestVerdict::SetupFailed | TestVerdict::Error => "error",
        TestVerdict::Unsupported => "skipped",
    };
    let message = test.failure.as_ref().map_or("", |failure| failure.message.lines().next().unwrap_or(""));
    let _ = writeln!(out, "{head}>");
    let _ = writeln!(
        out,
        "      <{element} message=\"{}\">{}</{element}>",
        escape(message),
        escape(&text::detail(test, &report.root))
    );
    out.push_str("    </testcase>\n");
}

fn seconds(micros: u64) -> String {
    format!("{:.3}", micros as f64 / 1e6)
}

/// XML text and attribute values; characters XML does not allow are replaced.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
