//! Input values into typed parameters, with the wire formats of graphql-and-sql 1.8 and the error texts of 2.6.

mod number;
mod temporal;
#[cfg(test)]
mod tests;
mod text;

use base64::Engine as _;
use studio_model::ir::{ColumnType, Ir};

use super::{Param, ParamOrigin, ParamType, ParamValue};
use crate::error::{ErrorClass, RequestError};
use crate::operation::{Data, Value};

pub(crate) use number::compare_decimals;
pub(crate) use temporal::Comparable;
pub(crate) use text::{array_literal, uuid as normal_uuid};

/// A value that does not fit its column. Which words the client reads depends on where it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misfit;

/// The Postgres type a value for this column is declared as.
pub(crate) fn param_type(ty: &ColumnType) -> ParamType {
    match ty {
        ColumnType::SmallInt => ParamType::Int2,
        ColumnType::Int => ParamType::Int4,
        ColumnType::BigInt => ParamType::Int8,
        ColumnType::Real => ParamType::Float4,
        ColumnType::DoublePrecision => ParamType::Float8,
        ColumnType::Numeric { .. } => ParamType::Numeric,
        ColumnType::Text | ColumnType::Varchar(_) | ColumnType::Char(_) | ColumnType::Enum(_) => {
            ParamType::Text
        }
        ColumnType::Boolean => ParamType::Bool,
        ColumnType::Timestamp { time_zone: true, .. } => ParamType::Timestamptz,
        ColumnType::Timestamp { time_zone: false, .. } => ParamType::Timestamp,
        ColumnType::Time { .. } => ParamType::Time,
        ColumnType::Date => ParamType::Date,
        ColumnType::Jsonb => ParamType::Jsonb,
        ColumnType::Bytea => ParamType::Bytea,
        ColumnType::Uuid => ParamType::Uuid,
        ColumnType::Vector(_) => ParamType::Array(Box::new(ParamType::Float4)),
        ColumnType::Array(element) => {
            let mut element = element;
            while let ColumnType::Array(inner) = &**element {
                element = inner;
            }
            ParamType::Array(Box::new(param_type(element)))
        }
    }
}

/// The name of a column type inside conversion errors (graphql-and-sql 2.6).
pub(crate) fn type_words(ty: &ColumnType, ir: &Ir) -> String {
    match ty {
        ColumnType::SmallInt => "16-bit integer".into(),
        ColumnType::Int => "32-bit integer".into(),
        ColumnType::BigInt => "64-bit integer".into(),
        ColumnType::Real => "Single precision floating point".into(),
        ColumnType::DoublePrecision => "Double precision floating point".into(),
        ColumnType::Text => "String".into(),
        ColumnType::Varchar(length) | ColumnType::Char(length) => format!("String(max_length: {length})"),
        ColumnType::Boolean => "Boolean".into(),
        ColumnType::Date => "Date".into(),
        ColumnType::Jsonb => "Json".into(),
        ColumnType::Bytea => "Blob".into(),
        ColumnType::Uuid => "Uuid".into(),
        ColumnType::Numeric { precision: None, .. } => "Numeric".into(),
        ColumnType::Numeric { precision: Some(precision), scale: None } => {
            format!("Numeric(precision: {precision})")
        }
        ColumnType::Numeric { precision: Some(precision), scale: Some(scale) } => {
            format!("Numeric(precision: {precision}, scale: {scale})")
        }
        ColumnType::Time { precision: None } => "Time".into(),
        ColumnType::Time { precision: Some(precision) } => format!("Time(precision: {precision})"),
        ColumnType::Timestamp { precision, time_zone } => {
            let mut words = String::from("Timestamp");
            if let Some(precision) = precision {
                words.push_str(&format!(" precision: {precision}"));
            }
            if *time_zone {
                words.push_str(" with timezone");
            }
            words
        }
        ColumnType::Enum(id) => format!("Enum({})", ir.enums[*id].db_name),
        ColumnType::Array(element) => format!("Array of [{}]", type_words(element, ir)),
        ColumnType::Vector(size) => format!("Vector(size: {size})"),
    }
}

/// The conversion error of filters and keys.
pub(crate) fn conversion_error() -> RequestError {
    RequestError::plain("Unable to convert input to the expected type", ErrorClass::Conversion, None)
}

/// The conversion error of create and update.
pub(crate) fn field_conversion_error(field: &str, ty: &ColumnType, ir: &Ir) -> RequestError {
    RequestError::plain(
        format!(
            "Unable to convert input to the expected type: trying to convert the '{field}' field to the '{}' type",
            type_words(ty, ir)
        ),
        ErrorClass::Conversion,
        None,
    )
}

/// Converts a value for a column into a parameter.
pub(crate) fn param(value: &Value, ty: &ColumnType) -> Result<Param, Misfit> {
    let origin = match &value.variable {
        Some(variable) => ParamOrigin::Variable(variable.clone()),
        None => ParamOrigin::Document,
    };
    let value = match text(&value.data, ty)? {
        Some(text) => ParamValue::Text(text),
        None => ParamValue::Null,
    };
    Ok(Param { ty: param_type(ty), value, origin })
}

