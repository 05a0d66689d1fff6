//! HTTP by files: requests and the replies they have to get, byte for byte or as JSON (graphql-and-sql 2.1 and 2.8).
//!
//! ```text
//! project bookshop              a folder of tests/projects
//! mode production               test otherwise
//! env NAME=value
//!
//! == what is shown
//! POST /graphql
//! header: value
//!
//! body
//! --
//! 200
//! header: value                 !header must not be there
//!
//! body                          JSON by its meaning; `exactly …` and errors by their bytes; nothing is no body
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use studio_engine::config::{Environment, Mode, Settings};
use studio_engine::derived::Derived;
use studio_engine::project::Project;
use studio_engine::runtime::caller::RequestHead;
use studio_engine::runtime::pool_options;
use studio_engine::runtime::serving::Serving;
use studio_engine::server::Server;
use studio_engine::server::http::HttpRequest;
use studio_events::Revision;
use studio_postgres::{Databases, Pool, PoolOptions};

pub(crate) async fn replies_are_as_written(databases: &Databases) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 6, "the files are gone");
    let mut failures = Vec::new();
    for (number, path) in files.iter().enumerate() {
        let text = std::fs::read_to_string(path).unwrap();
        let name = format!("http_{number}");
        databases.create(&name, None).await.unwrap();
        let mut sections = text.split("\n== ");
        let server = server(databases, &name, sections.next().unwrap()).await;
        for section in sections {
            if let Err(difference) = case(&server, section).await {
                let title = section.lines().next().unwrap_or_default();
                failures
                    .push(format!("{}: {title}\n{difference}", path.file_name().unwrap().to_string_lossy()));
            }
        }
        server.serving().unwrap().pool.close();
        databases.drop(&name).await.unwrap();
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

async fn server(databases: &Databases, database: &str, head: &str) -> Server {
    let mut environment = BTreeMap::new();
    let mut mode = Mode::Test;
    let mut project = "";
    for line in head.lines().filter(|line| !line.is_empty()) {
        match line.split_once(' ').unwrap() {
            ("project", name) => project = name,
            ("mode", "production") => mode = Mode::Production,
            ("env", pair) => {
                let (name, value) = pair.split_once('=').unwrap();
                environment.insert(name.to_owned(), value.to_owned());
            }
            other => panic!("{other:?}"),
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/projects").join(project);
    let build = Project::open(&root).unwrap().build().unwrap();
    let environment = Environment::from_map(environment);
    let settings = Settings::from_environment(&environment, mode).unwrap();
    let derived = Derived::new(build.ir.expect("the model builds"), settings.allow_mutations);
    let writer = Pool::new(databases.target(database), PoolOptions { size: 1, ..PoolOptions::default() });
    writer.get().await.unwrap().batch_execute(&derived.ddl).await.unwrap();
    writer.close();
    let pool = Pool::new(databases.target(database), pool_options(&settings, settings.read_write));
    let server = Server::new(settings, Arc::new(environment));
    server.swap(Arc::new(Serving::new(Revision(1), &derived, pool)));
    server
}

async fn case(server: &Server, section: &str) -> Result<(), String> {
    let (_, rest) = section.split_once('\n').ok_or("a case has a request")?;
    let (request, reply) = rest.split_once("\n--\n").ok_or("a case has a reply")?;
    let (head, body) = parts(request);
    let mut lines = head.lines();
    let (method, path) = lines.next().and_then(|line| line.split_once(' ')).ok_or("METHOD path")?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let request = HttpRequest {
        method: method.to_owned().into(),
        path: path.to_owned(),
        head: RequestHead { headers: headers.into(), client_ip: None },
        body: body.to_owned().into(),
        ..HttpRequest::default()
    };
    let got = server.dispatch(&request).await;
    let (head, expected) = parts(reply);
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    let text = String::from_utf8_lossy(&got.body);
    if status != got.status.to_string() {
        return Err(format!("status {} instead of {status}: {text}", got.status));
    }
    let header = |name: &str| got.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value);
    for line in lines {
        match line.strip_prefix('!') {
            Some(name) if header(name).is_some() => return Err(format!("there is a header {name}")),
            Some(_) => {}
            None => {
                let (name, value) = line.split_once(": ").ok_or("header: value")?;
                if header(name) != Some(value) {
                    return Err(format!("header {name} is {:?} instead of {value}", header(name)));
                }
            }
        }
    }
    let expected = expected.trim_end();
    let same = if let Some(exact) = expected.strip_prefix("exactly ") {
        exact == text
    } else if expected.starts_with("{\"data\"") {
        serde_json::from_str::<Json>(expected).ok() == serde_json::from_str(&text).ok()
    } else {
        expected == text
    };
    if same { Ok(()) } else { Err(format!("expected {expected}\ngot      {text}")) }
}

/// Head and body, separated by an empty line.
fn parts(text: &str) -> (&str, &str) {
    match text.split_once("\n\n") {
        Some((head, body)) => (head, body),
        None => (text.trim_end(), ""),
    }
}
