//! Transactions as plain statements that ride along with the others.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all, join3};

use super::{Connection, DbError, Rows, Stopwatch, TextParam, Times};

/// What kind of transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransactionMode {
    /// As the session says.
    #[default]
    Session,
    /// Refuses writes.
    ReadOnly,
    /// Sees one state of the database throughout, and refuses to commit what another one overtook.
    Serializable,
}

/// An open transaction. Dropping it without an end rolls it back before the connection is used again.
///
/// Statements of a transaction are never retried: on [`DbError::is_stale_plan`] run the whole transaction
/// again.
#[derive(Debug)]
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Transaction<'a> {
    connection: &'a Connection,
    mode: TransactionMode,
    state: State,
}

/// The result of one of several statements.
#[derive(Debug)]
pub struct Timed {
    /// Its rows.
    pub result: Result<Rows, DbError>,
    /// Where its time went, from when all of them were sent.
    pub times: Times,
}

/// A `BEGIN` that failed is the reason of everything after it.
fn begun_or(begun: Result<(), DbError>, mut results: Vec<Timed>) -> Vec<Timed> {
    if let (Err(error), Some(first)) = (begun, results.first_mut()) {
        first.result = Err(error);
    }
    results
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// `BEGIN` was not sent yet.
    New,
    Open,
    /// A statement failed: the server ignores everything until the end.
    Failed,
    Ended,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(connection: &'a Connection, mode: TransactionMode) -> Self {
        Self { connection, mode, state: State::New }
    }

    fn begin(&self) -> &'static str {
        let pooled_read_only =
            self.connection.options.transaction_pooler && self.connection.options.read_only;
        match self.mode {
            TransactionMode::Session if pooled_read_only => "BEGIN READ ONLY",
            TransactionMode::Session => "BEGIN",
            TransactionMode::ReadOnly => "BEGIN READ ONLY",
            TransactionMode::Serializable if pooled_read_only => {
                "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"
            }
            TransactionMode::Serializable => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        }
    }

    /// See [`Connection::is_prepared`].
    pub fn is_prepared(&self, sql: &str) -> bool {
        self.connection.is_prepared(sql)
    }

    /// Runs a statement; one round trip, also for the first one.
    ///
    /// # Errors
    /// When the server refuses it; the transaction can then only be rolled back.
    pub async fn run(&mut self, sql: &str, params: &[TextParam<'_>]) -> Result<Rows, DbError> {
        let result = if self.state == State::New {
            self.connection.end_dropped_transaction().await?;
            self.state = State::Open;
            let (begun, result) =
                join(self.connection.send_batch(self.begin()), self.connection.execute(sql, params, None))
                    .await;
            begun.and(result)
        } else {
            self.connection.execute(sql, params, None).await
        };
        if result.is_err() {
            self.state = State::Failed;
        }
        result
    }

    /// Marks a point to which [`Transaction::rollback_to`] can return. The name must be an identifier.
    ///
    /// # Errors
    /// When the connection is lost, or when a statement failed before.
    pub async fn savepoint(&mut self, name: &str) -> Result<(), DbError> {
        let mark = format!("SAVEPOINT {name}");
        match self.state {
            State::New => {
                self.connection.end_dropped_transaction().await?;
                self.state = State::Open;
                self.connection.send_batch(&format!("{}; {mark}", self.begin())).await
            }
            State::Open => self.connection.send_batch(&mark).await,
            State::Failed | State::Ended => Err(DbError::RolledBack),
        }
    }

    /// Undoes everything since the savepoint, also after a failed statement.
    ///
    /// # Errors
    /// When the connection is lost or there is no such savepoint.
    pub async fn rollback_to(&mut self, name: &str) -> Result<(), DbError> {
        self.connection.send_batch(&format!("ROLLBACK TO SAVEPOINT {name}")).await?;
        self.state = State::Open;
        Ok(())
    }

    /// Forgets a savepoint and keeps what was done since.
    ///
    /// # Errors
    /// When the connection is lost or there is no such savepoint.
    pub async fn release(&mut self, name: &str) -> Result<(), DbError> {
        self.connection.send_batch(&format!("RELEASE SAVEPOINT {name}")).await
    }

    /// Runs the last statement and commits, in one round trip. When the statement fails, `COMMIT` means
    /// `ROLLBACK`.
    ///
    /// # Errors
    /// When the server refuses the statement, or the commit (deferred constraints).
    pub async fn run_and_commit(mut self, sql: &str, params: &[TextParam<'_>]) -> Result<Rows, DbError> {
        let (state, connection) = (self.state, self.connection);
        let (begun, result, ended) = match state {
            State::New => {
                connection.end_dropped_transaction().await?;
                self.state = State::Open;
                join3(
                    connection.send_batch(self.begin()),
                    connection.execute(sql, params, None),
                    connection.send_batch("COMMIT"),
                )
                .await
            }
            State::Open => {
                let (result, ended) =
                    join(connection.execute(sql, params, None), connection.send_batch("COMMIT")).await;
                (Ok(()), result, ended)
            }
            State::Failed | State::Ended => {
                self.rollback().await?;
                return Err(DbError::RolledBack);
            }
        };
        self.state = State::Ended;
        begun?;
        let rows = result?;
        ended?;
        Ok(rows)
    }

    /// Runs statements back to back in one round trip, at most 30 of them; their results in order. After the
    /// first one that fails the server refuses the others, and the transaction can only be rolled back.
    pub async fn run_all(&mut self, statements: &[(&str, &[TextParam<'_>])]) -> Vec<Timed> {
        let (begun, results) = match self.prelude().await {
            Err(error) => return vec![Timed { result: Err(error), times: Times::default() }],
            Ok(false) => (Ok(()), self.execute_all(statements).await),
            Ok(true) => join(self.connection.send_batch(self.begin()), self.execute_all(statements)).await,
        };
        let results = begun_or(begun, results);
        if results.iter().any(|timed| timed.result.is_err()) {
            self.state = State::Failed;
        }
        results
    }

    /// [`Transaction::run_all`] with `COMMIT` in the same round trip, and its result. When a statement fails,
    /// `COMMIT` means `ROLLBACK`.
    pub async fn run_all_and_commit(
        mut self,
        statements: &[(&str, &[TextParam<'_>])],
    ) -> (Vec<Timed>, Result<(), DbError>) {
        if matches!(self.state, State::Failed | State::Ended) {
            let ended = self.rollback().await.and(Err(DbError::RolledBack));
            return (Vec::new(), ended);
        }
        let (begun, results, ended) = match self.prelude().await {
            Err(error) => return (Vec::new(), Err(error)),
            Ok(false) => {
                let (results, ended) =
                    join(self.execute_all(statements), self.connection.send_batch("COMMIT")).await;
                (Ok(()), results, ended)
            }
            Ok(true) => {
                join3(
                    self.connection.send_batch(self.begin()),
                    self.execute_all(statements),
                    self.connection.send_batch("COMMIT"),
                )
                .await
            }
        };
        self.state = State::Ended;
        (begun_or(begun, results), ended)
    }

    /// Gets ready to send; whether `BEGIN` has to go first.
    async fn prelude(&mut self) -> Result<bool, DbError> {
        if self.state != State::New {
            return Ok(false);
        }
        self.connection.end_dropped_transaction().await?;
        self.state = State::Open;
        Ok(true)
    }

    /// The first poll sends all of them, in order. Answers come in that order, too: the turn of each comes when the one
    /// before it is complete.
    async fn execute_all(&self, statements: &[(&str, &[TextParam<'_>])]) -> Vec<Timed> {
        let began = Instant::now();
        let all = statements.iter().map(|(sql, params)| async move {
            let watch = Stopwatch::since(began);
            let result = watch.first_poll(self.connection.execute(sql, params, Some(&watch))).await;
            (result, watch.marks())
        });
        let mut turn = Duration::ZERO;
        let timed = join_all(all).await.into_iter().map(|(result, marks)| {
            let times = marks.times(turn);
            turn = times.start + times.whole;
            Timed { result, times }
        });
        timed.collect()
    }

    /// Makes the changes permanent.
    ///
    /// # Errors
    /// When the server refuses (deferred constraints), or when a statement failed before.
    pub async fn commit(mut self) -> Result<(), DbError> {
        match self.state {
            State::New | State::Ended => {
                self.state = State::Ended;
                Ok(())
            }
            State::Open => {
                let result = self.connection.send_batch("COMMIT").await;
                self.state = State::Ended;
                result
            }
            State::Failed => {
                self.rollback().await?;
                Err(DbError::RolledBack)
            }
        }
    }

    /// Undoes everything.
    ///
    /// # Errors
    /// When the connection is lost, which undoes everything as well.
    pub async fn rollback(mut self) -> Result<(), DbError> {
        let result = match self.state {
            State::New | State::Ended => Ok(()),
            State::Open | State::Failed => self.connection.send_batch("ROLLBACK").await,
        };
        self.state = State::Ended;
        result
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        match self.state {
            State::New | State::Ended => {}
            State::Open | State::Failed => self.connection.open_transaction.store(true, Ordering::SeqCst),
        }
    }
}
