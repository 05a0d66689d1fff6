//! The parts of the API beyond the contract: off by default, and under the same rules when they are on.

use serde_json::{Value, json};
use studio_model::graphql::Extensions;

use super::{Api, Lab};

const MODEL: &str = r#"
context AuthContext {
  @jwt("sub") id: Int
  @jwt role: String
}

@postgres
module Shop {
  enum Kind { SMALL LARGE }

  @access(query = self.listed || AuthContext.role == "staff", create = true, update = self.owner == AuthContext.id, delete = false)
  type Item {
    @pk id: Int = autoIncrement()
    @unique code: String
    price: Decimal
    kind: Kind = SMALL
    note: String?
    tags: Array<String>
    listed: Boolean = true
    owner: Int = 0
    parts: Set<Part>?
  }

  @access(true)
  type Part {
    @pk id: Uuid
    size: Int
    item: Item?
  }

  @access(query = true, mutation = false)
  type Fixed {
    @pk id: Int = autoIncrement()
    @unique name: String
  }
}
"#;

pub(crate) async fn all(lab: &Lab) {
    let on = Extensions { in_filters: true, cursors: true, upsert: true };
    let api = lab.extended(MODEL, &[], on).await;
    let off = lab.api(MODEL, &[]).await;
    sdl(&off, &api);
    api.personas(&[("anna", json!({"sub": 1, "role": "user"})), ("sam", json!({"sub": 2, "role": "staff"}))]);
    api.sql(
        "INSERT INTO items (code, price, kind, note, tags, listed, owner) VALUES \
         ('a', 1, 'SMALL', 'n', '{x,y}', true, 1), ('b', 2, 'LARGE', null, '{y}', true, 2), \
         ('c', 2, 'LARGE', 'm', '{}', false, 1), ('d', 3, 'SMALL', null, '{z}', true, 1), ('e', 2, 'SMALL', 'n', '{x}', true, 1)",
    )
    .await;
    in_filters(&api).await;
    cursors(&api).await;
    upsert(&api).await;
    // Without the switches none of it is there.
    for query in [
        "{ items(where: {price: {in: [\"1\"]}}) { id } }",
        "{ items(after: {id: 1}) { id } }",
        "mutation { upsertItemByCode(data: {code: \"a\", price: \"1\", tags: []}) { id } }",
    ] {
        assert!(off.ask(query).await["errors"].is_array(), "{query}");
    }
}

/// What the switches add, and that nothing else changes.
fn sdl(off: &Api, on: &Api) {
    let before: Vec<&str> = off.derived.sdl().lines().collect();
    let added: Vec<&str> = on.derived.sdl().lines().filter(|line| !before.contains(line)).collect();
    insta::with_settings!({
        snapshot_path => "../../../../snapshots/api",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("extensions_add", added.join("\n"));
        insta::assert_snapshot!("extensions_off", off.derived.sdl());
    });
}

async fn codes(api: &Api, who: Option<&str>, arguments: &str) -> String {
    let reply = api.ask_as(who, &format!("{{ items{arguments} {{ code }} }}"), Value::Null).await;
    let Some(rows) = reply["data"]["items"].as_array() else { panic!("{arguments}: {reply}") };
    rows.iter().map(|row| row["code"].as_str().unwrap()).collect()
}

