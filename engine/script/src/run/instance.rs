//! One QuickJS runtime with one evaluated script, and how a call is driven in it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rquickjs::{CatchResultExt, Context, Ctx, Module, Runtime};
use tokio::sync::mpsc;

use super::bridge::{Bridge, arguments};
use super::call::{Call, ConsoleLevel, Event, Failure, FailureKind, HostError, HostRequest};
use super::loader::BundleLoader;
use super::pool::{Limits, Shared};
use super::prelude::OWN;
use crate::bundle::Scripts;

/// Console lines of one call that are passed on.
pub(crate) const MAX_LINES: u32 = 1000;

/// Answers to questions of the script.
type Answers = mpsc::UnboundedReceiver<(u32, Result<String, HostError>)>;

/// An instance. Handles of JavaScript values are dropped before the runtime they belong to.
pub(super) struct Instance {
    bridge: Bridge,
    link: Rc<Link>,
    scripts: Arc<Scripts>,
    script: String,
    loaded: bool,
    context: Context,
    /// Dropped last.
    _runtime: Runtime,
}

/// What the functions given to JavaScript write to, and what stops the script.
#[derive(Default)]
pub(super) struct Link {
    events: RefCell<Option<mpsc::UnboundedSender<Event>>>,
    open: RefCell<Vec<u32>>,
    timers: RefCell<Vec<(Instant, u32)>>,
    done: RefCell<Option<Result<String, Failure>>>,
    limits: Cell<Limits>,
    /// When the computing time of the call ends, while JavaScript runs.
    deadline: Cell<Option<Instant>>,
    stopped: Cell<bool>,
    /// Console lines of this call.
    lines: Cell<u32>,
    cancelled: RefCell<Arc<AtomicBool>>,
    pub(super) environment: RefCell<Arc<BTreeMap<String, String>>>,
}

impl Link {
    fn is_over(&self) -> bool {
        let late = self.deadline.get().is_some_and(|deadline| Instant::now() >= deadline);
        let over = late || self.cancelled.borrow().load(Ordering::Relaxed);
        if over {
            self.stopped.set(true);
        }
        over
    }

    pub(super) fn emit(&self, event: Event) {
        if let Some(events) = &*self.events.borrow() {
            // A caller that went away is noticed by the interrupt handler.
            let _ = events.send(event);
        }
    }

    /// A line for the console; the rest of a flood is left out.
    pub(super) fn print(&self, level: ConsoleLevel, text: String) {
        let lines = self.lines.get() + 1;
        self.lines.set(lines);
        match lines.cmp(&MAX_LINES) {
            std::cmp::Ordering::Less => self.emit(Event::Console { level, text }),
            std::cmp::Ordering::Equal => {
                let text = format!("(more than {MAX_LINES} lines of one call are left out)");
                self.emit(Event::Console { level: ConsoleLevel::Warn, text });
            }
            std::cmp::Ordering::Greater => {}
        }
    }

    pub(super) fn start_timer(&self, id: u32, wait: Duration) {
        self.timers.borrow_mut().push((Instant::now() + wait, id));
    }

    pub(super) fn stop_timer(&self, id: u32) {
        self.timers.borrow_mut().retain(|(_, known)| *known != id);
    }

    /// The function returned or threw.
    pub(super) fn finish(&self, result: Result<String, Failure>) {
        *self.done.borrow_mut() = Some(result);
    }

    /// `false` when too many questions are open.
    pub(super) fn ask(&self, id: u32, request: HostRequest) -> bool {
        if self.open.borrow().len() >= self.limits.get().open_requests {
            return false;
        }
        self.open.borrow_mut().push(id);
        self.emit(Event::Ask { id, request });
        true
    }
}

/// An engine with its globals, before it belongs to a script. Making one takes longer than most calls.
pub(super) struct Blank {
    bridge: Bridge,
    link: Rc<Link>,
    context: Context,
    /// Dropped last.
    runtime: Runtime,
}

