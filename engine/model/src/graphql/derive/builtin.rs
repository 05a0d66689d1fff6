//! Types that are the same in every schema: scalars, their filters and aggregates, `Ordering`, vectors.

use std::sync::Arc;

use super::super::action::AggregateFunction;
use super::super::types::{FieldDef, InputDef, Meaning, Members, TypeId, TypeKind, TypeRef};
use crate::ir::Scalar;

const COMPARABLE: [&str; 6] = ["eq", "neq", "lt", "lte", "gt", "gte"];
const TEXT: [&str; 10] = ["eq", "neq", "lt", "lte", "gt", "gte", "like", "ilike", "startsWith", "endsWith"];
const EQUATABLE: [&str; 2] = ["eq", "neq"];
const JSON: [&str; 5] = ["contains", "containedBy", "matchKey", "matchAllKeys", "matchAnyKey"];

/// Derives one of the types this file is responsible for.
pub(super) fn define(id: TypeId) -> (Option<Arc<str>>, TypeKind) {
    match id {
        TypeId::Ordering => (None, TypeKind::Enum(vec!["ASC".into(), "DESC".into()])),
        TypeId::VectorOrdering => (
            None,
            input(vec![
                InputDef::new("distanceTo", vector().non_null()),
                InputDef::new("order", TypeRef::nullable(TypeId::Ordering)),
            ]),
        ),
        TypeId::VectorFilter => (
            None,
            input(vec![
                InputDef::new("similar", TypeRef::nullable(TypeId::VectorFilterArg)),
                InputDef::new("eq", vector()),
                InputDef::new("neq", vector()),
            ]),
        ),
        TypeId::VectorFilterArg => (
            Some("Predicate to filter based on vector distance".into()),
            input(vec![
                InputDef {
                    description: Some("The target vector to compare against."),
                    ..InputDef::new("distanceTo", vector().non_null())
                },
                InputDef {
                    description: Some("The distance to the vector."),
                    ..InputDef::new("distance", TypeRef::nullable(TypeId::ScalarFilter(Scalar::Float.into())))
                },
            ]),
        ),
        TypeId::VectorAggregate => {
            (None, functions(&[(AggregateFunction::Avg, TypeId::Vector), (AggregateFunction::Count, int())]))
        }
        TypeId::ScalarFilter(scalar) => match scalar.scalar() {
            Scalar::Int
            | Scalar::Float
            | Scalar::Decimal
            | Scalar::Instant
            | Scalar::LocalDate
            | Scalar::LocalTime
            | Scalar::LocalDateTime => (None, operators(&COMPARABLE, TypeId::Scalar(scalar))),
            Scalar::String => (None, operators(&TEXT, TypeId::Scalar(scalar))),
            Scalar::Boolean | Scalar::Uuid => (None, operators(&EQUATABLE, TypeId::Scalar(scalar))),
            Scalar::Json => (None, operators(&JSON, TypeId::Scalar(scalar))),
            Scalar::Blob => {
                (Some("A single value to match against using the equal operator.".into()), TypeKind::Scalar)
            }
        },
        TypeId::EnumFilter(id) => (None, operators(&EQUATABLE, TypeId::Enum(id))),
        TypeId::ScalarAggregate(scalar) => (None, scalar_aggregate(scalar.scalar())),
        TypeId::EnumAggregate(_) => (None, functions(&[(AggregateFunction::Count, int())])),
        _ => (None, TypeKind::Scalar),
    }
}

fn scalar_aggregate(scalar: Scalar) -> TypeKind {
    use AggregateFunction::{Avg, Count, Max, Min, Sum};
    let this = TypeId::from(scalar);
    match scalar {
        Scalar::Int | Scalar::Float => {
            functions(&[(Min, this), (Max, this), (Sum, this), (Avg, Scalar::Float.into()), (Count, int())])
        }
        Scalar::Decimal => functions(&[(Min, this), (Max, this), (Sum, this), (Avg, this), (Count, int())]),
        Scalar::String => functions(&[(Min, this), (Max, this), (Count, int())]),
        _ => functions(&[(Count, int())]),
    }
}

fn functions(functions: &[(AggregateFunction, TypeId)]) -> TypeKind {
    let fields = functions.iter().map(|(function, ty)| FieldDef {
        name: function.name().into(),
        ty: TypeRef::nullable(*ty),
        args: Members::default(),
        meaning: Meaning::Function(*function),
    });
    TypeKind::Object(Members::new(fields.collect()))
}

fn operators(names: &[&str], operand: TypeId) -> TypeKind {
    input(names.iter().map(|name| InputDef::new(*name, TypeRef::nullable(operand))).collect())
}

fn input(members: Vec<InputDef>) -> TypeKind {
    TypeKind::Input(Members::new(members))
}

fn vector() -> TypeRef {
    TypeRef::list_of(Scalar::Float.into())
}

fn int() -> TypeId {
    Scalar::Int.into()
}
