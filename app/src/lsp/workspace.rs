//! Projects as the editor sees them: the files on disk, with the open buffers in front of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lsp_types::Uri;
use studio_engine::project::read_sources;
use studio_model::ide::Analysis;
use studio_model::{FileId, ROOT_FILE, SourceSet, Span, module_files};

use super::convert::{path_of, uri_of};

/// Stands in front of the real root when an open file is not imported by anything.
const BESIDE_ROOT: &str = "src/.opened-in-the-editor.exo";
/// The only file of a project for a buffer without a path.
const UNTITLED: &str = "untitled.exo";

/// Text of the buffers the editor has open.
pub(super) type Documents = BTreeMap<Uri, Arc<str>>;

/// A project (or a lone file) with its analyses.
#[derive(Debug)]
pub(super) struct Workspace {
    /// Folder of the project; for a buffer without a path, none.
    root: Option<PathBuf>,
    /// Project-relative path of the root model.
    root_file: String,
    /// The files on disk; read anew after changes there.
    disk: Option<SourceSet>,
    /// The analysis of what the root imports.
    analysis: Option<Analysis>,
    /// The analysis with the open files that nothing imports, and their paths.
    beside: Option<(Analysis, Vec<String>)>,
    /// What the editor was told about.
    pub(super) published: BTreeSet<Uri>,
    /// Whether the editor has to be told again.
    pub(super) is_stale: bool,
}

/// Which project a document belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WorkspaceKey {
    /// Project folder, or the folder of a lone file.
    folder: Option<PathBuf>,
    /// Root model, relative to the folder.
    root_file: String,
    /// For buffers without a path: which one.
    buffer: Option<Uri>,
}

/// The project of a document: the nearest folder above it with a root model.
pub(super) fn key_of(uri: &Uri, documents: &Documents) -> WorkspaceKey {
    let Some(path) = path_of(uri) else {
        return WorkspaceKey { folder: None, root_file: UNTITLED.to_owned(), buffer: Some(uri.clone()) };
    };
    for folder in path.ancestors().skip(1) {
        let root = folder.join(ROOT_FILE);
        let opened = || uri_of(&root).is_some_and(|uri| documents.contains_key(&uri));
        if root.is_file() || opened() {
            let folder = Some(folder.to_owned());
            return WorkspaceKey { folder, root_file: ROOT_FILE.to_owned(), buffer: None };
        }
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    WorkspaceKey { folder: path.parent().map(Path::to_owned), root_file: name, buffer: None }
}

/// A project-relative path in its folder; it may climb out of it.
fn joined(root: &Path, path: &str) -> PathBuf {
    let mut joined = root.to_owned();
    for part in path.split('/') {
        match part {
            ".." => {
                joined.pop();
            }
            part => joined.push(part),
        }
    }
    joined
}

/// A place of a document: the analysis that knows it, and its file there.
pub(super) struct Located<'w> {
    pub(super) analysis: &'w Analysis,
    pub(super) file: FileId,
}

impl Workspace {
    pub(super) fn new(key: &WorkspaceKey) -> Self {
        Self {
            root: key.folder.clone(),
            root_file: key.root_file.clone(),
            disk: None,
            analysis: None,
            beside: None,
            published: BTreeSet::new(),
            is_stale: true,
        }
    }

    /// A buffer changed.
    pub(super) fn invalidate(&mut self) {
        self.analysis = None;
        self.beside = None;
        self.is_stale = true;
    }

    /// Files on disk may have changed.
    pub(super) fn invalidate_disk(&mut self) {
        self.disk = None;
        self.invalidate();
    }

