//! From the checked model to the database schema it asks for (graphql-and-sql.md 4.1 to 4.4).
//!
//! All decisions about names, types and relations were taken when the IR was built; this module arranges them.

pub mod import;

use studio_sql::schema::{
    Column, ColumnDefault, ColumnType, DatabaseSchema, EnumType, ForeignKey, Function, Index, IndexKind,
    QualifiedName, Table, Trigger, Unique, VectorOps, plain_ident,
};

use crate::ir::{
    self, Distance, Entity, EnumId, Field, FieldId, FieldKind, Ir, Literal, TableName, ValueType,
};

/// Everything the model wants to find in its database. Unmanaged tables and enums are present but flagged;
/// schemas, extensions, sequences and functions are listed for managed tables only.
pub fn database_schema(ir: &Ir) -> DatabaseSchema {
    let mut schema = DatabaseSchema::default();
    for (id, ty) in ir.enums.iter() {
        let managed = enum_is_managed(ir, id);
        schema.enums.push(EnumType {
            name: QualifiedName::new(ty.schema.as_deref(), &ty.db_name),
            values: ty.values.clone(),
            managed,
        });
        if managed {
            mention(&mut schema.schemas, ty.schema.as_deref());
        }
    }
    for entity in ir.entities.values() {
        let table = table(ir, entity);
        if table.managed {
            mention(&mut schema.schemas, table.name.schema.as_deref());
            note_requirements(&mut schema, &table);
            schema.functions.extend(update_function(entity, &table));
        }
        schema.tables.push(table);
    }
    schema.extensions.sort();
    schema
}

/// An enum is left alone when only unmanaged tables use it.
fn enum_is_managed(ir: &Ir, id: EnumId) -> bool {
    let mut used = false;
    for entity in ir.entities.values() {
        if entity.columns.values().any(|column| uses_enum(&column.ty, id)) {
            if entity.managed {
                return true;
            }
            used = true;
        }
    }
    !used
}

fn uses_enum(ty: &ir::ColumnType, id: EnumId) -> bool {
    match ty {
        ir::ColumnType::Enum(used) => *used == id,
        ir::ColumnType::Array(element) => uses_enum(element, id),
        _ => false,
    }
}

fn mention(names: &mut Vec<String>, name: Option<&str>) {
    if let Some(name) = name.filter(|name| *name != "public" && !names.iter().any(|known| known == name)) {
        names.push(name.to_owned());
    }
}

/// Extensions and sequences the columns of `table` depend on.
fn note_requirements(schema: &mut DatabaseSchema, table: &Table) {
    for column in &table.columns {
        if matches!(column.ty.element(), ColumnType::Vector(_)) {
            mention(&mut schema.extensions, Some("vector"));
        }
        match &column.default {
            Some(ColumnDefault::UuidV4) => mention(&mut schema.extensions, Some("uuid-ossp")),
            Some(ColumnDefault::Sequence(name)) => {
                mention(&mut schema.schemas, name.schema.as_deref());
                if !schema.sequences.contains(name) {
                    schema.sequences.push(name.clone());
                }
            }
            _ => {}
        }
    }
}

fn table_name(name: &TableName) -> QualifiedName {
    QualifiedName::new(name.schema.as_deref(), &name.name)
}

/// `<schema>_<table>`, the stem of constraint, trigger and function names.
fn stem(name: &QualifiedName) -> String {
    match &name.schema {
        Some(schema) => format!("{schema}_{}", name.name),
        None => name.name.clone(),
    }
}

fn table(ir: &Ir, entity: &Entity) -> Table {
    let name = table_name(&entity.table);
    let columns = entity.columns.values().map(|column| self::column(ir, column)).collect();
    let mut uniques: Vec<Unique> = entity
        .uniques
        .iter()
        .map(|unique| Unique {
            name: unique.db_name.clone(),
            columns: sorted_columns(entity, &unique.fields),
        })
        .collect();
    uniques.sort_by(|a, b| a.name.cmp(&b.name));
    let indexes = entity
        .indexes
        .iter()
        .map(|index| Index {
            name: index.name.clone(),
            columns: sorted_columns(entity, &index.fields),
            kind: index_kind(entity, &index.fields),
        })
        .collect();
    let triggers = if entity.columns.values().any(|column| column.on_update) {
        let stem = stem(&name);
        vec![Trigger {
            name: format!("exograph_on_update_{stem}"),
            function: format!("exograph_update_{stem}"),
        }]
    } else {
        Vec::new()
    };
    let foreign_keys = foreign_keys(ir, entity, &name);
    Table { name, columns, key_name: None, uniques, foreign_keys, indexes, triggers, managed: entity.managed }
}

fn column(ir: &Ir, column: &ir::Column) -> Column {
    let ty = column_type(ir, &column.ty);
    let default = column.default.as_ref().and_then(|default| column_default(&ty, default));
    Column {
        name: column.name.clone(),
        primary_key: column.primary_key,
        nullable: column.nullable && !column.primary_key,
        ty,
        default,
    }
}

/// A column as in a `CREATE TABLE`: name, type, whether it may be empty.
pub(crate) fn column_text(ir: &Ir, column: &ir::Column) -> String {
    let ty = studio_sql::ddl::type_text(&column_type(ir, &column.ty));
    let null = if column.nullable { "" } else { " NOT NULL" };
    format!("{} {ty}{null}", column.name)
}

