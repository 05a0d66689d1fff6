//! Runs a migration somebody agreed to: each group of statements in one transaction, never waiting long for a lock.

use std::time::Duration;

use studio_sql::diff::ConsentedPlan;

use crate::wire::{Connection, DbError};

/// How long a statement waits for a table somebody else holds, unless told otherwise.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// A migration that did not go through. Its transaction was rolled back.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A statement was refused.
    #[error("migration failed at `{statement}`: {error}")]
    Statement {
        /// The statement.
        statement: String,
        /// What the server says.
        error: DbError,
    },
    /// The transaction could not be started or committed.
    #[error("migration failed: {0}")]
    Transaction(#[from] DbError),
    /// Labels that later statements use had to be committed before one of these was refused.
    #[error("{0}; only new labels of enums were added")]
    AfterLabels(Box<MigrateError>),
}

impl MigrateError {
    /// The error of the transaction with this number.
    fn after(self, transaction: usize) -> Self {
        if transaction == 0 { self } else { Self::AfterLabels(Box::new(self)) }
    }

    /// The statement that was refused, if one was, and what the server said.
    pub fn cause(&self) -> (Option<&str>, &DbError) {
        match self {
            Self::Statement { statement, error } => (Some(statement), error),
            Self::Transaction(error) => (None, error),
            Self::AfterLabels(error) => error.cause(),
        }
    }
}

/// Runs the plan. All of a transaction or nothing of it happens; a refused statement stops the plan.
///
/// # Errors
/// [`MigrateError`], after a rollback.
pub async fn apply(
    connection: &Connection,
    plan: &ConsentedPlan,
    lock_timeout: Duration,
) -> Result<(), MigrateError> {
    for (at, statements) in plan.transactions().iter().enumerate() {
        let begin = format!("BEGIN READ WRITE; SET LOCAL lock_timeout = {};", lock_timeout.as_millis());
        let batch = format!("{begin}\n{}\nCOMMIT;", statements.join("\n"));
        if let Err(error) = connection.batch_execute(&batch).await {
            connection.batch_execute("ROLLBACK").await?;
            let error = match culprit(connection, &begin, statements).await {
                Some((statement, error)) => MigrateError::Statement { statement, error },
                None => MigrateError::Transaction(error),
            };
            return Err(error.after(at));
        }
    }
    Ok(())
}

/// Runs the plan like [`apply`], one statement after the other, saying after each how many are done.
///
/// # Errors
/// [`MigrateError`], after a rollback.
pub async fn apply_stepwise(
    connection: &Connection,
    plan: &ConsentedPlan,
    lock_timeout: Duration,
    progress: impl Fn(usize),
) -> Result<(), MigrateError> {
    let mut done = 0;
    for (at, statements) in plan.transactions().iter().enumerate() {
        connection
            .batch_execute(&format!(
                "BEGIN READ WRITE; SET LOCAL lock_timeout = {};",
                lock_timeout.as_millis()
            ))
            .await?;
        for statement in statements {
            if let Err(error) = connection.batch_execute(statement).await {
                connection.batch_execute("ROLLBACK").await?;
                return Err(MigrateError::Statement { statement: statement.clone(), error }.after(at));
            }
            done += 1;
            progress(done);
        }
        connection.batch_execute("COMMIT").await?;
    }
    Ok(())
}

/// A batch does not tell which statement failed: run them one by one, without keeping anything.
async fn culprit(connection: &Connection, begin: &str, statements: &[String]) -> Option<(String, DbError)> {
    connection.batch_execute(begin).await.ok()?;
    let mut found = None;
    for statement in statements {
        if let Err(error) = connection.batch_execute(statement).await {
            found = Some((statement.clone(), error));
            break;
        }
    }
    connection.batch_execute("ROLLBACK").await.ok()?;
    found
}
