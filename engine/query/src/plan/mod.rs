//! From a validated operation to SQL steps.

mod aggregate;
mod code;
mod convert;
mod filter;
mod fresh;
mod key;
mod keyset;
mod link;
mod list;
mod lower;
mod mutation;
mod order;
mod planner;
mod predicate;
mod query;
mod selection;
mod template;
mod types;
mod written;

pub use code::{code_module, project};
pub(crate) use convert::{
    Comparable, array_literal, comparable, compare_decimals, conversion_error, field_conversion_error, json,
    normal_uuid, param as convert_param, param_type, text as convert_text,
};
pub(crate) use filter::origin;
pub(crate) use key::column_values;
pub(crate) use link::{Link, link_target, resolve_path};
pub(crate) use planner::{Planned, Planner, Row, Stop};
pub(crate) use predicate::{ColumnPath, Pred, Start, Test};
pub(crate) use template::ContextUse;
pub use template::{ContextUses, Template, TemplateRoot, VariableUse};
pub use types::*;

use studio_model::ir::{Interceptor, Ir};

use crate::access::{AccessLog, Caller, CallerContext, HookQuestion, NoLog};
use crate::error::RequestError;
use crate::operation::{Arguments, EntityAction, EntityCall, Operation, RootCall, RootField};

/// Why an operation cannot be planned yet. Errors of single root fields are part of the plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A context value comes from this query operation, which has to run first; then plan again.
    #[error("the query `{0}` has to be run first")]
    NeedsQuery(String),
    /// A rule is decided by a component, which has to be asked first; then plan again.
    #[error("the rule `{}` has to be decided first", .0.rule)]
    NeedsDecision(Box<HookQuestion>),
}

impl Stop {
    /// An error of one root field, or why there is no plan at all.
    fn settled(self) -> Result<RequestError, PlanError> {
        match self {
            Stop::Error(error) => Ok(error),
            Stop::NeedsQuery(query) => Err(PlanError::NeedsQuery(query)),
            Stop::NeedsDecision(question) => Err(PlanError::NeedsDecision(question)),
        }
    }
}

/// Plans an operation for one caller: access control and SQL (graphql-and-sql part 3, language.md 6).
///
/// Equal request shapes give identical SQL text; all values but usual page sizes are parameters. Rule evaluations are reported to `log`.
pub fn plan(
    operation: &Operation,
    ir: &Ir,
    caller: &dyn CallerContext,
    log: &mut dyn AccessLog,
) -> Result<Plan, PlanError> {
    plan_with(operation, ir, caller, log, PlanOptions::default())
}

/// What the database behind the plan can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanOptions {
    /// Lists without `orderBy` whose filter or rule involves other tables are put into physical order (`ctid`),
    /// as a sequential scan gives it. Servers that only speak the protocol may not have that column.
    pub physical_order: bool,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { physical_order: true }
    }
}

/// [`plan`] for a particular database.
pub fn plan_with(
    operation: &Operation,
    ir: &Ir,
    caller: &dyn CallerContext,
    log: &mut dyn AccessLog,
    options: PlanOptions,
) -> Result<Plan, PlanError> {
    plan_recorded(operation, ir, caller, log, options, &mut []).map(|(plan, _)| plan)
}

/// [`plan_with`], noting what a [`Template`] of the plan has to know: the context values that were asked (`None` if one
/// of them could not be had), and in `uses` the variables that rules looked at.
pub fn plan_recorded(
    operation: &Operation,
    ir: &Ir,
    caller: &dyn CallerContext,
    log: &mut dyn AccessLog,
    options: PlanOptions,
    uses: &mut [VariableUse],
) -> Result<(Plan, Option<ContextUses>), PlanError> {
    let mut planner = Planner::new(ir, Caller::new(ir, caller), log, options);
    let mut fields = Vec::with_capacity(operation.roots.len());
    for root in &operation.roots {
        fields.push(planner.root(root)?);
    }
    for variable in uses {
        variable.inspected |= planner.inspected.contains(&variable.name);
    }
    let transaction = needs_transaction(&fields);
    Ok((Plan { fields, transaction }, planner.caller.into_uses()))
}

/// Plans one root field by itself, for operations whose fields run code between them.
///
/// # Errors
/// When a context value comes from a query that has to run first.
pub fn plan_root(
    root: &RootField,
    ir: &Ir,
    caller: &dyn CallerContext,
    log: &mut dyn AccessLog,
) -> Result<FieldPlan, PlanError> {
    Planner::new(ir, Caller::new(ir, caller), log, PlanOptions::default()).root(root)
}

/// The arguments of an interceptor (language.md 8.3); the inner error refuses the operation.
///
/// # Errors
/// When a context value comes from a query that has to run first.
pub fn interceptor_arguments(
    interceptor: &Interceptor,
    ir: &Ir,
    caller: &dyn CallerContext,
) -> Result<Result<Vec<Injection>, RequestError>, PlanError> {
    let mut log = NoLog;
    let mut planner = Planner::new(ir, Caller::new(ir, caller), &mut log, PlanOptions::default());
    match planner.inject(&interceptor.params, &Arguments::new()) {
        Ok(arguments) => Ok(Ok(arguments)),
        Err(stop) => stop.settled().map(Err),
    }
}

/// One statement needs no transaction; several statements or root fields share one, so that an error of any leaves
/// no trace (graphql-and-sql 2.7).
fn needs_transaction(fields: &[FieldPlan]) -> bool {
    let work: usize = fields
        .iter()
        .map(|field| match &field.body {
            FieldBody::Constant(_) => 0,
            FieldBody::Error(_) => 1,
            FieldBody::Steps(steps) => steps.len(),
            // Any call into code opens a transaction.
            FieldBody::Code(_) => 2,
        })
        .sum();
    work > 1
}

impl<'a> Planner<'a, '_> {
    fn root(&mut self, root: &'a RootField) -> Result<FieldPlan, PlanError> {
        let planned = match &root.call {
            RootCall::Json(text) => Ok(FieldBody::Constant(text.clone())),
            RootCall::Entity(call) => self.entity_call(call),
            RootCall::Code(call) => self.code_call(call),
        };
        let body = match planned {
            Ok(body) => body,
            Err(stop) => FieldBody::Error(stop.settled()?),
        };
        self.abandon();
        Ok(FieldPlan { key: root.key.clone(), body, reviews: self.hooks.take_reviews() })
    }

    fn entity_call(&mut self, call: &'a EntityCall) -> Planned<FieldBody> {
        let entity = self.entity(call.entity);
        match call.action {
            EntityAction::ByKey => self.lookup(call, &entity.primary_key),
            EntityAction::ByUnique(index) => self.lookup(call, &entity.uniques[index].fields),
            EntityAction::List => self.list(call),
            EntityAction::Aggregate => self.root_aggregate(call),
            EntityAction::CreateOne => self.create(call, true),
            EntityAction::CreateMany => self.create(call, false),
            EntityAction::UpdateOne => self.update(call, true),
            EntityAction::UpdateMany => self.update(call, false),
            EntityAction::DeleteOne => self.delete(call, true),
            EntityAction::DeleteMany => self.delete(call, false),
            EntityAction::Upsert(on) => self.upsert(call, on),
        }
    }
}
