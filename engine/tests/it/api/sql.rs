//! Round trips, and requests whose plans, connections or schemas changed under them. Plans, where somebody asks.

use serde_json::json;
use studio_events::{StatementTrace, Trace};
use studio_postgres::{Pool, PoolOptions};

use super::{Api, Lab, json_of, post};

const MODEL: &str = r#"
@postgres
module Shop {
  @access(query = true, mutation = self.name != "forbidden")
  type Item {
    @pk id: Int = autoIncrement()
    @unique code: String
    name: String
    kind: String = "plain"
    parts: Set<Part>?
  }
  @access(true)
  type Part {
    @pk id: Int = autoIncrement()
    size: Int
    item: Item
    screws: Set<Screw>?
  }
  @access(true)
  type Screw {
    @pk id: Int = autoIncrement()
    part: Part
  }
}
"#;

pub(crate) async fn all(lab: &Lab) {
    round_trips(lab).await;
    changes(lab).await;
    pooler(lab).await;
    plans(lab).await;
}

fn travelled(trace: &Trace) -> (u32, Vec<u32>) {
    (trace.round_trips, trace.statements.iter().map(|statement| statement.round_trip).collect())
}

async fn round_trips(lab: &Lab) {
    let mut api = lab.api(MODEL, &[]).await;
    api.sql("INSERT INTO items (code, name) SELECT 'c' || n, 'n' FROM generate_series(1, 3) n").await;

    // One root field, one round trip; several travel together, in a transaction that costs none.
    api.ask("{ items { id } }").await;
    assert_eq!(travelled(&*api.trace().await), (1, vec![1]));
    let reply = api.ask("{ a: items { id } b: item(id: 2) { code } c: itemsAgg { id { count } } }").await;
    assert_eq!(reply["data"]["b"], json!({"code": "c2"}));
    assert_eq!(travelled(&*api.trace().await), (1, vec![1, 1, 1]));

    // Rows of one table are inserted together, however deep, and only keys are waited for.
    let part = "{size: 1, screws: [{}, {}, {}]}";
    let data = |code: &str| format!("{{code: \"{code}\", name: \"x\", parts: [{part}, {part}]}}");
    let create = format!(
        "mutation {{ createItems(data: [{}, {}]) {{ parts {{ screws {{ id }} }} }} }}",
        data("p"),
        data("q")
    );
    let reply = api.ask(&create).await;
    assert_eq!(
        reply["data"]["createItems"][1]["parts"][1]["screws"].as_array().map(Vec::len),
        Some(3),
        "{reply}"
    );
    let trace = api.trace().await;
    assert_eq!(trace.statements.len(), 4, "one insert per table and the answer");
    assert_eq!(
        (trace.round_trips, trace.statements[3].round_trip),
        (3, 3),
        "the screws travel with the answer"
    );

    // Several mutations of one request, too; and nothing is left when one of them fails or is denied.
    let both = |second: &str| {
        format!(
            "mutation {{ a: createItem(data: {{code: \"new\", name: \"n\"}}) {{ id }} b: createItem(data: {{code: \"{second}\", name: \"n\"}}) {{ id }} }}"
        )
    };
    let reply = api.ask(&both("c1")).await;
    assert_eq!(reply["errors"][0]["message"], "Operation failed");
    api.trace().await;
    let count = "{ itemsAgg(where: {code: {eq: \"new\"}}) { id { count } } }";
    assert_eq!(api.ask(count).await["data"]["itemsAgg"]["id"]["count"], 0);
    api.trace().await;
    let reply = api.ask(&both("newer")).await;
    assert!(reply["data"]["b"]["id"].is_i64(), "{reply}");
    assert_eq!(travelled(&*api.trace().await).0, 1);
}

