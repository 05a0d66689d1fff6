//! Creation, with nested creation to any depth (graphql-and-sql 3.8.1).

use studio_model::ir::{ColumnId, ColumnType, EntityId, FieldDefault, FieldId};
use studio_sql::expr::Expr;
use studio_sql::select::{Item, Select, Source};
use studio_sql::write::{Cte, Insert, InsertSource, Statement as Sql};

use super::{Steps, objects};
use crate::access::Val;
use crate::operation::{Arguments, Data, EntityCall};
use crate::plan::fresh::{Fresh, FreshPart};
use crate::plan::link::{Link, key_columns};
use crate::plan::{
    FieldBody, Param, ParamOrigin, ParamValue, Planned, Planner, StepRole, Stop, convert_param, param_type,
};

/// A context value for a column: where a list is declared, the request may bring its only element (language.md 5.2).
fn listed(value: &Val, ty: &ColumnType) -> Data {
    match (value, ty) {
        (Val::List(_) | Val::Null | Val::Json(_), _) => value.data(),
        (single, ColumnType::Array(_)) => Val::List(vec![single.clone()]).data(),
        (other, _) => other.data(),
    }
}

/// Parameters of one statement are counted in 16 bits.
const MAX_PARAMS: usize = 60_000;

/// New rows of one table on one level of nesting; they are inserted together.
#[derive(Debug)]
struct Batch {
    entity: EntityId,
    depth: usize,
    rows: Vec<NewRow>,
    has_children: bool,
    /// The batch with the parents, and the relation field to them if it is the same for all rows.
    parent: Option<(usize, FieldId)>,
}

#[derive(Debug)]
struct NewRow {
    cells: Vec<(ColumnId, Cell)>,
}

/// The value of a new row's column; columns without one get their default.
#[derive(Debug)]
enum Cell {
    Param(Param),
    /// A key column of a row of an earlier batch.
    Parent {
        batch: usize,
        row: usize,
        column: usize,
    },
}

/// Where the keys of a batch's rows are found: per row the step and the row within it.
type Places = Vec<(usize, usize)>;

/// Where children find the keys of their parents.
#[derive(Debug, Clone, Copy)]
enum Keys<'k, 'a> {
    /// In the rows of earlier steps, by batch.
    Steps(&'k [Places]),
    /// In the single row of a part of the same statement, by batch.
    Parts(&'k [FreshPart<'a>]),
}

