//! Whatever the text, the compiler answers: no panic, no hang, no stack overflow.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use studio_model::ide::Analysis;
use studio_model::{Compiled, ROOT_FILE, RenderStyle, SourceSet, compile};

const MODELS: [&str; 3] = [
    include_str!("../models/bookshop.exo"),
    include_str!("../models/fleet.exo"),
    include_str!("../models/code.exo"),
];

fn run(text: &str) -> Compiled {
    let compiled = compile(&SourceSet::from_root(text));
    for diagnostic in compiled.diagnostics.iter().take(20) {
        assert!(!diagnostic.render(&compiled.files, RenderStyle::Plain).is_empty());
        let problem = diagnostic.to_problem(&compiled.files);
        assert!(!problem.to_github().is_empty());
        assert!(serde_json::to_string(&problem).is_ok());
        assert!((problem.line, problem.column) <= (problem.end_line, problem.end_column), "{problem:?}");
    }
    assert_eq!(compiled.ir.is_none(), compiled.has_errors());
    compiled
}

/// Text made of the words of the language, which reaches deeper than arbitrary characters.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "module",
        "type",
        "context",
        "fragment",
        "enum",
        "query",
        "mutation",
        "interceptor",
        "import",
        "@postgres",
        "@deno(\"x.ts\")",
        "@access(",
        "@pk",
        "@unique",
        "@relation(\"a\")",
        "@manyToOne",
        "@json",
        "@column(",
        "mapping",
        "=",
        "{",
        "}",
        "(",
        ")",
        "<",
        ">",
        "[",
        "]",
        ":",
        ";",
        ",",
        ".",
        "...",
        "?",
        "=>",
        "/",
        "!",
        "&&",
        "||",
        "==",
        "!=",
        "<=",
        ">=",
        "in",
        "A",
        "B",
        "a",
        "b",
        "self",
        "some",
        "contains",
        "Set",
        "Array",
        "Int",
        "String",
        "Uuid",
        "Vector",
        "true",
        "null",
        "1",
        "-2.5",
        "\"s\"",
        "\"",
        "///",
        "/**\n",
        "*/",
        "//!",
        "\n",
        "x",
    ]);
    prop::collection::vec(word, 0..200).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text(text in any::<String>()) {
        run(&text);
    }

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        run(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn arbitrary_words(text in words()) {
        run(&text);
        run(&format!("@postgres module M {{ {text} }}"));
        run(&format!("@postgres module M {{ type T {{ @pk a: Int  {text} }} }}"));
        run(&format!("@postgres module M {{ @access({text}) type T {{ @pk a: Int }} }}"));
    }

    #[test]
    fn mutated_models(
        model in 0..3usize,
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..12usize, 0..4usize), 1..6),
    ) {
        let mut chars: Vec<char> = MODELS[model].chars().collect();
        for (at, length, what) in cuts {
            let at = at.index(chars.len());
            let end = (at + length).min(chars.len());
            match what {
                0 => { chars.drain(at..end); }
                1 => { let piece: Vec<char> = chars[at..end].to_vec(); chars.splice(at..at, piece); }
                2 => { chars[at..end].reverse(); }
                _ => { chars.insert(at, ['{', '}', '"', '@', '?'][length % 5]); }
            }
            if chars.is_empty() { break; }
        }
        run(&chars.into_iter().collect::<String>());
    }
}

/// Asks about a place of a text.
fn ask(text: &str, place: prop::sample::Index) {
    ask_at(text, place.index(text.len() + 2) as u32);
}

