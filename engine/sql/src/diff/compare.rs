//! Compares two whole schemas and lists the changes in the order of graphql-and-sql.md 4.5.

use std::collections::HashMap;

use crate::rename::{self, ColumnProposal, TableProposal};
use crate::schema::{ColumnDefault, ColumnType, DatabaseSchema, EnumType, QualifiedName, Table, same_ident};

use super::answers::{AnswerError, Answers, names};
use super::table::{compare_table, rename_columns};
use super::{Change, DiffOptions};

/// The changes, and the pairs that may be renames.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) changes: Vec<Change>,
    /// All of them, best first.
    pub(super) columns: Vec<ColumnProposal>,
    pub(super) tables: Vec<TableProposal>,
}

pub(super) fn compare(live: &DatabaseSchema, wanted: &DatabaseSchema, options: &DiffOptions) -> Found {
    let mut found = Found::default();
    let (old, table_renames) = with_renamed_tables(live, wanted, options);
    let (old, column_renames) = with_renamed_columns(old, wanted, options);
    let comparison = Comparison::new(&old, wanted, options);

    let changes = &mut found.changes;
    comparison.extensions(changes);
    comparison.schemas(changes);
    comparison.sequences(changes);
    comparison.enums(changes);
    changes.extend(table_renames);
    changes.extend(column_renames);
    let mut lone_columns = Vec::new();
    for table in &old.tables {
        match comparison.wanted(&table.name) {
            _ if !comparison.looks_at(table) => {}
            Some(wanted_table) => {
                let table_changes = compare_table(&old, wanted, table, wanted_table, &options.answers);
                lone_columns.extend(rename::column_candidates(&table.name, &table_changes));
                changes.extend(table_changes);
            }
            None => changes.push(Change::DropTable {
                table: table.clone(),
                asked_for: options.answers.deletes(&table.name),
            }),
        }
    }
    let created: Vec<&Table> = comparison.created_tables().collect();
    changes.extend(created.iter().map(|table| Change::CreateTable((*table).clone())));
    comparison.functions(changes);
    comparison.leftovers(changes);
    keep_last_rebuild(changes);

    found.columns = lone_columns;
    let vanished: Vec<&Table> = comparison.vanished_tables().collect();
    let open: Vec<&Table> =
        vanished.into_iter().filter(|table| !options.answers.deletes(&table.name)).collect();
    found.tables = rename::table_candidates(&open, &created);
    found
}

pub(super) fn check_answers(
    live: &DatabaseSchema,
    wanted: &DatabaseSchema,
    options: &DiffOptions,
) -> Result<(), AnswerError> {
    let comparison = Comparison::new(live, wanted, options);
    let renamed = |table: &QualifiedName| {
        options.answers.rename_table.iter().any(|rename| names(&rename.old_table, table))
    };
    for rename in &options.answers.rename_table {
        if !comparison.vanished_tables().any(|table| names(&rename.old_table, &table.name)) {
            return Err(AnswerError::NotVanished(rename.old_table.clone()));
        }
        if !comparison.created_tables().any(|table| names(&rename.new_table, &table.name)) {
            return Err(AnswerError::NotNew(rename.new_table.clone()));
        }
    }
    for table in comparison.vanished_tables() {
        if !renamed(&table.name) && !options.answers.deletes(&table.name) {
            return Err(AnswerError::Unanswered(table.name.clone()));
        }
    }
    let (old, _) = with_renamed_tables(live, wanted, options);
    for rename in &options.answers.rename_column {
        let fits = wanted.tables.iter().filter(|table| names(&rename.table, &table.name)).any(|table| {
            old.table(&table.name).is_some_and(|old_table| can_rename(old_table, table, rename))
        });
        if !fits {
            return Err(AnswerError::Column {
                table: rename.table.clone(),
                old: rename.old_column.clone(),
                new: rename.new_column.clone(),
            });
        }
    }
    Ok(())
}

