//! The course of one call: where its JavaScript runs, what it waits for.
//!
//! Handing a call to another thread and its answer back costs two wake-ups, which is a multiple of what most functions
//! compute. So functions that are known to be quick run where their events are asked for, in the task of the request.
//! One that is not done in time after all is put aside, in the middle of whatever it does, and goes on in a thread for
//! scripts; so do functions of which nothing is known, new instances, and texts of a size that takes time to read, since
//! QuickJS reads a text in one go.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::call::{Call, Event, Failure, FailureKind, HostError};
use super::instance::{Progress, Work};
use super::pace::Pace;
use super::pool::{Shared, dispose};
use super::slice::{Outcome, Resting, Slice, Turn};
use super::threads::{Job, Report, Start, threads};

/// How long a script may have the thread of a request.
const PATIENCE: Duration = Duration::from_micros(500);
/// Texts from this size on are read in a thread for scripts.
const LARGE: usize = 64 * 1024;
/// Computing that counts as one step of a task's budget: a task of many calls lets others go on now and then.
const STEP: Duration = Duration::from_micros(10);

pub(super) struct Course {
    shared: Arc<Shared>,
    pace: Arc<Pace>,
    state: State,
    /// Events that nobody has asked for yet.
    events: VecDeque<Event>,
    answers: VecDeque<(u32, Result<String, HostError>)>,
    until: Instant,
    cancelled: Arc<AtomicBool>,
    /// Computing in this task that has not been counted yet.
    debt: Duration,
    /// The pace knows of the slice that is away.
    was_put_aside: bool,
}

enum State {
    /// To be begun where the events are asked for.
    Ready(Resting, Call),
    /// In a thread for scripts.
    Away(mpsc::UnboundedReceiver<Report>),
    /// For an answer or a timer.
    Waits(Resting),
    /// All that is left is to say so.
    Over(Option<Result<String, Failure>>),
}

impl std::fmt::Debug for Course {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match &self.state {
            State::Ready(..) => "ready",
            State::Away(_) => "away",
            State::Waits(_) => "waits",
            State::Over(_) => "over",
        };
        f.debug_struct("Course").field("state", &state).field("pace", &self.pace).finish_non_exhaustive()
    }
}

impl Course {
    /// Begins a call; one that is to run in this task begins when its first event is asked for.
    pub(super) fn new(shared: &Arc<Shared>, call: Call) -> Self {
        let limits = shared.settings.limits;
        let (resting, pace) = shared.lease(&call.script, &call.function);
        let mut course = Self {
            shared: Arc::clone(shared),
            pace,
            state: State::Over(None),
            events: VecDeque::new(),
            answers: VecDeque::new(),
            until: Instant::now() + limits.total,
            cancelled: Arc::default(),
            debt: Duration::ZERO,
            was_put_aside: false,
        };
        match resting {
            Some(resting) if course.pace.is_quick() && call.size() < LARGE => {
                course.state = State::Ready(resting, call);
            }
            Some(resting) => {
                let work = course.beginning(call);
                course.send_away(Slice::new(resting, work));
            }
            None => {
                let (reports, receiver) = mpsc::unbounded_channel();
                course.submit(
                    Job::Start(Box::new(Start {
                        scripts: Arc::clone(&shared.scripts),
                        limits,
                        call,
                        until: course.until,
                        cancelled: Arc::clone(&course.cancelled),
                        reports,
                    })),
                    receiver,
                );
            }
        }
        course
    }

