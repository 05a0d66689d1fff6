//! `build`, `check`, `explain`: what can be said of a model without a database.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use studio_engine::project::Build;
use studio_events::{Problem, Severity};

use crate::cli::{CheckArgs, FmtArgs, ProblemFormat};
use crate::failure::Failure;
use crate::output;
use crate::studio::open;

/// `exo-studio build`.
pub(crate) fn build(dir: &Path) -> Result<ExitCode, Failure> {
    let project = open(dir)?;
    let build = project.build().map_err(|error| Failure::environment("read the project", &error))?;
    print(&build.problems, ProblemFormat::Human);
    let Some(ir) = &build.ir else { return Err(broken(&build)) };
    let changed =
        project.write_ir(ir).map_err(|error| Failure::environment("write target/index.exo_ir", &error))?;
    let word = if changed { "written" } else { "up to date" };
    output::line(&format!("target/index.exo_ir {word}; serve it with: exo-studio serve"));
    Ok(ExitCode::SUCCESS)
}

/// `exo-studio check`.
pub(crate) fn check(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let project = open(&args.dir)?;
    let build = project.build().map_err(|error| Failure::environment("read the project", &error))?;
    print(&build.problems, args.format);
    if build.ir.is_none() {
        return if args.format == ProblemFormat::Human { Err(broken(&build)) } else { Ok(ExitCode::from(3)) };
    }
    if args.format == ProblemFormat::Human {
        output::line(&format!("no errors in {} files", build.files));
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
            ProblemFormat::Github => {
                let level = match problem.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                };
                let text = problem.message.replace('%', "%25").replace('\n', "%0A");
                output::line(&format!(
                    "::{level} file={},line={},col={},title={}::{text}",
                    problem.file, problem.line, problem.column, problem.code
                ));
            }
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
