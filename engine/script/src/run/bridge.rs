//! What JavaScript and Rust give each other when an instance is made: functions in both directions.

use std::rc::Rc;
use std::time::Duration;

use rquickjs::function::Func;
use rquickjs::{Ctx, Function, Object, Persistent};

use super::call::{Argument, Call, ConsoleLevel, Event, Failure, FailureKind, HostRequest};
use super::link::Link;
use super::prelude::Prelude;
use super::shims;

pub(crate) const BRIDGE: &str = include_str!("../prelude/bridge.js");
static BRIDGE_CODE: Prelude = Prelude::new("exo:bridge", BRIDGE);
static GLOBALS_CODE: Prelude = Prelude::new("exo:globals", include_str!("../prelude/globals.js"));

/// Functions of `bridge.js` and `globals.js`.
pub(super) struct Bridge {
    pub(super) load: Persistent<Function<'static>>,
    pub(super) call: Persistent<Function<'static>>,
    pub(super) deliver: Persistent<Function<'static>>,
    pub(super) timer: Persistent<Function<'static>>,
    pub(super) reset: Persistent<Function<'static>>,
    pub(super) rejection: Persistent<Function<'static>>,
}

impl Bridge {
    pub(super) fn new<'js>(ctx: &Ctx<'js>, link: &Rc<Link>) -> rquickjs::Result<Self> {
        let host = Object::new(ctx.clone())?;
        let to = Rc::clone(link);
        host.set(
            "query",
            Func::from(move |id: u32, query: String, variables: String, contexts: Option<String>| {
                let variables = serde_json::from_str(&variables).unwrap_or_default();
                let contexts = contexts.and_then(|text| serde_json::from_str(&text).ok());
                to.ask(id, HostRequest::Query { query, variables, contexts })
            }),
        )?;
        let to = Rc::clone(link);
        host.set("proceed", Func::from(move |id: u32| to.ask(id, HostRequest::Proceed)))?;
        let to = Rc::clone(link);
        host.set(
            "fetch",
            Func::from(move |id: u32, request: String| {
                to.ask(id, HostRequest::Fetch(serde_json::from_str(&request).unwrap_or_default()))
            }),
        )?;
        let to = Rc::clone(link);
        host.set(
            "header",
            Func::from(move |name: String, value: String| to.emit(Event::Header { name, value })),
        )?;
        let to = Rc::clone(link);
        host.set(
            "print",
            Func::from(move |level: u32, text: String| to.print(ConsoleLevel::reported(level), text)),
        )?;
        let to = Rc::clone(link);
        host.set(
            "after",
            Func::from(move |id: u32, milliseconds: f64| {
                // Longer than any call may take is long enough.
                let wait = Duration::from_secs_f64((milliseconds / 1000.0).clamp(0.0, 86_400.0));
                to.start_timer(id, wait);
            }),
        )?;
        let to = Rc::clone(link);
        host.set("forget", Func::from(move |id: u32| to.stop_timer(id)))?;
        let to = Rc::clone(link);
        host.set("done", Func::from(move |text: String| to.finish(Ok(text))))?;
        let to = Rc::clone(link);
        host.set(
            "fail",
            Func::from(move |kind: u32, message: String, stack: String| {
                to.finish(Err(Failure { kind: FailureKind::reported(kind), message, stack }));
            }),
        )?;
        shims::install(ctx, &host, link)?;
        let make = BRIDGE_CODE.function(ctx)?;
        let bridge: Object<'js> = make.call((host.clone(),))?;
        let make = GLOBALS_CODE.function(ctx)?;
        let globals: Object<'js> = make.call((host, bridge.clone()))?;
        let function = |of: &Object<'js>, name: &str| {
            of.get::<_, Function<'js>>(name).map(|function| Persistent::save(ctx, function))
        };
        Ok(Self {
            load: function(&bridge, "load")?,
            call: function(&bridge, "call")?,
            deliver: function(&bridge, "deliver")?,
            timer: function(&globals, "timer")?,
            reset: function(&globals, "reset")?,
            rejection: function(&globals, "rejection")?,
        })
    }
}

/// What `bridge.js` reads: `{"a": [argument, …], "o": operation, "c": composite}`; a value is `[json]`, an injected object
/// its number.
pub(crate) fn arguments(call: &Call) -> String {
    let mut text = String::from("{\"a\":[");
    for (index, argument) in call.arguments.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match argument {
            Argument::Json(json) => {
                text.push('[');
                text.push_str(json);
                text.push(']');
            }
            Argument::Exograph => text.push('0'),
            Argument::ExographPriv => text.push('1'),
            Argument::Operation => text.push('2'),
        }
    }
    text.push(']');
    if call.composite {
        text.push_str(",\"c\":true");
    }
    if let Some(operation) = &call.operation {
        text.push_str(",\"o\":{\"name\":");
        text.push_str(&serde_json::Value::from(operation.name.as_str()).to_string());
        text.push_str(",\"query\":");
        text.push_str(&operation.query);
        text.push_str(",\"proceed\":");
        text.push_str(if operation.proceed { "true" } else { "false" });
        text.push('}');
    }
    text.push('}');
    text
}
