//! Progress of a run on a terminal: one line that is rewritten, and a line for each test that did not pass.

use std::sync::{Arc, Mutex, PoisonError};

use studio_events::TestEvent;

use crate::output;

/// Erases the current line of a terminal.
const ERASE: &str = "\r\u{1b}[2K";

/// Characters of a test name that are shown.
const MAX_NAME: usize = 48;

/// The line. Without a terminal nothing is written; the report says everything.
pub(super) struct ProgressLine {
    live: bool,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    total: usize,
    passed: usize,
    others: usize,
}

impl ProgressLine {
    pub(super) fn new(live: bool) -> Arc<Self> {
        Arc::new(Self { live, counts: Mutex::default() })
    }

    /// Shows a fact of the run.
    pub(super) fn event(&self, event: &TestEvent) {
        if !self.live {
            return;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            TestEvent::Discovered { names, .. } => counts.total = names.len(),
            TestEvent::Finished { name, verdict, outcome, .. } => {
                if verdict.is_pass() {
                    counts.passed += 1;
                } else {
                    counts.others += 1;
                    let message = outcome.message.lines().next().unwrap_or_default();
                    output::progress(&format!("{ERASE}✗ {name}  {message}\n"));
                }
                output::progress(&format!("{ERASE}{}", counts.line(name)));
            }
            TestEvent::Started { .. }
            | TestEvent::Listed { .. }
            | TestEvent::Watching(_)
            | TestEvent::Coverage(_)
            | TestEvent::Summary { .. }
            | TestEvent::Aborted { .. } => {}
        }
    }

    /// Removes the line, for the report.
    pub(super) fn clear(&self) {
        if self.live {
            output::progress(ERASE);
        }
    }
}

impl Counts {
    fn line(&self, name: &str) -> String {
        let done = self.passed + self.others;
        let failed = if self.others > 0 { format!(", {} not passed", self.others) } else { String::new() };
        let shown: String = name.chars().take(MAX_NAME).collect();
        format!("{done} of {}{failed}  {shown}", self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts() {
        let counts = Counts { total: 9, passed: 3, others: 1 };
        assert_eq!(counts.line("todos/list"), "4 of 9, 1 not passed  todos/list");
        assert_eq!(Counts { others: 0, ..counts }.line("a"), "3 of 9  a");
    }
}
