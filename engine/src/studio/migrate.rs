//! Brings the live database to the newest model: safe steps at once, everything else with consent only.

use std::sync::Arc;
use std::time::Instant;

use studio_events::{
    Choice, DecisionId, EventKind, Micros, MigrationSummary, Problem, Revision, SchemaEvent, Severity,
};
use studio_postgres::Connection;
use studio_postgres::inspect::{InspectScope, inspect, settle};
use studio_postgres::migrate::{self, LOCK_TIMEOUT, MigrateError};
use studio_sql::diff::{Answers, Change, Consent, ConsentedPlan, DiffOptions, Migration, diff};
use studio_sql::risk::StepClass;
use studio_sql::schema::DatabaseSchema;
use studio_sql::verify::verify;

use super::database::Database;
use super::review::{Answered, Review, review};
use crate::bus::{self, Bus};
use crate::copies::{Copies, CopyRequest};
use crate::derived::Derived;

/// What a look at the live database came to.
#[derive(Debug)]
pub(super) struct Reviewed {
    /// Steps that wait, for the Schema pane.
    pub(super) pending: Option<Arc<MigrationSummary>>,
    /// The model can be served on the database as it is now.
    pub(super) can_serve: bool,
    /// What the Problems pane shows of it.
    pub(super) problems: Vec<Problem>,
    /// The schema before the safe steps that were just applied, unless the database was new.
    pub(super) reversible: Option<DatabaseSchema>,
    review: Option<Review>,
}

/// What a review is about.
pub(super) struct Subject<'a> {
    pub(super) database: &'a Database,
    pub(super) derived: &'a Derived,
    pub(super) revision: Revision,
    /// Revision the database is at, for the name of the copy.
    pub(super) from: Option<Revision>,
    /// The word that stands for "I know that values are lost".
    pub(super) word: String,
    /// The last migration was undone: nothing is applied by itself.
    pub(super) held: bool,
    /// What may happen without asking anybody.
    pub(super) policy: Option<&'a Answers>,
    pub(super) bus: &'a Bus,
}

