//! A project on disk: finding it, reading its sources, compiling them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use studio_events::{Problem, Severity};
use studio_model::ir::Ir;
use studio_model::{Compiled, SourceSet, compile, missing_imports, module_files};

use crate::config::ExoToml;

/// Deepest folder nesting that is read.
const MAX_DEPTH: usize = 32;
/// Largest model file.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Why a project cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// No `src/index.exo`.
    #[error("`{}` is not a project: it has no src/index.exo", .0.display())]
    Missing(PathBuf),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was read.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is too large.
    #[error("{} is larger than {} MiB", .0.display(), MAX_FILE / 1024 / 1024)]
    TooLarge(PathBuf),
}

/// A project folder.
#[derive(Debug, Clone)]
pub struct Project {
    /// Canonical path.
    pub root: PathBuf,
    /// Folder name.
    pub name: String,
}

/// The result of building a project.
#[derive(Debug)]
pub struct Build {
    /// The model, when it has no errors.
    pub ir: Option<Arc<Ir>>,
    /// Problems in source order.
    pub problems: Vec<Problem>,
    /// Files read.
    pub files: u32,
}

impl Build {
    /// Number of errors and warnings.
    pub fn counts(&self) -> (u32, u32) {
        self.problems.iter().fold((0, 0), |(errors, warnings), problem| match problem.severity {
            Severity::Error => (errors + 1, warnings),
            Severity::Warning => (errors, warnings + 1),
        })
    }
}

