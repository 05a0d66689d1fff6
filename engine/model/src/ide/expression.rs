//! Names in access rules and context paths, with the types they lead through.

use std::sync::Arc;

use super::index::{Meaning, Symbol, SymbolKind};
use super::walk::Walker;
use crate::semantic::ty::Ty;
use crate::source::Span;
use crate::syntax::ast::{CallArgs, Expr, ExprKind, Name, Path};

/// What names can mean inside a rule.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// The enclosing type, which `self` stands for.
    pub(super) composite: Option<usize>,
    /// Lambda parameters with the place of their name and their type, innermost last.
    pub(super) lambdas: Vec<(Arc<str>, Span, Ty)>,
}

impl Walker<'_, '_> {
    /// Notes the names of an expression; gives its type when it is a path.
    pub(super) fn expr(&mut self, expr: &Expr, scope: &mut Scope) -> Option<Ty> {
        match &expr.kind {
            ExprKind::Or(parts) | ExprKind::And(parts) => {
                for part in parts {
                    self.expr(part, scope);
                }
                None
            }
            ExprKind::Not(inner) => {
                self.expr(inner, scope);
                None
            }
            ExprKind::Relation { left, right, .. } => {
                // A bare enum value takes its enum from the other side.
                let bare = |expr: &Expr, scope: &Scope| match &expr.kind {
                    ExprKind::Path(path) if path.steps.is_empty() && path.head_call.is_none() => {
                        Some(path.head.clone()).filter(|head| self.is_value(head, scope))
                    }
                    _ => None,
                };
                match (bare(left, scope), bare(right, scope)) {
                    (Some(value), None) => {
                        let other = self.expr(right, scope);
                        self.enum_value(&value, enum_of(other.as_ref()));
                    }
                    (None, Some(value)) => {
                        let other = self.expr(left, scope);
                        self.enum_value(&value, enum_of(other.as_ref()));
                    }
                    _ => {
                        self.expr(left, scope);
                        self.expr(right, scope);
                    }
                }
                None
            }
            ExprKind::Path(path) => self.path(path, scope),
            ExprKind::Literal(_) | ExprKind::Error => None,
        }
    }

    fn is_value(&self, head: &Name, scope: &Scope) -> bool {
        let text = &*head.text;
        let lambda = scope.lambdas.iter().any(|(name, _, _)| **name == *text);
        !lambda
            && text != "self"
            && self.names.context(text).is_none()
            && self.names.values.contains_key(text)
    }

    /// Notes an enum value; `wanted` is the enum it should belong to.
    pub(super) fn enum_value(&mut self, name: &Name, wanted: Option<usize>) {
        let first = self.names.values.get(&*name.text).copied();
        for candidate in wanted.into_iter().chain(first) {
            let values = &self.names.enums[candidate].decl.values;
            if let Some(value) = values.iter().find(|value| value.text == name.text) {
                self.index.name(name.span, Meaning::Declared(value.span));
                return;
            }
        }
    }

    /// Notes the names of a path and gives the type it leads to.
    pub(super) fn path(&mut self, path: &Path, scope: &mut Scope) -> Option<Ty> {
        if let Some(CallArgs::Values(values)) = path.head_call.as_ref().map(|call| &call.args) {
            for value in values {
                self.expr(value, scope);
            }
            return None;
        }
        let head = &*path.head.text;
        let lambda = scope.lambdas.iter().rev().find(|(name, _, _)| **name == *head);
        let mut current = if let Some((_, place, ty)) = lambda {
            self.index.name(path.head.span, Meaning::Declared(*place));
            ty.clone()
        } else if head == "self" {
            let composite = scope.composite?;
            let place = self.names.composites[composite].decl.name.span;
            self.index.name(path.head.span, Meaning::Declared(place));
            Ty::Composite(composite)
        } else if let Some(context) = self.names.context(head) {
            let place = self.names.contexts[context].name.span;
            self.index.name(path.head.span, Meaning::Declared(place));
            Ty::Context(context)
        } else {
            self.enum_value(&path.head, None);
            return None;
        };
        for step in &path.steps {
            if let Some(call) = &step.call {
                if let CallArgs::Lambda(parameter, body) = &call.args {
                    let element = current.innermost().clone();
                    self.lambda(parameter, element, body, scope);
                }
                return None;
            }
            current = match current.innermost() {
                Ty::Composite(composite) => self.field_of(*composite, &step.name.text, step.name.span)?,
                Ty::Context(context) => {
                    let list = &self.members.contexts[*context];
                    let member = &list.members[list.find(&step.name.text)?];
                    self.index.name(step.name.span, Meaning::Declared(member.decl.name.span));
                    member.ty.clone()
                }
                _ => return None,
            };
        }
        Some(current)
    }

    fn lambda(&mut self, parameter: &Name, element: Ty, body: &Expr, scope: &mut Scope) {
        let symbol = Symbol {
            kind: SymbolKind::Parameter,
            name: parameter.text.clone(),
            container: Some(Arc::from(element.show(self.names))),
            docs: None,
            signature: parameter.span,
        };
        self.index.declare(parameter.span, symbol);
        scope.lambdas.push((parameter.text.clone(), parameter.span, element));
        self.expr(body, scope);
        scope.lambdas.pop();
    }
}

fn enum_of(ty: Option<&Ty>) -> Option<usize> {
    match ty?.innermost() {
        Ty::Enum(index) => Some(*index),
        _ => None,
    }
}
