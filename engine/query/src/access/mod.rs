//! Access control: context values, three-valued solving, residual predicates.

mod caller;
mod compare;
mod context;
mod input;
mod log;
mod rules;
mod solve;
mod value;

pub(crate) use caller::Caller;
pub use context::{CallerContext, ContextError};
pub(crate) use input::Input;
pub use log::{AccessLog, NoLog, OperandValue, RuleEvaluation, RuleOutcome, RuleSlot};
pub(crate) use solve::Subject;
