//! What each field of an entity is; relation inference (language.md 3.1).

use super::annotation::{find, has};
use super::member::Members;
use super::names::{CompositeKind, Names};
use super::ty::Ty;
use super::value::{self, Value};
use crate::diagnostic::{Diagnostic, make};
use crate::syntax::ast::Field;

/// What a field of an entity is. Types are positions in `Names::composites`, fields positions in their members.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Value(Value),
    Reference {
        target: usize,
        partner: Option<usize>,
        one_to_one: bool,
    },
    InverseOne {
        target: usize,
        owner: usize,
    },
    Collection {
        target: usize,
        owner: usize,
    },
    /// A problem was reported.
    Broken,
}

/// The kinds of all fields, parallel to `Names::composites`; empty for what is no entity.
pub(crate) fn classify(
    names: &Names<'_>,
    members: &Members<'_>,
    out: &mut Vec<Diagnostic>,
) -> Vec<Vec<Kind>> {
    let mut inference = Inference { names, members, out };
    (0..names.composites.len())
        .map(|index| match names.composites[index].kind {
            CompositeKind::Entity(_) => (0..members.composites[index].members.len())
                .map(|field| inference.field(index, field))
                .collect(),
            CompositeKind::Json(_) | CompositeKind::Code(_) | CompositeKind::Fragment => Vec::new(),
        })
        .collect()
}

/// Whether a field is single or a collection, and whether it was written with `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Required,
    Optional,
    Collection,
}

fn shape(ty: &Ty) -> Shape {
    match ty {
        Ty::Set(_) | Ty::Array(_) => Shape::Collection,
        Ty::Optional(inner) => match **inner {
            Ty::Set(_) | Ty::Array(_) => Shape::Collection,
            _ => Shape::Optional,
        },
        _ => Shape::Required,
    }
}

struct Inference<'s, 'a> {
    names: &'s Names<'a>,
    members: &'s Members<'a>,
    out: &'s mut Vec<Diagnostic>,
}

