//! Names of types, enums and fields.

use std::collections::{BTreeMap, BTreeSet};

use heck::{ToLowerCamelCase, ToSnakeCase, ToUpperCamelCase};
use studio_sql::schema::{DatabaseSchema, QualifiedName, Table};

/// Names in the type namespace that a database cannot use.
const TAKEN: &[&str] = &[
    "Boolean",
    "Int",
    "Float",
    "Decimal",
    "String",
    "LocalTime",
    "LocalDateTime",
    "LocalDate",
    "Instant",
    "Json",
    "Blob",
    "Uuid",
    "Vector",
    "Set",
    "Array",
    "Exograph",
    "ExographPriv",
    "Operation",
    "Query",
    "Mutation",
];

/// Model names of everything in a database.
#[derive(Debug, Default)]
pub(super) struct Names {
    types: BTreeMap<QualifiedName, String>,
    enums: BTreeMap<QualifiedName, String>,
    /// Field by table and column, for columns held by a scalar field.
    fields: BTreeMap<(QualifiedName, String), String>,
}

impl Names {
    pub(super) fn assign(schema: &DatabaseSchema, issues: &mut Vec<String>) -> Self {
        let mut names = Self::default();
        let mut taken: BTreeSet<String> = TAKEN.iter().map(|&name| name.to_owned()).collect();
        for ty in &schema.enums {
            let name = identifier(&ty.name.name.to_upper_camel_case());
            let reason = if name.to_snake_case() != ty.name.name {
                "its name does not follow from a name in the model"
            } else if !ty.values.iter().all(|value| is_identifier(value)) || ty.values.is_empty() {
                "a value of it is no identifier"
            } else if !taken.insert(name.clone()) {
                "its name is taken"
            } else {
                names.enums.insert(ty.name.clone(), name);
                continue;
            };
            issues.push(format!("enum {}: {reason}; skipped", ty.name));
        }
        for table in &schema.tables {
            let singular = pluralizer::pluralize(&table.name.name, 1, false);
            let name = free_name(&identifier(&singular.to_upper_camel_case()), &mut taken);
            names.types.insert(table.name.clone(), name);
            names.assign_fields(table);
        }
        names
    }

    fn assign_fields(&mut self, table: &Table) {
        let mut taken = BTreeSet::new();
        for column in &table.columns {
            let name = free_name(&identifier(&column.name.to_lower_camel_case()), &mut taken);
            self.fields.insert((table.name.clone(), column.name.clone()), name);
        }
    }

    pub(super) fn type_name(&self, table: &QualifiedName) -> &str {
        self.types.get(table).map_or("", String::as_str)
    }

    pub(super) fn enum_name(&self, name: &QualifiedName) -> Option<&str> {
        self.enums.get(name).map(String::as_str)
    }

    /// The name of the scalar field that holds a column.
    pub(super) fn field_name(&self, table: &QualifiedName, column: &str) -> &str {
        self.fields.get(&(table.clone(), column.to_owned())).map_or("", String::as_str)
    }
}

/// `name`, or `name1`, `name2`, … when it is taken.
pub(super) fn free_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut free = name.to_owned();
    let mut suffix = 0_u32;
    while !taken.insert(free.clone()) {
        suffix += 1;
        free = format!("{name}{suffix}");
    }
    free
}

/// An identifier of the language as close to `text` as possible; `m` in front of a digit.
pub(super) fn identifier(text: &str) -> String {
    let kept: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let starts_well = kept.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts_well { kept } else { format!("m{kept}") }
}

pub(super) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && identifier(text) == text && !matches!(text, "true" | "false" | "null")
}

/// The table a type has without `@table`.
pub(super) fn default_table(type_name: &str) -> String {
    plural(type_name).to_snake_case()
}

/// The automatic plural of a type name (graphql-and-sql.md 1.1).
pub(super) fn plural(type_name: &str) -> String {
    let plural = pluralizer::pluralize(type_name, 2, false);
    if plural == type_name { format!("{type_name}s") } else { plural }
}
