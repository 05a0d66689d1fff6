//! Where JavaScript runs: quick functions in the task that calls them, all else in threads for scripts.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use studio_script::{Argument, Call, CallHandle, Event, FailureKind, Limits, ScriptRuntime};

use super::{call, drive, result, runtime};

const SCRIPT: &str = "
let calls = 0;
export function compute(steps: number) {
  calls += 1;
  for (let step = 0; step !== steps; step++);
  return calls;
}
export function deep(levels: number): number { return levels === 0 ? 0 : 1 + deep(levels - 1); }
export function deepest(end: number) {
  let levels = 0;
  const f = () => { levels += 1; if (levels !== end) f(); };
  try { f(); } catch {}
  return levels;
}
export function spoken(steps: number) {
  console.log('before');
  for (let step = 0; step < steps; step++);
  console.log('after');
  return 'done';
}
export async function asks(exograph: any) { calls += 1; return (await exograph.executeQuery('{ a }')).a; }
export async function waits(milliseconds: number) { await new Promise((go) => setTimeout(go, milliseconds)); return 'awake'; }
export function length(text: string) { return text.length; }
export const fine = () => 'fine';
";

/// Nothing here takes so long, unless it is stuck.
fn patient() -> Limits {
    Limits { computing: Duration::from_secs(60), total: Duration::from_secs(120), ..Limits::default() }
}

/// The first event, if there is one without waiting.
fn at_once(handle: &mut CallHandle) -> Option<Event> {
    match pin!(handle.next()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(event) => event,
        Poll::Pending => None,
    }
}

/// Calls until the function is known to be quick: it comes to an event, which is returned, within one poll.
async fn warm(runtime: &ScriptRuntime, wanted: impl Fn() -> Call) -> Event {
    for _ in 0..10_000 {
        let mut handle = runtime.call(wanted());
        let event = at_once(&mut handle);
        if let Some(Event::Ask { id, .. }) = &event {
            handle.answer(*id, Ok("{}".to_owned()));
        }
        if !matches!(event, Some(Event::Done(_))) {
            drive(handle, |_| Ok("{}".to_owned())).await.0.unwrap();
        }
        if let Some(event) = event {
            return event;
        }
    }
    panic!("never quick");
}

#[tokio::test]
async fn a_quick_function_is_done_within_one_poll() {
    let runtime = runtime(SCRIPT, patient());
    let event = warm(&runtime, || call("fine", &[])).await;
    assert!(matches!(&event, Event::Done(Ok(text)) if text == "\"fine\""), "{event:?}");
}

