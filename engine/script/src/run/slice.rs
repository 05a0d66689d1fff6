//! JavaScript on a stack of its own, so that a script that turns out to compute for long can be put aside in the middle
//! of what it does and go on in another thread.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};
use tokio::sync::mpsc;

use super::call::{Event, Failure, FailureKind};
use super::instance::{Engine, Instance, Progress, Work};
use super::link::Link;
use super::pool::Limits;
use super::threads::Report;
use crate::bundle::Scripts;

/// Room below what JavaScript may use of a stack, for the Rust that scripts call.
const BELOW: usize = 1024 * 1024;

/// An instance in which nothing runs, with the stack for what will.
pub(super) struct Resting {
    instance: Box<Instance>,
    stack: DefaultStack,
}

impl Resting {
    /// A new instance of a script.
    pub(super) fn new(
        engine: Engine,
        scripts: &std::sync::Arc<Scripts>,
        script: &str,
        limits: Limits,
    ) -> Result<Self, Failure> {
        let stack = DefaultStack::new(limits.stack.saturating_add(BELOW)).map_err(|error| {
            Failure::new(FailureKind::Stuck, format!("there is no memory for the stack of a script: {error}"))
        })?;
        Ok(Self { instance: Box::new(Instance::new(engine, scripts, script, limits)), stack })
    }

    pub(super) fn script(&self) -> &str {
        self.instance.script()
    }

    pub(super) fn link(&self) -> &Link {
        self.instance.link()
    }
}

/// A piece of work in an instance, begun or not.
pub(super) struct Slice {
    /// `None` once it is over.
    coroutine: Option<Coroutine<(), (), (Box<Instance>, Progress)>>,
    link: Rc<Link>,
}

#[expect(
    unsafe_code,
    reason = "the stack holds frames of QuickJS, of its bindings and of this module; what they refer to is the engine that \
              goes along, and none of them counts on the thread"
)]
// SAFETY: see above; the clone of the link is one of the engine's own and used by whoever has the slice.
unsafe impl Send for Slice {}

/// How a slice came out.
pub(super) enum Turn {
    /// As far as the call gets by itself.
    Came(Outcome),
    /// It keeps the thread for too long.
    Aside(Slice),
}

/// What is left of a slice.
pub(super) struct Outcome {
    /// `None` after a crash.
    pub(super) resting: Option<Resting>,
    pub(super) progress: Progress,
    /// How long the functions of the call computed.
    pub(super) computed: Duration,
}

impl Outcome {
    /// It came to nothing.
    pub(super) fn failed(failure: Failure) -> Self {
        let progress = Progress::Over { result: Err(failure), reusable: false };
        Self { resting: None, progress, computed: Duration::ZERO }
    }
}

impl Slice {
    pub(super) fn new(resting: Resting, work: Work) -> Self {
        let Resting { mut instance, stack } = resting;
        let link = Rc::clone(instance.link());
        let coroutine = Coroutine::with_stack(stack, move |exit, ()| {
            instance.link().brake.set_exit(Some(exit));
            let progress = instance.perform(work);
            instance.link().brake.set_exit(None);
            (instance, progress)
        });
        Self { coroutine: Some(coroutine), link }
    }

    /// Events go there from now on; gives those that nobody has taken.
    pub(super) fn send_to(&self, reports: mpsc::UnboundedSender<Report>) -> VecDeque<Event> {
        self.link.send_to(reports)
    }

    /// Runs it in this thread, for so long; `None`: until it comes out.
    pub(super) fn run(mut self, patience: Option<Duration>) -> Turn {
        self.link.brake.be_patient(patience);
        let Some(coroutine) = &mut self.coroutine else {
            return Turn::Came(Outcome::failed(crashed()));
        };
        // Whoever called is told, as of any other failure; the instance is gone.
        match std::panic::catch_unwind(AssertUnwindSafe(|| coroutine.resume(()))) {
            Ok(CoroutineResult::Yield(())) => Turn::Aside(self),
            Ok(CoroutineResult::Return((instance, progress))) => {
                let computed = instance.computed();
                let stack = self.coroutine.take().map(Coroutine::into_stack);
                let resting = stack.map(|stack| Resting { instance, stack });
                Turn::Came(Outcome { resting, progress, computed })
            }
            Err(_) => Turn::Came(Outcome::failed(crashed())),
        }
    }
}

impl Drop for Slice {
    /// What has begun has to end: frames of QuickJS cannot be taken away from under it.
    fn drop(&mut self) {
        let Some(coroutine) = &mut self.coroutine else { return };
        if coroutine.started() && !coroutine.done() {
            self.link.brake.cancel();
            self.link.brake.be_patient(None);
            // There is no second way to put it aside, so this is its end.
            let _ = std::panic::catch_unwind(AssertUnwindSafe(|| coroutine.resume(())));
        }
    }
}

fn crashed() -> Failure {
    Failure::new(FailureKind::Stuck, "the engine of the script failed")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    use super::super::call::Call;
    use super::*;
    use crate::bundle::bundle;

    fn slice(function: &str) -> Slice {
        let dir = tempfile::tempdir().unwrap();
        let text = "export function endless() { for (;;); }\n\
                    export function long() { let n = 0; while (n < 3000000) n++; return n; }\n";
        std::fs::write(dir.path().join("a.ts"), text).unwrap();
        let scripts = Arc::new(bundle(dir.path(), ["a.ts"]).scripts);
        let limits = Limits { computing: Duration::from_secs(60), ..Limits::default() };
        let resting = Resting::new(Engine::new().unwrap(), &scripts, "a.ts", limits).unwrap();
        let call = Call {
            script: "a.ts".to_owned(),
            function: function.to_owned(),
            arguments: Vec::new(),
            operation: None,
            composite: false,
            environment: Arc::new(BTreeMap::new()),
        };
        let until = Instant::now() + limits.total;
        Slice::new(resting, Work::Call { call, until, cancelled: Arc::new(AtomicBool::new(false)) })
    }

    fn put_aside(function: &str) -> Slice {
        match slice(function).run(Some(Duration::ZERO)) {
            Turn::Aside(slice) => slice,
            Turn::Came(_) => panic!("it was not put aside"),
        }
    }

    #[test]
    fn a_slice_goes_on_in_another_thread() {
        let slice = put_aside("long");
        let thread = std::thread::spawn(move || match slice.run(None) {
            Turn::Came(outcome) => outcome,
            Turn::Aside(_) => panic!("it has all the time"),
        });
        let outcome = thread.join().unwrap();
        let Progress::Over { result, reusable } = outcome.progress else { panic!("it waits") };
        assert_eq!((result.unwrap().as_str(), reusable), ("3000000", true));
    }

    #[test]
    fn a_slice_that_is_dropped_ends() {
        let slice = put_aside("endless");
        let link = Rc::downgrade(&slice.link);
        drop(slice);
        assert!(link.upgrade().is_none(), "all of it is gone");
    }

    #[test]
    fn a_slice_need_not_begin() {
        let slice = slice("endless");
        let link = Rc::downgrade(&slice.link);
        drop(slice);
        assert!(link.upgrade().is_none(), "all of it is gone");
    }
}
