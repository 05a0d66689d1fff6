//! Answers for editors. `$0` marks the place of the cursor; it is taken out before the text is read.

use studio_model::ide::{Analysis, Completion, RenameError};
use studio_model::{FileId, SourceSet};

const ROOT: FileId = FileId(0);

/// A project whose texts may hold the mark once; its place.
fn project(files: &[(&str, &str)]) -> (Analysis, FileId, u32) {
    let mut place = None;
    let mut sources = SourceSet::new();
    for (path, text) in files {
        if let Some(at) = text.find("$0") {
            place = Some((*path, at as u32));
        }
        sources.add(path, text.replacen("$0", "", 1));
    }
    let (path, offset) = place.unwrap();
    let analysis = Analysis::new(sources);
    let file = analysis.file(path).unwrap();
    (analysis, file, offset)
}

fn cursor(text: &str) -> (Analysis, FileId, u32) {
    project(&[("src/index.exo", text)])
}

fn labels(text: &str) -> Vec<String> {
    items(text).into_iter().map(|item| item.label).collect()
}

fn items(text: &str) -> Vec<Completion> {
    let (analysis, file, offset) = cursor(text);
    analysis.complete(file, offset).1
}

/// The text of a definition: what stands at its place.
fn definition(text: &str) -> Option<String> {
    let (analysis, file, offset) = cursor(text);
    let span = analysis.definition(file, offset)?;
    Some(format!("{} {}", analysis.files().location(span), analysis.files().slice(span)))
}

const SHOP: &str = r#"context Caller {
  @jwt("sub") id: Int?
  @jwt roles: Array<String>
}
@postgres
module Shop {
  enum Kind { HARD SOFT }
  fragment Made { made: Instant = now() }
  /// Writes books.
  @access(query = true, mutation = Caller.id == self.id)
  type Author {
    @pk id: Int = autoIncrement()
    @relation("writer") books: Set<Book>?
  }
  @access(self.writer.books.some(b => b.kind == SOFT && b.made == self.made))
  @projection(brief = [title, writer/pk], long = [/brief, made])
  type Book {
    @pk isbn: String
    /// What is on the cover.
    title: String
    kind: Kind = HARD
    @readonly editor: Int? = Caller.id
    ...Made
    writer: Author
  }
}
"#;

/// The shop with the mark in front of the nth occurrence of a text.
fn shop(text: &str, nth: usize) -> String {
    let at = SHOP.match_indices(text).nth(nth).unwrap().0;
    format!("{}$0{}", &SHOP[..at], &SHOP[at..])
}

#[test]
fn definitions_of_everything_named() {
    let cases = [
        ("Book>", 0, "17:8 Book"),
        ("writer\")", 0, "24:5 writer"),
        ("Caller.id ==", 0, "1:9 Caller"),
        ("id == self", 0, "2:15 id"),
        ("self.id", 0, "11:8 Author"),
        ("id)", 0, "12:9 id"),
        ("writer.books", 0, "24:5 writer"),
        ("books.some", 0, "13:25 books"),
        ("b.kind", 0, "15:34 b"),
        ("kind ==", 0, "21:5 kind"),
        ("SOFT &&", 0, "7:20 SOFT"),
        ("made ==", 0, "8:19 made"),
        ("title,", 0, "20:5 title"),
        ("brief, made", 0, "16:15 brief"),
        ("Kind = ", 0, "7:8 Kind"),
        ("HARD\n", 0, "7:15 HARD"),
        ("Made\n", 0, "8:12 Made"),
        ("id\n", 0, "2:15 id"),
    ];
    for (text, nth, expected) in cases {
        let found = definition(&shop(text, nth));
        assert_eq!(found.as_deref(), Some(format!("src/index.exo:{expected}").as_str()), "{text}");
    }
    // Built-in things are declared nowhere.
    assert_eq!(definition(&shop("Set<", 0)), None);
    assert_eq!(definition(&shop("autoIncrement", 0)), None);
}

#[test]
fn definitions_across_files_and_of_imports() {
    let books = "@postgres module Books { type Book { @pk id: Int  owner: Per$0son? } }";
    let people = "@postgres module People { type Person { @pk id: Int  books: Set<Book>? } }";
    let root = "import \"books\"\nimport \"people.exo\"";
    let (analysis, file, offset) =
        project(&[("src/index.exo", root), ("src/books.exo", books), ("src/people.exo", people)]);
    let span = analysis.definition(file, offset).unwrap();
    assert_eq!(analysis.files().location(span), "src/people.exo:1:32");
    let (analysis, file, offset) = project(&[
        ("src/index.exo", "import \"bo$0oks\"\nimport \"people.exo\""),
        ("src/books.exo", &books.replace("$0", "")),
        ("src/people.exo", people),
    ]);
    assert_eq!(analysis.files().location(analysis.definition(file, offset).unwrap()), "src/books.exo:1:1");
    assert!(analysis.hover(file, offset).unwrap().markdown.contains("src/books.exo"));
}

