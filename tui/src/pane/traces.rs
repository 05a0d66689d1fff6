//! Traces: the list of requests and the waterfall, SQL, plan, access and variables of one.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{Command, Micros, Ring, StatementTrace, StudioState, Trace, TraceId, TraceKind};

use crate::action::{Action, Pane};
use crate::effect::Effect;
use crate::overlay::Overlay;
use crate::pane::waterfall::waterfall;
use crate::pane::{Parts, access, passes, trace_text};
use crate::sql;
use crate::text::{line, millis, plural, put, tenths, width};
use crate::theme::Theme;
use crate::ui::{TraceShow, TraceSort, TraceTab, Ui};
use crate::view::Cx;
use crate::view::layout::{Tier, layout};
use crate::view::parts::{self, Column, Table, flexible, number, words};

/// Requests slower than this are slow.
pub(crate) const SLOW: Micros = Micros(50_000);

const COLUMNS: &[Column] = &[
    words("time", 8, 1),
    flexible("operation", 12),
    number("ms", 7, 0),
    number("sql", 3, 4),
    number("trips", 5, 3),
    number("rows", 5, 5),
    words("note", 9, 2),
];

/// All requests there are to choose from.
fn kept<'a>(ui: &'a Ui, state: &'a StudioState) -> &'a Ring<Arc<Trace>> {
    ui.traces.frozen.as_ref().unwrap_or(&state.traces)
}

fn visible<'a>(ui: &'a Ui, state: &'a StudioState) -> Vec<&'a Arc<Trace>> {
    let filter = &ui.list(Pane::Traces).filter;
    let wanted = |trace: &&Arc<Trace>| match ui.traces.show {
        TraceShow::All => true,
        TraceShow::Errors => trace.error.is_some(),
        TraceShow::Slow => trace.total > SLOW,
    };
    let text =
        |trace: &Trace| format!("{} {} {} {}", word(trace.kind), trace.operation, trace.caller, note(trace));
    let mut found: Vec<_> = kept(ui, state)
        .iter()
        .rev()
        .filter(wanted)
        .filter(|trace| filter.is_empty() || passes(filter, &text(trace)))
        .collect();
    match ui.traces.sort {
        TraceSort::Newest => {}
        TraceSort::Slowest => found.sort_by_key(|trace| std::cmp::Reverse(trace.total)),
        TraceSort::Rows => found.sort_by_key(|trace| std::cmp::Reverse(trace.rows)),
    }
    found
}

pub(crate) fn rows(ui: &Ui, state: &StudioState) -> Vec<u64> {
    visible(ui, state).iter().map(|trace| u64::from(trace.id.0)).collect()
}

pub(crate) fn selected<'a>(ui: &'a Ui, state: &'a StudioState) -> Option<&'a Arc<Trace>> {
    visible(ui, state).get(ui.list(Pane::Traces).index).copied()
}

fn word(kind: TraceKind) -> &'static str {
    match kind {
        TraceKind::Query => "query",
        TraceKind::Mutation => "mutation",
        TraceKind::Introspection => "schema",
        TraceKind::Invalid => "invalid",
    }
}

/// The same statement many times: the sign of one query per row.
fn is_n_plus_one(trace: &Trace) -> bool {
    let text = |statement: &StatementTrace| Arc::clone(&statement.text);
    let mut texts: Vec<_> = trace.statements.iter().map(text).collect();
    texts.sort_unstable();
    let different = texts.chunk_by(|a, b| a == b).map(<[_]>::len).max().unwrap_or(0);
    different > 4
}

/// What is remarkable about a request: sign and word.
pub(crate) fn note(trace: &Trace) -> String {
    match &trace.error {
        Some(error) if error.denied => "✗ denied".to_owned(),
        Some(_) => "✗ error".to_owned(),
        None if is_n_plus_one(trace) => "▲ N+1".to_owned(),
        None if trace.total > SLOW => "▲ slow".to_owned(),
        None if trace.statements.iter().any(|statement| statement.wait > Micros(5_000)) => {
            "pool wait".to_owned()
        }
        None if trace.phases.iter().any(|phase| phase.note.contains("miss")) => "cold".to_owned(),
        None => String::new(),
    }
}

