//! The formatter: one canonical layout, every comment kept, no token changed.
//!
//! It only decides what stands between tokens, so the meaning cannot change. Line breaks inside parentheses
//! and single blank lines are the author's; everything else follows from the grammar.

use rustc_hash::FxHashSet;

use super::ast::{Annotation, File, TypeDecl};
use super::lexer::{self, Lexed};
use super::token::TokenKind;
use crate::source::{FileId, Span};

/// Formats a file. Text with syntax errors comes back unchanged.
pub fn format(text: &str) -> String {
    let parsed = super::parse(text, FileId(0));
    if parsed.diagnostics.iter().any(crate::diagnostic::Diagnostic::is_error) {
        return text.to_owned();
    }
    let lexed = lexer::lex(text);
    let mut printer = Printer {
        text,
        starts: line_starts(&parsed.file, &lexed, text),
        out: String::with_capacity(text.len() + text.len() / 4),
        open: Vec::new(),
        previous: None,
    };
    for item in items(&lexed) {
        printer.item(item);
    }
    if !printer.out.is_empty() {
        printer.out.push('\n');
    }
    printer.out
}

/// A token, doc comment or plain comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Item {
    kind: ItemKind,
    start: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ItemKind {
    Token(TokenKind),
    Doc,
    Comment,
}

fn items(lexed: &Lexed) -> Vec<Item> {
    let mut items: Vec<Item> = (lexed.tokens.iter())
        .filter(|token| token.kind != TokenKind::Eof)
        .map(|token| {
            let kind = match token.kind {
                TokenKind::Doc | TokenKind::FileDoc => ItemKind::Doc,
                kind => ItemKind::Token(kind),
            };
            Item { kind, start: token.start as usize, end: token.end as usize }
        })
        .chain(lexed.comments.iter().map(|comment| Item {
            kind: ItemKind::Comment,
            start: comment.start as usize,
            end: comment.end as usize,
        }))
        .collect();
    items.sort_by_key(|item| item.start);
    items
}

/// Offsets of the tokens that start a line.
fn line_starts(file: &File, lexed: &Lexed, text: &str) -> FxHashSet<u32> {
    let mut starts = FxHashSet::default();
    let mut declaration = |annotations: &[Annotation], whole: Span| {
        starts.insert(whole.start);
        starts.extend(annotations.iter().map(|annotation| annotation.span.start));
        // The keyword is the first token after the annotations.
        if let Some(last) = annotations.last() {
            let next = lexed.tokens.partition_point(|token| token.start < last.span.end);
            let keyword = lexed.tokens[next..]
                .iter()
                .find(|token| !matches!(token.kind, TokenKind::Doc | TokenKind::FileDoc));
            starts.extend(keyword.map(|token| token.start));
        }
    };
    for module in &file.modules {
        declaration(&module.annotations, module.span);
        for decl in module.types.iter().chain(&module.fragments) {
            declaration(&decl.annotations, decl.span);
        }
        for decl in &module.enums {
            declaration(&decl.annotations, decl.span);
        }
        for decl in &module.methods {
            declaration(&decl.annotations, decl.span);
        }
        for decl in &module.interceptors {
            declaration(&decl.annotations, decl.span);
        }
    }
    for context in &file.contexts {
        declaration(&context.annotations, context.span);
    }
    starts.extend(file.imports.iter().map(|import| import.span.start));
    let types = file.modules.iter().flat_map(|module| module.types.iter().chain(&module.fragments));
    for decl in types.chain(&file.contexts) {
        body_starts(decl, &mut starts);
    }
    for module in &file.modules {
        starts.insert(module.span.end - 1);
        for decl in &module.enums {
            let whole = text.get(decl.name.span.end as usize..decl.span.end as usize).unwrap_or_default();
            // An enum written on one line stays there.
            if whole.contains('\n') {
                starts.extend(decl.values.iter().map(|value| value.span.start));
                starts.insert(decl.span.end - 1);
            }
        }
    }
    starts
}

fn body_starts(decl: &TypeDecl, starts: &mut FxHashSet<u32>) {
    starts.extend(decl.fields.iter().map(|field| field.span.start));
    starts.extend(decl.spreads.iter().map(|spread| spread.span.start));
    if !(decl.fields.is_empty() && decl.spreads.is_empty()) {
        starts.insert(decl.close.start);
    }
}

/// What an open bracket belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// A body: its content is indented.
    Body,
    /// Parameters of an annotation or a call, objects, projections.
    Arguments,
    /// Parameters of a method or interceptor.
    Parameters,
}

struct Printer<'t> {
    text: &'t str,
    starts: FxHashSet<u32>,
    out: String,
    open: Vec<Open>,
    previous: Option<Item>,
}

