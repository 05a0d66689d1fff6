//! The table itself.

use Action as A;
use Scope as S;

/// The seven panes, in the order of their number keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Pane {
    Problems,
    Schema,
    Traces,
    Latency,
    Logs,
    Services,
    Tests,
}

impl Pane {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::Problems, Self::Schema, Self::Traces, Self::Latency, Self::Logs, Self::Services, Self::Tests];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Problems => "Problems",
            Self::Schema => "Schema",
            Self::Traces => "Traces",
            Self::Latency => "Latency",
            Self::Logs => "Logs",
            Self::Services => "Services",
            Self::Tests => "Tests",
        }
    }

    /// Position, counted from 0.
    pub fn index(self) -> usize {
        match self {
            Self::Problems => 0,
            Self::Schema => 1,
            Self::Traces => 2,
            Self::Latency => 3,
            Self::Logs => 4,
            Self::Services => 5,
            Self::Tests => 6,
        }
    }
}

/// Where an action is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere; its keys are never reused by a pane.
    Anywhere,
    /// Everywhere, and it talks to the engine; its keys are never reused either.
    Engine,
    /// In every list and text.
    List,
    /// In one pane.
    Pane(Pane),
    /// On the migration review.
    Review,
}

impl Scope {
    /// Heading in the key help.
    pub fn title(self) -> &'static str {
        match self {
            Self::Anywhere => "Anywhere",
            Self::Engine => "Anywhere, engine",
            Self::List => "Lists",
            Self::Pane(pane) => pane.title(),
            Self::Review => "Migration review",
        }
    }
}

/// What a key or a palette entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Action {
    GoProblems,
    GoSchema,
    GoTraces,
    GoLatency,
    GoLogs,
    GoServices,
    GoTests,
    NextPane,
    PreviousPane,
    Zoom,
    Back,
    Palette,
    Help,
    Filter,
    NextMatch,
    PreviousMatch,
    PlainLog,
    Mouse,
    Redraw,
    Suspend,
    Quit,
    QuitNow,
    StartHere,
    Rebuild,
    Playground,
    Personas,
    Migration,
    RunTests,
    Sql,
    Down,
    Up,
    HalfDown,
    HalfUp,
    First,
    Last,
    Fold,
    Unfold,
    Open,
    Space,
    CopyItem,
    CopySql,
    CopyJson,
    CopyPath,
    ProblemEdit,
    ProblemFix,
    ProblemNext,
    ProblemPrevious,
    SchemaTypes,
    SchemaDdl,
    SchemaSdl,
    SchemaCounts,
    SchemaEdit,
    SchemaCopy,
    SchemaUndo,
    SchemaDropCopy,
    DatabaseReset,
    DatabaseSeed,
    MigrationNext,
    MigrationPrevious,
    MigrationSql,
    MigrationWrite,
    MigrationApply,
    TraceDetail,
    TraceAccess,
    TraceVariables,
    TracePlan,
    TraceAnalyze,
    TraceCurl,
    TraceReplay,
    TraceCopyValues,
    TraceNextStatement,
    TracePreviousStatement,
    TraceSort,
    TraceErrors,
    TraceSlow,
    TraceAll,
    LatencyWindow,
    LatencyPart,
    LatencyBudget,
    LatencyReset,
    LogSource,
    LogMore,
    LogLess,
    LogEdit,
    ServiceRestart,
    ServiceFresh,
    ServiceDatabase,
    TestRerun,
    TestFailed,
    TestAll,
    TestRerunFailed,
    TestStop,
    TestWatch,
    TestEdit,
    TestCoverage,
    TestNextRequest,
    TestPreviousRequest,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct ActionInfo {
    /// The action.
    pub action: Action,
    /// Stable name, used by key map files.
    pub name: &'static str,
    /// Where it is available.
    pub scope: Scope,
    /// Default keys, separated by spaces.
    pub keys: &'static str,
    /// What it does, one line.
    pub help: &'static str,
    /// Word in the hint bar; empty when it is not shown there.
    pub hint: &'static str,
}

const fn row(
    action: Action,
    name: &'static str,
    scope: Scope,
    keys: &'static str,
    help: &'static str,
    hint: &'static str,
) -> ActionInfo {
    ActionInfo { action, name, scope, keys, help, hint }
}

