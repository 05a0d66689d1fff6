//! The GraphQL schema of a model: derivation, printing as SDL, introspection (graphql-and-sql part 1).

mod action;
mod derive;
mod extension;
mod introspection;
mod meta;
mod naming;
mod schema;
mod sdl;
mod types;

pub(crate) use derive::root_names;

pub use action::{AggregateFunction, EntityAction};
pub use extension::Extensions;
pub use introspection::{MetaSelection, schema_json, type_json};
pub use meta::{MetaField, MetaType};
pub use schema::{Root, Schema, SchemaOptions};
pub use sdl::sdl;
pub use types::{
    CodeForm, EntityForm, FieldDef, Injected, InputDef, JsonForm, Meaning, Member, Members, NestedForm,
    ScalarKey, TypeDef, TypeId, TypeKind, TypeRef,
};
