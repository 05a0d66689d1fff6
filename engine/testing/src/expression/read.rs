//! The hand-written reader of classes A to C. It understands exactly the constant subset of JavaScript
//! expressions; whatever else it meets is an error that says where, and the text is class D.

use serde_json::Number;

use super::{BindingPath, Class, Expression, Step, number};

/// Nesting limit of lists, objects and parentheses.
pub const MAX_DEPTH: usize = 128;

/// Why and where the built-in reader gave up on a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotBuiltIn {
    /// What was met.
    pub message: String,
    /// 1-based line in the text.
    pub line: usize,
    /// 1-based column in characters.
    pub column: usize,
    /// The nesting limit was reached; a JavaScript engine must not be asked either.
    pub too_deep: bool,
}

/// Reads a text of class A, B or C.
pub fn read(text: &str) -> Result<(Expression, Class), NotBuiltIn> {
    let mut reader = Reader { text, at: 0, class: Class::A, places: None };
    let result = reader.document();
    match result {
        Ok(expression) => Ok((expression, reader.class)),
        Err(stop) => {
            let before = &text[..stop.at];
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            Err(NotBuiltIn {
                message: stop.message,
                line: before.matches('\n').count() + 1,
                column: before[line_start..].chars().count() + 1,
                too_deep: stop.too_deep,
            })
        }
    }
}

/// Where each member and element of a text of class A, B or C stands: its path (see [`member_path`] and
/// [`element_path`]) and byte offset. Empty for other texts.
pub fn places(text: &str) -> Vec<(String, usize)> {
    let mut reader = Reader { text, at: 0, class: Class::A, places: Some(Places::default()) };
    match reader.document() {
        Ok(_) => reader.places.unwrap_or_default().found,
        Err(_) => Vec::new(),
    }
}

/// Readable path of a member below a path: `data.title`, `data["odd name"]`.
pub fn member_path(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let dot = if path.is_empty() { "" } else { "." };
    if plain { format!("{path}{dot}{key}") } else { format!("{path}[{key:?}]") }
}

