//! A statement typed by hand: read-only unless somebody agreed that it writes, one statement, bounded rows. On a
//! database of the user's own it writes only where the API may.

use std::time::Instant;

use serde_json::{Map, Value};
use studio_events::{EventKind, Micros, QueryEvent, QueryRows};
use studio_postgres::{DbError, Pool, TransactionMode};
use tokio::sync::mpsc;

use crate::bus::Bus;

/// Rows that are worth showing in a terminal.
const MAX_ROWS: usize = 200;

/// Runs statements one after the other, in the order they were typed: a later one sees what an earlier one wrote.
#[derive(Debug)]
pub(super) struct Queries {
    waiting: mpsc::UnboundedSender<Typed>,
}

#[derive(Debug)]
struct Typed {
    pool: Pool,
    number: u64,
    sql: String,
    write: bool,
}

impl Queries {
    /// Starts the task that runs them; it ends when this is dropped.
    pub(super) fn new(bus: &Bus) -> Self {
        let (waiting, mut next) = mpsc::unbounded_channel::<Typed>();
        let bus = bus.clone();
        tokio::spawn(async move {
            while let Some(Typed { pool, number, sql, write }) = next.recv().await {
                let started = Instant::now();
                let result = if write { changed(&pool, &sql).await } else { read(&pool, &sql).await };
                let time = Micros(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
                bus.send(EventKind::Query(QueryEvent { number, sql, time, result }));
            }
        });
        Self { waiting }
    }

    /// Runs one; the result comes back as an event with its number.
    pub(super) fn run(&self, pool: &Pool, number: u64, sql: String, write: bool) {
        // The task waits as long as this lives.
        let _ = self.waiting.send(Typed { pool: pool.clone(), number, sql, write });
    }
}

/// The statement inside of one that names its columns. The extended protocol takes one statement only, so nothing
/// can end the transaction that keeps it from writing.
async fn read(pool: &Pool, sql: &str) -> Result<QueryRows, String> {
    let bare = sql.trim().trim_end_matches(';');
    // The line break ends a comment at the end of what was typed.
    let wrapped = format!("SELECT row_to_json(typed)::text FROM ({bare}\n) AS typed LIMIT {}", MAX_ROWS + 1);
    let mode = TransactionMode::ReadOnly;
    let lease = pool.get().await.map_err(|error| error.to_string())?;
    match lease.transaction(mode).run_and_commit(&wrapped, &[]).await {
        Ok(rows) => Ok(named(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()))),
        // SHOW, EXPLAIN and the like cannot stand inside of another statement; their results are texts.
        Err(error) if error.sqlstate() == Some("42601") => lease
            .transaction(mode)
            .run_and_commit(bare, &[])
            .await
            .map(texts)
            .map_err(|plain| message(&plain)),
        Err(error) => Err(message(&error)),
    }
}

async fn changed(pool: &Pool, sql: &str) -> Result<QueryRows, String> {
    let lease = pool.get().await.map_err(|error| error.to_string())?;
    let rows = lease
        .transaction(TransactionMode::Session)
        .run_and_commit(sql.trim().trim_end_matches(';'), &[])
        .await;
    pool.schema_changed();
    rows.map(texts).map_err(|error| message(&error))
}

fn message(error: &DbError) -> String {
    match error {
        DbError::Server(error) => format!("{} ({})", error.message, error.sqlstate),
        other => other.to_string(),
    }
}

/// Rows that came as JSON objects; the columns are those of the first one.
fn named(rows: impl Iterator<Item = String>) -> QueryRows {
    let mut out = QueryRows::default();
    for text in rows {
        let Ok(row) = serde_json::from_str::<Map<String, Value>>(&text) else { continue };
        if out.columns.is_empty() {
            out.columns = row.keys().cloned().collect();
        }
        if out.rows.len() == MAX_ROWS {
            out.more = true;
            break;
        }
        let cell = |value: Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        out.rows.push(row.into_iter().map(|(_, value)| cell(value)).collect());
    }
    out
}

fn texts(mut rows: Vec<Vec<Option<String>>>) -> QueryRows {
    let more = rows.len() > MAX_ROWS;
    rows.truncate(MAX_ROWS);
    QueryRows { columns: Vec::new(), rows, more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_columns_and_their_number_is_bounded() {
        let one = r#"{"id":1,"title":"a","tags":["x"],"note":null}"#.to_owned();
        let rows = named(std::iter::repeat_n(one, MAX_ROWS + 5));
        assert_eq!(rows.columns.len(), 4);
        assert_eq!((rows.rows.len(), rows.more), (MAX_ROWS, true));
        let at = |name: &str| rows.columns.iter().position(|column| column == name).unwrap();
        assert_eq!(rows.rows[0][at("tags")].as_deref(), Some(r#"["x"]"#));
        assert_eq!(rows.rows[0][at("note")], None);
        assert_eq!(rows.rows[0][at("title")].as_deref(), Some("a"));
    }
}
