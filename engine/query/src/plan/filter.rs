//! `where` arguments into predicates (graphql-and-sql 1.4 and 3.4).

use studio_model::ir::{ColumnId, ColumnType, Distance, EntityId, Field, FieldId, FieldKind, ValueType};
use studio_sql::expr::{BinaryOp, Expr};

use super::convert::{self, conversion_error};
use super::link::{Link, field_named};
use super::planner::{Planned, Planner};
use super::predicate::{Pred, Test};
use super::{Param, ParamOrigin, ParamType, ParamValue};
use crate::error::{ErrorClass, RequestError};
use crate::operation::{Data, Value};

/// Where a value was written, for the trace.
pub(crate) fn origin(value: &Value) -> ParamOrigin {
    match &value.variable {
        Some(variable) => ParamOrigin::Variable(variable.clone()),
        None => ParamOrigin::Document,
    }
}

/// The operator of a distance function.
pub(crate) fn distance_operator(distance: Distance) -> BinaryOp {
    match distance {
        Distance::Cosine => BinaryOp::CosineDistance,
        Distance::L2 => BinaryOp::L2Distance,
        Distance::InnerProduct => BinaryOp::InnerProduct,
    }
}

/// A condition and the read rules of the fields it uses. The rules stay beside the condition while it may still be
/// negated: `not` must not turn "not allowed" into "matches".
struct Filter<'a> {
    condition: Pred<'a>,
    rules: Pred<'a>,
}

impl<'a> Filter<'a> {
    fn new(condition: Pred<'a>, rules: Pred<'a>, negated: bool) -> Self {
        if negated {
            Self { condition, rules }
        } else {
            Self { condition: Pred::and([condition, rules]), rules: Pred::True }
        }
    }

    fn all(parts: Vec<Self>, negated: bool, join: fn(Vec<Pred<'a>>) -> Pred<'a>) -> Self {
        let (conditions, rules): (Vec<_>, Vec<_>) =
            parts.into_iter().map(|part| (part.condition, part.rules)).unzip();
        Self::new(join(conditions), Pred::and(rules), negated)
    }
}

fn invalid_where(detail: &str) -> RequestError {
    RequestError::plain(["Invalid field 'where': ", detail].concat(), ErrorClass::Invalid, None)
}

impl<'a> Planner<'a, '_> {
    /// The predicate of a `TFilter` value; null filters nothing. The read rules of the fields it uses are part of it.
    pub(crate) fn filter(&mut self, entity: EntityId, value: &'a Value) -> Planned<Pred<'a>> {
        let Filter { condition, rules } = self.filter_level(entity, value, false)?;
        Ok(Pred::and([condition, rules]))
    }

    fn filter_level(&mut self, entity: EntityId, value: &'a Value, negated: bool) -> Planned<Filter<'a>> {
        let members = match &value.data {
            Data::Null => return Ok(Filter::new(Pred::True, Pred::True, negated)),
            Data::Object(members) => members,
            _ => return Err(conversion_error().into()),
        };
        let logical = |key: &str| {
            matches!(key, "and" | "or" | "not") && field_named(self.entity(entity), key).is_none()
        };
        let present = members.iter().filter(|(key, value)| logical(key) && value.data != Data::Null).count();
        if present > 1 {
            return Err(
                invalid_where("Cannot specify more than one logical operation on the same level").into()
            );
        }
        let mut parts = Vec::with_capacity(members.len());
        for (key, operand) in members {
            if operand.data == Data::Null {
                continue;
            }
            match field_named(self.entity(entity), key) {
                Some((id, field)) => parts.push(self.field_filter(entity, id, field, operand, negated)?),
                None => parts.push(self.logical_filter(entity, key, operand, negated)?),
            }
        }
        Ok(Filter::all(parts, negated, Pred::and))
    }

    fn logical_filter(
        &mut self,
        entity: EntityId,
        key: &str,
        operand: &'a Value,
        negated: bool,
    ) -> Planned<Filter<'a>> {
        if key == "not" {
            let Filter { condition, rules } = self.filter_level(entity, operand, true)?;
            return Ok(Filter::new(condition.negate(), rules, negated));
        }
        let items = match &operand.data {
            Data::List(items) => items.as_slice(),
            _ => std::slice::from_ref(operand),
        };
        if items.is_empty() {
            return Err(invalid_where("Logical operation predicate does not have any arguments").into());
        }
        let mut parts = Vec::with_capacity(items.len());
        for item in items {
            parts.push(self.filter_level(entity, item, negated)?);
        }
        Ok(match key {
            "and" => Filter::all(parts, negated, Pred::and),
            "or" => Filter::all(parts, negated, Pred::or),
            _ => return Err(RequestError::internal("unknown entry in a filter").into()),
        })
    }

    fn field_filter(
        &mut self,
        entity: EntityId,
        id: FieldId,
        field: &'a Field,
        operand: &'a Value,
        negated: bool,
    ) -> Planned<Filter<'a>> {
        let rule = if self.hooks.trusted { Pred::True } else { self.field_read_rule(entity, id)?.scoped() };
        let (condition, inner_rules) = match &field.kind {
            FieldKind::Value(ty) => {
                let column = field.columns[0];
                (self.value_filter(entity, column, ty, operand)?, Pred::True)
            }
            FieldKind::Reference { target, .. }
            | FieldKind::InverseOne { target, .. }
            | FieldKind::Collection { target, .. } => {
                let inner = self.filter_level(*target, operand, negated)?;
                let condition = match Link::of(self.ir, entity, id) {
                    Some(link) if link.is_owning() => through_reference(id, link, inner.condition),
                    Some(_) | None => Pred::via(id, inner.condition),
                };
                (condition, Pred::via(id, inner.rules))
            }
        };
        Ok(Filter::new(condition, Pred::and([rule, inner_rules]), negated))
    }

