//! Aggregates, at the root and nested (graphql-and-sql 1.6 and 3.6).

use std::borrow::Cow;

use studio_model::ir::{ColumnType, EntityId, FieldId, FieldKind};
use studio_sql::expr::{Expr, Function, SqlType};
use studio_sql::select::{Item, Select};

use super::lower::Joins;
use super::planner::{Planned, Planner, Row};
use super::predicate::Pred;
use crate::error::RequestError;
use crate::operation::{AggregateFunction, Arguments, Selected, SelectedField};

/// What an aggregate object needs besides its expression.
struct Parts<'a> {
    joins: Joins<'a>,
    residue: Pred<'a>,
    /// Whether any function is computed; without one the select must not run over rows.
    computes: bool,
}

impl<'a> Planner<'a, '_> {
    /// The select of an aggregate over the rows of an entity, tied to an enclosing row when nested.
    pub(crate) fn aggregate(
        &mut self,
        entity: EntityId,
        arguments: &'a Arguments,
        selection: &'a [SelectedField],
        enclosing: Option<(Row<'a>, FieldId)>,
    ) -> Planned<Select<'a>> {
        let level = self.hooks.pause();
        let row = self.row(entity);
        let mut parts = Parts { joins: Joins::default(), residue: Pred::True, computes: false };
        let object = self.aggregate_object(row, selection, &mut parts)?;
        let mut rows = self.rows(entity, arguments, parts.residue)?;
        self.hooks.resume(level);
        if !parts.computes {
            return Ok(Select { columns: vec![Item::Expr(object)], ..Select::default() });
        }
        if let Some((outer, field)) = enclosing {
            let link = self.link(outer.entity, field);
            rows.tie = Some(self.tie(link, outer, row));
        }
        Ok(self.select(row, object, rows, parts.joins))
    }

    pub(crate) fn nested_aggregate(
        &mut self,
        row: Row<'a>,
        field: FieldId,
        selected: &'a SelectedField,
    ) -> Planned<Expr<'a>> {
        let target = self.link(row.entity, field).target;
        let select = self.aggregate(target, &selected.arguments, &selected.selection, Some((row, field)))?;
        Ok(Expr::Scalar(Box::new(select)))
    }

    fn aggregate_object(
        &mut self,
        row: Row<'a>,
        selection: &'a [SelectedField],
        parts: &mut Parts<'a>,
    ) -> Planned<Expr<'a>> {
        let mut members = Vec::with_capacity(selection.len());
        for selected in selection {
            let value = match &selected.what {
                Selected::Typename(name) => Expr::Text(Cow::Borrowed(&**name)),
                Selected::AggregateField(id) => {
                    self.restrict(row.entity, *id, &mut parts.residue)?;
                    self.aggregate_field(row, *id, &selected.selection, parts)?
                }
                Selected::Field(_)
                | Selected::Aggregate(_)
                | Selected::Distance(_)
                | Selected::Function(_)
                | Selected::JsonMember(_) => {
                    return Err(RequestError::internal("selection does not fit an aggregate").into());
                }
            };
            members.push((Cow::Borrowed(selected.key.as_str()), value));
        }
        Ok(Expr::JsonObject(members))
    }

    fn aggregate_field(
        &mut self,
        row: Row<'a>,
        id: FieldId,
        selection: &'a [SelectedField],
        parts: &mut Parts<'a>,
    ) -> Planned<Expr<'a>> {
        let field = &self.entity(row.entity).fields[id];
        if !matches!(field.kind, FieldKind::Value(_)) {
            // A relational key: aggregates over the rows it points at, one per row here.
            let related = self.join(&mut parts.joins, row, id);
            return self.aggregate_object(related, selection, parts);
        }
        let column = field.columns[0];
        let ty = self.column_type(row.entity, column);
        let value = self.column(row, column);
        let mut members = Vec::with_capacity(selection.len());
        for selected in selection {
            let computed = match &selected.what {
                Selected::Typename(name) => Expr::Text(Cow::Borrowed(&**name)),
                Selected::Function(function) => {
                    parts.computes = true;
                    apply(*function, value.clone(), ty)
                }
                Selected::Field(_)
                | Selected::Aggregate(_)
                | Selected::Distance(_)
                | Selected::AggregateField(_)
                | Selected::JsonMember(_) => {
                    return Err(RequestError::internal("selection does not fit an aggregate").into());
                }
            };
            members.push((Cow::Borrowed(selected.key.as_str()), computed));
        }
        Ok(Expr::JsonObject(members))
    }
}

fn apply<'a>(function: AggregateFunction, value: Expr<'a>, ty: &ColumnType) -> Expr<'a> {
    let name = match function {
        AggregateFunction::Min => Function::Min,
        AggregateFunction::Max => Function::Max,
        AggregateFunction::Sum => Function::Sum,
        AggregateFunction::Avg => Function::Avg,
        AggregateFunction::Count => Function::Count,
    };
    let call = Expr::Call(name, vec![value]);
    match (function, ty) {
        (AggregateFunction::Avg, ColumnType::Vector(_)) => call.cast(SqlType::Array(Box::new(SqlType::Real))),
        _ => call,
    }
}
