//! Hook components around real requests: the studio with its files, and the laboratory of `--ci`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test panics and prints, also in helpers"
)]

mod authorization;
#[path = "../../hooks/tests/hooks/guest.rs"]
#[allow(dead_code, reason = "shared with the tests of the component host")]
mod guest;
mod modules;
mod reload;
mod started;
mod studio;

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
        // As test binaries do: an argument chooses by name.
        let chosen = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
        let runs = |name: &str| chosen.as_deref().is_none_or(|chosen| name.contains(chosen));
        if runs("studio") {
            studio::hooks_stand_around_requests_and_follow_their_files().await;
        }
        if runs("modules") {
            modules::modules_and_interceptors_run_in_components().await;
            modules::a_component_that_nobody_configured_is_shown_and_followed().await;
        }
        if runs("reload") {
            reload::nothing_waits_for_a_component_that_loads_slowly().await;
            reload::no_request_fails_while_a_component_is_replaced().await;
        }
        if runs("authorization") {
            authorization::components_decide_rules_of_the_model().await;
            authorization::a_rule_without_a_component_is_a_problem().await;
        }
        println!("all passed");
    });
}
