//! What can go wrong with a statement.

use crate::target::describe;

/// Why a statement has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// The server refused it.
    #[error(transparent)]
    Server(Box<ServerError>),
    /// The server cannot be reached, or the connection was lost.
    #[error("the database connection failed: {0}")]
    Connection(String),
    /// The result cannot be read as text.
    #[error("the result cannot be read: {0}")]
    Result(String),
    /// The transaction cannot be committed, because one of its statements failed.
    #[error("the transaction was rolled back because a statement in it failed")]
    RolledBack,
}

/// An error message of the server, with everything it says for logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{severity} {sqlstate}: {message}")]
pub struct ServerError {
    /// `ERROR`, `FATAL` or `PANIC`.
    pub severity: String,
    /// Five characters.
    pub sqlstate: String,
    /// The text, without severity and code.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Where in the statement: characters, counted from 1.
    pub position: Option<u32>,
    /// The call stack inside the server.
    pub context: Option<String>,
    /// The table it is about.
    pub table: Option<String>,
    /// The column it is about.
    pub column: Option<String>,
    /// The constraint it is about.
    pub constraint: Option<String>,
}

impl DbError {
    /// SQLSTATE, when the server sent one.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Server(error) => Some(&error.sqlstate),
            Self::Connection(_) | Self::Result(_) | Self::RolledBack => None,
        }
    }

    /// Whether the connection cannot be used any more.
    pub fn is_connection_lost(&self) -> bool {
        match self {
            // Administrator shutdown, crash shutdown, cannot connect now, and the connection exceptions.
            Self::Server(error) => {
                matches!(error.sqlstate.as_str(), "57P01" | "57P02" | "57P03")
                    || error.sqlstate.starts_with("08")
            }
            Self::Connection(_) => true,
            Self::Result(_) | Self::RolledBack => false,
        }
    }

    /// Whether a prepared statement no longer fits the schema or was discarded. It is forgotten when this
    /// is returned, so running the same statement (or the whole transaction) again works.
    pub fn is_stale_plan(&self) -> bool {
        match self {
            Self::Server(error) => match error.sqlstate.as_str() {
                "0A000" => error.message.contains("cached plan"),
                "26000" => true,
                _ => false,
            },
            Self::Connection(_) | Self::Result(_) | Self::RolledBack => false,
        }
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(found) = error.as_db_error() else { return Self::Connection(describe(&error)) };
        let position = match found.position() {
            Some(tokio_postgres::error::ErrorPosition::Original(position)) => Some(*position),
            Some(tokio_postgres::error::ErrorPosition::Internal { position, .. }) => Some(*position),
            None => None,
        };
        Self::Server(Box::new(ServerError {
            severity: found.severity().to_owned(),
            sqlstate: found.code().code().to_owned(),
            message: found.message().to_owned(),
            detail: found.detail().map(str::to_owned),
            hint: found.hint().map(str::to_owned),
            position,
            context: found.where_().map(str::to_owned),
            table: found.table().map(str::to_owned),
            column: found.column().map(str::to_owned),
            constraint: found.constraint().map(str::to_owned),
        }))
    }
}
