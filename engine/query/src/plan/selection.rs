//! Selections into JSON objects built by Postgres (graphql-and-sql 3.1 and 3.2).

use std::borrow::Cow;

use studio_model::ir::{ColumnType, EntityId, Field, FieldId, FieldKind, JsonTypeId, ValueType};
use studio_sql::expr::{BinaryOp, Expr, Function, SqlType, and};
use studio_sql::select::{Item, OrderBy, Select, Source};

use super::convert::{self, conversion_error};
use super::filter::distance_operator;
use super::keyset::Keyset;
use super::list;
use super::lower::Joins;
use super::order::SortKey;
use super::planner::{Planned, Planner, Row};
use super::predicate::Pred;
use crate::error::RequestError;
use crate::operation::{Arguments, Data, Selected, SelectedField, Value};

/// The rows of one (sub-)select: which, in what order, how many.
#[derive(Debug, Default)]
pub(crate) struct Rows<'a> {
    /// Whether the rows become a list, so that their order shows.
    pub(crate) listed: bool,
    /// Whether they come from a write that names their places in the table, by which they are ordered.
    pub(crate) placed: bool,
    /// Tie to the enclosing row.
    pub(crate) tie: Option<Expr<'a>>,
    pub(crate) pred: Option<Pred<'a>>,
    pub(crate) order: Vec<SortKey<'a>>,
    /// Only what comes behind a row, in this order (an extension).
    pub(crate) after: Option<Keyset<'a>>,
    pub(crate) limit: Option<Expr<'a>>,
    pub(crate) offset: Option<Expr<'a>>,
}

