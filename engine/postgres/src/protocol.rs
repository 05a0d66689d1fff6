//! What the supervisor tells the studio: one JSON object a line on its standard output. The studio says
//! nothing back; closing the supervisor's standard input is the order to stop.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Report {
    /// Unpacking the server programs, once per user and version.
    Unpacking,
    /// Making the data folder, once per project.
    CreatingCluster,
    /// The server process is about to start.
    Starting,
    /// The server takes connections.
    Ready(Running),
    /// Another supervisor holds the project's lock.
    Busy {
        /// What its state file says, if it could be read.
        running: Option<Running>,
        /// The folder whose lock is held.
        state_dir: PathBuf,
    },
    /// The data folder was made by another major version.
    WrongVersion {
        /// Major version found.
        found: String,
        /// Our major version.
        ours: String,
        /// The untouched data folder.
        data_dir: PathBuf,
    },
    /// Start was not possible.
    Failed {
        /// Why, for choosing the next step.
        kind: FailureKind,
        /// Text for the user.
        message: String,
        /// The folder it happened in, if any.
        dir: Option<PathBuf>,
        /// Last lines of the server log.
        log: Vec<String>,
    },
    /// The server ended although nobody asked it to.
    Exited {
        /// Exit status in words.
        status: String,
        /// Last lines of the server log.
        log: Vec<String>,
    },
}

/// A running server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Process id of the supervisor.
    pub(crate) supervisor_pid: u32,
    /// Process id of the server.
    pub(crate) postgres_pid: u32,
    /// Folder of the Unix socket.
    pub(crate) socket_dir: PathBuf,
    /// Port, which is part of the socket's name.
    pub(crate) port: u16,
    /// Superuser.
    pub(crate) user: String,
    /// Folder of lock, log and data.
    pub(crate) state_dir: PathBuf,
    /// Folder of the server programs.
    pub(crate) install_dir: PathBuf,
}

/// Classes of start failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureKind {
    /// This binary carries no server and none was named.
    NoServer,
    /// The state or data folder cannot be used.
    Unusable,
    /// No space left.
    DiskFull,
    /// The server did not come up.
    Server,
}
