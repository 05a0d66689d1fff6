//! The report for people: passed tests first, then the others with all that is known about them.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use studio_events::TestVerdict;

use super::shown;
use crate::compare::Difference;
use crate::outcome::{Cause, Failure, Report, TestResult, exit};

/// Lines of a body that are shown; the whole is in the JSON report.
const MAX_BODY_LINES: usize = 60;

/// How the text is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TextStyle {
    /// ANSI colors.
    pub color: bool,
    /// Leave out the lines of passed tests.
    pub quiet: bool,
    /// Show what access control saw and the SQL of each failing request that was recorded.
    pub explain: bool,
    /// List all access rules with what the tests saw of them, not only those of a run that saw too little.
    pub access: bool,
}

/// The whole report.
pub fn render(report: &Report, style: TextStyle) -> String {
    let mut out = String::new();
    let paint = Paint(style.color);
    for verdict in [
        TestVerdict::Passed,
        TestVerdict::Unsupported,
        TestVerdict::Failed,
        TestVerdict::SetupFailed,
        TestVerdict::Error,
    ] {
        for test in report.tests.iter().filter(|test| test.verdict == verdict) {
            if verdict == TestVerdict::Passed && style.quiet {
                continue;
            }
            let times =
                if test.attempts > 1 { format!(" after {} attempts", test.attempts) } else { String::new() };
            let _ =
                writeln!(out, "{} {}  {}{times}", paint.sign(verdict), test.name, milliseconds(test.micros));
            for warning in &test.warnings {
                let _ = writeln!(out, "    warning: {}: {warning}", shown(&test.file, &report.root));
            }
            if let Some(failure) = &test.failure {
                failure_text(failure, &report.root, paint, style.explain, &mut out);
            }
        }
    }
    for project in &report.projects {
        let name = if project.project.is_empty() { "this project" } else { &project.project };
        let _ = writeln!(out, "{} {name}", paint.sign(TestVerdict::Error));
        failure_text(&project.failure, &report.root, paint, style.explain, &mut out);
    }
    for name in &report.not_run {
        let _ = writeln!(out, "{} {name}  not run", paint.dim("-"));
    }
    access(report, style, paint, &mut out);
    summary(report, paint, &mut out);
    out
}

/// What the tests saw of the access rules; nothing when nobody asked.
fn access(report: &Report, style: TextStyle, paint: Paint, out: &mut String) {
    let Some(coverage) = report.access.as_ref().filter(|coverage| !coverage.rules.is_empty()) else { return };
    let too_little = report.misses_access_coverage();
    let whole = report.filter.is_none() && !report.named && !report.interrupted;
    let has_conditions = coverage.rules.iter().any(|rule| !rule.conditions.is_empty());
    // What a part of the tests saw, and models that are open to everybody, are worth no line of their own.
    if !style.access && report.min_access_coverage.is_none() && !(whole && has_conditions) {
        return;
    }
    let line = super::access::summary(coverage);
    let line = match report.min_access_coverage {
        Some(least) if too_little => paint.red(&format!("{line}, asked for are {least} %")),
        Some(_) => line,
        None if style.access || coverage.percent() == 100 => line,
        None => paint.dim(&format!("{line}; --access-coverage lists them")),
    };
    let _ = writeln!(out, "{line}");
    if style.access || too_little {
        super::access::table(coverage, style.access, out);
    }
}

