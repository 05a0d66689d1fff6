//! Column defaults read from a live database, and when two defaults are the same (graphql-and-sql.md 4.3).
//!
//! PostgreSQL prints a stored default in its own spelling: casts added, times completed, uuids in lower case.
//! Both sides are brought to one spelling before they are compared.

use crate::schema::{ColumnDefault, ColumnType};

/// The default behind an expression as PostgreSQL prints it. Serial columns and sequences are recognised by the
/// caller, who knows which sequence belongs to which column.
pub fn parse_default(expression: &str, ty: &ColumnType) -> ColumnDefault {
    let text = strip_parentheses(expression.trim());
    if let Some(literal) = quoted_literal(text) {
        return literal_default(literal, ty);
    }
    let bare = strip_casts(text);
    let lower = bare.to_ascii_lowercase();
    let function = lower.rsplit('.').next().unwrap_or(&lower);
    match function {
        "now()"
        | "current_timestamp"
        | "current_date"
        | "current_time"
        | "localtimestamp"
        | "localtime"
        | "transaction_timestamp()" => return ColumnDefault::Now,
        "gen_random_uuid()" => return ColumnDefault::GenerateUuid,
        "uuid_generate_v4()" => return ColumnDefault::UuidV4,
        "uuidv7()" => return ColumnDefault::UuidV7,
        _ => {}
    }
    match lower.as_str() {
        "true" => ColumnDefault::Bool(true),
        "false" => ColumnDefault::Bool(false),
        _ if is_number(&lower) => ColumnDefault::Number(lower),
        _ => ColumnDefault::Expression(text.to_owned()),
    }
}

/// Whether two defaults of a column of this type mean the same.
pub fn same_default(ty: &ColumnType, a: Option<&ColumnDefault>, b: Option<&ColumnDefault>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a == b || canonical(ty, a) == canonical(ty, b),
        _ => false,
    }
}

fn literal_default(text: String, ty: &ColumnType) -> ColumnDefault {
    match ty {
        ColumnType::SmallInt
        | ColumnType::Int
        | ColumnType::BigInt
        | ColumnType::Real
        | ColumnType::DoublePrecision
        | ColumnType::Numeric { .. }
            if is_number(&text) =>
        {
            ColumnDefault::Number(text)
        }
        ColumnType::Boolean => match text.as_str() {
            "t" | "true" => ColumnDefault::Bool(true),
            "f" | "false" => ColumnDefault::Bool(false),
            _ => ColumnDefault::Quoted(text),
        },
        _ => ColumnDefault::Quoted(text),
    }
}

fn canonical(ty: &ColumnType, default: &ColumnDefault) -> ColumnDefault {
    match default {
        ColumnDefault::Expression(text) => match parse_default(text, ty) {
            ColumnDefault::Expression(text) => ColumnDefault::Expression(squeeze(&text)),
            other => canonical(ty, &other),
        },
        ColumnDefault::Number(text) => ColumnDefault::Number(canonical_number(text)),
        ColumnDefault::Quoted(text) => match ty {
            ColumnType::Uuid => ColumnDefault::Quoted(canonical_uuid(text)),
            ColumnType::Time { .. } => ColumnDefault::Quoted(canonical_time(text)),
            ColumnType::Timestamp { .. } => ColumnDefault::Quoted(canonical_timestamp(text)),
            ColumnType::Jsonb => ColumnDefault::Quoted(squeeze_json(text)),
            ColumnType::Numeric { .. } if is_number(text) => ColumnDefault::Number(canonical_number(text)),
            _ => default.clone(),
        },
        ColumnDefault::Serial
        | ColumnDefault::Sequence(_)
        | ColumnDefault::Now
        | ColumnDefault::GenerateUuid
        | ColumnDefault::UuidV4
        | ColumnDefault::UuidV7
        | ColumnDefault::Bool(_) => default.clone(),
    }
}

