//! Measuring and cutting text in terminal columns. Text of users is made safe here: no control character ever
//! reaches the terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
pub(crate) use studio_events::plural;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Replaces tabs by spaces and other control characters by a visible sign.
pub(crate) fn clean(text: &str) -> String {
    if !text.chars().any(|c| c.is_control() || is_bidi(c)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            '\n' => out.push(' '),
            '\r' => {}
            c if c.is_control() || is_bidi(c) => out.push('·'),
            c => out.push(c),
        }
    }
    out
}

/// Characters that reorder what follows; a terminal that obeys them would show a lie.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The longest start of a text that fits, with `…` when something was cut.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    let text = clean(text);
    if width(&text) <= columns {
        return text;
    }
    if columns == 0 {
        return String::new();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > columns - 1 {
            break;
        }
        used += wide;
        out.push(c);
    }
    out.push('…');
    out
}

/// Cut or padded on the right to exactly `columns`.
pub(crate) fn left(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    let used = width(&out);
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(used)));
    out
}

/// Cut or padded on the left to exactly `columns`.
pub(crate) fn right(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let mut out = " ".repeat(columns.saturating_sub(width(&text)));
    out.push_str(&text);
    out
}

/// Breaks running text at spaces into lines of at most `columns`; a longer word is broken hard.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in clean(text).split(' ') {
        let mut word = word.to_owned();
        if !line.is_empty() && width(&line) + 1 + width(&word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        while width(&line) + width(&word) > columns {
            let room = columns.saturating_sub(width(&line)).max(1);
            let mut used = 0;
            let split = word
                .char_indices()
                .find(|(_, c)| {
                    used += c.width().unwrap_or(0);
                    used > room
                })
                .map_or(word.len(), |(at, _)| at);
            // A character wider than the line is left out rather than looped over for ever.
            let rest = if split == 0 { word.chars().skip(1).collect() } else { word.split_off(split) };
            if split == 0 {
                word.clear();
            }
            line.push_str(&word);
            lines.push(std::mem::take(&mut line));
            word = rest;
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

/// Milliseconds with as many digits as are worth reading.
pub(crate) fn millis(micros: studio_events::Micros) -> String {
    let ms = micros.as_millis_f64();
    if ms < 10.0 { format!("{ms:.2}") } else { format!("{ms:.1}") }
}

/// Milliseconds with one digit.
pub(crate) fn tenths(micros: studio_events::Micros) -> String {
    format!("{:.1}", micros.as_millis_f64())
}

/// A span of time in the largest fitting unit.
pub(crate) fn age(micros: studio_events::Micros) -> String {
    let seconds = micros.0 / 1_000_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A size in bytes.
pub(crate) fn bytes(count: u64) -> String {
    if count < 1000 { format!("{count} B") } else { format!("{:.1} kB", count as f64 / 1000.0) }
}

/// Draws one line, cut to the width of the area; nothing when the row is outside.
pub(crate) fn put(buffer: &mut Buffer, area: Rect, row: u16, line: &Line<'_>) {
    if row >= area.height || area.width == 0 {
        return;
    }
    let mut x = area.x;
    let end = area.x.saturating_add(area.width);
    let total: usize = line.spans.iter().map(|span| width(&span.content)).sum();
    let overflow = total > usize::from(area.width);
    for span in &line.spans {
        let room = usize::from(end.saturating_sub(x));
        if room == 0 {
            break;
        }
        let text = clean(&span.content);
        let fits = width(&text) <= room && !(overflow && width(&text) == room);
        let text = if fits { text } else { cut_marked(&text, room) };
        let (next, _) =
            buffer.set_stringn(x, area.y.saturating_add(row), &text, room, line.style.patch(span.style));
        x = next;
        if !fits {
            break;
        }
    }
}

/// Like [`cut`], but marks the cut even when the text itself would just fit.
fn cut_marked(text: &str, columns: usize) -> String {
    if width(text) > columns {
        return cut(text, columns);
    }
    let mut out = cut(&format!("{text}  "), columns);
    if !out.ends_with('…') {
        out.push('…');
    }
    out
}

/// The rows of a buffer as text, without spaces at their ends.
pub(crate) fn rows(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    let row = |y: u16| {
        let mut text = String::new();
        let mut x = area.x;
        while x < area.right() {
            let symbol = buffer[(x, y)].symbol();
            text.push_str(symbol);
            // The cell after a wide character is its second half.
            x += u16::try_from(width(symbol)).unwrap_or(1).max(1);
        }
        text.truncate(text.trim_end().len());
        text
    };
    (area.y..area.bottom()).map(row).collect()
}

/// A line of styled parts.
pub(crate) fn line<'a>(parts: impl IntoIterator<Item = (String, Style)>) -> Line<'a> {
    Line::from(parts.into_iter().map(|(text, style)| Span::styled(text, style)).collect::<Vec<_>>())
}

/// A line of one style.
pub(crate) fn plain<'a>(text: impl Into<String>) -> Line<'a> {
    Line::from(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_respects_wide_characters_and_controls() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("a\u{1b}[31mb", 20), "a·[31mb");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(left("ab", 4), "ab  ");
        assert_eq!(right("ab", 4), "  ab");
        assert_eq!(width(&left("日本語", 4)), 4);
    }

    #[test]
    fn wrapping_keeps_every_letter() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
        for columns in 1..9 {
            let text = "日本 word longer-word x";
            assert!(wrap(text, columns).iter().all(|line| width(line) <= columns.max(2)));
        }
    }

    #[test]
    fn a_cut_line_says_so() {
        let area = Rect::new(0, 0, 6, 1);
        let mut buffer = Buffer::empty(area);
        put(&mut buffer, area, 0, &line([("abc".into(), Style::new()), ("defgh".into(), Style::new())]));
        assert_eq!(buffer, Buffer::with_lines(["abcde…"]));
        put(&mut buffer, area, 5, &plain("out of range"));
    }
}
