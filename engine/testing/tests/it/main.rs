//! The runner against an in-memory laboratory: one fixture per row of section 2.

mod fake;
mod runs;
