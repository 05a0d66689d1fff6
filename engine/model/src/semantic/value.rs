//! Column types of plain fields: hints, `@dbtype`, ranges (language.md 2.1, 2.2).

use super::annotation::{find, has};
use super::names::{CompositeKind, Names};
use super::ty::{Primitive, Ty};
use crate::diagnostic::{Diagnostic, make};
use crate::ir::{ColumnType, Distance, Range, Scalar, ValueType};
use crate::syntax::ast::{Annotation, Expr, ExprKind, Field, LiteralKind, NamedValue};

/// A field that is one column.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) ty: ValueType,
    pub(crate) column: ColumnType,
    pub(crate) range: Option<Range>,
    /// `@dbtype("SERIAL")` and its kin.
    pub(crate) serial: bool,
}

const HINTS: &[&str] = &[
    "bits16",
    "bits32",
    "bits64",
    "range",
    "singlePrecision",
    "doublePrecision",
    "precision",
    "scale",
    "maxLength",
    "size",
    "distanceFunction",
];

const DEFAULT_VECTOR_SIZE: u32 = 1536;

fn hints_of(primitive: Primitive) -> &'static [&'static str] {
    match primitive {
        Primitive::Vector => &["size", "distanceFunction"],
        Primitive::Scalar(scalar) => match scalar {
            Scalar::Int => &["bits16", "bits32", "bits64", "range"],
            Scalar::Float => &["singlePrecision", "doublePrecision", "range"],
            Scalar::Decimal => &["precision", "scale"],
            Scalar::String => &["maxLength"],
            Scalar::Instant => &["precision"],
            Scalar::Boolean
            | Scalar::LocalTime
            | Scalar::LocalDateTime
            | Scalar::LocalDate
            | Scalar::Json
            | Scalar::Blob
            | Scalar::Uuid => &[],
        },
    }
}

/// Warns about hints on a field whose type ignores them.
pub(crate) fn warn_useless_hints(field: &Field, out: &mut Vec<Diagnostic>) {
    let useless: Vec<&Annotation> = (field.annotations.iter())
        .filter(|annotation| HINTS.contains(&&*annotation.name.text) || &*annotation.name.text == "dbtype")
        .collect();
    if let Some(first) = useless.first() {
        out.push(make::hint_without_effect(first, field));
    }
}

/// The value of an enum or `@json` field.
pub(crate) fn structured(
    names: &Names<'_>,
    field: &Field,
    ty: &Ty,
    out: &mut Vec<Diagnostic>,
) -> Option<Value> {
    let (ty, column) = match ty {
        Ty::Enum(index) => {
            let id = names.enums[*index].ir?;
            (ValueType::Enum(id), ColumnType::Enum(id))
        }
        Ty::Composite(index) => match names.composites[*index].kind {
            CompositeKind::Json(id) => (ValueType::Json(id), ColumnType::Jsonb),
            CompositeKind::Entity(_) | CompositeKind::Code(_) | CompositeKind::Fragment => return None,
        },
        _ => return None,
    };
    warn_useless_hints(field, out);
    Some(Value { ty, column, range: None, serial: false })
}

/// The value of a primitive field, or of an array of primitives (`ty` is not optional).
pub(crate) fn primitive(field: &Field, ty: &Ty, out: &mut Vec<Diagnostic>) -> Option<Value> {
    let Ty::Primitive(primitive) = ty.innermost() else { return None };
    let hints = Hints::read(field, *primitive, out);
    let (scalar, column) = hints.types(*primitive);
    let mut value = Value { ty: scalar, column, range: hints.range, serial: false };
    let mut element = ty;
    let mut depth = 0u32;
    let mut optionals = Vec::new();
    while let Ty::Array(inner) = element {
        depth += 1;
        optionals.push(inner.is_optional());
        element = inner.required();
    }
    for optional in optionals.into_iter().rev() {
        value.ty = ValueType::Array { element: Box::new(value.ty), element_optional: optional };
        value.column = ColumnType::Array(Box::new(value.column));
    }
    if let Some(annotation) = find(&field.annotations, "dbtype") {
        let conflict =
            hints.any || matches!(primitive, Primitive::Vector | Primitive::Scalar(Scalar::Decimal));
        if conflict {
            out.push(make::dbtype_with_hint(field, annotation.span));
        } else if let Some(text) = annotation.string() {
            match parse_dbtype(text) {
                Some((column, serial)) => {
                    value.serial = serial;
                    let explicit = matches!(column, ColumnType::Array(_));
                    value.column = column;
                    if !explicit {
                        for _ in 0..depth {
                            value.column = ColumnType::Array(Box::new(value.column));
                        }
                    }
                }
                None => {
                    let place = annotation.single().map_or(annotation.span, |expr| expr.span);
                    out.push(make::unknown_sql_type(text, place));
                }
            }
        }
    }
    Some(value)
}

