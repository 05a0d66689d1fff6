//! `update`: a message changes what is about looking and may ask for effects. No drawing, no IO.

use crossterm::event::{Event, KeyCode, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;
use studio_events::{BuildOutcome, Command, HttpState, StudioState, Surface, Timestamp};

use crate::action::{Action, Key, Lookup, Pane, Scope, info};
use crate::effect::Effect;
use crate::overlay::{self, Overlay};
use crate::pane;
use crate::ui::{SchemaTab, Ui};
use crate::view::layout::{Tier, layout};

/// What may happen to the terminal.
#[derive(Debug)]
pub enum Msg {
    /// A key, a click, a new size.
    Input(Event),
    /// The state is a new one.
    Data,
    /// Time has passed.
    Tick,
    /// How an effect went.
    Report(String),
}

impl Ui {
    /// Takes one message at the time `now`.
    pub fn update(&mut self, msg: Msg, now: Timestamp, state: &StudioState) -> Vec<Effect> {
        self.now = now;
        if self.toast.as_ref().and_then(|toast| toast.until).is_some_and(|until| until <= now) {
            self.toast = None;
        }
        if matches!(msg, Msg::Input(_)) && self.settled != state.seq {
            // Rows may have moved since: keys are about the item the cursor is on, not about its place.
            self.settle(state);
        }
        let effects = match msg {
            Msg::Input(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                Key::from_event(key).into_iter().flat_map(|key| self.on_key(key, state)).collect()
            }
            Msg::Input(Event::Mouse(event)) if self.mouse => self.on_mouse(event, state),
            Msg::Input(Event::Resize(width, height)) => {
                self.screen.width = width;
                self.screen.height = height;
                Vec::new()
            }
            Msg::Input(Event::Paste(text)) => {
                self.on_paste(&text);
                Vec::new()
            }
            Msg::Input(Event::Key(_) | Event::Mouse(_) | Event::FocusGained | Event::FocusLost)
            | Msg::Data
            | Msg::Tick => Vec::new(),
            Msg::Report(text) => {
                self.say(text, 6);
                Vec::new()
            }
        };
        let effects = if self.viewer { self.only_looks(effects) } else { effects };
        self.tick_off(state);
        self.settle(state);
        effects
    }

    /// What a second viewer may do.
    fn only_looks(&mut self, mut effects: Vec<Effect>) -> Vec<Effect> {
        let before = effects.len();
        effects.retain(Effect::only_looks);
        if effects.len() < before {
            self.overlay = None;
            self.traces.asked = None;
            self.say("this viewer changes nothing: do it in the other studio", 4);
        }
        effects
    }

    /// The first-run card ticks itself off.
    fn tick_off(&mut self, state: &StudioState) {
        let card = &mut self.first_run;
        card.saved |= state.build.revision.0 > 1;
        card.broke |= card.saved && matches!(state.build.outcome, Some(BuildOutcome::Broken { .. }));
        if !card.queried {
            let by_hand = |surface: &Surface| matches!(surface, Surface::Graphql | Surface::Playground);
            card.queried = state.traces.iter().rev().take(50).any(|trace| by_hand(&trace.surface));
        }
        card.looked |= self.pane == Pane::Traces && !state.traces.is_empty();
        card.browser |= state.traces.last().is_some_and(|trace| trace.surface == Surface::Playground);
    }

    /// Brings cursors and offsets in line with what there is to see.
    pub(crate) fn settle(&mut self, state: &StudioState) {
        self.settled = state.seq;
        pane::latency::refresh(self, state);
        pane::schema::refresh(self, state);
        self.settle_review(state);
        let places = layout(self, state);
        for (pane, area) in places.panes {
            let rows = pane::rows(self, state, pane);
            let parts = pane::parts(self, state, pane, area);
            let newest_first = pane == Pane::Traces;
            let list = &mut self.panes[pane.index()];
            let last = rows.len().saturating_sub(1);
            if list.follow {
                list.index = if newest_first { 0 } else { last };
            } else {
                let found = list.selected.and_then(|id| rows.position(id));
                let index = found.unwrap_or(list.index.min(last));
                // Rows that came in above move the window along, so the cursor stays where it is on screen.
                list.offset = (list.offset + index).saturating_sub(list.index);
                list.index = index;
            }
            list.selected = rows.get(list.index);
            let height = usize::from(parts.list.height).max(1);
            list.offset = list.offset.min(rows.len().saturating_sub(height));
            list.offset = list.offset.clamp((list.index + 1).saturating_sub(height), list.index);
            if let Some(detail) = parts.detail {
                let lines = pane::detail_height(self, state, pane, detail);
                if pane == Pane::Traces && self.traces.plan_in_sight {
                    self.panes[pane.index()].scroll = pane::traces::plan_line(self, state, detail);
                }
                let list = &mut self.panes[pane.index()];
                list.scroll = list.scroll.min(lines.saturating_sub(usize::from(detail.height)));
            }
        }
    }

    /// Answers belong to one revision. Whoever is typing the word when another one comes goes on typing it, into
    /// nothing: the letters must not become orders.
    fn settle_review(&mut self, state: &StudioState) {
        let revision = state.migration.as_ref().map_or(0, |plan| plan.revision.0);
        if self.review.revision != revision {
            let typing = self.review.typing;
            self.review = crate::ui::ReviewUi { revision, typing, ..Default::default() };
            if typing {
                self.say("another migration waits by now: nothing of what was typed counts · Esc", 6);
            }
        }
        let shown = |id| state.decisions.iter().find(|decision| decision.id == id).map(|it| it.chosen());
        self.review.sent.retain(|(id, option)| shown(*id).is_some_and(|chosen| chosen != Some(*option)));
    }

    fn on_paste(&mut self, text: &str) {
        for c in text.chars().filter(|c| !c.is_control()) {
            if let Some(line) = self.text_input() {
                line.push(c);
            }
        }
    }

    /// The line that is being typed, if one is.
    fn text_input(&mut self) -> Option<&mut String> {
        match &mut self.overlay {
            Some(Overlay::Palette(palette)) => Some(&mut palette.input),
            Some(
                Overlay::Help { .. }
                | Overlay::Personas { .. }
                | Overlay::Confirm { .. }
                | Overlay::Query { .. },
            ) => None,
            None if self.prompt.is_some() => self.prompt.as_mut().map(|prompt| &mut prompt.text),
            None if self.typing_filter => Some(&mut self.panes[self.pane.index()].filter),
            None => self.review.typing.then_some(&mut self.review.word),
        }
    }

    fn on_key(&mut self, key: Key, state: &StudioState) -> Vec<Effect> {
        if key == (Key { code: KeyCode::Char('c'), ctrl: true }) {
            return vec![Effect::Quit];
        }
        if self.overlay.is_some() {
            return overlay::on_key(self, key, state);
        }
        if self.prompt.is_some() {
            return self.type_prompt(key, state);
        }
        if self.typing_filter {
            self.type_filter(key);
            return Vec::new();
        }
        if self.review.typing {
            self.type_word(key);
            return Vec::new();
        }
        if key.code == KeyCode::Esc && !self.pending.is_empty() {
            self.pending.clear();
            return Vec::new();
        }
        self.pending.push(key);
        let (pane, review) = (self.pane, self.in_review(state));
        let found = self.keymap.lookup(&self.pending, |scope| scope_is_active(scope, pane, review));
        match found {
            Lookup::Found(action) => {
                self.pending.clear();
                self.run(action, state)
            }
            Lookup::Prefix(_) => Vec::new(),
            Lookup::Unbound => {
                let typed: String = self.pending.drain(..).map(|key| key.to_string()).collect();
                let help = self.keymap.shown(Action::Help);
                self.say(format!("no action on {typed} here · {help} keys"), 2);
                Vec::new()
            }
        }
    }

    fn type_filter(&mut self, key: Key) {
        match key.code {
            KeyCode::Enter => self.typing_filter = false,
            KeyCode::Esc => {
                self.typing_filter = false;
                self.focused().filter.clear();
            }
            KeyCode::Backspace => {
                self.focused().filter.pop();
            }
            KeyCode::Char('u') if key.ctrl => self.focused().filter.clear(),
            KeyCode::Char(c) if !key.ctrl => self.focused().filter.push(c),
            _ => {}
        }
    }

    fn type_word(&mut self, key: Key) {
        match key.code {
            KeyCode::Enter | KeyCode::Esc => self.review.typing = false,
            KeyCode::Tab | KeyCode::Down => {
                self.review.typing = false;
                self.review.focus = 0;
            }
            KeyCode::BackTab | KeyCode::Up => {
                self.review.typing = false;
                self.review.focus = self.review.focus.saturating_sub(1);
            }
            KeyCode::Backspace => {
                self.review.word.pop();
            }
            KeyCode::Char('u') if key.ctrl => self.review.word.clear(),
            KeyCode::Char(c) if !key.ctrl => self.review.word.push(c),
            _ => {}
        }
    }

    /// The migration review is what keys go to.
    pub(crate) fn in_review(&self, state: &StudioState) -> bool {
        self.pane == Pane::Schema && self.schema.tab == SchemaTab::Migration && state.migration.is_some()
    }

    /// Goes to a pane.
    pub(crate) fn go(&mut self, pane: Pane) {
        if pane != self.pane && self.zoomed_for_now {
            self.focused().opened = false;
            self.unzoom();
        }
        self.pane = pane;
        self.typing_filter = false;
        self.review.typing = false;
        self.leave_prompt();
        self.pending.clear();
    }

    /// Runs an action, or says why it cannot be run.
    pub(crate) fn run(&mut self, action: Action, state: &StudioState) -> Vec<Effect> {
        if let Some(reason) = self.disabled(action, state) {
            self.say(reason, 4);
            return Vec::new();
        }
        match info(action).scope {
            Scope::Anywhere | Scope::Engine => self.run_anywhere(action, state),
            Scope::List => self.run_in_list(action, state),
            Scope::Pane(_) | Scope::Review => pane::run(self, state, action),
        }
    }

    /// Why an action cannot be run now.
    pub(crate) fn disabled(&self, action: Action, state: &StudioState) -> Option<String> {
        match action {
            Action::Playground => match &state.http {
                HttpState::Listening { .. } => None,
                HttpState::Down | HttpState::PortTaken { .. } => Some("HTTP is not up".to_owned()),
            },
            Action::Personas => state.personas.is_empty().then(|| "no personas in exo.toml".to_owned()),
            Action::RunTests => state.tests.running.then(|| "the tests are running".to_owned()),
            Action::Sql | Action::DatabaseReset | Action::DatabaseSeed => match &*state.database {
                studio_events::DatabaseState::Ready { .. } => None,
                _ => Some("the database is not up".to_owned()),
            },
            Action::Rebuild => state.build.running.then(|| "a build is under way".to_owned()),
            action => pane::disabled(self, state, action),
        }
    }

    fn run_anywhere(&mut self, action: Action, state: &StudioState) -> Vec<Effect> {
        match action {
            Action::GoProblems => self.go(Pane::Problems),
            Action::GoSchema => self.go(Pane::Schema),
            Action::GoTraces => self.go(Pane::Traces),
            Action::GoLatency => self.go(Pane::Latency),
            Action::GoLogs => self.go(Pane::Logs),
            Action::GoServices => {
                self.go(Pane::Services);
                if let Some(id) = pane::services::first_failed(state) {
                    self.focused().selected = Some(id);
                }
            }
            Action::GoTests => self.go(Pane::Tests),
            Action::NextPane => self.step_pane(1),
            Action::PreviousPane => self.step_pane(6),
            Action::Zoom => {
                self.zoomed = !self.zoomed;
                self.zoomed_for_now = false;
            }
            Action::Back => self.back(state),
            Action::Filter => {
                self.focused().follow = false;
                self.typing_filter = true;
            }
            Action::NextMatch => self.find(1, state),
            Action::PreviousMatch => self.find(-1, state),
            Action::Palette => self.overlay = Some(Overlay::palette()),
            Action::Help => self.overlay = Some(Overlay::Help { scroll: 0 }),
            Action::PlainLog => return vec![Effect::PlainLog],
            Action::Mouse => {
                self.mouse = !self.mouse;
                let on = self.mouse;
                self.say(if on { "mouse: clicks and wheel" } else { "mouse: left to the terminal" }, 3);
                return vec![Effect::Mouse { on }];
            }
            Action::Redraw => return vec![Effect::Redraw],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Quit | Action::QuitNow => return vec![Effect::Quit],
            Action::StartHere => self.first_run.shown = true,
            Action::Rebuild => return vec![Effect::Send(Command::Rebuild)],
            Action::Playground => {
                if let HttpState::Listening { url, playground_path, .. } = &state.http {
                    self.first_run.browser = true;
                    return vec![Effect::Browse(format!("{url}{playground_path}"))];
                }
            }
            Action::Personas => {
                let active = |name: &String| state.personas.iter().position(|persona| persona.name == *name);
                let selected = state.persona.as_ref().and_then(active).map_or(0, |at| at + 1);
                self.overlay = Some(Overlay::Personas { selected });
            }
            Action::Migration => {
                self.go(Pane::Schema);
                self.schema.tab = SchemaTab::Migration;
                if state.migration.is_some() {
                    self.zoom_for_now();
                }
            }
            Action::RunTests => return vec![Effect::Send(Command::RunTests(None))],
            Action::DatabaseReset => self.confirm(
                "Empty the database and seed it again? What is there now is kept as a copy.",
                Command::ResetDatabase,
            ),
            Action::DatabaseSeed => {
                self.confirm("Run the seeds now? They add their rows to those there are.", Command::Seed);
            }
            Action::Sql => self.ask(crate::prompt::Purpose::Sql, String::new()),
            _ => {}
        }
        Vec::new()
    }

    /// Asks before an order is given.
    pub(crate) fn confirm(&mut self, question: &str, command: Command) {
        let effect = Effect::Send(command);
        self.overlay = Some(Overlay::Confirm { question: question.to_owned(), effect });
    }

    fn step_pane(&mut self, by: usize) {
        let next = (self.pane.index() + by) % Pane::ALL.len();
        if let Some(pane) = Pane::ALL.get(next) {
            self.go(*pane);
        }
    }

    /// Whether [`Action::Back`] has something to leave.
    pub(crate) fn leads_back(&self, state: &StudioState) -> bool {
        let list = self.list(self.pane);
        !list.filter.is_empty()
            || list.opened
            || (self.pane == Pane::Tests && self.tests.coverage)
            || (self.pane == Pane::Schema && self.schema.tab == SchemaTab::Migration)
            || self.zoomed
            || self.first_run.shown
            || (self.in_review(state) && self.review.sql)
    }

    fn back(&mut self, state: &StudioState) {
        let list = self.focused();
        if !list.filter.is_empty() {
            list.filter.clear();
        } else if list.opened {
            list.opened = false;
            list.scroll = 0;
            self.unzoom();
        } else if self.in_review(state) && self.review.sql {
            self.review.sql = false;
        } else if self.pane == Pane::Tests && self.tests.coverage {
            self.tests.coverage = false;
            *self.focused() = crate::ui::PaneUi::default();
        } else if self.pane == Pane::Schema && self.schema.tab == SchemaTab::Migration {
            self.schema.tab = SchemaTab::Types;
            self.unzoom();
        } else if self.zoomed {
            self.zoomed = false;
        } else if self.first_run.shown {
            self.first_run.shown = false;
        } else {
            let quit = self.keymap.shown(Action::Quit);
            self.say(format!("nothing to go back from · {quit} quits"), 2);
        }
    }

    fn run_in_list(&mut self, action: Action, state: &StudioState) -> Vec<Effect> {
        let half = self.page(state) / 2 + 1;
        match action {
            Action::Down => self.step(1, state),
            Action::Up => self.step(-1, state),
            Action::HalfDown => self.step(half, state),
            Action::HalfUp => self.step(-half, state),
            Action::First => self.step(isize::MIN, state),
            Action::Last => self.step(isize::MAX, state),
            action => return pane::run(self, state, action),
        }
        Vec::new()
    }

    fn page(&self, state: &StudioState) -> isize {
        let places = layout(self, state);
        let area = places.panes.iter().find(|(pane, _)| *pane == self.pane).map(|(_, area)| *area);
        let parts = area.map(|area| pane::parts(self, state, self.pane, area));
        let rows = parts.map_or(0, |parts| {
            let opened = self.list(self.pane).opened;
            parts.detail.filter(|_| opened).unwrap_or(parts.list).height
        });
        isize::try_from(rows).unwrap_or(0)
    }

    /// Moves the cursor, or the text when the item is open.
    fn step(&mut self, by: isize, state: &StudioState) {
        if self.in_review(state) && !self.review.sql {
            let last = pane::review_answers(state).saturating_sub(1);
            self.review.focus = shift(self.review.focus, by, last);
            return;
        }
        let pane = self.pane;
        self.traces.plan_in_sight &= pane != Pane::Traces;
        if self.list(pane).opened {
            let list = self.focused();
            list.scroll = shift(list.scroll, by, usize::MAX - 1);
            return;
        }
        self.step_list(pane, by, state);
    }

    fn step_list(&mut self, pane: Pane, by: isize, state: &StudioState) {
        let rows = pane::rows(self, state, pane);
        let last = rows.len().saturating_sub(1);
        let list = &mut self.panes[pane.index()];
        list.index = shift(list.index, by, last);
        list.selected = rows.get(list.index);
        list.scroll = 0;
        // Following ends on the first move away from the newest item and returns with `G`.
        list.follow = match pane {
            Pane::Traces => by == isize::MAX || (list.follow && list.index == 0 && by < 0),
            Pane::Logs => list.index == last && by > 0,
            Pane::Problems | Pane::Schema | Pane::Latency | Pane::Services | Pane::Tests => false,
        };
        if pane == Pane::Traces {
            if list.follow {
                list.index = 0;
                list.selected = rows.get(0);
                self.traces.frozen = None;
            }
            self.traces.statement = 0;
        }
    }

    fn find(&mut self, direction: isize, state: &StudioState) {
        if self.list(self.pane).filter.is_empty() {
            let filter = self.keymap.shown(Action::Filter);
            self.say(format!("nothing is searched · {filter} filter"), 2);
            return;
        }
        if !pane::find(self, state, direction) {
            self.step(direction, state);
        }
    }

    fn on_mouse(&mut self, event: MouseEvent, state: &StudioState) -> Vec<Effect> {
        let at = Position::new(event.column, event.row);
        let places = layout(self, state);
        if places.tier == Tier::Floor || self.overlay.is_some() {
            return Vec::new();
        }
        let wheel = match event.kind {
            MouseEventKind::ScrollDown => 3,
            MouseEventKind::ScrollUp => -3,
            MouseEventKind::Down(MouseButton::Left) => 0,
            _ => return Vec::new(),
        };
        if wheel == 0
            && let Some((pane, _)) = places.tabs.iter().find(|(_, area)| area.contains(at))
        {
            self.go(*pane);
            return Vec::new();
        }
        let Some((pane, area)) = places.panes.iter().find(|(_, area)| area.contains(at)) else {
            return Vec::new();
        };
        let parts = pane::parts(self, state, *pane, *area);
        let in_detail = parts.detail.is_some_and(|detail| detail.contains(at));
        if wheel != 0 {
            if in_detail {
                self.traces.plan_in_sight &= *pane != Pane::Traces;
                let list = &mut self.panes[pane.index()];
                list.scroll = shift(list.scroll, wheel, usize::MAX - 1);
            } else {
                self.step_list(*pane, wheel, state);
            }
            return Vec::new();
        }
        self.go(*pane);
        if !parts.list.contains(at) {
            return Vec::new();
        }
        let list = self.list(*pane);
        let row = list.offset + usize::from(at.y - parts.list.y);
        let rows = pane::rows(self, state, *pane);
        let Some(id) = rows.get(row) else { return Vec::new() };
        let again = list.selected == Some(id);
        let list = self.focused();
        list.index = row;
        list.selected = Some(id);
        list.follow = false;
        list.scroll = 0;
        if again { self.run(Action::Open, state) } else { Vec::new() }
    }
}

/// Which scopes keys are looked up in.
pub(crate) fn scope_is_active(scope: Scope, pane: Pane, review: bool) -> bool {
    match scope {
        Scope::Anywhere | Scope::Engine | Scope::List => true,
        Scope::Pane(of) => of == pane,
        Scope::Review => review,
    }
}

/// `at` moved by `by`, kept within `0..=last`.
pub(crate) fn shift(at: usize, by: isize, last: usize) -> usize {
    at.saturating_add_signed(by).min(last)
}
