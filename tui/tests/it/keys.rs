//! What keys and clicks do: effects and frames.

use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use studio_events::{
    Choice, Command, DecisionId, EventKind, Revision, StudioEvent, Timestamp, TraceId, TraceKind,
};
use studio_tui::{Effect, Msg, TuiConfig, actions};

use crate::fixture::{self, NOW, STATES};
use crate::frames::Screen;

const WIDE: (u16, u16) = (120, 36);
const NARROW: (u16, u16) = (80, 24);

fn click(screen: &mut Screen, column: u16, row: u16) -> Vec<Effect> {
    mouse(screen, MouseEventKind::Down(MouseButton::Left), column, row)
}

fn mouse(screen: &mut Screen, kind: MouseEventKind, column: u16, row: u16) -> Vec<Effect> {
    let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
    screen.ui.update(Msg::Input(Event::Mouse(event)), Timestamp(NOW), &screen.state)
}

/// The line of the list with the cursor on it.
fn selected(screen: &Screen) -> String {
    let text = screen.text();
    text.lines()
        .filter_map(|line| line.split_once('▸'))
        .map(|(_, rest)| rest.trim().to_owned())
        .next()
        .unwrap_or_default()
}

#[test]
fn quit_and_its_twins() {
    for keys in ["q", "<c-c>", ":quit<c-c>", "/x<c-c>"] {
        assert_eq!(Screen::new("busy", WIDE).keys(keys), [Effect::Quit], "{keys}");
    }
    assert_eq!(Screen::new("busy", WIDE).keys("/q<esc>"), []);
}

#[test]
fn keys_of_the_engine() {
    let send = |command| [Effect::Send(command)];
    assert_eq!(Screen::new("busy", WIDE).keys("R"), send(Command::Rebuild));
    assert_eq!(Screen::new("ready", WIDE).keys("T"), send(Command::RunTests(None)));
    assert_eq!(
        Screen::new("ready", WIDE).keys("o"),
        [Effect::Browse("http://localhost:9876/playground".into())]
    );
    assert_eq!(Screen::new("ready", WIDE).keys("pj<enter>"), send(Command::SetPersona(Some("boss".into()))));
    assert_eq!(Screen::new("ready", WIDE).keys("pg<enter>"), send(Command::SetPersona(None)));
    let counted = [Effect::Send(Command::CountRows), Effect::Send(Command::ListCopies)];
    assert_eq!(Screen::new("ready", WIDE).keys("2c"), counted);
    assert_eq!(Screen::new("busy", WIDE).keys("40"), send(Command::ResetLatency));
    assert_eq!(Screen::new("port-taken", WIDE).keys("6<enter>"), send(Command::TakePort(9877)));
    assert_eq!(Screen::new("pg-failed", WIDE).keys("6r"), send(Command::RestartDatabase));
}

#[test]
fn an_action_that_cannot_run_says_why() {
    let mut screen = Screen::new("empty", WIDE);
    assert_eq!(screen.keys("o"), []);
    assert!(screen.text().contains("HTTP is not up"), "{}", screen.text());
    assert_eq!(screen.keys("1f"), []);
    assert!(screen.text().contains("there is no problem"));
    assert_eq!(screen.keys("Z"), []);
    assert!(screen.text().contains("no action on Z here · ? keys"));
}

#[test]
fn problems_are_fixed_edited_and_copied() {
    let mut screen = Screen::new("broken", WIDE);
    let effects = screen.keys("f");
    assert!(matches!(&effects[..], [Effect::Fix(problem)] if problem.code == "E0203"));
    let edit = |line, column| [Effect::Edit { file: "src/index.exo".into(), line, column }];
    assert_eq!(screen.keys("e"), edit(14, 12));
    assert_eq!(screen.keys("]e"), edit(31, 5));
    assert_eq!(screen.keys("[e"), edit(14, 12));
    assert!(matches!(&screen.keys("yy")[..], [Effect::Copy { text, .. }] if text.contains("owner: Usre")));
    assert!(matches!(&screen.keys("yp")[..], [Effect::Copy { text, .. }] if text == "src/index.exo:14:12"));
    assert_eq!(screen.keys("ys"), []);
}

