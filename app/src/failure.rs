//! How a command fails: a message, a next step, an exit code (developer-experience 1.20).

use std::fmt;

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    help: String,
    code: u8,
}

impl Failure {
    /// Wrong arguments: exit code 2.
    pub(crate) fn usage(message: String, help: String) -> Self {
        Self { message, help, code: 2 }
    }

    /// The model does not build: exit code 3. Its problems have been printed.
    pub(crate) fn model(message: String, help: String) -> Self {
        Self { message, help, code: 3 }
    }

    /// Postgres, port, file system: exit code 4.
    pub(crate) fn environment(what: &str, error: &dyn fmt::Display) -> Self {
        Self { message: format!("failed to {what}: {error}"), help: String::new(), code: 4 }
    }

    /// Any other failure of a command: exit code 1.
    pub(crate) fn command(message: String, help: String) -> Self {
        Self { message, help, code: 1 }
    }

    /// Adds what to do next.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// The failure for readers of `--ci --json`: like a report, with `error` in place of tests.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "format": 1,
            "exitCode": self.code,
            "error": { "message": self.message, "help": self.help },
        })
    }

    /// The exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if !self.help.is_empty() {
            write!(f, "\n  next: {}", self.help)?;
        }
        Ok(())
    }
}
