//! Columns as scalar fields, and the constraints over fields.

use std::collections::BTreeSet;

use heck::ToSnakeCase;
use studio_sql::schema::{Column, ColumnDefault, ColumnType, IndexKind, Table, VectorOps, plain_ident};

use super::Imports;
use super::name::is_identifier;
use super::relation::Reference;

/// The groups of fields in a type, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    KeyScalar,
    KeyReference,
    Scalar,
    Reference,
    Single,
    Collection,
}

/// A field ready to be printed.
#[derive(Debug, Clone)]
pub(super) struct FieldText {
    pub(super) group: Group,
    pub(super) name: String,
    /// The type without `?`.
    pub(super) ty: String,
    pub(super) nullable: bool,
    /// `@unique`, with names or without.
    pub(super) unique: Option<String>,
    /// Annotations behind `@pk` and `@unique`.
    pub(super) annotations: Vec<String>,
    pub(super) default: Option<String>,
    /// Columns the field holds.
    pub(super) columns: Vec<String>,
}

impl FieldText {
    pub(super) fn order(&self) -> (Group, &str, bool, &str) {
        (self.group, &self.ty, self.nullable, &self.name)
    }
}

/// The field of a column, or why there is none.
pub(super) fn scalar(imports: &mut Imports<'_>, table: &Table, column: &Column) -> Result<FieldText, String> {
    let (ty, hints) = type_text(imports, &column.ty)?;
    let name = imports.names.field_name(&table.name, &column.name).to_owned();
    let mut annotations = Vec::new();
    if name.to_snake_case() != column.name {
        if column.name.contains(['"', '\\']) {
            return Err("its name cannot be written in a string; skipped".to_owned());
        }
        annotations.push(format!("@column(\"{}\")", column.name));
    }
    annotations.extend(hints);
    let default = match column.default.as_ref().map(|default| default_text(&column.ty, default)) {
        Some(Ok(text)) => Some(text),
        Some(Err(reason)) => {
            imports.issues.push(format!("column {}.{}: {reason}; no default", table.name, column.name));
            None
        }
        None => None,
    };
    if default.is_some() && is_updated(imports, table, column) {
        annotations.push("@update".to_owned());
    }
    Ok(FieldText {
        group: if column.primary_key { Group::KeyScalar } else { Group::Scalar },
        name,
        ty,
        nullable: column.nullable,
        unique: None,
        annotations,
        default,
        columns: vec![column.name.clone()],
    })
}

/// Whether the update trigger of the table assigns this column.
fn is_updated(imports: &Imports<'_>, table: &Table, column: &Column) -> bool {
    let assignment = format!("NEW.{} = ", plain_ident(&column.name));
    let functions = table.triggers.iter().filter_map(|trigger| imports.schema.function(&trigger.function));
    functions.into_iter().any(|function| function.body.contains(&assignment))
}

