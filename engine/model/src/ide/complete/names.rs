//! Names inside rules and defaults: what a path may start with, and what may follow it.

use super::frame::Frame;
use super::place::Completer;
use super::{Completion, CompletionKind};
use crate::semantic::member::Member;
use crate::semantic::names::Entry;
use crate::semantic::ty::Ty;
use crate::syntax::token::TokenKind;

/// A type reached by a path, and whether the path starts at a context.
type Reached = (Ty, bool);

impl Completer<'_, '_> {
    pub(super) fn field_item(&self, member: &Member<'_>) -> Completion {
        Completion::new(&member.decl.name.text, CompletionKind::Field, member.ty.show(self.names))
            .documented(member.decl.docs.as_deref().unwrap_or_default())
    }

    pub(super) fn enum_values(&self, index: usize) -> Vec<Completion> {
        let decl = self.names.enums[index].decl;
        let item = |name: &crate::syntax::ast::Name| {
            Completion::new(&name.text, CompletionKind::EnumValue, &*decl.name.text)
        };
        decl.values.iter().map(item).collect()
    }

    pub(super) fn contexts(&self) -> Vec<Completion> {
        let contexts = self.names.contexts.iter();
        contexts
            .map(|context| {
                Completion::new(&context.name.text, CompletionKind::Context, "context")
                    .documented(context.docs.as_deref().unwrap_or_default())
            })
            .collect()
    }

    /// What an operand may start with.
    pub(super) fn heads(&self) -> Vec<Completion> {
        let mut found = Vec::new();
        // A comparison with an enum: its values come first.
        if matches!(self.before.kind(0), Some(TokenKind::EqEq | TokenKind::NotEq))
            && let Some((ty, _)) = self.path_before(self.before.tokens.len() - 1, usize::MAX)
            && let Ty::Enum(index) = ty.required()
        {
            found.extend(self.enum_values(*index));
        }
        for lambda in self.before.frames.lambdas.iter().rev() {
            let name = self.before.slice(self.before.tokens[lambda.parameter]);
            let ty = self.element_of(lambda.call);
            let detail = ty.map_or_else(String::new, |ty| ty.show(self.names));
            found.push(Completion::new(name, CompletionKind::Field, detail));
        }
        if let Some(composite) = self.own_type() {
            let name = &self.names.composites[composite].decl.name.text;
            found.push(Completion::new("self", CompletionKind::Keyword, format!("this `{name}`")));
        }
        found.extend(self.contexts());
        for literal in ["true", "false", "null"] {
            found.push(Completion::new(literal, CompletionKind::Value, ""));
        }
        found
    }

    /// What a condition may start with.
    pub(super) fn conditions(&self) -> Vec<Completion> {
        let mut found = self.heads();
        // Components are not asked about elements of `some`.
        if self.before.frames.lambdas.is_empty() {
            let hook = Completion::new("hook", CompletionKind::Function, "a hook component decides");
            found.push(hook.snippet("hook(\"$1\")"));
        }
        found
    }

    /// Whether the place is between the parentheses of `hook(…)`.
    pub(super) fn asks_component(&self) -> bool {
        matches!(self.before.frames.open.last(), Some((Frame::Call, open))
            if open.checked_sub(1).is_some_and(|head| self.before.slice(self.before.tokens[head]) == "hook"))
    }

    /// What `self` stands for.
    fn own_type(&self) -> Option<usize> {
        *self.own.get_or_init(|| match self.before.frames.body() {
            Some(Frame::Type(name) | Frame::Fragment(name)) => match self.names.lookup(name) {
                Some(Entry::Composite(index)) => Some(index),
                _ => None,
            },
            Some(Frame::Module) => self.annotated_type(),
            _ => None,
        })
    }

    /// What may follow the dot the tokens end with.
    pub(super) fn path_members(&self) -> Vec<Completion> {
        let Some((ty, of_context)) = self.path_before(self.before.tokens.len() - 1, usize::MAX) else {
            return Vec::new();
        };
        match ty.required() {
            Ty::Composite(index) => {
                self.members.composites[*index].members.iter().map(|member| self.field_item(member)).collect()
            }
            Ty::Context(index) => {
                self.members.contexts[*index].members.iter().map(|member| self.field_item(member)).collect()
            }
            Ty::Set(_) | Ty::Array(_) if of_context => {
                vec![
                    Completion::new("contains", CompletionKind::Function, "has this value")
                        .snippet("contains($1)"),
                ]
            }
            Ty::Set(_) => vec![
                Completion::new("some", CompletionKind::Function, "a row for which a condition holds")
                    .snippet("some(item => item.$1)"),
            ],
            _ => Vec::new(),
        }
    }

    /// The type of the path that ends just before the token `end`. Lambdas from the token `limit` on are not in
    /// scope.
    fn path_before(&self, end: usize, limit: usize) -> Option<Reached> {
        let tokens = &self.before.tokens;
        let mut parts = Vec::new();
        let mut at = end;
        loop {
            at = at.checked_sub(1)?;
            if tokens[at].kind != TokenKind::Ident {
                return None;
            }
            parts.push(self.before.slice(tokens[at]));
            match at.checked_sub(1).map(|before| tokens[before].kind) {
                Some(TokenKind::Dot) => at -= 1,
                _ => break,
            }
        }
        let head = parts.pop()?;
        let (mut ty, of_context) = self.head(head, limit.min(end))?;
        while let Some(part) = parts.pop() {
            let list = match ty.required() {
                Ty::Composite(index) => &self.members.composites[*index],
                Ty::Context(index) => &self.members.contexts[*index],
                _ => return None,
            };
            ty = list.members[list.find(part)?].ty.clone();
        }
        Some((ty, of_context))
    }

    fn head(&self, name: &str, limit: usize) -> Option<Reached> {
        let lambdas = self.before.frames.lambdas.iter().rev();
        for lambda in lambdas.filter(|lambda| lambda.parameter < limit) {
            if self.before.slice(self.before.tokens[lambda.parameter]) == name {
                return Some((self.element_of(lambda.call)?, false));
            }
        }
        if name == "self" {
            return Some((Ty::Composite(self.own_type()?), false));
        }
        Some((Ty::Context(self.names.context(name)?), true))
    }

    /// The element type of the collection whose `some(` has its bracket at the token `call`.
    fn element_of(&self, call: usize) -> Option<Ty> {
        // `path . some (`
        let dot = call.checked_sub(2)?;
        if self.before.tokens[dot].kind != TokenKind::Dot {
            return None;
        }
        let (ty, _) = self.path_before(dot, call)?;
        Some(ty.innermost().clone())
    }
}