fn column_type(ir: &Ir, ty: &ir::ColumnType) -> ColumnType {
    match ty {
        ir::ColumnType::SmallInt => ColumnType::SmallInt,
        ir::ColumnType::Int => ColumnType::Int,
        ir::ColumnType::BigInt => ColumnType::BigInt,
        ir::ColumnType::Real => ColumnType::Real,
        ir::ColumnType::DoublePrecision => ColumnType::DoublePrecision,
        ir::ColumnType::Numeric { precision, scale } => {
            ColumnType::Numeric { precision: *precision, scale: *scale }
        }
        ir::ColumnType::Text => ColumnType::Text,
        ir::ColumnType::Varchar(size) => ColumnType::Varchar(Some(*size)),
        ir::ColumnType::Char(size) => ColumnType::Char(Some(*size)),
        ir::ColumnType::Boolean => ColumnType::Boolean,
        ir::ColumnType::Timestamp { precision, time_zone } => {
            ColumnType::Timestamp { precision: *precision, time_zone: *time_zone }
        }
        ir::ColumnType::Time { precision } => ColumnType::Time { precision: *precision },
        ir::ColumnType::Date => ColumnType::Date,
        ir::ColumnType::Jsonb => ColumnType::Jsonb,
        ir::ColumnType::Bytea => ColumnType::Bytea,
        ir::ColumnType::Uuid => ColumnType::Uuid,
        ir::ColumnType::Vector(size) => ColumnType::Vector(Some(*size)),
        ir::ColumnType::Enum(id) => {
            let ty = &ir.enums[*id];
            ColumnType::Enum(QualifiedName::new(ty.schema.as_deref(), &ty.db_name))
        }
        ir::ColumnType::Array(element) => ColumnType::Array(Box::new(column_type(ir, element))),
    }
}

fn column_default(ty: &ColumnType, default: &ir::ColumnDefault) -> Option<ColumnDefault> {
    let default = match default {
        ir::ColumnDefault::Serial => ColumnDefault::Serial,
        ir::ColumnDefault::Sequence { schema, name } => {
            ColumnDefault::Sequence(QualifiedName::new(schema.as_deref(), name))
        }
        ir::ColumnDefault::Now => ColumnDefault::Now,
        ir::ColumnDefault::GenerateUuid => ColumnDefault::GenerateUuid,
        ir::ColumnDefault::UuidV4 => ColumnDefault::UuidV4,
        ir::ColumnDefault::UuidV7 => ColumnDefault::UuidV7,
        ir::ColumnDefault::Literal(Literal::Bool(value)) => ColumnDefault::Bool(*value),
        ir::ColumnDefault::Literal(Literal::Int(value)) => ColumnDefault::Number(value.to_string()),
        ir::ColumnDefault::Literal(Literal::Float(text)) => ColumnDefault::Number(text.clone()),
        // Decimal defaults are strings in the model and numbers in SQL; text that is no number stays quoted, so
        // that the database refuses it as a value rather than as broken syntax.
        ir::ColumnDefault::Literal(Literal::String(text)) => match ty {
            ColumnType::Numeric { .. } if is_number(text) => ColumnDefault::Number(text.clone()),
            _ => ColumnDefault::Quoted(text.clone()),
        },
        ir::ColumnDefault::Literal(Literal::Null) => return None,
        ir::ColumnDefault::Enum(label) => ColumnDefault::Quoted(label.clone()),
        ir::ColumnDefault::Expression(text) => ColumnDefault::Expression(text.clone()),
    };
    Some(default)
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit()) && digits.parse::<f64>().is_ok()
}

/// Columns of these fields, sorted by name, each once.
fn sorted_columns(entity: &Entity, fields: &[FieldId]) -> Vec<String> {
    let ids = fields.iter().flat_map(|field| &entity.fields[*field].columns);
    let mut names: Vec<String> = ids.map(|id| entity.columns[*id].name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

/// The first field decides: nearest-neighbour search over a vector, else a plain index.
fn index_kind(entity: &Entity, fields: &[FieldId]) -> IndexKind {
    let distance = fields.first().and_then(|field| match entity.fields[*field].kind {
        FieldKind::Value(ValueType::Vector { distance, .. }) => Some(distance),
        _ => None,
    });
    match distance {
        None => IndexKind::BTree,
        Some(Distance::Cosine) => IndexKind::Hnsw(VectorOps::Cosine),
        Some(Distance::L2) => IndexKind::Hnsw(VectorOps::L2),
        Some(Distance::InnerProduct) => IndexKind::Hnsw(VectorOps::InnerProduct),
    }
}

/// One constraint per owning relation field, sorted by field name.
fn foreign_keys(ir: &Ir, entity: &Entity, name: &QualifiedName) -> Vec<ForeignKey> {
    let mut fields: Vec<&Field> = entity.fields.values().collect();
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    fields
        .into_iter()
        .filter_map(|field| {
            let FieldKind::Reference { target, pairs, .. } = &field.kind else { return None };
            let target = &ir.entities[*target];
            let mut columns: Vec<(String, String)> = pairs
                .iter()
                .map(|(own, key)| (entity.columns[*own].name.clone(), target.columns[*key].name.clone()))
                .collect();
            columns.sort();
            Some(ForeignKey {
                name: format!("{}_{}_fk", stem(name), field.name),
                target: table_name(&target.table),
                columns,
            })
        })
        .collect()
}

/// The function that gives every `@update` column its default again.
fn update_function(entity: &Entity, table: &Table) -> Option<Function> {
    let trigger = table.triggers.first()?;
    let columns = entity.columns.values().zip(&table.columns).filter(|(column, _)| column.on_update);
    let assignments: String = columns
        .filter_map(|(_, column)| {
            let value = studio_sql::ddl::default_expression(column)?;
            Some(format!("NEW.{} = {value}; ", plain_ident(&column.name)))
        })
        .collect();
    Some(Function { name: trigger.function.clone(), body: format!("BEGIN {assignments}RETURN NEW; END;") })
}
