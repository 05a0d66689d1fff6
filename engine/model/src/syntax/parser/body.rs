//! Types, fragments, contexts and enums with their bodies; types as written.

use super::Parser;
use super::decl::Prefix;
use crate::diagnostic::make;
use crate::syntax::ast::{EnumDecl, Field, Name, Spread, TypeDecl, TypeRef};
use crate::syntax::token::TokenKind;

impl Parser<'_> {
    pub(super) fn type_decl(&mut self, prefix: Prefix) -> Option<TypeDecl> {
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
        decl.fields = self.fields.drain(..).collect();
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
        let default = if self.eat(TokenKind::Eq) { Some(Box::new(self.default_value())) } else { None };
        self.eat(TokenKind::Semi);
        let span = start.to(self.previous());
        self.fields.push(Field { docs, annotations, name, ty, default, span });
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
            module = Some(Box::new(std::mem::replace(&mut name, self.name())));
        }
        let mut args = Vec::new();
        if self.eat(TokenKind::Lt) {
            args.reserve_exact(1);
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

    pub(super) fn enum_decl(&mut self, prefix: Prefix) -> Option<EnumDecl> {
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
        let mut commas = Vec::new();
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
                TokenKind::Ident if !self.is_literal_word() => values.push(self.name()),
                TokenKind::Eof => {
                    let diagnostic = make::unclosed(self.previous().after(), name.span, "enum");
                    self.report(diagnostic);
                    break;
                }
                // The grammar has none (language.md 1.3), the worked example of graphql-and-sql 1.12 has some.
                TokenKind::Comma => {
                    commas.push(self.span());
                    self.bump();
                }
                _ => {
                    self.unexpected("an enum value or `}`");
                    self.bump();
                }
            }
        }
        let span = prefix.start.to(self.previous());
        Some(EnumDecl { docs: prefix.docs, annotations: prefix.annotations, name, values, commas, span })
    }
}
