//! Laying out and colouring SQL for reading. Display only: what is copied is the text as it was sent.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::text::{clean, width};
use crate::theme::Theme;

/// Kinds of tokens that look different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Keyword,
    Word,
    Literal,
    Param,
    Comment,
    Sign,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    kind: Kind,
    text: String,
    /// White space stood before it.
    spaced: bool,
}

/// A token or what stands between parentheses.
#[derive(Debug)]
enum Node {
    Token(Token),
    Group { spaced: bool, nodes: Vec<Node> },
}

const KEYWORDS: &[&str] = &[
    "all",
    "alter",
    "and",
    "any",
    "as",
    "asc",
    "begin",
    "between",
    "by",
    "cascade",
    "case",
    "check",
    "column",
    "commit",
    "conflict",
    "constraint",
    "create",
    "cross",
    "default",
    "delete",
    "desc",
    "distinct",
    "do",
    "drop",
    "else",
    "end",
    "exists",
    "extension",
    "false",
    "fetch",
    "filter",
    "first",
    "for",
    "foreign",
    "from",
    "full",
    "group",
    "having",
    "if",
    "ilike",
    "in",
    "index",
    "inner",
    "insert",
    "into",
    "is",
    "join",
    "key",
    "last",
    "lateral",
    "left",
    "like",
    "limit",
    "materialized",
    "not",
    "nothing",
    "null",
    "nulls",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "primary",
    "recursive",
    "references",
    "rename",
    "returning",
    "right",
    "rollback",
    "row",
    "schema",
    "select",
    "set",
    "table",
    "then",
    "to",
    "true",
    "type",
    "union",
    "unique",
    "update",
    "using",
    "values",
    "when",
    "where",
    "with",
];

/// Keywords that start a line of their own when a statement is broken.
const CLAUSES: &[&str] = &[
    "select",
    "from",
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "returning",
    "values",
    "set",
    "union",
    "left",
    "inner",
    "cross",
    "join",
    "on",
    "with",
    "insert",
    "update",
    "delete",
    "fetch",
];

fn tokens(sql: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let mut rest = sql;
    let mut spaced = false;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            spaced = true;
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (kind, length) = scan(rest, first);
        let (text, after) = rest.split_at(length);
        out.push(Token { kind, text: clean(text), spaced });
        spaced = false;
        rest = after;
    }
    out
}

/// Kind and length in bytes of the token at the start of `text`.
fn scan(text: &str, first: char) -> (Kind, usize) {
    let until = |pass: fn(char) -> bool, from: usize| {
        text[from..].find(|c: char| !pass(c)).map_or(text.len(), |at| at + from)
    };
    let quoted = |quote: char| {
        let mut chars = text.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
                return at + c.len_utf8();
            }
        }
        text.len()
    };
    if text.starts_with("--") {
        return (Kind::Comment, text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return (Kind::Comment, text.find("*/").map_or(text.len(), |at| at + 2));
    }
    match first {
        '\'' => (Kind::Literal, quoted('\'')),
        '"' => (Kind::Word, quoted('"')),
        '$' if text[1..].starts_with(|c: char| c.is_ascii_digit()) => {
            (Kind::Param, until(|c| c.is_ascii_digit(), 1))
        }
        '0'..='9' => (Kind::Literal, until(|c| c.is_ascii_alphanumeric() || c == '.', 0)),
        c if c.is_alphabetic() || c == '_' => {
            let length = until(|c| c.is_alphanumeric() || c == '_' || c == '$', 0);
            let word = text[..length].to_ascii_lowercase();
            let kind = if KEYWORDS.contains(&word.as_str()) { Kind::Keyword } else { Kind::Word };
            (kind, length)
        }
        '(' | ')' | ',' | ';' | '.' | '[' | ']' => (Kind::Sign, 1),
        _ => {
            let operator =
                |c: char| !c.is_alphanumeric() && !c.is_whitespace() && !"'\"$(),;.[]_".contains(c);
            let length = text.find(|c: char| !operator(c)).unwrap_or(text.len());
            (Kind::Sign, length.max(first.len_utf8()))
        }
    }
}

