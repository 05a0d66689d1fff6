//! From planned parameters to bound ones: every value travels as text with its explicit type.

use std::borrow::Cow;

use studio_postgres::{Rows, TextParam, Type};
use studio_query::plan::{Param, ParamOrigin, ParamType, ParamValue};

/// Binds the parameters of one statement. `earlier` holds the rows of the steps before it, `holes` the values for a
/// template.
pub fn bind<'a>(
    params: &'a [Param],
    earlier: &'a [Rows],
    holes: &'a [String],
) -> Result<Vec<TextParam<'a>>, String> {
    params
        .iter()
        .map(|param| Ok(TextParam { ty: sql_type(&param.ty), value: value(&param.value, earlier, holes)? }))
        .collect()
}

/// The earlier step of the same field whose rows a parameter comes from.
pub(super) fn row_source(param: &Param) -> Option<usize> {
    match param.value {
        ParamValue::Cell { step, .. } | ParamValue::Column { step, .. } => Some(step),
        ParamValue::Null | ParamValue::Text(_) | ParamValue::Hole(_) => None,
    }
}

fn value<'a>(
    value: &'a ParamValue,
    earlier: &'a [Rows],
    holes: &'a [String],
) -> Result<Option<Cow<'a, str>>, String> {
    match value {
        ParamValue::Hole(index) => holes
            .get(*index)
            .map(|text| Some(Cow::Borrowed(text.as_str())))
            .ok_or_else(|| format!("there is no value for hole {index}")),
        ParamValue::Null => Ok(None),
        ParamValue::Text(text) => Ok(Some(Cow::Borrowed(text))),
        ParamValue::Cell { step, row, column } => earlier
            .get(*step)
            .and_then(|rows| rows.get(*row))
            .and_then(|cells| cells.get(*column))
            .map(|cell| cell.as_deref().map(Cow::Borrowed))
            .ok_or_else(|| format!("step {step} has no row {row}, column {column}")),
        ParamValue::Column { step, column } => {
            let rows = earlier.get(*step).ok_or_else(|| format!("there is no step {step}"))?;
            let mut literal = String::from("{");
            for (index, row) in rows.iter().enumerate() {
                if index > 0 {
                    literal.push(',');
                }
                let cell = row.get(*column).ok_or_else(|| format!("step {step} has no column {column}"))?;
                push_element(&mut literal, cell.as_deref());
            }
            literal.push('}');
            Ok(Some(Cow::Owned(literal)))
        }
    }
}

/// Appends an element of an array literal, quoted as Postgres reads it.
fn push_element(literal: &mut String, element: Option<&str>) {
    let Some(element) = element else {
        literal.push_str("NULL");
        return;
    };
    literal.push('"');
    for c in element.chars() {
        if matches!(c, '"' | '\\') {
            literal.push('\\');
        }
        literal.push(c);
    }
    literal.push('"');
}

/// The driver's type for a parameter type.
pub fn sql_type(ty: &ParamType) -> Type {
    match ty {
        ParamType::Bool => Type::BOOL,
        ParamType::Int2 => Type::INT2,
        ParamType::Int4 => Type::INT4,
        ParamType::Int8 => Type::INT8,
        ParamType::Float4 => Type::FLOAT4,
        ParamType::Float8 => Type::FLOAT8,
        ParamType::Numeric => Type::NUMERIC,
        ParamType::Text => Type::TEXT,
        ParamType::Varchar => Type::VARCHAR,
        ParamType::Bytea => Type::BYTEA,
        ParamType::Uuid => Type::UUID,
        ParamType::Date => Type::DATE,
        ParamType::Time => Type::TIME,
        ParamType::Timestamp => Type::TIMESTAMP,
        ParamType::Timestamptz => Type::TIMESTAMPTZ,
        ParamType::Json => Type::JSON,
        ParamType::Jsonb => Type::JSONB,
        ParamType::Array(element) => array_type(element),
    }
}

fn array_type(element: &ParamType) -> Type {
    match element {
        ParamType::Bool => Type::BOOL_ARRAY,
        ParamType::Int2 => Type::INT2_ARRAY,
        ParamType::Int4 => Type::INT4_ARRAY,
        ParamType::Int8 => Type::INT8_ARRAY,
        ParamType::Float4 => Type::FLOAT4_ARRAY,
        ParamType::Float8 => Type::FLOAT8_ARRAY,
        ParamType::Numeric => Type::NUMERIC_ARRAY,
        ParamType::Text => Type::TEXT_ARRAY,
        ParamType::Varchar => Type::VARCHAR_ARRAY,
        ParamType::Bytea => Type::BYTEA_ARRAY,
        ParamType::Uuid => Type::UUID_ARRAY,
        ParamType::Date => Type::DATE_ARRAY,
        ParamType::Time => Type::TIME_ARRAY,
        ParamType::Timestamp => Type::TIMESTAMP_ARRAY,
        ParamType::Timestamptz => Type::TIMESTAMPTZ_ARRAY,
        ParamType::Json => Type::JSON_ARRAY,
        ParamType::Jsonb => Type::JSONB_ARRAY,
        // Arrays of more dimensions have the same type in Postgres.
        ParamType::Array(inner) => array_type(inner),
    }
}

/// The driver's type of a recorded parameter.
pub fn type_by_name(name: &str) -> Option<Type> {
    use ParamType as P;
    let plain = [
        P::Bool,
        P::Int2,
        P::Int4,
        P::Int8,
        P::Float4,
        P::Float8,
        P::Numeric,
        P::Text,
        P::Varchar,
        P::Bytea,
        P::Uuid,
        P::Date,
        P::Time,
        P::Timestamp,
        P::Timestamptz,
        P::Json,
        P::Jsonb,
    ];
    let arrays = plain.iter().map(array_type);
    plain.iter().map(sql_type).chain(arrays).find(|ty| ty.name() == name)
}

/// The origin of a parameter in words.
pub fn origin(param: &Param) -> String {
    match &param.origin {
        ParamOrigin::Document => "document".to_owned(),
        ParamOrigin::Variable(name) => format!("variable ${name}"),
        ParamOrigin::Context(name) => name.to_string(),
        ParamOrigin::Model => "model".to_owned(),
        ParamOrigin::Row => "earlier row".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(value: ParamValue) -> Param {
        Param { ty: ParamType::Array(Box::new(ParamType::Text)), value, origin: ParamOrigin::Row }
    }

    #[test]
    fn a_column_becomes_an_array_literal_that_quotes_everything() {
        let rows = vec![
            vec![Some("a\"b\\c".to_owned())],
            vec![None],
            vec![Some("NULL".to_owned())],
            vec![Some(String::new())],
        ];
        let params = [param(ParamValue::Column { step: 0, column: 0 })];
        let earlier = [rows];
        let bound = bind(&params, &earlier, &[]).unwrap();
        assert_eq!(bound[0].value.as_deref(), Some(r#"{"a\"b\\c",NULL,"NULL",""}"#));
    }

    #[test]
    fn a_missing_cell_is_an_error_not_a_panic() {
        let missing = ParamValue::Cell { step: 1, row: 0, column: 0 };
        assert!(bind(&[param(missing)], &[Vec::new()], &[]).is_err());
    }
}
