use super::*;
use proptest::prelude::*;

fn binds(document: &Document) -> Vec<String> {
    document.binds.iter().map(|bind| format!("{}={}", bind.name, bind.path.join("."))).collect()
}

#[test]
fn cuts_exactly_the_directive() {
    let text = "mutation ($label: String!) {\n  createShelf(data: { label: $label }) { id @bind(name: \"shelfId\") label }\n}\n";
    let document = read(text).expect("document");
    assert_eq!(
        document.text,
        "mutation ($label: String!) {\n  createShelf(data: { label: $label }) { id  label }\n}\n"
    );
    assert_eq!(binds(&document), ["shelfId=data.createShelf.id"]);
}

#[test]
fn several_on_one_line_aliases_and_other_directives() {
    let document = read(
        "{ a: shelves(x: \")\") @unordered { id @bind(name: \"one\") n: name @include(if: true) @bind(name: \"two\"), other(y: 1) } }",
    )
    .expect("document");
    assert_eq!(document.text, "{ a: shelves(x: \")\")  { id  n: name @include(if: true) , other(y: 1) } }");
    assert_eq!(binds(&document), ["one=data.a.id", "two=data.a.n"]);
    assert_eq!(document.unordered, BTreeSet::from(["data.a".to_owned()]));
}

#[test]
fn fragments_are_followed() {
    let document = read(
        "query Q($a: [Int!] = [1] @x) @y { one { ...F ... on Shelf { id @bind(name: \"b\") } ...Gone } two { ...F } }\n\
         fragment F on Shelf { id @bind(name: \"a\") list @unordered { ...F } }",
    )
    .expect("document");
    assert_eq!(binds(&document), ["a=data.one.id", "b=data.one.id", "a=data.two.id"]);
    assert_eq!(document.unordered, BTreeSet::from(["data.one.list".to_owned(), "data.two.list".to_owned()]));
}

#[test]
fn words_in_strings_comments_and_longer_names_stay() {
    let text = "{ a(x: \"@unordered\", y: \"\"\"@bind(name: \"q\")\"\"\") # @unordered\n @unorderedList b }";
    assert_eq!(read(text).expect("document").text, text);
}

#[test]
fn broken_documents_are_sent_unchanged() {
    for text in ["{ a(", "query {{", "hello", "", "{ a \"", "\u{1F600} { é }", "{ a }}"] {
        assert_eq!(read(text).expect(text).text, text);
    }
}

#[test]
fn mistakes() {
    for text in [
        "{\n a @bind }",
        "{\n a @bind(nam: \"x\") }",
        "{\n a @bind(name: $x) }",
        "{\n a @bind(name: \"\") }",
        "{\n a @bind(name: \"x\" }",
        "{\n a @bind(name: \"x\", also: 1) }",
        "{\n a(x: @bind(name: \"x\")) }",
        "{\n a @unordered {{ }",
        "query @x\n @unordered { a }",
    ] {
        assert_eq!(read(text).expect_err(text).line, 2, "{text}");
    }
}

#[test]
fn line_breaks_in_a_directive_stay() {
    let document = read("{ a @bind(\n  name: \"x\"\n) b }").expect("document");
    assert_eq!(document.text, "{ a \n\n b }");
}

proptest! {
    #[test]
    fn never_panics(text in "[{}()@:\"# .a-cbindameunord\\\\\n\u{e9}]{0,80}") {
        let _ = read(&text);
    }

    #[test]
    fn never_panics_on_anything(text in any::<String>()) {
        let _ = read(&text);
    }
}
