//! The fields of types and contexts: own ones first, then those of spreads (language.md 3.5).

use rustc_hash::{FxHashMap, FxHashSet};

use super::names::{CompositeKind, Entry, Names};
use super::ty::{self, Ty};
use crate::diagnostic::{Diagnostic, Severity, make};
use crate::source::Span;
use crate::syntax::ast;

/// A field as seen on a type: declared there, or provided by a spread.
#[derive(Debug, Clone)]
pub(crate) struct Member<'a> {
    /// Its name; here, as looking for names walks over many members.
    name: &'a str,
    pub(crate) decl: &'a ast::Field,
    pub(crate) ty: Ty,
    /// The spread that provides it.
    pub(crate) via: Option<&'a ast::Spread>,
}

/// The members of one type or context.
#[derive(Debug, Default)]
pub(crate) struct MemberList<'a> {
    pub(crate) members: Vec<Member<'a>>,
    /// Spreads of names nobody declared.
    pub(crate) unknown_spreads: Vec<&'a ast::Spread>,
    /// Empty while there are few members.
    by_name: FxHashMap<&'a str, usize>,
}

/// Up to this many members are looked through one by one; that is faster than a table.
const FEW: usize = 32;

impl<'a> MemberList<'a> {
    /// To be called when the members are complete.
    fn index(&mut self) {
        self.by_name.clear();
        if self.members.len() > FEW {
            for (position, member) in self.members.iter().enumerate() {
                self.by_name.entry(member.name).or_insert(position);
            }
        }
    }

    /// Drops members whose name an earlier one has, too.
    fn keep_first(&mut self) {
        let mut known = FxHashSet::default();
        self.members.retain(|member| known.insert(member.name));
        self.index();
    }

    /// Position of the (first) member with this name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        if self.by_name.is_empty() {
            return self.members.iter().position(|member| member.name == name);
        }
        self.by_name.get(name).copied()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.members.iter().map(|member| member.name)
    }
}

/// The members of everything that has some, parallel to the lists of [`Names`].
#[derive(Debug, Default)]
pub(crate) struct Members<'a> {
    pub(crate) composites: Vec<MemberList<'a>>,
    pub(crate) contexts: Vec<MemberList<'a>>,
}

/// Resolves the types of all fields and splices fragments.
pub(crate) fn collect<'a>(names: &Names<'a>, out: &mut Vec<Diagnostic>) -> Members<'a> {
    let mut own: Vec<Vec<Ty>> = Vec::with_capacity(names.composites.len());
    for composite in &names.composites {
        own.push(
            composite
                .decl
                .fields
                .iter()
                .map(|field| ty::resolve(names, &field.ty, field.span, out))
                .collect(),
        );
    }
    // Nothing inside a context is reported by the type checker; section 5.4 has its own rules.
    let mut unreported = Vec::new();
    let own_contexts: Vec<Vec<Ty>> = (names.contexts.iter())
        .map(|context| {
            let fields = context.fields.iter();
            fields.map(|field| ty::resolve(names, &field.ty, field.span, &mut unreported)).collect()
        })
        .collect();
    let splicer = Splicer { names, own: &own, own_contexts: &own_contexts };
    let mut members = Members::default();
    for (index, composite) in names.composites.iter().enumerate() {
        let mut list = MemberList::default();
        list.members.reserve_exact(composite.decl.fields.len() + composite.decl.spreads.len());
        splicer.splice(Entry::Composite(index), None, &mut Vec::new(), &mut list);
        list.index();
        for spread in &composite.decl.spreads {
            match names.lookup(&spread.name.text) {
                Some(Entry::Composite(_) | Entry::Context(_)) => {}
                Some(_) => out.push(make::not_spreadable(spread)),
                None => {
                    let accept = |entry| matches!(entry, Entry::Composite(_));
                    out.push(make::unknown_spread(spread, names.near(&spread.name.text, accept)));
                }
            }
        }
        match composite.kind {
            CompositeKind::Entity(_) => report_provided_twice(&list, Severity::Error, out),
            // Accepted elsewhere: the first field counts.
            CompositeKind::Json(_) | CompositeKind::Code(_) => {
                report_provided_twice(&list, Severity::Warning, out);
                list.keep_first();
            }
            CompositeKind::Fragment => {}
        }
        members.composites.push(list);
    }
    for index in 0..names.contexts.len() {
        let mut list = MemberList::default();
        splicer.splice(Entry::Context(index), None, &mut Vec::new(), &mut list);
        list.index();
        members.contexts.push(list);
    }
    members
}

struct Splicer<'s, 'a> {
    names: &'s Names<'a>,
    own: &'s [Vec<Ty>],
    own_contexts: &'s [Vec<Ty>],
}

impl<'a> Splicer<'_, 'a> {
    fn splice(
        &self,
        entry: Entry,
        via: Option<&'a ast::Spread>,
        open: &mut Vec<Entry>,
        list: &mut MemberList<'a>,
    ) {
        let (decl, types) = match entry {
            Entry::Composite(index) => (self.names.composites[index].decl, &self.own[index]),
            Entry::Context(index) => (self.names.contexts[index], &self.own_contexts[index]),
            Entry::Primitive(_) | Entry::Generic | Entry::Injected(_) | Entry::Enum(_) => return,
        };
        // A type that spreads itself, directly or in a circle, gives its fields once; the limit bounds the stack.
        if open.contains(&entry) || open.len() > 64 {
            return;
        }
        for (field, ty) in decl.fields.iter().zip(types) {
            list.members.push(Member { name: &field.name.text, decl: field, ty: ty.clone(), via });
        }
        open.push(entry);
        for spread in &decl.spreads {
            match self.names.lookup(&spread.name.text) {
                None => list.unknown_spreads.push(spread),
                Some(inner) => self.splice(inner, via.or(Some(spread)), open, list),
            }
        }
        open.pop();
    }
}

fn report_provided_twice(list: &MemberList<'_>, severity: Severity, out: &mut Vec<Diagnostic>) {
    for (index, member) in list.members.iter().enumerate() {
        let Some(spread) = member.via else { continue };
        let Some(first) = list.find(&member.decl.name.text) else { continue };
        if first == index {
            continue;
        }
        let earlier = &list.members[first];
        let (place, other): (Span, Span) = match earlier.via {
            None => (earlier.decl.name.span, member.decl.name.span),
            Some(_) => (spread.span, earlier.decl.name.span),
        };
        let diagnostic = make::also_provided(&member.decl.name.text, &spread.name.text, place, other);
        out.push(Diagnostic { severity, ..diagnostic });
    }
}
