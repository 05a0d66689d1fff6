//! From an import specifier to a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::package;

/// Extensions tried for a specifier without one.
const EXTENSIONS: [&str; 6] = ["ts", "tsx", "js", "mjs", "mts", "json"];

/// Modules of the binary, by the path they have in a bundle.
const BUILT_IN: [(&str, &str); 2] = [
    ("built-in:exograph", "export const ExographError = globalThis.ExographError;\n"),
    ("built-in:uuid", include_str!("../prelude/uuid.js")),
];

/// The code of a built-in module.
pub(super) fn built_in(path: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == path).map(|(_, code)| *code)
}

/// Where an import leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// A file, by its path relative to the project, or a built-in module.
    File(String),
}

/// Why an import leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ResolveError {
    pub(super) message: String,
    pub(super) help: String,
}

impl ResolveError {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// Resolves imports of one project.
#[derive(Debug)]
pub(super) struct Resolver {
    pub(super) root: PathBuf,
    /// `imports` of `deno.json` or `import_map.json`, with paths relative to the project.
    map: BTreeMap<String, String>,
}

impl Resolver {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), map: import_map(root) }
    }

    /// The file that `specifier` means in the file at `base` (relative to the project).
    pub(super) fn resolve(&self, base: &str, specifier: &str) -> Result<Resolved, ResolveError> {
        match self.mapped(specifier) {
            Some(target) if target.starts_with('.') => self.relative("deno.json", &target, specifier),
            Some(target) => self.unmapped(base, &target),
            None => self.unmapped(base, specifier),
        }
    }

    fn unmapped(&self, base: &str, specifier: &str) -> Result<Resolved, ResolveError> {
        if specifier.starts_with("./") || specifier.starts_with("../") || matches!(specifier, "." | "..") {
            return self.relative(base, specifier, specifier);
        }
        if let Some(path) = specifier.strip_prefix('/') {
            return self.relative("", &format!("./{path}"), specifier);
        }
        if let Some((scheme, rest)) = specifier.split_once(':') {
            return self.scheme(base, scheme, rest, specifier);
        }
        let found = package::find(&self.root, base, specifier);
        match found {
            // Few projects install what the binary brings along.
            Err(_) if is_uuid(specifier) => Ok(Resolved::File("built-in:uuid".to_owned())),
            Err(_) if package::is_node_module(specifier) => Err(node_module(specifier)),
            other => other.map(Resolved::File),
        }
    }

    fn scheme(
        &self,
        base: &str,
        scheme: &str,
        rest: &str,
        specifier: &str,
    ) -> Result<Resolved, ResolveError> {
        match scheme {
            "npm" => self.unmapped(base, &without_version(rest.trim_start_matches('/'))),
            "jsr" => {
                if is_uuid(specifier) {
                    return Ok(Resolved::File("built-in:uuid".to_owned()));
                }
                let name = without_version(rest.trim_start_matches('/'));
                let compatible = match name.strip_prefix('@').and_then(|name| name.split_once('/')) {
                    Some((scope, package)) => format!("@jsr/{scope}__{package}"),
                    None => name,
                };
                self.unmapped(base, &compatible)
            }
            "http" | "https" => {
                if is_uuid(specifier) {
                    Ok(Resolved::File("built-in:uuid".to_owned()))
                } else if specifier.to_ascii_lowercase().contains("exograph") {
                    Ok(Resolved::File("built-in:exograph".to_owned()))
                } else {
                    Err(ResolveError::new(
                        format!("cannot import `{specifier}`: modules are not fetched from the network"),
                        "save the module in the project and import it by its path, or install it with npm and \
                         import it by its name",
                    ))
                }
            }
            "node" => Err(node_module(specifier)),
            _ => Err(ResolveError::new(
                format!("cannot import `{specifier}`: unknown scheme `{scheme}:`"),
                "import by a relative path or by the name of a package in node_modules",
            )),
        }
    }

    fn relative(&self, base: &str, target: &str, specifier: &str) -> Result<Resolved, ResolveError> {
        let path = join(folder_of(base), target);
        if is_generated(&path) {
            return Ok(Resolved::File("built-in:exograph".to_owned()));
        }
        match existing(&self.root, &path) {
            Some(path) => Ok(Resolved::File(path)),
            None => Err(ResolveError::new(
                format!("cannot find `{specifier}`: there is no file `{path}`"),
                "correct the path, or create the file",
            )),
        }
    }

    /// The target of the import map, if it names this specifier: whole, or by its longest prefix that ends in `/`.
    fn mapped(&self, specifier: &str) -> Option<String> {
        if let Some(target) = self.map.get(specifier) {
            return Some(target.clone());
        }
        let prefixes =
            self.map.iter().filter(|(key, _)| key.ends_with('/') && specifier.starts_with(key.as_str()));
        let (key, target) = prefixes.max_by_key(|(key, _)| key.len())?;
        Some(format!("{target}{}", &specifier[key.len()..]))
    }
}

