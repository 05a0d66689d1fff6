//! COVERAGE.md against the tests it names, and against what the compiler knows.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use studio_model::Code;
use studio_model::semantic::annotation::annotations_for;
use studio_model::syntax::ast::Target;

/// A row of the table: its section, what it promises, what keeps it.
struct Row {
    section: String,
    promise: String,
    keepers: Vec<String>,
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The stretches between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(tests().join("COVERAGE.md")).unwrap();
    let mut section = String::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.clone_into(&mut section);
        }
        let Some(line) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else { continue };
        // The promise may hold `\|`, the keepers do not.
        let (promise, keepers) = line.rsplit_once(" | ").unwrap_or((line, ""));
        if promise != "row" {
            let keepers = quoted(keepers).map(str::to_owned).collect();
            rows.push(Row { section: section.clone(), promise: promise.to_owned(), keepers });
        }
    }
    rows
}

/// The part of `text` from the line `start` up to the next line that starts with `end`.
fn part(text: &str, start: &str, end: &str) -> Option<String> {
    let mut lines = text.lines().skip_while(|line| *line != start);
    let first = lines.next()?;
    let rest = lines.take_while(|line| !line.starts_with(end));
    Some(std::iter::once(first).chain(rest).collect::<Vec<_>>().join("\n"))
}

/// The body of a test function.
fn function(text: &str, name: &str) -> Option<String> {
    let start = text.find(&format!("fn {name}("))?;
    let indent = &text[text[..start].rfind('\n').map_or(0, |at| at + 1)..start];
    let indent: String = indent.chars().take_while(|character| *character == ' ').collect();
    let rest = &text[start..];
    Some(rest.split(&format!("\n{indent}}}")).next().unwrap_or(rest).to_owned())
}

/// The text of what keeps a promise; `None` if there is no such thing.
fn keeper(name: &str) -> Option<String> {
    let (file, anchor) = name.split_once('#').unwrap_or((name, ""));
    let read = |path: PathBuf| std::fs::read_to_string(path).ok();
    match file.rsplit_once('.')?.1 {
        "md" => part(&read(tests().join("suites").join(file))?, &format!("## {anchor}"), "## "),
        "exo" => part(&read(tests().join("fixtures").join(file))?, &format!("// ==== {anchor}"), "// ==== "),
        "exotest" => {
            let path = tests().join("../../..").join(file);
            let model = path.parent()?.parent()?.join("src/index.exo");
            Some(read(path)? + &read(model)?)
        }
        "rs" => {
            let text =
                read(tests().join("it").join(file)).or_else(|| read(tests().join("../../..").join(file)))?;
            if anchor.is_empty() { Some(text) } else { function(&text, anchor) }
        }
        _ => None,
    }
}

#[test]
fn every_row_has_keepers_that_exist_and_hold_what_it_is_about() {
    let rows = rows();
    assert!(rows.len() > 400, "only {} rows", rows.len());
    let mut failures = String::new();
    for Row { section, promise, keepers } in &rows {
        let mut texts = Vec::new();
        for name in keepers {
            match keeper(name) {
                Some(text) => texts.push(text),
                None => writeln!(failures, "{section}: {promise}: there is no `{name}`").unwrap(),
            }
        }
        if keepers.is_empty() {
            writeln!(failures, "{section}: {promise}: nothing keeps it").unwrap();
        }
        let Some(about) =
            promise.strip_prefix('`').and_then(|rest| quoted(promise).next().filter(|_| !rest.is_empty()))
        else {
            continue;
        };
        let about = about.replace("\\|", "|");
        // Type parameters stand for any type.
        let about = about.split(['<', '?']).next().unwrap_or_default();
        if !texts.iter().any(|text| text.contains(about)) {
            writeln!(failures, "{section}: {promise}: none of its keepers holds `{about}`").unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn everything_the_compiler_knows_has_a_row() {
    let rows = rows();
    let keys = |section: &str| -> BTreeSet<String> {
        let rows = rows.iter().filter(|row| row.section.starts_with(section));
        rows.filter_map(|row| quoted(&row.promise).next().map(str::to_owned)).collect()
    };
    let codes: BTreeSet<String> = Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(keys("7.2"), codes);
    let targets = [
        Target::Module,
        Target::Type,
        Target::Context,
        Target::Fragment,
        Target::Field,
        Target::ContextField,
        Target::Method,
        Target::Interceptor,
        Target::Param,
    ];
    let annotations: BTreeSet<String> =
        targets.into_iter().flat_map(annotations_for).map(|(name, _)| format!("@{name}")).collect();
    let rows_of_annotations = keys("2.3");
    let missing: Vec<&String> = annotations.difference(&rows_of_annotations).collect();
    assert!(missing.is_empty(), "annotations without a row: {missing:?}");
    let traps = rows.iter().filter(|row| row.section.starts_with("10 "));
    let numbers: Vec<String> =
        traps.map(|row| row.promise.split(':').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(numbers, (1..=25).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn every_case_of_a_suite_keeps_something() {
    let named: BTreeSet<String> = rows().into_iter().flat_map(|row| row.keepers).collect();
    let mut idle = Vec::new();
    for folder in ["suites", "fixtures"] {
        for entry in std::fs::read_dir(tests().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let headings = text
                .lines()
                .filter_map(|line| line.strip_prefix(if folder == "suites" { "## " } else { "// ==== " }));
            idle.extend(
                headings.map(|heading| format!("{file}#{heading}")).filter(|name| !named.contains(name)),
            );
        }
    }
    assert!(idle.is_empty(), "cases that no row of COVERAGE.md names: {idle:#?}");
}
