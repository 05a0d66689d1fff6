//! Runs a plan: pool, transaction, steps, checks (graphql-and-sql 2.7).

use std::time::{Duration, Instant};

use studio_events::{Micros, ParamTrace, StatementTrace};
use studio_postgres::{
    DbError, Pace, Pool, PooledConnection, ReadError, Rows, TextParam, Timed, Times, Transaction,
    TransactionMode,
};
use studio_query::error::{ErrorClass, RequestError};
use studio_query::plan::{FieldBody, FieldPlan, Plan, Step, StepRole};

use super::bind::{bind, origin, row_source};

/// Statements sent back to back before their answers are waited for.
const MAX_BATCH: usize = 24;

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
    /// Waiting for a connection.
    pub wait: Micros,
    /// From when the starts of the statements count; only when recorded.
    pub began: Option<Instant>,
}

impl Execution {
    /// Adds what something else cost and showed.
    pub(super) fn add(&mut self, other: Self) {
        self.statements.extend(other.statements);
        self.statement_count += other.statement_count;
        self.round_trips += other.round_trips;
        self.rows += other.rows;
        self.wait.0 += other.wait.0;
    }
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

/// How a plan is run.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Where.
    pub pool: &'a Pool,
    /// Values of the plan's holes, if it is that of a template.
    pub holes: &'a [String],
    /// Whether statements are recorded.
    pub recording: Recording,
    /// The operation is a query: it can be run again on another connection when one is lost.
    pub repeatable: bool,
    /// How long its only statement takes, where that is observed: a short one shares a connection.
    pub pace: Option<&'a Pace>,
}

/// Runs a plan. The record is complete even when it failed.
pub async fn execute(plan: &Plan, run: Run<'_>) -> (Result<FieldTexts, RequestError>, Execution) {
    let mut running = Running::new(run);
    let mut result = running.plan(plan).await;
    let again = match &result {
        // The schema changed under a cached plan: nothing happened yet, so the whole transaction runs again.
        Err(Stop::Database(error)) => error.is_stale_plan() || (run.repeatable && error.is_connection_lost()),
        Err(Stop::Request(_)) | Ok(_) => false,
    };
    if again {
        result = running.plan(plan).await;
    }
    let result = result.map_err(|stop| match stop {
        Stop::Request(error) => error,
        Stop::Database(error) => database_error(run.pool, &error),
    });
    (result, running.record)
}

/// What the client reads of a database error: nothing, except that the time limit is ours and not the data's.
pub(super) fn database_error(pool: &Pool, error: &DbError) -> RequestError {
    match (error.sqlstate(), pool.options().session.statement_timeout) {
        (Some("57014"), Some(limit)) => RequestError::plain(
            format!("The operation took longer than {} ms", limit.as_millis()),
            ErrorClass::Database,
            Some(error.to_string()),
        ),
        _ => RequestError::database(error.to_string()),
    }
}

/// A run under way and its record.
pub(super) struct Running<'r> {
    run: Run<'r>,
    pub(super) record: Execution,
    wait: Micros,
    /// The transaction goes on after these fields.
    keep_open: bool,
}

/// A statement that was run: when it was sent, alone or with others, where its time went, what came of it.
struct Ran<'p> {
    params: Vec<TextParam<'p>>,
    prepared: bool,
    sent: Instant,
    times: Times,
    result: Result<Rows, DbError>,
}

impl<'r> Running<'r> {
    fn new(run: Run<'r>) -> Self {
        let began = (run.recording == Recording::On).then(Instant::now);
        let record = Execution { began, ..Execution::default() };
        Self { run, record, wait: Micros(0), keep_open: false }
    }

    /// For one root field after the other in a transaction that others end.
    pub(super) fn in_scope(run: Run<'r>) -> Self {
        Self { keep_open: true, ..Self::new(run) }
    }

    /// Notes how long the request waited for its connection.
    pub(super) fn waited(&mut self, since: Instant) {
        self.wait = micros(since);
        self.record.wait = self.wait;
    }

    /// Runs one root field in an open transaction and gives its JSON. With `ends` nothing follows it, so that `COMMIT`
    /// may travel with its last statement.
    pub(super) async fn field(
        &mut self,
        (field, holes): (&FieldPlan, &[String]),
        ends: bool,
        transaction: &mut Option<Transaction<'_>>,
    ) -> Result<String, RequestError> {
        self.keep_open = !ends;
        let result = self.fields(std::slice::from_ref(field), holes, transaction).await;
        self.keep_open = true;
        match result {
            Ok(mut texts) => Ok(texts.pop().map(|(_, json)| json).unwrap_or_default()),
            Err(Stop::Request(error)) => Err(error),
            Err(Stop::Database(error)) => Err(database_error(self.run.pool, &error)),
        }
    }