async fn in_filters(api: &Api) {
    let found =
        async |filter: &str| codes(api, None, &format!("(where: {filter}, orderBy: {{id: ASC}})")).await;
    assert_eq!(found(r#"{code: {in: ["a", "c", "e", "it's"]}}"#).await, "ae", "c is not listed");
    assert_eq!(found(r#"{price: {in: ["1.0", "3"]}}"#).await, "ad");
    assert_eq!(found("{kind: {nin: [LARGE]}}").await, "ade");
    assert_eq!(found(r#"{note: {nin: ["n"]}}"#).await, "", "a row without a value is neither in nor out");
    assert_eq!(found("{id: {in: []}}").await, "");
    assert_eq!(found("{id: {nin: []}}").await, "abde");
    assert_eq!(found("{id: {in: null}}").await, "abde");
    assert_eq!(found("{not: {id: {in: [1, 2]}}}").await, "de");
    assert_eq!(found(r#"{tags: {in: ["x", "z"]}}"#).await, "ade", "some element is meant");
    let query = "query($ids: [Int!]) { items(where: {id: {in: $ids}}) { code } }";
    let reply = api.ask_as(None, query, json!({"ids": [2, 1]})).await;
    assert_eq!(reply["data"]["items"], json!([{"code": "a"}, {"code": "b"}]));
    let reply = api.ask("{ items(where: {id: {in: [99999999999]}}) { id } }").await;
    assert!(reply["errors"].is_array(), "{reply}");
}

async fn cursors(api: &Api) {
    let page = async |who: Option<&str>, arguments: &str| codes(api, who, arguments).await;
    assert_eq!(page(None, "(after: {id: 2})").await, "de", "by the key, where no order is asked for");
    assert_eq!(page(None, "(after: null)").await, "abde");
    // Equal prices: the key decides, so that no row is lost or comes twice.
    let order = "orderBy: {price: DESC}, limit: 2";
    assert_eq!(page(None, &format!("({order})")).await.len(), 2);
    assert_eq!(page(Some("sam"), &format!("(after: {{id: 4}}, {order})")).await, "bc");
    assert_eq!(page(Some("sam"), &format!("(after: {{id: 3}}, {order})")).await, "ea");
    assert_eq!(page(Some("sam"), &format!("(after: {{id: 1}}, {order})")).await, "");
    let mixed = "orderBy: [{price: DESC}, {id: DESC}]";
    assert_eq!(page(None, &format!("(after: {{id: 5}}, {mixed})")).await, "ba");
    assert_eq!(page(None, "(after: {id: 1}, where: {kind: {eq: SMALL}})").await, "de");
    // The place of a row that one may not see is nobody's business.
    assert_eq!(page(None, "(after: {id: 3})").await, "");
    assert_eq!(page(None, "(after: {id: 99})").await, "");
    let nested = api
        .ask("{ items(limit: 1) { parts(after: {id: \"00000000-0000-0000-0000-000000000000\"}) { size } } }")
        .await;
    assert_eq!(nested, json!({"data": {"items": [{"parts": []}]}}));
    for (arguments, why) in
        [("(after: {id: 1}, orderBy: {note: ASC})", "the order may not use fields that can be null")]
    {
        let reply = api.ask(&format!("{{ items{arguments} {{ id }} }}")).await;
        assert_eq!(reply["errors"][0]["message"], format!("Invalid field 'after': {why}"));
    }
    let reply = api.ask("{ parts(after: {id: \"00000000-0000-0000-0000-000000000000\"}, orderBy: {item: {code: ASC}}) { size } }").await;
    assert!(
        reply["errors"][0]["message"].as_str().unwrap().contains("fields of the rows themselves"),
        "{reply}"
    );
}

async fn upsert(api: &Api) {
    let put = async |who: &str, code: &str, price: &str| {
        let query = "mutation($c: String!, $p: Decimal!) { upsertItemByCode(data: {code: $c, price: $p, tags: [], owner: 1}) { id code price } }";
        let reply = api.ask_as(Some(who), query, json!({"c": code, "p": price})).await;
        assert!(reply["errors"].is_null(), "{reply}");
        reply["data"]["upsertItemByCode"].clone()
    };
    assert_eq!(put("anna", "new", "7").await["price"], "7", "inserted");
    let row = put("anna", "a", "8").await;
    assert_eq!((&row["id"], &row["price"]), (&json!(1), &json!("8")), "updated");
    let kept = api.ask("{ item(id: 1) { price note kind } }").await;
    assert_eq!(
        kept["data"]["item"],
        json!({"price": "8", "note": "n", "kind": "SMALL"}),
        "what was not given stays"
    );
    // The row half of the update rule: b belongs to somebody else.
    assert_eq!(put("anna", "b", "9").await, Value::Null);
    assert_eq!(api.ask("{ item(id: 2) { price } }").await["data"]["item"]["price"], "2");
    // The input half is asked before anything is written.
    let foreign =
        "mutation { upsertItemByCode(data: {code: \"a\", price: \"1\", tags: [], owner: 5}) { id } }";
    let reply = api.ask_as(Some("anna"), foreign, Value::Null).await;
    assert_eq!(reply["errors"][0]["message"], "Not authorized");
    // By a key the client gives.
    let part = "mutation($s: Int!) { upsertPart(data: {id: \"7d444840-9dc0-11d1-b245-5ffdce74fad2\", size: $s}) { size } }";
    for size in [1, 2] {
        let reply = api.ask_as(None, part, json!({"s": size})).await;
        assert_eq!(reply["data"]["upsertPart"]["size"], size, "{reply}");
    }
    assert_eq!(api.ask("{ partsAgg { id { count } } }").await["data"]["partsAgg"]["id"]["count"], 1);
    let nested = "mutation { upsertItemByCode(data: {code: \"a\", price: \"1\", tags: [], owner: 1, parts: []}) { id } }";
    let reply = api.ask_as(Some("anna"), nested, Value::Null).await;
    assert_eq!(reply["errors"][0]["message"], "Invalid field 'data': 'parts' cannot be nested in an upsert");
}
