//! Imports that the guest which exports everything does not use, and answers of any size.

use std::sync::Arc;

use studio_hooks::{ComponentConfig, HookComponent, HookErrorKind, NoCalls};

use crate::guest::{Calls, Operation, WIT, component_of, config, load, session};

const PROBE: &str = include_str!("probe.wat");

async fn probe(config: ComponentConfig) -> Arc<HookComponent> {
    let wit = format!("{WIT}\nworld probe {{ include host; export gateway; export interceptors; }}\n");
    load(component_of(&wit, "probe", PROBE), config).await.unwrap()
}

#[tokio::test]
async fn requests_values_and_clocks_are_shown_and_changes_have_rules() {
    let mut settings = config();
    settings.settings.insert("limit".to_owned(), 5.into());
    let guest = probe(settings).await;
    let (session, ears) = session(&[("x-many", "one"), ("x-gone", "1"), ("x-many", "two")]);
    session.on_request(&guest, &mut NoCalls).await.unwrap().unwrap();
    let exchange = session.exchange();
    let said: String = serde_json::from_str(&exchange.value("said").unwrap()).unwrap();
    let expected = [
        "POST /graphql?x=1 127.0.0.1",
        // Two values of one header, three headers.
        "23",
        // Appended, removed; no name, no value, the transport's own.
        "0 0 10 11 12",
        // No status yet, and it cannot be set.
        "013",
        // A value that was set and removed.
        "1 none",
        // Trace, time left, debug lines not wanted, errors wanted.
        "abc123 101",
        "kept none",
        // Nothing to proceed with.
        "1",
    ];
    assert_eq!(said, expected.join(" "));
    assert_eq!(exchange.value("settings").as_deref(), Some("{\"limit\":5}"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = [pair("x-many", "one"), pair("x-many", "two"), pair("x-many", "three")];
    assert_eq!(*exchange.changed_headers().unwrap(), headers);

    exchange.set_reply(200, vec![("x-one".into(), "a".into())]);
    session.on_response(&guest, &mut NoCalls).await.unwrap();
    let after: String = serde_json::from_str(&exchange.value("after").unwrap()).unwrap();
    // A status of 200 and one header; appended, removed, refused; 42 is no status; the request is read-only by now.
    assert_eq!(after, "111 0 0 12 11 13 ");
    assert_eq!(exchange.response_headers(), [pair("x-two", "b")]);
    // A flood of words is cut, a record that is too long is not taken.
    assert_eq!(exchange.value("flood").as_deref(), Some("\"0\""));
    let longest = ears.lines.lock().unwrap().iter().map(|line| line.message.len()).max();
    assert!(longest.is_some_and(|length| (8 << 10..9 << 10).contains(&length)), "{longest:?}");
    assert!(ears.records.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_interceptor_knows_what_it_stands_before() {
    let guest = probe(config()).await;
    let (session, _) = session(&[]);
    session.before(&guest, "b", Arc::new(Operation), &mut NoCalls).await.unwrap().unwrap();
    let said: String = serde_json::from_str(&session.exchange().value("operation").unwrap()).unwrap();
    assert_eq!(said, "1 createTodo made Make ");
    assert_eq!(session.exchange().value("arguments").as_deref(), Some("{\"title\":\"a\"}"));
}

#[tokio::test]
async fn answers_beyond_the_memory_or_of_a_whole_memory_fail_that_request_only() {
    let guest = probe(config()).await;
    let (session, _) = session(&[]);
    let beyond = session.after(&guest, "a", Arc::new(Operation), Ok("1".to_owned()), &mut NoCalls).await;
    assert_eq!(beyond.unwrap_err().kind, HookErrorKind::Crashed);
    let whole = session.around(&guest, "a", Arc::new(Operation), &mut Calls::default()).await;
    assert_eq!(whole.unwrap_err().kind, HookErrorKind::Contract);
    // Within a smaller cap there is no such memory.
    let small = probe(ComponentConfig { memory_bytes: 1 << 20, ..config() }).await;
    let refused = session.around(&small, "a", Arc::new(Operation), &mut Calls::default()).await;
    assert_eq!(refused.unwrap_err().kind, HookErrorKind::OutOfMemory);
    session.on_request(&guest, &mut NoCalls).await.unwrap().unwrap();
}
