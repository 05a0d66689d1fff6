//! Prints a schema as SQL, byte for byte as graphql-and-sql.md 4.3 and 4.5 ask for.

use crate::schema::{
    Column, ColumnDefault, ColumnType, DatabaseSchema, EnumType, ForeignKey, Function, Index, IndexKind,
    QualifiedName, Table, Trigger, Unique, VectorOps, plain_ident, quote_ident, quote_literal,
};

/// Statements in the three groups a script is printed in. No statement ends with a semicolon-less line:
/// each text is complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// Printed and run first.
    pub pre: Vec<String>,
    /// The middle.
    pub main: Vec<String>,
    /// Printed and run last.
    pub post: Vec<String>,
}

impl Script {
    /// All statements in order of execution.
    pub fn statements(&self) -> impl Iterator<Item = &str> {
        self.pre.iter().chain(&self.main).chain(&self.post).map(String::as_str)
    }

    /// The text: every statement followed by one empty line.
    pub fn text(&self) -> String {
        self.statements().map(|statement| format!("{statement}\n\n")).collect()
    }
}

/// The script that creates all managed objects of `schema` in an empty database (4.5).
pub fn create_script(schema: &DatabaseSchema) -> Script {
    let mut script = Script::default();
    script.main.extend(schema.extensions.iter().map(|name| create_extension(name)));
    script.main.extend(schema.schemas.iter().map(|name| create_schema(name)));
    script.main.extend(schema.sequences.iter().map(create_sequence));
    script.main.extend(schema.enums.iter().filter(|e| e.managed).map(create_enum));
    for table in schema.tables.iter().filter(|table| table.managed) {
        script.main.push(create_table(table));
        script.post.extend(table_post_statements(table));
    }
    script.main.extend(schema.functions.iter().map(create_function));
    script
}

/// What follows the creation of a table once all tables exist: unique constraints, foreign keys, indexes, triggers.
pub(crate) fn table_post_statements(table: &Table) -> impl Iterator<Item = String> {
    let name = &table.name;
    let uniques = table.uniques.iter().map(|unique| add_unique(name, unique));
    let foreign_keys = table.foreign_keys.iter().map(|key| add_foreign_key(name, key));
    let indexes = table.indexes.iter().map(|index| create_index(name, index));
    let triggers = table.triggers.iter().map(|trigger| create_trigger(name, trigger));
    uniques.chain(foreign_keys).chain(indexes).chain(triggers)
}

pub(crate) fn create_extension(name: &str) -> String {
    format!("CREATE EXTENSION IF NOT EXISTS {};", quote_ident(name))
}

pub(crate) fn create_schema(name: &str) -> String {
    format!("CREATE SCHEMA IF NOT EXISTS {};", quote_ident(name))
}

pub(crate) fn create_sequence(name: &QualifiedName) -> String {
    format!("CREATE SEQUENCE IF NOT EXISTS {};", name.quoted())
}

pub(crate) fn create_enum(ty: &EnumType) -> String {
    let values: Vec<String> = ty.values.iter().map(|value| quote_literal(value)).collect();
    format!("CREATE TYPE {} AS ENUM ({});", ty.name.quoted(), values.join(", "))
}

pub(crate) fn create_table(table: &Table) -> String {
    // The longest texts of a migration: written into one buffer.
    let mut text = String::with_capacity(48 * (table.columns.len() + 2));
    text.push_str("CREATE TABLE ");
    push_name(&mut text, &table.name);
    text.push_str(" (\n");
    let keys = table.primary_key().count();
    for (at, column) in table.columns.iter().enumerate() {
        text.push_str(if at == 0 { "\t" } else { ",\n\t" });
        push_column(&mut text, column, keys == 1 && column.primary_key);
    }
    if keys > 1 {
        text.push_str(if table.columns.is_empty() { "\tPRIMARY KEY (" } else { ",\n\tPRIMARY KEY (" });
        push_list(&mut text, table.primary_key().map(|column| column.name.as_str()));
        text.push(')');
    }
    text.push_str("\n);");
    text
}

