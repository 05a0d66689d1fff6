//! The one task that owns the studio: it hears of changes, commands and services and decides what follows.

mod commands;
mod disk;
mod lifecycle;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use studio_events::{
    BuildEvent, BuildOutcome, Command, DatabaseEvent, DatabaseUrl, EventKind, LogLevel, Micros, PhaseTime,
    Problem, ProblemSet, ProblemSource, ProjectInfo, Revision, SchemaEvent, SchemaSummary, ServiceState,
    ServiceStatus, ServingEvent, Severity,
};
use studio_model::ir::{Ir, IrHash};
use studio_sql::schema::DatabaseSchema;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::database::{Database, DatabaseFailure};
use super::explain::OnDemand;
use super::hooks::StudioHooks;
use super::migrate::Reviewed;
use super::query::Queries;
use super::review::Answered;
use super::test_runs::TestRuns;
use super::watch::{Changes, Watch};
use super::{StudioConfig, StudioError, build, files, port};
use crate::bus::{self, Bus};
use crate::config::{Authentication, ConfigProblem, Environment, ExoToml, Settings};
use crate::derived::Derived;
use crate::runtime::auth::random_secret;
use crate::server::personas::PersonaBook;
use crate::server::playground::PageFacts;
use crate::server::{BindError, Server, bind};

/// An orderly stop may take this long.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Messages of the actor's own tasks.
pub(super) enum Internal {
    /// The database is up, or could not be started; with the number of the start.
    Database(u64, Result<Box<Database>, DatabaseFailure>),
    /// The server process of the start with this number ended by itself.
    DatabaseLost(u64, String, Vec<String>),
    /// The database of the switch with this number answers, or cannot be reached; the fact that it is ready.
    Reached(u64, DatabaseUrl, Result<Box<(Database, EventKind)>, DatabaseFailure>),
    /// The disk of the database has little space left, or enough again.
    Disk(disk::Space),
    /// The data of another major version was moved, or not.
    Moved(Result<String, String>),
    /// A test run ended.
    TestsEnded,
    /// Files of hook components changed.
    HookFiles(BTreeSet<PathBuf>),
    /// They were loaded, or could not be.
    HooksLoaded,
}

pub(super) struct Actor {
    pub(super) config: StudioConfig,
    toml: ExoToml,
    pub(super) bus: Bus,
    pub(super) server: Arc<Server>,
    personas: Arc<PersonaBook>,
    orders: mpsc::UnboundedReceiver<Command>,
    /// Where orders from other processes go.
    commands: mpsc::WeakUnboundedSender<Command>,
    pub(super) control: Option<JoinHandle<()>>,
    pub(super) internal: (mpsc::UnboundedSender<Internal>, mpsc::UnboundedReceiver<Internal>),
    stop: watch::Sender<bool>,
    listening: Option<JoinHandle<()>>,
    revision: Revision,
    pub(super) built: Option<Built>,
    pub(super) served: Option<IrHash>,
    pub(super) database: Option<Box<Database>>,
    pub(super) reviewed: Option<Reviewed>,
    /// Answers about the migration to the model with that hash.
    pub(super) answered: Answered,
    pub(super) answered_for: Option<IrHash>,
    /// The schema before the last migration, where that one lost nothing and no copy was made.
    pub(super) reversible: Option<DatabaseSchema>,
    /// What is served, and what was before: an undo goes back to it.
    pub(super) now: Option<(Revision, Arc<Derived>)>,
    pub(super) before: Option<(Revision, Arc<Derived>)>,
    pub(super) restarts: u32,
    /// Number of the newest start of the database. What is heard of older ones changes nothing.
    pub(super) start: u64,
    /// That start is under way.
    pub(super) starting: bool,
    /// Number of the newest wish for another database.
    pub(super) switch: u64,
    /// Settings with the database of now; those of the server name the first one.
    pub(super) settings: Settings,
    database_since: Option<Instant>,
    /// Rename data of another major version and start empty.
    set_aside: bool,
    /// Looks at the disk of the database.
    disk: Option<disk::DiskWatch>,
    /// The database is down and starts again once there is space.
    waits_for_space: bool,
    /// Base URL of the API, once it listens.
    address: Option<String>,
    tests: TestRuns,
    queries: Queries,
    on_demand: OnDemand,
    /// The files do not check: tests would run against something else.
    broken: bool,
    /// Files that can be opened, as last published.
    files: Vec<String>,
    /// The port that somebody else has.
    wanted_port: u16,
    hooks: StudioHooks,
}

