//! Which instance serves a call: a free one of the script, else a new one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::call::Call;
use super::course::Course;
use super::handle::CallHandle;
use super::pace::Pace;
use super::slice::Resting;
use super::threads::{Job, threads};
use crate::bundle::Scripts;

/// Idle instances that are kept per script.
const KEEP: usize = 8;

/// What a call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Computing time of one call.
    pub computing: Duration,
    /// Time of one call, waiting for queries and the network included.
    pub total: Duration,
    /// Memory of one instance, in bytes.
    pub memory: usize,
    /// Stack of one instance, in bytes.
    pub stack: usize,
    /// Questions to the engine that may be open at once.
    pub open_requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            computing: Duration::from_secs(10),
            total: Duration::from_secs(60),
            memory: 128 * 1024 * 1024,
            stack: 1024 * 1024,
            open_requests: 256,
        }
    }
}

/// Settings of a runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunSettings {
    /// Limits of every call.
    pub limits: Limits,
}

/// Runs functions of scripts. Clones share their instances; with the last one, and the last call, they are dropped.
#[derive(Debug, Clone)]
pub struct ScriptRuntime {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) scripts: Arc<Scripts>,
    pub(super) settings: RunSettings,
    known: Mutex<HashMap<String, Known>>,
}

/// What is known of a script.
#[derive(Default)]
struct Known {
    idle: Vec<Resting>,
    /// By function.
    paces: HashMap<String, Arc<Pace>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let idle: usize = self.lock().values().map(|known| known.idle.len()).sum();
        f.debug_struct("Shared")
            .field("settings", &self.settings)
            .field("idle", &idle)
            .finish_non_exhaustive()
    }
}

impl ScriptRuntime {
    /// A runtime without instances yet; one of them is prepared for.
    pub fn new(scripts: Arc<Scripts>, settings: RunSettings) -> Self {
        if !scripts.is_empty() {
            // A thread that cannot be started shows with the first call.
            let _ = threads().submit(Job::Prepare);
        }
        Self { shared: Arc::new(Shared { scripts, settings, known: Mutex::default() }) }
    }

    #[cfg(test)]
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Starts a call. Its events have to be asked for inside of a tokio runtime with time: that is where quick functions
    /// run.
    pub fn call(&self, call: Call) -> CallHandle {
        CallHandle::here(Course::new(&self.shared, call))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A free instance, and what is known of the function.
    pub(super) fn lease(&self, script: &str, function: &str) -> (Option<Resting>, Arc<Pace>) {
        let mut scripts = self.lock();
        let known = match scripts.get_mut(script) {
            Some(known) => known,
            None => scripts.entry(script.to_owned()).or_default(),
        };
        let pace = match known.paces.get(function) {
            Some(pace) => Arc::clone(pace),
            None => Arc::clone(known.paces.entry(function.to_owned()).or_default()),
        };
        // The last one that was used is the one in the processor's caches.
        (known.idle.pop(), pace)
    }

    /// Takes an instance back.
    pub(super) fn put_back(&self, resting: Resting) {
        let mut scripts = self.lock();
        match scripts.get_mut(resting.script()) {
            Some(known) if known.idle.len() < KEEP => known.idle.push(resting),
            _ => {
                drop(scripts);
                dispose(vec![resting]);
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let known = std::mem::take(&mut *self.lock());
        let idle: Vec<Resting> = known.into_values().flat_map(|known| known.idle).collect();
        if !idle.is_empty() {
            dispose(idle);
        }
    }
}

/// Takes instances down elsewhere; here, where there is no elsewhere.
pub(super) fn dispose(instances: Vec<Resting>) {
    drop(threads().submit(Job::Drop(instances)));
}
