//! Frames, keys and robustness of the terminal, on sample states.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod fixture;
mod frames;
mod keys;
mod races;
// The same terminal as in the tests of the binary.
#[path = "../../../app/tests/it/screen.rs"]
mod screen;
mod session;
