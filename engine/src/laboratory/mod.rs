//! Databases and routers for tests: one throw-away server, one template per project, one clone per test.

mod coverage;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use studio_events::{AccessCoverage, Revision};
use studio_model::ir::{Ir, Plugin};
use studio_postgres::{Databases, Pool, PoolOptions, Target};
use studio_testing::{
    Endpoint, HttpReply as TestReply, Instance, InstanceSpec, Laboratory, LaboratoryError, PrepareError,
    PreparedProject, Template,
};

use self::coverage::{Counters, Recorder};
use crate::config::{Authentication, Environment, ExoToml, Mode, PersonaConfig, Settings};
use crate::derived::Derived;
use crate::hooks::Hooks;
use crate::project::{Project, ProjectError};
use crate::runtime::auth::{random_secret, sign_raw};
use crate::runtime::caller::RequestHead;
use crate::runtime::pool_options;
use crate::runtime::serving::Serving;
use crate::runtime::tap::Tap;
use crate::server::Server;
use crate::server::http::HttpRequest;

/// Makes test databases on one server.
#[derive(Debug)]
pub struct ClusterLaboratory {
    databases: Databases,
    counter: Arc<AtomicU32>,
}

impl ClusterLaboratory {
    /// A laboratory on a running throw-away server.
    pub fn new(databases: Databases) -> Self {
        Self { databases, counter: Arc::new(AtomicU32::new(0)) }
    }
}

impl Laboratory for ClusterLaboratory {
    fn prepare<'a>(
        &'a self,
        project: &'a Path,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedProject>, PrepareError>> {
        async move {
            let root = project.to_owned();
            let built = tokio::task::spawn_blocking(move || {
                let project = Project::open(&root)?;
                // Personas, limits of scripts and extensions are all that a test sees of exo.toml; what is wrong with the
                // file is not its business.
                let toml = ExoToml::read(&project.root).unwrap_or_default();
                project.build().map(|build| (build, toml))
            })
            .await
            .map_err(|error| PrepareError::Environment(error.to_string()))?;
            let (build, toml) =
                built.map_err(|error: ProjectError| PrepareError::Environment(error.to_string()))?;
            let Some(ir) = build.ir else {
                let texts: Vec<_> = build.problems.iter().map(|problem| problem.rendered.as_str()).collect();
                return Err(PrepareError::Model(texts.join("\n")));
            };
            let hooks = hooks(project, &ir).await?;
            let extensions = toml.extensions.schema();
            let derived = Derived::extended(ir, true, extensions).with_scripts(toml.scripts);
            let name = fresh_name(&self.counter, "template");
            let environment = |error: &dyn std::fmt::Display| PrepareError::Environment(error.to_string());
            self.databases.create(&name, None).await.map_err(|error| environment(&error))?;
            let pool = pool(self.databases.target(&name));
            let lease = pool.get().await.map_err(|error| environment(&error))?;
            lease.batch_execute(&derived.ddl).await.map_err(|error| {
                PrepareError::Environment(format!("the tables of this model cannot be created: {error}"))
            })?;
            drop(lease);
            pool.close();
            let prepared = Prepared {
                counters: Arc::new(Counters::new(&derived.ir)),
                personas: Arc::new(toml.personas),
                hooks,
                without_mutations: OnceLock::new(),
                databases: self.databases.clone(),
                counter: Arc::clone(&self.counter),
                derived: Arc::new(derived),
                template: name,
                frozen: Arc::default(),
            };
            Ok(Arc::new(prepared) as Arc<dyn PreparedProject>)
        }
        .boxed()
    }
}

/// The hook components of the project; one that does not load is a reason not to test.
async fn hooks(project: &Path, ir: &Ir) -> Result<Arc<Hooks>, PrepareError> {
    let toml = ExoToml::read(project).map_err(|problem| PrepareError::Environment(problem.to_string()))?;
    let root = project.canonicalize().unwrap_or_else(|_| project.to_owned());
    let loaded = Hooks::load_for(&root, &toml, ir).await;
    loaded.map_err(|fault| PrepareError::Model(format!("{fault}; {}", fault.help())))
}

fn fresh_name(counter: &AtomicU32, kind: &str) -> String {
    format!("{kind}_{}", counter.fetch_add(1, Ordering::Relaxed))
}

