//! The record of one request (developer-experience 5.3).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::access::AccessCheck;
use crate::time::{Micros, Revision, Timestamp};

/// Identity of a trace: random, shown as six hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceId(pub u32);

impl TraceId {
    /// Reads what [`Display`](std::fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u32::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:06x}", self.0 & 0x00ff_ffff)
    }
}

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Surface {
    /// `POST /graphql`.
    #[default]
    Graphql,
    /// The same, from the playground page.
    Playground,
    /// JSON-RPC.
    Rpc,
    /// A test, by name.
    Test(String),
    /// Seeding.
    Seed,
}

/// Kinds of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TraceKind {
    /// A query.
    #[default]
    Query,
    /// A mutation.
    Mutation,
    /// Only introspection fields.
    Introspection,
    /// It did not get as far as an operation.
    Invalid,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trace {
    /// Identity.
    pub id: TraceId,
    /// When it arrived.
    pub at: Timestamp,
    /// Revision that answered.
    pub revision: Revision,
    /// Where it came from.
    pub surface: Surface,
    /// What it was.
    pub kind: TraceKind,
    /// Operation name, or the first root field.
    pub operation: String,
    /// Active persona or a digest of the claims; empty for anonymous.
    pub caller: String,
    /// Document text as sent.
    pub document: Arc<str>,
    /// Variables as sent, JSON text; empty without.
    pub variables: Arc<str>,
    /// HTTP status.
    pub status: u16,
    /// From first byte read to last byte written.
    pub total: Micros,
    /// Timed parts in order; they add up to `total` with [`PhaseKind::Other`].
    pub phases: Vec<Phase>,
    /// SQL statements in order.
    pub statements: Vec<StatementTrace>,
    /// Network round trips to the database.
    pub round_trips: u32,
    /// Rows read from the database by statements that yield rows.
    pub rows: u64,
    /// Size of the response body in bytes.
    pub response_bytes: u64,
    /// The error, if it failed.
    pub error: Option<TraceError>,
    /// What access control saw and said, per rule touched.
    pub access: Vec<AccessCheck>,
}

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceError {
    /// What the client read.
    pub message: String,
    /// What really happened; never sent to the client.
    pub cause: Option<String>,
    /// Access control said no.
    pub denied: bool,
}

/// The timed parts of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhaseKind {
    /// Reading and decoding the body.
    Read,
    /// Parsing the document.
    Parse,
    /// Coercing the variables.
    Coerce,
    /// Choosing the operation and checking it against the schema, with the values in the document.
    Validate,
    /// Access rules.
    Access,
    /// Making SQL.
    Plan,
    /// Hooks.
    Hook,
    /// Waiting for a connection.
    Pool,
    /// Everything else spent on SQL.
    Sql,
    /// Building the body.
    Encode,
    /// The remainder, shown and not hidden.
    Other,
}

impl PhaseKind {
    /// Lower-case name as shown in the waterfall.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Parse => "parse",
            Self::Coerce => "coerce",
            Self::Validate => "validate",
            Self::Access => "access",
            Self::Plan => "plan",
            Self::Hook => "hook",
            Self::Pool => "pool",
            Self::Sql => "sql",
            Self::Encode => "encode",
            Self::Other => "other",
        }
    }
}

/// One timed part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Which part.
    pub kind: PhaseKind,
    /// Offset from the start of the request.
    pub start: Micros,
    /// How long it took.
    pub time: Micros,
    /// A word such as `document cache hit`; empty without.
    pub note: String,
}

/// One SQL statement of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementTrace {
    /// SQL text.
    pub text: Arc<str>,
    /// Parameters in order.
    pub params: Vec<ParamTrace>,
    /// Rows returned.
    pub rows: u64,
    /// Waiting for a pool connection (first statement only).
    pub wait: Micros,
    /// Offset of its turn from the start of the request: when it was sent, or when the answer of the one before it in
    /// the same round trip was complete.
    #[serde(default)]
    pub start: Micros,
    /// From its turn to the last row.
    pub time: Micros,
    /// How much of `time` passed before it was handed over to the connection.
    #[serde(default)]
    pub send: Micros,
    /// How much of `time` passed between the first byte of the answer and the last row.
    #[serde(default)]
    pub receive: Micros,
    /// The round trip it travelled in, counted from 1: statements with the same number were sent together.
    pub round_trip: u32,
    /// Whether a cached prepared statement was used.
    pub prepared: bool,
    /// Database error, if it failed.
    pub error: Option<String>,
}

impl StatementTrace {
    /// The rest of its time: the database at work, and the way there and back.
    pub fn database(&self) -> Micros {
        Micros(self.time.0.saturating_sub(self.send.0).saturating_sub(self.receive.0))
    }
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParamTrace {
    /// Postgres type.
    pub ty: String,
    /// Value as text; `None` is NULL.
    pub value: Option<String>,
    /// Where it came from, such as `variable $done`, `AuthContext.id`.
    pub origin: String,
}
