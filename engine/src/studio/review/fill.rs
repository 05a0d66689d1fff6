//! Takes answers; values are checked by the server itself.

use studio_events::{Choice, Decision, DecisionId};
use studio_postgres::Connection;
use studio_sql::ddl::type_text;
use studio_sql::diff::{BackFill, Change};
use studio_sql::schema::quote_literal;

use super::Review;
use super::answered::{Answered, KeyKind};
use super::questions::filled_column;

impl Review {
    /// Takes an answer, or says why not in the decision itself. Returns whether there was such a question.
    pub(in crate::studio) async fn answer(
        &self,
        connection: &Connection,
        id: DecisionId,
        choice: Choice,
        answered: &mut Answered,
    ) -> bool {
        let Some((key, decision)) = self.question(id) else { return false };
        let key = key.clone();
        answered.refused.remove(&key);
        let taken = match &choice {
            Choice::Defer => {
                answered.fills.remove(&key.object);
                Ok(())
            }
            Choice::Option(option) if *option < decision.options.len() => Ok(()),
            Choice::Option(option) => Err(format!("there is no option {option}")),
            Choice::Value(_) | Choice::Expression(_) if key.kind != KeyKind::Value => {
                Err("choose one of the options".to_owned())
            }
            Choice::Value(_) | Choice::Expression(_) => {
                match self.fill(connection, decision, &choice).await {
                    Ok(fill) => {
                        answered.fills.insert(key.object.clone(), fill);
                        Ok(())
                    }
                    Err(error) => Err(error),
                }
            }
        };
        match taken {
            Ok(()) => {
                answered.choices.insert(key, choice);
            }
            Err(why) => {
                answered.refused.insert(key, why);
            }
        }
        true
    }

    /// Checks a value against the type of its column, by the server itself.
    async fn fill(
        &self,
        connection: &Connection,
        decision: &Decision,
        choice: &Choice,
    ) -> Result<BackFill, String> {
        let step = decision.step.as_ref().and_then(|about| self.migration.steps.get(about.step));
        let (table, column) = step.and_then(filled_column).ok_or("the step is gone")?;
        let ty = type_text(&column.ty);
        let sql = match choice {
            Choice::Value(text) => format!("{}::{ty}", quote_literal(text)),
            Choice::Expression(text) => text.clone(),
            Choice::Option(_) | Choice::Defer => return Err("a value is wanted".to_owned()),
        };
        let first = format!("SELECT ((({sql})::{ty}) IS NULL)::text");
        match self.tried(connection, &first).await {
            Ok(null) if null.as_deref() == Some("true") => Err("NULL is no value".to_owned()),
            Ok(_) => Ok(BackFill::Value(sql)),
            Err(error) if matches!(choice, Choice::Value(_)) => Err(error),
            // It may name columns of the row.
            Err(_) => {
                let rows =
                    format!("SELECT count(*)::text FROM {} WHERE (({sql})::{ty}) IS NULL", table.quoted());
                match self.tried(connection, &rows).await?.as_deref() {
                    Some("0") => Ok(BackFill::PerRow(sql)),
                    Some("1") => Err("it is NULL for 1 row".to_owned()),
                    count => Err(format!("it is NULL for {} rows", count.unwrap_or("some"))),
                }
            }
        }
    }

    /// Runs a query on the database as it is after the renames, and leaves it as it was.
    async fn tried(&self, connection: &Connection, query: &str) -> Result<Option<String>, String> {
        let renames =
            self.migration.steps.iter().filter(|step| {
                matches!(step.change, Change::RenameTable { .. } | Change::RenameColumn { .. })
            });
        let statements = renames.flat_map(|step| &step.applied).map(|statement| statement.text.as_str());
        let mut batch =
            vec!["BEGIN;", "SET LOCAL lock_timeout = 2000;", "SET LOCAL statement_timeout = 20000;"];
        batch.extend(statements);
        let begun = connection.batch_execute(&batch.join("\n")).await;
        let rows = match begun {
            // One statement only: an expression cannot end it and begin another one.
            Ok(()) => connection.run(query, &[]).await,
            Err(error) => Err(error),
        };
        let ended = connection.batch_execute("ROLLBACK").await;
        let rows = rows.map_err(|error| error.to_string())?;
        ended.map_err(|error| error.to_string())?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
    }
}
