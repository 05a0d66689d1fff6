//! Whether the names that files import are exported where they come from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::{ScriptProblem, Scripts, import_problem};

/// Exports named in a message; more would not be read.
const SHOWN: usize = 8;

/// What one file adds.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Its exports that are types and nothing else.
    pub(super) types: BTreeSet<String>,
    /// What it imports by name.
    pub(super) wanted: Vec<Wanted>,
}

/// A name that another file has to export.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) place: ScriptProblem,
    /// The path of the other file in the bundle.
    pub(super) target: String,
    pub(super) specifier: String,
    pub(super) name: String,
}

/// Imports and exports of all files of a bundle.
#[derive(Debug, Default)]
pub(super) struct Links {
    types: BTreeMap<String, BTreeSet<String>>,
    wanted: Vec<Wanted>,
}

impl Links {
    pub(super) fn add(&mut self, path: String, found: Found) {
        self.wanted.extend(found.wanted);
        self.types.insert(path, found.types);
    }

    /// The imports that lead nowhere. A type that a file passes on like a value (`export { T } from …` without `type`)
    /// becomes a value that is undefined: what each name stands for is not known where only one file is looked at.
    pub(super) fn check(self, scripts: &mut Scripts) -> Vec<ScriptProblem> {
        let mut problems = Vec::new();
        for Wanted { place, target, specifier, name } in self.wanted {
            let Some(script) = scripts.get_mut(&target) else { continue };
            // With `export *` other files decide.
            let Some(exports) = &mut script.exports else { continue };
            if exports.contains(&name) {
                continue;
            }
            if self.types.get(&target).is_some_and(|types| types.contains(&name)) {
                // Writing into a string cannot fail.
                let _ = write!(script.code, "\nlet $type_{name}; export {{ $type_{name} as {name} }};");
                exports.insert(name);
                continue;
            }
            let mut known: Vec<&str> = exports.iter().map(String::as_str).take(SHOWN).collect();
            if exports.len() > SHOWN {
                known.push("…");
            }
            let help = match known.as_slice() {
                [] => "it exports no values".to_owned(),
                known => format!("it exports {}", known.join(", ")),
            };
            let message = format!("`{specifier}` has no export `{name}`");
            problems.push(import_problem(message, help, place));
        }
        problems
    }
}