#[test]
fn references_with_and_without_the_declaration() {
    let (analysis, file, offset) = cursor(&shop("writer: Author", 0));
    let lines = |with| -> Vec<u32> {
        let found = analysis.references(file, offset, with);
        found.iter().map(|span| analysis.files().position(*span).line).collect()
    };
    assert_eq!(lines(true), [13, 15, 16, 24]);
    assert_eq!(lines(false), [13, 15, 16]);
    // `self` means the type but does not name it.
    let (analysis, file, offset) = cursor(&shop("Author {", 0));
    assert_eq!(analysis.references(file, offset, true).len(), 2);
}

fn renamed(text: &str, name: &str) -> Result<String, RenameError> {
    let (analysis, file, offset) = cursor(text);
    let mut text = text.replacen("$0", "", 1);
    for span in analysis.rename(file, offset, name)?.into_iter().rev() {
        text.replace_range(span.start as usize..span.end as usize, name);
    }
    Ok(text)
}

#[test]
fn a_renamed_model_means_the_same() {
    for (text, name) in [
        ("writer: Author", "penned"),
        ("Author {", "Person"),
        ("Made {", "Stamps"),
        ("Caller {", "Who"),
        ("SOFT }", "LOOSE"),
        ("b =>", "other"),
        ("brief =", "short"),
        ("Kind {", "Cover"),
        ("roles", "groups"),
        ("Shop {", "Store"),
    ] {
        let after = renamed(&shop(text, 0), name).unwrap();
        assert!(after.contains(name) && after != SHOP, "{text}");
        let analysis = Analysis::new(SourceSet::from_root(&after));
        let problems: Vec<&str> = analysis.diagnostics().iter().map(|it| it.message.as_str()).collect();
        assert!(problems.is_empty(), "{text}: {problems:?}\n{after}");
    }
}

#[test]
fn names_that_cannot_be_given() {
    let text = shop("writer: Author", 0);
    let error = |name: &str| renamed(&text, name).unwrap_err().to_string();
    assert_eq!(error("title"), "there is a field of `Book` `title` already");
    assert_eq!(error("2nd"), "`2nd` is not a name: write letters, digits and `_`, and no digit first");
    assert_eq!(error("a-b"), "`a-b` is not a name: write letters, digits and `_`, and no digit first");
    assert!(renamed(&shop("Author {", 0), "String").is_err());
    assert!(renamed(&shop("Author {", 0), "Caller").is_err());
    assert!(renamed(&shop("HARD SOFT", 0), "SOFT").is_err());
    assert_eq!(renamed(&shop("Set<", 0), "Bag"), Err(RenameError::NothingDeclared));
    assert_eq!(renamed(&shop("self.id", 0), "me"), Err(RenameError::NothingDeclared));
    let (analysis, file, offset) = cursor(&shop("writer.books", 0));
    let (span, name) = analysis.renamable(file, offset).unwrap();
    assert_eq!((analysis.files().slice(span), name), ("writer", "writer"));
}

#[test]
fn hovers() {
    let hover = |text: &str, nth: usize| {
        let (analysis, file, offset) = cursor(&shop(text, nth));
        analysis.hover(file, offset).map(|hover| hover.markdown).unwrap_or_default()
    };
    insta::with_settings!({ snapshot_path => "../../../../snapshots/model", prepend_module_to_snapshot => false, omit_expression => true }, {
        let mut text = String::new();
        for (at, nth) in [
            ("Author {", 0), ("Book {", 0), ("title: String", 0), ("writer: Author", 0), ("books: Set", 0),
            ("Kind {", 0), ("SOFT", 0), ("Caller.id ==", 0), ("id == self", 0), ("b.kind", 0), ("Shop {", 0),
            ("Int =", 0), ("readonly", 0), ("autoIncrement", 0), ("made: Instant", 0),
        ] {
            text.push_str(&format!("==== {at}\n{}\n", hover(at, nth)));
        }
        insta::assert_snapshot!("ide_hover", text);
    });
    assert_eq!(hover("{ made", 0), "");
}