fn ask_at(text: &str, place: u32) {
    let analysis = Analysis::new(SourceSet::from_root(text));
    let file = analysis.file(ROOT_FILE).unwrap();
    analysis.complete(file, place);
    analysis.hover(file, place);
    let found = analysis.references(file, place, true);
    if let Ok(renamed) = analysis.rename(file, place, "zzz") {
        assert_eq!(renamed, found);
        assert!(renamed.windows(2).all(|pair| pair[0].end <= pair[1].start), "edits overlap");
    }
    analysis.outline(file);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn editors_may_ask_about_any_place_of_any_text(text in words(), place in any::<prop::sample::Index>()) {
        ask(&text, place);
        ask(&format!("@postgres module M {{ type T {{ @pk a: Int  {text} }} }}"), place);
        ask(&format!("@postgres module M {{ @access({text}) type T {{ @pk a: Int }} }}"), place);
    }

    #[test]
    fn editors_may_ask_about_any_place_of_a_damaged_model(
        model in 0..3usize,
        cut in any::<prop::sample::Index>(),
        length in 0..40usize,
        place in any::<prop::sample::Index>(),
    ) {
        let mut chars: Vec<char> = MODELS[model].chars().collect();
        let at = cut.index(chars.len());
        chars.drain(at..(at + length).min(chars.len()));
        ask(&chars.into_iter().collect::<String>(), place);
    }
}

/// Runs with a small stack, as some threads have.
fn quickly(text: String) {
    let worker = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let started = Instant::now();
        run(&text);
        ask_at(&text, text.len() as u32 / 2);
        studio_model::format(&text);
        started.elapsed()
    });
    let elapsed = worker.unwrap().join().unwrap();
    assert!(elapsed < Duration::from_secs(900), "{elapsed:?}");
}

#[test]
fn deep_nesting_is_refused_not_fatal() {
    let deep = 100_000;
    let rule = |text: String| format!("@postgres module M {{ @access({text}) type T {{ @pk a: Int }} }}");
    quickly(rule(format!("{}true{}", "(".repeat(deep), ")".repeat(deep))));
    quickly(rule(format!("{}true", "!".repeat(deep))));
    quickly(rule(vec!["true"; deep].join(" && ")));
    quickly(rule(vec!["1"; deep].join(" == ")));
    quickly(rule(format!("self{}", ".a".repeat(deep))));
    quickly(rule("self.a.some(x => ".repeat(deep)));
    quickly(format!(
        "@postgres module M {{ type T {{ a: {}Int{} }} }}",
        "Set<".repeat(deep),
        ">".repeat(deep)
    ));
    for bracket in [
        "(", ")", "{", "}", "[", "]", "<", ">", "@a(", "\"", "\\\"\n", "/*", "/**\n", "///\n", "//!\n", "?",
        "...", "'",
    ] {
        quickly(bracket.repeat(deep));
        quickly(format!("@postgres module M {{ type T {{ {}", bracket.repeat(deep)));
        quickly(format!("@postgres module M {{ enum T {{ {}", bracket.repeat(deep)));
    }
}

#[test]
fn a_long_chain_is_a_valid_rule() {
    let chain = vec!["self.a == 1"; 20_000].join(" || ");
    let text = format!("@postgres module M {{ @access({chain}) type T {{ @pk a: Int }} }}");
    let compiled = run(&text);
    let ir = compiled.ir.unwrap();
    assert_eq!(studio_model::Ir::from_bytes(&ir.to_bytes()).unwrap(), ir);
}

#[test]
fn long_lines() {
    let megabyte = 1 << 20;
    quickly(format!("@postgres module M {{ type T {{ @pk {}: Int }} }}", "a".repeat(megabyte)));
    quickly(format!("@postgres module M {{ type T {{ @pk a: {} }} }}", "b".repeat(megabyte)));
    quickly("é".repeat(megabyte / 2));
    quickly(format!("// {}", "c".repeat(megabyte)));
    quickly(format!("import \"{}\"", "../".repeat(megabyte / 3)));
}

#[test]
fn imports_in_circles_and_long_chains() {
    let mut sources = SourceSet::new();
    sources.add("src/index.exo", "import \"m0.exo\"");
    for index in 0..5_000 {
        sources.add(
            &format!("src/m{index}.exo"),
            format!("import \"m{}\"\nimport \"index\"", (index + 1) % 5_000),
        );
    }
    assert!(compile(&sources).diagnostics.is_empty());
}
