//! `build`, `check`, `explain`: what can be said of a model without a database.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use studio_engine::project::{Build, Project};
use studio_engine::studio::watch::Watch;
use studio_events::{Problem, Severity, plural};

use crate::cli::{CheckArgs, FmtArgs, ProblemFormat};
use crate::failure::Failure;
use crate::output;
use crate::studio::open;

/// `exo-studio build`.
pub(crate) fn build(dir: &Path) -> Result<ExitCode, Failure> {
    let project = open(dir)?;
    let build =
        project.build_and_generate().map_err(|error| Failure::environment("read the project", &error))?;
    print(&build.problems, ProblemFormat::Human);
    let Some(ir) = &build.ir else { return Err(broken(&build)) };
    let changed =
        project.write_ir(ir).map_err(|error| Failure::environment("write target/index.exo_ir", &error))?;
    let word = if changed { "written" } else { "up to date" };
    output::line(&format!("target/index.exo_ir {word}; serve it with: exo-studio serve"));
    Ok(ExitCode::SUCCESS)
}

/// `exo-studio check`.
pub(crate) async fn check(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let project = open(&args.dir)?;
    if !args.watch {
        return check_once(&project, args.format);
    }
    // Watching starts before the first look, so that no save falls in between.
    let mut watch =
        Watch::start(&project.root).map_err(|error| Failure::environment("watch the project", &error))?;
    // One future for all rounds: an interrupt that comes during a check is not lost.
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        if let Err(failure) = check_once(&project, args.format) {
            output::note(&failure.to_string());
        }
        output::note("watching; Ctrl-C stops");
        loop {
            tokio::select! {
                result = &mut interrupted => {
                    result.map_err(|error| Failure::environment("wait for Ctrl-C", &error))?;
                    return Ok(ExitCode::from(studio_testing::exit::INTERRUPTED));
                }
                changes = watch.next() => match changes {
                    Some(changes) if changes.model() => break,
                    Some(_) => {}
                    None => return Err(Failure::environment("watch the project", &"the watch ended")),
                }
            }
        }
    }
}

fn check_once(project: &Project, format: ProblemFormat) -> Result<ExitCode, Failure> {
    let build = project.build().map_err(|error| Failure::environment("read the project", &error))?;
    print(&build.problems, format);
    if build.ir.is_none() {
        return if format == ProblemFormat::Human { Err(broken(&build)) } else { Ok(ExitCode::from(3)) };
    }
    if format == ProblemFormat::Human {
        output::line(&format!("no errors in {}", plural(build.files, "file")));
    }
    Ok(ExitCode::SUCCESS)
}

/// `exo-studio fmt`. Files with syntax errors stay as they are; `check` says what is wrong with them.
pub(crate) fn fmt(args: &FmtArgs) -> Result<ExitCode, Failure> {
    let project = open(&args.dir)?;
    let files = project.model_files().map_err(|error| Failure::environment("read the project", &error))?;
    let mut changed = 0;
    for file in files {
        let io =
            |error: std::io::Error| Failure::environment("format", &format!("{}: {error}", file.display()));
        let old = std::fs::read_to_string(&file).map_err(io)?;
        let new = studio_model::format(&old);
        if new == old {
            continue;
        }
        changed += 1;
        let shown = file.strip_prefix(&project.root).unwrap_or(&file).display().to_string();
        if args.check {
            output::line(&format!("would change {shown}"));
        } else {
            std::fs::write(&file, new).map_err(io)?;
            output::line(&format!("formatted {shown}"));
        }
    }
    Ok(ExitCode::from(u8::from(args.check && changed > 0)))
}

/// `exo-studio explain E0203`.
pub(crate) fn explain(code: &str) -> Result<ExitCode, Failure> {
    let Some(code) = studio_model::Code::parse(&code.to_ascii_uppercase()) else {
        return Err(Failure::usage(
            format!("there is no problem code `{code}`"),
            "codes look like E0030 and stand in brackets in front of a problem".to_owned(),
        ));
    };
    output::write(studio_model::diagnostic::explain(code));
    Ok(ExitCode::SUCCESS)
}

/// The failure of a model with errors; the problems have been printed.
pub(crate) fn broken(build: &Build) -> Failure {
    let (errors, _) = build.counts();
    let word = if errors == 1 { "error" } else { "errors" };
    Failure::model(
        format!("the model has {errors} {word}"),
        "correct the places above; `exo-studio explain <code>` says more about a code".to_owned(),
    )
}

/// Prints problems: for people on standard error, for machines on standard output.
pub(crate) fn print(problems: &[Problem], format: ProblemFormat) {
    for problem in problems {
        match format {
            ProblemFormat::Human => {
                let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
                output::note(&painted(problem, color));
            }
            ProblemFormat::Json => output::line(&serde_json::to_string(problem).unwrap_or_default()),
            ProblemFormat::Github => output::line(&problem.to_github()),
        }
    }
}

fn painted(problem: &Problem, color: bool) -> String {
    if !color {
        return format!("{}\n", problem.rendered);
    }
    let code = match problem.severity {
        Severity::Error => 31,
        Severity::Warning => 33,
    };
    match problem.rendered.split_once('\n') {
        Some((first, rest)) => format!("\u{1b}[1;{code}m{first}\u{1b}[0m\n{rest}\n"),
        None => format!("\u{1b}[1;{code}m{}\u{1b}[0m\n", problem.rendered),
    }
}
