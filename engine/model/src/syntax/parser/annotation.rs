//! Annotations and their parameters.

use std::sync::Arc;

use super::Parser;
use crate::diagnostic::make;
use crate::source::Span;
use crate::syntax::ast::{Annotation, Literal, LiteralKind, Name, NamedValue, Params, ProjectionAtom};
use crate::syntax::token::TokenKind;

impl Parser<'_> {
    pub(super) fn annotations(&mut self) -> Vec<Annotation> {
        if !self.is(TokenKind::At) {
            return Vec::new();
        }
        // Most lists of the tree hold one or two items; room for more would double the size of the tree.
        let mut found = Vec::with_capacity(1);
        while self.is(TokenKind::At) {
            let start = self.span();
            self.bump();
            let Some(name) = self.expect_name("the name of an annotation") else { continue };
            let params = if self.eat(TokenKind::LParen) { self.annotation_params() } else { Params::None };
            found.push(Annotation { name, params, span: start.to(self.previous()) });
        }
        found
    }

    fn annotation_params(&mut self) -> Params {
        if self.is(TokenKind::RParen) {
            let parens = self.previous().to(self.span());
            let diagnostic = make::empty_parentheses(parens);
            self.report(diagnostic);
            self.bump();
            return Params::None;
        }
        let is_named = self.is(TokenKind::Ident) && self.nth(1) == TokenKind::Eq;
        let params = if is_named { self.named_params() } else { self.positional_params() };
        if !self.eat(TokenKind::RParen) {
            if matches!(self.kind(), TokenKind::At | TokenKind::RBrace | TokenKind::Eof)
                || (self.is(TokenKind::Ident) && self.nth(1) == TokenKind::Colon)
                || self.starts_member()
                || self.starts_top_level()
            {
                self.expect(TokenKind::RParen);
            } else {
                self.unexpected("`,` or `)`");
                self.skip_to_close();
            }
        }
        params
    }

    /// Skips to the `)` of an annotation, but not into the next field or declaration.
    fn skip_to_close(&mut self) {
        while !self.at_end() {
            match self.kind() {
                TokenKind::RParen => {
                    self.bump();
                    return;
                }
                TokenKind::RBrace | TokenKind::At => return,
                TokenKind::LParen | TokenKind::LBrace | TokenKind::LBracket => self.skip_balanced(),
                TokenKind::Ident if self.nth(1) == TokenKind::Colon => return,
                TokenKind::Ident if self.starts_member() || self.starts_top_level() => return,
                _ => {
                    self.bump();
                }
            }
        }
    }

    fn positional_params(&mut self) -> Params {
        let mut values = vec![self.expr()];
        while self.eat(TokenKind::Comma) {
            values.push(self.expr());
        }
        match (values.len(), values.pop()) {
            (1, Some(only)) => Params::Single(only),
            (_, Some(last)) => {
                values.push(last);
                Params::List(values)
            }
            (_, None) => Params::None,
        }
    }

    fn named_params(&mut self) -> Params {
        let mut values = Vec::with_capacity(2);
        loop {
            if !(self.is(TokenKind::Ident) && self.nth(1) == TokenKind::Eq) {
                self.unexpected("a parameter such as `name = value`");
                break;
            }
            let name = self.name();
            self.bump();
            let value = match self.kind() {
                TokenKind::LBrace => self.object(),
                TokenKind::LBracket => self.projection(),
                _ => NamedValue::Expr(self.expr()),
            };
            values.push((name, value));
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        Params::Named(values)
    }

    fn object(&mut self) -> NamedValue {
        let start = self.span();
        self.bump();
        let mut pairs = Vec::new();
        while !self.is(TokenKind::RBrace) && !self.at_end() {
            let key = match self.kind() {
                TokenKind::Ident => self.name(),
                TokenKind::String => {
                    let (text, span) = self.string();
                    Name { text, span }
                }
                _ => {
                    self.unexpected("a key");
                    break;
                }
            };
            self.expect(TokenKind::Colon);
            let Some(value) = self.literal() else {
                self.unexpected("a literal");
                break;
            };
            pairs.push((key, value));
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::RBrace);
        NamedValue::Object(pairs, start.to(self.previous()))
    }

    fn projection(&mut self) -> NamedValue {
        let start = self.span();
        self.bump();
        let mut atoms = Vec::new();
        while !self.is(TokenKind::RBracket) && !self.at_end() {
            if self.eat(TokenKind::Slash) {
                let Some(name) = self.expect_name("the name of a projection") else { break };
                atoms.push(ProjectionAtom::Own(name));
            } else {
                let Some(name) = self.expect_name("a field, `/projection` or `]`") else { break };
                if self.eat(TokenKind::Slash) {
                    let Some(projection) = self.expect_name("the name of a projection") else { break };
                    atoms.push(ProjectionAtom::Relation(name, projection));
                } else {
                    atoms.push(ProjectionAtom::Field(name));
                }
            }
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::RBracket);
        NamedValue::Projection(atoms, start.to(self.previous()))
    }

    fn string(&mut self) -> (Arc<str>, Span) {
        let token = self.bump();
        let text = self.slice(token);
        if text.contains('\\') {
            let span = self.span_of(token);
            self.file.backslashes.push(span);
        }
        (self.shared(&text[1..text.len() - 1]), self.span_of(token))
    }

    pub(super) fn literal(&mut self) -> Option<Literal> {
        let span = self.span();
        let kind = match self.kind() {
            TokenKind::String => LiteralKind::String(self.string().0),
            TokenKind::Number => {
                let token = self.bump();
                LiteralKind::Number(self.shared(self.slice(token)))
            }
            TokenKind::Ident => {
                let kind = match self.word(0) {
                    "true" => LiteralKind::Bool(true),
                    "false" => LiteralKind::Bool(false),
                    "null" => LiteralKind::Null,
                    _ => return None,
                };
                self.bump();
                kind
            }
            _ => return None,
        };
        Some(Literal { kind, span })
    }
}
