//! Answers for editors: what stands at a place of the text, where else it stands, what could stand there.
//!
//! Pure functions over the compiler's own trees, so that text with mistakes still gives answers: the parser
//! recovers, the checker goes on, and completion looks at tokens only. Places are byte offsets; who speaks to an
//! editor converts them ([`SourceFile::utf16_offset`](crate::SourceFile::utf16_offset)).

mod complete;
mod expression;
mod hover;
mod index;
mod outline;
mod rename;
mod walk;
mod words;

pub use complete::{Completion, CompletionKind};
pub use hover::Hover;
pub use index::SymbolKind;
pub use outline::OutlineItem;
pub use rename::RenameError;

use std::sync::OnceLock;

use crate::diagnostic::{Diagnostic, Fix};
use crate::ir::Ir;
use crate::semantic::load::{Loaded, resolve};
use crate::semantic::member::{Members, collect};
use crate::semantic::names::{Names, register};
use crate::source::{FileId, FileTable, SourceSet, Span, folder_of};
use index::{Index, Meaning, Occurrence};

/// A project as an editor sees it: texts, trees, problems.
#[derive(Debug)]
pub struct Analysis {
    sources: SourceSet,
    loaded: Loaded,
    /// Lowered as far as it was understood; for descriptions only.
    ir: Ir,
    diagnostics: Vec<Diagnostic>,
    index: OnceLock<Index>,
}

impl Analysis {
    /// Compiles the sources and keeps everything. Never fails.
    pub fn new(sources: SourceSet) -> Self {
        let checked = crate::check(&sources);
        Self {
            sources,
            loaded: checked.loaded,
            ir: checked.ir,
            diagnostics: checked.diagnostics,
            index: OnceLock::new(),
        }
    }

    /// All problems in source order.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The files that take part: the root and what it imports.
    pub fn files(&self) -> &FileTable {
        &self.loaded.files
    }

    /// The file with this project-relative path, if it takes part.
    pub fn file(&self, path: &str) -> Option<FileId> {
        self.loaded.files.find(path)
    }

    /// Problems that touch the span and can be mended by an edit.
    pub fn fixes(&self, span: Span) -> impl Iterator<Item = (&Diagnostic, &Fix)> {
        self.diagnostics.iter().filter_map(move |diagnostic| {
            let place = diagnostic.primary?;
            let touches = place.file == span.file && place.start <= span.end && span.start <= place.end;
            Some((diagnostic, diagnostic.fix.as_ref()?)).filter(|_| touches)
        })
    }

    /// Where the thing at this place is declared: the span of its name, or the start of an imported file.
    pub fn definition(&self, file: FileId, offset: u32) -> Option<Span> {
        match self.occurrence(file, offset)?.meaning {
            Meaning::Declared(place) => Some(place),
            Meaning::File(file) => Some(Span { file, start: 0, end: 0 }),
            Meaning::Primitive(_) | Meaning::Annotation(_) => None,
        }
    }

    /// Every place where the thing at this place is named, in source order.
    pub fn references(&self, file: FileId, offset: u32, with_declaration: bool) -> Vec<Span> {
        let Some(Occurrence { meaning: meaning @ Meaning::Declared(declaration), .. }) =
            self.occurrence(file, offset)
        else {
            return Vec::new();
        };
        let Some(symbol) = self.index().symbols.get(&declaration) else { return Vec::new() };
        let same = self.index().occurrences.iter().filter(|occurrence| occurrence.meaning == meaning);
        same.map(|occurrence| occurrence.span)
            // `self` means the type, too, but does not name it.
            .filter(|span| self.files().slice(*span) == &*symbol.name)
            .filter(|span| with_declaration || *span != declaration)
            .collect()
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            self.with_names(|names, members| {
                walk::index(&self.loaded.program, names, members, |file, import| {
                    let folder = self.loaded.files.get(file).map(|file| folder_of(&file.path).to_owned())?;
                    let target = resolve(&self.sources, &folder, import).ok()?;
                    self.file(&target)
                })
            })
        })
    }

    fn occurrence(&self, file: FileId, offset: u32) -> Option<Occurrence> {
        self.index().at(file, offset)
    }

    /// The names and members of the program. They borrow the trees, so they are made anew for each question.
    fn with_names<R>(&self, answer: impl FnOnce(&Names<'_>, &Members<'_>) -> R) -> R {
        let mut unreported = Vec::new();
        let names = register(&self.loaded.program, &mut unreported);
        let members = collect(&names, &mut unreported);
        answer(&names, &members)
    }
}