impl Project {
    /// The project in this folder.
    pub fn open(dir: &Path) -> Result<Self, ProjectError> {
        let root = dir.canonicalize().map_err(|source| ProjectError::Io { path: dir.to_owned(), source })?;
        if !root.join("src/index.exo").is_file() {
            return Err(ProjectError::Missing(dir.to_owned()));
        }
        let name =
            root.file_name().map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Self { root, name })
    }

    /// Reads every source and compiles it. Parsing and checking never fail; reading may.
    pub fn build(&self) -> Result<Build, ProjectError> {
        self.build_after(None)
    }

    /// A script that `before` has and that is gone is an error.
    fn build_after(&self, before: Option<&Ir>) -> Result<Build, ProjectError> {
        let sources = read_sources(&self.root)?;
        let files = sources.paths().count() as u32;
        let Compiled { mut ir, diagnostics, files: table } = compile(&sources);
        let mut problems: Vec<Problem> =
            diagnostics.iter().map(|diagnostic| diagnostic.to_problem(&table)).collect();
        if let Some(ir) = &mut ir {
            // What is wrong with the file itself is said by whoever reads its settings.
            let config = ExoToml::read(&self.root).unwrap_or_default().scripts;
            crate::scripts::attach(&self.root, &config, &sources, ir, &mut problems);
            problems.extend(crate::scripts::misconfigured(&config, ir));
            if let Some(before) = before {
                problems.extend(crate::scripts::removed(&self.root, &sources, ir, before));
            }
        }
        let documents = self.trusted_documents(&mut problems)?;
        let broken = problems.iter().any(|problem| problem.severity == Severity::Error);
        let ir = ir.filter(|_| !broken).map(|mut ir| {
            ir.trusted_documents = documents;
            Arc::new(ir)
        });
        Ok(Build { ir, problems, files })
    }

    /// [`Project::build`], then `generated/` and first versions of scripts that do not exist yet (language.md 8.6).
    /// Files that cannot be written are a warning: the model is as good without them.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn build_and_generate(&self) -> Result<Build, ProjectError> {
        self.build_again(None)
    }

    /// The same in a session that built `before`: a script that is gone since then is an error and stays away.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn build_again(&self, before: Option<&Ir>) -> Result<Build, ProjectError> {
        let mut build = self.build_after(before)?;
        let Some(ir) = &build.ir else { return Ok(build) };
        match crate::scripts::generate(&self.root, ir) {
            Ok(false) => {}
            Ok(true) => build = self.build_after(before)?,
            Err(error) => build.problems.push(crate::scripts::not_written(&error)),
        }
        Ok(build)
    }

    /// Paths of all model files.
    ///
    /// # Errors
    /// When a folder or file cannot be read.
    pub fn model_files(&self) -> Result<Vec<PathBuf>, ProjectError> {
        let mut files = Vec::new();
        read_folder(&self.root, &self.root, 0, &mut |path, _| files.push(self.root.join(path)))?;
        Ok(files)
    }

    /// Reads `trusted-documents/**.json` (graphql-and-sql 2.8). `None` without the folder.
    fn trusted_documents(
        &self,
        problems: &mut Vec<Problem>,
    ) -> Result<Option<BTreeMap<String, String>>, ProjectError> {
        let folder = self.root.join("trusted-documents");
        if !folder.is_dir() {
            return Ok(None);
        }
        let mut documents = BTreeMap::new();
        let mut stack = vec![(folder, 0)];
        while let Some((folder, depth)) = stack.pop() {
            for entry in entries(&folder)? {
                if entry.is_dir() && depth < MAX_DEPTH {
                    stack.push((entry, depth + 1));
                } else if entry.extension().is_some_and(|extension| extension == "json") {
                    let text = read_text(&entry)?;
                    match serde_json::from_str::<TrustedFile>(&text) {
                        Ok(TrustedFile::List { operations }) => documents
                            .extend(operations.into_iter().map(|operation| (operation.id, operation.body))),
                        Ok(TrustedFile::Map(map)) => documents.extend(map),
                        Err(_) => problems.push(self.trusted_problem(
                            &entry,
                            Severity::Error,
                            "C0020",
                            "the file holds no trusted documents",
                            "write {\"<sha256>\": \"<document>\"} or {\"operations\": [{\"id\": …, \"body\": …}]}",
                        )),
                    }
                } else if !entry.is_dir() {
                    problems.push(self.trusted_problem(
                        &entry,
                        Severity::Warning,
                        "C0021",
                        "the file is skipped: trusted documents are read from `.json` files",
                        "give it the ending .json, or keep it in another folder",
                    ));
                }
            }
        }
        if documents.is_empty() {
            problems.push(self.trusted_problem(
                &self.root.join("trusted-documents"),
                Severity::Warning,
                "C0022",
                "the folder has no trusted documents: every request but introspection is refused",
                "add the documents of your clients, or remove the folder to allow every request",
            ));
        }
        Ok(Some(documents))
    }

    fn trusted_problem(
        &self,
        path: &Path,
        severity: Severity,
        code: &str,
        message: &str,
        help: &str,
    ) -> Problem {
        let file = relative(&self.root, path);
        let word = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Problem {
            severity,
            code: code.to_owned(),
            rendered: format!("{word}[{code}]: {message}\n --> {file}"),
            message: message.to_owned(),
            file,
            line: 1,
            column: 1,
            end_line: 0,
            end_column: 0,
            labels: Vec::new(),
            help: vec![help.to_owned()],
            fix: None,
        }
    }

    /// The newest modification of any model input: what the folders of the project hold, what its models import from
    /// elsewhere, files of modules and of hook components.
    pub fn newest_source(&self) -> Option<std::time::SystemTime> {
        let mut newest = None;
        if let Ok(sources) = read_sources(&self.root) {
            let modules = module_files(&sources);
            let named = sources.paths().chain(modules.iter().map(String::as_str));
            newest = self.newest(named.map(Path::new));
        }
        if let Ok(toml) = ExoToml::read(&self.root) {
            let components = toml.components(&self.root);
            newest = newest.max(self.newest(components.iter().map(|config| &*config.path)));
        }
        let mut stack = vec![(self.root.join("src"), 0), (self.root.join("trusted-documents"), 0)];
        while let Some((folder, depth)) = stack.pop() {
            for entry in entries(&folder).unwrap_or_default() {
                if entry.is_dir() {
                    if depth < MAX_DEPTH {
                        stack.push((entry, depth + 1));
                    }
                } else if let Ok(modified) = entry.metadata().and_then(|data| data.modified()) {
                    newest = newest.max(Some(modified));
                }
            }
        }
        newest
    }

    /// The newest modification of these files, relative to the project.
    fn newest<'p>(&self, files: impl Iterator<Item = &'p Path>) -> Option<std::time::SystemTime> {
        let modified = |file: &Path| self.root.join(file).metadata().and_then(|data| data.modified()).ok();
        files.filter_map(modified).max()
    }

    /// Writes the compiled model; `true` when the file changed.
    ///
    /// # Errors
    /// When the folder or the file cannot be written.
    pub fn write_ir(&self, ir: &Ir) -> std::io::Result<bool> {
        let path = self.ir_path();
        let bytes = ir.to_bytes();
        if std::fs::read(&path).is_ok_and(|old| old == bytes) {
            return Ok(false);
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // Written beside and renamed: a reader never sees half a file.
        let temporary = path.with_extension("exo_ir.tmp");
        std::fs::write(&temporary, bytes)?;
        std::fs::rename(&temporary, &path)?;
        Ok(true)
    }

    /// Where the compiled model is written.
    pub fn ir_path(&self) -> PathBuf {
        self.root.join("target/index.exo_ir")
    }
}

