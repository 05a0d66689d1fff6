//! The border between the test runner and whatever runs a project: traits only.
//!
//! The runner knows files, expressions, comparison and scheduling; it knows no database, no model and
//! no router. The engine implements these traits with its in-process router (the same code path as
//! HTTP) and with template databases; the tests of this crate implement them in memory.
//!
//! Life of the databases of one run:
//!
//! 1. [`Laboratory::prepare`] compiles the project once and makes a migrated, empty template.
//! 2. For a seed set that several tests share, the runner takes one [`PreparedProject::instantiate`],
//!    runs the seeds through it and turns it into a [`Template`] with [`Instance::freeze`].
//! 3. Every test gets its own [`Instance`] cloned from that template (or from the empty one), and
//!    closes it when it is done, whatever happened.
//! 4. [`PreparedProject::close`] drops the templates.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use studio_events::{AccessCoverage, Trace};

/// What a `POST` gave back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HttpReply {
    /// HTTP status code.
    pub status: u16,
    /// Response headers in order; names in any case; `set-cookie` may repeat.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// Number of SQL statements the request sent to the database, when the endpoint counts them
    /// (needed by `sqlCount` assertions only).
    pub sql_count: Option<u32>,
    /// The recorded trace of this request, when there is one; carried into the report.
    pub trace: Option<Arc<Trace>>,
}

/// One running project, reachable without a socket but through the same code path as HTTP.
pub trait Endpoint: Send + Sync {
    /// Sends a `POST` with a JSON body to `path` (`/graphql` or `/rpc`) from client address 127.0.0.1.
    /// A failing request is a reply with an error status, never a missing reply.
    fn post(&self, path: &str, headers: Vec<(String, String)>, body: Vec<u8>) -> BoxFuture<'_, HttpReply>;
}

/// An [`Endpoint`] with a database of its own, made for one test (or to run the seeds of a template).
pub trait Instance: Endpoint {
    /// Signs JWT claims with the random secret of this instance (HS256) and returns the token. `iat`
    /// and `exp` are in the claims already.
    fn sign(&self, claims: &Map<String, Value>) -> Result<String, LaboratoryError>;

    /// The claims of a persona of the project (`auth: @anna`); `None` when there is no such persona.
    fn persona(&self, _name: &str) -> Option<Map<String, Value>> {
        None
    }

    /// Names of the personas, for messages.
    fn personas(&self) -> Vec<String> {
        Vec::new()
    }

    /// Runs the text of an `init*.sql` file (possibly many statements) directly on the database.
    fn run_sql<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), LaboratoryError>>;

    /// Whether nothing happened here that a next test could notice: no write, no call of code, no state
    /// outside of the answers. Such an instance serves another test with the same seeds and settings
    /// instead of being dropped and cloned again. The safe answer is `false`.
    fn is_reusable(&self) -> bool {
        false
    }

    /// Closes every connection and keeps the database as a template to clone from.
    fn freeze(self: Box<Self>) -> BoxFuture<'static, Result<Template, LaboratoryError>>;

    /// Closes every connection and drops the database. Always called, also after a cancelled test.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Name of a kept database that instances are cloned from; only meaningful to the laboratory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template(pub String);

/// What a new instance needs.
#[derive(Debug, Clone, Default)]
pub struct InstanceSpec {
    /// Readable name for logs and for deriving a database name: the test's name, or the seed set's.
    pub name: String,
    /// The complete environment the server of this instance sees: the test file's `envs`, nothing else
    /// (introspection on, read-write on, pool size 1, UTC, random secret unless named here).
    pub env: BTreeMap<String, String>,
    /// Whether JSON-RPC is needed. `env` wins when it says otherwise.
    pub rpc: bool,
    /// Clone of this template; `None` means of the empty migrated database.
    pub template: Option<Template>,
}

/// A compiled project with its empty template database.
pub trait PreparedProject: Send + Sync {
    /// A new instance with its own database.
    fn instantiate(&self, spec: InstanceSpec) -> BoxFuture<'_, Result<Box<dyn Instance>, LaboratoryError>>;

    /// The project's GraphQL schema as SDL, for snapshot checks (section 2.7).
    fn sdl(&self) -> Result<String, LaboratoryError>;

    /// What the requests of all instances so far saw of the access rules; `None` when nobody recorded it.
    fn access_coverage(&self) -> Option<AccessCoverage> {
        None
    }

    /// Drops every template of this project. Called once, after the last instance was closed.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Makes databases and routers for tests.
pub trait Laboratory: Send + Sync {
    /// Compiles the project in `project` (the directory that holds `src/index.exo`) and prepares its
    /// empty database. `tests/build*.sh` scripts were already run.
    fn prepare<'a>(
        &'a self,
        project: &'a Path,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedProject>, PrepareError>>;
}

/// Why a project cannot be tested at all.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PrepareError {
    /// The model does not build. The text holds the rendered diagnostics. Exit code 3.
    #[error("the model does not build\n{0}")]
    Model(String),
    /// Postgres, a port, the file system or a similar thing is not usable. Exit code 4.
    #[error("{0}")]
    Environment(String),
}

/// Why one database or one instance is not usable. Exit code 4 when the environment is at fault.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LaboratoryError {
    /// Postgres, a port, the file system or a similar thing is not usable.
    #[error("{0}")]
    Environment(String),
    /// The SQL text of a seed was refused by the database.
    #[error("{0}")]
    Sql(String),
    /// Something the test asked for is wrong (a bad `EXO_*` value in `envs`, claims that cannot be signed).
    #[error("{0}")]
    Invalid(String),
}
