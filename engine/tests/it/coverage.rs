//! `COVERAGE.md` tells the truth: every row of the contract names tests, and every named test exists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The sections of the contract that have rows.
const SECTIONS: &[(u32, u32)] = &[(1, 16), (2, 10), (3, 10)];

pub(crate) fn every_row_of_the_contract_has_a_test() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(here.join("tests/COVERAGE.md")).unwrap();
    let mut problems = Vec::new();
    let mut named = BTreeSet::new();
    for section in text.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap_or_default();
        let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        if rows.is_empty() {
            problems.push(format!("{title}: no rows"));
        }
        for row in rows {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let [what, tests] = cells.as_slice() else {
                problems.push(format!("{title}: not two cells: {row}"));
                continue;
            };
            let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
            if what.is_empty() || tests.is_empty() {
                problems.push(format!("{title}: no test for {row}"));
            }
            for test in tests {
                if !exists(here, test) {
                    problems.push(format!("{title}: there is no test `{test}`"));
                }
                named.insert(test.to_owned());
            }
        }
    }
    for (part, last) in SECTIONS {
        for section in 1..=*last {
            if !text.contains(&format!("\n## {part}.{section} ")) {
                problems.push(format!("section {part}.{section} is missing"));
            }
        }
    }
    let traps = text.split("\n## Traps").nth(1).unwrap_or_default();
    for trap in 1..=30 {
        if !traps.contains(&format!("\n| {trap} ")) {
            problems.push(format!("trap {trap} is missing"));
        }
    }
    assert!(problems.is_empty(), "COVERAGE.md\n{}", problems.join("\n"));
    assert!(named.len() > 100, "the table names few tests");
}

/// Whether there is a test of this name; the forms are explained at the top of the file.
fn exists(here: &Path, test: &str) -> bool {
    let root = here.parent().unwrap_or(here);
    let contains = |path: PathBuf, words: &str| {
        std::fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("{words}\n")))
    };
    let has_function = |path: &str, name: &str| {
        std::fs::read_to_string(root.join(path))
            .is_ok_and(|text| text.lines().any(|line| line.contains(&format!("fn {name}("))))
    };
    let Some((kind, rest)) = test.split_once('/') else { return false };
    match (kind, rest.split_once("::")) {
        ("sdl" | "ddl", _) => root.join(format!("snapshots/{test}.snap")).is_file(),
        ("http", _) => rest.split_once(": ").is_some_and(|(file, case)| {
            contains(here.join(format!("tests/http/{file}.txt")), &format!("\n== {case}"))
        }),
        ("engine", Some((file, name))) => has_function(&format!("engine/tests/it/{file}.rs"), name),
        (krate @ ("query" | "model"), Some((file, name))) => {
            has_function(&format!("engine/{krate}/tests/it/{file}.rs"), name)
        }
        (project, None) => here.join(format!("tests/projects/{project}/tests/{rest}.exotest")).is_file(),
        _ => false,
    }
}
