//! Actions: the one table that feeds key map, hint bar, key help, palette and the manual page.

mod key;
mod keymap;
mod table;

pub(crate) use key::Key;
pub(crate) use keymap::{Keymap, Lookup};
pub(crate) use table::info;
pub use table::{Action, ActionInfo, Pane, Scope, actions};