/// How deep parentheses are laid out; deeper ones stay on one line, so that hostile text cannot exhaust the stack.
const MAX_DEPTH: usize = 60;

fn nodes(tokens: &mut std::vec::IntoIter<Token>, depth: usize) -> Vec<Node> {
    let mut out = Vec::new();
    while let Some(token) = tokens.next() {
        match token.text.as_str() {
            "(" if token.kind == Kind::Sign && depth < MAX_DEPTH => {
                out.push(Node::Group { spaced: token.spaced, nodes: nodes(tokens, depth + 1) });
            }
            ")" if token.kind == Kind::Sign && depth > 0 && depth <= MAX_DEPTH => return out,
            _ => out.push(Node::Token(token)),
        }
    }
    out
}

/// Collects styled lines.
struct Writer {
    theme: Theme,
    columns: usize,
    lines: Vec<Line<'static>>,
    line: Vec<Span<'static>>,
    used: usize,
    indent: usize,
}

impl Writer {
    fn newline(&mut self) {
        if self.used > self.indent || !self.line.is_empty() {
            self.lines.push(Line::from(std::mem::take(&mut self.line)));
        }
        self.used = 0;
    }

    fn put(&mut self, token: &Token) {
        let text = &token.text;
        if self.line.is_empty() {
            self.line.push(Span::raw(" ".repeat(self.indent)));
            self.used = self.indent;
        } else if token.spaced {
            self.line.push(Span::raw(" "));
            self.used += 1;
        }
        let style = match token.kind {
            Kind::Keyword => self.theme.keyword(),
            Kind::Word => Style::new(),
            Kind::Literal => self.theme.literal(),
            Kind::Param => self.theme.param(),
            Kind::Comment | Kind::Sign => self.theme.dim(),
        };
        self.used += width(text);
        self.line.push(Span::styled(text.clone(), style));
    }

    fn sign(&mut self, text: &str, spaced: bool) {
        self.put(&Token { kind: Kind::Sign, text: text.to_owned(), spaced });
    }

    fn flat(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Token(token) => self.put(token),
                Node::Group { spaced, nodes } => {
                    self.sign("(", *spaced);
                    self.flat(nodes);
                    self.sign(")", false);
                }
            }
        }
    }

    fn room(&self) -> usize {
        let used = if self.line.is_empty() { self.indent } else { self.used };
        self.columns.saturating_sub(used)
    }

    /// Writes nodes on one line when they fit, else clause by clause.
    fn write(&mut self, nodes: &[Node]) {
        if flat_width(nodes) <= self.room() {
            return self.flat(nodes);
        }
        let base = self.indent;
        for (position, clause) in clauses(nodes).into_iter().enumerate() {
            if position > 0 {
                self.indent = base;
                self.newline();
            }
            self.clause(clause);
        }
        self.indent = base;
    }

    /// Writes one clause, broken after commas and before AND and OR, two deeper.
    fn clause(&mut self, nodes: &[Node]) {
        let base = self.indent;
        // What follows a key word stands below it, two deeper; a mere list has one indent.
        let leads = matches!(nodes.first(), Some(Node::Token(token)) if token.kind == Kind::Keyword);
        let hanging = if leads { base + 2 } else { base };
        self.indent = hanging;
        let pieces = pieces(nodes);
        for (position, piece) in pieces.into_iter().enumerate() {
            // What starts with a parenthesis may be broken inside, so only its start must fit.
            let starts_with_group = matches!(piece.first(), Some(Node::Group { .. }));
            let size = if starts_with_group { 8 } else { flat_width(piece) };
            let fits = size + usize::from(position > 0) <= self.room();
            if position > 0 && !fits {
                self.newline();
            }
            if position == 0 {
                // The first words of a clause stand at its own indent.
                self.indent = base;
            }
            self.piece(piece);
            self.indent = hanging;
        }
        self.indent = base;
    }

    /// Writes a piece; a group that does not fit is broken inside.
    fn piece(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Token(token) => {
                    if !self.line.is_empty() && width(&token.text) + 1 > self.room() && token.spaced {
                        self.newline();
                    }
                    self.put(token);
                }
                Node::Group { spaced, nodes } if flat_width(nodes) + 2 <= self.room() => {
                    self.sign("(", *spaced);
                    self.flat(nodes);
                    self.sign(")", false);
                }
                Node::Group { spaced, nodes } => {
                    self.sign("(", *spaced);
                    let base = self.indent;
                    self.indent = (base + 2).min(self.columns / 2);
                    self.newline();
                    self.write(nodes);
                    self.indent = base;
                    self.newline();
                    self.sign(")", false);
                }
            }
        }
    }
}

