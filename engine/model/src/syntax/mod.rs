//! Text to syntax tree. Never fails: it returns a tree and the problems it met.

pub mod ast;
pub mod format;
pub mod lexer;
pub mod parser;
pub mod token;

pub use format::format;
pub use parser::parse;
