//! Projects with tests of their own, run through the engine's laboratory: the same router as HTTP, a real database.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test panics and prints, also in helpers"
)]

mod consent;

use std::path::Path;
use std::sync::Arc;

use studio_engine::laboratory::ClusterLaboratory;
use studio_postgres::{Cluster, ClusterConfig, ClusterKind};
use studio_testing::report::text::{TextStyle, render};
use studio_testing::{Cancellation, Laboratory, RunOptions};

/// The supervisor has to be a program: this test binary plays it when it is called like the product.
fn main() {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == "__postgres") {
        // The exit code of a supervisor is read by nobody; its reports on standard output are.
        let _ = studio_postgres::supervisor_main(args);
        return;
    }
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        projects().await;
        consent::a_rename_keeps_its_values_and_needs_the_typed_word().await;
        println!("all passed");
    });
}

async fn projects() {
    let cluster = Cluster::start(ClusterConfig::new(ClusterKind::ThrowAway), |_| {}).await.unwrap();
    let laboratory: Arc<dyn Laboratory> = Arc::new(ClusterLaboratory::new(cluster.databases()));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/projects");
    let report = studio_testing::run(
        laboratory,
        &root,
        RunOptions::default(),
        Arc::new(|_| {}),
        Cancellation::default(),
    )
    .await
    .unwrap();
    cluster.stop().await;
    let text = render(&report, TextStyle::default());
    println!("{text}");
    assert!(report.passed() && report.tests.len() >= 7, "some tests of the projects did not pass");
}
