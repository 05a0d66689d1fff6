//! Three-valued solving of rules (language.md 6.5), on rows.

use studio_model::ir::{
    AccessExpr, ColumnType, CompareOp, ContextValue, EntityId, FieldId, FieldPath, Operand, PathRoot,
};
use studio_sql::expr::{BinaryOp, Expr};

use super::log::OperandValue;
use super::value::Val;
use crate::operation::Value;
use crate::plan::{
    ColumnPath, Param, ParamOrigin, ParamType, ParamValue, Planned, Planner, Pred, Test, array_literal,
    conversion_error, convert_param, convert_text, link_target, param_type, resolve_path,
};

/// What `self` is while a rule is solved.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    /// Rows of this entity; inside the condition of `some` also rows of the element's entity.
    Rows { entity: EntityId, element: Option<EntityId> },
}

/// An intermediate result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict<'a> {
    /// `Solved`; otherwise `Unsolvable`, which negation leaves alone.
    pub(crate) solved: bool,
    pub(crate) pred: Pred<'a>,
}

impl<'a> Verdict<'a> {
    pub(crate) fn solved(pred: Pred<'a>) -> Self {
        Self { solved: true, pred }
    }

    pub(crate) fn unsolvable(pred: Pred<'a>) -> Self {
        Self { solved: false, pred }
    }

    fn of(truth: bool) -> Self {
        Self::solved(if truth { Pred::True } else { Pred::False })
    }
}

/// An operand of a comparison, as far as it is known.
enum Side {
    /// A missing context value.
    Absent,
    Value(Val, ParamOrigin),
    Column(ColumnPath, EntityId),
}

