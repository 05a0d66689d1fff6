//! Evaluation with QuickJS.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rquickjs::function::{Func, This};
use rquickjs::promise::PromiseState;
use rquickjs::{
    CatchResultExt, CaughtError, Context, Ctx, Exception, Function, Module, Object, Promise, Runtime, Type,
};
use serde_json::Value;

use super::modules::{BuiltIns, Modules};
use super::{ScriptError, ScriptInput};
use crate::compare::{Expected, MatcherOutcome, Matchers};
use crate::expression::number;

/// Name of the module every stage script is compiled as; found again in stack traces.
const MODULE: &str = "stage";

/// Nesting of an expected body.
const MAX_DEPTH: usize = 128;

/// Lines of `console` output that are kept for the report.
const MAX_CONSOLE_LINES: usize = 100;

/// Names of the outside world that scripts for the peer can see and that are left out here on purpose.
const OUTSIDE: [&str; 23] = [
    "Deno",
    "fetch",
    "Request",
    "Response",
    "Headers",
    "WebSocket",
    "XMLHttpRequest",
    "setTimeout",
    "setInterval",
    "crypto",
    "URL",
    "URLSearchParams",
    "TextEncoder",
    "TextDecoder",
    "process",
    "require",
    "atob",
    "btoa",
    "structuredClone",
    "performance",
    "queueMicrotask",
    "AbortController",
    "Buffer",
];

struct Sandbox<'a> {
    input: ScriptInput<'a>,
    /// Set when the interrupt handler stopped the script.
    stopped: Arc<AtomicBool>,
    deadline: Instant,
    refused: Rc<RefCell<Vec<String>>>,
    console: Rc<RefCell<Vec<String>>>,
}

/// Evaluates for sending: the value after a pass through JSON; `None` for `undefined` or a function.
pub(crate) fn evaluate_json(input: ScriptInput<'_>) -> Result<Option<Value>, ScriptError> {
    enter(input, |sandbox, ctx| {
        let value = sandbox.evaluate(ctx)?;
        let text = ctx.json_stringify(value).catch(ctx).map_err(|error| sandbox.error(error))?;
        let Some(text) = text else { return Ok(None) };
        let text = text.to_string().map_err(|error| sandbox.plain(error.to_string()))?;
        serde_json::from_str(&text).map(Some).map_err(|error| sandbox.plain(error.to_string()))
    })
}

/// Evaluates a response and uses it while its functions can still be called. Also returns what was
/// written to the console.
pub(crate) fn with_response<T>(
    input: ScriptInput<'_>,
    use_it: impl FnOnce(Expected, &mut dyn Matchers) -> T,
) -> Result<(T, Vec<String>), ScriptError> {
    enter(input, |sandbox, ctx| {
        let value = sandbox.evaluate(ctx)?;
        let mut functions = Vec::new();
        let expected = sandbox.expected(ctx, value, &mut functions, 0)?;
        let result = use_it(expected, &mut Calls { sandbox, ctx, functions });
        Ok((result, sandbox.console.take()))
    })
}

fn enter<T>(
    input: ScriptInput<'_>,
    inside: impl for<'js> FnOnce(&Sandbox<'_>, &Ctx<'js>) -> Result<T, ScriptError>,
) -> Result<T, ScriptError> {
    let stopped = Arc::new(AtomicBool::new(false));
    let deadline = Instant::now() + input.limits.time;
    let modules = Modules::default();
    let sandbox = Sandbox {
        input,
        stopped: Arc::clone(&stopped),
        deadline,
        refused: Rc::clone(&modules.refused),
        console: Rc::default(),
    };
    let start =
        |error: rquickjs::Error| sandbox.plain(format!("the JavaScript engine cannot start: {error}"));
    let runtime = Runtime::new().map_err(start)?;
    runtime.set_memory_limit(input.limits.memory);
    runtime.set_max_stack_size(input.limits.stack);
    runtime.set_loader(modules, BuiltIns);
    runtime.set_interrupt_handler(Some(Box::new(move || {
        let late = Instant::now() >= deadline;
        if late {
            stopped.store(true, Ordering::Relaxed);
        }
        late
    })));
    let context = Context::full(&runtime).map_err(start)?;
    context.with(|ctx| {
        sandbox.globals(&ctx).catch(&ctx).map_err(|error| sandbox.error(error))?;
        inside(&sandbox, &ctx)
    })
}

