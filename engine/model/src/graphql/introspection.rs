//! Answers to introspection queries as JSON text (graphql-and-sql 1.16).

use std::borrow::Cow;
use std::sync::Arc;

use super::meta::MetaField;
use super::schema::Schema;
use super::types::{FieldDef, InputDef, Meaning, TypeId, TypeKind, TypeRef};

/// A validated selection on a type of the introspection system.
#[derive(Debug, Clone, PartialEq)]
pub struct MetaSelection {
    /// Response key.
    pub key: String,
    /// The field; `Err` holds the constant of `__typename`.
    pub field: Result<MetaField, Arc<str>>,
    /// Sub-selection.
    pub selection: Vec<MetaSelection>,
}

/// The answer to `__schema`.
pub fn schema_json(schema: &Schema, selection: &[MetaSelection]) -> String {
    let mut out = String::new();
    Writer { schema, out: &mut out }.object(selection, |writer, field, inner| match field {
        MetaField::SchemaDescription => writer.text(schema.ir().docs.as_deref()),
        MetaField::SchemaTypes => writer.list(schema.types(), |writer, id| writer.named(*id, inner)),
        MetaField::SchemaQueryType => writer.root(TypeId::Query, inner),
        MetaField::SchemaMutationType => writer.root(TypeId::Mutation, inner),
        MetaField::SchemaDirectives => writer.raw("[]"),
        _ => writer.raw("null"),
    });
    out
}

/// The answer to `__type(name:)`. For an unknown name every requested field is null.
pub fn type_json(schema: &Schema, name: &str, selection: &[MetaSelection]) -> String {
    let mut out = String::new();
    let mut writer = Writer { schema, out: &mut out };
    match schema.type_by_name(name) {
        Some(id) => writer.named(id, selection),
        None => {
            writer.out.push('{');
            for (index, selected) in selection.iter().enumerate() {
                writer.key(index, &selected.key);
                writer.raw("null");
            }
            writer.out.push('}');
        }
    }
    out
}

struct Writer<'a> {
    schema: &'a Schema,
    out: &'a mut String,
}

impl Writer<'_> {
    fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn text(&mut self, text: Option<&str>) {
        match text {
            None => self.raw("null"),
            Some(text) => write_json_string(text, self.out),
        }
    }

    fn key(&mut self, index: usize, key: &str) {
        if index > 0 {
            self.out.push(',');
        }
        write_json_string(key, self.out);
        self.out.push(':');
    }

    fn object(
        &mut self,
        selection: &[MetaSelection],
        mut field: impl FnMut(&mut Self, MetaField, &[MetaSelection]),
    ) {
        self.out.push('{');
        for (index, selected) in selection.iter().enumerate() {
            self.key(index, &selected.key);
            match &selected.field {
                Ok(meta) => field(self, *meta, &selected.selection),
                Err(type_name) => write_json_string(type_name, self.out),
            }
        }
        self.out.push('}');
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        self.out.push('[');
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            write(self, item);
        }
        self.out.push(']');
    }

    fn root(&mut self, id: TypeId, selection: &[MetaSelection]) {
        if self.schema.types().contains(&id) {
            self.named(id, selection);
        } else {
            self.raw("null");
        }
    }

    fn type_ref(&mut self, ty: TypeRef, selection: &[MetaSelection]) {
        if ty.is_required() {
            self.wrapper("NON_NULL", ty.or_null(), selection);
        } else if ty.is_list() {
            self.wrapper("LIST", ty.element(), selection);
        } else {
            self.named(ty.base, selection);
        }
    }

    fn wrapper(&mut self, kind: &str, of: TypeRef, selection: &[MetaSelection]) {
        self.object(selection, |writer, field, inner| match field {
            MetaField::TypeKind => writer.text(Some(kind)),
            MetaField::TypeOfType => writer.type_ref(of, inner),
            _ => writer.raw("null"),
        });
    }

    fn named(&mut self, id: TypeId, selection: &[MetaSelection]) {
        let schema = self.schema;
        let definition = schema.define(id);
        self.object(selection, |writer, field, inner| match field {
            MetaField::TypeKind => writer.text(Some(match definition.kind {
                TypeKind::Scalar => "SCALAR",
                TypeKind::Enum(_) => "ENUM",
                TypeKind::Object(_) => "OBJECT",
                TypeKind::Input(_) => "INPUT_OBJECT",
            })),
            MetaField::TypeName => writer.text(Some(&definition.name)),
            MetaField::TypeDescription => writer.text(definition.description.as_deref()),
            MetaField::TypeFields => match definition.kind {
                TypeKind::Object(_) => {
                    writer.list(schema.fields(id), |writer, field| writer.field(field, inner));
                }
                _ => writer.raw("null"),
            },
            MetaField::TypeInterfaces => match definition.kind {
                TypeKind::Object(_) => writer.raw("[]"),
                _ => writer.raw("null"),
            },
            MetaField::TypeEnumValues => match &definition.kind {
                TypeKind::Enum(values) => {
                    writer.list(values, |writer, value| writer.enum_value(value, inner));
                }
                _ => writer.raw("null"),
            },
            MetaField::TypeInputFields => match &definition.kind {
                TypeKind::Input(members) => {
                    writer.list(members.list(), |writer, member| writer.input(member, inner));
                }
                _ => writer.raw("null"),
            },
            MetaField::TypeIsOneOf => match definition.kind {
                TypeKind::Input(_) => writer.raw("false"),
                _ => writer.raw("null"),
            },
            _ => writer.raw("null"),
        });
    }

    fn field(&mut self, field: &FieldDef, selection: &[MetaSelection]) {
        let schema = self.schema;
        self.object(selection, |writer, meta, inner| match meta {
            MetaField::MemberName => writer.text(Some(&field.name)),
            MetaField::MemberDescription => {
                let description: Option<Cow<'_, str>> = schema.field_description(field);
                writer.text(description.as_deref());
            }
            MetaField::FieldArgs => {
                writer.list(field.args.list(), |writer, argument| writer.input(argument, inner));
            }
            MetaField::FieldType => writer.type_ref(field.ty, inner),
            MetaField::MemberIsDeprecated => writer.raw("false"),
            _ => writer.raw("null"),
        });
    }

    fn input(&mut self, input: &InputDef, selection: &[MetaSelection]) {
        self.object(selection, |writer, meta, inner| match meta {
            MetaField::MemberName => writer.text(Some(&input.name)),
            MetaField::MemberDescription => writer.text(input.description),
            MetaField::InputType => writer.type_ref(input.ty, inner),
            MetaField::InputDefaultValue => writer.text(input.default),
            MetaField::MemberIsDeprecated => writer.raw("false"),
            _ => writer.raw("null"),
        });
    }

    fn enum_value(&mut self, value: &str, selection: &[MetaSelection]) {
        self.object(selection, |writer, meta, _| match meta {
            MetaField::MemberName => writer.text(Some(value)),
            MetaField::MemberIsDeprecated => writer.raw("false"),
            _ => writer.raw("null"),
        });
    }
}

impl Meaning {
    /// The introspection field this is, if it is one.
    pub fn meta(self) -> Option<MetaField> {
        match self {
            Self::Meta(field) => Some(field),
            _ => None,
        }
    }
}

fn write_json_string(text: &str, out: &mut String) {
    use std::fmt::Write;
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}
