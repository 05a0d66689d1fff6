use super::*;
use proptest::prelude::*;
use serde_json::json;

fn arbitrary() -> impl Strategy<Value = Expression> {
    let step = prop_oneof![
        any::<String>().prop_map(Step::Key),
        "[a-z_]{1,6}".prop_map(Step::Key),
        (0usize..1000).prop_map(Step::Index)
    ];
    let leaf = prop_oneof![
        Just(Expression::Null),
        any::<bool>().prop_map(Expression::Bool),
        any::<i64>().prop_map(|n| Expression::Number(n.into())),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_filter_map("number", |n| number::from_literal(&format!("{n}")))
            .prop_map(Expression::Number),
        any::<String>().prop_map(Expression::String),
        (
            prop_oneof![any::<String>(), "[a-z$_]{1,8}".prop_map(String::from)],
            prop::collection::vec(step, 0..4)
        )
            .prop_map(|(name, steps)| Expression::Binding(BindingPath { name, steps, offset: 0 })),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Expression::List),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Expression::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reading_what_was_printed_gives_the_same(expression in arbitrary()) {
        let text = print(&expression);
        let (again, _) = read(&text).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
        prop_assert_eq!(again, expression);
    }

    #[test]
    fn reading_never_panics(text in any::<String>()) {
        let _ = read(&text);
    }

    #[test]
    fn reading_near_misses_never_panics(text in "[\\[\\]{}()$.,:'\"\\\\/*0-9a-fx_\\-+ \nunl]{0,60}") {
        let _ = read(&text);
    }

    #[test]
    fn json_is_class_a(text in any::<i64>().prop_map(|n| json!({"a": [n, null, true, "x\n\u{1F600}"]}).to_string())) {
        let (expression, class) = read(&text).expect("JSON");
        prop_assert_eq!(class, Class::A);
        let value: Value = serde_json::from_str(&text).expect("JSON");
        prop_assert_eq!(expression.strict_value(&Map::new()), Ok(value));
    }
}

#[test]
fn classes() {
    for (text, class) in [
        (r#"{ "a": [1, -2.5e3, true, null, "x\u00e9"] }"#, Class::A),
        ("5", Class::A),
        ("{ a: 1 }", Class::B),
        ("{ \"a\": 1, }", Class::B),
        ("[1, /* two */ 2, // three\n 3]", Class::B),
        ("{ 'a': 'it\\'s' }", Class::B),
        ("[0x1F, .5, 5., 1_000, +1]", Class::B),
        ("({ \"a\": 1 })", Class::B),
        ("{ 1: 2, a$: 3, _x: 4, null: 5 }", Class::B),
        ("$.name", Class::C),
        ("{ id: $.todo.id, second: $.list[1], third: $.list[1].x, q: $[\"odd name\"]['k'] }", Class::C),
    ] {
        assert_eq!(read(text).map(|(_, class)| class).map_err(|e| e.to_string()), Ok(class), "{text}");
    }
    for text in [
        "",
        "  // only a comment",
        "{ a: (n) => n > 0 }",
        "1 + 2",
        "`text`",
        "$",
        "$.a()",
        "$.a + 1",
        "$?.a",
        "{ ...$.a }",
        "{ a }",
        "{ a() { return 1 } }",
        "{ [\"a\"]: 1 }",
        "[1,,2]",
        "undefined",
        "new Date()",
        "{ a: 1 } { b: 2 }",
        "\"unclosed",
        "'a\nb'",
        "01",
        "1n",
        "{ a: 1",
        "\"\\ud800\"",
        "/* open",
    ] {
        assert!(read(text).is_err(), "{text} is not for the built-in reader");
    }
}

#[test]
fn strings_follow_javascript() {
    for (text, expected) in [
        (r#"'\x41\u0042\u{1F600}\q\0'"#, "AB\u{1F600}q\0"),
        (r#""\ud83d\ude00""#, "\u{1F600}"),
        ("'one \\\n two'", "one  two"),
        (r#""\b\f\n\r\t\v""#, "\u{8}\u{c}\n\r\t\u{b}"),
    ] {
        assert_eq!(read(text).expect(text).0, Expression::String(expected.into()), "{text}");
    }
}

#[test]
fn a_repeated_key_keeps_its_first_place_and_last_value() {
    let (expression, _) = read("{ a: 1, b: 2, a: 3 }").expect("relaxed JSON");
    assert_eq!(expression.strict_value(&Map::new()).expect("value").to_string(), r#"{"a":3,"b":2}"#);
}

#[test]
fn places_of_members_and_elements() {
    let text = "{ data: { list: [1,\n { \"x y\": $.a }] } }";
    let found: Vec<_> = places(text).into_iter().map(|(path, at)| (path, &text[at..at + 1])).collect();
    let expected = [
        ("data", "d"),
        ("data.list", "l"),
        ("data.list[0]", "1"),
        ("data.list[1]", "{"),
        ("data.list[1][\"x y\"]", "\""),
    ];
    assert_eq!(found, expected.map(|(path, start)| (path.to_owned(), start)));
    assert!(places("{ a: () => 1 }").is_empty());
}

#[test]
fn nesting_is_limited() {
    let text = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
    assert!(read(&text).is_ok());
    let text = "[".repeat(100_000);
    assert_eq!(
        read(&text).expect_err("too deep").to_string(),
        format!("nested deeper than {MAX_DEPTH} levels")
    );
    let text = "(".repeat(100_000);
    assert!(read(&text).is_err());
}

#[test]
fn errors_carry_their_place() {
    let error = read("{\n  a: 1,\n  b: n => n\n}").expect_err("an arrow");
    assert_eq!((error.line, error.column), (3, 6));
}

#[test]
fn paths_without_a_value() {
    let bindings = json!({"todo": {"id": 7, "tags": ["a", "b"]}, "text": "héllo"});
    let bindings = bindings.as_object().expect("object");
    let value = |text: &str| {
        let (expression, _) = read(text).expect(text);
        let mut absent = Vec::new();
        let value = expression.send_value(bindings, &mut absent);
        (value, absent.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(value("$.todo.id"), (Some(json!(7)), vec![]));
    assert_eq!(value("$.todo.tags[1]"), (Some(json!("b")), vec![]));
    assert_eq!(value("$.todo.tags.length"), (Some(json!(2)), vec![]));
    assert_eq!(value("$.text.length"), (Some(json!(5)), vec![]));
    assert_eq!(
        value("{ a: $.nope, b: [$.todo.nope] }"),
        (
            Some(json!({"b": [null]})),
            vec![
                "`$.nope` is not bound at this point".to_owned(),
                "`$.todo.nope` has no value: `$.todo` is an object without `nope`".to_owned()
            ]
        )
    );
    assert_eq!(value("$.todo.tags[5].x").1.len(), 1);
    let undefined = |text: &str| match read(text).expect(text).0 {
        Expression::Binding(path) => path.value(bindings).expect_err(text).is_undefined(),
        other => panic!("{other:?}"),
    };
    assert!(undefined("$.nope") && undefined("$.todo.nope") && undefined("$.todo.tags[9]"));
    assert!(!undefined("$.nope.x") && !undefined("$.todo.nope.x") && !undefined("$.todo.none.x"));
}
