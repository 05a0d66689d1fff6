//! One QuickJS runtime with one evaluated script, and how a call is served in it.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rquickjs::{CatchResultExt, Context, Ctx, Module, Runtime, qjs};

use super::bridge::{Bridge, arguments};
use super::call::{Call, Failure, FailureKind, HostError};
use super::link::Link;
use super::loader::BundleLoader;
use super::places::source_places;
use super::pool::Limits;
use crate::bundle::Scripts;

/// An engine with its globals, before it belongs to a script. Making one takes longer than most calls.
///
/// Handles of JavaScript values are dropped before the runtime they belong to.
pub(super) struct Engine {
    bridge: Bridge,
    link: Rc<Link>,
    context: Context,
    /// Dropped last.
    runtime: Runtime,
}

#[expect(
    unsafe_code,
    reason = "its values refer to each other and are counted without atomics, but all of them are in here or on the \
              stack of the slice that runs it, and go from thread to thread together"
)]
// SAFETY: no part is shared with anything that stays behind. QuickJS keeps nothing in thread locals but for the limit of
// its stack, which every slice sets.
unsafe impl Send for Engine {}

impl Engine {
    pub(super) fn new() -> Result<Self, Failure> {
        let start = |error: &dyn std::fmt::Display| {
            Failure::new(FailureKind::Stuck, format!("the JavaScript engine cannot start: {error}"))
        };
        let runtime = Runtime::new().map_err(|error| start(&error))?;
        let link = Rc::new(Link::default());
        let watched = Rc::clone(&link);
        runtime.set_interrupt_handler(Some(Box::new(move || watched.brake.is_over())));
        let context = Context::full(&runtime).map_err(|error| start(&error))?;
        let bridge = context
            .with(|ctx| Bridge::new(&ctx, &link).catch(&ctx).map_err(|error| error.to_string()))
            .map_err(|error| start(&error))?;
        let rejection = bridge.rejection.clone();
        runtime.set_host_promise_rejection_tracker(Some(Box::new(move |ctx, promise, reason, handled| {
            let note = rejection.clone().restore(&ctx);
            // It only keeps a note; without memory for one there is a failure to report anyway.
            let _ = note.and_then(|note| note.call::<_, ()>((promise, reason, handled)));
        })));
        Ok(Self { bridge, link, context, runtime })
    }
}

/// An engine that belongs to a script.
pub(super) struct Instance {
    engine: Engine,
    scripts: Arc<Scripts>,
    script: String,
    loaded: bool,
    /// The call that waits for the script to be evaluated.
    next: Option<Call>,
    /// How long the functions of the call computed in this slice.
    computed: Duration,
}

/// What makes JavaScript go on.
pub(super) enum Work {
    /// A call begins.
    Call {
        call: Call,
        /// When it ends at the latest.
        until: Instant,
        cancelled: Arc<AtomicBool>,
    },
    /// The engine answers a question.
    Answer(u32, Result<String, HostError>),
    /// A timer is due.
    Timer(u32),
}

impl Work {
    /// Bytes of text that JavaScript reads in one go.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Call { call, .. } => call.size(),
            Self::Answer(_, Ok(text)) => text.len(),
            Self::Answer(..) | Self::Timer(_) => 0,
        }
    }
}

/// How far a call got.
pub(super) enum Progress {
    /// It waits for an answer or a timer.
    Waits,
    /// It is over.
    Over {
        result: Result<String, Failure>,
        /// The instance can serve another call.
        reusable: bool,
    },
}

impl Instance {
    /// An instance of a script, which is evaluated by the first call.
    pub(super) fn new(engine: Engine, scripts: &Arc<Scripts>, script: &str, limits: Limits) -> Self {
        engine.runtime.set_memory_limit(limits.memory);
        engine.runtime.set_max_stack_size(limits.stack);
        let loader = BundleLoader(Arc::clone(scripts));
        engine.runtime.set_loader(loader.clone(), loader);
        engine.link.set_limits(limits);
        Self {
            engine,
            scripts: Arc::clone(scripts),
            script: script.to_owned(),
            loaded: false,
            next: None,
            computed: Duration::ZERO,
        }
    }

    pub(super) fn script(&self) -> &str {
        &self.script
    }

    pub(super) fn link(&self) -> &Rc<Link> {
        &self.engine.link
    }

    /// How long the functions of the call computed in the last slice; the evaluation of the script is no part of it.
    pub(super) fn computed(&self) -> Duration {
        self.computed
    }