const PROBLEMS: Scope = S::Pane(Pane::Problems);
const SCHEMA: Scope = S::Pane(Pane::Schema);
const TRACES: Scope = S::Pane(Pane::Traces);
const LATENCY: Scope = S::Pane(Pane::Latency);
const LOGS: Scope = S::Pane(Pane::Logs);
const SERVICES: Scope = S::Pane(Pane::Services);
const TESTS: Scope = S::Pane(Pane::Tests);

#[rustfmt::skip]
const TABLE: &[ActionInfo] = &[
    row(A::GoProblems, "pane.problems", S::Anywhere, "1", "Go to Problems", ""),
    row(A::GoSchema, "pane.schema", S::Anywhere, "2", "Go to Schema", ""),
    row(A::GoTraces, "pane.traces", S::Anywhere, "3", "Go to Traces", ""),
    row(A::GoLatency, "pane.latency", S::Anywhere, "4", "Go to Latency", ""),
    row(A::GoLogs, "pane.logs", S::Anywhere, "5", "Go to Logs", ""),
    row(A::GoServices, "pane.services", S::Anywhere, "6", "Go to Services", ""),
    row(A::GoTests, "pane.tests", S::Anywhere, "7", "Go to Tests", ""),
    row(A::NextPane, "pane.next", S::Anywhere, "Tab", "Next pane", "next"),
    row(A::PreviousPane, "pane.previous", S::Anywhere, "S-Tab", "Previous pane", ""),
    row(A::Zoom, "pane.zoom", S::Anywhere, "z", "Give the pane the whole screen, and back", "zoom"),
    row(A::Back, "back", S::Anywhere, "Esc", "One step back", "back"),
    row(A::Filter, "filter", S::Anywhere, "/", "Filter the list, search in a text", "filter"),
    row(A::NextMatch, "filter.next", S::Anywhere, "n", "Next match", ""),
    row(A::PreviousMatch, "filter.previous", S::Anywhere, "N", "Previous match", ""),
    row(A::Palette, "palette", S::Anywhere, ": Ctrl-p", "All commands", "commands"),
    row(A::Help, "help", S::Anywhere, "? F1", "All keys", "keys"),
    row(A::PlainLog, "log.plain", S::Anywhere, "L", "Leave the panes for the plain log, and back", "plain log"),
    row(A::Mouse, "mouse", S::Anywhere, "M", "Take mouse clicks, or leave them to the terminal", ""),
    row(A::Redraw, "redraw", S::Anywhere, "Ctrl-l", "Draw everything again", ""),
    row(A::Suspend, "suspend", S::Anywhere, "Ctrl-z", "Back to the shell; fg returns", ""),
    row(A::Quit, "quit", S::Anywhere, "q", "Stop everything and leave", "quit"),
    row(A::QuitNow, "quit.now", S::Anywhere, "Ctrl-c", "Leave at once", ""),
    row(A::StartHere, "start.here", S::Anywhere, "", "Start here: the first steps", ""),
    row(A::Rebuild, "rebuild", S::Engine, "R", "Build the model again", ""),
    row(A::Playground, "graphiql", S::Engine, "o", "Open GraphiQL, or copy its address", "GraphiQL"),
    row(A::Personas, "persona", S::Engine, "p", "Choose who the playground signs in as", "persona"),
    row(A::Migration, "migration", S::Engine, "m", "Migration: review pending steps", ""),
    row(A::RunTests, "tests.run", S::Engine, "T", "Run all tests", ""),
    row(A::Sql, "sql", S::Engine, "", "Run a statement, read-only: :sql select 1", ""),
    row(A::Down, "list.down", S::List, "j Down", "Down", ""),
    row(A::Up, "list.up", S::List, "k Up", "Up", ""),
    row(A::HalfDown, "list.half-down", S::List, "Ctrl-d PageDown", "Half a page down", ""),
    row(A::HalfUp, "list.half-up", S::List, "Ctrl-u PageUp", "Half a page up", ""),
    row(A::First, "list.first", S::List, "gg Home", "First", ""),
    row(A::Last, "list.last", S::List, "G End", "Last; in Traces and Logs: follow the newest", ""),
    row(A::Fold, "list.fold", S::List, "h Left", "Fold", ""),
    row(A::Unfold, "list.unfold", S::List, "l Right", "Unfold", ""),
    row(A::Open, "open", S::List, "Enter", "Open", "open"),
    row(A::Space, "space", S::List, "Space", "Pause or follow the newest; choose", "pause"),
    row(A::CopyItem, "copy.item", S::List, "yy", "Copy the item", "copy"),
    row(A::CopySql, "copy.sql", S::List, "ys", "Copy its SQL", ""),
    row(A::CopyJson, "copy.json", S::List, "yj", "Copy it as JSON", ""),
    row(A::CopyPath, "copy.path", S::List, "yp", "Copy its path or address", ""),
    row(A::ProblemEdit, "problem.edit", PROBLEMS, "e", "Open the place in $EDITOR", "edit"),
    row(A::ProblemFix, "problem.fix", PROBLEMS, "f", "Apply the fix", "fix"),
    row(A::ProblemNext, "problem.next", PROBLEMS, "]", "Next problem", ""),
    row(A::ProblemPrevious, "problem.previous", PROBLEMS, "[", "Previous problem", ""),
    row(A::SchemaTypes, "schema.types", SCHEMA, "t", "Types", "types"),
    row(A::SchemaDdl, "schema.ddl", SCHEMA, "d", "DDL of the whole model", "DDL"),
    row(A::SchemaSdl, "schema.sdl", SCHEMA, "i", "GraphQL SDL", "SDL"),
    row(A::SchemaCounts, "schema.counts", SCHEMA, "c", "Rows of all tables, and the copies", "counts"),
    row(A::SchemaEdit, "schema.edit", SCHEMA, "e", "Open the type in $EDITOR", "edit"),
    row(A::SchemaCopy, "database.copy", SCHEMA, "s", "Make a copy of the database", "copy"),
    row(A::SchemaUndo, "migration.undo", SCHEMA, "u", "Migration: undo the last one, from its copy (asks)", "undo"),
    row(A::SchemaDropCopy, "database.drop-copy", SCHEMA, "x", "Remove the selected copy (asks)", ""),
    row(A::DatabaseReset, "database.reset", S::Engine, "", "Empty the database and seed it again (asks)", ""),
    row(A::DatabaseSeed, "database.seed", S::Engine, "", "Run the seeds of tests/ now (asks)", ""),
    row(A::MigrationNext, "migration.next", S::Review, "Tab", "Next answer", "next"),
    row(A::MigrationPrevious, "migration.previous", S::Review, "S-Tab", "Previous answer", ""),
    row(A::MigrationApply, "migration.apply", S::Review, "A", "Migration: apply", "apply"),
    row(A::MigrationSql, "migration.sql", S::Review, "v", "Migration: all statements", "view SQL"),
    row(A::MigrationWrite, "migration.write", S::Review, "w", "Migration: write the statements to a file", "write file"),
    row(A::TracePlan, "trace.plan", TRACES, "x", "Ask the database for the plan", "plan"),
    row(A::TraceAnalyze, "trace.analyze", TRACES, "X", "Run EXPLAIN ANALYZE in a rolled-back transaction", "analyze"),
    row(A::TraceDetail, "trace.detail", TRACES, "d", "Waterfall and SQL", ""),
    row(A::TraceAccess, "trace.access", TRACES, "a", "Access rules of the request", "access"),
    row(A::TraceVariables, "trace.variables", TRACES, "v", "Document and variables", "variables"),
    row(A::TraceCurl, "trace.curl", TRACES, "c", "Copy as curl with a fresh token", "curl"),
    row(A::TraceReplay, "trace.replay", TRACES, "r", "Send it again; asks before a mutation", "replay"),
    row(A::TraceCopyValues, "trace.copy-values", TRACES, "Y", "Copy the SQL with its values", ""),
    row(A::TraceNextStatement, "trace.next", TRACES, "]", "Next statement", ""),
    row(A::TracePreviousStatement, "trace.previous", TRACES, "[", "Previous statement", ""),
    row(A::TraceSort, "trace.sort", TRACES, "s", "Sort by time, duration, rows", "sort"),
    row(A::TraceErrors, "trace.errors", TRACES, "E", "Errors only", ""),
    row(A::TraceSlow, "trace.slow", TRACES, "S", "Slow only", ""),
    row(A::TraceAll, "trace.all", TRACES, "*", "All requests", ""),
    row(A::LatencyWindow, "latency.window", LATENCY, "w", "Window of 1, 5 or 15 minutes", "window"),
    row(A::LatencyBudget, "latency.budget", LATENCY, "b", "Set the budget of the operation, in exo.toml", "budget"),
    row(A::LatencyPart, "latency.part", LATENCY, "s", "Whole times, SQL only, without hooks", "part"),
    row(A::LatencyReset, "latency.reset", LATENCY, "0", "Start the numbers again", "reset"),
    row(A::LogSource, "log.source", LOGS, "s", "Next source", "source"),
    row(A::LogMore, "log.more", LOGS, "+", "More levels", "more"),
    row(A::LogLess, "log.less", LOGS, "-", "Fewer levels", "fewer"),
    row(A::LogEdit, "log.edit", LOGS, "e", "Open the lines in $EDITOR", "edit"),
    row(A::ServiceRestart, "service.restart", SERVICES, "r", "Start the service again", "again"),
    row(A::ServiceFresh, "service.fresh", SERVICES, "f", "Start with a fresh data folder; the old one is kept", "fresh folder"),
    row(A::ServiceDatabase, "service.database", SERVICES, "d", "Use the database at another URL; asks for it", "database"),
    row(A::TestRerun, "test.rerun", TESTS, "r", "Run the test or the folder again", "again"),
    row(A::TestRerunFailed, "test.rerun-failed", TESTS, "F", "Run the tests again that did not pass", "rerun failed"),
    row(A::TestWatch, "test.watch", TESTS, "w", "Run tests after each save, or stop doing so", "watch"),
    row(A::TestStop, "test.stop", TESTS, "s", "Stop the tests that are running", "stop"),
    row(A::TestEdit, "test.edit", TESTS, "e", "Open the test in $EDITOR, at the failing line", "edit"),
    row(A::TestCoverage, "test.coverage", TESTS, "c", "Access rules the tests saw, and back", "coverage"),
    row(A::TestNextRequest, "test.next", TESTS, "]", "Next request of the open test", ""),
    row(A::TestPreviousRequest, "test.previous", TESTS, "[", "Previous request of the open test", ""),
    row(A::TestFailed, "test.failed", TESTS, "E", "Failed only", "failed"),
    row(A::TestAll, "test.all", TESTS, "*", "All tests", "all"),
];

