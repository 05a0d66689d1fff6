//! Golden frames: the text, then a block with a mark per style, so that colour changes are reviewable.

use std::fmt::Write as _;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use studio_events::{Command, StudioState, Timestamp};
use studio_tui::{ColorLevel, Effect, Msg, TuiConfig, Ui, view};

use crate::fixture::{Builder, NOW, STATES, state};

/// A screen in a test.
pub(crate) struct Screen {
    pub(crate) ui: Ui,
    pub(crate) state: StudioState,
    size: (u16, u16),
}

impl Screen {
    pub(crate) fn new(name: &str, size: (u16, u16)) -> Self {
        let config = TuiConfig { mouse: true, editor: Some("vi".into()), ..TuiConfig::default() };
        Self::with(name, size, &config)
    }

    pub(crate) fn with(name: &str, size: (u16, u16), config: &TuiConfig) -> Self {
        let mut ui = Ui::new(config, size.0, size.1, Timestamp(NOW));
        let state = state(name);
        assert_eq!(ui.update(Msg::Data, Timestamp(NOW), &state), []);
        Self { ui, state, size }
    }

    /// Types keys: single letters, or words in angle brackets.
    pub(crate) fn keys(&mut self, keys: &str) -> Vec<studio_tui::Effect> {
        let mut effects = Vec::new();
        let mut rest = keys;
        while let Some(first) = rest.chars().next() {
            let named = rest.strip_prefix('<').and_then(|text| text.split_once('>'));
            let (code, modifiers) = match named {
                Some((name, after)) => {
                    rest = after;
                    match name {
                        "enter" => (KeyCode::Enter, KeyModifiers::NONE),
                        "esc" => (KeyCode::Esc, KeyModifiers::NONE),
                        "tab" => (KeyCode::Tab, KeyModifiers::NONE),
                        "backtab" => (KeyCode::BackTab, KeyModifiers::SHIFT),
                        "backspace" => (KeyCode::Backspace, KeyModifiers::NONE),
                        "space" => (KeyCode::Char(' '), KeyModifiers::NONE),
                        "down" => (KeyCode::Down, KeyModifiers::NONE),
                        "c-c" => (KeyCode::Char('c'), KeyModifiers::CONTROL),
                        "c-d" => (KeyCode::Char('d'), KeyModifiers::CONTROL),
                        "c-p" => (KeyCode::Char('p'), KeyModifiers::CONTROL),
                        other => panic!("no key is called {other}"),
                    }
                }
                None => {
                    rest = &rest[first.len_utf8()..];
                    (KeyCode::Char(first), KeyModifiers::NONE)
                }
            };
            let event = Event::Key(KeyEvent::new(code, modifiers));
            let now = self.ui.update(Msg::Input(event), Timestamp(NOW), &self.state);
            for effect in &now {
                if let Effect::Send(Command::Answer(id, choice)) = effect {
                    let mut engine = Builder { state: self.state.clone() };
                    engine.answer(*id, choice);
                    self.state = engine.state;
                    assert_eq!(self.ui.update(Msg::Data, Timestamp(NOW), &self.state), []);
                }
            }
            effects.extend(now);
        }
        effects
    }

    pub(crate) fn resize(&mut self, width: u16, height: u16) {
        self.size = (width, height);
        let event = Event::Resize(width, height);
        assert_eq!(self.ui.update(Msg::Input(event), Timestamp(NOW), &self.state), []);
    }

    pub(crate) fn buffer(&self) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(self.size.0, self.size.1)).unwrap();
        terminal.draw(|frame| view(&self.ui, &self.state, frame)).unwrap();
        terminal.backend().buffer().clone()
    }

    pub(crate) fn text(&self) -> String {
        rows(&self.buffer()).join("\n")
    }
}

fn rows(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    (0..area.height)
        .map(|y| {
            let mut text = String::new();
            let mut x = 0;
            while x < area.width {
                let symbol = buffer[(x, y)].symbol();
                text.push_str(symbol);
                x += u16::try_from(unicode_width::UnicodeWidthStr::width(symbol)).unwrap().max(1);
            }
            text.trim_end().to_owned()
        })
        .collect()
}

