//! An in-memory laboratory: databases are lists of rows, answers are written in the documents
//! (see `tests/fixtures/README.md`).

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use studio_testing::{
    Endpoint, HttpReply, Instance, InstanceSpec, Laboratory, LaboratoryError, PrepareError, PreparedProject,
    Template,
};

/// What is open, and what happened so far.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) templates: Mutex<HashMap<String, Vec<String>>>,
    pub(crate) open: AtomicUsize,
    pub(crate) most_open: AtomicUsize,
    pub(crate) instances: AtomicUsize,
    pub(crate) frozen: AtomicUsize,
    pub(crate) closed_projects: AtomicUsize,
    pub(crate) sdl: Mutex<String>,
    pub(crate) reuse: AtomicBool,
    /// What introspection answers, in place of a small schema.
    pub(crate) introspection: Mutex<Option<Value>>,
    flaky: Mutex<HashMap<String, usize>>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct FakeLaboratory(pub(crate) Arc<World>);

struct FakeProject(Arc<World>);

struct FakeInstance {
    world: Arc<World>,
    rows: Mutex<Vec<String>>,
    touched: AtomicBool,
    env: BTreeMap<String, String>,
    rpc: bool,
}

impl Laboratory for FakeLaboratory {
    fn prepare<'a>(
        &'a self,
        project: &'a Path,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedProject>, PrepareError>> {
        Box::pin(async move {
            let text = std::fs::read_to_string(project.join("src/index.exo")).expect("a model");
            if text.contains("does not build") {
                return Err(PrepareError::Model("error[E001]: unknown type `Shelff`".to_owned()));
            }
            if text.contains("no database") {
                return Err(PrepareError::Environment(
                    "Postgres cannot be started: no space left".to_owned(),
                ));
            }
            Ok(Arc::new(FakeProject(Arc::clone(&self.0))) as Arc<dyn PreparedProject>)
        })
    }
}

impl PreparedProject for FakeProject {
    fn instantiate(&self, spec: InstanceSpec) -> BoxFuture<'_, Result<Box<dyn Instance>, LaboratoryError>> {
        Box::pin(async move {
            if let Some(value) = spec.env.get("EXO_CHECK").filter(|value| *value != "true") {
                return Err(LaboratoryError::Invalid(format!("EXO_CHECK={value} is not true")));
            }
            let rows = match &spec.template {
                None => Vec::new(),
                Some(Template(name)) => self.0.templates.lock().expect("lock")[name].clone(),
            };
            let open = self.0.open.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.most_open.fetch_max(open, Ordering::SeqCst);
            self.0.instances.fetch_add(1, Ordering::SeqCst);
            let world = Arc::clone(&self.0);
            Ok(Box::new(FakeInstance {
                world,
                rows: Mutex::new(rows),
                touched: AtomicBool::default(),
                env: spec.env,
                rpc: spec.rpc,
            }) as Box<dyn Instance>)
        })
    }

    fn sdl(&self) -> Result<String, LaboratoryError> {
        Ok(self.0.sdl.lock().expect("lock").clone())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.0.closed_projects.fetch_add(1, Ordering::SeqCst);
            self.0.templates.lock().expect("lock").clear();
        })
    }
}

impl Endpoint for FakeInstance {
    fn post(&self, path: &str, headers: Vec<(String, String)>, body: Vec<u8>) -> BoxFuture<'_, HttpReply> {
        let path = path.to_owned();
        Box::pin(async move {
            let body: Value = serde_json::from_slice(&body).expect("a JSON request");
            match path.as_str() {
                "/graphql" if body["query"].as_str().is_some_and(|query| query.contains("__schema")) => {
                    let schema = self.world.introspection.lock().expect("lock").clone();
                    let schema = schema
                        .unwrap_or_else(|| json!({"data": {"__schema": {"types": [{"name": "Query"}]}}}));
                    HttpReply { status: 200, body: schema.to_string().into(), ..HttpReply::default() }
                }
                "/graphql" => self.graphql(&headers, &body).await,
                "/rpc" if self.rpc => HttpReply {
                    status: 200,
                    body: self.rpc(&body).to_string().into(),
                    ..HttpReply::default()
                },
                _ => HttpReply { status: 404, body: b"Not Found".to_vec(), ..HttpReply::default() },
            }
        })
    }
}

