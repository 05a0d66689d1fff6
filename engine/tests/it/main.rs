//! Projects with tests of their own, run through the engine's laboratory: the same router as HTTP, a real database.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test panics and prints, also in helpers"
)]

mod api;
mod consent;
mod coverage;
mod crash;
#[path = "../../hooks/tests/hooks/guest.rs"]
#[allow(dead_code, reason = "shared with the tests of the component host")]
mod guest;
mod http;
mod reference;
mod scripts;
mod started;
mod test_runs;
mod trusted;

use std::path::Path;
use std::sync::Arc;

use studio_engine::laboratory::ClusterLaboratory;
use studio_postgres::{Cluster, ClusterConfig, ClusterKind};
use studio_testing::report::text::{TextStyle, render};
use studio_testing::{Cancellation, Laboratory, RunOptions};

/// Counts, for the tests that say how many allocations are enough.
#[global_allocator]
static ALLOCATOR: api::allocations::Counting = api::allocations::Counting;

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
    if std::env::args().nth(1).is_some_and(|first| first == crash::WORKER) {
        let root = std::env::args().nth(2).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(crash::work(Path::new(&root)));
        return;
    }
    // As with other test programs: words choose the tests whose name has one of them.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    if wanted("coverage") {
        coverage::every_row_of_the_contract_has_a_test();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cluster = Cluster::start(ClusterConfig::new(ClusterKind::ThrowAway), |_| {}).await.unwrap();
        if wanted("projects") {
            projects(&cluster).await;
        }
        if wanted("trusted") {
            trusted::folders_are_read();
        }
        if wanted("http") {
            http::replies_are_as_written(&cluster.databases()).await;
        }
        if wanted("reference") {
            reference::the_api_agrees_with_a_plain_evaluator(&cluster.databases()).await;
        }
        api::all(&cluster.databases(), &wanted).await;
        cluster.stop().await;
        if wanted("consent") {
            consent::what_could_lose_data_is_asked_first_and_can_be_undone().await;
        }
        if wanted("crash") {
            crash::nothing_is_lost_whenever_the_process_is_killed().await;
        }
        if wanted("scripts") {
            scripts::scripts_are_written_once_and_followed().await;
            scripts::modules_may_run_on_deno().await;
        }
        if wanted("test_runs") {
            test_runs::tests_follow_saves_and_keep_their_requests().await;
        }
        println!("all passed");
    });
}

async fn projects(cluster: &Cluster) {
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
    let text = render(&report, TextStyle::default());
    println!("{text}");
    assert!(report.passed() && report.tests.len() >= 22, "some tests of the projects did not pass");
    assert!(text.contains("access coverage: ") && text.contains("--access-coverage lists them"), "{text}");
    let access = report.access.unwrap();
    let of = |subject: &str, operation: &str| {
        let rules = access.rules.iter().filter(|rule| rule.project == "settings");
        let rule =
            rules.into_iter().find(|rule| rule.subject == subject && rule.operation == operation).unwrap();
        let seen = |it: &studio_events::ConditionCoverage| {
            (it.text.clone(), it.seen_true > 0, it.seen_false > 0, it.rows > 0)
        };
        rule.conditions.iter().map(seen).collect::<Vec<_>>()
    };
    let clerk = "AuthContext.role == \"clerk\"".to_owned();
    assert_eq!(
        of("Entry", "query"),
        [(clerk.clone(), true, true, false), ("self.open".to_owned(), false, false, true)]
    );
    assert_eq!(
        of("Entry", "create"),
        [(clerk.clone(), true, false, false), ("Region.name == \"north\"".to_owned(), true, true, false)]
    );
    assert_eq!(of("Entry.note", "query"), [("AuthContext.id == 1".to_owned(), true, false, false)]);
    assert!(of("Entry", "delete").iter().all(|(_, seen_true, seen_false, _)| !seen_true && !seen_false));
}
