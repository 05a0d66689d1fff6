//! A random model as a file.

use std::fmt::Write as _;

use super::model::{Field, Kind, Model};

/// The text of the model.
pub(super) fn text(model: &Model) -> String {
    let mut out = String::new();
    if let Some(docs) = &model.docs {
        writeln!(out, "//! {docs}").unwrap();
    }
    out.push_str("context Caller { @jwt role: String }\n@postgres\nmodule Random {\n");
    for ty in &model.types {
        write_docs(&ty.docs, &mut out);
        let managed = if ty.managed { "" } else { "@table(managed=false) " };
        writeln!(out, "  {} {managed}type {} {{", ty.access.text, ty.name).unwrap();
        ty.fields.iter().for_each(|field| write_field(model, field, &mut out));
        out.push_str("  }\n");
    }
    for embedded in &model.embedded {
        write_docs(&embedded.docs, &mut out);
        writeln!(out, "  @json type {} {{", embedded.name).unwrap();
        embedded.fields.iter().for_each(|field| write_field(model, field, &mut out));
        out.push_str("  }\n");
    }
    out + "  enum Kind { A B c_d }\n}\n"
}

fn write_docs(docs: &Option<String>, out: &mut String) {
    if let Some(docs) = docs {
        writeln!(out, "  /// {docs}").unwrap();
    }
}

fn write_field(model: &Model, field: &Field, out: &mut String) {
    write_docs(&field.docs, out);
    let key = if field.key { "@pk " } else { "" };
    let uniques: Vec<String> = field.uniques.iter().map(|name| format!("{name:?}")).collect();
    let unique = match uniques.as_slice() {
        [] => String::new(),
        [_] if field.uniques[0] == field.name => "@unique".to_owned(),
        _ => format!("@unique({})", uniques.join(", ")),
    };
    let mut ty = match field.kind {
        Kind::Value { ty, depth, gaps } => (0..depth).fold(ty.to_owned(), |inner, level| {
            format!("Array<{inner}{}>", if level == 0 && gaps { "?" } else { "" })
        }),
        Kind::Embedded(name) => name.to_owned(),
        Kind::Vector => "Vector".to_owned(),
        Kind::Reference { to, .. } | Kind::Inverse(to) => model.types[to].name.to_owned(),
        Kind::Set(to) => format!("Set<{}>", model.types[to].name),
    };
    if field.optional {
        ty.push('?');
    }
    let default = field.default.map(|default| match default {
        "'x'" => " = \"'x'::bytea\"".to_owned(),
        other => format!(" = {other}"),
    });
    let (closed, default) = (field.closed.unwrap_or_default(), default.unwrap_or_default());
    writeln!(out, "    {key}{unique} {closed} {} {}: {ty}{default}", field.relation, field.name).unwrap();
}