#[test]
fn a_prefix_shows_what_may_follow_and_escape_drops_it() {
    let mut screen = Screen::new("broken", WIDE);
    assert_eq!(screen.keys("y"), []);
    assert!(screen.text().contains("yj Copy it as JSON"), "{}", screen.text());
    assert_eq!(screen.keys("<esc>f").len(), 1);
}

#[test]
fn a_trace_is_explained_replayed_and_copied() {
    let mut screen = Screen::new("busy", WIDE);
    let newest = TraceId(0x7f_3a17);
    screen.keys("3");
    assert_eq!(screen.keys("x"), [Effect::Send(Command::Explain { trace: newest, analyze: false })]);
    assert_eq!(screen.keys("X"), [Effect::Send(Command::Explain { trace: newest, analyze: true })]);
    assert_eq!(screen.keys("c"), [Effect::Curl(newest)]);
    assert_eq!(screen.keys("r"), [Effect::Send(Command::Replay { trace: newest, write: false })]);
    assert!(matches!(&screen.keys("ys")[..], [Effect::Copy { text, .. }] if text == fixture::SQL));
    assert!(
        matches!(&screen.keys("Y")[..], [Effect::Copy { text, .. }] if text.contains("owner_id = 7 AND t0.done = false"))
    );
    // The next one is a mutation: it is asked for.
    screen.keys("<esc><esc>j");
    assert_eq!(screen.keys("r"), []);
    assert!(screen.text().contains("Send the mutation AddTodo again?"));
    assert_eq!(screen.keys("n"), []);
    assert_eq!(screen.keys("ry"), [Effect::Send(Command::Replay { trace: TraceId(0x7f_3a16), write: true })]);
}

#[test]
fn the_cursor_follows_the_item_and_following_is_a_state() {
    let mut screen = Screen::new("busy", NARROW);
    screen.keys("3");
    assert!(screen.text().contains("following ●"));
    screen.keys("jj");
    assert!(screen.text().contains("paused"));
    let before = selected(&screen);
    assert!(before.contains("IntrospectionQuery"), "{before}");
    arrive(&mut screen, "Fresh");
    assert_eq!(selected(&screen), before);
    screen.keys("G");
    assert!(selected(&screen).contains("Fresh"), "{}", screen.text());
    arrive(&mut screen, "Newer");
    assert!(selected(&screen).contains("Newer"), "{}", screen.text());
    screen.keys("<space>");
    arrive(&mut screen, "Unseen");
    assert!(selected(&screen).contains("Newer"), "{}", screen.text());
    let text = screen.text();
    assert!(text.contains("paused ○ · 1 new") && !text.contains("Unseen"), "{text}");
    screen.keys("<space>");
    assert!(selected(&screen).contains("Unseen"), "{}", screen.text());
}

fn arrive(screen: &mut Screen, operation: &str) {
    let mut trace = fixture::trace(operation, TraceKind::Query, 1_000, 1, 1);
    trace.id = TraceId(u32::try_from(screen.state.seq).unwrap());
    let kind = EventKind::Request(std::sync::Arc::new(trace));
    let event = StudioEvent { seq: screen.state.seq + 1, at: Timestamp(NOW), kind };
    screen.state.apply(&event);
    assert_eq!(screen.ui.update(Msg::Data, Timestamp(NOW), &screen.state), []);
}

#[test]
fn filters_narrow_lists_and_escape_widens_them_again() {
    let mut screen = Screen::new("busy", NARROW);
    screen.keys("3/board<enter>");
    let text = screen.text();
    assert!(text.contains("/board · 2 of 8") && !text.contains("AddTodo"), "{text}");
    screen.keys("<esc>");
    assert!(screen.text().contains("AddTodo"));
    screen.keys("E");
    assert!(screen.text().contains("errors only") && !screen.text().contains("AddTodo"));
    screen.keys("S");
    assert!(screen.text().contains("slow > 50 ms") && screen.text().contains("Report"));
    screen.keys("*s");
    assert!(selected(&screen).contains("Report"), "{}", screen.text());
    assert!(screen.text().contains("slowest first"));
}

