//! What did not pass in the last run, for `--failed`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use studio_events::TestVerdict;

use crate::outcome::Report;

/// Where the last run below a directory is remembered: with the other build products.
pub fn path(root: &Path) -> PathBuf {
    root.join("target").join("exotest-failed.json")
}

/// The file's content.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Remembered {
    failed: BTreeSet<String>,
}

/// Names of the tests that did not pass when they were run last. Empty without a usable file.
pub fn failed(root: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path(root)).unwrap_or_default();
    serde_json::from_str::<Remembered>(&text).unwrap_or_default().failed
}

/// Remembers a run. Tests that were not part of it, or not reached, keep what is known about them; names of
/// tests that are gone are forgotten by a whole run.
pub fn remember(report: &Report, whole: bool) -> io::Result<()> {
    let mut names = if whole && !report.interrupted { BTreeSet::new() } else { failed(&report.root) };
    for test in &report.tests {
        if test.verdict == TestVerdict::Passed {
            names.remove(&test.name);
        } else {
            names.insert(test.name.clone());
        }
    }
    let path = path(&report.root);
    if names.is_empty() && !path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_string_pretty(&Remembered { failed: names })?;
    let temporary = path.with_extension("json.new");
    fs::write(&temporary, text)?;
    fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::TestResult;

    fn report(root: &Path, tests: &[(&str, TestVerdict)], interrupted: bool) -> Report {
        let test = |(name, verdict): &(&str, TestVerdict)| TestResult {
            name: (*name).to_owned(),
            project: String::new(),
            file: PathBuf::new(),
            verdict: *verdict,
            micros: 0,
            attempts: 1,
            failure: None,
            warnings: Vec::new(),
            requests: Vec::new(),
        };
        Report {
            root: root.to_owned(),
            filter: None,
            named: false,
            near: Vec::new(),
            tests: tests.iter().map(test).collect(),
            not_run: Vec::new(),
            projects: Vec::new(),
            interrupted,
            access: None,
            min_access_coverage: None,
            micros: 0,
            jobs: 1,
        }
    }

    #[test]
    fn runs_are_remembered() {
        use TestVerdict::{Failed, Passed, Unsupported};
        let folder = tempfile::tempdir().expect("temporary folder");
        let root = folder.path();
        let names = || failed(root).into_iter().collect::<Vec<_>>();
        remember(&report(root, &[("a", Passed)], false), true).expect("write");
        assert!(!path(root).exists(), "nothing failed, nothing to remember");
        remember(&report(root, &[("a", Passed), ("b", Failed), ("c", Unsupported)], false), true)
            .expect("write");
        assert_eq!(names(), ["b", "c"]);
        remember(&report(root, &[("b", Passed)], false), false).expect("write");
        assert_eq!(names(), ["c"]);
        remember(&report(root, &[("a", Failed)], true), true).expect("write");
        assert_eq!(names(), ["a", "c"], "an interrupted run knows little");
        remember(&report(root, &[("a", Passed)], false), true).expect("write");
        assert!(names().is_empty());
        fs::write(path(root), "not JSON").expect("write");
        assert!(names().is_empty());
    }
}
