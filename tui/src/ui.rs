//! What is about looking: focus, scroll, filter, open overlay. Facts live in the studio state only.

use std::collections::BTreeSet;
use std::sync::Arc;

use ratatui::layout::Rect;
use studio_events::{Micros, OperationWindow, Problem, Ring, StudioState, Timestamp, Trace, TraceId};

use crate::action::{Action, Key, Keymap, Pane};
use crate::config::TuiConfig;
use crate::overlay::Overlay;
use crate::pane::schema_tree::TypeTree;
use crate::prompt::Prompt;
use crate::theme::Theme;

/// The terminal's own state.
#[derive(Debug)]
pub struct Ui {
    pub(crate) theme: Theme,
    pub(crate) keymap: Keymap,
    /// The whole screen.
    pub(crate) screen: Rect,
    /// Time of the last message; drawing has no clock.
    pub(crate) now: Timestamp,
    /// Seconds east of UTC.
    pub(crate) utc_offset: i32,
    pub(crate) pane: Pane,
    pub(crate) zoomed: bool,
    /// The zoom came with opening something and goes when it is closed.
    pub(crate) zoomed_for_now: bool,
    pub(crate) overlay: Option<Overlay>,
    /// The filter of the pane is being typed.
    pub(crate) typing_filter: bool,
    /// Keys of an unfinished sequence.
    pub(crate) pending: Vec<Key>,
    pub(crate) toast: Option<Toast>,
    pub(crate) mouse: bool,
    pub(crate) panes: [PaneUi; 7],
    pub(crate) schema: SchemaUi,
    pub(crate) traces: TracesUi,
    pub(crate) latency: LatencyUi,
    pub(crate) logs: LogsUi,
    pub(crate) tests: TestsUi,
    pub(crate) review: ReviewUi,
    pub(crate) first_run: FirstRun,
    /// Problems of the terminal itself, such as a wrong key map line.
    pub(crate) own_problems: Arc<Vec<Problem>>,
    /// Newest last: what the palette shows first.
    pub(crate) recent: Vec<Action>,
    pub(crate) has_editor: bool,
    /// The studio runs in another process and is looked at only.
    pub(crate) viewer: bool,
    /// Explains problem codes.
    pub(crate) explain: Option<crate::config::Explain>,
    /// A line that is being typed for some purpose.
    pub(crate) prompt: Option<Prompt>,
    /// Statements typed by hand so far.
    pub(crate) queries: u64,
    /// The state that cursors and offsets are in line with.
    pub(crate) settled: u64,
    /// What was typed into prompts that were left.
    pub(crate) drafts: Vec<Prompt>,
}

/// A line above the hints that goes away.
#[derive(Debug, Clone)]
pub(crate) struct Toast {
    pub(crate) text: String,
    /// How long it is shown.
    seconds: u64,
    /// When it goes away; its time begins with the first frame that shows it, however late that is.
    pub(crate) until: Option<Timestamp>,
}

/// A list with its cursor. The cursor follows the item, not the row.
#[derive(Debug, Clone, Default)]
pub(crate) struct PaneUi {
    /// Identity of the selected item.
    pub(crate) selected: Option<u64>,
    /// Where it is now; where it was, when it is gone.
    pub(crate) index: usize,
    /// First row shown.
    pub(crate) offset: usize,
    /// Stay on the newest item.
    pub(crate) follow: bool,
    pub(crate) filter: String,
    /// The item is open: keys move in its text.
    pub(crate) opened: bool,
    /// First line of that text shown.
    pub(crate) scroll: usize,
}

/// Tabs of the Schema pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SchemaTab {
    #[default]
    Types,
    Ddl,
    Migration,
    Sdl,
    Counts,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct SchemaUi {
    pub(crate) tab: SchemaTab,
    /// Types whose fold state differs from the default.
    pub(crate) toggled: BTreeSet<String>,
    /// Where the lines of the text of the tab begin.
    pub(crate) lines: LineIndex,
    /// The types as rows.
    pub(crate) tree: TypeTree,
}

/// Where the lines of a text begin, so that a long one can be scrolled without being read each time.
#[derive(Debug, Clone, Default)]
pub(crate) struct LineIndex {
    text: Option<Arc<str>>,
    starts: Vec<usize>,
}

impl LineIndex {
    /// Reads a text unless it is the one that was read before.
    pub(crate) fn read(&mut self, text: &Arc<str>) {
        if self.text.as_ref().is_some_and(|known| Arc::ptr_eq(known, text)) {
            return;
        }
        self.text = Some(Arc::clone(text));
        self.starts.clear();
        if !text.is_empty() {
            self.starts.push(0);
        }
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        self.starts.extend(ends.filter(|at| *at < text.len()));
    }

