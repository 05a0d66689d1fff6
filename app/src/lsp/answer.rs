//! The answers to requests about documents.

use std::collections::HashMap;

use lsp_server::ErrorCode;
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, CompletionItem, CompletionParams,
    CompletionResponse, CompletionTextEdit, DocumentFormattingParams, DocumentSymbol, DocumentSymbolParams,
    DocumentSymbolResponse, Documentation, GotoDefinitionParams, GotoDefinitionResponse, Hover,
    HoverContents, HoverParams, InsertTextFormat, Location, MarkupContent, MarkupKind, Position,
    PrepareRenameResponse, Range, ReferenceParams, RenameParams, TextDocumentPositionParams, TextEdit, Uri,
    WorkspaceEdit,
};
use studio_model::ide::{Analysis, OutlineItem};
use studio_model::{FileId, Span};

use super::convert::{completion_kind, diagnostic, offset, range, symbol_kind};
use super::session::{Refusal, Session};
use super::workspace::{Located, Workspace};

/// A document inside its project.
struct Place<'w> {
    workspace: &'w Workspace,
    analysis: &'w Analysis,
    file: FileId,
    uri: Uri,
}

impl Place<'_> {
    fn location(&self, span: Span) -> Option<Location> {
        let uri = self.workspace.uri(self.analysis, span, &self.uri)?;
        Some(Location { uri, range: range(self.analysis.files(), span) })
    }

    fn offset(&self, position: Position) -> u32 {
        self.analysis.files().get(self.file).map_or(0, |file| offset(file, position))
    }

    fn edit(&self, edits: impl IntoIterator<Item = (Span, String)>) -> WorkspaceEdit {
        let mut changes: HashMap<Uri, Vec<TextEdit>> = HashMap::new();
        for (span, new_text) in edits {
            if let Some(location) = self.location(span) {
                changes.entry(location.uri).or_default().push(TextEdit { range: location.range, new_text });
            }
        }
        WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }
    }
}

