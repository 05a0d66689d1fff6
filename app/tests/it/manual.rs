//! The captures in the manual of the terminal. Run by hand after a screen changed:
//! `cargo test --workspace --test it manual -- --ignored`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::{ask, command, edit, folder, project};
use crate::pty::Terminal;

const SIZES: [(u16, u16); 2] = [(120, 36), (80, 24)];

/// One screen of the manual: title, what to know about it, keys that lead to it, what shows that it is there.
type Step = (&'static str, &'static str, &'static str, &'static str);

/// In this order, each from the home screen; two escapes lead back.
const SCREENS: &[Step] = &[
    (
        "Home",
        "Four panes at 120 columns, one pane and tabs at 80. Line 1 answers: does the model check, what is served, what is up.",
        "1",
        "[1 Problems",
    ),
    (
        "Schema",
        "Types with their tables, fields and rules; `d` DDL, `i` SDL, `c` row counts, `m` migration.",
        "2z",
        "primary key",
    ),
    (
        "Schema: DDL",
        "The statements that create the whole schema. `/` searches, `n` and `N` go from match to match.",
        "2dz",
        "CREATE TABLE",
    ),
    ("Schema: SDL", "The GraphQL schema of the newest model without errors.", "2iz", "BooleanAgg"),
    (
        "Schema: rows and copies",
        "Rows of each table, and the named copies of the database: `s` makes one, Enter restores the selected one (asks), `u` undoes the last migration.",
        "2cz",
        "[c counts]",
    ),
    (
        "Traces",
        "Every request, newest first. Following ends with the first step away from the newest and returns with `G`.",
        "3",
        "following",
    ),
    (
        "Traces: one request",
        "Where the time went, the SQL with the origin of every parameter; `x` asks for the plan, `X` runs it in a transaction that is rolled back.",
        "3\rX",
        "Aggregate",
    ),
    ("Traces: access", "What access control saw and decided.", "3a", "caller"),
    ("Traces: variables", "Document and variables, before and after coercion.", "3v", "document"),
    (
        "Latency",
        "Percentiles per operation over 1, 5 or 15 minutes (`w`), and budgets from `exo.toml` (`b`).",
        "4",
        "p95",
    ),
    (
        "Latency: one operation",
        "Histogram on a logarithmic axis, shares, and how the revision compares with the one before; `s` looks at SQL only or leaves hooks out.",
        "4\r",
        "share sql",
    ),
    (
        "Logs",
        "All sources; `s` one of them, `+` and `-` levels. Enter on a line of a hook or a script goes to its request.",
        "5z",
        "following",
    ),
    (
        "Services",
        "Postgres, HTTP, the watcher and hooks. Enter opens the log of one; `d` goes over to another database and back.",
        "6z",
        "postgres",
    ),
    (
        "Tests",
        "`T` runs all, `r` one or a folder, `F` those that failed, `w` after each save, `c` shows the access rules the tests saw.",
        "7z",
        "passed",
    ),
    (
        "Tests: access coverage",
        "Which access rules the tests saw, and what they decided.",
        "7cz",
        "access coverage",
    ),
    (
        "A statement",
        "`:sql` runs it in a read-only transaction; `W` asks before it may write.",
        ":sql select id, title, completed from todos order by id\r",
        " rows · ",
    ),
    ("Keys", "`?` lists every key with the reason when it does nothing now.", "?", "Keys"),
    (
        "Personas",
        "`p` chooses as whom requests of GraphiQL and copied curl lines are sent; `exo.toml` holds their claims. Line 1 names the chosen one.",
        "p",
        "signs the playground's requests",
    ),
    (
        "Palette",
        "`:` finds actions by name, help or key, and types (`:t`), operations (`:op`), personas (`:p`), files (`:open`); `:sql` runs a statement in a read-only transaction.",
        ":trace",
        "Traces",
    ),
];

