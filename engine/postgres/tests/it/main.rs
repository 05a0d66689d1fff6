//! Tests against real servers. Every test has folders and a server of its own, so they run in parallel.

mod cluster;
mod support;
mod wire;
