//! Answering requests: authentication, planning, execution, traces.

mod access_trace;
pub mod answer;
pub mod asked;
pub mod auth;
pub mod bind;
pub mod caller;
pub(crate) mod contexts;
pub mod execute;
mod fetch;
pub mod histogram;
pub mod judge;
pub mod live;
pub mod modules;
mod oidc;
mod plan_hint;
pub mod plans;
pub mod rpc;
mod scope;
mod script_modules;
pub mod sent;
pub mod serving;
pub mod tap;

use studio_postgres::{PoolOptions, SessionOptions};

use crate::config::Settings;

/// Options of the pool that answers requests.
pub fn pool_options(settings: &Settings, read_write: bool) -> PoolOptions {
    PoolOptions {
        size: settings.pool_size,
        session: SessionOptions {
            read_only: !read_write,
            statement_timeout: Some(settings.limits.statement_timeout),
            transaction_pooler: settings.pooler,
            ..SessionOptions::default()
        },
        ..PoolOptions::default()
    }
}