/// The declarations we generate have no code but one: the error class, which is a global as well.
fn is_generated(path: &str) -> bool {
    path == "generated/exograph.d.ts" || path.ends_with("/generated/exograph.d.ts")
}

/// The file at this path, or with an extension added, or the index of the folder.
pub(super) fn existing(root: &Path, path: &str) -> Option<String> {
    let is_file = |path: &String| root.join(path).is_file();
    if is_file(&path.to_owned()) {
        return Some(path.to_owned());
    }
    // TypeScript lets sources name the output.
    let stem = path.strip_suffix(".js").or_else(|| path.strip_suffix(".mjs"));
    let typescript = stem.into_iter().flat_map(|stem| ["ts", "tsx", "mts"].map(|it| format!("{stem}.{it}")));
    let extended = EXTENSIONS.iter().map(|extension| format!("{path}.{extension}"));
    let index = EXTENSIONS.iter().map(|extension| format!("{path}/index.{extension}"));
    typescript.chain(extended).chain(index).find(is_file)
}

/// The folder of a path, without a trailing slash.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path relative to a folder, without `.` and inner `..`.
pub(super) fn join(folder: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(relative.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// `name@1.2/sub` without its version.
fn without_version(specifier: &str) -> String {
    let (scope, rest) = match specifier.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
        Some((scope, rest)) => (format!("@{scope}/"), rest),
        None => (String::new(), specifier),
    };
    let (name, path) = rest.split_once('/').map_or((rest, None), |(name, path)| (name, Some(path)));
    let name = name.split('@').next().unwrap_or(name);
    match path {
        Some(path) => format!("{scope}{name}/{path}"),
        None => format!("{scope}{name}"),
    }
}

/// The many addresses of the UUID module.
fn is_uuid(specifier: &str) -> bool {
    let path = specifier.split(['?', '#']).next().unwrap_or(specifier);
    let mut segments = path.split(['/', ':']).map(|segment| segment.split('@').next().unwrap_or(segment));
    segments.any(|segment| matches!(segment, "uuid" | "uuid.js" | "uuid.ts"))
}

fn node_module(specifier: &str) -> ResolveError {
    ResolveError::new(
        format!("cannot import `{specifier}`: modules of Node are not available to scripts"),
        "use the web interfaces (crypto, URL, TextEncoder, fetch), or a package that needs no Node modules",
    )
}

/// The import map of the project. A file that cannot be read maps nothing: the imports then say what is missing.
fn import_map(root: &Path) -> BTreeMap<String, String> {
    let read = |name: &str| {
        let text = std::fs::read_to_string(root.join(name)).ok()?;
        let json: serde_json::Value = serde_json::from_str(&text).ok()?;
        let imports = json.get("imports")?.as_object()?.clone();
        Some(
            imports
                .into_iter()
                .filter_map(|(key, target)| Some((key, target.as_str()?.to_owned())))
                .collect::<BTreeMap<_, _>>(),
        )
    };
    ["deno.json", "deno.jsonc", "import_map.json"].iter().find_map(|name| read(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined() {
        assert_eq!(join("src/a", "../b.ts"), "src/b.ts");
        assert_eq!(join("", "./x/./y.ts"), "x/y.ts");
        assert_eq!(join("src", "../../lib/x.ts"), "../lib/x.ts");
    }

    #[test]
    fn versions_are_dropped() {
        for (written, expected) in [
            ("zod@3.22.4", "zod"),
            ("zod@3/lib", "zod/lib"),
            ("@scope/pkg@^1.0.0", "@scope/pkg"),
            ("@scope/pkg@1/sub/x.js", "@scope/pkg/sub/x.js"),
            ("lodash-es", "lodash-es"),
        ] {
            assert_eq!(without_version(written), expected, "{written}");
        }
    }

    #[test]
    fn addresses_of_the_uuid_module() {
        assert!(is_uuid("https://deno.land/std@0.140.0/uuid/mod.ts"));
        assert!(is_uuid("uuid") && is_uuid("jsr:@std/uuid") && is_uuid("https://esm.sh/uuid@9.0.0?dev"));
        assert!(!is_uuid("https://example.com/myuuid/mod.ts"));
    }
}
