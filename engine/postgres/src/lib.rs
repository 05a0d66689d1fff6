//! studio-postgres: the bundled Postgres, and how the studio talks to any Postgres.
//!
//! * [`bundle`]: the server programs and the empty cluster inside this binary, and unpacking them.
//! * [`cluster`]: a running server of our own, from the side of the studio.
//! * [`supervisor`]: the process between the studio and its server; it owns the lock and the server.
//! * [`target`]: which database to talk to: a URL or a cluster, with its TLS settings.
//! * [`pool`], [`wire`]: connections, and short reads that share them; every parameter and every result travels as text.
//! * [`databases`]: create, clone, drop and list databases of a server.
//! * [`disk`]: space that is left.
//! * [`inspect`]: the schema of a live database as data.
//! * [`migrate`]: running a migration somebody agreed to.
//!
//! This crate executes SQL that others made; it makes none but for databases and sessions.

pub mod bundle;
pub mod cluster;
pub mod databases;
pub mod disk;
pub mod inspect;
mod lanes;
pub mod migrate;
pub mod pool;
mod process;
mod protocol;
pub mod supervisor;
pub mod target;
mod tls;
pub mod wire;

pub use cluster::{
    Cluster, ClusterConfig, ClusterError, ClusterEvent, ClusterExit, ClusterKind, RunningServer, find_server,
};
pub use databases::{DatabaseError, DatabaseInfo, Databases};
pub use lanes::Pace;
pub use pool::{Listening, Pause, Pool, PoolError, PoolOptions, PooledConnection, ReadError};
pub use supervisor::supervisor_main;
pub use target::{Target, TargetError};
pub use tokio_postgres::types::Type;
pub use wire::{
    Connection, DbError, Rows, SessionOptions, TextParam, Timed, Times, Transaction, TransactionMode,
};
