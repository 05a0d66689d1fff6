//! The work of a root field: its plan, with or without a transaction.

use std::sync::PoisonError;
use std::time::Instant;

use studio_postgres::{Pace, PooledConnection, TransactionMode};
use studio_query::access::{AccessLog, NoLog};
use studio_query::error::RequestError;
use studio_query::operation::{OperationKind, RootField};
use studio_query::plan::{FieldBody, FieldPlan, Plan, plan_root};

use super::field::Field;
use super::{Acting, Scope, Then};
use crate::runtime::access_trace::TimedLog;
use crate::runtime::caller::QueryResults;
use crate::runtime::execute::{Run, Running, execute};

impl<'a> Scope<'a> {
    /// The field itself.
    pub(super) async fn core(
        &self,
        field: Field<'_>,
        then: Then,
        acting: &Acting,
        depth: usize,
    ) -> Result<String, RequestError> {
        if let Field::Asked(asked, index) = field
            && let Some((learned, holes)) = asked.plan(|| self.caller(acting))
        {
            let plan = &learned.template.plan;
            let field = plan.fields.get(index);
            let field = field.ok_or_else(|| RequestError::internal("a plan without this root field"))?;
            if then == Then::End && self.runs_alone(field) {
                let repeatable = learned.template.kind == OperationKind::Query;
                // With other fields, which are all done, this one has a plan among several.
                let pace = Some(asked.pace());
                if plan.fields.len() == 1 {
                    return self.alone(plan, &holes, repeatable, pace).await;
                }
                let alone = Plan { fields: vec![field.clone()], transaction: false };
                return self.alone(&alone, &holes, repeatable, None).await;
            }
            return Box::pin(self.stepwise((field, &holes), then, acting, depth)).await;
        }
        Box::pin(self.core_anew(field, then, acting, depth)).await
    }

    /// The field itself when no plan for it is known.
    async fn core_anew(
        &self,
        field: Field<'_>,
        then: Then,
        acting: &Acting,
        depth: usize,
    ) -> Result<String, RequestError> {
        let root = field.root()?;
        let plan = self.plan(root, acting, depth).await?;
        if let Field::Asked(asked, 0) = field {
            let none = QueryResults::default();
            asked.learn(&self.serving.modules, || self.caller_with(acting, &none));
        }
        if then == Then::End && self.runs_alone(&plan) {
            let plan = Plan { fields: vec![plan], transaction: false };
            return self.alone(&plan, &[], field.is_query(), None).await;
        }
        self.stepwise((&plan, &[]), then, acting, depth).await
    }

    /// Whether a field that nothing follows is all that the request does in the database, with one statement: then it
    /// needs no transaction (graphql-and-sql 2.7).
    fn runs_alone(&self, plan: &FieldPlan) -> bool {
        plan.reviews.is_none()
            && matches!(&plan.body, FieldBody::Steps(steps) if steps.len() == 1)
            && !self.connection.initialized()
    }

    async fn alone(
        &self,
        plan: &Plan,
        holes: &[String],
        repeatable: bool,
        pace: Option<&Pace>,
    ) -> Result<String, RequestError> {
        let run = Run { pool: &self.serving.pool, holes, recording: self.recording, repeatable, pace };
        let (result, execution) = Box::pin(execute(plan, run)).await;
        self.run.lock().await.record.add(execution);
        Ok(result?.pop().map(|(_, json)| json).unwrap_or_default())
    }

    /// A field in the transaction of the request.
    async fn stepwise(
        &self,
        (plan, holes): (&FieldPlan, &[String]),
        then: Then,
        acting: &Acting,
        depth: usize,
    ) -> Result<String, RequestError> {
        match &plan.body {
            FieldBody::Constant(text) => Ok(text.clone()),
            FieldBody::Error(error) => Err(error.clone()),
            FieldBody::Steps(_) => {
                let text = {
                    let mut transaction = self.transaction.lock().await;
                    let mut run = self.run.lock().await;
                    let connection = self.connect(&mut run).await?;
                    transaction.get_or_insert_with(|| connection.transaction(TransactionMode::default()));
                    // A review may still refuse what was written.
                    let ends = then == Then::End && plan.reviews.is_none();
                    run.field((plan, holes), ends, &mut transaction).await?
                };
                match &plan.reviews {
                    Some(reviews) => self.reviewed(&text, reviews, acting, depth).await,
                    None => Ok(text),
                }
            }
            FieldBody::Code(plan) => self.method(plan, acting, depth).await,
        }
    }

    /// The connection of the request, taken when first needed.
    pub(super) async fn connect(&self, run: &mut Running<'_>) -> Result<&'a PooledConnection, RequestError> {
        let started = Instant::now();
        let fresh = !self.connection.initialized();
        let connection = self
            .connection
            .get_or_try_init(|| self.serving.pool.get())
            .await
            .map_err(|error| RequestError::database(error.to_string()))?;
        if fresh {
            run.waited(started);
        }
        Ok(connection)
    }

    async fn plan(&self, root: &RootField, acting: &Acting, depth: usize) -> Result<FieldPlan, RequestError> {
        if let Ok(token) = self.head.token(&self.context.settings.token_source) {
            self.context.verifier.prepare(token).await;
        }
        loop {
            let mut observed = TimedLog::default();
            let planned = {
                let mut silent = NoLog;
                let log: &mut dyn AccessLog =
                    if self.context.is_recorded() { &mut observed } else { &mut silent };
                plan_root(root, &self.serving.ir, &self.caller(acting), log)
            };
            match planned {
                Ok(plan) => {
                    self.log.lock().unwrap_or_else(PoisonError::into_inner).append(observed);
                    return Ok(plan);
                }
                Err(missing) => self.find(missing, acting, depth).await?,
            }
        }
    }
}
