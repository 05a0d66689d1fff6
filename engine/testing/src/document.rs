//! GraphQL documents of a stage: finds `@bind` and `@unordered`, cuts them out of the text and computes
//! the response paths they stand for (section 2.3).
//!
//! A tokenizer finds the directives (so two of them on one line, or the words inside strings and comments,
//! are no problem). A small tolerant reader of selection sets finds their paths: a document with a syntax
//! error is still sent as it is, because a test may be about that error.

use std::collections::{BTreeSet, HashMap, HashSet};

/// Nesting of selection sets the path reader follows.
const MAX_DEPTH: usize = 256;

/// The number of paths one document may mark; a bound against fragment explosions.
const MAX_PATHS: usize = 10_000;

/// A document without the test directives, and what they said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// The text that is sent: each test directive is cut, everything else is unchanged.
    pub text: String,
    /// The bindings, in document order.
    pub binds: Vec<Bind>,
    /// Dotted response paths (from the root, so starting with `data`) whose lists are bags.
    pub unordered: BTreeSet<String>,
}

/// `@bind(name: "…")` on a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Name below `$`.
    pub name: String,
    /// Keys from the response root, starting with `data`; list indexes are not part of it.
    pub path: Vec<String>,
}

/// A test directive that is written wrongly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DocumentError {
    /// What is wrong.
    pub message: String,
    /// 1-based line in the document.
    pub line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenKind {
    Name,
    Punctuator,
    String,
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: TokenKind,
    text: &'a str,
    start: usize,
}

impl Token<'_> {
    fn is(&self, punctuator: &str) -> bool {
        self.kind == TokenKind::Punctuator && self.text == punctuator
    }

    fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// A test directive at its place in the token list.
#[derive(Debug, Clone)]
enum Mark {
    Bind(String),
    Unordered,
}

/// Cuts the test directives out of a document and finds their paths.
pub fn read(text: &str) -> Result<Document, DocumentError> {
    let tokens = tokenize(text);
    let (cuts, marks, rest) = find_marks(text, &tokens)?;
    if cuts.is_empty() {
        return Ok(Document { text: text.to_owned(), ..Document::default() });
    }
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for (start, end) in &cuts {
        kept.push_str(&text[at..*start]);
        // A directive over several lines leaves its line breaks, so that later lines keep their numbers.
        kept.extend(text[*start..*end].chars().filter(|c| *c == '\n'));
        at = *end;
    }
    kept.push_str(&text[at..]);

    let mut reader = Reader { tokens: &rest, at: 0, marks: &marks, fragments: HashMap::new(), used: 0 };
    let operations = reader.definitions();
    let Some(operations) = operations.filter(|_| reader.used == marks.len()) else {
        let line = text[..cuts[0].0].matches('\n').count() + 1;
        let message =
            "`@bind` and `@unordered` need a document whose selections can be read, and stand on fields";
        return Err(DocumentError { message: message.to_owned(), line });
    };
    let mut document = Document { text: kept, ..Document::default() };
    let mut walk = Walk {
        fragments: &reader.fragments,
        open: HashSet::new(),
        path: vec!["data".to_owned()],
        budget: MAX_PATHS,
    };
    for selections in &operations {
        walk.visit(selections, &mut document);
    }
    Ok(document)
}

fn tokenize(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let kind = match bytes[at] {
            b'#' => {
                while at < bytes.len() && bytes[at] != b'\n' && bytes[at] != b'\r' {
                    at += 1;
                }
                continue;
            }
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                at += 1;
                continue;
            }
            b'"' if bytes[at..].starts_with(b"\"\"\"") => {
                at += 3;
                loop {
                    if at >= bytes.len() {
                        break;
                    } else if bytes[at..].starts_with(b"\\\"\"\"") {
                        at += 4;
                    } else if bytes[at..].starts_with(b"\"\"\"") {
                        at += 3;
                        break;
                    } else {
                        at += 1;
                    }
                }
                TokenKind::String
            }
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'\n' {
                    match bytes[at] {
                        b'\\' => at += 2,
                        b'"' => {
                            at += 1;
                            break;
                        }
                        _ => at += 1,
                    }
                }
                at = at.min(bytes.len());
                while !text.is_char_boundary(at) {
                    at += 1;
                }
                TokenKind::String
            }
            b'.' if bytes[at..].starts_with(b"...") => {
                at += 3;
                TokenKind::Punctuator
            }
            b if b.is_ascii_punctuation() && b != b'_' => {
                at += 1;
                TokenKind::Punctuator
            }
            b if b.is_ascii_alphabetic() || b == b'_' => {
                while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_') {
                    at += 1;
                }
                TokenKind::Name
            }
            _ => {
                // A number, or a character GraphQL does not know; only its extent matters.
                at += 1;
                while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] >= 0x80) {
                    at += 1;
                }
                TokenKind::Other
            }
        };
        tokens.push(Token { kind, text: &text[start..at], start });
    }
    tokens
}

