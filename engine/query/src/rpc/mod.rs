//! JSON-RPC 2.0 over the operations of the model (developer-experience 6.2), still pure: a call becomes a GraphQL
//! document with variables, so that both surfaces share validation, access control and SQL.

mod call;
mod error;
mod method;
mod openrpc;
mod projection;

pub use call::{Body, Call, Entry, MAX_BATCH, reply};
pub use error::{RpcError, code};
pub use method::{Methods, Translated, Unwrap};
pub use openrpc::{DISCOVER, open_rpc};

#[cfg(test)]
mod tests;
