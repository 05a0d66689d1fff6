//! The database of the interactive studio: the bundled server of the project, or the one a URL names.

use std::future::Future;
use std::path::Path;
use std::time::Instant;

use studio_events::{DatabaseEvent, EventKind, Micros};
use studio_postgres::{
    Cluster, ClusterConfig, ClusterEvent, ClusterExit, ClusterKind, Databases, Pool, PoolOptions, Target,
};

use crate::bus::Bus;
use crate::config::Settings;
use crate::runtime::pool_options;

/// Name of the project's database on the bundled server.
pub(super) const NAME: &str = "app";

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
    options: PoolOptions,
    target: Target,
    /// Nothing was ever seeded into it.
    pub(super) fresh: bool,
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
}

/// Starts or connects, telling the bus how it goes.
pub(super) async fn start(
    root: &Path,
    settings: &Settings,
    durable: bool,
    executable: &Path,
    bus: &Bus,
) -> Result<Database, DatabaseFailure> {
    let started = Instant::now();
    let database = match &settings.database_url {
        Some(url) => connect(url, settings, bus)?,
        None => start_bundled(root, settings, durable, executable, bus).await?,
    };
    let failure = |message: String| DatabaseFailure { message, log: Vec::new() };
    let connection = database.owner.get().await.map_err(|error| {
        let next = match &settings.database_url {
            Some(_) => "check EXO_POSTGRES_URL, or unset it to use the bundled Postgres",
            None => "press r in Services to try again",
        };
        failure(format!("{error}; {next}"))
    })?;
    let version = connection.simple_query("SHOW server_version").await;
    let version = version.map_err(|error| failure(error.to_string()))?;
    let version = version.into_iter().flatten().flatten().next().unwrap_or_default();
    drop(connection);
    bus.send(EventKind::Database(DatabaseEvent::Ready {
        version: version.split(' ').next().unwrap_or_default().to_owned(),
        url: database.shown_url(),
        time: Micros(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)),
        kind: if database.cluster.is_some() { "bundled" } else { "external" }.to_owned(),
        directory: database
            .cluster
            .as_ref()
            .map(|cluster| cluster.state_dir().display().to_string())
            .unwrap_or_default(),
    }));
    Ok(database)
}

fn connect(url: &str, settings: &Settings, bus: &Bus) -> Result<Database, DatabaseFailure> {
    bus.send(EventKind::Database(DatabaseEvent::Starting { stage: "connecting".to_owned() }));
    let target = Target::from_url(url).map_err(|error| DatabaseFailure {
        message: format!("{error}; correct EXO_POSTGRES_URL (or DATABASE_URL)"),
        log: Vec::new(),
    })?;
    let options = pool_options(settings, settings.read_write);
    Ok(Database {
        cluster: None,
        databases: None,
        pool: Pool::new(target.clone(), options.clone()),
        owner: owner(&target),
        options,
        target,
        fresh: false,
        may_migrate: settings.read_write,
    })
}

fn owner(target: &Target) -> Pool {
    Pool::new(target.clone(), PoolOptions { size: 2, ..PoolOptions::default() })
}

async fn start_bundled(
    root: &Path,
    settings: &Settings,
    durable: bool,
    executable: &Path,
    bus: &Bus,
) -> Result<Database, DatabaseFailure> {
    let mut config = ClusterConfig::new(ClusterKind::Project { dir: root.to_owned(), durable });
    config.supervisor = vec![executable.as_os_str().to_owned(), "__postgres".into()];
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
        message: format!("{error}; {}", error.next_step()),
        log: Vec::new(),
    })?;
    let failure =
        |error: &dyn std::fmt::Display| DatabaseFailure { message: error.to_string(), log: Vec::new() };
    let databases = cluster.databases();
    databases.ensure(NAME).await.map_err(|error| failure(&error))?;
    let target = cluster.target(NAME);
    let options = pool_options(settings, true);
    let mut database = Database {
        cluster: Some(cluster),
        databases: Some(databases),
        pool: Pool::new(target.clone(), options.clone()),
        owner: owner(&target),
        options,
        target,
        fresh: false,
        may_migrate: true,
    };
    database.fresh = !database.was_seeded().await.map_err(|error| failure(&error))?;
    Ok(database)
}

impl Database {
    /// Resolves when the bundled server ends by itself.
    pub(super) fn exited(&self) -> Option<impl Future<Output = ClusterExit> + Send + use<>> {
        self.cluster.as_ref().map(Cluster::exited)
    }

    fn shown_url(&self) -> String {
        match &self.cluster {
            Some(cluster) => cluster.url(NAME),
            None => self.target.display(),
        }
    }

    /// Whether seeds were run into the database. Kept as a comment on it, so that it travels with copies and
    /// needs no table of ours.
    async fn was_seeded(&self) -> Result<bool, String> {
        let connection = self.owner.get().await.map_err(|error| error.to_string())?;
        let sql = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()";
        let rows = connection.simple_query(sql).await.map_err(|error| error.to_string())?;
        Ok(rows.into_iter().flatten().flatten().any(|comment| comment.starts_with("exo-studio: seeded")))
    }

    /// Connections of the API made anew, after the database behind the name was replaced.
    pub(super) fn reconnect(&mut self) {
        self.pool = Pool::new(self.target.clone(), self.options.clone());
        self.owner = owner(&self.target);
    }

    /// Closes all our connections and waits until the server has noticed.
    pub(super) async fn disconnect(&self, databases: &Databases) -> Result<(), String> {
        self.pool.close();
        self.owner.close();
        databases.disconnect(NAME).await.map_err(|error| error.to_string())
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