/// The type of a member of a `@json` type or an array element, without hints.
pub(crate) fn plain(names: &Names<'_>, ty: &Ty) -> Option<ValueType> {
    match ty {
        Ty::Primitive(Primitive::Scalar(scalar)) => Some(ValueType::Scalar(*scalar)),
        Ty::Primitive(Primitive::Vector) => {
            Some(ValueType::Vector { size: DEFAULT_VECTOR_SIZE, distance: Distance::Cosine })
        }
        Ty::Enum(index) => names.enums[*index].ir.map(ValueType::Enum),
        Ty::Composite(index) => match names.composites[*index].kind {
            CompositeKind::Json(id) => Some(ValueType::Json(id)),
            CompositeKind::Entity(_) | CompositeKind::Code(_) | CompositeKind::Fragment => None,
        },
        Ty::Array(inner) => Some(ValueType::Array {
            element: Box::new(plain(names, inner.required())?),
            element_optional: inner.is_optional(),
        }),
        Ty::Error | Ty::Null | Ty::Injected(_) | Ty::Context(_) | Ty::Set(_) | Ty::Optional(_) => None,
    }
}

struct Hints {
    any: bool,
    bits: Option<u8>,
    single: bool,
    double: bool,
    precision: Option<u32>,
    scale: Option<u32>,
    max_length: Option<u32>,
    size: Option<u32>,
    distance: Distance,
    range: Option<Range>,
}

impl Hints {
    fn read(field: &Field, primitive: Primitive, out: &mut Vec<Diagnostic>) -> Self {
        let annotations = &field.annotations;
        let present: Vec<&Annotation> =
            annotations.iter().filter(|annotation| HINTS.contains(&&*annotation.name.text)).collect();
        let allowed = hints_of(primitive);
        let foreign: Vec<&Annotation> = (present.iter().copied())
            .filter(|annotation| !allowed.contains(&&*annotation.name.text))
            .collect();
        if !foreign.is_empty() {
            out.push(make::foreign_hint(field, &foreign, primitive.name(), allowed));
        }
        let mut hints = Self {
            any: !present.is_empty(),
            bits: None,
            single: false,
            double: false,
            precision: None,
            scale: None,
            max_length: None,
            size: None,
            distance: Distance::Cosine,
            range: None,
        };
        if present.is_empty() {
            return hints;
        }
        let allows = |name: &str| allowed.contains(&name) && has(annotations, name);
        let number = |name: &str| find(annotations, name).filter(|_| allows(name)).and_then(Annotation::size);
        let bits: Vec<u8> = [("bits16", 16), ("bits32", 32), ("bits64", 64)]
            .into_iter()
            .filter(|(name, _)| allows(name))
            .map(|(_, bits)| bits)
            .collect();
        if bits.len() > 1 {
            out.push(make::several_sizes(field));
        }
        hints.bits = bits.first().copied();
        hints.single = allows("singlePrecision");
        hints.double = allows("doublePrecision");
        if hints.single && hints.double {
            out.push(make::both_precisions(field));
        }
        hints.precision = number("precision");
        hints.scale = number("scale");
        if allows("scale") && !has(annotations, "precision") {
            out.push(make::scale_alone(field));
        }
        hints.max_length = number("maxLength");
        hints.size = number("size");
        if let Some(annotation) = find(annotations, "distanceFunction").filter(|_| allows("distanceFunction"))
            && let Some(text) = annotation.string()
        {
            match text {
                "cosine" => hints.distance = Distance::Cosine,
                "l2" => hints.distance = Distance::L2,
                "ip" => hints.distance = Distance::InnerProduct,
                _ => out.push(make::distance_function(field, text)),
            }
        }
        if let Some(annotation) = find(annotations, "range").filter(|_| allows("range")) {
            hints.range = range(field, annotation, primitive, out);
        }
        hints
    }

