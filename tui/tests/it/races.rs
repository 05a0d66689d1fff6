//! What happens when two things arrive together: a key and a fact, two keys before an answer.

use std::sync::Arc;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use studio_events::{
    Choice, Command, EventKind, Revision, SchemaEvent, StudioEvent, Timestamp, TraceId, TraceKind,
};
use studio_tui::{Effect, Msg};

use crate::fixture::{self, NOW};
use crate::frames::Screen;

const WIDE: (u16, u16) = (120, 36);

/// A fact that the terminal has not drawn yet.
fn unseen(screen: &mut Screen, kind: EventKind) {
    let seq = screen.state.seq + 1;
    screen.state.apply(&StudioEvent { seq, at: Timestamp(NOW), kind });
}

/// A key, without an answer of the engine to what it asks for.
fn press(screen: &mut Screen, key: char) -> Vec<Effect> {
    let event = Event::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE));
    screen.ui.update(Msg::Input(event), Timestamp(NOW), &screen.state)
}

#[test]
fn a_key_is_about_the_item_under_the_cursor_although_rows_moved() {
    let mut screen = Screen::new("busy", WIDE);
    let copied = screen.keys("3jyp");
    let mut newer = fixture::trace("Newer", TraceKind::Query, 900, 1, 1);
    newer.id = TraceId(0x00ab_cdef);
    unseen(&mut screen, EventKind::Request(Arc::new(newer)));
    assert_eq!(screen.keys("yp"), copied);
}

#[test]
fn letters_of_the_word_are_no_orders_when_another_plan_comes_meanwhile() {
    for gone in [false, true] {
        let mut screen = Screen::new("migration", WIDE);
        screen.keys("m<enter>0<enter><tab><tab><space><tab><tab><enter>todo");
        let mut plan = screen.state.migration.as_deref().unwrap().clone();
        plan.revision = Revision(17);
        let pending = (!gone).then(|| Arc::new(plan));
        unseen(&mut screen, EventKind::Schema(SchemaEvent::Pending(pending)));
        assert_eq!(screen.keys("/r16qR"), [], "gone: {gone}");
        assert!(screen.text().contains("nothing of what was typed counts"), "{}", screen.text());
        assert_eq!(screen.keys("<enter>A"), [], "the old word is no consent to the new plan");
        assert_eq!(screen.keys("q"), [Effect::Quit]);
    }
}

#[test]
fn a_key_pressed_twice_before_the_answer_chooses_twice() {
    let mut screen = Screen::new("migration", WIDE);
    screen.keys("m<enter>0<enter><tab>");
    let options: Vec<_> = [press(&mut screen, ' '), press(&mut screen, ' ')]
        .into_iter()
        .flatten()
        .filter_map(|effect| match effect {
            Effect::Send(Command::Answer(_, Choice::Option(option))) => Some(option),
            _ => None,
        })
        .collect();
    assert_eq!(options, [1, 0], "there and back");
}

#[test]
fn a_plan_applies_only_as_it_was_looked_at() {
    let mut screen = Screen::new("migration", WIDE);
    let effects = screen.keys("m<enter>0<enter>A");
    let order = effects.iter().find_map(|effect| match effect {
        Effect::Send(Command::Migrate { plan, .. }) => Some(*plan),
        _ => None,
    });
    assert_eq!(order, Some(Some(Revision(16))));
}

#[test]
fn a_plan_from_before_the_question_is_not_shown_as_its_answer() {
    let mut screen = Screen::new("busy", WIDE);
    let Some(Effect::Send(Command::Explain { trace, .. })) = screen.keys("3x").pop() else {
        panic!("{}", screen.text())
    };
    let plan = |text: &str| EventKind::Plan { trace, text: text.into() };
    unseen(&mut screen, plan("Seq Scan on todos"));
    assert!(!screen.text().contains("asking the database"), "{}", screen.text());
    screen.keys("X");
    assert!(screen.text().contains("asking the database"), "{}", screen.text());
    unseen(&mut screen, plan("Seq Scan on todos (actual rows=4)"));
    assert!(!screen.text().contains("asking the database"), "{}", screen.text());
}

#[test]
fn what_was_typed_into_a_prompt_survives_a_click_elsewhere() {
    let mut screen = Screen::new("busy", WIDE);
    screen.keys("4b");
    for _ in 0..40 {
        screen.keys("<backspace>");
    }
    screen.keys("p99 < 3 ms");
    let click = crossterm::event::MouseEvent {
        kind: crossterm::event::MouseEventKind::Down(crossterm::event::MouseButton::Left),
        column: 10,
        row: 6,
        modifiers: KeyModifiers::NONE,
    };
    screen.ui.update(Msg::Input(Event::Mouse(click)), Timestamp(NOW), &screen.state);
    assert!(!screen.text().contains("p99 < 3 ms"), "{}", screen.text());
    screen.keys("4b");
    assert!(screen.text().contains("p99 < 3 ms"), "{}", screen.text());
}