impl Printer<'_> {
    fn item(&mut self, item: Item) {
        let kind = match item.kind {
            ItemKind::Token(kind) => Some(kind),
            ItemKind::Doc | ItemKind::Comment => None,
        };
        let closing = matches!(kind, Some(TokenKind::RBrace | TokenKind::RParen | TokenKind::RBracket));
        // What is inside brackets is decided before a closing one leaves them.
        let inside = self.open.last().copied();
        let closes_body = closing && inside == Some(Open::Body);
        if closing {
            self.open.pop();
        }
        if let Some(previous) = self.previous {
            self.separate(previous, item, kind, inside, closes_body);
        }
        self.write(item);
        match kind {
            Some(TokenKind::LBrace) => {
                let body = !matches!(inside, Some(Open::Arguments | Open::Parameters));
                self.open.push(if body { Open::Body } else { Open::Arguments });
            }
            Some(TokenKind::LParen | TokenKind::LBracket) => {
                let after_at = self.is_annotation_or_call();
                self.open.push(if after_at { Open::Arguments } else { Open::Parameters });
            }
            _ => {}
        }
        self.previous = Some(item);
    }

    /// Whether the `(` just written opens arguments rather than the parameters of a declaration.
    fn is_annotation_or_call(&self) -> bool {
        if self.open.contains(&Open::Arguments) {
            return true;
        }
        // `query name(`: a declaration starts its line with a keyword.
        let line = self.out.rsplit('\n').next().unwrap_or_default().trim_start();
        let mut words = line.split_whitespace();
        let first = match words.next() {
            Some("export") => words.next(),
            other => other,
        };
        let declares = matches!(first, Some("query" | "mutation" | "interceptor"));
        !(declares && !line.contains('@') && !line.contains(':'))
    }

    fn depth(&self) -> usize {
        self.open.iter().filter(|open| **open == Open::Body).count()
    }

    fn separate(
        &mut self,
        previous: Item,
        item: Item,
        kind: Option<TokenKind>,
        inside: Option<Open>,
        closes_body: bool,
    ) {
        let between = self.text.get(previous.end..item.start).unwrap_or_default();
        let breaks = between.bytes().filter(|byte| *byte == b'\n').count();
        let after_line_comment = previous.kind == ItemKind::Comment && self.slice(previous).starts_with("//");
        let in_parentheses = matches!(inside, Some(Open::Arguments | Open::Parameters));
        let starts = self.starts.contains(&(item.start as u32)) && kind.is_some();
        let forced =
            starts || item.kind == ItemKind::Doc || previous.kind == ItemKind::Doc || after_line_comment;
        let kept = breaks > 0
            && (item.kind == ItemKind::Comment || previous.kind == ItemKind::Comment || in_parentheses);
        if forced || kept {
            let after_open = previous.kind == ItemKind::Token(TokenKind::LBrace);
            let blank = breaks > 1 && !after_open && !closes_body && !in_parentheses;
            self.out.push('\n');
            if blank {
                self.out.push('\n');
            }
            let extra = usize::from(in_parentheses && !closes_bracket(kind));
            for _ in 0..self.depth() + extra {
                self.out.push_str("  ");
            }
            return;
        }
        if self.wants_space(previous, item, inside) {
            self.out.push(' ');
        }
    }

    fn wants_space(&self, previous: Item, item: Item, inside: Option<Open>) -> bool {
        use TokenKind as K;
        let (ItemKind::Token(left), ItemKind::Token(right)) = (previous.kind, item.kind) else {
            return true;
        };
        let arguments = inside == Some(Open::Arguments);
        match (left, right) {
            (_, K::Comma | K::Semi | K::Colon | K::Dot | K::Question | K::RParen | K::RBracket) => false,
            (K::At | K::LParen | K::LBracket | K::Dot | K::Ellipsis | K::Bang | K::Slash, _) => false,
            (K::Ident, K::LParen) => false,
            (K::Comma, _) => true,
            (K::LBrace, K::RBrace) => false,
            (K::LBrace, _) | (_, K::RBrace) => !arguments,
            (_, K::Slash) => left == K::Comma,
            (K::Eq, _) | (_, K::Eq) => !arguments,
            (K::Lt, _) | (_, K::Lt) | (_, K::Gt) if !arguments => false,
            _ => true,
        }
    }

    fn slice(&self, item: Item) -> &str {
        self.text.get(item.start..item.end).unwrap_or_default()
    }

    fn write(&mut self, item: Item) {
        let text = self.text.get(item.start..item.end).unwrap_or_default();
        if item.kind == ItemKind::Doc && text.contains('\n') {
            let indent = "  ".repeat(self.depth());
            for (index, line) in text.split('\n').enumerate() {
                if index > 0 {
                    self.out.push('\n');
                    self.out.push_str(&indent);
                    if !line.trim().is_empty() {
                        self.out.push(' ');
                    }
                }
                self.out.push_str(line.trim());
            }
            // A blank line inside the block holds no trailing blanks.
            return;
        }
        let text = if item.kind == ItemKind::Token(TokenKind::String) { text } else { text.trim_end() };
        self.out.push_str(text);
    }
}

fn closes_bracket(kind: Option<TokenKind>) -> bool {
    matches!(kind, Some(TokenKind::RParen | TokenKind::RBracket | TokenKind::RBrace))
}
