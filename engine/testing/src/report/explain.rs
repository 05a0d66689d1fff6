//! The explanation of a request: what access control saw, and the SQL that was run.

use std::fmt::Write as _;

use studio_events::{StatementTrace, Trace, plural};

/// The explanation, four spaces in.
pub(super) fn write(trace: &Trace, out: &mut String) {
    let caller = if trace.caller.is_empty() { "anonymous" } else { &trace.caller };
    let _ = writeln!(
        out,
        "    request `{}`, {caller}, {}, {} SQL, {}, {}",
        trace.operation,
        super::text::milliseconds(trace.total.0),
        trace.statements.len(),
        plural(trace.round_trips, "round trip"),
        plural(trace.rows, "row")
    );
    if let Some(cause) = trace.error.as_ref().and_then(|error| error.cause.as_ref()) {
        let _ = writeln!(out, "      cause: {cause}");
    }
    if trace.access.is_empty() {
        let _ = writeln!(out, "      no access rule was asked");
    }
    for note in &trace.access {
        let _ = writeln!(out, "      access  {note}");
    }
    for (index, statement) in trace.statements.iter().enumerate() {
        self::statement(index + 1, statement, out);
    }
}

fn statement(number: usize, statement: &StatementTrace, out: &mut String) {
    let time = super::text::milliseconds(statement.time.0);
    let _ = writeln!(out, "      sql {number}  {time}, {}", plural(statement.rows, "row"));
    for line in statement.text.lines() {
        let _ = writeln!(out, "        {line}");
    }
    for (index, param) in statement.params.iter().enumerate() {
        let value = param.value.as_deref().unwrap_or("NULL");
        let origin = if param.origin.is_empty() { String::new() } else { format!(" · {}", param.origin) };
        let _ = writeln!(out, "        ${} = {value}  ({}{origin})", index + 1, param.ty);
    }
    if let Some(error) = &statement.error {
        let _ = writeln!(out, "        failed: {error}");
    }
}