impl FakeInstance {
    async fn graphql(&self, headers: &[(String, String)], request: &Value) -> HttpReply {
        let query = request["query"].as_str().expect("a query");
        let mut reply = HttpReply { status: 200, body: b"{}".to_vec(), trace: None, ..HttpReply::default() };
        for command in query.lines().filter_map(|line| line.split_once('#').map(|(_, command)| command)) {
            let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
            let body = match word {
                "answer" => serde_json::from_str(rest).unwrap_or_else(|error| panic!("{error}: {rest}")),
                "raw" => {
                    reply.body = rest.as_bytes().to_vec();
                    continue;
                }
                "rows" => json!({ "data": { "rows": *self.rows.lock().expect("lock") } }),
                "shuffled" => {
                    let count = self.world.instances.fetch_add(0, Ordering::SeqCst);
                    let flip = self.rows.lock().expect("lock").len() + count;
                    self.rows.lock().expect("lock").push("x".into());
                    json!({ "data": { "shuffled": if flip.is_multiple_of(2) { [1, 2] } else { [2, 1] } } })
                }
                "env" => json!({ "data": self.env }),
                "request" => {
                    let mut shown = Map::new();
                    let mut claims = Value::Null;
                    for (name, value) in headers {
                        match name.as_str() {
                            "authorization" => {
                                let token = value.strip_prefix("Bearer ").expect("a bearer token");
                                claims = serde_json::from_str(token).expect("claims");
                            }
                            _ => {
                                shown.insert(name.clone(), json!(value));
                            }
                        }
                    }
                    let variables = request.get("variables").cloned().unwrap_or_default();
                    json!({"data": {"query": query, "variables": variables, "claims": claims, "headers": shown}})
                }
                "flaky" => {
                    let (times, label) = rest.split_once(' ').expect("#flaky N LABEL");
                    let mut flaky = self.world.flaky.lock().expect("lock");
                    let count = flaky.entry(label.to_owned()).or_default();
                    *count += 1;
                    json!({"data": {"ok": *count > times.parse::<usize>().expect("a number")}})
                }
                "status" => {
                    reply.status = rest.trim().parse().expect("a status");
                    continue;
                }
                "header" => {
                    let (name, value) = rest.split_once(": ").expect("a header");
                    reply.headers.push((name.to_owned(), value.to_owned()));
                    continue;
                }
                "cookie" => {
                    reply.headers.push(("Set-Cookie".to_owned(), rest.to_owned()));
                    continue;
                }
                "sql" => {
                    reply.sql_count = Some(rest.trim().parse().expect("a number"));
                    continue;
                }
                "insert" => {
                    self.touched.store(true, Ordering::SeqCst);
                    self.rows.lock().expect("lock").push(rest.to_owned());
                    continue;
                }
                "sleep" => {
                    tokio::time::sleep(Duration::from_millis(rest.trim().parse().expect("a number"))).await;
                    continue;
                }
                "panic" => panic!("{rest}"),
                other => panic!("unknown command {other}"),
            };
            reply.body = body.to_string().into();
        }
        reply
    }

    fn rpc(&self, request: &Value) -> Value {
        if let Value::Array(requests) = request {
            return Value::Array(requests.iter().rev().map(|request| self.rpc(request)).collect());
        }
        assert_eq!(request["jsonrpc"], "2.0");
        let mut answer = json!({"jsonrpc": "2.0", "id": request["id"]});
        match request["method"].as_str() {
            Some("echo") => answer["result"] = request.get("params").cloned().unwrap_or_default(),
            Some("rpc.discover") => {
                answer["result"] = json!({"methods": [{"name": "echo"}, {"name": "rows"}]});
            }
            Some("rows") => answer["result"] = json!(*self.rows.lock().expect("lock")),
            _ => answer["error"] = json!({"code": -32601, "message": "Method not found"}),
        }
        answer
    }
}

impl Instance for FakeInstance {
    fn persona(&self, name: &str) -> Option<Map<String, Value>> {
        (name == "anna").then(|| Map::from_iter([("sub".to_owned(), json!("1"))]))
    }

    fn personas(&self) -> Vec<String> {
        vec!["anna".to_owned()]
    }

    fn sign(&self, claims: &Map<String, Value>) -> Result<String, LaboratoryError> {
        if claims.contains_key("refuse") {
            return Err(LaboratoryError::Invalid("these claims".to_owned()));
        }
        Ok(Value::Object(claims.clone()).to_string())
    }

    fn run_sql<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<(), LaboratoryError>> {
        Box::pin(async move {
            if let Some(message) = sql.strip_prefix("error: ") {
                return Err(LaboratoryError::Sql(message.trim().to_owned()));
            }
            let row = sql.strip_prefix("insert ").expect("insert").trim();
            self.rows.lock().expect("lock").push(row.to_owned());
            Ok(())
        })
    }

    fn is_reusable(&self) -> bool {
        self.world.reuse.load(Ordering::SeqCst) && !self.touched.load(Ordering::SeqCst)
    }

    fn freeze(self: Box<Self>) -> BoxFuture<'static, Result<Template, LaboratoryError>> {
        Box::pin(async move {
            let number = self.world.frozen.fetch_add(1, Ordering::SeqCst);
            self.world.open.fetch_sub(1, Ordering::SeqCst);
            let name = format!("template {number}");
            let rows = self.rows.lock().expect("lock").clone();
            self.world.templates.lock().expect("lock").insert(name.clone(), rows);
            Ok(Template(name))
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.world.open.fetch_sub(1, Ordering::SeqCst);
        })
    }
}
