//! Facts and state of test runs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::access_coverage::AccessCoverage;
use crate::time::Micros;
use crate::trace::Trace;

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

/// A test and its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestPlace {
    /// Its name.
    pub name: String,
    /// Its file, from the project, with `/`.
    pub file: String,
}

/// Everything about a finished test but its verdict.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestOutcome {
    /// The file with the failing expectation (or the failing seed), from the project, with `/`; of a passed test
    /// its own file.
    pub file: String,
    /// 1-based line in it; 0 when no line is meant.
    pub line: u32,
    /// One sentence; empty when passed.
    pub message: String,
    /// Where the expected and the actual body differ.
    pub differences: Vec<TestDifference>,
    /// The whole expected body as indented JSON; empty without.
    pub expected: Arc<str>,
    /// The whole actual body as indented JSON; empty without.
    pub actual: Arc<str>,
    /// What to do next; empty without.
    pub next_step: String,
    /// Accepted but suspicious.
    pub warnings: Vec<String>,
    /// How often the test was run.
    pub attempts: u32,
    /// The requests of the last attempt in order, those of seeds left out.
    pub requests: Vec<TestRequest>,
}

/// One place where an expected and an actual body differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestDifference {
    /// Path with list indexes, such as `data.todos[1].title`; empty for the whole body.
    pub path: String,
    /// What is wrong there, in words: `not equal`, `missing`, ….
    pub kind: String,
    /// The expected value as JSON, a function as its source; empty for something unexpected.
    pub expected: String,
    /// The actual value as JSON; empty for something missing.
    pub actual: String,
    /// More about it; empty without.
    pub note: String,
}

/// One request of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestRequest {
    /// The file with the stage, from the project, with `/`.
    pub file: String,
    /// 1-based line of the stage.
    pub line: u32,
    /// Path it was sent to, such as `/graphql`.
    pub path: String,
    /// HTTP status.
    pub status: u16,
    /// From sending to the whole answer.
    pub time: Micros,
    /// Phases, SQL and access rules, where they were recorded.
    pub trace: Option<Arc<Trace>>,
}

/// A fact of a test run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TestEvent {
    /// The tests there are, whether or not they are run.
    Listed {
        /// All of them, by name.
        tests: Vec<TestPlace>,
    },
    /// Tests are run after each save, or not any more.
    Watching(bool),
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
        /// The same as data, with the requests of the test.
        outcome: Arc<TestOutcome>,
    },
    /// What the run saw of the access rules.
    Coverage(Arc<AccessCoverage>),
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestCase {
    /// Its name.
    pub name: String,
    /// Its file, from the project; empty while it is not known.
    pub file: String,
    /// Running right now.
    pub running: bool,
    /// Last verdict; `None` before the first run.
    pub verdict: Option<TestVerdict>,
    /// Last time.
    pub time: Micros,
    /// Last failure text.
    pub detail: Arc<str>,
    /// The rest of the last run.
    pub outcome: Arc<TestOutcome>,
}

/// The tests as the pane sees them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TestState {
    /// A run is under way.
    pub running: bool,
    /// They are run after each save.
    pub watching: bool,
    /// Tests by name.
    pub cases: Vec<TestCase>,
    /// Passed and total of the last whole run.
    pub summary: Option<(u32, u32, Micros)>,
    /// Why the last run could not take place.
    pub aborted: Option<String>,
    /// What the last whole run saw of the access rules.
    pub coverage: Option<Arc<AccessCoverage>>,
}

impl TestState {
    /// Names of the tests that did not pass when they were run last, for running them again.
    pub fn failed(&self) -> Vec<String> {
        let failed = |case: &&TestCase| case.verdict.is_some_and(|verdict| !verdict.is_pass());
        self.cases.iter().filter(failed).map(|case| case.name.clone()).collect()
    }