/// One letter per style: colour (bold in upper case), `=` reversed, `,` dim, `'` bold, `.` plain.
fn mark(cell: &ratatui::buffer::Cell) -> char {
    let bold = cell.modifier.contains(Modifier::BOLD);
    if cell.modifier.contains(Modifier::REVERSED) {
        return '=';
    }
    let letter = match cell.fg {
        Color::Reset if bold => return '\'',
        Color::Reset if cell.modifier.contains(Modifier::DIM) => return ',',
        Color::Reset => return if cell.symbol() == " " { ' ' } else { '.' },
        Color::Red => 'r',
        Color::Green => 'g',
        Color::Yellow => 'y',
        Color::Blue => 'b',
        Color::Magenta => 'm',
        Color::Cyan => 'c',
        other => panic!("{other:?} is not one of our colours"),
    };
    if bold { letter.to_ascii_uppercase() } else { letter }
}

fn golden(screen: &Screen) -> String {
    let buffer = screen.buffer();
    let mut out = rows(&buffer).join("\n");
    out.push_str("\n--- styles ---\n");
    for y in 0..buffer.area.height {
        let marks: String = (0..buffer.area.width).map(|x| mark(&buffer[(x, y)])).collect();
        writeln!(out, "{}", marks.trim_end()).unwrap();
    }
    out
}

fn check(name: &str, screen: &Screen) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../snapshots/frames");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, golden(screen)));
}

const SIZES: [(u16, u16); 4] = [(120, 36), (80, 24), (60, 15), (59, 14)];

/// Screens that are kept as golden frames: name, state, keys.
const SCREENS: &[(&str, &str, &str)] = &[
    ("home-broken", "broken", ""),
    ("home-ready", "busy", ""),
    ("home-empty", "empty", ""),
    ("problems-open", "broken", "<enter>z"),
    ("schema-types", "busy", "2z"),
    ("schema-ddl", "busy", "2dz"),
    ("migration", "migration", "m"),
    ("migration-answered", "migration", "m<enter>0<enter><tab><tab><space><tab><tab><enter>todo/r16<enter>"),
    ("copies", "migration", "2cz"),
    ("traces", "busy", "3"),
    ("trace-open", "busy", "3<enter>"),
    ("trace-statements", "busy", "3jjj<enter>]]]]]"),
    ("trace-access", "busy", "3jja"),
    ("trace-access-everybody", "busy", "3a"),
    ("trace-plan", "busy", "3<enter><c-d><c-d>"),
    ("trace-variables", "busy", "3v"),
    ("latency", "busy", "4"),
    ("latency-histogram", "busy", "4jz<enter>"),
    ("logs", "busy", "5"),
    ("services-failed", "pg-failed", "6"),
    ("port-taken", "port-taken", "6z"),
    ("tests", "tests-failed", "7j"),
    ("palette", "busy", ":migr"),
    ("help", "busy", "3?"),
    ("personas", "busy", "p"),
    ("wide-text", "wide-text", "1"),
    ("latency-board", "busy", "4jj<enter>"),
    ("budget-prompt", "busy", "4b"),
    ("hook-failed", "hook-failed", "6"),
    ("events-lost", "events-lost", "3"),
    ("typed-sql", "typed-sql", ":sql select * from todos<enter>"),
];

#[test]
fn golden_frames() {
    for (name, state, keys) in SCREENS {
        for size in SIZES {
            let mut screen = Screen::new(state, size);
            screen.keys(keys);
            // Below 60×15 all screens are the same line; a few are enough.
            if size == (59, 14) && !name.starts_with("home") {
                continue;
            }
            check(&format!("{name}-{}x{}", size.0, size.1), &screen);
        }
    }
}

