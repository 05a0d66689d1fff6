//! Plain core modules with integer functions, as `@wasm` modules may be (language.md 8.7).

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{
    ExternType, Instance, InstancePre, Linker, Module, Store, Trap, UpdateDeadline, Val, ValType,
};

use crate::clock::CallClock;
use crate::component::is_core_module;
use crate::engine::HookEngine;
use crate::failure::{HookErrorKind, LoadError};
use crate::store::MAX_TABLE;
use crate::ticker::Ticker;
use crate::wrap::{carries_types, names_interfaces};

/// Why a call of a core module failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoreError {
    /// The module has no such function.
    #[error("the module exports no function `{0}`")]
    Missing(String),
    /// The arguments do not fit its parameters.
    #[error("the function `{name}` {detail}")]
    Arguments {
        /// The function.
        name: String,
        /// What does not fit.
        detail: String,
    },
    /// It ran too long.
    #[error("the function `{0}` took too long")]
    Timeout(String),
    /// It trapped.
    #[error("the function `{name}` failed: {detail}")]
    Crashed {
        /// The function.
        name: String,
        /// The trap.
        detail: String,
    },
}

impl CoreError {
    /// The same in the words of components; `None` for a function that does not fit the model.
    pub fn kind(&self) -> Option<HookErrorKind> {
        match self {
            Self::Missing(_) | Self::Arguments { .. } => None,
            Self::Timeout(_) => Some(HookErrorKind::Timeout),
            Self::Crashed { .. } => Some(HookErrorKind::Crashed),
        }
    }
}

/// A core module, compiled.
pub struct CoreModule {
    engine: HookEngine,
    pre: InstancePre<Data>,
    timeout: Duration,
    memory_bytes: usize,
}

struct Data {
    clock: CallClock,
    ticker: Arc<Ticker>,
    limits: wasmtime::StoreLimits,
}

impl std::fmt::Debug for CoreModule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CoreModule").finish_non_exhaustive()
    }
}

impl CoreModule {
    /// Whether bytes are a core module rather than a component. A core module that carries component types
    /// (`wit-bindgen` makes such) or exports functions of the contract is a component in the making and not meant here.
    pub fn is_plain(bytes: &[u8]) -> bool {
        is_core_module(bytes) && !carries_types(bytes) && !names_interfaces(bytes)
    }

    /// Reads and compiles a module that imports nothing.
    ///
    /// # Errors
    /// [`LoadError`] when it cannot be read or compiled, or needs imports.
    pub fn load(
        engine: &HookEngine,
        path: &Path,
        timeout: Duration,
        memory_bytes: usize,
    ) -> Result<Self, LoadError> {
        let bytes =
            std::fs::read(path).map_err(|error| LoadError::Read(format!("{}: {error}", path.display())))?;
        Self::from_bytes(engine, &bytes, timeout, memory_bytes)
    }

    /// The same from bytes.
    ///
    /// # Errors
    /// [`LoadError`] when it cannot be compiled or needs imports.
    pub fn from_bytes(
        engine: &HookEngine,
        bytes: &[u8],
        timeout: Duration,
        memory_bytes: usize,
    ) -> Result<Self, LoadError> {
        let module = Module::from_binary(engine.wasm(), bytes)
            .map_err(|error| LoadError::Compile(format!("{error:#}")))?;
        let pre = Linker::new(engine.wasm())
            .instantiate_pre(&module)
            .map_err(|error| LoadError::Import(format!("{error:#}")))?;
        Ok(Self { engine: engine.clone(), pre, timeout, memory_bytes })
    }

    /// Names of its exported functions.
    pub fn functions(&self) -> Vec<String> {
        let exports = self.pre.module().exports();
        exports
            .filter(|export| matches!(export.ty(), ExternType::Func(_)))
            .map(|export| export.name().to_owned())
            .collect()
    }

    /// Calls a function in an instance of its own. Arguments are JSON numbers in order, the result is a JSON number,
    /// or `null` for a function without one.
    ///
    /// # Errors
    /// [`CoreError`].
    pub async fn call(
        &self,
        name: &str,
        arguments: &[serde_json::Value],
    ) -> Result<serde_json::Value, CoreError> {
        let clock = CallClock::until(Instant::now() + self.timeout);
        let ticker = Arc::clone(self.engine.ticker());
        ticker.touch();
        let limits = wasmtime::StoreLimitsBuilder::new()
            .memory_size(self.memory_bytes)
            .memories(1)
            .table_elements(MAX_TABLE)
            .build();
        let mut store = Store::new(self.engine.wasm(), Data { clock, ticker, limits });
        store.limiter(|data| &mut data.limits);
        store.epoch_deadline_callback(|context| {
            context.data().ticker.touch();
            let over = context.data().clock.is_over();
            Ok(if over { UpdateDeadline::Interrupt } else { UpdateDeadline::Yield(1) })
        });
        store.set_epoch_deadline(1);
        let crashed = |error: wasmtime::Error| match error.downcast_ref() {
            Some(Trap::Interrupt) => CoreError::Timeout(name.to_owned()),
            Some(_) | None => {
                CoreError::Crashed { name: name.to_owned(), detail: error.root_cause().to_string() }
            }
        };
        if self.engine.counts_fuel() {
            // Without any it could not begin. The engine does count, so this cannot fail.
            let _ = store.set_fuel(u64::MAX);
        }
        let instance: Instance = self.pre.instantiate_async(&mut store).await.map_err(crashed)?;
        let function =
            instance.get_func(&mut store, name).ok_or_else(|| CoreError::Missing(name.to_owned()))?;
        let ty = function.ty(&store);
        let given = self.arguments(name, &ty, arguments)?;
        let mut results = vec![Val::I32(0); ty.results().len()];
        function.call_async(&mut store, &given, &mut results).await.map_err(crashed)?;
        Ok(match results.first() {
            None => serde_json::Value::Null,
            Some(Val::I32(value)) => (*value).into(),
            Some(Val::I64(value)) => (*value).into(),
            Some(Val::F32(bits)) => f64::from(f32::from_bits(*bits)).into(),
            Some(Val::F64(bits)) => f64::from_bits(*bits).into(),
            Some(_) => {
                return Err(CoreError::Arguments {
                    name: name.to_owned(),
                    detail: "gives a result that is no number".to_owned(),
                });
            }
        })
    }

    fn arguments(
        &self,
        name: &str,
        ty: &wasmtime::FuncType,
        arguments: &[serde_json::Value],
    ) -> Result<Vec<Val>, CoreError> {
        let wrong = |detail: String| CoreError::Arguments { name: name.to_owned(), detail };
        if ty.params().len() != arguments.len() {
            let (wants, given) = (ty.params().len(), arguments.len());
            return Err(wrong(format!("takes {wants} arguments, the model gives {given}")));
        }
        ty.params()
            .zip(arguments)
            .enumerate()
            .map(|(index, (ty, value))| {
                let fit = match ty {
                    ValType::I32 => value.as_i64().and_then(|it| i32::try_from(it).ok()).map(Val::I32),
                    ValType::I64 => value.as_i64().map(Val::I64),
                    ValType::F32 => value.as_f64().map(|it| Val::F32((it as f32).to_bits())),
                    ValType::F64 => value.as_f64().map(|it| Val::F64(it.to_bits())),
                    ValType::V128 | ValType::Ref(_) => None,
                };
                fit.ok_or_else(|| wrong(format!("cannot take {value} as argument {}", index + 1)))
            })
            .collect()
    }
}
