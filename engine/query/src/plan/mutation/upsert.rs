//! Upsert, an extension: insert a row, or update the one that a unique constraint finds.

use studio_model::ir::ColumnId;
use studio_sql::expr::{Alias, Expr};
use studio_sql::select::Item;
use studio_sql::write::{Conflict, Cte, Insert, InsertSource, Statement as Sql};

use super::Steps;
use crate::error::{ErrorClass, RequestError};
use crate::operation::EntityCall;
use crate::plan::{FieldBody, Planned, Planner};

/// The row that could not be inserted, by the name Postgres gives it.
const EXCLUDED: Alias<'static> = Alias { schema: None, table: "excluded", serial: 0 };

impl<'a> Planner<'a, '_> {
    /// `upsertT` and `upsertTByU`. The caller needs the rules of creation and of update, on the input; the row that is
    /// there has to satisfy the row half of the update rules, otherwise it stays as it is and the answer is null.
    pub(crate) fn upsert(&mut self, call: &'a EntityCall, on: Option<usize>) -> Planned<FieldBody> {
        let model = self.entity(call.entity);
        let Some(data) = self.data(&call.arguments)?.first().copied() else {
            return Err(RequestError::internal("an upsert without data").into());
        };
        if let Some((_, field, _)) = self.nested_parts(call.entity, data).first() {
            let message = format!("Invalid field 'data': '{}' cannot be nested in an upsert", field.name);
            return Err(RequestError::plain(message, ErrorClass::Invalid, None).into());
        }
        let mut residues = Vec::new();
        self.check_create(call.entity, data, None, &mut residues)?;
        self.check_update(call.entity, data, &mut residues)?;
        let mut steps = Steps::default();
        self.check_step(&mut steps, residues);

        let key = match on {
            Some(index) => &model.uniques[index].fields,
            None => &model.primary_key,
        };
        let key: Vec<ColumnId> = key.iter().flat_map(|field| model.fields[*field].columns.clone()).collect();
        let name = |column: &ColumnId| model.columns[*column].name.as_str();
        // The table under its own name: that is how the condition on the row that is there refers to it.
        let row = self.row(call.entity);
        let condition = self.update_condition(call.entity, data, &[])?;
        let mut set = Vec::new();
        for (id, field, _) in self.supplied(call.entity, data) {
            if !model.fields[id].columns.iter().all(|column| key.contains(column)) {
                set.extend(field.columns.iter().filter(|column| !key.contains(column)));
            }
        }
        set.sort_unstable();
        set.dedup();
        if set.is_empty() {
            // Something has to be set for the row to be returned.
            set.extend(key.first());
        }
        let set = set.into_iter().map(|column| (name(column), Expr::Column(EXCLUDED, name(column))));
        let set: Vec<_> = set.collect();
        let values = self.new_values(call.entity, data)?;
        let mut columns = Vec::with_capacity(values.len());
        let mut line = Vec::with_capacity(values.len());
        for (column, param) in values {
            columns.push(name(&column));
            line.push(Some(self.bind_for(param, self.column_type(call.entity, column))));
        }
        let filter = self.lower_nested(condition, row);
        let insert = Insert {
            table: row.alias,
            columns,
            source: InsertSource::Values(vec![line]),
            conflict: Some(Conflict { columns: key.iter().map(name).collect(), set, filter }),
            returning: vec![Item::All],
        };
        let written = Cte { name: self.written_name(call.entity), body: Sql::Insert(insert) };
        self.result_of_write(call, true, vec![written], false, false, &mut steps)?;
        Ok(FieldBody::Steps(steps.0))
    }
}
