//! Comparisons of columns with known values.

use studio_model::ir::{ColumnType, CompareOp, EntityId};
use studio_sql::expr::{BinaryOp, Expr};

use super::solve::wrap;
use super::value::Val;
use crate::operation::Value;
use crate::plan::{
    ColumnPath, Param, ParamOrigin, ParamType, ParamValue, Planned, Planner, Pred, Start, Test,
    array_literal, conversion_error, convert_param, convert_text, param_type,
};

impl<'a> Planner<'a, '_> {
    /// `column op value` over the links of the path.
    pub(crate) fn column_against_value(
        &mut self,
        op: CompareOp,
        path: ColumnPath<'a>,
        entity: EntityId,
        value: Val,
        origin: ParamOrigin,
    ) -> Planned<Pred<'a>> {
        let ty = self.column_type(entity, path.column);
        let test = match (op, &value) {
            (CompareOp::In, Val::Null) => return Ok(Pred::False),
            (CompareOp::In, value) => Test::AnyOf(self.bind_list(value, ty, origin)?),
            (CompareOp::Eq, Val::Null) => Test::Null { negated: false },
            (CompareOp::Ne, Val::Null) => Test::Null { negated: true },
            // An ordering comparison with null is null for every row, also when it is negated.
            (op, value) => {
                if wider(value, ty).is_none() {
                    self.caller.bound(&origin, ty);
                }
                Test::Compare(operator(op), self.bind_value(value, ty, origin)?)
            }
        };
        Ok(self.test_at(path, test))
    }

    /// `value op column`.
    pub(crate) fn value_against_column(
        &mut self,
        op: CompareOp,
        value: Val,
        origin: ParamOrigin,
        path: ColumnPath<'a>,
        entity: EntityId,
    ) -> Planned<Pred<'a>> {
        if op != CompareOp::In {
            return self.column_against_value(mirror(op), path, entity, value, origin);
        }
        if value == Val::Null {
            return Ok(Pred::False);
        }
        let ColumnType::Array(element) = self.column_type(entity, path.column) else {
            return Err(conversion_error().into());
        };
        let bound = self.bind_value(&value, element, origin)?;
        Ok(self.test_at(path, Test::Element(BinaryOp::Eq, bound)))
    }

    fn test_at(&self, path: ColumnPath<'a>, test: Test<'a>) -> Pred<'a> {
        let pred = wrap(&path.links, Pred::leaf(path.column, test));
        match path.start {
            Start::Row => pred,
            Start::Outer => Pred::Outer(Box::new(pred)),
            Start::Key { entity, key } => Pred::Related { entity, key: Some(key), pred: Box::new(pred) },
        }
    }

    /// A known value as a parameter for comparing with a column.
    pub(crate) fn bind_value(
        &mut self,
        value: &Val,
        ty: &ColumnType,
        origin: ParamOrigin,
    ) -> Planned<Expr<'a>> {
        let data = value.data();
        let wider = wider(value, ty);
        let ty = wider.as_ref().unwrap_or(ty);
        let mut param = convert_param(&Value { data, variable: None }, ty).map_err(|_| conversion_error())?;
        param.origin = origin;
        Ok(self.bind_for(param, ty))
    }

    /// A list as one array parameter.
    fn bind_list(&mut self, value: &Val, ty: &ColumnType, origin: ParamOrigin) -> Planned<Expr<'a>> {
        let single;
        let items = match value {
            Val::List(items) => items.as_slice(),
            other => {
                single = [other.clone()];
                &single
            }
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            texts.push(convert_text(&item.data(), ty).map_err(|_| conversion_error())?);
        }
        let literal = array_literal(texts.iter().map(Option::as_deref));
        let array = ColumnType::Array(Box::new(ty.clone()));
        let bound = self.bind(Param {
            ty: ParamType::Array(Box::new(param_type(ty))),
            value: ParamValue::Text(literal),
            origin,
        });
        Ok(self.cast_param(bound, &array))
    }
}

/// The type a value is bound with, if not that of the column: a number that the column cannot hold is still comparable
/// with it.
fn wider(value: &Val, ty: &ColumnType) -> Option<ColumnType> {
    match (ty, value) {
        (ColumnType::SmallInt | ColumnType::Int | ColumnType::BigInt, Val::Float(_)) => {
            Some(ColumnType::DoublePrecision)
        }
        (ColumnType::SmallInt | ColumnType::Int, Val::Int(_)) if convert_text(&value.data(), ty).is_err() => {
            Some(ColumnType::BigInt)
        }
        (ColumnType::Numeric { .. }, Val::Int(_) | Val::Float(_)) => Some(ColumnType::DoublePrecision),
        _ => None,
    }
}

/// The text of a context value that [`Planner::column_against_value`] would bind with the type of the column, as it
/// did with `before`; `None` if it would do something else.
pub(crate) fn bound_text(value: &Val, before: &Val, ty: &ColumnType) -> Option<String> {
    let alike = std::mem::discriminant(value) == std::mem::discriminant(before);
    if !alike || *value == Val::Null || wider(value, ty).is_some() {
        return None;
    }
    convert_text(&value.data(), ty).ok().flatten()
}

/// The SQL operator of a comparison.
pub(crate) fn operator(op: CompareOp) -> BinaryOp {
    match op {
        CompareOp::Eq | CompareOp::In => BinaryOp::Eq,
        CompareOp::Ne => BinaryOp::Ne,
        CompareOp::Lt => BinaryOp::Lt,
        CompareOp::Le => BinaryOp::Le,
        CompareOp::Gt => BinaryOp::Gt,
        CompareOp::Ge => BinaryOp::Ge,
    }
}

/// The comparison with its sides exchanged.
fn mirror(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Lt => CompareOp::Gt,
        CompareOp::Le => CompareOp::Ge,
        CompareOp::Gt => CompareOp::Lt,
        CompareOp::Ge => CompareOp::Le,
        other @ (CompareOp::Eq | CompareOp::Ne | CompareOp::In) => other,
    }
}