    /// The next event. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(left) = self.debt.checked_sub(STEP) {
                self.debt = left;
                tokio::task::consume_budget().await;
            }
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match &mut self.state {
                State::Ready(..) => self.begin(),
                State::Away(reports) => {
                    match tokio::time::timeout_at(self.until.into(), reports.recv()).await {
                        Ok(Some(Report::Event(event))) => return Some(event),
                        Ok(Some(Report::Came(outcome))) => self.came(outcome),
                        Ok(None) => {
                            let message = "the thread of the script ended";
                            self.end(Err(Failure::new(FailureKind::Stuck, message)));
                        }
                        Err(_) => {
                            self.cancelled.store(true, Ordering::Relaxed);
                            self.end(Err(Failure::too_long(self.shared.settings.limits.total)));
                        }
                    }
                }
                State::Waits(resting) => {
                    let timer = resting.link().next_timer();
                    let work = match self.answers.pop_front() {
                        Some((id, answer)) => Some(Work::Answer(id, answer)),
                        None => {
                            let wake = timer.map_or(self.until, |(at, _)| at.min(self.until));
                            tokio::time::sleep_until(wake.into()).await;
                            timer.filter(|(at, _)| *at < self.until).map(|(_, id)| Work::Timer(id))
                        }
                    };
                    match work {
                        Some(work) => self.go_on(work),
                        None => self.end(Err(Failure::too_long(self.shared.settings.limits.total))),
                    }
                }
                State::Over(result) => return result.take().map(Event::Done),
            }
        }
    }

    /// An answer to a question; what it leads to happens when the next event is asked for.
    pub(super) fn answer(&mut self, id: u32, answer: Result<String, HostError>) {
        self.answers.push_back((id, answer));
    }

    fn beginning(&self, call: Call) -> Work {
        Work::Call { call, until: self.until, cancelled: Arc::clone(&self.cancelled) }
    }

    fn begin(&mut self) {
        match std::mem::replace(&mut self.state, State::Over(None)) {
            State::Ready(resting, call) => {
                let work = self.beginning(call);
                self.run(Slice::new(resting, work));
            }
            other => self.state = other,
        }
    }

    fn go_on(&mut self, work: Work) {
        match std::mem::replace(&mut self.state, State::Over(None)) {
            State::Waits(resting) => {
                let is_quick = self.pace.is_quick() && work.size() < LARGE;
                let slice = Slice::new(resting, work);
                if is_quick { self.run(slice) } else { self.send_away(slice) }
            }
            other => self.state = other,
        }
    }

    /// Runs it here, for as long as the task can be patient.
    fn run(&mut self, slice: Slice) {
        let since = Instant::now();
        let turn = slice.run(Some(PATIENCE));
        self.debt += since.elapsed();
        match turn {
            Turn::Came(outcome) => self.came(outcome),
            Turn::Aside(slice) => {
                // Others of the function may begin before this one is done.
                self.pace.note_endless();
                self.was_put_aside = true;
                self.send_away(slice);
            }
        }
    }

    fn send_away(&mut self, slice: Slice) {
        let (reports, receiver) = mpsc::unbounded_channel();
        self.events.append(&mut slice.send_to(reports.clone()));
        self.submit(Job::Run(slice, reports), receiver);
    }

    fn submit(&mut self, job: Job, reports: mpsc::UnboundedReceiver<Report>) {
        match threads().submit(job) {
            Ok(()) => self.state = State::Away(reports),
            Err(job) => {
                drop(job);
                let message = "the thread for scripts could not be started";
                self.end(Err(Failure::new(FailureKind::Stuck, message)));
            }
        }
    }

    fn came(&mut self, outcome: Outcome) {
        let Outcome { resting, progress, computed } = outcome;
        if !std::mem::take(&mut self.was_put_aside) {
            self.pace.note(computed);
        }
        if let Some(resting) = &resting {
            self.events.append(&mut resting.link().keep());
        }
        match (progress, resting) {
            (Progress::Waits, Some(resting)) => self.state = State::Waits(resting),
            (Progress::Waits, None) => self.end(Err(Failure::gone())),
            (Progress::Over { result, reusable }, resting) => {
                match resting {
                    // Back before the caller learns of it, so that its next call finds this instance.
                    Some(resting) if reusable => self.shared.put_back(resting),
                    Some(resting) => dispose(vec![resting]),
                    None => {}
                }
                self.end(result);
            }
        }
    }

    fn end(&mut self, result: Result<String, Failure>) {
        let before = std::mem::replace(&mut self.state, State::Over(Some(result)));
        self.leave(before);
    }

    /// What becomes of an instance that is no longer waited for.
    fn leave(&self, state: State) {
        match state {
            // Nothing has happened in it.
            State::Ready(resting, _) => self.shared.put_back(resting),
            // Others must not find what this call has begun.
            State::Waits(resting) => dispose(vec![resting]),
            State::Away(_) => self.cancelled.store(true, Ordering::Relaxed),
            State::Over(_) => {}
        }
    }
}

impl Drop for Course {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Over(None));
        self.leave(state);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::call::Argument;
    use super::super::pool::{Limits, RunSettings, ScriptRuntime};
    use super::*;
    use crate::bundle::bundle;

    fn call(function: &str, argument: &str) -> Call {
        Call {
            script: "a.ts".to_owned(),
            function: function.to_owned(),
            arguments: vec![Argument::Json(argument.to_owned())],
            operation: None,
            composite: false,
            environment: Arc::new(BTreeMap::new()),
        }
    }

    async fn done(course: &mut Course) -> String {
        match course.next().await {
            Some(Event::Done(Ok(text))) => text,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn functions_run_here_once_they_are_known_to_be_quick() {
        let dir = tempfile::tempdir().unwrap();
        let text = "export const length = (text) => text.length;\nexport const other = length;\n";
        std::fs::write(dir.path().join("a.ts"), text).unwrap();
        let limits = Limits { computing: Duration::from_secs(60), ..Limits::default() };
        let scripts = Arc::new(bundle(dir.path(), ["a.ts"]).scripts);
        let runtime = ScriptRuntime::new(scripts, RunSettings { limits });
        let course = |function: &str, argument: &str| Course::new(runtime.shared(), call(function, argument));

        let mut first = course("length", "\"a\"");
        assert!(matches!(first.state, State::Away(_)), "it needs an instance");
        assert_eq!(done(&mut first).await, "1");
        // A machine with much to do makes it look slow; a few more calls show that it is not.
        let mut quick = course("length", "\"a\"");
        while !matches!(quick.state, State::Ready(..)) {
            assert_eq!(done(&mut quick).await, "1");
            quick = course("length", "\"a\"");
        }
        assert_eq!(done(&mut quick).await, "1");

        let large = format!("\"{}\"", "x".repeat(LARGE));
        let mut large = course("length", &large);
        assert!(matches!(large.state, State::Away(_)), "it takes time to read");
        assert_eq!(done(&mut large).await, LARGE.to_string());
        let mut other = course("other", "\"a\"");
        assert!(matches!(other.state, State::Away(_)), "nothing is known of it");
        assert_eq!(done(&mut other).await, "1");
    }
}
