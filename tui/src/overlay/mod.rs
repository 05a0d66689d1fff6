//! What lies over the panes: palette, key help, persona chooser, a question. `Esc` closes each of them.

pub(crate) mod card;
mod help;
mod palette;
mod query;

pub(crate) use help::scopes;

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{Command, StudioState};

use crate::action::Key;
use crate::effect::Effect;
use crate::text::{line, put, wrap};
use crate::ui::Ui;
use crate::update::shift;
use crate::view::Cx;
use crate::view::parts;

/// What lies over the panes.
#[derive(Debug)]
pub(crate) enum Overlay {
    Palette(palette::Palette),
    Help {
        scroll: usize,
    },
    Personas {
        /// 0 is anonymous.
        selected: usize,
    },
    Confirm {
        question: String,
        effect: Effect,
    },
    /// What a statement typed by hand came to.
    Query {
        number: u64,
        sql: String,
        write: bool,
        scroll: usize,
    },
}

impl Overlay {
    pub(crate) fn palette() -> Self {
        Self::Palette(palette::Palette::default())
    }
}

/// Keys while something lies over the panes.
pub(crate) fn on_key(ui: &mut Ui, key: Key, state: &StudioState) -> Vec<Effect> {
    let Some(overlay) = &mut ui.overlay else { return Vec::new() };
    if key.code == KeyCode::Esc {
        ui.overlay = None;
        return Vec::new();
    }
    let by = match key.code {
        KeyCode::Down | KeyCode::Char('j') => 1,
        KeyCode::Up | KeyCode::Char('k') => -1,
        KeyCode::PageDown | KeyCode::Char(' ') => 10,
        KeyCode::PageUp => -10,
        KeyCode::Char('d') if key.ctrl => 10,
        KeyCode::Char('u') if key.ctrl => -10,
        KeyCode::Char('G') | KeyCode::End => isize::MAX,
        KeyCode::Char('g') | KeyCode::Home => isize::MIN,
        _ => 0,
    };
    match overlay {
        Overlay::Palette(_) => palette::on_key(ui, key, state),
        Overlay::Help { scroll } => {
            if matches!(key.code, KeyCode::Char('q' | '?') | KeyCode::F(1)) {
                ui.overlay = None;
            } else {
                let room = usize::from(ui.screen.height.saturating_sub(AROUND + 2));
                *scroll = shift(*scroll, by, help::height().saturating_sub(room));
            }
            Vec::new()
        }
        Overlay::Personas { selected } => {
            *selected = shift(*selected, by, state.personas.len());
            if matches!(key.code, KeyCode::Enter | KeyCode::Char(' ')) {
                let chosen = selected.checked_sub(1).and_then(|at| state.personas.get(at));
                let persona = chosen.map(|persona| persona.name.clone());
                ui.overlay = None;
                return vec![Effect::Send(Command::SetPersona(persona))];
            }
            Vec::new()
        }
        Overlay::Query { .. } => query::on_key(ui, key, by, state),
        Overlay::Confirm { effect, .. } => match key.code {
            KeyCode::Char('y') | KeyCode::Enter => {
                let effect = effect.clone();
                ui.overlay = match &effect {
                    Effect::Send(Command::Query { number, sql, write }) => {
                        Some(Overlay::Query { number: *number, sql: sql.clone(), write: *write, scroll: 0 })
                    }
                    _ => None,
                };
                vec![effect]
            }
            KeyCode::Char('n' | 'q') => {
                ui.overlay = None;
                Vec::new()
            }
            _ => Vec::new(),
        },
    }
}

/// The keys of what lies over the panes.
pub(crate) fn keys(cx: Cx<'_>) -> Option<Vec<(&'static str, &'static str)>> {
    let enter = cx.theme.enter();
    Some(match cx.ui.overlay.as_ref()? {
        Overlay::Palette(_) => vec![("↓ ↑", "choose"), (enter, "run"), ("Esc", "back")],
        Overlay::Help { .. } => vec![("j k", "scroll"), ("Esc", "back")],
        Overlay::Personas { .. } => vec![("j k", "choose"), (enter, "take"), ("Esc", "back")],
        Overlay::Confirm { .. } => vec![("y", "yes"), ("n", "no")],
        Overlay::Query { .. } => {
            vec![("j k", "scroll"), ("e", "edit"), ("y", "copy"), ("W", "let it write"), ("Esc", "back")]
        }
    })
}