fn flat_width(nodes: &[Node]) -> usize {
    nodes
        .iter()
        .map(|node| match node {
            Node::Token(token) => width(&token.text) + usize::from(token.spaced),
            Node::Group { spaced, nodes } => flat_width(nodes) + 2 + usize::from(*spaced),
        })
        .sum()
}

/// Splits after commas and before AND and OR. Names and values of a JSON object stay together.
fn pieces(nodes: &[Node]) -> Vec<&[Node]> {
    let mut cuts = vec![0];
    for (at, node) in nodes.iter().enumerate() {
        let Node::Token(token) = node else { continue };
        match token.text.to_ascii_lowercase().as_str() {
            "," => cuts.push(at + 1),
            "and" | "or" if at > 0 => cuts.push(at),
            _ => {}
        }
    }
    cuts.push(nodes.len());
    let all: Vec<&[Node]> = cuts.windows(2).filter_map(|cut| nodes.get(cut[0]..cut[1])).collect();
    let is_name = |piece: &[Node]| match piece {
        [Node::Token(name), Node::Token(comma)] => name.text.starts_with('\'') && comma.text == ",",
        _ => false,
    };
    if all.len() % 2 == 1 || !all.iter().step_by(2).all(|piece| is_name(piece)) {
        return all;
    }
    cuts.windows(3).step_by(2).filter_map(|cut| nodes.get(cut[0]..cut[2])).collect()
}

/// Splits at key words that start a clause; `LEFT JOIN`, `INSERT INTO` and the like stay together.
fn clauses(nodes: &[Node]) -> Vec<&[Node]> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut last_was_clause = false;
    for (at, node) in nodes.iter().enumerate() {
        let clause = match node {
            Node::Token(token) if token.kind == Kind::Keyword => {
                CLAUSES.contains(&token.text.to_ascii_lowercase().as_str())
            }
            Node::Token(_) | Node::Group { .. } => false,
        };
        if clause && !last_was_clause && at > start {
            out.push(&nodes[start..at]);
            start = at;
        }
        last_was_clause = clause;
    }
    out.push(&nodes[start..]);
    out
}

/// A statement laid out for `columns`, coloured.
pub(crate) fn pretty(theme: Theme, sql: &str, columns: usize) -> Vec<Line<'static>> {
    let tree = nodes(&mut tokens(sql).into_iter(), 0);
    let columns = columns.max(8);
    let mut writer = Writer { theme, columns, lines: Vec::new(), line: Vec::new(), used: 0, indent: 0 };
    writer.write(&tree);
    writer.newline();
    writer.lines
}

/// One line of a text as it is, coloured.
pub(crate) fn highlight(theme: Theme, text: &str) -> Line<'static> {
    let text = &clean(text);
    let indent = width(text) - width(text.trim_start());
    let mut writer =
        Writer { theme, columns: usize::MAX, lines: Vec::new(), line: Vec::new(), used: 0, indent };
    for token in tokens(text) {
        writer.put(&token);
    }
    Line::from(writer.line)
}

/// The statement with its parameters written into it, to be pasted into psql.
pub(crate) fn with_values(statement: &studio_events::StatementTrace) -> String {
    let mut out = String::new();
    let mut rest = &*statement.text;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (kind, length) = scan(rest, first);
        let (text, after) = rest.split_at(length);
        let number = (kind == Kind::Param).then(|| text[1..].parse::<usize>().ok()).flatten();
        let param = number.and_then(|number| number.checked_sub(1)).and_then(|at| statement.params.get(at));
        match param {
            None => out.push_str(text),
            Some(param) => out.push_str(&literal(param)),
        }
        rest = after;
    }
    out
}

