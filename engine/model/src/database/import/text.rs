//! The layout of an imported model: two blanks a level, types by name, enums behind them.

use std::collections::BTreeMap;

use heck::ToUpperCamelCase;

use super::ImportOptions;
use super::field::{FieldText, Group};
use super::name::identifier;

/// A module under construction.
#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) types: Vec<Type>,
    pub(super) enums: Vec<(String, Vec<String>)>,
}

/// A type ready to be printed.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: String,
    /// The table, where it does not follow from the name.
    pub(super) table: Option<String>,
    pub(super) managed: bool,
    pub(super) fields: Vec<FieldText>,
}

/// Modules by schema, `public` first.
pub(super) fn print(modules: BTreeMap<Option<String>, Module>, options: &ImportOptions) -> String {
    let texts: Vec<String> =
        modules.into_iter().map(|(schema, module)| module_text(schema.as_deref(), module, options)).collect();
    texts.join("\n")
}

fn module_text(schema: Option<&str>, mut module: Module, options: &ImportOptions) -> String {
    module.types.sort_by(|a, b| a.name.cmp(&b.name));
    module.enums.sort();
    let annotation = match schema {
        Some(schema) => format!("@postgres(schema=\"{schema}\")"),
        None => "@postgres".to_owned(),
    };
    let stem = schema.map(|schema| schema.to_upper_camel_case()).unwrap_or_default();
    let suffix = if options.fragments { "Fragments" } else { "" };
    let name = identifier(&format!("{stem}Database{suffix}"));
    let mut blocks: Vec<String> = module.types.iter().map(|ty| type_text(ty, options)).collect();
    blocks.extend(module.enums.iter().map(|(name, values)| enum_text(name, values)));
    format!("{annotation}\nmodule {name} {{\n{}}}\n", blocks.join("\n"))
}

fn type_text(ty: &Type, options: &ImportOptions) -> String {
    let fields: String = ty.fields.iter().map(field_text).collect();
    if options.fragments {
        return format!("  fragment {}Fragment {{\n{fields}  }}\n", ty.name);
    }
    let table = match (&ty.table, ty.managed) {
        (None, true) => String::new(),
        (Some(table), true) => format!("  @table(name=\"{table}\")\n"),
        (None, false) => "  @table(managed=false)\n".to_owned(),
        (Some(table), false) => format!("  @table(name=\"{table}\", managed=false)\n"),
    };
    let (query, mutation) = (options.query_access, options.mutation_access);
    format!("  @access(query={query}, mutation={mutation})\n{table}  type {} {{\n{fields}  }}\n", ty.name)
}

fn field_text(field: &FieldText) -> String {
    let mut words = Vec::new();
    if matches!(field.group, Group::KeyScalar | Group::KeyReference) {
        words.push("@pk".to_owned());
    }
    words.extend(field.unique.clone());
    words.extend(field.annotations.iter().cloned());
    let optional = if field.nullable { "?" } else { "" };
    words.push(format!("{}: {}{optional}", field.name, field.ty));
    words.extend(field.default.as_ref().map(|default| format!("= {default}")));
    format!("    {}\n", words.join(" "))
}

fn enum_text(name: &str, values: &[String]) -> String {
    let values: String = values.iter().map(|value| format!("    {value}\n")).collect();
    format!("  enum {name} {{\n{values}  }}\n")
}