/// `"name" TYPE PRIMARY KEY NOT NULL DEFAULT x`, each part only where it applies. `sole_key`: the column alone
/// is the primary key.
pub(crate) fn column_definition(column: &Column, sole_key: bool) -> String {
    let mut text = String::new();
    push_column(&mut text, column, sole_key);
    text
}

fn push_column(text: &mut String, column: &Column, sole_key: bool) {
    push_ident(text, &column.name);
    text.push(' ');
    push_type(text, column);
    if sole_key {
        text.push_str(" PRIMARY KEY");
    }
    if !column.nullable && !column.primary_key {
        text.push_str(" NOT NULL");
    }
    if let Some(default) = default_expression(column) {
        text.push_str(" DEFAULT ");
        text.push_str(&default);
    }
}

fn push_ident(text: &mut String, name: &str) {
    text.push('"');
    match name.contains('"') {
        true => text.push_str(&name.replace('"', "\"\"")),
        false => text.push_str(name),
    }
    text.push('"');
}

fn push_name(text: &mut String, name: &QualifiedName) {
    if let Some(schema) = &name.schema {
        push_ident(text, schema);
        text.push('.');
    }
    push_ident(text, &name.name);
}

fn push_list<'a>(text: &mut String, names: impl Iterator<Item = &'a str>) {
    for (at, name) in names.enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        push_ident(text, name);
    }
}

/// The type as printed in a column definition: serial columns get their serial type.
fn push_type(text: &mut String, column: &Column) {
    match (&column.default, &column.ty) {
        (Some(ColumnDefault::Serial), ColumnType::SmallInt) => text.push_str("SMALLSERIAL"),
        (Some(ColumnDefault::Serial), ColumnType::Int) => text.push_str("SERIAL"),
        (Some(ColumnDefault::Serial), ColumnType::BigInt) => text.push_str("BIGSERIAL"),
        (_, ColumnType::Text) => text.push_str("TEXT"),
        (_, ColumnType::Int) => text.push_str("INT"),
        (_, ty) => text.push_str(&type_text(ty)),
    }
}

/// A type as part 4.2 spells it.
pub fn type_text(ty: &ColumnType) -> String {
    let sized = |name: &str, size: &Option<u32>| match size {
        Some(size) => format!("{name}({size})"),
        None => name.to_owned(),
    };
    match ty {
        ColumnType::SmallInt => "SMALLINT".to_owned(),
        ColumnType::Int => "INT".to_owned(),
        ColumnType::BigInt => "BIGINT".to_owned(),
        ColumnType::Real => "REAL".to_owned(),
        ColumnType::DoublePrecision => "DOUBLE PRECISION".to_owned(),
        ColumnType::Numeric { precision: Some(precision), scale: Some(scale) } => {
            format!("NUMERIC({precision}, {scale})")
        }
        ColumnType::Numeric { precision, .. } => sized("NUMERIC", precision),
        ColumnType::Text => "TEXT".to_owned(),
        ColumnType::Varchar(size) => sized("VARCHAR", size),
        ColumnType::Char(size) => sized("CHAR", size),
        ColumnType::Boolean => "BOOLEAN".to_owned(),
        ColumnType::Timestamp { precision, time_zone } => {
            let zone = if *time_zone { "WITH TIME ZONE" } else { "WITHOUT TIME ZONE" };
            format!("{} {zone}", sized("TIMESTAMP", precision))
        }
        ColumnType::Time { precision } => sized("TIME", precision),
        ColumnType::Date => "DATE".to_owned(),
        ColumnType::Jsonb => "JSONB".to_owned(),
        ColumnType::Bytea => "BYTEA".to_owned(),
        ColumnType::Uuid => "uuid".to_owned(),
        ColumnType::Vector(size) => sized("Vector", size),
        ColumnType::Enum(name) => name.quoted(),
        ColumnType::Array(element) => format!("{}[]", type_text(element)),
        ColumnType::Other(text) => text.clone(),
    }
}

