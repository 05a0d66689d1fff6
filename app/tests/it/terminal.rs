//! The panes in a pseudo terminal against the real binary.

use portable_pty::CommandBuilder;

use crate::harness::{binary, command, edit, folder, is_alive, project, text, wait_for};
use crate::pty::{Terminal, postgres_of};

const WIDE: (u16, u16) = (120, 36);
const NARROW: (u16, u16) = (80, 24);

#[test]
fn the_panes_follow_the_project_resize_and_leave_a_clean_screen() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let mut terminal = Terminal::panes(&todo, WIDE, &[]);
    terminal.see("serving r1");
    terminal.see("http :");
    edit(&todo.join("src/index.exo"), "title: String", "title: Strin");
    terminal.see("E0030");
    terminal.see("serving r1");
    terminal.keys("?");
    terminal.see("All commands");
    terminal.keys("\x1b");
    terminal.until("closed help", |text| !text.contains("All commands"));
    // The explanation of the code, then the fix.
    terminal.keys("1\r");
    terminal.see("E0030 explained");
    terminal.keys("\x1bf");
    terminal.see("model r3 ●");
    assert!(std::fs::read_to_string(todo.join("src/index.exo")).unwrap().contains("title: String"));
    // A key that arrives together with a new size is not lost.
    terminal.resize(NARROW);
    terminal.keys("6");
    terminal.see("[6 Services]");
    assert!(terminal.is_full_screen());
    terminal.keys("q");
    assert_eq!(terminal.ends(), 0);
    terminal.is_restored();
}

#[test]
fn every_orderly_end_gives_the_terminal_back_and_leaves_no_postgres() {
    for (how, code) in [("q", 0), ("TERM", 143), ("HUP", 129)] {
        let folder = folder();
        let todo = project(folder.path(), "todo");
        let mut terminal = Terminal::panes(&todo, WIDE, &[]);
        terminal.see("serving r1");
        let postgres = postgres_of(&todo);
        assert!(is_alive(postgres));
        if how == "q" {
            terminal.keys("q");
        } else {
            terminal.signal(how);
        }
        assert_eq!(terminal.ends(), code, "{how}");
        terminal.is_restored();
        wait_for(&format!("end of Postgres after {how}"), || (!is_alive(postgres)).then_some(()));
    }
}

#[test]
fn after_a_kill_the_next_start_serves_again() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let mut terminal = Terminal::panes(&todo, NARROW, &[]);
    terminal.see("r1 ●");
    let postgres = postgres_of(&todo);
    terminal.signal("KILL");
    terminal.ends();
    wait_for("end of Postgres after a kill", || (!is_alive(postgres)).then_some(()));
    let mut again = Terminal::panes(&todo, NARROW, &[]);
    again.see("pg ●");
    again.see("r1 ●");
    again.keys("q");
    assert_eq!(again.ends(), 0);
    again.is_restored();
}

#[test]
fn a_stopped_studio_gives_the_shell_its_terminal_and_comes_back() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let mut shell = CommandBuilder::new("bash");
    shell.args(["--norc", "--noprofile", "-i"]);
    shell.env("PS1", "ready> ");
    let mut terminal = Terminal::start(shell, WIDE);
    terminal.see("ready>");
    terminal.keys(&format!("{} {} --port 0\r", binary().display(), todo.display()));
    terminal.see("serving r1");
    let postgres = postgres_of(&todo);
    terminal.keys("\x1a");
    terminal.see("Stopped");
    assert!(!terminal.is_full_screen());
    terminal.keys("fg\r");
    terminal.see("serving r1");
    assert!(is_alive(postgres), "Postgres waits for the studio");
    terminal.keys("q");
    terminal.see("GraphQL   http://");
    wait_for("end of Postgres", || (!is_alive(postgres)).then_some(()));
    // The studio reads what is typed until it is gone.
    terminal.until("the prompt", |text| text.trim_end().ends_with("ready>"));
    terminal.keys("exit\r");
    terminal.ends();
}

