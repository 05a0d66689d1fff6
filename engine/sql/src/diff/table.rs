//! Compares one table with its wanted form.

use std::collections::BTreeSet;

use crate::convert::{Conversion, conversion};
use crate::default::same_default;
use crate::risk::widens;
use crate::schema::{
    Column, ColumnDefault, ColumnType, DatabaseSchema, ForeignKey, Index, QualifiedName, Table, Trigger,
    Unique, same_ident,
};

use super::answers::Answers;
use super::change::{Change, ReplaceColumn};

/// The changes of one table that exists on both sides: columns in old order, added columns, key, constraints,
/// indexes, triggers.
pub(super) fn compare_table(
    live: &DatabaseSchema,
    wanted_schema: &DatabaseSchema,
    old: &Table,
    new: &Table,
    answers: &Answers,
) -> Vec<Change> {
    let table = TableComparison { live, wanted: wanted_schema, old, new, answers };
    let mut changes = Vec::new();
    let columns = table.columns();
    let lost: BTreeSet<String> = columns.iter().filter_map(lost_column).cloned().collect();
    // An index over a column that goes has to be dropped before it: afterwards it is gone already.
    let (with_column, alone): (Vec<&Index>, Vec<&Index>) = table
        .dropped_indexes()
        .into_iter()
        .partition(|index| index.columns.iter().any(|name| lost.contains(name)));
    let drop_index = |index: &Index| Change::DropIndex { table: table.name(), index: index.clone() };
    changes.extend(with_column.into_iter().map(drop_index));
    let (key_first, key_last) = table.key(&columns);
    changes.extend(key_first);
    changes.extend(columns);
    changes.extend(key_last);
    table.uniques(&mut changes);
    table.foreign_keys(&mut changes);
    changes.extend(alone.into_iter().map(drop_index));
    table.created_indexes(&mut changes);
    table.triggers(&mut changes);
    changes
}

/// Renames a column in everything that mentions it.
pub(super) fn rename_columns(schema: &mut DatabaseSchema, table: &QualifiedName, old: &str, new: &str) {
    let rename = |name: &mut String| {
        if name == old {
            *name = new.to_owned();
        }
    };
    for candidate in &mut schema.tables {
        for key in &mut candidate.foreign_keys {
            if key.target == *table {
                key.columns.iter_mut().for_each(|(_, referenced)| rename(referenced));
            }
        }
        if candidate.name != *table {
            continue;
        }
        candidate.columns.iter_mut().for_each(|column| rename(&mut column.name));
        for unique in &mut candidate.uniques {
            unique.columns.iter_mut().for_each(rename);
            unique.columns.sort();
        }
        for index in &mut candidate.indexes {
            index.columns.iter_mut().for_each(rename);
            index.columns.sort();
        }
        for key in &mut candidate.foreign_keys {
            key.columns.iter_mut().for_each(|(own, _)| rename(own));
            key.columns.sort();
        }
    }
}

struct TableComparison<'a> {
    live: &'a DatabaseSchema,
    wanted: &'a DatabaseSchema,
    old: &'a Table,
    new: &'a Table,
    answers: &'a Answers,
}

impl<'a> TableComparison<'a> {
    fn name(&self) -> QualifiedName {
        self.new.name.clone()
    }

    fn columns(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for old in &self.old.columns {
            match self.new.column(&old.name) {
                None if !old.nullable
                    && !old.primary_key
                    && self.answers.relaxes(&self.new.name, &old.name) =>
                {
                    let column = Column { nullable: true, ..old.clone() };
                    changes.push(Change::DropNotNull { table: self.name(), column, silent: false });
                }
                None => changes.push(Change::DropColumn {
                    asked_for: self.answers.deletes_column(&self.new.name, &old.name),
                    table: self.name(),
                    column: old.clone(),
                    referenced_by: self.referenced_by(&old.name).collect(),
                    takes_along: self
                        .old
                        .foreign_keys
                        .iter()
                        .filter(|key| key.own_columns().any(|own| own == old.name))
                        .map(|key| key.name.clone())
                        .collect(),
                }),
                Some(new) => self.column(old, new, &mut changes),
            }
        }
        for new in self.new.columns.iter().filter(|column| self.old.column(&column.name).is_none()) {
            changes.push(Change::AddColumn {
                table: self.name(),
                column: new.clone(),
                sole_key: self.new.is_sole_key(new),
                back_fill: self.answers.back_fill(&self.new.name, &new.name),
            });
        }
        changes
    }