impl<'a> Inference<'_, 'a> {
    fn name(&self, composite: usize) -> &'a str {
        &self.names.composites[composite].decl.name.text
    }

    fn decl(&self, composite: usize, field: usize) -> &'a Field {
        self.members.composites[composite].members[field].decl
    }

    fn field(&mut self, entity: usize, index: usize) -> Kind {
        let members = self.members;
        let member = &members.composites[entity].members[index];
        let field = member.decl;
        match member.ty.required() {
            Ty::Error | Ty::Null => Kind::Broken,
            Ty::Primitive(_) => self.value(value::primitive, field, member.ty.required()),
            Ty::Array(_) => self.array(field, member.ty.required()),
            Ty::Set(inner) => match inner.required() {
                Ty::Error => Kind::Broken,
                Ty::Composite(target) => match self.names.composites[*target].kind {
                    CompositeKind::Entity(_) => {
                        value::warn_useless_hints(field, self.out);
                        self.collection(entity, index, *target)
                    }
                    CompositeKind::Json(_) => self.set_of_values(field, inner),
                    CompositeKind::Code(_) | CompositeKind::Fragment => self.not_storable(field),
                },
                Ty::Context(_) | Ty::Injected(_) => self.not_storable(field),
                _ => self.set_of_values(field, inner),
            },
            Ty::Enum(index) => {
                if self.names.enums[*index].ir.is_none() {
                    return self.not_storable(field);
                }
                self.structured(field, member.ty.required())
            }
            Ty::Composite(target) => match self.names.composites[*target].kind {
                CompositeKind::Entity(_) => {
                    value::warn_useless_hints(field, self.out);
                    self.single(entity, index, *target)
                }
                CompositeKind::Json(_) => self.structured(field, member.ty.required()),
                CompositeKind::Code(_) | CompositeKind::Fragment => self.not_storable(field),
            },
            Ty::Context(_) | Ty::Injected(_) => self.not_storable(field),
            Ty::Optional(_) => Kind::Broken,
        }
    }

    fn value(
        &mut self,
        read: impl Fn(&Field, &Ty, &mut Vec<Diagnostic>) -> Option<Value>,
        field: &Field,
        ty: &Ty,
    ) -> Kind {
        read(field, ty, self.out).map_or(Kind::Broken, Kind::Value)
    }

    fn structured(&mut self, field: &Field, ty: &Ty) -> Kind {
        value::structured(self.names, field, ty, self.out).map_or(Kind::Broken, Kind::Value)
    }

    fn set_of_values(&mut self, field: &Field, inner: &Ty) -> Kind {
        self.out.push(make::set_of_values(field, &inner.show(self.names)));
        Kind::Broken
    }

    fn not_storable(&mut self, field: &Field) -> Kind {
        self.out.push(make::not_storable(field));
        Kind::Broken
    }

    fn array(&mut self, field: &Field, ty: &Ty) -> Kind {
        let mut element = ty;
        while let Ty::Array(inner) = element {
            element = inner.required();
        }
        match element {
            Ty::Primitive(_) => self.value(value::primitive, field, ty),
            Ty::Error => Kind::Broken,
            other => {
                self.out.push(make::array_of(field, &other.show(self.names)));
                Kind::Broken
            }
        }
    }

    /// Fields of `target` that could lead back from `field` of `entity`.
    fn candidates(&self, entity: usize, index: usize, target: usize) -> Vec<usize> {
        let field = self.decl(entity, index);
        let wanted = find(&field.annotations, "relation").and_then(|annotation| annotation.string());
        let find_in = |direct: bool| -> Vec<usize> {
            let partners = self.members.composites[target].members.iter().enumerate();
            partners
                .filter(|(position, partner)| {
                    partner.via.is_none() == direct
                        && *partner.ty.innermost() == Ty::Composite(entity)
                        && !(target == entity && *position == index)
                        && wanted.is_none_or(|name| *name == *partner.decl.name.text)
                        && find(&partner.decl.annotations, "relation")
                            .and_then(|annotation| annotation.string())
                            .is_none_or(|name| *name == *field.name.text)
                })
                .map(|(position, _)| position)
                .collect()
        };
        let direct = find_in(true);
        if !direct.is_empty() || has(&field.annotations, "manyToOne") || has(&field.annotations, "oneToOne") {
            return direct;
        }
        // Fields of fragments count only where nothing else fits, so that no accepted model changes its meaning.
        find_in(false)
    }

    fn single(&mut self, entity: usize, index: usize, target: usize) -> Kind {
        let field = self.decl(entity, index);
        let candidates = self.candidates(entity, index, target);
        let own = shape(&self.members.composites[entity].members[index].ty);
        let (many, one) = (find(&field.annotations, "manyToOne"), find(&field.annotations, "oneToOne"));
        let [partner] = candidates.as_slice() else {
            let partners: Vec<&Field> =
                candidates.iter().map(|candidate| self.decl(target, *candidate)).collect();
            return match (many, one) {
                (Some(many), Some(one)) => {
                    self.out.push(make::both_cardinalities(field, many.span, one.span));
                    Kind::Broken
                }
                (Some(_), None) => Kind::Reference { target, partner: None, one_to_one: false },
                (None, Some(_)) if own == Shape::Optional => {
                    self.out.push(make::optional_one_to_one(field));
                    Kind::Broken
                }
                (None, Some(_)) => Kind::Reference { target, partner: None, one_to_one: true },
                (None, None) => {
                    let composite = self.names.composites[target].decl;
                    self.out.push(make::no_cardinality(field, self.name(entity), composite, &partners));
                    Kind::Broken
                }
            };
        };
        let partner = *partner;
        let other = self.decl(target, partner);
        for redundant in many.into_iter().chain(one) {
            self.out.push(make::redundant_cardinality(redundant, other));
        }
        match (own, shape(&self.members.composites[target].members[partner].ty)) {
            (_, Shape::Collection) => Kind::Reference { target, partner: Some(partner), one_to_one: false },
            (Shape::Required, Shape::Optional) => {
                Kind::Reference { target, partner: Some(partner), one_to_one: true }
            }
            (Shape::Optional, Shape::Required) => {
                if let Some(column) = find(&field.annotations, "column") {
                    self.out.push(make::column_on_inverse(field, column.span, other));
                }
                Kind::InverseOne { target, owner: partner }
            }
            (Shape::Required, _) => {
                self.once(field, other, make::both_required);
                Kind::Broken
            }
            (Shape::Optional, _) => {
                self.once(field, other, make::both_optional);
                Kind::Broken
            }
            // A collection does not come here; classified by `collection`.
            (Shape::Collection, _) => Kind::Broken,
        }
    }

    /// Both ends see the same mistake; it is reported at the end written first.
    fn once(&mut self, field: &Field, partner: &Field, make: impl Fn(&Field, &Field) -> Diagnostic) {
        if field.span <= partner.span {
            self.out.push(make(field, partner));
        }
    }

    fn collection(&mut self, entity: usize, index: usize, target: usize) -> Kind {
        let field = self.decl(entity, index);
        if let Some(column) = find(&field.annotations, "column") {
            self.out.push(make::column_on_collection(field, column.span));
        }
        let candidates = self.candidates(entity, index, target);
        match candidates.as_slice() {
            [partner] => {
                let other = self.decl(target, *partner);
                if shape(&self.members.composites[target].members[*partner].ty) == Shape::Collection {
                    let (one, two) = (self.name(entity), self.name(target));
                    self.once(field, other, |field, other| make::many_to_many(field, other, one, two));
                    return Kind::Broken;
                }
                Kind::Collection { target, owner: *partner }
            }
            [] => {
                let composite = self.names.composites[target].decl;
                self.out.push(make::no_partner(field, self.name(entity), composite));
                Kind::Broken
            }
            several => {
                let partners: Vec<&Field> =
                    several.iter().map(|candidate| self.decl(target, *candidate)).collect();
                self.out.push(make::several_partners(field, &partners));
                Kind::Broken
            }
        }
    }
}