#[test]
fn a_text_is_searched() {
    let mut screen = Screen::new("busy", NARROW);
    screen.keys("2i/todo<enter>n");
    assert!(selected(&screen).contains("todo"), "{}", screen.text());
    let first = selected(&screen);
    screen.keys("n");
    assert_ne!(selected(&screen), first);
    screen.keys("N");
    assert_eq!(selected(&screen), first);
}

#[test]
fn escape_goes_one_step_back_each_time() {
    let mut screen = Screen::new("busy", WIDE);
    screen.keys("3<enter>/a<enter>");
    let mut seen = vec![screen.buffer()];
    for _ in 0..3 {
        screen.keys("<esc>");
        assert!(!seen.contains(&screen.buffer()), "{}", screen.text());
        seen.push(screen.buffer());
    }
    screen.keys("<esc>");
    assert!(screen.text().contains("nothing to go back from"));
}

#[test]
fn a_destructive_migration_needs_review_choice_word_and_key() {
    let migrate = |keys: &str| {
        let mut screen = Screen::new("migration", NARROW);
        let effects = screen.keys(keys);
        let orders = effects.into_iter().filter_map(|effect| match effect {
            Effect::Send(Command::Migrate { consent, .. }) => Some(consent),
            _ => None,
        });
        orders.collect::<Vec<_>>()
    };
    let none: [String; 0] = [];
    // Value for the rows, rename as proposed, drop the column, keep the table, the word.
    let value = "m<enter>0<enter>";
    let choose = format!("{value}<tab><tab><space><tab><tab><enter>");
    assert_eq!(migrate("mA"), none, "nothing is answered");
    assert_eq!(migrate(&format!("{choose}todo/r1<enter>A")), none, "the word is incomplete");
    assert_eq!(migrate(&format!("{choose}todo/r16<enter>")), none, "not applied");
    assert_eq!(migrate(&format!("{choose}todo/r16<enter>1A")), none, "not on the review");
    assert_eq!(migrate(&format!("{}todo/r16<enter>A", &choose[1..])), none, "the review is not open");
    assert_eq!(migrate(&format!("{choose}todo/r16<enter>A")), ["todo/r16"]);
    // Without a step that loses values no word is asked for.
    assert_eq!(migrate(&format!("{value}A")), [""]);
}

#[test]
fn answers_of_the_review_go_to_the_engine_one_by_one() {
    let mut screen = Screen::new("migration", NARROW);
    let answer = |id, choice| Effect::Send(Command::Answer(DecisionId(id), choice));
    screen.keys("m<enter>");
    assert!(screen.text().contains("value of todos.priority (INT) for 42 rows:\n"), "{}", screen.text());
    assert_eq!(screen.keys("= id * 2<enter>"), [answer(1, Choice::Expression("id * 2".into()))]);
    assert!(screen.text().contains("[= id * 2"), "{}", screen.text());
    assert_eq!(screen.keys("<tab><space>"), [answer(2, Choice::Option(1))]);
    assert_eq!(screen.keys("<space>"), [answer(2, Choice::Option(0))]);
    assert!(!screen.text().contains("needs the word"));
    assert_eq!(screen.keys("<tab><space>"), [answer(3, Choice::Option(0))]);
    assert!(screen.text().contains("needs the word  todo/r16"), "{}", screen.text());
    assert!(screen.text().contains("values such as call Bob, 2 pm"), "{}", screen.text());
}

#[test]
fn the_answers_are_whole_in_half_a_screen_and_beside_a_refusal() {
    let mut screen = Screen::new("migration", WIDE);
    screen.keys("mz");
    let text = screen.text();
    assert!(text.contains("1 Problems ─"), "the review shares the screen\n{text}");
    assert!(text.contains("(•) rename   ( ) drop and add"), "{text}");
    let mut decisions = screen.state.decisions.clone();
    decisions[0].refused = Some("no number".to_owned());
    screen.state.decisions = decisions;
    screen.keys("z");
    let text = screen.text();
    assert!(text.contains("✗ not taken: no number"), "{text}");
    assert!(text.contains("A copy of the database is made first"), "{text}");
    assert!(text.contains("○ step 1 needs a value"), "{text}");
}

