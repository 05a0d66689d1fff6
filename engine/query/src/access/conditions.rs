//! The conditions of a rule: its smallest parts that are true or false. Traces and access coverage tell for each
//! of them what a request saw.

use studio_model::ir::{
    AccessExpr, CompareOp, ContextValue, FieldKind, FieldPath, Ir, Literal, Operand, PathRoot,
};

use super::log::{ConditionSeen, Truth};
use super::solve::Verdict;
use crate::plan::{Planner, Pred};

/// The comparisons of a rule, also those inside of `some`, in the order they are written. Empty for a rule that is
/// the literal `true` or `false`.
pub fn conditions(rule: &AccessExpr) -> Vec<&AccessExpr> {
    let mut found = Vec::new();
    collect(rule, &mut found);
    found
}

fn collect<'a>(expr: &'a AccessExpr, found: &mut Vec<&'a AccessExpr>) {
    match expr {
        AccessExpr::Literal(_) => {}
        AccessExpr::Compare { .. } => found.push(expr),
        AccessExpr::Not(inner) => collect(inner, found),
        AccessExpr::And(left, right) | AccessExpr::Or(left, right) => {
            collect(left, found);
            collect(right, found);
        }
        AccessExpr::Some { condition, .. } => collect(condition, found),
    }
}

/// A condition as it would be written in the model. The parameter of `some` is written as the collection it runs
/// over.
pub fn condition_text(ir: &Ir, rule: &AccessExpr, condition: &AccessExpr) -> String {
    let mut over = None;
    enclosing(rule, condition, &mut over);
    text(ir, condition, over)
}

/// The collection of the innermost `some` around a condition.
fn enclosing<'a>(expr: &'a AccessExpr, wanted: &AccessExpr, over: &mut Option<&'a FieldPath>) -> bool {
    match expr {
        AccessExpr::Literal(_) => false,
        AccessExpr::Compare { .. } => std::ptr::eq(expr, wanted),
        AccessExpr::Not(inner) => enclosing(inner, wanted, over),
        AccessExpr::And(left, right) | AccessExpr::Or(left, right) => {
            enclosing(left, wanted, over) || enclosing(right, wanted, over)
        }
        AccessExpr::Some { collection, condition } => {
            let found = enclosing(condition, wanted, over);
            if found && over.is_none() {
                *over = Some(collection);
            }
            found
        }
    }
}

fn text(ir: &Ir, condition: &AccessExpr, over: Option<&FieldPath>) -> String {
    let AccessExpr::Compare { op, left, right } = condition else { return String::new() };
    let operator = match op {
        CompareOp::Eq => "==",
        CompareOp::Ne => "!=",
        CompareOp::Lt => "<",
        CompareOp::Le => "<=",
        CompareOp::Gt => ">",
        CompareOp::Ge => ">=",
        CompareOp::In => "in",
    };
    // A bare Boolean is lowered to a comparison with `true`.
    if *op == CompareOp::Eq && *right == Operand::Literal(Literal::Bool(true)) {
        return operand(ir, left, over);
    }
    format!("{} {operator} {}", operand(ir, left, over), operand(ir, right, over))
}

fn operand(ir: &Ir, operand: &Operand, over: Option<&FieldPath>) -> String {
    match operand {
        Operand::Literal(literal) => literal_text(literal),
        Operand::EnumValue(_, label) => label.clone(),
        Operand::Context(value) => context_text(ir, value),
        Operand::Path(path) => path_text(ir, path, over),
    }
}

fn literal_text(literal: &Literal) -> String {
    match literal {
        // The text between the quotes is kept as it was written.
        Literal::String(text) => format!("\"{text}\""),
        Literal::Int(number) => number.to_string(),
        Literal::Float(text) => text.clone(),
        Literal::Bool(value) => value.to_string(),
        Literal::Null => "null".to_owned(),
    }
}

fn context_text(ir: &Ir, value: &ContextValue) -> String {
    let context = &ir.contexts[value.context];
    let name = format!("{}.{}", context.name, context.fields[value.field].name);
    match &value.contains {
        Some(literal) => format!("{name}.contains({})", literal_text(literal)),
        None => name,
    }
}

fn path_text(ir: &Ir, path: &FieldPath, over: Option<&FieldPath>) -> String {
    let mut out = match (path.root, over) {
        (PathRoot::Element, Some(collection)) => path_text(ir, collection, None),
        (PathRoot::Element, None) | (PathRoot::SelfRow, _) => "self".to_owned(),
    };
    let mut entity = path.entity;
    for step in &path.steps {
        let field = &ir.entities[entity].fields[*step];
        out.push('.');
        out.push_str(&field.name);
        match &field.kind {
            FieldKind::Value(_) => {}
            FieldKind::Reference { target, .. }
            | FieldKind::InverseOne { target, .. }
            | FieldKind::Collection { target, .. } => entity = *target,
        }
    }
    out
}

impl<'a> Planner<'a, '_> {
    /// Notes what a condition came to, if anybody listens. One that does not concern what is being checked was not
    /// seen.
    pub(crate) fn note_condition(&mut self, condition: &'a AccessExpr, verdict: &Verdict<'a>) {
        if !self.log.enabled() {
            return;
        }
        let truth = match (&verdict.pred, verdict.solved) {
            (Pred::True, true) => Truth::True,
            (Pred::True, false) => return,
            (Pred::False, _) => Truth::False,
            _ => Truth::Rows,
        };
        self.seen.push((condition, truth));
    }

    /// What the conditions of a rule came to since the last time this was asked.
    pub(crate) fn take_conditions(&mut self, rule: &AccessExpr) -> Vec<ConditionSeen> {
        let all = conditions(rule);
        let seen = std::mem::take(&mut self.seen);
        seen.into_iter()
            .filter_map(|(condition, truth)| {
                let index = all.iter().position(|known| std::ptr::eq(*known, condition))?;
                Some(ConditionSeen { index, truth })
            })
            .collect()
    }
}
