//! Declarations: files, modules, types, enums, methods, interceptors.

use std::sync::Arc;

use super::Parser;
use crate::diagnostic::make;
use crate::source::Span;
use crate::syntax::ast::{
    Annotation, EnumDecl, Field, Import, InterceptorDecl, Method, Module, Name, Param, Spread, TypeDecl,
    TypeRef,
};
use crate::syntax::token::TokenKind;

const TOP_LEVEL: &str = "`import`, `context` or `module`";
const MEMBER: &str = "`type`, `fragment`, `enum`, `query`, `mutation`, `interceptor` or `}`";

/// What a declaration starts with: its docs, its annotations and where it begins.
struct Prefix {
    docs: Option<String>,
    doc_span: Option<Span>,
    annotations: Vec<Annotation>,
    start: Span,
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
        match self.word(0) {
            "import" => self.nth(1) == TokenKind::String,
            "context" | "module" => self.nth(1) == TokenKind::Ident && self.nth(2) == TokenKind::LBrace,
            _ => false,
        }
    }

    /// Whether a member of a module seems to start here.
    pub(super) fn starts_member(&self) -> bool {
        match self.word(0) {
            "type" | "fragment" | "enum" => {
                self.nth(1) == TokenKind::Ident && self.nth(2) == TokenKind::LBrace
            }
            "query" | "mutation" | "interceptor" => {
                self.nth(1) == TokenKind::Ident && self.nth(2) == TokenKind::LParen
            }
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
    fn skip_to_member(&mut self) {
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

    fn type_decl(&mut self, prefix: Prefix) -> Option<TypeDecl> {
        let keyword = self.word(0) == "fragment";
        let what = match self.word(0) {
            "context" => "the name of the context",
            "fragment" => "the name of the fragment",
            _ => "the name of the type",
        };
        self.bump();
        let Some(name) = self.expect_name(what) else {
            self.skip_to_member();
            return None;
        };
        let mut decl = TypeDecl {
            docs: prefix.docs,
            annotations: prefix.annotations,
            name,
            fields: Vec::new(),
            spreads: Vec::new(),
            span: prefix.start,
            close: prefix.start,
        };
        if self.expect(TokenKind::LBrace) {
            self.type_body(&mut decl, keyword);
        } else {
            self.skip_to_member();
        }
        decl.close = self.previous();
        decl.span = prefix.start.to(decl.close);
        Some(decl)
    }

    fn type_body(&mut self, decl: &mut TypeDecl, is_fragment: bool) {
        let mut comma = None;
        self.note_damage(decl.span);
        let mut start = self.span();
        loop {
            self.note_damage(start);
            start = self.span();
            let docs = self.take_docs();
            match self.kind() {
                TokenKind::RBrace => {
                    self.file.stray_docs.extend(docs.map(|(_, span)| span));
                    self.bump();
                    return;
                }
                TokenKind::Ellipsis => {
                    self.file.stray_docs.extend(docs.map(|(_, span)| span));
                    self.spread(decl, is_fragment);
                }
                TokenKind::Comma => {
                    self.needless_comma(&mut comma, "fields are separated by blanks only");
                }
                TokenKind::Semi => {
                    let diagnostic = make::needless(self.span(), ";", "at most one `;` may follow a field");
                    self.report(diagnostic);
                    self.bump();
                }
                TokenKind::Eof => {
                    let diagnostic = make::unclosed(self.previous().after(), decl.name.span, "type");
                    self.report(diagnostic);
                    return;
                }
                TokenKind::Ident if self.starts_member() || self.starts_top_level() => {
                    let diagnostic = make::unclosed(self.previous().after(), decl.name.span, "type");
                    self.report(diagnostic);
                    return;
                }
                TokenKind::Ident | TokenKind::At => {
                    if !self.field(docs.map(|(text, _)| text), decl) {
                        return;
                    }
                }
                _ => {
                    self.unexpected("a field or `}`");
                    self.skip_to_field();
                }
            }
        }
    }

    /// Reports the first comma of a body; the others only join its fix.
    fn needless_comma(&mut self, reported: &mut Option<usize>, help: &str) {
        let span = self.span();
        match reported.and_then(|index| self.diagnostics.get_mut(index)) {
            Some(diagnostic) => {
                if let Some(fix) = &mut diagnostic.fix {
                    fix.title = "remove the commas".to_owned();
                    fix.edits.push((span, String::new()));
                }
            }
            None => {
                let index = self.diagnostics.len();
                self.report(make::needless(span, ",", help));
                *reported = Some(index).filter(|index| *index < self.diagnostics.len());
            }
        }
        self.bump();
    }

    fn skip_to_field(&mut self) {
        while !self.at_end() {
            match self.kind() {
                TokenKind::RBrace => return,
                TokenKind::LParen | TokenKind::LBrace | TokenKind::LBracket => self.skip_balanced(),
                _ => {
                    self.bump();
                }
            }
            let field = self.is(TokenKind::Ident) && self.nth(1) == TokenKind::Colon;
            if field
                || matches!(self.kind(), TokenKind::At | TokenKind::Ellipsis)
                || self.starts_member()
                || self.starts_top_level()
            {
                return;
            }
        }
    }

    fn spread(&mut self, decl: &mut TypeDecl, is_fragment: bool) {
        let start = self.span();
        if is_fragment {
            let diagnostic = make::spread_in_fragment(start);
            self.report(diagnostic);
        }
        self.bump();
        if let Some(name) = self.expect_name("the name of a fragment") {
            let span = start.to(name.span);
            if !is_fragment {
                decl.spreads.push(Spread { name, span });
            }
        }
    }

    /// Reads a field. `false`: what followed its annotations is no field but the next declaration.
    fn field(&mut self, docs: Option<String>, decl: &mut TypeDecl) -> bool {
        let (start, before) = (self.span(), self.previous().after());
        let annotations = self.annotations();
        if !annotations.is_empty() && (self.starts_member() || self.starts_top_level()) {
            let diagnostic = make::unclosed(before, decl.name.span, "type");
            self.report(diagnostic);
            return false;
        }
        let Some(name) = self.expect_name("a field") else {
            self.skip_to_field();
            return true;
        };
        if !self.is(TokenKind::Colon) {
            if self.is(TokenKind::Ident) && self.nth(1) != TokenKind::Colon {
                self.expect(TokenKind::Colon);
            } else {
                self.unexpected("`:` and the type of the field");
                self.skip_to_field();
                return true;
            }
        } else {
            self.bump();
        }
        let Some(ty) = self.type_ref() else {
            self.skip_to_field();
            return true;
        };
        let default = if self.eat(TokenKind::Eq) { Some(self.default_value()) } else { None };
        self.eat(TokenKind::Semi);
        let span = start.to(self.previous());
        decl.fields.push(Field { docs, annotations, name, ty, default, span });
        true
    }

    pub(super) fn type_ref(&mut self) -> Option<TypeRef> {
        if self.is(TokenKind::LBracket) {
            let diagnostic = make::bracket_list(self.span());
            self.report(diagnostic);
            self.skip_balanced();
            return None;
        }
        let mut name = self.expect_name("a type")?;
        let start = name.span;
        let mut module = None;
        if self.is(TokenKind::Dot) && self.nth(1) == TokenKind::Ident {
            self.bump();
            module = Some(std::mem::replace(&mut name, self.name()));
        }
        let mut args = Vec::new();
        if self.eat(TokenKind::Lt) {
            while let Some(Some(arg)) = self.nested(Self::type_ref) {
                args.push(arg);
                if !self.eat(TokenKind::Comma) {
                    break;
                }
            }
            // `Set<T>=` reads as one token.
            if self.is(TokenKind::Ge) {
                self.split_greater_equal();
            } else {
                self.expect(TokenKind::Gt);
            }
        }
        let mut optional = 0;
        while self.eat(TokenKind::Question) {
            optional += 1;
        }
        if self.is(TokenKind::Bang) {
            let diagnostic = make::needless(self.span(), "!", "types are required unless they end with `?`");
            self.report(diagnostic);
            self.bump();
        }
        Some(TypeRef { module, name, args, optional, span: start.to(self.previous()) })
    }

    fn enum_decl(&mut self, prefix: Prefix) -> Option<EnumDecl> {
        self.bump();
        let Some(name) = self.expect_name("the name of the enum") else {
            self.skip_to_member();
            return None;
        };
        let mut values: Vec<Name> = Vec::new();
        if !self.expect(TokenKind::LBrace) {
            self.skip_to_member();
            return None;
        }
        let mut comma = None;
        loop {
            match self.kind() {
                TokenKind::RBrace => {
                    self.bump();
                    break;
                }
                TokenKind::Ident if self.starts_member() || self.starts_top_level() => {
                    let diagnostic = make::unclosed(self.previous().after(), name.span, "enum");
                    self.report(diagnostic);
                    break;
                }
                TokenKind::Ident => values.push(self.name()),
                TokenKind::Eof => {
                    let diagnostic = make::unclosed(self.previous().after(), name.span, "enum");
                    self.report(diagnostic);
                    break;
                }
                TokenKind::Comma => {
                    let help = "the values of an enum are separated by blanks only";
                    self.needless_comma(&mut comma, help);
                }
                _ => {
                    self.unexpected("an enum value or `}`");
                    self.bump();
                }
            }
        }
        let span = prefix.start.to(self.previous());
        Some(EnumDecl { docs: prefix.docs, annotations: prefix.annotations, name, values, span })
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