#[tokio::test]
async fn a_script_that_computes_for_long_leaves_the_thread_to_others() {
    let runtime = runtime(SCRIPT, patient());
    warm(&runtime, || call("compute", &["1"])).await;
    warm(&runtime, || call("fine", &[])).await;
    // More than there are threads for scripts, one after the other: each has to stop when nobody waits for it.
    for _ in 0..10 {
        warm(&runtime, || call("compute", &["1"])).await;
        tokio::select! {
            biased;
            ended = result(&runtime, call("compute", &["-1"])) => panic!("{ended:?}"),
            // There is one thread in this runtime, and the loop has been on it.
            fine = result(&runtime, call("fine", &[])) => assert_eq!(fine.unwrap(), "\"fine\""),
        }
    }
    // Of which nothing is known, so it needs one of those threads.
    assert_eq!(result(&runtime, call("deep", &["3"])).await.unwrap(), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_endless_loops_as_workers_stall_nobody() {
    let runtime = runtime(SCRIPT, patient());
    warm(&runtime, || call("compute", &["1"])).await;
    warm(&runtime, || call("fine", &[])).await;
    let loops: Vec<_> = (0..2)
        .map(|_| {
            let runtime = runtime.clone();
            tokio::spawn(async move { result(&runtime, call("compute", &["-1"])).await })
        })
        .collect();
    let others: Vec<_> = (0..50)
        .map(|_| {
            let runtime = runtime.clone();
            tokio::spawn(async move { result(&runtime, call("fine", &[])).await })
        })
        .collect();
    for other in others {
        assert_eq!(other.await.unwrap().unwrap(), "\"fine\"");
    }
    for endless in loops {
        assert!(!endless.is_finished());
        endless.abort();
        assert!(endless.await.unwrap_err().is_cancelled());
    }
    assert_eq!(result(&runtime, call("deep", &["3"])).await.unwrap(), "3");
}

#[tokio::test]
async fn what_was_put_aside_goes_on_where_it_was() {
    let runtime = runtime(SCRIPT, patient());
    warm(&runtime, || call("spoken", &["1"])).await;
    let mut handle = runtime.call(call("spoken", &["30000000"]));
    let Some(Event::Console { text, .. }) = handle.next().await else { panic!("nothing said") };
    assert_eq!(text, "before");
    let (outcome, events) = drive(handle, |request| panic!("unexpected {request:?}")).await;
    assert_eq!(outcome.unwrap(), "\"done\"");
    let [Event::Console { text, .. }] = &*events else { panic!("{events:?}") };
    assert_eq!(text, "after");

    warm(&runtime, || call("compute", &["1"])).await;
    let before: u32 = result(&runtime, call("compute", &["1"])).await.unwrap().parse().unwrap();
    let slow = result(&runtime, call("compute", &["30000000"])).await.unwrap();
    assert_eq!(slow, (before + 1).to_string());
    // The same instance serves the next call.
    assert_eq!(result(&runtime, call("compute", &["1"])).await.unwrap(), (before + 2).to_string());
}

#[tokio::test]
async fn limits_hold_wherever_a_script_runs() {
    let hasty = runtime(SCRIPT, Limits { computing: Duration::from_secs(1), ..patient() });
    warm(&hasty, || call("compute", &["1"])).await;
    let failure = result(&hasty, call("compute", &["-1"])).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Timeout);
    // Its instance is gone, with what it kept.
    assert_eq!(result(&hasty, call("compute", &["1"])).await.unwrap(), "1");

    let runtime = runtime(SCRIPT, patient());
    // The stack of a script is its own, so its depth is the same everywhere.
    let in_a_thread = result(&runtime, call("deepest", &["0"])).await.unwrap();
    warm(&runtime, || call("deepest", &["9"])).await;
    assert_eq!(result(&runtime, call("deepest", &["0"])).await.unwrap(), in_a_thread);
    warm(&runtime, || call("deep", &["3"])).await;
    let failure = result(&runtime, call("deep", &["-1"])).await.unwrap_err();
    assert!(failure.message.contains("call stack"), "{failure}");
    assert_eq!(result(&runtime, call("deep", &["4"])).await.unwrap(), "4");
}

#[tokio::test]
async fn questions_and_timers_are_waited_for_in_the_task() {
    let runtime = runtime(SCRIPT, patient());
    let asking = || Call { arguments: vec![Argument::Exograph], ..call("asks", &[]) };
    warm(&runtime, asking).await;
    let (answer, _) = drive(runtime.call(asking()), |_| Ok("{\"a\":[1]}".to_owned())).await;
    assert_eq!(answer.unwrap(), "[1]");
    assert_eq!(result(&runtime, call("waits", &["1"])).await.unwrap(), "\"awake\"");

    // Gone while it waits: what it has begun is not seen by the next call.
    let mut handle = runtime.call(asking());
    assert!(matches!(handle.next().await, Some(Event::Ask { .. })));
    drop(handle);
    assert_eq!(result(&runtime, call("compute", &["1"])).await.unwrap(), "1");
}

#[tokio::test]
async fn long_texts_are_read_elsewhere() {
    let runtime = runtime(SCRIPT, patient());
    warm(&runtime, || call("length", &["\"\""])).await;
    let text = "x".repeat(100_000);
    let handle = runtime.call(call("length", &[&format!("\"{text}\"")]));
    let (length, _) = drive(handle, |request| panic!("unexpected {request:?}")).await;
    assert_eq!(length.unwrap(), "100000");
}

#[tokio::test]
async fn a_task_of_many_calls_lets_others_go_on() {
    let runtime = runtime(SCRIPT, patient());
    warm(&runtime, || call("fine", &[])).await;
    let went_on = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&went_on);
    tokio::spawn(async move { flag.store(true, Ordering::Relaxed) });
    // There is one thread, and quick calls wait for nothing.
    for _ in 0..100_000 {
        if went_on.load(Ordering::Relaxed) {
            return;
        }
        result(&runtime, call("fine", &[])).await.unwrap();
    }
    panic!("the other task never ran");
}