fn can_rename(old: &Table, new: &Table, rename: &super::ColumnRename) -> bool {
    old.column(&rename.old_column).is_some()
        && old.column(&rename.new_column).is_none()
        && new.column(&rename.old_column).is_none()
        && new.column(&rename.new_column).is_some()
}

/// The old schema as it is after the answered table renames, and the renames.
fn with_renamed_tables(
    live: &DatabaseSchema,
    wanted: &DatabaseSchema,
    options: &DiffOptions,
) -> (DatabaseSchema, Vec<Change>) {
    let comparison = Comparison::new(live, wanted, options);
    let mut old = live.clone();
    let mut changes = Vec::new();
    for rename in &options.answers.rename_table {
        let from = comparison.vanished_tables().find(|table| names(&rename.old_table, &table.name));
        let to = comparison.created_tables().find(|table| names(&rename.new_table, &table.name));
        let (Some(from), Some(to)) = (from, to) else { continue };
        let serial_columns =
            from.columns.iter().filter(|column| column.default == Some(ColumnDefault::Serial));
        changes.push(Change::RenameTable {
            old: from.name.clone(),
            new: to.name.clone(),
            serial_columns: serial_columns.map(|column| column.name.clone()).collect(),
        });
        for table in &mut old.tables {
            if table.name == from.name {
                table.key_name = Some(table.key_constraint());
                table.name = to.name.clone();
            }
            for key in &mut table.foreign_keys {
                if key.target == from.name {
                    key.target = to.name.clone();
                }
            }
        }
    }
    (old, changes)
}

fn with_renamed_columns(
    mut old: DatabaseSchema,
    wanted: &DatabaseSchema,
    options: &DiffOptions,
) -> (DatabaseSchema, Vec<Change>) {
    let mut changes = Vec::new();
    for table in wanted.tables.iter().filter(|table| table.managed) {
        for rename in options.answers.column_renames(&table.name) {
            if old.table(&table.name).is_some_and(|old_table| can_rename(old_table, table, rename)) {
                rename_columns(&mut old, &table.name, &rename.old_column, &rename.new_column);
                changes.push(Change::RenameColumn {
                    table: table.name.clone(),
                    old: rename.old_column.clone(),
                    new: rename.new_column.clone(),
                });
            }
        }
    }
    (old, changes)
}

struct Comparison<'a> {
    old: &'a DatabaseSchema,
    new: &'a DatabaseSchema,
    options: &'a DiffOptions,
    old_tables: HashMap<&'a QualifiedName, &'a Table>,
    new_tables: HashMap<&'a QualifiedName, &'a Table>,
}

impl<'a> Comparison<'a> {
    fn new(old: &'a DatabaseSchema, new: &'a DatabaseSchema, options: &'a DiffOptions) -> Self {
        fn by_name(schema: &DatabaseSchema) -> HashMap<&QualifiedName, &Table> {
            schema.tables.iter().map(|table| (&table.name, table)).collect()
        }
        Self { old, new, options, old_tables: by_name(old), new_tables: by_name(new) }
    }

