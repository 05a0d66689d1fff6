//! Scripts of `@deno` modules: bundled into the model when the project is built (language.md 8.6).

use std::path::Path;
use std::sync::Arc;

use studio_events::{Problem, Severity};
use studio_model::ir::{CodeModule, Ir, Plugin};
use studio_model::{CodePlace, SourceSet, code_places};
use studio_script::{Bundled, Declaration, ScriptProblem, ScriptProblemKind, bundle, declarations, skeleton};

use crate::config::{ScriptEngine, ScriptsConfig};

/// The `@deno` modules of a model with their names.
pub(crate) fn modules(ir: &Ir) -> impl Iterator<Item = (&str, &CodeModule)> {
    ir.modules.values().filter_map(|module| match &module.plugin {
        Plugin::Deno(code) => Some((module.name.as_str(), code)),
        Plugin::Postgres { .. } | Plugin::Wasm(_) => None,
    })
}

/// Reads the scripts of a model below `root` into it. Mistakes in them become problems; a file that does not exist is
/// none, since a build writes a first version of it.
pub(crate) fn attach(
    root: &Path,
    config: &ScriptsConfig,
    sources: &SourceSet,
    ir: &mut Ir,
    problems: &mut Vec<Problem>,
) {
    let paths: Vec<String> = modules(ir).map(|(_, code)| code.path.clone()).collect();
    if paths.is_empty() {
        return;
    }
    let places = Places::new(sources);
    for (name, code) in modules(ir) {
        if root.join(&code.path).is_dir() {
            let message = format!("cannot read `{}`: it is a folder", code.path);
            let help = "name a file: `@deno(\"file.ts\")`".to_owned();
            let place = ScriptProblem { message, help, ..places.module(name, &code.path) };
            problems.push(problem(&place, Severity::Error, "E0164"));
        }
    }
    let on = |engine| {
        let of_engine = modules(ir).filter(move |(name, _)| config.engine(name) == engine);
        of_engine.map(|(_, code)| code.path.as_str()).collect::<Vec<_>>()
    };
    let Bundled { mut scripts, problems: mut found } = bundle(root, on(ScriptEngine::Embedded));
    // What `deno` imports it finds itself: packages it fetches, modules of Node, addresses.
    let own = bundle(root, on(ScriptEngine::Deno));
    found.extend(own.problems.into_iter().filter(|problem| problem.kind == ScriptProblemKind::Syntax));
    scripts.extend(own.scripts);
    for found in &found {
        // A script that cannot be read at all has no line of its own.
        let unread =
            (found.line == 0).then(|| modules(ir).find(|(_, code)| code.path == found.file)).flatten();
        match unread {
            Some((name, code)) => {
                let message = found.message.clone();
                let place = ScriptProblem { message, ..places.module(name, &code.path) };
                problems.push(problem(&place, Severity::Error, "E0164"));
            }
            None => problems.push(problem(found, Severity::Error, "E0165")),
        }
    }
    if found.is_empty() {
        for (name, code) in modules(ir) {
            missing_functions(name, code, &scripts, &places, problems);
        }
    }
    ir.scripts = Arc::new(scripts);
}

/// Scripts that were there before and are gone. A first version in their place would look as if the code had never been
/// written, and an editor may be about to write the file.
pub(crate) fn removed(root: &Path, sources: &SourceSet, ir: &Ir, before: &Ir) -> Vec<Problem> {
    let gone = modules(ir).filter(|(_, code)| {
        !code.path.is_empty() && before.scripts.contains_key(&code.path) && !root.join(&code.path).exists()
    });
    let places = Places::new(sources);
    gone.map(|(name, code)| {
        let place = ScriptProblem {
            message: format!("cannot read `{}`: the file is gone", code.path),
            help: "restore it, or remove the module; a restart writes a first version of it".to_owned(),
            ..places.module(name, &code.path)
        };
        problem(&place, Severity::Error, "E0164")
    })
    .collect()
}

/// Functions that the model declares and the script does not export: calling them will fail.
fn missing_functions(
    name: &str,
    code: &CodeModule,
    scripts: &studio_script::Scripts,
    places: &Places<'_>,
    problems: &mut Vec<Problem>,
) {
    let Some(exports) = scripts.get(&code.path).and_then(|script| script.exports.as_ref()) else { return };
    let functions = code.methods.iter().map(|method| &method.name);
    let functions = functions.chain(code.interceptors.iter().map(|interceptor| &interceptor.name));
    for function in functions.filter(|function| !exports.contains(function.as_str())) {
        let place = ScriptProblem {
            message: format!("`{}` exports no function `{function}`: calling it will fail", code.path),
            help: format!("write `export async function {function}(…)` there"),
            ..places.function(name, function, &code.path)
        };
        problems.push(problem(&place, Severity::Warning, "C0023"));
    }
}

