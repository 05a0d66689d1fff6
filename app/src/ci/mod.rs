//! `exo-studio --ci`: build, migrate a throw-away database, run every test, report, exit.

mod place;
mod progress;
mod watch;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use studio_engine::laboratory::ClusterLaboratory;
use studio_postgres::{Cluster, ClusterConfig, ClusterKind};
use studio_testing::discovery::DiscoveryError;
use studio_testing::{
    Cancellation, KeptTraces, Laboratory, Report, RunOptions, Snapshots, StageSettings, exit,
};
use studio_testing::{history, report};

use self::place::Place;
use self::progress::ProgressLine;
use crate::cli::StudioArgs;
use crate::failure::Failure;
use crate::output;

/// Runs the tests below `args.dir`.
pub(crate) async fn run(args: &StudioArgs) -> Result<ExitCode, Failure> {
    let result = run_all(args).await;
    if let (true, Err(failure)) = (args.report.json, &result) {
        // Whoever reads JSON gets JSON, whatever happens.
        output::line(&failure.to_json().to_string());
    }
    result
}

async fn run_all(args: &StudioArgs) -> Result<ExitCode, Failure> {
    let place = place::find(&args.dir)?;
    let options = options(args, &place)?;
    let cluster =
        Cluster::start(ClusterConfig::new(ClusterKind::ThrowAway), |_| {}).await.map_err(|error| {
            Failure::environment("start a throw-away database", &error).help(error.next_step())
        })?;
    let bench = Bench {
        args,
        place,
        laboratory: Arc::new(ClusterLaboratory::new(cluster.databases())),
        cancel: Cancellation::default(),
    };
    let interrupt = bench.cancel.clone();
    let signals = tokio::spawn(async move {
        crate::studio::stop_signal().await;
        interrupt.cancel();
        // Whoever asks twice does not want to wait; the server notices that this process is gone, and ends.
        let signal = crate::studio::stop_signal().await;
        std::process::exit(i32::from(signal));
    });
    let code = if args.report.watch {
        watch::run(&bench, options).await
    } else {
        bench.run(options).await.and_then(|report| bench.print(&report))
    };
    signals.abort();
    cluster.stop().await;
    code.map(ExitCode::from)
}

/// What the runs of one command share.
struct Bench<'a> {
    args: &'a StudioArgs,
    place: Place,
    laboratory: Arc<ClusterLaboratory>,
    cancel: Cancellation,
}

impl Bench<'_> {
    /// One run, remembered for `--failed`.
    async fn run(&self, options: RunOptions) -> Result<Report, Failure> {
        let whole = options.only.is_none() && options.filter.is_none();
        let live = std::io::stderr().is_terminal() && !self.args.report.json;
        let line = ProgressLine::new(live);
        let progress = {
            let line = Arc::clone(&line);
            Arc::new(move |event| line.event(&event))
        };
        let laboratory = Arc::clone(&self.laboratory) as Arc<dyn Laboratory>;
        let cancel = self.cancel.clone();
        let result = studio_testing::run(laboratory, &self.place.root, options, progress, cancel).await;
        line.clear();
        let report = result.map_err(|error| {
            let failure = Failure::environment("find the tests", &error);
            match (error, place::project_above(&self.place.root)) {
                (DiscoveryError::NoProject(_), Some(project)) => {
                    failure.help(format!("the project around it: exo-studio --ci {}", project.display()))
                }
                (DiscoveryError::NoProject(_), None) => {
                    failure.help("a project has src/index.exo and a folder tests")
                }
                (DiscoveryError::Unreadable { .. }, _) => failure,
            }
        })?;
        if let Err(error) = history::remember(&report, whole) {
            output::note(&format!("warning: `--failed` will not know about this run: {error}"));
        }
        Ok(report)
    }

    /// Writes the reports and gives the exit code.
    fn print(&self, report: &Report) -> Result<u8, Failure> {
        let args = &self.args.report;
        if args.json {
            output::line(&report::json::render(report, args.access_coverage).to_string());
        } else {
            let style = report::text::TextStyle {
                color: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
                quiet: args.quiet,
                explain: args.explain,
                access: args.access_coverage,
            };
            output::write(&report::text::render(report, style));
            if std::env::var_os("GITHUB_ACTIONS").is_some() {
                let workspace = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
                output::write(&report::github::render(report, workspace.as_deref()));
            }
        }
        if let Some(path) = &args.junit {
            std::fs::write(path, report::junit::render(report))
                .map_err(|error| Failure::environment("write the JUnit report", &error))?;
        }
        Ok(report.exit_code())
    }
}

/// The options of the (first) run.
fn options(args: &StudioArgs, place: &Place) -> Result<RunOptions, Failure> {
    let failed = args.report.failed.then(|| history::failed(&place.root)).filter(|names| {
        if names.is_empty() {
            output::note("no test failed the last time; running all");
        }
        !names.is_empty()
    });
    let only = place.only.clone().or(failed);
    if args.report.min_access_coverage.is_some() && (only.is_some() || args.pattern.is_some()) {
        let message = "--min-access-coverage with a part of the tests".to_owned();
        let help = "some tests see only some rules: leave out the pattern or --failed".to_owned();
        return Err(Failure::usage(message, help));
    }
    Ok(RunOptions {
        filter: args.pattern.clone(),
        only,
        snapshots: snapshots(args.report.update)?,
        jobs: args.report.jobs,
        stages: StageSettings { compat_null: args.report.compat_null, ..StageSettings::default() },
        traces: if args.report.explain { KeptTraces::Failing } else { KeptTraces::None },
        min_access_coverage: args.report.min_access_coverage,
        ..RunOptions::default()
    })
}

/// Kept schemas are checked on demand of the environment, as in the peer, or replaced by `--update`.
fn snapshots(update: bool) -> Result<Option<Snapshots>, Failure> {
    const NAME: &str = "EXO_RUN_INTROSPECTION_TESTS";
    let asked = match std::env::var(NAME).unwrap_or_default().to_ascii_lowercase().as_str() {
        "" | "false" | "0" | "no" | "off" | "disabled" | "disable" => false,
        "true" | "1" | "yes" | "on" | "enabled" | "enable" => true,
        other => {
            let message = format!("{NAME} is `{other}`");
            return Err(Failure::usage(message, "use true or false, or unset it".to_owned()));
        }
    };
    Ok(match (update, asked) {
        (true, _) => Some(Snapshots::Update),
        (false, true) => Some(Snapshots::Check),
        (false, false) => None,
    })
}

/// The exit code of a run that was stopped while nothing ran.
const STOPPED: u8 = exit::INTERRUPTED;