#[test]
fn statements_typed_by_hand_are_read_only_until_somebody_agrees() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let mut terminal = Terminal::panes(&todo, WIDE, &[]);
    terminal.see("serving r1");
    terminal.keys(":sql select id, title from todos order by id\r");
    terminal.see("Buy groceries");
    terminal.see("4 rows");
    terminal.keys("\x1b");
    terminal.keys(":sql delete from todos\r");
    terminal.see("read-only transaction");
    terminal.keys("W");
    terminal.see("let it write?");
    terminal.keys("n:sql select count(*) as kept from todos\r");
    terminal.until("all rows", |text| count(text) == Some(4));
    terminal.keys("\x1b");
    terminal.keys(":sql delete from todos\r");
    terminal.see("read-only transaction");
    terminal.keys("Wy");
    terminal.see("SQL, allowed to write");
    terminal.keys("\x1b:sql select count(*) as kept from todos\r");
    terminal.until("no rows", |text| count(text) == Some(0));
    terminal.keys("\x1bq");
    assert_eq!(terminal.ends(), 0);
}

/// The number below the heading `kept`.
fn count(text: &str) -> Option<u32> {
    let mut lines = text.lines().skip_while(|line| !line.contains("│ kept "));
    let (before, _) = lines.next()?.split_once("│ kept ")?;
    let value: String = lines.next()?.chars().skip(before.chars().count() + 1).collect();
    value.split_whitespace().next()?.parse().ok()
}

#[test]
fn budgets_are_set_in_the_pane_and_kept_in_exo_toml() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let mut terminal = Terminal::panes(&todo, WIDE, &[]);
    terminal.see("serving r1");
    terminal.keys("6");
    terminal.see("this machine only");
    crate::harness::ask(&terminal.url(), "query Board { todos { id title } }");
    terminal.keys("4");
    terminal.until("the operation", |text| text.lines().any(|line| line.contains("▸Board")));
    terminal.keys("b");
    terminal.see("budget of Board: p95 < 10 ms");
    terminal.keys("\x15max < nonsense\r");
    terminal.saw("does not read like");
    terminal.keys("\x15max < 1 us\r");
    terminal.see("Board ▲");
    terminal.keys("z");
    terminal.see("over by");
    let toml = std::fs::read_to_string(todo.join("exo.toml")).unwrap();
    assert!(toml.contains("[budgets]\nBoard = \"max < 1 us\""), "{toml}");
    terminal.keys("q");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_recorded_session_gives_the_same_frames_each_time() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let recording = folder.path().join("session.jsonl");
    let file = recording.display().to_string();
    let mut terminal = Terminal::panes(&todo, WIDE, &["--record", &file]);
    terminal.see("serving r1");
    terminal.keys("2z");
    terminal.until("the zoomed schema", |text| text.contains("[2 Schema") && !text.contains("┌ 3 Traces"));
    terminal.see("completed");
    terminal.keys("\x1b");
    edit(&todo.join("src/index.exo"), "title: String", "title: Strin");
    terminal.see("E0030");
    terminal.keys("1");
    edit(&todo.join("src/index.exo"), "title: Strin", "title: String");
    terminal.see("model r3 ●");
    terminal.resize(NARROW);
    terminal.keys("5");
    terminal.until("the narrow logs", |text| text.contains("[5 Logs]"));
    terminal.keys("q");
    assert_eq!(terminal.ends(), 0);
    let play = || command().args(["replay", "--frames", &file]).output().unwrap();
    let (first, second) = (play(), play());
    assert!(first.status.success(), "{}", text(&first));
    let frames = String::from_utf8_lossy(&first.stdout).into_owned();
    for shown in ["completed", "E0030", "model r3 ●", "[5 Logs]"] {
        assert!(frames.contains(shown), "{shown} is in no frame\n{frames}");
    }
    assert_eq!(first.stdout, second.stdout);
    // Played on a terminal, it ends where it ended.
    let mut replay = CommandBuilder::new(binary());
    replay.args(["replay", &file, "--speed", "100"]);
    let mut player = Terminal::start(replay, WIDE);
    player.see("r3 ●");
    player.keys("q");
    assert_eq!(player.ends(), 0);
    player.is_restored();
}

#[test]
fn without_a_terminal_a_replay_says_what_to_do() {
    let folder = folder();
    let file = folder.path().join("empty.jsonl");
    std::fs::write(&file, "").unwrap();
    let output = command().arg("replay").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("--frames"), "{}", text(&output));
    std::fs::write(&file, "nonsense\n").unwrap();
    let output = command().args(["replay", "--frames"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("line 1 is no event of a recording"), "{}", text(&output));
}