/// Where modules and their functions stand in the model.
struct Places<'s> {
    sources: &'s SourceSet,
    found: Vec<CodePlace>,
}

impl<'s> Places<'s> {
    fn new(sources: &'s SourceSet) -> Self {
        Self { sources, found: code_places(sources) }
    }

    /// The annotation of a module; `script` is the place when there is none.
    fn module(&self, name: &str, script: &str) -> ScriptProblem {
        let place = self.found.iter().find(|place| place.module == name);
        self.place(place.map(|place| (place, place.annotation)), script)
    }

    fn function(&self, module: &str, function: &str, script: &str) -> ScriptProblem {
        let place = self.found.iter().find(|place| place.module == module);
        let found = place.and_then(|place| {
            let (_, span) = place.functions.iter().find(|(name, _)| name == function)?;
            Some((place, *span))
        });
        self.place(found, script)
    }

    fn place(&self, found: Option<(&CodePlace, (usize, usize))>, script: &str) -> ScriptProblem {
        match found {
            Some((place, (start, end))) => {
                let text = self.sources.text(&place.file).map_or("", |text| &**text);
                ScriptProblem::at(&place.file, text, start, end)
            }
            None => ScriptProblem::at(script, "", 0, 0),
        }
    }
}

fn problem(found: &ScriptProblem, severity: Severity, code: &str) -> Problem {
    let word = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut rendered =
        format!("{word}[{code}]: {}\n --> {}:{}:{}", found.message, found.file, found.line, found.column);
    if !found.text.is_empty() {
        let number = found.line.to_string();
        let gutter = " ".repeat(number.len());
        let before: String = found
            .text
            .chars()
            .take(found.column.saturating_sub(1) as usize)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let carets = "^".repeat(found.length.max(1) as usize);
        rendered.push_str(&format!("\n{gutter} |\n{number} | {}\n{gutter} | {before}{carets}", found.text));
    }
    if !found.help.is_empty() {
        rendered.push_str(&format!("\n  = help: {}", found.help));
    }
    Problem {
        severity,
        code: code.to_owned(),
        message: found.message.clone(),
        file: found.file.clone(),
        line: found.line,
        column: found.column,
        end_line: 0,
        end_column: 0,
        rendered,
        labels: Vec::new(),
        help: if found.help.is_empty() { Vec::new() } else { vec![found.help.clone()] },
        fix: None,
    }
}

/// Writes `generated/` and first versions of scripts that do not exist yet (language.md 8.6). Nothing that somebody
/// wrote is touched. `true`: a script was written, so that the project has to be built again.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn generate(root: &Path, ir: &Ir) -> std::io::Result<bool> {
    let folder = root.join("generated");
    for Declaration { name, text } in declarations(ir) {
        let path = folder.join(name);
        match text {
            Some(text) => write_changed(&path, &text)?,
            None => match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            },
        }
    }
    let mut written = false;
    for (id, module) in ir.modules.iter() {
        let Plugin::Deno(code) = &module.plugin else { continue };
        let path = root.join(&code.path);
        if code.path.is_empty() || path.exists() {
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        // Somebody may have written it this very moment.
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                std::io::Write::write_all(&mut file, skeleton(ir, id, code).as_bytes())?;
                written = true;
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

/// What `exo.toml` says of scripts and does not fit the model or the machine.
pub(crate) fn misconfigured(config: &ScriptsConfig, ir: &Ir) -> Vec<Problem> {
    let problems = config.check_modules(ir).into_iter().map(|found| {
        let place = ScriptProblem {
            message: found.message,
            help: found.help,
            ..ScriptProblem::at("exo.toml", "", 0, 0)
        };
        problem(&place, Severity::Error, found.code)
    });
    problems.collect()
}

/// The warning for files that could not be written.
pub(crate) fn not_written(error: &std::io::Error) -> Problem {
    let place = ScriptProblem {
        message: format!("the declarations for scripts were not written: {error}"),
        help: "make the project folder writable".to_owned(),
        ..ScriptProblem::at("generated", "", 0, 0)
    };
    problem(&place, Severity::Warning, "C0024")
}

/// Unchanged files keep their time, so that nobody who watches them wakes up.
fn write_changed(path: &Path, text: &str) -> std::io::Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, text)?;
    std::fs::rename(&temporary, path)
}
