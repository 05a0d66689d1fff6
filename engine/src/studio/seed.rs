//! Fills a new database from `tests/init*`: once, all or nothing.
//!
//! The seeds run in a copy; only when all of them succeeded does the copy take the place of the database.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use studio_events::{EventKind, Micros, Problem, Revision, SchemaEvent, Severity};
use studio_postgres::{Databases, Pool, PoolOptions};
use studio_testing::{Endpoint, HttpReply, Instance, LaboratoryError, StageSettings, Template};

use super::database::Database;
use crate::bus::Bus;
use crate::config::{Authentication, Environment};
use crate::copies::{Copies, NAME};
use crate::derived::Derived;
use crate::project::Project;
use crate::runtime::auth::{random_secret, sign_raw};
use crate::runtime::caller::RequestHead;
use crate::runtime::serving::Serving;
use crate::server::Server;
use crate::server::http::HttpRequest;

/// The copy the seeds run in.
const COPY: &str = "app_seeding";

/// Seeds a database: a fresh one, or any on demand. Returns problems; with any, the database is as it was.
pub(super) async fn seed(
    database: &mut Database,
    project: &Project,
    server: &Server,
    derived: &Derived,
    bus: &Bus,
) -> Vec<Problem> {
    let Some(databases) = database.databases.clone() else { return Vec::new() };
    let files = seed_files(&project.root);
    let started = Instant::now();
    let copies = Copies::new(databases.clone());
    let result = if files.is_empty() {
        copies.note(|meta| meta.seeded = Some(String::new())).await.map_err(|error| error.to_string())
    } else {
        run(database, &databases, &copies, &files, server, derived).await
    };
    match result {
        Ok(()) => {
            database.fresh = false;
            if !files.is_empty() {
                bus.send(EventKind::Schema(SchemaEvent::Seeded {
                    files: files.iter().map(|file| shown(&project.root, file)).collect(),
                    time: Micros(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)),
                }));
            }
            Vec::new()
        }
        Err(error) => vec![problem(&error)],
    }
}

/// The seeds of a project.
pub(super) fn files(project: &Project) -> Vec<PathBuf> {
    seed_files(&project.root)
}

/// `tests/init*.gql` and `tests/init*.sql`, by name.
fn seed_files(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root.join("tests")) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let kind = path.extension().is_some_and(|extension| extension == "gql" || extension == "sql");
            name.starts_with("init") && kind && path.is_file()
        })
        .collect();
    files.sort();
    files
}

fn shown(root: &Path, file: &Path) -> String {
    file.strip_prefix(root).unwrap_or(file).display().to_string()
}

async fn run(
    database: &Database,
    databases: &Databases,
    copies: &Copies,
    files: &[PathBuf],
    server: &Server,
    derived: &Derived,
) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let hash = content_hash(files)?;
    databases.drop(COPY).await.map_err(|error| text(&error))?;
    let pause = database.pause(databases).await?;
    databases.disconnect(NAME).await.map_err(|error| text(&error))?;
    let copied = databases.create(COPY, Some(NAME)).await;
    let seeded = match copied {
        Ok(()) => fill(database, files, server, derived).await,
        Err(error) => Err(error.to_string()),
    };
    let result = match seeded {
        Ok(()) => copies.adopt(COPY, hash).await.map_err(|error| text(&error)),
        Err(error) => {
            // The copy is of no use any more; a left-over is dropped before the next attempt.
            let _ = databases.drop(COPY).await;
            Err(error)
        }
    };
    drop(pause);
    result
}

/// SHA-256 over names and contents, so that a database tells which seeds it was filled from.
fn content_hash(files: &[PathBuf]) -> Result<String, String> {
    let mut hash = Sha256::new();
    for file in files {
        let content = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let name = file.file_name().unwrap_or_default();
        for part in [name.as_encoded_bytes(), &content] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part);
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

async fn fill(
    database: &Database,
    files: &[PathBuf],
    server: &Server,
    derived: &Derived,
) -> Result<(), String> {
    let secret = random_secret();
    let pool = Pool::new(database.target(COPY), PoolOptions { size: 2, ..PoolOptions::default() });
    let hooks = Arc::clone(&server.hooks);
    let mut settings = server.settings.clone();
    settings.authentication = Authentication::Secret(secret.clone());
    settings.graphql_path = "/graphql".to_owned();
    let mut server = Server::new(settings, Arc::new(Environment::default()));
    server.test = Some("seed".to_owned());
    // Seeds are requests like others: they pass the same hooks.
    server.hooks = hooks;
    server.swap(Arc::new(Serving::new(Revision(0), derived, pool.clone())));
    let instance = SeedInstance { server, pool, secret };
    let result = studio_testing::seed(&instance, files, &StageSettings::default()).await;
    instance.pool.close();
    result.map(|_| ()).map_err(|failure| failure.summary())
}

fn problem(error: &str) -> Problem {
    let message = format!("the database was not seeded: {}", error.lines().next().unwrap_or_default());
    let help = "nothing of the seeds was kept; correct tests/init* and save, the seeds run again".to_owned();
    Problem {
        severity: Severity::Error,
        code: "D0003".to_owned(),
        rendered: format!("error[D0003]: {message}\n{error}\n  = help: {help}"),
        message,
        file: "tests".to_owned(),
        line: 0,
        column: 0,
        end_line: 0,
        end_column: 0,
        labels: Vec::new(),
        help: vec![help],
        fix: None,
    }
}

#[derive(Debug)]
struct SeedInstance {
    server: Server,
    pool: Pool,
    secret: String,
}

impl Endpoint for SeedInstance {
    fn post(&self, path: &str, headers: Vec<(String, String)>, body: Vec<u8>) -> BoxFuture<'_, HttpReply> {
        let request = HttpRequest {
            method: "POST".into(),
            path: path.to_owned(),
            head: RequestHead { headers: headers.into(), client_ip: Some(Ipv4Addr::LOCALHOST.into()) },
            body: body.into(),
            ..HttpRequest::default()
        };
        async move {
            let reply = self.server.dispatch(&request).await;
            HttpReply { status: reply.status, body: reply.body.to_vec(), ..HttpReply::default() }
        }
        .boxed()
    }
}

impl Instance for SeedInstance {
    fn sign(&self, claims: &Map<String, Value>) -> Result<String, LaboratoryError> {
        sign_raw(&self.secret, claims).map_err(|error| LaboratoryError::Invalid(error.to_string()))
    }

    fn run_sql<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), LaboratoryError>> {
        async move {
            let connection =
                self.pool.get().await.map_err(|error| LaboratoryError::Environment(error.to_string()))?;
            connection.batch_execute(sql).await.map_err(|error| LaboratoryError::Sql(error.to_string()))
        }
        .boxed()
    }

    fn freeze(self: Box<Self>) -> BoxFuture<'static, Result<Template, LaboratoryError>> {
        async { Err(LaboratoryError::Invalid("a seeded database is no template".to_owned())) }.boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        async move { self.pool.close() }.boxed()
    }
}
