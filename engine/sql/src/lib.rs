//! SQL as data: statement trees, their printer and what they read, database schemas, DDL and differences. Pure: no IO.

pub mod convert;
pub mod ddl;
pub mod default;
pub mod diff;
pub mod expr;
pub mod print;
pub mod rename;
pub mod risk;
pub mod schema;
pub mod select;
pub mod uses;
pub mod verify;
pub mod write;
