//! What could be written at a place: keywords, types, annotations and their parameters, names in rules.

mod frame;
mod names;
mod place;

use super::Analysis;
use crate::source::{FileId, Span};
use crate::syntax::lexer::{LexProblemKind, lex};
use crate::syntax::token::{Token, TokenKind};
use frame::Frames;

/// What a suggestion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CompletionKind {
    Keyword,
    Type,
    Enum,
    EnumValue,
    Context,
    Module,
    Field,
    Function,
    Annotation,
    Parameter,
    Value,
    File,
}

/// A suggestion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What is shown and filtered by.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// A few words beside the label.
    pub detail: String,
    /// Markdown; may be empty.
    pub documentation: String,
    /// What is inserted. `$1` in it is where the cursor goes, if `is_snippet`.
    pub insert: String,
    /// Whether `insert` has places to fill.
    pub is_snippet: bool,
}

impl Completion {
    fn new(label: &str, kind: CompletionKind, detail: impl Into<String>) -> Self {
        Self {
            label: label.to_owned(),
            kind,
            detail: detail.into(),
            documentation: String::new(),
            insert: label.to_owned(),
            is_snippet: false,
        }
    }

    fn snippet(mut self, insert: &str) -> Self {
        insert.clone_into(&mut self.insert);
        self.is_snippet = insert.contains("$1");
        self
    }

    fn documented(mut self, documentation: &str) -> Self {
        documentation.clone_into(&mut self.documentation);
        self
    }
}

/// The text before a place, in tokens.
struct Before<'t> {
    text: &'t str,
    /// Without doc comments, without the word under the cursor, without the end.
    tokens: Vec<Token>,
    frames: Frames<'t>,
    /// The word under the cursor, up to the cursor.
    word: &'t str,
    /// The text of the open string the cursor is in.
    string: Option<&'t str>,
}

impl<'t> Before<'t> {
    /// `None` inside comments, where nothing is suggested.
    fn read(text: &'t str, offset: u32) -> Option<Self> {
        let text = text.get(..offset as usize)?;
        let lexed = lex(text);
        let in_comment =
            lexed.problems.iter().any(|problem| problem.kind != LexProblemKind::UnterminatedString)
                || lexed.comments.last().is_some_and(|comment| {
                    let line = text.get(comment.start as usize..).is_some_and(|text| text.starts_with("//"));
                    line && comment.end == offset
                });
        let mut tokens = lexed.tokens;
        tokens.retain(|token| token.kind != TokenKind::Eof);
        let in_doc = tokens.last().is_some_and(|token| {
            matches!(token.kind, TokenKind::Doc | TokenKind::FileDoc) && token.end == offset
        });
        if in_comment || in_doc {
            return None;
        }
        tokens.retain(|token| !matches!(token.kind, TokenKind::Doc | TokenKind::FileDoc));
        let (mut word, mut string) = ("", None);
        if let Some(last) = tokens.last().copied().filter(|last| last.end == offset) {
            let written = text.get(last.start as usize..).unwrap_or_default();
            match last.kind {
                TokenKind::Ident => {
                    word = written;
                    tokens.pop();
                }
                TokenKind::Unknown if written.starts_with('"') => {
                    string = Some(&written[1..]);
                    tokens.pop();
                }
                TokenKind::Number => return None,
                _ => {}
            }
        }
        let frames = Frames::read(text, &tokens);
        Some(Self { text, tokens, frames, word, string })
    }

    fn slice(&self, token: Token) -> &'t str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or_default()
    }

    /// The kind of the token `back` before the cursor, 0 being the last.
    fn kind(&self, back: usize) -> Option<TokenKind> {
        let index = self.tokens.len().checked_sub(back + 1)?;
        Some(self.tokens[index].kind)
    }

    /// The text of an identifier `back` before the cursor; empty for anything else.
    fn ident(&self, back: usize) -> &'t str {
        match self.tokens.len().checked_sub(back + 1).map(|index| self.tokens[index]) {
            Some(token) if token.kind == TokenKind::Ident => self.slice(token),
            _ => "",
        }
    }
}

impl Analysis {
    /// Suggestions for a place, and the stretch they replace.
    pub fn complete(&self, file: FileId, offset: u32) -> (Span, Vec<Completion>) {
        let nothing = (Span { file, start: offset, end: offset }, Vec::new());
        let Some(source) = self.files().get(file) else { return nothing };
        let Some(before) = Before::read(&source.text, offset) else { return nothing };
        let typed = before.string.unwrap_or(before.word).len() as u32;
        // A word goes on behind the cursor; replacing only its start would leave the rest.
        let rest = source.text.get(offset as usize..).unwrap_or_default();
        let behind = if before.string.is_some() {
            0
        } else {
            rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count() as u32
        };
        let span = Span { file, start: offset - typed, end: offset + behind };
        let mut found = self.with_names(|names, members| {
            let (before, own) = (&before, std::cell::OnceCell::new());
            place::Completer { analysis: self, names, members, before, file, offset, own }.complete()
        });
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|item| seen.insert(item.label.clone()));
        (span, found)
    }
}
