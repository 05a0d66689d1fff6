//! The introspection system as types of the schema, so that introspection queries are validated like any other.

use std::sync::Arc;

use super::types::{FieldDef, InputDef, Meaning, Members, TypeDef, TypeId, TypeKind, TypeRef};
use crate::ir::Scalar;

/// Types of the introspection system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum MetaType {
    Schema,
    Type,
    TypeKind,
    Field,
    InputValue,
    EnumValue,
    Directive,
    DirectiveLocation,
}

impl MetaType {
    pub(super) const ALL: [Self; 8] = [
        Self::Directive,
        Self::DirectiveLocation,
        Self::EnumValue,
        Self::Field,
        Self::InputValue,
        Self::Schema,
        Self::Type,
        Self::TypeKind,
    ];

    /// Its GraphQL name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schema => "__Schema",
            Self::Type => "__Type",
            Self::TypeKind => "__TypeKind",
            Self::Field => "__Field",
            Self::InputValue => "__InputValue",
            Self::EnumValue => "__EnumValue",
            Self::Directive => "__Directive",
            Self::DirectiveLocation => "__DirectiveLocation",
        }
    }
}

/// Fields of the introspection system, the two root fields included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum MetaField {
    RootSchema,
    RootType,
    SchemaDescription,
    SchemaTypes,
    SchemaQueryType,
    SchemaMutationType,
    SchemaSubscriptionType,
    SchemaDirectives,
    TypeKind,
    TypeName,
    TypeDescription,
    TypeSpecifiedByUrl,
    TypeFields,
    TypeInterfaces,
    TypePossibleTypes,
    TypeEnumValues,
    TypeInputFields,
    TypeOfType,
    TypeIsOneOf,
    MemberName,
    MemberDescription,
    MemberIsDeprecated,
    MemberDeprecationReason,
    FieldArgs,
    FieldType,
    InputType,
    InputDefaultValue,
    DirectiveIsRepeatable,
    DirectiveLocations,
    DirectiveArgs,
}

/// The root field `__schema`.
pub(super) fn schema_field() -> FieldDef {
    field("__schema", TypeRef::required(TypeId::Meta(MetaType::Schema)), MetaField::RootSchema)
}

/// The root field `__type`.
pub(super) fn type_field() -> FieldDef {
    FieldDef {
        args: Members::new(vec![InputDef::new("name", TypeRef::required(Scalar::String.into()))]),
        ..field("__type", meta(MetaType::Type), MetaField::RootType)
    }
}

/// The arguments of `@skip` and `@include`.
pub(super) fn condition_arguments() -> Members<InputDef> {
    Members::new(vec![InputDef::new("if", TypeRef::required(Scalar::Boolean.into()))])
}

