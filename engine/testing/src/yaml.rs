//! YAML text → a small tree that keeps the place of every key and scalar.
//!
//! Built from parser events instead of a serializer, because the file grammar needs lines for its errors,
//! the style of scalars (to map a line of a block back to the file) and duplicate keys as errors.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// Nesting limit; the deepest legal test file has four levels.
const MAX_DEPTH: usize = 32;

/// A node and where it starts.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    /// 1-based line of the file.
    pub(crate) line: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum NodeKind {
    /// Any scalar as text; `plain` when it had no quotes and was no block.
    Scalar {
        text: String,
        plain: bool,
        first_line: usize,
    },
    Sequence(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// What is wrong with the YAML itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct YamlError {
    pub(crate) message: String,
    pub(crate) line: usize,
}

impl Node {
    /// An absent value: empty, `~` or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, NodeKind::Scalar { text, plain: true, .. }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What the node is, for messages.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.kind {
            _ if self.is_null() => "nothing",
            NodeKind::Scalar { .. } => "text",
            NodeKind::Sequence(_) => "a list",
            NodeKind::Mapping(_) => "a map",
        }
    }
}

/// Reads the first document of a text. `None` for an empty text; a second document is an error.
pub(crate) fn read(text: &str) -> Result<Option<Node>, YamlError> {
    let mut builder = Builder { parser: Parser::new_from_str(text), anchors: HashMap::new(), last_line: 1 };
    let mut document = None;
    loop {
        let (event, span) = builder.next()?;
        match event {
            Event::StreamEnd => return Ok(document),
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            event if document.is_none() => document = Some(builder.node(event, span, 0)?),
            _ => {
                let message = "a second YAML document; a test file has one".to_owned();
                return Err(YamlError { message, line: span.start.line() });
            }
        }
    }
}

struct Builder<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    last_line: usize,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                self.last_line = span.start.line().max(1);
                Ok((event, span))
            }
            Some(Err(error)) => {
                Err(YamlError { message: error.info().to_owned(), line: error.marker().line().max(1) })
            }
            None => Err(YamlError { message: "the YAML ends too early".to_owned(), line: self.last_line }),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, YamlError> {
        let line = span.start.line().max(1);
        let error = |message: String| Err(YamlError { message, line });
        if depth > MAX_DEPTH {
            return error(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        let (kind, anchor) = match event {
            Event::Alias(id) => match self.anchors.get(&id) {
                Some(node) => return Ok(node.clone()),
                None => return error("an alias (`*name`) of an anchor that is not closed yet".to_owned()),
            },
            Event::Scalar(text, style, anchor, _) => {
                // A block starts where its first line with content is; blank lines before it are in the text.
                let blank_lines = text.len() - text.trim_start_matches('\n').len();
                let first_line = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => line.saturating_sub(blank_lines),
                    _ => line,
                };
                let plain = matches!(style, ScalarStyle::Plain);
                (NodeKind::Scalar { text: text.into_owned(), plain, first_line }, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                (NodeKind::Sequence(items), anchor)
            }
            Event::MappingStart(anchor, _) => (NodeKind::Mapping(self.mapping(depth)?), anchor),
            other => return error(format!("unexpected {other:?}")),
        };
        let node = Node { kind, line };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, YamlError> {
        let mut members: Vec<(Key, Node)> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(members);
            }
            let key = self.node(event, span, depth + 1)?;
            let NodeKind::Scalar { text, .. } = key.kind else {
                return Err(YamlError { message: "a key that is not text".to_owned(), line: key.line });
            };
            if let Some((first, _)) = members.iter().find(|(known, _)| known.text == text) {
                let message = format!("`{text}` is written twice; the first is in line {}", first.line);
                return Err(YamlError { message, line: key.line });
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            members.push((Key { text, line: key.line }, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Vec<(Key, Node)> {
        match read(text).expect("YAML").expect("a document").kind {
            NodeKind::Mapping(members) => members,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scalars_know_the_file_line_of_their_first_line() {
        let text = "# note\noperation: |\n  a\n  b\nx: |-\n\n  first\n\ny: 'quoted'\nz:\n";
        let lines: Vec<_> = members(text)
            .into_iter()
            .map(|(key, node)| match node.kind {
                NodeKind::Scalar { text, plain, first_line } => (key.text, key.line, text, plain, first_line),
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = [
            ("operation", 2, "a\nb\n", false, 3),
            ("x", 5, "\nfirst", false, 6),
            ("y", 9, "quoted", false, 9),
            ("z", 10, "", true, 10),
        ];
        assert_eq!(lines, expected.map(|(k, l, t, p, f)| (k.to_owned(), l, t.to_owned(), p, f)));
    }

    #[test]
    fn anchors_work() {
        let members = members("a: &x |\n  text\nb: *x\n");
        assert!(matches!(&members[1].1.kind, NodeKind::Scalar { text, .. } if text == "text\n"));
    }

    #[test]
    fn mistakes_have_lines() {
        for (text, line, part) in [
            ("a: 1\na: 2\n", 2, "written twice; the first is in line 1"),
            ("a: [1,\n", 2, ""),
            ("a: 1\n---\nb: 2\n", 3, "second YAML document"),
            ("a: *x\n", 1, ""),
            ("? [a]\n: 1\n", 1, "a key that is not text"),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.line, line, "{text:?} {error:?}");
            assert!(error.message.contains(part), "{text:?} {error:?}");
        }
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert!(read(&deep).expect_err("deep").message.contains("nested deeper"));
        assert!(read("").expect("empty").is_none());
    }
}
