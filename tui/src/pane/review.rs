//! Migration review: the steps, the answers, the typed word. Nothing runs before all of it is there.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{Choice, Command, Decision, MigrationSummary, StepClass, StudioState};

use crate::action::{Action, Pane};
use crate::effect::Effect;
use crate::pane::{Parts, schema};
use crate::prompt::Purpose;
use crate::sql;
use crate::text::{left, line, plain, plural, put, width, wrap};
use crate::theme::Theme;
use crate::ui::Ui;
use crate::view::Cx;
use crate::view::parts::{self, Column, Table, flexible, number, words};

const COLUMNS: &[Column] = &[
    number("step", 4, 0),
    flexible("change", 16),
    words("class", 12, 0),
    number("rows", 7, 2),
    words("lock", 7, 3),
    words("runs", 5, 1),
];

/// One thing to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A question about a step, by its index among those that wait.
    Question(usize),
    /// The typed word.
    Word,
}

/// What there is to answer, in order.
pub(crate) fn answers(state: &StudioState) -> Vec<Answer> {
    let Some(plan) = &state.migration else { return Vec::new() };
    let about_steps = state.decisions.iter().enumerate().filter(|(_, decision)| decision.step.is_some());
    about_steps
        .map(|(at, _)| Answer::Question(at))
        .chain(plan.word.is_some().then_some(Answer::Word))
        .collect()
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
    // A refused answer has a line that says why.
    let refused =
        state.decisions.iter().filter(|decision| decision.step.is_some() && decision.refused.is_some());
    let lines = u16::try_from(answers(state).len() + refused.count()).unwrap_or(u16::MAX);
    lines.saturating_add(4).min(area.height / 2)
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
        let text = Rect { x: inner.x + 1, width: inner.width.saturating_sub(1), ..inner };
        return Parts { list: Rect { height: 0, ..body }, detail: Some(text) };
    }
    let steps = u16::try_from(plan.steps.len()).unwrap_or(u16::MAX);
    crate::pane::list_over_text(body, steps.min((body.height / 2).max(2)))
}

/// The focused answer is typed: a value, or the word.
pub(crate) fn is_typed(ui: &Ui, state: &StudioState) -> bool {
    match answers(state).get(ui.review.focus) {
        Some(Answer::Question(at)) => {
            state.decisions.get(*at).is_some_and(|decision| decision.options.is_empty())
        }
        Some(Answer::Word) => true,
        None => false,
    }
}

/// Index of the step the focused answer is about.
fn focused_step(ui: &Ui, state: &StudioState) -> usize {
    let about = match answers(state).get(ui.review.focus) {
        Some(Answer::Question(at)) => state.decisions.get(*at).and_then(|decision| decision.step.as_ref()),
        Some(Answer::Word) | None => None,
    };
    about.map_or(ui.list(Pane::Schema).index, |about| about.step)
}

/// What a step does, without the values that are shown by themselves.
fn without_samples(title: &str) -> &str {
    title.split_once(", such as ").map_or(title, |(what, _)| what)
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
        let rows = step.rows.map(|rows| format!(" · {}", plural(rows, "row"))).unwrap_or_default();
        let about = state.decisions.iter().filter_map(|decision| decision.step.as_ref());
        let about = about.filter(|about| about.step == at);
        let mut samples: Vec<&str> = Vec::new();
        for sample in about.flat_map(|about| &about.samples) {
            if !samples.contains(&sample.as_str()) {
                samples.push(sample);
            }
        }
        let what = if samples.is_empty() { step.title.as_str() } else { without_samples(&step.title) };
        lines.push(line([
            (format!("step {}  ", at + 1), theme.bold()),
            (word.to_owned(), style),
            (format!("{rows}  {what}"), Style::new()),
        ]));
        if !samples.is_empty() {
            let text = format!("  values such as {}", samples.join(", "));
            lines.extend(wrap(&text, columns).into_iter().map(|text| line([(text, theme.dim())])));
        }
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
    let open = plan.decisions.iter().filter(|decision| decision.answer.is_none()).count();
    let mut note = plural(plan.steps.len(), "step");
    let roomy = top.width >= 70;
    for (count, word) in [(open, if roomy { "to answer" } else { "open" }), (destructive, "destructive")] {
        if count > 0 || roomy {
            note.push_str(&format!(" · {count} {word}"));
        }
    }
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
            1 => (without_samples(&step.title).to_owned(), Style::new()),
            2 => (if step.applied { "done" } else { word }.to_owned(), style),
            3 => (step.rows.map(|rows| rows.to_string()).unwrap_or_default(), Style::new()),
            4 => (step.lock.clone(), Style::new()),
            _ if step.chosen => ("● yes".to_owned(), cx.theme.good()),
            _ => ("○ no".to_owned(), cx.theme.dim()),
        });
        let cursor = if at == current { "▸" } else { " " };
        row.spans.insert(0, ratatui::text::Span::styled(cursor, cx.theme.accent()));
        put(buffer, list, y, &row);
    }
}

