//! Expressions of rules as text, in the language of models. Names of lambda parameters are not kept by the
//! compiler; here they are `x`.

use studio_model::ir::{AccessExpr, CompareOp, ContextValue, FieldPath, Ir, Literal, Operand, PathRoot};

use super::value::Val;

/// The text of an expression.
pub(crate) fn expression_text(ir: &Ir, expr: &AccessExpr) -> String {
    let mut out = String::new();
    write(ir, expr, Level::Or, &mut out);
    out
}

/// What an expression may be without parentheses.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Level {
    Or,
    And,
    Compare,
    Unary,
}

fn write(ir: &Ir, expr: &AccessExpr, allowed: Level, out: &mut String) {
    let level = match expr {
        AccessExpr::Or(..) => Level::Or,
        AccessExpr::And(..) => Level::And,
        AccessExpr::Compare { op, right, .. } if !is_bare(*op, right) => Level::Compare,
        AccessExpr::Compare { .. }
        | AccessExpr::Literal(_)
        | AccessExpr::Not(_)
        | AccessExpr::Some { .. }
        | AccessExpr::Hook(_) => Level::Unary,
    };
    let enclosed = level < allowed;
    if enclosed {
        out.push('(');
    }
    match expr {
        AccessExpr::Literal(truth) => out.push_str(if *truth { "true" } else { "false" }),
        AccessExpr::Compare { op, left, right } => {
            operand(ir, left, out);
            if !is_bare(*op, right) {
                out.push_str(match op {
                    CompareOp::Eq => " == ",
                    CompareOp::Ne => " != ",
                    CompareOp::Lt => " < ",
                    CompareOp::Le => " <= ",
                    CompareOp::Gt => " > ",
                    CompareOp::Ge => " >= ",
                    CompareOp::In => " in ",
                });
                operand(ir, right, out);
            }
        }
        AccessExpr::Not(inner) => {
            out.push('!');
            write(ir, inner, Level::Unary, out);
        }
        AccessExpr::And(left, right) => {
            write(ir, left, Level::And, out);
            out.push_str(" && ");
            write(ir, right, Level::And, out);
        }
        AccessExpr::Or(left, right) => {
            write(ir, left, Level::Or, out);
            out.push_str(" || ");
            write(ir, right, Level::Or, out);
        }
        AccessExpr::Some { collection, condition } => {
            path(ir, collection, out);
            out.push_str(".some(x => ");
            write(ir, condition, Level::Or, out);
            out.push(')');
        }
        AccessExpr::Hook(rule) => {
            out.push_str("hook(");
            out.push_str(&Val::Text(rule.name.clone()).display());
            for argument in &rule.arguments {
                out.push_str(", ");
                operand(ir, argument, out);
            }
            for field in &rule.fields {
                out.push_str(", ");
                path(ir, field, out);
            }
            out.push(')');
        }
    }
    if enclosed {
        out.push(')');
    }
}

/// A Boolean path stands for its comparison with true.
fn is_bare(op: CompareOp, right: &Operand) -> bool {
    op == CompareOp::Eq && matches!(right, Operand::Literal(Literal::Bool(true)))
}

fn operand(ir: &Ir, operand: &Operand, out: &mut String) {
    match operand {
        Operand::Literal(literal) => out.push_str(&Val::literal(literal).display()),
        Operand::EnumValue(_, label) => out.push_str(label),
        Operand::Context(value) => out.push_str(&context_text(ir, value)),
        Operand::Path(value) => path(ir, value, out),
    }
}

/// A context value, as in the model.
pub(crate) fn context_text(ir: &Ir, value: &ContextValue) -> String {
    let context = &ir.contexts[value.context];
    let mut name = [context.name.as_str(), ".", &context.fields[value.field].name].concat();
    if let Some(literal) = &value.contains {
        name.push_str(".contains(");
        name.push_str(&Val::literal(literal).display());
        name.push(')');
    }
    name
}

/// The text of a path.
pub(crate) fn path_text(ir: &Ir, wanted: &FieldPath) -> String {
    let mut out = String::new();
    path(ir, wanted, &mut out);
    out
}

fn path(ir: &Ir, path: &FieldPath, out: &mut String) {
    out.push_str(match path.root {
        PathRoot::SelfRow => "self",
        PathRoot::Element => "x",
    });
    let mut entity = path.entity;
    for step in &path.steps {
        out.push('.');
        let field = &ir.entities[entity].fields[*step];
        out.push_str(&field.name);
        entity = ir.relation_target(field).unwrap_or(entity);
    }
}