#[test]
fn suggestions_for_declarations_and_types() {
    assert_eq!(labels("$0"), ["context", "module", "import"]);
    assert_eq!(labels("mod$0"), ["context", "module", "import"]);
    assert_eq!(
        labels("@postgres module M { $0 }"),
        ["type", "enum", "fragment", "query", "mutation", "interceptor"]
    );
    assert_eq!(labels("@$0"), ["postgres", "deno", "wasm"]);
    let of_type = labels("@postgres module M { @$0 type T { @pk id: Int } }");
    assert!(of_type.contains(&"table".to_owned()) && of_type.contains(&"access".to_owned()), "{of_type:?}");
    let of_field = labels("@postgres module M { type T { @pk @$0 id: Int } }");
    assert!(of_field.contains(&"unique".to_owned()) && !of_field.contains(&"jwt".to_owned()), "{of_field:?}");
    assert_eq!(labels("context C { @$0 }"), ["jwt", "header", "cookie", "env", "clientIp", "query", "hook"]);
    assert_eq!(labels("@deno(\"x.ts\") module M { query q(@$0 c: C): Int }"), ["inject"]);
    let text = "@postgres module M { enum Kind { A } fragment F { a: Int } type Other { @pk id: Int } type T { @pk id: $0 } }";
    let types = labels(text);
    assert!(types.starts_with(&["Boolean".to_owned(), "Int".to_owned()]), "{types:?}");
    for expected in ["Vector", "Set", "Array", "Kind", "Other", "T"] {
        assert!(types.contains(&expected.to_owned()), "{expected}: {types:?}");
    }
    assert!(!types.contains(&"F".to_owned()));
    assert!(labels(&text.replace("$0", "Set<$0")).contains(&"Other".to_owned()));
    assert_eq!(labels(&text.replace("id: $0", "id: Int ...$0")), ["F"]);
    let in_context = labels("context C { @jwt a: $0 }\n@postgres module M { type T { @pk id: Int } }");
    assert!(in_context.contains(&"Uuid".to_owned()) && !in_context.contains(&"T".to_owned()));
    let qualified = "@postgres module A { type T { @pk id: Int } }\n@deno(\"x.ts\") module B { type U { x: Int } query q(): A.$0 }";
    assert_eq!(labels(qualified), ["T"]);
}

#[test]
fn suggestions_in_annotations() {
    let of_type = |annotation: &str| {
        labels(&format!(
            "context Caller {{ @jwt role: String  @jwt roles: Array<String> }}\n@postgres module M {{ {annotation}\n type Book {{ @pk id: Int  title: String  kind: Kind  author: Author }} type Author {{ @pk key: Int  ok: Boolean  books: Set<Book>? }} enum Kind {{ HARD SOFT }} }}"
        ))
    };
    assert_eq!(
        of_type("@access($0)"),
        [
            "query", "mutation", "create", "update", "delete", "self", "Caller", "true", "false", "null",
            "hook"
        ]
    );
    assert_eq!(of_type("@access(query = $0)"), ["self", "Caller", "true", "false", "null", "hook"]);
    assert_eq!(of_type("@access(query = hook(\"r\", $0))"), ["self", "Caller", "true", "false", "null"]);
    assert_eq!(of_type("@access(query = hook(\"r\", self.$0))")[0], "id");
    assert_eq!(of_type("@access(query = true, $0)"), ["query", "mutation", "create", "update", "delete"]);
    assert_eq!(of_type("@access(self.$0)"), ["id", "title", "kind", "author"]);
    assert_eq!(of_type("@access(self.$0"), ["id", "title", "kind", "author"]);
    assert_eq!(of_type("@access(self.author.o$0)"), ["key", "ok", "books"]);
    assert_eq!(of_type("@access(self.author.books.$0)"), ["some"]);
    assert_eq!(of_type("@access(self.author.books.some(b => b.$0))"), ["id", "title", "kind", "author"]);
    assert_eq!(of_type("@access(self.author.books.some(b => b.author.$0))"), ["key", "ok", "books"]);
    assert_eq!(
        of_type("@access(self.author.books.some(b => $0))"),
        ["b", "self", "Caller", "true", "false", "null"]
    );
    assert_eq!(of_type("@access(Caller.$0 == \"x\")"), ["role", "roles"]);
    assert_eq!(of_type("@access(Caller.roles.$0)"), ["contains"]);
    assert_eq!(of_type("@access(self.kind == $0)")[..2], ["HARD", "SOFT"]);
    assert_eq!(of_type("@access(self.title.$0)"), Vec::<String>::new());
    assert_eq!(of_type("@table($0)"), ["name", "schema", "managed"]);
    assert_eq!(of_type("@table(managed = $0)"), ["true", "false"]);
    assert_eq!(of_type("@projection(a = [$0])"), ["id", "title", "kind", "author"]);
    assert_eq!(of_type("@projection(a = [id], b = [author/$0])"), ["pk", "basic"]);
    let of_field = |annotation: &str| {
        labels(&format!(
            "@postgres module M {{ type Book {{ @pk id: Int  {annotation} author: Author  editor: Author }} type Author {{ @pk key: Int  @relation(\"author\") books: Set<Book>?  other: Set<Book>? }} }}"
        ))
    };
    assert_eq!(of_field("@relation(\"$0\")"), ["books", "other"]);
    assert_eq!(of_field("@column(mapping = {$0})"), ["key"]);
    assert_eq!(of_field("@distanceFunction(\"$0\")"), ["cosine", "l2", "ip"]);
    assert_eq!(of_field("@access(self.id == $0)"), ["self", "true", "false", "null"]);
}

