//! Reads a live database into the same data as a model's schema (graphql-and-sql.md 4.3, 4.6 and 4.8).
//!
//! One query in one round trip returns everything as JSON; the spellings of PostgreSQL are normalised here.
//! Views and materialised views (unless asked for), partitions and whatever an extension brought along are left out,
//! and so are indexes a model cannot express: they stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use studio_sql::default::parse_default;
use studio_sql::diff::{DiffOptions, Migration, StakeQuery, diff};
use studio_sql::schema::{
    Column, ColumnDefault, ColumnType, DatabaseSchema, EnumType, ForeignKey, Function, Index, IndexKind,
    QualifiedName, Table, Trigger, Unique, VectorOps, quote_literal,
};

use crate::wire::{Connection, DbError};

/// Why a database could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The server refused the query or the connection broke.
    #[error("cannot read the database schema: {0}")]
    Database(#[from] DbError),
    /// The catalogue query gave something unexpected.
    #[error("cannot understand the database schema: {0}")]
    Decode(#[from] serde_json::Error),
    /// The catalogue query gave no row.
    #[error("cannot read the database schema: the catalogue query returned nothing")]
    Empty,
}

/// Which schemas are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum InspectScope {
    /// All but the system's own.
    #[default]
    All,
    /// These only.
    Schemas(Vec<String>),
}

/// Reads the schema of the connected database in one round trip.
///
/// # Errors
/// [`InspectError`] when the database cannot be read.
pub async fn inspect(connection: &Connection, scope: &InspectScope) -> Result<DatabaseSchema, InspectError> {
    read(connection, &catalogue_query(scope, "'r', 'p', 'S'")).await
}

/// Like [`inspect`], with views as unmanaged tables (4.8: they become unmanaged types).
///
/// # Errors
/// [`InspectError`] when the database cannot be read.
pub async fn inspect_with_views(
    connection: &Connection,
    scope: &InspectScope,
) -> Result<DatabaseSchema, InspectError> {
    read(connection, &catalogue_query(scope, "'r', 'p', 'S', 'v', 'm'")).await
}

async fn read(connection: &Connection, query: &str) -> Result<DatabaseSchema, InspectError> {
    let rows = connection.simple_query(query).await?;
    let cell = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
    let catalogue: Catalogue = serde_json::from_str(cell.ok_or(InspectError::Empty)?)?;
    Ok(catalogue.into_schema())
}

/// What has to happen so that the connected database fits `wanted`, with the classes of the steps settled against
/// the rows that exist: one round trip, and a second one when a step depends on the data.
///
/// # Errors
/// [`InspectError`] when the database cannot be read.
pub async fn difference(
    connection: &Connection,
    wanted: &DatabaseSchema,
    options: &DiffOptions,
) -> Result<Migration, InspectError> {
    let live = inspect(connection, &InspectScope::All).await?;
    let mut migration = diff(&live, wanted, options);
    settle(connection, &mut migration).await?;
    Ok(migration)
}

/// Asks the probes of a migration in one round trip and marks the steps that need no value after all.
///
/// # Errors
/// [`InspectError`] when a probe fails.
pub async fn settle(connection: &Connection, migration: &mut Migration) -> Result<(), InspectError> {
    let probes = migration.probes();
    if probes.is_empty() {
        return Ok(());
    }
    let questions: Vec<String> = probes.iter().map(|probe| format!("({})", probe.sql)).collect();
    let rows = connection.simple_query(&format!("SELECT {}", questions.join(", "))).await?;
    let answers = rows.first().ok_or(InspectError::Empty)?;
    let satisfied = answers.iter().map(|answer| answer.as_deref() == Some("t"));
    migration.settle(probes.iter().map(|probe| probe.step).zip(satisfied));
    Ok(())
}

/// What a step puts at stake. Counts stop at [`studio_sql::diff::COUNT_LIMIT`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stake {
    /// Index of the step.
    pub step: usize,
    /// Rows of the table.
    pub rows: u64,
    /// Values that are lost, survive a rename, or are missing.
    pub values: u64,
    /// A few of the values, shortened: of those that do not fit, if there are any.
    pub samples: Vec<String>,
    /// How many of the values have no equal one in the column's new type, where they can be cast one by one.
    pub misfits: Option<u64>,
}

