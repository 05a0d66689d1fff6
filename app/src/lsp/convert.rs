//! Between the protocol's words and ours: URIs and paths, positions, kinds.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use lsp_types::{
    CompletionItemKind, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString, Position,
    Range, SymbolKind as LspSymbolKind, Uri,
};
use studio_model::ide::{CompletionKind, SymbolKind};
use studio_model::{Diagnostic, FileTable, Severity, SourceFile, Span};

/// The path of a `file:` URI.
pub(super) fn path_of(uri: &Uri) -> Option<PathBuf> {
    let rest = uri.as_str().strip_prefix("file://")?;
    // An authority other than this machine is nothing we can read.
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return None;
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    Some(PathBuf::from(percent_decoded(path)?))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).ok()
}

/// The `file:` URI of a path.
pub(super) fn uri_of(path: &Path) -> Option<Uri> {
    let mut text = String::from("file://");
    for byte in path.to_string_lossy().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    Uri::from_str(&text).ok()
}

/// The protocol's position of a byte offset.
pub(super) fn position(file: &SourceFile, offset: u32) -> Position {
    let (line, character) = file.utf16_position(offset);
    Position { line, character }
}

/// The byte offset of the protocol's position.
pub(super) fn offset(file: &SourceFile, position: Position) -> u32 {
    file.utf16_offset(position.line, position.character)
}

/// The protocol's range of a span.
pub(super) fn range(files: &FileTable, span: Span) -> Range {
    let Some(file) = files.get(span.file) else { return Range::default() };
    Range { start: position(file, span.start), end: position(file, span.end) }
}

/// A diagnostic as the protocol has it. `locate` gives the URI of a file of the table.
pub(super) fn diagnostic(
    files: &FileTable,
    diagnostic: &Diagnostic,
    locate: &dyn Fn(Span) -> Option<Uri>,
) -> lsp_types::Diagnostic {
    let mut message = diagnostic.message.clone();
    if let Some(label) = &diagnostic.primary_label {
        message.push_str(&format!(" ({label})"));
    }
    for help in &diagnostic.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    let related = (diagnostic.labels.iter())
        .filter_map(|(span, text)| {
            let location = Location { uri: locate(*span)?, range: range(files, *span) };
            Some(DiagnosticRelatedInformation { location, message: text.clone() })
        })
        .collect::<Vec<_>>();
    lsp_types::Diagnostic {
        range: diagnostic.primary.map_or_else(Range::default, |span| range(files, span)),
        severity: Some(match diagnostic.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(diagnostic.code.as_str().to_owned())),
        source: Some("exo-studio".to_owned()),
        message,
        related_information: Some(related).filter(|related| !related.is_empty()),
        ..lsp_types::Diagnostic::default()
    }
}

/// The protocol's word for a kind of symbol.
pub(super) fn symbol_kind(kind: SymbolKind) -> LspSymbolKind {
    match kind {
        SymbolKind::Module => LspSymbolKind::MODULE,
        SymbolKind::Type => LspSymbolKind::CLASS,
        SymbolKind::Fragment => LspSymbolKind::INTERFACE,
        SymbolKind::Context => LspSymbolKind::OBJECT,
        SymbolKind::Enum => LspSymbolKind::ENUM,
        SymbolKind::EnumValue => LspSymbolKind::ENUM_MEMBER,
        SymbolKind::Field => LspSymbolKind::FIELD,
        SymbolKind::Query | SymbolKind::Mutation => LspSymbolKind::FUNCTION,
        SymbolKind::Interceptor => LspSymbolKind::EVENT,
        SymbolKind::Parameter => LspSymbolKind::VARIABLE,
        SymbolKind::Projection => LspSymbolKind::KEY,
    }
}

/// The protocol's word for a kind of suggestion.
pub(super) fn completion_kind(kind: CompletionKind) -> CompletionItemKind {
    match kind {
        CompletionKind::Keyword => CompletionItemKind::KEYWORD,
        CompletionKind::Type => CompletionItemKind::CLASS,
        CompletionKind::Enum => CompletionItemKind::ENUM,
        CompletionKind::EnumValue => CompletionItemKind::ENUM_MEMBER,
        CompletionKind::Context => CompletionItemKind::VARIABLE,
        CompletionKind::Module => CompletionItemKind::MODULE,
        CompletionKind::Field => CompletionItemKind::FIELD,
        CompletionKind::Function => CompletionItemKind::FUNCTION,
        CompletionKind::Annotation => CompletionItemKind::PROPERTY,
        CompletionKind::Parameter => CompletionItemKind::PROPERTY,
        CompletionKind::Value => CompletionItemKind::VALUE,
        CompletionKind::File => CompletionItemKind::FILE,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::str::FromStr;

    use super::{Uri, path_of, uri_of};

    #[test]
    fn paths_survive_the_way_through_a_uri() {
        for path in ["/a/b.exo", "/with space/ü#?%.exo"] {
            assert_eq!(path_of(&uri_of(Path::new(path)).unwrap()).unwrap(), Path::new(path));
        }
        for other in ["untitled:x", "file://elsewhere/x", "file:///%zz", "https://a/b"] {
            assert_eq!(Uri::from_str(other).ok().and_then(|uri| path_of(&uri)), None, "{other}");
        }
    }
}