/// The newest model without errors.
pub(super) struct Built {
    pub(super) revision: Revision,
    pub(super) ir: Arc<Ir>,
    pub(super) hash: IrHash,
    pub(super) serving: Arc<Derived>,
}

impl Actor {
    pub(super) fn new(
        config: StudioConfig,
        mut settings: Settings,
        environment: Arc<Environment>,
        toml: ExoToml,
        bus: Bus,
        (commands, orders): (mpsc::WeakUnboundedSender<Command>, mpsc::UnboundedReceiver<Command>),
    ) -> Self {
        if settings.authentication == Authentication::None {
            settings.authentication = Authentication::Secret(random_secret());
        }
        let secret = match &settings.authentication {
            Authentication::Secret(secret) => Some(secret.clone()),
            Authentication::None | Authentication::Oidc(_) => None,
        };
        let answered = Answered::new(config.policy.is_some());
        let personas = Arc::new(PersonaBook::new(secret, bus.clone()));
        let mut server = Server::new(settings.clone(), environment);
        server.bus = Some(bus.clone());
        server.personas = Some(Arc::clone(&personas));
        let hooks = StudioHooks::new(&config.project.root, bus.clone());
        server.hooks = hooks.shared();
        let internal = mpsc::unbounded_channel();
        let tests =
            TestRuns::new(config.project.clone(), config.executable.clone(), bus.clone(), internal.0.clone());
        let queries = Queries::new(&bus);
        Self {
            config,
            toml,
            bus,
            server: Arc::new(server),
            personas,
            orders,
            commands,
            control: None,
            internal,
            stop: watch::channel(false).0,
            listening: None,
            revision: Revision(0),
            built: None,
            served: None,
            database: None,
            reviewed: None,
            answered,
            answered_for: None,
            reversible: None,
            now: None,
            before: None,
            restarts: 0,
            start: 0,
            starting: false,
            switch: 0,
            settings,
            database_since: None,
            set_aside: false,
            disk: None,
            waits_for_space: false,
            address: None,
            tests,
            queries,
            on_demand: OnDemand::default(),
            broken: false,
            files: Vec::new(),
            wanted_port: 0,
            hooks,
        }
    }

    pub(super) fn personas(&self) -> Arc<PersonaBook> {
        Arc::clone(&self.personas)
    }

    pub(super) async fn run(mut self) -> Result<(), StudioError> {
        let project = &self.config.project;
        self.bus.send(EventKind::Project(ProjectInfo {
            name: project.name.clone(),
            root: project.root.display().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }));
        self.personas.replace(self.toml.personas.clone());
        self.bus.send(EventKind::Budgets(self.toml.budgets.clone()));
        self.publish_files();
        self.listen(self.first_port()).await?;
        self.start_database();
        let mut watch = self.start_watch();
        let ticker = tokio::spawn(tick(Arc::clone(&self.server), self.bus.clone(), self.stop.subscribe()));
        // Before anything is served: no request may slip past a hook that is still loading.
        self.hooks.follow(&self.toml, self.internal.0.clone()).await;
        self.rebuild().await;
        self.tests.list().await;
        let result = self.work(watch.as_mut()).await;
        self.shut_down().await;
        ticker.abort();
        self.hooks.stop();
        result
    }

