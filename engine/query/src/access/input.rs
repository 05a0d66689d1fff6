//! Rules on the data of a mutation (language.md 6.6).

use studio_model::ir::{
    AccessExpr, ColumnDefault, ColumnId, CompareOp, EntityId, FieldDefault, FieldId, FieldKind, FieldPath,
};
use studio_sql::expr::Expr;

use super::log::OperandValue;
use super::solve::{Side, Subject, This, Verdict, exists, pair, related};
use super::value::Val;
use crate::error::RequestError;
use crate::operation::{Arguments, Data, Value};
use crate::plan::{
    ColumnPath, Link, ParamOrigin, Planned, Planner, Pred, Start, column_values, link_target, origin,
    resolve_path,
};

/// One object of a mutation's data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Input<'a> {
    /// The entity the object is for.
    pub(crate) entity: EntityId,
    /// Its members.
    pub(crate) data: &'a Arguments,
    /// Whether a field-level rule is asked: then values not supplied are looked up in the row.
    pub(crate) field_level: bool,
    /// Create rather than update.
    pub(crate) creating: bool,
    /// The row that a new row will stand below.
    pub(crate) parent: Option<Parent>,
}

/// The row above a new row: its reference there is not among the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Parent {
    /// The field of the new row that will refer to it.
    pub(crate) via: FieldId,
    /// What is known of it.
    pub(crate) row: ParentRow,
}

/// What is known of a parent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ParentRow {
    /// It is created by the same mutation, from this object; see [`Planner::parents`].
    New(usize),
    /// It exists: what a rule says about it becomes a condition on its row.
    Existing,
    /// It exists, and is asked elsewhere.
    Elsewhere,
}

/// Where a path to the parent of a new row leads.
enum Above<'a> {
    New(Input<'a>),
    Existing(EntityId),
    Elsewhere,
}

/// Where a path over the inverse side of a one-to-one leads: no reference is crossed, so it stays on the data.
enum Below<'a> {
    /// To the one row that the data of a creation nests there.
    Row(Input<'a>),
    /// The data nests no row.
    Nothing,
    /// The data nests several rows, of which at most one can be meant.
    Several,
}

/// What the request says about a column.
enum Known<'a> {
    Value(&'a Value),
    Default(Val, ParamOrigin),
    Nothing,
}