    fn value_filter(
        &mut self,
        entity: EntityId,
        column: ColumnId,
        ty: &'a ValueType,
        operand: &'a Value,
    ) -> Planned<Pred<'a>> {
        let members = match &operand.data {
            Data::Object(members) => members,
            // `BlobFilter` is a scalar: the value itself.
            _ => return self.compare(entity, column, BinaryOp::Eq, operand),
        };
        let mut parts = Vec::with_capacity(members.len());
        for (name, value) in members {
            parts.push(self.operator(entity, column, ty, name, value)?);
        }
        Ok(Pred::and(parts))
    }

    fn operator(
        &mut self,
        entity: EntityId,
        column: ColumnId,
        ty: &'a ValueType,
        name: &str,
        value: &'a Value,
    ) -> Planned<Pred<'a>> {
        let null = value.data == Data::Null;
        let op = match name {
            "eq" if null => return Ok(Pred::leaf(column, Test::Null { negated: false })),
            "neq" if null => return Ok(Pred::leaf(column, Test::Null { negated: true })),
            "similar" => return self.similar(entity, column, ty, value),
            "in" | "nin" => return self.among_values(entity, column, value, name == "nin"),
            "matchKey" => return self.match_keys(column, BinaryOp::HasKey, value),
            "matchAnyKey" => return self.match_keys(column, BinaryOp::HasAnyKey, value),
            "matchAllKeys" => return self.match_keys(column, BinaryOp::HasAllKeys, value),
            "startsWith" | "endsWith" | "like" | "ilike" => return self.like(entity, column, name, value),
            "eq" => BinaryOp::Eq,
            "neq" => BinaryOp::Ne,
            "lt" => BinaryOp::Lt,
            "lte" => BinaryOp::Le,
            "gt" => BinaryOp::Gt,
            "gte" => BinaryOp::Ge,
            "contains" => BinaryOp::Contains,
            "containedBy" => BinaryOp::ContainedBy,
            _ => return Err(RequestError::internal("unknown operator in a filter").into()),
        };
        self.compare(entity, column, op, value)
    }

    fn compare(
        &mut self,
        entity: EntityId,
        column: ColumnId,
        op: BinaryOp,
        value: &'a Value,
    ) -> Planned<Pred<'a>> {
        let ty = self.column_type(entity, column);
        let (ty, element) = innermost(ty);
        let param = convert::param(value, ty).map_err(|_| conversion_error())?;
        let bound = self.bind_for(param, ty);
        Ok(Pred::leaf(column, if element { Test::Element(op, bound) } else { Test::Compare(op, bound) }))
    }

    /// `in` and `nin` (an extension): one array parameter; null filters nothing. Neither holds for a row without a
    /// value. On an array column some element is meant.
    fn among_values(
        &mut self,
        entity: EntityId,
        column: ColumnId,
        value: &'a Value,
        negated: bool,
    ) -> Planned<Pred<'a>> {
        let Data::List(items) = &value.data else {
            return match value.data {
                Data::Null => Ok(Pred::True),
                _ => Err(conversion_error().into()),
            };
        };
        let (ty, is_array) = innermost(self.column_type(entity, column));
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            texts.push(convert::text(&item.data, ty).map_err(|_| conversion_error())?);
        }
        let bound = self.bind(Param {
            ty: ParamType::Array(Box::new(convert::param_type(ty))),
            value: ParamValue::Text(convert::array_literal(texts.iter().map(Option::as_deref))),
            origin: origin(value),
        });
        let bound = self.cast_param(bound, &ColumnType::Array(Box::new(ty.clone())));
        let found = Pred::leaf(column, if is_array { Test::Overlaps(bound) } else { Test::AnyOf(bound) });
        Ok(if negated { Pred::Not(Box::new(found)) } else { found })
    }

    fn like(
        &mut self,
        entity: EntityId,
        column: ColumnId,
        name: &str,
        value: &'a Value,
    ) -> Planned<Pred<'a>> {
        let text = match &value.data {
            Data::Null => ParamValue::Null,
            data => ParamValue::Text(convert::string(data).map_err(|_| conversion_error())?.to_owned()),
        };
        let bound = self.bind(Param { ty: ParamType::Text, value: text, origin: origin(value) });
        let percent = Expr::Text("%".into());
        let (op, pattern) = match name {
            "startsWith" => (BinaryOp::Like, Expr::binary(bound, BinaryOp::Concat, percent)),
            "endsWith" => (BinaryOp::Like, Expr::binary(percent, BinaryOp::Concat, bound)),
            "ilike" => (BinaryOp::ILike, bound),
            _ => (BinaryOp::Like, bound),
        };
        let (_, element) = innermost(self.column_type(entity, column));
        Ok(Pred::leaf(column, if element { Test::Element(op, pattern) } else { Test::Compare(op, pattern) }))
    }

    /// `matchKey` takes a string, `matchAnyKey` and `matchAllKeys` a list of strings; all typed `Json`.
    fn match_keys(&mut self, column: ColumnId, op: BinaryOp, value: &'a Value) -> Planned<Pred<'a>> {
        let json = convert::json(&value.data);
        let several = op != BinaryOp::HasKey;
        let text = match json {
            serde_json::Value::Null => ParamValue::Null,
            serde_json::Value::String(key) if !several => ParamValue::Text(key),
            serde_json::Value::String(key) => {
                ParamValue::Text(convert::array_literal([Some(key.as_str())].into_iter()))
            }
            serde_json::Value::Array(keys) if several => {
                let mut texts = Vec::with_capacity(keys.len());
                for key in &keys {
                    texts.push(Some(key.as_str().ok_or_else(conversion_error)?));
                }
                ParamValue::Text(convert::array_literal(texts.into_iter()))
            }
            _ => return Err(conversion_error().into()),
        };
        let ty = if several { ParamType::Array(Box::new(ParamType::Text)) } else { ParamType::Text };
        let bound = self.bind(Param { ty, value: text, origin: origin(value) });
        Ok(Pred::leaf(column, Test::Compare(op, bound)))
    }

    /// `similar: {distanceTo, distance}`: each bound of `distance` is one condition.
    fn similar(
        &mut self,
        entity: EntityId,
        column: ColumnId,
        ty: &'a ValueType,
        value: &'a Value,
    ) -> Planned<Pred<'a>> {
        let (Data::Object(members), ValueType::Vector { distance, .. }) = (&value.data, ty) else {
            return match value.data {
                Data::Null => Ok(Pred::True),
                _ => Err(conversion_error().into()),
            };
        };
        let distance = distance_operator(*distance);
        let Some(Value { data: Data::Object(bounds), .. }) = members.get("distance") else {
            return Ok(Pred::True);
        };
        let target = members.get("distanceTo").ok_or_else(conversion_error)?;
        let mut parts = Vec::with_capacity(bounds.len());
        for (name, bound) in bounds {
            let probe = self.probe(entity, column, target)?;
            if bound.data == Data::Null && matches!(name.as_str(), "eq" | "neq") {
                // A distance is NULL where the vector is.
                parts.push(Pred::leaf(column, Test::Null { negated: name == "neq" }));
                continue;
            }
            let op = match name.as_str() {
                "eq" => BinaryOp::Eq,
                "neq" => BinaryOp::Ne,
                "lt" => BinaryOp::Lt,
                "lte" => BinaryOp::Le,
                "gt" => BinaryOp::Gt,
                "gte" => BinaryOp::Ge,
                _ => return Err(RequestError::internal("unknown operator in a distance filter").into()),
            };
            let bound =
                convert::param(bound, &ColumnType::DoublePrecision).map_err(|_| conversion_error())?;
            let bound = self.bind(bound);
            parts.push(Pred::leaf(column, Test::Distance { distance, probe, op, bound }));
        }
        Ok(Pred::and(parts))
    }

    /// The target vector of a distance.
    pub(crate) fn probe(&mut self, entity: EntityId, column: ColumnId, target: &Value) -> Planned<Expr<'a>> {
        let ty = self.column_type(entity, column);
        if target.data == Data::Null {
            return Err(conversion_error().into());
        }
        let param = convert::param(target, ty).map_err(|_| conversion_error())?;
        Ok(self.bind_for(param, ty))
    }
}