    async fn work(&mut self, mut watch: Option<&mut Watch>) -> Result<(), StudioError> {
        let mut followed = None;
        loop {
            if let (Some(watch), Some(built)) = (watch.as_mut(), &self.built)
                && followed != Some(built.hash)
            {
                // Scripts are watched wherever they are.
                watch.follow(built.ir.scripts.keys().map(Into::into).collect());
                followed = Some(built.hash);
            }
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    None | Some(Command::Quit) => return Ok(()),
                    Some(order) => self.obey(order).await,
                },
                Some(message) = self.internal.1.recv() => self.hear(message).await?,
                Some(changes) = next_changes(&mut watch) => self.changed(&changes).await,
            }
        }
    }

    async fn listen(&mut self, port: u16) -> Result<(), StudioError> {
        let host = self.server.settings.host.clone();
        match bind(&host, port).await {
            Ok(listener) => {
                let settings = &self.server.settings;
                let shown = if host.contains(':') { format!("[{host}]") } else { host };
                let url = format!("http://{shown}:{}", listener.port);
                if let Some(database) = &self.database {
                    database.announce(&url);
                }
                self.address = Some(url.clone());
                self.bus.send(EventKind::Serving(ServingEvent::Bound {
                    url,
                    graphql_path: settings.graphql_path.clone(),
                    playground_path: settings.playground_path.clone(),
                    loopback: settings.is_loopback(),
                }));
                let serve = listener.serve(Arc::clone(&self.server), self.stop.subscribe());
                self.listening = Some(tokio::spawn(serve));
                Ok(())
            }
            Err(BindError::Taken { port, next_free }) if self.config.interactive => {
                self.wanted_port = port;
                let owner = port::owner(port);
                self.bus.send(EventKind::Serving(ServingEvent::PortTaken { port, owner, next_free }));
                Ok(())
            }
            Err(BindError::Taken { port, next_free }) => Err(StudioError::PortTaken { port, next_free }),
            Err(other @ BindError::Other { .. }) => Err(StudioError::Bind(other.to_string())),
        }
    }

    /// The port asked for, or the one that was taken in its place the last time.
    fn first_port(&self) -> u16 {
        let settings = &self.server.settings;
        if settings.port_is_explicit || !self.config.interactive {
            return settings.port;
        }
        port::remembered(&self.config.project.root).unwrap_or(settings.port)
    }

    fn publish_files(&mut self) {
        let files = files::list(&self.config.project.root);
        if files != self.files {
            self.files.clone_from(&files);
            self.bus.send(EventKind::Files(files));
        }
    }

    fn start_watch(&self) -> Option<Watch> {
        let (status, lines, watch) = match Watch::start(&self.config.project.root) {
            Ok(watch) => match &watch.polling {
                None => (
                    ServiceStatus::Up,
                    vec!["src, tests, trusted-documents, exo.toml, .env*".to_owned()],
                    Some(watch),
                ),
                Some(why) => {
                    (ServiceStatus::Degraded, vec![format!("polling every 1 s ({why})")], Some(watch))
                }
            },
            Err(error) => {
                let lines = vec![format!("changes are not seen: {error}"), "R builds again".to_owned()];
                (ServiceStatus::Failed, lines, None)
            }
        };
        self.bus.send(EventKind::Service(ServiceState { name: "watcher".to_owned(), status, lines }));
        watch
    }

    async fn hear(&mut self, message: Internal) -> Result<(), StudioError> {
        match message {
            Internal::Database(number, result) if number != self.start => {
                // Another start followed; this database is nobody's.
                if let Ok(database) = result {
                    database.stop().await;
                }
            }
            Internal::Database(number, Ok(database)) => {
                self.starting = false;
                self.adopt(number, database).await;
            }
            Internal::Database(_, Err(failure)) => {
                self.starting = false;
                return self.database_failed(failure);
            }
            Internal::DatabaseLost(number, status, log) => {
                if number == self.start {
                    self.database_lost(status, log);
                }
            }
            Internal::Reached(number, url, reached) => self.reached(number, url, reached).await,
            Internal::Moved(moved) => self.data_moved(moved),
            Internal::Disk(space) => self.disk_changed(space),
            Internal::TestsEnded => self.tests.ended().await,
            Internal::HookFiles(files) => {
                self.hooks.files_changed(files, self.internal.0.clone());
            }
            Internal::HooksLoaded => self.bus.send(EventKind::Idle),
        }
        Ok(())
    }

    async fn changed(&mut self, changes: &Changes) {
        self.publish_files();
        let other_scripts = changes.configuration() && self.read_configuration();
        if changes.configuration() {
            self.hooks.follow(&self.toml, self.internal.0.clone()).await;
        }
        if other_scripts {
            self.built = None;
            self.served = None;
        }
        if changes.model() || other_scripts {
            self.rebuild().await;
        } else if changes.tests() {
            self.retry_seed().await;
        }
        self.tests.saved(changes, !self.broken).await;
        self.bus.send(EventKind::Idle);
    }

    /// `exo.toml` is followed; variables are read once at the start, which is said instead of ignored.
    /// `true`: scripts have other limits or permissions, so that the model has to be served anew.
    fn read_configuration(&mut self) -> bool {
        let mut problems = Vec::new();
        let mut other_scripts = false;
        match ExoToml::read(&self.config.project.root) {
            Ok(toml) => {
                if toml.postgres.durable != self.toml.postgres.durable {
                    self.bus.log(LogLevel::Warn, "config", "postgres.durable takes effect at the next start");
                }
                for (section, changed) in [
                    ("[limits]", toml.limits != self.toml.limits),
                    ("[extensions]", toml.extensions != self.toml.extensions),
                ] {
                    if changed {
                        let text = format!("{section} takes effect at the next start");
                        self.bus.log(LogLevel::Warn, "config", text);
                    }
                }
                // One schema per start: the model's hash does not tell it.
                let toml = ExoToml { extensions: self.toml.extensions, ..toml };
                self.personas.replace(toml.personas.clone());
                if toml.budgets != self.toml.budgets {
                    self.bus.send(EventKind::Budgets(toml.budgets.clone()));
                }
                other_scripts = toml.scripts != self.toml.scripts;
                self.toml = toml;
                self.bus.log(
                    LogLevel::Info,
                    "config",
                    "exo.toml was read; changes in .env files need a restart",
                );
            }
            Err(problem) => problems.push(configuration_problem(&problem)),
        }
        let problems = Arc::new(problems);
        self.bus.send(EventKind::Problems(ProblemSet { source: ProblemSource::Configuration, problems }));
        other_scripts
    }

    async fn rebuild(&mut self) {
        self.revision.0 += 1;
        let revision = self.revision;
        self.bus.send(EventKind::Build(BuildEvent::Started { revision }));
        let started = Instant::now();
        let project = self.config.project.clone();
        let mutations = self.server.settings.allow_mutations;
        let (scripts, extensions) = (self.toml.scripts.clone(), self.toml.extensions.schema());
        let before = self.built.as_ref().map(|built| Arc::clone(&built.ir));
        let built = move || build::build(&project, before.as_deref(), mutations, scripts, extensions);
        let result = tokio::task::spawn_blocking(built).await;
        let time = Micros(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        let outcome = match result {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => build::Outcome::failed(&error.to_string()),
            Err(error) => build::Outcome::failed(&format!("the compiler failed: {error}")),
        };
        let (errors, warnings) = outcome.counts();
        let source = ProblemSource::Model;
        self.bus.send(EventKind::Problems(ProblemSet { source, problems: Arc::clone(&outcome.problems) }));
        let finished = |outcome_kind, files, phases: &[PhaseTime]| {
            EventKind::Build(BuildEvent::Finished {
                revision,
                outcome: outcome_kind,
                files,
                phases: phases.to_vec(),
                time,
            })
        };
        self.broken = outcome.derived.is_none();
        let Some(derived) = outcome.derived else {
            self.server.set_problems(outcome.problems);
            self.bus.send(finished(
                BuildOutcome::Broken { errors, warnings },
                outcome.files,
                &outcome.phases,
            ));
            return;
        };
        let unchanged = self.built.as_ref().is_some_and(|built| built.hash == derived.hash);
        let kind =
            if unchanged { BuildOutcome::Unchanged { warnings } } else { BuildOutcome::Clean { warnings } };
        self.bus.send(finished(kind, outcome.files, &outcome.phases));
        if unchanged {
            // Same meaning: the page and the status line only learn that nothing is stale.
            if let Some(serving) = self.server.serving().filter(|serving| serving.hash == derived.hash) {
                self.bus.send(EventKind::Serving(ServingEvent::Swapped {
                    from: Some(serving.revision),
                    to: serving.revision,
                }));
            }
            return;
        }
        self.publish_schema(revision, &derived);
        self.built = Some(Built {
            revision,
            ir: Arc::clone(&derived.ir),
            hash: derived.hash,
            serving: Arc::new(derived),
        });
        if let Some(built) = &self.built {
            let ir = Arc::clone(&built.ir);
            self.hooks.follow_model(&ir, &self.toml, self.internal.0.clone()).await;
        }
        self.advance().await;
    }

    fn publish_schema(&self, revision: Revision, derived: &Derived) {
        self.bus.send(EventKind::Schema(SchemaEvent::Derived(Arc::new(SchemaSummary {
            revision,
            types: super::summary::types(&derived.ir),
            queries: derived.queries(),
            mutations: derived.mutations(),
            ddl: derived.ddl.as_str().into(),
            sdl: derived.sdl().into(),
        }))));
        let mut page = self.server.page.write().unwrap_or_else(PoisonError::into_inner);
        *page = PageFacts {
            title: self.config.project.name.clone(),
            initial_query: build::initial_query(&self.config.project, derived),
            studio: true,
            revision: None,
        };
    }

    async fn shut_down(&mut self) {
        self.stop.send_replace(true);
        self.disk = None;
        if let Some(control) = self.control.take() {
            control.abort();
        }
        let listening = self.listening.take();
        let database = self.database.take();
        let tests = &mut self.tests;
        let all = async {
            tests.shut_down().await;
            if let Some(listening) = listening {
                let _ = listening.await;
            }
            if let Some(database) = database {
                database.stop().await;
            }
        };
        if tokio::time::timeout(STOP_LIMIT, all).await.is_err() {
            self.bus.log(
                LogLevel::Warn,
                "studio",
                "the stop took too long; what is left ends with the process",
            );
        }
        self.bus.send(EventKind::Database(DatabaseEvent::Stopped));
    }
}

