//! One build: read, compile, derive. No events; the actor says what came of it.

use std::sync::Arc;
use std::time::Instant;

use studio_events::{LogLevel, Micros, PhaseTime, Problem, Severity};
use studio_model::graphql::Extensions;
use studio_model::ir::{FieldKind, Ir, ValueType};

use crate::bus::Bus;
use crate::config::ScriptsConfig;
use crate::derived::Derived;
use crate::project::{Project, ProjectError};

/// What came of a build.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The model, when it has no errors.
    pub(super) derived: Option<Derived>,
    /// Problems in source order.
    pub(super) problems: Arc<Vec<Problem>>,
    /// Files read.
    pub(super) files: u32,
    /// Timed parts.
    pub(super) phases: Vec<PhaseTime>,
}

impl Outcome {
    /// A build that could not read its input.
    pub(super) fn failed(message: &str) -> Self {
        let problem = Problem {
            severity: Severity::Error,
            code: "C0021".to_owned(),
            message: message.to_owned(),
            file: String::new(),
            line: 0,
            column: 0,
            end_line: 0,
            end_column: 0,
            rendered: format!("error[C0021]: {message}"),
            labels: Vec::new(),
            help: vec!["check that the files of the project can be read, then press R".to_owned()],
            fix: None,
        };
        Self { derived: None, problems: Arc::new(vec![problem]), files: 0, phases: Vec::new() }
    }

    /// Number of errors and warnings.
    pub(super) fn counts(&self) -> (u32, u32) {
        self.problems.iter().fold((0, 0), |(errors, warnings), problem| match problem.severity {
            Severity::Error => (errors + 1, warnings),
            Severity::Warning => (errors, warnings + 1),
        })
    }
}

/// Builds the project; `before` is the newest model without errors.
pub(super) fn build(
    project: &Project,
    before: Option<&Ir>,
    allow_mutations: bool,
    scripts: ScriptsConfig,
    extensions: Extensions,
) -> Result<Outcome, ProjectError> {
    let started = Instant::now();
    let build = project.build_again(before)?;
    let compiled = micros(started);
    let started = Instant::now();
    let derived = build.ir.map(|ir| Derived::extended(ir, allow_mutations, extensions).with_scripts(scripts));
    let phase = |name: &str, time| PhaseTime { name: name.to_owned(), time };
    let phases = vec![phase("compile", compiled), phase("derive", micros(started))];
    Ok(Outcome { derived, problems: Arc::new(build.problems), files: build.files, phases })
}

fn micros(since: Instant) -> Micros {
    Micros(u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX))
}

/// Writes `target/index.exo_ir` when its bytes changed. Failing to is no reason to stop serving.
pub(super) fn write_ir(project: &Project, ir: &Ir, bus: &Bus) {
    if let Err(error) = project.write_ir(ir) {
        bus.log(LogLevel::Warn, "build", format!("target/index.exo_ir was not written: {error}"));
    }
}

/// The query the playground shows first: `playground/query.graphql`, else one over the first readable type.
pub(super) fn initial_query(project: &Project, derived: &Derived) -> String {
    if let Ok(text) = std::fs::read_to_string(project.root.join("playground/query.graphql")) {
        return text;
    }
    let Some((name, entity)) = derived.first_collection() else { return "{\n  __typename\n}\n".to_owned() };
    let plain = derived.ir.entities[entity].fields.values().filter(|field| match &field.kind {
        FieldKind::Value(ValueType::Scalar(_) | ValueType::Enum(_)) => field.access.is_none(),
        FieldKind::Value(_)
        | FieldKind::Reference { .. }
        | FieldKind::InverseOne { .. }
        | FieldKind::Collection { .. } => false,
    });
    let mut fields: Vec<_> = plain.map(|field| format!("    {}\n", field.name)).take(6).collect();
    if fields.is_empty() {
        fields.push("    __typename\n".to_owned());
    }
    format!(
        "# {}/src/index.exo describes what can be asked for. Ctrl-Enter runs this.\n{{\n  {name} {{\n{}  }}\n}}\n",
        project.name,
        fields.concat()
    )
}
