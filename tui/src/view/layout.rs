//! Where everything is: a pure function of the terminal's own state, used for drawing and for clicks.

use ratatui::layout::Rect;
use studio_events::StudioState;

use crate::action::Pane;
use crate::text::width;
use crate::ui::Ui;
use crate::view::chrome;

/// The three layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// From 110×30: a grid, any pane zoomable.
    Wide,
    /// From 60×15: one pane and tabs.
    Narrow,
    /// Below: one line.
    Floor,
}

impl Tier {
    pub(crate) fn of(screen: Rect) -> Self {
        if screen.width >= 110 && screen.height >= 30 {
            Self::Wide
        } else if screen.width >= 60 && screen.height >= 15 {
            Self::Narrow
        } else {
            Self::Floor
        }
    }
}

/// The places of one frame.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) tier: Tier,
    pub(crate) status: Rect,
    pub(crate) tab_line: Rect,
    pub(crate) tabs: Vec<(Pane, Rect)>,
    pub(crate) banner: Option<Rect>,
    pub(crate) card: Option<Rect>,
    pub(crate) panes: Vec<(Pane, Rect)>,
    pub(crate) message: Rect,
    pub(crate) hints: Rect,
}

/// Lines of the first-run card, frame included.
const CARD_HEIGHT: u16 = 11;

/// Computes the places.
pub(crate) fn layout(ui: &Ui, state: &StudioState) -> Layout {
    let screen = ui.screen;
    let tier = Tier::of(screen);
    let row = |y: u16| Rect { y, height: 1, ..screen }.intersection(screen);
    if tier == Tier::Floor {
        return Layout {
            tier,
            status: row(0),
            tab_line: Rect::ZERO,
            tabs: Vec::new(),
            banner: None,
            card: None,
            panes: Vec::new(),
            message: Rect::ZERO,
            hints: Rect::ZERO,
        };
    }
    let tab_line = row(1);
    let mut top = 2;
    let banner = chrome::banner(ui, state).map(|_| {
        top += 1;
        row(2)
    });
    let mut body = Rect { y: top, height: screen.height.saturating_sub(top + 2), ..screen };
    let room_for_card = body.height >= CARD_HEIGHT + 8;
    let card = (ui.first_run.shown && room_for_card).then(|| {
        let card = Rect { height: CARD_HEIGHT, ..body };
        body.y += CARD_HEIGHT;
        body.height -= CARD_HEIGHT;
        card
    });
    Layout {
        tier,
        status: row(0),
        tab_line,
        tabs: tabs(ui, state, tab_line),
        banner,
        card,
        panes: panes(ui, tier, body),
        message: row(screen.height - 2),
        hints: row(screen.height - 1),
    }
}

fn tabs(ui: &Ui, state: &StudioState, area: Rect) -> Vec<(Pane, Rect)> {
    let mut x = area.x + 1;
    let mut places = Vec::new();
    for (pane, label) in chrome::tab_labels(ui, state) {
        let columns = u16::try_from(width(&label)).unwrap_or(u16::MAX);
        places.push((pane, Rect { x, width: columns, ..area }.intersection(area)));
        x = x.saturating_add(columns).saturating_add(1);
    }
    places
}

fn panes(ui: &Ui, tier: Tier, body: Rect) -> Vec<(Pane, Rect)> {
    if tier == Tier::Narrow || ui.zoomed || body.height < 12 {
        return vec![(ui.pane, body)];
    }
    let half = body.height / 2;
    let middle = body.width / 2;
    let top = Rect { height: half, ..body };
    let bottom = Rect { y: body.y + half, height: body.height - half, ..body };
    let left = |area: Rect| Rect { width: middle, ..area };
    let right = |area: Rect| Rect { x: area.x + middle, width: area.width - middle, ..area };
    match ui.pane {
        Pane::Problems | Pane::Schema | Pane::Traces | Pane::Latency => vec![
            (Pane::Problems, left(top)),
            (Pane::Schema, right(top)),
            (Pane::Traces, left(bottom)),
            (Pane::Latency, right(bottom)),
        ],
        Pane::Logs | Pane::Services | Pane::Tests => {
            vec![(Pane::Logs, left(top)), (Pane::Services, right(top)), (Pane::Tests, bottom)]
        }
    }
}
