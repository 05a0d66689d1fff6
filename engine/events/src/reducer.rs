//! The one reducer: facts in, state out. Pure.

use std::sync::Arc;

use crate::event::{
    BuildEvent, BuildOutcome, DatabaseEvent, DecisionEvent, EventKind, LogLevel, LogLine, SchemaEvent,
    ServingEvent, Stream, StudioEvent,
};
use crate::state::{DatabaseState, HttpState, StudioState};
use crate::test_run::TestEvent;
use crate::words::plural;

/// `8 MB`, rounded up.
fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

impl StudioState {
    /// Applies one fact.
    pub fn apply(&mut self, event: &StudioEvent) {
        self.seq = event.seq;
        self.now = event.at;
        match &event.kind {
            EventKind::Project(project) => self.project = Arc::new(project.clone()),
            EventKind::Build(build) => self.apply_build(event, build),
            EventKind::Problems(set) => {
                self.problems.retain(|(source, _)| *source != set.source);
                if !set.problems.is_empty() {
                    self.problems.push((set.source, Arc::clone(&set.problems)));
                    self.problems.sort_by_key(|(source, _)| *source);
                }
            }
            EventKind::Schema(schema) => self.apply_schema(event, schema),
            EventKind::Serving(serving) => self.apply_serving(event, serving),
            EventKind::Request(trace) => self.traces.push(Arc::clone(trace)),
            EventKind::Latency(slice) => {
                Arc::make_mut(&mut self.latency).push(slice.clone());
            }
            EventKind::LatencyReset => self.latency = Arc::default(),
            EventKind::Budgets(budgets) => self.budgets = Arc::new(budgets.clone()),
            EventKind::Files(files) => self.files = Arc::new(files.clone()),
            EventKind::Query(query) => self.query = Some(Arc::new(query.clone())),
            EventKind::Database(database) => self.apply_database(event, database),
            EventKind::Hook(_) | EventKind::Idle => {}
            EventKind::Test(test) => {
                if let TestEvent::Summary { passed, total, .. } = test {
                    self.say(event, format!("{passed} of {total} tests passed"));
                }
                Arc::make_mut(&mut self.tests).apply(test);
            }
            EventKind::Log(line) => self.logs.push((event.at, Arc::new(line.clone()))),
            EventKind::Decision(DecisionEvent::Asked(asked)) => {
                self.decisions.retain(|decision| decision.id != asked.id);
                self.decisions.push((**asked).clone());
            }
            EventKind::Decision(DecisionEvent::Answered { id, .. }) => {
                self.decisions.retain(|decision| decision.id != *id);
            }
            EventKind::Personas { personas, active } => {
                self.personas = Arc::new(personas.clone());
                self.persona.clone_from(active);
            }
            EventKind::Service(service) => {
                match self.services.iter_mut().find(|known| known.name == service.name) {
                    Some(known) => known.clone_from(service),
                    None => self.services.push(service.clone()),
                }
            }
            EventKind::ServiceEnded(name) => self.services.retain(|service| service.name != *name),
            EventKind::Plan { trace, text } => self.plans.push((*trace, Arc::clone(text))),
            EventKind::Access { trace, report } => self.access_reports.push((*trace, Arc::clone(report))),
            EventKind::Lost { stream: Stream::Requests, count } => self.traces_lost += count,
            EventKind::Lost { stream: Stream::Logs, count } => self.logs_lost += count,
        }
    }

    /// The message line, and a line in the log.
    fn say(&mut self, event: &StudioEvent, text: String) {
        self.note(event, text.clone());
        self.message = Some((event.at, text));
    }

    /// A line in the log.
    fn note(&mut self, event: &StudioEvent, text: String) {
        let (level, source) = match &event.kind {
            EventKind::Build(BuildEvent::Finished { outcome: BuildOutcome::Broken { .. }, .. }) => {
                (LogLevel::Error, "build")
            }
            EventKind::Build(_) => (LogLevel::Info, "build"),
            EventKind::Schema(SchemaEvent::Failed { .. } | SchemaEvent::Refused { .. }) => {
                (LogLevel::Error, "schema")
            }
            EventKind::Schema(SchemaEvent::Pending(Some(_))) => (LogLevel::Warn, "schema"),
            EventKind::Serving(ServingEvent::PortTaken { .. }) => (LogLevel::Error, "http"),
            EventKind::Serving(ServingEvent::Withdrawn { .. }) => (LogLevel::Warn, "http"),
            EventKind::Serving(_) => (LogLevel::Info, "http"),
            EventKind::Database(DatabaseEvent::Failed { .. }) => (LogLevel::Error, "postgres"),
            EventKind::Database(DatabaseEvent::Restarting { .. }) => (LogLevel::Warn, "postgres"),
            EventKind::Database(_) => (LogLevel::Info, "postgres"),
            EventKind::Test(_) => (LogLevel::Info, "tests"),
            EventKind::Schema(_) => (LogLevel::Info, "schema"),
            EventKind::Project(_)
            | EventKind::Problems(_)
            | EventKind::Request(_)
            | EventKind::Latency(_)
            | EventKind::LatencyReset
            | EventKind::Budgets(_)
            | EventKind::Files(_)
            | EventKind::Query(_)
            | EventKind::Hook(_)
            | EventKind::Log(_)
            | EventKind::Decision(_)
            | EventKind::Personas { .. }
            | EventKind::Service(_)
            | EventKind::ServiceEnded(_)
            | EventKind::Plan { .. }
            | EventKind::Access { .. }
            | EventKind::Idle
            | EventKind::Lost { .. } => (LogLevel::Info, "studio"),
        };
        let line = LogLine { level, source: source.to_owned(), text, trace: None };
        self.logs.push((event.at, Arc::new(line)));
    }

