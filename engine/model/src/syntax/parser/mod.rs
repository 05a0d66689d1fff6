//! Tokens to syntax tree by recursive descent, with recovery: one problem per mistake, and everything
//! readable around it is still read.

mod annotation;
mod body;
mod decl;
mod expr;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::ast::{Field, File, Name};
use super::lexer::{self, LexProblemKind};
use super::token::{Token, TokenKind};
use crate::diagnostic::{Diagnostic, make};
use crate::source::{FileId, Span};

/// How deeply expressions and type arguments may nest. Far more than anybody writes, little enough for any stack.
const MAX_DEPTH: u32 = 128;

/// The result of parsing one file.
#[derive(Debug)]
pub struct Parsed {
    /// What could be read.
    pub file: File,
    /// Problems in source order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a file.
pub fn parse(text: &str, id: FileId) -> Parsed {
    let (mut lexed, docs) = lexer::lex_docs_apart(text);
    let tokens = std::mem::take(&mut lexed.tokens);
    let at_end = text.len() as u32;
    let end = Token { kind: TokenKind::Eof, start: at_end, end: at_end };
    let mut parser = Parser {
        text,
        id,
        tokens,
        end,
        docs,
        next_doc: 0,
        at: 0,
        depth: 0,
        last_error: None,
        file: File::default(),
        diagnostics: Vec::new(),
        noted: 0,
        fields: Vec::new(),
        shared: Shared::default(),
    };
    for problem in &lexed.problems {
        let span = Span { file: id, start: problem.start, end: problem.end };
        let diagnostic = match problem.kind {
            LexProblemKind::UnterminatedString => make::unterminated(span, "string"),
            LexProblemKind::UnterminatedComment => make::unterminated(span, "comment"),
            LexProblemKind::DocLineWithoutStar => make::doc_line_without_star(span),
        };
        parser.file.damaged.push(span);
        parser.diagnostics.push(diagnostic);
    }
    parser.noted = parser.diagnostics.len();
    parser.file();
    parser.diagnostics.sort_by_key(|diagnostic| diagnostic.primary);
    Parsed { file: parser.file, diagnostics: parser.diagnostics }
}

struct Parser<'t> {
    text: &'t str,
    id: FileId,
    tokens: Vec<Token>,
    /// What follows the last token, however far.
    end: Token,
    /// Doc comments, each with the index of the token it stands before.
    docs: Vec<(usize, Token)>,
    next_doc: usize,
    at: usize,
    depth: u32,
    /// Token at which the last problem was reported: one problem per place is enough.
    last_error: Option<usize>,
    file: File,
    diagnostics: Vec<Diagnostic>,
    /// How many diagnostics have their damaged stretch noted.
    noted: usize,
    /// The fields of the type being read; reused, because growing lists of large items costs a lot.
    fields: Vec<Field>,
    /// Texts of the names and literals read so far.
    shared: Shared<'t>,
}

/// How many texts are found without looking into the table of all.
const RECENT: usize = 1024;

/// Names and literals repeat all over a model; one allocation each is enough.
struct Shared<'t> {
    all: FxHashMap<&'t str, Arc<str>>,
    /// Texts met lately, each in the only slot it can be in.
    recent: Vec<Option<(&'t str, Arc<str>)>>,
}

impl Default for Shared<'_> {
    fn default() -> Self {
        Self { all: FxHashMap::default(), recent: vec![None; RECENT] }
    }
}

impl<'t> Shared<'t> {
    fn get(&mut self, text: &'t str) -> Arc<str> {
        let bytes = text.as_bytes();
        let byte = |index: usize| usize::from(bytes.get(index).copied().unwrap_or_default());
        let last = byte(bytes.len().wrapping_sub(1));
        let slot = bytes.len() + 31 * byte(0) + 137 * byte(bytes.len() / 2) + 263 * last + 521 * byte(1);
        let recent = &mut self.recent[slot % RECENT];
        if let Some((known, shared)) = recent
            && *known == text
        {
            return shared.clone();
        }
        let shared = self.all.entry(text).or_insert_with(|| Arc::from(text)).clone();
        *recent = Some((text, shared.clone()));
        shared
    }
}

impl<'t> Parser<'t> {
    fn token(&self, ahead: usize) -> Token {
        self.tokens.get(self.at + ahead).copied().unwrap_or(self.end)
    }

    fn kind(&self) -> TokenKind {
        self.token(0).kind
    }

    fn nth(&self, ahead: usize) -> TokenKind {
        self.token(ahead).kind
    }

    fn is(&self, kind: TokenKind) -> bool {
        self.kind() == kind
    }

    fn at_end(&self) -> bool {
        self.is(TokenKind::Eof)
    }

