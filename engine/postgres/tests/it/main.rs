//! Tests against real servers. Every test has folders and a server of its own, so they run in parallel.

mod cluster;
mod inspect;
mod lanes;
#[allow(clippy::panic)]
mod property;
mod proxy;
#[path = "../../../sql/tests/it/random.rs"]
mod random;
#[allow(clippy::unwrap_used, clippy::panic)]
mod requests;
mod support;
mod tls;
mod wire;
