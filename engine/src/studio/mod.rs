//! The interactive loop: watching, building, migrating, serving.

mod actor;
mod build;
pub mod control;
mod database;
mod explain;
mod files;
mod hooks;
mod migrate;
mod newest;
pub mod orders;
mod policy;
mod port;
mod query;
mod review;
mod seed;
mod summary;
mod switch;
mod test_runs;
mod upkeep;
pub mod viewer;
pub mod watch;
mod watched_files;

use std::path::PathBuf;
use std::sync::Arc;

use studio_events::{Command, Persona, StudioEvent, StudioState};
use studio_sql::diff::Answers;
use tokio::sync::{broadcast, mpsc, watch as tokio_watch};
use tokio::task::JoinHandle;

use crate::bus::Bus;
use crate::config::{ConfigProblem, Environment, ExoToml, Mode, Settings, load_environment};
use crate::project::Project;
use crate::server::personas::PersonaBook;

/// What the studio is started with.
#[derive(Clone)]
pub struct StudioConfig {
    /// The project.
    pub project: Project,
    /// Port from the command line; wins over variables.
    pub port: Option<u16>,
    /// Our own executable, which also is the database supervisor.
    pub executable: PathBuf,
    /// Whether somebody can answer questions. Without, a taken port ends the start.
    pub interactive: bool,
    /// What may happen to the data without asking anybody. With a policy, what it does not name is left alone.
    pub policy: Option<Answers>,
    /// Database of your own in place of the bundled one; wins over variables.
    pub database_url: Option<String>,
    /// Allow writing to that database, migrations included.
    pub read_write: bool,
    /// Whether requests have to be among the trusted documents of a project that has some.
    pub enforce_trusted_documents: bool,
}

impl StudioConfig {
    /// A project as the command line opens it without any switch, with nobody to ask. `executable` also is the database
    /// supervisor.
    pub fn new(project: Project, executable: PathBuf) -> Self {
        Self {
            project,
            port: None,
            executable,
            interactive: false,
            policy: None,
            database_url: None,
            read_write: false,
            enforce_trusted_documents: true,
        }
    }
}

impl std::fmt::Debug for StudioConfig {
    /// The database URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StudioConfig")
            .field("project", &self.project)
            .field("port", &self.port)
            .field("interactive", &self.interactive)
            .field("read_write", &self.read_write)
            .finish_non_exhaustive()
    }
}

/// Why the studio cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum StudioError {
    /// Wrong variables or files.
    #[error("{}", list(.0))]
    Configuration(Vec<ConfigProblem>),
    /// The port is taken and nobody can be asked.
    #[error("port {port} is in use")]
    PortTaken {
        /// The port.
        port: u16,
        /// The next free one.
        next_free: Option<u16>,
    },
    /// The socket cannot be bound for another reason.
    #[error("failed to listen on {0}")]
    Bind(String),
    /// The database cannot be started and nobody can be asked.
    #[error("{0}")]
    Database(String),
}

fn list(problems: &[ConfigProblem]) -> String {
    problems
        .iter()
        .map(|problem| format!("[{}] {problem}\n  next: {}", problem.code, problem.help))
        .collect::<Vec<_>>()
        .join("\n")
}

/// From a persona to a fresh token, or why there is none.
pub type Signer = Arc<dyn Fn(&Persona) -> Result<String, String> + Send + Sync>;

/// A running studio.
#[derive(Debug)]
pub struct Studio {
    bus: Bus,
    commands: mpsc::UnboundedSender<Command>,
    task: JoinHandle<Result<(), StudioError>>,
    personas: Arc<PersonaBook>,
}

/// A studio that has not begun: whoever subscribes now hears every event from the first one on.
pub struct Prepared {
    bus: Bus,
    commands: mpsc::UnboundedSender<Command>,
    actor: actor::Actor,
    personas: Arc<PersonaBook>,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The actor holds the settings; nothing of it is worth a print.
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}

impl Prepared {
    /// The raw stream, complete.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<StudioEvent>> {
        self.bus.subscribe()
    }

    /// Starts the studio. Returns at once; everything further is an event.
    pub fn start(self) -> Studio {
        let Self { bus, commands, actor, personas } = self;
        Studio { bus, commands, task: tokio::spawn(actor.run()), personas }
    }
}

impl Studio {
    /// Reads the configuration and makes everything ready to start.
    pub fn prepare(config: StudioConfig) -> Result<Prepared, StudioError> {
        let root = &config.project.root;
        let one = |problem| StudioError::Configuration(vec![problem]);
        let environment: Environment = load_environment(root, Some("dev")).map_err(one)?;
        let toml = ExoToml::read(root).map_err(one)?;
        let mut settings =
            Settings::from_environment(&environment, Mode::Studio).map_err(StudioError::Configuration)?;
        settings.limits.configure(&toml.limits, &environment);
        settings.live_queries = toml.extensions.live_queries;
        if let Some(port) = config.port {
            settings.port = port;
            settings.port_is_explicit = true;
        }
        if let Some(url) = &config.database_url {
            settings.database_url = Some(url.clone());
        }
        settings.read_write |= config.read_write;
        settings.enforce_trusted_documents = config.enforce_trusted_documents;
        let bus = Bus::start();
        let (commands, orders) = mpsc::unbounded_channel();
        let orders = (commands.downgrade(), orders);
        let actor = actor::Actor::new(config, settings, Arc::new(environment), toml, bus.clone(), orders);
        let personas = actor.personas();
        Ok(Prepared { bus, commands, actor, personas })
    }

    /// Signs tokens for personas, without giving the secret away.
    pub fn signer(&self) -> Signer {
        let personas = Arc::clone(&self.personas);
        Arc::new(move |persona: &Persona| {
            let claims = serde_json::from_str(&persona.claims).map_err(|error| error.to_string())?;
            personas.sign(&claims)
        })
    }

    /// Whole states; a slow reader skips.
    pub fn states(&self) -> tokio_watch::Receiver<Arc<StudioState>> {
        self.bus.states()
    }

    /// Where to send commands.
    pub fn commands(&self) -> mpsc::UnboundedSender<Command> {
        self.commands.clone()
    }

    /// Waits until the studio has stopped by itself or on request.
    pub async fn finished(&mut self) -> Result<(), StudioError> {
        match (&mut self.task).await {
            Ok(result) => result,
            Err(error) => Err(StudioError::Database(format!("the studio's task ended: {error}"))),
        }
    }

    /// Stops everything in order.
    pub async fn stop(mut self) -> Result<(), StudioError> {
        // A closed channel means that the task has ended already.
        let _ = self.commands.send(Command::Quit);
        self.finished().await
    }
}
