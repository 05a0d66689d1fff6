//! Our own JavaScript. Compiling it takes three quarters of the time that a new engine takes, so that is done once.

use std::sync::OnceLock;

use rquickjs::module::WriteOptions;
use rquickjs::{Ctx, Function, Module, Value};

/// The source of one function.
pub(super) struct Prelude {
    /// Begins with [`OWN`].
    name: &'static str,
    source: &'static str,
    compiled: OnceLock<Vec<u8>>,
}

/// How places in our own code begin in stacks.
pub(super) const OWN: &str = "exo:";

impl Prelude {
    pub(super) const fn new(name: &'static str, source: &'static str) -> Self {
        Self { name, source, compiled: OnceLock::new() }
    }

    /// The function in this context.
    pub(super) fn function<'js>(&'static self, ctx: &Ctx<'js>) -> rquickjs::Result<Function<'js>> {
        let module = match self.compiled.get() {
            Some(code) => {
                #[expect(
                    unsafe_code,
                    reason = "this process compiled it, and it lives as long as the process"
                )]
                let module = unsafe { Module::load(ctx.clone(), code) };
                module?
            }
            None => {
                let source = format!("export default {}", self.source);
                let module = Module::declare(ctx.clone(), self.name, source)?;
                let code = module.write(WriteOptions { strip_source: true, ..WriteOptions::default() })?;
                // Another thread may have been first.
                let _ = self.compiled.set(code);
                module
            }
        };
        let (module, evaluated) = module.eval()?;
        // Settled already: nothing is awaited in there.
        evaluated.finish::<Value<'js>>()?;
        module.get("default")
    }
}