#[test]
fn suggestions_of_defaults() {
    let of = |field: &str| {
        labels(&format!(
            "context Caller {{ @jwt id: Int }}\n@postgres module M {{ enum Kind {{ HARD SOFT }} type T {{ @pk id: Int  {field} }} }}"
        ))
    };
    assert_eq!(of("a: Int = $0"), ["autoIncrement", "Caller"]);
    assert_eq!(of("a: Instant = n$0"), ["now", "Caller"]);
    assert_eq!(of("a: Kind? = $0"), ["HARD", "SOFT", "null", "Caller"]);
    assert_eq!(of("a: Int = Caller.$0"), ["id"]);
    assert_eq!(of("a: String = \"$0\""), Vec::<String>::new());
}

#[test]
fn nothing_is_suggested_where_nothing_fits() {
    for text in [
        "// $0",
        "/* $0 */ @postgres module M { }",
        "@postgres module M { /// $0\n type T { @pk id: Int } }",
        "@postgres module M { type T { @pk id: Int $0 } }",
        "@postgres module M { enum E { A $0 } }",
        "@postgres module M { type T { @pk id: Int = 1$0 } }",
    ] {
        assert_eq!(labels(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn suggestions_of_files_are_relative() {
    let (analysis, file, offset) = project(&[
        ("src/index.exo", "import \"sub/a\""),
        ("src/sub/a.exo", "import \"../$0\""),
        ("src/other.exo", ""),
        ("src/sub/b.exo", ""),
    ]);
    let (span, found) = analysis.complete(file, offset);
    let labels: Vec<&str> = found.iter().map(|item| item.label.as_str()).collect();
    assert_eq!(labels, ["../index.exo", "../other.exo"]);
    assert_eq!(analysis.files().slice(span), "../");
}

#[test]
fn a_suggestion_replaces_the_whole_word() {
    let (analysis, file, offset) = cursor("@postgres module M { type T { @pk id: In$0tt } }");
    let (span, _) = analysis.complete(file, offset);
    assert_eq!(analysis.files().slice(span), "Intt");
}

#[test]
fn outlines() {
    let analysis = Analysis::new(SourceSet::from_root(
        &SHOP.replace("module Shop {", "module Shop { interceptor i() query q(): Int"),
    ));
    let mut lines = Vec::new();
    fn walk(items: &[studio_model::ide::OutlineItem], depth: usize, lines: &mut Vec<String>) {
        for item in items {
            assert!(item.whole.contains(item.selection), "{item:?}");
            lines.push(
                format!("{}{} {} {}", "  ".repeat(depth), item.kind.describe(), item.name, item.detail)
                    .trim_end()
                    .to_owned(),
            );
            walk(&item.children, depth + 1, lines);
        }
    }
    walk(&analysis.outline(ROOT), 0, &mut lines);
    assert_eq!(
        lines[..8],
        [
            "context Caller",
            "  field id Int?",
            "  field roles Array<String>",
            "module Shop",
            "  interceptor i",
            "  query q Int",
            "  enum Kind",
            "    enum value HARD"
        ]
    );
    assert_eq!(lines.len(), 20, "{lines:#?}");
}

#[test]
fn broken_text_still_answers() {
    // Every prefix of the shop, and the shop without every single line.
    for cut in (0..SHOP.len()).filter(|cut| SHOP.is_char_boundary(*cut)) {
        let analysis = Analysis::new(SourceSet::from_root(&SHOP[..cut]));
        let end = cut as u32;
        analysis.complete(ROOT, end);
        analysis.hover(ROOT, end);
        analysis.definition(ROOT, end);
        analysis.outline(ROOT);
    }
    let lines: Vec<&str> = SHOP.lines().collect();
    for drop in 0..lines.len() {
        let text: Vec<&str> =
            lines.iter().enumerate().filter(|(at, _)| *at != drop).map(|(_, line)| *line).collect();
        let text = text.join("\n");
        let analysis = Analysis::new(SourceSet::from_root(&text));
        for offset in 0..=text.len() as u32 {
            analysis.hover(ROOT, offset);
            analysis.definition(ROOT, offset);
            analysis.references(ROOT, offset, true);
        }
    }
    // The type after the damage is known.
    let damaged =
        "@postgres module M { type Broken { @pk id: Int  x: }  type Fine { @pk id: Int  other: Bro$0ken? } }";
    assert_eq!(definition(damaged).as_deref(), Some("src/index.exo:1:27 Broken"));
}