/// Type and hints: the inverse of 4.2.
fn type_text(imports: &Imports<'_>, ty: &ColumnType) -> Result<(String, Vec<String>), String> {
    let plain = |name: &str| Ok((name.to_owned(), Vec::new()));
    let hinted = |name: &str, hint: String| Ok((name.to_owned(), vec![hint]));
    match ty {
        ColumnType::SmallInt => hinted("Int", "@bits16".to_owned()),
        ColumnType::Int => plain("Int"),
        ColumnType::BigInt => hinted("Int", "@bits64".to_owned()),
        ColumnType::Real => hinted("Float", "@singlePrecision".to_owned()),
        ColumnType::DoublePrecision => hinted("Float", "@doublePrecision".to_owned()),
        ColumnType::Numeric { precision, scale } => {
            let precision_hint = precision.map(|precision| format!("@precision({precision})"));
            let scale_hint = scale.map(|scale| format!("@scale({scale})"));
            Ok(("Decimal".to_owned(), precision_hint.into_iter().chain(scale_hint).collect()))
        }
        ColumnType::Text => plain("String"),
        ColumnType::Varchar(Some(size)) => hinted("String", format!("@maxLength({size})")),
        ColumnType::Varchar(None) => plain("String"),
        ColumnType::Char(Some(size)) => hinted("String", format!("@dbtype(\"CHAR({size})\")")),
        ColumnType::Char(None) => hinted("String", "@dbtype(\"CHAR\")".to_owned()),
        ColumnType::Boolean => plain("Boolean"),
        ColumnType::Timestamp { precision: None, time_zone: true } => plain("Instant"),
        ColumnType::Timestamp { precision: Some(precision), time_zone: true } => {
            hinted("Instant", format!("@precision({precision})"))
        }
        ColumnType::Timestamp { precision: None, time_zone: false } => plain("LocalDateTime"),
        // The language has `@precision` on Instant and Decimal only.
        ColumnType::Timestamp { precision: Some(precision), time_zone: false } => {
            hinted("LocalDateTime", format!("@dbtype(\"TIMESTAMP({precision})\")"))
        }
        ColumnType::Time { precision: None } => plain("LocalTime"),
        ColumnType::Time { precision: Some(precision) } => {
            hinted("LocalTime", format!("@dbtype(\"TIME({precision})\")"))
        }
        ColumnType::Date => plain("LocalDate"),
        ColumnType::Jsonb => plain("Json"),
        ColumnType::Bytea => plain("Blob"),
        ColumnType::Uuid => plain("Uuid"),
        ColumnType::Vector(Some(size)) => hinted("Vector", format!("@size({size})")),
        ColumnType::Vector(None) => Err("a vector without a size cannot be expressed; skipped".to_owned()),
        ColumnType::Enum(name) => match imports.enum_of(ty) {
            Some(name) => plain(name),
            None => Err(format!("the enum {name} cannot be expressed; skipped")),
        },
        ColumnType::Array(element) => match element.as_ref() {
            ColumnType::Enum(_) => Err("an array of an enum cannot be expressed; skipped".to_owned()),
            element => type_text(imports, element).map(|(name, hints)| (format!("Array<{name}>"), hints)),
        },
        ColumnType::Other(name) => Err(format!("the type {name} cannot be expressed; skipped")),
    }
}

/// The default as the language writes it, or why it cannot.
fn default_text(ty: &ColumnType, default: &ColumnDefault) -> Result<String, String> {
    let string = |text: &str| {
        if text.contains(['"', '\\']) {
            Err(format!("its default {text:?} cannot be written in a string"))
        } else {
            Ok(format!("\"{text}\""))
        }
    };
    match default {
        ColumnDefault::Serial => Ok("autoIncrement()".to_owned()),
        ColumnDefault::Sequence(name) => string(&format!("{}.{}", name.schema_name(), name.name))
            .map(|text| format!("autoIncrement({text})")),
        ColumnDefault::Now => match ty {
            ColumnType::Timestamp { .. } | ColumnType::Date | ColumnType::Time { .. } => {
                Ok("now()".to_owned())
            }
            _ => Err("now() does not fit its type".to_owned()),
        },
        ColumnDefault::GenerateUuid => Ok("generate_uuid()".to_owned()),
        ColumnDefault::UuidV4 => Ok("uuidGenerateV4()".to_owned()),
        ColumnDefault::UuidV7 => Ok("uuidGenerateV7()".to_owned()),
        ColumnDefault::Bool(value) => Ok(value.to_string()),
        ColumnDefault::Number(text) => match ty {
            ColumnType::Numeric { .. } => Ok(format!("\"{text}\"")),
            _ => Ok(text.clone()),
        },
        ColumnDefault::Quoted(text) => match ty {
            ColumnType::Enum(_) if is_identifier(text) => Ok(text.clone()),
            ColumnType::Text
            | ColumnType::Varchar(_)
            | ColumnType::Char(_)
            | ColumnType::Date
            | ColumnType::Time { .. }
            | ColumnType::Timestamp { time_zone: false, .. }
            | ColumnType::Uuid
            | ColumnType::Numeric { .. } => string(text),
            ColumnType::Jsonb => string(text),
            // A default of Blob is an expression.
            ColumnType::Bytea => string(&studio_sql::schema::quote_literal(text)),
            _ => Err("a literal does not fit its type".to_owned()),
        },
        ColumnDefault::Expression(text) => match ty {
            ColumnType::Bytea => string(text),
            _ => Err(format!("its default {text} cannot be expressed")),
        },
    }
}

