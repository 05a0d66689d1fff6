//! One request, still pure: document → validated operation → access → plan of SQL steps.

pub mod access;
pub mod error;
pub mod operation;
pub mod plan;
