//! A bound on how deep brackets nest, checked before parsing: the parser is recursive, and its stack is finite.

use crate::error::Position;

/// Brackets of all kinds may nest this deep. The contract's depth limits are far below.
const MAX_NESTING: usize = 200;

/// The place of the first bracket that nests too deep.
pub(super) fn too_deep(text: &str) -> Option<Position> {
    let mut depth = 0;
    let mut rest = text;
    while let Some(at) = rest.find(['{', '[', '(', '}', ']', ')', '"', '#']) {
        let (token, after) = rest[at..].split_at(1);
        rest = match token {
            "{" | "[" | "(" => {
                depth += 1;
                if depth > MAX_NESTING {
                    return Some(position(text, text.len() - after.len() - 1));
                }
                after
            }
            "#" => after.find(['\n', '\r']).map_or("", |end| &after[end..]),
            "\"" => match after.strip_prefix("\"\"") {
                Some(block) => after_block_string(block),
                None => after_string(after),
            },
            _ => {
                depth = depth.saturating_sub(1);
                after
            }
        };
    }
    None
}

/// What follows a string whose opening quote was read. A string without end leaves its first line only, the
/// parser will refuse it.
fn after_string(text: &str) -> &str {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\n' | b'\r' => return &text[at..],
            b'"' if !escaped => return &text[at + 1..],
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    ""
}

fn after_block_string(mut text: &str) -> &str {
    while let Some(at) = text.find("\"\"\"") {
        let is_escaped = text[..at].ends_with('\\');
        text = &text[at + 3..];
        if !is_escaped {
            return text;
        }
    }
    ""
}

fn position(text: &str, at: usize) -> Position {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(too_deep(&nested(MAX_NESTING)), None);
        assert_eq!(
            too_deep(&format!("#é\n {}", nested(MAX_NESTING + 1))),
            Some(Position { line: 2, column: MAX_NESTING + 2 })
        );
        assert!(too_deep(&format!("{{ a }} {}", "{([".repeat(70))).is_some());
    }

    #[test]
    fn strings_and_comments_do_not_count() {
        let brackets = "[".repeat(MAX_NESTING * 2);
        for text in [
            format!("{{ a(x: \"{brackets}\") }}"),
            format!("{{ a(x: \"\\\"{brackets}\\\\\") }}"),
            format!("{{ a(x: \"\"\"\\\"\"\" {brackets}\n \" \"\"\") }}"),
            format!("{{ a # {brackets}\n }}"),
            format!("{{ a(x: \"\", y: \"{brackets}\") }}"),
        ] {
            assert_eq!(too_deep(&text), None, "{text}");
        }
        assert!(too_deep(&format!("\"open\n{brackets}")).is_some());
        assert!(too_deep(&format!("# comment\n{brackets}")).is_some());
    }
}