impl Subject<'_> {
    fn copy_name(&self) -> String {
        self.from.map_or_else(|| format!("before-{}", self.revision), |from| from.to_string())
    }

    /// Compares, applies what is safe, and says what is left.
    pub(super) async fn advance(&self, answered: &mut Answered) -> Result<Reviewed, String> {
        let started = Instant::now();
        let connection = self.database.owner.get().await.map_err(|error| error.to_string())?;
        let mut live = live(&connection).await?;
        let mut reversible = None;
        if self.database.may_migrate && !self.held {
            let mut migration = diff(&live, &self.derived.tables, &DiffOptions::default());
            settle(&connection, &mut migration).await.map_err(|error| error.to_string())?;
            self.hold_back(&mut migration);
            let plan = migration.safe_plan();
            if !plan.is_empty() {
                apply(&connection, &plan, self.bus).await?;
                self.database.pool.schema_changed();
                let titles = plan.steps().iter().filter_map(|index| migration.steps.get(*index));
                let titles = titles.map(|step| step.description.clone()).collect();
                self.migrated(&plan, started, titles);
                if plan.steps().len() == migration.steps.len() {
                    return Ok(Reviewed {
                        pending: None,
                        can_serve: true,
                        problems: Vec::new(),
                        reversible: (!self.database.fresh).then_some(live),
                        review: None,
                    });
                }
                let before = std::mem::replace(&mut live, self::live(&connection).await?);
                reversible = (!self.database.fresh).then_some(before);
            }
        }
        Ok(Reviewed { reversible, ..self.look(&connection, &live, answered).await? })
    }

    /// A table the policy takes for an old one under a new name is not created beside that one.
    fn hold_back(&self, migration: &mut Migration) {
        let renames = self.policy.map(|policy| policy.rename_table.as_slice()).unwrap_or_default();
        for step in &mut migration.steps {
            if let Change::CreateTable(table) = &step.change
                && renames.iter().any(|rename| rename.new_table == table.name.to_string())
                && migration.table_candidates.iter().any(|it| it.new == table.name)
            {
                step.class = StepClass::Question;
            }
        }
    }

    /// Takes the database back to a schema it had: for steps that lost nothing, after a copy was made.
    pub(super) async fn reverse(&self, before: &DatabaseSchema) -> Result<(), String> {
        let connection = self.database.owner.get().await.map_err(|error| error.to_string())?;
        let live = live(&connection).await?;
        let migration = diff(&live, before, &DiffOptions::default());
        apply(&connection, &migration.consent(&Consent::Everything), self.bus).await
    }

    /// What is left between the database and the model. It may not stand in the way: an extra nullable column of a
    /// removed field, for example.
    async fn look(
        &self,
        connection: &Connection,
        live: &DatabaseSchema,
        answered: &mut Answered,
    ) -> Result<Reviewed, String> {
        let differences = verify(live, &self.derived.tables, &DiffOptions::default());
        let can_serve = differences.is_empty();
        let review = review(connection, live, &self.derived.tables, answered).await?;
        if review.migration.is_empty() {
            return Ok(Reviewed {
                pending: None,
                can_serve,
                problems: Vec::new(),
                reversible: None,
                review: None,
            });
        }
        let copy = self.database.databases.is_some().then(|| self.copy_name());
        let pending = review.summary(self.revision, self.word.clone(), copy, self.held);
        let problems = vec![self.waiting(&review.migration, !can_serve)];
        Ok(Reviewed {
            pending: Some(Arc::new(pending)),
            can_serve,
            problems,
            reversible: None,
            review: Some(review),
        })
    }

    /// The problem entry of a pending migration. `blocked`: the newest model cannot be served before it is applied.
    fn waiting(&self, migration: &Migration, blocked: bool) -> Problem {
        let steps: Vec<_> = migration.steps.iter().map(|step| format!("  - {}", step.description)).collect();
        let wait = match migration.steps.len() {
            1 => "1 migration step waits for a decision".to_owned(),
            count => format!("{count} migration steps wait for a decision"),
        };
        let until_then = match self.from {
            Some(_) => "the API serves the last revision",
            None => "nothing is served until then",
        };
        let message = match (blocked, self.held) {
            (true, true) => format!(
                "the last migration was undone, and the model still asks for it: {wait}; {until_then}"
            ),
            (true, false) => format!("{wait}; {until_then}"),
            (false, _) => "removed parts of the model are still in the database, with their data".to_owned(),
        };
        let help = if self.held {
            "the last migration was undone: take the change out of the model, or press m and apply it again"
        } else if self.database.may_migrate {
            "press m to review the steps; nothing that loses data runs before you type the consent word"
        } else {
            "the database is read-only for the studio: apply `exo-studio schema migrate` yourself, or set EXO_POSTGRES_READ_WRITE=true"
        };
        problem_of(if blocked { Severity::Error } else { Severity::Warning }, "D0001", message, &steps, help)
    }

    /// Takes an answer and looks again. `None`: there is no such question.
    pub(super) async fn answer(
        &self,
        reviewed: &Reviewed,
        id: DecisionId,
        choice: Choice,
        answered: &mut Answered,
    ) -> Result<Option<Reviewed>, String> {
        let Some(review) = &reviewed.review else { return Ok(None) };
        let connection = self.database.owner.get().await.map_err(|error| error.to_string())?;
        if !review.answer(&connection, id, choice, answered).await {
            return Ok(None);
        }
        self.look_again(answered).await.map(Some)
    }

    /// Computes the questions anew, applying nothing.
    pub(super) async fn look_again(&self, answered: &mut Answered) -> Result<Reviewed, String> {
        let connection = self.database.owner.get().await.map_err(|error| error.to_string())?;
        let live = live(&connection).await?;
        self.look(&connection, &live, answered).await
    }

    /// Applies what is chosen, after a copy of the database was made. `word` is what was typed.
    pub(super) async fn apply(&self, typed: Option<&str>, answered: &mut Answered) -> Result<(), String> {
        // The rows may have changed since the questions were asked.
        let fresh = self.look_again(answered).await?;
        let Some(review) = fresh.review else { return Err("nothing is pending".to_owned()) };
        let plan = review.plan();
        if plan.is_empty() {
            return Err("nothing is chosen: answer the questions first".to_owned());
        }
        if !self.database.may_migrate {
            return Err(
                "the database is read-only for the studio; set EXO_POSTGRES_READ_WRITE=true".to_owned()
            );
        }
        if review.is_destructive() && typed.is_some_and(|typed| typed != self.word) {
            return Err(format!("nothing was applied: the word is {}", self.word));
        }
        if let Some(databases) = &self.database.databases {
            let started = Instant::now();
            let (name, reason) = (self.copy_name(), format!("before {}", self.revision));
            let request = CopyRequest {
                name: &name,
                automatic: true,
                reason: &reason,
                revision: self.from,
                undo: true,
                at: bus::now(),
            };
            let pause = self.database.pause(databases).await?;
            let made = Copies::new(databases.clone()).make(request).await;
            drop(pause);
            let copy =
                made.map_err(|error| format!("no copy could be made, so nothing was applied: {error}"))?;
            let time = micros(started);
            let event = SchemaEvent::Copied { name: copy.name, bytes: copy.bytes, time };
            self.bus.send(EventKind::Schema(event));
        }
        let started = Instant::now();
        let connection = self.database.owner.get().await.map_err(|error| error.to_string())?;
        let total = u32::try_from(plan.statements().count()).unwrap_or(u32::MAX);
        let progress = |done: usize| {
            let done = u32::try_from(done).unwrap_or(u32::MAX);
            self.bus.send(EventKind::Schema(SchemaEvent::Progress { done, total }));
        };
        let result = migrate::apply_stepwise(&connection, &plan, LOCK_TIMEOUT, progress).await;
        result.map_err(|error| failed(&error, self.bus))?;
        self.database.pool.schema_changed();
        self.migrated(&plan, started, review.titles(&plan));
        Ok(())
    }

    fn migrated(&self, plan: &ConsentedPlan, started: Instant, titles: Vec<String>) {
        self.bus.send(EventKind::Schema(SchemaEvent::Migrated {
            revision: self.revision,
            statements: u32::try_from(plan.statements().count()).unwrap_or(u32::MAX),
            time: micros(started),
            titles,
        }));
    }
}