/// Places to cut, marks by the index (in the rest) of the token they follow, and the remaining tokens.
type Found<'a> = (Vec<(usize, usize)>, Vec<(usize, Mark)>, Vec<Token<'a>>);

fn find_marks<'a>(text: &str, tokens: &[Token<'a>]) -> Result<Found<'a>, DocumentError> {
    let mut cuts = Vec::new();
    let mut marks = Vec::new();
    let mut rest: Vec<Token<'a>> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let token = tokens[at];
        let name = tokens.get(at + 1).filter(|name| token.is("@") && name.kind == TokenKind::Name);
        match name.map(|name| name.text) {
            Some("unordered") => {
                cuts.push((token.start, tokens[at + 1].end()));
                marks.push((rest.len(), Mark::Unordered));
                at += 2;
            }
            Some("bind") => {
                let close = bind_end(tokens, at + 2);
                let argument = close.map(|close| &tokens[at + 2..=close]);
                let (Some(close), Some([open, key, colon, value, end])) = (close, argument) else {
                    return Err(bind_error(text, token.start));
                };
                let literal = (value.kind == TokenKind::String).then(|| bind_name(value.text)).flatten();
                let shape = open.is("(") && key.text == "name" && colon.is(":") && end.is(")");
                let Some(literal) = literal.filter(|_| shape) else {
                    return Err(bind_error(text, token.start));
                };
                cuts.push((token.start, end.end()));
                marks.push((rest.len(), Mark::Bind(literal)));
                at = close + 1;
            }
            _ => {
                rest.push(token);
                at += 1;
            }
        }
    }
    Ok((cuts, marks, rest))
}

fn bind_end(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    tokens.get(open).filter(|token| token.is("("))?;
    (open..tokens.len().min(open + 8)).find(|index| tokens[*index].is(")"))
}

fn bind_name(literal: &str) -> Option<String> {
    serde_json::from_str::<String>(literal).ok().filter(|name| !name.is_empty())
}

fn bind_error(text: &str, start: usize) -> DocumentError {
    let message = "`@bind` takes one argument, a text: write `@bind(name: \"theName\")`".to_owned();
    DocumentError { message, line: text[..start].matches('\n').count() + 1 }
}

#[derive(Debug)]
enum Selection<'a> {
    Field { key: &'a str, marks: Vec<Mark>, below: Vec<Selection<'a>> },
    Spread(&'a str),
    Inline(Vec<Selection<'a>>),
}

struct Reader<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    marks: &'t [(usize, Mark)],
    fragments: HashMap<&'a str, Vec<Selection<'a>>>,
    /// How many marks were found on fields.
    used: usize,
}

