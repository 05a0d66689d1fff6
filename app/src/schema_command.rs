//! `exo-studio schema …`: print, compare, apply and import tables (developer-experience 1.16, graphql-and-sql 4).

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use studio_engine::config::load_environment;
use studio_engine::derived::Derived;
use studio_events::plural;
use studio_model::database::import::{ImportOptions, Imported, import};
use studio_postgres::inspect::{InspectScope, inspect, inspect_with_views, other_indexes, settle};
use studio_postgres::migrate::{self, LOCK_TIMEOUT, MigrateError};
use studio_postgres::{Pool, PoolOptions, PooledConnection, Target};
use studio_sql::diff::{Answers, Change, DiffOptions, Migration, Scope, TableRename, check_answers, diff};
use studio_sql::risk::StepClass;
use studio_sql::schema::DatabaseSchema;
use studio_sql::verify::verify;

use crate::cli::{OutputArgs, SchemaCommand};
use crate::failure::Failure;
use crate::graphql_command::model;
use crate::output;

/// Runs one of the schema commands in the project of the working directory.
pub(crate) async fn run(command: SchemaCommand) -> Result<ExitCode, Failure> {
    match command {
        SchemaCommand::Create { output, scope } => {
            let derived = Derived::new(model(output.use_ir)?, true);
            let Some(scope) = scope else { return emit(&output, &derived.ddl) };
            let options = DiffOptions { scope: Scope::parse(&scope), answers: Answers::default() };
            let all = diff(&DatabaseSchema::default(), &derived.tables, &options);
            emit(&output, &all.script(true).text())
        }
        SchemaCommand::Migrate {
            output,
            database,
            apply_to_database,
            allow_destructive_changes,
            scope,
            interactions,
            non_interactive,
            json,
        } => {
            let derived = Derived::new(model(output.use_ir)?, true);
            let options = Migrate {
                database,
                apply: apply_to_database,
                allow_destructive: allow_destructive_changes,
                scope,
                interactions,
                interactive: !non_interactive && !json && std::io::stdin().is_terminal(),
                json,
            };
            migrate_command(&derived, &options, &output).await
        }
        SchemaCommand::Verify { database, use_ir, scope, yes: _ } => {
            let derived = Derived::new(model(use_ir)?, true);
            let connection = connect(database, false).await?;
            let live = inspect(&connection, &InspectScope::All)
                .await
                .map_err(|error| Failure::environment("read the database", &error))?;
            let options = DiffOptions { scope: scope_of(scope.as_deref()), answers: Answers::default() };
            let sentences = verify(&live, &derived.tables, &options);
            if sentences.is_empty() {
                output::note("The model is compatible with the database.");
                return Ok(ExitCode::SUCCESS);
            }
            for sentence in &sentences {
                output::note(&format!("- {sentence}"));
            }
            Err(Failure::command(
                "Incompatible model.".to_owned(),
                "print what is missing with `exo-studio schema migrate`".to_owned(),
            ))
        }
        SchemaCommand::Import {
            database,
            output,
            yes,
            scope,
            query_access,
            mutation_access,
            generate_fragments,
        } => {
            let options = ImportOptions { query_access, mutation_access, fragments: generate_fragments };
            let scope = scope.as_deref().map_or(Scope::All, Scope::parse);
            import_command(database, &scope, &options, &OutputArgs { output, use_ir: false, yes }).await
        }
    }
}

/// The model of a database, for a new project. Says on standard error which tables are in it.
pub(crate) async fn imported(
    database: Option<String>,
    scope: Option<&str>,
    (query_access, mutation_access): (bool, bool),
) -> Result<String, Failure> {
    let options = ImportOptions { query_access, mutation_access, fragments: false };
    let imported = read_model(database, &scope.map_or(Scope::All, Scope::parse), &options).await?;
    let mut by_schema: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for table in &imported.tables {
        by_schema.entry(table.schema_name().to_owned()).or_default().push(table.name.clone());
    }
    for (schema, tables) in by_schema {
        output::note(&format!("{schema}:"));
        let mut line = String::from(" ");
        for table in tables {
            if line.len() + table.len() > 78 {
                output::note(&line);
                line = String::from(" ");
            }
            line.push_str(&format!(" {table}"));
        }
        output::note(&line);
    }
    Ok(imported.model)
}

async fn import_command(
    database: Option<String>,
    scope: &Scope,
    options: &ImportOptions,
    output: &OutputArgs,
) -> Result<ExitCode, Failure> {
    let imported = read_model(database, scope, options).await?;
    if output.output.is_some() {
        let names: Vec<String> = imported.tables.iter().map(ToString::to_string).collect();
        output::note(&format!("imported: {}", names.join(", ")));
    }
    emit(output, &imported.model)
}

