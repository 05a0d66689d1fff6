//! Runs npm and esbuild, once per state of the inputs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use sha2::{Digest, Sha256};

use crate::Failure;

/// Files beside `src/` that decide what the bundle is.
const FILES: [&str; 5] = [".npmrc", "build.mjs", "package.json", "package-lock.json", "tsconfig.json"];

/// Every input of the bundle, sorted.
pub(crate) fn inputs(ui: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found: Vec<PathBuf> = FILES.iter().map(|name| ui.join(name)).collect();
    collect(&ui.join("src"), &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = fs::read_dir(dir).map_err(|error| at("reading", dir, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| at("reading", dir, &error))?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// The folder with the bundle of these inputs; made when it is not there yet. `best` adds the
/// smallest encoding, which takes a while.
pub(crate) fn build(ui: &Path, inputs: &[PathBuf], target: &Path, best: bool) -> Result<PathBuf, Failure> {
    let store = target.join("exo-assets");
    let place = store.join(format!("graphiql-{}", hash(ui, inputs)?));
    let dist = place.join("dist");
    if !dist.is_dir() {
        let work = store.join(format!("graphiql-work-{}", process::id()));
        let made = make(ui, inputs, &work, &place);
        let _ = fs::remove_dir_all(&work);
        made?;
    }
    let done = place.join("brotli-done");
    if best && !done.exists() {
        node(&place, &dist, Some("--brotli"))?;
        fs::write(&done, b"").map_err(|error| at("writing", &done, &error))?;
    }
    Ok(dist)
}

/// Works in a folder of its own and renames it when it is complete, so that two builds at the same
/// time, or one that was stopped, leave no half bundle behind.
fn make(ui: &Path, inputs: &[PathBuf], work: &Path, place: &Path) -> Result<(), Failure> {
    let _ = fs::remove_dir_all(work);
    for input in inputs {
        let relative = input.strip_prefix(ui).unwrap_or(input);
        let copy = work.join(relative);
        if let Some(parent) = copy.parent() {
            fs::create_dir_all(parent).map_err(|error| at("creating", parent, &error))?;
        }
        fs::copy(input, &copy).map_err(|error| at("copying", input, &error))?;
    }
    run(
        Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
            .args(["ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"])
            .current_dir(work),
        "npm ci",
    )?;
    node(work, &work.join("dist"), None)?;
    // 200 MB that nothing needs again: `build.mjs --brotli` uses Node's own library only, but it
    // imports esbuild, so that one package stays.
    prune(&work.join("node_modules"));
    match fs::rename(work, place) {
        Ok(()) => Ok(()),
        // Another build was faster.
        Err(_) if place.join("dist").is_dir() => Ok(()),
        Err(error) => Err(at("renaming", work, &error)),
    }
}

fn prune(modules: &Path) {
    let Ok(entries) = fs::read_dir(modules) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name != "esbuild" && name != "@esbuild" {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn node(dir: &Path, dist: &Path, flag: Option<&str>) -> Result<(), Failure> {
    run(Command::new("node").arg("build.mjs").arg(dist).args(flag).current_dir(dir), "node build.mjs")
}

fn run(command: &mut Command, name: &str) -> Result<(), Failure> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!(
            "`{name}` could not be started: {} is not on the PATH.\n\
             Install Node.js 20 or newer with npm, or set EXO_STUDIO_UI_DIST to a finished bundle.",
            command.get_program().to_string_lossy()
        ),
        _ => format!("`{name}` could not be started: {error}"),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = said.lines().collect();
    let tail = lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n");
    Err(format!(
        "`{name}` failed ({}):\n\n{tail}\n\n\
         It needs Node.js 20 or newer, npm, and once the npm registry. Without a network, set\n\
         EXO_STUDIO_UI_DIST to a bundle that was made elsewhere.",
        output.status
    ))
}

/// A name for this state of the inputs: file names and contents.
fn hash(ui: &Path, inputs: &[PathBuf]) -> Result<String, Failure> {
    let mut hasher = Sha256::new();
    for input in inputs {
        let content = fs::read(input).map_err(|error| at("reading", input, &error))?;
        let name = input.strip_prefix(ui).unwrap_or(input).to_string_lossy().replace('\\', "/");
        hasher.update(format!("{name}\0{}\0", content.len()));
        hasher.update(&content);
    }
    Ok(hex(&hasher.finalize()))
}

/// The first 16 bytes in hexadecimal.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A failure of the file system, with the path it is about.
pub(crate) fn at(doing: &str, path: &Path, error: &io::Error) -> Failure {
    format!("{doing} {}: {error}", path.display())
}