#[test]
fn what_was_typed_into_a_prompt_survives_escape() {
    let mut screen = Screen::new("migration", NARROW);
    screen.keys("m<enter>12<esc>");
    assert!(!screen.text().contains("rows: 12"));
    screen.keys("<enter>");
    assert!(screen.text().contains("for 42 rows: 12"), "{}", screen.text());
}

#[test]
fn a_plan_that_was_asked_for_comes_into_sight() {
    let mut screen = Screen::new("busy", NARROW);
    screen.keys("3<enter>");
    assert!(!screen.text().contains("hint: an index"), "{}", screen.text());
    screen.keys("x");
    let text = screen.text();
    assert!(text.contains("─ plan (x)") && text.contains("▲ 97 %"), "{text}");
    screen.keys("<down>");
    screen.keys("<esc><enter>");
    assert!(!screen.text().contains("▲ 97 %"), "{}", screen.text());
}

#[test]
fn a_budget_is_checked_while_it_is_typed() {
    let mut screen = Screen::new("busy", NARROW);
    screen.keys("4jjb");
    assert!(screen.text().contains("budget of Board: p95 < 10 ms"), "{}", screen.text());
    assert_eq!(screen.keys("x<enter>"), []);
    assert!(screen.text().contains("▲ `msx` is not one of us, ms, s"), "{}", screen.text());
    let limit = "p95 < 10 ms".to_owned();
    let written = Effect::Budget { operation: "Board".into(), limit };
    screen.keys("<esc>b");
    assert!(screen.text().contains("budget of Board: p95 < 10 msx"), "what was typed is kept");
    assert_eq!(screen.keys("<backspace><enter>"), [written]);
}

#[test]
fn copies_are_made_restored_undone_and_removed_with_a_question() {
    let mut screen = Screen::new("migration", NARROW);
    let asked = [Effect::Send(Command::CountRows), Effect::Send(Command::ListCopies)];
    assert_eq!(screen.keys("2c"), asked);
    assert!(screen.text().contains("copy r13") && screen.text().contains("before r14"), "{}", screen.text());
    assert_eq!(screen.keys("s<enter>"), [Effect::Send(Command::MakeCopy { name: None })]);
    let named = Command::MakeCopy { name: Some("try".into()) };
    assert_eq!(screen.keys("stry<enter>"), [Effect::Send(named)]);
    assert_eq!(screen.keys("u"), []);
    assert!(screen.text().contains("Undo the last migration?"), "{}", screen.text());
    assert_eq!(screen.keys("y"), [Effect::Send(Command::UndoMigration)]);
    assert_eq!(screen.keys("x"), []);
    assert_eq!(screen.keys("n"), []);
    assert_eq!(screen.keys("<enter>y"), [Effect::Send(Command::RestoreCopy { name: "r13".into() })]);
}

#[test]
fn a_word_is_forgotten_when_the_plan_changes() {
    let mut screen = Screen::new("migration", NARROW);
    screen.keys("m<enter>0<enter><tab><tab><space><tab><tab><enter>todo/r16<enter>");
    let mut plan = screen.state.migration.as_deref().unwrap().clone();
    plan.revision = Revision(17);
    screen.state.migration = Some(std::sync::Arc::new(plan));
    screen.ui.update(Msg::Data, Timestamp(NOW), &screen.state);
    assert_eq!(screen.keys("A"), []);
    assert!(screen.text().contains("needs the word"), "{}", screen.text());
}

#[test]
fn the_access_tab_asks_for_everybody() {
    let mut screen = Screen::new("busy", WIDE);
    let effects = screen.keys("3a");
    let callers: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(Command::ExplainAccess { caller, .. }) => Some(format!("{caller:?}")),
            _ => None,
        })
        .collect();
    assert_eq!(callers, ["Anonymous", "Persona(\"anna\")", "Persona(\"boss\")"]);
}

