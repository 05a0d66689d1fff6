//! What the words of the language itself mean, in a line each (language.md 2).

/// An annotation's meaning.
pub(super) fn annotation(name: &str) -> &'static str {
    match name {
        "postgres" => "The types of this module are tables in Postgres.",
        "deno" => "The operations of this module are functions of a JavaScript or TypeScript file.",
        "wasm" => "The operations of this module are functions of a WebAssembly file.",
        "access" => {
            "Who may read and write. Without it nothing is allowed; on a field, only what is named stays open."
        }
        "jwt" => {
            "From a claim of the verified token. The parameter (default: the field name) may be a path `a.b`."
        }
        "header" => "From a request header. The parameter is its name; default: the field name.",
        "cookie" => "From a cookie. The parameter is its name; default: the field name.",
        "env" => {
            "From an environment variable of the server. The parameter is its name; default: the field name."
        }
        "clientIp" => "The address of the client.",
        "query" => "The result of a query of this model. The parameter is its name; default: the field name.",
        "hook" => "A value that a hook component left under this key; default: the field name.",
        "inject" => "The engine provides the value; the parameter is no argument of the operation.",
        "before" => "Runs before every operation that matches the pattern, such as `\"mutation create*\"`.",
        "after" => "Runs after every operation that matches the pattern, such as `\"mutation create*\"`.",
        "around" => {
            "Runs in place of every operation that matches the pattern; `proceed()` runs the operation."
        }
        "table" => "Name and schema of the table; `managed = false` leaves it out of migrations.",
        "plural" => "The plural used in operations and, by default, as the table's name.",
        "json" => "A value stored inside one JSONB column; no table, no operations.",
        "projection" => "Named shapes of the answers of the RPC interface.",
        "pk" => "Part of the primary key.",
        "column" => "Name of the column, or of each column of a composite foreign key.",
        "relation" => "The field of the other type that is the other end of this relation.",
        "manyToOne" => "Many of this type refer to one of the other, which has no field for it.",
        "oneToOne" => "At most one of this type refers to each of the other, which has no field for it.",
        "unique" => "A unique constraint; fields that name the same one share it.",
        "index" => "An index; fields that name the same one share it.",
        "readonly" => "Not writable through the API; the default is kept.",
        "update" => "Set to its default again on each update; not writable through the API.",
        "dbtype" => "The SQL type of the column.",
        "maxLength" => "`VARCHAR(n)` in place of `TEXT`.",
        "precision" => "Digits of a `Decimal`, or of the seconds of an `Instant`.",
        "scale" => "Digits behind the point of a `Decimal`.",
        "size" => "Dimensions of a `Vector`; 1536 by default.",
        "distanceFunction" => "How vectors are compared: `\"cosine\"`, `\"l2\"` or `\"ip\"`.",
        "bits16" => "`SMALLINT`.",
        "bits32" => "`INT`.",
        "bits64" => "`BIGINT`.",
        "singlePrecision" => "`REAL`.",
        "doublePrecision" => "`DOUBLE PRECISION`.",
        "range" => "Bounds checked on input: whole numbers for `Int`, numbers in quotes for `Float`.",
        _ => "",
    }
}

/// A built-in type's meaning: in GraphQL, in Postgres, its filters.
pub(super) fn primitive(name: &str) -> &'static str {
    match name {
        "Boolean" => "`Boolean` in GraphQL, `BOOLEAN` in Postgres.",
        "Int" => "`Int` in GraphQL, `INT` in Postgres (`@bits16`, `@bits64`, `@range` change that).",
        "Float" => "`Float` in GraphQL, `REAL` in Postgres (`@doublePrecision` changes that).",
        "Decimal" => {
            "An exact number: text in GraphQL, `NUMERIC` in Postgres. Defaults are written in quotes."
        }
        "String" => "`String` in GraphQL, `TEXT` in Postgres (`@maxLength` changes that).",
        "LocalTime" => "A time without zone: text in GraphQL, `TIME` in Postgres.",
        "LocalDateTime" => "A date and time without zone: text in GraphQL, `TIMESTAMP` in Postgres.",
        "LocalDate" => "A date: text in GraphQL, `DATE` in Postgres.",
        "Instant" => "A moment: text (RFC 3339) in GraphQL, `TIMESTAMP WITH TIME ZONE` in Postgres.",
        "Json" => "Any JSON, `JSONB` in Postgres.",
        "Blob" => "Bytes: base64 text in GraphQL, `BYTEA` in Postgres.",
        "Uuid" => "Text in GraphQL, `UUID` in Postgres.",
        "Vector" => "`[Float!]` in GraphQL, `VECTOR(1536)` in Postgres (`@size` changes that).",
        "Set" => "Many rows of another type: the many side of a relation.",
        "Array" => "A list of plain values in one column.",
        "Exograph" => "Runs queries from code, with the rights of the caller.",
        "ExographPriv" => "Runs queries from code, with context values of your choice.",
        "Operation" => "The operation an interceptor was called for.",
        _ => "",
    }
}

/// The functions a default may call, with their meaning.
pub(super) const DEFAULT_FUNCTIONS: &[(&str, &str)] = &[
    ("autoIncrement", "The next number of a sequence."),
    ("now", "The current date or time."),
    ("generate_uuid", "A random UUID."),
    ("uuidGenerateV4", "A random UUID from the `uuid-ossp` extension."),
    ("uuidGenerateV7", "A UUID that grows with time (Postgres 18 and later)."),
];

/// The functions a rule may call without anything before them.
pub(super) const RULE_FUNCTIONS: &[(&str, &str)] = &[(
    "hook",
    "A hook component decides by this name: it allows, restricts to rows that match a filter, or denies. Fields of \
     `self` are shown to it once more with every row that was read.",
)];

#[cfg(test)]
mod tests {
    use crate::semantic::annotation::all;
    use crate::semantic::ty::Primitive;

    #[test]
    fn every_word_is_described() {
        for name in all() {
            assert!(!super::annotation(name).is_empty(), "@{name}");
        }
        for name in Primitive::ALL.iter().map(|it| it.name()).chain([
            "Set",
            "Array",
            "Exograph",
            "ExographPriv",
            "Operation",
        ]) {
            assert!(!super::primitive(name).is_empty(), "{name}");
        }
    }
}