/// An introspection type.
pub(super) fn define(meta_type: MetaType) -> TypeDef {
    use MetaField as F;
    let object = |fields: Vec<FieldDef>| TypeKind::Object(Members::new(fields));
    let kind = match meta_type {
        MetaType::Schema => object(vec![
            field("description", string(), F::SchemaDescription),
            field("types", list(MetaType::Type).non_null(), F::SchemaTypes),
            field("queryType", meta(MetaType::Type).non_null(), F::SchemaQueryType),
            field("mutationType", meta(MetaType::Type), F::SchemaMutationType),
            field("subscriptionType", meta(MetaType::Type), F::SchemaSubscriptionType),
            field("directives", list(MetaType::Directive).non_null(), F::SchemaDirectives),
        ]),
        MetaType::Type => object(vec![
            field("kind", meta(MetaType::TypeKind).non_null(), F::TypeKind),
            field("name", string(), F::TypeName),
            field("description", string(), F::TypeDescription),
            field("specifiedByURL", string(), F::TypeSpecifiedByUrl),
            with_deprecated(field("fields", list(MetaType::Field), F::TypeFields)),
            field("interfaces", list(MetaType::Type), F::TypeInterfaces),
            field("possibleTypes", list(MetaType::Type), F::TypePossibleTypes),
            with_deprecated(field("enumValues", list(MetaType::EnumValue), F::TypeEnumValues)),
            with_deprecated(field("inputFields", list(MetaType::InputValue), F::TypeInputFields)),
            field("ofType", meta(MetaType::Type), F::TypeOfType),
            field("isOneOf", boolean().or_null(), F::TypeIsOneOf),
        ]),
        MetaType::TypeKind => TypeKind::Enum(names(&[
            "SCALAR",
            "OBJECT",
            "INTERFACE",
            "UNION",
            "ENUM",
            "INPUT_OBJECT",
            "LIST",
            "NON_NULL",
        ])),
        MetaType::Field => object(vec![
            field("name", string().non_null(), F::MemberName),
            field("description", string(), F::MemberDescription),
            with_deprecated(field("args", list(MetaType::InputValue).non_null(), F::FieldArgs)),
            field("type", meta(MetaType::Type).non_null(), F::FieldType),
            field("isDeprecated", boolean(), F::MemberIsDeprecated),
            field("deprecationReason", string(), F::MemberDeprecationReason),
        ]),
        MetaType::InputValue => object(vec![
            field("name", string().non_null(), F::MemberName),
            field("description", string(), F::MemberDescription),
            field("type", meta(MetaType::Type).non_null(), F::InputType),
            field("defaultValue", string(), F::InputDefaultValue),
            field("isDeprecated", boolean(), F::MemberIsDeprecated),
            field("deprecationReason", string(), F::MemberDeprecationReason),
        ]),
        MetaType::EnumValue => object(vec![
            field("name", string().non_null(), F::MemberName),
            field("description", string(), F::MemberDescription),
            field("isDeprecated", boolean(), F::MemberIsDeprecated),
            field("deprecationReason", string(), F::MemberDeprecationReason),
        ]),
        MetaType::Directive => object(vec![
            field("name", string().non_null(), F::MemberName),
            field("description", string(), F::MemberDescription),
            field("isRepeatable", boolean(), F::DirectiveIsRepeatable),
            field("locations", list(MetaType::DirectiveLocation).non_null(), F::DirectiveLocations),
            with_deprecated(field("args", list(MetaType::InputValue).non_null(), F::DirectiveArgs)),
        ]),
        MetaType::DirectiveLocation => TypeKind::Enum(names(&[
            "QUERY",
            "MUTATION",
            "SUBSCRIPTION",
            "FIELD",
            "FRAGMENT_DEFINITION",
            "FRAGMENT_SPREAD",
            "INLINE_FRAGMENT",
            "VARIABLE_DEFINITION",
            "SCHEMA",
            "SCALAR",
            "OBJECT",
            "FIELD_DEFINITION",
            "ARGUMENT_DEFINITION",
            "INTERFACE",
            "UNION",
            "ENUM",
            "ENUM_VALUE",
            "INPUT_OBJECT",
            "INPUT_FIELD_DEFINITION",
        ])),
    };
    TypeDef { id: TypeId::Meta(meta_type), name: meta_type.name().into(), description: None, kind }
}

fn field(name: &str, ty: TypeRef, meaning: MetaField) -> FieldDef {
    FieldDef { name: name.into(), ty, args: Members::default(), meaning: Meaning::Meta(meaning) }
}

fn with_deprecated(mut field: FieldDef) -> FieldDef {
    let mut argument = InputDef::new("includeDeprecated", TypeRef::nullable(Scalar::Boolean.into()));
    argument.default = Some("false");
    field.args = Members::new(vec![argument]);
    field
}

fn meta(meta_type: MetaType) -> TypeRef {
    TypeRef::nullable(TypeId::Meta(meta_type))
}

fn list(meta_type: MetaType) -> TypeRef {
    TypeRef::list_of(TypeId::Meta(meta_type))
}

fn string() -> TypeRef {
    TypeRef::nullable(Scalar::String.into())
}

fn boolean() -> TypeRef {
    TypeRef::required(Scalar::Boolean.into())
}

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}