fn note_style(theme: Theme, note: &str) -> Style {
    match note.chars().next() {
        Some('✗') => theme.error(),
        Some('▲') => theme.warning(),
        _ => theme.dim(),
    }
}

/// How the pane is cut up.
struct Places {
    list_box: Rect,
    /// The box of the waterfall or of the whole text.
    upper: Option<Rect>,
    /// The box of SQL and plan.
    lower: Option<Rect>,
}

/// Lines that the SQL below a waterfall needs at least; with less, both are one text.
const SQL_ROOM: u16 = 9;

fn places(ui: &Ui, state: &StudioState, area: Rect) -> Places {
    let opened = ui.list(Pane::Traces).opened;
    let wide = area.width >= 110;
    if wide && area.height >= 14 {
        let list = 42.min(area.width * 2 / 5);
        let list_box = Rect { width: list, ..area };
        let rest = Rect { x: area.x + list, width: area.width - list, ..area };
        if ui.traces.tab != TraceTab::Detail {
            return Places { list_box, upper: Some(rest), lower: None };
        }
        let wanted = waterfall_height(ui, state);
        let upper = Rect { height: wanted.clamp(5, (rest.height * 2 / 3).max(5)), ..rest };
        let lower = Rect { y: upper.bottom(), height: rest.height - upper.height, ..rest };
        return Places { list_box, upper: Some(upper), lower: Some(lower) };
    }
    let whole = Rect { height: 0, ..area };
    if opened {
        let wanted = waterfall_height(ui, state);
        if ui.traces.tab != TraceTab::Detail || area.height < wanted.saturating_add(SQL_ROOM) {
            return Places { list_box: whole, upper: Some(area), lower: None };
        }
        let upper = Rect { height: wanted, ..area };
        let lower = Rect { y: upper.bottom(), height: area.height - upper.height, ..area };
        return Places { list_box: whole, upper: Some(upper), lower: Some(lower) };
    }
    if Tier::of(ui.screen) == Tier::Narrow && area.height >= 16 {
        let upper = Rect { y: area.bottom() - 7, height: 7, ..area };
        return Places {
            list_box: Rect { height: area.height - 7, ..area },
            upper: Some(upper),
            lower: None,
        };
    }
    Places { list_box: area, upper: None, lower: None }
}

/// The box below the list in the narrow layout is a summary, not a text to scroll.
fn is_preview(ui: &Ui, places: &Places) -> bool {
    places.upper.is_some()
        && places.list_box.height > 0
        && places.lower.is_none()
        && places.upper.is_some_and(|upper| upper.y > places.list_box.y)
        && !ui.list(Pane::Traces).opened
}

/// The height of a box around the whole waterfall.
fn waterfall_height(ui: &Ui, state: &StudioState) -> u16 {
    let lines =
        selected(ui, state).map_or(0, |trace| waterfall(ui.theme, trace, ui.traces.statement, 80).len());
    u16::try_from(lines.max(3)).unwrap_or(u16::MAX).saturating_add(2)
}

/// Waterfall and SQL are one text, because there is no room for two boxes.
fn is_one_text(ui: &Ui, state: &StudioState) -> bool {
    let layout = layout(ui, state);
    let area = layout.panes.iter().find(|(pane, _)| *pane == Pane::Traces).map(|(_, area)| *area);
    area.is_some_and(|area| {
        let places = places(ui, state, area);
        places.upper.is_some() && places.lower.is_none() && !is_preview(ui, &places)
    })
}

pub(crate) fn parts(ui: &Ui, state: &StudioState, area: Rect) -> Parts {
    let places = places(ui, state, area);
    let inner = parts::inside(places.list_box);
    let (above, below) = rows_around(inner);
    let list = Rect { y: inner.y + above, height: inner.height - above - below, ..inner };
    let detail = match (places.lower, places.upper) {
        _ if is_preview(ui, &places) => None,
        (Some(lower), _) => Some(parts::inside(lower)),
        (None, upper) => upper.map(parts::inside),
    };
    Parts { list, detail }
}