#[test]
fn the_plan_is_written_to_a_file() {
    let mut screen = Screen::new("migration", NARROW);
    let effects = screen.keys("mw");
    let [Effect::Write { file, text }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(file, "migration-r16.sql");
    assert!(text.contains("-- step 4: drop table labels\nDROP TABLE \"labels\" CASCADE;\n"), "{text}");
}

#[test]
fn the_palette_finds_actions_keys_types_operations_and_files() {
    let palette = |keys: &str| {
        let mut screen = Screen::new("broken", WIDE);
        let effects = screen.keys(&format!(":{keys}<enter>"));
        (effects, screen)
    };
    assert_eq!(palette("rebuild").0, [Effect::Send(Command::Rebuild)]);
    assert_eq!(palette("ctrl-z").0, [Effect::Suspend]);
    assert_eq!(palette("anltcs").0.len(), 0);
    let (effects, screen) = palette("t label");
    assert_eq!(effects, []);
    assert!(screen.text().contains("[2 Schema") && screen.text().contains("▸▸ Label"), "{}", screen.text());
    let (_, screen) = palette("op Report");
    assert!(screen.text().contains("/Report · 1 of 8"), "{}", screen.text());
    assert_eq!(palette("p boss").0, [Effect::Send(Command::SetPersona(Some("boss".into())))]);
    assert_eq!(
        palette("open index.exo:31").0,
        [Effect::Edit { file: "src/index.exo".into(), line: 31, column: 0 }]
    );
    let (effects, screen) = palette("migration: apply");
    assert_eq!(effects, []);
    assert!(screen.text().contains("nothing is pending"));
}

#[test]
fn every_action_can_be_reached_by_the_palette() {
    for row in actions() {
        let mut screen = Screen::new("migration", WIDE);
        screen.keys(&format!(":{}", row.name));
        assert!(screen.text().contains(row.help.split_at(row.help.len().min(30)).0), "{}", row.name);
    }
}

#[test]
fn the_key_help_says_what_the_table_says() {
    let mut screen = Screen::new("migration", (200, 60));
    screen.keys("?");
    let mut lines = Vec::new();
    for _ in 0..actions().len() {
        lines.extend(screen.text().lines().map(str::to_owned));
        screen.keys("<down><down><down>");
    }
    for row in actions() {
        let keys: Vec<_> = row.keys.split(' ').collect();
        let is_row = |line: &&String| line.contains(row.help) && keys.iter().all(|key| line.contains(key));
        assert!(lines.iter().any(|line| is_row(&line)), "{} is not in the help", row.name);
    }
}

#[test]
fn the_hint_bar_says_what_the_table_says() {
    let mut hinted = std::collections::BTreeSet::new();
    for state in STATES {
        for keys in ["1", "2", "2m", "2c", "3", "3<enter>", "4", "4<enter>", "5", "6", "7", "7c"] {
            let mut screen = Screen::new(state, (240, 60));
            screen.keys(keys);
            let text = screen.text();
            let last = text.lines().last().unwrap().trim();
            for part in last.split("  ").skip(1) {
                let (key, word) = part.trim().split_once(' ').unwrap();
                let key = if key == "⏎" { "Enter" } else { key };
                let of_key = |row: &&studio_tui::ActionInfo| row.keys.split(' ').any(|known| known == key);
                let mut rows = actions().iter().filter(of_key).peekable();
                assert!(rows.peek().is_some() && !word.is_empty(), "{part} in {last}");
                hinted.extend(rows.filter(|row| row.hint == word).map(|row| row.name));
            }
        }
    }
    // All of them are on it at some time; these wait for an occasion that no sample state has.
    let rare = ["migration.apply", "service.fresh", "test.rerun-failed", "test.coverage"];
    let missing: Vec<_> = actions().iter().filter(|row| !row.hint.is_empty()).map(|row| row.name).collect();
    let missing: Vec<_> = missing.into_iter().filter(|name| !hinted.contains(name)).collect();
    assert!(missing.iter().all(|name| rare.contains(name)), "{missing:?}");
}

#[test]
fn tests_are_run_again_one_by_one_and_by_folder() {
    let mut screen = Screen::new("tests-failed", WIDE);
    screen.keys("7");
    // They are running; wait for the end.
    assert_eq!(screen.keys("r"), []);
    let kind = EventKind::Test(studio_events::TestEvent::Summary {
        passed: 3,
        total: 5,
        time: studio_events::Micros(1),
    });
    screen.state.apply(&StudioEvent { seq: 1, at: Timestamp(NOW), kind });
    let run = |pattern: &str| [Effect::Send(Command::RunTests(Some(pattern.into())))];
    assert_eq!(screen.keys("ggr"), run("access/*"));
    assert_eq!(screen.keys("jr"), run("access/owner"));
    screen.keys("E");
    let text = screen.text();
    assert!(text.contains("stranger") && !text.contains("● create"), "{text}");
    screen.keys("*h");
    assert!(!screen.text().contains("● owner"), "{}", screen.text());
}

#[test]
fn clicks_and_the_wheel() {
    let mut screen = Screen::new("busy", WIDE);
    let tabs = screen.text();
    let column = tabs.lines().nth(1).unwrap().find("5 Logs").unwrap();
    click(&mut screen, u16::try_from(column).unwrap(), 1);
    assert!(screen.text().contains("[5 Logs]"));
    screen.keys("1");
    let row = screen.text().lines().position(|line| line.contains("AllUse")).unwrap();
    let row = u16::try_from(row).unwrap();
    click(&mut screen, 10, row);
    let text = screen.text();
    assert!(text.contains("[3 Traces 8]") && text.contains("paused"), "{text}");
    // A second click opens.
    click(&mut screen, 10, row);
    assert!(screen.text().contains("[d detail]"));
    screen.keys("<esc><esc>1");
    mouse(&mut screen, MouseEventKind::ScrollDown, 10, row);
    assert!(screen.text().contains("[1 Problems]"), "the wheel moves no focus");
    // Switched off, nothing happens.
    assert_eq!(screen.keys("M"), [Effect::Mouse { on: false }]);
    click(&mut screen, u16::try_from(column).unwrap(), 1);
    assert!(screen.text().contains("[1 Problems]"));
}

#[test]
fn a_toast_goes_away_and_idle_asks_for_no_frames() {
    let mut screen = Screen::new("never", NARROW);
    assert_eq!(screen.ui.next_tick(&screen.state), None);
    screen.keys("Z");
    // Its time begins with the first frame that shows it: nobody misses it on a busy machine.
    let late = NOW + 60_000_000;
    screen.ui.update(Msg::Tick, Timestamp(late), &screen.state);
    assert!(screen.text().contains("no action on Z"));
    screen.ui.drawn(Timestamp(late));
    let tick = screen.ui.next_tick(&screen.state).unwrap();
    assert!(tick.0 <= 2_000_000);
    screen.ui.update(Msg::Tick, Timestamp(late + tick.0), &screen.state);
    assert!(!screen.text().contains("no action on Z"));
    assert_eq!(screen.ui.next_tick(&screen.state), None);
    screen.keys("4");
    assert_eq!(screen.ui.next_tick(&screen.state).unwrap().0, 1_000_000);
    let working = Screen::new("starting", NARROW);
    assert_eq!(working.ui.next_tick(&working.state).unwrap().0, 100_000);
}

#[test]
fn the_first_run_card_hides_on_escape_and_comes_back() {
    let config = TuiConfig { first_run: true, ..TuiConfig::default() };
    let mut screen = Screen::with("busy", WIDE, &config);
    assert!(screen.text().contains("● 2  send a query"), "{}", screen.text());
    screen.keys("<esc>");
    assert!(!screen.text().contains("Start here"));
    screen.keys(":start here<enter>");
    assert!(screen.text().contains("Start here"));
}

#[test]
fn a_key_map_file_rebinds_and_its_mistakes_are_problems() {
    let mut screen = Screen::new("ready", WIDE);
    screen.ui.rebind("keys.conf", "rebuild = B\nnonsense = x\nhelp = R");
    assert_eq!(screen.keys("B"), [Effect::Send(Command::Rebuild)]);
    let text = screen.text();
    assert!(text.contains("keys.conf:2:1") && text.contains("no action is named `nonsense`"), "{text}");
    screen.keys("R");
    assert!(screen.text().contains("┌ Keys"), "{}", screen.text());
}

#[test]
fn what_was_opened_with_one_key_is_closed_with_one() {
    let mut screen = Screen::new("busy", WIDE);
    screen.keys("3<space>1");
    let home = screen.text();
    screen.keys("3<enter>");
    assert!(!screen.text().contains("1 Problems ──"));
    screen.keys("<esc>1");
    assert_eq!(screen.text(), home);
    screen.keys("3a2");
    assert!(screen.text().contains("┌ 1 Problems ──"), "another pane is not zoomed: {}", screen.text());
    // A zoom asked for stays.
    screen.keys("3z<enter><esc>4");
    assert!(!screen.text().contains("┌ 1 Problems ──"));
}

#[test]
fn another_database_is_asked_for_and_its_password_is_not_shown() {
    let mut screen = Screen::new("ready", WIDE);
    screen.keys("6dpostgres://anna:geheim@db.example/todo");
    let text = screen.text();
    assert!(text.contains("database URL: postgres://anna:******@db.example/todo"), "{text}");
    let url = studio_events::DatabaseUrl("postgres://anna:geheim@db.example/todo".to_owned());
    assert!(!format!("{url:?}").contains("geheim"));
    assert_eq!(screen.keys("<enter>"), [Effect::Send(Command::UseDatabase(url))]);
    let own = studio_events::DatabaseUrl(String::new());
    assert_eq!(screen.keys("d<enter>"), [Effect::Send(Command::UseDatabase(own))]);
    assert_eq!(screen.keys("dmysql://x<enter>"), []);
    assert!(screen.text().contains("a URL looks like postgres://"), "{}", screen.text());
}

#[test]
fn a_log_line_leads_to_its_request() {
    let mut screen = Screen::new("busy", WIDE);
    let id = screen.state.traces.iter().next().unwrap().id;
    for (text, trace) in [("cart total 12", Some(id)), ("of nobody", None), ("long ago", Some(TraceId(1)))] {
        let seq = screen.state.seq + 1;
        let (level, source) = (studio_events::LogLevel::Info, "hook cart".to_owned());
        let kind = EventKind::Log(studio_events::LogLine { level, source, text: text.to_owned(), trace });
        screen.state.apply(&StudioEvent { seq, at: Timestamp(NOW), kind });
    }
    screen.ui.update(Msg::Data, Timestamp(NOW), &screen.state);
    screen.keys("5G<enter>");
    assert!(screen.text().contains("its request is no longer kept"), "{}", screen.text());
    screen.keys("k<enter>");
    assert!(screen.text().contains("this line is of no request"), "{}", screen.text());
    screen.keys("k");
    let row = format!("▸10:42:33    info   cart      {id} cart total 12");
    assert!(screen.text().contains(&row), "{}", screen.text());
    screen.keys("<enter>");
    assert!(screen.text().contains("[3 Traces"), "{}", screen.text());
    assert!(screen.text().contains("▸10:41:53 query Board"), "the oldest one: {}", screen.text());
}

#[test]
fn a_viewer_looks_and_changes_nothing() {
    let config = TuiConfig { viewer: true, mouse: true, editor: Some("vi".into()), ..TuiConfig::default() };
    let viewer = |state: &str, keys: &str| {
        let mut screen = Screen::with(state, WIDE, &config);
        let effects = screen.keys(keys);
        (effects, screen.text())
    };
    for (state, keys) in [
        ("busy", "R"),
        ("ready", "T"),
        ("busy", "3r"),
        ("busy", "3X"),
        ("busy", ":sql select 1<enter>"),
        ("migration", "2s<enter>"),
        ("busy", "40"),
        ("broken", "1f"),
        ("migration", "mw"),
        ("migration", "m<enter>0<enter>"),
        ("busy", "6r"),
        ("busy", "6d<enter>"),
        ("busy", "pj<enter>"),
    ] {
        let (effects, text) = viewer(state, keys);
        assert_eq!(effects, [], "{keys}");
        assert!(text.contains("this viewer changes nothing"), "{keys}\n{text}");
        assert!(text.contains("viewer of todo"), "{text}");
    }
    assert_eq!(viewer("busy", "3x").0.len(), 1, "a plan is only looked at");
    assert_eq!(viewer("busy", "2c").0.len(), 2);
    assert_eq!(viewer("busy", "q").0, [Effect::Quit]);
}
