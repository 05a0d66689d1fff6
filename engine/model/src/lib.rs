//! From model text to the IR and to everything derived from it. Pure: no IO.
//!
//! [`compile`] takes all texts of a project and returns the IR (if there is no error) and every problem.

pub mod database;
pub mod diagnostic;
pub mod graphql;
pub mod ide;
pub mod ir;
pub mod semantic;
pub mod source;
pub mod syntax;

pub use diagnostic::{Code, Diagnostic, Fix, RenderStyle, Severity, explain};
pub use ir::Ir;
pub use semantic::load::{CodePlace, code_places, missing_imports, module_files};
pub use semantic::suggest::nearest;
pub use source::{FileId, FileTable, Position, ROOT_FILE, SourceFile, SourceSet, Span};
pub use syntax::format;

/// The result of compiling a project.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The model; `None` if there is any error.
    pub ir: Option<Ir>,
    /// All problems in source order.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that took part, for positions and excerpts.
    pub files: FileTable,
}

impl Compiled {
    /// Whether any problem is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Compiles a project. Never fails and never panics: mistakes of the model are diagnostics.
pub fn compile(sources: &SourceSet) -> Compiled {
    let Checked { loaded, ir, diagnostics } = check(sources);
    let usable = !diagnostics.iter().any(Diagnostic::is_error);
    Compiled { ir: usable.then_some(ir), diagnostics, files: loaded.files }
}

/// Everything the passes leave behind: what [`compile`] returns and what editors ask for.
pub(crate) struct Checked {
    pub(crate) loaded: semantic::load::Loaded,
    /// What could be understood; only without errors is it a model to serve.
    pub(crate) ir: Ir,
    /// All problems in source order.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

pub(crate) fn check(sources: &SourceSet) -> Checked {
    let mut diagnostics = Vec::new();
    let loaded = semantic::load::load(sources, &mut diagnostics);
    let syntax = diagnostics.len();
    let ir = semantic::check(&loaded.program, &loaded.files, sources, &mut diagnostics);
    let damage = semantic::Damage {
        files: &loaded.files,
        spans: &loaded.damaged,
        incomplete: loaded.incomplete,
        syntax,
    };
    semantic::tidy(&mut diagnostics, &damage);
    Checked { loaded, ir, diagnostics }
}