    /// Number of lines.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// One line without its end.
    pub(crate) fn line(&self, number: usize) -> Option<&str> {
        let start = *self.starts.get(number)?;
        let rest = self.text.as_ref()?.get(start..)?;
        rest.lines().next()
    }
}

/// Tabs of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TraceTab {
    #[default]
    Detail,
    Access,
    Variables,
}

/// Which requests are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TraceShow {
    #[default]
    All,
    Errors,
    Slow,
}

/// Order of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TraceSort {
    #[default]
    Newest,
    Slowest,
    Rows,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct TracesUi {
    pub(crate) tab: TraceTab,
    pub(crate) show: TraceShow,
    pub(crate) sort: TraceSort,
    /// Index of the statement shown.
    pub(crate) statement: usize,
    /// The list as it was when it was paused; shares its items with the state.
    pub(crate) frozen: Option<Ring<Arc<Trace>>>,
    /// The plan was asked for: it stays in sight until somebody scrolls.
    pub(crate) plan_in_sight: bool,
    /// The plan asked for last, and how many plans there had been by then.
    pub(crate) asked: Option<(TraceId, u64)>,
}

/// Which part of the time of requests is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LatencyPart {
    #[default]
    All,
    Sql,
    WithoutHooks,
}

#[derive(Debug, Clone)]
pub(crate) struct LatencyUi {
    /// Length of the window.
    pub(crate) minutes: u64,
    pub(crate) part: LatencyPart,
    /// The operations of the window, added up again when a second has passed.
    pub(crate) window: Arc<Vec<OperationWindow>>,
    /// What the window was added up from: slices so far, end in seconds, minutes.
    pub(crate) window_of: (u64, u64, u64),
}

#[derive(Debug, Clone)]
pub(crate) struct LogsUi {
    pub(crate) source: Option<String>,
    pub(crate) level: studio_events::LogLevel,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct TestsUi {
    pub(crate) failed_only: bool,
    /// Folders that are folded.
    pub(crate) folded: BTreeSet<String>,
    /// Access coverage in place of the tests.
    pub(crate) coverage: bool,
    /// Index of the request shown of the open test.
    pub(crate) request: usize,
}

/// Answers on the migration review.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReviewUi {
    /// Revision the answers belong to.
    pub(crate) revision: u32,
    /// Index of the focused answer; the last one is the word.
    pub(crate) focus: usize,
    /// The typed word.
    pub(crate) word: String,
    /// The word is being typed.
    pub(crate) typing: bool,
    /// Show all statements instead of the steps.
    pub(crate) sql: bool,
    /// Options that were sent and are not in the state yet: the next key goes on from these.
    pub(crate) sent: Vec<(studio_events::DecisionId, usize)>,
}

/// What the first-run card has seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FirstRun {
    pub(crate) shown: bool,
    pub(crate) saved: bool,
    pub(crate) queried: bool,
    pub(crate) looked: bool,
    pub(crate) broke: bool,
    pub(crate) browser: bool,
}

impl Ui {
    /// The first screen.
    pub fn new(config: &TuiConfig, width: u16, height: u16, now: Timestamp) -> Self {
        let mut panes: [PaneUi; 7] = Default::default();
        panes[Pane::Traces.index()].follow = true;
        panes[Pane::Logs.index()].follow = true;
        Self {
            theme: Theme { ascii: config.ascii, color: config.color, light: config.light },
            explain: config.explain,
            keymap: Keymap::default(),
            screen: Rect::new(0, 0, width, height),
            now,
            utc_offset: config.utc_offset,
            pane: Pane::Problems,
            zoomed: false,
            zoomed_for_now: false,
            overlay: None,
            queries: 0,
            settled: 0,
            typing_filter: false,
            pending: Vec::new(),
            toast: None,
            mouse: config.mouse,
            panes,
            schema: SchemaUi::default(),
            traces: TracesUi::default(),
            latency: LatencyUi {
                minutes: 5,
                part: LatencyPart::default(),
                window: Arc::default(),
                window_of: (0, 0, 0),
            },
            logs: LogsUi { source: None, level: studio_events::LogLevel::Info },
            tests: TestsUi::default(),
            review: ReviewUi::default(),
            first_run: FirstRun { shown: config.first_run, ..FirstRun::default() },
            own_problems: Arc::default(),
            recent: Vec::new(),
            has_editor: config.editor.is_some(),
            viewer: config.viewer,
            prompt: None,
            drafts: Vec::new(),
        }
    }

