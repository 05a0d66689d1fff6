//! What is told about calls: fuel, causes of failures, log lines.

use std::sync::Arc;

use studio_hooks::{Counting, HookComponent, HookEngine, HookErrorKind, HookLevel, NoCalls};

use crate::guest::{Operation, all, component, config, load, session};

/// A gateway hook whose `on-request` does this.
async fn guest(work: &str) -> Arc<HookComponent> {
    let wat = format!(
        r#"(module
        (import "exo:hooks/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
        (func (export "exo:hooks/gateway@0.1.0#on-request") (result i32)
            (local $n i32)
            {work}
            (i32.const 3072))
        (func (export "exo:hooks/gateway@0.1.0#on-response")))"#
    );
    load(component("gateway-hooks", &wat), config()).await.unwrap()
}

/// Fuel of one call that counts to a number.
async fn fuel_of(rounds: u32) -> u64 {
    let work = format!(
        "(loop $again
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const {rounds}))))"
    );
    let guest = guest(&work).await;
    let (session, _) = session(&[]);
    session.on_request(&guest, &mut NoCalls).await.unwrap().unwrap();
    let fuel = session.take_reports()[0].fuel.unwrap();
    assert_eq!(guest.metrics().fuel, fuel);
    fuel
}

#[tokio::test]
async fn fuel_is_the_work_of_the_guest_and_the_same_for_the_same_work() {
    let (little, much) = (fuel_of(10).await, fuel_of(1010).await);
    assert_eq!(little, fuel_of(10).await);
    // Seven instructions a round.
    assert!((5000..=9000).contains(&(much - little)), "{little} {much}");
}

#[tokio::test]
async fn an_engine_that_does_not_count_tells_no_fuel() {
    let engine = HookEngine::new(None, Counting::Nothing).unwrap();
    let bytes = component("hooks", crate::guest::ALL);
    let guest = HookComponent::from_bytes(&engine, config(), bytes).await.unwrap();
    let (session, _) = session(&[]);
    session.on_request(&guest, &mut NoCalls).await.unwrap().unwrap();
    assert_eq!(session.take_reports()[0].fuel, None);
    assert_eq!(guest.metrics().fuel, 0);
}

#[tokio::test]
async fn a_crash_is_told_with_its_cause_first_and_then_the_place() {
    let guest = all(config()).await;
    let (session, ears) = session(&[("x-trap", "1")]);
    let error = session.on_request(&guest, &mut NoCalls).await.unwrap_err();
    let first = error.detail.lines().next().unwrap();
    assert!(first.contains("`unreachable` instruction executed"), "{error}");
    assert!(!error.detail.contains("backtrace"), "{error}");
    assert!(guest.metrics().last_error.unwrap().contains("`unreachable`"));
    assert!(ears.lines.lock().unwrap()[0].message.contains("`unreachable`"));
}

#[tokio::test]
async fn an_answer_that_breaks_the_contract_is_counted_and_logged_like_other_failures() {
    let guest = all(config()).await;
    let (session, ears) = session(&[]);
    for hook in ["broken", "lost"] {
        let answer = session.around(&guest, hook, Arc::new(Operation), &mut NoCalls).await;
        assert_eq!(answer.unwrap_err().kind, HookErrorKind::Contract);
    }
    assert_eq!(guest.metrics().errors, [("HOOK_CONTRACT", 2)]);
    assert!(guest.metrics().last_error.unwrap().contains("neither proceeded nor gave a result"));
    assert!(ears.lines.lock().unwrap()[0].message.contains("not the JSON it should be"));
    let reports = session.take_reports();
    assert!(reports.iter().all(|report| report.error == Some("HOOK_CONTRACT")), "{reports:?}");
}

#[tokio::test]
async fn a_loop_that_logs_is_cut_off_and_says_so() {
    let work = r#"(loop $again
        (call $log (i32.const 2) @"again" (i32.const 0) (i32.const 0))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $n) (i32.const 5000))))"#;
    let guest = guest(work).await;
    let (session, ears) = session(&[]);
    for call in 1..=2 {
        session.on_request(&guest, &mut NoCalls).await.unwrap().unwrap();
        let lines = ears.lines.lock().unwrap();
        assert_eq!(lines.len(), 501 * call, "each call has its own share");
        let last = lines.last().unwrap();
        assert!(last.level == HookLevel::Warn && last.message.contains("the rest is left out"), "{last:?}");
    }
}

#[tokio::test]
async fn an_informational_status_ends_no_request() {
    let wat = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
        (func (export "exo:hooks/gateway@0.1.0#on-request") (result i32)
            (i32.store8 (i32.const 3072) (i32.const 1))
            (i32.store16 (i32.const 3076) (i32.const 101))
            (i32.const 3072))
        (func (export "exo:hooks/gateway@0.1.0#on-response")))"#;
    let guest = load(component("gateway-hooks", wat), config()).await.unwrap();
    let (session, _) = session(&[]);
    let rejection = session.on_request(&guest, &mut NoCalls).await.unwrap().unwrap_err();
    assert_eq!((rejection.status, rejection.errors.len()), (500, 1));
}