    fn column(&self, old: &Column, new: &Column, changes: &mut Vec<Change>) {
        let same_place = old.primary_key == new.primary_key && !self.retargeted(&old.name);
        let replaced = !old.ty.same_as(&new.ty) || !same_place;
        let widening = replaced && same_place && widens(&old.ty, &new.ty);
        let mut silent = replaced;
        if replaced {
            let mut replace = self.replace(old, new, widening);
            if same_place && !widening {
                replace.conversion = self.conversion(old, new);
                replace.converts =
                    replace.conversion.is_some() && self.answers.converts_column(&self.new.name, &new.name);
            }
            silent = !replace.converts;
            let goes = !replace.is_in_place();
            changes.push(Change::ReplaceColumn(Box::new(replace)));
            if goes {
                return;
            }
        }
        if !new.primary_key && old.nullable != new.nullable {
            let (table, column) = (self.name(), new.clone());
            changes.push(if new.nullable {
                Change::DropNotNull { table, column, silent }
            } else {
                let back_fill = self.answers.back_fill(&table, &column.name);
                Change::SetNotNull { table, column, silent, back_fill }
            });
            silent = true;
        }
        let serial = |column: &Column| column.default == Some(ColumnDefault::Serial);
        let comes_with_type = replaced && !serial(old) && !serial(new);
        if comes_with_type || same_default(&new.ty, old.default.as_ref(), new.default.as_ref()) {
            return;
        }
        let (table, column) = (self.name(), new.clone());
        match (&old.default, &new.default) {
            (_, Some(_)) => {
                changes.push(Change::SetDefault { table, column, old: old.default.clone(), silent });
            }
            (Some(default), None) => {
                changes.push(Change::DropDefault { table, column, old: default.clone(), silent });
            }
            (None, None) => {}
        }
    }

    fn replace(&self, old: &Column, new: &Column, widening: bool) -> ReplaceColumn {
        let name = &new.name;
        let uniques = self.new.uniques.iter().filter(|unique| {
            unique.columns.contains(name) && self.old.uniques.iter().any(|old| old.columns == unique.columns)
        });
        let indexes = self.new.indexes.iter().filter(|index| {
            index.columns.contains(name) && self.old.indexes.iter().any(|old| same_index(old, index))
        });
        let foreign_keys = self.new.foreign_keys.iter().filter(|key| {
            key.own_columns().any(|own| own == name)
                && self.old.foreign_keys.iter().any(|old| self.matching_key(old) == Some(key))
        });
        let referenced_by = self
            .referenced_by(name)
            .map(|(table, key)| {
                let stays = self.key_stays(&table, &key);
                (table, key, stays)
            })
            .collect();
        ReplaceColumn {
            table: self.name(),
            old: old.clone(),
            new: new.clone(),
            sole_key: self.new.is_sole_key(new),
            widening,
            conversion: None,
            converts: false,
            uniques: uniques.cloned().collect(),
            indexes: indexes.cloned().collect(),
            foreign_keys: foreign_keys.cloned().collect(),
            referenced_by,
        }
    }

    /// How values of a column get to its new type. A foreign key has to hold all the while.
    fn conversion(&self, old: &Column, new: &Column) -> Option<Conversion> {
        let labels = match &new.ty {
            ColumnType::Enum(name) => self.wanted.enum_type(name).map_or(&[][..], |ty| ty.values.as_slice()),
            _ => &[],
        };
        let way = conversion(&old.ty, &new.ty, labels)?;
        let own = |key: &ForeignKey| key.own_columns().any(|column| column == new.name);
        let bound = self.old.foreign_keys.iter().any(own)
            || self.new.foreign_keys.iter().any(own)
            || self.referenced_by(&new.name).next().is_some();
        (!bound || way.is_between_integers(&old.ty)).then_some(way)
    }

