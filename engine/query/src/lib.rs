//! One request, still pure: document → validated operation → access → plan of SQL steps.

pub mod access;
mod coerce;
mod document;
pub mod error;
pub mod operation;
mod payload;
pub mod plan;
pub mod rpc;
mod tree;
mod trusted;
mod validate;

pub use document::Document;
pub use error::error_body;
pub use payload::{BadPayload, Payload};
pub use tree::field_tree;
pub use trusted::{document_hash, trusted_text};
pub use validate::{Introspection, Limits, Prepared, Stage, prepare, prepare_observed, with_arguments};
