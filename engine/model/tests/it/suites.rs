//! Markdown suites: what the tables of language.md promise, as models with their tables and API.
//!
//! A case is a `##` heading with blocks: `exo` (a path may follow), `diagnostics` (`file:line:column severity code`
//! lines; without the block there must be none), `sql` (the whole creation script), `graphql` (definitions that must
//! stand in the schema exactly so) and `ir` (contexts, rules, projections, operations of code). With `UPDATE_SUITES=1` the expected blocks are rewritten; a `graphql` block
//! then needs only the first line of each definition.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use studio_model::database::database_schema;
use studio_model::graphql::{Schema, SchemaOptions, sdl};
use studio_model::{Compiled, Severity, SourceSet, compile};
use studio_sql::ddl::create_script;

/// A piece of a suite: text kept as it is, or a fenced block.
enum Piece {
    Text(String),
    Block { info: String, body: String },
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut plain = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            plain.push_str(line);
            plain.push('\n');
            continue;
        };
        found.push(Piece::Text(std::mem::take(&mut plain)));
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let body = body.iter().map(|line| format!("{line}\n")).collect();
        found.push(Piece::Block { info: info.to_owned(), body });
    }
    found.push(Piece::Text(plain));
    found
}

fn diagnostics(compiled: &Compiled) -> String {
    let mut text = String::new();
    for diagnostic in &compiled.diagnostics {
        let severity = if diagnostic.severity == Severity::Error { "error" } else { "warning" };
        let place = diagnostic.primary.map(|span| compiled.files.location(span)).unwrap_or_default();
        writeln!(text, "{place} {severity} {}", diagnostic.code).unwrap();
    }
    text
}

/// The first line of a definition without its end: `type Book`.
fn heading(line: &str) -> Option<&str> {
    let starts = ["type ", "input ", "enum ", "scalar ", "schema"].iter().any(|word| line.starts_with(word));
    starts.then(|| line.trim_end_matches(" {"))
}

/// The definitions of an SDL text by their first line; descriptions in front of them are left out.
fn definitions(sdl: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut is_open = false;
    for line in sdl.lines() {
        if let Some(heading) = heading(line).filter(|_| !is_open) {
            found.push((heading.to_owned(), format!("{line}\n")));
            is_open = line.ends_with('{');
        } else if let Some((_, text)) = found.last_mut().filter(|_| is_open) {
            text.push_str(line);
            text.push('\n');
            is_open = line != "}";
        }
    }
    found
}

struct Case {
    name: String,
    sources: SourceSet,
    compiled: Option<Compiled>,
    saw_diagnostics: bool,
}

impl Case {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), sources: SourceSet::new(), compiled: None, saw_diagnostics: false }
    }

    fn compiled(&mut self) -> &Compiled {
        let sources = &self.sources;
        self.compiled.get_or_insert_with(|| compile(sources))
    }

    /// What a block should say.
    fn actual(&mut self, info: &str, expected: &str) -> String {
        let name = self.name.clone();
        let compiled = self.compiled();
        if info == "diagnostics" {
            let found = diagnostics(compiled);
            self.saw_diagnostics = true;
            return found;
        }
        let Some(ir) = compiled.ir.clone() else { return format!("no model:\n{}", diagnostics(compiled)) };
        match info {
            "sql" => create_script(&database_schema(&ir)).text().trim_end().to_owned() + "\n",
            "graphql" => {
                let known = definitions(&sdl(&Schema::new(Arc::new(ir), SchemaOptions::default())));
                let wanted = expected.lines().filter_map(heading);
                let found = wanted.map(|wanted| {
                    let definition = known.iter().find(|(heading, _)| heading == wanted);
                    definition.map_or_else(|| format!("{wanted} is missing\n"), |(_, text)| text.clone())
                });
                found.collect::<Vec<_>>().join("\n")
            }
            "ir" => crate::meaning::show(&ir),
            other => panic!("{name}: unknown block `{other}`"),
        }
    }

    fn finish(mut self, failures: &mut String) {
        if self.sources.paths().next().is_none() || self.saw_diagnostics {
            return;
        }
        let found = diagnostics(self.compiled());
        if !found.is_empty() {
            writeln!(failures, "==== {}: not expected\n{found}", self.name).unwrap();
        }
    }
}

/// Runs one suite; its text with every expected block as it should be.
fn run(path: &Path, failures: &mut String) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let file = path.file_name().unwrap().to_string_lossy().into_owned();
    let mut case = Case::new("");
    let mut rewritten = String::new();
    for piece in pieces(&text) {
        match piece {
            Piece::Text(text) => {
                for heading in text.lines().filter_map(|line| line.strip_prefix("## ")) {
                    std::mem::replace(&mut case, Case::new(&format!("{file}: {heading}"))).finish(failures);
                }
                rewritten.push_str(&text);
            }
            Piece::Block { info, mut body } => {
                match info.strip_prefix("exo") {
                    Some(path) => {
                        let path = path.trim();
                        let path = if path.is_empty() { studio_model::ROOT_FILE } else { path };
                        case.sources.add(path, body.as_str());
                    }
                    None => {
                        let actual = case.actual(&info, &body);
                        if actual != body {
                            let difference = similar(&body, &actual);
                            writeln!(failures, "==== {}: {info}\n{difference}", case.name).unwrap();
                        }
                        body = actual;
                    }
                }
                write!(rewritten, "```{info}\n{body}```\n").unwrap();
            }
        }
    }
    case.finish(failures);
    rewritten
}

fn similar(expected: &str, actual: &str) -> String {
    let mut text = String::new();
    for line in expected.lines().filter(|line| !actual.lines().any(|other| other == *line)) {
        writeln!(text, "- {line}").unwrap();
    }
    for line in actual.lines().filter(|line| !expected.lines().any(|other| other == *line)) {
        writeln!(text, "+ {line}").unwrap();
    }
    if text.is_empty() { format!("the order differs:\n{actual}") } else { text }
}

#[test]
fn every_suite_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suites");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let update = std::env::var_os("UPDATE_SUITES").is_some();
    let mut failures = String::new();
    for path in paths {
        let rewritten = run(&path, &mut failures);
        if update {
            std::fs::write(&path, rewritten).unwrap();
        }
    }
    assert!(update || failures.is_empty(), "{failures}");
}