/// Connections that may write, for the runner itself.
fn pool(target: Target) -> Pool {
    Pool::new(target, PoolOptions { size: 1, ..PoolOptions::default() })
}

/// Connections of the server under test. One, unless the test says otherwise: tests of the peer run so, and a
/// deadlock between two of them would hide a bug.
fn request_pool(target: Target, settings: &Settings, environment: &Environment) -> Pool {
    let mut options = pool_options(settings, settings.read_write);
    if environment.get("EXO_CONNECTION_POOL_SIZE").is_none() {
        options.size = 1;
    }
    Pool::new(target, options)
}

/// A compiled project with its empty template.
#[derive(Debug)]
struct Prepared {
    databases: Databases,
    counter: Arc<AtomicU32>,
    derived: Arc<Derived>,
    /// The same model without a `Mutation` type, for tests that ask for it.
    without_mutations: OnceLock<Arc<Derived>>,
    counters: Arc<Counters>,
    personas: Arc<BTreeMap<String, PersonaConfig>>,
    hooks: Arc<Hooks>,
    template: String,
    frozen: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Prepared {
    fn derived(&self, mutations: bool) -> &Arc<Derived> {
        if mutations {
            return &self.derived;
        }
        self.without_mutations.get_or_init(|| {
            let extensions = self.derived.schema.options().extensions;
            let derived = Derived::extended(Arc::clone(&self.derived.ir), false, extensions);
            Arc::new(derived.with_scripts(self.derived.scripts.clone()))
        })
    }
}

impl PreparedProject for Prepared {
    fn instantiate(&self, spec: InstanceSpec) -> BoxFuture<'_, Result<Box<dyn Instance>, LaboratoryError>> {
        async move {
            let (settings, environment) = settings(spec.env, spec.rpc)?;
            let template = spec.template.map_or_else(|| self.template.clone(), |Template(name)| name);
            let name = fresh_name(&self.counter, "test");
            self.databases.create(&name, Some(&template)).await.map_err(unusable)?;
            let secret = match &settings.authentication {
                Authentication::Secret(secret) => Some(secret.clone()),
                Authentication::None | Authentication::Oidc(_) => None,
            };
            let target = self.databases.target(&name);
            let pool = request_pool(target, &settings, &environment);
            let derived = self.derived(settings.allow_mutations);
            let recorder = Arc::new(Recorder::new(Arc::clone(&self.counters)));
            let mut server = Server::new(settings, Arc::new(environment));
            server.hooks = Arc::clone(&self.hooks);
            server.test = Some(spec.name);
            server.tap = Some(Arc::clone(&recorder) as Arc<dyn Tap>);
            server.swap(Arc::new(Serving::new(Revision(1), derived, pool.clone())));
            let instance = TestInstance {
                databases: self.databases.clone(),
                frozen: Arc::clone(&self.frozen),
                name,
                pool,
                secret,
                server,
                recorder,
                personas: Arc::clone(&self.personas),
                // Code may write during a query as well.
                touched: AtomicBool::new(has_code(&self.derived.ir)),
            };
            Ok(Box::new(instance) as Box<dyn Instance>)
        }
        .boxed()
    }

    fn sdl(&self) -> Result<String, LaboratoryError> {
        Ok(self.derived.sdl().to_owned())
    }

    fn access_coverage(&self) -> Option<AccessCoverage> {
        Some(self.counters.coverage())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            let names =
                std::mem::take(&mut *self.frozen.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
            for name in names.iter().chain([&self.template]) {
                // The server is thrown away as a whole; a database that stays costs nothing.
                let _ = self.databases.drop(name).await;
            }
        }
        .boxed()
    }
}

fn unusable(error: impl std::fmt::Display) -> LaboratoryError {
    LaboratoryError::Environment(error.to_string())
}

