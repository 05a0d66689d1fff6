use std::cmp::Ordering;

use studio_model::ir::ColumnType;

use super::*;
use crate::operation::{Data, Value};

fn s(text: &str) -> Data {
    Data::String(text.into())
}

fn n(text: &str) -> Data {
    Data::Number(serde_json::from_str(text).unwrap())
}

fn ok(data: Data, ty: ColumnType) -> String {
    text(&data, &ty).unwrap().unwrap()
}

#[test]
fn integers_respect_their_width() {
    assert_eq!(ok(n("32767"), ColumnType::SmallInt), "32767");
    assert_eq!(text(&n("32768"), &ColumnType::SmallInt), Err(Misfit));
    assert_eq!(text(&n("2147483648"), &ColumnType::Int), Err(Misfit));
    assert_eq!(ok(n("2147483648"), ColumnType::BigInt), "2147483648");
    assert_eq!(text(&n("9223372036854775808"), &ColumnType::BigInt), Err(Misfit));
    assert_eq!(text(&n("1.0"), &ColumnType::Int), Err(Misfit));
}

#[test]
fn floats_overflow_single_precision() {
    assert_eq!(ok(n("1.5e10"), ColumnType::Real).parse::<f64>(), Ok(1.5e10));
    assert_eq!(text(&n("1e39"), &ColumnType::Real), Err(Misfit));
    assert_eq!(ok(n("3"), ColumnType::DoublePrecision), "3");
}

#[test]
fn decimals_are_strings_of_any_precision() {
    let numeric = ColumnType::Numeric { precision: None, scale: None };
    assert_eq!(ok(s("12.900"), numeric.clone()), "12.900");
    assert_eq!(ok(s("NaN"), numeric.clone()), "NaN");
    for bad in ["", ".", "1.2.3", "abc", "1e", "0x1", " 1"] {
        assert_eq!(text(&s(bad), &numeric), Err(Misfit), "{bad}");
    }
    assert_eq!(compare_decimals("1.20", "1.2"), Some(Ordering::Equal));
    assert_eq!(compare_decimals("-3", "2"), Some(Ordering::Less));
    assert_eq!(compare_decimals("-3", "-20"), Some(Ordering::Greater));
    assert_eq!(compare_decimals("0.05", "0.3"), Some(Ordering::Less));
    assert_eq!(compare_decimals("1e2", "99.99"), Some(Ordering::Greater));
    assert_eq!(compare_decimals("0", "-0.00"), Some(Ordering::Equal));
}

#[test]
fn instants_without_offset_are_utc() {
    let instant = ColumnType::Timestamp { precision: None, time_zone: true };
    assert_eq!(ok(s("2021-07-07T03:08:47.1235"), instant.clone()), "2021-07-07T03:08:47.1235+00:00");
    assert_eq!(ok(s("2021-07-07T03:08:47Z"), instant.clone()), "2021-07-07T03:08:47+00:00");
    assert_eq!(ok(s("2021-07-07T03:08:47-07:00"), instant.clone()), "2021-07-07T03:08:47-07:00");
    for bad in [
        "2021-07-07",
        "2021-13-07T03:08:47Z",
        "2021-02-29T00:00:00Z",
        "2021-07-07T25:00:00Z",
        "03:08:47",
        "é",
    ] {
        assert_eq!(text(&s(bad), &instant), Err(Misfit), "{bad}");
    }
}

#[test]
fn local_types_take_their_part_of_a_date_time() {
    let full = "2021-07-06T20:08:47.5-07:00";
    let local = ColumnType::Timestamp { precision: None, time_zone: false };
    assert_eq!(ok(s(full), local), "2021-07-06T20:08:47.5");
    assert_eq!(ok(s(full), ColumnType::Date), "2021-07-06");
    assert_eq!(ok(s(full), ColumnType::Time { precision: None }), "20:08:47.5");
    assert_eq!(ok(s("1851-10-18"), ColumnType::Date), "1851-10-18");
    assert_eq!(ok(s("14:00:00"), ColumnType::Time { precision: None }), "14:00:00");
    assert_eq!(text(&s("14:00:00"), &ColumnType::Date), Err(Misfit));
    assert_eq!(text(&s("1851-10-18"), &ColumnType::Time { precision: None }), Err(Misfit));
}

#[test]
fn uuids_and_blobs() {
    assert_eq!(
        ok(s("F47AC10B58CC4372A5670E02B2C3D479"), ColumnType::Uuid),
        "f47ac10b-58cc-4372-a567-0e02b2c3d479"
    );
    assert_eq!(text(&s("f47ac10b-58cc"), &ColumnType::Uuid), Err(Misfit));
    assert_eq!(ok(s("AP8="), ColumnType::Bytea), "\\x00ff");
    assert_eq!(text(&s("AP8"), &ColumnType::Bytea), Err(Misfit));
}

#[test]
fn arrays_nest_and_quote() {
    let list =
        |items: Vec<Data>| Data::List(items.into_iter().map(|data| Value { data, variable: None }).collect());
    let texts = ColumnType::Array(Box::new(ColumnType::Text));
    assert_eq!(
        ok(list(vec![s("a\"b\\"), s(""), Data::Null, s("NULL")]), texts.clone()),
        r#"{"a\"b\\","",NULL,"NULL"}"#
    );
    let grid = ColumnType::Array(Box::new(ColumnType::Array(Box::new(ColumnType::Int))));
    assert_eq!(
        ok(list(vec![list(vec![n("1"), n("2")]), list(vec![n("3"), n("4")])]), grid.clone()),
        "{{1,2},{3,4}}"
    );
    assert_eq!(text(&list(vec![list(vec![n("1")]), list(vec![])]), &grid), Err(Misfit));
    assert_eq!(ok(list(vec![]), texts), "{}");
}

#[test]
fn vectors_have_their_exact_length() {
    let list = |items: &[&str]| {
        Data::List(items.iter().map(|item| Value { data: n(item), variable: None }).collect())
    };
    assert_eq!(ok(list(&["0.1", "2"]), ColumnType::Vector(2)), "{0.1,2}");
    assert_eq!(text(&list(&["0.1"]), &ColumnType::Vector(2)), Err(Misfit));
}

#[test]
fn error_words_name_the_column_type() {
    let ir = Ir::default();
    let words = |ty| type_words(&ty, &ir);
    assert_eq!(words(ColumnType::SmallInt), "16-bit integer");
    assert_eq!(
        words(ColumnType::Numeric { precision: Some(10), scale: Some(2) }),
        "Numeric(precision: 10, scale: 2)"
    );
    assert_eq!(
        words(ColumnType::Timestamp { precision: Some(3), time_zone: true }),
        "Timestamp precision: 3 with timezone"
    );
    assert_eq!(words(ColumnType::Array(Box::new(ColumnType::Text))), "Array of [String]");
    assert_eq!(
        field_conversion_error("price", &ColumnType::Numeric { precision: Some(10), scale: Some(2) }, &ir)
            .message,
        "Unable to convert input to the expected type: trying to convert the 'price' field to the \
         'Numeric(precision: 10, scale: 2)' type"
    );
}