    fn apply_build(&mut self, event: &StudioEvent, build: &BuildEvent) {
        match build {
            BuildEvent::Started { revision } => {
                self.build.running = true;
                self.build.revision = (*revision).max(self.build.revision);
            }
            BuildEvent::Finished { revision, outcome, files, phases: _, time } => {
                if *revision < self.build.revision {
                    return;
                }
                self.build.running = false;
                self.build.revision = *revision;
                self.build.outcome = Some(*outcome);
                self.build.time = *time;
                self.build.files = *files;
                let ms = time.as_millis_f64();
                let files = plural(*files, "file");
                let text = match outcome {
                    BuildOutcome::Clean { .. } => {
                        format!("build {revision} checked in {ms:.1} ms · {files}")
                    }
                    BuildOutcome::Unchanged { .. } => {
                        format!("build {revision}: same meaning, nothing to do")
                    }
                    BuildOutcome::Broken { errors, .. } => {
                        let errors = plural(*errors, "error");
                        format!("build {revision} failed in {ms:.1} ms ({errors}) · {files}")
                    }
                };
                self.say(event, text);
            }
        }
    }

    fn apply_schema(&mut self, event: &StudioEvent, schema: &SchemaEvent) {
        match schema {
            SchemaEvent::Derived(summary) => self.schema = Arc::clone(summary),
            SchemaEvent::Pending(migration) => {
                let known = self.migration.as_ref().map(|known| known.revision);
                if let Some(migration) = migration
                    && known != Some(migration.revision)
                {
                    self.say(event, "a migration waits for your decision (m)".to_owned());
                }
                self.decisions.retain(|decision| decision.step.is_none());
                let asked = migration.iter().flat_map(|migration| &migration.decisions);
                self.decisions.extend(asked.cloned());
                self.migration.clone_from(migration);
            }
            SchemaEvent::Migrated { revision, statements, time, .. } => {
                self.migration = None;
                self.migrating = None;
                self.decisions.retain(|decision| decision.step.is_none());
                let ms = time.as_millis_f64();
                let statements = plural(*statements, "statement");
                self.say(event, format!("database is at {revision}: {statements} in {ms:.0} ms"));
            }
            SchemaEvent::Failed { error, .. } => {
                self.migrating = None;
                self.say(event, format!("migration rolled back: {error}"));
            }
            SchemaEvent::Progress { done, total } => self.migrating = Some((*done, *total)),
            SchemaEvent::Copies(copies) => self.copies = Arc::new(copies.clone()),
            SchemaEvent::Copied { name, bytes, time } => {
                let (mb, ms) = (megabytes(*bytes), time.as_millis_f64());
                self.say(event, format!("copy `{name}` made ({mb}, {ms:.0} ms)"));
            }
            SchemaEvent::Restored { from, kept, time, undo } => {
                let ms = time.as_millis_f64();
                let text = match (undo, from.as_str()) {
                    (true, _) => {
                        format!("the last migration is undone ({ms:.0} ms); what was there is copy `{kept}`")
                    }
                    (false, "empty") => format!("the database is empty; what was there is copy `{kept}`"),
                    (false, from) => {
                        format!("copy `{from}` restored ({ms:.0} ms); what was there is copy `{kept}`")
                    }
                };
                self.say(event, text);
            }
            SchemaEvent::Refused { order, reason } => self.say(event, format!("{order}: {reason}")),
            SchemaEvent::Seeded { files, .. } => self.say(event, format!("seeded from {}", files.join(", "))),
            SchemaEvent::RowCounts(counts) => self.row_counts = Arc::new(counts.clone()),
        }
    }