/// Settings of a test server: nothing of the process environment is visible (developer-experience 2.5).
fn settings(
    mut env: BTreeMap<String, String>,
    rpc: bool,
) -> Result<(Settings, Environment), LaboratoryError> {
    if rpc {
        env.entry("EXO_UNSTABLE_ENABLE_RPC_API".to_owned()).or_insert_with(|| "true".to_owned());
    }
    if !env.contains_key("EXO_JWT_SECRET") && !env.contains_key("EXO_OIDC_URL") {
        env.insert("EXO_JWT_SECRET".to_owned(), random_secret());
    }
    let environment = Environment::from_map(env);
    let mut settings = Settings::from_environment(&environment, Mode::Test).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        LaboratoryError::Invalid(lines.join("; "))
    })?;
    // Requests of tests always go to these paths, whatever the variables say.
    settings.graphql_path = "/graphql".to_owned();
    settings.rpc_path = settings.rpc_path.map(|_| "/rpc".to_owned());
    Ok((settings, environment))
}

#[derive(Debug)]
struct TestInstance {
    databases: Databases,
    frozen: Arc<std::sync::Mutex<Vec<String>>>,
    name: String,
    pool: Pool,
    secret: Option<String>,
    server: Server,
    recorder: Arc<Recorder>,
    personas: Arc<BTreeMap<String, PersonaConfig>>,
    /// Whether something may have been written.
    touched: AtomicBool,
}

impl Endpoint for TestInstance {
    fn post(&self, path: &str, headers: Vec<(String, String)>, body: Vec<u8>) -> BoxFuture<'_, TestReply> {
        if may_write(path, &body) {
            self.touched.store(true, Ordering::Relaxed);
        }
        let request = HttpRequest {
            method: "POST".into(),
            path: path.to_owned(),
            head: RequestHead { headers: headers.into(), client_ip: Some(Ipv4Addr::LOCALHOST.into()) },
            body: body.into(),
            ..HttpRequest::default()
        };
        async move {
            let reply = self.server.dispatch(&request).await;
            TestReply {
                status: reply.status,
                headers: reply
                    .headers
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.into_owned()))
                    .chain(
                        reply.added.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())),
                    )
                    .collect(),
                body: reply.body.to_vec(),
                sql_count: Some(reply.sql_count),
                trace: self.recorder.take(),
            }
        }
        .boxed()
    }
}

fn has_code(ir: &Ir) -> bool {
    ir.modules.iter().any(|(_, module)| match module.plugin {
        Plugin::Postgres { .. } => false,
        Plugin::Deno(_) | Plugin::Wasm(_) => true,
    })
}

/// A document without the word `mutation` only reads; one that is not in the request may be anything.
fn may_write(path: &str, body: &[u8]) -> bool {
    let has = |word: &[u8]| body.windows(word.len()).any(|part| part == word);
    path != "/graphql" || !has(b"\"query\"") || has(b"mutation") || has(b"\\u")
}

impl Instance for TestInstance {
    fn sign(&self, claims: &Map<String, Value>) -> Result<String, LaboratoryError> {
        let secret = self.secret.as_ref().ok_or_else(|| {
            LaboratoryError::Invalid("`auth` needs a secret, but EXO_OIDC_URL is set in `envs`".to_owned())
        })?;
        sign_raw(secret, claims).map_err(|error| LaboratoryError::Invalid(error.to_string()))
    }

    fn run_sql<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), LaboratoryError>> {
        self.touched.store(true, Ordering::Relaxed);
        async move {
            // Not through the server under test, whose connections may be read-only.
            let pool = pool(self.databases.target(&self.name));
            let lease = pool.get().await.map_err(unusable)?;
            let ran = lease.batch_execute(sql).await;
            drop(lease);
            pool.close();
            ran.map_err(|error| LaboratoryError::Sql(error.to_string()))
        }
        .boxed()
    }

    fn persona(&self, name: &str) -> Option<Map<String, Value>> {
        let claims = &self.personas.get(name)?.claims;
        Some(claims.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    fn personas(&self) -> Vec<String> {
        self.personas.keys().cloned().collect()
    }

    fn is_reusable(&self) -> bool {
        !self.touched.load(Ordering::Relaxed)
    }

    fn freeze(self: Box<Self>) -> BoxFuture<'static, Result<Template, LaboratoryError>> {
        async move {
            self.pool.close();
            self.databases.disconnect(&self.name).await.map_err(unusable)?;
            self.frozen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(self.name.clone());
            Ok(Template(self.name))
        }
        .boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        async move {
            self.pool.close();
            // The server is thrown away as a whole; a database that stays costs nothing.
            let _ = self.databases.drop(&self.name).await;
        }
        .boxed()
    }
}