/// The table.
pub fn actions() -> &'static [ActionInfo] {
    TABLE
}

/// The row of an action.
pub(crate) fn info(action: Action) -> &'static ActionInfo {
    TABLE.iter().find(|row| row.action == action).expect("invariant: a test finds every action in the table")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variants as they are written above, so that a new one cannot be left out of the table.
    fn variants() -> Vec<&'static str> {
        let source = include_str!("table.rs");
        let start = source.find("pub enum Action {").unwrap();
        let body = &source[start..];
        let body = &body[..body.find("\n}").unwrap()];
        body.lines().skip(1).map(|line| line.trim().trim_end_matches(',')).collect()
    }

    #[test]
    fn every_action_has_one_row_with_its_own_name() {
        let variants = variants();
        assert!(variants.len() > 70);
        for variant in &variants {
            let rows = TABLE.iter().filter(|row| format!("{:?}", row.action) == *variant).count();
            assert_eq!(rows, 1, "{variant}");
        }
        assert_eq!(TABLE.len(), variants.len());
        let mut names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
    }

    #[test]
    fn rows_can_be_read_and_every_key_can_be_typed() {
        for row in TABLE {
            assert!(!row.help.is_empty() && row.help.len() < 60, "{}", row.name);
            assert!(row.hint.len() <= 12, "{}", row.name);
            for keys in row.keys.split_whitespace() {
                assert!(crate::action::Key::parse_sequence(keys).is_some(), "{}: {keys}", row.name);
                assert!(!keys.contains("Alt"), "{}", row.name);
            }
        }
        let without_keys: Vec<_> =
            TABLE.iter().filter(|row| row.keys.is_empty()).map(|row| row.name).collect();
        assert_eq!(without_keys, ["start.here", "sql", "database.reset", "database.seed"]);
    }
}