/// Lines of titles above and of state below the list; a tall one has room for what the notes mean.
fn rows_around(inner: Rect) -> (u16, u16) {
    let below = match inner.height {
        0..=6 => 0,
        7..=23 => 1,
        _ => 5,
    };
    (u16::from(inner.height > 2), below)
}

/// What the notes mean and which keys choose by them.
fn legend(cx: Cx<'_>) -> [Line<'static>; 3] {
    let key = |action| cx.ui.keymap.shown(action);
    let (all, errors, slow) = (key(Action::TraceAll), key(Action::TraceErrors), key(Action::TraceSlow));
    [
        line([(" notes  ▲ N+1  ✗ denied  ✗ error  cold".to_owned(), cx.theme.dim())]),
        line([(format!("        ▲ slow: over {} ms", SLOW.0 / 1000), cx.theme.dim())]),
        line([(format!(" {all} all   {errors} errors only   {slow} slow only"), cx.theme.dim())]),
    ]
}

/// The scrolled text of the selected request.
pub(crate) fn detail(ui: &Ui, state: &StudioState, columns: usize) -> Vec<Line<'static>> {
    let Some(trace) = selected(ui, state) else { return Vec::new() };
    match ui.traces.tab {
        TraceTab::Detail if is_one_text(ui, state) => {
            let mut lines = waterfall(ui.theme, trace, ui.traces.statement, columns);
            if !trace.statements.is_empty() {
                let title = format!("─ {} ", sql_title(ui, trace));
                let rule = "─".repeat(columns.saturating_sub(width(&title) + 2));
                lines.push(line([(title + &rule, ui.theme.dim())]));
            }
            lines.extend(trace_text::statement(ui, state, trace, columns));
            lines
        }
        TraceTab::Detail => trace_text::statement(ui, state, trace, columns),
        TraceTab::Access => access::lines(ui, Some(state), trace, columns),
        TraceTab::Variables => trace_text::variables(ui, trace, columns),
    }
}

pub(crate) fn draw(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let places = places(cx.ui, cx.state, area);
    if places.list_box.height > 0 {
        draw_list(cx, places.list_box, buffer);
    }
    let Some(trace) = selected(cx.ui, cx.state) else {
        for area in [places.upper, places.lower].into_iter().flatten() {
            let inner = parts::frame(cx, area, "no request", "", false, buffer);
            put(
                buffer,
                inner,
                0,
                &line([(" A request shows its phases and SQL here.".to_owned(), cx.theme.dim())]),
            );
        }
        return;
    };
    let list = cx.ui.list(Pane::Traces);
    let focused = list.opened && cx.ui.pane == Pane::Traces;
    if is_preview(cx.ui, &places) {
        if let Some(upper) = places.upper {
            let title = format!("{} {} ms", trace.operation, tenths(trace.total));
            let note = format!("{} full", cx.theme.enter());
            let inner = parts::frame(cx, upper, &title, &note, false, buffer);
            let lines = trace_text::preview(cx.ui, trace, usize::from(inner.width));
            parts::text(inner, &lines, 0, buffer);
        }
        return;
    }
    if let Some(upper) = places.upper {
        let mut title = format!("{} · {} ms", trace.operation, millis(trace.total));
        let tabs = tabs(cx);
        for more in [format!(" · HTTP {}", trace.status), format!(" · trace {}", trace.id)] {
            if width(&title) + width(&more) + width(&tabs) + 12 <= usize::from(upper.width) {
                title.push_str(&more);
            }
        }
        let inner = parts::frame(cx, upper, &title, &tabs, focused && places.lower.is_none(), buffer);
        let lines = match places.lower {
            Some(_) => waterfall(cx.theme, trace, cx.ui.traces.statement, usize::from(inner.width)),
            None => detail(cx.ui, cx.state, usize::from(inner.width)),
        };
        let scroll = if places.lower.is_some() { 0 } else { list.scroll };
        parts::text(inner, &lines, scroll, buffer);
        if places.lower.is_none() {
            let more = lines.len().saturating_sub(scroll + usize::from(inner.height));
            if more > 0 {
                crate::pane::lower_border(cx, upper, &[plural(more, "more line")], buffer);
            }
        }
    }
    if let Some(lower) = places.lower {
        let count = trace.statements.len();
        let title = sql_title(cx.ui, trace);
        let note = if count > 1 { "] [ statement" } else { "" };
        let inner = parts::frame(cx, lower, &title, note, focused, buffer);
        let lines = detail(cx.ui, cx.state, usize::from(inner.width));
        parts::text(inner, &lines, list.scroll, buffer);
        let more = lines.len().saturating_sub(list.scroll + usize::from(inner.height));
        let mut words = Vec::new();
        if more > 0 {
            words.push(plural(more, "more line"));
        }
        if count > 0 {
            let keys = [
                (Action::CopySql, "copy SQL"),
                (Action::TraceCopyValues, "with values"),
                (Action::TraceCurl, "curl"),
                (Action::TraceReplay, "again"),
                (Action::TraceAnalyze, "run EXPLAIN ANALYZE"),
            ];
            words.extend(keys.map(|(action, word)| format!("{} {word}", cx.ui.keymap.shown(action))));
        }
        crate::pane::lower_border(cx, lower, &words, buffer);
    }
}

