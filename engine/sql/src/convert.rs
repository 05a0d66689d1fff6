//! Type changes that keep values by casting them: which values fit, and the expression of the new one.
//!
//! A value survives when the new type has one that means the same. Reading a text as a number or a date is such a
//! conversion; rounding a number, cutting a text or dropping the time of a timestamp is not.

use crate::ddl::type_text;
use crate::risk::widens;
use crate::schema::{ColumnType, quote_literal};

/// A change of type between which values can be cast, one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    to: ColumnType,
    way: Way,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// Both hold numbers.
    Number,
    /// A Boolean becomes 0 or 1.
    FromBoolean,
    /// 0 and 1 become a Boolean.
    ToBoolean,
    /// Cast there and back, the value is the same.
    RoundTrip(ColumnType),
    /// The text of the value is read as the new type.
    Text {
        /// A type that holds all that a text may say, where the new one could drop a part of it without a word.
        exact: Option<ColumnType>,
    },
    /// The text of the value is one of these labels; the type may not exist yet.
    Label(Vec<String>),
}

impl Conversion {
    /// The way from `old` to `new`, if there is one. `labels` are those of the new type if it is an enum.
    pub fn between(old: &ColumnType, new: &ColumnType, labels: &[String]) -> Option<Self> {
        use ColumnType::{Array, Boolean, Date, Enum, Time, Timestamp};
        let way = match (old, new) {
            (a, b) if is_number(a) && is_number(b) => Way::Number,
            (Boolean, b) if is_integer(b) => Way::FromBoolean,
            (a, Boolean) if is_integer(a) => Way::ToBoolean,
            (Timestamp { .. }, Timestamp { .. } | Date)
            | (Date, Timestamp { .. })
            | (Time { .. }, Time { .. }) => Way::RoundTrip(old.clone()),
            (a, Enum(_)) if is_text(a) => Way::Label(labels.to_vec()),
            (a, b) if is_text(a) && (is_text(b) || is_scalar(b) && !matches!(b, Time { .. })) => {
                Way::Text { exact: exact(b) }
            }
            (a, b) if is_scalar(a) && is_text(b) && !matches!(b, Enum(_)) => Way::Text { exact: exact(b) },
            (Array(a), Array(b)) => {
                // The types of labels may not exist yet, and reading a whole array needs its type.
                if !matches!(Self::between(a, b, labels)?.way, Way::Text { .. } | Way::Number) {
                    return None;
                }
                Way::Text { exact: exact(new) }
            }
            _ => return None,
        };
        Some(Self { to: new.clone(), way })
    }

    /// The expression of the new value. `column` is quoted already.
    pub fn using(&self, column: &str) -> String {
        let ty = type_text(&self.to);
        match self.way {
            Way::Number | Way::RoundTrip(_) => format!("{column}::{ty}"),
            Way::FromBoolean => format!("{column}::int::{ty}"),
            Way::ToBoolean => format!("{column} <> 0"),
            Way::Text { .. } | Way::Label(_) => format!("{column}::text::{ty}"),
        }
    }

    /// A condition that is true for the values that fit, NULL among them, and never fails. `column` is quoted already.
    pub fn survives(&self, column: &str) -> String {
        let ty = type_text(&self.to);
        let name = quote_literal(&ty);
        let fits = match &self.way {
            Way::Number => {
                // Trailing zeros are no digits of a value: 5.00 is an integer.
                let digits = format!("trim_scale({column}::numeric)");
                format!(
                    "CASE WHEN pg_input_is_valid({digits}::text, {name}) \
                     THEN {digits}::text::{ty}::numeric = {digits} ELSE false END"
                )
            }
            Way::FromBoolean => "true".to_owned(),
            Way::ToBoolean => format!("{column} IN (0, 1)"),
            Way::RoundTrip(old) => format!(
                "CASE WHEN pg_input_is_valid({column}::text, {name}) THEN {column}::{ty}::{} = {column} ELSE false END",
                type_text(old)
            ),
            Way::Text { exact: None } => format!("pg_input_is_valid({column}::text, {name})"),
            Way::Text { exact: Some(exact) } => {
                let exact = type_text(exact);
                let all = quote_literal(&exact);
                format!(
                    "CASE WHEN pg_input_is_valid({column}::text, {name}) AND pg_input_is_valid({column}::text, {all}) \
                     THEN {column}::text::{ty}::{exact} = {column}::text::{exact} ELSE false END"
                )
            }
            Way::Label(labels) => {
                let labels: Vec<String> = labels.iter().map(|label| quote_literal(label)).collect();
                match labels.is_empty() {
                    true => "false".to_owned(),
                    false => format!("{column}::text IN ({})", labels.join(", ")),
                }
            }
        };
        match fits.as_str() {
            "true" => fits,
            _ => format!("({column} IS NULL OR {fits})"),
        }
    }