    fn types(&self, primitive: Primitive) -> (ValueType, ColumnType) {
        let Primitive::Scalar(scalar) = primitive else {
            let size = self.size.unwrap_or(DEFAULT_VECTOR_SIZE);
            return (ValueType::Vector { size, distance: self.distance }, ColumnType::Vector(size));
        };
        let column = match scalar {
            Scalar::Boolean => ColumnType::Boolean,
            Scalar::Int => match self.bits.unwrap_or_else(|| bits_for(self.range.as_ref())) {
                16 => ColumnType::SmallInt,
                64 => ColumnType::BigInt,
                _ => ColumnType::Int,
            },
            Scalar::Float if self.double || (!self.single && self.range.is_some()) => {
                ColumnType::DoublePrecision
            }
            Scalar::Float => ColumnType::Real,
            Scalar::Decimal => ColumnType::Numeric { precision: self.precision, scale: self.scale },
            Scalar::String => self.max_length.map_or(ColumnType::Text, ColumnType::Varchar),
            Scalar::LocalTime => ColumnType::Time { precision: None },
            Scalar::LocalDateTime => ColumnType::Timestamp { precision: None, time_zone: false },
            Scalar::LocalDate => ColumnType::Date,
            Scalar::Instant => ColumnType::Timestamp { precision: self.precision, time_zone: true },
            Scalar::Json => ColumnType::Jsonb,
            Scalar::Blob => ColumnType::Bytea,
            Scalar::Uuid => ColumnType::Uuid,
        };
        (ValueType::Scalar(scalar), column)
    }
}

fn bits_for(range: Option<&Range>) -> u8 {
    match range {
        Some(Range::Int { min, max }) => {
            let fits = |low: i64, high: i64| low <= *min && *max <= high;
            if fits(i64::from(i16::MIN), i64::from(i16::MAX)) {
                16
            } else if fits(i64::from(i32::MIN), i64::from(i32::MAX)) {
                32
            } else {
                64
            }
        }
        Some(Range::Float { .. }) | None => 32,
    }
}

fn range(
    field: &Field,
    annotation: &Annotation,
    primitive: Primitive,
    out: &mut Vec<Diagnostic>,
) -> Option<Range> {
    let bound = |name: &str| match annotation.named(name) {
        Some(NamedValue::Expr(expr)) => Some(expr),
        _ => None,
    };
    // Missing bounds were reported with the parameters.
    let (min, max) = (bound("min")?, bound("max")?);
    let result = if primitive == Primitive::Scalar(Scalar::Int) {
        match (int_bound("min", min, out), int_bound("max", max, out)) {
            (Some(min), Some(max)) => (min <= max).then_some(Range::Int { min, max }),
            _ => return None,
        }
    } else {
        match (float_bound(field, "min", min, out), float_bound(field, "max", max, out)) {
            (Some(min), Some(max)) => (min <= max).then_some(Range::Float { min, max }),
            _ => return None,
        }
    };
    if result.is_none() {
        out.push(make::empty_range(annotation.span));
    }
    result
}

fn int_bound(name: &str, value: &Expr, out: &mut Vec<Diagnostic>) -> Option<i64> {
    let parsed = value.as_number().and_then(|text| text.parse().ok());
    if parsed.is_none() && !matches!(value.kind, ExprKind::Error) {
        out.push(make::parameter_kind(&format!("`{name}`"), "range", "whole number", value.span));
    }
    parsed
}