fn draw_answers(cx: Cx<'_>, plan: &MigrationSummary, area: Rect, buffer: &mut Buffer) {
    let (ui, state) = (cx.ui, cx.state);
    let note = match state.migrating {
        Some((done, total)) => format!("applying: {done} of {total} statements"),
        None if plan.held => "undone: safe steps wait, too".to_owned(),
        None => "nothing has run yet".to_owned(),
    };
    let inner = parts::frame(cx, area, "Decide", &note, false, buffer);
    let mut lines = Vec::new();
    let mut focused = 0;
    for (position, answer) in answers(state).into_iter().enumerate() {
        let active = position == ui.review.focus;
        if active {
            focused = lines.len();
        }
        let cursor = if active { "▸" } else { " " };
        let style = if active { cx.theme.bold() } else { Style::new() };
        let text = match answer {
            Answer::Question(at) => {
                let Some(decision) = state.decisions.get(at) else { continue };
                question(cx, plan, decision, usize::from(area.width))
            }
            Answer::Word => {
                let caret = if ui.review.typing { "_" } else { "" };
                let word = word(plan);
                let typed = left(&format!("{}{caret}", ui.review.word), width(&word) + 1);
                let roomy = area.width >= 70;
                let words = if roomy { "what loses values needs the word" } else { "needs the word" };
                let here = if roomy { "  typed here: " } else { ": " };
                format!("  {words}  {word}{here}[{typed}]")
            }
        };
        lines.push(line([(cursor.to_owned(), cx.theme.accent()), (text, style)]));
        if let Answer::Question(at) = answer
            && let Some(why) = state.decisions.get(at).and_then(|decision| decision.refused.as_ref())
        {
            lines.push(line([(format!("    ✗ not taken: {why}"), cx.theme.error())]));
        }
    }
    let copy = match &plan.copy {
        Some(copy) => format!(" A copy of the database is made first: {copy}"),
        None => " ▲ No copy can be made of this database.".to_owned(),
    };
    lines.push(line([(copy, cx.theme.dim())]));
    let room = usize::from(inner.height);
    let note = match blocked(ui, state) {
        Some(reason) => line([(format!(" ○ {reason}"), cx.theme.dim())]),
        None => {
            let key = ui.keymap.shown(Action::MigrationApply);
            let count = plan.steps.iter().filter(|step| step.chosen).count();
            line([(format!(" {key} applies {}", plural(count, "step")), cx.theme.accent())])
        }
    };
    let shown = room.saturating_sub(1).max(1);
    let skip = (focused + 1).saturating_sub(shown);
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

/// A question with its options, or with the value that is asked for.
fn question(cx: Cx<'_>, plan: &MigrationSummary, decision: &Decision, columns: usize) -> String {
    let step = decision.step.as_ref().map_or(0, |about| about.step + 1);
    let columns = question_width(cx, plan, columns);
    if decision.options.is_empty() {
        let value = match &decision.answer {
            Some(Choice::Value(value)) => value.clone(),
            Some(Choice::Expression(text)) => format!("= {text}"),
            Some(Choice::Option(_) | Choice::Defer) | None => String::new(),
        };
        return format!("{step} {}  [{}]", left(&decision.question, columns), left(&value, 12));
    }
    let chosen = decision.chosen().unwrap_or(decision.default);
    let options = decision.options.iter().enumerate().map(|(number, option)| {
        let mark = if chosen == number { "•" } else { " " };
        format!("({mark}) {option}")
    });
    format!("{step} {}  {}", left(&decision.question, columns), options.collect::<Vec<_>>().join("   "))
}

/// How many of `columns` the questions get, so that the choices stand below each other and are never cut.
fn question_width(cx: Cx<'_>, plan: &MigrationSummary, columns: usize) -> usize {
    let questions = plan.decisions.iter().chain(cx.state.decisions.iter());
    let options =
        |decision: &Decision| decision.options.iter().map(|option| width(option) + 7).sum::<usize>();
    let needed = questions.clone().map(options).max().unwrap_or(0).max(16);
    let room = columns.saturating_sub(needed + 8).max(20);
    questions.map(|decision| width(&decision.question)).max().unwrap_or(0).min(room)
}

/// Why the migration cannot be applied yet.
fn blocked(ui: &Ui, state: &StudioState) -> Option<String> {
    let Some(plan) = &state.migration else { return Some("nothing is pending".to_owned()) };
    if state.migrating.is_some() {
        return Some("it is being applied".to_owned());
    }
    let about_steps = state.decisions.iter().filter_map(|decision| Some((decision, decision.step.as_ref()?)));
    for (decision, about) in about_steps {
        if decision.options.is_empty() && decision.answer.is_none() {
            return Some(format!("step {} needs a value for the rows there are", about.step + 1));
        }
    }
    if !plan.steps.iter().any(|step| step.chosen && !step.applied) {
        return Some("every step is kept for now: nothing would change".to_owned());
    }
    if plan.word.is_some() && ui.review.word != word(plan) {
        return Some(format!("needs the word {} typed in full", word(plan)));
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
            let consent = std::mem::take(&mut ui.review.word);
            return vec![Effect::Send(Command::Migrate { consent, plan: Some(plan.revision) })];
        }
        Action::CopyItem | Action::CopySql => {
            return vec![Effect::Copy { what: "SQL".to_owned(), text: script(plan) }];
        }
        Action::CopyJson => {
            let text = serde_json::to_string_pretty(plan.as_ref()).unwrap_or_default();
            return vec![Effect::Copy { what: "JSON".to_owned(), text }];
        }
        Action::SchemaTypes
        | Action::SchemaDdl
        | Action::SchemaSdl
        | Action::SchemaCounts
        | Action::SchemaCopy
        | Action::SchemaUndo => return schema::run(ui, state, action),
        _ => {}
    }
    Vec::new()
}

fn answer(ui: &mut Ui, state: &StudioState, answer: Option<Answer>) -> Vec<Effect> {
    match answer {
        Some(Answer::Question(at)) => {
            let Some(decision) = state.decisions.get(at) else { return Vec::new() };
            if decision.options.is_empty() {
                let known = match &decision.answer {
                    Some(Choice::Value(value)) => value.clone(),
                    Some(Choice::Expression(text)) => format!("= {text}"),
                    Some(Choice::Option(_) | Choice::Defer) | None => String::new(),
                };
                let question = decision.question.clone();
                ui.ask(Purpose::Value { id: decision.id.0, question }, known);
                return Vec::new();
            }
            let sent = ui.review.sent.iter().find(|(id, _)| *id == decision.id).map(|(_, option)| *option);
            let now = sent.or(decision.chosen()).unwrap_or(decision.default);
            let next = (now + 1) % decision.options.len();
            ui.review.sent.retain(|(id, _)| *id != decision.id);
            ui.review.sent.push((decision.id, next));
            return vec![Effect::Send(Command::Answer(decision.id, Choice::Option(next)))];
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