    /// Whether both types count in whole numbers: then a foreign key over the column holds during the change.
    pub(crate) fn is_between_integers(&self, old: &ColumnType) -> bool {
        is_integer(old) && is_integer(&self.to)
    }
}

/// What tells whether reading a text as `ty` dropped something: digits, the time behind a day, a zone, blanks.
fn exact(ty: &ColumnType) -> Option<ColumnType> {
    match ty {
        ColumnType::Timestamp { .. } | ColumnType::Date => {
            Some(ColumnType::Timestamp { precision: None, time_zone: true })
        }
        ColumnType::Varchar(_) | ColumnType::Char(_) | ColumnType::Array(_) => Some(ColumnType::Text),
        ty if is_number(ty) => Some(ColumnType::Numeric { precision: None, scale: None }),
        _ => None,
    }
}

fn is_integer(ty: &ColumnType) -> bool {
    matches!(ty, ColumnType::SmallInt | ColumnType::Int | ColumnType::BigInt)
}

fn is_number(ty: &ColumnType) -> bool {
    let fraction = matches!(ty, ColumnType::Real | ColumnType::DoublePrecision | ColumnType::Numeric { .. });
    fraction || is_integer(ty)
}

fn is_text(ty: &ColumnType) -> bool {
    matches!(ty, ColumnType::Text | ColumnType::Varchar(_) | ColumnType::Char(_) | ColumnType::Enum(_))
}

fn is_scalar(ty: &ColumnType) -> bool {
    let other = matches!(
        ty,
        ColumnType::Boolean
            | ColumnType::Timestamp { .. }
            | ColumnType::Time { .. }
            | ColumnType::Date
            | ColumnType::Uuid
            | ColumnType::Jsonb
    );
    other || is_number(ty)
}

/// Whether a column can change its type in place without asking: see [`widens`].
pub(crate) fn conversion(old: &ColumnType, new: &ColumnType, labels: &[String]) -> Option<Conversion> {
    if widens(old, new) { None } else { Conversion::between(old, new, labels) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cast_where_both_types_can_mean_the_same() {
        let numeric = ColumnType::Numeric { precision: Some(5), scale: Some(2) };
        let array = |ty| ColumnType::Array(Box::new(ty));
        let shelf = ColumnType::Enum(crate::schema::QualifiedName::public("shelf"));
        let using = |old: &ColumnType, new: &ColumnType| {
            Conversion::between(old, new, &[]).map(|conversion| conversion.using("\"c\""))
        };
        let cases = [
            (ColumnType::BigInt, ColumnType::Int, Some("\"c\"::INT")),
            (numeric.clone(), ColumnType::SmallInt, Some("\"c\"::SMALLINT")),
            (ColumnType::Text, ColumnType::Varchar(Some(3)), Some("\"c\"::text::VARCHAR(3)")),
            (ColumnType::Text, ColumnType::Uuid, Some("\"c\"::text::uuid")),
            (ColumnType::Text, shelf.clone(), Some("\"c\"::text::\"shelf\"")),
            (ColumnType::Boolean, ColumnType::BigInt, Some("\"c\"::int::BIGINT")),
            (ColumnType::Int, ColumnType::Boolean, Some("\"c\" <> 0")),
            (array(ColumnType::Text), array(ColumnType::Int), Some("\"c\"::text::INT[]")),
            (array(ColumnType::Text), array(shelf), None),
            (ColumnType::Uuid, ColumnType::Int, None),
            (ColumnType::Vector(Some(3)), ColumnType::Vector(Some(4)), None),
            (ColumnType::Boolean, ColumnType::Date, None),
            (ColumnType::Date, ColumnType::Enum(crate::schema::QualifiedName::public("new")), None),
        ];
        for (old, new, expected) in cases {
            assert_eq!(using(&old, &new).as_deref(), expected, "{old:?} {new:?}");
        }
    }

    #[test]
    fn a_label_that_quotes_is_quoted_and_no_label_fits_nothing() {
        let shelf = ColumnType::Enum(crate::schema::QualifiedName::public("shelf"));
        let labels = ["it's".to_owned()];
        let some = Conversion::between(&ColumnType::Text, &shelf, &labels).expect("a way");
        assert_eq!(some.survives("c"), "(c IS NULL OR c::text IN ('it''s'))");
        let none = Conversion::between(&ColumnType::Text, &shelf, &[]).expect("a way");
        assert_eq!(none.survives("c"), "(c IS NULL OR false)");
    }
}
