//! SQL as data: statement trees and their printer, database schemas, DDL and differences. Pure: no IO.

pub mod ddl;
pub mod schema;
