//! Integration tests of the crate, one binary.

#[allow(clippy::unwrap_used, clippy::panic)]
mod planner;
#[allow(clippy::unwrap_used, clippy::panic)]
mod request;
