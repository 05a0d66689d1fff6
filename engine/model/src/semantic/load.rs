//! Reads the root file and, depth-first, everything it imports (language.md 1.4).

use rustc_hash::FxHashSet;

use super::names::ProgramFile;
use crate::diagnostic::{Diagnostic, make};
use crate::source::{FileTable, SourceSet, Span, folder_of, normalize};
use crate::syntax;
use crate::syntax::ast::Import;

/// The files of a program and what parsing them found.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) files: FileTable,
    pub(crate) program: Vec<ProgramFile>,
    /// Stretches with syntax errors.
    pub(crate) damaged: Vec<Span>,
    /// Imports that lead nowhere: names may be missing, but nothing is damaged.
    pub(crate) incomplete: bool,
}

/// Parses the root and its imports; every file is read once.
pub(crate) fn load(sources: &SourceSet, out: &mut Vec<Diagnostic>) -> Loaded {
    let mut loaded = Loaded::default();
    let root = sources.root().to_owned();
    if sources.text(&root).is_none() {
        out.push(make::no_root(&root));
        return loaded;
    }
    let mut seen: FxHashSet<String> = FxHashSet::default();
    // Depth-first with an explicit stack: a chain of imports may be long.
    let mut waiting = vec![root];
    while let Some(path) = waiting.pop() {
        let Some(text) = sources.text(&path) else { continue };
        if !seen.insert(path.clone()) {
            continue;
        }
        let id = loaded.files.add(&path, text.clone());
        let mut parsed = syntax::parse(text, id);
        out.append(&mut parsed.diagnostics);
        loaded.damaged.append(&mut parsed.file.damaged);
        for span in &parsed.file.stray_docs {
            out.push(make::stray_doc(*span));
        }
        for span in &parsed.file.backslashes {
            out.push(make::backslash(*span));
        }
        let folder = folder_of(&path);
        let mut next = Vec::new();
        for import in &parsed.file.imports {
            match resolve(sources, folder, import) {
                Ok(target) => next.push(target),
                Err(tried) => {
                    loaded.incomplete = true;
                    out.push(make::import_not_found(import, &tried));
                }
            }
        }
        waiting.extend(next.into_iter().rev());
        loaded.program.push(ProgramFile { id, ast: parsed.file });
    }
    loaded
}

/// Files that would satisfy an import of the set but are not in it, in the order they would be looked for. Whoever
/// reads sources from a disk may find them outside of the folders it read.
pub fn missing_imports(sources: &SourceSet) -> Vec<String> {
    let mut missing = Vec::new();
    for path in sources.paths() {
        let Some(text) = sources.text(path).filter(|text| text.contains("import")) else { continue };
        for import in syntax::parse(text, crate::source::FileId(0)).file.imports {
            if let Err(tried) = resolve(sources, folder_of(path), &import) {
                let target = normalize(folder_of(path), &import.path);
                let index = format!("{target}/index.exo");
                missing.extend([target, index].into_iter().chain(tried));
            }
        }
    }
    missing.sort();
    missing.dedup();
    missing
}

/// Project-relative paths of the files that modules backed by code name, sorted.
pub fn module_files(sources: &SourceSet) -> Vec<String> {
    let mut files = Vec::new();
    for path in sources.paths() {
        let named = |text: &str| ["deno", "wasm"].iter().any(|plugin| text.contains(plugin));
        let Some(text) = sources.text(path).filter(|text| named(text)) else { continue };
        for module in syntax::parse(text, crate::source::FileId(0)).file.modules {
            let plugins = module.annotations.iter().filter(|it| matches!(&*it.name.text, "deno" | "wasm"));
            files.extend(plugins.filter_map(|it| it.string()).map(|file| normalize(folder_of(path), file)));
        }
    }
    files.sort();
    files.dedup();
    files
}

/// Where a module backed by code is written, in byte offsets of its model file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodePlace {
    /// The model file.
    pub file: String,
    /// Name of the module.
    pub module: String,
    /// The parameter of its annotation.
    pub annotation: (usize, usize),
    /// Names of its methods and interceptors.
    pub functions: Vec<(String, (usize, usize))>,
}

/// Where the modules backed by code are written.
pub fn code_places(sources: &SourceSet) -> Vec<CodePlace> {
    let offsets = |span: Span| (span.start as usize, span.end as usize);
    let mut places = Vec::new();
    for path in sources.paths() {
        let named = |text: &str| ["deno", "wasm"].iter().any(|plugin| text.contains(plugin));
        let Some(text) = sources.text(path).filter(|text| named(text)) else { continue };
        for module in syntax::parse(text, crate::source::FileId(0)).file.modules {
            let plugin = module.annotations.iter().find(|it| matches!(&*it.name.text, "deno" | "wasm"));
            let Some(plugin) = plugin else { continue };
            let methods = module.methods.iter().map(|method| &method.name);
            let interceptors = module.interceptors.iter().map(|interceptor| &interceptor.name);
            places.push(CodePlace {
                file: path.to_owned(),
                module: module.name.text.to_string(),
                annotation: offsets(plugin.single().map_or(plugin.span, |expr| expr.span)),
                functions: (methods.chain(interceptors))
                    .map(|name| (name.text.to_string(), offsets(name.span)))
                    .collect(),
            });
        }
    }
    places
}

/// The file an import means, or the candidates that do not exist.
pub(crate) fn resolve(sources: &SourceSet, folder: &str, import: &Import) -> Result<String, Vec<String>> {
    let target = normalize(folder, &import.path);
    let mut tried = Vec::new();
    if sources.text(&target).is_some() {
        return Ok(target);
    }
    if sources.is_folder(&target) {
        let index = normalize(&target, "index.exo");
        if sources.text(&index).is_some() {
            return Ok(index);
        }
        tried.push(index);
    }
    if !target.ends_with(".exo") {
        let name_start = target.rfind('/').map_or(0, |slash| slash + 1);
        let replaced = match target[name_start..].rfind('.') {
            Some(dot) if dot > 0 => format!("{}.exo", &target[..name_start + dot]),
            _ => format!("{target}.exo"),
        };
        for candidate in [replaced, format!("{target}.exo")] {
            if sources.text(&candidate).is_some() {
                return Ok(candidate);
            }
            if !tried.contains(&candidate) {
                tried.push(candidate);
            }
        }
    }
    if tried.is_empty() {
        tried.push(target);
    }
    Err(tried)
}