async fn read_model(
    database: Option<String>,
    scope: &Scope,
    options: &ImportOptions,
) -> Result<Imported, Failure> {
    let connection = connect(database, false).await?;
    let mut live = inspect_with_views(&connection, &InspectScope::All)
        .await
        .map_err(|error| Failure::environment("read the database", &error))?;
    let nothing = DatabaseSchema::default();
    live.tables.retain(|table| scope.includes(&nothing, &table.name));
    live.enums.retain(|ty| scope.includes_schema(&nothing, ty.name.schema_name()));
    let imported = import(&live, options);
    for issue in &imported.issues {
        output::note(issue);
    }
    let other = other_indexes(&connection).await;
    for index in other.map_err(|error| Failure::environment("read the database", &error))? {
        if imported.tables.contains(&index.table) {
            output::note(&format!("index {} of {}: {}; skipped", index.name, index.table, index.reason));
        }
    }
    Ok(imported)
}

struct Migrate {
    database: Option<String>,
    apply: bool,
    allow_destructive: bool,
    scope: Option<String>,
    interactions: Option<PathBuf>,
    interactive: bool,
    json: bool,
}

async fn migrate_command(
    derived: &Derived,
    args: &Migrate,
    output: &OutputArgs,
) -> Result<ExitCode, Failure> {
    let connection = connect(args.database.clone(), args.apply).await?;
    let live = inspect(&connection, &InspectScope::All)
        .await
        .map_err(|error| Failure::environment("read the database", &error))?;
    let mut options = DiffOptions { scope: scope_of(args.scope.as_deref()), answers: Answers::default() };
    if let Some(path) = &args.interactions {
        options.answers = read_answers(path)?;
        check_answers(&live, &derived.tables, &options).map_err(|error| {
            Failure::command(error.to_string(), "every vanished table needs an answer in the file".to_owned())
        })?;
    } else if args.interactive {
        ask(&live, derived, &mut options)?;
    }
    let mut migration = diff(&live, &derived.tables, &options);
    if args.json {
        // The rows that exist decide whether a step needs a value.
        settle(&connection, &mut migration)
            .await
            .map_err(|error| Failure::environment("read the database", &error))?;
        output::line(&plan_json(&migration).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    if args.apply {
        let plan = migration.plan_all(args.allow_destructive).map_err(|error| {
            Failure::command(error.to_string(), "add --allow-destructive-changes to apply it".to_owned())
        })?;
        if plan.is_empty() {
            output::note("The database is up to date.");
            return Ok(ExitCode::SUCCESS);
        }
        migrate::apply(&connection, &plan, LOCK_TIMEOUT).await.map_err(|error| {
            let next = match &error {
                MigrateError::AfterLabels(_) => "correct the cause and run it again",
                _ => "nothing was changed; correct the cause and run it again",
            };
            Failure::command(error.to_string(), next.to_owned())
        })?;
        output::note(&format!("Applied {}.", plural(plan.statements().count(), "statement")));
        return Ok(ExitCode::SUCCESS);
    }
    if migration.is_empty() {
        output::note("The database is up to date.");
    }
    let differently: Vec<&str> = migration.run_differently().collect();
    if !differently.is_empty() {
        output::note(&format!(
            "note: --apply-to-database runs these steps in another way than the script, which keeps more or takes care of \
             what depends on them: {}",
            differently.join("; ")
        ));
    }
    emit(output, &migration.script(args.allow_destructive).text())
}

/// The plan for programs: what would run, how dangerous it is, what it may be instead.
fn plan_json(migration: &Migration) -> serde_json::Value {
    let class = |class| match class {
        StepClass::Safe => "safe",
        StepClass::NeedsValue => "needs-value",
        StepClass::Question => "question",
        StepClass::Destructive => "destructive",
    };
    let steps: Vec<_> = migration
        .steps
        .iter()
        .map(|step| {
            let statements: Vec<&str> = step.applied.iter().map(|it| it.text.as_str()).collect();
            serde_json::json!({
                "change": step.description,
                "object": step.object.to_string(),
                "class": class(step.class),
                "lock": step.change.lock().to_string(),
                "statements": statements,
            })
        })
        .collect();
    let tables = migration
        .table_proposals
        .iter()
        .map(|it| serde_json::json!({ "old-table": it.old.to_string(), "new-table": it.new.to_string() }));
    let columns = migration.column_proposals.iter().map(|it| {
        serde_json::json!({
            "table": it.table.to_string(), "old-column": it.old.name, "new-column": it.new.name,
        })
    });
    serde_json::json!({
        "steps": steps,
        "possible-renames": { "tables": tables.collect::<Vec<_>>(), "columns": columns.collect::<Vec<_>>() },
    })
}

/// Asks what became of each vanished table: later, drop, or a rename.
fn ask(
    live: &studio_sql::schema::DatabaseSchema,
    derived: &Derived,
    options: &mut DiffOptions,
) -> Result<(), Failure> {
    let migration = diff(live, &derived.tables, options);
    let mut new: Vec<String> = Vec::new();
    let mut vanished: Vec<String> = Vec::new();
    for step in &migration.steps {
        match &step.change {
            Change::CreateTable(table) => new.push(table.name.to_string()),
            Change::DropTable { table, .. } => vanished.push(table.name.to_string()),
            _ => {}
        }
    }
    for old in vanished {
        // The most similar one first (1.16).
        let similarity = |new: &String| {
            let pair = migration
                .table_candidates
                .iter()
                .find(|it| it.old.to_string() == old && it.new.to_string() == *new);
            pair.map_or(0, |it| it.similarity)
        };
        new.sort_by_key(|candidate| std::cmp::Reverse(similarity(candidate)));
        output::note(&format!("The table {old} is not in the model."));
        output::note("  0  leave it for later");
        output::note("  1  drop it, with its data");
        for (index, candidate) in new.iter().enumerate() {
            output::note(&format!("  {}  it is now {candidate}", index + 2));
        }
        match read_number(new.len() + 1)? {
            0 => options.answers.defer_table.push(old),
            1 => options.answers.delete_table.push(old),
            number => {
                let renamed = new.remove(number - 2);
                options.answers.rename_table.push(TableRename { old_table: old, new_table: renamed });
            }
        }
    }
    Ok(())
}

fn read_number(max: usize) -> Result<usize, Failure> {
    loop {
        // The prompt has no line end; standard error may be gone, then the answer still counts.
        let _ = write!(std::io::stderr(), "choice [0]: ");
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .map_err(|error| Failure::environment("read your answer", &error))?;
        match line.trim() {
            "" => return Ok(0),
            text => match text.parse::<usize>() {
                Ok(number) if number <= max => return Ok(number),
                _ => output::note(&format!("type a number from 0 to {max}")),
            },
        }
    }
}

/// Reads a file of answers: that of `--interactions`, or a policy.
pub(crate) fn read_answers(path: &Path) -> Result<Answers, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::environment("read the answers", &format!("{}: {error}", path.display())))?;
    toml::from_str(&text).map_err(|error| {
        Failure::command(
            format!("the answers in {} cannot be read: {error}", path.display()),
            "known keys: rename-table, delete-table, defer-table, and ours: rename-column, delete-column, \
             relax-column, convert-column, delete-other, back-fill, back-fill-per-row"
                .to_owned(),
        )
    })
}