impl<'a> Planner<'a, '_> {
    /// The rows that `where`, `orderBy`, `limit` and `offset` ask for and the caller may read.
    pub(crate) fn rows(
        &mut self,
        entity: EntityId,
        arguments: &'a Arguments,
        extra: Pred<'a>,
    ) -> Planned<Rows<'a>> {
        let level = self.hooks.pause();
        let filter = match arguments.get("where") {
            Some(value) => self.filter(entity, value)?,
            None => Pred::True,
        };
        let mut order = match arguments.get("orderBy") {
            Some(value) => self.order(entity, value)?,
            None => Vec::new(),
        };
        let after = match arguments.get("after") {
            Some(value) => self.keyset(entity, value, &mut order)?,
            None => None,
        };
        let limit = match arguments.get("limit").and_then(page_size) {
            Some(size) => Some(Expr::Int(size)),
            None => self.count(arguments.get("limit"))?,
        };
        let offset = self.count(arguments.get("offset"))?;
        self.hooks.resume(level);
        let rule = self.read_rule(entity)?;
        Ok(Rows {
            listed: false,
            placed: false,
            tie: None,
            pred: Some(Pred::and([filter, rule, extra])),
            order,
            after,
            limit,
            offset,
        })
    }

    /// `limit` or `offset` as a parameter; null counts as absent.
    fn count(&mut self, value: Option<&'a Value>) -> Planned<Option<Expr<'a>>> {
        let Some(value) = value.filter(|value| value.data != Data::Null) else { return Ok(None) };
        let param = convert::param(value, &ColumnType::BigInt).map_err(|_| conversion_error())?;
        Ok(Some(self.bind(param)))
    }

    /// A select of `what` over the rows of `row`'s table.
    pub(crate) fn select(
        &mut self,
        row: Row<'a>,
        what: Expr<'a>,
        rows: Rows<'a>,
        joins: Joins<'a>,
    ) -> Select<'a> {
        self.select_from(Self::source(row), row, what, rows, joins)
    }

    /// A select of `what` over the rows of a source that stands for `row`'s table.
    pub(crate) fn select_from(
        &mut self,
        source: Source<'a>,
        row: Row<'a>,
        what: Expr<'a>,
        rows: Rows<'a>,
        mut joins: Joins<'a>,
    ) -> Select<'a> {
        // Rows of a `WITH` part come in the order they were written, and have no place of their own.
        let linked =
            matches!(source, Source::Table(_)) && rows.pred.as_ref().is_some_and(Pred::follows_links);
        let condition = match rows.pred {
            Some(pred) => self.lower_root(pred, row, &mut joins),
            None => None,
        };
        let filter = and(rows.tie, condition);
        let filter = match rows.after {
            Some(keyset) => and(filter, Some(self.behind(keyset, row))),
            None => filter,
        };
        let mut order = Vec::with_capacity(rows.order.len());
        for key in rows.order {
            order.push(self.lower_order(key, row, &mut joins));
        }
        let physical = order.is_empty()
            && rows.listed
            && linked
            && self.entity(row.entity).managed
            && self.options.physical_order;
        if physical || rows.placed {
            order.push(OrderBy { expr: Expr::Column(row.alias, "ctid"), descending: false });
        }
        let plain = Select {
            columns: Vec::new(),
            from: Some(source),
            joins: joins.into_joins(),
            filter,
            order,
            limit: rows.limit,
            offset: rows.offset,
            with: Vec::new(),
        };
        match list::members(what) {
            Ok(members) => list::of_rows(members, plain, row.alias),
            Err(what) if plain.order.is_empty() && plain.limit.is_none() && plain.offset.is_none() => {
                Select { columns: vec![Item::Expr(what)], ..plain }
            }
            Err(what) => list::over(vec![Item::Expr(what)], plain, row.alias),
        }
    }

    /// The JSON object of a selection on a row. Row-dependent rules of selected fields are added to `residue`:
    /// such rows disappear rather than the field (language.md 6.7).
    pub(crate) fn object(
        &mut self,
        row: Row<'a>,
        selection: &'a [SelectedField],
        residue: &mut Pred<'a>,
    ) -> Planned<Expr<'a>> {
        let mut members = Vec::with_capacity(selection.len());
        for selected in selection {
            let value = match &selected.what {
                Selected::Typename(name) => Expr::Text(Cow::Borrowed(&**name)),
                Selected::Field(id) => {
                    self.restrict(row.entity, *id, residue)?;
                    let field = &self.entity(row.entity).fields[*id];
                    self.field_value(row, *id, field, selected)?
                }
                Selected::Aggregate(id) => {
                    self.restrict(row.entity, *id, residue)?;
                    self.nested_aggregate(row, *id, selected)?
                }
                Selected::Distance(id) => {
                    self.restrict(row.entity, *id, residue)?;
                    self.distance(row, *id, selected)?
                }
                Selected::AggregateField(_) | Selected::Function(_) | Selected::JsonMember(_) => {
                    return Err(RequestError::internal("selection does not fit an entity").into());
                }
            };
            members.push((Cow::Borrowed(selected.key.as_str()), value));
        }
        Ok(Expr::JsonObject(members))
    }

    /// Adds the read rule of a field to the rows' condition.
    pub(crate) fn restrict(
        &mut self,
        entity: EntityId,
        field: FieldId,
        residue: &mut Pred<'a>,
    ) -> Planned<()> {
        match self.field_read_rule(entity, field)? {
            Pred::True => {}
            rule => *residue = Pred::and([std::mem::replace(residue, Pred::True), rule]),
        }
        Ok(())
    }

    fn field_value(
        &mut self,
        row: Row<'a>,
        id: FieldId,
        field: &'a Field,
        selected: &'a SelectedField,
    ) -> Planned<Expr<'a>> {
        match &field.kind {
            FieldKind::Value(ty) => {
                let column = field.columns[0];
                let value = self.column(row, column);
                Ok(match json_type(ty) {
                    Some(json) => self.json_value(value, json, ty, &selected.selection),
                    None => self.output_form(value, self.column_type(row.entity, column)),
                })
            }
            FieldKind::Reference { .. } => self.related_one(row, id, selected),
            FieldKind::InverseOne { .. } => self.related_one(row, id, selected),
            FieldKind::Collection { .. } => self.related_many(row, id, selected),
        }
    }

    fn related_one(&mut self, row: Row<'a>, id: FieldId, selected: &'a SelectedField) -> Planned<Expr<'a>> {
        let (source, related, object, rows) = self.related_rows(row, id, selected)?;
        Ok(Expr::Scalar(Box::new(self.select_from(source, related, object, rows, Joins::default()))))
    }

    fn related_many(&mut self, row: Row<'a>, id: FieldId, selected: &'a SelectedField) -> Planned<Expr<'a>> {
        let (source, related, object, mut rows) = self.related_rows(row, id, selected)?;
        rows.listed = true;
        let list = Expr::JsonList(Box::new(object));
        Ok(Expr::Scalar(Box::new(self.select_from(source, related, list, rows, Joins::default()))))
    }

    fn related_rows(
        &mut self,
        row: Row<'a>,
        id: FieldId,
        selected: &'a SelectedField,
    ) -> Planned<(Source<'a>, Row<'a>, Expr<'a>, Rows<'a>)> {
        let link = self.link(row.entity, id);
        let (related, source) = self.related_source(row, id);
        let outer = self.hooks.begin_level();
        let mut residue = Pred::True;
        let object = self.object(related, &selected.selection, &mut residue)?;
        let mut rows = self.rows(link.target, &selected.arguments, residue)?;
        let object = self.end_level(outer, Some(&selected.key), related, object);
        rows.tie = Some(self.tie(link, row, related));
        Ok((source, related, object, rows))
    }

    fn distance(&mut self, row: Row<'a>, id: FieldId, selected: &'a SelectedField) -> Planned<Expr<'a>> {
        let field = &self.entity(row.entity).fields[id];
        let FieldKind::Value(ValueType::Vector { distance, .. }) = &field.kind else {
            return Err(RequestError::internal("distance of a field that is no vector").into());
        };
        let column = field.columns[0];
        let target = selected.arguments.get("to").ok_or_else(conversion_error)?;
        let probe = self.probe(row.entity, column, target)?;
        Ok(Expr::binary(self.column(row, column), distance_operator(*distance), probe))
    }

    /// A `@json` value cut down to the requested members, in request order; NULL stays null.
    fn json_value(
        &mut self,
        value: Expr<'a>,
        json: JsonTypeId,
        ty: &'a ValueType,
        selection: &'a [SelectedField],
    ) -> Expr<'a> {
        if let ValueType::Array { element, .. } = ty {
            let alias = self.alias(None, "element");
            let item = Expr::Column(alias, "value");
            let inner = self.json_value(item, json, element, selection);
            return Expr::Scalar(Box::new(Select {
                columns: vec![Item::Expr(Expr::JsonList(Box::new(inner)))],
                from: Some(Source::Function {
                    call: Expr::Call(Function::JsonbArrayElements, vec![value.clone()]),
                    alias,
                    columns: vec![Cow::Borrowed("value"), Cow::Borrowed("position")],
                }),
                filter: Some(Expr::binary(
                    Expr::Call(Function::JsonbTypeof, vec![value]),
                    BinaryOp::Eq,
                    Expr::Text(Cow::Borrowed("array")),
                )),
                ..Select::default()
            }));
        }
        let fields = &self.ir.json_types[json].fields;
        let mut members = Vec::with_capacity(selection.len());
        for selected in selection {
            let member = match &selected.what {
                Selected::JsonMember(index) => {
                    let field = &fields[*index];
                    let inner = Expr::binary(
                        value.clone(),
                        BinaryOp::JsonMember,
                        Expr::Text(Cow::Borrowed(field.name.as_str())),
                    );
                    match json_type(&field.ty) {
                        Some(nested) => self.json_value(inner, nested, &field.ty, &selected.selection),
                        None => inner,
                    }
                }
                Selected::Typename(name) => Expr::Text(Cow::Borrowed(&**name)),
                Selected::Field(_)
                | Selected::Aggregate(_)
                | Selected::Distance(_)
                | Selected::AggregateField(_)
                | Selected::Function(_) => continue,
            };
            members.push((Cow::Borrowed(selected.key.as_str()), member));
        }
        Expr::Scalar(Box::new(Select {
            columns: vec![Item::Expr(Expr::JsonObject(members))],
            filter: Some(Expr::binary(
                Expr::Call(Function::JsonbTypeof, vec![value]),
                BinaryOp::Eq,
                Expr::Text(Cow::Borrowed("object")),
            )),
            ..Select::default()
        }))
    }

    /// A column as it appears in JSON (graphql-and-sql 3.1).
    pub(crate) fn output_form(&mut self, value: Expr<'a>, ty: &ColumnType) -> Expr<'a> {
        match ty {
            ColumnType::Bytea => base64(value),
            ColumnType::Numeric { .. } => value.cast(SqlType::Text),
            ColumnType::Vector(_) => value.cast(SqlType::Array(Box::new(SqlType::Real))),
            ColumnType::Array(element) => match innermost(element) {
                ColumnType::Numeric { .. } => value.cast(SqlType::Array(Box::new(SqlType::Text))),
                ColumnType::Bytea => match **element {
                    ColumnType::Bytea => self.base64_list(value),
                    _ => self.base64_lists(Expr::Call(Function::ToJsonb, vec![value]), element),
                },
                _ => value,
            },
            _ => value,
        }
    }

    /// A list of lists of bytes, whose elements are hexadecimal texts. An array itself cannot be taken apart level by
    /// level.
    fn base64_lists(&mut self, lists: Expr<'a>, element: &ColumnType) -> Expr<'a> {
        let alias = self.alias(None, "element");
        let item = Expr::Column(alias, "value");
        let (function, item) = match element {
            ColumnType::Array(inner) => (Function::JsonbArrayElements, self.base64_lists(item, inner)),
            _ => (Function::JsonbArrayElementsText, base64(item.cast(SqlType::Bytea))),
        };
        let list = Select {
            columns: vec![Item::Expr(Expr::JsonList(Box::new(item)))],
            from: Some(Source::Function {
                call: Expr::Call(function, vec![lists.clone()]),
                alias,
                columns: vec![Cow::Borrowed("value"), Cow::Borrowed("position")],
            }),
            ..Select::default()
        };
        Expr::Scalar(Box::new(Select {
            columns: vec![Item::Expr(Expr::Scalar(Box::new(list)))],
            filter: Some(lists.is_null(true)),
            ..Select::default()
        }))
    }

    /// The elements of an array of bytes, one by one; NULL for NULL.
    fn base64_list(&mut self, array: Expr<'a>) -> Expr<'a> {
        let alias = self.alias(None, "element");
        let list = Select {
            columns: vec![Item::Expr(Expr::JsonList(Box::new(base64(Expr::Column(alias, "value")))))],
            from: Some(Source::Unnest {
                arrays: vec![array.clone()],
                ordinality: false,
                alias,
                columns: vec!["value".into()],
            }),
            ..Select::default()
        };
        Expr::Scalar(Box::new(Select {
            columns: vec![Item::Expr(Expr::Scalar(Box::new(list)))],
            filter: Some(array.is_null(true)),
            ..Select::default()
        }))
    }
}

/// Base64 in one line; Postgres wraps it at 76 characters.
fn base64(value: Expr<'_>) -> Expr<'_> {
    let encoded = Expr::Call(Function::Encode, vec![value, Expr::Text(Cow::Borrowed("base64"))]);
    Expr::Call(
        Function::Translate,
        vec![encoded, Expr::Text(Cow::Borrowed("\n")), Expr::Text(Cow::Borrowed(""))],
    )
}

/// The `@json` type inside a value type, through arrays.
fn json_type(ty: &ValueType) -> Option<JsonTypeId> {
    match ty {
        ValueType::Json(id) => Some(*id),
        ValueType::Array { element, .. } => json_type(element),
        ValueType::Scalar(_) | ValueType::Vector { .. } | ValueType::Enum(_) => None,
    }
}

fn innermost(ty: &ColumnType) -> &ColumnType {
    match ty {
        ColumnType::Array(element) => innermost(element),
        other => other,
    }
}

/// Largest limit that is written into the statement.
const MAX_PAGE: i64 = 1000;

/// A usual page size. It stands in the statement itself: with a parameter the server would plan the statement anew
/// each time, because no general plan can know how few rows are wanted. Page sizes are few, so are the texts.
fn page_size(value: &Value) -> Option<i64> {
    match &value.data {
        Data::Number(number) => number.as_i64().filter(|size| (0..=MAX_PAGE).contains(size)),
        _ => None,
    }
}
