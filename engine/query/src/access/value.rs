//! Values that rules compare in memory.

use std::cmp::Ordering;

use studio_model::ir::{ColumnType, CompareOp, Literal};

use crate::operation::Data;
use crate::plan::{Comparable, comparable, compare_decimals, normal_uuid};

/// A known value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// A decimal in its input syntax, compared by value.
    Decimal(String),
    /// A date, time or instant as written, with the value by which it compares.
    Temporal {
        text: String,
        key: Box<Val>,
    },
    List(Vec<Val>),
    /// An object or anything else that only equals itself.
    Json(serde_json::Value),
}

impl Val {
    pub(crate) fn literal(literal: &Literal) -> Self {
        match literal {
            Literal::String(text) => Self::Text(text.clone()),
            Literal::Int(number) => Self::Int(*number),
            // The literal came through the compiler as a number.
            Literal::Float(text) => text.parse().map_or(Self::Null, Self::Float),
            Literal::Bool(value) => Self::Bool(*value),
            Literal::Null => Self::Null,
        }
    }

    /// Input data for a column; its type decides how texts compare.
    pub(crate) fn input(data: &Data, ty: &ColumnType) -> Self {
        match data {
            Data::Null => Self::Null,
            Data::Bool(value) => Self::Bool(*value),
            Data::Number(number) => Self::number(number),
            Data::String(text) => Self::text_of(text, data, ty),
            Data::Enum(text) => Self::Text(text.clone()),
            Data::List(items) => {
                let element = if let ColumnType::Array(element) = ty { element } else { ty };
                Self::List(items.iter().map(|item| Self::input(&item.data, element)).collect())
            }
            Data::Object(_) => Self::Json(crate::plan::json(data)),
            Data::Json(value) => Self::json(value),
        }
    }

    fn text_of(text: &str, data: &Data, ty: &ColumnType) -> Self {
        match ty {
            ColumnType::Numeric { .. } => return Self::Decimal(text.to_owned()),
            ColumnType::Uuid => return Self::Text(normal_uuid(text).unwrap_or_else(|_| text.to_owned())),
            _ => {}
        }
        match comparable(data, ty) {
            Some(Ok(key)) => {
                let key = match key {
                    Comparable::Seconds(seconds) => Self::Decimal(seconds),
                    Comparable::Text(text) => Self::Text(text),
                };
                Self::Temporal { text: text.to_owned(), key: Box::new(key) }
            }
            // A text that is no date stays a text; binding it to the column will refuse it.
            Some(Err(_)) | None => Self::Text(text.to_owned()),
        }
    }

    pub(crate) fn json(value: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::number(number),
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(items) => Self::List(items.iter().map(Self::json).collect()),
            Json::Object(_) => Self::Json(value.clone()),
        }
    }

    fn number(number: &serde_json::Number) -> Self {
        match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Self::Int(value),
            (None, Some(value)) => Self::Float(value),
            (None, None) => Self::Decimal(number.to_string()),
        }
    }

    /// As input data, for conversion into a parameter.
    pub(crate) fn data(&self) -> Data {
        match self {
            Self::Null => Data::Null,
            Self::Bool(value) => Data::Bool(*value),
            Self::Int(number) => Data::Number((*number).into()),
            Self::Float(number) => serde_json::Number::from_f64(*number).map_or(Data::Null, Data::Number),
            Self::Text(text) | Self::Decimal(text) | Self::Temporal { text, .. } => {
                Data::String(text.clone())
            }
            Self::List(items) => Data::List(
                items
                    .iter()
                    .map(|item| crate::operation::Value { data: item.data(), variable: None })
                    .collect(),
            ),
            Self::Json(value) => Data::Json(value.clone()),
        }
    }

    /// As JSON text, for traces.
    pub(crate) fn display(&self) -> String {
        crate::plan::json(&self.data()).to_string()
    }

    /// Compares two known values; null only equals null.
    pub(crate) fn compare(op: CompareOp, left: &Self, right: &Self) -> bool {
        match op {
            CompareOp::Eq => left.equals(right),
            CompareOp::Ne => !left.equals(right),
            CompareOp::Lt => left.order(right) == Some(Ordering::Less),
            CompareOp::Le => matches!(left.order(right), Some(Ordering::Less | Ordering::Equal)),
            CompareOp::Gt => left.order(right) == Some(Ordering::Greater),
            CompareOp::Ge => matches!(left.order(right), Some(Ordering::Greater | Ordering::Equal)),
            CompareOp::In => right.contains(left),
        }
    }

    /// Membership; a value where a list was declared is a list of one, null contains nothing.
    pub(crate) fn contains(&self, element: &Self) -> bool {
        match self {
            Self::Null => false,
            Self::List(items) => items.iter().any(|item| item.equals(element)),
            single => single.equals(element),
        }
    }

    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Null, _) | (_, Self::Null) => false,
            (Self::List(left), Self::List(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.equals(right))
            }
            (Self::Json(left), Self::Json(right)) => left == right,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }

    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(right)),
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(right),
            (Self::Int(left), Self::Float(right)) => int_float(*left, *right),
            (Self::Float(left), Self::Int(right)) => int_float(*right, *left).map(Ordering::reverse),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Bool(left), Self::Bool(right)) => Some(left.cmp(right)),
            (Self::Temporal { key: left, .. }, Self::Temporal { key: right, .. }) => left.order(right),
            (Self::Decimal(left), Self::Decimal(right)) => compare_decimals(left, right),
            (Self::Decimal(left), Self::Int(right)) => compare_decimals(left, &right.to_string()),
            (Self::Int(left), Self::Decimal(right)) => compare_decimals(&left.to_string(), right),
            _ => None,
        }
    }
}

