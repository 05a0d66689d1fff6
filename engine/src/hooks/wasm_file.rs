//! What a model expects of the file behind a `@wasm` module.

use studio_hooks::{CoreModule, HookComponent, Interface, LoadError, Loaded};
use studio_model::ir::{Ir, Plugin};

use super::modules::Code;

/// A `@wasm` module and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasmFile {
    /// Relative to the project.
    pub path: String,
    /// Name of the module.
    pub(super) module: String,
    /// Its queries and mutations.
    functions: Vec<String>,
    /// Its interceptors.
    interceptors: Vec<String>,
}

impl WasmFile {
    /// Those of a model.
    pub fn of(ir: &Ir) -> Vec<Self> {
        let files = ir.modules.values().filter_map(|module| match &module.plugin {
            Plugin::Wasm(code) => Some(Self {
                path: code.path.clone(),
                module: module.name.clone(),
                functions: code.methods.iter().map(|method| method.name.clone()).collect(),
                interceptors: code.interceptors.iter().map(|it| it.name.clone()).collect(),
            }),
            Plugin::Deno(_) | Plugin::Postgres { .. } => None,
        });
        files.collect()
    }

    /// Whether the file belongs among the components: it is one, or it replaces one and is at least no core module.
    pub(super) fn is_component(&self, path: &std::path::Path, loaded: &Loaded) -> bool {
        match std::fs::read(path) {
            Ok(bytes) if CoreModule::is_plain(&bytes) => false,
            Ok(bytes) if HookComponent::looks_like(&bytes) => true,
            Ok(_) | Err(_) => loaded.by_path(path).is_some(),
        }
    }

    /// Whether the code has what is declared. Components are asked by name, so that only their interfaces are known;
    /// plain core modules have a function for each name.
    pub(super) fn fits(&self, code: &Code) -> Result<(), LoadError> {
        let (first, interceptor) = (self.functions.first(), self.interceptors.first());
        let what = match code {
            Code::Component(component) => {
                let lacks = |interface| !component.has(interface);
                let lacking = |what: &str, name: &String, interface: Interface| {
                    let interface = interface.name();
                    format!(
                        "{what} `{name}`, but the component has no export `{interface}` (or `exports` leaves it out)"
                    )
                };
                match (first, interceptor) {
                    (Some(name), _) if lacks(Interface::Module) => {
                        Some(lacking("the method", name, Interface::Module))
                    }
                    (_, Some(name)) if lacks(Interface::Interceptors) => {
                        Some(lacking("the interceptor", name, Interface::Interceptors))
                    }
                    _ => None,
                }
            }
            Code::Core(module) => {
                let known = module.functions();
                let missing = self.functions.iter().find(|name| !known.contains(name));
                let missing = missing.map(|name| {
                    let known = known.join("`, `");
                    format!("the method `{name}`, but the core module exports only `{known}`")
                });
                let refused = |name| {
                    format!(
                        "the interceptor `{name}`, but only components have these, not plain core modules"
                    )
                };
                missing.or_else(|| interceptor.map(refused))
            }
        };
        match what {
            None => Ok(()),
            Some(what) => Err(LoadError::Undeclared { module: self.module.clone(), what }),
        }
    }
}
