//! Integration tests of studio-sql.

mod build;
mod ddl;