/// The input syntax of a value for a column; `None` is NULL.
pub(crate) fn text(data: &Data, ty: &ColumnType) -> Result<Option<String>, Misfit> {
    if matches!(data, Data::Null | Data::Json(serde_json::Value::Null)) {
        return Ok(None);
    }
    let text = match ty {
        ColumnType::SmallInt => number::integer(data, i64::from(i16::MIN), i64::from(i16::MAX))?,
        ColumnType::Int => number::integer(data, i64::from(i32::MIN), i64::from(i32::MAX))?,
        ColumnType::BigInt => number::integer(data, i64::MIN, i64::MAX)?,
        ColumnType::Real => number::float(data, f64::from(f32::MAX))?,
        ColumnType::DoublePrecision => number::float(data, f64::MAX)?,
        ColumnType::Numeric { .. } => number::decimal(string(data)?)?,
        ColumnType::Text | ColumnType::Varchar(_) | ColumnType::Char(_) => string(data)?.to_owned(),
        ColumnType::Boolean => match data {
            Data::Bool(true) => "true".to_owned(),
            Data::Bool(false) => "false".to_owned(),
            Data::Json(serde_json::Value::Bool(value)) => value.to_string(),
            _ => return Err(Misfit),
        },
        ColumnType::Timestamp { time_zone: true, .. } => temporal::instant(string(data)?)?,
        ColumnType::Timestamp { time_zone: false, .. } => temporal::local_date_time(string(data)?)?,
        ColumnType::Date => temporal::local_date(string(data)?)?,
        ColumnType::Time { .. } => temporal::local_time(string(data)?)?,
        ColumnType::Jsonb => json(data).to_string(),
        ColumnType::Bytea => {
            let bytes =
                base64::engine::general_purpose::STANDARD.decode(string(data)?).map_err(|_| Misfit)?;
            text::hex(&bytes)
        }
        ColumnType::Uuid => text::uuid(string(data)?)?,
        ColumnType::Vector(size) => vector(data, *size)?,
        ColumnType::Enum(_) => match data {
            Data::Enum(label) => label.clone(),
            other => string(other)?.to_owned(),
        },
        ColumnType::Array(element) => text::array(data, element)?,
    };
    Ok(Some(text))
}

/// A vector literal of exactly this length.
pub(crate) fn vector(data: &Data, size: u32) -> Result<String, Misfit> {
    let mut elements = Vec::new();
    match data {
        Data::List(items) => {
            for item in items {
                elements.push(Some(number::float(&item.data, f64::from(f32::MAX))?));
            }
        }
        Data::Json(serde_json::Value::Array(items)) => {
            for item in items {
                let serde_json::Value::Number(number) = item else { return Err(Misfit) };
                elements.push(Some(number::float(&Data::Number(number.clone()), f64::from(f32::MAX))?));
            }
        }
        _ => return Err(Misfit),
    }
    if elements.len() != size as usize {
        return Err(Misfit);
    }
    Ok(array_literal(elements.iter().map(|element| element.as_deref())))
}

/// A string operand, such as of `like`.
pub(crate) fn string(data: &Data) -> Result<&str, Misfit> {
    match data {
        Data::String(text) | Data::Json(serde_json::Value::String(text)) => Ok(text),
        _ => Err(Misfit),
    }
}

/// Input data as JSON, for `Json` columns and `@json` types.
pub(crate) fn json(data: &Data) -> serde_json::Value {
    use serde_json::Value as Json;
    match data {
        Data::Null => Json::Null,
        Data::Bool(value) => Json::Bool(*value),
        Data::Number(number) => Json::Number(number.clone()),
        Data::String(text) | Data::Enum(text) => Json::String(text.clone()),
        Data::List(items) => Json::Array(items.iter().map(|item| json(&item.data)).collect()),
        Data::Object(members) => {
            Json::Object(members.iter().map(|(key, value)| (key.clone(), json(&value.data))).collect())
        }
        Data::Json(value) => value.clone(),
    }
}

/// The form in which a date, time or instant compares in memory; `None` for other types.
pub(crate) fn comparable(data: &Data, ty: &ColumnType) -> Option<Result<Comparable, Misfit>> {
    let parse = |convert: fn(&str) -> Result<Comparable, Misfit>| string(data).and_then(convert);
    match ty {
        ColumnType::Timestamp { time_zone: true, .. } => Some(parse(temporal::comparable_instant)),
        ColumnType::Timestamp { time_zone: false, .. } => {
            Some(parse(|text| temporal::local_date_time(text).map(|iso| temporal::comparable_local(&iso))))
        }
        ColumnType::Time { .. } => {
            Some(parse(|text| temporal::local_time(text).map(|iso| temporal::comparable_local(&iso))))
        }
        ColumnType::Date => {
            Some(parse(|text| temporal::local_date(text).map(|iso| temporal::comparable_local(&iso))))
        }
        _ => None,
    }
}