impl Blank {
    pub(super) fn new() -> Result<Self, Failure> {
        let start = |error: &dyn std::fmt::Display| {
            Failure::new(FailureKind::Stuck, format!("the JavaScript engine cannot start: {error}"))
        };
        let runtime = Runtime::new().map_err(|error| start(&error))?;
        let link = Rc::new(Link::default());
        let watched = Rc::clone(&link);
        runtime.set_interrupt_handler(Some(Box::new(move || watched.is_over())));
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

impl Instance {
    /// An instance of a script, which is evaluated by the first call.
    pub(super) fn new(blank: Blank, shared: &Shared, script: &str) -> Self {
        let Blank { bridge, link, context, runtime } = blank;
        let limits = shared.settings.limits;
        runtime.set_memory_limit(limits.memory);
        runtime.set_max_stack_size(limits.stack);
        let loader = BundleLoader(Arc::clone(&shared.scripts));
        runtime.set_loader(loader.clone(), loader);
        link.limits.set(limits);
        Self {
            bridge,
            link,
            scripts: Arc::clone(&shared.scripts),
            script: script.to_owned(),
            loaded: false,
            context,
            _runtime: runtime,
        }
    }

    /// Drives a call to its end. The flag says whether the instance can serve another one.
    pub(super) async fn call(
        &mut self,
        call: &Call,
        limits: Limits,
        events: &mpsc::UnboundedSender<Event>,
        mut answers: Answers,
        cancelled: Arc<AtomicBool>,
    ) -> (Result<String, Failure>, bool) {
        *self.link.events.borrow_mut() = Some(events.clone());
        *self.link.cancelled.borrow_mut() = cancelled;
        *self.link.environment.borrow_mut() = Arc::clone(&call.environment);
        self.link.stopped.set(false);
        self.link.lines.set(0);
        let mut drive = Drive { left: limits.computing, until: Instant::now() + limits.total, limits };
        let mut result = Ok(String::new());
        if !self.loaded {
            result = drive.run(self, &mut answers, |instance, ctx| instance.start_load(ctx)).await;
            self.loaded = result.is_ok();
        }
        if result.is_ok() {
            result = drive.run(self, &mut answers, |instance, ctx| instance.start_call(ctx, call)).await;
        }
        // Timers and questions of this call are nothing to the next one.
        let reset = self.context.with(|ctx| {
            let reset = self.bridge.reset.clone().restore(&ctx)?;
            reset.call::<_, ()>(())
        });
        self.link.open.borrow_mut().clear();
        self.link.timers.borrow_mut().clear();
        self.link.done.borrow_mut().take();
        *self.link.events.borrow_mut() = None;
        let spent = matches!(
            &result,
            Err(Failure { kind: FailureKind::Timeout | FailureKind::Memory | FailureKind::Stuck, .. })
        );
        (result, self.loaded && reset.is_ok() && !spent && !self.link.stopped.get())
    }

    fn start_load(&self, ctx: &Ctx<'_>) -> rquickjs::Result<()> {
        let namespace = Module::import(ctx, self.script.as_str())?;
        self.bridge.load.clone().restore(ctx)?.call((namespace,))
    }

    fn start_call(&self, ctx: &Ctx<'_>, call: &Call) -> rquickjs::Result<()> {
        let function = self.bridge.call.clone().restore(ctx)?;
        function.call((call.function.as_str(), arguments(call)))
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
            let limit = self.link.limits.get().memory / (1024 * 1024);
            return Failure::new(
                FailureKind::Memory,
                format!("the script needed more than {limit} MiB of memory"),
            );
        }
        failure.stack = source_places(&self.scripts, &failure.stack);
        failure
    }
}

/// Time that is left to a call.
struct Drive {
    left: Duration,
    until: Instant,
    limits: Limits,
}

impl Drive {
    /// Starts something in JavaScript and runs it until it says that it is done.
    async fn run(
        &mut self,
        instance: &Instance,
        answers: &mut Answers,
        start: impl FnOnce(&Instance, &Ctx<'_>) -> rquickjs::Result<()>,
    ) -> Result<String, Failure> {
        self.slice(instance, |ctx| start(instance, ctx))?;
        loop {
            if let Some(result) = instance.link.done.borrow_mut().take() {
                return result.map_err(|failure| instance.refine(failure));
            }
            let timer = instance.link.timers.borrow().iter().copied().min_by_key(|(at, _)| *at);
            if timer.is_none() && instance.link.open.borrow().is_empty() {
                let message = "the script waits for a promise that nothing settles";
                return Err(Failure::new(FailureKind::Stuck, message));
            }
            let wake = timer.map_or(self.until, |(at, _)| at.min(self.until));
            tokio::select! {
                biased;
                answer = answers.recv() => {
                    let Some((id, answer)) = answer else {
                        return Err(Failure::new(FailureKind::Stuck, "the caller went away"));
                    };
                    instance.link.open.borrow_mut().retain(|open| *open != id);
                    let (outcome, text) = match answer {
                        Ok(json) => (0, json),
                        Err(error) => (if error.public { 1 } else { 2 }, error.message),
                    };
                    self.slice(instance, |ctx| {
                        instance.bridge.deliver.clone().restore(ctx)?.call((id, outcome, text))
                    })?;
                }
                () = tokio::time::sleep_until(wake.into()) => {
                    let Some((_, id)) = timer.filter(|(at, _)| *at < self.until) else {
                        return Err(self.too_long(self.limits.total));
                    };
                    instance.link.timers.borrow_mut().retain(|(_, known)| *known != id);
                    self.slice(instance, |ctx| instance.bridge.timer.clone().restore(ctx)?.call((id,)))?;
                }
            }
        }
    }

    /// Runs JavaScript and all jobs that follow from it, within the computing time that is left.
    fn slice(
        &mut self,
        instance: &Instance,
        work: impl FnOnce(&Ctx<'_>) -> rquickjs::Result<()>,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let link = &instance.link;
        link.deadline.set(Some((started + self.left).min(self.until)));
        let outcome = instance.context.with(|ctx| {
            work(&ctx).catch(&ctx).map_err(|error| instance.caught(&error))?;
            // A chain of jobs without end is no single long job.
            while !link.is_over() && ctx.execute_pending_job() {}
            Ok(())
        });
        link.deadline.set(None);
        self.left = self.left.saturating_sub(started.elapsed());
        if link.stopped.get() {
            if link.cancelled.borrow().load(Ordering::Relaxed) {
                return Err(Failure::new(FailureKind::Stuck, "the caller went away"));
            }
            return Err(self.too_long(self.limits.computing));
        }
        outcome
    }

    fn too_long(&self, limit: Duration) -> Failure {
        let seconds = limit.as_secs_f64();
        Failure::new(
            FailureKind::Timeout,
            format!("the script was stopped after {seconds} s; perhaps a loop without end"),
        )
    }
}

/// Replaces `path:line:column` of generated code by `path:line`; lines about our own prelude are left out.
fn source_places(scripts: &Scripts, stack: &str) -> String {
    let lines = stack.lines().filter(|line| !line.contains(OWN) && !line.contains("(native)"));
    let mapped: Vec<String> =
        lines.map(|line| source_place(scripts, line).unwrap_or_else(|| line.to_owned())).collect();
    mapped.join("\n")
}

fn source_place(scripts: &Scripts, line: &str) -> Option<String> {
    let trimmed = line.trim_end().trim_end_matches(')');
    let (rest, column) = trimmed.rsplit_once(':')?;
    let (rest, number) = rest.rsplit_once(':')?;
    let (column, number) = (column.parse().ok()?, number.parse().ok()?);
    let start = rest.rfind(['(', ' ']).map_or(0, |index| index + 1);
    let path = &rest[start..];
    let source = scripts.get(path)?.source_line(number, column);
    let close = if line.trim_end().ends_with(')') { ")" } else { "" };
    Some(format!("{}{path}:{source}{close}", &rest[..start]))
}