/// What is said about the selected statement above its text.
fn sql_title(ui: &Ui, trace: &Trace) -> String {
    let count = trace.statements.len();
    let at = ui.traces.statement.min(count.saturating_sub(1));
    let Some(statement) = trace.statements.get(at) else { return "no SQL".to_owned() };
    let prepared = if statement.prepared { "prepared" } else { "not prepared" };
    let rows = plural(usize::try_from(statement.rows).unwrap_or(usize::MAX), "row");
    let trip =
        if trace.round_trips > 1 { format!(" · trip {}", statement.round_trip) } else { String::new() };
    format!("SQL {}/{count} · {prepared} · {rows} · {} ms{trip}", at + 1, millis(statement.time))
}

/// The tabs of a request, with their keys.
fn tabs(cx: Cx<'_>) -> String {
    let tabs = [
        (Action::TraceDetail, TraceTab::Detail, "detail"),
        (Action::TraceAccess, TraceTab::Access, "access"),
        (Action::TraceVariables, TraceTab::Variables, "variables"),
    ];
    let shown = tabs.map(|(action, tab, word)| {
        let key = cx.ui.keymap.shown(action);
        if cx.ui.traces.tab == tab { format!("[{key} {word}]") } else { format!("{key} {word}") }
    });
    shown.join("  ")
}

fn draw_list(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let (ui, state) = (cx.ui, cx.state);
    let list = ui.list(Pane::Traces);
    let focused = ui.pane == Pane::Traces && !list.opened;
    let found = visible(ui, state);
    let mut notes = Vec::new();
    match ui.traces.show {
        TraceShow::All => {}
        TraceShow::Errors => notes.push("errors only".to_owned()),
        TraceShow::Slow => notes.push(format!("slow > {} ms", SLOW.0 / 1000)),
    }
    match ui.traces.sort {
        TraceSort::Newest => {}
        TraceSort::Slowest => notes.push("slowest first".to_owned()),
        TraceSort::Rows => notes.push("most rows first".to_owned()),
    }
    if !list.filter.is_empty() {
        notes.push(format!("/{}", list.filter));
    }
    let count = if notes.is_empty() {
        format!("{} kept", state.traces.len())
    } else {
        format!("{} of {}", found.len(), state.traces.len())
    };
    notes.push(count);
    let inner = parts::frame(cx, area, &parts::title(Pane::Traces), &notes.join(" · "), focused, buffer);
    if state.traces.is_empty() {
        empty(cx, inner, buffer);
        return;
    }
    let (above, below) = rows_around(inner);
    let rows = Rect { y: inner.y + above, height: inner.height - above - below, ..inner };
    let table = Table::new(COLUMNS, usize::from(inner.width).saturating_sub(2));
    if above > 0 {
        put(buffer, inner, 0, &table.head(cx));
    }
    if found.is_empty() {
        let text = " no request passes · * shows all, Esc drops the filter";
        put(buffer, rows, 0, &line([(text.to_owned(), cx.theme.dim())]));
    }
    parts::list(cx, Pane::Traces, rows, found.len(), buffer, |index| {
        let Some(trace) = found.get(index) else { return Line::default() };
        let note = note(trace);
        table.row(|column| match column {
            0 => (ui.clock(trace.at), cx.theme.dim()),
            1 => (format!("{} {}", word(trace.kind), trace.operation), Style::new()),
            2 => (tenths(trace.total), Style::new()),
            3 => (trace.statements.len().to_string(), Style::new()),
            4 => (trace.round_trips.to_string(), Style::new()),
            5 => (trace.rows.to_string(), Style::new()),
            _ => (note.clone(), note_style(cx.theme, &note)),
        })
    });
    if below > 0 {
        let space = ui.keymap.shown(Action::Space);
        let (sign, style) = if list.follow {
            (format!(" following ●  ({space} pauses)"), cx.theme.good())
        } else {
            let missed = kept(ui, state).pushed();
            let missed = state.traces.pushed().saturating_sub(missed);
            let missed = if missed > 0 { format!(" · {missed} new") } else { String::new() };
            (format!(" paused ○{missed}  ({space} follows)"), cx.theme.dim())
        };
        let lost = format!("   {} dropped", state.traces_lost);
        let lost_style = if state.traces_lost > 0 { cx.theme.warning() } else { cx.theme.dim() };
        put(buffer, inner, inner.height - 1, &line([(sign, style), (lost, lost_style)]));
        if below > 3 {
            for (row, text) in (inner.height - 4..inner.height - 1).zip(legend(cx)) {
                put(buffer, inner, row, &text);
            }
        }
    }
}