/// Draws what lies over the panes.
pub(crate) fn draw(cx: Cx<'_>, screen: Rect, buffer: &mut Buffer) {
    match &cx.ui.overlay {
        None => {}
        Some(Overlay::Palette(palette)) => palette::draw(cx, palette, screen, buffer),
        Some(Overlay::Help { scroll }) => help::draw(cx, *scroll, screen, buffer),
        Some(Overlay::Personas { selected }) => personas(cx, *selected, screen, buffer),
        Some(Overlay::Query { number, sql, write, scroll }) => {
            query::draw(cx, query::Asked { number: *number, sql, write: *write }, *scroll, screen, buffer);
        }
        Some(Overlay::Confirm { question, .. }) => {
            let width = 70.min(screen.width);
            // A question is read whole or not at all.
            let text = wrap(question, usize::from(width.saturating_sub(4)));
            let lines = u16::try_from(text.len()).unwrap_or(u16::MAX);
            let area = clear(screen, width, lines.saturating_add(3), buffer);
            let inner = parts::frame(cx, area, "Sure?", "", true, buffer);
            for (y, text) in (0..inner.height.saturating_sub(1)).zip(text) {
                put(buffer, inner, y, &line([(format!(" {text}"), Style::new())]));
            }
            let keys = format!(" {} or y  yes      Esc or n  no", cx.theme.enter());
            put(buffer, inner, inner.height.saturating_sub(1), &line([(keys, cx.theme.accent())]));
        }
    }
}

/// Lines above and below what lies over the panes: the first one answers what is checked, served and up, the last two
/// are for messages and keys.
const AROUND: u16 = 3;

/// Empties a box in the upper middle of the screen and returns its place.
fn clear(screen: Rect, width: u16, height: u16, buffer: &mut Buffer) -> Rect {
    // A rest of a box on both sides is no use.
    let width = if width + 4 >= screen.width { screen.width } else { width };
    let height = height.min(screen.height.saturating_sub(AROUND)).max(2.min(screen.height));
    let x = screen.x + (screen.width - width) / 2;
    let top = u16::from(screen.height > height);
    let y = (screen.y + (screen.height - height) / 3).max(top);
    let area = Rect { x, y, width, height };
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            buffer[(x, y)].reset();
        }
    }
    area
}

fn personas(cx: Cx<'_>, selected: usize, screen: Rect, buffer: &mut Buffer) {
    let rows = u16::try_from(cx.state.personas.len()).unwrap_or(u16::MAX).saturating_add(4);
    let area = clear(screen, 76, rows.min(20), buffer);
    let inner = parts::frame(cx, area, "Persona", "signs the playground's requests", true, buffer);
    let visible = usize::from(inner.height.saturating_sub(1)).max(1);
    let offset = (selected + 1).saturating_sub(visible);
    let anonymous = [("anonymous".to_owned(), "no token".to_owned(), cx.state.persona.is_none())];
    let known = cx.state.personas.iter().map(|persona| {
        let active = cx.state.persona.as_deref() == Some(&persona.name);
        (persona.name.clone(), persona.claims.clone(), active)
    });
    for (y, (at, (name, claims, active))) in
        (0..inner.height.saturating_sub(1)).zip(anonymous.into_iter().chain(known).enumerate().skip(offset))
    {
        let cursor = if at == selected { "▸" } else { " " };
        let sign = if active { "● " } else { "  " };
        put(
            buffer,
            inner,
            y,
            &line([
                (cursor.to_owned(), cx.theme.accent()),
                (sign.to_owned(), cx.theme.good()),
                (format!("{} ", crate::text::left(&name, 16)), cx.theme.bold()),
                (claims, cx.theme.dim()),
            ]),
        );
    }
    let keys = format!(" {} choose   Esc back", cx.theme.enter());
    let last = inner.height.saturating_sub(1);
    put(buffer, inner, last, &line([(keys, cx.theme.accent())]));
    if inner.height == 0 {
        put(buffer, area, 0, &Line::default());
    }
}
