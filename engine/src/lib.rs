//! The engine: façade over compiler, planner, Postgres and HTTP. The terminal, the line printer, `--ci` and
//! `serve` are consumers of it.

pub mod bus;
pub mod config;
pub mod copies;
pub mod derived;
pub mod dump;
pub mod hooks;
pub mod laboratory;
pub mod project;
pub mod runtime;
mod scripts;
pub mod server;
pub mod studio;
pub mod upgrade;
