//! Every page of `explain`: its wrong example shows the problem, its right example has none.

use studio_model::{Code, SourceSet, compile, explain};

fn example(page: &str, heading: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("\n{heading}:\n\n```exo\n"))?;
    Some(rest.split_once("\n```")?.0.to_owned())
}

#[test]
fn every_page_has_a_wrong_and_a_right_example() {
    let mut failures = String::new();
    for code in Code::ALL {
        let page = explain(*code);
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        // These need a missing file or another program.
        if ["E0003", "E0164", "E0165"].contains(&code.as_str()) {
            continue;
        }
        let wrong = compile(&SourceSet::from_root(&example(page, "Wrong").unwrap()));
        if !wrong.diagnostics.iter().any(|diagnostic| diagnostic.code == *code) {
            failures.push_str(&format!("{code}: the wrong example gives {:?}\n", wrong.diagnostics));
        }
        let right = compile(&SourceSet::from_root(&example(page, "Right").unwrap()));
        for diagnostic in &right.diagnostics {
            failures.push_str(&format!("{code}: the right example: {}\n", diagnostic.one_line(&right.files)));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn codes_read_in_any_case() {
    assert_eq!(Code::parse(" e0030 "), Some(Code::E0030));
    assert_eq!(Code::parse("E9999"), None);
}

#[test]
fn the_output_of_a_bundler_is_shown() {
    let diagnostic =
        studio_model::diagnostic::make::bundling_failed("cannot resolve `x`\n  at src/a.ts:1\n", None);
    assert_eq!(diagnostic.message, "cannot resolve `x`");
    assert_eq!(diagnostic.help, ["  at src/a.ts:1"]);
    assert_eq!(diagnostic.code, Code::E0165);
}
