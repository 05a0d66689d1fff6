//! The palette: fuzzy search over actions, keys, types, operations, files and personas.

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{Command, StudioState};

use crate::action::{Action, Key, Pane, Scope, actions, info};
use crate::effect::Effect;
use crate::text::{left, line, put, right, width};
use crate::ui::{SchemaTab, Ui, identity};
use crate::update::shift;
use crate::view::Cx;
use crate::view::parts;

/// What is typed and where the cursor is.
#[derive(Debug, Default)]
pub(crate) struct Palette {
    pub(crate) input: String,
    pub(crate) selected: usize,
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Act(Action),
    Type(String),
    Operation(String),
    File { file: String, line: u32 },
    Persona(Option<String>),
    Sql(String),
}

/// One entry.
#[derive(Debug, Clone)]
struct Entry {
    title: String,
    /// Where it belongs, or why it cannot be run.
    note: String,
    keys: String,
    disabled: bool,
    target: Target,
}

const LIMIT: usize = 200;

/// How well `text` matches what is typed; `None` when it does not. Lower is better.
fn score(typed: &str, text: &str) -> Option<usize> {
    let text = text.to_lowercase();
    let mut total = 0;
    for word in typed.to_lowercase().split_whitespace() {
        total += match text.find(word) {
            Some(0) => 0,
            Some(at) if text.as_bytes().get(at - 1).is_some_and(|byte| !byte.is_ascii_alphanumeric()) => 1,
            Some(_) => 3,
            None => 10 + subsequence(word, &text)?,
        };
    }
    Some(total)
}

/// Letters of `word` in order, with gaps; the number of letters skipped between them.
fn subsequence(word: &str, text: &str) -> Option<usize> {
    let mut skipped = 0;
    let mut chars = text.chars();
    let mut started = false;
    for wanted in word.chars() {
        loop {
            let c = chars.next()?;
            if c == wanted {
                started = true;
                break;
            }
            skipped += usize::from(started);
        }
    }
    // Letters strewn over half a sentence are no match anybody meant.
    (skipped <= 12).then_some(skipped)
}

/// `:t Todo` and the like: which kind of entry, and the rest of the input.
fn word_with_argument(input: &str) -> Option<(&str, &str)> {
    let (word, rest) = input.split_once(' ')?;
    matches!(word, "t" | "op" | "p" | "open" | "sql").then_some((word, rest.trim()))
}

fn entries(ui: &Ui, state: &StudioState, input: &str) -> Vec<Entry> {
    let mut found: Vec<(usize, Entry)> = Vec::new();
    // Entries are made for what matches only: there may be thousands of types.
    let mut add = |typed: &str, searched: &str, bias: usize, entry: &dyn Fn() -> Entry| {
        if let Some(score) = score(typed, searched) {
            found.push((score + bias, entry()));
        }
    };
    let (word, typed) = word_with_argument(input).unwrap_or(("", input));
    if word.is_empty() {
        for row in actions() {
            let disabled = ui.disabled(row.action, state);
            let keys = ui.keymap.all_shown(row.action);
            let recent = ui.recent.iter().rev().position(|action| *action == row.action);
            let bias = recent.map_or(1, |_| 0);
            let searched = format!("{} {} {keys}", row.help, row.name);
            add(typed, &searched, bias, &|| Entry {
                title: row.help.to_owned(),
                note: disabled.clone().unwrap_or_else(|| row.scope.title().to_owned()),
                keys: keys.clone(),
                disabled: disabled.is_some(),
                target: Target::Act(row.action),
            });
        }
    }
    let more = |word: &str| word.is_empty() && !typed.is_empty();
    if word == "t" || more(word) {
        for ty in &state.schema.types {
            add(typed, &ty.name, 2, &|| {
                let title = format!("Go to: type {}", ty.name);
                plain(title, &ty.table, format!(":t {}", ty.name), Target::Type(ty.name.clone()))
            });
        }
    }
    if word == "op" || more(word) {
        let mut names: Vec<&str> = state.traces.iter().map(|trace| trace.operation.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            add(typed, name, 2, &|| {
                let target = Target::Operation(name.to_owned());
                plain(format!("Traces of: {name}"), "3 Traces", format!(":op {name}"), target)
            });
        }
    }
    if word == "p" || more(word) {
        add(typed, "anonymous", 2, &|| {
            plain("Persona: anonymous".into(), "no token", ":p anonymous".into(), Target::Persona(None))
        });
        for persona in state.personas.iter() {
            add(typed, &persona.name, 2, &|| {
                let target = Target::Persona(Some(persona.name.clone()));
                let title = format!("Persona: {}", persona.name);
                plain(title, &persona.claims, format!(":p {}", persona.name), target)
            });
        }
    }
    if word == "sql" && !typed.is_empty() {
        let disabled = ui.disabled(Action::Sql, state);
        let note = disabled.clone().unwrap_or_else(|| "read-only".to_owned());
        add("", "", 0, &|| Entry {
            title: format!("Run: {typed}"),
            note: note.clone(),
            keys: String::new(),
            disabled: disabled.is_some(),
            target: Target::Sql(typed.to_owned()),
        });
    }
    if word == "open" || more(word) {
        let (name, at) = place(typed);
        for file in files(state) {
            add(name, &file, 2, &|| {
                let target = Target::File { file: file.clone(), line: at };
                plain(format!("Open: {file}"), "$EDITOR", format!(":open {file}"), target)
            });
        }
    }
    found.sort_by_key(|(score, _)| *score);
    found.into_iter().map(|(_, entry)| entry).take(LIMIT).collect()
}

