//! The terminal of exo-studio: panes, key map, line printer.
//!
//! [`run`] draws what the watch channel publishes and sends [`studio_events::Command`]s; it knows nothing of the
//! engine. [`plain`] prints the same facts as lines. Drawing is a pure function of [`Ui`] and the state.

mod action;
mod clipboard;
mod config;
mod curl;
mod editor;
mod effect;
mod files;
mod input;
mod mailbox;
pub mod manual;
mod overlay;
mod pane;
mod perform;
pub mod plain;
mod prompt;
pub mod recording;
mod run;
mod sql;
mod start_page;
mod terminal;
mod text;
mod theme;
mod ui;
mod update;
mod view;

pub use action::{Action, ActionInfo, Pane, Scope, actions};
pub use config::{ColorLevel, Exit, Explain, Record, Recorder, Sign, TokenSigner, TuiConfig, TuiError};
pub use effect::Effect;
pub use run::run;
pub use start_page::{OtherStudio, Wish, ask_about};
pub use terminal::{has_terminal, restore as restore_terminal};
pub use ui::Ui;
pub use update::Msg;
pub use view::view;
