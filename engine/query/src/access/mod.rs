//! Access control: context values, three-valued solving, residual predicates.

mod context;

pub use context::{CallerContext, ContextError};
