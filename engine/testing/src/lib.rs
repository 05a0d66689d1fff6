//! The `.exotest` runner: discovery, file grammar, expressions, comparison, scheduling and reports
//! (developer-experience section 2).
//!
//! Independent of the engine: a project under test is reached through the traits of [`laboratory`].

pub mod laboratory;

pub use laboratory::{
    Endpoint, HttpReply, Instance, InstanceSpec, Laboratory, LaboratoryError, PrepareError, PreparedProject,
    Template,
};
