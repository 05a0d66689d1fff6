//! From a script file to everything needed to run it: the closure of its imports, without types.

mod link;
mod package;
mod resolve;
mod transform;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use studio_model::ir::Script;

use link::Links;
use resolve::{Resolved, Resolver};
use transform::{Import, Transformed};

/// Largest script file.
const MAX_FILE: u64 = 8 * 1024 * 1024;
/// Most files of one bundle; more is a mistake such as importing a whole tool chain.
const MAX_FILES: usize = 2000;

/// Scripts with everything they import, ready to run without the file system: files by project-relative path.
pub type Scripts = BTreeMap<String, Script>;

/// What a mistake is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptProblemKind {
    /// The file itself.
    Syntax,
    /// What it imports.
    Import,
}

/// A mistake in a script, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptProblem {
    /// What it is about.
    pub kind: ScriptProblemKind,
    /// Project-relative path.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Length in characters of what is wrong; at least 1.
    pub length: u32,
    /// What is wrong.
    pub message: String,
    /// What to do; empty when the message says it.
    pub help: String,
    /// The line itself, for display.
    pub text: String,
}

/// Scripts and what is wrong with them.
#[derive(Debug, Default)]
pub struct Bundled {
    /// Everything that could be read.
    pub scripts: Scripts,
    /// Mistakes; the scripts cannot be run when there are any.
    pub problems: Vec<ScriptProblem>,
}

/// Reads the scripts at `entries` (project-relative paths) and what they import, below `root`.
///
/// Types are stripped from TypeScript; npm packages come from `node_modules`. An entry that does not exist is left
/// out without a problem: the caller knows better what to say. It never fails as a whole.
pub fn bundle<'a>(root: &Path, entries: impl IntoIterator<Item = &'a str>) -> Bundled {
    let resolver = Resolver::new(root);
    let mut result = Bundled::default();
    let mut links = Links::default();
    let mut waiting: Vec<(String, Option<ScriptProblem>)> = entries
        .into_iter()
        .filter(|entry| root.join(entry).is_file())
        .map(|entry| (entry.to_owned(), None))
        .collect();
    waiting.reverse();
    while let Some((path, asked_by)) = waiting.pop() {
        if result.scripts.contains_key(&path) {
            continue;
        }
        if result.scripts.len() >= MAX_FILES {
            let message = format!("the scripts import more than {MAX_FILES} files");
            let help = "import from a bundled file instead".to_owned();
            result.problems.extend(asked_by.map(|place| import_problem(message, help, place)));
            break;
        }
        match read(&resolver, &path) {
            Ok(Read { script, next, found, problems }) => {
                result.problems.extend(problems);
                result.scripts.insert(path.clone(), script);
                links.add(path, found);
                // The first import is looked at next.
                waiting.extend(next.into_iter().rev());
            }
            Err(message) => {
                result.problems.push(match asked_by {
                    Some(place) => import_problem(message, String::new(), place),
                    None => ScriptProblem { message, line: 0, ..ScriptProblem::at(&path, "", 0, 0) },
                });
                result.scripts.insert(path, Script::default());
            }
        }
    }
    if result.problems.is_empty() {
        result.problems = links.check(&mut result.scripts);
    }
    result
}

/// A path to look at next, and the import that asked for it.
type Next = (String, Option<ScriptProblem>);

/// What came of reading one file.
#[derive(Default)]
struct Read {
    script: Script,
    next: Vec<Next>,
    found: link::Found,
    problems: Vec<ScriptProblem>,
}

impl From<Script> for Read {
    fn from(script: Script) -> Self {
        Self { script, ..Self::default() }
    }
}

