//! How long a whole compilation takes: text to IR, with all checks. Aims: 5, 25 and 150 ms on one core.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

mod generator;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use studio_model::graphql::{Schema, SchemaOptions, sdl};
use studio_model::ide::Analysis;
use studio_model::{Ir, SourceSet, compile};

fn compilation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(20);
    for types in [200, 1_000, 5_000] {
        let sources = SourceSet::from_root(&generator::model(types));
        assert!(compile(&sources).diagnostics.is_empty());
        group.throughput(Throughput::Elements(types as u64));
        group.bench_function(format!("{types} types"), |bencher| {
            bencher.iter(|| compile(black_box(&sources)).ir.unwrap());
        });
    }
    group.finish();
}

fn derived(criterion: &mut Criterion) {
    let text = generator::model(1_000);
    let ir = Arc::new(compile(&SourceSet::from_root(&text)).ir.unwrap());
    let bytes = ir.to_bytes();
    let mut group = criterion.benchmark_group("1000 types");
    group.sample_size(20);
    // Deriving is lazy: a schema that is only made costs the names of its operations.
    group.bench_function("make a schema", |bencher| {
        bencher.iter(|| Schema::new(black_box(ir.clone()), SchemaOptions::default()));
    });
    group.bench_function("derive and print all of a schema", |bencher| {
        bencher.iter(|| sdl(&Schema::new(black_box(ir.clone()), SchemaOptions::default())));
    });
    group.bench_function("hash", |bencher| bencher.iter(|| black_box(&ir).hash()));
    group.bench_function("write", |bencher| bencher.iter(|| black_box(&ir).to_bytes()));
    group.bench_function("read", |bencher| bencher.iter(|| Ir::from_bytes(black_box(&bytes)).unwrap()));
    group.bench_function("format", |bencher| bencher.iter(|| studio_model::format(black_box(&text))));
    let analysis = Analysis::new(SourceSet::from_root(&text));
    let file = analysis.file(studio_model::ROOT_FILE).unwrap();
    let place = text.find("self.parent").unwrap() as u32 + 5;
    group.bench_function("suggest", |bencher| bencher.iter(|| analysis.complete(file, black_box(place))));
    group.finish();
}

criterion_group!(benches, compilation, derived);
criterion_main!(benches);
