//! Runs a plan: pool, transaction, steps, checks (graphql-and-sql 2.7).

use std::time::Instant;

use studio_events::{Micros, ParamTrace, StatementTrace};
use studio_postgres::{DbError, Pool, PooledConnection, Rows, TextParam, Transaction, TransactionMode};
use studio_query::error::RequestError;
use studio_query::plan::{FieldBody, FieldPlan, Plan, Step, StepRole};

use super::bind::{bind, origin};

/// Whether statements are recorded with their parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// Only counters.
    Off,
    /// Every statement.
    On,
}

/// What running a plan cost and showed.
#[derive(Debug, Default)]
pub struct Execution {
    /// Statements in order, when recorded.
    pub statements: Vec<StatementTrace>,
    /// Number of statements.
    pub statement_count: u32,
    /// Network round trips.
    pub round_trips: u32,
    /// Rows read.
    pub rows: u64,
}

/// JSON text of each root field, in order.
pub type FieldTexts = Vec<(String, String)>;

/// Why a run ended early.
enum Stop {
    Request(RequestError),
    Database(DbError),
}

impl From<RequestError> for Stop {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

/// Runs a plan. The record is complete even when it failed.
pub async fn execute(
    plan: &Plan,
    pool: &Pool,
    recording: Recording,
) -> (Result<FieldTexts, RequestError>, Execution) {
    let mut run = Run { recording, record: Execution::default(), wait: Micros(0) };
    let mut result = run.plan(plan, pool).await;
    // The schema changed under a cached plan: nothing happened yet, so the whole transaction runs again.
    if matches!(&result, Err(Stop::Database(error)) if error.is_stale_plan()) {
        result = run.plan(plan, pool).await;
    }
    let result = result.map_err(|stop| match stop {
        Stop::Request(error) => error,
        Stop::Database(error) => RequestError::database(error.to_string()),
    });
    (result, run.record)
}

struct Run {
    recording: Recording,
    record: Execution,
    wait: Micros,
}

impl Run {
    async fn plan(&mut self, plan: &Plan, pool: &Pool) -> Result<FieldTexts, Stop> {
        let needs_database = plan.fields.iter().any(|field| matches!(field.body, FieldBody::Steps(_)));
        if !needs_database {
            return Ok(plan.fields.iter().map(constant).collect::<Result<_, _>>()?);
        }
        let started = Instant::now();
        let connection = pool.get().await.map_err(|error| RequestError::database(error.to_string()))?;
        self.wait = micros(started);
        if plan.transaction {
            self.together(plan, &connection).await
        } else {
            self.alone(plan, &connection).await
        }
    }

    /// One root field with one statement: no transaction.
    async fn alone(&mut self, plan: &Plan, connection: &PooledConnection) -> Result<FieldTexts, Stop> {
        let mut texts = Vec::with_capacity(plan.fields.len());
        for field in &plan.fields {
            let FieldBody::Steps(steps) = &field.body else {
                texts.push(constant(field)?);
                continue;
            };
            let mut earlier = Vec::with_capacity(steps.len());
            for step in steps {
                let params = bind(&step.statement.params, &earlier).map_err(RequestError::internal)?;
                let prepared = connection.is_prepared(&step.statement.text);
                let started = Instant::now();
                let result = connection.run(&step.statement.text, &params).await;
                self.note(step, &params, prepared, started, &result);
                earlier.push(checked(step, result?)?);
            }
            texts.push(finished(field, earlier)?);
        }
        Ok(texts)
    }

    /// Everything in one transaction: the first error in document order is the one reported, and nothing
    /// survives it; what comes after it cannot change the answer, so it is not run.
    async fn together(&mut self, plan: &Plan, connection: &PooledConnection) -> Result<FieldTexts, Stop> {
        let mut transaction = Some(connection.transaction(TransactionMode::default()));
        let result = self.fields(plan, &mut transaction).await;
        let Some(transaction) = transaction else { return result };
        self.record.round_trips += 1;
        match result {
            Ok(texts) => {
                transaction.commit().await?;
                Ok(texts)
            }
            Err(stop) => {
                // The answer is known; a connection that cannot even roll back is thrown away by the pool.
                let _ = transaction.rollback().await;
                Err(stop)
            }
        }
    }