#[test]
fn golden_frames_of_other_settings() {
    let size = (120, 36);
    let ascii = TuiConfig { ascii: true, ..TuiConfig::default() };
    check("home-broken-ascii", &Screen::with("broken", size, &ascii));
    let first = TuiConfig { first_run: true, ..TuiConfig::default() };
    check("first-run", &Screen::with("ready", size, &first));
    check("first-run-80x24", &Screen::with("ready", (80, 24), &first));
    let plain = TuiConfig { color: ColorLevel::None, ..TuiConfig::default() };
    check("home-broken-no-color", &Screen::with("broken", size, &plain));
    let light = TuiConfig { light: true, ..TuiConfig::default() };
    check("home-broken-light", &Screen::with("broken", size, &light));
}

/// Every screen a few keys away from the first one.
const WALKS: &[&str] = &[
    "",
    "1<enter>",
    "1/type<enter>n",
    "2",
    "2d",
    "2i/Todo",
    "2m",
    "2m<tab><space><tab><space>v",
    "2m<enter>0<enter><tab><tab><space>A",
    "2cs",
    "2cj<enter>",
    "2c",
    "2<enter>jl",
    "3",
    "3<enter>jjj",
    "3a",
    "3v",
    "3x",
    "3E",
    "3Ssss",
    "3jr",
    "3<space>G",
    "4",
    "4<enter>",
    "4www",
    "5",
    "5ss+-",
    "6",
    "6<enter>j",
    "6jj<enter>",
    "7",
    "7j<enter>",
    "7E*h",
    ":",
    ":t to",
    ":zzz",
    "?",
    "?jjjj",
    "p",
    "pj",
    "y",
    "L",
    "q",
    "4b",
    "4ss<enter>j",
    ":sql select * from todos<enter>j",
    "7<enter>]",
    "7c",
];

#[test]
fn every_screen_draws_at_every_size() {
    let all: Vec<(u16, u16)> = all_sizes().collect();
    // A step without a common divisor: each screen takes another part of the sizes, together they see all of them.
    let (step, mut seen) = (1499, vec![false; all.len()]);
    let mut turn = 0;
    for name in STATES {
        for walk in WALKS {
            let mut screen = Screen::new(name, (120, 36));
            screen.keys(walk);
            for zoom in [false, true] {
                if zoom {
                    screen.keys("<esc>z");
                }
                turn += 1;
                for at in (turn % step..all.len()).step_by(step) {
                    let (width, height) = all[at];
                    screen.resize(width, height);
                    let _ = screen.buffer();
                    seen[at] = true;
                }
            }
        }
    }
    assert!(seen.into_iter().all(|seen| seen));
}

/// From 1×1 to 200×60, all 12,000 of them.
fn all_sizes() -> impl Iterator<Item = (u16, u16)> {
    (1..=60).flat_map(|height| (1..=200).map(move |width| (width, height)))
}

/// The fullest screens: state and keys.
const FULL: &[(&str, &str)] = &[
    ("broken", ""),
    ("busy", "3<enter>"),
    ("busy", "4<enter>"),
    ("migration", "m"),
    ("pg-failed", "6"),
    ("tests-failed", "7j<enter>"),
];

/// Says what was drawn when that fails.
struct Told(String);

impl Drop for Told {
    #[expect(clippy::print_stdout, reason = "part of a test's output")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("drawing {}", self.0);
        }
    }
}

fn draws(name: &str, keys: &str, sizes: impl Iterator<Item = (u16, u16)>) {
    let mut screen = Screen::new(name, (120, 36));
    screen.keys(keys);
    for (width, height) in sizes {
        let _size = Told(format!("{name} {keys} at {width}×{height}"));
        screen.resize(width, height);
        let _ = screen.buffer();
    }
}

#[test]
fn the_fullest_screens_draw_at_every_small_size() {
    for (name, keys) in FULL {
        draws(name, keys, all_sizes().filter(|(width, height)| *width <= 84 && *height <= 24));
    }
}

/// Sizes of the sample, for each screen.
const SAMPLE: usize = 400;
/// Repeats a sample: its seed, as a failed one printed it.
const SEED: &str = "STUDIO_TUI_TEST_SEED";