    /// Goes on with a call as far as it gets. Runs on the stack of a slice.
    pub(super) fn perform(&mut self, work: Work) -> Progress {
        self.stand_here();
        self.computed = Duration::ZERO;
        let mut outcome = match work {
            Work::Call { call, until, cancelled } => {
                self.engine.link.begin(&call);
                self.engine.link.brake.begin(self.engine.link.limits(), until, cancelled);
                if self.loaded {
                    self.run(|instance, ctx| instance.start_call(ctx, &call))
                } else {
                    self.next = Some(call);
                    self.run(Self::start_load)
                }
            }
            Work::Answer(id, answer) => {
                self.engine.link.close(id);
                let (outcome, text) = match answer {
                    Ok(json) => (0, json),
                    Err(error) => (if error.public { 1 } else { 2 }, error.message),
                };
                self.run(|instance, ctx| {
                    instance.engine.bridge.deliver.clone().restore(ctx)?.call((id, outcome, text))
                })
            }
            Work::Timer(id) => {
                self.engine.link.stop_timer(id);
                self.run(|instance, ctx| instance.engine.bridge.timer.clone().restore(ctx)?.call((id,)))
            }
        };
        loop {
            let result = match outcome {
                Err(failure) => Err(failure),
                Ok(()) => match self.engine.link.take_result() {
                    Some(result) => result.map_err(|failure| self.refine(failure)),
                    None if self.engine.link.waits() => return Progress::Waits,
                    None => {
                        let message = "the script waits for a promise that nothing settles";
                        Err(Failure::new(FailureKind::Stuck, message))
                    }
                },
            };
            match (self.next.take(), result) {
                (Some(call), Ok(_)) => {
                    self.loaded = true;
                    self.computed = Duration::ZERO;
                    outcome = self.run(|instance, ctx| instance.start_call(ctx, &call));
                }
                (_, result) => return self.end(result),
            }
        }
    }

    /// QuickJS measures the depth of the stack from here on.
    fn stand_here(&self) {
        self.engine.context.with(|ctx| {
            #[expect(unsafe_code, reason = "the context is alive, and no JavaScript runs in it")]
            unsafe {
                qjs::JS_UpdateStackTop(qjs::JS_GetRuntime(ctx.as_raw().as_ptr()));
            }
        });
    }

    /// What a call leaves behind is nothing to the next one.
    fn end(&mut self, result: Result<String, Failure>) -> Progress {
        let reset = self.run(|instance, ctx| instance.engine.bridge.reset.clone().restore(ctx)?.call(()));
        self.engine.link.clear();
        let spent = matches!(
            &result,
            Err(Failure { kind: FailureKind::Timeout | FailureKind::Memory | FailureKind::Stuck, .. })
        );
        Progress::Over { result, reusable: self.loaded && reset.is_ok() && !spent }
    }

    fn start_load(&self, ctx: &Ctx<'_>) -> rquickjs::Result<()> {
        let namespace = Module::import(ctx, self.script.as_str())?;
        self.engine.bridge.load.clone().restore(ctx)?.call((namespace,))
    }

    fn start_call(&self, ctx: &Ctx<'_>, call: &Call) -> rquickjs::Result<()> {
        let function = self.engine.bridge.call.clone().restore(ctx)?;
        function.call((call.function.as_str(), arguments(call)))
    }

    /// Runs JavaScript and all jobs that follow from it, within the computing time that is left.
    fn run(&mut self, work: impl FnOnce(&Self, &Ctx<'_>) -> rquickjs::Result<()>) -> Result<(), Failure> {
        let brake = &self.engine.link.brake;
        brake.release();
        let outcome = self.engine.context.with(|ctx| {
            work(self, &ctx).catch(&ctx).map_err(|error| self.caught(&error))?;
            // A chain of jobs without end is no single long job.
            while !brake.is_over() && ctx.execute_pending_job() {}
            Ok(())
        });
        let ran = brake.apply();
        let (has_stopped, is_cancelled) = (brake.has_stopped(), brake.is_cancelled());
        self.computed += ran;
        match outcome {
            _ if has_stopped && is_cancelled => Err(Failure::gone()),
            _ if has_stopped => Err(Failure::too_long(self.engine.link.limits().computing)),
            outcome => outcome,
        }
    }

    /// The failure behind a JavaScript exception that reached Rust.
    fn caught(&self, error: &rquickjs::CaughtError<'_>) -> Failure {
        let (message, stack) = match error {
            rquickjs::CaughtError::Exception(exception) => {
                let name: String = exception.as_object().get("name").unwrap_or_default();
                let message = exception.message().unwrap_or_default();
                let named =
                    if name.is_empty() || name == "Error" { message } else { format!("{name}: {message}") };
                (named, exception.stack().unwrap_or_default())
            }
            // Running out of memory twice gives a bare `null`.
            rquickjs::CaughtError::Value(_) => ("out of memory".to_owned(), String::new()),
            rquickjs::CaughtError::Error(error) => (error.to_string(), String::new()),
        };
        self.refine(Failure { kind: FailureKind::Thrown, message, stack })
    }

    /// Limits have kinds of their own; places are those of the sources.
    fn refine(&self, mut failure: Failure) -> Failure {
        if failure.message.contains("out of memory") && failure.kind == FailureKind::Thrown {
            let limit = self.engine.link.limits().memory / (1024 * 1024);
            return Failure::new(
                FailureKind::Memory,
                format!("the script needed more than {limit} MiB of memory"),
            );
        }
        failure.stack = source_places(&self.scripts, &failure.stack);
        failure
    }
}
