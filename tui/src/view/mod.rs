//! Drawing: a pure function of the terminal's state, the studio's state and the area. No clock, no locks, no
//! writes; less space means fewer parts, never a panic.

pub(crate) mod chrome;
pub(crate) mod layout;
pub(crate) mod parts;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use studio_events::StudioState;

use crate::overlay;
use crate::pane;
use crate::theme::Theme;
use crate::ui::Ui;
use layout::{Tier, layout};

/// What every drawing function reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cx<'a> {
    pub(crate) ui: &'a Ui,
    pub(crate) state: &'a StudioState,
    pub(crate) theme: Theme,
    pub(crate) tier: Tier,
}

/// Draws one frame.
pub fn view(ui: &Ui, state: &StudioState, frame: &mut Frame<'_>) {
    let area = frame.area();
    draw(ui, state, area, frame.buffer_mut());
}

/// Draws one frame into a buffer.
pub(crate) fn draw(ui: &Ui, state: &StudioState, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    // Between a resize of the terminal and its message the areas differ: the frame waits for the message.
    if ui.screen.intersection(area) != ui.screen {
        return;
    }
    let places = layout(ui, state);
    let cx = Cx { ui, state, theme: ui.theme, tier: places.tier };
    if places.tier == Tier::Floor {
        chrome::floor(cx, places.status, buffer);
        ui.theme.finish(buffer);
        return;
    }
    chrome::status(cx, places.status, buffer);
    chrome::tabs(cx, &places, buffer);
    if let Some(area) = places.banner {
        chrome::draw_banner(cx, area, buffer);
    }
    if let Some(area) = places.card {
        overlay::card::draw(cx, area, buffer);
    }
    for (pane, area) in &places.panes {
        pane::draw(cx, *pane, *area, buffer);
    }
    chrome::message(cx, places.message, buffer);
    chrome::hints(cx, places.hints, buffer);
    overlay::draw(cx, area, buffer);
    ui.theme.finish(buffer);
}