pub(super) fn micros(since: Instant) -> Micros {
    Micros(u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX))
}

/// What the database has now.
pub(super) async fn live_schema(database: &Database) -> Result<DatabaseSchema, String> {
    let connection = database.owner.get().await.map_err(|error| error.to_string())?;
    live(&connection).await
}

async fn live(connection: &Connection) -> Result<DatabaseSchema, String> {
    inspect(connection, &InspectScope::All).await.map_err(|error| error.to_string())
}

/// Runs a plan that needs no consent.
async fn apply(connection: &Connection, plan: &ConsentedPlan, bus: &Bus) -> Result<(), String> {
    migrate::apply(connection, plan, LOCK_TIMEOUT).await.map_err(|error| failed(&error, bus))
}

fn failed(error: &MigrateError, bus: &Bus) -> String {
    let (statement, reason) = error.cause();
    let (statement, error_text) = (statement.unwrap_or_default().to_owned(), reason.to_string());
    bus.send(EventKind::Schema(SchemaEvent::Failed { statement, error: error_text }));
    error.to_string()
}

/// A database that cannot be compared or changed.
pub(super) fn problem(error: &str, is_serving: bool) -> Problem {
    let help = if is_serving {
        "the last good revision keeps serving; mend the cause, then press R"
    } else {
        "nothing is served until then; mend the cause, then press R"
    };
    let message = format!("the database could not follow the model: {error}");
    problem_of(Severity::Error, "D0002", message, &[], help)
}

/// A problem that no place in a file is to blame for.
pub(super) fn problem_of(
    severity: Severity,
    code: &str,
    message: String,
    lines: &[String],
    help: &str,
) -> Problem {
    let word = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut rendered = format!("{word}[{code}]: {message}\n");
    for line in lines {
        rendered.push_str(line);
        rendered.push('\n');
    }
    rendered.push_str(&format!("  = help: {help}"));
    Problem {
        severity,
        code: code.to_owned(),
        message,
        file: String::new(),
        line: 0,
        column: 0,
        end_line: 0,
        end_column: 0,
        rendered,
        labels: Vec::new(),
        help: vec![help.to_owned()],
        fix: None,
    }
}