    /// Foreign keys of other tables that mention this column of ours.
    fn referenced_by(&self, column: &str) -> impl Iterator<Item = (QualifiedName, ForeignKey)> {
        self.references()
            .filter(move |(_, key)| key.columns.iter().any(|(_, referenced)| referenced == column))
    }

    /// Foreign keys of all tables (this one included) that refer to us.
    fn references(&self) -> impl Iterator<Item = (QualifiedName, ForeignKey)> {
        let tables = self.live.tables.iter();
        tables.flat_map(|table| {
            let keys = table.foreign_keys.iter().filter(|key| key.target == self.old.name);
            keys.map(|key| (table.name.clone(), key.clone()))
        })
    }

    /// Whether a foreign key of the old schema is wanted unchanged; those of tables the model does not manage stay.
    fn key_stays(&self, table: &QualifiedName, key: &ForeignKey) -> bool {
        match self.wanted.table(table) {
            Some(wanted) if wanted.managed => {
                wanted.foreign_keys.iter().any(|k| k.columns == key.columns && k.target == key.target)
            }
            Some(_) => true,
            None => false,
        }
    }

    /// The wanted foreign key that is this old one: by name, or by the same columns.
    fn matching_key(&self, old: &ForeignKey) -> Option<&'a ForeignKey> {
        let same_columns =
            |new: &&ForeignKey| new.own_columns().eq(old.own_columns()) && new.target == old.target;
        let keys = &self.new.foreign_keys;
        keys.iter().find(same_columns).or_else(|| {
            keys.iter()
                .find(|new| new.own_columns().eq(old.own_columns()))
                .or_else(|| keys.iter().find(|new| new.name == old.name))
        })
    }

    /// Whether a foreign key over this column now leads to another table.
    fn retargeted(&self, column: &str) -> bool {
        let keys = self.old.foreign_keys.iter().filter(|key| key.own_columns().any(|own| own == column));
        let mut pairs = keys.filter_map(|old| Some((old, self.matching_key(old)?)));
        pairs.any(|(old, new)| new.own_columns().eq(old.own_columns()) && new.target != old.target)
    }

    /// Changes of the primary key before and after the columns.
    fn key(&self, columns: &[Change]) -> (Option<Change>, Option<Change>) {
        let old_key: BTreeSet<&str> = self.old.primary_key().map(|column| column.name.as_str()).collect();
        let new_key: BTreeSet<&str> = self.new.primary_key().map(|column| column.name.as_str()).collect();
        let tears = |change: &Change| match change {
            Change::DropColumn { column, .. } => old_key.contains(column.name.as_str()),
            Change::ReplaceColumn(replace) => {
                !replace.is_in_place() && old_key.contains(replace.old.name.as_str())
            }
            _ => false,
        };
        let brings = |change: &Change| match change {
            Change::AddColumn { sole_key, .. } => *sole_key,
            Change::ReplaceColumn(replace) => !replace.is_in_place() && replace.sole_key,
            _ => false,
        };
        let torn_at = columns.iter().position(tears);
        if torn_at.is_none() && old_key == new_key {
            return (None, None);
        }
        let brought_at = columns.iter().position(brings);
        let constraint = Some(self.old.key_constraint()).filter(|_| !old_key.is_empty());
        let change = |old_constraint: Option<String>, new_columns: Vec<String>| Change::ChangeKey {
            table: self.name(),
            referenced_by: match old_constraint {
                Some(_) => self.references().filter(|(table, key)| self.key_stays(table, key)).collect(),
                None => Vec::new(),
            },
            old_constraint,
            new_columns,
        };
        let wanted_key: Vec<String> = self.new.primary_key().map(|column| column.name.clone()).collect();
        match brought_at {
            Some(brought) if torn_at.is_some_and(|torn| torn <= brought) => (None, None),
            Some(_) => (constraint.map(|name| change(Some(name), Vec::new())), None),
            None if torn_at.is_some() && wanted_key.is_empty() => (None, None),
            None if torn_at.is_some() => (None, Some(change(None, wanted_key))),
            None => (None, Some(change(constraint, wanted_key))),
        }
    }

    fn uniques(&self, changes: &mut Vec<Change>) {
        let table = self.name();
        let matches = |old: &Unique, new: &Unique| old.columns == new.columns || old.name == new.name;
        for old in &self.old.uniques {
            let partner = self.new.uniques.iter().find(|new| old.columns == new.columns);
            if partner.is_none() {
                changes.push(Change::DropUnique { table: table.clone(), unique: old.clone() });
            }
        }
        for new in &self.new.uniques {
            let partner = self.old.uniques.iter().find(|old| matches(old, new) && old.columns == new.columns);
            if partner.is_none() {
                changes.push(Change::AddUnique { table: table.clone(), unique: new.clone() });
            }
        }
    }

    fn foreign_keys(&self, changes: &mut Vec<Change>) {
        let table = self.name();
        let replaced_together = |old: &ForeignKey, new: &ForeignKey| {
            old.own_columns().eq(new.own_columns()) && old.target != new.target
        };
        let mut taken: Vec<&ForeignKey> = Vec::new();
        for old in &self.old.foreign_keys {
            match self.matching_key(old).filter(|new| !taken.contains(new)) {
                Some(new) if new.columns == old.columns && new.target == old.target => taken.push(new),
                // The columns are replaced, and take the constraint along.
                Some(new) if replaced_together(old, new) => taken.push(new),
                _ if old.own_columns().any(|own| self.new.column(own).is_none()) => {}
                _ => changes.push(Change::DropForeignKey { table: table.clone(), key: old.clone() }),
            }
        }
        let missing = self.new.foreign_keys.iter().filter(|key| !taken.contains(key));
        changes.extend(missing.map(|key| Change::AddForeignKey { table: table.clone(), key: key.clone() }));
    }

    fn dropped_indexes(&self) -> Vec<&'a Index> {
        let mut unmatched: Vec<&Index> = self.new.indexes.iter().collect();
        let mut dropped = Vec::new();
        for old in &self.old.indexes {
            match unmatched.iter().position(|new| same_index(old, new)) {
                Some(at) => {
                    unmatched.remove(at);
                }
                None => dropped.push(old),
            }
        }
        dropped
    }

    fn created_indexes(&self, changes: &mut Vec<Change>) {
        let mut unmatched: Vec<&Index> = self.old.indexes.iter().collect();
        for new in &self.new.indexes {
            match unmatched.iter().position(|old| same_index(old, new)) {
                Some(at) => {
                    unmatched.remove(at);
                }
                None => changes.push(Change::CreateIndex { table: self.name(), index: new.clone() }),
            }
        }
    }

    fn triggers(&self, changes: &mut Vec<Change>) {
        let without =
            |trigger: &&Trigger, others: &[Trigger]| !others.iter().any(|other| same_trigger(trigger, other));
        for old in self.old.triggers.iter().filter(|trigger| without(trigger, &self.new.triggers)) {
            changes.push(Change::DropTrigger { table: self.name(), trigger: old.clone() });
        }
        for new in self.new.triggers.iter().filter(|trigger| without(trigger, &self.old.triggers)) {
            changes.push(Change::CreateTrigger { table: self.name(), trigger: new.clone() });
        }
    }
}

/// The column whose old values and indexes are gone after this change.
fn lost_column(change: &Change) -> Option<&String> {
    match change {
        Change::DropColumn { column, .. } => Some(&column.name),
        Change::ReplaceColumn(replace) if !replace.is_in_place() => Some(&replace.old.name),
        _ => None,
    }
}

/// Names do not count.
fn same_index(a: &Index, b: &Index) -> bool {
    a.columns == b.columns && a.kind == b.kind
}

fn same_trigger(a: &Trigger, b: &Trigger) -> bool {
    same_ident(&a.name, &b.name) && same_ident(&a.function, &b.function)
}
