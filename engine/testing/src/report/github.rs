//! Annotations of GitHub workflows: one command line per failure.

use std::fmt::Write as _;

use super::{shown, text};
use crate::outcome::{Failure, Report};

/// The lines to print in a workflow; empty when everything passed.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for test in &report.tests {
        for warning in &test.warnings {
            let file = property(&shown(&test.file, &report.root));
            let _ = writeln!(out, "::warning file={file},title={}::{}", property(&test.name), data(warning));
        }
        if let Some(failure) = &test.failure {
            line(report, &test.name, failure, &text::detail(test, &report.root), &mut out);
        }
    }
    for project in &report.projects {
        let name = if project.project.is_empty() { "project" } else { &project.project };
        line(report, name, &project.failure, &project.failure.message, &mut out);
    }
    out
}

fn line(report: &Report, title: &str, failure: &Failure, detail: &str, out: &mut String) {
    let file = property(&shown(&failure.file, &report.root));
    let at = failure.line.map_or_else(String::new, |line| format!(",line={line}"));
    let _ = writeln!(out, "::error file={file}{at},title={}::{}", property(title), data(detail));
}

fn data(text: &str) -> String {
    text.trim_end().replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
