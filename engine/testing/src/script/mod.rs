//! Class D expressions: real JavaScript in an embedded, sandboxed engine (rules T2 and T3).
//!
//! Each evaluation gets an engine of its own with the bindings as `$` and nothing else of the outside
//! world: no files, no network, no timers; modules cannot be imported except a built-in UUID validator.
//! Time, memory and stack are limited.

#[cfg(feature = "script")]
mod engine;
#[cfg(feature = "script")]
mod modules;

use std::time::Duration;

use serde_json::{Map, Value};

#[cfg(not(feature = "script"))]
use crate::compare::{Expected, Matchers};
use crate::file::ExpressionText;

#[cfg(feature = "script")]
pub(crate) use engine::{evaluate_json, with_response};

/// Limits of one evaluation, or of one comparison with all its function calls.
#[derive(Debug, Clone, Copy)]
pub struct ScriptLimits {
    /// Wall-clock time.
    pub time: Duration,
    /// Heap in bytes.
    pub memory: usize,
    /// Stack in bytes; must fit well into the stack of a blocking worker thread.
    pub stack: usize,
}

impl Default for ScriptLimits {
    fn default() -> Self {
        ScriptLimits { time: Duration::from_secs(2), memory: 64 << 20, stack: 512 << 10 }
    }
}

/// What an expression sees.
#[cfg_attr(not(feature = "script"), allow(dead_code, reason = "read by the engine that is compiled out"))]
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScriptInput<'a> {
    pub(crate) expression: &'a ExpressionText,
    pub(crate) prelude: Option<&'a ExpressionText>,
    pub(crate) bindings: &'a Map<String, Value>,
    pub(crate) limits: ScriptLimits,
}

/// Why a script gave no value.
#[cfg_attr(not(feature = "script"), allow(dead_code, reason = "read by the engine that is compiled out"))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ScriptError {
    /// It is wrong, threw, or hit a limit. The message, and the file line when it is known.
    Failed { message: String, line: Option<usize> },
    /// It needs something that is left out on purpose.
    Unsupported { message: String, line: Option<usize> },
}

/// Evaluates for sending: the value after a pass through JSON; `None` for `undefined` or a function.
#[cfg(not(feature = "script"))]
pub(crate) fn evaluate_json(_: ScriptInput<'_>) -> Result<Option<Value>, ScriptError> {
    Err(compiled_out())
}

/// Evaluates a response and uses it while its functions can still be called.
#[cfg(not(feature = "script"))]
pub(crate) fn with_response<T>(
    _: ScriptInput<'_>,
    _: impl FnOnce(Expected, &mut dyn Matchers) -> T,
) -> Result<(T, Vec<String>), ScriptError> {
    Err(compiled_out())
}

#[cfg(not(feature = "script"))]
fn compiled_out() -> ScriptError {
    let message = "this build has no JavaScript engine (feature `script`)".to_owned();
    ScriptError::Unsupported { message, line: None }
}