#[test]
fn the_fullest_screens_draw_at_a_sample_of_all_sizes() {
    let given = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    let clock = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let seed = given.unwrap_or_else(|| u64::try_from(clock() & 0xffff_ffff).unwrap());
    // Shown when a size fails.
    println!("{SEED}={seed}");
    let all: Vec<(u16, u16)> = all_sizes().collect();
    let mut state = seed;
    for (name, keys) in FULL {
        let sample = (0..SAMPLE).map(|_| {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            all[usize::try_from((mixed ^ (mixed >> 31)) % 12_000).unwrap()]
        });
        draws(name, keys, sample);
    }
}

/// `cargo test --workspace --test it -- --ignored the_fullest_screens_draw_at_all_sizes`
#[test]
#[ignore = "takes minutes: the fullest screens at all 12,000 sizes"]
fn the_fullest_screens_draw_at_all_sizes() {
    for (name, keys) in FULL {
        draws(name, keys, all_sizes());
    }
}

#[test]
fn typing_works_at_every_size() {
    for (width, height) in [(1, 1), (30, 5), (60, 15), (80, 24), (120, 36)] {
        for name in STATES {
            let mut screen = Screen::new(name, (width, height));
            for walk in WALKS {
                screen.keys(walk);
                let _ = screen.buffer();
            }
        }
    }
}

#[test]
fn without_colour_no_cell_asks_for_one_and_states_are_still_told() {
    let config = TuiConfig { color: ColorLevel::None, ..TuiConfig::default() };
    for name in STATES {
        for walk in WALKS {
            let mut screen = Screen::with(name, (120, 36), &config);
            screen.keys(walk);
            for cell in &screen.buffer().content {
                assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name} {walk}");
            }
        }
    }
    let text = Screen::with("broken", (120, 36), &config).text();
    assert!(text.contains("✗ 2 errors") && text.contains("serving r14 (12 s)"), "{text}");
}

#[test]
fn true_colours_are_the_sixteen_in_other_shades() {
    let config = TuiConfig { color: ColorLevel::TrueColor, ..TuiConfig::default() };
    for light in [false, true] {
        let (config, plain) =
            (TuiConfig { light, ..config.clone() }, TuiConfig { light: false, ..TuiConfig::default() });
        let mut shades: Vec<(Color, Color)> = Vec::new();
        for (name, keys) in [("broken", ""), ("busy", "3<enter>"), ("migration", "m"), ("tests-failed", "7")]
        {
            let draw = |config: &TuiConfig| {
                let mut screen = Screen::with(name, (120, 36), config);
                screen.keys(keys);
                screen.buffer()
            };
            let (shaded, sixteen) = (draw(&config), draw(&plain));
            for (cell, known) in shaded.content.iter().zip(&sixteen.content) {
                assert_eq!((cell.symbol(), cell.modifier), (known.symbol(), known.modifier));
                assert_eq!(cell.bg, Color::Reset);
                if !shades.contains(&(known.fg, cell.fg)) {
                    shades.push((known.fg, cell.fg));
                }
            }
        }
        assert_eq!(shades.len(), 7, "one shade for each colour, and none: {shades:?}");
        assert!(shades.contains(&(Color::Reset, Color::Reset)));
    }
}

#[test]
fn ascii_frames_hold_ascii_only() {
    let config = TuiConfig { ascii: true, ..TuiConfig::default() };
    for name in STATES {
        for walk in WALKS {
            let mut screen = Screen::with(name, (120, 36), &config);
            screen.keys(walk);
            assert!(screen.text().is_ascii(), "{name} {walk}\n{}", screen.text());
        }
    }
}

#[test]
fn the_same_session_draws_the_same_frames() {
    let play = || {
        let mut screen = Screen::new("busy", (120, 36));
        WALKS
            .iter()
            .map(|walk| {
                screen.keys(walk);
                screen.text()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(play(), play());
}
