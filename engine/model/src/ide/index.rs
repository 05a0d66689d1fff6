//! What is declared, and where everything declared is named.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::source::{FileId, Span};

/// What something declared is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SymbolKind {
    Module,
    Type,
    Fragment,
    Context,
    Enum,
    EnumValue,
    Field,
    Query,
    Mutation,
    Interceptor,
    Parameter,
    Projection,
}

impl SymbolKind {
    /// How answers call it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Type => "type",
            Self::Fragment => "fragment",
            Self::Context => "context",
            Self::Enum => "enum",
            Self::EnumValue => "enum value",
            Self::Field => "field",
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Interceptor => "interceptor",
            Self::Parameter => "parameter",
            Self::Projection => "projection",
        }
    }
}

/// Something declared.
#[derive(Debug, Clone)]
pub(super) struct Symbol {
    pub(super) kind: SymbolKind,
    pub(super) name: Arc<str>,
    /// What it belongs to: the type of a field, the enum of a value.
    pub(super) container: Option<Arc<str>>,
    pub(super) docs: Option<Arc<str>>,
    /// The text that introduces it.
    pub(super) signature: Span,
}

/// What a name in the text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Meaning {
    /// Something declared in the model, by the place of its name.
    Declared(Span),
    /// An imported file.
    File(FileId),
    /// A primitive, generic or injected type.
    Primitive(&'static str),
    /// An annotation.
    Annotation(&'static str),
}

/// A name in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occurrence {
    pub(super) span: Span,
    pub(super) meaning: Meaning,
}

/// All symbols and occurrences of a program.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By the place of the name.
    pub(super) symbols: FxHashMap<Span, Symbol>,
    /// In source order, not overlapping.
    pub(super) occurrences: Vec<Occurrence>,
}

impl Index {
    pub(super) fn declare(&mut self, place: Span, symbol: Symbol) {
        self.name(place, Meaning::Declared(place));
        self.symbols.insert(place, symbol);
    }

    pub(super) fn name(&mut self, span: Span, meaning: Meaning) {
        self.occurrences.push(Occurrence { span, meaning });
    }

    pub(super) fn finish(&mut self) {
        // Fields of a fragment are met once for each type that spreads it.
        self.occurrences
            .sort_by_key(|occurrence| (occurrence.span.file, occurrence.span.start, occurrence.span.end));
        self.occurrences.dedup_by_key(|occurrence| (occurrence.span, occurrence.meaning));
    }

    /// The name at an offset; a place directly behind a name belongs to it.
    pub(super) fn at(&self, file: FileId, offset: u32) -> Option<Occurrence> {
        let after = self.occurrences.partition_point(|it| (it.span.file, it.span.start) <= (file, offset));
        let found = self.occurrences[..after].last()?;
        (found.span.file == file && offset <= found.span.end).then_some(*found)
    }
}