/// Screens that need more than keys, behind the others.
const EXTRA: &[(&str, &str)] = &[
    ("Start here", "The first start of a project: the steps tick themselves off."),
    (
        "A broken model",
        "The last good revision keeps serving; the mistake is shown with its place and a fix (`f`).",
    ),
    ("Problems: explained", "Enter explains the code of a problem; `e` opens its place in the editor."),
    (
        "Migration review",
        "What a save would change in the database waits here when it could lose values or needs an answer. `Space` chooses, `v` shows the SQL, `A` applies.",
    ),
    (
        "Another studio",
        "A second `exo-studio` on the same project: `a` looks at the first one, changing nothing; `s` stops it and starts here.",
    ),
    (
        "A failed service",
        "The reason and what can be done about it; Enter opens its log. Checking and the schema work on. Here a file of the database is missing.",
    ),
    (
        "Data of another version",
        "Data that another major version of Postgres made is never touched without a question: `f` answers it.",
    ),
];

#[test]
#[ignore = "rewrites tui/MANUAL.md from real sessions"]
fn capture() {
    let mut captures = String::new();
    let folder = folder();
    let todo = project(folder.path(), "todo");
    std::fs::write(todo.join("exo.toml"), PERSONAS).unwrap();
    let mut shots: Vec<Vec<String>> = vec![Vec::new(); SCREENS.len() + EXTRA.len()];
    for size in SIZES {
        let mut terminal = Terminal::panes(&todo, size, &[]);
        terminal.until("the studio", |text| {
            text.contains("r1 ●") && text.contains("pg ") && !text.contains("nothing served")
        });
        if size == SIZES[0] {
            terminal.see("Start here");
            shots[SCREENS.len()].push(shot(&terminal, &todo));
            // The same card in a smaller window; it is shown at the first start only.
            terminal.resize(SIZES[1]);
            terminal.see("[1 Problems");
            shots[SCREENS.len()].push(shot(&terminal, &todo));
            terminal.resize(size);
        }
        terminal.keys("6");
        terminal.see("http://localhost:");
        let url = terminal.url();
        for _ in 0..3 {
            ask(
                &url,
                "query Board { todos(where: {completed: {eq: false}}, orderBy: {id: ASC}) { id title } }",
            );
            ask(&url, "mutation Add { createTodo(data: {title: \"Water the plants\"}) { id } }");
        }
        ask(&url, "query Broken { nothing }");
        ask(&url, "query Board { todos(where: {completed: {eq: false}}, orderBy: {id: ASC}) { id title } }");
        terminal.keys("T7");
        terminal.until("the tests", |text| text.contains("5 of 5 passed") || text.contains("5/5"));
        for (at, (_, _, keys, sign)) in SCREENS.iter().enumerate() {
            home(&mut terminal);
            terminal.keys(keys);
            terminal.see(sign);
            shots[at].push(shot(&terminal, &todo));
            // Overlays close, tabs and zoom go back where they were found.
            terminal.keys("\x1b");
            std::thread::sleep(Duration::from_millis(60));
            match *keys {
                "2dz" | "2iz" | "2cz" => terminal.keys("2tz"),
                "3a" | "3v" => terminal.keys("3d"),
                keys if keys.ends_with('z') => terminal.keys("z"),
                _ => {}
            }
        }
        home(&mut terminal);
        edit(&todo.join("src/index.exo"), "title: String", "title: Strin");
        terminal.see("E0030");
        shots[SCREENS.len() + 1].push(shot(&terminal, &todo));
        terminal.keys("1\r");
        terminal.see("E0030 explained");
        shots[SCREENS.len() + 2].push(shot(&terminal, &todo));
        edit(&todo.join("src/index.exo"), "title: Strin", "name: String");
        terminal.until("a clean model", |text| !text.contains("E0030"));
        terminal.see("a migration waits for your decision");
        terminal.keys("m");
        terminal.see("becomes name");
        shots[SCREENS.len() + 3].push(shot(&terminal, &todo));
        edit(&todo.join("src/index.exo"), "name: String", "title: String");
        terminal.until("no migration", |text| !text.contains("becomes name"));
        let second = Terminal::panes(&todo, size, &[]);
        second.see("Another exo-studio");
        shots[SCREENS.len() + 4].push(shot(&second, &todo));
        drop(second);
        terminal.keys("q");
        assert_eq!(terminal.ends(), 0);
        let data = todo.join(".exo/postgres/data");
        let (control, away) = (data.join("global/pg_control"), data.join("pg_control"));
        std::fs::rename(&control, &away).unwrap();
        shots[SCREENS.len() + 5].push(failed(&todo, size));
        std::fs::rename(&away, &control).unwrap();
        let version = data.join("PG_VERSION");
        let right = std::fs::read_to_string(&version).unwrap();
        std::fs::write(&version, "17\n").unwrap();
        shots[SCREENS.len() + 6].push(failed(&todo, size));
        std::fs::write(&version, right).unwrap();
    }
    let titles = SCREENS.iter().map(|(title, text, _, _)| (*title, *text)).chain(EXTRA.iter().copied());
    for ((title, text), shots) in titles.zip(&shots) {
        write!(captures, "\n## {title}\n\n{text}\n").unwrap();
        for shot in shots {
            write!(captures, "\n```text\n{shot}\n```\n").unwrap();
        }
    }
    let output = command().args(["manual", "--keys"]).output().unwrap();
    let keys = String::from_utf8(output.stdout).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tui/MANUAL.md");
    std::fs::write(path, format!("{INTRODUCTION}{captures}\n{keys}")).unwrap();
}

