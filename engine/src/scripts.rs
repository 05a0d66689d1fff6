//! Scripts of `@deno` modules: bundled into the model when the project is built (language.md 8.6).

use std::path::Path;
use std::sync::Arc;

use studio_events::{Problem, Severity};
use studio_model::ir::{CodeModule, Ir, Plugin};
use studio_script::{Bundled, Declaration, ScriptProblem, bundle, declarations, skeleton};

/// The `@deno` modules of a model with their names.
pub(crate) fn modules(ir: &Ir) -> impl Iterator<Item = (&str, &CodeModule)> {
    ir.modules.values().filter_map(|module| match &module.plugin {
        Plugin::Deno(code) => Some((module.name.as_str(), code)),
        Plugin::Postgres { .. } | Plugin::Wasm(_) => None,
    })
}

/// Reads the scripts of a model below `root` into it. Mistakes in them become problems; a file that does not exist is
/// none, since a build writes a first version of it.
pub(crate) fn attach(root: &Path, ir: &mut Ir, problems: &mut Vec<Problem>) {
    let paths: Vec<String> = modules(ir).map(|(_, code)| code.path.clone()).collect();
    if paths.is_empty() {
        return;
    }
    let Bundled { scripts, problems: found } = bundle(root, paths.iter().map(String::as_str));
    problems.extend(found.iter().map(|found| problem(found, Severity::Error, "E0165")));
    if found.is_empty() {
        for (name, code) in modules(ir) {
            missing_functions(name, code, &scripts, problems);
        }
    }
    ir.scripts = Arc::new(scripts);
}

/// Functions that the model declares and the script does not export: calling them will fail.
fn missing_functions(
    name: &str,
    code: &CodeModule,
    scripts: &studio_script::Scripts,
    problems: &mut Vec<Problem>,
) {
    let Some(exports) = scripts.get(&code.path).and_then(|script| script.exports.as_ref()) else { return };
    let functions = code.methods.iter().map(|method| &method.name);
    let functions = functions.chain(code.interceptors.iter().map(|interceptor| &interceptor.name));
    for function in functions.filter(|function| !exports.contains(function.as_str())) {
        let place = ScriptProblem {
            file: code.path.clone(),
            line: 1,
            column: 1,
            length: 1,
            message: format!(
                "the module `{name}` declares `{function}`, but the script exports no such function"
            ),
            help: format!("write `export async function {function}(…)`"),
            text: String::new(),
        };
        problems.push(problem(&place, Severity::Warning, "C0023"));
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

/// The warning for files that could not be written.
pub(crate) fn not_written(error: &std::io::Error) -> Problem {
    let place = ScriptProblem {
        file: "generated".to_owned(),
        line: 1,
        column: 1,
        length: 1,
        message: format!("the declarations for scripts were not written: {error}"),
        help: "make the project folder writable".to_owned(),
        text: String::new(),
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
