//! What `update` wants done outside of the terminal's own state. Values only; see `run` for the doing.

use studio_events::{Command, Problem, TraceId};

/// One thing to do. What comes of it returns as [`crate::Msg::Report`] or as events.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// An order to the engine.
    Send(Command),
    /// Copy text; `what` names it, such as `412 characters of SQL`.
    Copy {
        /// What it is, such as `SQL`.
        what: String,
        /// The text.
        text: String,
    },
    /// Open a file of the project in the editor.
    Edit {
        /// Project-relative or absolute.
        file: String,
        /// 1-based; 0 without.
        line: u32,
        /// 1-based; 0 without.
        column: u32,
    },
    /// Open text in the editor, in a temporary file.
    EditText {
        /// Name for the file.
        name: String,
        /// Its text.
        text: String,
    },
    /// Write a latency budget into `exo.toml`; an empty limit removes it.
    Budget {
        /// Operation it is about.
        operation: String,
        /// Such as `p95 < 10 ms`.
        limit: String,
    },
    /// Apply the fix of a problem.
    Fix(Box<Problem>),
    /// Write a new file into the project.
    Write {
        /// Project-relative.
        file: String,
        /// Its text.
        text: String,
    },
    /// Open an address in a browser, or copy it when there is none.
    Browse(String),
    /// Copy a request as a curl line with a fresh token.
    Curl(TraceId),
    /// Switch between panes and the plain log.
    PlainLog,
    /// Take or leave the mouse.
    Mouse {
        /// Take it.
        on: bool,
    },
    /// Draw every cell again.
    Redraw,
    /// Give the terminal back to the shell until it is resumed.
    Suspend,
    /// Leave.
    Quit,
}

impl Effect {
    /// Whether it changes nothing but the terminal, the clipboard, and files by the user's own editor.
    pub(crate) fn only_looks(&self) -> bool {
        match self {
            Self::Send(command) => command.only_looks(),
            Self::Budget { .. } | Self::Fix(_) | Self::Write { .. } => false,
            Self::Copy { .. }
            | Self::Edit { .. }
            | Self::EditText { .. }
            | Self::Browse(_)
            | Self::Curl(_)
            | Self::PlainLog
            | Self::Mouse { .. }
            | Self::Redraw
            | Self::Suspend
            | Self::Quit => true,
        }
    }
}
