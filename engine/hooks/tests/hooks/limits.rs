//! Hostile guests: the request fails with a clear code, nothing else does.

use std::sync::Arc;
use std::time::Duration;

use studio_hooks::{ComponentConfig, HookComponent, HookErrorKind, NoCalls};

use crate::guest::{Calls, Operation, all, component, config, load, session};

async fn mischief(guest: &Arc<HookComponent>, header: &str) -> HookErrorKind {
    let (session, ears) = session(&[(header, "1")]);
    let error = session.on_request(guest, &mut NoCalls).await.unwrap_err();
    assert!(error.client_message().starts_with("The hook 'guest'"), "{}", error.client_message());
    assert_eq!(ears.lines.lock().unwrap().len(), 1, "the log has the cause");
    assert_eq!(session.take_reports()[0].error, Some(error.kind.code()));
    // The same request may go on with another instance.
    let (fine, _) = self::session(&[]);
    fine.on_request(guest, &mut NoCalls).await.unwrap().unwrap();
    error.kind
}

#[tokio::test]
async fn an_endless_loop_is_stopped_and_others_go_on_meanwhile() {
    let guest = all(ComponentConfig { timeout: Duration::from_millis(100), ..config() }).await;
    let (session, _) = session(&[("x-loop", "1")]);
    // One thread: the other task only runs when the loop yields.
    let (error, turns) =
        tokio::join!(async { session.on_request(&guest, &mut NoCalls).await.unwrap_err() }, async {
            let mut turns = 0;
            while guest.metrics().in_use > 0 || turns == 0 {
                turns += 1;
                tokio::task::yield_now().await;
            }
            turns
        });
    assert_eq!(error.kind, HookErrorKind::Timeout);
    assert!(turns > 1, "the loop never yielded");
}

#[tokio::test]
async fn traps_deep_recursion_and_memory_bombs_have_codes_of_their_own() {
    let guest = all(ComponentConfig { memory_bytes: 8 << 20, ..config() }).await;
    assert_eq!(mischief(&guest, "x-trap").await, HookErrorKind::Crashed);
    assert_eq!(mischief(&guest, "x-deep").await, HookErrorKind::Crashed);
    assert_eq!(mischief(&guest, "x-bomb").await, HookErrorKind::OutOfMemory);
    let metrics = guest.metrics();
    assert_eq!(metrics.in_use, 0);
    assert_eq!(metrics.errors.len(), 2);
    assert!(metrics.last_error.unwrap().contains("HOOK_OUT_OF_MEMORY"));
}

#[tokio::test]
async fn a_guest_that_waits_in_the_host_is_stopped_too() {
    struct Slow;
    impl studio_hooks::HostCalls for Slow {
        fn execute<'a>(
            &'a mut self,
            _document: String,
            _variables: Option<String>,
            _acting_as: studio_hooks::ActingAs,
        ) -> futures_util::future::BoxFuture<'a, studio_hooks::GraphqlReply> {
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(120)).await;
                studio_hooks::GraphqlReply::default()
            })
        }
        fn proceed<'a>(
            &'a mut self,
            _arguments: Option<String>,
        ) -> futures_util::future::BoxFuture<'a, Result<String, studio_hooks::Failure>> {
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(120)).await;
                Ok("1".to_owned())
            })
        }
    }
    let guest = all(ComponentConfig { timeout: Duration::from_millis(60), ..config() }).await;
    let (session, _) = session(&[]);
    let kind = studio_hooks::OperationKind::Query;
    let error = session.module(&guest, kind, "graphql", "{}", None, &mut Slow).await.unwrap_err();
    assert_eq!(error.kind, HookErrorKind::Timeout);
    // The rest of the chain is not the hook's time.
    let answer = session.around(&guest, "plain", Arc::new(Operation), &mut Slow).await.unwrap();
    assert_eq!(answer, Ok("1".to_owned()));
}

#[tokio::test]
async fn state_does_not_outlive_a_request_unless_the_component_is_recycled() {
    for (recycle, expected) in [(false, ["1", "1", "1"]), (true, ["1", "2", "3"])] {
        let guest = all(ComponentConfig { recycle, ..config() }).await;
        let mut counts = Vec::new();
        for _ in 0..3 {
            let (session, _) = session(&[]);
            session.on_request(&guest, &mut NoCalls).await.unwrap().unwrap();
            counts.push(session.exchange().response_headers()[0].1.clone());
        }
        assert_eq!(counts, expected, "recycle = {recycle}");
    }
}

