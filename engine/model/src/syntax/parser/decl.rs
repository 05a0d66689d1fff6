//! Declarations: files, modules, methods, interceptors. Bodies of types and enums: [`super::body`].

use std::sync::Arc;

use super::Parser;
use crate::diagnostic::make;
use crate::source::Span;
use crate::syntax::ast::{Annotation, Import, InterceptorDecl, Method, Module, Name, Param};
use crate::syntax::token::TokenKind;

const TOP_LEVEL: &str = "`import`, `context` or `module`";
const MEMBER: &str = "`type`, `fragment`, `enum`, `query`, `mutation`, `interceptor` or `}`";

/// What a declaration starts with: its docs, its annotations and where it begins.
pub(super) struct Prefix {
    pub(super) docs: Option<String>,
    doc_span: Option<Span>,
    pub(super) annotations: Vec<Annotation>,
    pub(super) start: Span,
}

impl Parser<'_> {
    pub(super) fn file(&mut self) {
        while !self.at_end() {
            self.take_file_docs();
            let start = self.span();
            self.top_level();
            self.note_damage(start);
        }
        self.take_file_docs();
        if let Some((_, span)) = self.take_docs() {
            self.file.stray_docs.push(span);
        }
    }

    fn prefix(&mut self) -> Prefix {
        let docs = self.take_docs();
        let start = self.span();
        let annotations = self.annotations();
        let (docs, doc_span) = docs.unzip();
        Prefix { docs, doc_span, annotations, start }
    }

    /// A keyword, or a word so near to one that it surely was meant, in front of a name.
    fn keyword(&mut self, keywords: &[&'static str]) -> &'static str {
        let word = self.word(0);
        if let Some(exact) = keywords.iter().find(|keyword| **keyword == word) {
            return exact;
        }
        if self.nth(1) == TokenKind::Ident && matches!(self.nth(2), TokenKind::LBrace | TokenKind::LParen) {
            let near = crate::semantic::suggest::nearest(word, keywords.iter().copied());
            if let Some(keyword) = keywords.iter().find(|keyword| Some(**keyword) == near) {
                let diagnostic = make::misspelt_keyword(self.span(), word, keyword);
                self.report(diagnostic);
                return keyword;
            }
        }
        ""
    }

    fn top_level(&mut self) {
        let prefix = self.prefix();
        let keyword = self.keyword(&[
            "import",
            "context",
            "module",
            "type",
            "fragment",
            "enum",
            "query",
            "mutation",
            "interceptor",
            "export",
        ]);
        match keyword {
            "import" => {
                self.file.stray_docs.extend(prefix.doc_span);
                self.reject_annotations(&prefix);
                self.import();
            }
            "context" => {
                if let Some(context) = self.type_decl(prefix) {
                    self.file.contexts.push(context);
                }
            }
            "module" => self.module(prefix),
            "" => {
                let expected =
                    if prefix.annotations.is_empty() { TOP_LEVEL } else { "`context` or `module`" };
                self.unexpected(expected);
                self.skip_to_top_level();
            }
            _ => {
                let diagnostic = make::misplaced(self.span(), keyword, "inside a module");
                self.report(diagnostic);
                let mut dropped = empty_module(self.span());
                self.member(prefix, keyword, &mut dropped);
            }
        }
    }

    fn reject_annotations(&mut self, prefix: &Prefix) {
        if let Some(annotation) = prefix.annotations.first() {
            let text = format!("@{}", annotation.name.text);
            let diagnostic = make::unexpected(annotation.span, TokenKind::At, &text, TOP_LEVEL);
            self.diagnostics.push(diagnostic);
        }
    }

    /// Whether a top-level declaration seems to start here.
    pub(super) fn starts_top_level(&self) -> bool {
        // What follows is quicker to look at than the word.
        match self.nth(1) {
            TokenKind::String => self.word(0) == "import",
            TokenKind::Ident if self.nth(2) == TokenKind::LBrace => {
                matches!(self.word(0), "context" | "module")
            }
            _ => false,
        }
    }

    /// Whether a member of a module seems to start here.
    pub(super) fn starts_member(&self) -> bool {
        if self.nth(1) != TokenKind::Ident {
            return false;
        }
        match self.nth(2) {
            TokenKind::LBrace => matches!(self.word(0), "type" | "fragment" | "enum"),
            TokenKind::LParen => matches!(self.word(0), "query" | "mutation" | "interceptor"),
            _ => false,
        }
    }

    fn skip_to_top_level(&mut self) {
        while !self.at_end() {
            match self.kind() {
                TokenKind::LBrace => self.skip_balanced(),
                _ => {
                    self.bump();
                }
            }
            if self.is(TokenKind::At) || self.starts_top_level() {
                return;
            }
        }
    }

    fn import(&mut self) {
        let start = self.bump();
        if !self.is(TokenKind::String) {
            self.unexpected("the path of a file in double quotes");
            return;
        }
        let string = self.bump();
        let span = self.span_of(start).to(self.span_of(string));
        let path = self.slice(string);
        let path: Arc<str> = Arc::from(&path[1..path.len() - 1]);
        self.file.imports.push(Import { path, span, path_span: self.span_of(string) });
        if self.is(TokenKind::Semi) {
            let diagnostic = make::needless(self.span(), ";", "`import` takes no `;`");
            self.report(diagnostic);
            self.bump();
        }
    }

    fn module(&mut self, prefix: Prefix) {
        self.bump();
        let Some(name) = self.expect_name("the name of the module") else {
            self.skip_to_top_level();
            return;
        };
        let mut module =
            Module { docs: prefix.docs, annotations: prefix.annotations, name, ..empty_module(prefix.start) };
        if self.expect(TokenKind::LBrace) {
            self.members(&mut module);
        }
        module.span = prefix.start.to(self.previous());
        self.file.modules.push(module);
    }

    fn members(&mut self, module: &mut Module) {
        loop {
            let start = self.span();
            let prefix = self.prefix();
            if prefix.annotations.is_empty() && self.is(TokenKind::RBrace) {
                self.file.stray_docs.extend(prefix.doc_span);
                self.bump();
                return;
            }
            let misplaced = self.starts_top_level() && self.word(0) != "module";
            if self.at_end() || (self.starts_top_level() && !misplaced) {
                let diagnostic = make::unclosed(self.previous().after(), module.name.span, "module");
                self.report(diagnostic);
                return;
            }
            if misplaced && self.word(0) == "context" {
                let diagnostic =
                    make::misplaced(self.span(), "context", "at the top level, outside of modules");
                self.report(diagnostic);
                // Keeping the context avoids complaints about every use of it.
                if let Some(context) = self.type_decl(prefix) {
                    self.file.contexts.push(context);
                }
            } else if misplaced {
                let diagnostic =
                    make::misplaced(self.span(), "import", "at the top level, outside of modules");
                self.report(diagnostic);
                self.import();
            } else {
                let keyword =
                    self.keyword(&["type", "fragment", "enum", "query", "mutation", "interceptor", "export"]);
                self.member(prefix, keyword, module);
            }
            self.note_damage(start);
        }
    }

    fn member(&mut self, prefix: Prefix, keyword: &str, module: &mut Module) {
        match keyword {
            "type" => module.types.extend(self.type_decl(prefix)),
            "fragment" => module.fragments.extend(self.type_decl(prefix)),
            "enum" => module.enums.extend(self.enum_decl(prefix)),
            "query" | "mutation" | "export" => module.methods.extend(self.method(prefix)),
            "interceptor" => module.interceptors.extend(self.interceptor(prefix)),
            _ => {
                let expected = if prefix.annotations.is_empty() { MEMBER } else { "a declaration" };
                self.unexpected(expected);
                self.skip_to_member();
            }
        }
    }

    /// Skips to something that can follow inside a module body.
    pub(super) fn skip_to_member(&mut self) {
        while !self.at_end() {
            if self.is(TokenKind::RBrace) {
                return;
            }
            if matches!(self.kind(), TokenKind::LBrace | TokenKind::LParen) {
                self.skip_balanced();
            } else {
                self.bump();
            }
            if self.is(TokenKind::At) || self.starts_member() || self.starts_top_level() {
                return;
            }
        }
    }

    fn method(&mut self, prefix: Prefix) -> Option<Method> {
        let is_exported = self.word(0) == "export";
        if is_exported {
            self.bump();
            if !matches!(self.word(0), "query" | "mutation") {
                self.unexpected("`query` or `mutation`");
                self.skip_to_member();
                return None;
            }
        }
        let is_mutation = self.word(0) == "mutation";
        self.bump();
        let name = self.expect_name("the name of the operation");
        let params = name.as_ref().and_then(|_| self.params());
        let (Some(name), Some(params)) = (name, params) else {
            self.skip_to_member();
            return None;
        };
        self.expect(TokenKind::Colon);
        let Some(result) = self.type_ref() else {
            self.skip_to_member();
            return None;
        };
        Some(Method {
            docs: prefix.docs,
            annotations: prefix.annotations,
            is_mutation,
            is_exported,
            name,
            params,
            result,
            span: prefix.start.to(self.previous()),
        })
    }

    fn interceptor(&mut self, prefix: Prefix) -> Option<InterceptorDecl> {
        self.bump();
        let name = self.expect_name("the name of the interceptor");
        let params = name.as_ref().and_then(|_| self.params());
        let (Some(name), Some(params)) = (name, params) else {
            self.skip_to_member();
            return None;
        };
        let span = prefix.start.to(self.previous());
        Some(InterceptorDecl { docs: prefix.docs, annotations: prefix.annotations, name, params, span })
    }

    fn params(&mut self) -> Option<Vec<Param>> {
        if !self.expect(TokenKind::LParen) {
            return None;
        }
        let mut params = Vec::new();
        if self.eat(TokenKind::RParen) {
            return Some(params);
        }
        loop {
            let start = self.span();
            let annotations = self.annotations();
            let name = self.expect_name("the name of a parameter")?;
            self.expect(TokenKind::Colon);
            let ty = self.type_ref()?;
            params.push(Param { annotations, name, ty, span: start.to(self.previous()) });
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::RParen);
        Some(params)
    }
}

fn empty_module(span: Span) -> Module {
    Module {
        docs: None,
        annotations: Vec::new(),
        name: Name { text: Arc::from(""), span },
        types: Vec::new(),
        fragments: Vec::new(),
        enums: Vec::new(),
        methods: Vec::new(),
        interceptors: Vec::new(),
        span,
    }
}