impl<'a> Planner<'a, '_> {
    /// `createT` and `createTs`.
    pub(crate) fn create(&mut self, call: &'a EntityCall, single: bool) -> Planned<FieldBody> {
        let data = self.data(&call.arguments)?;
        let mut residues = Vec::new();
        for object in &data {
            self.check_create(call.entity, object, None, &mut residues)?;
        }
        let mut steps = Steps::default();
        self.check_step(&mut steps, residues);

        if data.is_empty() {
            return self.nothing_created(call);
        }
        let mut batches = Vec::new();
        for object in &data {
            self.collect(call.entity, object, 0, None, &mut batches)?;
        }
        if self.fits_one_statement(&batches)
            && let Some(body) = self.create_at_once(call, single, &batches, &mut steps)?
        {
            return Ok(body);
        }
        let mut places: Vec<Places> = Vec::with_capacity(batches.len());
        for (index, batch) in batches.iter().enumerate() {
            let returns = index == 0 || batch.has_children;
            let found = self.insert_batch(batch, &places, returns, &mut steps);
            places.push(found);
        }
        let mut written: Vec<usize> = places[0].iter().map(|(step, _)| *step).collect();
        written.dedup();
        self.result_by_key(call, single, &written, &mut steps)?;
        Ok(FieldBody::Steps(steps.0))
    }

    /// `createTs(data: [])`: nothing happens, but the selection has to be allowed.
    fn nothing_created(&mut self, call: &'a EntityCall) -> Planned<FieldBody> {
        let row = self.row(call.entity);
        self.result_object(call, row)?;
        Ok(FieldBody::Constant("[]".into()))
    }

    /// Sorts an object and everything nested in it into batches, parents before children.
    fn collect(
        &mut self,
        entity: EntityId,
        data: &'a Arguments,
        depth: usize,
        parent: Option<(usize, usize, FieldId)>,
        batches: &mut Vec<Batch>,
    ) -> Planned<()> {
        let mut cells = self.new_cells(entity, data)?;
        if let Some((batch, row, owner)) = parent {
            let link = self.link(entity, owner);
            for (own, column) in self.parent_columns(link) {
                cells.retain(|(known, _)| *known != own);
                cells.push((own, Cell::Parent { batch, row, column }));
            }
        }
        let index = match batches.iter().position(|batch| batch.entity == entity && batch.depth == depth) {
            Some(index) => index,
            None => {
                let parent = parent.map(|(batch, _, owner)| (batch, owner));
                batches.push(Batch { entity, depth, rows: Vec::new(), has_children: false, parent });
                batches.len() - 1
            }
        };
        if batches[index].parent != parent.map(|(batch, _, owner)| (batch, owner)) {
            batches[index].parent = None;
        }
        let row = batches[index].rows.len();
        batches[index].rows.push(NewRow { cells });
        for (_, field, value) in self.nested_parts(entity, data) {
            let Some((child, owner)) = Self::child(field) else { continue };
            for object in objects(value) {
                batches[index].has_children = true;
                self.collect(child, object, depth + 1, Some((index, row, owner)), batches)?;
            }
        }
        Ok(())
    }

    /// Own foreign-key columns of an owning link, each with the position of its column in the parent's key.
    pub(super) fn parent_columns(&self, link: Link<'a>) -> Vec<(ColumnId, usize)> {
        let parent = self.entity(link.target);
        link.pairs()
            .filter_map(|(own, theirs)| key_columns(parent).position(|key| key == theirs).map(|at| (own, at)))
            .collect()
    }

    /// The columns an object sets: what was supplied, and what the context fills in.
    fn new_cells(&mut self, entity: EntityId, data: &'a Arguments) -> Planned<Vec<(ColumnId, Cell)>> {
        Ok(self
            .new_values(entity, data)?
            .into_iter()
            .map(|(column, param)| (column, Cell::Param(param)))
            .collect())
    }

    /// As parameters.
    pub(super) fn new_values(
        &mut self,
        entity: EntityId,
        data: &'a Arguments,
    ) -> Planned<Vec<(ColumnId, Param)>> {
        let model = self.entity(entity);
        let mut params = Vec::with_capacity(model.columns.len());
        for (id, field) in model.fields.iter() {
            match data.get(&field.name) {
                Some(value) => self.field_params(entity, id, value, &mut params)?,
                None => {
                    let Some(FieldDefault::Context { value }) = &field.default else { continue };
                    let known = match self.caller.value(value) {
                        Ok(Some(known)) => known,
                        // A value that cannot be had leaves the column to the database (language.md 4.1).
                        Ok(None) | Err(Stop::Error(_)) => continue,
                        Err(stop) => return Err(stop),
                    };
                    for column in &field.columns {
                        let ty = &model.columns[*column].ty;
                        let value = crate::operation::Value { data: listed(&known, ty), variable: None };
                        let mut param = convert_param(&value, ty)
                            .map_err(|_| crate::plan::field_conversion_error(&field.name, ty, self.ir))?;
                        param.origin = ParamOrigin::Context(self.caller.name_of_default(field).into());
                        if !params.iter().any(|(known, _)| known == column) {
                            params.push((*column, param));
                        }
                    }
                }
            }
        }
        Ok(params)
    }

    fn params_of(&self, batch: &Batch) -> usize {
        batch.rows.iter().map(|row| row.cells.len()).sum()
    }

    /// Inserts a batch, in several statements if there are too many values for one.
    fn insert_batch(&mut self, batch: &Batch, places: &[Places], returns: bool, steps: &mut Steps) -> Places {
        let widest = batch.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0).max(1);
        let mut found = Vec::with_capacity(batch.rows.len());
        for rows in batch.rows.chunks((MAX_PARAMS / widest).max(1)) {
            let returning = if returns { self.returning_key(batch.entity) } else { Vec::new() };
            let insert = self.insert(batch.entity, rows, Keys::Steps(places), returning);
            let step = self.step(steps, &Sql::Insert(insert), StepRole::Rows);
            found.extend((0..rows.len()).map(|row| (step, row)));
        }
        found
    }

    fn insert(
        &mut self,
        entity: EntityId,
        rows: &[NewRow],
        keys: Keys<'_, 'a>,
        returning: Vec<Item<'a>>,
    ) -> Insert<'a> {
        let model = self.entity(entity);
        let table = self.unprinted_row(entity).alias;
        let mut columns: Vec<ColumnId> =
            rows.iter().flat_map(|row| row.cells.iter().map(|(column, _)| *column)).collect();
        columns.sort();
        columns.dedup();
        if columns.is_empty() && rows.len() > 1 {
            // VALUES needs at least one column to write DEFAULT for.
            columns.extend(model.columns.ids().next());
        }
        if columns.is_empty() {
            let source = InsertSource::Defaults;
            return Insert { table, columns: Vec::new(), source, conflict: None, returning };
        }
        let mut values = Vec::with_capacity(rows.len());
        for row in rows {
            let mut line = Vec::with_capacity(columns.len());
            for column in &columns {
                let cell = row.cells.iter().find(|(known, _)| known == column).map(|(_, cell)| cell);
                line.push(cell.map(|cell| self.cell(entity, *column, cell, keys)));
            }
            values.push(line);
        }
        Insert {
            table,
            columns: columns.into_iter().map(|column| model.columns[column].name.as_str()).collect(),
            source: InsertSource::Values(values),
            conflict: None,
            returning,
        }
    }

    fn cell(&mut self, entity: EntityId, column: ColumnId, cell: &Cell, keys: Keys<'_, 'a>) -> Expr<'a> {
        let ty = self.column_type(entity, column);
        let param = match (cell, keys) {
            (Cell::Param(param), _) => param.clone(),
            (Cell::Parent { batch, row, column }, Keys::Steps(places)) => {
                let (step, row) = places[*batch][*row];
                Param {
                    ty: param_type(ty),
                    value: ParamValue::Cell { step, row, column: *column },
                    origin: ParamOrigin::Row,
                }
            }
            (Cell::Parent { batch, column, .. }, Keys::Parts(parts)) => {
                let part = &parts[*batch];
                let parent = self.entity(part.entity);
                let name = key_columns(parent).nth(*column).map_or("", |key| &parent.columns[key].name);
                return Expr::Scalar(Box::new(Select {
                    columns: vec![Item::Expr(Expr::Column(part.name, name))],
                    from: Some(Source::Cte { name: part.name, alias: part.name }),
                    ..Select::default()
                }));
            }
        };
        self.bind_for(param, ty)
    }

    /// Whether one statement can insert everything: at most one parent per level, so that children can name it.
    fn fits_one_statement(&self, batches: &[Batch]) -> bool {
        let params: usize = batches.iter().map(|batch| self.params_of(batch)).sum();
        let keyed = |batch: &Batch| !self.entity(batch.entity).primary_key.is_empty();
        params <= MAX_PARAMS
            && batches.iter().all(|batch| !batch.has_children || batch.rows.len() == 1)
            && (batches.len() == 1 || batches.iter().all(keyed))
    }

    /// Inserts and select in one statement, where the selection does not look at the tables again (it would not
    /// see the new rows).
    fn create_at_once(
        &mut self,
        call: &'a EntityCall,
        single: bool,
        batches: &[Batch],
        steps: &mut Steps,
    ) -> Planned<Option<FieldBody>> {
        let mut parts: Vec<FreshPart<'a>> = Vec::with_capacity(batches.len());
        for batch in batches {
            // The name of the table itself stays free for the table.
            self.row(batch.entity);
            let name = self.written_name(batch.entity);
            parts.push(FreshPart { name, entity: batch.entity, parent: batch.parent });
        }
        let mut with = Vec::with_capacity(batches.len());
        for (index, batch) in batches.iter().enumerate() {
            let keys = Keys::Parts(&parts);
            let insert = self.insert(batch.entity, &batch.rows, keys, vec![Item::All]);
            with.push(Cte { name: parts[index].name, body: Sql::Insert(insert) });
        }
        self.fresh = Fresh::new(parts);
        let has_key = !self.entity(call.entity).primary_key.is_empty();
        if !self.result_of_write(call, single, with, has_key, false, steps)? {
            return Ok(None);
        }
        Ok(Some(FieldBody::Steps(std::mem::take(&mut steps.0))))
    }
}