    fn existing(&self, name: &QualifiedName) -> Option<&'a Table> {
        self.old_tables.get(name).copied()
    }

    fn wanted(&self, name: &QualifiedName) -> Option<&'a Table> {
        self.new_tables.get(name).copied()
    }

    fn answers(&self) -> &Answers {
        &self.options.answers
    }

    /// Whether a table of the old schema takes part: in scope, managed, not deferred.
    fn looks_at(&self, table: &Table) -> bool {
        table.managed
            && self.options.scope.includes(self.new, &table.name)
            && self.wanted(&table.name).is_none_or(|wanted| wanted.managed)
            && !self.answers().defers(&table.name)
    }

    fn vanished_tables(&self) -> impl Iterator<Item = &'a Table> {
        self.old.tables.iter().filter(|table| self.looks_at(table) && self.wanted(&table.name).is_none())
    }

    fn created_tables(&self) -> impl Iterator<Item = &'a Table> {
        self.new.tables.iter().filter(|table| {
            table.managed
                && self.options.scope.includes(self.new, &table.name)
                && self.existing(&table.name).is_none()
        })
    }

    /// Tables that stay as they are because they are none of our business.
    fn foreign_tables(&self) -> impl Iterator<Item = &Table> {
        let unmanaged = self.new.tables.iter().filter(|table| !table.managed);
        self.old.tables.iter().filter(|table| !self.looks_at(table)).chain(unmanaged)
    }

    fn extensions(&self, changes: &mut Vec<Change>) {
        let missing = self.new.extensions.iter().filter(|name| !self.old.extensions.contains(name));
        changes.extend(missing.map(|name| Change::CreateExtension(name.clone())));
    }

    fn schemas(&self, changes: &mut Vec<Change>) {
        let missing = self.new.schemas.iter().filter(|name| {
            !self.old.schemas.contains(name) && self.options.scope.includes_schema(self.new, name)
        });
        changes.extend(missing.map(|name| Change::CreateSchema(name.clone())));
    }

    fn sequences(&self, changes: &mut Vec<Change>) {
        let missing = self.new.sequences.iter().filter(|name| {
            !self.old.sequences.contains(name)
                && self.options.scope.includes_schema(self.new, name.schema_name())
        });
        changes.extend(missing.map(|name| Change::CreateSequence(name.clone())));
    }

    fn enums(&self, changes: &mut Vec<Change>) {
        for old in self.old.enums.iter().filter(|ty| ty.managed && self.enum_in_scope(&ty.name)) {
            match self.new.enum_type(&old.name) {
                Some(new) if new.managed => self.enum_values(old, new, changes),
                Some(_) => {}
                None if !self.options.scope.covers_schema(self.new, old.name.schema_name()) => {}
                // Dropping the schema takes the type along.
                None if self.drops_schema(old.name.schema_name()) => {}
                None if self.used_elsewhere(|ty| *ty == ColumnType::Enum(old.name.clone())) => {}
                None => changes.push(Change::DropEnum(old.name.clone())),
            }
        }
        for new in self.new.enums.iter().filter(|ty| ty.managed && self.enum_in_scope(&ty.name)) {
            if self.old.enum_type(&new.name).is_none() {
                changes.push(Change::CreateEnum(new.clone()));
            }
        }
    }

    fn enum_in_scope(&self, name: &QualifiedName) -> bool {
        self.options.scope.includes_schema(self.new, name.schema_name())
    }

    /// The order of labels does not count: labels are only compared for equality.
    fn enum_values(&self, old: &EnumType, new: &EnumType, changes: &mut Vec<Change>) {
        let removed: Vec<String> =
            old.values.iter().filter(|value| !new.values.contains(value)).cloned().collect();
        if removed.is_empty() {
            let added = new.values.iter().filter(|value| !old.values.contains(value));
            changes.extend(
                added.map(|value| Change::AddEnumValue { name: new.name.clone(), value: value.clone() }),
            );
            return;
        }
        let ty = ColumnType::Enum(new.name.clone());
        let mut users = Vec::new();
        for table in &self.old.tables {
            let wanted = self.wanted(&table.name).filter(|_| self.looks_at(table));
            for column in table.columns.iter().filter(|column| *column.ty.element() == ty) {
                let stays = wanted.is_none_or(|wanted| {
                    wanted.column(&column.name).is_some_and(|wanted| wanted.ty.same_as(&column.ty))
                });
                if stays {
                    users.push((table.name.clone(), column.clone()));
                }
            }
        }
        changes.push(Change::ReplaceEnum { new: new.clone(), users, removed });
    }

    fn used_elsewhere(&self, is_it: impl Fn(&ColumnType) -> bool) -> bool {
        self.foreign_tables().any(|table| table.columns.iter().any(|column| is_it(column.ty.element())))
    }

    fn functions(&self, changes: &mut Vec<Change>) {
        for old in &self.old.functions {
            match self.new.function(&old.name) {
                Some(new) if new.same_body(old) => {}
                Some(new) => changes.push(Change::ReplaceFunction(new.clone())),
                None => {
                    let user = self.old.tables.iter().find(|table| {
                        table.triggers.iter().any(|trigger| same_ident(&trigger.function, &old.name))
                    });
                    if user.is_none_or(|table| self.looks_at(table)) && !self.called_elsewhere(&old.name) {
                        let vanished = user.filter(|table| self.wanted(&table.name).is_none());
                        changes.push(Change::DropFunction {
                            name: old.name.clone(),
                            table: vanished.map(|table| table.name.clone()),
                        });
                    }
                }
            }
        }
        for new in self.new.functions.iter().filter(|new| self.old.function(&new.name).is_none()) {
            let user =
                self.new.tables.iter().find(|table| {
                    table.triggers.iter().any(|trigger| same_ident(&trigger.function, &new.name))
                });
            if user.is_none_or(|table| self.options.scope.includes(self.new, &table.name)) {
                changes.push(Change::CreateFunction(new.clone()));
            }
        }
    }

    fn called_elsewhere(&self, function: &str) -> bool {
        self.foreign_tables()
            .any(|table| table.triggers.iter().any(|trigger| same_ident(&trigger.function, function)))
    }

    /// Sequences, extensions and schemas nobody needs any more: last, when nothing leans on them.
    fn leftovers(&self, changes: &mut Vec<Change>) {
        for name in &self.old.sequences {
            let used = self.foreign_tables().any(|table| {
                table.columns.iter().any(
                    |column| matches!(&column.default, Some(ColumnDefault::Sequence(used)) if used == name),
                )
            });
            if !used
                && !self.new.sequences.contains(name)
                && self.options.scope.covers_schema(self.new, name.schema_name())
            {
                changes.push(Change::DropSequence(name.clone()));
            }
        }
        for name in self.old.extensions.iter().filter(|name| !self.new.extensions.contains(name)) {
            let used = name == "vector" && self.used_elsewhere(|ty| matches!(ty, ColumnType::Vector(_)));
            if !used {
                changes.push(Change::DropExtension(name.clone()));
            }
        }
        let dropped = self.old.schemas.iter().filter(|name| self.drops_schema(name));
        changes.extend(dropped.map(|name| Change::DropSchema(name.clone())));
    }

    fn drops_schema(&self, name: &str) -> bool {
        let is_it = |other: &String| other == name;
        self.old.schemas.iter().any(is_it)
            && !self.new.schemas.iter().any(is_it)
            && !self.foreign_tables().any(|table| table.name.schema.as_deref() == Some(name))
            && self.options.scope.covers_schema(self.new, name)
    }
}

/// A constraint that several steps tear down is rebuilt once, by the last of them.
fn keep_last_rebuild(changes: &mut [Change]) {
    let mut seen: HashMap<(QualifiedName, String), ()> = HashMap::new();
    let mut first =
        |table: &QualifiedName, name: &str| seen.insert((table.clone(), name.to_owned()), ()).is_none();
    for change in changes.iter_mut().rev() {
        match change {
            Change::ReplaceColumn(replace) if !replace.is_in_place() => {
                let table = replace.table.clone();
                replace.uniques.retain(|unique| first(&table, &unique.name));
                replace.indexes.retain(|index| first(&table, &index.name));
                replace.foreign_keys.retain(|key| first(&table, &key.name));
                for (other, key, stays) in &mut replace.referenced_by {
                    *stays = *stays && first(other, &key.name);
                }
            }
            Change::ChangeKey { referenced_by, .. } => {
                referenced_by.retain(|(other, key)| first(other, &key.name));
            }
            _ => {}
        }
    }
}
