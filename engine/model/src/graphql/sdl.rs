//! The schema as text, equal to what graphql-js 16 prints from the introspection result: `printSchema` over
//! `buildClientSchema`.

use super::schema::Schema;
use super::types::{FieldDef, InputDef, TypeDef, TypeId, TypeKind};

const BUILT_IN: [&str; 5] = ["String", "Int", "Float", "Boolean", "ID"];

/// Prints the whole schema; types are separated by blank lines, there is no newline at the end.
pub fn sdl(schema: &Schema) -> String {
    let mut out = String::new();
    if let Some(docs) = &schema.ir().docs {
        write_description(docs, "", true, &mut out);
        out.push_str("schema {\n");
        let roots = [TypeId::Query, TypeId::Mutation];
        let lines: Vec<_> = roots
            .into_iter()
            .zip(["  query: Query", "  mutation: Mutation"])
            .filter(|(root, _)| schema.types().contains(root))
            .map(|(_, line)| line)
            .collect();
        out.push_str(&lines.join("\n"));
        out.push_str("\n}");
    }
    for id in schema.types() {
        if matches!(id, TypeId::Meta(_)) {
            continue;
        }
        let definition = schema.define(*id);
        if BUILT_IN.contains(&definition.name.as_ref()) {
            continue;
        }
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        write_type(schema, definition, &mut out);
    }
    out
}

fn write_type(schema: &Schema, definition: &TypeDef, out: &mut String) {
    if let Some(description) = &definition.description {
        write_description(description, "", true, out);
    }
    let keyword = match definition.kind {
        TypeKind::Scalar => "scalar ",
        TypeKind::Enum(_) => "enum ",
        TypeKind::Object(_) => "type ",
        TypeKind::Input(_) => "input ",
    };
    out.push_str(keyword);
    out.push_str(&definition.name);
    match &definition.kind {
        TypeKind::Scalar => {}
        TypeKind::Enum(values) => write_block(values.iter(), out, |value, _, out| {
            out.push_str("  ");
            out.push_str(value);
        }),
        TypeKind::Object(_) => {
            let fields = schema.fields(definition.id);
            write_block(fields.into_iter(), out, |field, first, out| write_field(schema, field, first, out));
        }
        TypeKind::Input(members) => {
            write_block(members.list().iter(), out, |member, first, out| {
                if let Some(description) = member.description {
                    write_description(description, "  ", first, out);
                }
                out.push_str("  ");
                write_input(schema, member, out);
            });
        }
    }
}

fn write_block<T>(
    members: impl ExactSizeIterator<Item = T>,
    out: &mut String,
    mut write: impl FnMut(T, bool, &mut String),
) {
    if members.len() == 0 {
        return;
    }
    out.push_str(" {\n");
    for (index, member) in members.enumerate() {
        if index > 0 {
            out.push('\n');
        }
        write(member, index == 0, out);
    }
    out.push_str("\n}");
}

fn write_field(schema: &Schema, field: &FieldDef, first: bool, out: &mut String) {
    if let Some(description) = schema.field_description(field) {
        write_description(&description, "  ", first, out);
    }
    out.push_str("  ");
    out.push_str(&field.name);
    write_arguments(schema, field.args.list(), out);
    out.push_str(": ");
    schema.write_type(field.ty, out);
}

fn write_arguments(schema: &Schema, arguments: &[InputDef], out: &mut String) {
    if arguments.is_empty() {
        return;
    }
    if arguments.iter().all(|argument| argument.description.is_none()) {
        out.push('(');
        for (index, argument) in arguments.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            write_input(schema, argument, out);
        }
        out.push(')');
        return;
    }
    out.push_str("(\n");
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if let Some(description) = argument.description {
            write_description(description, "    ", index == 0, out);
        }
        out.push_str("    ");
        write_input(schema, argument, out);
    }
    out.push_str("\n  )");
}

fn write_input(schema: &Schema, input: &InputDef, out: &mut String) {
    out.push_str(&input.name);
    out.push_str(": ");
    schema.write_type(input.ty, out);
    if let Some(default) = input.default {
        out.push_str(" = ");
        out.push_str(default);
    }
}

