//! `exo-studio --ci`: build, migrate a throw-away database, run every test, report, exit.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use studio_engine::laboratory::ClusterLaboratory;
use studio_events::{TestEvent, TestVerdict};
use studio_postgres::{Cluster, ClusterConfig, ClusterKind};
use studio_testing::report;
use studio_testing::{Cancellation, Laboratory, RunOptions, StageSettings};

use crate::cli::StudioArgs;
use crate::failure::Failure;
use crate::output;

/// Runs the tests below `args.dir`.
pub(crate) async fn run(args: &StudioArgs) -> Result<ExitCode, Failure> {
    if !args.dir.is_dir() {
        return Err(Failure::environment(
            "read the folder",
            &format!("`{}` is not a folder", args.dir.display()),
        )
        .help("give a project, or a folder that contains projects"));
    }
    let cluster =
        Cluster::start(ClusterConfig::new(ClusterKind::ThrowAway), |_| {}).await.map_err(|error| {
            Failure::environment("start a throw-away database", &error).help(error.next_step())
        })?;
    let laboratory: Arc<dyn Laboratory> = Arc::new(ClusterLaboratory::new(cluster.databases()));
    let cancel = Cancellation::default();
    let interrupt = cancel.clone();
    let signals = tokio::spawn(async move {
        crate::studio::stop_signal().await;
        interrupt.cancel();
    });
    let options = RunOptions {
        filter: args.pattern.clone(),
        jobs: args.report.jobs,
        stages: StageSettings { compat_null: args.report.compat_null, ..StageSettings::default() },
        ..RunOptions::default()
    };
    let live = std::io::stderr().is_terminal() && !args.report.json;
    let progress = Arc::new(move |event: TestEvent| {
        if live && let Some(line) = progress_line(&event) {
            output::note(&line);
        }
    });
    let result = studio_testing::run(laboratory, &args.dir, options, progress, cancel).await;
    signals.abort();
    cluster.stop().await;
    let report = result.map_err(|error| Failure::environment("find the tests", &error))?;
    if args.report.json {
        output::line(&report::json::render(&report).to_string());
    } else {
        let color = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        output::write(&report::text::render(&report, report::text::TextStyle { color, quiet: false }));
        if std::env::var_os("GITHUB_ACTIONS").is_some() {
            output::write(&report::github::render(&report));
        }
    }
    if let Some(path) = &args.report.junit {
        std::fs::write(path, report::junit::render(&report))
            .map_err(|error| Failure::environment("write the JUnit report", &error))?;
    }
    Ok(ExitCode::from(report.exit_code()))
}

fn progress_line(event: &TestEvent) -> Option<String> {
    match event {
        TestEvent::Discovered { names, .. } => Some(format!("{} tests", names.len())),
        TestEvent::Finished { name, verdict, time, .. } => {
            let sign = if *verdict == TestVerdict::Passed { "ok  " } else { "FAIL" };
            Some(format!("{sign} {name}  {:.0} ms", time.as_millis_f64()))
        }
        TestEvent::Started { .. } | TestEvent::Summary { .. } | TestEvent::Aborted { .. } => None,
    }
}