fn float_bound(field: &Field, name: &str, value: &Expr, out: &mut Vec<Diagnostic>) -> Option<f64> {
    match &value.kind {
        ExprKind::Literal(LiteralKind::String(text)) => {
            let parsed = text.parse::<f64>().ok().filter(|bound| !bound.is_nan());
            if parsed.is_none() {
                out.push(make::float_bound(field, name, value.span));
            }
            parsed
        }
        ExprKind::Error => None,
        _ => {
            let text = value.as_number();
            out.push(make::float_bound_quoted(&format!("`{name}`"), text, value.span));
            None
        }
    }
}

/// Reads the text of `@dbtype` (language.md 2.2); the flag says that it is one of the SERIAL family.
pub(crate) fn parse_dbtype(text: &str) -> Option<(ColumnType, bool)> {
    let mut rest = text.trim().to_ascii_uppercase();
    let mut dimensions = 0;
    while let Some(element) = rest.strip_suffix("[]") {
        dimensions += 1;
        if dimensions > 6 {
            return None;
        }
        rest = element.trim_end().to_owned();
    }
    let (name, arguments, tail) = split_arguments(&rest)?;
    let one = || arguments.first().copied();
    let (column, serial) = match (name.as_str(), arguments.len(), tail.as_str()) {
        ("SMALLSERIAL", 0, "") => (ColumnType::SmallInt, true),
        ("SERIAL", 0, "") => (ColumnType::Int, true),
        ("BIGSERIAL", 0, "") => (ColumnType::BigInt, true),
        ("SMALLINT", 0, "") => (ColumnType::SmallInt, false),
        ("INT" | "INTEGER", 0, "") => (ColumnType::Int, false),
        ("BIGINT", 0, "") => (ColumnType::BigInt, false),
        ("REAL", 0, "") => (ColumnType::Real, false),
        ("DOUBLE PRECISION", 0, "") => (ColumnType::DoublePrecision, false),
        ("UUID", 0, "") => (ColumnType::Uuid, false),
        ("TEXT" | "VARCHAR" | "CHARACTER VARYING", 0, "") => (ColumnType::Text, false),
        ("BOOLEAN", 0, "") => (ColumnType::Boolean, false),
        ("JSONB", 0, "") => (ColumnType::Jsonb, false),
        ("BYTEA", 0, "") => (ColumnType::Bytea, false),
        ("VARCHAR" | "CHARACTER VARYING", 1, "") => (ColumnType::Varchar(one()?), false),
        ("CHAR", 0 | 1, "") => (ColumnType::Char(one().unwrap_or(1)), false),
        ("TIMESTAMP", 0 | 1, "" | "WITH TIME ZONE") => {
            (ColumnType::Timestamp { precision: one(), time_zone: !tail.is_empty() }, false)
        }
        ("TIMESTAMP WITH TIME ZONE", 0, "") => {
            (ColumnType::Timestamp { precision: None, time_zone: true }, false)
        }
        ("TIME", 0 | 1, "") => (ColumnType::Time { precision: one() }, false),
        ("DATE", 0, "") => (ColumnType::Date, false),
        ("NUMERIC", 0..=2, "") => {
            (ColumnType::Numeric { precision: one(), scale: arguments.get(1).copied() }, false)
        }
        ("VECTOR", 1, "") => (ColumnType::Vector(one()?), false),
        _ => return None,
    };
    let wrapped = (0..dimensions).fold(column, |column, _| ColumnType::Array(Box::new(column)));
    Some((wrapped, serial))
}

/// `NAME (1, 2) TAIL` in its parts, blanks tidied.
fn split_arguments(text: &str) -> Option<(String, Vec<u32>, String)> {
    let tidy = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((name, rest)) = text.split_once('(') else {
        return Some((tidy(text), Vec::new(), String::new()));
    };
    let (arguments, tail) = rest.split_once(')')?;
    let arguments = arguments.split(',').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    Some((tidy(name), arguments, tidy(tail)))
}
