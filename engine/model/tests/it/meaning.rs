//! What a compiled model means beside its tables and its API, one line per decision: contexts, rules, projections and
//! operations of code.

use std::fmt::Write as _;
use std::sync::Arc;

use studio_model::Ir;
use studio_model::ir::{
    AccessExpr, AccessRule, CodeBase, CodeModule, CodeTypeRef, CompareOp, ContextValue, Entity, FieldPath,
    Literal, Operand, Param, PathRoot, Plugin, ProjectionElement,
};

/// The text of an `ir` block.
pub(crate) fn show(ir: &Ir) -> String {
    let mut text = String::new();
    for context in ir.contexts.values() {
        for field in context.fields.values() {
            let (ty, source) = (field.ty, &field.source);
            let scalar = ty.scalar.map_or_else(|| "Vector".to_owned(), |scalar| format!("{scalar:?}"));
            let listed = if ty.list { format!("[{scalar}]") } else { scalar };
            let optional = if ty.optional { "?" } else { "" };
            writeln!(text, "context {}.{}: {listed}{optional} from {source:?}", context.name, field.name)
                .unwrap();
        }
    }
    for entity in ir.entities.values() {
        let access = &entity.access;
        let slots = [
            ("read", &access.read),
            ("create", &access.create),
            ("update", &access.update),
            ("delete", &access.delete),
        ];
        rules(ir, &entity.name, &slots, &mut text);
        for field in entity.fields.values() {
            let Some(access) = &field.access else { continue };
            let slots = [("read", &access.read), ("create", &access.create), ("update", &access.update)];
            rules(ir, &format!("{}.{}", entity.name, field.name), &slots, &mut text);
        }
        for projection in &entity.projections {
            let elements: Vec<String> =
                projection.elements.iter().map(|element| self::element(entity, element)).collect();
            writeln!(text, "projection {}.{}: {}", entity.name, projection.name, elements.join(", "))
                .unwrap();
        }
    }
    for ty in ir.code_types.values() {
        let kind = if ty.is_input { "input" } else { "type" };
        let fields: Vec<String> =
            ty.fields.iter().map(|field| format!("{}: {}", field.name, reference(ir, &field.ty))).collect();
        writeln!(text, "{kind} {} {{ {} }}: {}", ty.name, fields.join("  "), rule(ir, &ty.access)).unwrap();
    }
    for module in ir.modules.values() {
        match &module.plugin {
            Plugin::Postgres { .. } => {}
            Plugin::Deno(code) => operations(ir, "deno", &module.name, code, &mut text),
            Plugin::Wasm(code) => operations(ir, "wasm", &module.name, code, &mut text),
        }
    }
    text
}

/// The rules of one place; equal ones share a line.
fn rules(ir: &Ir, place: &str, slots: &[(&str, &Arc<AccessRule>)], text: &mut String) {
    let mut open: Vec<(Vec<&str>, String)> = Vec::new();
    for (slot, rule) in slots {
        let shown = self::rule(ir, rule);
        match open.iter_mut().find(|(_, known)| *known == shown) {
            Some((names, _)) => names.push(slot),
            None => open.push((vec![slot], shown)),
        }
    }
    for (names, shown) in open {
        writeln!(text, "{} {place}: {shown}", names.join("+")).unwrap();
    }
}

fn rule(ir: &Ir, rule: &AccessRule) -> String {
    let shown = expr(ir, &rule.expr);
    if rule.text.is_none() { format!("{shown} (not written)") } else { shown }
}

fn expr(ir: &Ir, access: &AccessExpr) -> String {
    let inner = |access: &AccessExpr| expr(ir, access);
    match access {
        AccessExpr::Literal(value) => value.to_string(),
        AccessExpr::Not(access) => format!("!{}", inner(access)),
        AccessExpr::And(left, right) => format!("({} && {})", inner(left), inner(right)),
        AccessExpr::Or(left, right) => format!("({} || {})", inner(left), inner(right)),
        AccessExpr::Some { collection, condition } => {
            format!("{}.some({})", path(ir, collection), inner(condition))
        }
        AccessExpr::Hook(hook) => {
            let arguments = hook.arguments.iter().map(|argument| operand(ir, argument));
            let fields = hook.fields.iter().map(|field| path(ir, field));
            let asked: Vec<String> = arguments.chain(fields).collect();
            format!("hook(\"{}\": {})", hook.name, asked.join(", "))
        }
        AccessExpr::Compare { op, left, right } => {
            let op = match op {
                CompareOp::Eq => "==",
                CompareOp::Ne => "!=",
                CompareOp::Lt => "<",
                CompareOp::Le => "<=",
                CompareOp::Gt => ">",
                CompareOp::Ge => ">=",
                CompareOp::In => "in",
            };
            format!("[{} {op} {}]", operand(ir, left), operand(ir, right))
        }
    }
}