    async fn plan(&mut self, plan: &Plan) -> Result<FieldTexts, Stop> {
        if plan.fields.iter().any(|field| field.reviews.is_some()) {
            return Err(RequestError::internal("reviewed rows are read in a scope only").into());
        }
        let needs_database = plan.fields.iter().any(|field| matches!(field.body, FieldBody::Steps(_)));
        if !needs_database {
            return Ok(plan.fields.iter().map(constant).collect::<Result<_, _>>()?);
        }
        if let (Some(pace), true, false) = (self.run.pace, self.run.repeatable, plan.transaction)
            && let [FieldPlan { body: FieldBody::Steps(steps), .. }] = &*plan.fields
            && let [step] = &**steps
        {
            return self.shared(&plan.fields[0], step, pace).await;
        }
        let started = Instant::now();
        let connection =
            self.run.pool.get().await.map_err(|error| RequestError::database(error.to_string()))?;
        self.waited(started);
        if plan.transaction {
            Box::pin(self.together(plan, &connection)).await
        } else {
            self.alone(plan, &connection).await
        }
    }

    /// The only statement of a query, on a connection that others may be using.
    async fn shared(&mut self, field: &FieldPlan, step: &Step, pace: &Pace) -> Result<FieldTexts, Stop> {
        let statement = &step.statement;
        let params = bind(&statement.params, &[], self.run.holes).map_err(RequestError::internal)?;
        self.record.round_trips += 1;
        let sent = Instant::now();
        let result = match self.run.pool.read(&statement.text, &params, pace).await {
            Ok(rows) => Ok(rows),
            Err(ReadError::Database(error)) => Err(error),
            Err(ReadError::Pool(error)) => return Err(RequestError::database(error.to_string()).into()),
        };
        let rows = self.note(step, Ran { params, prepared: false, sent, times: Times::default(), result })?;
        Ok(vec![finished(field, vec![checked(step, rows)?])?])
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
                let statement = &step.statement;
                let params =
                    bind(&statement.params, &earlier, self.run.holes).map_err(RequestError::internal)?;
                let prepared = self.is_recording() && connection.is_prepared(&statement.text);
                let sent = Instant::now();
                let Timed { result, times } = if self.is_recording() {
                    Box::pin(connection.run_timed(&statement.text, &params)).await
                } else {
                    let result = connection.run(&statement.text, &params).await;
                    Timed { result, times: Times::default() }
                };
                self.record.round_trips += 1;
                let rows = self.note(step, Ran { params, prepared, sent, times, result })?;
                earlier.push(checked(step, rows)?);
            }
            texts.push(finished(field, earlier)?);
        }
        Ok(texts)
    }

    /// Everything in one transaction: the first error in document order is the one reported, and nothing
    /// survives it; what comes after it cannot change the answer, so it is not run.
    async fn together(&mut self, plan: &Plan, connection: &PooledConnection) -> Result<FieldTexts, Stop> {
        let mut transaction = Some(connection.transaction(TransactionMode::default()));
        let result = self.fields(&plan.fields, self.run.holes, &mut transaction).await;
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

    /// Runs the steps of all fields: those that need no rows of each other travel together.
    async fn fields(
        &mut self,
        all: &[FieldPlan],
        holes: &[String],
        transaction: &mut Option<Transaction<'_>>,
    ) -> Result<FieldTexts, Stop> {
        let fields: Vec<&FieldPlan> =
            all.iter().take_while(|field| !matches!(field.body, FieldBody::Error(_))).collect();
        let failed = all.get(fields.len());
        let steps: Vec<(usize, usize, &Step)> = fields
            .iter()
            .enumerate()
            .flat_map(|(index, field)| {
                let steps = if let FieldBody::Steps(steps) = &field.body { steps.as_slice() } else { &[] };
                steps.iter().enumerate().map(move |(position, step)| (index, position, step))
            })
            .collect();
        let mut earlier: Vec<Vec<Rows>> = vec![Vec::new(); fields.len()];
        let mut rest = steps.as_slice();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(batch_length(rest));
            rest = later;
            // COMMIT travels with the last statements, unless one of them may still deny everything.
            let ends = rest.is_empty()
                && !self.keep_open
                && failed.is_none()
                && batch.iter().all(|(_, _, step)| step.role != StepRole::Check);
            let results = {
                let mut bound = Vec::with_capacity(batch.len());
                for (field, _, step) in batch {
                    let known = earlier.get(*field).map_or(&[][..], Vec::as_slice);
                    let params =
                        bind(&step.statement.params, known, holes).map_err(RequestError::internal)?;
                    bound.push((*step, params));
                }
                self.batch(bound, transaction, ends).await?
            };
            for ((field, _, step), rows) in batch.iter().zip(results) {
                let rows = checked(step, rows)?;
                if let Some(known) = earlier.get_mut(*field) {
                    known.push(rows);
                }
            }
        }
        if let Some(failed) = failed {
            constant(failed)?;
        }
        let mut texts = Vec::with_capacity(fields.len());
        for (field, rows) in fields.into_iter().zip(earlier) {
            texts.push(match field.body {
                FieldBody::Steps(_) => finished(field, rows)?,
                FieldBody::Constant(_) | FieldBody::Error(_) | FieldBody::Code(_) => constant(field)?,
            });
        }
        Ok(texts)
    }

    /// Sends statements back to back. Their rows up to the first one that failed or denies.
    async fn batch(
        &mut self,
        bound: Vec<(&Step, Vec<TextParam<'_>>)>,
        transaction: &mut Option<Transaction<'_>>,
        ends: bool,
    ) -> Result<Vec<Rows>, Stop> {
        let Some(mut open) = transaction.take() else {
            return Err(RequestError::internal("the transaction has ended").into());
        };
        let statements: Vec<_> =
            bound.iter().map(|(step, params)| (&*step.statement.text, params.as_slice())).collect();
        let prepared: Vec<bool> = statements
            .iter()
            .map(|(text, _)| self.run.recording == Recording::On && open.is_prepared(text))
            .collect();
        let sent = Instant::now();
        let (results, ended) = if ends {
            open.run_all_and_commit(&statements).await
        } else {
            let results = open.run_all(&statements).await;
            *transaction = Some(open);
            (results, Ok(()))
        };
        self.record.round_trips += 1;
        let mut rows = Vec::with_capacity(results.len());
        for (((step, params), prepared), timed) in bound.into_iter().zip(prepared).zip(results) {
            let ran = Ran { params, prepared, sent, times: timed.times, result: timed.result };
            let found = self.note(step, ran)?;
            let denies = step.role == StepRole::Check && found.len() != 1;
            rows.push(found);
            if denies {
                // Whatever the statements after it say, it is this that the client hears.
                return Ok(rows);
            }
        }
        ended?;
        Ok(rows)
    }

    fn is_recording(&self) -> bool {
        self.run.recording == Recording::On
    }

    fn note(&mut self, step: &Step, ran: Ran<'_>) -> Result<Rows, DbError> {
        let rows = ran.result.as_ref().map_or(0, |rows| rows.len() as u64);
        self.record.statement_count += 1;
        self.record.rows += rows;
        if self.is_recording() {
            let traced = step.statement.params.iter().zip(&ran.params).map(|(planned, bound)| ParamTrace {
                ty: bound.ty.name().to_owned(),
                value: bound.value.as_deref().map(str::to_owned),
                origin: origin(planned),
            });
            self.record.statements.push(StatementTrace {
                text: step.statement.text.clone(),
                params: traced.collect(),
                rows,
                wait: std::mem::take(&mut self.wait),
                start: self.record.began.map_or(Micros(0), |began| {
                    duration(ran.sent.saturating_duration_since(began) + ran.times.start)
                }),
                time: duration(ran.times.whole),
                send: duration(ran.times.send),
                receive: duration(ran.times.receive),
                round_trip: self.record.round_trips,
                prepared: ran.prepared,
                error: ran.result.as_ref().err().map(ToString::to_string),
            });
        }
        ran.result
    }
}

/// How many of the next steps need no rows of each other.
fn batch_length(steps: &[(usize, usize, &Step)]) -> usize {
    let needs_rows = |(field, _, step): &(usize, usize, &Step), before: &[(usize, usize, &Step)]| {
        step.statement
            .params
            .iter()
            .filter_map(row_source)
            .any(|source| before.iter().any(|(known, position, _)| known == field && *position == source))
    };
    let limit = steps.len().min(MAX_BATCH);
    (1..limit)
        .find(|length| {
            let (before, after) = steps.split_at(*length);
            after.first().is_some_and(|next| needs_rows(next, before))
        })
        .unwrap_or(limit)
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
        FieldBody::Code(_) => Err(RequestError::internal("code runs in a scope only")),
    }
}

pub(super) fn micros(since: Instant) -> Micros {
    duration(since.elapsed())
}

fn duration(time: Duration) -> Micros {
    Micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}
