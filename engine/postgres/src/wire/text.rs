//! Parameters and results as text.

use std::borrow::Cow;
use std::error::Error;

use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::{DbError, Rows};

/// A parameter: its Postgres type, and its value in the input syntax of that type. Every type works the same
/// way, whether this program knows it or not.
#[derive(Debug, Clone, PartialEq)]
pub struct TextParam<'a> {
    /// Type given in the Parse message.
    pub ty: Type,
    /// `None` is NULL.
    pub value: Option<Cow<'a, str>>,
}

impl<'a> TextParam<'a> {
    /// A parameter with a value.
    pub fn new(ty: Type, value: impl Into<Cow<'a, str>>) -> Self {
        Self { ty, value: Some(value.into()) }
    }

    /// A NULL.
    pub const fn null(ty: Type) -> Self {
        Self { ty, value: None }
    }
}

impl ToSql for TextParam<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match &self.value {
            None => Ok(IsNull::Yes),
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(IsNull::No)
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// A result cell, which arrives in the binary form of its type.
struct Cell(String);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let text = match *ty {
            Type::TEXT
            | Type::VARCHAR
            | Type::BPCHAR
            | Type::NAME
            | Type::JSON
            | Type::XML
            | Type::UNKNOWN => std::str::from_utf8(raw)?.to_owned(),
            // The binary form is a version byte and the text.
            Type::JSONB => std::str::from_utf8(raw.get(1..).unwrap_or_default())?.to_owned(),
            Type::BOOL => if bool::from_sql(ty, raw)? { "t" } else { "f" }.to_owned(),
            Type::CHAR => char::from(raw.first().copied().unwrap_or_default()).to_string(),
            Type::INT2 => i16::from_sql(ty, raw)?.to_string(),
            Type::INT4 => i32::from_sql(ty, raw)?.to_string(),
            Type::INT8 => i64::from_sql(ty, raw)?.to_string(),
            Type::OID => u32::from_sql(ty, raw)?.to_string(),
            // `select f()` of a function without result.
            Type::VOID => String::new(),
            _ => return Err(format!("a column of type {ty} needs a cast to text").into()),
        };
        Ok(Self(text))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

pub(super) fn read_rows(rows: &[Row]) -> Result<Rows, DbError> {
    let read = |row: &Row, column: usize| {
        let cell = row.try_get::<_, Option<Cell>>(column);
        cell.map(|it| it.map(|Cell(text)| text)).map_err(|e| DbError::Result(crate::target::describe(&e)))
    };
    rows.iter().map(|row| (0..row.len()).map(|column| read(row, column)).collect()).collect()
}