    pub(crate) fn apply(&mut self, event: &TestEvent) {
        match event {
            TestEvent::Listed { tests } => {
                let known = |name: &str| tests.iter().find(|test| test.name == name);
                // A check that is no file of its own (a kept schema) stays.
                self.cases.retain(|case| case.file.is_empty() || known(&case.name).is_some());
                for test in tests {
                    self.case(&test.name).file.clone_from(&test.file);
                }
            }
            TestEvent::Watching(on) => self.watching = *on,
            TestEvent::Discovered { names, whole } => {
                self.running = true;
                self.aborted = None;
                self.cases.retain(|case| !whole || names.contains(&case.name));
                for name in names {
                    self.case(name);
                }
            }
            TestEvent::Started { name } => self.case(name).running = true,
            TestEvent::Finished { name, verdict, time, detail, outcome } => {
                let case = self.case(name);
                case.running = false;
                case.verdict = Some(*verdict);
                case.time = *time;
                case.detail = Arc::clone(detail);
                case.outcome = Arc::clone(outcome);
            }
            TestEvent::Coverage(coverage) => self.coverage = Some(Arc::clone(coverage)),
            TestEvent::Summary { passed, total, time } => {
                self.end();
                self.summary = Some((*passed, *total, *time));
            }
            TestEvent::Aborted { reason } => {
                self.end();
                self.aborted = Some(reason.clone());
            }
        }
    }

    /// A test that was under way when the run ended was interrupted.
    fn end(&mut self) {
        self.running = false;
        for case in &mut self.cases {
            case.running = false;
        }
    }

    /// The test of that name, made when it is new; tests stay in order of their names.
    fn case(&mut self, name: &str) -> &mut TestCase {
        let at = match self.cases.binary_search_by(|case| case.name.as_str().cmp(name)) {
            Ok(at) => at,
            Err(at) => {
                let case = TestCase {
                    name: name.to_owned(),
                    file: String::new(),
                    running: false,
                    verdict: None,
                    time: Micros(0),
                    detail: Arc::from(""),
                    outcome: Arc::default(),
                };
                self.cases.insert(at, case);
                at
            }
        };
        &mut self.cases[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> TestPlace {
        TestPlace { name: name.to_owned(), file: format!("tests/{name}.exotest") }
    }

    fn names(state: &TestState) -> Vec<&str> {
        state.cases.iter().map(|case| case.name.as_str()).collect()
    }

    #[test]
    fn tests_are_listed_before_they_were_run_and_leave_with_their_file() {
        let mut state = TestState::default();
        state.apply(&TestEvent::Listed { tests: vec![place("b"), place("a/x")] });
        assert_eq!(names(&state), ["a/x", "b"]);
        assert_eq!((state.running, state.cases[0].verdict), (false, None));
        state.apply(&TestEvent::Discovered { names: vec!["b".into(), "schema".into()], whole: false });
        state.apply(&TestEvent::Started { name: "b".into() });
        let outcome = Arc::new(TestOutcome { line: 4, ..TestOutcome::default() });
        state.apply(&TestEvent::Finished {
            name: "b".into(),
            verdict: TestVerdict::Failed,
            time: Micros(5),
            detail: Arc::from("x"),
            outcome,
        });
        state.apply(&TestEvent::Started { name: "schema".into() });
        state.apply(&TestEvent::Summary { passed: 0, total: 1, time: Micros(9) });
        assert!(state.cases.iter().all(|case| !case.running), "nothing runs after the end");
        assert_eq!((state.failed(), state.cases[1].outcome.line), (vec!["b".to_owned()], 4));
        state.apply(&TestEvent::Listed { tests: vec![place("b")] });
        assert_eq!(names(&state), ["b", "schema"], "what has no file of its own stays");
        assert_eq!(state.cases[0].verdict, Some(TestVerdict::Failed), "listing forgets no verdict");
        state.apply(&TestEvent::Discovered { names: vec!["b".into()], whole: true });
        assert_eq!(names(&state), ["b"]);
    }
}
