//! `orderBy` arguments into sort keys (graphql-and-sql 1.5 and 3.5).

use studio_model::ir::{ColumnId, EntityId, FieldId, FieldKind, ValueType};
use studio_sql::expr::{BinaryOp, Expr};
use studio_sql::select::OrderBy;

use super::filter::distance_operator;
use super::link::{Link, field_named};
use super::lower::Joins;
use super::planner::{Planned, Planner, Row};
use super::predicate::Pred;
use crate::error::{ErrorClass, RequestError};
use crate::operation::{Data, Value};

/// One sort key, before its joins exist.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SortKey<'a> {
    links: Vec<FieldId>,
    column: ColumnId,
    distance: Option<(BinaryOp, Expr<'a>)>,
    descending: bool,
}

impl<'a> SortKey<'a> {
    /// An ascending key of the entity's own rows.
    pub(crate) fn ascending(column: ColumnId) -> Self {
        Self { links: Vec::new(), column, distance: None, descending: false }
    }

    /// The own column it sorts by, and whether downwards; `None` for anything else.
    pub(crate) fn own_column(&self) -> Option<(ColumnId, bool)> {
        (self.links.is_empty() && self.distance.is_none()).then_some((self.column, self.descending))
    }
}

fn invalid_order(data: &Data) -> RequestError {
    let word = match data {
        Data::Null => "null".to_owned(),
        Data::Enum(text) | Data::String(text) => text.clone(),
        other => super::convert::json(other).to_string(),
    };
    RequestError::plain(
        format!("Invalid field 'orderBy': Invalid argument ('{word}')"),
        ErrorClass::Invalid,
        None,
    )
}

impl<'a> Planner<'a, '_> {
    /// The sort keys of an `orderBy` value, in order of priority.
    pub(crate) fn order(&mut self, entity: EntityId, value: &'a Value) -> Planned<Vec<SortKey<'a>>> {
        let mut keys = Vec::new();
        self.order_level(entity, &mut Vec::new(), value, &mut keys)?;
        Ok(keys)
    }

    fn order_level(
        &mut self,
        entity: EntityId,
        links: &mut Vec<FieldId>,
        value: &'a Value,
        keys: &mut Vec<SortKey<'a>>,
    ) -> Planned<()> {
        match &value.data {
            Data::List(items) => {
                for item in items {
                    self.order_level(entity, links, item, keys)?;
                }
                Ok(())
            }
            Data::Object(members) => {
                for (name, direction) in members {
                    self.order_entry(entity, links, name, direction, keys)?;
                }
                Ok(())
            }
            other => Err(invalid_order(other).into()),
        }
    }

    fn order_entry(
        &mut self,
        entity: EntityId,
        links: &mut Vec<FieldId>,
        name: &str,
        value: &'a Value,
        keys: &mut Vec<SortKey<'a>>,
    ) -> Planned<()> {
        let (id, field) = field_named(self.entity(entity), name)
            .ok_or_else(|| RequestError::internal("unknown entry in an ordering"))?;
        // A row-dependent rule cannot be honoured by sorting: only fields open to the caller may be sort keys.
        if self.field_read_rule(entity, id)? != Pred::True {
            let reason = format!("ordering by `{name}` needs unconditional read access");
            return Err(RequestError::not_authorized(reason).into());
        }
        match &field.kind {
            FieldKind::Value(ValueType::Vector { distance, .. }) => {
                let Data::Object(members) = &value.data else {
                    return Err(invalid_order(&value.data).into());
                };
                let column = field.columns[0];
                let target = members.get("distanceTo").ok_or_else(|| invalid_order(&Data::Null))?;
                let probe = self.probe(entity, column, target)?;
                let descending = match members.get("order") {
                    Some(order) => descending(&order.data)?,
                    None => false,
                };
                let distance = Some((distance_operator(*distance), probe));
                keys.push(SortKey { links: links.clone(), column, distance, descending });
            }
            FieldKind::Value(_) => {
                let descending = descending(&value.data)?;
                let column = field.columns[0];
                keys.push(SortKey { links: links.clone(), column, distance: None, descending });
            }
            FieldKind::Reference { target, .. } | FieldKind::InverseOne { target, .. } => {
                links.push(id);
                self.order_level(*target, links, value, keys)?;
                links.pop();
            }
            FieldKind::Collection { .. } => return Err(invalid_order(&value.data).into()),
        }
        Ok(())
    }

    /// A sort key in SQL, over the row or the rows joined to it.
    pub(crate) fn lower_order(
        &mut self,
        key: SortKey<'a>,
        row: Row<'a>,
        joins: &mut Joins<'a>,
    ) -> OrderBy<'a> {
        // The longest run of owning links at the end whose key the column is needs no join.
        let mut entities = vec![row.entity];
        for field in &key.links {
            let from = entities[entities.len() - 1];
            entities.push(self.link(from, *field).target);
        }
        let mut column = key.column;
        let mut kept = key.links.len();
        while kept > 0
            && let Some(own) = Link::of(self.ir, entities[kept - 1], key.links[kept - 1])
                .and_then(|link| link.own_column(column))
        {
            column = own;
            kept -= 1;
        }
        let mut current = row;
        for field in &key.links[..kept] {
            current = self.join(joins, current, *field);
        }
        let column = self.column(current, column);
        let expr = match key.distance {
            Some((op, probe)) => Expr::binary(column, op, probe),
            None => column,
        };
        OrderBy { expr, descending: key.descending }
    }
}

fn descending(data: &Data) -> Result<bool, RequestError> {
    match data {
        Data::Enum(word) | Data::String(word) if word == "ASC" => Ok(false),
        Data::Enum(word) | Data::String(word) if word == "DESC" => Ok(true),
        other => Err(invalid_order(other)),
    }
}
