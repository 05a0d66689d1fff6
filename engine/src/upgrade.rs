//! Moves the data of a project from another major version of Postgres to this one: a dump by a server of the old version, a
//! load by the new one. The old folder stays.

use std::path::{Path, PathBuf};

use studio_postgres::{
    Cluster, ClusterConfig, ClusterError, ClusterKind, DatabaseError, DbError, Pool, PoolError, PoolOptions,
    find_server,
};

use crate::copies::{Copies, CopyError, NAME};
use crate::dump::{DumpError, Dumped, dump};

/// What was moved.
#[derive(Debug)]
pub struct Upgraded {
    /// Major version the data was of.
    pub from: String,
    /// What the dump holds, and what it does not.
    pub dumped: Dumped,
    /// Names of the copies that stay behind in the old folder.
    pub copies: Vec<String>,
    /// The old data, untouched.
    pub kept: PathBuf,
    /// The dump.
    pub script: PathBuf,
}

/// Why nothing was moved. The data is where it was.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// The data fits the bundled server already.
    #[error(
        "the data of this project is of Postgres {0}, which this studio brings: there is nothing to move"
    )]
    NothingToDo(String),
    /// No server of the old version.
    #[error("the data of this project is of Postgres {0}, and no server of that version is installed here")]
    NoServer(String),
    /// A server did not start.
    #[error("{0}; {next}", next = .0.next_step())]
    Cluster(#[from] ClusterError),
    /// The old data could not be read.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The new server refused what the old one had.
    #[error("the new server refused the data: {error}; the old data is in place again, and the dump is {}", script.display())]
    Refused {
        /// Its words.
        error: DbError,
        /// The dump.
        script: PathBuf,
    },
    /// A server went away.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// Databases could not be made or described.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// What is known about the database could not be taken along.
    #[error(transparent)]
    Copies(#[from] CopyError),
    /// A file or folder.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> UpgradeError + use<'_> {
    move |error| UpgradeError::Io { path: path.to_owned(), error }
}

/// Moves the data. `server` is the folder of the programs of the old version; without it one is looked for. `config` makes
/// the configuration of the project's cluster; `say` hears what is being done.
///
/// # Errors
/// [`UpgradeError`]; the data is where it was then.
pub async fn upgrade(
    root: &Path,
    server: Option<PathBuf>,
    config: impl Fn() -> ClusterConfig,
    say: impl Fn(&str),
) -> Result<Upgraded, UpgradeError> {
    let bundled = || ClusterConfig { server: None, set_aside_other_version: false, ..config() };
    let (found, data) = match Cluster::start(bundled(), |_| {}).await {
        Err(ClusterError::WrongVersion { found, data_dir, .. }) => (found, data_dir),
        Err(error) => return Err(error.into()),
        Ok(cluster) => {
            let version = cluster.databases().server_version().await?;
            cluster.stop().await;
            return Err(UpgradeError::NothingToDo(version));
        }
    };
    let server =
        server.or_else(|| find_server(&found)).ok_or_else(|| UpgradeError::NoServer(found.clone()))?;
    say(&format!("reading the data with Postgres {found} of {}", server.display()));
    let old = Cluster::start(ClusterConfig { server: Some(server), ..bundled() }, |_| {}).await?;
    let script = root.join(".exo").join(format!("postgres-{found}.sql"));
    let read = read(&old, &script).await;
    old.stop().await;
    let (dumped, meta, copies) = read?;

    let kept = aside(&data, &found)?;
    std::fs::rename(&data, &kept).map_err(io(&data))?;
    say("writing it with the bundled Postgres");
    let written = write(&bundled(), &script, meta).await;
    if let Err(error) = written {
        // What was begun is of no use; the old data takes its place again.
        std::fs::remove_dir_all(&data).map_err(io(&data))?;
        std::fs::rename(&kept, &data).map_err(io(&kept))?;
        return Err(error);
    }
    Ok(Upgraded { from: found, dumped, copies, kept, script })
}

/// A free name beside the data folder.
fn aside(data: &Path, version: &str) -> Result<PathBuf, UpgradeError> {
    let named = |number: u32| {
        let mut name = data.as_os_str().to_owned();
        name.push(format!(".{version}-{number}"));
        PathBuf::from(name)
    };
    let free = (1..10_000).map(named).find(|path| !path.exists());
    free.ok_or_else(|| io(data)(std::io::ErrorKind::AlreadyExists.into()))
}

type Read = (Dumped, crate::copies::Meta, Vec<String>);

async fn read(old: &Cluster, script: &Path) -> Result<Read, UpgradeError> {
    let copies = Copies::new(old.databases());
    copies.recover().await?;
    old.databases().ensure(NAME).await?;
    let pool = Pool::new(old.target(NAME), PoolOptions { size: 1, ..PoolOptions::default() });
    let connection = pool.get().await?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(script).map_err(io(script))?);
    let dumped = dump(&connection, false, &mut file).await?;
    drop(connection);
    pool.close();
    let names = copies.list().await?.into_iter().map(|copy| copy.name).collect();
    Ok((dumped, copies.meta().await?, names))
}

async fn write(config: &ClusterConfig, script: &Path, meta: crate::copies::Meta) -> Result<(), UpgradeError> {
    let text = std::fs::read_to_string(script).map_err(io(script))?;
    let new = Cluster::start(config.clone(), |_| {}).await?;
    let done = load(&new, &text, script, meta).await;
    new.stop().await;
    done
}

async fn load(
    new: &Cluster,
    text: &str,
    script: &Path,
    meta: crate::copies::Meta,
) -> Result<(), UpgradeError> {
    new.databases().ensure(NAME).await?;
    let pool = Pool::new(new.target(NAME), PoolOptions { size: 1, ..PoolOptions::default() });
    let loaded = pool.get().await?.batch_execute(&format!("BEGIN;\n{text}\n;COMMIT;")).await;
    pool.close();
    loaded.map_err(|error| UpgradeError::Refused { error, script: script.to_owned() })?;
    Copies::new(new.databases()).note(|known| *known = meta).await?;
    Ok(())
}

/// The configuration of a project's cluster whose supervisor is this program.
pub fn cluster_config(root: &Path, durable: bool, executable: &Path) -> ClusterConfig {
    let kind = ClusterKind::Project { dir: root.to_owned(), durable };
    let mut config = ClusterConfig::new(kind);
    config.supervisor = vec![executable.as_os_str().to_owned(), "__postgres".into()];
    config
}
