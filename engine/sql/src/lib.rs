//! SQL as data: statement trees and their printer, database schemas, DDL and differences. Pure: no IO.

pub mod ddl;
pub mod expr;
pub mod print;
pub mod schema;
pub mod select;
pub mod write;
