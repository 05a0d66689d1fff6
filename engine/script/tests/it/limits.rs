use std::time::Duration;

use studio_script::{Argument, FailureKind, Limits};

use super::{call, drive, result, runtime};

const HOSTILE: &str = "
export function loop() { for (;;); }
export async function jobs() { for (;;) await null; }
export function deep() { const f = (n) => f(n + 1) + 1; return f(0); }
export function hoard() { const all = []; for (;;) all.push(new Array(10000).fill('x'.repeat(100))); }
export async function never() { await new Promise(() => {}); }
export async function sleeps() { await new Promise((done) => setTimeout(done, 3600000)); }
export function swallow() { try { for (;;); } catch { return 'survived'; } finally { return 'survived'; } }
export async function flood(exograph) { await Promise.all(Array.from({ length: 100 }, () => exograph.executeQuery('{ x }'))); }
export const regex = () => /^(a+)+$/.test('a'.repeat(40) + 'b');
export const fine = () => 'fine';
";

fn limits() -> Limits {
    Limits {
        computing: Duration::from_millis(500),
        total: Duration::from_millis(2000),
        memory: 16 * 1024 * 1024,
        open_requests: 50,
        ..Limits::default()
    }
}

#[tokio::test]
async fn hostile_functions_fail_alone() {
    // Where no time runs out, there is plenty: the machine may have other things to do.
    let patient = runtime(
        HOSTILE,
        Limits { computing: Duration::from_secs(60), total: Duration::from_secs(120), ..limits() },
    );
    let hasty = runtime(HOSTILE, limits());
    for (function, kind) in [
        ("loop", FailureKind::Timeout),
        ("jobs", FailureKind::Timeout),
        ("swallow", FailureKind::Timeout),
        ("regex", FailureKind::Timeout),
        ("sleeps", FailureKind::Timeout),
        ("hoard", FailureKind::Memory),
        ("deep", FailureKind::Thrown),
        ("never", FailureKind::Stuck),
    ] {
        let runtime = if kind == FailureKind::Timeout { &hasty } else { &patient };
        let failure = result(runtime, call(function, &[])).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{function}: {failure}");
        assert_eq!(result(runtime, call("fine", &[])).await.unwrap(), "\"fine\"", "after {function}");
    }
}

#[tokio::test]
async fn questions_to_the_engine_are_limited() {
    let runtime = runtime(HOSTILE, limits());
    let mut floods = call("flood", &[]);
    floods.arguments = vec![Argument::Exograph];
    let (outcome, _) = drive(runtime.call(floods), |_| Ok("{}".to_owned())).await;
    assert!(outcome.unwrap_err().message.contains("too many requests"));
}

#[tokio::test]
async fn a_caller_that_goes_away_stops_its_script() {
    let limits = Limits { computing: Duration::from_secs(600), total: Duration::from_secs(600), ..limits() };
    let runtime = runtime(HOSTILE, limits);
    // More than there are threads: the others would wait for ever if dropping did not stop them.
    for _ in 0..10 {
        drop(runtime.call(call("loop", &[])));
    }
    assert_eq!(result(&runtime, call("fine", &[])).await.unwrap(), "\"fine\"");
}
