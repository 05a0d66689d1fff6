//! Packages in `node_modules`, as far as they are ES modules.

use std::path::Path;

use serde_json::Value;

use super::resolve::{ResolveError, existing, folder_of, join};

/// Conditions of `exports` that hold for scripts. `node` does not: there are no Node modules.
const CONDITIONS: [&str; 7] = ["import", "module", "browser", "worker", "es2020", "es2015", "default"];

/// Names of Node's own modules that packages import without `node:`.
const NODE: [&str; 24] = [
    "assert",
    "buffer",
    "child_process",
    "cluster",
    "crypto",
    "dns",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "querystring",
    "stream",
    "tls",
    "url",
    "util",
    "worker_threads",
    "zlib",
];

/// Whether a bare specifier names a module of Node.
pub(super) fn is_node_module(specifier: &str) -> bool {
    NODE.contains(&specifier.split('/').next().unwrap_or(specifier))
}

/// The file that a bare specifier means in the file at `base`.
pub(super) fn find(root: &Path, base: &str, specifier: &str) -> Result<String, ResolveError> {
    if specifier.starts_with('#') {
        return internal(root, base, specifier);
    }
    let (name, subpath) = split(specifier);
    let Some(folder) = package_folder(root, folder_of(base), name) else {
        return Err(ResolveError::new(
            format!("cannot find the package `{name}`"),
            format!("run `npm install {name}` in the project, or import a file by its relative path"),
        ));
    };
    let package = read_package(root, &folder);
    let wanted = if subpath.is_empty() { ".".to_owned() } else { format!("./{subpath}") };
    if let Some(exports) = package.get("exports") {
        let target = exported(exports, &wanted).ok_or_else(|| no_entry(name, &wanted))?;
        return existing(root, &join(&folder, &target)).ok_or_else(|| no_entry(name, &wanted));
    }
    let inside = if subpath.is_empty() {
        let entry = ["module", "browser", "main"].iter().find_map(|key| package.get(*key)?.as_str());
        entry.unwrap_or("index.js").to_owned()
    } else {
        subpath.to_owned()
    };
    existing(root, &join(&folder, &inside)).ok_or_else(|| no_entry(name, &wanted))
}

/// `#name`, private to the package the file is in.
fn internal(root: &Path, base: &str, specifier: &str) -> Result<String, ResolveError> {
    let mut folder = folder_of(base);
    loop {
        if root.join(folder).join("package.json").is_file() {
            let package = read_package(root, folder);
            let target = package.get("imports").and_then(|imports| exported_in(imports, specifier));
            if let Some(path) = target.and_then(|target| existing(root, &join(folder, &target))) {
                return Ok(path);
            }
            break;
        }
        if folder.is_empty() {
            break;
        }
        folder = folder_of(folder);
    }
    Err(ResolveError::new(
        format!("cannot find `{specifier}` in the `imports` of package.json"),
        "add it there, or import by a relative path",
    ))
}

/// The package name and the path inside of it.
fn split(specifier: &str) -> (&str, &str) {
    let slash = if specifier.starts_with('@') {
        specifier.match_indices('/').nth(1).map(|(index, _)| index)
    } else {
        specifier.find('/')
    };
    match slash {
        Some(index) => (&specifier[..index], &specifier[index + 1..]),
        None => (specifier, ""),
    }
}

/// `node_modules/<name>` in the folder or the nearest one above it, also above the project.
fn package_folder(root: &Path, from: &str, name: &str) -> Option<String> {
    let depth = root.components().count();
    let mut folder = from.to_owned();
    loop {
        let candidate = join(&folder, &format!("node_modules/{name}"));
        if root.join(&candidate).is_dir() {
            return Some(candidate);
        }
        if folder.is_empty() || folder.ends_with("..") {
            folder = join(&folder, "..");
            if folder.split('/').count() >= depth {
                return None;
            }
        } else {
            folder = folder_of(&folder).to_owned();
        }
    }
}

/// The description of a package; an unreadable one says nothing.
fn read_package(root: &Path, folder: &str) -> Value {
    std::fs::read_to_string(root.join(folder).join("package.json"))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// The target of `exports` for a subpath that starts with `.`.
fn exported(exports: &Value, wanted: &str) -> Option<String> {
    let has_paths = exports.as_object().is_some_and(|map| map.keys().any(|key| key.starts_with('.')));
    if has_paths {
        return exported_in(exports, wanted);
    }
    if wanted == "." { condition(exports).map(str::to_owned) } else { None }
}

/// The target in a map of paths; `*` stands for any part.
fn exported_in(paths: &Value, wanted: &str) -> Option<String> {
    let map = paths.as_object()?;
    if let Some(target) = map.get(wanted) {
        return condition(target).map(str::to_owned);
    }
    let mut best: Option<(&str, &str, &Value)> = None;
    for (pattern, target) in map {
        let Some((before, after)) = pattern.split_once('*') else { continue };
        let Some(rest) = wanted.strip_prefix(before) else { continue };
        let Some(middle) = rest.strip_suffix(after) else { continue };
        if best.is_none_or(|(longest, _, _)| before.len() > longest.len()) {
            best = Some((before, middle, target));
        }
    }
    let (_, middle, target) = best?;
    condition(target).map(|target| target.replace('*', middle))
}

/// The first branch whose condition holds, down to a path.
fn condition(target: &Value) -> Option<&str> {
    match target {
        Value::String(path) => Some(path),
        Value::Object(branches) => branches
            .iter()
            .filter(|(name, _)| CONDITIONS.contains(&name.as_str()))
            .find_map(|(_, branch)| condition(branch)),
        Value::Array(choices) => choices.iter().find_map(condition),
        _ => None,
    }
}

fn no_entry(name: &str, wanted: &str) -> ResolveError {
    ResolveError::new(
        format!("the package `{name}` has no ES module for `{wanted}`"),
        "see `exports` in its package.json; CommonJS packages have to be bundled into an ES module first",
    )
}
