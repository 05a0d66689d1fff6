//! Short ways to write schemas in tests.

use studio_sql::schema::{
    Column, ColumnDefault, ColumnType, ForeignKey, Index, IndexKind, QualifiedName, Table, Trigger, Unique,
};

pub(crate) fn table(name: &str, columns: Vec<Column>) -> Table {
    Table {
        name: name_of(name),
        columns,
        key_name: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
        managed: true,
    }
}

/// `t` or `s.t`.
pub(crate) fn name_of(text: &str) -> QualifiedName {
    match text.split_once('.') {
        Some((schema, name)) => QualifiedName::new(Some(schema), name),
        None => QualifiedName::public(text),
    }
}

pub(crate) fn serial_key(name: &str) -> Column {
    Column {
        primary_key: true,
        nullable: false,
        ..with_default(name, ColumnType::Int, ColumnDefault::Serial)
    }
}

pub(crate) fn key(name: &str, ty: ColumnType) -> Column {
    Column { primary_key: true, ..required(name, ty) }
}

pub(crate) fn required(name: &str, ty: ColumnType) -> Column {
    Column { name: name.to_owned(), ty, primary_key: false, nullable: false, default: None }
}

pub(crate) fn optional(name: &str, ty: ColumnType) -> Column {
    Column { nullable: true, ..required(name, ty) }
}

pub(crate) fn with_default(name: &str, ty: ColumnType, default: ColumnDefault) -> Column {
    Column { default: Some(default), ..required(name, ty) }
}

pub(crate) fn enum_type(name: &str) -> ColumnType {
    ColumnType::Enum(name_of(name))
}

pub(crate) fn quoted(text: &str) -> ColumnDefault {
    ColumnDefault::Quoted(text.to_owned())
}

pub(crate) fn unique(name: &str, columns: &[&str]) -> Unique {
    Unique { name: name.to_owned(), columns: columns.iter().map(|&c| c.to_owned()).collect() }
}

pub(crate) fn index(name: &str, columns: &[&str]) -> Index {
    index_of(name, columns, IndexKind::BTree)
}

pub(crate) fn index_of(name: &str, columns: &[&str], kind: IndexKind) -> Index {
    Index { name: name.to_owned(), columns: columns.iter().map(|&c| c.to_owned()).collect(), kind }
}

pub(crate) fn foreign_key(name: &str, target: &str, columns: &[(&str, &str)]) -> ForeignKey {
    ForeignKey {
        name: name.to_owned(),
        target: name_of(target),
        columns: columns.iter().map(|&(own, key)| (own.to_owned(), key.to_owned())).collect(),
    }
}

pub(crate) fn trigger(stem: &str) -> Trigger {
    Trigger { name: format!("exograph_on_update_{stem}"), function: format!("exograph_update_{stem}") }
}
