//! One difference between two schemas, as data. Statements, risk, sentences and dependencies follow from it.

use std::fmt;

use super::answers::BackFill;
use crate::convert::Conversion;
use crate::schema::{
    Column, ColumnDefault, DatabaseSchema, EnumType, ForeignKey, Function, Index, QualifiedName, Table,
    Trigger, Unique,
};

/// One difference, from the old schema to the new one. Tables carry their new name once renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Change {
    CreateExtension(String),
    DropExtension(String),
    CreateSchema(String),
    DropSchema(String),
    CreateSequence(QualifiedName),
    DropSequence(QualifiedName),
    CreateEnum(EnumType),
    DropEnum(QualifiedName),
    /// A label that can be added in place.
    AddEnumValue {
        name: QualifiedName,
        value: String,
    },
    /// Labels vanished: the type is replaced and its columns are cast.
    ReplaceEnum {
        new: EnumType,
        /// Columns of that type in the old schema which still have it in the new one.
        users: Vec<(QualifiedName, Column)>,
        removed: Vec<String>,
    },
    CreateTable(Table),
    DropTable {
        table: Table,
        /// The drop was asked for by name, so it is no longer marked destructive.
        asked_for: bool,
    },
    RenameTable {
        old: QualifiedName,
        new: QualifiedName,
        /// Columns with an implicit sequence that carries the old table's name.
        serial_columns: Vec<String>,
    },
    AddColumn {
        table: QualifiedName,
        column: Column,
        sole_key: bool,
        /// A value given for the rows that exist.
        back_fill: Option<BackFill>,
    },
    DropColumn {
        table: QualifiedName,
        column: Column,
        /// The drop was asked for by name, so it is no longer marked destructive.
        asked_for: bool,
        /// Foreign keys of other tables that hold on to the column.
        referenced_by: Vec<(QualifiedName, ForeignKey)>,
        /// Names of the table's own foreign keys that go with the column.
        takes_along: Vec<String>,
    },
    RenameColumn {
        table: QualifiedName,
        old: String,
        new: String,
    },
    /// Type, key flag or reference changed: the contract drops and adds the column.
    ReplaceColumn(Box<ReplaceColumn>),
    SetNotNull {
        table: QualifiedName,
        column: Column,
        /// Not part of the printed script.
        silent: bool,
        back_fill: Option<BackFill>,
    },
    DropNotNull {
        table: QualifiedName,
        column: Column,
        /// Not part of the printed script.
        silent: bool,
    },
    SetDefault {
        table: QualifiedName,
        column: Column,
        old: Option<ColumnDefault>,
        /// Not part of the printed script: the nullability changes in the same run (4.6).
        silent: bool,
    },
    DropDefault {
        table: QualifiedName,
        column: Column,
        old: ColumnDefault,
        /// Not part of the printed script: the nullability changes in the same run (4.6).
        silent: bool,
    },
    /// The primary key has other columns than before.
    ChangeKey {
        table: QualifiedName,
        /// The constraint that goes, unless it went with one of its columns.
        old_constraint: Option<String>,
        /// Columns of the new key, unless it came with its only column.
        new_columns: Vec<String>,
        /// Foreign keys of other tables that lean on the old key and stay.
        referenced_by: Vec<(QualifiedName, ForeignKey)>,
    },
    AddUnique {
        table: QualifiedName,
        unique: Unique,
    },
    DropUnique {
        table: QualifiedName,
        unique: Unique,
    },
    AddForeignKey {
        table: QualifiedName,
        key: ForeignKey,
    },
    DropForeignKey {
        table: QualifiedName,
        key: ForeignKey,
    },
    CreateIndex {
        table: QualifiedName,
        index: Index,
    },
    DropIndex {
        table: QualifiedName,
        index: Index,
    },
    CreateFunction(Function),
    ReplaceFunction(Function),
    DropFunction {
        name: String,
        /// The vanishing table whose trigger still calls it.
        table: Option<QualifiedName>,
    },
    CreateTrigger {
        table: QualifiedName,
        trigger: Trigger,
    },
    DropTrigger {
        table: QualifiedName,
        trigger: Trigger,
    },
}

