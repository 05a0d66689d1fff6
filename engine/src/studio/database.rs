//! The database of the interactive studio: the bundled server of the project, or the one a URL names.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use studio_events::{DatabaseEvent, EventKind, Micros};
use studio_postgres::{
    Cluster, ClusterError, ClusterEvent, ClusterExit, Databases, Pause, Pool, PoolOptions, Target,
};

use crate::bus::Bus;
use crate::config::Settings;
use crate::copies::{Copies, Meta, NAME};
use crate::runtime::pool_options;
use crate::upgrade::cluster_config;

/// How long requests under way may take before their connections are closed for a copy.
const PAUSE_LIMIT: Duration = Duration::from_secs(3);

/// A database that takes connections.
#[derive(Debug)]
pub(super) struct Database {
    cluster: Option<Cluster>,
    /// Other databases of the bundled server; `None` for an external one.
    pub(super) databases: Option<Databases>,
    /// Connections of the API.
    pub(super) pool: Pool,
    /// Connections for migrations: always read-write.
    pub(super) owner: Pool,
    target: Target,
    /// Nothing was ever seeded into it.
    pub(super) fresh: bool,
    /// Hash of the model whose steps wait since the last migration was undone.
    pub(super) held: Option<String>,
    /// Whether the studio may change tables without being asked: always on the bundled server.
    pub(super) may_migrate: bool,
}

/// Why there is no database.
#[derive(Debug)]
pub(super) struct DatabaseFailure {
    /// What went wrong and what to do next.
    pub(super) message: String,
    /// Last lines of the server's log.
    pub(super) log: Vec<String>,
    /// The data is of this other major version.
    pub(super) other_version: Option<String>,
    /// There is no space on the disk of this folder.
    pub(super) full_disk: Option<PathBuf>,
}

impl DatabaseFailure {
    fn new(message: String) -> Self {
        Self { message, log: Vec::new(), other_version: None, full_disk: None }
    }
}

/// How the bundled server is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// Survive a power cut.
    pub(super) durable: bool,
    /// Rename data of another major version and start empty.
    pub(super) set_aside: bool,
}

/// Starts or connects, telling the bus how it goes.
pub(super) async fn start(
    root: &Path,
    settings: &Settings,
    wanted: Wanted,
    executable: &Path,
    bus: &Bus,
) -> Result<Database, DatabaseFailure> {
    let started = Instant::now();
    let database = match &settings.database_url {
        Some(url) => connect(url, settings, bus)?,
        None => start_bundled(root, settings, wanted, executable, bus).await?,
    };
    let ready = database.ready(started).await.map_err(|error| {
        let next = match &settings.database_url {
            Some(_) => {
                "check --database-url or EXO_POSTGRES_URL, or leave both out to use the bundled Postgres"
            }
            None => "press r in Services to try again",
        };
        DatabaseFailure::new(format!("{error}; {next}"))
    })?;
    bus.send(ready);
    Ok(database)
}

/// Connects to a database beside the present one, telling nobody; with the fact that it is ready.
pub(super) async fn reach(settings: &Settings, url: &str) -> Result<(Database, EventKind), DatabaseFailure> {
    let started = Instant::now();
    let target = Target::from_url(url).map_err(|error| DatabaseFailure::new(error.to_string()))?;
    let database = external(target, settings);
    let ready = database.ready(started).await.map_err(DatabaseFailure::new)?;
    Ok((database, ready))
}

fn connect(url: &str, settings: &Settings, bus: &Bus) -> Result<Database, DatabaseFailure> {
    bus.send(EventKind::Database(DatabaseEvent::Starting { stage: "connecting".to_owned() }));
    let target = Target::from_url(url).map_err(|error| {
        DatabaseFailure::new(format!("{error}; correct --database-url, EXO_POSTGRES_URL or DATABASE_URL"))
    })?;
    Ok(external(target, settings))
}

fn external(target: Target, settings: &Settings) -> Database {
    let options = pool_options(settings, settings.read_write);
    Database {
        cluster: None,
        databases: None,
        pool: Pool::new(target.clone(), options),
        owner: owner(&target),
        target,
        fresh: false,
        held: None,
        may_migrate: settings.read_write,
    }
}

fn owner(target: &Target) -> Pool {
    Pool::new(target.clone(), PoolOptions { size: 2, ..PoolOptions::default() })
}

