//! End to end: the real binary, real folders, a real database, a real terminal, a real browser.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod browser;
mod ci;
mod disk;
mod harness;
mod lsp;
mod manual;
mod migration;
mod model;
mod new;
mod pty;
mod review;
mod screen;
mod serve;
mod studio;
mod suites;
mod terminal;
mod tidy;
