//! Projections: named response shapes of the RPC surface (language.md 9.1).

use super::annotation::{find, has};
use super::member::Members;
use super::names::{CompositeKind, Names};
use super::relation::Kind;
use crate::diagnostic::{Diagnostic, make};
use crate::ir::{ArenaId, FieldId, Projection, ProjectionElement};
use crate::source::Span;
use crate::syntax::ast::{NamedValue, Params, ProjectionAtom};

/// Lowers the projections of all entities, in the order of their ids.
pub(crate) fn lower(
    names: &Names<'_>,
    members: &Members<'_>,
    kinds: &[Vec<Kind>],
    out: &mut Vec<Diagnostic>,
) -> Vec<Vec<Projection>> {
    let mut lowered = Vec::new();
    for (index, composite) in names.composites.iter().enumerate() {
        if !matches!(composite.kind, CompositeKind::Entity(_)) {
            continue;
        }
        let decl = composite.decl;
        let Some(annotation) = find(&decl.annotations, "projection") else {
            lowered.push(Vec::new());
            continue;
        };
        let mut own: Vec<(&str, &[ProjectionAtom])> = Vec::new();
        if let Params::Named(values) = &annotation.params {
            for (name, value) in values {
                if let NamedValue::Projection(atoms, _) = value {
                    own.push((&name.text, atoms));
                }
            }
        }
        let mut resolver =
            Resolver { members, kinds, composite: index, own: &own, problem: None, budget: 100_000 };
        let mut projections = Vec::new();
        let mut broken: Vec<&str> = Vec::new();
        let mut reason = None;
        for (name, _) in &own {
            let mut elements = Vec::new();
            resolver.problem = None;
            resolver.expand(name, &mut Vec::new(), &mut elements);
            if resolver.problem.is_some() {
                broken.push(name);
                reason = reason.or(resolver.problem.take());
            }
            projections.push(Projection { name: (*name).to_owned(), elements });
        }
        if let Some((span, text)) = reason {
            out.push(make::projection(&decl.name.text, &broken, annotation.span, span, &text));
        }
        lowered.push(projections);
    }
    lowered
}

struct Resolver<'s, 'a> {
    members: &'s Members<'a>,
    kinds: &'s [Vec<Kind>],
    composite: usize,
    own: &'s [(&'s str, &'s [ProjectionAtom])],
    problem: Option<(Option<Span>, String)>,
    /// Bounds the work when projections include each other many times.
    budget: u32,
}

impl<'s> Resolver<'s, '_> {
    fn expand(&mut self, name: &'s str, open: &mut Vec<&'s str>, elements: &mut Vec<ProjectionElement>) {
        let own = self.own;
        self.budget = self.budget.saturating_sub(1);
        if self.problem.is_some() || self.budget == 0 {
            return;
        }
        let Some((_, atoms)) = own.iter().find(|(own, _)| *own == name) else {
            self.built_in(name, elements);
            return;
        };
        open.push(name);
        for atom in *atoms {
            match atom {
                ProjectionAtom::Own(inner) => {
                    let known = own.iter().any(|(own, _)| *own == &*inner.text);
                    if open.contains(&&*inner.text) || open.len() > 100 {
                        let text = format!("`{}` includes itself", inner.text);
                        self.problem = Some((Some(inner.span), text));
                    } else if !known && !matches!(&*inner.text, "pk" | "basic") {
                        let text = format!("there is no projection `{}`", inner.text);
                        self.problem = Some((Some(inner.span), text));
                    } else {
                        self.expand(&inner.text, open, elements);
                    }
                }
                ProjectionAtom::Field(field) => match self.find(&field.text) {
                    Some((id, Kind::Value(_))) => add(elements, ProjectionElement::Field(id)),
                    Some((_, Kind::Broken)) => {}
                    Some(_) => {
                        let text = format!("`{0}` is a relation; write `{0}/pk`", field.text);
                        self.problem = Some((Some(field.span), text));
                    }
                    None => {
                        self.problem = Some((Some(field.span), format!("there is no field `{}`", field.text)))
                    }
                },
                ProjectionAtom::Relation(field, projection) => match self.find(&field.text) {
                    Some((_, Kind::Broken)) => {}
                    Some((_, Kind::Value(_))) => {
                        self.problem = Some((Some(field.span), format!("`{}` is no relation", field.text)));
                    }
                    Some((id, _)) => {
                        add(elements, ProjectionElement::Relation(id, vec![str::to_owned(&projection.text)]));
                    }
                    None => {
                        self.problem = Some((Some(field.span), format!("there is no field `{}`", field.text)))
                    }
                },
            }
        }
        open.pop();
    }

    fn find(&self, name: &str) -> Option<(FieldId, &'s Kind)> {
        let index = self.members.composites[self.composite].find(name)?;
        let kinds = self.kinds;
        Some((FieldId::from_index(index), kinds[self.composite].get(index)?))
    }

    fn built_in(&self, name: &str, elements: &mut Vec<ProjectionElement>) {
        let members = &self.members.composites[self.composite].members;
        for (index, (member, kind)) in members.iter().zip(&self.kinds[self.composite]).enumerate() {
            let id = FieldId::from_index(index);
            if name == "pk" && !has(&member.decl.annotations, "pk") {
                continue;
            }
            match kind {
                Kind::Value(_) => add(elements, ProjectionElement::Field(id)),
                Kind::Reference { .. } => {
                    add(elements, ProjectionElement::Relation(id, vec!["pk".to_owned()]))
                }
                Kind::InverseOne { .. } | Kind::Collection { .. } | Kind::Broken => {}
            }
        }
    }
}

/// Adds an element; the same relation twice unites its projections.
fn add(elements: &mut Vec<ProjectionElement>, element: ProjectionElement) {
    for existing in elements.iter_mut() {
        match (existing, &element) {
            (ProjectionElement::Field(one), ProjectionElement::Field(other)) if *one == *other => return,
            (ProjectionElement::Relation(one, known), ProjectionElement::Relation(other, more))
                if *one == *other =>
            {
                for name in more {
                    if !known.contains(name) {
                        known.push(name.clone());
                    }
                }
                return;
            }
            _ => {}
        }
    }
    elements.push(element);
}
