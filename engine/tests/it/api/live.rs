//! Live queries: answers as server-sent events, again whenever they change.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use studio_engine::server::bind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Lab, post};

const MODEL: &str = r#"
context AuthContext { @jwt("sub") id: Int }
@postgres
module Notes {
  @access(query = self.owner == AuthContext.id, mutation = true)
  type Note {
    @pk id: Int = autoIncrement()
    text: String
    owner: Int
  }
}
"#;

/// A stream of events over a socket.
struct Events {
    socket: TcpStream,
    read: String,
}

impl Events {
    async fn open(port: u16, token: &str, query: &str) -> Self {
        let body = json!({ "query": query }).to_string();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        socket.write_all((head + &body).as_bytes()).await.unwrap();
        Self { socket, read: String::new() }
    }

    /// Everything up to this text; it is not read again.
    async fn until(&mut self, text: &str) -> String {
        let reading = async {
            loop {
                if let Some(at) = self.read.find(text) {
                    return self.read.drain(..at + text.len()).collect::<String>();
                }
                let mut chunk = [0; 4096];
                let count = self.socket.read(&mut chunk).await.unwrap();
                assert!(count > 0, "the stream ended: {}", self.read);
                self.read.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
            }
        };
        tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap()
    }

    /// The next answer.
    async fn next(&mut self) -> Value {
        self.until("event: next\ndata: ").await;
        serde_json::from_str(self.until("\n\n").await.trim()).unwrap()
    }
}

pub(crate) async fn all(lab: &Lab) {
    let api = lab.live(MODEL, &[]).await;
    api.personas(&[("anna", json!({"sub": 1})), ("ben", json!({"sub": 2}))]);
    let listener = bind("127.0.0.1", 0).await.unwrap();
    let port = listener.port;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn(listener.serve(Arc::clone(&api.server), stopped));
    let texts = |answer: Value| {
        let rows = answer["data"]["notes"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
        rows.iter().map(|row| row["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };

    let query = "{ notes(orderBy: {id: ASC}) { text } }";
    let mut anna = Events::open(port, &api.token("anna"), query).await;
    let head = anna.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
    assert_eq!(texts(anna.next().await), "", "the first answer comes at once");

    // A mutation of this server; one of another server on the same database; a program that says so itself.
    let create = |text: &str, owner: u8| {
        format!("mutation {{ createNote(data: {{text: \"{text}\", owner: {owner}}}) {{ id }} }}")
    };
    let write = async |text: &str, owner| api.ask_as(Some("anna"), &create(text, owner), Value::Null).await;
    write("one", 1).await;
    assert_eq!(texts(anna.next().await), "one");
    let mut other = api.quiet();
    other.settings.live_queries = true;
    let headers = vec![("authorization".to_owned(), format!("Bearer {}", api.token("anna")))];
    post(&other, "/graphql", headers, &json!({"query": create("two", 1)})).await;
    assert_eq!(texts(anna.next().await), "one two");
    api.sql("INSERT INTO notes (text, owner) VALUES ('three', 1); NOTIFY exo_live").await;
    assert_eq!(texts(anna.next().await), "one two three");

    // Everybody sees what the rules let them see; an answer that stays the same is not sent again.
    let mut ben = Events::open(port, &api.token("ben"), query).await;
    assert_eq!(texts(ben.next().await), "");
    write("four", 2).await;
    assert_eq!(texts(ben.next().await), "four");
    write("five", 1).await;
    assert_eq!(texts(anna.next().await), "one two three five", "nothing came in between");

    // The connection that listens is lost: it listens again, and looks at once.
    let lost = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    api.sql(&format!("INSERT INTO notes (text, owner) VALUES ('six', 1); {lost}")).await;
    assert_eq!(texts(anna.next().await), "one two three five six");

    // A mutation is run once, not whenever something changes.
    let mut mutation = Events::open(port, &api.token("anna"), &create("no", 1)).await;
    let reply = mutation.until("be live").await;
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
    drop((anna, ben));
    stop.send_replace(true);
    serving.await.unwrap();

    // Without the switch the same request is an ordinary one.
    let plain = lab.api(MODEL, &[]).await;
    let headers = vec![("accept".to_owned(), "text/event-stream".to_owned())];
    let reply = post(&plain.server, "/graphql", headers, &json!({ "query": "{ __typename }" })).await;
    assert_eq!(super::json_of(&reply), json!({"data": {"__typename": "Query"}}));
}
