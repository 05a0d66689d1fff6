//! The intermediate representation of a checked model.

mod file;
mod hash;
mod id;
pub(crate) mod lower;
mod model;
mod script;

pub use file::{IR_FORMAT_VERSION, IrFileError};
pub use hash::IrHash;
pub use id::{
    Arena, ArenaId, CodeTypeId, ColumnId, ColumnIds, ContextFieldId, ContextId, EntityId, EnumId, FieldId,
    JsonTypeId, ModuleId,
};
pub use model::*;
pub use script::{LineMark, Script};