    /// The project-relative path of a document of this workspace.
    fn relative(&self, uri: &Uri) -> Option<String> {
        let Some(root) = &self.root else { return Some(UNTITLED.to_owned()) };
        let path = path_of(uri)?;
        Some(path.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/"))
    }

    /// The URI of a file of an analysis. `own` is the document of a workspace without folder.
    pub(super) fn uri(&self, analysis: &Analysis, span: Span, own: &Uri) -> Option<Uri> {
        let path = analysis.files().path(span);
        match &self.root {
            Some(root) => uri_of(&joined(root, &path)),
            None => Some(own.clone()),
        }
    }

    /// The URI of the root model, for problems without a place.
    pub(super) fn root_uri(&self, own: &Uri) -> Option<Uri> {
        match &self.root {
            Some(root) => uri_of(&root.join(&self.root_file)),
            None => Some(own.clone()),
        }
    }

    /// Compiles what changed. `documents` are the open buffers of this workspace.
    pub(super) fn refresh(&mut self, documents: &[(Uri, Arc<str>)]) {
        if self.analysis.is_some() {
            return;
        }
        let mut sources = self.on_disk();
        sources.set_root(&self.root_file);
        let mut opened = Vec::new();
        for (uri, text) in documents {
            if let Some(path) = self.relative(uri) {
                sources.add(&path, text.clone());
                opened.push(path);
            }
        }
        if let Some(root) = &self.root {
            // A buffer may name a file that the text on disk does not name.
            let existing = module_files(&sources).into_iter().filter(|path| root.join(path).is_file());
            sources.set_assets(existing.collect::<Vec<_>>());
        }
        let analysis = Analysis::new(sources.clone());
        opened.retain(|path| analysis.file(path).is_none());
        if !opened.is_empty() {
            // Types of the project are known in a file that is not imported yet.
            let all = std::iter::once(&self.root_file).chain(&opened);
            let text: String = all.map(|path| format!("import \"/{path}\"\n")).collect();
            sources.add(BESIDE_ROOT, text);
            sources.set_root(BESIDE_ROOT);
            self.beside = Some((Analysis::new(sources), opened));
        }
        self.analysis = Some(analysis);
    }

    fn on_disk(&mut self) -> SourceSet {
        if let Some(disk) = &self.disk {
            return disk.clone();
        }
        let is_project = self.root_file == ROOT_FILE;
        let read = match &self.root {
            // A lone file: its folder may be anything, a home for example.
            Some(root) if !is_project => {
                let mut sources = SourceSet::new();
                let path = root.join(&self.root_file);
                if let Ok(bytes) = std::fs::read(path) {
                    sources.add(&self.root_file, String::from_utf8_lossy(&bytes).into_owned());
                }
                sources
            }
            // What cannot be read is missing; the import that leads there says so.
            Some(root) => read_sources(root).unwrap_or_default(),
            None => SourceSet::new(),
        };
        self.disk.insert(read).clone()
    }

    /// The analysis that knows a document.
    pub(super) fn locate(&self, uri: &Uri) -> Option<Located<'_>> {
        let path = self.relative(uri)?;
        let beside = self.beside.as_ref().map(|(analysis, _)| analysis);
        self.analysis
            .iter()
            .chain(beside)
            .find_map(|analysis| analysis.file(&path).map(|file| Located { analysis, file }))
    }

    /// All problems by document; documents without any are present when the editor knows of them.
    pub(super) fn problems(&self, own: &Uri) -> BTreeMap<Uri, Vec<lsp_types::Diagnostic>> {
        let mut found: BTreeMap<Uri, Vec<lsp_types::Diagnostic>> =
            self.published.iter().map(|uri| (uri.clone(), Vec::new())).collect();
        let mut add = |analysis: &Analysis, wanted: &dyn Fn(&str) -> bool| {
            for diagnostic in analysis.diagnostics() {
                let uri = match diagnostic.primary {
                    Some(span) if wanted(&analysis.files().path(span)) => self.uri(analysis, span, own),
                    None if wanted(&self.root_file) => self.root_uri(own),
                    _ => None,
                };
                let locate = |span: Span| self.uri(analysis, span, own);
                if let Some(uri) = uri {
                    let converted = super::convert::diagnostic(analysis.files(), diagnostic, &locate);
                    found.entry(uri).or_default().push(converted);
                }
            }
        };
        if let Some(analysis) = &self.analysis {
            add(analysis, &|_| true);
        }
        if let Some((analysis, paths)) = &self.beside {
            add(analysis, &|path| paths.iter().any(|known| known == path));
        }
        found
    }
}
