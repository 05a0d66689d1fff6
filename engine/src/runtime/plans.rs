//! Plans of recorded statements (`EXPLAIN`), on demand, with a hint where an index would help.

use std::sync::Arc;

use serde_json::Value as Json;
use studio_events::{StatementTrace, Trace};
use studio_model::ir::Ir;
use studio_postgres::{DbError, Pool, TextParam, Transaction, TransactionMode};

use super::bind::type_by_name;
use super::plan_hint::hints;

/// The plans of all statements of a trace, as text; each is followed by its hints, which begin with `hint: `.
///
/// The statements run one after the other in one transaction that is rolled back; with `analyze` they are executed, so
/// that later ones find the rows of earlier ones. Sequences that were drawn from stay advanced: Postgres never takes
/// that back.
pub async fn plans(pool: &Pool, ir: Option<&Arc<Ir>>, trace: &Trace, analyze: bool) -> String {
    if trace.statements.is_empty() {
        return "the request ran no SQL".to_owned();
    }
    let lease = match pool.get().await {
        Ok(lease) => lease,
        Err(error) => return error.to_string(),
    };
    let mut transaction = lease.transaction(TransactionMode::default());
    let mut text = String::new();
    let several = trace.statements.len() > 1;
    for (index, statement) in trace.statements.iter().enumerate() {
        if several {
            text.push_str(&format!("-- statement {} of {}\n", index + 1, trace.statements.len()));
        }
        match plan(&mut transaction, statement, analyze).await {
            Ok((lines, json)) => {
                text.push_str(&lines);
                text.push('\n');
                let found =
                    ir.zip(serde_json::from_str::<Json>(&json).ok()).map(|(ir, json)| hints(&json, ir));
                for hint in found.unwrap_or_default() {
                    text.push_str(&format!("hint: {hint}\n"));
                }
            }
            Err(error) => {
                text.push_str(&error);
                text.push('\n');
            }
        }
    }
    // A connection that cannot even roll back is thrown away by the pool.
    let _ = transaction.rollback().await;
    text
}

/// The plan as text and, for hints, as JSON.
async fn plan(
    transaction: &mut Transaction<'_>,
    statement: &StatementTrace,
    analyze: bool,
) -> Result<(String, String), String> {
    let mut params = Vec::with_capacity(statement.params.len());
    for param in &statement.params {
        let ty = type_by_name(&param.ty).ok_or_else(|| format!("unknown parameter type {}", param.ty))?;
        params.push(TextParam { ty, value: param.value.as_deref().map(Into::into) });
    }
    let words = |error: DbError| error.to_string();
    transaction.run("SAVEPOINT explained", &[]).await.map_err(words)?;
    let sql = format!("EXPLAIN (FORMAT JSON) {}", statement.text);
    let options = if analyze { "ANALYZE, BUFFERS" } else { "COSTS" };
    let result = match transaction.run(&sql, &params).await {
        Ok(json) => {
            let sql = format!("EXPLAIN ({options}) {}", statement.text);
            transaction.run(&sql, &params).await.map(|lines| (lines, json))
        }
        Err(error) => Err(error),
    };
    match result {
        Ok((lines, json)) => {
            let cells = |rows: studio_postgres::Rows| {
                let cells = rows.into_iter().filter_map(|row| row.into_iter().next().flatten());
                cells.collect::<Vec<_>>().join("\n")
            };
            Ok((cells(lines), cells(json)))
        }
        Err(error) => {
            transaction.run("ROLLBACK TO SAVEPOINT explained", &[]).await.map_err(words)?;
            Err(error.to_string())
        }
    }
}
