//! Parts of the schema beyond the contract, each behind a switch that is off by default: with all of them off the
//! schema is exactly the contract's.

use super::action::EntityAction;
use super::derive::RootMember;
use super::naming::OperationNames;
use super::types::{EntityForm, FieldDef, InputDef, Meaning, Members, TypeDef, TypeId, TypeKind, TypeRef};
use crate::ir::{ColumnDefault, Entity, FieldDefault, FieldId, FieldKind, Ir, Scalar};

/// Which extensions a schema has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extensions {
    /// `in` and `nin` with lists in the filters of scalars and enums.
    pub in_filters: bool,
    /// `after` on lists: the rows behind a row, by its key (keyset pagination).
    pub cursors: bool,
    /// `upsertT` and `upsertTByU`: insert, or update the row that is there.
    pub upsert: bool,
}

impl Extensions {
    /// Adds to a type.
    pub(super) fn extend(self, definition: &mut TypeDef) {
        match &mut definition.kind {
            TypeKind::Input(members) if self.in_filters => {
                if let Some(operand) = list_operand(definition.id) {
                    let operands = TypeRef::list_of(operand);
                    let added = [InputDef::new("in", operands), InputDef::new("nin", operands)];
                    add(members, added);
                }
            }
            TypeKind::Object(members) if self.cursors => {
                let mut list = std::mem::take(members).into_list();
                list.iter_mut().for_each(|field| self.extend_field(field));
                *members = Members::new(list);
            }
            TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::Input(_) | TypeKind::Object(_) => {}
        }
    }

    /// Adds to a field.
    pub(super) fn extend_field(self, field: &mut FieldDef) {
        let is_list = matches!(field.meaning, Meaning::Operation(_, EntityAction::List) | Meaning::Field(..));
        let TypeId::Entity(target, EntityForm::Object) = field.ty.base else { return };
        if self.cursors && is_list && field.ty.is_list() && field.args.position("limit").is_some() {
            let key = TypeRef::nullable(TypeId::Entity(target, EntityForm::UniqueFilter));
            add(&mut field.args, [InputDef::new("after", key)]);
        }
    }

    /// Adds root fields.
    pub(super) fn extend_root(self, ir: &Ir, mutations: bool, members: &mut Vec<RootMember>) {
        if !(self.upsert && mutations) {
            return;
        }
        for (id, entity) in ir.entities.iter() {
            let access = &entity.access;
            if access.create.is_statically_closed() || access.update.is_statically_closed() {
                continue;
            }
            let names = OperationNames::new(entity);
            let mut push = |name, on| {
                let meaning = Meaning::Operation(id, EntityAction::Upsert(on));
                members.push(RootMember { name, meaning });
            };
            if !entity.primary_key.is_empty() && can_be_given(entity, &entity.primary_key) {
                push(names.on_one("upsert"), None);
            }
            for (index, unique) in entity.uniques.iter().enumerate() {
                if can_be_given(entity, &unique.fields) {
                    push(names.upsert_by_unique(unique), Some(index));
                }
            }
        }
    }
}

/// Whether a creation input has all of these fields.
fn can_be_given(entity: &Entity, fields: &[FieldId]) -> bool {
    fields.iter().all(|id| {
        let field = &entity.fields[*id];
        let numbered = matches!(
            field.default,
            Some(FieldDefault::Column(ColumnDefault::Serial | ColumnDefault::Sequence { .. }))
        );
        let written = matches!(field.kind, FieldKind::Value(_) | FieldKind::Reference { .. });
        written && !field.readonly && !field.update && !numbered
    })
}

/// What the lists of a filter hold; `None` for filters without an equality of single values.
fn list_operand(filter: TypeId) -> Option<TypeId> {
    match filter {
        TypeId::EnumFilter(id) => Some(TypeId::Enum(id)),
        TypeId::ScalarFilter(scalar) => match scalar.scalar() {
            Scalar::Boolean | Scalar::Json | Scalar::Blob => None,
            Scalar::Int
            | Scalar::Float
            | Scalar::Decimal
            | Scalar::String
            | Scalar::LocalTime
            | Scalar::LocalDateTime
            | Scalar::LocalDate
            | Scalar::Instant
            | Scalar::Uuid => Some(TypeId::Scalar(scalar)),
        },
        _ => None,
    }
}

fn add<const N: usize>(members: &mut Members<InputDef>, added: [InputDef; N]) {
    let mut list = std::mem::take(members).into_list();
    list.extend(added);
    *members = Members::new(list);
}
