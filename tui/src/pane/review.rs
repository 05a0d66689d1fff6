//! Migration review: the steps, the answers, the typed word. Nothing runs before all of it is there.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{Choice, Command, Decision, MigrationSummary, StepClass, StudioState};

use crate::action::{Action, Pane};
use crate::effect::Effect;
use crate::pane::{Parts, schema};
use crate::sql;
use crate::text::{left, line, plain, plural, put, width};
use crate::theme::Theme;
use crate::ui::Ui;
use crate::view::Cx;
use crate::view::parts::{self, Column, Table, flexible, number, words};

const COLUMNS: &[Column] =
    &[number("step", 4, 0), flexible("change", 16), words("class", 12, 0), number("rows", 7, 2)];

/// One thing to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Do a destructive step, by index.
    Step(usize),
    /// A waiting question, by index.
    Question(usize),
    /// The typed word.
    Word,
}

/// What there is to answer, in order.
pub(crate) fn answers(state: &StudioState) -> Vec<Answer> {
    let Some(plan) = &state.migration else { return Vec::new() };
    let questions = (0..state.decisions.len()).map(Answer::Question);
    let steps = plan.steps.iter().enumerate();
    let asked = |at| plan.decisions.iter().filter_map(|it| it.step.as_ref()).any(|it| it.step == at);
    let steps = steps
        .filter(|(at, step)| step.class == StepClass::Destructive && !step.applied && !asked(*at))
        .map(|(at, _)| Answer::Step(at));
    questions.chain(steps).chain(plan.word.is_some().then_some(Answer::Word)).collect()
}

/// The word that must be typed; empty where none is needed.
pub(crate) fn word(plan: &MigrationSummary) -> String {
    plan.word.clone().unwrap_or_default()
}

fn class(theme: Theme, class: StepClass) -> (&'static str, Style) {
    match class {
        StepClass::Safe => ("safe", theme.good()),
        StepClass::NeedsValue => ("needs value", theme.warning()),
        StepClass::Question => ("question", theme.warning()),
        StepClass::Destructive => ("DESTRUCTIVE", theme.error()),
    }
}

pub(crate) fn rows(ui: &Ui, state: &StudioState) -> Vec<u64> {
    let Some(plan) = state.migration.as_ref().filter(|_| !ui.review.sql) else { return Vec::new() };
    (0..u64::try_from(plan.steps.len()).unwrap_or(0)).collect()
}

/// Height of the box of answers.
fn decide_height(state: &StudioState, area: Rect) -> u16 {
    let answers = u16::try_from(answers(state).len()).unwrap_or(u16::MAX);
    answers.saturating_add(4).min(area.height / 2)
}

fn split(state: &StudioState, area: Rect) -> (Rect, Rect) {
    let bottom = if state.migration.is_some() { decide_height(state, area) } else { 0 };
    let top = Rect { height: area.height - bottom, ..area };
    (top, Rect { y: top.bottom(), height: bottom, ..area })
}

pub(crate) fn parts(ui: &Ui, state: &StudioState, area: Rect) -> Parts {
    let (top, _) = split(state, area);
    let inner = parts::inside(top);
    let Some(plan) = &state.migration else {
        return Parts { list: Rect { height: 0, ..inner }, detail: None };
    };
    let body = Rect { y: inner.y + 1.min(inner.height), height: inner.height.saturating_sub(1), ..inner };
    if ui.review.sql {
        return Parts { list: Rect { height: 0, ..body }, detail: Some(inner) };
    }
    let steps = u16::try_from(plan.steps.len()).unwrap_or(u16::MAX);
    crate::pane::list_over_text(body, steps.min((body.height / 2).max(2)))
}

/// Index of the step the focused answer is about.
fn focused_step(ui: &Ui, state: &StudioState) -> usize {
    match answers(state).get(ui.review.focus) {
        Some(Answer::Step(at)) => *at,
        Some(Answer::Question(_) | Answer::Word) | None => ui.list(Pane::Schema).index,
    }
}

/// The statements of the step the answers are about, or of all steps.
pub(crate) fn detail(ui: &Ui, state: &StudioState, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let Some(plan) = &state.migration else { return Vec::new() };
    let mut lines = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        if !ui.review.sql && at != focused_step(ui, state) {
            continue;
        }
        let (word, style) = class(theme, step.class);
        let rows = step.rows.map(|rows| format!(" · {rows} rows")).unwrap_or_default();
        lines.push(line([
            (format!("step {}  ", at + 1), theme.bold()),
            (word.to_owned(), style),
            (format!("{rows}  {}", step.title), Style::new()),
        ]));
        for statement in &step.statements {
            for mut row in sql::pretty(theme, statement, columns.saturating_sub(2)) {
                row.spans.insert(0, "  ".into());
                lines.push(row);
            }
        }
    }
    lines
}

