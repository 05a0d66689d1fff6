//! The line printer: one line per fact, for output without a terminal, the plain log and the end of a session.

use studio_events::{
    BuildEvent, BuildOutcome, DatabaseEvent, DecisionEvent, EventKind, HookEvent, HttpState, LogLevel,
    SchemaEvent, ServiceStatus, ServingEvent, Severity, Stream, StudioEvent, StudioState, Surface, TestEvent,
    TestVerdict, Trace, TraceKind,
};

use crate::text::{clean, millis, plural};

/// The line of a fact, or `None` when it is not worth one. A problem is its whole rendered text. `state` is the
/// state after the fact.
pub fn line(event: &StudioEvent, state: &StudioState) -> Option<String> {
    match &event.kind {
        EventKind::Project(project) => Some(format!("project   {} in {}", project.name, project.root)),
        EventKind::Build(build) => build_line(build, state),
        EventKind::Problems(set) => {
            let texts = set.problems.iter().map(|problem| {
                if !problem.rendered.trim().is_empty() {
                    return problem.rendered.trim_end().to_owned();
                }
                let word = match problem.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                };
                format!("{word}[{}]: {}", problem.code, problem.message)
            });
            let text = texts.collect::<Vec<_>>().join("\n\n");
            (!text.is_empty()).then_some(text)
        }
        EventKind::Schema(schema) => schema_line(schema, state),
        EventKind::Serving(serving) => serving_line(serving),
        EventKind::Request(trace) => request_line(trace),
        EventKind::Database(database) => database_line(database),
        EventKind::Hook(HookEvent::Loaded { name }) => Some(format!("hooks     {name} loaded")),
        EventKind::Hook(HookEvent::Failed { name, message }) => {
            Some(format!("hooks     {name} failed: {message}"))
        }
        EventKind::Test(test) => test_line(test),
        EventKind::Log(entry) => {
            let level = match entry.level {
                LogLevel::Error => "error: ",
                LogLevel::Warn => "warning: ",
                LogLevel::Info => "",
                LogLevel::Debug => return None,
            };
            let trace = entry.trace.map(|id| format!("[{id}] ")).unwrap_or_default();
            Some(format!("{:<9} {trace}{level}{}", entry.source, clean(&entry.text)))
        }
        EventKind::Decision(DecisionEvent::Asked(asked)) => {
            Some(format!("question  {} ({})", asked.question, asked.options.join(", ")))
        }
        EventKind::Decision(DecisionEvent::Answered { .. }) => None,
        EventKind::Service(service) => match service.status {
            ServiceStatus::Up | ServiceStatus::Off => None,
            ServiceStatus::Degraded | ServiceStatus::Failed => {
                let facts = service.lines.first().cloned().unwrap_or_default();
                Some(format!("{:<9} {facts}", service.name))
            }
        },
        EventKind::ServiceEnded(name) => Some(format!("{name:<9} removed")),
        EventKind::Lost { stream, count } => {
            let what = match stream {
                Stream::Requests => "requests",
                Stream::Logs => "log lines",
            };
            Some(format!("lost      {count} {what} came too fast to be shown"))
        }
        EventKind::Query(query) => Some(match &query.result {
            Ok(rows) => format!("sql       {} in {} ms", plural(rows.rows.len(), "row"), millis(query.time)),
            Err(error) => format!("sql       error: {}", clean(error)),
        }),
        EventKind::Latency(_)
        | EventKind::LatencyReset
        | EventKind::Budgets(_)
        | EventKind::Files(_)
        | EventKind::Personas { .. }
        | EventKind::Plan { .. }
        | EventKind::Access { .. }
        | EventKind::Idle => None,
    }
}