    fn apply_serving(&mut self, event: &StudioEvent, serving: &ServingEvent) {
        match serving {
            ServingEvent::Bound { url, graphql_path, playground_path, loopback } => {
                self.note(event, format!("listening on {url}"));
                self.http = HttpState::Listening {
                    url: url.clone(),
                    graphql_path: graphql_path.clone(),
                    playground_path: playground_path.clone(),
                    loopback: *loopback,
                };
            }
            ServingEvent::Swapped { from, to } => {
                if *from != Some(*to) {
                    self.say(event, format!("{to} is served"));
                }
                self.serving.revision = Some(*to);
                self.serving.since = event.at;
            }
            ServingEvent::Withdrawn { from } => {
                self.say(event, format!("{from} does not fit the database and is no longer served"));
                self.serving.revision = None;
                self.serving.since = event.at;
            }
            ServingEvent::PortTaken { port, owner, next_free } => {
                self.http = HttpState::PortTaken { port: *port, owner: owner.clone(), next_free: *next_free };
                self.say(event, format!("port {port} is in use"));
            }
        }
    }

    fn apply_database(&mut self, event: &StudioEvent, database: &DatabaseEvent) {
        let state = match database {
            DatabaseEvent::Starting { stage } => DatabaseState::Starting { stage: stage.clone() },
            DatabaseEvent::Ready { version, url, time, kind, directory } => {
                let ms = time.as_millis_f64();
                self.note(event, format!("Postgres {version} is ready after {ms:.0} ms ({kind})"));
                DatabaseState::Ready {
                    version: version.clone(),
                    url: url.clone(),
                    time: *time,
                    kind: kind.clone(),
                    directory: directory.clone(),
                    pool: (0, 0),
                }
            }
            DatabaseEvent::Restarting { attempt, of, reason } => {
                self.say(event, format!("Postgres is being restarted: {reason}"));
                DatabaseState::Restarting { attempt: *attempt, of: *of, reason: reason.clone() }
            }
            DatabaseEvent::Failed { attempt, message, log_tail } => {
                self.say(event, format!("Postgres: {message}"));
                DatabaseState::Failed {
                    attempt: *attempt,
                    message: message.clone(),
                    log_tail: log_tail.clone(),
                }
            }
            DatabaseEvent::Pool { in_use, size } => {
                if let DatabaseState::Ready { pool, .. } = Arc::make_mut(&mut self.database) {
                    *pool = (*in_use, *size);
                }
                return;
            }
            DatabaseEvent::Stopped => DatabaseState::Stopped,
        };
        self.database = Arc::new(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Problem, ProblemSet, ProblemSource, Severity};
    use crate::time::{Micros, Revision, Timestamp};

    fn apply(state: &mut StudioState, kind: EventKind) {
        let seq = state.seq + 1;
        state.apply(&StudioEvent { seq, at: Timestamp(seq * 1_000_000), kind });
    }

    fn finished(revision: u32, outcome: BuildOutcome) -> EventKind {
        EventKind::Build(BuildEvent::Finished {
            revision: Revision(revision),
            outcome,
            files: 1,
            phases: Vec::new(),
            time: Micros(900),
        })
    }

    #[test]
    fn a_broken_build_keeps_the_served_revision() {
        let mut state = StudioState::default();
        apply(&mut state, finished(1, BuildOutcome::Clean { warnings: 0 }));
        apply(&mut state, EventKind::Serving(ServingEvent::Swapped { from: None, to: Revision(1) }));
        apply(&mut state, finished(2, BuildOutcome::Broken { errors: 2, warnings: 0 }));
        assert_eq!(state.serving.revision, Some(Revision(1)));
        assert_eq!(state.build.revision, Revision(2));
        assert!(state.is_stale());
    }

    #[test]
    fn a_late_build_result_is_dropped() {
        let mut state = StudioState::default();
        apply(&mut state, EventKind::Build(BuildEvent::Started { revision: Revision(3) }));
        apply(&mut state, finished(2, BuildOutcome::Clean { warnings: 0 }));
        assert!(state.build.running);
        assert_eq!(state.build.outcome, None);
    }

    #[test]
    fn a_problem_set_replaces_only_its_source() {
        let problem = |code: &str| Problem {
            severity: Severity::Error,
            code: code.to_owned(),
            message: String::new(),
            file: String::new(),
            line: 0,
            column: 0,
            end_line: 0,
            end_column: 0,
            rendered: String::new(),
            labels: Vec::new(),
            help: Vec::new(),
            fix: None,
        };
        let set = |source, codes: &[&str]| {
            EventKind::Problems(ProblemSet {
                source,
                problems: Arc::new(codes.iter().map(|code| problem(code)).collect()),
            })
        };
        let mut state = StudioState::default();
        apply(&mut state, set(ProblemSource::Configuration, &["C0001"]));
        apply(&mut state, set(ProblemSource::Model, &["E0001", "E0002"]));
        apply(&mut state, set(ProblemSource::Model, &["E0003"]));
        let codes: Vec<_> = state.all_problems().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, ["E0003", "C0001"]);
        apply(&mut state, set(ProblemSource::Model, &[]));
        assert_eq!(state.problem_counts(), (1, 0));
    }
}
