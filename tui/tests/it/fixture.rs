//! Sample states, made by the one reducer from lists of facts.
#![allow(dead_code, reason = "the demo and the tests use different parts")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test data; the demo that shares it is no product code"
)]

use std::sync::Arc;

use studio_events::*;

/// 2026-11-21 10:42:33 UTC.
pub(crate) const NOW: u64 = 1_795_257_753_000_000;

/// The situations of terminal.md section 8 that the state can express, and the ordinary ones.
pub(crate) const STATES: [&str; 17] = [
    "empty",
    "starting",
    "ready",
    "busy",
    "broken",
    "never",
    "pg-failed",
    "pg-restarting",
    "port-taken",
    "migration",
    "tests-failed",
    "wide-text",
    "hook-failed",
    "events-lost",
    "orphan",
    "read-only",
    "typed-sql",
];

/// The state of that name.
pub(crate) fn state(name: &str) -> StudioState {
    let mut builder = Builder::default();
    match name {
        "empty" => {}
        "starting" => {
            builder.project();
            builder.now(EventKind::Build(BuildEvent::Started { revision: Revision(1) }));
            builder.now(EventKind::Database(DatabaseEvent::Starting { stage: "unpacking Postgres".into() }));
        }
        "ready" => builder.ready(),
        "busy" => builder.busy(),
        "broken" => builder.broken(),
        "never" => builder.never(),
        "pg-failed" => {
            builder.ready();
            builder.now(EventKind::Database(DatabaseEvent::Failed {
                attempt: 3,
                message:
                    "exited with status 1 after 0.4 s\nanother version made this folder: move .exo/pg away"
                        .into(),
                log_tail: vec![
                    "LOG:  starting PostgreSQL 18.4".into(),
                    "FATAL:  data directory was initialized by version 17, this is 18.4".into(),
                ],
            }));
        }
        "pg-restarting" => {
            builder.ready();
            builder.now(EventKind::Database(DatabaseEvent::Restarting {
                attempt: 1,
                of: 3,
                reason: "killed by signal 9".into(),
            }));
        }
        "port-taken" => {
            builder.ready();
            builder.now(EventKind::Serving(ServingEvent::PortTaken {
                port: 9876,
                owner: Some("node (4711)".into()),
                next_free: Some(9877),
            }));
        }
        "migration" => builder.migration(),
        "tests-failed" => {
            builder.ready();
            builder.tests();
        }
        "wide-text" => builder.wide_text(),
        "hook-failed" => {
            builder.busy();
            builder.now(EventKind::Service(ServiceState {
                name: "hooks".into(),
                status: ServiceStatus::Degraded,
                lines: vec![
                    "hook `audit` (interceptors.before): HOOK_TIMEOUT — it ran longer than 50 ms".into(),
                    "the last good component stays; r builds again".into(),
                ],
            }));
            builder.now(EventKind::Hook(HookEvent::Failed {
                name: "audit.wasm".into(),
                message: "the file cannot be read: hooks/audit.wasm".into(),
            }));
        }
        "events-lost" => {
            builder.busy();
            builder.now(EventKind::Lost { stream: Stream::Requests, count: 37 });
            builder.now(EventKind::Lost { stream: Stream::Logs, count: 5 });
        }
        "orphan" => {
            builder.ready();
            builder.log(LogLevel::Warn, "postgres", "a server of an earlier studio (4711) was stopped");
        }
        "read-only" => {
            builder.ready();
            builder.log(LogLevel::Error, "studio", "no space left on device: nothing is written any more");
        }
        "typed-sql" => {
            builder.busy();
            builder.now(EventKind::Query(QueryEvent {
                number: 1,
                sql: "select * from todos".into(),
                time: Micros(1_200),
                result: Ok(QueryRows {
                    columns: vec!["id".into(), "title".into(), "due".into()],
                    rows: vec![
                        vec![Some("1".into()), Some("Buy groceries".into()), None],
                        vec![Some("2".into()), Some("Call 日本".into()), Some("2026-11-25".into())],
                    ],
                    more: false,
                }),
            }));
        }
        other => panic!("no state is called {other}"),
    }
    builder.state
}

