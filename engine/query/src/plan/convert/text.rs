//! Uuids, byte strings and array literals.

use studio_model::ir::ColumnType;

use super::Misfit;
use crate::operation::{Data, Value};

/// A uuid in any of its usual spellings, as lower-case hyphenated text.
pub(crate) fn uuid(text: &str) -> Result<String, Misfit> {
    let inner = text.strip_prefix("urn:uuid:").unwrap_or(text);
    let inner = inner.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(inner);
    let hyphens: Vec<usize> =
        inner.bytes().enumerate().filter(|(_, byte)| *byte == b'-').map(|(index, _)| index).collect();
    if !(hyphens.is_empty() || hyphens == [8, 13, 18, 23]) {
        return Err(Misfit);
    }
    let digits: String = inner.chars().filter(|character| *character != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Misfit);
    }
    let digits = digits.to_ascii_lowercase();
    Ok([&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-"))
}

/// The hexadecimal input syntax of `bytea`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2 + 2);
    out.push_str("\\x");
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// A one-dimensional array literal; `None` is NULL.
pub(crate) fn array_literal<'t>(elements: impl Iterator<Item = Option<&'t str>>) -> String {
    let mut out = String::from("{");
    for (index, element) in elements.enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_element(&mut out, element);
    }
    out.push('}');
    out
}

fn push_element(out: &mut String, element: Option<&str>) {
    let Some(element) = element else {
        out.push_str("NULL");
        return;
    };
    let plain = !element.is_empty()
        && element.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'+'));
    if plain {
        out.push_str(element);
        return;
    }
    out.push('"');
    for character in element.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
}

/// An array value, possibly nested. Lists on one level must have equal lengths.
pub(crate) fn array(data: &Data, element: &ColumnType) -> Result<String, Misfit> {
    let mut out = String::new();
    let mut lengths = Vec::new();
    push_array(&mut out, data, element, 0, &mut lengths)?;
    // Postgres has no arrays of empty arrays.
    if lengths.contains(&0) {
        return Ok("{}".to_owned());
    }
    Ok(out)
}

fn push_array(
    out: &mut String,
    data: &Data,
    element: &ColumnType,
    depth: usize,
    lengths: &mut Vec<usize>,
) -> Result<(), Misfit> {
    let owned: Vec<Value>;
    let items: &[Value] = match data {
        Data::List(items) => items,
        Data::Json(serde_json::Value::Array(items)) => {
            owned =
                items.iter().map(|item| Value { data: Data::Json(item.clone()), variable: None }).collect();
            &owned
        }
        _ => return Err(Misfit),
    };
    match lengths.get(depth) {
        None => lengths.push(items.len()),
        Some(length) if *length == items.len() => {}
        Some(_) => return Err(Misfit),
    }
    out.push('{');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        match element {
            ColumnType::Array(inner) => push_array(out, &item.data, inner, depth + 1, lengths)?,
            scalar => push_element(out, super::text(&item.data, scalar)?.as_deref()),
        }
    }
    out.push('}');
    Ok(())
}