fn empty(cx: Cx<'_>, inner: Rect, buffer: &mut Buffer) {
    let open = cx.ui.keymap.shown(Action::Playground);
    let mut lines = vec![" No request yet.".to_owned(), format!(" {open} opens GraphiQL.")];
    if let studio_events::HttpState::Listening { url, graphql_path, .. } = &cx.state.http {
        lines.push(format!(" POST {url}{graphql_path}"));
    }
    for (row, text) in (0..).zip(lines) {
        put(buffer, inner, row, &line([(text, cx.theme.dim())]));
    }
}

fn statement<'a>(ui: &Ui, trace: &'a Trace) -> Option<&'a StatementTrace> {
    let last = trace.statements.len().saturating_sub(1);
    trace.statements.get(ui.traces.statement.min(last))
}

pub(crate) fn disabled(ui: &Ui, state: &StudioState, action: Action) -> Option<String> {
    use Action as A;
    let trace = selected(ui, state);
    match action {
        A::TracePlan
        | A::TraceAnalyze
        | A::TraceDetail
        | A::TraceAccess
        | A::TraceVariables
        | A::TraceCurl
        | A::TraceReplay
        | A::TraceCopyValues
        | A::TraceNextStatement
        | A::TracePreviousStatement
        | A::Open
        | A::CopyItem
        | A::CopySql
        | A::CopyJson
        | A::CopyPath => {
            let Some(trace) = trace else { return Some("there is no request yet".to_owned()) };
            let needs_sql =
                matches!(action, A::TracePlan | A::TraceAnalyze | A::CopySql | A::TraceCopyValues);
            if needs_sql && trace.statements.is_empty() {
                return Some("this request ran no SQL".to_owned());
            }
            let steps = matches!(action, A::TraceNextStatement | A::TracePreviousStatement);
            if steps && trace.statements.len() < 2 {
                return Some("there is no other statement".to_owned());
            }
            if action == A::TraceReplay && trace.document.is_empty() {
                return Some("this request had no document".to_owned());
            }
            None
        }
        A::Fold | A::Unfold => Some("nothing to fold here".to_owned()),
        _ => None,
    }
}

