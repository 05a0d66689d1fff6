//! The interactive studio: panes on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use studio_engine::project::{Project, ProjectError};
use studio_engine::studio::viewer::{Other, Viewer};
use studio_engine::studio::{Studio, StudioConfig, StudioError, orders};
use studio_events::StudioEvent;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::cli::InteractiveArgs;
use crate::failure::Failure;
use crate::output;
use crate::recording::Recorder;
use crate::schema_command::read_answers;

type Events = Receiver<Arc<StudioEvent>>;

/// Opens a project; a missing one is explained.
pub(crate) fn open(dir: &Path) -> Result<Project, Failure> {
    Project::open(dir).map_err(|error| match error {
        ProjectError::Missing(_) | ProjectError::Io { .. } => {
            Failure::environment("open the project", &error)
                .help("go to a folder with src/index.exo, or make a project: exo-studio new todo")
        }
        ProjectError::TooLarge(_) => Failure::environment("read the project", &error),
    })
}

/// Runs until somebody quits.
pub(crate) async fn run(dir: &Path, args: &InteractiveArgs) -> Result<ExitCode, Failure> {
    let project = open(dir)?;
    let why_plain = why_plain(args);
    if why_plain.is_none()
        && args.database_url.is_none()
        && let Some(other) = Other::of(&project.root)
        && let Some(code) = beside(&project, &other, args).await?
    {
        return Ok(code);
    }
    let first_run = !project.root.join(".exo").exists();
    let config = StudioConfig {
        project,
        port: args.port,
        executable: std::env::current_exe()
            .map_err(|error| Failure::environment("find this program", &error))?,
        interactive: why_plain.is_none(),
        database_url: args.database_url.clone(),
        read_write: args.read_write,
        policy: args.policy.as_deref().map(read_answers).transpose()?,
        enforce_trusted_documents: args.enforce_trusted_documents != "false",
    };
    let prepared = Studio::prepare(config).map_err(|error| failure(&error))?;
    let recorder =
        args.record.as_deref().map(|path| Recorder::start(path, prepared.subscribe())).transpose()?;
    let events = prepared.subscribe();
    let mut studio = prepared.start();
    let result = match why_plain {
        Some(_) if args.jsonl => lines(&mut studio, events).await,
        Some(why) => plain(&mut studio, events, why).await,
        None => panes(&mut studio, events, args, first_run, recorder).await,
    };
    if let (Err(_), Some(path)) = (&result, &args.record) {
        output::note(&format!("the session is recorded in {}: exo-studio replay plays it", path.display()));
    }
    result
}

/// The long explanation of a problem code, for the Problems pane.
pub(crate) fn explain(code: &str) -> Option<String> {
    studio_model::Code::parse(code).map(|code| studio_model::diagnostic::explain(code).to_owned())
}

/// Why there are no panes; `None` on a usable terminal.
fn why_plain(args: &InteractiveArgs) -> Option<&'static str> {
    if args.jsonl {
        Some("--jsonl")
    } else if args.plain {
        Some("--plain")
    } else if !std::io::stdout().is_terminal() {
        Some("standard output is not a terminal")
    } else if !std::io::stdin().is_terminal() {
        Some("standard input is not a terminal")
    } else if std::env::var("TERM").is_ok_and(|term| term == "dumb") {
        Some("TERM is dumb")
    } else {
        None
    }
}

async fn plain(studio: &mut Studio, events: Events, why: &str) -> Result<ExitCode, Failure> {
    output::line(&format!("plain lines in place of panes ({why}); Ctrl-C stops"));
    let printer = tokio::spawn(print(events, studio.states()));
    let signal = tokio::select! {
        result = studio.finished() => {
            printer.abort();
            return result.map(|()| ExitCode::SUCCESS).map_err(|error| failure(&error));
        }
        signal = stop_signal() => signal,
    };
    let _ = studio.commands().send(studio_events::Command::Quit);
    let result = studio.finished().await;
    printer.abort();
    output::line("stopped");
    result.map_err(|error| failure(&error))?;
    Ok(ExitCode::from(signal))
}

/// Events out, orders in, one JSON object a line.
async fn lines(studio: &mut Studio, mut events: Events) -> Result<ExitCode, Failure> {
    let printer = tokio::spawn(async move {
        loop {
            match events.recv().await {
                Ok(event) => output::line(&serde_json::to_string(&*event).unwrap_or_default()),
                Err(RecvError::Lagged(count)) => {
                    output::line(&serde_json::json!({ "lost": count }).to_string());
                }
                Err(RecvError::Closed) => return,
            }
        }
    });
    let (commands, states) = (studio.commands(), studio.states());
    // A blocking reader of its own: the end of the input is no order to stop, a detached studio goes on.
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { return };
            if line.trim().is_empty() {
                continue;
            }
            let order = orders::parse(&line, &states.borrow());
            match order {
                Ok(command) => {
                    if commands.send(command).is_err() {
                        return;
                    }
                }
                Err(error) => output::line(&serde_json::json!({ "error": error }).to_string()),
            }
        }
    });
    let signal = tokio::select! {
        result = studio.finished() => {
            printer.abort();
            return result.map(|()| ExitCode::SUCCESS).map_err(|error| failure(&error));
        }
        signal = stop_signal() => signal,
    };
    let _ = studio.commands().send(studio_events::Command::Quit);
    let result = studio.finished().await;
    printer.abort();
    result.map_err(|error| failure(&error))?;
    Ok(ExitCode::from(signal))
}

