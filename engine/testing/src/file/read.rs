//! YAML tree → [`TestFile`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{ExpressionText, FileError, FileErrorKind, Operation, Stage, TestFile};
use crate::document;
use crate::suggest::nearest;
use crate::yaml::{self, Key, Node, NodeKind};

const FILE_KEYS: [&str; 3] = ["stages", "retries", "envs"];
const STAGE_KEYS: [&str; 12] = [
    "operation",
    "variable",
    "auth",
    "headers",
    "deno",
    "response",
    "invariants",
    "bind",
    "status",
    "responseHeaders",
    "maxMs",
    "sqlCount",
];
const OPERATION_KEYS: [&str; 4] = ["type", "query", "payload", "unorderedPaths"];

/// Nesting of invariants; one level is what anybody needs, the limit stops cycles.
const MAX_INVARIANT_DEPTH: usize = 3;

/// Reads a test file from disk, with the files of its invariants.
pub fn read_file(path: &Path) -> Result<TestFile, FileError> {
    read_file_at(path, 0)
}

fn read_file_at(path: &Path, depth: usize) -> Result<TestFile, FileError> {
    let text = std::fs::read_to_string(path).map_err(|error| FileError {
        path: path.to_owned(),
        line: None,
        kind: Box::new(FileErrorKind::Unreadable(error.to_string())),
    })?;
    read_at(path, &text, depth)
}

/// Reads the text of a test file; `path` is for messages and for finding the files of invariants.
pub fn read(path: &Path, text: &str) -> Result<TestFile, FileError> {
    read_at(path, text, 0)
}

fn read_at(path: &Path, text: &str, depth: usize) -> Result<TestFile, FileError> {
    let reader = Reader { path, depth };
    let tree = yaml::read(text).or_else(|error| match with_quoted_personas(text) {
        Some(quoted) => yaml::read(&quoted),
        None => Err(error),
    });
    match tree {
        Err(error) => Err(reader.error(error.line, FileErrorKind::Yaml(error.message))),
        Ok(None) => {
            Err(FileError { path: path.to_owned(), line: None, kind: Box::new(FileErrorKind::Empty) })
        }
        Ok(Some(node)) => reader.file(&node),
    }
}

/// `auth: @name` as `auth: "@name"`: YAML reserves the sign for nobody knows what. `None` without such a line.
fn with_quoted_personas(text: &str) -> Option<String> {
    let mut found = false;
    let mut out = String::with_capacity(text.len() + 8);
    for line in text.split_inclusive('\n') {
        let persona =
            line.trim_start_matches([' ', '-']).strip_prefix("auth:").map(str::trim).and_then(|value| {
                let name = value.strip_prefix('@')?;
                let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                (!name.is_empty() && name.chars().all(plain)).then_some(value)
            });
        match persona {
            Some(value) => {
                found = true;
                out.push_str(&line.replacen(value, &format!("\"{value}\""), 1));
            }
            None => out.push_str(line),
        }
    }
    found.then_some(out)
}

/// A path without `.` and inner `..`, as people write it. (The system still resolves links itself: only a
/// `..` after a linked directory would name another file, so such a path is left as it is.)
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if out.file_name().is_some() => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    let same = |left: &Path, right: &Path| match (left.canonicalize(), right.canonicalize()) {
        (Ok(left), Ok(right)) => left == right,
        _ => false,
    };
    if same(path, &out) { out } else { path.to_owned() }
}

type Members<'a> = &'a [(Key, Node)];

struct Reader<'a> {
    path: &'a Path,
    depth: usize,
}

