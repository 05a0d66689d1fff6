//! Foreign keys as relations: the owning field, and the field on the other side.

use std::collections::{BTreeMap, BTreeSet};

use heck::{ToLowerCamelCase, ToSnakeCase, ToUpperCamelCase};
use studio_sql::schema::{Column, DatabaseSchema, ForeignKey, QualifiedName, Table};

use super::Imports;
use super::field::{FieldText, Group};
use super::name::{Names, free_name, identifier, plural};

/// A foreign key the language can express.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    /// The owning table.
    pub(super) owner: QualifiedName,
    /// The referenced table.
    pub(super) target: QualifiedName,
    /// Pairs (own column, name of the target's key field), in the target's key order.
    pairs: Vec<(String, String)>,
    /// The owning field.
    pub(super) field: String,
    /// The field on the other side.
    back_field: String,
    /// Unique and required: one-to-one.
    pub(super) one_to_one: bool,
    /// The field is part of the primary key.
    in_key: bool,
    nullable: bool,
    /// The back field names the owning one, because there are several relations between the two types.
    back_says_relation: bool,
    /// The owning field names the back field.
    says_relation: bool,
}

impl Reference {
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(own, _)| own.as_str())
    }
}

/// All relations by owning table, named on both sides.
pub(super) fn references(
    schema: &DatabaseSchema,
    names: &Names,
    issues: &mut Vec<String>,
) -> BTreeMap<QualifiedName, Vec<Reference>> {
    let mut all = Vec::new();
    let mut taken = taken_fields(schema, names);
    for table in schema.tables.iter().filter(|table| is_managed(table)) {
        for key in &table.foreign_keys {
            match reference(schema, names, table, key, &mut taken) {
                Ok(reference) => all.push(reference),
                Err(reason) => issues.push(format!("foreign key {} of {}: {reason}", key.name, table.name)),
            }
        }
    }
    let count = |owner: &QualifiedName, target: &QualifiedName, all: &[Reference]| {
        all.iter().filter(|other| other.owner == *owner && other.target == *target).count()
    };
    for at in 0..all.len() {
        let (owner, target) = (all[at].owner.clone(), all[at].target.clone());
        let same_way = count(&owner, &target, &all);
        let other_way = if owner == target { 0 } else { count(&target, &owner, &all) };
        let type_name = names.type_name(&owner);
        let base = if all[at].one_to_one { type_name.to_owned() } else { plural(type_name) };
        let back = if same_way > 1 {
            format!("{}{}", all[at].field, base.to_upper_camel_case())
        } else {
            identifier(&base.to_lower_camel_case())
        };
        let back = free_name(&back, taken.entry(target.clone()).or_default());
        let reference = &mut all[at];
        reference.back_field = back;
        reference.back_says_relation = same_way + other_way > 1;
        reference.says_relation = other_way > 0 || owner == target && same_way > 1;
    }
    let mut by_owner: BTreeMap<QualifiedName, Vec<Reference>> = BTreeMap::new();
    for reference in all {
        by_owner.entry(reference.owner.clone()).or_default().push(reference);
    }
    for references in by_owner.values_mut() {
        // A key column may be held by one relation only.
        let mut held: BTreeSet<String> = BTreeSet::new();
        for reference in references.iter_mut().filter(|reference| reference.in_key) {
            let free = !reference.columns().any(|own| held.contains(own));
            reference.in_key = free;
            if reference.in_key {
                held.extend(reference.columns().map(str::to_owned));
            }
        }
    }
    by_owner
}

fn is_managed(table: &Table) -> bool {
    table.managed && table.primary_key().next().is_some()
}

/// Field names in use: those of columns that no foreign key can take over.
fn taken_fields(schema: &DatabaseSchema, names: &Names) -> BTreeMap<QualifiedName, BTreeSet<String>> {
    let of_table = |table: &Table| {
        let free: Vec<&str> = table.foreign_keys.iter().flat_map(ForeignKey::own_columns).collect();
        let columns = table.columns.iter().filter(|column| !free.contains(&column.name.as_str()));
        columns.map(|column| names.field_name(&table.name, &column.name).to_owned()).collect()
    };
    schema.tables.iter().map(|table| (table.name.clone(), of_table(table))).collect()
}

