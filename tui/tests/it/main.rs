//! Frames, keys and robustness of the terminal, on sample states.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod fixture;
mod frames;
mod keys;
mod session;
