//! Properties of every plan, over random documents and a model with all kinds of fields and rules.

use std::sync::Arc;

use proptest::prelude::*;
use studio_model::graphql::{Schema, SchemaOptions};
use studio_model::{SourceSet, compile};
use studio_query::access::NoLog;
use studio_query::plan::{FieldBody, ParamValue, Plan, StepRole, plan};
use studio_query::{Document, Limits, prepare};

use super::random::document;
use super::request::Claims;

/// A model with rules of every kind.
pub(crate) const MODEL: &str = include_str!("random.exo");

fn schema() -> Schema {
    let compiled = compile(&SourceSet::from_root(MODEL));
    let ir = compiled.ir.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
    Schema::new(Arc::new(ir), SchemaOptions::default())
}

fn planned(schema: &Schema, shape: u64, values: u64) -> Plan {
    let text = document(schema.ir(), shape, values);
    let limits = Limits { depth: 15, ..Limits::default() };
    let operation = Document::parse(&text)
        .and_then(|document| prepare(&document, None, None, schema, &limits))
        .unwrap_or_else(|error| panic!("{text}\n{error}"));
    let claims = Claims(Some(serde_json::json!({"sub": 1, "role": "user", "roles": ["lead"]})));
    plan(&operation, schema.ir(), &claims, &mut NoLog).unwrap()
}

/// `$n` in a text.
fn numbers(text: &str) -> Vec<usize> {
    let mut found: Vec<usize> = text
        .split('$')
        .skip(1)
        .filter_map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            // `"books$1"` is an alias.
            (!rest[digits.len()..].starts_with('"')).then(|| digits.parse().ok()).flatten()
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The text without its page sizes: usual ones stand in the statement itself.
fn without_page_sizes(text: &str) -> String {
    let mut parts = text.split(" LIMIT ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, rest| text + " LIMIT " + rest.trim_start_matches(|c: char| c.is_ascii_digit()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn plans_are_well_formed(shape in any::<u64>(), values in any::<u64>()) {
        let schema = schema_once();
        let plan = planned(schema, shape, values);
        for field in &plan.fields {
            let FieldBody::Steps(steps) = &field.body else { continue };
            prop_assert!(matches!(steps.last().map(|step| step.role), Some(StepRole::Result)));
            for (index, step) in steps.iter().enumerate() {
                let expected: Vec<usize> = (1..=step.statement.params.len()).collect();
                prop_assert_eq!(numbers(&step.statement.text), expected, "{}", step.statement.text);
                for param in &step.statement.params {
                    if let ParamValue::Cell { step: from, .. } | ParamValue::Column { step: from, .. } = &param.value {
                        prop_assert!(*from < index && steps[*from].role == StepRole::Rows);
                    }
                }
            }
        }
        let statements: usize = plan.fields.iter().map(|field| match &field.body {
            FieldBody::Steps(steps) => steps.len(),
            FieldBody::Error(_) | FieldBody::Constant(_) | FieldBody::Code(_) => 0,
        }).sum();
        prop_assert!(plan.transaction || statements <= 1);
    }

    #[test]
    fn values_do_not_change_the_text(shape in any::<u64>(), one in any::<u64>(), other in any::<u64>()) {
        let schema = schema_once();
        let texts = |values| -> Vec<Option<Vec<String>>> {
            planned(schema, shape, values).fields.iter().map(|field| match &field.body {
                FieldBody::Steps(steps) => Some(steps.iter().map(|step| without_page_sizes(&step.statement.text)).collect()),
                FieldBody::Error(_) | FieldBody::Constant(_) | FieldBody::Code(_) => None,
            }).collect()
        };
        for (left, right) in texts(one).into_iter().zip(texts(other)) {
            // Rules on input may decide by values.
            if let (Some(left), Some(right)) = (left, right) {
                prop_assert_eq!(left, right);
            }
        }
    }
}

fn schema_once() -> &'static Schema {
    static SCHEMA: std::sync::OnceLock<Schema> = std::sync::OnceLock::new();
    SCHEMA.get_or_init(schema)
}
