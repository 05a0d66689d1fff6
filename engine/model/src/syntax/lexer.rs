//! Text to tokens (language.md 1.1, 1.2). Never fails: what it cannot read becomes [`TokenKind::Unknown`].

use super::token::{Token, TokenKind};

/// Something wrong inside a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LexProblem {
    /// What.
    pub kind: LexProblemKind,
    /// First byte of the opening delimiter or of the offending line.
    pub start: u32,
    /// One past it.
    pub end: u32,
}

/// The kinds of lexical problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LexProblemKind {
    UnterminatedString,
    UnterminatedComment,
    /// A line of a doc block does not start with `*`.
    DocLineWithoutStar,
}

/// A plain comment; only the formatter cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comment {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// What the lexer finds in a file.
#[derive(Debug, Default)]
pub struct Lexed {
    /// All tokens, ending with [`TokenKind::Eof`].
    pub tokens: Vec<Token>,
    /// Plain comments in order.
    pub comments: Vec<Comment>,
    /// Problems in order.
    pub problems: Vec<LexProblem>,
}

/// Splits text into tokens.
pub fn lex(text: &str) -> Lexed {
    run(text, false).0
}

/// Splits text into tokens, doc comments apart: each with the index of the token it stands before.
pub(super) fn lex_docs_apart(text: &str) -> (Lexed, Vec<(usize, Token)>) {
    run(text, true)
}

fn run(text: &str, apart: bool) -> (Lexed, Vec<(usize, Token)>) {
    let mut lexer = Lexer {
        bytes: text.as_bytes(),
        at: 0,
        unterminated: false,
        apart,
        docs: Vec::new(),
        out: Lexed::default(),
    };
    lexer.out.tokens.reserve(text.len() / 5);
    lexer.run();
    (lexer.out, lexer.docs)
}

/// Bytes that may follow in a name.
const IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    table
};

/// Tokens of one byte that no longer token starts with.
const SINGLE: [Option<TokenKind>; 256] = {
    let mut table = [None; 256];
    table[b'{' as usize] = Some(TokenKind::LBrace);
    table[b'}' as usize] = Some(TokenKind::RBrace);
    table[b'(' as usize] = Some(TokenKind::LParen);
    table[b')' as usize] = Some(TokenKind::RParen);
    table[b'[' as usize] = Some(TokenKind::LBracket);
    table[b']' as usize] = Some(TokenKind::RBracket);
    table[b':' as usize] = Some(TokenKind::Colon);
    table[b';' as usize] = Some(TokenKind::Semi);
    table[b',' as usize] = Some(TokenKind::Comma);
    table[b'?' as usize] = Some(TokenKind::Question);
    table[b'@' as usize] = Some(TokenKind::At);
    table
};

