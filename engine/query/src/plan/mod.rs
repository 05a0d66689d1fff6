//! From a validated operation to SQL steps.

mod types;

pub use types::*;
