//! `exo-studio --ci`: build, migrate a throw-away database, run every test, report, exit.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use studio_engine::laboratory::ClusterLaboratory;
use studio_events::{TestEvent, TestVerdict};
use studio_postgres::{Cluster, ClusterConfig, ClusterKind};
use studio_testing::{Cancellation, Laboratory, RunOptions, Snapshots, StageSettings};
use studio_testing::{history, report};

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
    let snapshots = snapshots(args.report.update)?;
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
    let only = args.report.failed.then(|| history::failed(&args.dir)).filter(|names| {
        if names.is_empty() {
            output::note("no test failed the last time; running all");
        }
        !names.is_empty()
    });
    let whole = only.is_none() && args.pattern.is_none();
    let options = RunOptions {
        filter: args.pattern.clone(),
        only,
        snapshots,
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
    if let Err(error) = history::remember(&report, whole) {
        output::note(&format!("warning: `--failed` will not know about this run: {error}"));
    }
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

/// Kept schemas are checked on demand of the environment, as in the peer, or replaced by `--update`.
fn snapshots(update: bool) -> Result<Option<Snapshots>, Failure> {
    const NAME: &str = "EXO_RUN_INTROSPECTION_TESTS";
    let asked = match std::env::var(NAME).unwrap_or_default().as_str() {
        "" | "0" | "false" => false,
        "1" | "true" => true,
        other => {
            let message = format!("{NAME} is `{other}`");
            return Err(Failure::usage(message, "use `true`, `1`, `false` or `0`, or unset it".to_owned()));
        }
    };
    Ok(match (update, asked) {
        (true, _) => Some(Snapshots::Update),
        (false, true) => Some(Snapshots::Check),
        (false, false) => None,
    })
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
