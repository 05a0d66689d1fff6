//! Models as text with the expected diagnostics beside the lines.
//!
//! A fixture file holds cases separated by `// ==== name`; within a case `// ---- path` starts another file.
//! `// error: [E0030] text` (or `warning:`) at the end of a line expects that diagnostic on that line,
//! its message containing the text. Whatever is not expected fails the test, and so does what is missing.
//! `// error next:` expects it on the following line; `// error nowhere: [E0003] text` one without a place.

use std::collections::BTreeSet;
use std::path::Path;

use studio_model::{Code, Compiled, RenderStyle, SourceSet, compile};

/// One case of a fixture file.
struct Case {
    name: String,
    files: Vec<(String, String)>,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("// ==== ") {
            let files = vec![("src/index.exo".to_owned(), String::new())];
            cases.push(Case { name: name.to_owned(), files });
        } else if let Some(case) = cases.last_mut() {
            if let Some(path) = line.strip_prefix("// ---- ") {
                if case.files.len() == 1 && case.files[0].1.trim().is_empty() {
                    case.files.clear();
                }
                case.files.push((path.to_owned(), String::new()));
            } else if let Some((_, text)) = case.files.last_mut() {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    cases
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Expected {
    file: String,
    line: u32,
    code: String,
    text: String,
}

fn expectations(case: &Case) -> Vec<Expected> {
    let mut found = Vec::new();
    for (file, text) in &case.files {
        for (index, line) in text.lines().enumerate() {
            for part in line.split("// ").skip(1) {
                let Some((head, rest)) = part.split_once(": ") else { continue };
                let (nowhere, below) = match head {
                    "error" | "warning" => (false, 0),
                    "error next" => (false, 1),
                    "error nowhere" => (true, 0),
                    _ => continue,
                };
                let (code, text) = rest.split_once(']').unwrap();
                found.push(Expected {
                    file: if nowhere { String::new() } else { file.clone() },
                    line: if nowhere { 0 } else { index as u32 + 1 + below },
                    code: code.trim_start_matches('[').to_owned(),
                    text: text.trim().to_owned(),
                });
            }
        }
    }
    found
}

fn compile_case(case: &Case) -> Compiled {
    let mut sources = SourceSet::new();
    for (path, text) in &case.files {
        if path.ends_with(".exo") {
            sources.add(path, text.as_str());
        }
    }
    if case.name.contains("(assets)") {
        sources.set_assets(case.files.iter().map(|(path, _)| path));
    }
    compile(&sources)
}

/// Compares and returns a report of differences.
fn check(case: &Case) -> Result<Compiled, String> {
    let compiled = compile_case(case);
    let mut open = expectations(case);
    let mut report = String::new();
    for diagnostic in &compiled.diagnostics {
        let problem = diagnostic.to_problem(&compiled.files);
        let matched = open.iter().position(|expected| {
            expected.file == problem.file
                && expected.line == problem.line
                && expected.code == problem.code
                && problem.message.contains(&expected.text)
        });
        match matched {
            Some(index) => {
                open.remove(index);
            }
            None => {
                report.push_str("not expected:\n");
                report.push_str(&diagnostic.render(&compiled.files, RenderStyle::Plain));
                report.push('\n');
            }
        }
    }
    for expected in open {
        report.push_str(&format!("missing: {expected:?}\n"));
    }
    if report.is_empty() { Ok(compiled) } else { Err(report) }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn all_cases() -> Vec<(String, Case)> {
    let mut files: Vec<_> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut found = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        found.extend(cases(&text).into_iter().map(|case| (name.clone(), case)));
    }
    found
}

#[test]
fn every_fixture_gives_exactly_the_expected_diagnostics() {
    let mut failures = String::new();
    let cases = all_cases();
    assert!(cases.len() > 40, "only {} cases found", cases.len());
    for (file, case) in cases {
        if let Err(report) = check(&case) {
            failures.push_str(&format!("\n==== {file}: {}\n{report}", case.name));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_code_has_a_fixture() {
    let covered: BTreeSet<String> =
        all_cases().iter().flat_map(|(_, case)| expectations(case)).map(|expected| expected.code).collect();
    let missing: Vec<&str> = Code::ALL
        .iter()
        .map(|code| code.as_str())
        // Reported by the engine that runs the bundler; see the unit test of its constructor.
        .filter(|code| *code != "E0165" && !covered.contains(*code))
        .collect();
    assert!(missing.is_empty(), "codes without a fixture: {missing:?}");
}

#[test]
fn every_fix_mends_its_problem() {
    for (file, case) in all_cases() {
        let compiled = compile_case(&case);
        for diagnostic in compiled.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()) {
            let Some(fix) = &diagnostic.fix else { continue };
            let mut mended: Vec<(String, String)> = case.files.clone();
            let mut edits = fix.edits.clone();
            edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
            for (span, text) in edits {
                let path = compiled.files.path(span);
                let target = mended.iter_mut().find(|(name, _)| **name == *path).unwrap();
                target.1.replace_range(span.start as usize..span.end as usize, &text);
            }
            let after = compile_case(&Case { name: case.name.clone(), files: mended });
            let same = |one: &&studio_model::Diagnostic| {
                one.code == diagnostic.code && one.message == diagnostic.message
            };
            let before = compiled.diagnostics.iter().filter(same).count();
            let left = after.diagnostics.iter().filter(same).count();
            assert!(
                left < before,
                "{file}: {}: the fix `{}` of {} does not help",
                case.name,
                fix.title,
                diagnostic.one_line(&compiled.files)
            );
        }
    }
}

#[test]
fn outputs_of_one_diagnostic() {
    let compiled = compile(&SourceSet::from_root(
        "@postgres\nmodule Shop {\n  @access(true)\n  type Book { @pk id: Int = autoIncrement()  title: Strng }\n}\n",
    ));
    let [diagnostic] = compiled.diagnostics.as_slice() else { panic!("{:?}", compiled.diagnostics) };
    insta::with_settings!({ snapshot_path => "../../../../snapshots/model", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("diagnostic_human", diagnostic.render(&compiled.files, RenderStyle::Plain));
        let json = serde_json::to_string_pretty(&diagnostic.to_problem(&compiled.files)).unwrap();
        insta::assert_snapshot!("diagnostic_json", json);
    });
    assert_eq!(
        diagnostic.to_problem(&compiled.files).to_github(),
        "::error file=src/index.exo,line=4,col=53,endLine=4,endColumn=58,title=E0030::no type named `Strng`%0Adid you mean `String`?"
    );
    assert_eq!(
        diagnostic.one_line(&compiled.files),
        "src/index.exo:4:53: error[E0030]: no type named `Strng`"
    );
    assert!(diagnostic.render(&compiled.files, RenderStyle::Coloured).contains("\u{1b}["));
}
