//! Token kinds of the language (language.md 1.1).

/// A token: its kind and byte range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// The kinds of token. Keywords are identifiers; the parser knows where they mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum TokenKind {
    Ident,
    Number,
    /// A closed string literal, quotes included.
    String,
    /// A `///` line, or a `/**` block with starred lines.
    Doc,
    /// A `//!` line, or a `/*!` block.
    FileDoc,
    LBrace,
    RBrace,
    LParen,
    RParen,
    Lt,
    Gt,
    LBracket,
    RBracket,
    Colon,
    Semi,
    Comma,
    Dot,
    Ellipsis,
    Question,
    Eq,
    Arrow,
    Slash,
    At,
    Bang,
    AndAnd,
    OrOr,
    EqEq,
    NotEq,
    Le,
    Ge,
    /// Characters no token starts with (a whole run), or an unterminated string.
    Unknown,
    Eof,
}

impl TokenKind {
    /// How messages call it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Ident => "a name",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Doc => "a doc comment",
            Self::FileDoc => "a file comment",
            Self::LBrace => "`{`",
            Self::RBrace => "`}`",
            Self::LParen => "`(`",
            Self::RParen => "`)`",
            Self::Lt => "`<`",
            Self::Gt => "`>`",
            Self::LBracket => "`[`",
            Self::RBracket => "`]`",
            Self::Colon => "`:`",
            Self::Semi => "`;`",
            Self::Comma => "`,`",
            Self::Dot => "`.`",
            Self::Ellipsis => "`...`",
            Self::Question => "`?`",
            Self::Eq => "`=`",
            Self::Arrow => "`=>`",
            Self::Slash => "`/`",
            Self::At => "`@`",
            Self::Bang => "`!`",
            Self::AndAnd => "`&&`",
            Self::OrOr => "`||`",
            Self::EqEq => "`==`",
            Self::NotEq => "`!=`",
            Self::Le => "`<=`",
            Self::Ge => "`>=`",
            Self::Unknown => "unknown text",
            Self::Eof => "the end of the file",
        }
    }
}
