//! What a call costs: a fresh instance with its first call, a warm call, one that asks the engine, and bundling. The hop to
//! a thread and back is what a warm call does without, since it runs in the task that asks for it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark stops when something is wrong")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use studio_script::{Argument, Call, Event, RunSettings, ScriptRuntime, Scripts, bundle};
use tokio::sync::mpsc;

const SCRIPT: &str = "
interface Quote { total: number; currency: string }
enum Currency { Euro = 'EUR' }
export async function quote(copies: number, price: number): Promise<Quote> {
  return { total: copies * price, currency: Currency.Euro };
}
export async function asking(exograph: any): Promise<number> {
  const { book } = await exograph.executeQuery('{ book(id: 1) { price } }', { id: 1 });
  return book.price;
}
";

fn scripts() -> (tempfile::TempDir, Arc<Scripts>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.ts"), SCRIPT).unwrap();
    let bundled = bundle(dir.path(), ["a.ts"]);
    assert!(bundled.problems.is_empty());
    (dir, Arc::new(bundled.scripts))
}

fn call(function: &str, arguments: Vec<Argument>) -> Call {
    Call {
        script: "a.ts".to_owned(),
        function: function.to_owned(),
        arguments,
        operation: None,
        composite: false,
        environment: Arc::new(BTreeMap::new()),
    }
}

async fn run(runtime: &ScriptRuntime, call: Call) -> String {
    let mut handle = runtime.call(call);
    loop {
        match handle.next().await.unwrap() {
            Event::Ask { id, .. } => handle.answer(id, Ok(r#"{"book":{"price":10.5}}"#.to_owned())),
            Event::Done(result) => return result.unwrap(),
            _ => {}
        }
    }
}

/// A thread like those of scripts that answers at once.
fn echo() -> mpsc::UnboundedSender<(String, mpsc::UnboundedSender<String>)> {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(String, mpsc::UnboundedSender<String>)>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async move {
            while let Some((text, reply)) = receiver.recv().await {
                tokio::task::spawn_local(async move { reply.send(text) });
            }
        });
    });
    sender
}

fn calls(criterion: &mut Criterion) {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (dir, scripts) = scripts();
    let quote = || call("quote", vec![Argument::Json("3".to_owned()), Argument::Json("2.5".to_owned())]);
    let fresh = || ScriptRuntime::new(Arc::clone(&scripts), RunSettings::default());
    // As it is between requests: what was left behind is gone, and the next engine is ready.
    let settled = || {
        let runtime = fresh();
        std::thread::sleep(Duration::from_millis(5));
        runtime
    };
    criterion.bench_function("script_fresh_instance_and_call", |bencher| {
        bencher.iter_batched(
            settled,
            |runtime| tokio.block_on(run(&runtime, quote())),
            BatchSize::PerIteration,
        );
    });
    criterion.bench_function("script_fresh_instance_without_a_pause", |bencher| {
        bencher.iter_batched(
            fresh,
            |runtime| tokio.block_on(run(&runtime, quote())),
            BatchSize::PerIteration,
        );
    });
    let thread = echo();
    criterion.bench_function("script_thread_and_back", |bencher| {
        bencher.iter(|| {
            let (reply, mut answer) = mpsc::unbounded_channel();
            thread.send((black_box("3").to_owned(), reply)).unwrap();
            tokio.block_on(answer.recv()).unwrap()
        });
    });
    let runtime = fresh();
    criterion.bench_function("script_warm_call", |bencher| {
        bencher.iter(|| tokio.block_on(run(&runtime, black_box(quote()))));
    });
    criterion.bench_function("script_warm_call_with_query", |bencher| {
        bencher.iter(|| tokio.block_on(run(&runtime, call("asking", vec![Argument::Exograph]))));
    });
    criterion.bench_function("script_bundle", |bencher| {
        bencher.iter(|| bundle(dir.path(), ["a.ts"]).scripts.len());
    });
}

criterion_group!(benches, calls);
criterion_main!(benches);