fn reference(
    schema: &DatabaseSchema,
    names: &Names,
    table: &Table,
    key: &ForeignKey,
    taken: &mut BTreeMap<QualifiedName, BTreeSet<String>>,
) -> Result<Reference, &'static str> {
    let target = schema.table(&key.target).filter(|target| is_managed(target));
    let target = target.ok_or("the table it refers to is not imported; its columns stay plain")?;
    let target_key: Vec<&Column> = target.primary_key().collect();
    let refers_to_key = target_key.len() == key.columns.len()
        && target_key
            .iter()
            .all(|column| key.columns.iter().any(|(_, referenced)| *referenced == column.name));
    if !refers_to_key {
        return Err("it does not refer to the primary key; its columns stay plain");
    }
    let mut pairs = Vec::new();
    for column in &target_key {
        let own = key.columns.iter().find(|(_, referenced)| *referenced == column.name);
        let (own, _) = own.ok_or("it does not refer to the primary key; its columns stay plain")?;
        let own_column = table.column(own).ok_or("its columns are missing")?;
        if !own_column.ty.same_as(&column.ty) {
            return Err("its type differs from the key it refers to; its columns stay plain");
        }
        if own_column.default.is_some() {
            return Err("its column has a default, which a relation cannot have; its columns stay plain");
        }
        pairs.push((own.clone(), key_field(schema, names, target, column, 0)));
    }
    let columns = || pairs.iter().filter_map(|(own, _)| table.column(own));
    let nullable = columns().any(|column| column.nullable);
    // A key field of several columns cannot be named in the mapping of a relation that refers to the table.
    let referred_to =
        || schema.tables.iter().flat_map(|table| &table.foreign_keys).any(|key| key.target == table.name);
    let in_key = columns().all(|column| column.primary_key) && (pairs.len() == 1 || !referred_to());
    let mut sorted: Vec<&str> = pairs.iter().map(|(own, _)| own.as_str()).collect();
    sorted.sort_unstable();
    // The constraint of a one-to-one field replaces all others on the field, so there must be no other.
    let over = |columns: &[String]| sorted.iter().any(|own| columns.iter().any(|column| column == own));
    let mut uniques = table.uniques.iter().filter(|unique| over(&unique.columns));
    let unique = uniques.next().is_some_and(|unique| unique.columns == sorted) && uniques.next().is_none();
    let field = free_name(
        &field_name(names, table, target, key, &pairs),
        taken.entry(table.name.clone()).or_default(),
    );
    Ok(Reference {
        owner: table.name.clone(),
        target: target.name.clone(),
        field,
        back_field: String::new(),
        one_to_one: unique && !nullable,
        in_key,
        nullable,
        back_says_relation: false,
        says_relation: false,
        pairs,
    })
}

/// The name of the field that holds a key column of a table, as other tables' columns are derived from it. Keys may
/// refer to keys; `depth` ends chains that lead back to their start.
fn key_field(schema: &DatabaseSchema, names: &Names, table: &Table, column: &Column, depth: usize) -> String {
    let own = || names.field_name(&table.name, &column.name).to_owned();
    let holder = table.foreign_keys.iter().find(|key| key.own_columns().eq([column.name.as_str()]));
    let Some(key) = holder.filter(|_| depth < schema.tables.len()) else { return own() };
    let referenced = &key.columns[0].1;
    let target = schema.table(&key.target).filter(|target| is_managed(target));
    let Some((target, target_column)) = target.and_then(|target| Some((target, target.column(referenced)?)))
    else {
        return own();
    };
    if !target.is_sole_key(target_column) || !column.ty.same_as(&target_column.ty) || column.default.is_some()
    {
        return own();
    }
    let target_field = key_field(schema, names, target, target_column, depth + 1);
    stem(&column.name, &[&target_field, referenced]).unwrap_or_else(own)
}