/// Puts `@unique` and `@index` on the fields.
pub(super) fn constraints(
    imports: &mut Imports<'_>,
    table: &Table,
    references: &[Reference],
    fields: &mut [FieldText],
) {
    let type_name = imports.names.type_name(&table.name).to_owned();
    let prefix = format!("{}_", format!("unique_constraint_{type_name}").to_snake_case());
    let mut uniques: Vec<Vec<String>> = vec![Vec::new(); fields.len()];
    for unique in &table.uniques {
        let by_relation = references.iter().filter(|reference| reference.one_to_one);
        if by_relation.into_iter().any(|reference| same_columns(reference.columns(), &unique.columns)) {
            continue;
        }
        let Some(holders) = holders(fields, &unique.columns) else {
            imports.issues.push(format!(
                "unique constraint {} of {}: not over whole fields; skipped",
                unique.name, table.name
            ));
            continue;
        };
        let name = unique.name.strip_prefix(&prefix).unwrap_or(&unique.name);
        let name = match holders.as_slice() {
            [only] => fields[*only].name.clone(),
            _ => name.to_owned(),
        };
        for holder in holders {
            uniques[holder].push(name.clone());
        }
    }
    let mut indexes: Vec<Vec<String>> = vec![Vec::new(); fields.len()];
    for index in &table.indexes {
        let Some(holders) = holders(fields, &index.columns) else {
            imports
                .issues
                .push(format!("index {} of {}: not over whole fields; skipped", index.name, table.name));
            continue;
        };
        if let (IndexKind::Hnsw(ops), [only]) = (&index.kind, holders.as_slice()) {
            let distance = match ops {
                VectorOps::Cosine => None,
                VectorOps::L2 => Some("@distanceFunction(\"l2\")"),
                VectorOps::InnerProduct => Some("@distanceFunction(\"ip\")"),
            };
            fields[*only].annotations.extend(distance.map(str::to_owned));
        }
        for holder in holders {
            indexes[holder].push(index.name.clone());
        }
    }
    for (field, (uniques, indexes)) in fields.iter_mut().zip(uniques.into_iter().zip(indexes)) {
        field.unique = annotation("unique", &uniques, &field.name);
        let standard = format!("{type_name}_{}_idx", field.name).to_lowercase();
        field.annotations.extend(annotation("index", &indexes, &standard));
    }
}

/// `@unique` when the only name is the one it has anyway, `@unique("a", "b")` otherwise.
fn annotation(kind: &str, names: &[String], standard: &str) -> Option<String> {
    match names {
        [] => None,
        [only] if only == standard => Some(format!("@{kind}")),
        several => {
            let names: Vec<String> = several.iter().map(|name| format!("\"{name}\"")).collect();
            Some(format!("@{kind}({})", names.join(", ")))
        }
    }
}

fn same_columns<'a>(columns: impl Iterator<Item = &'a str>, sorted: &[String]) -> bool {
    columns.collect::<BTreeSet<&str>>() == sorted.iter().map(String::as_str).collect()
}

/// Fields that together hold exactly these columns.
fn holders(fields: &[FieldText], columns: &[String]) -> Option<Vec<usize>> {
    let mut missing: BTreeSet<&str> = columns.iter().map(String::as_str).collect();
    let mut holders = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        let inside = !field.columns.is_empty() && field.columns.iter().all(|column| columns.contains(column));
        let adds = field.columns.iter().any(|column| missing.contains(column.as_str()));
        if inside && adds {
            holders.push(at);
            missing.retain(|column| !field.columns.iter().any(|held| held == column));
        }
    }
    missing.is_empty().then_some(holders)
}