fn scope_of(scope: Option<&str>) -> Scope {
    scope.map_or_else(Scope::default, Scope::parse)
}

/// A connection to the database of the command line or of the environment.
async fn connect(database: Option<String>, writes: bool) -> Result<PooledConnection, Failure> {
    let mode = std::env::var("EXO_ENV").ok().filter(|mode| !mode.is_empty());
    let environment = load_environment(Path::new("."), mode.as_deref()).map_err(|problem| {
        Failure::environment("read the configuration", &problem).help(problem.help.clone())
    })?;
    if writes
        && let Some(value) = environment.get("EXO_POSTGRES_READ_WRITE")
        && matches!(value.to_ascii_lowercase().as_str(), "false" | "0")
    {
        return Err(Failure::usage(
            format!("--apply-to-database contradicts EXO_POSTGRES_READ_WRITE={value}"),
            "unset the variable, or print the statements without --apply-to-database".to_owned(),
        ));
    }
    let url = database
        .or_else(|| environment.get("EXO_POSTGRES_URL").map(str::to_owned))
        .or_else(|| environment.get("DATABASE_URL").map(str::to_owned))
        .ok_or_else(|| {
            Failure::environment("find the database", &"no URL is given")
                .help("use --database postgres://…, or set EXO_POSTGRES_URL")
        })?;
    let target =
        Target::from_url(&url).map_err(|error| Failure::environment("read the database URL", &error))?;
    let mut options = PoolOptions { size: 1, ..PoolOptions::default() };
    options.session.read_only = !writes;
    Pool::new(target, options).get().await.map_err(|error| {
        Failure::environment("reach the database", &error).help("check the URL and that the server is up")
    })
}

/// Writes text to standard output or to a file; an existing file only after a yes.
fn emit(args: &OutputArgs, text: &str) -> Result<ExitCode, Failure> {
    let Some(path) = &args.output else {
        output::write(text);
        return Ok(ExitCode::SUCCESS);
    };
    if path.exists() && !args.yes {
        if !std::io::stdin().is_terminal() {
            return Err(Failure::command(
                format!("`{}` exists", path.display()),
                "add --yes to overwrite it".to_owned(),
            ));
        }
        output::note(&format!("`{}` exists. 1 overwrites it, 0 leaves it.", path.display()));
        if read_number(1)? == 0 {
            return Ok(ExitCode::SUCCESS);
        }
    }
    std::fs::write(path, text).map_err(|error| Failure::environment("write the file", &error))?;
    output::note(&format!("written to {}", path.display()));
    Ok(ExitCode::SUCCESS)
}