/// Who one may be in the captures.
const PERSONAS: &str = "\
[personas.anna]
claims = { sub = \"anna\", role = \"member\" }

[personas.omar]
claims = { sub = \"omar\", role = \"operator\" }
";

const INTRODUCTION: &str = "# The terminal of exo-studio

Screens captured from real sessions at 120×36 and 80×24, then every key. `exo-studio manual` prints this page.

- `?` lists the keys, `:` finds every command, `Esc` goes one step back and never loses what was typed.
- `y` copies data, not cells: `yy` the item, `ys` its SQL, `yj` JSON, `yp` its path. Over SSH and in tmux it goes through
  the terminal; what is too large goes to a file whose path is copied.
- `L` leaves the panes for plain lines and comes back. `M` leaves the mouse to the terminal. `Ctrl-z` stops, `fg` goes on.
- `--ascii`, `NO_COLOR`, `--no-mouse`, `--plain` do what they say; below 60×15 one line is left.
- `--keymap FILE` rebinds keys by action name, `--record FILE` keeps a session that `exo-studio replay FILE` plays.
";

/// The services of a studio whose database does not start.
fn failed(project: &Path, size: (u16, u16)) -> String {
    let mut terminal = Terminal::panes(project, size, &[]);
    terminal.see("Postgres is down");
    terminal.keys("6z");
    terminal.see("try again");
    let shot = shot(&terminal, project);
    terminal.keys("q");
    assert_eq!(terminal.ends(), 0);
    shot
}

/// The screen at rest, without what is different on every machine.
fn shot(terminal: &Terminal, project: &Path) -> String {
    let (mut rows, mut since) = (terminal.rows(), Instant::now());
    // A frame may be half drawn, and answers of the database come a moment later.
    while since.elapsed() < Duration::from_millis(700) {
        std::thread::sleep(Duration::from_millis(50));
        let now = terminal.rows();
        if now != rows {
            (rows, since) = (now, Instant::now());
        }
    }
    let path = project.display().to_string();
    let missing = path.chars().count().saturating_sub(PLACE.len());
    let row = |row: &str| match row.split_once(&path) {
        None => row.to_owned(),
        Some((before, after)) => {
            // The border at the end stays where it was.
            let (text, border) = after.rsplit_once('│').unwrap_or((after, ""));
            let border = if border.is_empty() && !after.contains('│') { "" } else { "│" };
            format!("{before}{PLACE}{text}{}{border}", " ".repeat(missing))
        }
    };
    rows.trim_end().lines().map(row).collect::<Vec<_>>().join("\n")
}

/// Where the manual's project seems to be.
const PLACE: &str = "/home/anna/todo";

/// Back to the first pane with nothing opened, and without a word about it.
fn home(terminal: &mut Terminal) {
    terminal.keys("1");
    terminal.see("[1 Problems");
    for _ in 0..6 {
        terminal.keys("\x1b");
        // An Escape that another key follows at once would be taken for one of Alt.
        std::thread::sleep(Duration::from_millis(60));
    }
    terminal.until("a quiet line", |text| !text.contains("nothing to go back from"));
}
