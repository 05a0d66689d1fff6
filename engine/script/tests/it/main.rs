//! Running scripts: arguments, host functions, limits.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test panics and prints, also in helpers"
)]

mod calls;
mod deno;
mod limits;
mod threads;
mod web;

use std::collections::BTreeMap;
use std::sync::Arc;

use studio_script::{
    Argument, Call, CallHandle, Event, Failure, HostError, HostRequest, Limits, RunSettings, ScriptRuntime,
    Scripts, bundle,
};

/// A runtime for one script, bundled from disk.
pub(crate) fn runtime(text: &str, limits: Limits) -> ScriptRuntime {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.ts"), text).unwrap();
    let bundled = bundle(dir.path(), ["a.ts"]);
    assert_eq!(bundled.problems, []);
    with_scripts(bundled.scripts, limits)
}

pub(crate) fn with_scripts(scripts: Scripts, limits: Limits) -> ScriptRuntime {
    ScriptRuntime::new(Arc::new(scripts), RunSettings { limits })
}

pub(crate) fn call(function: &str, arguments: &[&str]) -> Call {
    Call {
        script: "a.ts".to_owned(),
        function: function.to_owned(),
        arguments: arguments.iter().map(|json| Argument::Json((*json).to_owned())).collect(),
        operation: None,
        composite: false,
        environment: Arc::new(BTreeMap::from([("REGION".to_owned(), "north".to_owned())])),
    }
}

/// Runs a call to its end; `answer` plays the engine. Also gives all other events.
pub(crate) async fn drive(
    mut handle: CallHandle,
    mut answer: impl FnMut(HostRequest) -> Result<String, HostError>,
) -> (Result<String, Failure>, Vec<Event>) {
    let mut events = Vec::new();
    loop {
        match handle.next().await.unwrap() {
            Event::Ask { id, request } => handle.answer(id, answer(request)),
            Event::Done(result) => return (result, events),
            other => events.push(other),
        }
    }
}

/// The result of a call that asks nothing.
pub(crate) async fn result(runtime: &ScriptRuntime, call: Call) -> Result<String, Failure> {
    drive(runtime.call(call), |request| panic!("unexpected {request:?}")).await.0
}