pub(crate) fn draw(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let focused = cx.ui.pane == Pane::Schema;
    let (top, bottom) = split(cx.state, area);
    let Some(plan) = &cx.state.migration else {
        let inner = parts::frame(cx, area, "2 Schema › migration", "nothing pending", focused, buffer);
        put(buffer, inner, 0, &schema::tab_line(cx));
        let texts =
            [" ● The database has the tables of the model.", " Steps that lose data wait here for you."];
        for (row, text) in (2..).zip(texts) {
            put(buffer, inner, row, &line([(text.to_owned(), cx.theme.dim())]));
        }
        return;
    };
    let destructive = plan.steps.iter().filter(|step| step.class == StepClass::Destructive).count();
    let note = format!("{} · {destructive} destructive", plural(plan.steps.len(), "step"));
    let from = match cx.state.serving.revision {
        Some(revision) => format!("Migration {revision} → {}", plan.revision),
        None => format!("Migration to {}", plan.revision),
    };
    let inner = parts::frame(cx, top, &from, &note, focused, buffer);
    let places = parts(cx.ui, cx.state, area);
    if !cx.ui.review.sql {
        draw_steps(cx, plan, inner, places.list, buffer);
    }
    if let Some(area) = places.detail {
        let lines = detail(cx.ui, cx.state, cx.theme, usize::from(area.width));
        parts::text(area, &lines, cx.ui.list(Pane::Schema).scroll, buffer);
    }
    draw_answers(cx, plan, bottom, buffer);
}

fn draw_steps(cx: Cx<'_>, plan: &MigrationSummary, inner: Rect, list: Rect, buffer: &mut Buffer) {
    let table = Table::new(COLUMNS, usize::from(inner.width).saturating_sub(2));
    put(buffer, inner, 0, &table.head(cx));
    let current = focused_step(cx.ui, cx.state);
    let offset = (current + 1).saturating_sub(usize::from(list.height));
    for (y, (at, step)) in (0..list.height).zip(plan.steps.iter().enumerate().skip(offset)) {
        let (word, style) = class(cx.theme, step.class);
        let mut row = table.row(|column| match column {
            0 => ((at + 1).to_string(), Style::new()),
            1 => (step.title.clone(), Style::new()),
            2 => (if step.applied { "done" } else { word }.to_owned(), style),
            _ => (step.rows.map(|rows| rows.to_string()).unwrap_or_default(), Style::new()),
        });
        let cursor = if at == current { "▸" } else { " " };
        row.spans.insert(0, ratatui::text::Span::styled(cursor, cx.theme.accent()));
        put(buffer, list, y, &row);
    }
}

fn draw_answers(cx: Cx<'_>, plan: &MigrationSummary, area: Rect, buffer: &mut Buffer) {
    let (ui, state) = (cx.ui, cx.state);
    let inner = parts::frame(cx, area, "Decide", "nothing has run yet", false, buffer);
    let mut lines = Vec::new();
    for (position, answer) in answers(state).into_iter().enumerate() {
        let active = position == ui.review.focus;
        let cursor = if active { "▸" } else { " " };
        let style = if active { cx.theme.bold() } else { Style::new() };
        let text = match answer {
            Answer::Step(at) => {
                let title = plan.steps.get(at).map(|step| step.title.as_str()).unwrap_or_default();
                let (yes, no) = if ui.review.accepted.contains(&at) { ("•", " ") } else { (" ", "•") };
                let title = left(title, question_width(cx, plan));
                format!("{} {title}  ({yes}) do it   ({no}) keep for now", at + 1)
            }
            Answer::Question(at) => {
                let Some(decision) = state.decisions.get(at) else { continue };
                let chosen = chosen(ui, decision);
                let options = decision.options.iter().enumerate().map(|(number, option)| {
                    let mark = if chosen == number { "•" } else { " " };
                    format!("({mark}) {option}")
                });
                let question = left(&decision.question, question_width(cx, plan) + 2);
                format!("{question}  {}", options.collect::<Vec<_>>().join("   "))
            }
            Answer::Word => {
                let caret = if ui.review.typing { "_" } else { "" };
                let word = word(plan);
                let typed = left(&format!("{}{caret}", ui.review.word), width(&word) + 1);
                format!("the word  {word}  typed here: [{typed}]")
            }
        };
        lines.push(line([(cursor.to_owned(), cx.theme.accent()), (text, style)]));
    }
    let room = usize::from(inner.height);
    let note = match blocked(ui, state) {
        Some(reason) => line([(format!(" {reason}"), cx.theme.dim())]),
        None => {
            let key = ui.keymap.shown(Action::MigrationApply);
            line([(format!(" {key} applies {}", plural(plan.steps.len(), "step")), cx.theme.accent())])
        }
    };
    let shown = room.saturating_sub(1).max(1);
    let skip = (ui.review.focus + 1).saturating_sub(shown);
    for (y, line) in (0..inner.height).zip(lines.iter().skip(skip).take(shown)) {
        put(buffer, inner, y, line);
    }
    if room > 1 {
        put(buffer, inner, inner.height - 1, &note);
    }
    if room > lines.len() + 1
        && let Some(revision) = state.serving.revision
    {
        let text = format!(" The API serves {revision} until then.");
        put(buffer, inner, inner.height - 2, &plain(text));
    }
}

