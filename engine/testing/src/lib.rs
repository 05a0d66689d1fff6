//! The `.exotest` runner: discovery, file grammar, expressions, comparison, scheduling and reports
//! (developer-experience section 2).
//!
//! Independent of the engine: a project under test is reached through the traits of [`laboratory`].

pub mod document;
pub mod expression;
pub mod laboratory;
mod suggest;
mod yaml;

pub use laboratory::{
    Endpoint, HttpReply, Instance, InstanceSpec, Laboratory, LaboratoryError, PrepareError, PreparedProject,
    Template,
};