/// Reads what the steps of a migration put at stake, in one round trip.
///
/// # Errors
/// [`InspectError`] when a query fails.
pub async fn stakes(connection: &Connection, migration: &Migration) -> Result<Vec<Stake>, InspectError> {
    let ask = async |queries: &[StakeQuery]| {
        let texts: Vec<&str> = queries.iter().map(|query| query.sql.as_str()).collect();
        connection.simple_query(&texts.join(";\n")).await
    };
    let mut queries = migration.stakes();
    if queries.is_empty() {
        return Ok(Vec::new());
    }
    let rows = match ask(&queries).await {
        // Before version 16 a server cannot say whether a text is a value of a type.
        Err(error) if error.sqlstate() == Some("42883") && migration.converts() => {
            queries = migration.without_conversions().stakes();
            ask(&queries).await?
        }
        rows => rows?,
    };
    let number = |row: &[Option<String>], at: usize| row.get(at)?.as_deref()?.parse::<u64>().ok();
    queries
        .iter()
        .zip(&rows)
        .map(|(query, row)| {
            let mut samples: Vec<String> = match row.get(2).and_then(Option::as_deref) {
                Some(text) => serde_json::from_str(text)?,
                None => Vec::new(),
            };
            let misfits = number(row, 3);
            if let Some(count @ 1..) = misfits {
                samples.truncate(usize::try_from(count).unwrap_or(usize::MAX));
            }
            let (rows, values) = (number(row, 0).unwrap_or(0), number(row, 1).unwrap_or(0));
            Ok(Stake { step: query.step, rows, values, samples, misfits })
        })
        .collect()
}

fn catalogue_query(scope: &InspectScope, kinds: &str) -> String {
    let only = match scope {
        InspectScope::All => String::new(),
        InspectScope::Schemas(names) => {
            let names: Vec<String> = names.iter().map(|name| quote_literal(name)).collect();
            // An empty list is no SQL; no schema is called NULL.
            let names = if names.is_empty() { "NULL".to_owned() } else { names.join(", ") };
            format!("AND nspname IN ({names})")
        }
    };
    CATALOGUE.replace("/*only*/", &only).replace("/*kinds*/", kinds).replace("/*plain*/", PLAIN_INDEX)
}

/// An index that a model can ask for.
const PLAIN_INDEX: &str = "NOT i.indisunique AND NOT i.indisprimary AND i.indpred IS NULL AND i.indexprs IS NULL \
    AND i.indnatts = i.indnkeyatts AND c.reloptions IS NULL \
    AND (am.amname = 'hnsw' OR am.amname = 'btree' AND NOT EXISTS ( \
      SELECT FROM unnest(i.indclass::oid[], i.indoption::int2[]) AS k(class, option) \
      JOIN pg_opclass oc ON oc.oid = k.class WHERE NOT oc.opcdefault OR k.option <> 0))";

/// An index that no model can ask for: [`inspect`] does not see it, and no migration touches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherIndex {
    /// Its table.
    pub table: QualifiedName,
    /// Its name.
    pub name: String,
    /// What is special about it, such as `method gist`.
    pub reason: String,
}

/// The indexes that [`inspect`] leaves out, those behind constraints excepted.
///
/// # Errors
/// [`InspectError`] when the database cannot be read.
pub async fn other_indexes(connection: &Connection) -> Result<Vec<OtherIndex>, InspectError> {
    let sql = format!(
        "SELECT n.nspname::text, t.relname::text, c.relname::text, CASE \
           WHEN am.amname NOT IN ('btree', 'hnsw') THEN 'method ' || am.amname \
           WHEN i.indisunique THEN 'unique without a constraint' \
           WHEN i.indpred IS NOT NULL THEN 'partial' WHEN i.indexprs IS NOT NULL THEN 'over an expression' \
           WHEN i.indnatts <> i.indnkeyatts THEN 'with included columns' \
           WHEN c.reloptions IS NOT NULL THEN 'with storage parameters' \
           ELSE 'with an order or operators of its own' END \
         FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
         JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam \
         WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND NOT t.relispartition AND NOT ({PLAIN_INDEX}) \
           AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid) \
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e') \
         ORDER BY 1, 2, 3"
    );
    let rows = connection.simple_query(&sql).await?;
    let found = rows.into_iter().filter_map(|row| {
        let mut cells = row.into_iter().flatten();
        let (schema, table) = (cells.next()?, cells.next()?);
        let table = QualifiedName::new(Some(&schema), table);
        Some(OtherIndex { table, name: cells.next()?, reason: cells.next()? })
    });
    Ok(found.collect())
}

