//! Rules of the model that components decide: whether there is one for each of them.

use std::collections::BTreeMap;

use studio_hooks::{HookComponent, Interface, LoadError, Loaded};
use studio_model::ir::{AccessRule, Ir, Plugin};

use super::authorization::responsible;
use super::wasm_file::WasmFile;

/// What to do about a rule that nobody can decide.
pub(super) const HELP: &str =
    "load a component that exports `authorization`, or take the rule out of the model";

/// A `hook("rule", …)` of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedRule {
    /// As written: `rule`, or `component:rule`.
    pub(super) name: String,
    /// Where its access rule stands first.
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) column: u32,
}

impl DecidedRule {
    /// Those of a model, each name once.
    pub fn of(ir: &Ir) -> Vec<Self> {
        let mut found: BTreeMap<String, Self> = BTreeMap::new();
        let mut look = |rule: &AccessRule| {
            rule.expr.hooks(&mut |hook| {
                found.entry(hook.name.clone()).or_insert_with(|| Self {
                    name: hook.name.clone(),
                    file: rule.origin.file.to_string(),
                    line: rule.origin.line,
                    column: rule.origin.column,
                });
            });
        };
        for entity in ir.entities.values() {
            let access = &entity.access;
            [&access.read, &access.create, &access.update, &access.delete]
                .into_iter()
                .for_each(|it| look(it));
            for access in entity.fields.values().filter_map(|field| field.access.as_ref()) {
                [&access.read, &access.create, &access.update].into_iter().for_each(|it| look(it));
            }
        }
        for module in ir.modules.values() {
            if let Plugin::Deno(code) | Plugin::Wasm(code) = &module.plugin {
                code.methods.iter().for_each(|method| look(&method.access));
            }
        }
        ir.code_types.values().for_each(|ty| look(&ty.access));
        found.into_values().collect()
    }

    /// The place, for messages.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// Whether this component, asked for the rule so far (or by name), can still be asked.
    pub(super) fn fits(&self, loaded: &Loaded, component: &HookComponent) -> Result<(), LoadError> {
        let asked = match self.name.split_once(':') {
            Some((name, _)) => name == component.name(),
            None => responsible(loaded, &self.name).is_ok_and(|(found, _)| found.name() == component.name()),
        };
        if !asked || component.has(Interface::Authorization) {
            return Ok(());
        }
        Err(LoadError::Rule { rule: self.name.clone(), place: self.place() })
    }

    /// Why nobody can decide it; a component that did not load has its own problem.
    pub(super) fn fault(&self, loaded: &Loaded) -> Option<String> {
        if !loaded.missing().is_empty() {
            return None;
        }
        responsible(loaded, &self.name).err()
    }
}

/// What a model expects of components: the files of its `@wasm` modules, and rules to be decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// The `@wasm` modules.
    pub modules: Vec<WasmFile>,
    /// The rules.
    pub rules: Vec<DecidedRule>,
}

impl Expected {
    /// What this model expects.
    pub fn of(ir: &Ir) -> Self {
        Self { modules: WasmFile::of(ir), rules: DecidedRule::of(ir) }
    }
}