#[tokio::test]
async fn a_recycled_instance_that_trapped_is_thrown_away() {
    let guest = all(ComponentConfig { recycle: true, ..config() }).await;
    for headers in [&[][..], &[("x-trap", "1")]] {
        let (session, _) = session(headers);
        let _ = session.on_request(&guest, &mut NoCalls).await;
    }
    let (session, _) = session(&[]);
    session.on_request(&guest, &mut NoCalls).await.unwrap().unwrap();
    assert_eq!(session.exchange().response_headers()[0].1, "1");
}

#[tokio::test]
async fn the_hooks_of_one_request_share_one_instance() {
    let guest = all(config()).await;
    let (session, _) = session(&[]);
    for count in ["1", "2"] {
        session.on_request(&guest, &mut NoCalls).await.unwrap().unwrap();
        assert_eq!(session.exchange().response_headers()[0].1, count);
    }
    assert_eq!(guest.metrics().in_use, 1);
    drop(session);
    assert_eq!(guest.metrics().in_use, 0);
}

#[tokio::test]
async fn a_full_pool_lets_requests_wait_and_then_fail() {
    let settings = ComponentConfig { max_instances: 1, queue_timeout: Duration::from_millis(20), ..config() };
    let guest = all(settings).await;
    let (first, _) = session(&[]);
    first.on_request(&guest, &mut NoCalls).await.unwrap().unwrap();
    let (second, _) = session(&[]);
    let error = second.on_request(&guest, &mut NoCalls).await.unwrap_err();
    assert_eq!(error.kind, HookErrorKind::Busy);
    assert!(guest.metrics().queue_wait_us > 0);
    drop(first);
    second.on_request(&guest, &mut NoCalls).await.unwrap().unwrap();
}

/// `proceed` reaches a hook of the same component again and again.
struct Nest<'a> {
    session: &'a studio_hooks::Session,
    guest: &'a Arc<HookComponent>,
    depth: usize,
}

impl studio_hooks::HostCalls for Nest<'_> {
    fn execute<'a>(
        &'a mut self,
        _document: String,
        _variables: Option<String>,
        _acting_as: studio_hooks::ActingAs,
    ) -> futures_util::future::BoxFuture<'a, studio_hooks::GraphqlReply> {
        Box::pin(async { studio_hooks::GraphqlReply::default() })
    }
    fn proceed<'a>(
        &'a mut self,
        _arguments: Option<String>,
    ) -> futures_util::future::BoxFuture<'a, Result<String, studio_hooks::Failure>> {
        Box::pin(async {
            if self.depth == 0 {
                return Ok("\"bottom\"".to_owned());
            }
            let mut below = Nest { depth: self.depth - 1, ..*self };
            let answer = self.session.around(self.guest, "plain", Arc::new(Operation), &mut below).await;
            answer.unwrap_or_else(|error| Err(error.to_failure()))
        })
    }
}

#[tokio::test]
async fn nested_calls_take_instances_of_their_own_without_waiting_and_have_a_depth() {
    let guest = all(ComponentConfig { max_instances: 1, ..config() }).await;
    let (session, _) = session(&[]);
    let mut nest = Nest { session: &session, guest: &guest, depth: 7 };
    let answer = session.around(&guest, "plain", Arc::new(Operation), &mut nest).await.unwrap();
    assert_eq!(answer, Ok("\"bottom\"".to_owned()));
    let mut deeper = Nest { session: &session, guest: &guest, depth: 8 };
    let failure =
        session.around(&guest, "plain", Arc::new(Operation), &mut deeper).await.unwrap().unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("HOOK_BUSY"));
}

#[tokio::test]
async fn a_start_that_loops_or_refuses_is_found_at_load() {
    let mut refusing = config();
    refusing.settings.insert("refuse".to_owned(), true.into());
    let error = load(component("hooks", crate::guest::ALL), refusing).await.unwrap_err();
    assert!(error.to_string().contains("not today"), "{error}");
}

#[tokio::test]
async fn dropping_a_request_in_the_middle_of_a_call_frees_its_instance() {
    let guest = all(config()).await;
    let (session, _) = session(&[("x-loop", "1")]);
    let mut calls = NoCalls;
    let call = session.on_request(&guest, &mut calls);
    assert!(tokio::time::timeout(Duration::from_millis(20), call).await.is_err());
    drop(session);
    assert_eq!(guest.metrics().in_use, 0);
    let (fine, _) = self::session(&[]);
    fine.on_request(&guest, &mut Calls::default()).await.unwrap().unwrap();
}