/// Requests go on through everything that can happen to their plans and connections.
async fn changes(lab: &Lab) {
    let api = lab.api(MODEL, &[]).await;
    // As `serve` does: without anybody looking, so with plans that are used again.
    let quiet = api.quiet();
    let query = "query($c: String!) { itemByCode(code: $c) { code } items { name } }";
    let ask = async |code: &str| {
        json_of(
            &post(&quiet, "/graphql", Vec::new(), &json!({"query": query, "variables": {"c": code}})).await,
        )
    };
    api.sql("INSERT INTO items (code, name) VALUES ('a', 'n'), ('b', 'n')").await;
    let good =
        |code: &str| json!({"data": {"itemByCode": {"code": code}, "items": [{"name": "n"}, {"name": "n"}]}});
    // Often enough to be prepared.
    for code in ["a", "b", "a", "b", "a", "b"] {
        assert_eq!(ask(code).await, good(code));
    }
    api.sql("ALTER TABLE items ALTER COLUMN name TYPE varchar(40)").await;
    assert_eq!(ask("a").await, good("a"), "a type changed");
    api.sql("ALTER TABLE items ADD COLUMN more int").await;
    assert_eq!(ask("b").await, good("b"), "a column came");
    for _ in 0..4 {
        api.sql("DISCARD ALL").await;
        assert_eq!(ask("a").await, good("a"), "everything was discarded");
    }
    // All connections die at once: those that are idle, and whichever the request would have got.
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let admin = Pool::new(lab.databases.target(&api.name), PoolOptions { size: 1, ..PoolOptions::default() });
    for code in ["a", "b", "a"] {
        admin.get().await.unwrap().batch_execute(others).await.unwrap();
        assert_eq!(ask(code).await, good(code), "the server threw everybody out");
    }
}

/// Behind a pooler in transaction mode nothing is prepared.
async fn pooler(lab: &Lab) {
    let mut api = lab.api(MODEL, &[("EXO_POSTGRES_POOLER", "true")]).await;
    for _ in 0..6 {
        api.ask("{ items { id } parts { id } }").await;
        assert!(api.trace().await.statements.iter().all(|statement| !statement.prepared));
    }
    let rows =
        api.pool.get().await.unwrap().run("SELECT count(*) FROM pg_prepared_statements", &[]).await.unwrap();
    assert_eq!(rows[0][0].as_deref(), Some("0"));
}

async fn plans(lab: &Lab) {
    let mut api = lab.api(MODEL, &[]).await;
    api.sql("INSERT INTO items (code, name, kind) SELECT 'c' || n, 'n', 'k' || n % 1000 FROM generate_series(1, 20000) n").await;
    api.sql("INSERT INTO parts (size, item_id) SELECT n, n FROM generate_series(1, 20000) n; ANALYZE").await;
    let explain = async |api: &Api, id: String, analyze: bool| {
        let (status, reply) = api.studio("explain", json!({"trace": id, "analyze": analyze})).await;
        assert_eq!(status, 200, "{reply}");
        reply["text"].as_str().unwrap().to_owned()
    };

    // A filter without an index; a relation without one, followed for each row.
    api.ask("{ items(where: {kind: {eq: \"k7\"}}) { id } }").await;
    let id = api.trace().await.id.to_string();
    let text = explain(&api, id.clone(), false).await;
    assert!(text.contains("Seq Scan on items") && !text.contains("actual time"), "{text}");
    assert!(text.contains("`@index` on `Item.kind` (src/index.exo:9) would help"), "{text}");
    assert!(explain(&api, id, true).await.contains("actual time"));
    api.ask("{ items(limit: 50) { parts { size } } }").await;
    let id = api.trace().await.id.to_string();
    let text = explain(&api, id, false).await;
    assert!(text.contains("`@index` on `Part.item` (src/index.exo:16) would help"), "{text}");
    assert!(text.contains("once for each of 50 rows"), "{text}");
    // What an index serves already gets no hint.
    api.ask("{ itemByCode(code: \"c5\") { id } }").await;
    let id = api.trace().await.id.to_string();
    assert!(!explain(&api, id, false).await.contains("hint:"));

    // A mutation of several statements is executed as a whole and leaves nothing behind.
    api.ask("mutation { createItems(data: [{code: \"x\", name: \"x\", parts: [{size: 1}]}, {code: \"y\", name: \"y\", parts: [{size: 2}]}]) { id } }").await;
    let trace = api.trace().await;
    assert!(trace.statements.len() > 1);
    api.sql("DELETE FROM parts WHERE id > 20000; DELETE FROM items WHERE id > 20000").await;
    let text = explain(&api, trace.id.to_string(), true).await;
    assert!(text.contains("-- statement 1 of 3") && text.contains("Insert on items"), "{text}");
    let left = api.ask("{ itemsAgg { id { count } } }").await;
    assert_eq!(left["data"]["itemsAgg"]["id"]["count"], 20000);
    let statement = |it: &StatementTrace| it.params.iter().all(|param| !param.ty.is_empty());
    assert!(trace.statements.iter().all(statement));

    let (status, _) = api.studio("explain", json!({"trace": "0"})).await;
    assert_eq!(status, 404);
    let (status, reply) = api.studio("explain", json!({"trace": "0", "analyse": true})).await;
    assert_eq!((status, reply["error"].as_str().unwrap().contains("analyse")), (400, true));
}