fn canonical_number(text: &str) -> String {
    if text.contains(['e', 'E']) {
        return text.parse::<f64>().map_or_else(|_| text.to_owned(), |value| value.to_string());
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    match fraction {
        "" if whole == "0" => "0".to_owned(),
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

fn canonical_uuid(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_hexdigit()).map(|c| c.to_ascii_lowercase()).collect()
}

fn canonical_time(text: &str) -> String {
    let (clock, zone) = match text.find(['+', 'Z']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut clock = clock.trim().to_owned();
    if clock.matches(':').count() == 1 {
        clock.push_str(":00");
    }
    if clock.contains('.') {
        clock.truncate(clock.trim_end_matches('0').trim_end_matches('.').len());
    }
    format!("{clock}{zone}")
}

fn canonical_timestamp(text: &str) -> String {
    match text.trim().split_once(['T', 't', ' ']) {
        Some((day, time)) => format!("{day} {}", canonical_time(time)),
        None => format!("{} 00:00:00", text.trim()),
    }
}

/// Removes blanks outside of JSON strings.
fn squeeze_json(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if !in_string && c.is_whitespace() {
            continue;
        }
        result.push(c);
        match c {
            '"' if !escaped => in_string = !in_string,
            '\\' if in_string && !escaped => {
                escaped = true;
                continue;
            }
            _ => {}
        }
        escaped = false;
    }
    result
}

/// An expression without blanks and casts outside of string literals, in lower case there.
fn squeeze(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '\'' {
            let end = literal_end(rest).unwrap_or(rest.len());
            result.push_str(&rest[..end]);
            rest = &rest[end..];
        } else if rest.starts_with("::") {
            rest = &rest[cast_end(rest)..];
        } else {
            if !c.is_whitespace() {
                result.extend(c.to_lowercase());
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    result
}

/// `(x)` without its parentheses, when they enclose everything.
fn strip_parentheses(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else { return text };
    let mut depth = 0_i32;
    let mut rest = inner;
    while let Some(c) = rest.chars().next() {
        let mut step = c.len_utf8();
        match c {
            '\'' => step = literal_end(rest).unwrap_or(rest.len()),
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return text;
        }
        rest = &rest[step..];
    }
    strip_parentheses(inner.trim())
}

/// An expression without the casts at its end.
fn strip_casts(text: &str) -> &str {
    match text.rfind("::") {
        Some(at) if cast_end(&text[at..]) == text.len() - at => {
            strip_casts(strip_parentheses(text[..at].trim_end()))
        }
        _ => text,
    }
}

/// Content of `'…'`, possibly followed by casts only.
fn quoted_literal(text: &str) -> Option<String> {
    let text = strip_casts(text);
    let end = literal_end(text)?;
    (end == text.len()).then(|| text[1..end - 1].replace("''", "'"))
}

/// Length of the string literal at the start of `text`, quotes included.
fn literal_end(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let mut at = 0;
    while let Some(found) = inner[at..].find('\'') {
        let end = at + found;
        if !inner[end + 1..].starts_with('\'') {
            return Some(end + 2);
        }
        at = end + 2;
    }
    None
}

/// Length of the cast (`::type name(1)[]`) at the start of `text`.
fn cast_end(text: &str) -> usize {
    let mut end = 2;
    let mut quoted = false;
    let mut depth = 0_u32;
    for c in text[2..].chars() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ',' if depth > 0 => {}
            c if c.is_alphanumeric() || matches!(c, '_' | '.' | ' ' | '[' | ']') => {}
            _ => break,
        }
        end += c.len_utf8();
    }
    end
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && digits.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMESTAMP: ColumnType = ColumnType::Timestamp { precision: None, time_zone: false };

    #[test]
    fn postgres_spellings_are_read() {
        let quoted = |text: &str| ColumnDefault::Quoted(text.to_owned());
        let number = |text: &str| ColumnDefault::Number(text.to_owned());
        let cases = [
            ("now()", TIMESTAMP, ColumnDefault::Now),
            ("CURRENT_DATE", ColumnType::Date, ColumnDefault::Now),
            ("(now())::date", ColumnType::Date, ColumnDefault::Now),
            ("'it''s'::text", ColumnType::Text, quoted("it's")),
            ("'x'::character varying(10)", ColumnType::Varchar(Some(10)), quoted("x")),
            ("'Fiction'::audit.\"Book Shelf\"", ColumnType::Text, quoted("Fiction")),
            ("('{\"a\": 1}'::json)::jsonb", ColumnType::Jsonb, quoted("{\"a\": 1}")),
            ("'a::text'::text", ColumnType::Text, quoted("a::text")),
            ("'-5'::integer", ColumnType::Int, number("-5")),
            ("(-5)", ColumnType::Int, number("-5")),
            ("12", ColumnType::Int, number("12")),
            ("1.20", ColumnType::Numeric { precision: None, scale: None }, number("1.20")),
            ("true", ColumnType::Boolean, ColumnDefault::Bool(true)),
            ("public.uuid_generate_v4()", ColumnType::Uuid, ColumnDefault::UuidV4),
            ("gen_random_uuid()", ColumnType::Uuid, ColumnDefault::GenerateUuid),
            ("(1 + 2)", ColumnType::Int, ColumnDefault::Expression("1 + 2".to_owned())),
        ];
        for (text, ty, expected) in cases {
            assert_eq!(parse_default(text, &ty), expected, "{text}");
        }
    }

    #[test]
    fn equal_values_in_different_spellings_are_the_same() {
        let quoted = |text: &str| ColumnDefault::Quoted(text.to_owned());
        let number = |text: &str| ColumnDefault::Number(text.to_owned());
        let expression = |text: &str| ColumnDefault::Expression(text.to_owned());
        let cases = [
            (ColumnType::Time { precision: None }, quoted("09:30"), quoted("09:30:00")),
            (TIMESTAMP, quoted("2024-02-29T10:00"), quoted("2024-02-29 10:00:00")),
            (TIMESTAMP, quoted("2024-02-29T10:00:00.500"), quoted("2024-02-29 10:00:00.5")),
            (ColumnType::Real, number("1.50"), number("1.5")),
            (ColumnType::Real, number("-0"), number("0")),
            (ColumnType::Uuid, quoted("{AB12}"), quoted("ab12")),
            (ColumnType::Jsonb, quoted("{\"a b\": [1, 2]}"), quoted("{\"a b\":[1,2]}")),
            (
                ColumnType::Bytea,
                expression("DECODE('00', 'hex')"),
                expression("decode('00'::text, 'hex'::text)"),
            ),
            (ColumnType::Bytea, expression("'\\x00'"), quoted("\\x00")),
        ];
        for (ty, a, b) in cases {
            assert!(same_default(&ty, Some(&a), Some(&b)), "{a:?} {b:?}");
        }
        assert!(!same_default(&ColumnType::Text, Some(&quoted("09:30")), Some(&quoted("09:30:00"))));
        assert!(!same_default(&ColumnType::Jsonb, Some(&quoted("\"a b\"")), Some(&quoted("\"ab\""))));
        assert!(!same_default(&ColumnType::Int, Some(&number("1")), None));
    }
}