/// A column without its `_<key>` tail, as a field name.
fn stem(column: &str, tails: &[&str]) -> Option<String> {
    let stem = tails.iter().find_map(|tail| column.strip_suffix(tail)?.strip_suffix('_'))?;
    (!stem.is_empty()).then(|| identifier(&stem.to_lower_camel_case()))
}

fn field_name(
    names: &Names,
    table: &Table,
    target: &Table,
    key: &ForeignKey,
    pairs: &[(String, String)],
) -> String {
    let key_column =
        |own: &str| key.columns.iter().find(|(o, _)| o == own).map_or("", |(_, referenced)| referenced);
    let stems: Vec<Option<String>> =
        pairs.iter().map(|(own, key_field)| stem(own, &[key_field, key_column(own)])).collect();
    if let [Some(first), rest @ ..] = stems.as_slice()
        && rest.iter().all(|stem| stem.as_ref() == Some(first))
    {
        return first.clone();
    }
    if let [(own, _)] = pairs {
        return identifier(&own.to_lower_camel_case());
    }
    let name = key.name.strip_suffix("_fk").or_else(|| key.name.strip_suffix("_fkey")).unwrap_or(&key.name);
    let name = name.strip_prefix(&format!("{}_", table.name.schema_name())).unwrap_or(name);
    let name = name.strip_prefix(&format!("{}_", table.name.name)).unwrap_or(name);
    match name.to_lower_camel_case() {
        name if name.is_empty() => identifier(&names.type_name(&target.name).to_lower_camel_case()),
        name => identifier(&name),
    }
}

/// Whether a relation alone holds this column. A column that several share needs a field of its own when it is part
/// of the key, or when it is required although a relation over it is optional.
pub(super) fn is_held_by_reference(column: &Column, references: &[Reference]) -> bool {
    let mut holders = references.iter().filter(|reference| reference.columns().any(|own| own == column.name));
    if column.primary_key {
        return holders.any(|reference| reference.in_key);
    }
    let required_holder = |reference: &Reference| !reference.nullable;
    if column.nullable { holders.next().is_some() } else { holders.any(required_holder) }
}

pub(super) fn owning_field(imports: &Imports<'_>, reference: &Reference) -> FieldText {
    let base = reference.field.to_snake_case();
    let derived = reference.pairs.iter().all(|(own, key_field)| *own == format!("{base}_{key_field}"));
    let mut annotations = Vec::new();
    match reference.pairs.as_slice() {
        _ if derived => {}
        [(own, _)] => annotations.push(format!("@column(\"{own}\")")),
        several => {
            let pairs: Vec<String> = several.iter().map(|(own, key)| format!("{key}: \"{own}\"")).collect();
            annotations.push(format!("@column(mapping={{{}}})", pairs.join(", ")));
        }
    }
    if reference.says_relation {
        annotations.push(format!("@relation(\"{}\")", reference.back_field));
    }
    FieldText {
        group: if reference.in_key { Group::KeyReference } else { Group::Reference },
        name: reference.field.clone(),
        ty: imports.names.type_name(&reference.target).to_owned(),
        nullable: reference.nullable,
        unique: None,
        annotations,
        default: None,
        columns: reference.columns().map(str::to_owned).collect(),
    }
}

/// The other sides of the relations that lead to this table.
pub(super) fn back_fields(imports: &Imports<'_>, table: &Table) -> Vec<FieldText> {
    let leading_here =
        imports.references.values().flatten().filter(|reference| reference.target == table.name);
    leading_here
        .map(|reference| {
            let ty = imports.names.type_name(&reference.owner);
            let relation = format!("@relation(\"{}\")", reference.field);
            FieldText {
                group: if reference.one_to_one { Group::Single } else { Group::Collection },
                name: reference.back_field.clone(),
                ty: if reference.one_to_one { ty.to_owned() } else { format!("Set<{ty}>") },
                nullable: reference.one_to_one,
                unique: None,
                annotations: if reference.back_says_relation { vec![relation] } else { Vec::new() },
                default: None,
                columns: Vec::new(),
            }
        })
        .collect()
}