/// Applies facts and counts them.
#[derive(Default)]
pub(crate) struct Builder {
    pub(crate) state: StudioState,
}

impl Builder {
    fn at(&mut self, at: u64, kind: EventKind) {
        let event = StudioEvent { seq: self.state.seq + 1, at: Timestamp(at), kind };
        self.state.apply(&event);
    }

    fn log(&mut self, level: LogLevel, source: &str, text: &str) {
        self.now(EventKind::Log(LogLine { level, source: source.into(), text: text.into(), trace: None }));
    }

    fn now(&mut self, kind: EventKind) {
        self.at(NOW, kind);
    }

    fn project(&mut self) {
        let files = ["exo.toml", "src/index.exo", "src/users.exo", "tests/init.gql", "tests/list.exotest"];
        self.now(EventKind::Files(files.map(str::to_owned).to_vec()));
        self.now(EventKind::Project(ProjectInfo {
            name: "todo".into(),
            root: "/home/anna/todo".into(),
            version: "0.1.0".into(),
        }));
        let persona = |name: &str, claims: &str| Persona { name: name.into(), claims: claims.into() };
        self.now(EventKind::Personas {
            personas: vec![
                persona("anna", r#"{"sub":"7","role":"user"}"#),
                persona("boss", r#"{"sub":"1","role":"admin"}"#),
            ],
            active: Some("anna".into()),
        });
    }

    fn finished(&mut self, revision: u32, outcome: BuildOutcome) {
        self.now(EventKind::Build(BuildEvent::Finished {
            revision: Revision(revision),
            outcome,
            files: 4,
            phases: Vec::new(),
            time: Micros(6_100),
        }));
    }

    fn services(&mut self) {
        self.now(EventKind::Database(DatabaseEvent::Ready {
            version: "18.4".into(),
            url: "postgresql://exo@localhost/todo".into(),
            time: Micros(910_000),
            kind: "bundled".into(),
            directory: ".exo/pg".into(),
        }));
        self.now(EventKind::Database(DatabaseEvent::Pool { in_use: 3, size: 10 }));
        self.now(EventKind::Serving(ServingEvent::Bound {
            url: "http://localhost:9876".into(),
            graphql_path: "/graphql".into(),
            playground_path: "/playground".into(),
            loopback: true,
        }));
        self.now(EventKind::Service(ServiceState {
            name: "watcher".into(),
            status: ServiceStatus::Degraded,
            lines: vec!["polling every 1 s (inotify limit reached)".into()],
        }));
        self.now(EventKind::Service(ServiceState {
            name: "hooks".into(),
            status: ServiceStatus::Up,
            lines: vec!["audit.wasm 31 kB · 2 exports · 4 instances".into()],
        }));
        for (level, source, text) in [
            (LogLevel::Info, "watch", "4 files watched"),
            (LogLevel::Info, "postgres", "database system is ready to accept connections"),
            (LogLevel::Warn, "http", "EXO_CORS_DOMAINS is not set: browsers of other origins are refused"),
            (
                LogLevel::Error,
                "postgres",
                "duplicate key value violates unique constraint \"users_name_key\"",
            ),
            (LogLevel::Debug, "build", "parse cache: 3 of 4 files"),
        ] {
            self.now(EventKind::Log(LogLine {
                level,
                source: source.into(),
                text: text.into(),
                trace: None,
            }));
        }
    }

    /// A model that checks and is served.
    pub(crate) fn ready(&mut self) {
        self.project();
        self.services();
        self.now(EventKind::Schema(SchemaEvent::Derived(Arc::new(schema()))));
        self.finished(14, BuildOutcome::Clean { warnings: 0 });
        self.at(
            NOW - 12_000_000,
            EventKind::Serving(ServingEvent::Swapped { from: Some(Revision(13)), to: Revision(14) }),
        );
        self.now(EventKind::Schema(SchemaEvent::Migrated {
            revision: Revision(14),
            statements: 2,
            time: Micros(4_000),
            titles: vec!["add column todos.done".into()],
        }));
    }

    /// The same with requests and tests.
    pub(crate) fn busy(&mut self) {
        self.ready();
        self.requests();
        self.tests();
    }

    fn broken(&mut self) {
        self.busy();
        self.now(EventKind::Problems(ProblemSet {
            source: ProblemSource::Model,
            problems: Arc::new(problems()),
        }));
        self.finished(15, BuildOutcome::Broken { errors: 2, warnings: 1 });
    }

    fn never(&mut self) {
        self.project();
        self.services();
        self.now(EventKind::Problems(ProblemSet {
            source: ProblemSource::Model,
            problems: Arc::new(problems()),
        }));
        self.finished(1, BuildOutcome::Broken { errors: 2, warnings: 1 });
    }

    fn migration(&mut self) {
        self.busy();
        self.finished(16, BuildOutcome::Clean { warnings: 0 });
        let step = |title: &str, class, statement: &str, rows| MigrationStep {
            title: title.into(),
            class,
            statements: vec![statement.into()],
            rows,
            applied: false,
            object: String::new(),
            lock: "short".into(),
            chosen: matches!(class, StepClass::Safe | StepClass::Question),
        };
        let decision =
            |id, step, kind, question: &str, options: &[&str], default, samples: &[&str]| Decision {
                id: DecisionId(id),
                question: question.into(),
                options: options.iter().map(|option| (*option).to_owned()).collect(),
                default,
                answer: None,
                refused: None,
                step: Some(StepQuestion {
                    step,
                    kind,
                    object: "todos".into(),
                    old: None,
                    candidates: Vec::new(),
                    value_type: options.is_empty().then(|| "INT".to_owned()),
                    rows: Some(42),
                    values: Some(42),
                    samples: samples.iter().map(|sample| (*sample).to_owned()).collect(),
                }),
            };
        let keep = ["do it", "keep for now"];
        self.now(EventKind::Schema(SchemaEvent::Pending(Some(Arc::new(MigrationSummary {
            revision: Revision(16),
            steps: vec![
                step(
                    "add column todos.priority int not null",
                    StepClass::NeedsValue,
                    "ALTER TABLE \"todos\" ADD COLUMN \"priority\" INT NOT NULL;",
                    Some(42),
                ),
                step(
                    "rename column todos.name to title",
                    StepClass::Question,
                    "ALTER TABLE \"todos\" RENAME COLUMN \"name\" TO \"title\";",
                    Some(42),
                ),
                step(
                    "drop column todos.notes",
                    StepClass::Destructive,
                    "ALTER TABLE \"todos\" DROP COLUMN \"notes\";",
                    Some(17),
                ),
                step("drop table labels", StepClass::Destructive, "DROP TABLE \"labels\" CASCADE;", Some(9)),
            ],
            decisions: vec![
                decision(1, 0, DecisionKind::Value, "value of todos.priority (INT) for 42 rows", &[], 0, &[]),
                decision(
                    2,
                    1,
                    DecisionKind::Rename,
                    "rename keeps 42 values",
                    &["rename", "drop and add"],
                    0,
                    &[],
                ),
                decision(
                    3,
                    2,
                    DecisionKind::Destructive,
                    "drop column todos.notes",
                    &keep,
                    1,
                    &["call Bob", "2 pm"],
                ),
                decision(4, 3, DecisionKind::Destructive, "drop table labels", &keep, 1, &[]),
            ],
            copy: Some("r14".into()),
            ..MigrationSummary::default()
        })))));
        self.now(EventKind::Schema(SchemaEvent::Copies(vec![CopySummary {
            name: "r13".into(),
            at: Timestamp(NOW - 3_600_000_000),
            bytes: 8_100_000,
            reason: "before r14".into(),
            revision: Some(Revision(13)),
            undo: true,
        }])));
    }

    /// What the engine publishes when a question about a step is answered.
    pub(crate) fn answer(&mut self, id: DecisionId, choice: &Choice) {
        let Some(known) = &self.state.migration else { return };
        let mut plan = known.as_ref().clone();
        for decision in plan.decisions.iter_mut().filter(|decision| decision.id == id) {
            decision.answer = Some(choice.clone());
            if let Some(step) = decision.step.as_ref().and_then(|about| plan.steps.get_mut(about.step)) {
                step.chosen = match choice {
                    Choice::Option(index) => *index == 0 || step.class == StepClass::Question,
                    Choice::Value(_) | Choice::Expression(_) => true,
                    Choice::Defer => false,
                };
            }
        }
        let loses = plan.steps.iter().any(|step| step.chosen && step.class == StepClass::Destructive);
        plan.word = loses.then(|| format!("todo/{}", plan.revision));
        self.now(EventKind::Schema(SchemaEvent::Pending(Some(Arc::new(plan)))));
    }

    fn tests(&mut self) {
        let names = ["access/owner", "access/stranger", "create", "list", "relations/nested"];
        self.now(EventKind::Test(TestEvent::Discovered {
            names: names.map(str::to_owned).to_vec(),
            whole: true,
        }));
        for (at, name) in (1..).zip(names) {
            self.now(EventKind::Test(TestEvent::Started { name: name.into() }));
            if name == "relations/nested" {
                continue;
            }
            let failed = name == "access/stranger";
            let detail =
                "data.todos[0].title\n- \"call Bob\"\n+ \"call Anna\"\nresponse\n  {\"data\":{\"todos\":[]}}";
            self.now(EventKind::Test(TestEvent::Finished {
                name: name.into(),
                verdict: if failed { TestVerdict::Failed } else { TestVerdict::Passed },
                time: Micros(3_100 * at),
                detail: Arc::from(if failed { detail } else { "" }),
                outcome: Arc::default(),
            }));
        }
    }

    fn requests(&mut self) {
        let list: [(&str, TraceKind, u64, usize, u64); 8] = [
            ("Board", TraceKind::Query, 9_400, 1, 37),
            ("Me", TraceKind::Query, 1_000, 1, 1),
            ("AddTodo", TraceKind::Mutation, 7_100, 1, 1),
            ("AllUsers", TraceKind::Query, 600, 0, 0),
            ("Report", TraceKind::Query, 212_000, 41, 900),
            ("IntrospectionQuery", TraceKind::Introspection, 2_000, 0, 0),
            ("AddTodo", TraceKind::Mutation, 6_800, 1, 1),
            ("Board", TraceKind::Query, 4_210, 1, 37),
        ];
        for (at, (operation, kind, total, statements, rows)) in (0..).zip(list) {
            let time = NOW - 40_000_000 + at * 4_000_000;
            let mut trace = trace(operation, kind, total, statements, rows);
            trace.id = TraceId(0x7f_3a10 + u32::try_from(at).unwrap());
            trace.at = Timestamp(time);
            if operation == "AllUsers" {
                trace.error = Some(TraceError {
                    message: "Not authorized".into(),
                    cause: Some("query User: role == \"admin\" is false".into()),
                    denied: true,
                });
                trace.access = vec![check("User", "AuthContext.role == \"admin\"", AccessVerdict::Denied)];
            }
            self.at(time, EventKind::Request(Arc::new(trace)));
        }
        let budget = |operation: &str, text| Budget::parse(operation, text).unwrap();
        self.now(EventKind::Budgets(vec![budget("Board", "p95 < 10 ms"), budget("Report", "p95 < 50 ms")]));
        for second in 0..60_u64 {
            let at = NOW - 240_000_000 + second * 4_000_000;
            self.at(
                at,
                EventKind::Latency(LatencySlice {
                    at: Timestamp(at),
                    count: 32,
                    errors: u64::from(second % 20 == 0),
                    p95: Micros(3_000 + (second * 7 % 13) * 900),
                    operations: seconds(second),
                }),
            );
        }
        self.at(
            NOW,
            EventKind::Plan {
                trace: TraceId(0x7f_3a17),
                text: Arc::from(
                    "Aggregate  (cost=8.31..8.32 rows=1 width=32) (actual time=2.310..2.310 rows=1.00 loops=1)\n  \
                     ->  Index Scan using todos_owner_id_idx on todos t0  (cost=0.15..8.17 rows=40 width=8) \
                     (actual time=0.010..0.060 rows=37.00 loops=1)\n        Index Cond: (owner_id = 7)\n        \
                     SubPlan 1\n          ->  Seq Scan on users u0  (cost=0.15..8.17 rows=1 width=8) \
                     (actual time=0.050..0.053 rows=1.00 loops=37)\nExecution Time: 2.400 ms\n\
                     hint: an index on users(id) would spare 37 scans of users",
                ),
            },
        );
        for (caller, decision) in [
            ("anonymous", AccessDecision::Denied),
            ("anna", AccessDecision::Filtered),
            ("boss", AccessDecision::Passes),
        ] {
            let verdict = match decision {
                AccessDecision::Denied => AccessVerdict::Denied,
                _ => AccessVerdict::Allowed,
            };
            let report = AccessReport {
                caller: caller.into(),
                decision,
                checks: vec![check("Todo", "AuthContext.role == \"admin\"", verdict)],
                error: None,
            };
            self.at(NOW, EventKind::Access { trace: TraceId(0x7f_3a17), report: Arc::new(report) });
        }
    }

    fn wide_text(&mut self) {
        self.busy();
        self.now(EventKind::Project(ProjectInfo {
            name: "日本語のプロジェクト名がとても長い場合".into(),
            root: "/tmp/日本".into(),
            version: "0.1.0".into(),
        }));
        let mut found = problems();
        for problem in &mut found {
            problem.message = "型「ユーザー」がありません\u{1b}[31m\tそして長い説明が続きます、とてもとても長い説明が続きます".into();
            problem.rendered = "error: 型「ユーザー」がありません\n  --> src/日本語.exo:3:5\n 3 │ 所有者: ユーザー\n   │         ^^^^^^^^ 名前がありません".into();
        }
        self.now(EventKind::Problems(ProblemSet { source: ProblemSource::Model, problems: Arc::new(found) }));
        self.now(EventKind::Log(LogLine {
            level: LogLevel::Info,
            source: "日本語ソース".into(),
            text: "é\u{301} 👩‍👩‍👧 \u{202e}reversed 한국어".into(),
            trace: None,
        }));
    }
}

/// What happened in one of 60 seconds: Board became slower with r14, Report is rare and slow.
fn seconds(second: u64) -> Vec<SliceOperation> {
    let board = if second < 30 { (13, 3_100) } else { (14, 4_000) };
    let mut found = vec![
        operation("Board", board.0, second, 10, board.1, 0),
        operation("Me", 14, second, 7, 900, 0),
        operation("AddTodo", 14, second, 1, 6_100, 0),
    ];
    if second.is_multiple_of(5) {
        found.push(operation("Report", 14, second, 1, 188_000, 0));
    }
    if second.is_multiple_of(7) {
        found.push(operation("AllUsers", 14, second, 1, 500, 1));
    }
    found
}

/// `count` requests of about `typical` microseconds, some of them twice as slow.
fn operation(
    name: &str,
    revision: u32,
    second: u64,
    count: u64,
    typical: u64,
    errors: u64,
) -> SliceOperation {
    let time = |n: u64| {
        let noise = (second * 31 + n * 17) % 23;
        Micros(typical + typical * noise / 60 + if (second + n).is_multiple_of(16) { typical } else { 0 })
    };
    let times: Vec<Micros> = (0..count).map(time).collect();
    let buckets = |part: u64| {
        let mut counts = std::collections::BTreeMap::<u16, u32>::new();
        for time in &times {
            *counts.entry(bucket_of(Micros(time.0 * part / 100))).or_default() += 1;
        }
        counts.into_iter().collect()
    };
    let total: u64 = times.iter().map(|time| time.0).sum();
    let share = |percent: u64| Micros(total * percent / 100);
    SliceOperation {
        name: name.into(),
        revision: Revision(revision),
        errors,
        max: times.iter().copied().max().unwrap_or_default(),
        shares: Shares {
            total: Micros(total),
            sql: share(64),
            hook: share(10),
            plan: share(8),
            encode: share(7),
        },
        times: buckets(100),
        sql: buckets(64),
        without_hooks: buckets(90),
    }
}

/// The SQL of the board.
pub(crate) const SQL: &str = "SELECT coalesce(json_agg(t.row ORDER BY t.id), '[]')::text FROM (SELECT t0.id, \
    json_build_object('id', t0.id, 'title', t0.title, 'owner', (SELECT json_build_object('name', u0.name) FROM users u0 \
    WHERE u0.id = t0.owner_id)) AS row FROM todos t0 WHERE t0.owner_id = $1 AND t0.done = $2) t";

/// One request.
pub(crate) fn trace(operation: &str, kind: TraceKind, total: u64, statements: usize, rows: u64) -> Trace {
    let count = u64::try_from(statements.max(1)).unwrap();
    let each = total * 64 / 100 / count;
    let statement = |at: u64| StatementTrace {
        text: Arc::from(SQL),
        params: vec![
            ParamTrace { ty: "int8".into(), value: Some("7".into()), origin: "AuthContext.id".into() },
            ParamTrace { ty: "bool".into(), value: Some("false".into()), origin: "variable $done".into() },
        ],
        rows: rows / count,
        wait: Micros(if at == 0 { 10 } else { 0 }),
        start: Micros(total * 18 / 100 + at * each),
        time: Micros(each),
        send: Micros(each / 90),
        receive: Micros(each / 15),
        round_trip: u32::try_from(at + 1).unwrap(),
        prepared: operation != "Me",
        error: None,
    };
    let parts = [
        (PhaseKind::Read, 2, ""),
        (PhaseKind::Parse, 2, "document cache hit"),
        (PhaseKind::Validate, 3, ""),
        (PhaseKind::Plan, 9, if operation == "Me" { "plan cache miss" } else { "plan cache hit" }),
        (PhaseKind::Sql, 70, ""),
        (PhaseKind::Encode, 9, ""),
        (PhaseKind::Other, 5, ""),
    ];
    let mut start = 0;
    let mut phases = Vec::new();
    for (kind, percent, note) in parts {
        let time = total * percent / 100;
        phases.push(Phase { kind, start: Micros(start), time: Micros(time), note: note.into() });
        start += time;
    }
    Trace {
        id: TraceId(1),
        at: Timestamp(NOW),
        revision: Revision(14),
        surface: Surface::Graphql,
        kind,
        operation: operation.into(),
        caller: "anna".into(),
        document: Arc::from(
            "query Board($done: Boolean) {\n  todos(where: {done: {eq: $done}}) { id title owner { name } }\n}",
        ),
        variables: Arc::from("{\"done\":false}"),
        status: 200,
        total: Micros(total),
        phases,
        statements: (0..u64::try_from(statements).unwrap()).map(statement).collect(),
        round_trips: u32::try_from(statements).unwrap(),
        rows,
        response_bytes: 6_100,
        error: None,
        access: vec![check(
            "Todo",
            "AuthContext.role == \"admin\" || self.owner.id == AuthContext.id",
            AccessVerdict::Rows { sql: "\"todos\".\"owner_id\" = $1".into(), values: Vec::new() },
        )],
    }
}

fn check(type_name: &str, rule: &str, verdict: AccessVerdict) -> AccessCheck {
    let part = |text: &str, operands: &[(&str, &str)], verdict, parts| AccessPart {
        text: text.into(),
        operands: operands
            .iter()
            .map(|(text, value)| AccessOperand { text: (*text).into(), value: Some((*value).into()) })
            .collect(),
        verdict,
        in_database: None,
        parts,
    };
    let role = [("AuthContext.role", "\"user\"")];
    let staff = part("AuthContext.role == \"admin\"", &role, AccessVerdict::Denied, Vec::new());
    let parts = match verdict {
        AccessVerdict::Rows { .. } => {
            let owner = [("AuthContext.id", "7")];
            vec![staff, part("self.owner.id == AuthContext.id", &owner, verdict.clone(), Vec::new())]
        }
        AccessVerdict::Allowed | AccessVerdict::Denied | AccessVerdict::Skipped => vec![staff],
    };
    AccessCheck {
        type_name: type_name.into(),
        field: None,
        operation: AccessOperation::Query,
        rule: Some(rule.into()),
        file: "src/index.exo".into(),
        line: 12,
        expression: Some(part(rule, &[], verdict.clone(), parts)),
        decided_by: vec!["AuthContext.role == \"admin\"  (AuthContext.role = \"user\")".into()],
        verdict,
    }
}

fn problems() -> Vec<Problem> {
    let problem = |severity, code: &str, line, column, message: &str, rendered: &str| Problem {
        severity,
        code: code.into(),
        message: message.into(),
        file: "src/index.exo".into(),
        line,
        column,
        end_line: 0,
        end_column: 0,
        rendered: rendered.into(),
        labels: Vec::new(),
        help: Vec::new(),
        fix: None,
    };
    let mut first = problem(
        Severity::Error,
        "E0203",
        14,
        12,
        "unknown type `Usre`",
        "error[E0203]: unknown type `Usre`\n  --> src/index.exo:14:12\n   │\n13 │     title: String\n14 │     owner: Usre\n   │            ^^^^ no type has this name\n   │\n   = help: a type with a similar name exists: `User`",
    );
    first.help = vec!["a type with a similar name exists: `User`".into()];
    first.fix = Some(ProblemFix {
        title: "replace `Usre` by `User`".into(),
        edits: vec![TextEdit { file: "src/index.exo".into(), start: 200, end: 204, text: "User".into() }],
    });
    vec![
        first,
        problem(
            Severity::Error,
            "E0311",
            31,
            5,
            "`tasks` has no partner field",
            "error[E0311]: `tasks` has no partner field\n  --> src/index.exo:31:5\n   │\n31 │     tasks: Set<Todo>\n   │     ^^^^^ no field of `Todo` has the type `User`",
        ),
        problem(Severity::Warning, "W0102", 22, 5, "`dueOn` is filtered, no index", ""),
    ]
}

fn schema() -> SchemaSummary {
    let field = |name: &str, ty: &str, note: &str| FieldSummary {
        name: name.into(),
        ty: ty.into(),
        note: note.into(),
    };
    let ty = |name: &str, kind, table: &str, fields, rows, line| TypeSummary {
        name: name.into(),
        kind,
        table: table.into(),
        fields,
        access: vec![
            "query  owner.id == AuthContext.id".into(),
            "mutation  AuthContext.role == \"user\"".into(),
        ],
        rows,
        file: "src/index.exo".into(),
        line,
    };
    SchemaSummary {
        revision: Revision(14),
        types: vec![
            ty(
                "Todo",
                TypeKind::Entity,
                "todos",
                vec![
                    field("id", "Int!", "primary key, identity"),
                    field("title", "String!", ""),
                    field("done", "Boolean!", "default false"),
                    field("owner", "User!", "fk users.id, indexed"),
                ],
                Some(42),
                3,
            ),
            ty(
                "User",
                TypeKind::Entity,
                "users",
                vec![field("id", "Int!", "primary key, identity"), field("name", "String!", "unique")],
                Some(3),
                12,
            ),
            ty("Label", TypeKind::Entity, "labels", vec![field("id", "Int!", "primary key")], Some(9), 20),
            ty("Color", TypeKind::Enum, "", vec![field("RED", "", ""), field("GREEN", "", "")], None, 30),
        ],
        queries: (0..18).map(|n| format!("q{n}")).collect(),
        mutations: (0..15).map(|n| format!("m{n}")).collect(),
        ddl: Arc::from(
            "CREATE TABLE \"todos\" (\n\t\"id\" SERIAL PRIMARY KEY,\n\t\"title\" TEXT NOT NULL,\n\t\"done\" BOOLEAN NOT NULL DEFAULT false\n);\n\nCREATE INDEX \"todos_owner_id_idx\" ON \"todos\" (\"owner_id\");\n",
        ),
        sdl: Arc::from(
            "type Todo {\n  id: Int!\n  title: String!\n  owner: User!\n}\n\ntype Query {\n  todo(id: Int!): Todo\n  todos: [Todo!]!\n}\n",
        ),
    }
}
