//! The intermediate representation of a checked model.

mod id;
mod model;

pub use id::{
    Arena, ArenaId, CodeTypeId, ColumnId, ContextFieldId, ContextId, EntityId, EnumId, FieldId, JsonTypeId,
    ModuleId,
};
pub use model::*;
