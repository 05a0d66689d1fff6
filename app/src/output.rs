//! The one place that writes to standard output and standard error.

use std::io::Write;

/// Prints a line on standard output. A closed pipe ends the program quietly, as users of `head` expect.
pub(crate) fn line(text: &str) {
    write(&format!("{text}\n"));
}

/// Prints text on standard output as it is.
pub(crate) fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints a line on standard error.
pub(crate) fn note(text: &str) {
    // Nothing can be done when standard error is gone.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes text on standard error as it is, for a progress line.
pub(crate) fn progress(text: &str) {
    let mut out = std::io::stderr().lock();
    // Nothing can be done when standard error is gone.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Standard output as a writer, for long texts. A closed pipe ends the program quietly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standard;

impl Write for Standard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match std::io::stdout().lock().write(bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
            other => other,
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stdout().lock().flush()
    }
}
