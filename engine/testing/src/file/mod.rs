//! Test files: the grammar of section 2.2 as types. Reading is in `read`, its errors in `error`.

mod error;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use error::{FileError, FileErrorKind};
pub use read::{read, read_file};

use crate::document::Document;

/// A `.exotest`, an `init*.gql` or an invariant file.
#[derive(Debug, Clone)]
pub struct TestFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// How often the whole test is repeated after a failure, 0 to 5.
    pub retries: u32,
    /// Environment of the server under test.
    pub envs: BTreeMap<String, String>,
    /// At least one stage.
    pub stages: Vec<Stage>,
    /// Things that are accepted but probably not meant, with their line.
    pub warnings: Vec<String>,
}

impl TestFile {
    /// Whether any stage (or invariant) sends JSON-RPC.
    pub fn uses_rpc(&self) -> bool {
        self.stages.iter().any(|stage| {
            matches!(stage.operation, Operation::Rpc { .. })
                || stage.invariants.iter().any(TestFile::uses_rpc)
        })
    }
}

/// One request and what is expected of its answer.
#[derive(Debug, Clone)]
pub struct Stage {
    /// 1-based line where the stage starts.
    pub line: usize,
    /// What is sent.
    pub operation: Operation,
    /// GraphQL variables.
    pub variable: Option<ExpressionText>,
    /// JWT claims.
    pub auth: Option<ExpressionText>,
    /// Extra request headers.
    pub headers: Option<ExpressionText>,
    /// JavaScript that the expressions of this stage can use (key `deno`).
    pub prelude: Option<ExpressionText>,
    /// Expected body; without it the body must not contain `errors`.
    pub response: Option<ExpressionText>,
    /// Files whose operations are run before and after this stage.
    pub invariants: Vec<TestFile>,
    /// Names bound to response paths, keys from the response root (rule T5).
    pub bind: Vec<(String, Vec<String>)>,
    /// Expected HTTP status (rule T5).
    pub status: Option<u16>,
    /// Expected response headers, exact values (rule T5).
    pub response_headers: Vec<(String, String)>,
    /// Upper bound for the time of the request in milliseconds (rule T5).
    pub max_ms: Option<u64>,
    /// Exact number of SQL statements (rule T5).
    pub sql_count: Option<u32>,
}

/// What a stage sends.
#[derive(Debug, Clone)]
pub enum Operation {
    /// To `/graphql`.
    GraphQl(Document),
    /// To `/rpc`.
    Rpc {
        /// A JSON-RPC request or a list of requests.
        payload: ExpressionText,
        /// Dotted paths from the response root whose lists are bags.
        unordered: Vec<String>,
    },
}

/// Text of an expression and its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionText {
    /// The text.
    pub text: String,
    /// The file line of its first line.
    pub first_line: usize,
}

impl ExpressionText {
    /// File line of a 1-based line of the text.
    pub fn line(&self, line_in_text: usize) -> usize {
        self.first_line + line_in_text.saturating_sub(1)
    }

    /// File line of a byte offset in the text.
    pub fn line_of_offset(&self, offset: usize) -> usize {
        self.first_line
            + self.text.as_bytes()[..offset.min(self.text.len())].iter().filter(|b| **b == b'\n').count()
    }
}