fn write_description(text: &str, indentation: &str, first_in_block: bool, out: &mut String) {
    if !indentation.is_empty() && !first_in_block {
        out.push('\n');
    }
    out.push_str(indentation);
    let printed = if is_printable_as_block(text) { block_string(text) } else { quoted(text) };
    if indentation.is_empty() {
        out.push_str(&printed);
    } else {
        // Every line gets the indentation, empty lines too.
        for (index, line) in printed.split('\n').enumerate() {
            if index > 0 {
                out.push('\n');
                out.push_str(indentation);
            }
            out.push_str(line);
        }
    }
    out.push('\n');
}

/// Whether a block string can hold the text without losing or changing a character.
fn is_printable_as_block(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let mut is_empty_line = true;
    let mut has_indent = false;
    let mut has_common_indent = true;
    let mut seen_non_empty_line = false;
    for character in text.chars() {
        match character {
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e' | '\x0f' | '\r' => return false,
            '\n' => {
                if is_empty_line && !seen_non_empty_line {
                    return false;
                }
                seen_non_empty_line = true;
                is_empty_line = true;
                has_indent = false;
            }
            '\t' | ' ' => has_indent |= is_empty_line,
            _ => {
                has_common_indent &= has_indent;
                is_empty_line = false;
            }
        }
    }
    !(is_empty_line || has_common_indent && seen_non_empty_line)
}

fn block_string(text: &str) -> String {
    let is_blank = |c: char| c == ' ' || c == '\t';
    let escaped = text.replace("\"\"\"", "\\\"\"\"");
    let lines: Vec<_> = escaped.split('\n').collect();
    let is_single_line = lines.len() == 1;
    let force_leading_newline =
        lines.len() > 1 && lines[1..].iter().all(|line| line.is_empty() || line.starts_with(is_blank));
    let has_trailing_triple_quotes = escaped.ends_with("\\\"\"\"");
    let has_trailing_quote = text.ends_with('"') && !has_trailing_triple_quotes;
    let force_trailing_newline = has_trailing_quote || text.ends_with('\\');
    // The reference printer counts UTF-16 units.
    let is_long = text.encode_utf16().count() > 70;
    let on_own_lines = !is_single_line
        || is_long
        || force_trailing_newline
        || force_leading_newline
        || has_trailing_triple_quotes;
    let skip_leading_newline = is_single_line && text.starts_with(is_blank);
    let mut result = String::from("\"\"\"");
    if (on_own_lines && !skip_leading_newline) || force_leading_newline {
        result.push('\n');
    }
    result.push_str(&escaped);
    if on_own_lines || force_trailing_newline {
        result.push('\n');
    }
    result.push_str("\"\"\"");
    result
}

/// An ordinary string literal, with the escapes the reference printer uses.
fn quoted(text: &str) -> String {
    use std::fmt::Write;
    let mut result = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => result.push_str("\\\""),
            '\\' => result.push_str("\\\\"),
            '\x08' => result.push_str("\\b"),
            '\x0c' => result.push_str("\\f"),
            '\n' => result.push_str("\\n"),
            '\r' => result.push_str("\\r"),
            '\t' => result.push_str("\\t"),
            '\0'..='\x1f' | '\x7f'..='\u{9f}' => {
                let _ = write!(result, "\\u{:04X}", u32::from(character));
            }
            _ => result.push(character),
        }
    }
    result.push('"');
    result
}

#[cfg(test)]
mod tests {
    use super::write_description;

    /// Texts and what graphql-js 16 prints for them above a type, above the first field and above a later field.
    #[derive(serde::Deserialize)]
    struct Case {
        text: String,
        #[serde(rename = "type")]
        above_type: String,
        first: String,
        later: String,
    }

    #[test]
    fn descriptions_are_printed_like_the_reference_does() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("descriptions.json")).expect("good cases");
        assert!(cases.len() > 20);
        for case in cases {
            for (indentation, first, expected) in
                [("", true, &case.above_type), ("  ", true, &case.first), ("  ", false, &case.later)]
            {
                let mut printed = String::new();
                write_description(&case.text, indentation, first, &mut printed);
                assert_eq!(&printed, expected, "{:?}", case.text);
            }
        }
    }
}
