//! Numbers of expressions and responses: exact text, JavaScript's meaning.

use serde_json::Number;

/// A decimal number in a normal form, so that equal values are equal texts: no leading or trailing
/// zeros in `digits`, value = ±0.`digits` × 10^`exponent`, zero is positive with no digits.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads JSON number text. `None` when the exponent does not fit.
    fn read(text: &str) -> Option<Decimal> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: String = [whole, fraction].concat();
        let significant = all.trim_start_matches('0');
        let leading_zeros = all.len() - significant.len();
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Some(Decimal { negative: false, digits: String::new(), exponent: 0 });
        }
        let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading_zeros).ok()?;
        Some(Decimal { negative, digits: digits.to_owned(), exponent: exponent.checked_add(point)? })
    }
}

/// Whether two numbers are equal in a comparison of section 2.4.
///
/// The peer compares IEEE doubles. Two integers are compared exactly instead, so that a lost digit of a
/// 64-bit identifier is noticed; anything with a fraction or an exponent may also be equal as a double.
/// A number that an expression computed in JavaScript (`computed`) is a double already.
pub fn equal(expected: &Number, actual: &Number, computed: bool) -> bool {
    let (expected, actual) = (expected.to_string(), actual.to_string());
    if let (Some(left), Some(right)) = (Decimal::read(&expected), Decimal::read(&actual))
        && left == right
    {
        return true;
    }
    let is_integer = |text: &str| !text.contains(['.', 'e', 'E']);
    if !computed && is_integer(&expected) && is_integer(&actual) {
        return false;
    }
    matches!((expected.parse::<f64>(), actual.parse::<f64>()), (Ok(left), Ok(right)) if left == right)
}

/// Text of a double as JavaScript prints it; `None` for NaN and the infinities.
pub fn print_double(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    if value == 0.0 {
        return Some("0".to_owned());
    }
    let magnitude = value.abs();
    if (1e-6..1e21).contains(&magnitude) {
        return Some(format!("{value}"));
    }
    let text = format!("{value:e}");
    Some(match text.split_once('e') {
        Some((mantissa, exponent)) if !exponent.starts_with('-') => format!("{mantissa}e+{exponent}"),
        _ => text,
    })
}

/// A JSON number from decimal literal text (`10.0`, `1e3`, `.5`, `5.`): printed as JavaScript would print
/// it (`10`, `1000`, `0.5`, `5`) as long as that keeps the exact value, else with all its digits.
pub fn from_literal(text: &str) -> Option<Number> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, ""),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if negative { "-" } else { "" };
    let json = format!("{sign}{whole}{point}{fraction}{exponent}");
    let printed = json.parse::<f64>().ok().and_then(print_double);
    let text = match printed {
        Some(printed) if Decimal::read(&printed).is_some_and(|p| Some(p) == Decimal::read(&json)) => printed,
        _ => json,
    };
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).expect("a JSON number")
    }

    #[test]
    fn literals_are_printed_like_javascript_without_losing_digits() {
        for (literal, expected) in [
            ("1", "1"),
            ("10.0", "10"),
            ("-10.50", "-10.5"),
            ("1e3", "1000"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-0", "0"),
            ("1e21", "1e+21"),
            ("1.5E-9", "1.5e-9"),
            ("9007199254740993", "9007199254740993"),
            ("0.1234567890123456789", "0.1234567890123456789"),
            ("1e400", "1e+400"),
        ] {
            assert_eq!(from_literal(literal).expect(literal).to_string(), expected, "{literal}");
        }
    }

    #[test]
    fn equality() {
        for (left, right, computed, expected) in [
            ("1", "1", false, true),
            ("1", "1.0", false, true),
            ("100", "1e2", false, true),
            ("0", "-0.0", false, true),
            ("19.99", "19.990", false, true),
            ("1", "2", false, false),
            ("1", "-1", false, false),
            ("9007199254740993", "9007199254740992", false, false),
            ("9007199254740993", "9007199254740992", true, true),
            ("3.14159265358979323846", "3.141592653589793", false, true),
            ("0.30000000000000004", "0.3", false, false),
        ] {
            assert_eq!(equal(&number(left), &number(right), computed), expected, "{left} and {right}");
        }
    }
}
