//! A plan that is used again is the plan that would have been made.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use studio_model::graphql::{Schema, SchemaOptions};
use studio_model::{SourceSet, compile};
use studio_query::access::NoLog;
use studio_query::plan::{FieldBody, ParamValue, Plan, PlanOptions, Template, plan_recorded};
use studio_query::{Document, Limits, prepare_observed};

use super::properties::MODEL;
use super::random::document;
use super::request::Claims;

fn schema(model: &str) -> Schema {
    let compiled = compile(&SourceSet::from_root(model));
    let ir = compiled.ir.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
    Schema::new(std::sync::Arc::new(ir), SchemaOptions::default())
}

/// Turns the strings and numbers of a document into variables.
fn with_variables(text: &str) -> (String, Map<String, Json>) {
    let (mut out, mut variables) = (String::new(), Map::new());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let before = out.chars().last().unwrap_or(' ');
        let literal = match first {
            '"' => {
                let mut end = 1;
                while !rest[end..].starts_with('"') {
                    end += if rest[end..].starts_with('\\') { 2 } else { 1 };
                    end = (end..).find(|at| rest.is_char_boundary(*at)).unwrap();
                }
                end + 1
            }
            '0'..='9' | '-' if !before.is_alphanumeric() && before != '_' => {
                rest.find(|c: char| !(c.is_ascii_digit() || ".-eE+".contains(c))).unwrap_or(rest.len())
            }
            _ => 0,
        };
        if literal == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let name = format!("v{}", variables.len());
        out.push_str(&format!("${name}"));
        variables.insert(name, serde_json::from_str(&rest[..literal]).unwrap());
        rest = &rest[literal..];
    }
    let declared: Vec<_> = variables.keys().map(|name| format!("${name}: Int")).collect();
    let (keyword, body) =
        out.strip_prefix("mutation").map_or(("query", out.as_str()), |rest| ("mutation", rest));
    let head = if declared.is_empty() { String::new() } else { format!("({})", declared.join(", ")) };
    (format!("{keyword} it{head} {body}"), variables)
}