pub(crate) fn run(ui: &mut Ui, state: &StudioState, action: Action) -> Vec<Effect> {
    use Action as A;
    match action {
        A::Space => {
            let list = &mut ui.panes[Pane::Traces.index()];
            list.follow = !list.follow;
            ui.traces.frozen = (!list.follow).then(|| state.traces.clone());
        }
        A::TraceDetail => set_tab(ui, TraceTab::Detail),
        A::TraceAccess => {
            set_tab(ui, TraceTab::Access);
            return selected(ui, state).map_or(Vec::new(), |trace| access::ask(state, trace));
        }
        A::TraceVariables => set_tab(ui, TraceTab::Variables),
        A::TraceErrors => ui.traces.show = TraceShow::Errors,
        A::TraceSlow => ui.traces.show = TraceShow::Slow,
        A::TraceAll => ui.traces.show = TraceShow::All,
        A::TraceSort => {
            ui.traces.sort = match ui.traces.sort {
                TraceSort::Newest => TraceSort::Slowest,
                TraceSort::Slowest => TraceSort::Rows,
                TraceSort::Rows => TraceSort::Newest,
            };
        }
        action => return run_on_trace(ui, state, action),
    }
    Vec::new()
}

/// Goes to one request, whatever the list was narrowed to.
pub(crate) fn show(ui: &mut Ui, id: TraceId) {
    ui.go(Pane::Traces);
    ui.traces.show = TraceShow::All;
    ui.traces.frozen = None;
    let list = ui.focused();
    list.filter.clear();
    list.selected = Some(u64::from(id.0));
    set_tab(ui, TraceTab::Detail);
}

/// The line of the text where the plan begins.
pub(crate) fn plan_line(ui: &Ui, state: &StudioState, area: Rect) -> usize {
    let lines = detail(ui, state, usize::from(area.width));
    let is_head = |line: &Line<'_>| line.spans.first().is_some_and(|span| span.content.starts_with("─ plan"));
    lines.iter().position(is_head).unwrap_or(0)
}

fn set_tab(ui: &mut Ui, tab: TraceTab) {
    ui.traces.plan_in_sight = false;
    let list = &mut ui.panes[Pane::Traces.index()];
    list.scroll = 0;
    list.opened = true;
    list.follow = false;
    ui.traces.tab = tab;
    ui.zoom_for_now();
}

fn run_on_trace(ui: &mut Ui, state: &StudioState, action: Action) -> Vec<Effect> {
    use Action as A;
    let Some(trace) = selected(ui, state).map(Arc::clone) else { return Vec::new() };
    let copy = |what: &str, text: String| vec![Effect::Copy { what: what.to_owned(), text }];
    match action {
        A::Open => set_tab(ui, TraceTab::Detail),
        A::TracePlan | A::TraceAnalyze => {
            set_tab(ui, TraceTab::Detail);
            ui.traces.asked = Some((trace.id, state.plans.pushed()));
            ui.traces.plan_in_sight = true;
            let analyze = action == A::TraceAnalyze;
            return vec![Effect::Send(Command::Explain { trace: trace.id, analyze })];
        }
        A::TraceCurl => return vec![Effect::Curl(trace.id)],
        A::TraceReplay => {
            let write = trace.kind == TraceKind::Mutation;
            let effect = Effect::Send(Command::Replay { trace: trace.id, write });
            if write {
                let question =
                    format!("Send the mutation {} again? It writes to the database.", trace.operation);
                ui.overlay = Some(Overlay::Confirm { question, effect });
            } else {
                ui.say(format!("{} is sent again", trace.operation), 3);
                return vec![effect];
            }
        }
        A::TraceNextStatement => step_statement(ui, &trace, 1),
        A::TracePreviousStatement => step_statement(ui, &trace, -1),
        A::CopySql => {
            return statement(ui, &trace).map_or(Vec::new(), |one| copy("SQL", one.text.to_string()));
        }
        A::TraceCopyValues => {
            return statement(ui, &trace)
                .map_or(Vec::new(), |one| copy("SQL with values", sql::with_values(one)));
        }
        A::CopyItem => return copy("GraphQL", trace.document.to_string()),
        A::CopyJson => {
            return copy("JSON", serde_json::to_string_pretty(trace.as_ref()).unwrap_or_default());
        }
        A::CopyPath => return copy("the trace id", trace.id.to_string()),
        _ => {}
    }
    Vec::new()
}

fn step_statement(ui: &mut Ui, trace: &Trace, by: isize) {
    let last = trace.statements.len().saturating_sub(1);
    ui.traces.statement = crate::update::shift(ui.traces.statement, by, last);
    let list = &mut ui.panes[Pane::Traces.index()];
    list.scroll = 0;
    list.follow = false;
}