/// A column that is dropped and added again, with everything that goes and comes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaceColumn {
    /// Its table.
    pub table: QualifiedName,
    /// The column as it was.
    pub old: Column,
    /// The column as wanted.
    pub new: Column,
    /// The new column alone is the primary key.
    pub sole_key: bool,
    /// Every old value has an equal value of the new type: altering the type in place loses nothing.
    pub widening: bool,
    /// How single values get from the old type to the new one; `None` where they do not, and where all of them do.
    pub conversion: Option<Conversion>,
    /// It was answered that the values are cast. If one does not fit, nothing of the migration happens.
    pub converts: bool,
    /// Unique constraints over the column that stay.
    pub uniques: Vec<Unique>,
    /// Indexes over the column that stay.
    pub indexes: Vec<Index>,
    /// Foreign keys of the table over the column that stay.
    pub foreign_keys: Vec<ForeignKey>,
    /// Foreign keys of other tables that hold on to the column; true where they stay.
    pub referenced_by: Vec<(QualifiedName, ForeignKey, bool)>,
}

/// Something a change makes, or needs to be there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Object {
    Extension(String),
    Schema(String),
    Sequence(QualifiedName),
    Enum(QualifiedName),
    Table(QualifiedName),
    Column(QualifiedName, String),
    /// The primary key of a table.
    Key(QualifiedName),
    Unique(QualifiedName, String),
    ForeignKey(QualifiedName, String),
    Index(QualifiedName, String),
    Trigger(QualifiedName, String),
    Function(String),
    /// A column that is gone.
    GoneColumn(QualifiedName, String),
    /// The primary key a table had is gone.
    GoneKey(QualifiedName),
    /// A constraint or index that is gone: its name is free.
    GoneName(QualifiedName, String),
    /// A table that is gone.
    GoneTable(QualifiedName),
    /// A trigger that is gone.
    GoneTrigger(String),
}

impl ReplaceColumn {
    /// Whether the column stays where it is, with its values.
    pub fn is_in_place(&self) -> bool {
        self.widening || self.converts
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Object::Extension(name)
            | Object::Schema(name)
            | Object::Function(name)
            | Object::GoneTrigger(name) => f.write_str(name),
            Object::Sequence(name)
            | Object::Enum(name)
            | Object::Table(name)
            | Object::Key(name)
            | Object::GoneKey(name)
            | Object::GoneTable(name) => write!(f, "{name}"),
            Object::Column(table, name)
            | Object::GoneColumn(table, name)
            | Object::GoneName(table, name)
            | Object::Unique(table, name)
            | Object::ForeignKey(table, name)
            | Object::Index(table, name)
            | Object::Trigger(table, name) => write!(f, "{table}.{name}"),
        }
    }
}

impl Change {
    /// The object the change is about.
    pub fn object(&self) -> Object {
        match self {
            Change::CreateExtension(name) | Change::DropExtension(name) => Object::Extension(name.clone()),
            Change::CreateSchema(name) | Change::DropSchema(name) => Object::Schema(name.clone()),
            Change::CreateSequence(name) | Change::DropSequence(name) => Object::Sequence(name.clone()),
            Change::CreateEnum(ty) | Change::ReplaceEnum { new: ty, .. } => Object::Enum(ty.name.clone()),
            Change::DropEnum(name) | Change::AddEnumValue { name, .. } => Object::Enum(name.clone()),
            Change::CreateTable(table) | Change::DropTable { table, .. } => Object::Table(table.name.clone()),
            Change::RenameTable { new, .. } => Object::Table(new.clone()),
            Change::AddColumn { table, column, .. }
            | Change::DropColumn { table, column, .. }
            | Change::SetNotNull { table, column, .. }
            | Change::DropNotNull { table, column, .. }
            | Change::SetDefault { table, column, .. }
            | Change::DropDefault { table, column, .. } => Object::Column(table.clone(), column.name.clone()),
            Change::RenameColumn { table, new, .. } => Object::Column(table.clone(), new.clone()),
            Change::ReplaceColumn(replace) => Object::Column(replace.table.clone(), replace.new.name.clone()),
            Change::ChangeKey { table, .. } => Object::Key(table.clone()),
            Change::AddUnique { table, unique } | Change::DropUnique { table, unique } => {
                Object::Unique(table.clone(), unique.name.clone())
            }
            Change::AddForeignKey { table, key } | Change::DropForeignKey { table, key } => {
                Object::ForeignKey(table.clone(), key.name.clone())
            }
            Change::CreateIndex { table, index } | Change::DropIndex { table, index } => {
                Object::Index(table.clone(), index.name.clone())
            }
            Change::CreateFunction(function) | Change::ReplaceFunction(function) => {
                Object::Function(function.name.clone())
            }
            Change::DropFunction { name, .. } => Object::Function(name.clone()),
            Change::CreateTrigger { table, trigger } | Change::DropTrigger { table, trigger } => {
                Object::Trigger(table.clone(), trigger.name.clone())
            }
        }
    }

