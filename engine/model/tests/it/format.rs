//! The formatter: a fixed layout, idempotent, no token and no comment lost.

use proptest::prelude::*;
use studio_model::syntax::lexer::{doc_text, lex};
use studio_model::syntax::parse;
use studio_model::syntax::token::TokenKind;
use studio_model::{FileId, SourceSet, compile, format};

const MODELS: [&str; 3] = [
    include_str!("../models/bookshop.exo"),
    include_str!("../models/fleet.exo"),
    include_str!("../models/code.exo"),
];

/// What carries meaning: the tokens, the docs with their text, the comments.
fn meaning(text: &str) -> (Vec<String>, Vec<String>) {
    let lexed = lex(text);
    let slice = |start: u32, end: u32| &text[start as usize..end as usize];
    let tokens = lexed
        .tokens
        .iter()
        .map(|token| match token.kind {
            TokenKind::Doc | TokenKind::FileDoc => doc_text(slice(token.start, token.end)),
            _ => slice(token.start, token.end).to_owned(),
        })
        .collect();
    let comments = lexed
        .comments
        .iter()
        .map(|comment| slice(comment.start, comment.end).trim_end().to_owned())
        .collect();
    (tokens, comments)
}

/// The syntax tree without its places.
fn tree(text: &str) -> String {
    let shown = format!("{:?}", parse(text, FileId(0)).file);
    let mut pieces = shown.split("Span {");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + "Span" + piece.split_once('}').map_or(piece, |(_, rest)| rest))
}

fn check(text: &str) {
    let once = format(text);
    assert_eq!(tree(text), tree(&once), "another tree:\n{text}\n----\n{once}");
    assert_eq!(meaning(text), meaning(&once), "{text}\n----\n{once}");
    assert_eq!(once, format(&once), "not idempotent:\n{text}");
}

#[test]
fn sample_models() {
    for (name, text) in ["bookshop", "fleet", "code"].into_iter().zip(MODELS) {
        check(text);
        insta::with_settings!({ snapshot_path => "../../../../snapshots/model", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("format_{name}"), format(text));
        });
        let hash = |text: &str| compile(&SourceSet::from_root(text)).ir.unwrap().hash();
        assert_eq!(hash(text), hash(&format(text)));
    }
}

#[test]
fn layout_and_comments() {
    let text = r#"
// first
import   "a" // behind
  /* block */ @postgres   module  Shop{ // open
/// Doc
@access( self.a==1&&
   self.b < 2 || !self.c ) @table ( name = "x" )
type   Book{@pk id:Int=autoIncrement();


  /**
      * Starred
   * lines
   */
  tags :Array < String ? > ? /* inside */ = null
  // own line
  ...Common }
fragment Common { made:Instant=now() @column(mapping={a:"x",b :"y"})   p:Pair }
enum Kind{A B   C}
enum Long{
A
B // b
}
type Empty{}
}
@deno( "x.ts" )module Code { @access(true)export query  f( a:Set<Int>, @inject  c : Caller ):Array<Shop.Book>?
  interceptor g( )
}"#;
    check(text);
    insta::with_settings!({ snapshot_path => "../../../../snapshots/model", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("format_layout", format(text));
    });
}

#[test]
fn trees_without_places_still_tell_models_apart() {
    assert_eq!(tree("@postgres module A { }"), tree("@postgres\nmodule   A {}"));
    assert_ne!(tree("@postgres module A { }"), tree("@postgres module B { }"));
    assert!(tree(MODELS[0]).contains("Span") && !tree(MODELS[0]).contains("start:"));
}

#[test]
fn text_with_syntax_errors_stays() {
    for text in ["module {", "@postgres module A { type B { a: } }", ""] {
        assert_eq!(format(text), text);
    }
}

#[test]
fn every_fixture_keeps_its_tokens() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for case in text.split("// ==== ") {
            check(case.split_once('\n').map_or("", |(_, rest)| rest));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Blanks, line breaks and comments anywhere between tokens.
    #[test]
    fn any_layout(
        model in 0..3usize,
        gaps in prop::collection::vec(
            prop::sample::select(vec![" ", "\n", "\n\n\n", "  ", " // note\n", " /* note */ ", "\n// note\n", "\t"]),
            400,
        ),
    ) {
        let text = MODELS[model];
        let lexed = lex(text);
        let mut mixed = String::new();
        for (index, token) in lexed.tokens.iter().enumerate() {
            mixed.push_str(&text[token.start as usize..token.end as usize]);
            let doc = matches!(token.kind, TokenKind::Doc | TokenKind::FileDoc);
            mixed.push_str(if doc { "\n" } else { gaps[index % gaps.len()] });
        }
        check(&mixed);
    }
}
