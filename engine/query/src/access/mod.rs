//! Access control: context values, three-valued solving, residual predicates.

mod caller;
mod context;
mod log;
mod rules;
mod solve;
mod value;

pub(crate) use caller::Caller;
pub use context::{CallerContext, ContextError};
pub use log::{AccessLog, NoLog, OperandValue, RuleEvaluation, RuleOutcome, RuleSlot};
