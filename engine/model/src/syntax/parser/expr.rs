//! Expressions and defaults.

use super::{MAX_DEPTH, Parser};
use crate::diagnostic::make;
use crate::source::Span;
use crate::syntax::ast::{Call, CallArgs, Expr, ExprKind, Literal, Path, RelationOp, Step};
use crate::syntax::token::TokenKind;

/// The function of rules that asks a component.
const HOOK: &str = "hook";

impl Parser<'_> {
    /// The value after `=` of a field: a literal, a path or a function call.
    pub(super) fn default_value(&mut self) -> Expr {
        if let Some(literal) = self.literal() {
            return literal_expr(literal);
        }
        if self.is(TokenKind::Ident) {
            return self.path();
        }
        self.unexpected("a literal, a context path or a function call");
        if matches!(self.kind(), TokenKind::LBracket | TokenKind::LBrace | TokenKind::LParen) {
            self.skip_balanced();
        } else if matches!(self.kind(), TokenKind::Unknown | TokenKind::Bang) {
            self.bump();
        }
        Expr { kind: ExprKind::Error, span: self.previous() }
    }

    pub(super) fn expr(&mut self) -> Expr {
        let start = self.span();
        match self.nested(Self::or) {
            Some(expr) => expr,
            None => Expr { kind: ExprKind::Error, span: start },
        }
    }

    fn or(&mut self) -> Expr {
        let first = self.and();
        if !self.is(TokenKind::OrOr) {
            return first;
        }
        let start = first.span;
        let mut parts = Vec::with_capacity(2);
        parts.push(first);
        while self.eat(TokenKind::OrOr) {
            parts.push(self.and());
        }
        Expr { kind: ExprKind::Or(parts), span: start.to(self.previous()) }
    }

    fn and(&mut self) -> Expr {
        let first = self.relation();
        if !self.is(TokenKind::AndAnd) {
            return first;
        }
        let start = first.span;
        let mut parts = Vec::with_capacity(2);
        parts.push(first);
        while self.eat(TokenKind::AndAnd) {
            parts.push(self.relation());
        }
        Expr { kind: ExprKind::And(parts), span: start.to(self.previous()) }
    }

    fn relation_op(&self) -> Option<RelationOp> {
        Some(match self.kind() {
            TokenKind::EqEq => RelationOp::Eq,
            TokenKind::NotEq => RelationOp::Ne,
            TokenKind::Lt => RelationOp::Lt,
            TokenKind::Le => RelationOp::Le,
            TokenKind::Gt => RelationOp::Gt,
            TokenKind::Ge => RelationOp::Ge,
            TokenKind::Ident if self.word(0) == "in" => RelationOp::In,
            _ => return None,
        })
    }

    /// `=` where `==` was meant.
    fn mistaken_equals(&mut self) -> Option<RelationOp> {
        if !self.is(TokenKind::Eq) {
            return None;
        }
        let diagnostic = make::single_equals(self.span());
        self.report(diagnostic);
        Some(RelationOp::Eq)
    }

    fn relation(&mut self) -> Expr {
        let mut left = self.unary();
        let mut chained = 0;
        while let Some(op) = self.relation_op().or_else(|| self.mistaken_equals()) {
            chained += 1;
            if chained > MAX_DEPTH {
                let diagnostic = make::nested_too_deeply(self.span(), MAX_DEPTH);
                self.report(diagnostic);
                while self.relation_op().is_some() {
                    self.bump();
                    drop(self.unary());
                }
                break;
            }
            self.bump();
            let right = self.unary();
            let span = left.span.to(self.previous());
            left =
                Expr { kind: ExprKind::Relation { op, left: Box::new(left), right: Box::new(right) }, span };
        }
        left
    }

    fn unary(&mut self) -> Expr {
        let start = self.span();
        match self.kind() {
            TokenKind::Bang => {
                self.bump();
                match self.nested(Self::unary) {
                    Some(operand) => {
                        let span = start.to(operand.span);
                        Expr { kind: ExprKind::Not(Box::new(operand)), span }
                    }
                    None => Expr { kind: ExprKind::Error, span: start },
                }
            }
            TokenKind::LParen => {
                self.bump();
                let inner = self.expr();
                self.expect(TokenKind::RParen);
                Expr { kind: inner.kind, span: start.to(self.previous()) }
            }
            TokenKind::LBracket => {
                let diagnostic = make::list_literal(start);
                self.report(diagnostic);
                self.skip_balanced();
                self.error(start)
            }
            TokenKind::Eq => {
                let diagnostic = make::single_equals(start);
                self.report(diagnostic);
                self.bump();
                self.error(start)
            }
            _ => {
                if let Some(literal) = self.literal() {
                    return literal_expr(literal);
                }
                if self.is(TokenKind::Ident) {
                    return self.path();
                }
                self.unexpected("an expression");
                if self.is(TokenKind::Unknown) {
                    self.bump();
                }
                self.error(start)
            }
        }
    }

    fn error(&self, start: Span) -> Expr {
        Expr { kind: ExprKind::Error, span: start }
    }

    fn path(&mut self) -> Expr {
        let head = self.name();
        let start = head.span;
        // Only the function that asks a component takes more than literals.
        let head_call =
            if &*head.text == HOOK { self.call_of(Self::hook_args) } else { self.call_of(Self::call_args) };
        let ahead =
            |step: usize| self.nth(2 * step) == TokenKind::Dot && self.nth(2 * step + 1) == TokenKind::Ident;
        let mut steps = Vec::with_capacity((0..8).take_while(|step| ahead(*step)).count());
        while self.is(TokenKind::Dot) {
            self.bump();
            // What follows an unfinished path is the next field or declaration, not its next step.
            let next_field = self.is(TokenKind::Ident) && self.nth(1) == TokenKind::Colon;
            if next_field || self.starts_member() || self.starts_top_level() {
                self.unexpected("the name of a field");
                break;
            }
            let Some(name) = self.expect_name("the name of a field") else { break };
            let call = self.call_of(Self::call_args);
            steps.push(Step { name, call });
        }
        Expr { kind: ExprKind::Path(Path { head, head_call, steps }), span: start.to(self.previous()) }
    }

    fn call_of(&mut self, args: fn(&mut Self) -> CallArgs) -> Option<Box<Call>> {
        if !self.is(TokenKind::LParen) {
            return None;
        }
        let start = self.span();
        self.bump();
        let args = args(self);
        if !self.is(TokenKind::RParen) {
            self.unexpected("`)`");
            while !self.at_end()
                && !matches!(self.kind(), TokenKind::RParen | TokenKind::RBrace | TokenKind::At)
            {
                self.skip_balanced();
            }
        }
        self.eat(TokenKind::RParen);
        Some(Box::new(Call { args, span: start.to(self.previous()) }))
    }

    fn hook_args(&mut self) -> CallArgs {
        let mut values = Vec::new();
        if self.is(TokenKind::RParen) {
            return CallArgs::Values(values);
        }
        loop {
            values.push(self.expr());
            if !self.eat(TokenKind::Comma) {
                return CallArgs::Values(values);
            }
        }
    }

    fn call_args(&mut self) -> CallArgs {
        let bare = self.is(TokenKind::Ident) && self.nth(1) == TokenKind::Arrow;
        let wrapped = self.is(TokenKind::LParen)
            && self.nth(1) == TokenKind::Ident
            && self.nth(2) == TokenKind::RParen
            && self.nth(3) == TokenKind::Arrow;
        if bare || wrapped {
            self.eat(TokenKind::LParen);
            let param = self.name();
            self.eat(TokenKind::RParen);
            self.bump();
            return CallArgs::Lambda(param, Box::new(self.expr()));
        }
        let mut literals = Vec::new();
        if self.is(TokenKind::RParen) {
            return CallArgs::Literals(literals);
        }
        loop {
            match self.literal() {
                Some(literal) => literals.push(literal),
                None => {
                    self.unexpected("a literal");
                    break;
                }
            }
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        CallArgs::Literals(literals)
    }
}

fn literal_expr(literal: Literal) -> Expr {
    Expr { kind: ExprKind::Literal(literal.kind), span: literal.span }
}
