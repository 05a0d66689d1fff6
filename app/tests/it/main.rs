//! End to end: the real binary, real folders, a real database, a real terminal, a real browser.

mod browser;
mod ci;
mod harness;
mod new;
mod serve;
mod studio;
mod terminal;
mod tidy;