/// Exact up to the precision of the float: an integer beyond 2^53 is compared as an integer.
fn int_float(int: i64, float: f64) -> Option<Ordering> {
    if float.fract() == 0.0 && float.abs() < 9.2e18 {
        #[allow(clippy::cast_possible_truncation)]
        return Some(int.cmp(&(float as i64)));
    }
    #[allow(clippy::cast_precision_loss)]
    (int as f64).partial_cmp(&float)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(text: &str, ty: &ColumnType) -> Val {
        Val::input(&Data::String(text.into()), ty)
    }

    #[test]
    fn instants_compare_as_points_in_time() {
        let ty = ColumnType::Timestamp { precision: None, time_zone: true };
        let order = |left, right| input(left, &ty).order(&input(right, &ty));
        assert_eq!(order("2021-07-07T03:00:00Z", "2021-07-06T20:00:00-07:00"), Some(Ordering::Equal));
        assert_eq!(order("2021-07-07T03:00:00.5Z", "2021-07-07T03:00:00.45Z"), Some(Ordering::Greater));
        assert_eq!(order("1969-12-31T23:59:59.2Z", "1969-12-31T23:59:59.9Z"), Some(Ordering::Less));
        assert_eq!(order("2020-02-29T00:00:00Z", "2020-03-01T00:00:00Z"), Some(Ordering::Less));
    }

    #[test]
    fn local_times_compare_whatever_their_spelling() {
        let ty = ColumnType::Time { precision: None };
        assert_eq!(input("14:00", &ty).order(&input("14:00:00", &ty)), Some(Ordering::Equal));
        assert_eq!(input("14:00:00.50", &ty).order(&input("14:00:00.5", &ty)), Some(Ordering::Equal));
        assert_eq!(input("09:59", &ty).order(&input("14:00:00", &ty)), Some(Ordering::Less));
        let date = ColumnType::Date;
        let moment = input("2021-07-06T10:00:00Z", &date);
        assert_eq!(moment.order(&input("2021-07-06", &date)), Some(Ordering::Equal));
    }

    #[test]
    fn numbers_compare_exactly() {
        let big = Val::Int(9_007_199_254_740_993);
        assert_eq!(big.order(&Val::Float(9_007_199_254_740_992.0)), Some(Ordering::Greater));
        let numeric = ColumnType::Numeric { precision: None, scale: None };
        assert!(input("1.20", &numeric).equals(&input("1.2", &numeric)));
        assert!(!Val::Null.equals(&Val::Int(0)) && Val::Null.equals(&Val::Null));
        assert!(!Val::compare(CompareOp::Lt, &Val::Null, &Val::Int(1)));
    }

    #[test]
    fn a_single_value_is_a_list_of_one() {
        let admin = Val::Text("admin".into());
        assert!(Val::compare(CompareOp::In, &admin, &admin));
        assert!(Val::compare(CompareOp::In, &admin, &Val::List(vec![Val::Null, admin.clone()])));
        assert!(!Val::compare(CompareOp::In, &admin, &Val::Null));
    }
}