    async fn fields(
        &mut self,
        plan: &Plan,
        transaction: &mut Option<Transaction<'_>>,
    ) -> Result<FieldTexts, Stop> {
        let mut texts = Vec::with_capacity(plan.fields.len());
        let last_field = plan.fields.iter().rposition(|field| matches!(field.body, FieldBody::Steps(_)));
        let settled = last_field.is_some_and(|last| {
            plan.fields.iter().skip(last).all(|field| !matches!(field.body, FieldBody::Error(_)))
        });
        for (index, field) in plan.fields.iter().enumerate() {
            let FieldBody::Steps(steps) = &field.body else {
                texts.push(constant(field)?);
                continue;
            };
            let mut earlier = Vec::with_capacity(steps.len());
            for (position, step) in steps.iter().enumerate() {
                let params = bind(&step.statement.params, &earlier).map_err(RequestError::internal)?;
                let ends = settled
                    && Some(index) == last_field
                    && position + 1 == steps.len()
                    && step.role != StepRole::Check;
                let prepared = transaction.as_ref().is_some_and(|it| it.is_prepared(&step.statement.text));
                let started = Instant::now();
                // COMMIT travels with the last statement.
                let result = match transaction.take() {
                    Some(open) if ends => open.run_and_commit(&step.statement.text, &params).await,
                    Some(mut open) => {
                        let result = open.run(&step.statement.text, &params).await;
                        *transaction = Some(open);
                        result
                    }
                    None => return Err(RequestError::internal("the transaction has ended").into()),
                };
                self.note(step, &params, prepared, started, &result);
                earlier.push(checked(step, result?)?);
            }
            texts.push(finished(field, earlier)?);
        }
        Ok(texts)
    }

    fn note(
        &mut self,
        step: &Step,
        params: &[TextParam<'_>],
        prepared: bool,
        started: Instant,
        result: &Result<Rows, DbError>,
    ) {
        let rows = result.as_ref().map_or(0, |rows| rows.len() as u64);
        self.record.round_trips += 1;
        self.record.statement_count += 1;
        self.record.rows += rows;
        if self.recording == Recording::Off {
            return;
        }
        let traced = step.statement.params.iter().zip(params).map(|(planned, bound)| ParamTrace {
            ty: bound.ty.name().to_owned(),
            value: bound.value.as_deref().map(str::to_owned),
            origin: origin(planned),
        });
        self.record.statements.push(StatementTrace {
            text: step.statement.text.clone(),
            params: traced.collect(),
            rows,
            wait: std::mem::take(&mut self.wait),
            time: micros(started),
            prepared,
            error: result.as_ref().err().map(ToString::to_string),
        });
    }
}

/// A pre-check must find exactly one row.
fn checked(step: &Step, rows: Rows) -> Result<Rows, RequestError> {
    if step.role == StepRole::Check && rows.len() != 1 {
        return Err(RequestError::not_authorized("a pre-check did not find its row"));
    }
    Ok(rows)
}

/// The JSON of a field: the one cell of the last step; no row is `null`.
fn finished(field: &FieldPlan, mut steps: Vec<Rows>) -> Result<(String, String), RequestError> {
    let mut rows = steps.pop().unwrap_or_default();
    if rows.len() > 1 {
        return Err(RequestError::database("more than one row for a single result"));
    }
    let json = rows.pop().and_then(|mut row| row.pop()).flatten();
    Ok((field.key.clone(), json.unwrap_or_else(|| "null".to_owned())))
}

fn constant(field: &FieldPlan) -> Result<(String, String), RequestError> {
    match &field.body {
        FieldBody::Constant(json) => Ok((field.key.clone(), json.clone())),
        FieldBody::Error(error) => Err(error.clone()),
        FieldBody::Steps(_) => Err(RequestError::internal("a field with statements has no constant")),
    }
}

fn micros(since: Instant) -> Micros {
    Micros(u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX))
}
