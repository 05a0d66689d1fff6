//! Which tables and schemas a difference looks at (graphql-and-sql.md 4.6, "Scope").

use crate::schema::{DatabaseSchema, QualifiedName};

/// The part of the database that is compared. Everything else is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// Only the schemas the wanted model mentions.
    #[default]
    ModelSchemas,
    /// Everything.
    All,
    /// Tables that match one of the patterns.
    Patterns(Vec<ScopePattern>),
}

/// `schema[.table]` with the wildcards `*` and `?`; without a table part all tables of the schema are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopePattern {
    schema: String,
    table: String,
}

impl Scope {
    /// Reads the comma-separated value of `--scope`. Empty parts are skipped.
    pub fn parse(text: &str) -> Self {
        let patterns = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        Scope::Patterns(
            patterns
                .map(|part| {
                    let (schema, table) = part.split_once('.').unwrap_or((part, "*"));
                    ScopePattern { schema: schema.to_owned(), table: table.to_owned() }
                })
                .collect(),
        )
    }

    /// Whether this table is compared. `wanted` is the model.
    pub fn includes(&self, wanted: &DatabaseSchema, table: &QualifiedName) -> bool {
        match self {
            Scope::ModelSchemas => mentions(wanted, table.schema_name()),
            Scope::All => true,
            Scope::Patterns(patterns) => patterns.iter().any(|pattern| {
                wildcard(&pattern.schema, table.schema_name()) && wildcard(&pattern.table, &table.name)
            }),
        }
    }

    /// Whether objects of this schema that are no tables (enums, sequences, the schema itself) are compared.
    pub fn includes_schema(&self, wanted: &DatabaseSchema, schema: &str) -> bool {
        match self {
            Scope::ModelSchemas => mentions(wanted, schema),
            Scope::All => true,
            Scope::Patterns(patterns) => patterns.iter().any(|pattern| wildcard(&pattern.schema, schema)),
        }
    }

    /// Whether a whole schema is in scope, so that it may be dropped when the model no longer has it.
    pub fn covers_schema(&self, wanted: &DatabaseSchema, schema: &str) -> bool {
        match self {
            Scope::ModelSchemas | Scope::All => self.includes_schema(wanted, schema),
            Scope::Patterns(patterns) => {
                patterns.iter().any(|pattern| pattern.table == "*" && wildcard(&pattern.schema, schema))
            }
        }
    }
}

fn mentions(wanted: &DatabaseSchema, schema: &str) -> bool {
    wanted.schemas.iter().any(|known| known == schema)
        || wanted.tables.iter().any(|table| table.name.schema_name() == schema)
        || wanted.enums.iter().any(|ty| ty.name.schema_name() == schema)
        || wanted.sequences.iter().any(|sequence| sequence.schema_name() == schema)
}

/// `*` matches any text, `?` one character.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut pattern_chars = pattern.chars();
    match pattern_chars.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = pattern_chars.as_str();
            text.char_indices().any(|(at, _)| wildcard(rest, &text[at..])) || wildcard(rest, "")
        }
        Some(wanted) => {
            let mut text_chars = text.chars();
            text_chars.next().is_some_and(|found| wanted == '?' || wanted == found)
                && wildcard(pattern_chars.as_str(), text_chars.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_select_schemas_and_tables() {
        let wanted = DatabaseSchema::default();
        let scope = Scope::parse("a.*, public.book*,log?");
        let cases = [
            (Some("a"), "x", true),
            (None, "books", true),
            (None, "authors", false),
            (Some("logs"), "any", true),
            (Some("log"), "any", false),
            (Some("b"), "books", false),
        ];
        for (schema, table, expected) in cases {
            assert_eq!(
                scope.includes(&wanted, &QualifiedName::new(schema, table)),
                expected,
                "{schema:?} {table}"
            );
        }
        assert!(scope.covers_schema(&wanted, "a"));
        assert!(!scope.covers_schema(&wanted, "public"));
        assert!(scope.includes_schema(&wanted, "public"));
    }

    #[test]
    fn wildcards_backtrack() {
        assert!(wildcard("*a*b", "xxabab"));
        assert!(!wildcard("*a*b", "xxaba"));
        assert!(wildcard("**", ""));
        assert!(!wildcard("?", ""));
    }
}
