//! Access rules of entities and their fields: which expression counts where (language.md 6.1, 6.8).

use std::sync::Arc;

use super::annotation::find;
use super::entity::{self, Table};
use super::member::Members;
use super::names::{CompositeKind, Names};
use super::relation::Kind;
use super::rule::{Rules, Scope};
use crate::diagnostic::{Diagnostic, make};
use crate::ir::{AccessExpr, AccessRule, EntityAccess, FieldAccess, FieldId, FieldKind, Origin};
use crate::source::{FileTable, Span};
use crate::syntax::ast::{Annotation, Expr, ExprKind, Params};

/// The four rules of an annotation, fall-back chain applied.
struct Slots<'s> {
    read: Option<&'s Expr>,
    create: Option<&'s Expr>,
    update: Option<&'s Expr>,
    delete: Option<&'s Expr>,
}

fn slots(annotation: Option<&Annotation>) -> Slots<'_> {
    let Some(annotation) = annotation else {
        return Slots { read: None, create: None, update: None, delete: None };
    };
    let single = annotation.single();
    let mutation = annotation.named_expr("mutation").or(single);
    Slots {
        read: annotation.named_expr("query").or(single),
        create: annotation.named_expr("create").or(mutation),
        update: annotation.named_expr("update").or(mutation),
        delete: annotation.named_expr("delete").or(mutation),
    }
}

/// Lowers the expressions of one annotation.
pub(crate) struct RuleLowering<'s, 'a> {
    rules: Rules<'s, 'a>,
    files: &'s FileTable,
    place: Span,
}

impl<'s, 'a> RuleLowering<'s, 'a> {
    pub(crate) fn new(rules: Rules<'s, 'a>, files: &'s FileTable, place: Span) -> Self {
        Self { rules, files, place }
    }

