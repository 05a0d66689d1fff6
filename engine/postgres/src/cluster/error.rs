//! Why there is no server, and what the user can do about it.

use std::path::PathBuf;

use super::find::find_server;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Another studio runs this project.
    #[error("another exo-studio{} runs the database of this project", pid.map_or_else(String::new, |pid| format!(" (process {pid})")))]
    Busy {
        /// Process id of its supervisor.
        pid: Option<u32>,
        /// URL of its server, database `postgres`.
        url: Option<String>,
        /// URL of its API, once it listens.
        api: Option<String>,
        /// The folder whose lock it holds.
        state_dir: PathBuf,
    },
    /// The data folder was made by another major version.
    #[error(
        "this project's database was made by Postgres {found}; this studio brings {ours}. Your data is untouched in {}",
        data_dir.display()
    )]
    WrongVersion {
        /// Major version found.
        found: String,
        /// Our major version.
        ours: String,
        /// The untouched folder.
        data_dir: PathBuf,
    },
    /// There are no server programs.
    #[error("no Postgres to start: {message}")]
    NoServer {
        /// What was tried.
        message: String,
    },
    /// A folder cannot be used.
    #[error("{} cannot be used for the database: {message}", dir.display())]
    Unusable {
        /// The folder.
        dir: PathBuf,
        /// The reason.
        message: String,
    },
    /// The disk is full.
    #[error("no space left on the disk of {}", dir.display())]
    DiskFull {
        /// The folder that was written.
        dir: PathBuf,
    },
    /// The server did not come up.
    #[error("Postgres did not start: {message}{}", log.iter().map(|line| format!("\n  {line}")).collect::<String>())]
    Failed {
        /// What happened.
        message: String,
        /// Last lines of the server log.
        log: Vec<String>,
    },
    /// The supervisor process could not be run or did not answer.
    #[error("the process that looks after Postgres failed: {0}")]
    Supervisor(String),
}

impl ClusterError {
    /// What the user can do about it, one sentence.
    pub fn next_step(&self) -> String {
        match self {
            Self::Busy { pid: Some(pid), api: Some(api), .. } => format!(
                "Use the API of the other studio at {api}, or stop it (process {pid}). `exo-studio db` works beside it."
            ),
            Self::Busy { pid: Some(pid), .. } => format!(
                "Stop the other studio (process {pid}), or use it instead of starting a second one. `exo-studio db` works \
                 beside it."
            ),
            Self::Busy { pid: None, state_dir, .. } => {
                format!("Stop the other studio that uses {}.", state_dir.display())
            }
            Self::WrongVersion { found, data_dir, .. } => format!(
                "{} Or set EXO_STUDIO_PG to the program folder of a Postgres {found} to go on with this data as it is; \
                 or rename {} to start empty.",
                match find_server(found) {
                    Some(folder) => format!(
                        "`exo-studio db upgrade` moves the data, with the Postgres {found} in {}, and keeps the old folder.",
                        folder.display()
                    ),
                    None => format!(
                        "No Postgres {found} is installed here: install it, then `exo-studio db upgrade` moves the data \
                         and keeps the old folder (`--server DIR` says where its `postgres` is)."
                    ),
                },
                data_dir.display()
            ),
            Self::NoServer { .. } => "Set EXO_STUDIO_PG to the folder of an installed server's programs (where \
                                      `initdb` and `postgres` are), or EXO_POSTGRES_URL to a running server."
                .to_owned(),
            Self::Unusable { dir, .. } => {
                format!("Make {} a writable folder of the user who runs the studio, or move it away.", dir.display())
            }
            Self::DiskFull { dir } => format!("Free some space on the disk of {} and start again.", dir.display()),
            Self::Failed { .. } => {
                "The log of the server is `.exo/postgres/postgres.log` in the project (see `.exo/where` if it is not \
                 there)."
                    .to_owned()
            }
            Self::Supervisor(_) => "Start the studio again; if it happens again, please report it.".to_owned(),
        }
    }
}
