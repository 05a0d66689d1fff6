//! HTTP: routing, GraphQL, playground, health, the studio's own interface.

pub mod cors;
mod dispatch;
pub mod http;
mod listen;
pub mod personas;
pub mod playground;
mod studio_api;

pub use dispatch::Server;
pub use listen::{BindError, Listener, bind, next_free_port};
