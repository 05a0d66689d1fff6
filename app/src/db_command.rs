//! `exo-studio db …`: the project's own database, beside a running studio or without one.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use studio_engine::bus::now;
use studio_engine::copies::{BY_HAND, Copies, CopyError, CopyRequest, NAME};
use studio_engine::dump::dump;
use studio_engine::project::Project;
use studio_engine::studio::control;
use studio_engine::upgrade::{self, UpgradeError};
use studio_events::{CopySummary, EventKind, SchemaEvent, StudioEvent, plural};
use studio_postgres::{
    Cluster, ClusterConfig, ClusterKind, Databases, Pool, PoolOptions, PooledConnection, RunningServer,
    Target,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::cli::{DbArgs, DbCommand};
use crate::failure::Failure;
use crate::output;
use crate::studio::open;

/// Runs one of the database commands.
pub(crate) async fn run(args: DbArgs) -> Result<ExitCode, Failure> {
    let project = open(&args.dir)?;
    if let DbCommand::Upgrade { server } = args.command {
        return upgrade(&project, server).await;
    }
    let server = Server::reach(&project).await?;
    let result = command(&project, &server, args.command).await;
    server.leave().await;
    result
}

/// The project's server: one that a studio runs, or one of our own for as long as this command takes.
enum Server {
    Running(RunningServer),
    Own(Box<Cluster>),
}

impl Server {
    async fn reach(project: &Project) -> Result<Self, Failure> {
        if let Some(running) = RunningServer::find(&project.root) {
            return Ok(Self::Running(running));
        }
        let kind = ClusterKind::Project { dir: project.root.clone(), durable: false };
        let cluster = Cluster::start(ClusterConfig::new(kind), |_| {}).await.map_err(|error| {
            Failure::environment("start the project's database", &error).help(error.next_step())
        })?;
        let databases = cluster.databases();
        let copies = Copies::new(databases.clone());
        let failed =
            |error: &dyn std::fmt::Display| Failure::environment("open the project's database", error);
        copies.recover().await.map_err(|error| failed(&error))?;
        databases.ensure(NAME).await.map_err(|error| failed(&error))?;
        Ok(Self::Own(Box::new(cluster)))
    }

    fn target(&self, database: &str) -> Target {
        match self {
            Self::Running(server) => server.target(database),
            Self::Own(cluster) => cluster.target(database),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Running(server) => server.url(NAME),
            Self::Own(cluster) => cluster.url(NAME),
        }
    }

    fn databases(&self) -> Databases {
        match self {
            Self::Running(server) => Databases::new(server.target("postgres")),
            Self::Own(cluster) => cluster.databases(),
        }
    }

    async fn connection(&self) -> Result<PooledConnection, Failure> {
        let options = PoolOptions { size: 1, ..PoolOptions::default() };
        let pool = Pool::new(self.target(NAME), options);
        pool.get().await.map_err(|error| Failure::environment("reach the database", &error))
    }

    async fn leave(self) {
        if let Self::Own(cluster) = self {
            cluster.stop().await;
        }
    }
}

async fn command(project: &Project, server: &Server, command: DbCommand) -> Result<ExitCode, Failure> {
    match command {
        DbCommand::Url => {
            output::line(&server.url());
            if matches!(server, Server::Own(_)) {
                output::note("no studio runs, so nothing answers there until one does");
            }
        }
        DbCommand::List { json } => {
            let copies =
                Copies::new(server.databases()).list().await.map_err(|error| copy_failure(&error))?;
            list(&copies, json);
        }
        DbCommand::Snapshot { name } => {
            change(project, server, Change::Make(name)).await?;
        }
        DbCommand::Restore { name } => change(project, server, Change::Restore(name)).await?,
        DbCommand::Undo => change(project, server, Change::Undo).await?,
        DbCommand::Reset => change(project, server, Change::Reset).await?,
        DbCommand::Drop { name } => change(project, server, Change::Drop(name)).await?,
        DbCommand::Seed => change(project, server, Change::Seed).await?,
        // Done before: there is no server to reach.
        DbCommand::Upgrade { .. } => {}
        DbCommand::Psql { command } => return psql(server, command).await,
        DbCommand::Load { file } => {
            let sql = read(&file)?;
            let connection = server.connection().await?;
            let batch = format!("BEGIN;\n{sql}\n;COMMIT;");
            if let Err(error) = connection.batch_execute(&batch).await {
                // The transaction is over with the connection in any case.
                let _ = connection.batch_execute("ROLLBACK").await;
                let next = "nothing was changed; correct the file and load it again".to_owned();
                return Err(Failure::command(format!("{}: {error}", file.display()), next));
            }
            output::note(&format!("loaded {}", file.display()));
        }
        DbCommand::Dump { output: path, data_only } => {
            let connection = server.connection().await?;
            let failed = |error: &dyn std::fmt::Display| Failure::environment("write the dump", error);
            let dumped = match &path {
                Some(path) => {
                    let file = std::fs::File::create(path).map_err(|error| failed(&error))?;
                    let mut file = std::io::BufWriter::new(file);
                    dump(&connection, data_only, &mut file).await
                }
                None => dump(&connection, data_only, &mut output::Standard).await,
            };
            let dumped = dumped.map_err(|error| failed(&error))?;
            output::note(&format!("{}, {}", plural(dumped.tables, "table"), plural(dumped.rows, "row")));
            if !dumped.left_out.is_empty() {
                output::note(&format!("not in the dump: {}", dumped.left_out.join(", ")));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Moves the data of another major version.
async fn upgrade(project: &Project, server: Option<PathBuf>) -> Result<ExitCode, Failure> {
    if let Some(running) = RunningServer::find(&project.root) {
        return Err(Failure::command(
            "a studio runs on this project".to_owned(),
            format!(
                "stop it (process {}); its data fits the bundled Postgres already",
                running.supervisor_id()
            ),
        ));
    }
    let config = || ClusterConfig::new(ClusterKind::Project { dir: project.root.clone(), durable: false });
    let moved = upgrade::upgrade(&project.root, server, config, output::note).await.map_err(|error| match error {
        UpgradeError::NothingToDo(_) => Failure::command(error.to_string(), "start the studio".to_owned()),
        UpgradeError::NoServer(ref version) => Failure::environment("move the data", &error).help(format!(
            "install Postgres {version}, or name the folder of its programs with --server; the data stays as it is"
        )),
        error => Failure::environment("move the data", &error),
    })?;
    output::note(&format!(
        "moved from Postgres {}: {}, {}",
        moved.from,
        plural(moved.dumped.tables, "table"),
        plural(moved.dumped.rows, "row")
    ));
    if !moved.dumped.left_out.is_empty() {
        output::note(&format!("not moved: {}", moved.dumped.left_out.join(", ")));
    }
    if !moved.copies.is_empty() {
        output::note(&format!("copies that stay in the old folder: {}", moved.copies.join(", ")));
    }
    let (kept, script) = (moved.kept.display(), moved.script.display());
    output::note(&format!(
        "the old data is kept in {kept}, the dump is {script}; remove both when all is well"
    ));
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        Failure::environment("read the file", &format!("{}: {error}", file.display()))
    };
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(failed)
}

fn list(copies: &[CopySummary], json: bool) {
    if json {
        output::line(&serde_json::to_string(copies).unwrap_or_default());
        return;
    }
    if copies.is_empty() {
        output::note("there are no copies; `exo-studio db snapshot` makes one");
    }
    let width = copies.iter().map(|copy| copy.name.len()).max().unwrap_or(0);
    for copy in copies {
        let age = age(now().0.saturating_sub(copy.at.0) / 1_000_000);
        let megabytes = copy.bytes.div_ceil(1_000_000);
        let undo = if copy.undo { "  ← undo" } else { "" };
        output::line(&format!("{:<width$}  {age:>8}  {megabytes:>6} MB  {}{undo}", copy.name, copy.reason));
    }
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

enum Change {
    Make(Option<String>),
    Restore(String),
    Undo,
    Reset,
    Drop(String),
    Seed,
}

fn copy_failure(error: &CopyError) -> Failure {
    match error {
        CopyError::Database(error) => Failure::environment("change the copies", error),
        other => Failure::command(other.to_string(), "exo-studio db list".to_owned()),
    }
}

async fn change(project: &Project, server: &Server, change: Change) -> Result<(), Failure> {
    match server {
        Server::Running(running) => ask_studio(running, &change).await,
        Server::Own(_) => alone(project, server, change).await,
    }
}

/// Without a studio nobody else uses the database.
async fn alone(project: &Project, server: &Server, change: Change) -> Result<(), Failure> {
    let started = Instant::now();
    let copies = Copies::new(server.databases());
    let request = |name, automatic, reason| CopyRequest {
        name,
        automatic,
        reason,
        revision: None,
        undo: false,
        at: now(),
    };
    let failed = |error: CopyError| copy_failure(&error);
    let ms = || started.elapsed().as_millis();
    match change {
        Change::Make(name) => {
            let wanted = name.as_deref().unwrap_or("copy");
            let copy = copies.make(request(wanted, name.is_none(), BY_HAND)).await.map_err(failed)?;
            output::line(&copy.name);
            let megabytes = copy.bytes.div_ceil(1_000_000);
            output::note(&format!("copy `{}` made in {} ms ({megabytes} MB)", copy.name, ms()));
        }
        Change::Restore(name) => {
            let request = request("before-restore", true, "before restore");
            let kept = copies.restore(&name, request).await.map_err(failed)?;
            output::note(&format!("copy `{name}` restored in {} ms; what was there is copy `{kept}`", ms()));
        }
        Change::Undo => {
            // The newest model waits then until it changes or its steps are applied by order.
            let held = project.build().ok().and_then(|build| build.ir).map(|ir| ir.hash().to_string());
            let request = request("before-undo", true, "before undo");
            let (copy, kept) = copies.undo(held, request).await.map_err(failed)?;
            output::note(&format!(
                "the last migration is undone: copy `{copy}` restored in {} ms; what was there is copy `{kept}`",
                ms()
            ));
        }
        Change::Reset => {
            let request = request("before-reset", true, "before reset");
            let kept = copies.reset(request).await.map_err(failed)?;
            output::note(&format!(
                "the database is empty after {} ms; what was there is copy `{kept}`. The next start of the studio creates \
                 the tables and runs the seeds",
                ms()
            ));
        }
        Change::Drop(name) => {
            copies.drop(&name).await.map_err(failed)?;
            output::note(&format!("copy `{name}` removed"));
        }
        Change::Seed => {
            copies.note(|meta| meta.seeded = None).await.map_err(failed)?;
            output::note("the next start of the studio runs the seeds");
        }
    }
    Ok(())
}

/// The running studio does it: it holds its requests back meanwhile.
async fn ask_studio(running: &RunningServer, change: &Change) -> Result<(), Failure> {
    let order = match change {
        Change::Make(name) => serde_json::json!({ "do": "copy", "name": name }),
        Change::Restore(name) => serde_json::json!({ "do": "restore", "name": name }),
        Change::Undo => serde_json::json!({ "do": "undo" }),
        Change::Reset => serde_json::json!({ "do": "reset" }),
        Change::Drop(name) => serde_json::json!({ "do": "drop-copy", "name": name }),
        Change::Seed => serde_json::json!({ "do": "seed" }),
    };
    let pid = running.supervisor_id();
    let lost = |error: &dyn std::fmt::Display| {
        Failure::environment("talk to the running studio", error)
            .help(format!("stop it (process {pid}) and run the command again"))
    };
    let path = control::socket(running.socket_dir());
    let stream = tokio::net::UnixStream::connect(&path).await.map_err(|error| lost(&error))?;
    let (read, mut write) = stream.into_split();
    write.write_all(format!("{order}\n").as_bytes()).await.map_err(|error| lost(&error))?;
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await.map_err(|error| lost(&error))? {
        if let Ok(StudioEvent { kind, .. }) = serde_json::from_str(&line) {
            if let Some(done) = outcome(change, kind) {
                return done;
            }
        } else if let Some(error) = refusal(&line) {
            return Err(Failure::command(error, "exo-studio db list".to_owned()));
        }
    }
    Err(lost(&"it stopped meanwhile"))
}

fn refusal(line: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(value.get("error")?.as_str()?.to_owned())
}

/// Whether an event ends the wait.
fn outcome(change: &Change, kind: EventKind) -> Option<Result<(), Failure>> {
    let EventKind::Schema(event) = kind else { return None };
    match (change, event) {
        (_, SchemaEvent::Refused { order, reason }) => {
            Some(Err(Failure::command(format!("{order}: {reason}"), "exo-studio db list".to_owned())))
        }
        (Change::Make(_), SchemaEvent::Copied { name, bytes, time }) => {
            output::line(&name);
            let (ms, megabytes) = (time.as_millis_f64(), bytes.div_ceil(1_000_000));
            output::note(&format!("copy `{name}` made by the running studio in {ms:.0} ms ({megabytes} MB)"));
            Some(Ok(()))
        }
        (
            Change::Restore(_) | Change::Undo | Change::Reset,
            SchemaEvent::Restored { from, kept, time, .. },
        ) => {
            let ms = time.as_millis_f64();
            output::note(&format!(
                "the running studio has `{from}` in {ms:.0} ms; what was there is copy `{kept}`"
            ));
            Some(Ok(()))
        }
        (Change::Drop(name), SchemaEvent::Copies(_)) => {
            output::note(&format!("copy `{name}` removed"));
            Some(Ok(()))
        }
        (Change::Seed, SchemaEvent::Seeded { files, time }) => {
            output::note(&format!("seeded from {} in {:.0} ms", files.join(", "), time.as_millis_f64()));
            Some(Ok(()))
        }
        _ => None,
    }
}

/// The real client where there is one, else statements from the command line or standard input, with plain results.
async fn psql(server: &Server, command: Option<String>) -> Result<ExitCode, Failure> {
    let client = command.is_none().then(|| find_program("psql")).flatten();
    if let (Some(client), Server::Running(_)) = (&client, server) {
        let error = std::process::Command::new(client).arg(server.url()).exec();
        return Err(Failure::environment("run psql", &error));
    }
    if let Some(client) = client {
        let status = std::process::Command::new(client).arg(server.url()).status();
        let status = status.map_err(|error| Failure::environment("run psql", &error))?;
        return Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)));
    }
    let sql = match command {
        Some(sql) => sql,
        None => {
            output::note("psql is not installed: type statements, end with Ctrl-D");
            read(Path::new("-"))?
        }
    };
    let connection = server.connection().await?;
    let rows = connection.simple_query(&sql).await.map_err(|error| {
        Failure::command(error.to_string(), "correct the statement and run it again".to_owned())
    })?;
    for row in rows {
        let cells: Vec<String> = row.into_iter().map(|cell| cell.unwrap_or_default()).collect();
        output::line(&cells.join("\t"));
    }
    Ok(ExitCode::SUCCESS)
}

fn find_program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
