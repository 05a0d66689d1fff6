//! Brings the live database to the newest model: safe steps at once, everything else with consent only.

use std::sync::Arc;
use std::time::Instant;

use studio_events::{
    EventKind, LogLevel, Micros, MigrationStep, MigrationSummary, Problem, Revision, SchemaEvent, Severity,
    StepClass,
};
use studio_postgres::Connection;
use studio_postgres::inspect::{InspectScope, Stake, difference, inspect, settle, stakes};
use studio_postgres::migrate::{self, LOCK_TIMEOUT, MigrateError};
use studio_sql::diff::{Change, ColumnRename, Consent, ConsentedPlan, DiffOptions, Migration, diff};
use studio_sql::risk;
use studio_sql::schema::DatabaseSchema;
use studio_sql::verify::verify;

use super::database::{Database, NAME};
use crate::bus::Bus;
use crate::derived::Derived;

/// What a look at the live database came to.
#[derive(Debug)]
pub(super) struct Reviewed {
    migration: Migration,
    /// Steps that wait, for the Schema pane.
    pub(super) pending: Option<Arc<MigrationSummary>>,
    /// The model can be served on the database as it is now.
    pub(super) can_serve: bool,
    /// What the Problems pane shows of it.
    pub(super) problems: Vec<Problem>,
}

/// Compares, applies what is safe, and says what is left.
pub(super) async fn review(
    database: &Database,
    derived: &Derived,
    revision: Revision,
    bus: &Bus,
) -> Result<Reviewed, String> {
    let started = Instant::now();
    let connection = database.owner.get().await.map_err(|error| error.to_string())?;
    let migration = difference(&connection, &derived.tables, &DiffOptions::default())
        .await
        .map_err(|error| error.to_string())?;
    let plan = migration.safe_plan();
    let mut applied = Vec::new();
    if database.may_migrate && !plan.is_empty() {
        apply(&connection, &plan, bus).await?;
        database.pool.schema_changed();
        applied = plan.steps().to_vec();
        bus.send(EventKind::Schema(SchemaEvent::Migrated {
            revision,
            statements: u32::try_from(plan.statements().count()).unwrap_or(u32::MAX),
            time: Micros(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)),
            titles: applied
                .iter()
                .filter_map(|index| migration.steps.get(*index))
                .map(|step| step.description.clone())
                .collect(),
        }));
    }
    if applied.len() == migration.steps.len() {
        return Ok(Reviewed { migration, pending: None, can_serve: true, problems: Vec::new() });
    }
    // What is left may not stand in the way: an extra nullable column of a removed field, for example.
    let live = live(&connection).await?;
    let mut left = with_renames(&live, &derived.tables);
    settle(&connection, &mut left).await.map_err(|error| error.to_string())?;
    let differences = verify(&live, &derived.tables, &DiffOptions::default());
    let can_serve = differences.is_empty();
    let problems = vec![waiting(&left, &differences, database.may_migrate)];
    // What is at stake is worth knowing; not knowing it is no reason to hide the steps.
    let stakes = stakes(&connection, &left).await.unwrap_or_default();
    let pending = Some(Arc::new(summary(&left, &stakes, revision)));
    Ok(Reviewed { migration: left, pending, can_serve, problems })
}

async fn live(connection: &Connection) -> Result<DatabaseSchema, String> {
    inspect(connection, &InspectScope::All).await.map_err(|error| error.to_string())
}

/// The difference in which every pair of a vanished and a new column that may be a rename is one: what is
/// proposed keeps the values.
fn with_renames(live: &DatabaseSchema, wanted: &DatabaseSchema) -> Migration {
    let mut options = DiffOptions::default();
    let plain = diff(live, wanted, &options);
    for proposal in &plain.column_proposals {
        let table = proposal.table.to_string();
        let taken = options.answers.rename_column.iter().any(|rename| {
            rename.table == table
                && (rename.old_column == proposal.old.name || rename.new_column == proposal.new.name)
        });
        if !taken {
            options.answers.rename_column.push(ColumnRename {
                table,
                old_column: proposal.old.name.clone(),
                new_column: proposal.new.name.clone(),
            });
        }
    }
    if options.answers.rename_column.is_empty() { plain } else { diff(live, wanted, &options) }
}

/// Runs a plan that somebody consented to (or that needs no consent).
async fn apply(connection: &Connection, plan: &ConsentedPlan, bus: &Bus) -> Result<(), String> {
    let result = migrate::apply(connection, plan, LOCK_TIMEOUT).await;
    result.map_err(|error| {
        let (statement, reason) = match &error {
            MigrateError::Statement { statement, error } => (statement.clone(), error.to_string()),
            MigrateError::Transaction(error) => (String::new(), error.to_string()),
        };
        bus.send(EventKind::Schema(SchemaEvent::Failed { statement, error: reason }));
        error.to_string()
    })
}