async fn start_bundled(
    root: &Path,
    settings: &Settings,
    wanted: Wanted,
    executable: &Path,
    bus: &Bus,
) -> Result<Database, DatabaseFailure> {
    let mut config = cluster_config(root, wanted.durable, executable);
    config.set_aside_other_version = wanted.set_aside;
    let stage = |event: ClusterEvent| {
        let stage = match event {
            ClusterEvent::Unpacking => "unpacking Postgres (once per user)",
            ClusterEvent::CreatingCluster => "creating the project's cluster (once)",
            ClusterEvent::Starting => "starting",
            ClusterEvent::Ready { .. } => return,
        };
        bus.send(EventKind::Database(DatabaseEvent::Starting { stage: stage.to_owned() }));
    };
    let cluster = Cluster::start(config, stage).await.map_err(|error| DatabaseFailure {
        other_version: match &error {
            ClusterError::WrongVersion { found, .. } => Some(found.clone()),
            _ => None,
        },
        full_disk: match &error {
            ClusterError::DiskFull { dir } => Some(dir.clone()),
            _ => None,
        },
        ..DatabaseFailure::new(format!("{error}; {}", error.next_step()))
    })?;
    let failure = |error: &dyn std::fmt::Display| DatabaseFailure::new(error.to_string());
    let databases = cluster.databases();
    let copies = Copies::new(databases.clone());
    copies.recover().await.map_err(|error| failure(&error))?;
    databases.ensure(NAME).await.map_err(|error| failure(&error))?;
    let target = cluster.target(NAME);
    let options = pool_options(settings, true);
    let mut database = Database {
        cluster: Some(cluster),
        databases: Some(databases),
        pool: Pool::new(target.clone(), options),
        owner: owner(&target),
        target,
        fresh: false,
        held: None,
        may_migrate: true,
    };
    database.remember(copies.meta().await.map_err(|error| failure(&error))?);
    Ok(database)
}

impl Database {
    /// Asks it who it is. The fact that it is ready.
    async fn ready(&self, started: Instant) -> Result<EventKind, String> {
        let connection = self.owner.get().await.map_err(|error| error.to_string())?;
        let version = connection.simple_query("SHOW server_version").await;
        let version = version.map_err(|error| error.to_string())?;
        let version = version.into_iter().flatten().flatten().next().unwrap_or_default();
        let kind = match (&self.cluster, self.may_migrate) {
            (Some(_), _) => "bundled",
            (None, true) => "external",
            (None, false) => "external, read-only",
        };
        let directory = self.cluster.as_ref().map(|cluster| cluster.state_dir().display().to_string());
        Ok(EventKind::Database(DatabaseEvent::Ready {
            version: version.split(' ').next().unwrap_or_default().to_owned(),
            url: self.shown_url(),
            time: Micros(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)),
            kind: kind.to_owned(),
            directory: directory.unwrap_or_default(),
        }))
    }

    /// Resolves when the bundled server ends by itself.
    pub(super) fn exited(&self) -> Option<impl Future<Output = ClusterExit> + Send + use<>> {
        self.cluster.as_ref().map(Cluster::exited)
    }

    /// Folder of the bundled server's data.
    pub(super) fn state_dir(&self) -> Option<&Path> {
        self.cluster.as_ref().map(Cluster::state_dir)
    }

    /// Tells a second studio on the project where the API of this one is.
    pub(super) fn announce(&self, url: &str) {
        if let Some(cluster) = &self.cluster {
            cluster.announce(url);
        }
    }

    /// Folder of the bundled server's socket.
    pub(super) fn socket_dir(&self) -> Option<&Path> {
        self.cluster.as_ref().map(Cluster::socket_dir)
    }

    fn shown_url(&self) -> String {
        match &self.cluster {
            Some(cluster) => cluster.url(NAME),
            None => self.target.display(),
        }
    }

    /// Takes over what is known about the database behind the name.
    pub(super) fn remember(&mut self, meta: Meta) {
        self.fresh = meta.seeded.is_none();
        self.held = meta.held;
    }

    /// Closes all our connections; whoever asks for one waits as long as the result lives. Requests under way are
    /// waited for; one that takes too long loses its connection.
    pub(super) async fn pause(&self, databases: &Databases) -> Result<[Pause; 2], String> {
        let both = async |limit| {
            let (api, own) = tokio::join!(self.pool.pause(limit), self.owner.pause(limit));
            Some([api?, own?])
        };
        if let Some(paused) = both(PAUSE_LIMIT).await {
            return Ok(paused);
        }
        databases.disconnect(NAME).await.map_err(|error| error.to_string())?;
        both(PAUSE_LIMIT).await.ok_or_else(|| "the database is busy; try again".to_owned())
    }

    /// Stops the bundled server; closes connections to an external one.
    pub(super) async fn stop(self) {
        self.pool.close();
        self.owner.close();
        if let Some(databases) = &self.databases {
            databases.close();
        }
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }

    /// A target for another database of the same server.
    pub(super) fn target(&self, name: &str) -> Target {
        self.target.with_database(name)
    }
}