impl Session {
    fn place(&mut self, uri: Uri) -> Result<Place<'_>, Refusal> {
        let workspace = self.workspace(&uri);
        match workspace.locate(&uri) {
            Some(Located { analysis, file }) => Ok(Place { workspace, analysis, file, uri }),
            None => Err((ErrorCode::InvalidParams, format!("`{}` is not open", uri.as_str()))),
        }
    }

    fn at(&mut self, params: TextDocumentPositionParams) -> Result<(Place<'_>, u32), Refusal> {
        let place = self.place(params.text_document.uri)?;
        let offset = place.offset(params.position);
        Ok((place, offset))
    }

    pub(super) fn hover(&mut self, params: HoverParams) -> Result<Option<Hover>, Refusal> {
        let (place, offset) = self.at(params.text_document_position_params)?;
        Ok(place.analysis.hover(place.file, offset).map(|hover| Hover {
            contents: HoverContents::Markup(markdown(hover.markdown)),
            range: Some(range(place.analysis.files(), hover.span)),
        }))
    }

    pub(super) fn definition(
        &mut self,
        params: GotoDefinitionParams,
    ) -> Result<Option<GotoDefinitionResponse>, Refusal> {
        let (place, offset) = self.at(params.text_document_position_params)?;
        let found = place.analysis.definition(place.file, offset).and_then(|span| place.location(span));
        Ok(found.map(GotoDefinitionResponse::Scalar))
    }

    pub(super) fn references(&mut self, params: ReferenceParams) -> Result<Vec<Location>, Refusal> {
        let (place, offset) = self.at(params.text_document_position)?;
        let found = place.analysis.references(place.file, offset, params.context.include_declaration);
        Ok(found.into_iter().filter_map(|span| place.location(span)).collect())
    }

    pub(super) fn prepare_rename(
        &mut self,
        params: TextDocumentPositionParams,
    ) -> Result<Option<PrepareRenameResponse>, Refusal> {
        let (place, offset) = self.at(params)?;
        Ok(place.analysis.renamable(place.file, offset).map(|(span, name)| {
            PrepareRenameResponse::RangeWithPlaceholder {
                range: range(place.analysis.files(), span),
                placeholder: name.to_owned(),
            }
        }))
    }

    pub(super) fn rename(&mut self, params: RenameParams) -> Result<WorkspaceEdit, Refusal> {
        let (place, offset) = self.at(params.text_document_position)?;
        let name = params.new_name;
        let spans = (place.analysis.rename(place.file, offset, &name))
            .map_err(|error| (ErrorCode::RequestFailed, error.to_string()))?;
        Ok(place.edit(spans.into_iter().map(|span| (span, name.clone()))))
    }

    pub(super) fn completion(&mut self, params: CompletionParams) -> Result<CompletionResponse, Refusal> {
        let text_document = self.client.text_document.as_ref();
        let completion = text_document.and_then(|document| document.completion.as_ref());
        let item = completion.and_then(|completion| completion.completion_item.as_ref());
        let snippets = item.and_then(|item| item.snippet_support) == Some(true);
        let (place, offset) = self.at(params.text_document_position)?;
        let (span, found) = place.analysis.complete(place.file, offset);
        let range = range(place.analysis.files(), span);
        let items = found.into_iter().enumerate().map(|(index, item)| {
            let snippet = item.is_snippet && snippets;
            // Without snippets the text ends where the cursor should go.
            let new_text = if item.is_snippet && !snippets {
                item.insert.split("$1").next().unwrap_or_default().to_owned()
            } else {
                item.insert
            };
            CompletionItem {
                label: item.label.clone(),
                kind: Some(completion_kind(item.kind)),
                detail: Some(item.detail).filter(|detail| !detail.is_empty()),
                documentation: Some(item.documentation)
                    .filter(|text| !text.is_empty())
                    .map(|text| Documentation::MarkupContent(markdown(text))),
                sort_text: Some(format!("{index:05}")),
                filter_text: Some(item.label),
                insert_text_format: Some(if snippet {
                    InsertTextFormat::SNIPPET
                } else {
                    InsertTextFormat::PLAIN_TEXT
                }),
                text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text })),
                ..CompletionItem::default()
            }
        });
        Ok(CompletionResponse::Array(items.collect()))
    }

    pub(super) fn symbols(
        &mut self,
        params: DocumentSymbolParams,
    ) -> Result<DocumentSymbolResponse, Refusal> {
        let place = self.place(params.text_document.uri)?;
        let items = place.analysis.outline(place.file);
        Ok(DocumentSymbolResponse::Nested(
            items.into_iter().map(|item| symbol(place.analysis, item)).collect(),
        ))
    }

    pub(super) fn formatting(
        &mut self,
        params: DocumentFormattingParams,
    ) -> Result<Option<Vec<TextEdit>>, Refusal> {
        let place = self.place(params.text_document.uri)?;
        let Some(file) = place.analysis.files().get(place.file) else { return Ok(None) };
        let new_text = studio_model::format(&file.text);
        if new_text == *file.text {
            return Ok(Some(Vec::new()));
        }
        let end = super::convert::position(file, file.text.len() as u32);
        Ok(Some(vec![TextEdit { range: Range { start: Position::default(), end }, new_text }]))
    }

    pub(super) fn code_actions(
        &mut self,
        params: CodeActionParams,
    ) -> Result<Vec<CodeActionOrCommand>, Refusal> {
        let wanted = |only: &CodeActionKind| {
            let only = only.as_str();
            only.is_empty() || only == CodeActionKind::QUICKFIX.as_str()
        };
        if params.context.only.as_ref().is_some_and(|only| !only.iter().any(wanted)) {
            return Ok(Vec::new());
        }
        let place = self.place(params.text_document.uri)?;
        let (start, end) = (place.offset(params.range.start), place.offset(params.range.end));
        let span = Span { file: place.file, start, end: end.max(start) };
        let locate = |span: Span| place.workspace.uri(place.analysis, span, &place.uri);
        let actions = place.analysis.fixes(span).map(|(problem, fix)| {
            CodeActionOrCommand::CodeAction(CodeAction {
                title: fix.title.clone(),
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![diagnostic(place.analysis.files(), problem, &locate)]),
                edit: Some(place.edit(fix.edits.iter().cloned())),
                is_preferred: Some(true),
                ..CodeAction::default()
            })
        });
        Ok(actions.collect())
    }
}

fn markdown(value: String) -> MarkupContent {
    MarkupContent { kind: MarkupKind::Markdown, value }
}

fn symbol(analysis: &Analysis, item: OutlineItem) -> DocumentSymbol {
    let files = analysis.files();
    let children = item.children.into_iter().map(|child| symbol(analysis, child)).collect::<Vec<_>>();
    #[allow(deprecated, reason = "the type has no other constructor")]
    DocumentSymbol {
        name: item.name,
        detail: Some(item.detail).filter(|detail| !detail.is_empty()),
        kind: symbol_kind(item.kind),
        tags: None,
        deprecated: None,
        range: range(files, item.whole),
        selection_range: range(files, item.selection),
        children: Some(children).filter(|children| !children.is_empty()),
    }
}