/// Applies everything that is pending, after a copy of the database was made.
pub(super) async fn apply_with_consent(
    database: &mut Database,
    reviewed: Reviewed,
    from: Option<Revision>,
    to: Revision,
    bus: &Bus,
) -> Result<(), String> {
    if let Some(databases) = database.databases.clone() {
        let label = from.map_or_else(|| format!("before-{to}"), |from| from.to_string());
        let copy = free_name(&databases, &format!("{NAME}@{label}")).await?;
        let started = Instant::now();
        database.disconnect(&databases).await?;
        let made = databases.create(&copy, Some(NAME)).await;
        database.reconnect();
        made.map_err(|error| format!("no copy could be made, so nothing was applied: {error}"))?;
        let ms = started.elapsed().as_millis();
        bus.log(LogLevel::Info, "migration", format!("copy `{copy}` of the database made in {ms} ms"));
    }
    let started = Instant::now();
    let connection = database.owner.get().await.map_err(|error| error.to_string())?;
    let plan = reviewed.migration.consent(&Consent::Everything);
    apply(&connection, &plan, bus).await?;
    database.pool.schema_changed();
    bus.send(EventKind::Schema(SchemaEvent::Migrated {
        revision: to,
        statements: u32::try_from(plan.statements().count()).unwrap_or(u32::MAX),
        time: Micros(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)),
        titles: reviewed.migration.steps.iter().map(|step| step.description.clone()).collect(),
    }));
    Ok(())
}

async fn free_name(databases: &studio_postgres::Databases, wanted: &str) -> Result<String, String> {
    let taken = databases.list().await.map_err(|error| error.to_string())?;
    let mut name = wanted.to_owned();
    let mut number = 2;
    while taken.contains(&name) {
        name = format!("{wanted}-{number}");
        number += 1;
    }
    Ok(name)
}

fn summary(migration: &Migration, stakes: &[Stake], revision: Revision) -> MigrationSummary {
    let stake = |index| stakes.iter().find(|stake| stake.step == index);
    let steps = migration.steps.iter().enumerate().map(|(index, step)| MigrationStep {
        title: match stake(index).filter(|stake| !stake.samples.is_empty()) {
            Some(stake) => format!("{}, such as {}", step.description, stake.samples.join(", ")),
            None => step.description.clone(),
        },
        class: if matches!(step.change, Change::RenameColumn { .. }) {
            StepClass::Question
        } else {
            class(step.class)
        },
        statements: step.applied.iter().map(|statement| statement.text.clone()).collect(),
        rows: stake(index).map(|stake| stake.values),
        applied: false,
    });
    MigrationSummary { revision, steps: steps.collect() }
}

fn class(class: risk::StepClass) -> StepClass {
    match class {
        risk::StepClass::Safe => StepClass::Safe,
        risk::StepClass::NeedsValue => StepClass::NeedsValue,
        risk::StepClass::Question => StepClass::Question,
        risk::StepClass::Destructive => StepClass::Destructive,
    }
}

/// The problem entry of a pending migration.
fn waiting(migration: &Migration, differences: &[String], may_migrate: bool) -> Problem {
    let blocked = !differences.is_empty();
    let steps: Vec<_> = migration.steps.iter().map(|step| format!("  - {}", step.description)).collect();
    let message = if blocked {
        format!(
            "{} migration steps wait for a decision; the API serves the last revision",
            migration.steps.len()
        )
    } else {
        "removed parts of the model are still in the database, with their data".to_owned()
    };
    let help = if may_migrate {
        "press m to review the steps; nothing that loses data runs before you type the consent word"
    } else {
        "the database is read-only for the studio: apply `exo-studio schema migrate` yourself, or set EXO_POSTGRES_READ_WRITE=true"
    };
    problem_of(if blocked { Severity::Error } else { Severity::Warning }, "D0001", message, &steps, help)
}

/// A database that cannot be compared or changed.
pub(super) fn problem(error: &str) -> Problem {
    let help = "the last good revision keeps serving; mend the cause, then press R".to_owned();
    problem_of(
        Severity::Error,
        "D0002",
        format!("the database could not follow the model: {error}"),
        &[],
        &help,
    )
}

fn problem_of(severity: Severity, code: &str, message: String, lines: &[String], help: &str) -> Problem {
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
        rendered,
        labels: Vec::new(),
        help: vec![help.to_owned()],
        fix: None,
    }
}
