//! Places in sources for places in the code that was made of them.

use super::prelude::OWN;
use crate::bundle::Scripts;

/// Replaces `path:line:column` of generated code by `path:line`; lines about our own prelude are left out.
pub(super) fn source_places(scripts: &Scripts, stack: &str) -> String {
    let lines = stack.lines().filter(|line| !line.contains(OWN) && !line.contains("(native)"));
    let mapped: Vec<String> =
        lines.map(|line| source_place(scripts, line).unwrap_or_else(|| line.to_owned())).collect();
    mapped.join("\n")
}

fn source_place(scripts: &Scripts, line: &str) -> Option<String> {
    let trimmed = line.trim_end().trim_end_matches(')');
    let (rest, column) = trimmed.rsplit_once(':')?;
    let (rest, number) = rest.rsplit_once(':')?;
    let (column, number) = (column.parse().ok()?, number.parse().ok()?);
    let start = rest.rfind(['(', ' ']).map_or(0, |index| index + 1);
    let path = &rest[start..];
    let source = scripts.get(path)?.source_line(number, column);
    let close = if line.trim_end().ends_with(')') { ")" } else { "" };
    Some(format!("{}{path}:{source}{close}", &rest[..start]))
}
