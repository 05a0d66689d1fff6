//! What a hook costs: `cargo bench -p studio-hooks`. A trivial gateway hook (one import, a comparison, `ok`), on a kept
//! instance and with a new instance per request; an `around` interceptor that proceeds; a stopped endless loop.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use studio_hooks::{
    ComponentConfig, Counting, Exchange, HookComponent, HookEngine, NoCalls, RequestParts, Session,
    SilentHost,
};

/// One look at a header, then `ok`.
const GUEST: &str = r#"(module
    (import "exo:hooks/request@0.1.0" "header" (func $header (param i32 i32 i32)))
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 4096))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local.get 3) (drop) (i32.const 4096))
    (data (i32.const 16) "x-blocked")
    (data (i32.const 32) "x-loop")
    (func (export "exo:hooks/gateway@0.1.0#on-request") (result i32)
        (call $header (i32.const 32) (i32.const 6) (i32.const 2048))
        (if (i32.load8_u (i32.const 2048)) (then (loop $again (br $again))))
        (call $header (i32.const 16) (i32.const 9) (i32.const 2048))
        (i32.store8 (i32.const 3072) (i32.load8_u (i32.const 2048)))
        (i32.const 3072))
    (func (export "exo:hooks/gateway@0.1.0#on-response")))"#;

fn session(headers: &[(&str, &str)]) -> Session {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let parts = RequestParts { headers: headers.into(), ..RequestParts::default() };
    Session::new(Arc::new(Exchange::new(parts, Arc::new(SilentHost))))
}

fn hooks(criterion: &mut Criterion) {
    measured(criterion, Counting::Nothing, "");
    measured(criterion, Counting::Fuel, ", fuel counted");
}

/// As `serve` runs hooks, and as the studio does, which counts fuel for its traces.
fn measured(criterion: &mut Criterion, counting: Counting, mode: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let engine = HookEngine::new(None, counting).unwrap();
    let load = |config: ComponentConfig| -> Arc<HookComponent> {
        let bytes = wat::parse_str(GUEST).unwrap();
        runtime.block_on(HookComponent::from_bytes(&engine, config, bytes)).unwrap()
    };
    let config =
        || ComponentConfig { timeout: Duration::from_secs(5), ..ComponentConfig::new("guest", "guest") };

    let kept = load(ComponentConfig { recycle: true, ..config() });
    criterion.bench_function(&format!("gateway hook, same session{mode}"), |bencher| {
        let session = session(&[("a", "b")]);
        bencher.iter(|| {
            runtime.block_on(async {
                session.on_request(&kept, &mut NoCalls).await.unwrap().unwrap();
            })
        });
    });
    criterion.bench_function(&format!("gateway hook, recycled instance per request{mode}"), |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                session(&[("a", "b")]).on_request(&kept, &mut NoCalls).await.unwrap().unwrap();
            })
        });
    });
    let fresh = load(config());
    criterion.bench_function(&format!("gateway hook, fresh instance per request{mode}"), |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                session(&[("a", "b")]).on_request(&fresh, &mut NoCalls).await.unwrap().unwrap();
            })
        });
    });
    let short = load(ComponentConfig { timeout: Duration::from_millis(30), ..config() });
    criterion.bench_function(&format!("endless loop with 30 ms{mode}"), |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                black_box(session(&[("x-loop", "1")]).on_request(&short, &mut NoCalls).await.unwrap_err());
            })
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).measurement_time(Duration::from_secs(3));
    targets = hooks
}
criterion_main!(benches);