/// The exit code of the signal that asked us to stop.
pub(crate) async fn stop_signal() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind: SignalKind| match signal(kind) {
        Ok(mut stream) => {
            stream.recv().await;
        }
        Err(_) => std::future::pending::<()>().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => 130,
        () = wait(SignalKind::terminate()) => 143,
        () = wait(SignalKind::hangup()) => 129,
    }
}

async fn print(mut events: Events, states: tokio::sync::watch::Receiver<Arc<studio_events::StudioState>>) {
    loop {
        match events.recv().await {
            Ok(event) => {
                let state = states.borrow().clone();
                if let Some(line) = studio_tui::plain::line(&event, &state) {
                    output::line(&line);
                }
            }
            Err(RecvError::Lagged(count)) => output::line(&format!("({count} lines were too fast to print)")),
            Err(RecvError::Closed) => return,
        }
    }
}

/// Another studio runs the project: looks at it, or stops it. `None`: the project is free now.
async fn beside(
    project: &Project,
    other: &Other,
    args: &InteractiveArgs,
) -> Result<Option<ExitCode>, Failure> {
    let asked = studio_tui::OtherStudio { project: project.name.clone(), process: other.process() };
    let wish = studio_tui::ask_about(asked, terminal_config(args)).await;
    let process = other.process();
    match wish.map_err(|error| Failure::environment("use the terminal", &error))? {
        studio_tui::Wish::Leave(exit) => Ok(Some(exit_code(exit))),
        studio_tui::Wish::Stop => match other.stop().await {
            Ok(()) => Ok(None),
            Err(error) => {
                let next = format!("end it with: kill {process}");
                Err(Failure::command(format!("the other studio (process {process}): {error}"), next))
            }
        },
        studio_tui::Wish::Look => {
            if args.record.is_some() {
                let next = "leave --record out to look at it, or stop it and record here".to_owned();
                return Err(Failure::command("a viewer records nothing".to_owned(), next));
            }
            let viewer = other.look().await.map_err(|error| {
                let next = "stop it and start here: exo-studio, then s".to_owned();
                Failure::command(format!("the other studio (process {process}): {error}"), next)
            })?;
            look(viewer, args).await.map(Some)
        }
    }
}

/// The panes on a studio of another process.
async fn look(mut viewer: Viewer, args: &InteractiveArgs) -> Result<ExitCode, Failure> {
    let mut config = terminal_config(args);
    config.viewer = true;
    let (states, events, commands) = (viewer.states(), viewer.subscribe(), viewer.commands());
    let exit = tokio::select! {
        exit = studio_tui::run(states, events, commands, config) => Some(exit),
        () = viewer.ended() => None,
    };
    match exit {
        Some(exit) => exit.map(exit_code).map_err(|error| Failure::environment("run the panes", &error)),
        None => {
            given_back().await;
            output::note("the studio that was looked at has stopped");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Waits until the panes, whose future was dropped, have given the terminal back; what is printed before that is lost.
async fn given_back() {
    let wait = async {
        while studio_tui::has_terminal() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(2), wait).await;
    studio_tui::restore_terminal();
}

fn exit_code(exit: studio_tui::Exit) -> ExitCode {
    match exit {
        studio_tui::Exit::Quit => ExitCode::SUCCESS,
        studio_tui::Exit::Signal(signal) => ExitCode::from(u8::try_from(128 + signal).unwrap_or(1)),
    }
}

/// Settings of the terminal from variables and arguments.
fn terminal_config(args: &InteractiveArgs) -> studio_tui::TuiConfig {
    let mut config = studio_tui::TuiConfig::from_env();
    config.ascii |= args.ascii;
    config.mouse &= !args.no_mouse;
    config.keymap = args.keymap.clone().or(config.keymap);
    config.explain = Some(explain);
    config
}

async fn panes(
    studio: &mut Studio,
    events: Events,
    args: &InteractiveArgs,
    first_run: bool,
    recorder: Option<Recorder>,
) -> Result<ExitCode, Failure> {
    let mut config = terminal_config(args);
    config.first_run = first_run;
    config.token = Some(studio_tui::TokenSigner(studio.signer()));
    config.recorder =
        recorder.map(|recorder| studio_tui::Recorder(Arc::new(move |line| recorder.keep(line))));
    let (states, commands) = (studio.states(), studio.commands());
    let exit = tokio::select! {
        exit = studio_tui::run(states, events, commands, config) => {
            Ok(exit.map_err(|error| Failure::environment("run the panes", &error)))
        }
        result = studio.finished() => Err(result),
    };
    let exit = match exit {
        Ok(exit) => exit,
        Err(ended) => {
            given_back().await;
            return ended.map(|()| ExitCode::SUCCESS).map_err(|error| failure(&error));
        }
    };
    // Whatever ended the panes, the database is stopped in order.
    let _ = studio.commands().send(studio_events::Command::Quit);
    let finished = studio.finished().await.map_err(|error| failure(&error));
    let exit = exit?;
    finished?;
    Ok(exit_code(exit))
}

fn failure(error: &StudioError) -> Failure {
    match error {
        StudioError::Configuration(_) => Failure::environment("read the configuration", error),
        StudioError::PortTaken { next_free, .. } => {
            let next = next_free.map_or_else(
                || "stop the program that has it, or choose another one with --port".to_owned(),
                |port| format!("stop the program that has it, or run: exo-studio --port {port}"),
            );
            Failure::environment("listen", error).help(next)
        }
        StudioError::Bind(_) => {
            Failure::environment("listen", error).help("correct EXO_SERVER_HOST or EXO_SERVER_PORT")
        }
        StudioError::Database(_) => Failure::environment("start the database", error),
    }
}
