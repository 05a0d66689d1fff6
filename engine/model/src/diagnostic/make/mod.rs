//! One constructor per code (some codes have variants): wording, help and fix of a problem live together.

mod access;
mod annotation;
mod code;
mod context;
mod name;
mod postgres;
mod relation;
mod syntax;
mod ty;

pub use code::bundling_failed;

pub(crate) use access::*;
pub(crate) use annotation::*;
pub(crate) use code::*;
pub(crate) use context::*;
pub(crate) use name::*;
pub(crate) use postgres::*;
pub(crate) use relation::*;
pub(crate) use syntax::*;
pub(crate) use ty::*;

use super::{Code, Diagnostic};

/// "`a`, `b` and `c`"
fn list<'n>(names: impl IntoIterator<Item = &'n str>, last: &str) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}