impl Reader<'_> {
    fn error(&self, line: usize, kind: FileErrorKind) -> FileError {
        FileError { path: self.path.to_owned(), line: Some(line), kind: Box::new(kind) }
    }

    fn wrong_shape(&self, key: &str, node: &Node, expected: &'static str) -> FileError {
        let hint = match (&node.kind, expected) {
            (NodeKind::Mapping(_) | NodeKind::Sequence(_), "text") => "; write it as a block: `key: |`",
            _ => "",
        };
        let kind = FileErrorKind::WrongShape {
            key: key.to_owned(),
            expected,
            found: match &node.kind {
                NodeKind::Scalar { text, .. } if expected != "text" && text.len() <= 40 => {
                    format!("`{text}`")
                }
                _ => node.describe().to_owned(),
            },
            hint,
        };
        self.error(node.line, kind)
    }

    fn mapping<'n>(&self, key: &str, node: &'n Node) -> Result<Members<'n>, FileError> {
        match &node.kind {
            NodeKind::Mapping(members) => Ok(members),
            _ => Err(self.wrong_shape(key, node, "a map")),
        }
    }

    fn sequence<'n>(
        &self,
        key: &str,
        node: &'n Node,
        expected: &'static str,
    ) -> Result<&'n [Node], FileError> {
        match &node.kind {
            NodeKind::Sequence(items) => Ok(items),
            _ => Err(self.wrong_shape(key, node, expected)),
        }
    }

    fn text(&self, key: &str, node: &Node) -> Result<ExpressionText, FileError> {
        match &node.kind {
            NodeKind::Scalar { text, first_line, .. } if !node.is_null() => {
                Ok(ExpressionText { text: text.clone(), first_line: *first_line })
            }
            _ => Err(self.wrong_shape(key, node, "text")),
        }
    }

    fn number<T: std::str::FromStr>(
        &self,
        key: &str,
        node: &Node,
        expected: &'static str,
    ) -> Result<T, FileError> {
        let text = self.text(key, node)?;
        text.text.trim().parse().map_err(|_| self.wrong_shape(key, node, expected))
    }

    fn text_map(&self, key: &str, node: &Node) -> Result<Vec<(String, String)>, FileError> {
        let members = self.mapping(key, node)?;
        members
            .iter()
            .map(|(name, value)| match &value.kind {
                NodeKind::Scalar { text, .. } => Ok((name.text.clone(), text.clone())),
                _ => Err(self.wrong_shape(&format!("{key}.{}", name.text), value, "text")),
            })
            .collect()
    }

    fn unknown(&self, key: &Key, place: &'static str, known: &[&'static str]) -> FileError {
        let kind = FileErrorKind::UnknownKey {
            key: key.text.clone(),
            place,
            suggestion: nearest(&key.text, known.iter().copied()).map(str::to_owned),
            known: known.to_vec(),
        };
        self.error(key.line, kind)
    }

    fn file(&self, node: &Node) -> Result<TestFile, FileError> {
        let members = self.mapping("the file", node)?;
        let stages = members.iter().find(|(key, _)| key.text == "stages").map(|(_, value)| value);
        let mut file = TestFile {
            path: self.path.to_owned(),
            retries: 0,
            envs: BTreeMap::new(),
            stages: Vec::new(),
            warnings: Vec::new(),
        };
        let mut stage_members = Vec::new();
        for (key, value) in members {
            match key.text.as_str() {
                "stages" => {}
                "retries" if value.is_null() => {}
                "retries" => {
                    let expected = "a whole number from 0 to 5";
                    file.retries = self.number("retries", value, expected)?;
                    if file.retries > 5 {
                        return Err(self.wrong_shape("retries", value, expected));
                    }
                }
                "envs" if value.is_null() => {}
                "envs" => file.envs = self.text_map("envs", value)?.into_iter().collect(),
                _ if stages.is_some() => {
                    let advice = match nearest(&key.text, FILE_KEYS) {
                        Some(word) => format!("did you mean `{word}`?"),
                        None if STAGE_KEYS.contains(&key.text.as_str()) => "move it into a stage".to_owned(),
                        None => "remove it".to_owned(),
                    };
                    file.warnings.push(format!(
                        "line {}: `{}` beside `stages` has no effect; {advice}",
                        key.line, key.text
                    ));
                }
                _ => stage_members.push((key.clone(), value.clone())),
            }
        }
        match stages {
            Some(stages) => {
                let items = self.sequence("stages", stages, "a list of stages")?;
                if items.is_empty() {
                    return Err(self.error(stages.line, FileErrorKind::NoStages));
                }
                for item in items {
                    file.stages.push(self.stage(self.mapping("a stage", item)?, item.line)?);
                }
            }
            None => file.stages.push(self.stage(&stage_members, node.line)?),
        }
        Ok(file)
    }

    fn stage(&self, members: Members<'_>, line: usize) -> Result<Stage, FileError> {
        let get = |name: &str| {
            members.iter().find(|(key, value)| key.text == name && !value.is_null()).map(|(_, value)| value)
        };
        if let Some((key, _)) = members.iter().find(|(key, _)| !STAGE_KEYS.contains(&key.text.as_str())) {
            let mut error = self.unknown(key, "a stage", &STAGE_KEYS);
            if let FileErrorKind::UnknownKey { suggestion, .. } = error.kind.as_mut()
                && OPERATION_KEYS.contains(&key.text.as_str())
            {
                *suggestion = Some(format!("operation.{}", key.text));
            }
            return Err(error);
        }
        let text = |name: &str| get(name).map(|node| self.text(name, node)).transpose();
        let Some(operation) = get("operation") else {
            return Err(self.error(line, FileErrorKind::MissingKey { key: "operation", place: "a stage" }));
        };
        let operation = self.operation(operation)?;
        if let (Operation::Rpc { .. }, Some(variable)) = (&operation, get("variable")) {
            let kind = FileErrorKind::WrongOperation { key: "variable", operation: "rpc" };
            return Err(self.error(variable.line, kind));
        }
        let binds = get("bind").map(|node| self.text_map("bind", node)).transpose()?.unwrap_or_default();
        Ok(Stage {
            line,
            operation,
            variable: text("variable")?,
            auth: text("auth")?,
            headers: text("headers")?,
            prelude: text("deno")?,
            response: text("response")?,
            invariants: match get("invariants") {
                Some(node) => self.invariants(node)?,
                None => Vec::new(),
            },
            bind: binds
                .into_iter()
                .map(|(name, path)| (name, path.split('.').map(str::to_owned).collect()))
                .collect(),
            status: get("status").map(|n| self.number("status", n, "an HTTP status")).transpose()?,
            response_headers: get("responseHeaders")
                .map(|node| self.text_map("responseHeaders", node))
                .transpose()?
                .unwrap_or_default(),
            max_ms: get("maxMs").map(|n| self.number("maxMs", n, "a whole number")).transpose()?,
            sql_count: get("sqlCount").map(|n| self.number("sqlCount", n, "a whole number")).transpose()?,
        })
    }

    fn operation(&self, node: &Node) -> Result<Operation, FileError> {
        if let NodeKind::Scalar { .. } = node.kind {
            return Ok(Operation::GraphQl(self.document(&self.text("operation", node)?)?));
        }
        let members = match &node.kind {
            NodeKind::Mapping(members) => members.as_slice(),
            _ => return Err(self.wrong_shape("operation", node, "text or a map")),
        };
        if let Some((key, _)) = members.iter().find(|(key, _)| !OPERATION_KEYS.contains(&key.text.as_str())) {
            return Err(self.unknown(key, "`operation`", &OPERATION_KEYS));
        }
        let get = |name: &str| {
            members.iter().find(|(key, value)| key.text == name && !value.is_null()).map(|(_, value)| value)
        };
        let kind = get("type").map(|node| self.text("operation.type", node)).transpose()?;
        let mut unordered = Vec::new();
        if let Some(list) = get("unorderedPaths") {
            for item in self.sequence("operation.unorderedPaths", list, "a list of dotted paths")? {
                unordered.push(self.text("operation.unorderedPaths", item)?.text.trim().to_owned());
            }
        }
        let required = |key: &'static str| {
            get(key)
                .ok_or_else(|| self.error(node.line, FileErrorKind::MissingKey { key, place: "`operation`" }))
        };
        let forbidden = |key: &'static str, operation: &'static str| match get(key) {
            Some(node) => Err(self.error(node.line, FileErrorKind::WrongOperation { key, operation })),
            None => Ok(()),
        };
        match kind.as_ref().map_or("graphql", |kind| kind.text.trim()) {
            "graphql" => {
                forbidden("payload", "graphql")?;
                let mut document = self.document(&self.text("operation.query", required("query")?)?)?;
                document.unordered.extend(unordered);
                Ok(Operation::GraphQl(document))
            }
            "rpc" => {
                forbidden("query", "rpc")?;
                Ok(Operation::Rpc {
                    payload: self.text("operation.payload", required("payload")?)?,
                    unordered,
                })
            }
            _ => Err(self.wrong_shape("operation.type", get("type").unwrap_or(node), "`graphql` or `rpc`")),
        }
    }

    fn document(&self, text: &ExpressionText) -> Result<document::Document, FileError> {
        document::read(&text.text)
            .map_err(|error| self.error(text.line(error.line), FileErrorKind::Directive(error.message)))
    }

    fn invariants(&self, node: &Node) -> Result<Vec<TestFile>, FileError> {
        let mut out = Vec::new();
        for item in self.sequence("invariants", node, "a list of `path: …`")? {
            let members = self.mapping("invariants", item)?;
            if let Some((key, _)) = members.iter().find(|(key, _)| key.text != "path") {
                return Err(self.unknown(key, "an invariant", &["path"]));
            }
            let Some((_, value)) = members.first() else {
                let kind = FileErrorKind::MissingKey { key: "path", place: "an invariant" };
                return Err(self.error(item.line, kind));
            };
            let written = self.text("path", value)?.text.trim().to_owned();
            let wrong = |error: String| {
                self.error(value.line, FileErrorKind::Invariant { path: written.clone(), error })
            };
            if self.depth >= MAX_INVARIANT_DEPTH {
                return Err(wrong(
                    "invariants of invariants are nested too deep, perhaps in a circle".to_owned(),
                ));
            }
            let path: PathBuf = plain(&self.path.parent().unwrap_or(Path::new("")).join(&written));
            let file = read_file_at(&path, self.depth + 1).map_err(|error| {
                let line = error.line.map_or_else(String::new, |line| format!("line {line}: "));
                wrong(format!("{line}{error}"))
            })?;
            out.push(file);
        }
        Ok(out)
    }
}
