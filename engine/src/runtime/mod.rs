//! Answering requests: authentication, planning, execution, traces.

pub mod auth;
pub mod caller;
pub mod histogram;
mod oidc;