    fn slice(&self, token: Token) -> &'t str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or_default()
    }

    fn word(&self, ahead: usize) -> &'t str {
        let token = self.token(ahead);
        if token.kind == TokenKind::Ident { self.slice(token) } else { "" }
    }

    fn span_of(&self, token: Token) -> Span {
        Span { file: self.id, start: token.start, end: token.end }
    }

    fn span(&self) -> Span {
        self.span_of(self.token(0))
    }

    /// The span of the token consumed last.
    fn previous(&self) -> Span {
        match self.at.checked_sub(1) {
            Some(index) => self.span_of(self.tokens[index]),
            None => self.span().before(),
        }
    }

    fn bump(&mut self) -> Token {
        let token = self.token(0);
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.is(kind);
        if found {
            self.bump();
        }
        found
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        let token = self.token(0);
        // The lexer has already complained about unterminated strings, which swallow what should follow.
        let lexical = |token: Token| token.kind == TokenKind::Unknown && self.slice(token).starts_with('"');
        let before = self.at.checked_sub(1).map(|index| self.tokens[index]);
        let known = self.last_error == Some(self.at) || lexical(token) || before.is_some_and(lexical);
        self.last_error = Some(self.at);
        if !known {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Notes the stretch from `start` to here as damaged if it holds new problems.
    fn note_damage(&mut self, start: Span) {
        if self.diagnostics.len() > self.noted {
            self.noted = self.diagnostics.len();
            let end = self.previous();
            self.file.damaged.push(start.to(end));
        }
    }

    /// Reports that the current token does not fit.
    fn unexpected(&mut self, expected: &str) {
        let token = self.token(0);
        let diagnostic = make::unexpected(self.span(), token.kind, self.slice(token), expected);
        self.report(diagnostic);
    }

    /// Consumes the token, or reports that it is missing and goes on as if it were there.
    fn expect(&mut self, kind: TokenKind) -> bool {
        if self.eat(kind) {
            return true;
        }
        let diagnostic = make::expected(self.previous().after(), kind.describe());
        self.report(diagnostic);
        false
    }

    fn name(&mut self) -> Name {
        let token = self.bump();
        Name { text: self.shared(self.slice(token)), span: self.span_of(token) }
    }

    fn shared(&mut self, text: &'t str) -> Arc<str> {
        self.shared.get(text)
    }

    /// Takes the `>` of a `>=` and leaves the `=`.
    fn split_greater_equal(&mut self) {
        let token = &mut self.tokens[self.at];
        token.kind = TokenKind::Eq;
        token.start += 1;
    }

    /// Whether the current word is a literal, which names nothing.
    fn is_literal_word(&self) -> bool {
        matches!(self.word(0), "true" | "false" | "null")
    }

    fn expect_name(&mut self, what: &str) -> Option<Name> {
        if self.is(TokenKind::Ident) && !self.is_literal_word() {
            return Some(self.name());
        }
        self.unexpected(what);
        None
    }

    /// Doc comments standing directly before the current token, joined.
    fn take_docs(&mut self) -> Option<(String, Span)> {
        let mut found: Option<(String, Span)> = None;
        while let Some((index, token)) = self.docs.get(self.next_doc).copied() {
            if index > self.at {
                break;
            }
            self.next_doc += 1;
            if index < self.at || token.kind != TokenKind::Doc {
                continue;
            }
            let text = lexer::doc_text(self.slice(token));
            let span = self.span_of(token);
            match &mut found {
                None => found = Some((text, span)),
                Some((before, whole)) => {
                    before.push('\n');
                    before.push_str(&text);
                    *whole = whole.to(span);
                }
            }
        }
        found
    }

    /// File comments before the current token go to the file; other docs stay.
    fn take_file_docs(&mut self) {
        let mut index = self.next_doc;
        while let Some((before, token)) = self.docs.get(index).copied() {
            if before > self.at {
                break;
            }
            if before == self.at && token.kind == TokenKind::FileDoc {
                let text = lexer::doc_text(self.slice(token));
                match &mut self.file.docs {
                    None => self.file.docs = Some(text),
                    Some(earlier) => {
                        earlier.push('\n');
                        earlier.push_str(&text);
                    }
                }
            }
            index += 1;
        }
    }

    /// Skips one token, or the whole bracketed stretch it opens, without recursion.
    fn skip_balanced(&mut self) {
        let mut open = 0u32;
        while !self.at_end() {
            match self.kind() {
                TokenKind::LParen | TokenKind::LBrace | TokenKind::LBracket => open += 1,
                TokenKind::RParen | TokenKind::RBrace | TokenKind::RBracket => open = open.saturating_sub(1),
                _ => {}
            }
            self.bump();
            if open == 0 {
                return;
            }
        }
    }

    /// Runs `parse` one level deeper, unless that is too deep.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth >= MAX_DEPTH {
            let diagnostic = make::nested_too_deeply(self.span(), MAX_DEPTH);
            self.report(diagnostic);
            while !self.at_end()
                && !matches!(self.kind(), TokenKind::RParen | TokenKind::RBrace | TokenKind::Gt)
            {
                self.skip_balanced();
            }
            self.last_error = Some(self.at);
            return None;
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        Some(result)
    }
}
