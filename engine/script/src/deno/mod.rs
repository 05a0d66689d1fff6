//! Scripts on `deno` processes: what the embedded engine cannot run, such as packages that want all of the web or of Node.
//!
//! A process serves one call at a time and is kept for the next one of its script. It reads and writes JSON lines; what
//! stops it is being killed, so a call that takes too much takes its process along.

mod process;
mod usage;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, mpsc};

use crate::run::{Call, CallHandle, Event, Failure, FailureKind, HostError, Limits, Remote};
use process::Process;

/// Processes at work at once, for all scripts of a project: each is an engine of its own.
const PROCESSES: usize = 8;
/// Idle processes that are kept per script.
const KEEP: usize = 2;

/// What processes are started with.
#[derive(Debug, Clone)]
pub struct DenoSettings {
    /// The program.
    pub program: PathBuf,
    /// The project: scripts are below it, and files in it may be read.
    pub root: PathBuf,
    /// Hosts that may be reached: `host` (80 and 443) or `host:port`.
    pub allow_http: Vec<String>,
    /// Limits of every call.
    pub limits: Limits,
}

/// Runs functions of scripts in `deno` processes. With the last clone they are killed.
#[derive(Debug, Clone)]
pub struct DenoRuntime {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: DenoSettings,
    idle: Mutex<HashMap<String, Vec<Process>>>,
    permits: Semaphore,
}

/// Answers to questions of the script.
type Answers = mpsc::UnboundedReceiver<(u32, Result<String, HostError>)>;

/// The `deno` program: that of the project's `node_modules`, else the first one in `path` (the variable `PATH`).
pub fn find_deno(root: &Path, path: Option<&str>) -> Option<PathBuf> {
    // The package `deno` brings the program of this platform along in a package of its own.
    let packages = std::fs::read_dir(root.join("node_modules/@deno")).into_iter().flatten().flatten();
    let installed = packages.map(|package| package.path().join("deno"));
    let folders = path.map(std::env::split_paths).into_iter().flatten();
    let in_path = folders.map(|folder| folder.join("deno"));
    installed.chain(in_path).find(|program| program.is_file())
}

impl DenoRuntime {
    /// A runtime without processes yet.
    pub fn new(settings: DenoSettings) -> Self {
        Self {
            shared: Arc::new(Shared { settings, idle: Mutex::default(), permits: Semaphore::new(PROCESSES) }),
        }
    }

    /// Starts a call. Has to be called inside of a tokio runtime.
    pub fn call(&self, call: Call) -> CallHandle {
        let (events_sender, events) = mpsc::unbounded_channel();
        let (answers, answer_receiver) = mpsc::unbounded_channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let handle = CallHandle::there(Remote { events, answers, cancelled });
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let result = shared.serve(&call, &events_sender, answer_receiver).await;
            // A caller that went away wants no result.
            let _ = events_sender.send(Event::Done(result));
        });
        handle
    }
}

impl Shared {
    async fn serve(
        &self,
        call: &Call,
        events: &mpsc::UnboundedSender<Event>,
        mut answers: Answers,
    ) -> Result<String, Failure> {
        let limits = self.settings.limits;
        let until = tokio::time::Instant::now() + limits.total;
        let permit = tokio::time::timeout_at(until, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(Failure::new(FailureKind::Timeout, "no `deno` process was free in time"));
        };
        let mut process = match self.take(&call.script, &call.environment) {
            Some(process) => process,
            None => {
                let mut process = Process::start(&self.settings, &call.environment)?;
                process.load(&self.settings, &call.script, events, &mut answers, until).await?;
                process
            }
        };
        let result = process.call(&self.settings, call, events, &mut answers, until).await;
        let spent = matches!(
            &result,
            Err(Failure { kind: FailureKind::Timeout | FailureKind::Memory | FailureKind::Stuck, .. })
        );
        if !spent {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let known = idle.entry(call.script.clone()).or_default();
            if known.len() < KEEP {
                known.push(process);
            }
        }
        result
    }

    /// An idle process of the script with these variables.
    fn take(&self, script: &str, environment: &BTreeMap<String, String>) -> Option<Process> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle.get_mut(script)?;
        let found = known.iter().position(|process| *process.environment == *environment)?;
        Some(known.swap_remove(found))
    }
}