/// Columns for the questions, so that the choices stand below each other.
fn question_width(cx: Cx<'_>, plan: &MigrationSummary) -> usize {
    let steps = plan.steps.iter().map(|step| width(&step.title));
    let questions = cx.state.decisions.iter().map(|decision| width(&decision.question).saturating_sub(2));
    let room = usize::from(cx.ui.screen.width).saturating_sub(44);
    steps.chain(questions).max().unwrap_or(0).min(room)
}

fn chosen(ui: &Ui, decision: &Decision) -> usize {
    let here = ui.review.chosen.iter().find(|(of, _)| *of == decision.id.0).map(|(_, option)| *option);
    here.or_else(|| decision.chosen()).unwrap_or(decision.default)
}

/// Why the migration cannot be applied yet.
fn blocked(ui: &Ui, state: &StudioState) -> Option<String> {
    let Some(plan) = &state.migration else { return Some("nothing is pending".to_owned()) };
    for answer in answers(state) {
        match answer {
            Answer::Step(at) if !ui.review.accepted.contains(&at) => {
                return Some(format!("step {} is kept for now: the plan is applied as a whole", at + 1));
            }
            Answer::Word if ui.review.word != word(plan) => {
                return Some(format!("needs the word {} typed in full", word(plan)));
            }
            Answer::Step(_) | Answer::Question(_) | Answer::Word => {}
        }
    }
    None
}

pub(crate) fn disabled(ui: &Ui, state: &StudioState, action: Action) -> Option<String> {
    match action {
        Action::MigrationApply => blocked(ui, state),
        Action::MigrationSql | Action::MigrationWrite | Action::MigrationNext | Action::MigrationPrevious
            if state.migration.is_none() =>
        {
            Some("nothing is pending".to_owned())
        }
        _ => None,
    }
}

pub(crate) fn run(ui: &mut Ui, state: &StudioState, action: Action) -> Vec<Effect> {
    let Some(plan) = &state.migration else { return Vec::new() };
    let all = answers(state);
    match action {
        Action::MigrationNext => ui.review.focus = (ui.review.focus + 1) % all.len().max(1),
        Action::MigrationPrevious => {
            ui.review.focus = (ui.review.focus + all.len().saturating_sub(1)) % all.len().max(1);
        }
        Action::MigrationSql => ui.review.sql = !ui.review.sql,
        Action::Space | Action::Open => return answer(ui, state, all.get(ui.review.focus).copied()),
        Action::MigrationWrite => {
            let file = format!("migration-{}.sql", plan.revision);
            return vec![Effect::Write { file, text: script(plan) }];
        }
        Action::MigrationApply => {
            let mut effects: Vec<_> = state
                .decisions
                .iter()
                // Those about a step were answered when they were chosen.
                .filter(|decision| decision.step.is_none() && !decision.options.is_empty())
                .map(|decision| {
                    let choice = Choice::Option(chosen(ui, decision));
                    Effect::Send(Command::Answer(decision.id, choice))
                })
                .collect();
            effects.push(Effect::Send(Command::Migrate { consent: ui.review.word.clone() }));
            ui.review.word.clear();
            return effects;
        }
        Action::CopyItem | Action::CopySql => {
            return vec![Effect::Copy { what: "SQL".to_owned(), text: script(plan) }];
        }
        Action::CopyJson => {
            let text = serde_json::to_string_pretty(plan.as_ref()).unwrap_or_default();
            return vec![Effect::Copy { what: "JSON".to_owned(), text }];
        }
        Action::SchemaTypes | Action::SchemaDdl | Action::SchemaSdl | Action::SchemaCounts => {
            return schema::run(ui, state, action);
        }
        _ => {}
    }
    Vec::new()
}

fn answer(ui: &mut Ui, state: &StudioState, answer: Option<Answer>) -> Vec<Effect> {
    match answer {
        Some(Answer::Step(at)) => {
            let accepted = &mut ui.review.accepted;
            let _ = accepted.remove(&at) || accepted.insert(at);
        }
        Some(Answer::Question(at)) => {
            if let Some(decision) = state.decisions.get(at) {
                let next = (chosen(ui, decision) + 1) % decision.options.len().max(1);
                if decision.step.is_some() && !decision.options.is_empty() {
                    return vec![Effect::Send(Command::Answer(decision.id, Choice::Option(next)))];
                }
                ui.review.chosen.retain(|(of, _)| *of != decision.id.0);
                ui.review.chosen.push((decision.id.0, next));
            }
        }
        Some(Answer::Word) => ui.review.typing = true,
        None => {}
    }
    Vec::new()
}

/// The statements as a file.
fn script(plan: &MigrationSummary) -> String {
    let mut text = format!("-- {} for {}\n", plural(plan.steps.len(), "step"), plan.revision);
    for (at, step) in plan.steps.iter().enumerate() {
        text.push_str(&format!("\n-- step {}: {}\n", at + 1, step.title.replace('\n', " ")));
        for statement in &step.statements {
            let statement = statement.trim_end();
            text.push_str(statement);
            text.push_str(if statement.ends_with(';') { "\n" } else { ";\n" });
        }
    }
    text
}