fn summary(report: &Report, paint: Paint, out: &mut String) {
    if report.exit_code() == exit::NO_MATCH {
        let _ = match &report.filter {
            Some(filter) => writeln!(out, "no test matches `{filter}`"),
            None => writeln!(out, "none of the named tests exists any more"),
        };
        for name in &report.near {
            let _ = writeln!(out, "    did you mean `{name}`?");
        }
        return;
    }
    let mut parts = vec![format!("{} passed", report.count(TestVerdict::Passed))];
    for (verdict, word) in [
        (TestVerdict::Failed, "failed"),
        (TestVerdict::SetupFailed, "failed in set-up"),
        (TestVerdict::Error, "with errors"),
        (TestVerdict::Unsupported, "unsupported"),
    ] {
        let count = report.count(verdict);
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    if !report.not_run.is_empty() {
        parts.push(format!("{} not run", report.not_run.len()));
    }
    let total = report.tests.len() + report.not_run.len();
    let verdict = match report.exit_code() {
        exit::PASSED => paint.green("passed"),
        exit::INTERRUPTED => paint.red("interrupted"),
        exit::MODEL => paint.red("the model does not build"),
        exit::ENVIRONMENT => paint.red("environment error"),
        _ => paint.red("failed"),
    };
    let tests = if total == 1 { "1 test".to_owned() } else { format!("{total} tests") };
    let seconds = report.micros as f64 / 1e6;
    let _ = writeln!(
        out,
        "{verdict}: {} of {tests}, {seconds:.2} s, {} at a time",
        parts.join(", "),
        report.jobs
    );
}

/// The failure of one test without its name: for panes and events. Files are shown from `root`. Empty for a
/// passed test without warnings.
pub fn detail(test: &TestResult, root: &Path) -> String {
    let mut out = String::new();
    for warning in &test.warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    if let Some(failure) = &test.failure {
        failure_text(failure, root, Paint(false), false, &mut out);
    }
    out
}

fn failure_text(failure: &Failure, root: &Path, paint: Paint, explain: bool, out: &mut String) {
    let mut place = shown(&failure.file, root);
    if let Some(line) = failure.line {
        let _ = write!(place, ":{line}");
    }
    let stage = failure.stage.map_or_else(String::new, |stage| format!(", stage {stage}"));
    let _ = writeln!(out, "    {}{stage}", paint.bold(&place));
    let kind = match failure.cause {
        Cause::Assertion | Cause::Model | Cause::Environment => "",
        Cause::Setup => "set-up failure: ",
        Cause::Error => "error: ",
        Cause::Unsupported => "unsupported: ",
    };
    // The headline of a comparison says no more than the first difference below it.
    if failure.differences.first().is_none_or(|first| !failure.message.starts_with(&first.headline())) {
        indented(&format!("{kind}{}", failure.message), 4, out);
    } else if !kind.is_empty() {
        indented(kind.trim_end_matches([':', ' ']), 4, out);
    }
    for difference in &failure.differences {
        difference_text(difference, paint, out);
    }
    if let Some(expected) = &failure.expected {
        let _ = writeln!(out, "    expected body");
        body(expected, out);
    }
    if let Some(actual) = &failure.actual {
        let _ = writeln!(out, "    actual body");
        body(actual, out);
    }
    for line in &failure.console {
        let _ = writeln!(out, "    console: {line}");
    }
    if let Some(trace) = failure.trace.as_ref().filter(|_| explain) {
        super::explain::write(trace, out);
    }
    if let Some(step) = &failure.next_step {
        let _ = writeln!(out, "    next: {step}");
    }
}

fn difference_text(difference: &Difference, paint: Paint, out: &mut String) {
    let place = if difference.path.is_empty() { "the body" } else { &difference.path };
    let _ = writeln!(out, "      {} {}", paint.bold(place), difference.kind.describe());
    if let Some(note) = &difference.note {
        let _ = writeln!(out, "        {note}");
    }
    let (expected, actual) = (difference.expected.as_ref(), difference.actual.as_ref());
    if let Some(value) = expected {
        let _ = writeln!(out, "        expected  {}", paint.green(&short(value)));
    }
    if let Some(value) = actual {
        let _ = writeln!(out, "        actual    {}", paint.red(&short(value)));
    }
    if let (Some(Value::String(expected)), Some(Value::String(actual))) = (expected, actual) {
        let same = expected.chars().zip(actual.chars()).take_while(|(left, right)| left == right).count();
        if same >= 8 {
            let _ = writeln!(out, "        the first {same} characters are equal");
        }
    }
}

/// A value in one line.
fn short(value: &Value) -> String {
    let text = value.to_string();
    let mut cut: String = text.chars().take(160).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

fn body(value: &Value, out: &mut String) {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    for line in lines.iter().take(MAX_BODY_LINES) {
        let _ = writeln!(out, "      {line}");
    }
    if lines.len() > MAX_BODY_LINES {
        let _ = writeln!(out, "      … {} more lines; `--json` has all", lines.len() - MAX_BODY_LINES);
    }
}

fn indented(text: &str, by: usize, out: &mut String) {
    for line in text.lines() {
        let _ = writeln!(out, "{:by$}{line}", "");
    }
}

/// Milliseconds with one digit below 10.
pub(crate) fn milliseconds(micros: u64) -> String {
    let value = micros as f64 / 1000.0;
    if value < 10.0 { format!("{value:.1} ms") } else { format!("{value:.0} ms") }
}

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Sign and word, so that the verdict is readable without color.
    fn sign(self, verdict: TestVerdict) -> String {
        match verdict {
            TestVerdict::Passed => self.green("✓ pass"),
            TestVerdict::Failed => self.red("✗ fail"),
            TestVerdict::SetupFailed => self.red("✗ set-up"),
            TestVerdict::Error => self.red("✗ error"),
            TestVerdict::Unsupported => self.with("33", "? unsupported"),
        }
    }
}
