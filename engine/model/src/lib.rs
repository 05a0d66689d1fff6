//! From model text to the IR and to everything derived from it. Pure: no IO.

pub mod database;
pub mod graphql;
pub mod ir;