fn build_line(build: &BuildEvent, state: &StudioState) -> Option<String> {
    match build {
        BuildEvent::Started { .. } => None,
        BuildEvent::Finished { revision, outcome, files, time, .. } => {
            let ms = millis(*time);
            let files = plural(usize::try_from(*files).unwrap_or(0), "file");
            let count = |count: &u32, noun| plural(usize::try_from(*count).unwrap_or(0), noun);
            Some(match outcome {
                BuildOutcome::Clean { warnings: 0 } => {
                    format!("model     {revision} checked in {ms} ms ({files})")
                }
                BuildOutcome::Clean { warnings } => {
                    let warnings = count(warnings, "warning");
                    format!("model     {revision} checked in {ms} ms ({files}, {warnings})")
                }
                BuildOutcome::Unchanged { .. } => {
                    format!("model     {revision} means the same as before")
                }
                BuildOutcome::Broken { errors, .. } => {
                    let errors = count(errors, "error");
                    let serving = match state.serving.revision {
                        Some(serving) => format!("; {serving} keeps serving"),
                        None => "; nothing is served".to_owned(),
                    };
                    format!("model     {revision} has {errors} ({files}, {ms} ms){serving}")
                }
            })
        }
    }
}

fn schema_line(schema: &SchemaEvent, state: &StudioState) -> Option<String> {
    match schema {
        SchemaEvent::Derived(_)
        | SchemaEvent::Pending(None)
        | SchemaEvent::RowCounts(_)
        | SchemaEvent::Progress { .. }
        | SchemaEvent::Copies(_) => None,
        SchemaEvent::Copied { name, bytes, time } => {
            let mb = bytes.div_ceil(1_000_000);
            Some(format!("copy      {name} made in {} ms ({mb} MB)", millis(*time)))
        }
        SchemaEvent::Restored { from, kept, time, undo } => {
            let what = match (undo, from.as_str()) {
                (true, _) => "the last migration is undone".to_owned(),
                (false, "empty") => "the database is empty".to_owned(),
                (false, from) => format!("copy {from} is restored"),
            };
            Some(format!("database  {what} in {} ms; what was there is copy {kept}", millis(*time)))
        }
        SchemaEvent::Refused { order, reason } => Some(format!("error     {order}: {reason}")),
        SchemaEvent::Pending(Some(plan)) => {
            let mut text = format!(
                "migration {} for {} wait for consent",
                plural(plan.steps.len(), "step"),
                plan.revision
            );
            for (at, step) in plan.steps.iter().enumerate() {
                let class = match step.class {
                    studio_events::StepClass::Safe => "safe",
                    studio_events::StepClass::NeedsValue => "needs a value",
                    studio_events::StepClass::Question => "question",
                    studio_events::StepClass::Destructive => "destructive",
                };
                text.push_str(&format!("\n          {} {} [{class}]", at + 1, step.title));
            }
            for decision in &plan.decisions {
                text.push_str(&format!("\n          ? {}", decision.question));
                if !decision.options.is_empty() {
                    text.push_str(&format!(" ({})", decision.options.join(", ")));
                }
                if let Some(why) = &decision.refused {
                    text.push_str(&format!("\n            not taken: {}", clean(why)));
                }
            }
            if let Some(serving) = state.serving.revision {
                text.push_str(&format!("\n          {serving} keeps serving until then"));
            }
            Some(text)
        }
        SchemaEvent::Migrated { revision, statements, time, titles } => {
            let statements = plural(usize::try_from(*statements).unwrap_or(0), "statement");
            let mut text = format!("migration {revision}: {statements} in {} ms", millis(*time));
            for title in titles.iter().take(20) {
                text.push_str(&format!("\n          {title}"));
            }
            if titles.len() > 20 {
                text.push_str(&format!("\n          … and {} more", titles.len() - 20));
            }
            Some(text)
        }
        SchemaEvent::Failed { statement, error } => {
            Some(format!("migration rolled back: {error}\n          {}", clean(statement)))
        }
        SchemaEvent::Seeded { files, time } => {
            Some(format!("seed      {} in {} ms", files.join(", "), millis(*time)))
        }
    }
}

fn serving_line(serving: &ServingEvent) -> Option<String> {
    Some(match serving {
        ServingEvent::Bound { url, graphql_path, playground_path, loopback } => {
            let reach = if *loopback { "" } else { " (reachable from the network)" };
            format!("http      GraphQL {url}{graphql_path}{reach}\n          GraphiQL {url}{playground_path}")
        }
        ServingEvent::Swapped { from, to } if *from == Some(*to) => return None,
        ServingEvent::Swapped { from: Some(from), to } => format!("serving   {to} (was {from})"),
        ServingEvent::Swapped { from: None, to } => format!("serving   {to}"),
        ServingEvent::Withdrawn { from } => {
            format!("serving   nothing: {from} does not fit the database as it is now")
        }
        ServingEvent::PortTaken { port, owner, next_free } => {
            let owner = owner.as_ref().map(|owner| format!(" by {owner}")).unwrap_or_default();
            let next = next_free.map(|free| format!("; :{free} is free")).unwrap_or_default();
            format!("http      port {port} is taken{owner}{next}")
        }
    })
}