impl Sandbox<'_> {
    fn globals(&self, ctx: &Ctx<'_>) -> rquickjs::Result<()> {
        let bindings = serde_json::to_string(self.input.bindings).unwrap_or_else(|_| "{}".to_owned());
        ctx.globals().set("$", ctx.json_parse(bindings)?)?;
        let lines = Rc::clone(&self.console);
        let print = move |line: String| {
            let mut lines = lines.borrow_mut();
            if lines.len() < MAX_CONSOLE_LINES {
                lines.push(line);
            }
        };
        let make: Function = ctx.eval(
            "(print) => {
               const text = (x) => typeof x === 'string' ? x : (JSON.stringify(x) ?? String(x));
               const log = (...parts) => print(parts.map(text).join(' '));
               return { log, info: log, warn: log, error: log, debug: log };
             }",
        )?;
        let console: Object = make.call((Func::from(print),))?;
        ctx.globals().set("console", console)
    }

    /// The value of the expression, compiled as a module after the prelude.
    fn evaluate<'js>(&self, ctx: &Ctx<'js>) -> Result<rquickjs::Value<'js>, ScriptError> {
        let prelude = self.input.prelude.map_or("", |prelude| prelude.text.as_str());
        let source = format!("{prelude}\n;export default (\n{}\n);\n", self.input.expression.text);
        let run = || {
            let (module, done) = Module::declare(ctx.clone(), MODULE, source)?.eval()?;
            self.settle(ctx, &done)?;
            module.get::<_, rquickjs::Value>("default")
        };
        let value = run().catch(ctx).map_err(|error| self.error(error))?;
        self.awaited(ctx, value).catch(ctx).map_err(|error| self.error(error))
    }

    fn awaited<'js>(
        &self,
        ctx: &Ctx<'js>,
        value: rquickjs::Value<'js>,
    ) -> rquickjs::Result<rquickjs::Value<'js>> {
        match value.as_promise() {
            Some(promise) => self.settle(ctx, promise),
            None => Ok(value),
        }
    }

    /// Runs pending jobs until a promise is settled. A chain of jobs without end is stopped as well.
    fn settle<'js>(&self, ctx: &Ctx<'js>, promise: &Promise<'js>) -> rquickjs::Result<rquickjs::Value<'js>> {
        while promise.state() == PromiseState::Pending {
            if Instant::now() >= self.deadline {
                self.stopped.store(true, Ordering::Relaxed);
                return Err(Exception::throw_message(ctx, "stopped"));
            }
            if !ctx.execute_pending_job() {
                return Err(Exception::throw_message(ctx, "waits for a promise that nothing can settle"));
            }
        }
        promise.result().unwrap_or(Err(rquickjs::Error::WouldBlock))
    }

    fn plain(&self, message: String) -> ScriptError {
        ScriptError::Failed { message, line: None }
    }

    fn limit(&self) -> Option<String> {
        let seconds = self.input.limits.time.as_secs_f64();
        self.stopped
            .load(Ordering::Relaxed)
            .then(|| format!("the script was stopped after {seconds} s; perhaps a loop without end"))
    }

    fn describe(&self, error: &CaughtError<'_>) -> String {
        if let Some(limit) = self.limit() {
            return limit;
        }
        let message = match error {
            CaughtError::Exception(exception) => {
                let name: String = exception.as_object().get("name").unwrap_or_default();
                let message = exception.message().unwrap_or_default();
                if name.is_empty() || name == "Error" { message } else { format!("{name}: {message}") }
            }
            // Running out of memory twice gives a bare `null`.
            CaughtError::Value(value) if value.is_null() => "InternalError: out of memory".to_owned(),
            CaughtError::Value(value) => match value.as_string().and_then(|text| text.to_string().ok()) {
                Some(text) => text,
                None => format!("threw {}", value.type_of()),
            },
            CaughtError::Error(error) => error.to_string(),
        };
        if message.contains("out of memory") {
            return format!("the script used more than {} MiB of memory", self.input.limits.memory >> 20);
        }
        message
    }

    fn error(&self, error: CaughtError<'_>) -> ScriptError {
        let line = match &error {
            CaughtError::Exception(exception) => exception.stack().and_then(|stack| self.line(&stack)),
            _ => None,
        };
        if let Some(specifier) = self.refused.borrow().first() {
            let message =
                format!("the import of `{specifier}`: tests run offline, only a UUID validator is built in");
            return ScriptError::Unsupported { message, line };
        }
        let message = self.describe(&error);
        let name =
            message.strip_prefix("ReferenceError: ").and_then(|text| text.strip_suffix(" is not defined"));
        match name {
            Some(name) if OUTSIDE.contains(&name) => ScriptError::Unsupported {
                message: format!("`{name}`: scripts of tests are cut off from the outside world"),
                line,
            },
            _ => ScriptError::Failed { message, line },
        }
    }

    /// The file line of the innermost frame of a stack trace.
    fn line(&self, stack: &str) -> Option<usize> {
        let frame = stack.lines().find_map(|line| line.split_once(&format!("{MODULE}:")))?.1;
        let digits: String = frame.chars().take_while(char::is_ascii_digit).collect();
        let line: usize = digits.parse().ok()?;
        let prelude_lines = self.input.prelude.map_or(0, |prelude| prelude.text.matches('\n').count()) + 1;
        match self.input.prelude {
            Some(prelude) if line <= prelude_lines => Some(prelude.line(line)),
            _ => {
                let last = self.input.expression.text.trim_end().matches('\n').count() + 1;
                Some(self.input.expression.line(line.saturating_sub(prelude_lines + 1).clamp(1, last)))
            }
        }
    }

    fn expected<'js>(
        &self,
        ctx: &Ctx<'js>,
        value: rquickjs::Value<'js>,
        functions: &mut Vec<Function<'js>>,
        depth: usize,
    ) -> Result<Expected, ScriptError> {
        if depth > MAX_DEPTH {
            return Err(self.plain(format!("the expected value is nested deeper than {MAX_DEPTH} levels")));
        }
        let caught = |error: rquickjs::Error| self.error(CaughtError::from_error(ctx, error));
        Ok(match value.type_of() {
            Type::Undefined | Type::Uninitialized => Expected::Undefined,
            Type::Null => Expected::Null,
            Type::Bool => Expected::Bool(value.as_bool().unwrap_or(false)),
            Type::Int | Type::Float => {
                let double = value.as_number().unwrap_or(f64::NAN);
                match number::print_double(double).and_then(|text| serde_json::from_str(&text).ok()) {
                    Some(value) => Expected::Number { value, computed: true },
                    None => {
                        return Err(
                            self.plain(format!("`{double}` in an expected body; JSON has no such number"))
                        );
                    }
                }
            }
            Type::String => {
                let text = value.as_string().map(|text| text.to_string());
                Expected::String(text.transpose().map_err(caught)?.unwrap_or_default())
            }
            Type::Array => {
                let mut items = Vec::new();
                for item in value.as_array().into_iter().flat_map(|array| array.iter::<rquickjs::Value>()) {
                    items.push(self.expected(ctx, item.map_err(caught)?, functions, depth + 1)?);
                }
                Expected::List(items)
            }
            Type::Function | Type::Constructor => match value.as_function() {
                Some(function) => {
                    functions.push(function.clone());
                    Expected::Matcher { id: functions.len() - 1, source: source(ctx, function) }
                }
                None => return Err(self.plain("a constructor in an expected body".to_owned())),
            },
            Type::Promise => {
                let value = self.awaited(ctx, value).map_err(caught)?;
                self.expected(ctx, value, functions, depth + 1)?
            }
            Type::Object | Type::Exception | Type::Proxy => {
                let Some(object) = value.as_object() else {
                    return Err(self.plain("an expected value that cannot be read".to_owned()));
                };
                // Dates and the like know their own JSON form.
                if let Ok(to_json) = object.get::<_, Function>("toJSON") {
                    let value = to_json.call((This(object.clone()),)).map_err(caught)?;
                    return self.expected(ctx, value, functions, depth + 1);
                }
                let mut members = Vec::new();
                for member in object.props::<String, rquickjs::Value>() {
                    let (key, value) = member.map_err(caught)?;
                    members.push((key, self.expected(ctx, value, functions, depth + 1)?));
                }
                Expected::Object(members)
            }
            other => return Err(self.plain(format!("a value of type {other} in an expected body"))),
        })
    }
}