async fn next_changes(watch: &mut Option<&mut Watch>) -> Option<Changes> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

/// One latency slice per second with requests, and the pool's use.
async fn tick(server: Arc<Server>, bus: Bus, stop: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !*stop.borrow() {
        interval.tick().await;
        if let Some(slice) = server.latency.take_slice(bus::now()) {
            bus.send(EventKind::Latency(slice));
            if let Some(serving) = server.serving() {
                let status = serving.pool.status();
                let part = |count| u32::try_from(count).unwrap_or(u32::MAX);
                let (in_use, size) = (part(status.open.saturating_sub(status.idle)), part(status.max));
                bus.send(EventKind::Database(DatabaseEvent::Pool { in_use, size }));
            }
        }
    }
}

fn configuration_problem(problem: &ConfigProblem) -> Problem {
    let (file, line) = problem.place.split_once(':').unwrap_or((problem.place.as_str(), "1"));
    Problem {
        severity: Severity::Error,
        code: problem.code.to_owned(),
        message: problem.message.clone(),
        file: file.to_owned(),
        line: line.parse().unwrap_or(1),
        column: 1,
        end_line: 0,
        end_column: 0,
        rendered: format!(
            "error[{}]: {}\n --> {}\n  = help: {}",
            problem.code, problem.message, problem.place, problem.help
        ),
        labels: Vec::new(),
        help: vec![problem.help.clone()],
        fix: None,
    }
}