    /// One rule per slot, the one for reading first. Equal slots share the lowering, so that a problem is reported
    /// once.
    fn rules<const N: usize>(&mut self, slots: [Option<&'s Expr>; N]) -> [Arc<AccessRule>; N] {
        let mut lowered: [Option<Arc<AccessRule>>; N] = [const { None }; N];
        for (index, slot) in slots.iter().enumerate() {
            let place = |expr: &Option<&Expr>| expr.map(|expr| expr.span);
            let known = slots[..index].iter().position(|other| place(other) == place(slot));
            lowered[index] = match known {
                Some(earlier) => lowered[earlier].clone(),
                None => Some(Arc::new(self.rule(*slot))),
            };
        }
        let reviews = |rule: &Option<Arc<AccessRule>>| rule.as_ref().is_some_and(|rule| rule.expr.reviews());
        let mut writes = slots.iter().zip(&lowered).skip(1);
        if let Some(expr) = writes.find_map(|(slot, rule)| slot.filter(|_| reviews(rule))) {
            self.rules.out.push(make::review_of_writes(expr.span));
        }
        lowered.map(|rule| rule.unwrap_or_else(|| Arc::new(self.rule(None))))
    }

    pub(crate) fn rule(&mut self, expr: Option<&'s Expr>) -> AccessRule {
        let Some(expr) = expr else {
            let origin = entity::origin(self.files, self.place);
            return AccessRule { expr: AccessExpr::Literal(false), text: None, origin };
        };
        AccessRule {
            expr: self.rules.rule(expr),
            text: Some(self.files.slice(expr.span).to_owned()),
            origin: entity::origin(self.files, expr.span),
        }
    }
}

/// Lowers the rules of all entities; field rules go straight into the tables.
pub(crate) fn lower(
    names: &Names<'_>,
    members: &Members<'_>,
    kinds: &[Vec<Kind>],
    tables: &mut [Table],
    files: &FileTable,
    out: &mut Vec<Diagnostic>,
) -> Vec<EntityAccess> {
    let mut lowered = Vec::with_capacity(tables.len());
    let mut updates = Vec::with_capacity(tables.len());
    for (index, composite) in names.composites.iter().enumerate() {
        if !matches!(composite.kind, CompositeKind::Entity(_)) {
            continue;
        }
        let decl = composite.decl;
        let annotation = find(&decl.annotations, "access");
        let slots = slots(annotation);
        let rules = Rules::new(names, members, kinds, Scope::Entity(index), out);
        let mut lowering = RuleLowering::new(rules, files, decl.name.span);
        let [read, create, update, delete] =
            lowering.rules([slots.read, slots.create, slots.update, slots.delete]);
        let access = EntityAccess { read, create, update, delete };
        let writable = [&access.create, &access.update, &access.delete];
        if access.read.is_statically_closed() && writable.iter().any(|rule| !rule.is_statically_closed()) {
            out.push(make::writable_unreadable(&decl.name));
        }
        updates.push(slots.update);
        let table = &mut tables[lowered.len()];
        lowered.push(access);
        for (position, member) in members.composites[index].members.iter().enumerate() {
            let Some(annotation) = find(&member.decl.annotations, "access") else { continue };
            warn_half_open(annotation, &member.decl.name.text, out);
            let slots = self::slots(Some(annotation));
            let rules = Rules::new(names, members, kinds, Scope::Entity(index), out);
            let mut lowering = RuleLowering::new(rules, files, annotation.span);
            let [read, create, update] = lowering.rules([slots.read, slots.create, slots.update]);
            let access = FieldAccess { read, create, update };
            table.fields[FieldId(position as u32)].access = Some(Box::new(access));
        }
    }
    report_mixed(names, tables, &lowered, &updates, out);
    lowered
}

fn warn_half_open(annotation: &Annotation, field: &str, out: &mut Vec<Diagnostic>) {
    let Params::Named(values) = &annotation.params else { return };
    let reads = values.iter().any(|(name, _)| &*name.text == "query");
    let writes = values.iter().any(|(name, _)| matches!(&*name.text, "mutation" | "create" | "update"));
    if reads != writes {
        out.push(make::half_open(annotation, field, reads));
    }
}

/// Rules that nested creation cannot enforce: they compare the parent with the row itself (6.8).
fn report_mixed(
    names: &Names<'_>,
    tables: &[Table],
    access: &[EntityAccess],
    updates: &[Option<&Expr>],
    out: &mut Vec<Diagnostic>,
) {
    let entity_names: Vec<&str> = (names.composites.iter())
        .filter(|composite| matches!(composite.kind, CompositeKind::Entity(_)))
        .map(|composite| &*composite.decl.name.text)
        .collect();
    for (index, table) in tables.iter().enumerate() {
        let own = &access[index];
        let Some(rule) = updates[index] else { continue };
        if own.update.is_statically_closed() || own.create.is_statically_closed() {
            continue;
        }
        for field in table.fields.values() {
            let FieldKind::Reference { target, inverse: Some(_), .. } = field.kind else { continue };
            let parent = target.0 as usize;
            if access[parent].update.is_statically_closed() {
                continue;
            }
            if let Some(span) = mixing(rule, &field.name) {
                out.push(make::mixed_rule(entity_names[parent], span));
            }
        }
    }
}

/// The first comparison of the parent, reached by this field, with the row itself.
fn mixing(expr: &Expr, parent: &str) -> Option<Span> {
    match &expr.kind {
        ExprKind::Or(parts) | ExprKind::And(parts) => parts.iter().find_map(|part| mixing(part, parent)),
        ExprKind::Not(inner) => mixing(inner, parent),
        ExprKind::Relation { left, right, .. } => {
            let differ = through(left, parent)? != through(right, parent)?;
            differ.then_some(expr.span)
        }
        ExprKind::Literal(_) | ExprKind::Path(_) | ExprKind::Error => None,
    }
}

/// Whether a path of the row goes on beyond its parent; `None` for what is no such path.
fn through(operand: &Expr, parent: &str) -> Option<bool> {
    let ExprKind::Path(path) = &operand.kind else { return None };
    let first = path.steps.first().filter(|_| &*path.head.text == "self")?;
    Some(path.steps.len() > 1 && &*first.name.text == parent)
}

/// The place of a rule nobody wrote.
pub(crate) fn closed(origin: Origin) -> AccessRule {
    AccessRule { expr: AccessExpr::Literal(false), text: None, origin }
}