fn planned(
    schema: &Schema,
    text: &str,
    variables: &Map<String, Json>,
    claims: &Claims,
) -> (Plan, Option<Template>) {
    let limits = Limits { depth: 15, ..Limits::default() };
    let document = Document::parse(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    let mut prepared = prepare_observed(&document, None, Some(variables), schema, &limits, &mut |_| {})
        .unwrap_or_else(|error| panic!("{text}\n{variables:?}\n{error}"));
    let operation = &prepared.operation;
    let options = PlanOptions::default();
    let (plan, contexts) =
        plan_recorded(operation, schema.ir(), claims, &mut NoLog, options, &mut prepared.uses).unwrap();
    let template = contexts.and_then(|contexts| {
        Template::new(&plan, operation, None, &prepared.uses, Some(variables), contexts, schema.ir())
    });
    (plan, template)
}

fn filled(template: &Template, holes: &[String]) -> Plan {
    let mut plan = template.plan.clone();
    for field in &mut plan.fields {
        let FieldBody::Steps(steps) = &mut field.body else { continue };
        for param in steps.iter_mut().flat_map(|step| &mut step.statement.params) {
            if let ParamValue::Hole(index) = param.value {
                param.value = ParamValue::Text(holes[index].clone());
            }
        }
    }
    plan
}

fn claims(role: &str, sub: i64) -> Claims {
    Claims(Some(json!({"sub": sub, "role": role, "roles": ["lead"]})))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn a_filled_template_is_the_plan_that_would_have_been_made(shape: u64, first: u64, second: u64) {
        let schema = schema(MODEL);
        let (text, before) = with_variables(&document(schema.ir(), shape, first));
        let (other, after) = with_variables(&document(schema.ir(), shape, second));
        prop_assume!(text == other);
        let (_, template) = planned(&schema, &text, &before, &claims("user", 1));
        if let Some(template) = template {
            for caller in [claims("user", 1), claims("user", 2), claims("user", 1 << 40), claims("admin", 1)] {
                if let Some(holes) = template.fill(None, Some(&after), &caller, schema.ir()) {
                    let (fresh, _) = planned(&schema, &text, &after, &caller);
                    prop_assert_eq!(filled(&template, &holes), fresh, "{}", text);
                }
            }
        }
    }
}

const SHOP: &str = r#"
context Auth { @jwt role: String }
@postgres
module Shop {
  @access(query = true, mutation = self.name != "forbidden")
  type Item {
    @pk id: Int = autoIncrement()
    name: String
    @range(min = 1, max = 9) size: Int
    made: LocalDate?
    parts: Set<Part>?
  }
  @access(query = Auth.role == "staff" || self.size > 3, mutation = true)
  type Part {
    @pk id: Int = autoIncrement()
    size: Int
    item: Item
  }
}"#;

/// Whether a second request with other variables uses the plan of the first one.
fn is_used_again(text: &str, first: Json, second: Json) -> bool {
    let schema = schema(SHOP);
    let as_map = |json: Json| json.as_object().unwrap().clone();
    let (first, second) = (as_map(first), as_map(second));
    let staff = Claims(Some(json!({"role": "staff"})));
    let (_, template) = planned(&schema, text, &first, &staff);
    let Some(template) = template else { return false };
    let Some(holes) = template.fill(None, Some(&second), &staff, schema.ir()) else { return false };
    assert_eq!(filled(&template, &holes), planned(&schema, text, &second, &staff).0, "{text}");
    true
}

#[test]
fn plain_values_move_and_everything_else_is_part_of_the_shape() {
    let by_key = "query($a: Int!) { item(id: $a) { name parts(where: {size: {gt: $a}}) { id } } }";
    assert!(is_used_again(by_key, json!({"a": 1}), json!({"a": 2})));
    // Another kind of value, a missing one, one that does not fit its column.
    assert!(!is_used_again(by_key, json!({"a": 1}), json!({"a": 1.5})));
    assert!(!is_used_again(by_key, json!({"a": 1}), json!({})));
    assert!(!is_used_again(by_key, json!({"a": 1}), json!({"a": 3_000_000_000_u64})));
    let dates = "query($d: LocalDate) { items(where: {made: {eq: $d}}) { id } }";
    assert!(is_used_again(dates, json!({"d": "2024-01-02"}), json!({"d": "2024-02-03"})));
    assert!(!is_used_again(dates, json!({"d": "2024-01-02"}), json!({"d": "today"})));
    assert!(!is_used_again(dates, json!({"d": "2024-01-02"}), json!({"d": null})));
    // A page size stands in the statement, a condition decides what is selected.
    let page = "query($n: Int, $x: Boolean!) { items(limit: $n) { id name @include(if: $x) } }";
    assert!(is_used_again(page, json!({"n": 3, "x": true}), json!({"n": 3, "x": true})));
    assert!(!is_used_again(page, json!({"n": 3, "x": true}), json!({"n": 4, "x": true})));
    assert!(!is_used_again(page, json!({"n": 3, "x": true}), json!({"n": 3, "x": false})));
    // A rule looks at the input; a range is checked; a part is free.
    let create = "mutation($n: String!, $s: Int!) { createItem(data: {name: $n, size: $s}) { id } }";
    assert!(!is_used_again(create, json!({"n": "a", "s": 2}), json!({"n": "forbidden", "s": 2})));
    assert!(!is_used_again(create, json!({"n": "a", "s": 2}), json!({"n": "a", "s": 3})));
    let part = "mutation($s: Int!, $i: Int!) { createPart(data: {size: $s, item: {id: $i}}) { id } }";
    assert!(is_used_again(part, json!({"s": 1, "i": 2}), json!({"s": 3, "i": 4})));
}

const OWNERS: &str = r#"
context Auth { @jwt("sub") id: Int  @jwt role: String  @jwt nick: String?  @jwt size: Float  @jwt("sub") same: Int }
@postgres
module Notes {
  @access(query = Auth.role == "staff" || self.owner == Auth.id, mutation = self.owner == Auth.id)
  type Note {
    @pk id: Int = autoIncrement()
    owner: Int
    text: String
    tags: Set<Tag>?
  }
  @access(query = self.note.owner == Auth.id || self.name == Auth.nick, mutation = true)
  type Tag {
    @pk id: Int = autoIncrement()
    name: String
    note: Note
  }
  @access(query = self.owner == Auth.id && self.size > Auth.size, mutation = true)
  type Box {
    @pk id: Int = autoIncrement()
    @bits64 owner: Int
    size: Int
  }
  @access(query = self.owner == Auth.id && Auth.id > 0, mutation = true)
  type Secret {
    @pk id: Int = autoIncrement()
    owner: Int
  }
  @access(query = self.one == Auth.id || self.other == Auth.same, mutation = true)
  type Pair {
    @pk id: Int = autoIncrement()
    one: Int
    other: Int
  }
}"#;

/// Whether a caller with the second claims uses the plan of one with the first.
fn is_shared(text: &str, first: Json, second: Json) -> bool {
    let schema = schema(OWNERS);
    let (first, second) = (Claims(Some(first)), Claims(Some(second)));
    let (_, template) = planned(&schema, text, &Map::new(), &first);
    let Some(template) = template else { return false };
    let Some(holes) = template.fill(None, None, &second, schema.ir()) else { return false };
    assert_eq!(filled(&template, &holes), planned(&schema, text, &Map::new(), &second).0, "{text}");
    true
}

#[test]
fn callers_share_a_plan_where_rules_only_compare_them_with_columns() {
    let user = |id: Json| json!({"sub": id, "role": "user", "nick": "n", "size": 1.5});
    let shared = |text: &str, first: Json, second: Json| is_shared(text, user(first), user(second));
    assert!(shared("{ notes { id tags { name } } }", json!(1), json!(2)));
    assert!(shared("mutation { deleteNote(id: 1) { id } }", json!(1), json!(2)));
    assert!(shared("mutation { updateNote(id: 1, data: {text: \"x\"}) { id } }", json!(1), json!(2)));
    assert!(shared("{ pairs { id } }", json!(1), json!(2)));
    // One that does not fit the column is compared in a wider type.
    assert!(!shared("{ notes { id } }", json!(1), json!(1_u64 << 40)));
    assert!(!shared("{ notes { id } }", json!(1_u64 << 40), json!(1)));
    // The rule looks at the value itself.
    assert!(!shared("{ secrets { id } }", json!(1), json!(2)));
    assert!(!shared("mutation { createNote(data: {owner: 1, text: \"x\"}) { id } }", json!(1), json!(2)));
    // Two types of columns.
    assert!(!shared("{ notes { id } boxes { id } }", json!(1), json!(2)));
    // A missing value, or null, is another condition.
    assert!(!is_shared("{ notes { id } }", user(json!(1)), json!({"role": "user"})));
    let anonymous = json!({"sub": 2, "role": "user"});
    assert!(!is_shared("{ tags { id } }", user(json!(1)), anonymous.clone()));
    assert!(is_shared("{ tags { id } }", anonymous.clone(), json!({"sub": 3, "role": "user"})));
    assert!(!is_shared("{ tags { id } }", anonymous, user(json!(1))));
    // The role decides what there is to compare, and what is not compared is not looked at.
    let staff = |id: i64| json!({"sub": id, "role": "staff"});
    assert!(!is_shared("{ notes { id } }", user(json!(1)), staff(1)));
    assert!(is_shared("{ notes { id } }", staff(1), staff(2)));
}

#[test]
fn another_caller_gets_another_plan_where_rules_ask_who_it_is() {
    let schema = schema(SHOP);
    let (staff, guest) = (Claims(Some(json!({"role": "staff"}))), Claims(Some(json!({"role": "guest"}))));
    let (_, template) = planned(&schema, "{ parts { id } }", &Map::new(), &staff);
    let template = template.unwrap();
    assert!(template.fill(None, None, &staff, schema.ir()).is_some());
    assert!(template.fill(None, None, &guest, schema.ir()).is_none());
    assert!(template.fill(None, None, &Claims(None), schema.ir()).is_none());
    assert!(template.fill(Some("it"), None, &staff, schema.ir()).is_none());
    let (_, open) = planned(&schema, "{ items { id } }", &Map::new(), &staff);
    assert!(open.unwrap().fill(None, None, &guest, schema.ir()).is_some());
}
