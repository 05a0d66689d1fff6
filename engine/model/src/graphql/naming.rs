//! Names of the derived types and operations (graphql-and-sql 1.1).

use heck::{ToLowerCamelCase, ToUpperCamelCase};

use super::types::{CodeForm, EntityForm, JsonForm, NestedForm, TypeId};
use crate::ir::{Entity, Ir, Unique};

/// The name of a type.
pub(super) fn type_name(ir: &Ir, id: TypeId) -> String {
    match id {
        TypeId::Query => "Query".into(),
        TypeId::Mutation => "Mutation".into(),
        TypeId::Ordering => "Ordering".into(),
        TypeId::VectorOrdering => "VectorOrdering".into(),
        TypeId::VectorFilter => "VectorFilter".into(),
        TypeId::VectorFilterArg => "VectorFilterArg".into(),
        TypeId::VectorAggregate => "VectorAgg".into(),
        TypeId::Vector => "Vector".into(),
        TypeId::Scalar(scalar) => scalar.name().into(),
        TypeId::ScalarFilter(scalar) => join(scalar.name(), "Filter"),
        TypeId::ScalarAggregate(scalar) => join(scalar.name(), "Agg"),
        TypeId::Enum(id) => ir.enums[id].name.clone(),
        TypeId::EnumFilter(id) => join(&ir.enums[id].name, "Filter"),
        TypeId::EnumAggregate(id) => join(&ir.enums[id].name, "Agg"),
        TypeId::Entity(id, form) => join(
            &ir.entities[id].name,
            match form {
                EntityForm::Object => "",
                EntityForm::Aggregate => "Agg",
                EntityForm::Filter => "Filter",
                EntityForm::Ordering => "Ordering",
                EntityForm::UniqueFilter => "UniqueFilter",
                EntityForm::Reference => "ReferenceInput",
                EntityForm::Creation => "CreationInput",
                EntityForm::Update => "UpdateInput",
            },
        ),
        TypeId::Nested { child, container, form } => {
            let (middle, end) = match form {
                NestedForm::Creation => ("CreationInputFrom", ""),
                NestedForm::Update => ("UpdateInputFrom", ""),
                NestedForm::UpdateEntry => ("UpdateInputFrom", "Nested"),
            };
            [&ir.entities[child].name, middle, &ir.entities[container].name, end].concat()
        }
        TypeId::Json(id, form) => join(
            &ir.json_types[id].name,
            match form {
                JsonForm::Object => "",
                JsonForm::Creation => "CreationInput",
                JsonForm::Update => "UpdateInput",
            },
        ),
        TypeId::Code(id, form) => join(
            &ir.code_types[id].name,
            match form {
                CodeForm::Object => "",
                CodeForm::Input => "Input",
            },
        ),
        TypeId::Context(id) => ir.contexts[id].name.clone(),
        TypeId::Injected(injected) => injected.name().into(),
        TypeId::Meta(meta) => meta.name().into(),
    }
}

fn join(name: &str, suffix: &str) -> String {
    [name, suffix].concat()
}

/// Names of the root operations of one entity.
pub(super) struct OperationNames<'a> {
    entity: &'a Entity,
    one: String,
    many: String,
}

impl<'a> OperationNames<'a> {
    pub(super) fn new(entity: &'a Entity) -> Self {
        Self { entity, one: entity.name.to_lower_camel_case(), many: entity.plural.to_lower_camel_case() }
    }
    pub(super) fn by_key(&self) -> String {
        self.one.clone()
    }
    pub(super) fn by_unique(&self, unique: &Unique) -> String {
        [&self.one, "By", &unique.name.to_upper_camel_case()].concat()
    }
    pub(super) fn upsert_by_unique(&self, unique: &Unique) -> String {
        ["upsert", &self.entity.name, "By", &unique.name.to_upper_camel_case()].concat()
    }
    pub(super) fn list(&self) -> String {
        self.many.clone()
    }
    pub(super) fn aggregate(&self) -> String {
        join(&self.many, "Agg")
    }
    pub(super) fn on_one(&self, verb: &str) -> String {
        join(verb, &self.entity.name)
    }
    pub(super) fn on_many(&self, verb: &str) -> String {
        join(verb, &self.entity.plural)
    }
}
