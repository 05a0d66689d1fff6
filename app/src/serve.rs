//! `exo-studio serve`: the production server. Keeps no state, so many of them stand behind one balancer.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use studio_engine::config::{Environment, ExoToml, Mode, Settings, load_environment};
use studio_engine::derived::Derived;
use studio_engine::hooks::Hooks;
use studio_engine::project::Project;
use studio_engine::runtime::pool_options;
use studio_engine::runtime::serving::Serving;
use studio_engine::server::{BindError, Server, bind};
use studio_events::Revision;
use studio_model::ir::Ir;
use studio_postgres::{Pool, Target};

use crate::cli::{ProblemFormat, ServeArgs};
use crate::failure::Failure;
use crate::model_command;
use crate::output;
use crate::studio::stop_signal;

/// Serves until a signal.
pub(crate) async fn run(args: &ServeArgs) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let mode = std::env::var("EXO_ENV").ok().filter(|mode| !mode.is_empty());
    let environment = load_environment(&args.dir, mode.as_deref()).map_err(|problem| {
        Failure::environment("read the configuration", &problem).help(problem.help.clone())
    })?;
    start_logging(&environment)?;
    let toml = ExoToml::read(&args.dir).map_err(|problem| {
        Failure::environment("read the configuration", &problem).help(problem.help.clone())
    })?;
    let mut settings = Settings::from_environment(&environment, Mode::Production).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(|problem| format!("{problem}; {}", problem.help)).collect();
        Failure::environment("read the configuration", &lines.join("\n  "))
    })?;
    settings.limits.configure(&toml.limits, &environment);
    settings.live_queries = toml.extensions.live_queries;
    let ir = model(&args.dir)?;
    let scripts = toml.scripts.clone();
    if let Some(problem) = scripts.check_modules(&ir).into_iter().next() {
        return Err(Failure::environment("run the scripts", &problem).help(problem.help.clone()));
    }
    let url = settings.database_url.as_deref().ok_or_else(|| {
        Failure::environment("find the database", &"EXO_POSTGRES_URL is not set")
            .help("set EXO_POSTGRES_URL=postgres://user:password@host:5432/database")
    })?;
    let target =
        Target::from_url(url).map_err(|error| Failure::environment("read EXO_POSTGRES_URL", &error))?;
    let pool = Pool::new(target, pool_options(&settings, settings.read_write));
    if settings.check_connection {
        pool.get().await.map(drop).map_err(|error| {
            Failure::environment("reach the database", &error)
                .help("check EXO_POSTGRES_URL, or set EXO_CHECK_CONNECTION_ON_STARTUP=false to start anyway")
        })?;
    }
    let extensions = toml.extensions.schema();
    let derived = Derived::extended(ir, settings.allow_mutations, extensions).with_scripts(scripts);
    let (host, port) = (settings.host.clone(), settings.port);
    let graphql_path = settings.graphql_path.clone();
    let mut server = Server::new(settings, Arc::new(environment));
    server.hooks = hooks(&args.dir, &derived.ir).await?;
    let server = Arc::new(server);
    server.swap(Arc::new(Serving::new(Revision(1), &derived, pool.clone())));
    let listener = bind(&host, port).await.map_err(|error| match error {
        BindError::Taken { port, next_free } => {
            Failure::environment("listen", &format!("port {port} is in use")).help(next_free.map_or_else(
                || "set EXO_SERVER_PORT to a free port".to_owned(),
                |free| format!("set EXO_SERVER_PORT to a free port, for example {free}"),
            ))
        }
        other @ BindError::Other { .. } => {
            Failure::environment("listen", &other).help("correct EXO_SERVER_HOST or EXO_SERVER_PORT")
        }
    })?;
    output::line(&format!(
        "serving http://{host}:{}{graphql_path} after {:.0} ms",
        listener.port,
        started.elapsed().as_secs_f64() * 1000.0
    ));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn(listener.serve(server, stopped));
    let code = stop_signal().await;
    stop.send_replace(true);
    // Requests under way finish, within the server's own limit.
    let _ = serving.await;
    pool.close();
    // Being told to stop is how a server ends; only an interrupt at the keyboard is reported as one.
    Ok(if code == 130 { ExitCode::from(130) } else { ExitCode::SUCCESS })
}

/// The hook components; one that does not load is a reason not to start, since requests would slip past it.
async fn hooks(dir: &std::path::Path, ir: &Ir) -> Result<Arc<Hooks>, Failure> {
    let toml = ExoToml::read(dir)
        .map_err(|problem| Failure::environment("read exo.toml", &problem).help(problem.help.clone()))?;
    let root = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let loaded = Hooks::load_for(&root, &toml, ir).await;
    loaded.map_err(|fault| Failure::environment("load the hooks", &fault).help(fault.help()))
}

/// Whether a script was saved after the model was compiled.
fn is_older_than_scripts(dir: &std::path::Path, ir: &Ir, compiled: Option<std::time::SystemTime>) -> bool {
    let saved = ir.scripts.keys().filter_map(|path| std::fs::metadata(dir.join(path)).ok()?.modified().ok());
    saved.max() > compiled
}

/// The compiled model when it is newer than the sources (or there are none), else the sources.
fn model(dir: &std::path::Path) -> Result<Arc<Ir>, Failure> {
    let ir_path = dir.join("target/index.exo_ir");
    let compiled = std::fs::metadata(&ir_path).and_then(|data| data.modified()).ok();
    let project = Project::open(dir);
    let sources = project.as_ref().ok().and_then(Project::newest_source);
    if compiled.is_some() && compiled >= sources {
        match read_ir(&ir_path) {
            // Another version of exo-studio may have written it; the sources are as good.
            Err(failure) if sources.is_some() => output::note(&format!("{failure}; compiling the sources")),
            // Scripts may lie outside of the folders of the model.
            Ok(ir) if sources.is_some() && is_older_than_scripts(dir, &ir, compiled) => {}
            read => return read,
        }
    }
    let project = crate::studio::open(dir)?;
    let build = project.build().map_err(|error| Failure::environment("read the project", &error))?;
    model_command::print(&build.problems, ProblemFormat::Human);
    build.ir.clone().ok_or_else(|| model_command::broken(&build))
}

/// Reads a compiled model.
pub(crate) fn read_ir(path: &std::path::Path) -> Result<Arc<Ir>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::environment("read target/index.exo_ir", &error).help("run `exo-studio build` first")
    })?;
    Ir::from_bytes(&bytes).map(Arc::new).map_err(|error| {
        Failure::environment("read target/index.exo_ir", &error).help("run `exo-studio build` again")
    })
}

/// Log lines on standard error, filtered by EXO_LOG.
fn start_logging(environment: &Environment) -> Result<(), Failure> {
    let directives = environment.get("EXO_LOG").unwrap_or("warn");
    let filter = tracing_subscriber::EnvFilter::try_new(directives).map_err(|error| {
        Failure::environment("read EXO_LOG", &error).help("use a level such as info, or module=level pairs")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(())
}