fn source<'js>(ctx: &Ctx<'js>, function: &Function<'js>) -> String {
    let print = ctx.eval::<Function, _>("(f) => Function.prototype.toString.call(f)");
    print.and_then(|print| print.call((function.clone(),))).unwrap_or_else(|_| "(function)".to_owned())
}

struct Calls<'s, 'a, 'c, 'js> {
    sandbox: &'s Sandbox<'a>,
    ctx: &'c Ctx<'js>,
    functions: Vec<Function<'js>>,
}

impl Matchers for Calls<'_, '_, '_, '_> {
    fn call(&mut self, id: usize, actual: &Value) -> MatcherOutcome {
        let Some(function) = self.functions.get(id) else {
            return MatcherOutcome::Broken("the function is gone".to_owned());
        };
        if let Some(limit) = self.sandbox.limit() {
            return MatcherOutcome::Broken(limit);
        }
        let run = || {
            let actual = self.ctx.json_parse(actual.to_string())?;
            let value: rquickjs::Value = function.call((actual,))?;
            self.sandbox.awaited(self.ctx, value)
        };
        match run().catch(self.ctx) {
            Ok(value) if value.is_undefined() => {
                MatcherOutcome::Broken("it returned `undefined`; perhaps a `return` is missing".to_owned())
            }
            Ok(value) if value.as_bool() == Some(false) => MatcherOutcome::Rejected,
            Ok(_) => MatcherOutcome::Accepted,
            Err(error) => {
                let message = self.sandbox.describe(&error);
                if self.sandbox.limit().is_some() || message.contains("of memory") {
                    MatcherOutcome::Broken(message)
                } else {
                    MatcherOutcome::Threw(message)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
