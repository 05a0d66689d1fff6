//! Counts what the requests of tests see of the access rules of a model.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use studio_events::{AccessCoverage, ConditionCoverage, RuleCoverage, Trace};
use studio_model::ir::{AccessRule, Ir, Plugin};
use studio_query::access::{RuleEvaluation, RuleOutcome, RuleSlot, Truth, condition_texts};

use crate::runtime::tap::Tap;

/// The counters of one model.
#[derive(Debug)]
pub(super) struct Counters {
    coverage: Mutex<AccessCoverage>,
    /// Rules by what they protect and for which operation.
    index: HashMap<(String, &'static str), usize>,
}

impl Counters {
    /// All rules of a model that can be asked, none of them seen so far.
    pub(super) fn new(ir: &Ir) -> Self {
        let mut rules = Rules { ir, coverage: AccessCoverage::default(), index: HashMap::new() };
        for entity in ir.entities.values() {
            let access = &entity.access;
            rules.add(&entity.name, "query", &access.read);
            rules.add(&entity.name, "create", &access.create);
            rules.add(&entity.name, "update", &access.update);
            rules.add(&entity.name, "delete", &access.delete);
            for field in entity.fields.values() {
                let Some(access) = &field.access else { continue };
                let subject = format!("{}.{}", entity.name, field.name);
                rules.add(&subject, "query", &access.read);
                rules.add(&subject, "create", &access.create);
                rules.add(&subject, "update", &access.update);
            }
        }
        for module in ir.modules.values() {
            let (Plugin::Deno(code) | Plugin::Wasm(code)) = &module.plugin else { continue };
            for method in &code.methods {
                rules.add(&format!("{}.{}", module.name, method.name), "call", &method.access);
            }
        }
        for ty in ir.code_types.values().filter(|ty| !ty.is_input) {
            rules.add(&ty.name, "call", &ty.access);
        }
        Self { coverage: Mutex::new(rules.coverage), index: rules.index }
    }

    /// The counts so far.
    pub(super) fn coverage(&self) -> AccessCoverage {
        self.coverage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, evaluations: &[RuleEvaluation]) {
        let mut coverage = self.coverage.lock().unwrap_or_else(PoisonError::into_inner);
        for evaluation in evaluations {
            let subject = match &evaluation.field {
                Some(field) => format!("{}.{field}", evaluation.type_name),
                None => evaluation.type_name.clone(),
            };
            let Some(at) = self.index.get(&(subject, operation(evaluation.slot))) else { continue };
            let rule = &mut coverage.rules[*at];
            match &evaluation.outcome {
                RuleOutcome::Allowed => rule.allowed += 1,
                RuleOutcome::Denied => rule.denied += 1,
                RuleOutcome::Residue { .. } => rule.rows += 1,
            }
            for seen in &evaluation.conditions {
                let Some(condition) = rule.conditions.get_mut(seen.index) else { continue };
                match seen.truth {
                    Truth::True => condition.seen_true += 1,
                    Truth::False => condition.seen_false += 1,
                    Truth::Rows => condition.rows += 1,
                }
            }
        }
    }
}

struct Rules<'a> {
    ir: &'a Ir,
    coverage: AccessCoverage,
    index: HashMap<(String, &'static str), usize>,
}

impl Rules<'_> {
    fn add(&mut self, subject: &str, operation: &'static str, rule: &AccessRule) {
        // A rule nobody wrote, or one that closes the operation, is never asked.
        let Some(text) = rule.text.as_ref().filter(|_| !rule.is_statically_closed()) else { return };
        self.index.insert((subject.to_owned(), operation), self.coverage.rules.len());
        let condition = |text| ConditionCoverage { text, ..ConditionCoverage::default() };
        self.coverage.rules.push(RuleCoverage {
            subject: subject.to_owned(),
            operation: operation.to_owned(),
            rule: text.clone(),
            file: rule.origin.file.to_string(),
            line: rule.origin.line,
            conditions: condition_texts(self.ir, &rule.expr).into_iter().map(condition).collect(),
            ..RuleCoverage::default()
        });
    }
}

fn operation(slot: RuleSlot) -> &'static str {
    match slot {
        RuleSlot::Read => "query",
        RuleSlot::Create => "create",
        RuleSlot::UpdateRow | RuleSlot::UpdateInput => "update",
        RuleSlot::Delete => "delete",
        RuleSlot::Call => "call",
    }
}

/// Counts for one test server, and keeps the trace of its last request.
#[derive(Debug)]
pub(super) struct Recorder {
    counters: Arc<Counters>,
    last: Mutex<Option<Arc<Trace>>>,
}

impl Recorder {
    pub(super) fn new(counters: Arc<Counters>) -> Self {
        Self { counters, last: Mutex::default() }
    }

    /// The trace of the request that was just answered, when it got far enough to have one.
    pub(super) fn take(&self) -> Option<Arc<Trace>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Tap for Recorder {
    fn request(&self, trace: &Arc<Trace>, evaluations: &[RuleEvaluation]) {
        self.counters.record(evaluations);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(trace));
    }
}