    /// One human line.
    pub fn description(&self) -> String {
        match self {
            Change::CreateExtension(name) => format!("install extension {name}"),
            Change::DropExtension(name) => format!("remove extension {name}"),
            Change::CreateSchema(name) => format!("create schema {name}"),
            Change::DropSchema(name) => format!("drop schema {name} with everything in it"),
            Change::CreateSequence(name) => format!("create sequence {name}"),
            Change::DropSequence(name) => format!("drop sequence {name}"),
            Change::CreateEnum(ty) => format!("create enum {}", ty.name),
            Change::DropEnum(name) => format!("drop enum {name}"),
            Change::AddEnumValue { name, value } => format!("add {value} to enum {name}"),
            Change::ReplaceEnum { new, removed, .. } => {
                format!("remove {} from enum {}", removed.join(", "), new.name)
            }
            Change::CreateTable(table) => format!("create table {}", table.name),
            Change::DropTable { table, .. } => format!("drop table {} with all its rows", table.name),
            Change::RenameTable { old, new, .. } => format!("rename table {old} to {new}"),
            Change::AddColumn { table, column, .. } => format!("add column {table}.{}", column.name),
            Change::DropColumn { table, column, .. } => {
                format!("drop column {table}.{} with all its values", column.name)
            }
            Change::RenameColumn { table, old, new } => format!("rename column {table}.{old} to {new}"),
            Change::ReplaceColumn(replace) => {
                let (table, name) = (&replace.table, &replace.new.name);
                let (old, new) =
                    (crate::ddl::type_text(&replace.old.ty), crate::ddl::type_text(&replace.new.ty));
                if replace.converts {
                    format!("cast column {table}.{name} from {old} to {new}")
                } else if replace.widening {
                    format!("widen column {table}.{name} from {old} to {new}")
                } else if old == new {
                    format!(
                        "replace column {table}.{name}, dropping its values: its key or reference changed"
                    )
                } else {
                    format!("replace column {table}.{name}, dropping its values: {old} becomes {new}")
                }
            }
            Change::SetNotNull { table, column, .. } => format!("require a value in {table}.{}", column.name),
            Change::DropNotNull { table, column, .. } => format!("allow NULL in {table}.{}", column.name),
            Change::SetDefault { table, column, .. } => {
                let value = crate::ddl::default_expression(column).unwrap_or_else(|| "a sequence".to_owned());
                format!("set the default of {table}.{} to {value}", column.name)
            }
            Change::DropDefault { table, column, .. } => {
                format!("remove the default of {table}.{}", column.name)
            }
            Change::ChangeKey { table, .. } => format!("change the primary key of {table}"),
            Change::AddUnique { table, unique } => {
                format!("make {table} unique by {}", unique.columns.join(", "))
            }
            Change::DropUnique { table, unique } => {
                format!("no longer make {table} unique by {}", unique.columns.join(", "))
            }
            Change::AddForeignKey { table, key } => {
                let columns: Vec<&str> = key.own_columns().collect();
                format!("make {table} ({}) refer to {}", columns.join(", "), key.target)
            }
            Change::DropForeignKey { table, key } => {
                let columns: Vec<&str> = key.own_columns().collect();
                format!("no longer make {table} ({}) refer to {}", columns.join(", "), key.target)
            }
            Change::CreateIndex { table, index } => format!("create index {} on {table}", index.name),
            Change::DropIndex { table, index } => format!("drop index {} on {table}", index.name),
            Change::CreateFunction(function) => format!("create function {}", function.name),
            Change::ReplaceFunction(function) => format!("replace function {}", function.name),
            Change::DropFunction { name, .. } => format!("drop function {name}"),
            Change::CreateTrigger { table, trigger } => format!("create trigger {} on {table}", trigger.name),
            Change::DropTrigger { table, trigger } => format!("drop trigger {} on {table}", trigger.name),
        }
    }