fn request_line(trace: &Trace) -> Option<String> {
    let kind = match trace.kind {
        TraceKind::Query => "query",
        TraceKind::Mutation => "mutation",
        TraceKind::Introspection => "schema",
        TraceKind::Invalid => "invalid",
    };
    // Tests and seeding report themselves.
    match &trace.surface {
        Surface::Graphql | Surface::Playground | Surface::Rpc => {}
        Surface::Test(_) | Surface::Seed => return None,
    }
    let error = match &trace.error {
        Some(error) if error.denied => "  denied".to_owned(),
        Some(error) => format!("  error: {}", clean(&error.message)),
        None => String::new(),
    };
    Some(format!(
        "request   {kind} {}  {} ms  {} sql  {}{error}",
        clean(&trace.operation),
        millis(trace.total),
        trace.statements.len(),
        plural(trace.rows, "row")
    ))
}

fn database_line(database: &DatabaseEvent) -> Option<String> {
    match database {
        DatabaseEvent::Starting { stage } => Some(format!("postgres  {stage}")),
        DatabaseEvent::Ready { version, time, kind, .. } => {
            Some(format!("postgres  {version} ready in {:.0} ms ({kind})", time.as_millis_f64()))
        }
        DatabaseEvent::Restarting { attempt, of, reason } => {
            Some(format!("postgres  restarting, attempt {attempt} of {of}: {reason}"))
        }
        DatabaseEvent::Failed { message, log_tail, .. } => {
            let mut text = format!("postgres  failed: {message}");
            for entry in log_tail {
                text.push_str(&format!("\n          {}", clean(entry)));
            }
            Some(text)
        }
        DatabaseEvent::Pool { .. } => None,
        DatabaseEvent::Stopped => Some("postgres  stopped".to_owned()),
    }
}

fn test_line(test: &TestEvent) -> Option<String> {
    match test {
        TestEvent::Discovered { names, .. } => {
            Some(format!("tests     running {}", plural(names.len(), "test")))
        }
        TestEvent::Started { .. } | TestEvent::Listed { .. } => None,
        TestEvent::Watching(true) => Some("tests     run after each save".to_owned()),
        TestEvent::Watching(false) => Some("tests     run on request".to_owned()),
        TestEvent::Coverage(coverage) => {
            let (seen, points) = coverage.points();
            Some(format!("tests     access coverage {} % ({seen} of {points} points)", coverage.percent()))
        }
        TestEvent::Finished { name, verdict, time, detail, .. } => {
            let word = match verdict {
                TestVerdict::Passed => {
                    return Some(format!("tests     passed {name} ({} ms)", millis(*time)));
                }
                TestVerdict::Failed => "failed",
                TestVerdict::SetupFailed => "setup failed",
                TestVerdict::Error => "error",
                TestVerdict::Unsupported => "unsupported",
            };
            let mut text = format!("tests     {word} {name}");
            for line in detail.lines() {
                text.push_str(&format!("\n          {}", clean(line)));
            }
            Some(text)
        }
        TestEvent::Summary { passed, total, time } => {
            Some(format!("tests     {passed} of {total} passed in {} ms", millis(*time)))
        }
        TestEvent::Aborted { reason } => Some(format!("tests     could not run: {reason}")),
    }
}

/// The addresses that are up, one line each.
pub fn addresses(state: &StudioState) -> Vec<String> {
    match &state.http {
        HttpState::Listening { url, graphql_path, playground_path, .. } => {
            vec![format!("GraphQL   {url}{graphql_path}"), format!("GraphiQL  {url}{playground_path}")]
        }
        HttpState::Down | HttpState::PortTaken { .. } => Vec::new(),
    }
}