impl<'a> Planner<'a, '_> {
    /// A path on input: a value, an unknown, or a column of a referenced row.
    /// `inside`: in the condition of `some` on stored rows.
    pub(crate) fn input_side(
        &mut self,
        input: Input<'a>,
        path: &'a FieldPath,
        inside: bool,
    ) -> Planned<Side<'a>> {
        let (mut input, mut steps) = (input, path.steps.as_slice());
        loop {
            if let Some((above, rest)) = self.above(input, steps) {
                match above {
                    Above::New(parent) => (input, steps) = (parent, rest),
                    // There the current row is another one.
                    Above::Existing(_) if inside => return Ok(Side::Neutral),
                    Above::Existing(entity) => return self.column_side(entity, rest, Start::Row),
                    Above::Elsewhere => return Ok(Side::Neutral),
                }
            } else if let Some((below, rest)) = self.below(input, steps) {
                match below {
                    Below::Row(row) => (input, steps) = (row, rest),
                    Below::Nothing => return self.unknown_side(input, steps),
                    Below::Several => return Ok(Side::Absent),
                }
            } else {
                break;
            }
        }
        let (links, column) = resolve_path(self.ir, input.entity, steps)
            .ok_or_else(|| RequestError::internal("a rule compares a field that has no column"))?;
        let first = steps[0];
        let Some((link, rest)) = links.split_first() else {
            let side = match self.input_value(input, first, column)? {
                Known::Value(value) => Side::Value(
                    Val::input(&value.data, self.column_type(input.entity, column)),
                    origin(value),
                ),
                Known::Default(value, origin) => Side::Value(value, origin),
                Known::Nothing => Side::Unknown {
                    column: ColumnPath { start: Start::Row, links: Vec::new(), column },
                    entity: input.entity,
                    input,
                },
            };
            self.note_input(path, &side);
            return Ok(side);
        };
        let field = *link;
        let followed = Link::of(self.ir, input.entity, field)
            .ok_or_else(|| RequestError::internal("a rule follows a field that is no relation"))?;
        let end = rest.iter().fold(followed.target, |entity, link| link_target(self.ir, entity, *link));
        let key = if followed.is_owning() { self.reference_key(input, field, followed)? } else { None };
        let rest = ColumnPath { start: Start::Row, links: rest.to_vec(), column };
        Ok(Side::Referenced { field, entity: followed.target, key, rest, end })
    }

    /// An object of a creation as the parent of those that refer to it by `via`.
    pub(crate) fn parent_of(&mut self, input: Input<'a>, via: FieldId) -> Parent {
        self.parents.push(input);
        Parent { via, row: ParentRow::New(self.parents.len() - 1) }
    }

    /// Where a path that leaves through the reference to the parent goes on, and its steps from there.
    fn above(&self, input: Input<'a>, steps: &'a [FieldId]) -> Option<(Above<'a>, &'a [FieldId])> {
        let parent = input.parent.filter(|parent| steps.first() == Some(&parent.via))?;
        let target = link_target(self.ir, input.entity, parent.via);
        let rest = match &steps[1..] {
            // The reference itself stands for the first column of its key.
            [] => self.entity(target).primary_key.get(..1)?,
            rest => rest,
        };
        let above = match parent.row {
            // What the database will number says nothing, also for rules of fields.
            ParentRow::New(index) => Above::New(Input { field_level: false, ..self.parents[index] }),
            ParentRow::Existing => Above::Existing(target),
            ParentRow::Elsewhere => Above::Elsewhere,
        };
        Some((above, rest))
    }

    /// Where a path that leaves over the inverse side of a one-to-one goes on, and its steps from there.
    fn below(&mut self, input: Input<'a>, steps: &'a [FieldId]) -> Option<(Below<'a>, &'a [FieldId])> {
        let (first, rest) = steps.split_first().filter(|(_, rest)| !rest.is_empty())?;
        let field = &self.entity(input.entity).fields[*first];
        let FieldKind::InverseOne { target, owner } = &field.kind else { return None };
        // An update says what is to happen to the row there, whose own rules are asked about that.
        let nested = input.data.get(&field.name).filter(|_| input.creating);
        let nested = nested.map(elements).unwrap_or_default();
        let below = match nested.as_slice() {
            [] => Below::Nothing,
            [element] => {
                let parent = self.parent_of(input, *owner);
                Below::Row(Input { entity: *target, data: element, parent: Some(parent), ..input })
            }
            _ => Below::Several,
        };
        Some((below, rest))
    }

    /// A column that the request says nothing about.
    fn unknown_side(&self, input: Input<'a>, steps: &[FieldId]) -> Planned<Side<'a>> {
        match self.column_side(input.entity, steps, Start::Row)? {
            Side::Column(column, entity) => Ok(Side::Unknown { column, entity, input }),
            other => Ok(other),
        }
    }

    /// The entity whose existing row conditions on input are about: that above all new ones, or their own.
    pub(crate) fn subject_of(&self, mut input: Input<'a>) -> EntityId {
        loop {
            match input.parent {
                Some(Parent { row: ParentRow::New(index), .. }) => input = self.parents[index],
                Some(Parent { row: ParentRow::Existing, via }) => {
                    return link_target(self.ir, input.entity, via);
                }
                Some(Parent { row: ParentRow::Elsewhere, .. }) | None => return input.entity,
            }
        }
    }

    fn note_input(&mut self, path: &FieldPath, side: &Side<'a>) {
        if !self.log.enabled() {
            return;
        }
        let mut operand = String::from("self");
        let mut entity = path.entity;
        for step in &path.steps {
            operand.push('.');
            operand.push_str(&self.entity(entity).fields[*step].name);
            entity = link_target(self.ir, entity, *step);
        }
        let value = match side {
            Side::Value(value, _) => Some(value.display()),
            _ => None,
        };
        self.note_operand(OperandValue { operand, value });
    }

    /// The key that a reference in the input names, in the columns of the referenced entity.
    fn reference_key(
        &mut self,
        input: Input<'a>,
        field: FieldId,
        link: Link<'a>,
    ) -> Planned<Option<Vec<(ColumnId, Expr<'a>)>>> {
        let mut key = Vec::new();
        for (own, theirs) in link.pairs() {
            let ty = self.column_type(input.entity, own);
            let bound = match self.input_value(input, field, own)? {
                Known::Value(value) => {
                    let param = crate::plan::convert_param(value, ty).map_err(|_| {
                        let name = &self.entity(input.entity).fields[field].name;
                        crate::plan::field_conversion_error(name, ty, self.ir)
                    })?;
                    self.bind_for(param, ty)
                }
                Known::Default(value, origin) => self.bind_value(&value, ty, origin)?,
                Known::Nothing => return Ok(None),
            };
            key.push((theirs, bound));
        }
        Ok(Some(key))
    }

    /// The plan depends on the value of these variables from here on.
    fn note_inspected(&mut self, value: &Value) {
        self.inspected.extend(value.variable.clone());
        match &value.data {
            Data::List(items) => items.iter().for_each(|item| self.note_inspected(item)),
            Data::Object(members) => members.values().for_each(|member| self.note_inspected(member)),
            Data::Null
            | Data::Bool(_)
            | Data::Number(_)
            | Data::String(_)
            | Data::Enum(_)
            | Data::Json(_) => {}
        }
    }

    /// What the data gives to a column: where several fields use it, the last of them that has a value, as when it is
    /// written.
    fn given_value(&self, input: Input<'a>, field: FieldId, column: ColumnId) -> Option<Option<&'a Value>> {
        let entity = self.entity(input.entity);
        let mut own = None;
        let mut given = None;
        for (id, model) in entity.fields.iter().filter(|(_, model)| model.columns.contains(&column)) {
            let Some(value) = input.data.get(&model.name) else { continue };
            let mut values = Vec::new();
            column_values(self.ir, entity, id, value, &mut values);
            let found = values.into_iter().find(|(known, _)| *known == column).and_then(|(_, value)| value);
            if id == field {
                own = Some(found);
            }
            // Clearing another field leaves the column alone.
            given = found.filter(|value| value.data != Data::Null).or(given);
        }
        given.map(Some).or(own)
    }

    /// What is known about a column of the row being written, as the given field sets it.
    fn input_value(&mut self, input: Input<'a>, field: FieldId, column: ColumnId) -> Planned<Known<'a>> {
        let entity = self.entity(input.entity);
        let model = &entity.fields[field];
        if let Some(value) = input.data.get(&model.name) {
            self.note_inspected(value);
        }
        match self.given_value(input, field, column) {
            Some(Some(value)) => {
                self.note_inspected(value);
                return Ok(Known::Value(value));
            }
            Some(None) => return Ok(Known::Nothing),
            None => {}
        }
        Ok(match &model.default {
            Some(FieldDefault::Context { value }) => match self.caller.value(value) {
                Ok(Some(known)) => {
                    Known::Default(known, ParamOrigin::Context(self.caller.name(value).into()))
                }
                Ok(None) | Err(crate::plan::Stop::Error(_)) => Known::Nothing,
                Err(stop) => return Err(stop),
            },
            Some(FieldDefault::Column(ColumnDefault::Literal(literal))) => {
                let data = Val::literal(literal).data();
                Known::Default(Val::input(&data, &entity.columns[column].ty), ParamOrigin::Model)
            }
            Some(FieldDefault::Column(ColumnDefault::Enum(label))) => {
                Known::Default(Val::Text(label.clone()), ParamOrigin::Model)
            }
            Some(
                FieldDefault::Null
                | FieldDefault::Ignored
                | FieldDefault::Column(
                    ColumnDefault::Serial
                    | ColumnDefault::Sequence { .. }
                    | ColumnDefault::Now
                    | ColumnDefault::GenerateUuid
                    | ColumnDefault::UuidV4
                    | ColumnDefault::UuidV7
                    | ColumnDefault::Expression(_),
                ),
            )
            | None => Known::Nothing,
        })
    }

    /// A comparison in which a value of the row being written is not known: nothing to object at type level; at
    /// field level the row decides.
    pub(crate) fn unknown_comparison(
        &mut self,
        op: CompareOp,
        left: Side<'a>,
        right: Side<'a>,
    ) -> Planned<Verdict<'a>> {
        let input = match (&left, &right) {
            (Side::Unknown { input, .. }, _) | (_, Side::Unknown { input, .. }) => *input,
            _ => return Ok(Verdict::unsolvable(Pred::False)),
        };
        if matches!(op, CompareOp::Eq | CompareOp::Ne) && self.key_against_null(&left, &right) {
            return Ok(Verdict::of(op == CompareOp::Ne));
        }
        if !input.field_level {
            self.put_back(&left);
            self.put_back(&right);
            return Ok(Verdict::unsolvable(Pred::True));
        }
        let pred = match (left, right) {
            (Side::Unknown { column, entity, .. }, Side::Value(value, origin)) => {
                self.column_against_value(op, column, entity, value, origin)?
            }
            (Side::Value(value, origin), Side::Unknown { column, entity, .. }) => {
                self.value_against_column(op, value, origin, column, entity)?
            }
            (Side::Unknown { column: left, .. }, Side::Unknown { column: right, .. }) => {
                pair(op, left, right)
            }
            // Against a row that is not the one being written: nothing that a single condition could say.
            _ => return Ok(Verdict::unsolvable(Pred::False)),
        };
        // On create there is no row yet: the literal reading is that some row of the table satisfies it.
        Ok(Verdict::solved(if input.creating { related(input.entity, None, pred) } else { pred }))
    }

    /// Whether a rule asks by itself if a key is null, as `self.parent == null` does below a parent that is created
    /// together with the row. A missing value of the caller is another matter.
    fn key_against_null(&self, left: &Side<'a>, right: &Side<'a>) -> bool {
        match (left, right) {
            (Side::Unknown { column, entity, .. }, Side::Value(Val::Null, ParamOrigin::Model))
            | (Side::Value(Val::Null, ParamOrigin::Model), Side::Unknown { column, entity, .. }) => {
                column.links.is_empty() && self.entity(*entity).columns[column.column].primary_key
            }
            _ => false,
        }
    }

    /// A comparison of a column of a referenced row with another column.
    pub(crate) fn referenced_comparison(
        &mut self,
        op: CompareOp,
        left: Side<'a>,
        right: Side<'a>,
    ) -> Verdict<'a> {
        if let (
            Side::Referenced { field, entity, key, rest, .. },
            Side::Referenced { field: other, rest: other_rest, .. },
        ) = (&left, &right)
            && field == other
        {
            let inner = pair(op, rest.clone(), other_rest.clone());
            return Verdict::solved(related(*entity, key.clone(), inner));
        }
        match (keyed(left), keyed(right)) {
            (Some(left), Some(right)) => Verdict::solved(pair(op, left, right)),
            // A reference that is not supplied says nothing.
            _ => Verdict::unsolvable(Pred::True),
        }
    }

    /// `path.some(…)` on input: over the supplied elements, or on a referenced row.
    pub(crate) fn some_on_input(
        &mut self,
        input: Input<'a>,
        collection: &'a FieldPath,
        condition: &'a AccessExpr,
        subject: Subject<'a>,
    ) -> Planned<Verdict<'a>> {
        let (mut input, mut steps) = (input, collection.steps.as_slice());
        loop {
            if let Some((above, rest)) = self.above(input, steps) {
                match above {
                    Above::New(parent) => (input, steps) = (parent, rest),
                    Above::Existing(_) => {
                        let inner =
                            self.solve(condition, Subject { element: Some(This::Rows), ..subject })?;
                        return Ok(Verdict { solved: inner.solved, pred: exists(rest, inner.pred) });
                    }
                    Above::Elsewhere => return Ok(Verdict::unsolvable(Pred::True)),
                }
            } else if let Some((below, rest)) = self.below(input, steps) {
                match below {
                    Below::Row(row) => (input, steps) = (row, rest),
                    Below::Nothing => return self.some_on_nothing(input, steps),
                    Below::Several => return Ok(Verdict::unsolvable(Pred::False)),
                }
            } else {
                break;
            }
        }
        let Some((first, rest)) = steps.split_first() else { return Ok(Verdict::of(false)) };
        let field = &self.entity(input.entity).fields[*first];
        if !rest.is_empty() {
            let link = Link::of(self.ir, input.entity, *first)
                .ok_or_else(|| RequestError::internal("a rule follows a field that is no relation"))?;
            let key = if link.is_owning() { self.reference_key(input, *first, link)? } else { None };
            let Some(key) = key else { return Ok(Verdict::unsolvable(Pred::True)) };
            let inner = self.solve(condition, Subject { element: Some(This::Rows), ..subject })?;
            return Ok(Verdict {
                solved: inner.solved,
                pred: related(link.target, Some(key), exists(rest, inner.pred)),
            });
        }
        let (target, owner) = match &field.kind {
            FieldKind::Collection { target, owner } | FieldKind::InverseOne { target, owner } => {
                (*target, *owner)
            }
            FieldKind::Value(_) | FieldKind::Reference { .. } => return Ok(Verdict::of(false)),
        };
        // An update supplies no list, but what is to happen to some of the rows: their own rules are asked about that,
        // and this one is asked of the rows that are there.
        let is_list = input.creating || input.field_level;
        let supplied = input.data.get(&field.name).filter(|_| is_list);
        let supplied = supplied.map(|value| (elements(value), &value.data));
        // One that only deletes elements says nothing about any.
        let supplied = supplied.filter(|(elements, data)| match data {
            Data::Null => false,
            Data::Object(_) => !elements.is_empty(),
            _ => true,
        });
        let Some((elements, _)) = supplied else { return self.some_on_nothing(input, steps) };
        let parent = input.creating.then(|| self.parent_of(input, owner));
        for element in elements {
            let element = Input { entity: target, data: element, parent, ..input };
            let verdict =
                self.solve(condition, Subject { element: Some(This::Input(element)), ..subject })?;
            if verdict.pred == Pred::True {
                return Ok(Verdict::of(true));
            }
        }
        Ok(Verdict::of(false))
    }

    /// `some` on a collection that the data does not supply.
    fn some_on_nothing(&self, input: Input<'a>, steps: &[FieldId]) -> Planned<Verdict<'a>> {
        match steps.first().filter(|_| input.field_level) {
            Some(first) => {
                let name = &self.entity(input.entity).fields[*first].name;
                let reason = ["cannot evaluate `some` on `", name, "`, which was not supplied"].concat();
                Err(RequestError::not_authorized(reason).into())
            }
            None => Ok(Verdict::unsolvable(Pred::True)),
        }
    }
}

/// A column with a place to start from, as a path; `None` if the reference is not known.
fn keyed(side: Side<'_>) -> Option<ColumnPath<'_>> {
    match side {
        Side::Column(path, _) => Some(path),
        Side::Referenced { entity, key: Some(key), rest, .. } => {
            Some(ColumnPath { start: Start::Key { entity, key }, ..rest })
        }
        Side::Referenced { key: None, .. }
        | Side::Absent
        | Side::Neutral
        | Side::Value(..)
        | Side::Unknown { .. } => None,
    }
}

/// The objects of a nested list: of a creation input as they are, of an update input those that carry data.
fn elements(value: &Value) -> Vec<&Arguments> {
    match &value.data {
        Data::List(items) => items
            .iter()
            .filter_map(|item| if let Data::Object(members) = &item.data { Some(members) } else { None })
            .collect(),
        Data::Object(parts) => {
            ["create", "update"].into_iter().filter_map(|part| parts.get(part)).flat_map(elements).collect()
        }
        _ => Vec::new(),
    }
}