fn operand(ir: &Ir, value: &Operand) -> String {
    match value {
        Operand::Literal(value) => literal(value),
        Operand::EnumValue(id, label) => format!("{}.{label}", ir.enums[*id].name),
        Operand::Context(value) => context(ir, value),
        Operand::Path(path) => self::path(ir, path),
    }
}

fn context(ir: &Ir, value: &ContextValue) -> String {
    let context = &ir.contexts[value.context];
    let path = format!("{}.{}", context.name, context.fields[value.field].name);
    match &value.contains {
        Some(wanted) => format!("{path}.contains({})", literal(wanted)),
        None => path,
    }
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::String(text) => format!("\"{text}\""),
        Literal::Int(number) => number.to_string(),
        Literal::Float(text) => format!("{text}f"),
        Literal::Bool(value) => value.to_string(),
        Literal::Null => "null".to_owned(),
    }
}

fn path(ir: &Ir, path: &FieldPath) -> String {
    let mut text = if path.root == PathRoot::SelfRow { "self" } else { "element" }.to_owned();
    let mut current = Some(path.entity);
    for step in &path.steps {
        let field = &ir.entities[current.unwrap()].fields[*step];
        text.push('.');
        text.push_str(&field.name);
        current = ir.relation_target(field);
    }
    text
}

fn element(entity: &Entity, element: &ProjectionElement) -> String {
    match element {
        ProjectionElement::Field(field) => entity.fields[*field].name.clone(),
        ProjectionElement::Relation(field, names) => {
            format!("{}/{}", entity.fields[*field].name, names.join("+"))
        }
    }
}

fn reference(ir: &Ir, ty: &CodeTypeRef) -> String {
    let base = match ty.base {
        CodeBase::Scalar(scalar) => format!("{scalar:?}"),
        CodeBase::Vector => "Vector".to_owned(),
        CodeBase::Code(id) => ir.code_types[id].name.clone(),
        CodeBase::Enum(id) => format!("enum {}", ir.enums[id].name),
        CodeBase::Entity(id) => format!("table {}", ir.entities[id].name),
        CodeBase::Context(id) => format!("context {}", ir.contexts[id].name),
        CodeBase::Exograph => "Exograph".to_owned(),
        CodeBase::ExographPriv => "ExographPriv".to_owned(),
        CodeBase::Operation => "Operation".to_owned(),
    };
    let mark = |optional: bool| if optional { "?" } else { "" };
    let inner = format!("{base}{}", mark(ty.optional));
    ty.lists.iter().rev().fold(inner, |inner, optional| format!("[{inner}]{}", mark(*optional)))
}

fn params(ir: &Ir, params: &[Param]) -> String {
    let shown = params.iter().map(|param| {
        let injected = if param.injected { "inject " } else { "" };
        format!("{injected}{}: {}", param.name, reference(ir, &param.ty))
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn operations(ir: &Ir, plugin: &str, module: &str, code: &CodeModule, text: &mut String) {
    writeln!(text, "{plugin} {module}: {}", code.path).unwrap();
    for method in &code.methods {
        let kind = if method.is_mutation { "mutation" } else { "query" };
        let (params, result) = (params(ir, &method.params), reference(ir, &method.result));
        let rule = rule(ir, &method.access);
        writeln!(text, "{kind} {}({params}): {result}: {rule}", method.name).unwrap();
    }
    for interceptor in &code.interceptors {
        let params = params(ir, &interceptor.params);
        let (kind, name) = (interceptor.kind, &interceptor.name);
        writeln!(text, "{kind:?} {name}({params}) of `{}`", interceptor.pattern).unwrap();
    }
}
