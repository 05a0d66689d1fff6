//! What guests may call. Every function speaks about the current call; outside of one (an initialiser of a module that
//! runs while an instance is being made) the answers are empty.

mod cache;
mod context;
mod graphql;
mod log;
mod operation;
mod outbound;
mod request;
mod response;
mod settings;

use crate::bindings::exo::hooks::types;
use crate::store::StoreData;

impl types::Host for StoreData {}