fn plain(title: String, note: &str, keys: String, target: Target) -> Entry {
    Entry { title, note: note.to_owned(), keys, disabled: false, target }
}

/// `src/index.exo:14` as file and line.
fn place(typed: &str) -> (&str, u32) {
    match typed.rsplit_once(':') {
        Some((file, line)) => match line.parse() {
            Ok(line) => (file, line),
            Err(_) => (typed, 0),
        },
        None => (typed, 0),
    }
}

/// Files of the project, and those with types or problems.
fn files(state: &StudioState) -> Vec<String> {
    let listed = state.files.iter();
    let declared = state.schema.types.iter().map(|ty| &ty.file);
    let wrong = state.all_problems().map(|problem| &problem.file);
    let mut files: Vec<String> =
        listed.chain(declared).chain(wrong).filter(|file| !file.is_empty()).cloned().collect();
    files.sort_unstable();
    files.dedup();
    files
}

pub(crate) fn on_key(ui: &mut Ui, key: Key, state: &StudioState) -> Vec<Effect> {
    let Some(super::Overlay::Palette(palette)) = &mut ui.overlay else { return Vec::new() };
    let mut by = 0;
    match key.code {
        KeyCode::Down | KeyCode::Tab => by = 1,
        KeyCode::Up | KeyCode::BackTab => by = -1,
        KeyCode::PageDown => by = 10,
        KeyCode::PageUp => by = -10,
        KeyCode::Char('n') if key.ctrl => by = 1,
        KeyCode::Char('p') if key.ctrl => by = -1,
        KeyCode::Char('u') if key.ctrl => palette.input.clear(),
        KeyCode::Char(c) if !key.ctrl => {
            palette.input.push(c);
            palette.selected = 0;
        }
        KeyCode::Backspace => {
            if palette.input.pop().is_none() {
                ui.overlay = None;
                return Vec::new();
            }
            palette.selected = 0;
        }
        _ => {}
    }
    let (input, selected) = (palette.input.clone(), palette.selected);
    let found = entries(ui, state, &input);
    if key.code == KeyCode::Enter {
        return match found.get(selected) {
            Some(entry) => choose(ui, state, entry),
            None => Vec::new(),
        };
    }
    if let Some(super::Overlay::Palette(palette)) = &mut ui.overlay {
        palette.selected = shift(selected, by, found.len().saturating_sub(1));
    }
    Vec::new()
}

