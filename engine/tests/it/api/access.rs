//! Explaining access: what a trace says, and whether others would pass.

use serde_json::{Value, json};
use studio_events::{AccessOperation, AccessVerdict, PhaseKind};

use super::Lab;

const MODEL: &str = r#"
context AuthContext {
  @jwt("sub") id: Int
  @jwt role: String
}

@postgres
module Shop {
  @access(query = self.listed || AuthContext.role == "staff", mutation = AuthContext.role == "staff" && self.owner.active)
  type Item {
    @pk id: Int = autoIncrement()
    name: String
    listed: Boolean = true
    @access(query = AuthContext.role == "staff") cost: Int = 0
    owner: Owner
  }

  @access(true)
  type Owner {
    @pk id: Int = autoIncrement()
    name: String
    active: Boolean
    items: Set<Item>?
  }
}
"#;

pub(crate) async fn all(lab: &Lab) {
    let mut api = lab.api(MODEL, &[]).await;
    api.personas(&[("sam", json!({"sub": 1, "role": "staff"})), ("gil", json!({"sub": 2, "role": "guest"}))]);
    api.sql("INSERT INTO owners (name, active) VALUES ('a', true), ('b', false)").await;
    api.sql("INSERT INTO items (name, listed, owner_id) VALUES ('x', true, 1), ('y', false, 2)").await;

    // A request that passes: every rule with its place, its parts, what they saw and what is left to the rows.
    let reply = api.ask_as(Some("gil"), "{ items { name owner { name } } }", Value::Null).await;
    assert_eq!(reply, json!({"data": {"items": [{"name": "x", "owner": {"name": "a"}}]}}));
    let trace = api.trace().await;
    let checks: Vec<_> = trace.access.iter().map(|check| check.subject()).collect();
    assert_eq!(checks, ["Owner", "Item"]);
    let item = &trace.access[1];
    assert_eq!((item.operation, &*item.file, item.line), (AccessOperation::Query, "src/index.exo", 9));
    let or = item.expression.as_ref().unwrap();
    assert_eq!(or.text, "self.listed || AuthContext.role == \"staff\"");
    let AccessVerdict::Rows { sql, values } = &or.parts[0].verdict else { panic!("{or:?}") };
    assert_eq!((sql.as_str(), values[0].ty.as_str()), ("\"items\".\"listed\" = $1", "bool"));
    assert_eq!(or.parts[1].verdict, AccessVerdict::Denied);
    assert_eq!(or.parts[1].operands[0].value.as_deref(), Some("\"guest\""));

    // A denied one: the client reads two words, the trace says which operand decided.
    let reply = api.ask_as(Some("gil"), "{ items { cost } }", Value::Null).await;
    assert_eq!(reply["errors"][0]["message"], "Not authorized");
    let trace = api.trace().await;
    let denied = trace.access.iter().find(|check| check.is_denied()).unwrap();
    assert_eq!((denied.subject().as_str(), denied.line), ("Item.cost", 14));
    assert_eq!(denied.decided_by, ["AuthContext.role == \"staff\"  (AuthContext.role = \"guest\")"]);
    assert!(trace.error.as_ref().unwrap().denied);
    let id = trace.id.to_string();

    // Would others pass?
    let judge = async |body: Value| api.studio("access", body).await;
    let (status, report) = judge(json!({"trace": id, "persona": "sam"})).await;
    assert_eq!((status, &report["decision"]), (200, &json!("passes")), "{report}");
    let (_, report) = judge(json!({"trace": id})).await;
    assert_eq!((&report["caller"], &report["decision"]), (&json!("sender"), &json!("denied")));
    let (_, report) = judge(json!({"trace": id, "persona": null})).await;
    assert_eq!(report["decision"], "denied");
    let (_, report) = judge(json!({"trace": id, "persona": "nobody"})).await;
    assert_eq!(report["decision"], "unknown");
    assert!(report["error"].as_str().unwrap().contains("[personas.nobody]"));
    let (_, report) = judge(json!({"query": "{ items { name } }", "persona": "gil"})).await;
    assert_eq!(report["decision"], "filtered");

    // Rules on input that speak of rows: the database is asked, part by part, and nothing is written.
    let create = "mutation($o: Int!) { createItem(data: {name: \"z\", owner: {id: $o}}) { id } }";
    let ask = |owner: i32| json!({"query": create, "variables": {"o": owner}, "persona": "sam"});
    let (_, report) = judge(ask(1)).await;
    assert_eq!(report["decision"], "filtered", "{report}");
    let (_, report) = judge(ask(2)).await;
    assert_eq!(report["decision"], "denied");
    let check =
        report["checks"].as_array().unwrap().iter().find(|check| check["operation"] == "create").unwrap();
    assert_eq!(check["decided_by"], json!(["self.owner.active"]));
    assert_eq!(check["expression"]["parts"][1]["in_database"], false);
    // Rows about to be created below an existing one: what their rule says about it is asked of it.
    let below = "mutation($o: Int!) { updateOwner(id: $o, data: {items: {create: [{name: \"n\"}]}}) { id } }";
    let ask = |owner: i32| json!({"query": below, "variables": {"o": owner}, "persona": "sam"});
    let (_, report) = judge(ask(1)).await;
    assert_eq!(report["decision"], "filtered", "{report}");
    let (_, report) = judge(ask(2)).await;
    assert_eq!(report["decision"], "denied", "{report}");
    assert_eq!(api.ask("{ itemsAgg { id { count } } }").await["data"]["itemsAgg"]["id"]["count"], 1);
    api.trace().await;

    // Wrong questions are told so.
    for body in [json!([]), json!({}), json!({"trace": "zz"}), json!({"query": "{a}", "x": 1})] {
        assert_eq!(api.studio("access", body.clone()).await.0, 400, "{body}");
    }
    assert_eq!(api.studio("access", json!({"trace": "0"})).await.0, 404);

    let count = "{ itemsAgg { id { count } } }";
    let reply = api.ask_as(Some("sam"), count, Value::Null).await;
    assert_eq!(reply["data"]["itemsAgg"]["id"]["count"], 2, "judging writes nothing");
    api.trace().await;

    // The phases of a trace are disjoint, in order, and leave nothing out.
    let create = "mutation { createItem(data: {name: \"z\", owner: {id: 1}}) { id } }";
    api.ask_as(Some("sam"), create, Value::Null).await;
    let trace = api.trace().await;
    let mut end = 0;
    for phase in &trace.phases {
        assert!(phase.start.0 >= end, "{:?}", trace.phases);
        end = phase.start.0 + phase.time.0;
    }
    let sum: u64 = trace.phases.iter().map(|phase| phase.time.0).sum();
    assert!(sum <= trace.total.0 && sum * 20 >= trace.total.0 * 19, "{sum} of {:?}", trace.total);
    let kinds: Vec<_> = trace.phases.iter().map(|phase| phase.kind).collect();
    use PhaseKind::{Access, Coerce, Encode, Other, Parse, Plan, Pool, Read, Sql, Validate};
    assert_eq!(kinds, [Read, Parse, Coerce, Validate, Access, Plan, Pool, Sql, Encode, Other]);
    assert!(trace.statements.iter().all(|it| it.round_trip >= 1 && it.round_trip <= trace.round_trips));
    // So are its statements, within the time spent on SQL; offsets are rounded to microseconds.
    let sql = trace.phases.iter().find(|phase| phase.kind == Sql).unwrap();
    let mut end = sql.start.0.saturating_sub(2);
    for statement in &trace.statements {
        assert!(statement.start.0 + 2 >= end, "{:?}", trace.statements);
        end = statement.start.0 + statement.time.0;
        assert!(statement.send.0 + statement.receive.0 <= statement.time.0, "{statement:?}");
    }
    // An answer may be there before its statement is looked at again, but not all of them.
    assert!(trace.statements.iter().any(|it| it.database().0 > 0), "{:?}", trace.statements);
    assert!(end <= sql.start.0 + sql.time.0 + 2, "{sql:?} {:?}", trace.statements);
}
