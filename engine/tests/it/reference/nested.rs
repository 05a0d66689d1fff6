//! Updates with nested entries (graphql-and-sql 3.8.3, language.md 6.8), by the reference evaluator.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::eval::{Above, AboveRow, At, Cell, Data, Formula, Store};
use super::model::{Kind, V};
use super::request::{Answer, DENIED, FAILED, Selected, World};

/// Entries below one collection.
#[derive(Debug, Clone)]
pub(super) struct Entries {
    pub(super) field: usize,
    /// With the key among the values.
    pub(super) updates: Vec<Data>,
    pub(super) creates: Vec<Data>,
    pub(super) deletes: Vec<Vec<V>>,
}

impl World<'_> {
    /// `updateT` of the row with this key: the rows after it, and what is answered. `next` are the numbers that new
    /// rows get.
    pub(super) fn update_nested(
        &self,
        at: At,
        data: &Data,
        entries: &[Entries],
        selection: &[Selected],
        next: &mut [i64],
    ) -> Answer<(Store, Json)> {
        let mut residues = Vec::new();
        self.update_input(at.0, data, &mut residues)?;
        for part in entries {
            let (child, owner) = self.child(at.0, part.field);
            for entry in &part.updates {
                self.update_input(child, entry, &mut residues)?;
            }
            for entry in &part.creates {
                let above = Above { via: owner, row: AboveRow::Elsewhere };
                self.create_rules(child, entry, Some(above), &mut residues)?;
            }
        }
        let condition = self.update_rows(at.0, data, &[])?;
        // Everything that is refused without looking at rows is refused first.
        for part in entries {
            let (child, owner) = self.child(at.0, part.field);
            for entry in &part.updates {
                let keys: Vec<usize> = self.model.entities[child].keys().collect();
                self.update_rows(child, entry, &keys)?;
            }
            if !part.creates.is_empty() {
                self.parent_rules(child, owner, &part.creates)?;
            }
            if !part.deletes.is_empty() {
                self.row_rule(&self.model.entities[child].access[3])?;
            }
        }
        let visible = self.visible(at.0, selection)?;
        if !residues.iter().all(|residue| self.evaluator().holds_without_row(residue)) {
            return Err(DENIED);
        }

        let mut store = self.store.clone();
        let affected = self.evaluator().holds(&condition, at);
        let key = self.evaluator().key(at);
        if affected {
            set(&mut store, at, data, &[]);
            for part in entries {
                self.entries(at.0, &key, part, &mut store, next)?;
            }
        }
        let world = World { store: &store, ..*self };
        // A row may have been deleted below itself.
        let at = world.evaluator().find(at.0, &key);
        let shown = at.filter(|at| affected && world.evaluator().holds(&visible, *at));
        let answer = shown.map_or(Json::Null, |at| world.object(at, selection));
        Ok((store, answer))
    }

    fn entries(
        &self,
        parent: usize,
        key: &[V],
        part: &Entries,
        store: &mut Store,
        next: &mut [i64],
    ) -> Answer<()> {
        let (child, owner) = self.child(parent, part.field);
        let keys: Vec<usize> = self.model.entities[child].keys().collect();
        for entry in &part.updates {
            let rule = self.update_rows(child, entry, &keys)?;
            let wanted: Vec<V> = keys.iter().map(|field| value(entry, *field)).collect();
            if let Some(at) = self.below(store, child, owner, key, &wanted, &rule) {
                set(store, at, entry, &keys);
            }
        }
        if !part.creates.is_empty() {
            let rules = self.parent_rules(child, owner, &part.creates)?;
            let world = World { store, ..*self };
            let Some(at) = world.evaluator().find(parent, key) else { return Err(FAILED) };
            if !rules.iter().all(|rule| world.evaluator().holds(rule, at)) {
                return Err(DENIED);
            }
        }
        for entry in &part.creates {
            self.create_below(child, owner, key, entry, store, next);
        }
        for wanted in &part.deletes {
            let rule = self.row_rule(&self.model.entities[child].access[3])?;
            if let Some((_, index)) = self.below(store, child, owner, key, wanted, &rule) {
                store.rows[child].remove(index);
                if self.dangles(store, child, wanted) {
                    return Err(FAILED);
                }
            }
        }
        Ok(())
    }

    /// A new row below an existing one, with what is nested in it.
    fn create_below(
        &self,
        entity: usize,
        owner: usize,
        parent: &[V],
        data: &Data,
        store: &mut Store,
        next: &mut [i64],
    ) {
        let mut row = self.new_row(entity, data);
        row.cells[owner] = Cell::Reference(Some(parent.to_vec()));
        for (index, field) in self.model.entities[entity].fields.iter().enumerate() {
            if field.auto {
                row.cells[index] = Cell::Value(V::Int(next[entity]));
                next[entity] += 1;
            }
        }
        store.rows[entity].push(row);
        let at = (entity, store.rows[entity].len() - 1);
        let key = World { store, ..*self }.evaluator().key(at);
        for (field, items) in &data.nested {
            let (child, owner) = self.child(entity, *field);
            for item in items {
                self.create_below(child, owner, &key, item, store, next);
            }
        }
    }

    /// What the update rule of a child, and the create rules of new ones, say about their parent.
    fn parent_rules(&self, child: usize, owner: usize, creates: &[Data]) -> Answer<Vec<Formula>> {
        let mut rules = vec![self.parent_rule(child, owner)?];
        for entry in creates {
            let mut own = Vec::new();
            let above = Above { via: owner, row: AboveRow::Existing };
            self.create_rules(child, entry, Some(above), &mut own)?;
            rules.extend(own.into_iter().filter(Formula::mentions_row));
        }
        Ok(rules)
    }

    /// The child with this key, if it belongs to the parent and satisfies the rule.
    fn below(
        &self,
        store: &Store,
        child: usize,
        owner: usize,
        parent: &[V],
        key: &[V],
        rule: &Formula,
    ) -> Option<At> {
        let world = World { store, ..*self };
        let evaluator = world.evaluator();
        let at = evaluator.find(child, key)?;
        let belongs = evaluator.row(at).cells[owner] == Cell::Reference(Some(parent.to_vec()));
        (belongs && evaluator.holds(rule, at)).then_some(at)
    }

    /// The child entity and its owning field behind a collection.
    pub(super) fn child(&self, entity: usize, field: usize) -> (usize, usize) {
        match self.model.entities[entity].fields[field].kind {
            Kind::Inverse { target, owner, .. } => (target, owner),
            Kind::Value { .. } | Kind::Ref { .. } => unreachable!("entries stand below collections"),
        }
    }

    pub(super) fn entries_text(&self, entity: usize, entries: &[Entries]) -> String {
        let mut text = String::new();
        for part in entries {
            let (child, _) = self.child(entity, part.field);
            let join = |items: Vec<String>| items.join(", ");
            let data = |items: &[Data]| join(items.iter().map(|item| self.data_text(child, item)).collect());
            let keys = join(part.deletes.iter().map(|key| self.key_text(child, key, "{", "}")).collect());
            write!(
                text,
                ", {}: {{update: [{}], create: [{}], delete: [{keys}]}}",
                self.model.entities[entity].fields[part.field].name,
                data(&part.updates),
                data(&part.creates)
            )
            .unwrap();
        }
        text
    }
}

fn set(store: &mut Store, at: At, data: &Data, keys: &[usize]) {
    for (field, cell) in &data.values {
        if !keys.contains(field) {
            store.rows[at.0][at.1].cells[*field] = cell.clone();
        }
    }
}

fn value(data: &Data, field: usize) -> V {
    match data.value(field) {
        Some(Cell::Value(value)) => value.clone(),
        _ => V::Null,
    }
}
