//! The `.exotest` runner: discovery, file grammar, expressions, comparison, scheduling and reports
//! (developer-experience section 2).
//!
//! Independent of the engine: a project under test is reached through the traits of [`laboratory`].

pub mod compare;
pub mod discovery;
pub mod document;
pub mod expression;
pub mod file;
pub mod laboratory;
pub mod pattern;
pub mod script;
mod suggest;
mod yaml;

pub use laboratory::{
    Endpoint, HttpReply, Instance, InstanceSpec, Laboratory, LaboratoryError, PrepareError, PreparedProject,
    Template,
};
