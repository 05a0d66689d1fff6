//! Queries and mutations (graphql-and-sql 1.2).

use std::collections::BTreeMap;

use super::member::{Member, documented, member, with};
use super::model::{Field, Kind, Type};
use super::types::{Derivation, keys, list_arguments};

/// The unique constraints: name and fields in order.
fn uniques(ty: &Type) -> Vec<(&str, Vec<&Field>)> {
    let mut found: Vec<(&str, Vec<&Field>)> = Vec::new();
    for field in &ty.fields {
        let implicit = matches!(field.kind, Kind::Reference { alone: true, .. });
        let names = if implicit { std::slice::from_ref(&field.name) } else { &field.uniques };
        for name in names {
            match found.iter_mut().find(|(other, _)| other == name) {
                Some((_, fields)) => fields.push(field),
                None => found.push((name, vec![field])),
            }
        }
    }
    found
}

/// 1.2.
pub(super) fn queries(derivation: &Derivation<'_>, ty: &Type, out: &mut BTreeMap<String, Member>) {
    let Type { name, one, many, .. } = *ty;
    let mut add = |member: Member| out.insert(member.name.clone(), member);
    if keys(ty).next().is_some() {
        let lookup = with(derivation.keys(ty), member(one, name));
        add(documented(&format!("Get a single `{name}` by primary key"), lookup));
    }
    let docs =
        format!("Get multiple `{name}`s given the provided `where` filter, order by, limit, and offset");
    add(documented(&docs, with(list_arguments(name), member(many, format!("[{name}!]!")))));
    let docs = format!(
        "Get the aggregate value of the selected fields over all `{name}`s given the provided `where` filter"
    );
    let condition = vec![member("where", format!("{name}Filter"))];
    add(documented(&docs, with(condition, member(&format!("{many}Agg"), format!("{name}Agg!")))));
    for (constraint, fields) in uniques(ty) {
        let words: Vec<String> = constraint.split('_').map(capitalized).collect();
        let lookup = member(&format!("{one}By{}", words.concat()), name);
        let docs = format!("Get a single `{name}` by {}", constraint.replace('_', " "));
        add(documented(&docs, with(derivation.arguments(fields.into_iter()), lookup)));
    }
}

fn capitalized(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

pub(super) fn mutations(derivation: &Derivation<'_>, ty: &Type, out: &mut BTreeMap<String, Member>) {
    let Type { name, plural, .. } = *ty;
    let (row, rows) = (name.to_owned(), format!("[{name}!]!"));
    let has_key = keys(ty).next().is_some();
    let condition = || member("where", format!("{name}Filter"));
    let shape = format!("Check the `{name}CreationInput` type for the expected shape of the data.");
    let rest = "with the provided data. Any fields not provided will remain unchanged.";
    let mut add = |is_one: bool, verb: &str, ty: String, arguments: Vec<Member>, docs: String| {
        if has_key || !is_one {
            let operation = member(&format!("{verb}{}", if is_one { name } else { plural }), ty);
            out.insert(operation.name.clone(), documented(&docs, with(arguments, operation)));
        }
    };
    if ty.access.create {
        let one = vec![member("data", format!("{name}CreationInput!"))];
        add(true, "create", format!("{name}!"), one, format!("Create a new {name}. {shape}"));
        let many = vec![member("data", format!("[{name}CreationInput!]!"))];
        add(false, "create", rows.clone(), many, format!("Create multiple {name}s. {shape}"));
    }
    if ty.access.update {
        let data = member("data", format!("{name}UpdateInput!"));
        let one = [derivation.keys(ty), vec![data.clone()]].concat();
        let docs = format!("Update the {name} with the provided primary key {rest}");
        add(true, "update", row.clone(), one, docs);
        let docs = format!("Update multiple {name}s matching the provided `where` filter {rest}");
        add(false, "update", rows.clone(), vec![condition(), data], docs);
    }
    if ty.access.delete {
        let docs = format!("Delete the {name} with the provided primary key.");
        add(true, "delete", row, derivation.keys(ty), docs);
        let docs = format!("Delete multiple {name}s matching the provided `where` filter.");
        add(false, "delete", rows, vec![condition()], docs);
    }
}
