//! Hook components around real requests: the studio with its files, and the laboratory of `--ci`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test panics and prints, also in helpers"
)]

#[path = "../../hooks/tests/hooks/guest.rs"]
#[allow(dead_code, reason = "shared with the tests of the component host")]
mod guest;
mod modules;
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
        studio::hooks_stand_around_requests_and_follow_their_files().await;
        modules::modules_and_interceptors_run_in_components().await;
        println!("all passed");
    });
}
