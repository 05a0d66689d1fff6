//! What a call costs: a fresh instance with its first call, a warm call, one that asks the engine, and bundling.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark stops when something is wrong")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use studio_script::{Argument, Call, Event, RunSettings, ScriptRuntime, Scripts, bundle};

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

fn calls(criterion: &mut Criterion) {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (dir, scripts) = scripts();
    let quote = || call("quote", vec![Argument::Json("3".to_owned()), Argument::Json("2.5".to_owned())]);
    let fresh = || ScriptRuntime::new(Arc::clone(&scripts), RunSettings::default());
    criterion.bench_function("script_fresh_instance_and_call", |bencher| {
        bencher.iter_batched(
            fresh,
            |runtime| tokio.block_on(run(&runtime, quote())),
            BatchSize::PerIteration,
        );
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
