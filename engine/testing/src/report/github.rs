//! Annotations of GitHub workflows: one command line per failure.

use std::fmt::Write as _;

use std::path::Path;

use studio_events::AccessCoverage;

use super::text;
use crate::outcome::{Failure, Report};

/// The lines to print in a workflow; empty when everything passed. Annotations name files from the folder of the
/// repository: `workspace` where the run was given an absolute path, else the working directory.
pub fn render(report: &Report, workspace: Option<&Path>) -> String {
    let mut out = String::new();
    for test in &report.tests {
        for warning in &test.warnings {
            let file = property(&from_workspace(&test.file, workspace));
            let _ = writeln!(out, "::warning file={file},title={}::{}", property(&test.name), data(warning));
        }
        if let Some(failure) = &test.failure {
            line(&test.name, failure, workspace, &text::detail(test, &report.root), &mut out);
        }
    }
    for project in &report.projects {
        let name = if project.project.is_empty() { "project" } else { &project.project };
        line(name, &project.failure, workspace, &project.failure.message, &mut out);
    }
    if let (Some(access), true) = (&report.access, report.misses_access_coverage()) {
        let _ = writeln!(out, "::error title=access coverage::{}", data(&too_little(access, report)));
    }
    out
}

/// What is said of a run that saw too little of the access rules.
pub(super) fn too_little(access: &AccessCoverage, report: &Report) -> String {
    let mut text = super::access::summary(access);
    if let Some(least) = report.min_access_coverage {
        let _ = writeln!(text, ", asked for are {least} %");
    }
    super::access::table(access, false, &mut text);
    text
}

fn from_workspace(file: &Path, workspace: Option<&Path>) -> String {
    let file = workspace.and_then(|workspace| file.strip_prefix(workspace).ok()).unwrap_or(file);
    file.strip_prefix(".").unwrap_or(file).to_string_lossy().replace('\\', "/")
}

fn line(title: &str, failure: &Failure, workspace: Option<&Path>, detail: &str, out: &mut String) {
    let file = property(&from_workspace(&failure.file, workspace));
    let at = failure.line.map_or_else(String::new, |line| format!(",line={line}"));
    let _ = writeln!(out, "::error file={file}{at},title={}::{}", property(title), data(detail));
}

fn data(text: &str) -> String {
    text.trim_end().replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