fn choose(ui: &mut Ui, state: &StudioState, entry: &Entry) -> Vec<Effect> {
    ui.overlay = None;
    match &entry.target {
        Target::Act(action) => {
            ui.recent.retain(|recent| recent != action);
            ui.recent.push(*action);
            match info(*action).scope {
                Scope::Pane(pane) => ui.go(pane),
                Scope::Review => {
                    ui.go(Pane::Schema);
                    ui.schema.tab = SchemaTab::Migration;
                }
                Scope::Anywhere | Scope::Engine | Scope::List => {}
            }
            ui.settle(state);
            ui.run(*action, state)
        }
        Target::Type(name) => {
            ui.go(Pane::Schema);
            ui.schema.tab = SchemaTab::Types;
            let list = ui.focused();
            list.filter.clear();
            list.selected = Some(identity((name, None::<usize>)));
            Vec::new()
        }
        Target::Operation(name) => {
            ui.go(Pane::Traces);
            let list = ui.focused();
            list.filter.clone_from(name);
            list.follow = false;
            Vec::new()
        }
        Target::File { file, line } => vec![Effect::Edit { file: file.clone(), line: *line, column: 0 }],
        Target::Sql(_) if entry.disabled => {
            ui.say(entry.note.clone(), 4);
            Vec::new()
        }
        Target::Sql(sql) => ui.run_sql(sql.clone()),
        Target::Persona(persona) => vec![Effect::Send(Command::SetPersona(persona.clone()))],
    }
}

pub(crate) fn draw(cx: Cx<'_>, palette: &Palette, screen: Rect, buffer: &mut Buffer) {
    let found = entries(cx.ui, cx.state, &palette.input);
    let height = u16::try_from(found.len()).unwrap_or(u16::MAX).saturating_add(2).clamp(4, 18);
    let area = super::clear(screen, 84, height, buffer);
    let note = format!("{} of {}", found.len(), actions().len());
    let title = format!(": {}_", palette.input);
    let inner = parts::frame(cx, area, &title, &note, true, buffer);
    if found.is_empty() {
        let text = " nothing found · :t type  :op operation  :p persona  :open file  :sql statement";
        put(buffer, inner, 0, &line([(text.to_owned(), cx.theme.dim())]));
        return;
    }
    let visible = usize::from(inner.height).max(1);
    let offset = (palette.selected + 1).saturating_sub(visible);
    let room = usize::from(inner.width).saturating_sub(3);
    let shown = || found.iter().skip(offset).take(visible);
    let keys = shown().map(|entry| width(&entry.keys)).max().unwrap_or(0).min(16.min(room / 4));
    // Where there is little room, where an action belongs gives way; a reason does not.
    let reasons = shown().filter(|entry| entry.disabled).map(|entry| width(&entry.note)).max().unwrap_or(0);
    let notes = if room >= 70 { reasons.clamp(22, 30) } else { reasons.min(room / 3) };
    let titles = room.saturating_sub(keys + notes + 2);
    for (y, (at, entry)) in (0..inner.height).zip(found.iter().enumerate().skip(offset)) {
        let cursor = if at == palette.selected { "▸ " } else { "  " };
        let style = if entry.disabled { cx.theme.dim() } else { Style::new() };
        let row: Line<'static> = line([
            (cursor.to_owned(), cx.theme.accent()),
            (format!("{} ", left(&entry.title, titles)), style),
            (format!("{} ", left(&entry.note, notes)), cx.theme.dim()),
            (right(&entry.keys, keys), cx.theme.accent()),
        ]);
        put(buffer, inner, y, &row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_match_anywhere_and_letters_in_order() {
        assert_eq!(score("migr", "Migration: apply"), Some(0));
        assert_eq!(score("apply", "Migration: apply"), Some(1));
        assert!(score("mapply", "Migration: apply").is_some());
        assert!(score("zz", "Migration: apply").is_none());
        assert_eq!(score("", "anything"), Some(0));
        assert_eq!(place("src/index.exo:14"), ("src/index.exo", 14));
        assert_eq!(word_with_argument("t Todo"), Some(("t", "Todo")));
        assert_eq!(word_with_argument("trace plan"), None);
    }
}