fn literal(param: &studio_events::ParamTrace) -> String {
    let Some(value) = &param.value else { return "NULL".to_owned() };
    let plain = match param.ty.as_str() {
        "int2" | "int4" | "int8" | "float4" | "float8" | "numeric" => {
            value.parse::<f64>().is_ok_and(f64::is_finite)
        }
        "bool" => value == "true" || value == "false",
        _ => false,
    };
    if plain {
        return value.clone();
    }
    let escape = if value.contains('\\') { "E" } else { "" };
    let quoted = value.replace('\\', "\\\\").replace('\'', "''");
    format!("{escape}'{quoted}'::{}", param.ty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use studio_events::{Micros, ParamTrace, StatementTrace};

    fn laid_out(sql: &str, columns: usize) -> Vec<String> {
        pretty(Theme::default(), sql, columns).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_short_statement_stays_on_one_line() {
        assert_eq!(laid_out("SELECT a,  b\nFROM t WHERE x = $1", 80), ["SELECT a, b FROM t WHERE x = $1"]);
    }

    #[test]
    fn a_long_statement_is_broken_at_clauses_and_commas() {
        let sql = "SELECT coalesce(json_agg(json_build_object('id', t.id, 'title', t.title)), '[]')::text \
                   FROM (SELECT * FROM todos WHERE todos.owner_id = $1 AND todos.done = $2 ORDER BY id LIMIT 10) t";
        let lines = laid_out(sql, 60);
        assert!(lines.iter().all(|line| width(line) <= 60), "{lines:#?}");
        assert!(lines.iter().any(|line| line.trim_start().starts_with("WHERE")), "{lines:#?}");
        let squeeze = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(squeeze(&lines.concat()), squeeze(sql));
    }

    #[test]
    fn names_and_values_of_an_object_stay_together() {
        let sql = "SELECT json_build_object('title', \"books\".\"title\", 'format', \"books\".\"format\", 'author', (SELECT \
                   json_build_object('name', \"authors\".\"name\") FROM \"authors\" WHERE \"books\".\"author_id\" = \
                   \"authors\".\"id\")) FROM \"books\"";
        let lines = laid_out(sql, 60);
        assert_eq!(
            lines,
            [
                "SELECT json_build_object(",
                "  'title', \"books\".\"title\", 'format', \"books\".\"format\",",
                "  'author', (",
                "    SELECT json_build_object('name', \"authors\".\"name\")",
                "    FROM \"authors\"",
                "    WHERE \"books\".\"author_id\" = \"authors\".\"id\"",
                "  )",
                ")",
                "FROM \"books\"",
            ]
        );
    }

    #[test]
    fn no_letter_is_lost_at_any_width() {
        let sql = "INSERT INTO \"a b\" (x, y) VALUES ($1, 'it''s -- no comment'), ($3, 4.5) -- end\nRETURNING (((x)))";
        let squeeze = |text: &str| text.split_whitespace().collect::<String>();
        for columns in 0..120 {
            assert_eq!(squeeze(&laid_out(sql, columns).concat()), squeeze(sql), "{columns}");
        }
        for odd in [")", "((", "'", "\"x", "/*", "$", "日本 '語'", &"(".repeat(5000)] {
            let shown = squeeze(&laid_out(odd, 20).concat());
            assert!(shown.contains(&squeeze(odd)), "{odd}");
        }
    }

    #[test]
    fn values_are_written_as_literals() {
        let param = |ty: &str, value: Option<&str>| ParamTrace {
            ty: ty.to_owned(),
            value: value.map(str::to_owned),
            origin: String::new(),
        };
        let statement = StatementTrace {
            text: Arc::from("select '$1', $1, $2, $3, $4"),
            params: vec![
                param("int8", Some("7")),
                param("text", Some("it's \\")),
                param("bool", Some("true")),
                param("uuid", None),
            ],
            rows: 0,
            wait: Micros(0),
            start: Micros(0),
            time: Micros(0),
            send: Micros(0),
            receive: Micros(0),
            round_trip: 1,
            prepared: false,
            error: None,
        };
        assert_eq!(with_values(&statement), "select '$1', 7, E'it''s \\\\'::text, true, NULL");
    }
}
