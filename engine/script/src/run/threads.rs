//! The threads for scripts that would keep those of requests too long: new instances, long computations.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::call::{Call, Event};
use super::instance::{Engine, Work};
use super::pool::Limits;
use super::slice::{Outcome, Resting, Slice, Turn};
use crate::bundle::Scripts;

/// How long a slice may keep others waiting at a time.
const TURN: Duration = Duration::from_millis(5);
/// Room for what QuickJS needs to make an engine; scripts run on stacks of their own.
const THREAD_STACK: usize = 4 * 1024 * 1024;

/// What a thread does.
pub(super) enum Job {
    /// Makes an instance and serves a call in it.
    Start(Box<Start>),
    /// Runs a slice until it comes out, in turns with others.
    Run(Slice, mpsc::UnboundedSender<Report>),
    /// Has an engine ready for the next new instance.
    Prepare,
    /// Instances that nobody wants: taking one down takes longer than most calls.
    Drop(Vec<Resting>),
}

/// A call for which there is no instance.
pub(super) struct Start {
    pub(super) scripts: Arc<Scripts>,
    pub(super) limits: Limits,
    pub(super) call: Call,
    pub(super) until: Instant,
    pub(super) cancelled: Arc<AtomicBool>,
    pub(super) reports: mpsc::UnboundedSender<Report>,
}

/// What a thread says to whoever waits for it.
pub(super) enum Report {
    Event(Event),
    /// The slice came out; the last report.
    Came(Outcome),
}

/// The threads of the process. They are started when there is something to do, and end with it.
pub(super) struct Threads {
    queue: Mutex<Queue>,
    most: usize,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    started: usize,
    /// Those that wait for a job. The last one is asked first: it made the spare engine, in its caches.
    idle: Vec<Thread>,
    /// Made while there is nothing else to do, used once.
    spare: Option<Engine>,
}

/// The threads.
pub(super) fn threads() -> &'static Threads {
    static THREADS: OnceLock<Threads> = OnceLock::new();
    THREADS.get_or_init(|| Threads {
        queue: Mutex::default(),
        most: std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8),
    })
}

impl Threads {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a job to the next thread that has nothing to do; it comes back when there can be none.
    pub(super) fn submit(&'static self, job: Job) -> Result<(), Job> {
        let mut queue = self.lock();
        if queue.idle.is_empty() && queue.started < self.most {
            let thread = std::thread::Builder::new()
                .name(format!("script-{}", queue.started))
                .stack_size(THREAD_STACK)
                .spawn(|| self.work());
            queue.started += usize::from(thread.is_ok());
            if queue.started == 0 {
                return Err(job);
            }
        }
        queue.jobs.push_back(job);
        let woken = queue.idle.pop();
        drop(queue);
        if let Some(thread) = woken {
            thread.unpark();
        }
        Ok(())
    }

    fn work(&self) {
        loop {
            let job = self.next();
            // Whoever waits for a report hears that there will be none.
            let _ = std::panic::catch_unwind(AssertUnwindSafe(|| self.run(job)));
        }
    }

    fn next(&self) -> Job {
        let this = std::thread::current();
        loop {
            let mut queue = self.lock();
            if let Some(job) = queue.jobs.pop_front() {
                return job;
            }
            queue.idle.push(this.clone());
            drop(queue);
            std::thread::park();
            // A thread can wake up by itself, and waits once at most.
            self.lock().idle.retain(|thread| thread.id() != this.id());
        }
    }

    fn run(&self, job: Job) {
        match job {
            Job::Start(start) => {
                let Start { scripts, limits, call, until, cancelled, reports } = *start;
                let spare = self.lock().spare.take();
                let made = spare.map_or_else(Engine::new, Ok);
                let made = made.and_then(|engine| Resting::new(engine, &scripts, &call.script, limits));
                match made {
                    Ok(resting) => {
                        let slice = Slice::new(resting, Work::Call { call, until, cancelled });
                        let _ = slice.send_to(reports.clone());
                        self.take_turns(slice, reports);
                    }
                    Err(failure) => report(&reports, Outcome::failed(failure)),
                }
                // The caller has its answer; others come first.
                if self.lock().jobs.is_empty() {
                    self.prepare();
                }
            }
            Job::Run(slice, reports) => self.take_turns(slice, reports),
            Job::Prepare => self.prepare(),
            Job::Drop(instances) => drop(instances),
        }
    }

    /// Runs a slice for as long as nobody else wants the thread, and then after them.
    fn take_turns(&self, mut slice: Slice, reports: mpsc::UnboundedSender<Report>) {
        loop {
            match slice.run(Some(TURN)) {
                Turn::Came(outcome) => return report(&reports, outcome),
                Turn::Aside(aside) => {
                    let mut queue = self.lock();
                    if !queue.jobs.is_empty() {
                        queue.jobs.push_back(Job::Run(aside, reports));
                        return;
                    }
                    drop(queue);
                    slice = aside;
                }
            }
        }
    }

    fn prepare(&self) {
        if self.lock().spare.is_some() {
            return;
        }
        // Without one the next instance makes its own, and says what is wrong.
        if let Ok(engine) = Engine::new() {
            self.lock().spare.get_or_insert(engine);
        }
    }
}

fn report(reports: &mpsc::UnboundedSender<Report>, outcome: Outcome) {
    if let Some(resting) = &outcome.resting {
        resting.link().keep();
    }
    // An instance whose caller went away is dropped here.
    let _ = reports.send(Report::Came(outcome));
}