struct Lexer<'t> {
    bytes: &'t [u8],
    at: usize,
    /// Doc comments go to `docs` rather than among the tokens.
    apart: bool,
    docs: Vec<(usize, Token)>,
    /// A string without an end was met: no later quote can be closed either.
    unterminated: bool,
    out: Lexed,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        self.out.tokens.push(Token { kind, start: start as u32, end: self.at as u32 });
    }

    fn push_doc(&mut self, kind: TokenKind, start: usize) {
        if self.apart {
            let token = Token { kind, start: start as u32, end: self.at as u32 };
            self.docs.push((self.out.tokens.len(), token));
        } else {
            self.push(kind, start);
        }
    }

    fn problem(&mut self, kind: LexProblemKind, start: usize, end: usize) {
        self.out.problems.push(LexProblem { kind, start: start as u32, end: end as u32 });
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|byte| !accept(*byte)).unwrap_or(rest.len());
    }

    fn run(&mut self) {
        if self.bytes.starts_with(b"\xef\xbb\xbf") {
            self.at = 3;
        }
        while let Some(first) = self.bytes.get(self.at).copied() {
            let start = self.at;
            if let Some(kind) = SINGLE[usize::from(first)] {
                self.at += 1;
                self.push(kind, start);
                continue;
            }
            match first {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => {
                    self.take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r'));
                }
                b'A'..=b'Z' | b'a'..=b'z' | b'_' => {
                    self.at += 1;
                    while self.bytes.get(self.at).is_some_and(|byte| IN_NAME[usize::from(*byte)]) {
                        self.at += 1;
                    }
                    self.push(TokenKind::Ident, start);
                }
                b'0'..=b'9' => self.number(start),
                b'-' if self.peek(1).is_ascii_digit() => {
                    self.at += 1;
                    self.number(start);
                }
                b'"' => self.string(start),
                b'\'' => self.quoted(start),
                b'/' if self.peek(1) == b'/' => self.line_comment(start),
                b'/' if self.peek(1) == b'*' => self.block_comment(start),
                byte => self.punctuation(byte, start),
            }
        }
        self.push(TokenKind::Eof, self.at);
    }

    fn number(&mut self, start: usize) {
        self.take_while(|byte| byte.is_ascii_digit());
        if self.peek(0) == b'.' && self.peek(1).is_ascii_digit() {
            self.at += 1;
            self.take_while(|byte| byte.is_ascii_digit());
        }
        if matches!(self.peek(0), b'e' | b'E') {
            let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
            if self.peek(1 + sign).is_ascii_digit() {
                self.at += 1 + sign;
                self.take_while(|byte| byte.is_ascii_digit());
            }
        }
        self.push(TokenKind::Number, start);
    }

    fn string(&mut self, start: usize) {
        self.at += 1;
        while self.at < self.bytes.len() && !self.unterminated {
            match self.bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    self.push(TokenKind::String, start);
                    return;
                }
                b'\\' => self.at = (self.at + 2).min(self.bytes.len()),
                _ => self.at += 1,
            }
        }
        // The rest of the line is most likely what was meant; reading on after it keeps later problems visible.
        self.at = start;
        self.take_while(|byte| byte != b'\n');
        self.push(TokenKind::Unknown, start);
        if !self.unterminated {
            self.problem(LexProblemKind::UnterminatedString, start, start + 1);
        }
        self.unterminated = true;
    }

    /// `'text'` is no string here; one token for all of it makes one problem.
    fn quoted(&mut self, start: usize) {
        self.at += 1;
        self.take_while(|byte| !matches!(byte, b'\'' | b'\n'));
        if self.peek(0) == b'\'' {
            self.at += 1;
        } else {
            self.at = start + 1;
        }
        self.push(TokenKind::Unknown, start);
    }

    fn line_comment(&mut self, start: usize) {
        self.take_while(|byte| byte != b'\n');
        match self.bytes.get(start + 2) {
            Some(b'/') => self.push_doc(TokenKind::Doc, start),
            Some(b'!') => self.push_doc(TokenKind::FileDoc, start),
            _ => self.out.comments.push(Comment { start: start as u32, end: self.at as u32 }),
        }
    }

    /// Whether only blanks stand between `from` and the end of that line.
    fn rest_is_blank(&self, from: usize) -> bool {
        self.bytes[from.min(self.bytes.len())..]
            .iter()
            .take_while(|byte| **byte != b'\n')
            .all(|byte| byte.is_ascii_whitespace())
    }

    fn block_comment(&mut self, start: usize) {
        let kind = match self.peek(2) {
            b'*' if self.peek(3) != b'/' && self.rest_is_blank(start + 3) => Some(TokenKind::Doc),
            b'!' if self.rest_is_blank(start + 3) => Some(TokenKind::FileDoc),
            _ => None,
        };
        match kind {
            Some(kind) => self.doc_block(start, kind),
            None => self.plain_block(start),
        }
    }

    fn plain_block(&mut self, start: usize) {
        let body = &self.bytes[start + 2..];
        match body.windows(2).position(|pair| pair == b"*/") {
            Some(length) => {
                self.at = start + 2 + length + 2;
                self.out.comments.push(Comment { start: start as u32, end: self.at as u32 });
            }
            None => {
                self.at = self.bytes.len();
                self.problem(LexProblemKind::UnterminatedComment, start, start + 2);
            }
        }
    }

    /// Reads the starred lines up to the line that is only `*/`.
    fn doc_block(&mut self, start: usize, kind: TokenKind) {
        let mut warned = false;
        self.take_while(|byte| byte != b'\n');
        while self.at < self.bytes.len() {
            self.at += 1;
            let line = self.at;
            self.take_while(|byte| byte.is_ascii_whitespace() && byte != b'\n');
            let text = self.at;
            if self.bytes[text..].starts_with(b"*/") {
                self.at += 2;
                self.push_doc(kind, start);
                return;
            }
            self.take_while(|byte| byte != b'\n');
            let starred = self.bytes.get(text) == Some(&b'*');
            if !starred && text < self.at && !warned {
                warned = true;
                self.problem(LexProblemKind::DocLineWithoutStar, text, self.at);
                // A closing mark on an unstarred line surely was meant to close the block.
                if let Some(length) = self.bytes[line..self.at].windows(2).position(|pair| pair == b"*/") {
                    self.at = line + length + 2;
                    self.push_doc(kind, start);
                    return;
                }
            }
        }
        self.at = self.bytes.len();
        self.problem(LexProblemKind::UnterminatedComment, start, start + 3);
    }

    fn punctuation(&mut self, byte: u8, start: usize) {
        let next = self.peek(1);
        let (kind, length) = match (byte, next) {
            (b'.', b'.') if self.peek(2) == b'.' => (TokenKind::Ellipsis, 3),
            (b'=', b'=') => (TokenKind::EqEq, 2),
            (b'=', b'>') => (TokenKind::Arrow, 2),
            (b'!', b'=') => (TokenKind::NotEq, 2),
            (b'<', b'=') => (TokenKind::Le, 2),
            (b'>', b'=') => (TokenKind::Ge, 2),
            (b'&', b'&') => (TokenKind::AndAnd, 2),
            (b'|', b'|') => (TokenKind::OrOr, 2),
            (b'<', _) => (TokenKind::Lt, 1),
            (b'>', _) => (TokenKind::Gt, 1),
            (b'.', _) => (TokenKind::Dot, 1),
            (b'=', _) => (TokenKind::Eq, 1),
            (b'/', _) => (TokenKind::Slash, 1),
            (b'!', _) => (TokenKind::Bang, 1),
            _ => (TokenKind::Unknown, 0),
        };
        if length > 0 {
            self.at += length;
        } else {
            self.at += 1;
            // One token for a whole run, never splitting a character.
            self.take_while(|byte| {
                !byte.is_ascii() || matches!(byte, b'#' | b'$' | b'%' | b'^' | b'`' | b'~')
            });
        }
        self.push(kind, start);
    }
}

/// The text of a doc token: delimiters and stars removed, lines trimmed and joined with `\n`.
pub fn doc_text(token: &str) -> String {
    if let Some(line) = token.strip_prefix("///").or_else(|| token.strip_prefix("//!")) {
        return line.trim().to_owned();
    }
    let body = token.get(3..token.len().saturating_sub(2)).unwrap_or_default();
    let mut lines: Vec<&str> = body.split('\n').skip(1).map(str::trim).collect();
    // The last piece is what stands before the closing mark: only blanks.
    lines.pop();
    lines.iter().map(|line| line.strip_prefix('*').unwrap_or(line).trim()).collect::<Vec<_>>().join("\n")
}
