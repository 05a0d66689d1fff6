//! What one request may ask for, and what becomes of a request that nobody waits for.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use studio_engine::server::bind;
use tokio::io::AsyncWriteExt;

use super::{Api, Lab, json_of};

const MODEL: &str = r#"
@postgres
module Shop {
  @access(true)
  type Item {
    @pk id: Int = autoIncrement()
    name: String
    parts: Set<Part>?
  }
  @access(true)
  type Part {
    @pk id: Int = autoIncrement()
    item: Item
  }
}
"#;

const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

pub(crate) async fn all(lab: &Lab) {
    counts(lab).await;
    body(lab).await;
    statement_timeout(lab).await;
    hang_up(lab).await;
}

fn message(reply: &Value) -> &str {
    reply["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("{reply}"))
}

async fn counts(lab: &Lab) {
    let settings = [
        ("EXO_MAX_SELECTION_DEPTH", "2"),
        ("EXO_MAX_ROOT_FIELDS", "2"),
        ("EXO_MAX_ALIASES", "2"),
        ("EXO_MAX_ROWS", "10"),
    ];
    let api = lab.api(MODEL, &settings).await;
    let refused = async |query: &str| message(&api.ask(query).await).to_owned();
    assert_eq!(refused("{ items(limit: 1) { parts(limit: 1) { id } } }").await, "Selection set too deep");
    let three = "{ items(limit: 1) { id } item(id: 2) { id } part(id: 1) { id } }";
    assert_eq!(refused(three).await, "More than 2 root fields");
    // Fragments do not hide them.
    let hidden = "fragment A on Query { part(id: 1) { id } part(id: 1) { id } } { ...A ...A }";
    assert_eq!(refused(hidden).await, "More than 2 root fields");
    assert_eq!(refused("{ item(id: 1) { a: id b: id c: id } }").await, "More than 2 aliases");
    let needs = "Field 'items' needs a 'limit' of at most 10 rows";
    assert_eq!(refused("{ items { id } }").await, needs);
    assert_eq!(refused("{ items(limit: 11) { id } }").await, needs);
    assert_eq!(refused("query($n: Int = null) { items(limit: $n) { id } }").await, needs);
    let nested = "{ items(limit: 2) { parts { id } } }";
    let settings = [("EXO_MAX_ROWS", "10")];
    let shallow = lab.api(MODEL, &settings).await;
    assert_eq!(message(&shallow.ask(nested).await), "Field 'parts' needs a 'limit' of at most 10 rows");
    let good = shallow.ask("{ items(limit: 10) { parts(limit: 3) { id } } item(id: 1) { id } }").await;
    assert_eq!(good, json!({"data": {"items": [], "item": null}}));
    let answers = lab.api(MODEL, &[]).await.ask("{ items { parts { id } } }").await;
    assert_eq!(answers, json!({"data": {"items": []}}), "nothing is capped unless asked for");
}

async fn body(lab: &Lab) {
    let api = lab.api(MODEL, &[("EXO_MAX_BODY_BYTES", "100")]).await;
    let long = json!({"query": format!("{{ items {{ id }} }} #{}", "x".repeat(100))});
    let reply = api.post("/graphql", Vec::new(), &long).await;
    assert_eq!(reply.status, 413);
    assert_eq!(message(&json_of(&reply)), "The request body is larger than 100 bytes");
    assert_eq!(api.ask("{ items { id } }").await, json!({"data": {"items": []}}));
}

/// Runs something while nobody else can read the items.
async fn while_locked<T>(api: &Api, during: impl Future<Output = T>) -> T {
    let lock = api.pool.get().await.unwrap();
    lock.batch_execute("BEGIN; LOCK TABLE items").await.unwrap();
    let result = during.await;
    lock.batch_execute("ROLLBACK").await.unwrap();
    result
}

/// Asks the server until this many statements wait for a lock.
async fn until_waiting(api: &Api, wanted: &str) {
    let asking = async {
        let connection = api.pool.get().await.unwrap();
        while connection.run(WAITING, &[]).await.unwrap()[0][0].as_deref() != Some(wanted) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap();
}

async fn statement_timeout(lab: &Lab) {
    let api = lab.api(MODEL, &[("EXO_STATEMENT_TIMEOUT_MS", "150")]).await;
    for query in ["{ items { id } }", "mutation { createItem(data: {name: \"a\"}) { id } }"] {
        let reply = while_locked(&api, api.ask(query)).await;
        assert_eq!(message(&reply), "The operation took longer than 150 ms");
    }
    assert_eq!(api.ask("{ items { id } }").await, json!({"data": {"items": []}}));
}

async fn hang_up(lab: &Lab) {
    let api = lab.api(MODEL, &[]).await;
    let listener = bind("127.0.0.1", 0).await.unwrap();
    let port = listener.port;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn(listener.serve(Arc::clone(&api.server), stopped));
    for query in ["{ items { id } }", "mutation { createItem(data: {name: \"lost\"}) { id } }"] {
        while_locked(&api, async {
            let mut client = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let body = json!({ "query": query }).to_string();
            let head = format!("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
            client.write_all((head + &body).as_bytes()).await.unwrap();
            until_waiting(&api, "1").await;
            drop(client);
            // Gone while the lock is still there: it was cancelled, not served.
            until_waiting(&api, "0").await;
        })
        .await;
    }
    assert_eq!(api.ask("{ items { id } }").await, json!({"data": {"items": []}}), "nothing was written");
    stop.send_replace(true);
    serving.await.unwrap();
}
