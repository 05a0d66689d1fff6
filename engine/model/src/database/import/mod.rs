//! From a live database to a model (graphql-and-sql.md 4.8, `schema import`).
//!
//! The text compiles, and the schema it asks for is the schema it came from, as far as the language can say it;
//! what it cannot say is reported and left out.

mod field;
mod name;
mod relation;
mod text;

use std::collections::BTreeMap;

use studio_sql::schema::{ColumnType, DatabaseSchema, QualifiedName, Table};

use self::field::FieldText;
use self::name::Names;
use self::relation::Reference;

/// What the flags of `schema import` decide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// `--query-access`.
    pub query_access: bool,
    /// `--mutation-access`.
    pub mutation_access: bool,
    /// `--generate-fragments`: fragments in `…Fragments` modules instead of types.
    pub fragments: bool,
}

/// The result of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// The model.
    pub model: String,
    /// One line for everything that could not be expressed.
    pub issues: Vec<String>,
    /// The tables in the model.
    pub tables: Vec<QualifiedName>,
}

/// A table on its way to a type.
#[derive(Debug)]
struct Imports<'a> {
    schema: &'a DatabaseSchema,
    names: Names,
    /// Relations by owning table.
    references: BTreeMap<QualifiedName, Vec<Reference>>,
    issues: Vec<String>,
}

/// Writes the model of a database. Unmanaged tables (views) become unmanaged types.
pub fn import(schema: &DatabaseSchema, options: &ImportOptions) -> Imported {
    let mut issues = Vec::new();
    let names = Names::assign(schema, &mut issues);
    let references = relation::references(schema, &names, &mut issues);
    let mut imports = Imports { schema, names, references, issues };
    let mut modules: BTreeMap<Option<String>, text::Module> = BTreeMap::new();
    for table in &schema.tables {
        let fields = imports.fields(table);
        if fields.is_empty() {
            imports.issues.push(format!("table {}: no column can be expressed; skipped", table.name));
            continue;
        }
        let module = modules.entry(table.name.schema.clone()).or_default();
        module.types.push(imports.type_text(table, fields));
    }
    for ty in &schema.enums {
        if let Some(name) = imports.names.enum_name(&ty.name) {
            let module = modules.entry(ty.name.schema.clone()).or_default();
            module.enums.push((name.to_owned(), ty.values.clone()));
        }
    }
    let tables = schema.tables.iter().map(|table| table.name.clone()).collect();
    Imported { model: text::print(modules, options), issues: imports.issues, tables }
}

impl Imports<'_> {
    fn type_text(&self, table: &Table, fields: Vec<FieldText>) -> text::Type {
        let name = self.names.type_name(&table.name).to_owned();
        let derived = name::default_table(&name);
        let managed = table.managed && table.primary_key().next().is_some();
        text::Type {
            table: (derived != table.name.name).then(|| table.name.name.clone()),
            managed,
            name,
            fields,
        }
    }

    /// The fields of a table in the order of the contract: pk scalars, pk references, scalars, references, single
    /// back-references, collections; each group by type, required first, then name.
    fn fields(&mut self, table: &Table) -> Vec<FieldText> {
        let references = self.references.get(&table.name).cloned().unwrap_or_default();
        let mut fields: Vec<FieldText> = Vec::new();
        for column in &table.columns {
            if relation::is_held_by_reference(column, &references) {
                continue;
            }
            match field::scalar(self, table, column) {
                Ok(field) => fields.push(field),
                Err(reason) => self.issues.push(format!("column {}.{}: {reason}", table.name, column.name)),
            }
        }
        fields.extend(references.iter().map(|reference| relation::owning_field(self, reference)));
        field::constraints(self, table, &references, &mut fields);
        fields.extend(relation::back_fields(self, table));
        fields.sort_by(|a, b| a.order().cmp(&b.order()));
        fields
    }

    fn enum_of(&self, ty: &ColumnType) -> Option<&str> {
        match ty {
            ColumnType::Enum(name) => self.names.enum_name(name),
            _ => None,
        }
    }
}