/// Reads every model file below a folder, and notes which files of code modules exist. Nothing has to be a project.
///
/// # Errors
/// When a folder or file cannot be read, or a file is too large.
pub fn read_sources(root: &Path) -> Result<SourceSet, ProjectError> {
    let mut sources = SourceSet::new();
    read_folder(root, root, 0, &mut |path, text| sources.add(path, text))?;
    // Imports may lead to files elsewhere: beside the project, or in a folder that is not read as a whole.
    for _ in 0..MAX_DEPTH {
        let mut found = false;
        for path in missing_imports(&sources) {
            let file = root.join(&path);
            if file.is_file() {
                sources.add(&path, read_text(&file)?);
                found = true;
            }
        }
        if !found {
            break;
        }
    }
    let existing = module_files(&sources).into_iter().filter(|path| root.join(path).is_file());
    let existing: Vec<String> = existing.collect();
    sources.set_assets(existing);
    Ok(sources)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TrustedFile {
    List { operations: Vec<TrustedOperation> },
    Map(BTreeMap<String, String>),
}

#[derive(Deserialize)]
struct TrustedOperation {
    id: String,
    body: String,
}

/// Visits model files of the project except in outputs, dependencies and hidden folders.
fn read_folder(
    root: &Path,
    folder: &Path,
    depth: usize,
    visit: &mut dyn FnMut(&str, String),
) -> Result<(), ProjectError> {
    const SKIPPED: [&str; 3] = ["target", "node_modules", "generated"];
    for path in entries(folder)? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let skipped = name.starts_with('.') || SKIPPED.contains(&name.as_str());
        if path.is_dir() {
            if !skipped && depth < MAX_DEPTH {
                read_folder(root, &path, depth + 1, visit)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "exo") {
            visit(&relative(root, &path), read_text(&path)?);
        }
    }
    Ok(())
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ProjectError> {
    let io = |source| ProjectError::Io { path: folder.to_owned(), source };
    let reader = match std::fs::read_dir(folder) {
        Ok(reader) => reader,
        // A folder that vanished between two looks is an empty one.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(error)),
    };
    let mut paths =
        reader.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(io)?;
    paths.sort();
    Ok(paths)
}

fn read_text(path: &Path) -> Result<String, ProjectError> {
    let io = |source| ProjectError::Io { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(io)?.len() > MAX_FILE {
        return Err(ProjectError::TooLarge(path.to_owned()));
    }
    // Bytes that are no UTF-8 become replacement characters, which the lexer reports with their place.
    Ok(String::from_utf8_lossy(&std::fs::read(path).map_err(io)?).into_owned())
}