    /// Rebinds keys; what is wrong with the file becomes problem entries.
    pub fn rebind(&mut self, file: &str, text: &str) {
        let problems = self.keymap.rebind(text).into_iter().map(|(line, message)| Problem {
            severity: studio_events::Severity::Warning,
            code: "K0001".to_owned(),
            rendered: format!("warning[K0001]: {message}\n  --> {file}:{line}"),
            message,
            file: file.to_owned(),
            line,
            column: 1,
            end_line: 0,
            end_column: 0,
            labels: Vec::new(),
            help: vec!["`? keys` lists the actions with their names and keys".to_owned()],
            fix: None,
        });
        self.own_problems = Arc::new(problems.collect());
    }

    /// The list of a pane.
    pub(crate) fn list(&self, pane: Pane) -> &PaneUi {
        &self.panes[pane.index()]
    }

    /// The list of the focused pane.
    pub(crate) fn focused(&mut self) -> &mut PaneUi {
        &mut self.panes[self.pane.index()]
    }

    /// Gives the pane the screen until what was opened is closed.
    pub(crate) fn zoom_for_now(&mut self) {
        self.zoomed_for_now |= !self.zoomed;
        self.zoomed = true;
    }

    /// Ends [`Self::zoom_for_now`].
    pub(crate) fn unzoom(&mut self) {
        if std::mem::take(&mut self.zoomed_for_now) {
            self.zoomed = false;
        }
    }

    /// Shows a line for some seconds.
    pub(crate) fn say(&mut self, text: impl Into<String>, seconds: u64) {
        self.toast = Some(Toast { text: text.into(), seconds, until: None });
    }

    /// A frame was drawn.
    pub fn drawn(&mut self, at: Timestamp) {
        if let Some(toast) = &mut self.toast {
            toast.until.get_or_insert(Timestamp(at.0.saturating_add(toast.seconds * 1_000_000)));
        }
    }

    /// The clock of an event in local time.
    pub(crate) fn clock(&self, at: Timestamp) -> String {
        let shift = i64::from(self.utc_offset) * 1_000_000;
        let micros = i64::try_from(at.0).unwrap_or(0).saturating_add(shift).max(0);
        let (hour, minute, second) = Timestamp(micros.unsigned_abs()).clock_utc();
        format!("{hour:02}:{minute:02}:{second:02}")
    }

    /// When the screen must be drawn again although nothing happens: a toast ends, work spins, a clock ticks.
    pub fn next_tick(&self, state: &StudioState) -> Option<Micros> {
        let mut next: Option<u64> = None;
        let mut soon = |micros: u64| next = Some(next.map_or(micros, |old: u64| old.min(micros)));
        if let Some(toast) = &self.toast {
            let left = toast.until.map(|until| until.0.saturating_sub(self.now.0));
            soon(left.unwrap_or(toast.seconds * 1_000_000).max(1000));
        }
        if is_working(state) {
            soon(100_000);
        }
        if crate::view::layout::layout(self, state).panes.iter().any(|(pane, _)| *pane == Pane::Latency) {
            soon(1_000_000);
        }
        next.map(Micros)
    }

    /// All problems: those of the engine, then those of the terminal.
    pub(crate) fn problems<'a>(&'a self, state: &'a StudioState) -> Vec<&'a Problem> {
        state.all_problems().chain(self.own_problems.iter()).collect()
    }
}

/// Something spins: a build, a test run, a database on its way up.
pub(crate) fn is_working(state: &StudioState) -> bool {
    use studio_events::DatabaseState as D;
    let database = match &*state.database {
        D::Starting { .. } | D::Restarting { .. } => true,
        D::Off | D::Ready { .. } | D::Failed { .. } | D::Stopped => false,
    };
    state.build.running || state.tests.running || database
}

/// A stable identity from the parts of an item.
pub(crate) fn identity(parts: impl std::hash::Hash) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_without_reading_the_text_again() {
        let mut index = LineIndex::default();
        assert_eq!((index.len(), index.line(0)), (0, None));
        for text in ["a", "a\n", "a\n\nb", "\n", "a\r\nb\n"] {
            index.read(&Arc::from(text));
            let lines: Vec<_> = (0..index.len()).filter_map(|at| index.line(at)).collect();
            assert_eq!(lines, text.lines().collect::<Vec<_>>(), "{text:?}");
        }
        index.read(&Arc::from(""));
        assert_eq!(index.len(), 0);
    }
}