    /// What exists (or no longer exists) only after the change.
    pub(crate) fn provides(&self) -> Vec<Object> {
        match self {
            Change::DropTable { table, .. } => vec![Object::GoneTable(table.name.clone())],
            Change::DropTrigger { trigger, .. } => vec![Object::GoneTrigger(trigger.name.clone())],
            Change::DropColumn { table, column, takes_along, .. } => {
                let mut gone = vec![Object::GoneColumn(table.clone(), column.name.clone())];
                gone.extend(column.primary_key.then(|| Object::GoneKey(table.clone())));
                gone.extend(takes_along.iter().map(|name| Object::GoneName(table.clone(), name.clone())));
                gone
            }
            Change::ReplaceColumn(replace) => {
                let takes_key = replace.old.primary_key && !replace.is_in_place();
                let gone = takes_key.then(|| Object::GoneKey(replace.table.clone()));
                std::iter::once(self.object()).chain(gone).collect()
            }
            Change::ChangeKey { table, old_constraint, .. } => {
                let gone = old_constraint.as_ref().map(|_| Object::GoneKey(table.clone()));
                std::iter::once(self.object()).chain(gone).collect()
            }
            Change::DropUnique { table, unique } => {
                vec![Object::GoneName(table.clone(), unique.name.clone())]
            }
            Change::DropForeignKey { table, key } => vec![Object::GoneName(table.clone(), key.name.clone())],
            Change::DropIndex { table, index } => vec![Object::GoneName(table.clone(), index.name.clone())],
            Change::CreateExtension(_)
            | Change::CreateSchema(_)
            | Change::CreateSequence(_)
            | Change::CreateEnum(_)
            | Change::ReplaceEnum { .. }
            | Change::CreateTable(_)
            | Change::RenameTable { .. }
            | Change::AddColumn { .. }
            | Change::RenameColumn { .. }
            | Change::CreateFunction(_)
            | Change::ReplaceFunction(_) => vec![self.object()],
            Change::DropExtension(_)
            | Change::DropSchema(_)
            | Change::DropSequence(_)
            | Change::DropEnum(_)
            | Change::AddEnumValue { .. }
            | Change::SetNotNull { .. }
            | Change::DropNotNull { .. }
            | Change::SetDefault { .. }
            | Change::DropDefault { .. }
            | Change::AddUnique { .. }
            | Change::AddForeignKey { .. }
            | Change::CreateIndex { .. }
            | Change::DropFunction { .. }
            | Change::CreateTrigger { .. } => Vec::new(),
        }
    }

    /// What has to be there before the change can run. `wanted` is the new schema.
    pub(crate) fn requires(&self, wanted: &DatabaseSchema) -> Vec<Object> {
        match self {
            Change::CreateTable(table) => {
                let mut needs: Vec<Object> = table.columns.iter().flat_map(column_needs).collect();
                needs.extend(table.foreign_keys.iter().flat_map(|key| key_needs(&table.name, key)));
                needs.retain(|need| !is_part_of(need, &table.name));
                needs.extend(table.triggers.iter().map(|trigger| Object::Function(trigger.function.clone())));
                needs
            }
            Change::AddColumn { table, column, .. } => {
                with_key(table, column, with_table(table, column_needs(column)))
            }
            Change::SetDefault { table, column, .. } | Change::SetNotNull { table, column, .. } => {
                with_column(table, column, column_needs(column))
            }
            Change::DropNotNull { table, column, .. } | Change::DropDefault { table, column, .. } => {
                with_column(table, column, Vec::new())
            }
            Change::ReplaceColumn(replace) => {
                let mut needs = with_table(&replace.table, column_needs(&replace.new));
                if !replace.is_in_place() {
                    needs = with_key(&replace.table, &replace.new, needs);
                }
                needs.extend(replace.foreign_keys.iter().flat_map(|key| key_needs(&replace.table, key)));
                let own = self.object();
                needs.retain(|need| *need != own);
                needs
            }
            Change::ChangeKey { table, new_columns, .. } => {
                let columns = new_columns.iter().map(|column| Object::Column(table.clone(), column.clone()));
                columns.chain([Object::GoneKey(table.clone())]).collect()
            }
            Change::AddUnique { table, unique } => {
                with_free_name(table, &unique.name, columns_of(table, &unique.columns))
            }
            // A constraint over a column that waits to be dropped or renamed waits with it.
            Change::DropUnique { table, unique } => gone(table, unique.columns.iter().map(String::as_str)),
            Change::DropIndex { table, index } => gone(table, index.columns.iter().map(String::as_str)),
            Change::DropForeignKey { table, key } => gone(table, key.own_columns()),
            Change::CreateIndex { table, index } => {
                with_free_name(table, &index.name, columns_of(table, &index.columns))
            }
            Change::AddForeignKey { table, key } => with_free_name(table, &key.name, key_needs(table, key)),
            Change::CreateTrigger { table, trigger } => {
                with_table(table, vec![Object::Function(trigger.function.clone())])
            }
            Change::CreateFunction(function) | Change::ReplaceFunction(function) => {
                function_needs(wanted, function)
            }
            Change::DropFunction { name, table } => {
                let mut needs = vec![Object::GoneTrigger(name.replacen("_update_", "_on_update_", 1))];
                needs.extend(table.iter().cloned().map(Object::GoneTable));
                needs
            }
            Change::RenameColumn { table, .. } | Change::DropColumn { table, .. } => {
                vec![Object::Table(table.clone())]
            }
            Change::CreateSequence(name) => vec![Object::Schema(name.schema_name().to_owned())],
            Change::CreateEnum(ty) => vec![Object::Schema(ty.name.schema_name().to_owned())],
            Change::CreateExtension(_)
            | Change::DropExtension(_)
            | Change::CreateSchema(_)
            | Change::DropSchema(_)
            | Change::DropSequence(_)
            | Change::DropEnum(_)
            | Change::AddEnumValue { .. }
            | Change::ReplaceEnum { .. }
            | Change::DropTable { .. }
            | Change::RenameTable { .. }
            | Change::DropTrigger { .. } => Vec::new(),
        }
    }
}

