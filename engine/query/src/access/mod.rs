//! Access control: context values, three-valued solving, residual predicates.

mod caller;
mod compare;
mod conditions;
mod context;
mod explain;
mod hook;
mod input;
mod log;
mod restriction;
mod rules;
mod solve;
mod text;
mod value;

pub(crate) use caller::Caller;
pub(crate) use compare::bound_text;
pub use conditions::{condition_texts, conditions};
pub use context::{CallerContext, ContextError};
pub(crate) use explain::Explaining;
pub(crate) use hook::Reviewing;
pub use hook::{HookDecision, HookQuestion, Restriction};
pub(crate) use input::{Input, Parent, ParentRow};
pub use log::{
    AccessLog, ConditionSeen, Evaluated, ExprKind, NoLog, OperandValue, RuleEvaluation, RuleOutcome,
    RuleSlot, Truth,
};
pub(crate) use solve::Subject;
pub(crate) use value::Val;