/// The expression behind `DEFAULT`; `None` for columns without default and for serial columns.
pub fn default_expression(column: &Column) -> Option<String> {
    let text = match column.default.as_ref()? {
        ColumnDefault::Serial => return None,
        ColumnDefault::Sequence(name) => format!("nextval({}::regclass)", quote_literal(&name.quoted())),
        ColumnDefault::Now => "now()".to_owned(),
        ColumnDefault::GenerateUuid => "gen_random_uuid()".to_owned(),
        ColumnDefault::UuidV4 => "uuid_generate_v4()".to_owned(),
        ColumnDefault::UuidV7 => "uuidv7()".to_owned(),
        ColumnDefault::Bool(value) => value.to_string(),
        ColumnDefault::Number(text) => text.clone(),
        ColumnDefault::Quoted(text) => format!("{}{}", quote_literal(text), literal_cast(&column.ty)),
        ColumnDefault::Expression(text) => text.clone(),
    };
    Some(text)
}

/// The cast behind a quoted default of a column of this type.
fn literal_cast(ty: &ColumnType) -> &'static str {
    match ty {
        ColumnType::Text => "::text",
        ColumnType::Varchar(_) => "::character varying",
        ColumnType::Char(_) => "::bpchar",
        ColumnType::Date => "::date",
        ColumnType::Time { .. } => "::time",
        ColumnType::Timestamp { time_zone: false, .. } => "::timestamp",
        ColumnType::Timestamp { time_zone: true, .. } => "::timestamp with time zone",
        ColumnType::Jsonb => "::json",
        ColumnType::Uuid => "::uuid",
        ColumnType::SmallInt
        | ColumnType::Int
        | ColumnType::BigInt
        | ColumnType::Real
        | ColumnType::DoublePrecision
        | ColumnType::Numeric { .. }
        | ColumnType::Boolean
        | ColumnType::Bytea
        | ColumnType::Vector(_)
        | ColumnType::Enum(_)
        | ColumnType::Array(_)
        | ColumnType::Other(_) => "",
    }
}

pub(crate) fn add_unique(table: &QualifiedName, unique: &Unique) -> String {
    format!(
        "ALTER TABLE {} ADD CONSTRAINT {} UNIQUE ({});",
        table.quoted(),
        quote_ident(&unique.name),
        quoted_list(unique.columns.iter().map(String::as_str))
    )
}

/// With one column there is no list of referenced columns: the primary key is meant.
pub(crate) fn add_foreign_key(table: &QualifiedName, key: &ForeignKey) -> String {
    let referenced = match key.columns.as_slice() {
        [_] => String::new(),
        several => format!(" ({})", quoted_list(several.iter().map(|(_, referenced)| referenced.as_str()))),
    };
    format!(
        "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {}{referenced};",
        table.quoted(),
        quote_ident(&key.name),
        quoted_list(key.own_columns()),
        key.target.quoted()
    )
}

pub(crate) fn create_index(table: &QualifiedName, index: &Index) -> String {
    let name = quote_ident(&index.name);
    let columns = quoted_list(index.columns.iter().map(String::as_str));
    match &index.kind {
        IndexKind::BTree => format!("CREATE INDEX {name} ON {} ({columns});", table.quoted()),
        IndexKind::Hnsw(ops) => {
            let class = match ops {
                VectorOps::Cosine => "vector_cosine_ops",
                VectorOps::L2 => "vector_l2_ops",
                VectorOps::InnerProduct => "vector_ip_ops",
            };
            format!("CREATE INDEX {name} ON {} USING hnsw ({columns} {class});", table.quoted())
        }
    }
}

pub(crate) fn create_function(function: &Function) -> String {
    format!(
        "CREATE FUNCTION {}() RETURNS TRIGGER AS $$ {} $$ language 'plpgsql';",
        plain_ident(&function.name),
        function.body
    )
}

pub(crate) fn create_trigger(table: &QualifiedName, trigger: &Trigger) -> String {
    format!(
        "CREATE TRIGGER {} BEFORE UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION {}();",
        plain_ident(&trigger.name),
        plain_table(table),
        plain_ident(&trigger.function)
    )
}

/// A table name without quotes where possible, as trigger statements want it.
fn plain_table(table: &QualifiedName) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", plain_ident(schema), plain_ident(&table.name)),
        None => plain_ident(&table.name),
    }
}

fn quoted_list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    push_list(&mut text, names);
    text
}
