//! Answering requests: authentication, planning, execution, traces.

mod access_note;
pub mod answer;
pub mod auth;
pub mod bind;
pub mod caller;
pub mod execute;
pub mod histogram;
mod oidc;
pub mod serving;
pub mod tap;

use std::time::Duration;

use studio_postgres::{PoolOptions, SessionOptions};

use crate::config::Settings;

/// Longest SQL statement of a request.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Options of the pool that answers requests.
pub fn pool_options(settings: &Settings, read_write: bool) -> PoolOptions {
    PoolOptions {
        size: settings.pool_size,
        session: SessionOptions {
            read_only: !read_write,
            statement_timeout: Some(STATEMENT_TIMEOUT),
            transaction_pooler: settings.pooler,
            ..SessionOptions::default()
        },
        ..PoolOptions::default()
    }
}