fn read(resolver: &Resolver, path: &str) -> Result<Read, String> {
    if let Some(code) = resolve::built_in(path) {
        return Ok(Script { code: code.to_owned(), ..Script::default() }.into());
    }
    let text =
        read_text(&resolver.root.join(path)).map_err(|reason| format!("cannot read `{path}`: {reason}"))?;
    if path.ends_with(".json") {
        return match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
            Ok(_) => {
                // Not as a literal: a member `__proto__` of one would be the prototype.
                let text = serde_json::Value::from(text);
                let script = Script {
                    code: format!("export default JSON.parse({text});"),
                    exports: Some(BTreeSet::from(["default".to_owned()])),
                    ..Script::default()
                };
                Ok(script.into())
            }
            Err(error) => {
                let problem = ScriptProblem {
                    message: format!("the file is no JSON: {error}"),
                    ..ScriptProblem::at_line(path, &text, error.line(), error.column())
                };
                Ok(Read { problems: vec![problem], ..Read::default() })
            }
        };
    }
    if path.ends_with(".d.ts") {
        // Declarations have no code, so there are no values to import from them.
        return Ok(Script { exports: Some(BTreeSet::new()), ..Script::default() }.into());
    }
    let Transformed { code, lines, imports, exports, types, common_js, problems } =
        transform::transform(path, &text);
    let mut problems: Vec<ScriptProblem> = problems
        .into_iter()
        .map(|problem| ScriptProblem {
            message: problem.message,
            help: problem.help,
            ..ScriptProblem::at(path, &text, problem.start, problem.end)
        })
        .collect();
    if let Some(offset) = common_js.filter(|_| problems.is_empty()) {
        let message = "this file is a CommonJS module, which has no exports to import";
        let help = "import the package's ES module, or bundle it into one file first (for example with \
                    `npx esbuild --bundle --format=esm`)";
        let place = ScriptProblem::at(path, &text, offset, offset + 1);
        problems.push(import_problem(message.to_owned(), help.to_owned(), place));
    }
    let mut script = Script { code, lines, exports, ..Script::default() };
    let mut next = Vec::new();
    let mut found = link::Found { types, wanted: Vec::new() };
    for Import { specifier, start, end, dynamic, names } in imports {
        let place = ScriptProblem::at(path, &text, start, end);
        match resolver.resolve(path, &specifier) {
            Ok(Resolved::File(target)) => {
                found.wanted.extend(names.into_iter().map(|name| link::Wanted {
                    place: ScriptProblem::at(path, &text, name.start, name.end),
                    target: target.clone(),
                    specifier: specifier.clone(),
                    name: name.name,
                }));
                script.imports.insert(specifier, target.clone());
                next.push((target, Some(place)));
            }
            // What is loaded later, if ever, fails then.
            Err(_) if dynamic => {}
            Err(error) => problems.push(import_problem(error.message, error.help, place)),
        }
    }
    Ok(Read { script, next, found, problems })
}

fn import_problem(message: String, help: String, place: ScriptProblem) -> ScriptProblem {
    ScriptProblem { kind: ScriptProblemKind::Import, message, help, ..place }
}

fn read_text(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_FILE {
        return Err(format!("it is larger than {} MiB", MAX_FILE / 1024 / 1024));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

impl ScriptProblem {
    /// The place between two byte offsets; what is wrong there is for the caller to say.
    pub fn at(file: &str, text: &str, start: usize, end: usize) -> Self {
        let start = start.min(text.len());
        let before = text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count();
        let line_start = before.rfind('\n').map_or(0, |index| index + 1);
        let shown = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let length = text.get(start..end.max(start)).unwrap_or_default().lines().next().unwrap_or_default();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            kind: ScriptProblemKind::Syntax,
            file: file.to_owned(),
            line: number(line + 1),
            column: number(text.get(line_start..start).unwrap_or_default().chars().count() + 1),
            length: number(length.chars().count().max(1)),
            message: String::new(),
            help: String::new(),
            text: shown.trim_end().to_owned(),
        }
    }

    /// A place by line and column, both from 1.
    fn at_line(file: &str, text: &str, line: usize, column: usize) -> Self {
        let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let start = before + column.saturating_sub(1);
        Self::at(file, text, start, start + 1)
    }
}

#[cfg(test)]
mod tests;