#[test]
fn a_second_terminal_looks_at_the_first_one_or_takes_over() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let mut first = Terminal::panes(&todo, WIDE, &[]);
    first.see("serving r1");
    first.keys("6");
    first.see("this machine only");
    let url = first.url();
    crate::harness::ask(&url, "query Before { todos { id } }");

    let mut second = Terminal::panes(&todo, NARROW, &[]);
    second.see("Another exo-studio");
    second.keys("a");
    second.see("viewer of todo");
    second.keys("3");
    second.see("query Before");
    crate::harness::ask(&url, "query After { todos { id } }");
    second.see("query After");
    second.keys("R");
    second.saw("this viewer changes nothing");
    second.keys("q");
    assert_eq!(second.ends(), 0);
    second.is_restored();

    // Whoever looks hears of the end.
    let mut second = Terminal::panes(&todo, NARROW, &[]);
    second.see("Another exo-studio");
    second.keys("a");
    second.see("viewer of todo");
    let mut third = Terminal::panes(&todo, NARROW, &[]);
    third.see("Another exo-studio");
    third.keys("s");
    third.see("yes, stop process");
    third.keys("n");
    third.see("stop it and start here");
    third.keys("s");
    third.see("yes, stop process");
    third.keys("y");
    third.see("r1 ●");
    third.see("pg ●");
    assert_eq!(first.ends(), 0);
    first.is_restored();
    assert_eq!(second.ends(), 0);
    second.see("has stopped");
    third.keys("q");
    assert_eq!(third.ends(), 0);
}

#[test]
fn the_studio_goes_over_to_another_database_and_back() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let theirs = project(&elsewhere, "todo");
    let other = crate::harness::Studio::start(&theirs);
    other.serves(1);
    other.ask("mutation { createTodo(data: { title: \"theirs\" }) { id } }");
    let their_url = crate::migration::db(&theirs, &["url"]).trim().to_owned();

    let mut terminal = Terminal::panes(&todo, WIDE, &[]);
    terminal.see("serving r1");
    terminal.keys("6");
    terminal.see("this machine only");
    let url = terminal.url();
    let count = || {
        crate::harness::ask(&url, "{ todosAgg { id { count } } }")["data"]["todosAgg"]["id"]["count"].clone()
    };
    assert_eq!(count(), 4);
    // What cannot be reached costs nothing.
    terminal.keys("dpostgres://nobody:secret@127.0.0.1:1/none\r");
    terminal.see("the present one stays");
    assert!(!terminal.text().contains("secret"), "{}", terminal.rows());
    assert_eq!(count(), 4);
    terminal.keys(&format!("d{their_url}\r"));
    terminal.see("external, read-only");
    wait_for("their rows", || (count() == 5).then_some(()));
    let refused = crate::harness::ask(&url, "mutation { createTodo(data: { title: \"x\" }) { id } }");
    assert!(refused["errors"].is_array(), "{refused}");
    // One that does not fit the model: nothing is served, and that is what is said.
    let (server, name) = their_url.rsplit_once('/').unwrap();
    let (_, settings) = name.split_once('?').map_or((name, ""), |(name, rest)| (name, rest));
    let empty = format!("{server}/template1{}{settings}", if settings.is_empty() { "" } else { "?" });
    terminal.keys(&format!("d{empty}\r"));
    terminal.see("nothing served");
    terminal.see("Nothing is served: ");
    assert!(!terminal.text().contains("serving r1"), "{}", terminal.rows());
    let refused = crate::harness::ask(&url, "{ todosAgg { id { count } } }");
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("No model is served"), "{refused}");
    terminal.keys("d\r");
    terminal.see("bundled");
    wait_for("our rows", || (count() == 4).then_some(()));
    terminal.see("serving r1");
    terminal.keys("q");
    assert_eq!(terminal.ends(), 0);
    assert_eq!(other.stop(), 130);
}

#[test]
fn a_change_that_is_taken_back_leaves_no_migration() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let mut terminal = Terminal::panes(&todo, WIDE, &[]);
    terminal.see("serving r1");
    edit(&todo.join("src/index.exo"), "title: String", "name: String");
    terminal.see("a migration waits for your decision");
    terminal.keys("m");
    terminal.see("Migration r1 → r2");
    edit(&todo.join("src/index.exo"), "name: String", "title: String");
    terminal.see("The database has the tables of the model.");
    terminal.until("no problem", |text| !text.contains("D0001") && !text.contains("Problems ✗"));
    terminal.keys("q");
    assert_eq!(terminal.ends(), 0);
}