impl<'a> Planner<'a, '_> {
    /// Solves an expression.
    pub(crate) fn solve(&mut self, expr: &'a AccessExpr, subject: Subject) -> Planned<Verdict<'a>> {
        match expr {
            AccessExpr::Literal(truth) => Ok(Verdict::of(*truth)),
            AccessExpr::Compare { op, left, right } => self.solve_comparison(*op, left, right, subject),
            AccessExpr::Not(inner) => {
                let inner = self.solve(inner, subject)?;
                Ok(if inner.solved { Verdict::solved(inner.pred.negate()) } else { inner })
            }
            AccessExpr::And(left, right) => {
                let left = self.solve(left, subject)?;
                if left.solved && left.pred == Pred::False {
                    return Ok(left);
                }
                let right = self.solve(right, subject)?;
                Ok(Verdict { solved: left.solved || right.solved, pred: Pred::and([left.pred, right.pred]) })
            }
            AccessExpr::Or(left, right) => {
                let left = self.solve(left, subject)?;
                if left.solved && left.pred == Pred::True {
                    return Ok(left);
                }
                let right = self.solve(right, subject)?;
                Ok(Verdict { solved: left.solved || right.solved, pred: Pred::or([left.pred, right.pred]) })
            }
            AccessExpr::Some { collection, condition } => self.solve_some(collection, condition, subject),
        }
    }

    fn solve_some(
        &mut self,
        collection: &'a FieldPath,
        condition: &'a AccessExpr,
        subject: Subject,
    ) -> Planned<Verdict<'a>> {
        let Subject::Rows { entity, element } = subject;
        let mut current = collection.entity;
        for step in &collection.steps {
            current = link_target(self.ir, current, *step);
        }
        let inner = self.solve(condition, Subject::Rows { entity, element: Some(current) })?;
        let Some((last, links)) = collection.steps.split_last() else { return Ok(Verdict::of(false)) };
        let exists = Pred::Via { field: *last, pred: Box::new(inner.pred), independent: true };
        let pred = wrap(links, exists);
        let outer = element.is_some() && collection.root == PathRoot::SelfRow;
        Ok(Verdict { solved: inner.solved, pred: if outer { Pred::Outer(Box::new(pred)) } else { pred } })
    }

    fn solve_comparison(
        &mut self,
        op: CompareOp,
        left: &'a Operand,
        right: &'a Operand,
        subject: Subject,
    ) -> Planned<Verdict<'a>> {
        let left = self.side(left, subject)?;
        let right = self.side(right, subject)?;
        match (left, right) {
            (Side::Absent, _) | (_, Side::Absent) => Ok(Verdict::unsolvable(Pred::False)),
            (Side::Value(left, _), Side::Value(right, _)) => Ok(Verdict::of(Val::compare(op, &left, &right))),
            (Side::Column(path, entity), Side::Value(value, origin)) => {
                self.column_against_value(op, path, entity, value, origin).map(Verdict::solved)
            }
            (Side::Value(value, origin), Side::Column(path, entity)) => {
                if op == CompareOp::In {
                    return self.value_in_column(path, entity, &value, origin).map(Verdict::solved);
                }
                self.column_against_value(mirror(op), path, entity, value, origin).map(Verdict::solved)
            }
            (Side::Column(left, _), Side::Column(right, _)) => Ok(Verdict::solved(pair(op, left, right))),
        }
    }

    fn side(&mut self, operand: &'a Operand, subject: Subject) -> Planned<Side> {
        match operand {
            Operand::Literal(literal) => Ok(Side::Value(Val::literal(literal), ParamOrigin::Model)),
            Operand::EnumValue(_, label) => Ok(Side::Value(Val::Text(label.clone()), ParamOrigin::Model)),
            Operand::Context(wanted) => self.context_side(wanted),
            Operand::Path(path) => {
                let Subject::Rows { element, .. } = subject;
                let (links, column) = resolve_path(self.ir, path.entity, &path.steps).ok_or_else(|| {
                    crate::error::RequestError::internal("a rule compares a field that has no column")
                })?;
                let mut entity = path.entity;
                for link in &links {
                    entity = link_target(self.ir, entity, *link);
                }
                let outer = element.is_some() && path.root == PathRoot::SelfRow;
                Ok(Side::Column(ColumnPath { outer, links, column }, entity))
            }
        }
    }

    fn context_side(&mut self, wanted: &'a ContextValue) -> Planned<Side> {
        let value = self.caller.value(wanted);
        if self.log.enabled() {
            let shown = match &value {
                Ok(value) => value.as_ref().map(Val::display),
                Err(_) => None,
            };
            let operand = self.caller.name(wanted);
            self.note_operand(OperandValue { operand, value: shown });
        }
        Ok(match value? {
            Some(value) => {
                let origin = ParamOrigin::Context(self.caller.name(wanted).into());
                Side::Value(value, origin)
            }
            None => Side::Absent,
        })
    }

    /// `column op value` over the links of the path.
    pub(crate) fn column_against_value(
        &mut self,
        op: CompareOp,
        path: ColumnPath,
        entity: EntityId,
        value: Val,
        origin: ParamOrigin,
    ) -> Planned<Pred<'a>> {
        let test = match (op, &value) {
            (CompareOp::In, Val::Null) => return Ok(Pred::False),
            (CompareOp::In, value) => {
                let ty = self.column_type(entity, path.column);
                Test::AnyOf(self.bind_list(value, ty, origin)?)
            }
            (CompareOp::Eq, Val::Null) => Test::Null { negated: false },
            (CompareOp::Ne, Val::Null) => Test::Null { negated: true },
            // An ordering comparison with null holds for no row.
            (CompareOp::Lt | CompareOp::Le | CompareOp::Gt | CompareOp::Ge, Val::Null) => {
                return Ok(Pred::False);
            }
            (op, value) => {
                let ty = self.column_type(entity, path.column);
                Test::Compare(operator(op), self.bind_value(value, ty, origin)?)
            }
        };
        let pred = wrap(&path.links, Pred::leaf(path.column, test));
        Ok(if path.outer { Pred::Outer(Box::new(pred)) } else { pred })
    }

    /// `value in column`, the column being an array.
    fn value_in_column(
        &mut self,
        path: ColumnPath,
        entity: EntityId,
        value: &Val,
        origin: ParamOrigin,
    ) -> Planned<Pred<'a>> {
        if *value == Val::Null {
            return Ok(Pred::False);
        }
        let ColumnType::Array(element) = self.column_type(entity, path.column) else {
            return Err(conversion_error().into());
        };
        let bound = self.bind_value(value, element, origin)?;
        let pred = wrap(&path.links, Pred::leaf(path.column, Test::Element(BinaryOp::Eq, bound)));
        Ok(if path.outer { Pred::Outer(Box::new(pred)) } else { pred })
    }

    /// A known value as a parameter for comparing with a column.
    pub(crate) fn bind_value(
        &mut self,
        value: &Val,
        ty: &ColumnType,
        origin: ParamOrigin,
    ) -> Planned<Expr<'a>> {
        let data = value.data();
        // A number that the column's type cannot hold is still comparable with it, in a wider type.
        let wider = match (ty, value) {
            (ColumnType::SmallInt | ColumnType::Int | ColumnType::BigInt, Val::Float(_)) => {
                Some(ColumnType::DoublePrecision)
            }
            (ColumnType::SmallInt | ColumnType::Int, Val::Int(_)) if convert_text(&data, ty).is_err() => {
                Some(ColumnType::BigInt)
            }
            (ColumnType::Numeric { .. }, Val::Int(_) | Val::Float(_)) => Some(ColumnType::DoublePrecision),
            _ => None,
        };
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

/// A predicate moved over links, the first link outermost.
pub(crate) fn wrap<'a>(links: &[FieldId], pred: Pred<'a>) -> Pred<'a> {
    links.iter().rev().fold(pred, |inner, field| Pred::via(*field, inner))
}

fn pair<'a>(op: CompareOp, left: ColumnPath, right: ColumnPath) -> Pred<'a> {
    if left == right && op == CompareOp::Eq {
        return Pred::True;
    }
    match op {
        CompareOp::In => Pred::Member { left, right },
        op => Pred::Pair { left, op: operator(op), right },
    }
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
