//! The screen of a pseudo terminal, as its user sees it: whole frames only.

use std::collections::VecDeque;
use std::num::NonZero;

/// A program says where a frame begins and ends; between the two the screen is of neither.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// Frames that are remembered.
const FRAMES: usize = 500;

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

/// What was drawn so far.
pub(crate) struct Screen {
    parser: vt100::Parser,
    /// Bytes of a frame that is not whole yet.
    waiting: Vec<u8>,
    in_frame: bool,
    /// Texts of the frames since the last key, the newest last.
    seen: VecDeque<String>,
}

impl Screen {
    /// An empty one; `size` is columns and rows.
    pub(crate) fn new((cols, rows): (u16, u16)) -> Self {
        let parser = vt100::Parser::new(cells(rows), cells(cols), 0);
        Self { parser, waiting: Vec::new(), in_frame: false, seen: VecDeque::new() }
    }

    /// Takes what the program wrote.
    pub(crate) fn process(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
        loop {
            let mark = if self.in_frame { END } else { BEGIN };
            let Some(at) = self.waiting.windows(mark.len()).position(|bytes| bytes == mark) else { break };
            let part: Vec<u8> = self.waiting.drain(..at + mark.len()).collect();
            self.parser.process(&part);
            if self.in_frame {
                self.keep();
            }
            self.in_frame = !self.in_frame;
        }
        if !self.in_frame {
            // A mark may be half read.
            let half = (1..BEGIN.len()).rev().find(|length| self.waiting.ends_with(&BEGIN[..*length]));
            let whole = self.waiting.len() - half.unwrap_or(0);
            let part: Vec<u8> = self.waiting.drain(..whole).collect();
            self.parser.process(&part);
        }
    }

    fn keep(&mut self) {
        if self.seen.len() == FRAMES {
            self.seen.pop_front();
        }
        self.seen.push_back(self.parser.screen().contents());
    }

    /// Forgets the frames before a key.
    pub(crate) fn key(&mut self) {
        self.seen.clear();
    }

    /// Whether a frame since the last key had this text, also when it is gone again.
    pub(crate) fn has_seen(&self, what: &str) -> bool {
        self.seen.iter().any(|frame| frame.contains(what)) || self.text().contains(what)
    }

    /// The whole text.
    pub(crate) fn text(&self) -> String {
        self.now().contents()
    }

    /// The terminal itself.
    pub(crate) fn now(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// Gives it another size, columns and rows. To be done before the program hears of it.
    pub(crate) fn resize(&mut self, (cols, rows): (u16, u16)) {
        self.parser.screen_mut().set_size(cells(rows), cells(cols));
    }
}
