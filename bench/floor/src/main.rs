//! The practical floor: the four benchmark operations by hand, one prepared SQL statement each.
//! POST /graphql takes the same body as a GraphQL server ({"query": …, "variables": {…}}); the operation
//! is recognised by its name in the query text, nothing is parsed as GraphQL.
//! MODE=json lets Postgres build the JSON text; MODE=rows fetches plain rows and writes the JSON here.
use axum::serve::ListenerExt;
use axum::{
    Router, body::Bytes, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::post,
};
use serde::Serialize;
use serde_json::Value;
use std::env::var;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_postgres::{Client, Error, NoTls, Row, SimpleQueryMessage, Statement, types::ToSql};

const SQL: [&str; 7] = [
    include_str!("../sql/by_pk.sql"),
    include_str!("../sql/list.sql"),
    include_str!("../sql/nested.sql"),
    include_str!("../sql/create.sql"),
    include_str!("../sql/by_pk_rows.sql"),
    include_str!("../sql/list_rows.sql"),
    include_str!("../sql/nested_rows.sql"),
];

struct Conn {
    client: Client,
    st: Vec<Statement>,
}

struct Pool {
    conns: Vec<Conn>,
    next: AtomicUsize,
    rows: bool,
}

impl Pool {
    async fn open(url: &str, size: usize, rows: bool) -> Self {
        let mut conns = Vec::new();
        for _ in 0..size {
            let (client, io) = tokio_postgres::connect(url, NoTls).await.expect("connect");
            tokio::spawn(io);
            let mut st = Vec::new();
            for sql in SQL {
                st.push(client.prepare(sql).await.expect(sql));
            }
            conns.push(Conn { client, st });
        }
        Pool { conns, next: AtomicUsize::new(0), rows }
    }

    /// Round robin; a busy connection simply pipelines.
    fn get(&self) -> &Conn {
        &self.conns[self.next.fetch_add(1, Ordering::Relaxed) % self.conns.len()]
    }
}

impl Conn {
    async fn text(&self, st: usize, args: &[&(dyn ToSql + Sync)], out: &mut Vec<u8>) -> Result<(), Error> {
        match self.client.query_opt(&self.st[st], args).await? {
            Some(row) => out.extend_from_slice(row.get::<_, Option<&str>>(0).unwrap_or("null").as_bytes()),
            None => out.extend_from_slice(b"null"),
        }
        Ok(())
    }

    async fn fetch(&self, st: usize, args: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        self.client.query(&self.st[st], args).await
    }
}

fn put(out: &mut Vec<u8>, key: &str, v: impl Serialize) {
    out.extend_from_slice(key.as_bytes());
    serde_json::to_writer(out, &v).expect("json");
}

fn put_nested(out: &mut Vec<u8>, rows: &[Row]) {
    // Rows come grouped: a new author or book starts when its id changes.
    let (mut author, mut book) = (None, None);
    out.push(b'[');
    for r in rows {
        let a: i32 = r.get(0);
        if author != Some(a) {
            out.extend_from_slice(match (author.is_some(), book.is_some()) {
                (true, true) => b"]}]},".as_slice(),
                (true, false) => b"]},",
                _ => b"",
            });
            put(out, "{\"id\":", a);
            put(out, ",\"name\":", r.get::<_, &str>(1));
            put(out, ",\"country\":", r.get::<_, &str>(2));
            out.extend_from_slice(b",\"books\":[");
            (author, book) = (Some(a), None);
        }
        let Some(k) = r.get::<_, Option<i32>>(3) else { continue };
        let review: Option<i32> = r.get(6);
        if book != Some(k) {
            if book.is_some() {
                out.extend_from_slice(b"]},");
            }
            put(out, "{\"id\":", k);
            put(out, ",\"title\":", r.get::<_, &str>(4));
            put(out, ",\"price\":", r.get::<_, f64>(5));
            out.extend_from_slice(b",\"reviews\":[");
            book = Some(k);
        } else if review.is_some() {
            out.push(b',');
        }
        if let Some(id) = review {
            put(out, "{\"id\":", id);
            put(out, ",\"rating\":", r.get::<_, i32>(7));
            put(out, ",\"reviewer\":", r.get::<_, &str>(8));
            put(out, ",\"body\":", r.get::<_, &str>(9));
            out.push(b'}');
        }
    }
    out.extend_from_slice(match (author.is_some(), book.is_some()) {
        (true, true) => b"]}]}]".as_slice(),
        (true, false) => b"]}]",
        _ => b"]",
    });
}

