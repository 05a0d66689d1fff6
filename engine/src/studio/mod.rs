//! The interactive loop: watching, building, migrating, serving.

pub mod watch;