fn is_part_of(object: &Object, table: &QualifiedName) -> bool {
    match object {
        Object::Table(name) | Object::Column(name, _) | Object::Key(name) => name == table,
        _ => false,
    }
}

fn column_needs(column: &Column) -> Vec<Object> {
    let mut needs = Vec::new();
    if let crate::schema::ColumnType::Enum(name) = column.ty.element() {
        needs.push(Object::Enum(name.clone()));
    }
    if let Some(ColumnDefault::Sequence(name)) = &column.default {
        needs.push(Object::Sequence(name.clone()));
    }
    needs
}

fn with_table(table: &QualifiedName, mut needs: Vec<Object>) -> Vec<Object> {
    needs.push(Object::Table(table.clone()));
    needs
}

fn with_column(table: &QualifiedName, column: &Column, mut needs: Vec<Object>) -> Vec<Object> {
    needs.push(Object::Table(table.clone()));
    needs.push(Object::Column(table.clone(), column.name.clone()));
    needs
}

fn gone<'a>(table: &QualifiedName, columns: impl Iterator<Item = &'a str>) -> Vec<Object> {
    columns.map(|column| Object::GoneColumn(table.clone(), column.to_owned())).collect()
}

/// A key column cannot come without its key, nor while the table still has its old one.
fn with_key(table: &QualifiedName, column: &Column, mut needs: Vec<Object>) -> Vec<Object> {
    if column.primary_key {
        needs.push(Object::Key(table.clone()));
        needs.push(Object::GoneKey(table.clone()));
    }
    needs
}

/// A constraint or index cannot come before the one whose name it takes over.
fn with_free_name(table: &QualifiedName, name: &str, mut needs: Vec<Object>) -> Vec<Object> {
    needs.push(Object::GoneName(table.clone(), name.to_owned()));
    needs
}

fn columns_of(table: &QualifiedName, columns: &[String]) -> Vec<Object> {
    let columns = columns.iter().map(|column| Object::Column(table.clone(), column.clone()));
    columns.chain([Object::Table(table.clone())]).collect()
}

fn key_needs(table: &QualifiedName, key: &ForeignKey) -> Vec<Object> {
    let own = key.own_columns().map(|column| Object::Column(table.clone(), column.to_owned()));
    let referenced = key.columns.iter().map(|(_, column)| Object::Column(key.target.clone(), column.clone()));
    let tables =
        [Object::Table(table.clone()), Object::Table(key.target.clone()), Object::Key(key.target.clone())];
    own.chain(referenced).chain(tables).collect()
}

/// The table of an update function and the columns it assigns: a function that assigns a missing column breaks every update.
fn function_needs(wanted: &DatabaseSchema, function: &Function) -> Vec<Object> {
    let calls = |table: &&Table| table.triggers.iter().any(|trigger| trigger.function == function.name);
    let Some(table) = wanted.tables.iter().find(calls) else { return Vec::new() };
    let assigned = table.columns.iter().filter(|column| {
        function.body.contains(&format!("NEW.{} =", crate::schema::plain_ident(&column.name)))
    });
    let columns = assigned.map(|column| Object::Column(table.name.clone(), column.name.clone()));
    columns.chain([Object::Table(table.name.clone())]).collect()
}