/// A condition on a referenced row. What only concerns its key is asked of the own foreign key, without following
/// the link.
fn through_reference<'a>(field: FieldId, link: Link<'a>, inner: Pred<'a>) -> Pred<'a> {
    let parts = match inner {
        Pred::And(parts) => parts,
        single => vec![single],
    };
    let mut own = Vec::with_capacity(parts.len());
    let mut theirs = Vec::new();
    for part in parts {
        if is_on_key(link, &part) {
            own.push(on_own_columns(link, part));
        } else {
            theirs.push(part);
        }
    }
    own.push(Pred::via(field, Pred::and(theirs)));
    Pred::and(own)
}

/// A condition on the target's key columns, asked of the own ones.
fn on_own_columns<'a>(link: Link<'a>, pred: Pred<'a>) -> Pred<'a> {
    match pred {
        Pred::Leaf { column, test } => Pred::Leaf { column: link.own_column(column).unwrap_or(column), test },
        Pred::Not(inner) => Pred::Not(Box::new(on_own_columns(link, *inner))),
        Pred::And(parts) => Pred::and(parts.into_iter().map(|part| on_own_columns(link, part))),
        Pred::Or(parts) => Pred::or(parts.into_iter().map(|part| on_own_columns(link, part))),
        other => other,
    }
}

/// Whether a condition only concerns key columns of the target.
fn is_on_key(link: Link<'_>, pred: &Pred<'_>) -> bool {
    match pred {
        Pred::Leaf { column, .. } => link.own_column(*column).is_some(),
        Pred::Not(inner) => is_on_key(link, inner),
        Pred::And(parts) | Pred::Or(parts) => parts.iter().all(|part| is_on_key(link, part)),
        Pred::True
        | Pred::False
        | Pred::Pair { .. }
        | Pred::Member { .. }
        | Pred::Via { .. }
        | Pred::Outer(_)
        | Pred::Scoped(_)
        | Pred::Related { .. } => false,
    }
}

/// The element type of an array column, and whether it is one.
fn innermost(ty: &ColumnType) -> (&ColumnType, bool) {
    let mut current = ty;
    while let ColumnType::Array(element) = current {
        current = element;
    }
    (current, matches!(ty, ColumnType::Array(_)))
}