impl<'a> Reader<'_, 'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    fn eat(&mut self, punctuator: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is(punctuator));
        self.at += usize::from(found);
        found
    }

    fn name(&mut self) -> Option<&'a str> {
        let token = self.peek().filter(|token| token.kind == TokenKind::Name)?;
        self.at += 1;
        Some(token.text)
    }

    fn definitions(&mut self) -> Option<Vec<Vec<Selection<'a>>>> {
        let mut operations = Vec::new();
        while let Some(token) = self.peek() {
            if token.is("{") {
                operations.push(self.selections(0)?);
                continue;
            }
            match self.name()? {
                "query" | "mutation" | "subscription" => {
                    if self.peek().is_some_and(|token| token.kind == TokenKind::Name) {
                        self.at += 1;
                    }
                    self.arguments()?;
                    self.directives()?;
                    operations.push(self.selections(0)?);
                }
                "fragment" => {
                    let name = self.name()?;
                    if self.name()? != "on" {
                        return None;
                    }
                    self.name()?;
                    self.directives()?;
                    let selections = self.selections(0)?;
                    self.fragments.insert(name, selections);
                }
                _ => return None,
            }
        }
        Some(operations)
    }

    fn selections(&mut self, depth: usize) -> Option<Vec<Selection<'a>>> {
        if depth > MAX_DEPTH || !self.eat("{") {
            return None;
        }
        let mut out = Vec::new();
        while !self.eat("}") {
            if self.eat("...") {
                match self.peek()? {
                    token if token.kind == TokenKind::Name && token.text != "on" => {
                        self.at += 1;
                        self.directives()?;
                        out.push(Selection::Spread(token.text));
                    }
                    token => {
                        if token.kind == TokenKind::Name {
                            self.at += 1;
                            self.name()?;
                        }
                        self.directives()?;
                        out.push(Selection::Inline(self.selections(depth + 1)?));
                    }
                }
                continue;
            }
            let key = self.name()?;
            let mut marks = Vec::new();
            // Directives stand after the name and arguments; elsewhere they are not used up, which is an error.
            let mut places = vec![self.at];
            if self.eat(":") {
                // What was read is the alias, which is the key of the response.
                self.name()?;
                places = vec![self.at];
            }
            self.arguments()?;
            places.push(self.at);
            while self.peek().is_some_and(|token| token.is("@")) {
                self.directive()?;
                places.push(self.at);
            }
            places.dedup();
            for place in places {
                marks.extend(self.marks_at(place));
            }
            self.used += marks.len();
            let below = if self.peek().is_some_and(|token| token.is("{")) {
                self.selections(depth + 1)?
            } else {
                Vec::new()
            };
            out.push(Selection::Field { key, marks, below });
        }
        Some(out)
    }

    /// The marks that stood directly before a token.
    fn marks_at(&self, place: usize) -> Vec<Mark> {
        let first = self.marks.partition_point(|(index, _)| *index < place);
        self.marks[first..]
            .iter()
            .take_while(|(index, _)| *index == place)
            .map(|(_, mark)| mark.clone())
            .collect()
    }

    fn directives(&mut self) -> Option<()> {
        while self.peek().is_some_and(|token| token.is("@")) {
            self.directive()?;
        }
        Some(())
    }

    fn directive(&mut self) -> Option<()> {
        self.at += 1;
        self.name()?;
        self.arguments()
    }

    /// Skips a balanced `( … )` when there is one.
    fn arguments(&mut self) -> Option<()> {
        if !self.peek().is_some_and(|token| token.is("(")) {
            return Some(());
        }
        let mut open = 0usize;
        while let Some(token) = self.peek() {
            self.at += 1;
            if token.is("(") || token.is("[") || token.is("{") {
                open += 1;
            } else if token.is(")") || token.is("]") || token.is("}") {
                open -= 1;
                if open == 0 {
                    return Some(());
                }
            }
        }
        None
    }
}

struct Walk<'f, 'a> {
    fragments: &'f HashMap<&'a str, Vec<Selection<'a>>>,
    open: HashSet<&'a str>,
    path: Vec<String>,
    budget: usize,
}

impl<'a> Walk<'_, 'a> {
    fn visit(&mut self, selections: &[Selection<'a>], out: &mut Document) {
        for selection in selections {
            if self.budget == 0 {
                return;
            }
            self.budget -= 1;
            match selection {
                Selection::Field { key, marks, below } => {
                    self.path.push((*key).to_owned());
                    for mark in marks {
                        match mark {
                            Mark::Bind(name) => {
                                let bind = Bind { name: name.clone(), path: self.path.clone() };
                                if !out.binds.contains(&bind) {
                                    out.binds.push(bind);
                                }
                            }
                            Mark::Unordered => {
                                out.unordered.insert(self.path.join("."));
                            }
                        }
                    }
                    self.visit(below, out);
                    self.path.pop();
                }
                Selection::Inline(below) => self.visit(below, out),
                Selection::Spread(name) => {
                    // Cycles and missing fragments are ignored here; the server reports them.
                    if let Some(below) = self.fragments.get(name)
                        && self.open.insert(name)
                    {
                        self.visit(below, out);
                        self.open.remove(name);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
