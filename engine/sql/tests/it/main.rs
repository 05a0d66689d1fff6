//! Integration tests of studio-sql.

mod build;
mod ddl;
mod diff;
mod random;
