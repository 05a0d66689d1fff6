//! Nested parts of an update: update, create and delete children of the affected parents
//! (graphql-and-sql 3.8.3, language.md 6.8).

use studio_model::ir::{EntityId, FieldId};
use studio_sql::expr::{Expr, and};
use studio_sql::select::{Item, Select, Source};
use studio_sql::write::{Delete, Insert, InsertSource, Statement as Sql, Update};

use super::{Steps, objects, part};
use crate::access::RuleSlot;
use crate::operation::Arguments;
use crate::plan::planner::Row;
use crate::plan::{Planned, Planner, Pred, StepRole};

impl<'a> Planner<'a, '_> {
    /// All nested parts of an object; `parents` is the step that yields the keys of the affected rows.
    pub(super) fn nested_writes(
        &mut self,
        entity: EntityId,
        parents: usize,
        data: &'a Arguments,
        steps: &mut Steps,
    ) -> Planned<()> {
        for (_, field, value) in self.nested_parts(entity, data) {
            let Some((child, owner)) = Self::child(field) else { continue };
            for entry in part(value, "update") {
                self.nested_update(child, owner, parents, entry, steps)?;
            }
            let new = part(value, "create");
            if !new.is_empty() {
                self.parent_check(child, owner, parents, &new, steps)?;
            }
            for entry in new {
                self.nested_create(child, owner, parents, entry, steps)?;
            }
            for entry in part(value, "delete") {
                self.nested_delete(child, owner, parents, entry, steps)?;
            }
        }
        Ok(())
    }

    /// `UPDATE child … WHERE key AND parent AND rule`; an entry below another parent affects nothing.
    fn nested_update(
        &mut self,
        child: EntityId,
        owner: FieldId,
        parents: usize,
        entry: &'a Arguments,
        steps: &mut Steps,
    ) -> Planned<()> {
        let keys = self.entity(child).primary_key.as_slice();
        let row = self.row(child);
        let rule = self.update_condition(child, entry, keys)?;
        let filter = self.entry_condition(row, owner, parents, entry, rule)?;
        let set = self.assignments(child, entry, keys)?;
        if !self.nested_parts(child, entry).is_empty() {
            let found = self.written_keys_where(row, set, filter, false, steps)?;
            return self.nested_writes(child, found, entry, steps);
        }
        if set.is_empty() {
            self.abandon();
            return Ok(());
        }
        let update = Update { table: row.alias, set, from: None, filter, returning: Vec::new() };
        self.step(steps, &Sql::Update(update), StepRole::Rows);
        Ok(())
    }

    fn nested_delete(
        &mut self,
        child: EntityId,
        owner: FieldId,
        parents: usize,
        entry: &'a Arguments,
        steps: &mut Steps,
    ) -> Planned<()> {
        let row = self.row(child);
        let rule = self.row_rule(child, None, RuleSlot::Delete, &self.entity(child).access.delete)?;
        let filter = self.entry_condition(row, owner, parents, entry, rule)?;
        let delete = Delete { table: row.alias, filter, returning: Vec::new() };
        self.step(steps, &Sql::Delete(delete), StepRole::Rows);
        Ok(())
    }

    /// The row of an entry: its own key, a parent among the affected ones, and the rule.
    fn entry_condition(
        &mut self,
        row: Row<'a>,
        owner: FieldId,
        parents: usize,
        entry: &'a Arguments,
        rule: Pred<'a>,
    ) -> Planned<Option<Expr<'a>>> {
        let model = self.entity(row.entity);
        // The relation to the parent may be part of the key; the parent's condition covers it.
        let given: Vec<FieldId> = model
            .primary_key
            .iter()
            .copied()
            .filter(|field| *field != owner || entry.contains_key(&model.fields[*field].name))
            .collect();
        let key = self.key_condition(row.entity, &given, entry)?;
        let condition = self.lower_nested(Pred::and([key, rule]), row);
        let tie = self.parent_among(row, owner, parents);
        Ok(and(condition, Some(tie)))
    }

    /// The foreign key points at one of the affected parents.
    fn parent_among(&mut self, row: Row<'a>, owner: FieldId, parents: usize) -> Expr<'a> {
        let link = self.link(row.entity, owner);
        let mut columns = self.parent_columns(link);
        columns.sort_by_key(|(_, position)| *position);
        let own = columns.into_iter().map(|(own, _)| self.column(row, own)).collect();
        self.among(own, link.target, parents)
    }

    /// What the child's update rule and the create rules of the new rows say about the parent has to hold for every
    /// affected parent.
    fn parent_check(
        &mut self,
        child: EntityId,
        owner: FieldId,
        parents: usize,
        new: &[&'a Arguments],
        steps: &mut Steps,
    ) -> Planned<()> {
        let mut guard = self.parent_rule(child, owner)?;
        for entry in new {
            let condition = self.conditions_on_parent(child, owner, entry)?;
            // Links in different rules need not lead to the same row: no merging.
            guard = match (guard, condition) {
                (Pred::True, condition) | (condition, Pred::True) => condition,
                (guard, condition) if guard == condition => guard,
                (guard, condition) => Pred::And(vec![guard, condition]),
            };
        }
        if guard == Pred::True {
            self.abandon();
            return Ok(());
        }
        let parent = self.link(child, owner).target;
        let row = self.row(parent);
        let holds = self.lower_nested(guard, row);
        let key = crate::plan::link::key_columns(self.entity(parent))
            .map(|column| self.column(row, column))
            .collect();
        let affected = self.among(key, parent, parents);
        // A condition that is NULL does not hold.
        let fails = holds.map(|holds| {
            Expr::Not(Box::new(Expr::Call(
                studio_sql::expr::Function::Coalesce,
                vec![holds, Expr::Bool(false)],
            )))
        });
        let violating = Select {
            columns: vec![Item::Expr(Expr::Int(1))],
            from: Some(Self::source(row)),
            filter: and(Some(affected), fails),
            ..Select::default()
        };
        let select = Select {
            columns: vec![Item::Expr(Expr::Text("true".into()))],
            filter: Some(Expr::Not(Box::new(Expr::Exists(Box::new(violating))))),
            ..Select::default()
        };
        self.step(steps, &Sql::Select(Box::new(select)), StepRole::Check);
        Ok(())
    }

    /// Inserts the entry once below each affected parent, then what is nested in it below the new rows.
    fn nested_create(
        &mut self,
        child: EntityId,
        owner: FieldId,
        parents: usize,
        entry: &'a Arguments,
        steps: &mut Steps,
    ) -> Planned<()> {
        let model = self.entity(child);
        let link = self.link(child, owner);
        let table = self.row(child).alias;
        let keys = self.alias(None, "key");
        let parent_columns = self.parent_columns(link);

        let mut columns = Vec::new();
        let mut values = Vec::new();
        for (column, param) in self.new_values(child, entry)? {
            if parent_columns.iter().any(|(own, _)| *own == column) {
                continue;
            }
            columns.push(model.columns[column].name.as_str());
            let value = self.bind_for(param, &model.columns[column].ty);
            values.push(Item::Expr(value));
        }
        for (own, position) in &parent_columns {
            columns.push(model.columns[*own].name.as_str());
            values.push(Item::Expr(Expr::Column(keys, super::result::KEY_NAMES[*position])));
        }
        let parent_key: Vec<_> = crate::plan::link::key_columns(self.entity(link.target)).collect();
        let mut arrays = Vec::with_capacity(parent_key.len());
        let mut names = Vec::with_capacity(parent_key.len());
        for (index, column) in parent_key.into_iter().enumerate() {
            arrays.push(self.key_array(link.target, column, parents, index));
            names.push(super::result::KEY_NAMES[index].into());
        }
        let nested = self.nested_parts(child, entry);
        let returning = if nested.is_empty() { Vec::new() } else { self.returning_key(child) };
        let select = Select {
            columns: values,
            from: Some(Source::Unnest { arrays, ordinality: false, alias: keys, columns: names }),
            ..Select::default()
        };
        let insert = Insert {
            table,
            columns,
            source: InsertSource::Select(Box::new(select)),
            conflict: None,
            returning,
        };
        let created = self.step(steps, &Sql::Insert(insert), StepRole::Rows);
        for (_, field, value) in nested {
            let Some((grandchild, owner)) = Self::child(field) else { continue };
            for object in objects(value) {
                self.nested_create(grandchild, owner, created, object, steps)?;
            }
        }
        Ok(())
    }
}