/// Readable path of an element below a path: `data[1]`.
pub fn element_path(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// Paths met so far, and the path of the value that is being read.
#[derive(Default)]
struct Places {
    found: Vec<(String, usize)>,
    path: String,
}

impl Places {
    fn enter(&mut self, path: String, offset: usize) -> String {
        self.found.push((path.clone(), offset));
        std::mem::replace(&mut self.path, path)
    }
}

struct Stop {
    at: usize,
    message: String,
    too_deep: bool,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    class: Class,
    places: Option<Places>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Expression, Stop> {
        self.space()?;
        if self.peek().is_none() {
            return Err(self.stop("the expression is empty"));
        }
        let value = self.value(0)?;
        self.space()?;
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.unexpected("after the value")),
        }
    }

    fn stop(&self, message: impl Into<String>) -> Stop {
        Stop { at: self.at, message: message.into(), too_deep: false }
    }

    fn unexpected(&self, place: &str) -> Stop {
        match self.peek() {
            None => self.stop(format!("the text ends {place}")),
            Some(_) => {
                let word: String = self
                    .rest()
                    .chars()
                    .enumerate()
                    .take_while(|(index, c)| *index == 0 || (is_name(*c) && *index < 24))
                    .map(|(_, c)| c)
                    .collect();
                self.stop(format!("`{word}` {place}"))
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn at_least(&mut self, class: Class) {
        self.class = self.class.max(class);
    }

    /// Skips white space and comments.
    fn space(&mut self) -> Result<(), Stop> {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\n' | '\r') => self.at += 1,
                Some(c) if c.is_whitespace() || c == '\u{feff}' => {
                    self.at_least(Class::B);
                    self.at += c.len_utf8();
                }
                Some('/') if self.rest().starts_with("//") => {
                    self.at_least(Class::B);
                    let end = self.rest().find(['\n', '\r', '\u{2028}', '\u{2029}']);
                    self.at = end.map_or(self.text.len(), |end| self.at + end);
                }
                Some('/') if self.rest().starts_with("/*") => {
                    self.at_least(Class::B);
                    match self.rest()[2..].find("*/") {
                        Some(end) => self.at += end + 4,
                        None => return Err(self.stop("a comment without `*/`")),
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Expression, Stop> {
        if depth > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Stop { at: self.at, message, too_deep: true });
        }
        match self.peek() {
            Some('{') => self.object(depth),
            Some('[') => self.list(depth),
            Some('(') => {
                self.at_least(Class::B);
                self.at += 1;
                self.space()?;
                let value = self.value(depth + 1)?;
                self.space()?;
                if self.eat(')') { Ok(value) } else { Err(self.unexpected("where `)` was expected")) }
            }
            Some('"' | '\'') => Ok(Expression::String(self.string()?)),
            Some('-' | '+' | '.' | '0'..='9') => Ok(Expression::Number(self.signed_number()?)),
            Some('$') => self.binding(),
            Some(c) if is_name_start(c) => {
                let start = self.at;
                match self.name() {
                    "null" => Ok(Expression::Null),
                    "true" => Ok(Expression::Bool(true)),
                    "false" => Ok(Expression::Bool(false)),
                    _ => {
                        self.at = start;
                        Err(self.unexpected("is not a constant"))
                    }
                }
            }
            _ => Err(self.unexpected("where a value was expected")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Expression, Stop> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.space()?;
            if self.eat(']') {
                if !items.is_empty() {
                    self.at_least(Class::B);
                }
                return Ok(Expression::List(items));
            }
            let outer = self.places.as_mut().map(|places| {
                let path = element_path(&places.path, items.len());
                places.enter(path, self.at)
            });
            items.push(self.value(depth + 1)?);
            if let (Some(places), Some(outer)) = (&mut self.places, outer) {
                places.path = outer;
            }
            self.space()?;
            if self.eat(']') {
                return Ok(Expression::List(items));
            }
            if !self.eat(',') {
                return Err(self.unexpected("in a list where `,` or `]` was expected"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Expression, Stop> {
        self.at += 1;
        let mut members: Vec<(String, Expression)> = Vec::new();
        loop {
            self.space()?;
            if self.eat('}') {
                if !members.is_empty() {
                    self.at_least(Class::B);
                }
                return Ok(Expression::Object(members));
            }
            let start = self.at;
            let key = self.key()?;
            let outer = self.places.as_mut().map(|places| {
                let path = member_path(&places.path, &key);
                places.enter(path, start)
            });
            self.space()?;
            if !self.eat(':') {
                return Err(self.unexpected("in an object where `:` was expected"));
            }
            self.space()?;
            let value = self.value(depth + 1)?;
            if let (Some(places), Some(outer)) = (&mut self.places, outer) {
                places.path = outer;
            }
            // As in JavaScript, the last of two equal keys gives the value, the first one the place.
            match members.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => *known = value,
                None => members.push((key, value)),
            }
            self.space()?;
            if self.eat('}') {
                return Ok(Expression::Object(members));
            }
            if !self.eat(',') {
                return Err(self.unexpected("in an object where `,` or `}` was expected"));
            }
        }
    }

    fn key(&mut self) -> Result<String, Stop> {
        match self.peek() {
            Some('"' | '\'') => self.string(),
            Some('.' | '0'..='9') => {
                self.at_least(Class::B);
                Ok(self.number(false)?.to_string())
            }
            Some(c) if is_name_start(c) => {
                self.at_least(Class::B);
                Ok(self.name().to_owned())
            }
            _ => Err(self.unexpected("where a key was expected")),
        }
    }

    fn name(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn binding(&mut self) -> Result<Expression, Stop> {
        self.at_least(Class::C);
        let offset = self.at;
        self.at += 1;
        if self.peek().is_some_and(is_name) {
            self.at = offset;
            return Err(self.unexpected("is not a constant"));
        }
        let mut steps = Vec::new();
        loop {
            let before = self.at;
            self.space()?;
            if self.eat('.') {
                self.space()?;
                if !self.peek().is_some_and(is_name_start) {
                    return Err(self.unexpected("where a field name was expected"));
                }
                steps.push(Step::Key(self.name().to_owned()));
            } else if self.eat('[') {
                self.space()?;
                steps.push(match self.peek() {
                    Some('"' | '\'') => Step::Key(self.string()?),
                    Some('0'..='9') => {
                        let at = self.at;
                        let text = self.number(false)?.to_string();
                        match text.parse() {
                            Ok(index) => Step::Index(index),
                            Err(_) => {
                                self.at = at;
                                return Err(self.unexpected("is not an index"));
                            }
                        }
                    }
                    _ => return Err(self.unexpected("where an index was expected")),
                });
                self.space()?;
                if !self.eat(']') {
                    return Err(self.unexpected("where `]` was expected"));
                }
            } else {
                self.at = before;
                break;
            }
        }
        let mut steps = steps.into_iter();
        let name = match steps.next() {
            Some(Step::Key(name)) => name,
            Some(Step::Index(index)) => index.to_string(),
            None => {
                self.at = offset;
                return Err(self.unexpected("on its own is not a constant"));
            }
        };
        Ok(Expression::Binding(BindingPath { name, steps: steps.collect(), offset }))
    }

    fn signed_number(&mut self) -> Result<Number, Stop> {
        let negative = match self.peek() {
            Some('-') => {
                self.at += 1;
                if !matches!(self.peek(), Some('0'..='9')) {
                    self.at_least(Class::B);
                }
                true
            }
            Some('+') => {
                self.at_least(Class::B);
                self.at += 1;
                false
            }
            _ => false,
        };
        self.space()?;
        self.number(negative)
    }

    fn digits(&mut self, radix: u32) -> Result<String, Stop> {
        let mut out = String::new();
        let mut last_is_digit = false;
        loop {
            match self.peek() {
                Some(c) if c.is_digit(radix) => {
                    out.push(c);
                    last_is_digit = true;
                }
                Some('_') if last_is_digit => {
                    self.at_least(Class::B);
                    last_is_digit = false;
                }
                _ => break,
            }
            self.at += 1;
        }
        if !out.is_empty() && !last_is_digit {
            return Err(self.stop("a number ends with `_`"));
        }
        Ok(out)
    }

    fn number(&mut self, negative: bool) -> Result<Number, Stop> {
        let start = self.at;
        let sign = if negative { "-" } else { "" };
        let radix = match self.rest().get(..2) {
            Some("0x" | "0X") => 16,
            Some("0o" | "0O") => 8,
            Some("0b" | "0B") => 2,
            _ => 10,
        };
        let literal = if radix == 10 {
            let whole = self.digits(10)?;
            if whole.len() > 1 && whole.starts_with('0') {
                self.at = start;
                return Err(self.stop("a number with leading zeros"));
            }
            let mut literal = whole.clone();
            if self.eat('.') {
                let fraction = self.digits(10)?;
                if whole.is_empty() || fraction.is_empty() {
                    self.at_least(Class::B);
                }
                if whole.is_empty() && fraction.is_empty() {
                    self.at = start;
                    return Err(self.unexpected("where a number was expected"));
                }
                literal.push('.');
                literal.push_str(&fraction);
            } else if whole.is_empty() {
                return Err(self.unexpected("where a number was expected"));
            }
            if matches!(self.peek(), Some('e' | 'E')) {
                self.at += 1;
                literal.push('e');
                if let Some(sign @ ('+' | '-')) = self.peek() {
                    self.at += 1;
                    literal.push(sign);
                }
                let exponent = self.digits(10)?;
                if exponent.is_empty() {
                    return Err(self.stop("a number without digits in its exponent"));
                }
                literal.push_str(&exponent);
            }
            literal
        } else {
            self.at_least(Class::B);
            self.at += 2;
            let digits = self.digits(radix)?;
            match u128::from_str_radix(&digits, radix) {
                Ok(value) => value.to_string(),
                Err(_) => {
                    self.at = start;
                    return Err(self.unexpected("is not a number"));
                }
            }
        };
        if self.peek().is_some_and(is_name) {
            return Err(self.unexpected("directly after a number"));
        }
        number::from_literal(&format!("{sign}{literal}")).ok_or_else(|| Stop {
            at: start,
            message: format!("`{literal}` is not a number"),
            too_deep: false,
        })
    }

    fn string(&mut self) -> Result<String, Stop> {
        let open = self.at;
        let Some(quote) = self.bump() else {
            return Err(self.stop("the text ends where a string was expected"));
        };
        if quote == '\'' {
            self.at_least(Class::B);
        }
        let mut out = String::new();
        loop {
            let at = self.at;
            match self.bump() {
                Some(c) if c == quote => return Ok(out),
                None | Some('\n' | '\r') => {
                    self.at = open;
                    return Err(self.stop("a string without its closing quote"));
                }
                Some('\\') => match self.escape() {
                    Some(Some(c)) => out.push(c),
                    Some(None) => {}
                    None => {
                        self.at = at;
                        return Err(self.stop("an escape that is not valid in a string"));
                    }
                },
                Some(c) => {
                    if c < ' ' {
                        self.at_least(Class::B);
                    }
                    out.push(c);
                }
            }
        }
    }

    /// The character of an escape; `Some(None)` for a continued line, `None` for a broken escape.
    fn escape(&mut self) -> Option<Option<char>> {
        let c = self.bump()?;
        if !matches!(c, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u') {
            self.at_least(Class::B);
        }
        let c = match c {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '\r' => {
                self.eat('\n');
                return Some(None);
            }
            '\n' | '\u{2028}' | '\u{2029}' => return Some(None),
            '0' if !matches!(self.peek(), Some('0'..='9')) => '\0',
            '0'..='9' => return None,
            'x' => char::from_u32(self.hex(2)?)?,
            'u' if self.eat('{') => {
                self.at_least(Class::B);
                let end = self.rest().find('}')?;
                let value = u32::from_str_radix(&self.rest()[..end], 16).ok()?;
                self.at += end + 1;
                char::from_u32(value)?
            }
            'u' => {
                let first = self.hex(4)?;
                if (0xd800..0xdc00).contains(&first) {
                    if !(self.eat('\\') && self.eat('u')) {
                        return None;
                    }
                    let second = self.hex(4)?;
                    if !(0xdc00..0xe000).contains(&second) {
                        return None;
                    }
                    char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?
                } else {
                    char::from_u32(first)?
                }
            }
            other => other,
        };
        Some(Some(c))
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text = self.rest().get(..digits)?;
        if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += digits;
        u32::from_str_radix(text, 16).ok()
    }
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

fn is_name(c: char) -> bool {
    is_name_start(c) || c.is_numeric()
}