const CATALOGUE: &str = r"
WITH ns AS MATERIALIZED (
  SELECT oid, nspname FROM pg_namespace
  WHERE nspname <> 'information_schema' AND nspname !~ '^pg_' /*only*/
), ext AS MATERIALIZED (
  SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), rel AS MATERIALIZED (
  SELECT c.oid, c.relname, c.relkind, n.nspname
  FROM pg_class c JOIN ns n ON n.oid = c.relnamespace
  WHERE c.relkind IN (/*kinds*/) AND NOT c.relispartition
    AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_class'::regclass AND objid = c.oid)
)
SELECT json_build_object(
'schemas', (SELECT coalesce(json_agg(nspname ORDER BY nspname), '[]') FROM ns WHERE nspname <> 'public'),
'extensions', (SELECT coalesce(json_agg(extname ORDER BY extname), '[]') FROM pg_extension
  WHERE extname IN ('vector', 'uuid-ossp')),
'enums', (SELECT coalesce(json_agg(json_build_object('schema', n.nspname, 'name', t.typname, 'values',
    (SELECT coalesce(json_agg(enumlabel ORDER BY enumsortorder), '[]') FROM pg_enum WHERE enumtypid = t.oid)
  ) ORDER BY n.nspname, t.typname), '[]')
  FROM pg_type t JOIN ns n ON n.oid = t.typnamespace
  WHERE t.typtype = 'e' AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_type'::regclass AND objid = t.oid)),
'sequences', (SELECT coalesce(json_agg(json_build_object(
    'oid', oid::bigint, 'schema', nspname, 'name', relname) ORDER BY nspname, relname), '[]')
  FROM rel WHERE relkind = 'S'),
'owned', (SELECT coalesce(json_agg(json_build_array(d.objid::bigint, d.refobjid::bigint, d.refobjsubid)), '[]')
  FROM pg_depend d JOIN pg_class s ON s.oid = d.objid
  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
    AND d.deptype IN ('a', 'i') AND s.relkind = 'S'),
'drawn', (SELECT coalesce(json_agg(json_build_array(
    ad.adrelid::bigint, ad.adnum, s.oid::bigint, n.nspname, s.relname)), '[]')
  FROM pg_depend d JOIN pg_class s ON s.oid = d.refobjid JOIN pg_attrdef ad ON ad.oid = d.objid
  JOIN pg_namespace n ON n.oid = s.relnamespace
  WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND s.relkind = 'S'),
'tables', (SELECT coalesce(json_agg(json_build_object(
    'oid', oid::bigint, 'schema', nspname, 'name', relname, 'view', relkind IN ('v', 'm')
  ) ORDER BY nspname, relname), '[]')
  FROM rel WHERE relkind <> 'S'),
'columns', (SELECT coalesce(json_agg(json_build_array(
    a.attrelid::bigint, a.attnum, a.attname, a.attnotnull,
    b.typname, bn.nspname, b.typtype, a.atttypmod,
    CASE WHEN t.typcategory = 'A' THEN greatest(a.attndims, 1) ELSE 0 END,
    CASE WHEN bn.nspname <> 'pg_catalog' OR b.typname IN ('interval', 'bit', 'varbit', 'timetz')
      THEN format_type(b.oid, a.atttypmod) ELSE b.typname END,
    a.attidentity <> '', CASE WHEN a.attgenerated = '' THEN pg_get_expr(ad.adbin, ad.adrelid) END
  ) ORDER BY a.attrelid, a.attnum), '[]')
  FROM pg_attribute a
  JOIN rel ON rel.oid = a.attrelid AND rel.relkind <> 'S'
  JOIN pg_type t ON t.oid = a.atttypid
  JOIN pg_type b ON b.oid = CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE t.oid END
  JOIN pg_namespace bn ON bn.oid = b.typnamespace
  LEFT JOIN pg_attrdef ad ON ad.adrelid = a.attrelid AND ad.adnum = a.attnum
  WHERE a.attnum > 0 AND NOT a.attisdropped),
'constraints', (SELECT coalesce(json_agg(json_build_object(
    'table', c.conrelid::bigint, 'kind', c.contype, 'name', c.conname, 'columns', to_json(c.conkey),
    'target_schema', tn.nspname, 'target', tc.relname,
    'target_columns', (SELECT json_agg(ta.attname ORDER BY k.at)
      FROM unnest(c.confkey) WITH ORDINALITY AS k(number, at)
      JOIN pg_attribute ta ON ta.attrelid = c.confrelid AND ta.attnum = k.number)
  ) ORDER BY c.conrelid, c.conname), '[]')
  FROM pg_constraint c JOIN rel ON rel.oid = c.conrelid
  LEFT JOIN pg_class tc ON tc.oid = c.confrelid
  LEFT JOIN pg_namespace tn ON tn.oid = tc.relnamespace
  WHERE c.contype IN ('p', 'u', 'f') AND c.conparentid = 0),
'indexes', (SELECT coalesce(json_agg(json_build_object(
    'table', i.indrelid::bigint, 'name', c.relname, 'columns', to_json(i.indkey::int2[]), 'method', am.amname,
    'operators', (SELECT opcname FROM pg_opclass WHERE oid = i.indclass[0])
  ) ORDER BY i.indrelid, c.relname), '[]')
  FROM pg_index i JOIN rel ON rel.oid = i.indrelid
  JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam
  WHERE /*plain*/),
'triggers', (SELECT coalesce(json_agg(json_build_object(
    'table', t.tgrelid::bigint, 'name', t.tgname, 'function', p.proname) ORDER BY t.tgrelid, t.tgname), '[]')
  FROM pg_trigger t JOIN rel ON rel.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
  WHERE NOT t.tgisinternal AND t.tgname ~ '^exograph_on_update_'),
'functions', (SELECT coalesce(json_agg(json_build_object('name', p.proname, 'body', p.prosrc)
    ORDER BY p.proname), '[]')
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname = 'public' AND p.proname ~ '^exograph_update_' AND p.prorettype = 'trigger'::regtype)
)::text
";

#[derive(Debug, Deserialize)]
struct Catalogue {
    schemas: Vec<String>,
    extensions: Vec<String>,
    enums: Vec<RawEnum>,
    sequences: Vec<RawSequence>,
    /// Sequences that belong to a column: sequence, table, attribute number.
    owned: Vec<(i64, i64, i16)>,
    /// Sequences that a default draws from: table, attribute number, sequence, its schema and name.
    drawn: Vec<(i64, i16, i64, String, String)>,
    tables: Vec<RawTable>,
    columns: Vec<RawColumn>,
    constraints: Vec<RawConstraint>,
    indexes: Vec<RawIndex>,
    triggers: Vec<RawTrigger>,
    functions: Vec<Function>,
}

#[derive(Debug, Deserialize)]
struct RawSequence {
    oid: i64,
    schema: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct RawEnum {
    schema: String,
    name: String,
    values: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct RawTable {
    oid: i64,
    schema: String,
    name: String,
    view: bool,
}

/// A column, as an array in this order: there are many of them.
#[derive(Debug, Deserialize)]
struct RawColumn {
    table: i64,
    number: i16,
    name: String,
    required: bool,
    r#type: String,
    type_schema: String,
    type_kind: String,
    modifier: i32,
    dimensions: i32,
    type_text: String,
    identity: bool,
    default: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RawConstraint {
    table: i64,
    kind: String,
    name: String,
    columns: Vec<i16>,
    target_schema: Option<String>,
    target: Option<String>,
    target_columns: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct RawIndex {
    table: i64,
    name: String,
    columns: Vec<i16>,
    method: String,
    operators: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RawTrigger {
    table: i64,
    name: String,
    function: String,
}

/// The sequence a default draws from.
#[derive(Debug)]
struct Drawn {
    oid: i64,
    name: QualifiedName,
    /// It belongs to the column, as those of serial columns do.
    is_owned: bool,
}

/// A table under construction.
#[derive(Debug)]
struct Building {
    table: Table,
    /// Column names by attribute number.
    numbers: BTreeMap<i16, String>,
}

impl Catalogue {
    fn into_schema(self) -> DatabaseSchema {
        let owned: BTreeSet<(i64, i64, i16)> = self.owned.into_iter().collect();
        // Sequences that are part of their column, by name or by ownership.
        let mut implicit: BTreeSet<i64> = owned.iter().map(|(sequence, _, _)| *sequence).collect();
        let mut drawn: BTreeMap<(i64, i16), Drawn> = BTreeMap::new();
        for (table, number, oid, schema, name) in self.drawn {
            let is_owned = owned.contains(&(oid, table, number));
            let name = QualifiedName::new(Some(&schema), name);
            drawn.entry((table, number)).or_insert(Drawn { oid, name, is_owned });
        }
        let order: Vec<i64> = self.tables.iter().map(|table| table.oid).collect();
        let mut tables: BTreeMap<i64, Building> =
            self.tables.into_iter().map(|raw| (raw.oid, Building::new(raw))).collect();
        for raw in self.columns {
            if let Some(building) = tables.get_mut(&raw.table) {
                let sequence = drawn.remove(&(raw.table, raw.number));
                building.add_column(raw, sequence, &mut implicit);
            }
        }
        for raw in self.constraints {
            if let Some(building) = tables.get_mut(&raw.table) {
                building.add_constraint(raw);
            }
        }
        for raw in self.indexes {
            if let Some(building) = tables.get_mut(&raw.table) {
                building.add_index(raw);
            }
        }
        for raw in self.triggers {
            if let Some(building) = tables.get_mut(&raw.table) {
                building.table.triggers.push(Trigger { name: raw.name, function: raw.function });
            }
        }
        let sequences = self.sequences.into_iter().filter(|raw| !implicit.contains(&raw.oid));
        DatabaseSchema {
            schemas: self.schemas,
            extensions: self.extensions,
            sequences: sequences.map(|raw| QualifiedName::new(Some(&raw.schema), raw.name)).collect(),
            enums: self
                .enums
                .into_iter()
                .map(|raw| EnumType {
                    name: QualifiedName::new(Some(&raw.schema), raw.name),
                    values: raw.values,
                    managed: true,
                })
                .collect(),
            tables: order
                .iter()
                .filter_map(|oid| tables.remove(oid))
                .map(|building| building.table)
                .collect(),
            functions: self
                .functions
                .into_iter()
                .map(|function| Function { body: function.body.trim().to_owned(), ..function })
                .collect(),
        }
    }
}

impl Building {
    fn new(raw: RawTable) -> Self {
        Self {
            table: Table {
                name: QualifiedName::new(Some(&raw.schema), raw.name),
                columns: Vec::new(),
                key_name: None,
                uniques: Vec::new(),
                foreign_keys: Vec::new(),
                indexes: Vec::new(),
                triggers: Vec::new(),
                managed: !raw.view,
            },
            numbers: BTreeMap::new(),
        }
    }

    fn add_column(&mut self, raw: RawColumn, sequence: Option<Drawn>, implicit: &mut BTreeSet<i64>) {
        let ty = column_type(&raw);
        let draws = raw.default.as_deref().is_some_and(|text| text.starts_with("nextval("));
        let serial_name = QualifiedName {
            schema: self.table.name.schema.clone(),
            name: format!("{}_{}_seq", self.table.name.name, raw.name),
        };
        let default = match sequence.filter(|_| draws) {
            _ if raw.identity => Some(ColumnDefault::Serial),
            Some(sequence) if sequence.is_owned || sequence.name == serial_name => {
                implicit.insert(sequence.oid);
                Some(ColumnDefault::Serial)
            }
            Some(sequence) => Some(ColumnDefault::Sequence(sequence.name)),
            None => raw.default.as_deref().map(|text| parse_default(text, &ty)),
        };
        self.numbers.insert(raw.number, raw.name.clone());
        self.table.columns.push(Column {
            name: raw.name,
            ty,
            primary_key: false,
            nullable: !raw.required,
            // `DEFAULT NULL` is no default.
            default: default.filter(|default| match default {
                ColumnDefault::Expression(text) => !text.to_ascii_uppercase().starts_with("NULL"),
                _ => true,
            }),
        });
    }

    fn names(&self, numbers: &[i16]) -> Vec<String> {
        numbers.iter().filter_map(|number| self.numbers.get(number).cloned()).collect()
    }

    fn add_constraint(&mut self, raw: RawConstraint) {
        let mut columns = self.names(&raw.columns);
        match raw.kind.as_str() {
            "p" => {
                for column in self.table.columns.iter_mut().filter(|column| columns.contains(&column.name)) {
                    column.primary_key = true;
                    column.nullable = false;
                }
                self.table.key_name = Some(raw.name).filter(|name| *name != self.table.key_constraint());
            }
            "u" => {
                columns.sort();
                self.table.uniques.push(Unique { name: raw.name, columns });
            }
            _ => {
                let Some(target) = raw.target else { return };
                let referenced = raw.target_columns.unwrap_or_default();
                let mut pairs: Vec<(String, String)> = columns.into_iter().zip(referenced).collect();
                pairs.sort();
                self.table.foreign_keys.push(ForeignKey {
                    name: raw.name,
                    target: QualifiedName::new(raw.target_schema.as_deref(), target),
                    columns: pairs,
                });
            }
        }
    }

    fn add_index(&mut self, raw: RawIndex) {
        let kind = match (raw.method.as_str(), raw.operators.as_deref()) {
            ("btree", _) => IndexKind::BTree,
            ("hnsw", Some("vector_cosine_ops")) => IndexKind::Hnsw(VectorOps::Cosine),
            ("hnsw", Some("vector_l2_ops")) => IndexKind::Hnsw(VectorOps::L2),
            ("hnsw", Some("vector_ip_ops")) => IndexKind::Hnsw(VectorOps::InnerProduct),
            _ => return,
        };
        let mut columns = self.names(&raw.columns);
        columns.sort();
        self.table.indexes.push(Index { name: raw.name, columns, kind });
    }
}

fn column_type(raw: &RawColumn) -> ColumnType {
    let mut ty = element_type(raw);
    for _ in 0..raw.dimensions {
        ty = ColumnType::Array(Box::new(ty));
    }
    ty
}

/// The type below all array levels. Lengths and precisions are packed into the type modifier.
fn element_type(raw: &RawColumn) -> ColumnType {
    if raw.type_kind == "e" {
        return ColumnType::Enum(QualifiedName::new(Some(&raw.type_schema), &raw.r#type));
    }
    const HEADER: i32 = 4;
    let size = |offset: i32| u32::try_from(raw.modifier - offset).ok().filter(|_| raw.modifier >= 0);
    let system = raw.type_schema == "pg_catalog";
    match raw.r#type.as_str() {
        "vector" if raw.type_kind == "b" => ColumnType::Vector(size(0)),
        "int2" if system => ColumnType::SmallInt,
        "int4" if system => ColumnType::Int,
        "int8" if system => ColumnType::BigInt,
        "float4" if system => ColumnType::Real,
        "float8" if system => ColumnType::DoublePrecision,
        "numeric" if system => {
            let packed = size(HEADER);
            ColumnType::Numeric {
                precision: packed.map(|packed| packed >> 16),
                scale: packed.map(|packed| packed & 0x7ff),
            }
        }
        "text" if system => ColumnType::Text,
        "varchar" if system => ColumnType::Varchar(size(HEADER)),
        "bpchar" if system => ColumnType::Char(size(HEADER)),
        "bool" if system => ColumnType::Boolean,
        "timestamp" if system => ColumnType::Timestamp { precision: size(0), time_zone: false },
        "timestamptz" if system => ColumnType::Timestamp { precision: size(0), time_zone: true },
        "time" if system => ColumnType::Time { precision: size(0) },
        "date" if system => ColumnType::Date,
        "jsonb" if system => ColumnType::Jsonb,
        "bytea" if system => ColumnType::Bytea,
        "uuid" if system => ColumnType::Uuid,
        _ => ColumnType::Other(raw.type_text.clone()),
    }
}