async fn answer(pool: &Pool, body: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let req: Value = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let (q, v) = (req["query"].as_str().unwrap_or_default(), &req["variables"]);
    let int = |k: &str| v[k].as_i64().unwrap_or_default() as i32;
    let text = |k: &str| v[k].as_str().unwrap_or_default();
    let price = v["price"].as_f64().unwrap_or(0.0);
    let c = pool.get();
    let name = q.split_whitespace().nth(1).and_then(|w| w.split('(').next()).unwrap_or("");
    let authors: i64 = 10;
    let done = match (name, pool.rows) {
        ("byPk", false) => {
            out.extend_from_slice(b"{\"data\":{\"book\":");
            c.text(0, &[&int("id")], out).await
        }
        ("list", false) => {
            out.extend_from_slice(b"{\"data\":{\"books\":");
            c.text(1, &[&text("genre"), &price], out).await
        }
        ("nested", false) => {
            out.extend_from_slice(b"{\"data\":{\"authors\":");
            c.text(2, &[&int("start"), &authors], out).await
        }
        ("create", _) => {
            out.extend_from_slice(b"{\"data\":{\"createBook\":");
            let (ratings, bodies) = (
                vec![5i32, 3, 1],
                vec!["Could not put it down", "Fine for a train ride", "Left it on the train"],
            );
            c.text(3, &[&text("title"), &price, &int("author"), &ratings, &bodies, &vec!["a", "b", "c"]], out)
                .await
        }
        ("byPk", true) => c.fetch(4, &[&int("id")]).await.map(|rows| match rows.first() {
            Some(r) => {
                put(out, "{\"data\":{\"book\":{\"id\":", r.get::<_, i32>(0));
                put(out, ",\"title\":", r.get::<_, &str>(1));
                put(out, ",\"genre\":", r.get::<_, &str>(2));
                put(out, ",\"price\":", r.get::<_, f64>(3));
                put(out, ",\"published\":", r.get::<_, i32>(4));
                out.push(b'}');
            }
            None => out.extend_from_slice(b"{\"data\":{\"book\":null"),
        }),
        ("list", true) => c.fetch(5, &[&text("genre"), &price]).await.map(|rows| {
            out.extend_from_slice(b"{\"data\":{\"books\":[");
            for (n, r) in rows.iter().enumerate() {
                put(out, if n == 0 { "{\"id\":" } else { ",{\"id\":" }, r.get::<_, i32>(0));
                put(out, ",\"title\":", r.get::<_, &str>(1));
                put(out, ",\"price\":", r.get::<_, f64>(2));
                put(out, ",\"published\":", r.get::<_, i32>(3));
                out.push(b'}');
            }
            out.push(b']');
        }),
        ("nested", true) => c.fetch(6, &[&int("start"), &authors]).await.map(|rows| {
            out.extend_from_slice(b"{\"data\":{\"authors\":");
            put_nested(out, &rows);
        }),
        (other, _) => return Err(format!("unknown operation {other}")),
    };
    out.extend_from_slice(b"}}");
    done.map_err(|e| e.to_string())
}

async fn graphql(State(pool): State<Arc<Pool>>, body: Bytes) -> impl IntoResponse {
    let mut out = Vec::with_capacity(1024);
    if let Err(e) = answer(&pool, &body, &mut out).await {
        out = serde_json::json!({"errors": [{"message": e}]}).to_string().into_bytes();
    }
    ([(CONTENT_TYPE, "application/json")], out)
}

async fn serve() {
    let number = |k: &str, d: usize| var(k).ok().and_then(|s| s.parse().ok()).unwrap_or(d);
    let url = var("DATABASE_URL").expect("DATABASE_URL");
    let pool = Arc::new(Pool::open(&url, number("POOL", 10), var("MODE").as_deref() == Ok("rows")).await);
    let app = Router::new().route("/graphql", post(graphql).get(|| async { "ok" })).with_state(pool);
    let listener =
        tokio::net::TcpListener::bind(("127.0.0.1", number("PORT", 8001) as u16)).await.expect("bind");
    axum::serve(listener.tap_io(|tcp| tcp.set_nodelay(true).expect("nodelay")), app).await.expect("serve");
}

/// `floor sql <url>`: runs the text on standard input as one batch and prints the rows, so that the
/// benchmark needs no other client.
async fn run_sql(url: &str) {
    let (client, io) = tokio_postgres::connect(url, NoTls).await.expect("connect");
    tokio::spawn(io);
    let text = std::io::read_to_string(std::io::stdin()).expect("SQL on standard input");
    match client.simple_query(&text).await {
        Ok(messages) => {
            for message in messages {
                if let SimpleQueryMessage::Row(row) = message {
                    let line: Vec<&str> = (0..row.len()).map(|at| row.get(at).unwrap_or("")).collect();
                    println!("{}", line.join("\t"));
                }
            }
        }
        Err(error) => {
            let detail = error.as_db_error().map(ToString::to_string);
            eprintln!("{}", detail.unwrap_or_else(|| error.to_string()));
            std::process::exit(1);
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "sql", url] => runtime.block_on(run_sql(url)),
        [_] => runtime.block_on(serve()),
        _ => {
            eprintln!(
                "usage: floor            serve (DATABASE_URL, PORT, POOL, MODE=rows|json)\n       floor sql <url>  run SQL from standard input"
            );
            std::process::exit(2);
        }
    }
}
