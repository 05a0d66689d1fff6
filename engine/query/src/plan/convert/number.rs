//! Integers, floats and decimals.

use std::cmp::Ordering;

use super::Misfit;
use crate::operation::Data;

/// An integer within bounds. A float, even a whole one, is not an integer.
pub(crate) fn integer(data: &Data, min: i64, max: i64) -> Result<String, Misfit> {
    let number = number(data)?;
    match number.as_i64() {
        Some(value) if (min..=max).contains(&value) => Ok(value.to_string()),
        _ => Err(Misfit),
    }
}

/// A finite float whose magnitude fits.
pub(crate) fn float(data: &Data, max: f64) -> Result<String, Misfit> {
    let number = number(data)?;
    match number.as_f64() {
        Some(value) if value.is_finite() && value.abs() <= max => Ok(number.to_string()),
        _ => Err(Misfit),
    }
}

fn number(data: &Data) -> Result<&serde_json::Number, Misfit> {
    match data {
        Data::Number(number) | Data::Json(serde_json::Value::Number(number)) => Ok(number),
        _ => Err(Misfit),
    }
}

/// A decimal of any precision, or `NaN`; the scale is kept as written.
pub(crate) fn decimal(text: &str) -> Result<String, Misfit> {
    if text.eq_ignore_ascii_case("nan") {
        return Ok("NaN".to_owned());
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return Err(Misfit);
    }
    if let Some(exponent) = exponent {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if exponent.is_empty() || !digits(exponent) {
            return Err(Misfit);
        }
    }
    Ok(text.to_owned())
}

/// Compares two decimals as [`decimal`] accepts them, exactly. `NaN` equals itself and exceeds everything, as
/// in Postgres.
pub(crate) fn compare_decimals(left: &str, right: &str) -> Option<Ordering> {
    match (left.eq_ignore_ascii_case("nan"), right.eq_ignore_ascii_case("nan")) {
        (true, true) => return Some(Ordering::Equal),
        (true, false) => return Some(Ordering::Greater),
        (false, true) => return Some(Ordering::Less),
        (false, false) => {}
    }
    let (left, right) = (Parts::of(left)?, Parts::of(right)?);
    Some(match (left.sign(), right.sign()) {
        (a, b) if a != b => a.cmp(&b),
        (0, _) => Ordering::Equal,
        (1, _) => left.magnitude(&right),
        _ => right.magnitude(&left),
    })
}

/// Significant digits and the position of the point: value = 0.d1d2d3… × 10^point.
struct Parts {
    negative: bool,
    digits: Vec<u8>,
    point: i64,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], unsigned[at + 1..].parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = all.iter().take_while(|digit| **digit == b'0').count();
        let mut digits = all[leading..].to_vec();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let point = i64::try_from(whole.len()).ok()?.checked_add(exponent)? - i64::try_from(leading).ok()?;
        Some(Self { negative, digits, point })
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits))
    }
}
