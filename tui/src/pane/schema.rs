//! Schema: types as a tree, DDL, SDL, row counts. The migration tab is in `review`.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use studio_events::{Command, CopySummary, StudioState, TypeKind, TypeSummary};

use crate::action::{Action, Pane};
use crate::effect::Effect;
use crate::pane::{Filter, Parts, Rows, passes, review, schema_tree};
use crate::prompt::Purpose;
use crate::sql;
use crate::text::{left, line, plain, plural, put, right, width, wrap};
use crate::theme::Theme;
use crate::ui::{SchemaTab, Ui, identity};
use crate::view::Cx;
use crate::view::parts;

/// A row of the tree: a type, or one of its fields.
#[derive(Debug, Clone, Copy)]
struct Row<'a> {
    ty: &'a TypeSummary,
    field: Option<usize>,
    unfolded: bool,
}

/// Brings what the tab is drawn from in line with the state, where that is too much for every frame.
pub(crate) fn refresh(ui: &mut Ui, state: &StudioState) {
    if let Some(text) = tab_text(ui, state) {
        ui.schema.lines.read(text);
    } else if ui.schema.tab == SchemaTab::Types {
        let filter = &ui.panes[Pane::Schema.index()].filter;
        ui.schema.tree.read(&state.schema, filter, &ui.schema.toggled);
    }
}

/// The text of the tab, for the tabs that are texts.
fn tab_text<'a>(ui: &Ui, state: &'a StudioState) -> Option<&'a std::sync::Arc<str>> {
    match ui.schema.tab {
        SchemaTab::Ddl => Some(&state.schema.ddl),
        SchemaTab::Sdl => Some(&state.schema.sdl),
        SchemaTab::Types | SchemaTab::Migration | SchemaTab::Counts => None,
    }
}

fn counts<'a>(ui: &Ui, state: &'a StudioState) -> Vec<&'a (String, u64)> {
    let filter = &ui.list(Pane::Schema).filter;
    state.row_counts.iter().filter(|(name, _)| passes(filter, name)).collect()
}

/// A row of the counts: a table, or a copy of the whole database.
#[derive(Debug, Clone, Copy)]
enum Counted<'a> {
    Table(&'a str, u64),
    Copy(&'a CopySummary),
}

impl Counted<'_> {
    fn id(&self) -> u64 {
        match self {
            Self::Table(name, _) => identity(("table", name)),
            Self::Copy(copy) => identity(("copy", &copy.name)),
        }
    }
}

fn counted<'a>(ui: &Ui, state: &'a StudioState) -> Vec<Counted<'a>> {
    let filter = &ui.list(Pane::Schema).filter;
    let tables = counts(ui, state).into_iter().map(|(name, rows)| Counted::Table(name, *rows));
    let copies = state.copies.iter().filter(|copy| passes(filter, &copy.name));
    tables.chain(copies.map(Counted::Copy)).collect()
}

/// The copy under the cursor.
fn selected_copy<'a>(ui: &Ui, state: &'a StudioState) -> Option<&'a CopySummary> {
    if ui.schema.tab != SchemaTab::Counts {
        return None;
    }
    match counted(ui, state).get(ui.list(Pane::Schema).index) {
        Some(Counted::Copy(copy)) => Some(copy),
        Some(Counted::Table(..)) | None => None,
    }
}

pub(crate) fn rows(ui: &Ui, state: &StudioState) -> Rows {
    let ids = match ui.schema.tab {
        SchemaTab::Ddl | SchemaTab::Sdl => return Rows::Lines(ui.schema.lines.len()),
        SchemaTab::Types => return Rows::Ids(ui.schema.tree.ids()),
        SchemaTab::Counts => counted(ui, state).iter().map(Counted::id).collect(),
        SchemaTab::Migration => review::rows(ui, state),
    };
    Rows::Ids(std::sync::Arc::new(ids))
}

pub(crate) fn parts(ui: &Ui, state: &StudioState, area: Rect) -> Parts {
    if ui.schema.tab == SchemaTab::Migration {
        return review::parts(ui, state, area);
    }
    let inner = parts::inside(area);
    let text = tab_text(ui, state).is_some();
    // A line of totals or tabs above, a line of what is pending below.
    let above = u16::from(inner.height > 3);
    let below = u16::from(!text && inner.height > 6);
    let mut list = Rect { y: inner.y + above, height: inner.height - above - below, ..inner };
    if ui.schema.tab == SchemaTab::Types && (ui.list(Pane::Schema).opened || inner.width >= 100) {
        if inner.width >= 100 {
            let detail_x = inner.x + inner.width * 3 / 5;
            let detail = Rect { x: detail_x + 1, width: inner.right() - detail_x - 1, ..list };
            list.width = detail_x - inner.x;
            return Parts { list, detail: Some(detail) };
        }
        return crate::pane::list_over_text(list, 1);
    }
    Parts { list, detail: None }
}

fn selected<'a>(ui: &Ui, state: &'a StudioState) -> Option<Row<'a>> {
    if ui.schema.tab != SchemaTab::Types {
        return None;
    }
    row_at(ui, state, ui.list(Pane::Schema).index)
}

fn row_at<'a>(ui: &Ui, state: &'a StudioState, index: usize) -> Option<Row<'a>> {
    let row = ui.schema.tree.get(index)?;
    let ty = state.schema.types.get(row.ty)?;
    Some(Row { ty, field: row.field, unfolded: row.unfolded })
}

/// Everything about the selected type.
pub(crate) fn detail(ui: &Ui, state: &StudioState, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    if ui.schema.tab == SchemaTab::Migration {
        return review::detail(ui, state, theme, columns);
    }
    let Some(row) = selected(ui, state) else { return Vec::new() };
    let ty = row.ty;
    let mut lines = vec![line([(ty.name.clone(), theme.bold()), (format!("  {}", kind(ty)), theme.dim())])];
    if !ty.file.is_empty() {
        lines.push(line([(format!("{}:{}", ty.file, ty.line), theme.dim())]));
    }
    if !ty.table.is_empty() {
        lines.push(plain(format!("table {}{}", ty.table, rows_of(state, ty))));
    }
    if let Some(field) = row.field.and_then(|at| ty.fields.get(at)) {
        lines.push(Line::default());
        lines.push(line([(format!("{}: {}", field.name, field.ty), theme.bold())]));
        lines.extend(wrap(&field.note, columns).into_iter().map(plain));
    }
    lines.push(Line::default());
    if ty.access.is_empty() {
        lines.push(line([("no access rules listed".to_owned(), theme.dim())]));
    } else {
        lines.push(line([("access".to_owned(), theme.keyword())]));
    }
    for rule in &ty.access {
        lines
            .extend(wrap(rule, columns.saturating_sub(2)).into_iter().map(|text| plain(format!("  {text}"))));
    }
    lines
}

fn kind(ty: &TypeSummary) -> &'static str {
    match ty.kind {
        TypeKind::Entity => "type",
        TypeKind::Enum => "enum",
        TypeKind::Json => "json type",
    }
}

/// Rows of a type as text with a leading separator; empty when unknown.
fn rows_of(state: &StudioState, ty: &TypeSummary) -> String {
    let counted = state.row_counts.iter().find(|(name, _)| *name == ty.name).map(|(_, rows)| *rows);
    match counted.or(ty.rows) {
        Some(rows) => format!("  {}", plural(usize::try_from(rows).unwrap_or(usize::MAX), "row")),
        None => String::new(),
    }
}

fn totals(state: &StudioState) -> String {
    let schema = &state.schema;
    let count = |kind| schema.types.iter().filter(|ty| ty.kind == kind).count();
    format!(
        "{} · {} · {} queries · {} mutations",
        plural(count(TypeKind::Entity), "type"),
        plural(count(TypeKind::Enum), "enum"),
        schema.queries.len(),
        schema.mutations.len()
    )
}

/// The tabs with their keys, for the first line.
pub(crate) fn tab_line(cx: Cx<'_>) -> Line<'static> {
    let tabs = [
        (Action::SchemaTypes, SchemaTab::Types, "types"),
        (Action::SchemaDdl, SchemaTab::Ddl, "DDL"),
        (Action::Migration, SchemaTab::Migration, "migration"),
        (Action::SchemaSdl, SchemaTab::Sdl, "SDL"),
        (Action::SchemaCounts, SchemaTab::Counts, "counts"),
    ];
    let mut parts = vec![(" ".to_owned(), Style::new())];
    for (action, tab, word) in tabs {
        let active = cx.ui.schema.tab == tab;
        let key = cx.ui.keymap.shown(action);
        if active {
            parts.push((format!("[{key} {word}] "), cx.theme.accent()));
        } else {
            parts.push((format!(" {key}"), cx.theme.accent()));
            parts.push((format!(" {word}  "), Style::new()));
        }
    }
    line(parts)
}

pub(crate) fn draw(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    if cx.ui.schema.tab == SchemaTab::Migration {
        return review::draw(cx, area, buffer);
    }
    let (ui, state) = (cx.ui, cx.state);
    let focused = ui.pane == Pane::Schema;
    let mut note = state.schema.revision.to_string();
    if state.is_stale() {
        note = format!("{note} · old");
    }
    let filter = &ui.list(Pane::Schema).filter;
    if !filter.is_empty() {
        note = format!("/{filter} · {note}");
    }
    let inner = parts::frame(cx, area, &parts::title(Pane::Schema), &note, focused, buffer);
    let places = parts(ui, state, area);
    if state.schema.types.is_empty() && ui.schema.tab != SchemaTab::Counts {
        let lines = [
            " No schema yet: it is derived from the first model that checks.",
            " Declare a type in src/index.exo and save.",
        ];
        for (row, text) in (0..).zip(lines) {
            put(buffer, inner, row, &line([(text.to_owned(), cx.theme.dim())]));
        }
        return;
    }
    if inner.height > 3 {
        let head =
            if has_tabs(cx, inner.width) { tab_line(cx) } else { plain(format!(" {}", totals(state))) };
        put(buffer, inner, 0, &head);
    }
    match ui.schema.tab {
        SchemaTab::Types => draw_tree(cx, places, buffer),
        SchemaTab::Ddl | SchemaTab::Sdl => draw_text(cx, places.list, buffer),
        SchemaTab::Counts => draw_counts(cx, places.list, buffer),
        SchemaTab::Migration => {}
    }
    if inner.height > 6 && tab_text(ui, state).is_none() {
        put(buffer, inner, inner.height - 1, &pending(cx, inner.width));
    }
}

/// The first line shows the tabs; else the totals.
fn has_tabs(cx: Cx<'_>, width: u16) -> bool {
    cx.ui.pane == Pane::Schema && width >= 58 || cx.ui.schema.tab != SchemaTab::Types
}

fn pending(cx: Cx<'_>, width: u16) -> Line<'static> {
    let key = cx.ui.keymap.shown(Action::Migration);
    match &cx.state.migration {
        Some(plan) => line([
            (
                format!(" pending: {} of {} ", plural(plan.steps.len(), "step"), plan.revision),
                cx.theme.warning(),
            ),
            (format!("· {key} review"), Style::new()),
        ]),
        None if cx.state.is_stale() => {
            let newest = cx.state.build.revision;
            line([(format!(" the last good model; {newest} must check first"), cx.theme.dim())])
        }
        None if has_tabs(cx, width) => {
            line([(format!(" {} · nothing pending", totals(cx.state)), cx.theme.dim())])
        }
        None => line([(" nothing pending".to_owned(), cx.theme.dim())]),
    }
}

fn draw_tree(cx: Cx<'_>, places: Parts, buffer: &mut Buffer) {
    let (ui, state) = (cx.ui, cx.state);
    let (count, names) = (ui.schema.tree.len(), ui.schema.tree.names());
    if count == 0 {
        put(buffer, places.list, 0, &plain(" nothing passes the filter · Esc drops it"));
    }
    parts::list(cx, Pane::Schema, places.list, count, buffer, |index| {
        let Some(row) = row_at(ui, state, index) else { return Line::default() };
        let ty = row.ty;
        match row.field.and_then(|at| ty.fields.get(at)) {
            Some(field) => line([
                (format!("     {} ", left(&field.name, names.saturating_sub(2))), Style::new()),
                (format!("{} ", left(&field.ty, 14)), cx.theme.literal()),
                (field.note.clone(), cx.theme.dim()),
            ]),
            None => {
                let fold = if row.unfolded { "▾" } else { "▸" };
                let place = if ty.kind == TypeKind::Entity { ty.table.as_str() } else { kind(ty) };
                line([
                    (format!("{fold} "), cx.theme.dim()),
                    (format!("{} ", left(&ty.name, names)), cx.theme.bold()),
                    (left(place, 18), Style::new()),
                    (rows_of(state, ty), cx.theme.dim()),
                ])
            }
        }
    });
    if let Some(area) = places.detail {
        let lines = detail(ui, state, cx.theme, usize::from(area.width));
        parts::text(area, &lines, ui.list(Pane::Schema).scroll, buffer);
    }
}

fn draw_text(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let list = cx.ui.list(Pane::Schema);
    let index = &cx.ui.schema.lines;
    let sdl = cx.ui.schema.tab == SchemaTab::Sdl;
    parts::list(cx, Pane::Schema, area, index.len(), buffer, |number| {
        let Some(text) = index.line(number) else { return Line::default() };
        let mut line = if sdl { graphql(cx.theme, text) } else { sql::highlight(cx.theme, text) };
        if !list.filter.is_empty() && passes(&list.filter, text) {
            line = line.patch_style(cx.theme.found());
        }
        line.spans.insert(0, " ".into());
        line
    });
}

/// One line of SDL, coloured by the shape of its words.
fn graphql(theme: Theme, text: &str) -> Line<'static> {
    const KEYWORDS: [&str; 8] =
        ["type", "input", "enum", "scalar", "schema", "union", "interface", "directive"];
    let trimmed = text.trim_start();
    if trimmed.starts_with('#') || trimmed.starts_with('"') {
        return line([(text.to_owned(), theme.dim())]);
    }
    let first = trimmed.split_whitespace().next().unwrap_or_default();
    if KEYWORDS.contains(&first) && text.starts_with(first) {
        let rest = text[first.len()..].to_owned();
        return line([(first.to_owned(), theme.keyword()), (rest, theme.bold())]);
    }
    match text.rsplit_once(": ") {
        Some((name, ty)) => line([(format!("{name}: "), Style::new()), (ty.to_owned(), theme.literal())]),
        None => plain(text.to_owned()),
    }
}

fn draw_counts(cx: Cx<'_>, area: Rect, buffer: &mut Buffer) {
    let found = counted(cx.ui, cx.state);
    if found.is_empty() {
        let key = cx.ui.keymap.shown(Action::SchemaCounts);
        let text = format!(" {key} counts the rows of all tables");
        put(buffer, area, 0, &line([(text, cx.theme.dim())]));
        return;
    }
    if cx.state.copies.is_empty() && usize::from(area.height) > found.len() + 1 {
        let key = cx.ui.keymap.shown(Action::SchemaCopy);
        let text = format!(" no copy of the database yet · {key} makes one");
        let row = u16::try_from(found.len() + 1).unwrap_or(u16::MAX);
        put(buffer, area, row, &line([(text, cx.theme.dim())]));
    }
    let names = cx.state.copies.iter().map(|copy| width(&copy.name)).max().unwrap_or(0).clamp(8, 22);
    let top = counts(cx.ui, cx.state).iter().map(|(_, rows)| *rows).max().unwrap_or(0).max(1);
    let room = usize::from(area.width).saturating_sub(40);
    parts::list(cx, Pane::Schema, area, found.len(), buffer, |index| match found.get(index) {
        None => Line::default(),
        Some(Counted::Table(name, rows)) => {
            let cells = usize::try_from(u128::from(*rows) * room as u128 / u128::from(top)).unwrap_or(0);
            line([
                (format!(" {} ", left(name, 22)), cx.theme.bold()),
                (format!("{}  ", right(&rows.to_string(), 10)), Style::new()),
                ("█".repeat(cells), cx.theme.accent()),
            ])
        }
        Some(Counted::Copy(copy)) => {
            let revision = copy.revision.map(|revision| revision.to_string()).unwrap_or_default();
            let megabytes = copy.bytes.div_ceil(1_000_000);
            let undo = if copy.undo { "  u goes back to it" } else { "" };
            line([
                (" copy ".to_owned(), cx.theme.dim()),
                (format!("{} ", left(&copy.name, names)), cx.theme.bold()),
                (format!("{} ", left(&revision, 5)), Style::new()),
                (format!("{}  ", right(&format!("{megabytes} MB"), 8)), Style::new()),
                (cx.ui.clock(copy.at), cx.theme.dim()),
                (undo.to_owned(), cx.theme.accent()),
                (format!("  {}", copy.reason), cx.theme.dim()),
            ])
        }
    });
}

/// Moves the cursor to the next line that passes the search; wraps around.
pub(crate) fn find(ui: &mut Ui, state: &StudioState, direction: isize) -> bool {
    if tab_text(ui, state).is_none() {
        return false;
    }
    let filter = ui.list(Pane::Schema).filter.clone();
    let words = Filter::new(&filter);
    let (index, lines) = (ui.list(Pane::Schema).index, &ui.schema.lines);
    let hit = |at: &usize| lines.line(*at).is_some_and(|text| words.passes(&[text]));
    // From the cursor to the end, then from the beginning; the other way round when going back.
    let next = if direction > 0 {
        (index + 1..lines.len()).chain(0..=index).find(hit)
    } else {
        (0..index).rev().chain((index..lines.len()).rev()).find(hit)
    };
    match next {
        Some(at) => {
            let list = ui.focused();
            list.index = at;
            list.selected = u64::try_from(at).ok();
        }
        None => ui.say(format!("`{filter}` is not in this text"), 3),
    }
    true
}

pub(crate) fn disabled(ui: &Ui, state: &StudioState, action: Action) -> Option<String> {
    let none = selected(ui, state).is_none();
    match action {
        Action::SchemaEdit if none => Some("no type is selected".to_owned()),
        Action::SchemaEdit if !ui.has_editor => Some("set $EDITOR to open files".to_owned()),
        Action::SchemaCopy if !is_up(state) => Some("the database is not up".to_owned()),
        Action::SchemaUndo if !state.copies.iter().any(|copy| copy.undo) => {
            Some("nothing to undo".to_owned())
        }
        Action::SchemaDropCopy if selected_copy(ui, state).is_none() => {
            Some("no copy is selected (c lists them)".to_owned())
        }
        Action::Open if selected_copy(ui, state).is_some() => None,
        Action::Open | Action::Fold | Action::Unfold if none => Some("nothing to open here".to_owned()),
        Action::CopyPath if none => Some("no type is selected".to_owned()),
        Action::Space => Some("nothing to pause or choose here".to_owned()),
        _ => None,
    }
}

fn is_up(state: &StudioState) -> bool {
    matches!(&*state.database, studio_events::DatabaseState::Ready { .. })
}

/// Actions about copies of the database.
fn run_on_copies(ui: &mut Ui, state: &StudioState, action: Action) -> Option<Vec<Effect>> {
    match action {
        Action::SchemaCopy => ui.ask(Purpose::CopyName, String::new()),
        Action::SchemaUndo => {
            let copy = state.copies.iter().find(|copy| copy.undo)?;
            let question = format!(
                "Undo the last migration? The database goes back to `{}`; what is there now is kept as a copy.",
                copy.name
            );
            ui.confirm(&question, Command::UndoMigration);
        }
        Action::SchemaDropCopy => {
            let copy = selected_copy(ui, state)?;
            let name = copy.name.clone();
            ui.confirm(&format!("Remove the copy `{name}` for ever?"), Command::DropCopy { name });
        }
        Action::Open => {
            let copy = selected_copy(ui, state)?;
            let name = copy.name.clone();
            let question =
                format!("Replace the database by the copy `{name}`? What is there now is kept as a copy.");
            ui.confirm(&question, Command::RestoreCopy { name });
        }
        _ => return None,
    }
    Some(Vec::new())
}

fn show(ui: &mut Ui, tab: SchemaTab) {
    ui.schema.tab = tab;
    let list = ui.focused();
    *list = crate::ui::PaneUi::default();
}

pub(crate) fn run(ui: &mut Ui, state: &StudioState, action: Action) -> Vec<Effect> {
    if let Some(effects) = run_on_copies(ui, state, action) {
        return effects;
    }
    match action {
        Action::SchemaTypes => show(ui, SchemaTab::Types),
        Action::SchemaDdl => show(ui, SchemaTab::Ddl),
        Action::SchemaSdl => show(ui, SchemaTab::Sdl),
        Action::SchemaCounts => {
            show(ui, SchemaTab::Counts);
            return vec![Effect::Send(Command::CountRows), Effect::Send(Command::ListCopies)];
        }
        Action::CopySql => {
            return vec![Effect::Copy { what: "DDL".to_owned(), text: state.schema.ddl.to_string() }];
        }
        Action::CopyItem => return copy_item(ui, state),
        Action::CopyJson => {
            let text = match selected(ui, state) {
                Some(row) => serde_json::to_string_pretty(row.ty),
                None => serde_json::to_string_pretty(&*state.schema),
            };
            return vec![Effect::Copy { what: "JSON".to_owned(), text: text.unwrap_or_default() }];
        }
        _ => {}
    }
    let Some(row) = selected(ui, state) else { return Vec::new() };
    let (name, ty) = (row.ty.name.clone(), row.ty);
    match action {
        Action::SchemaEdit => {
            return vec![Effect::Edit { file: ty.file.clone(), line: ty.line, column: 1 }];
        }
        Action::CopyPath => {
            let text = format!("{}:{}", ty.file, ty.line);
            return vec![Effect::Copy { what: "the place".to_owned(), text }];
        }
        Action::Fold | Action::Unfold | Action::Open => {
            let position = state.schema.types.iter().position(|other| other.name == name).unwrap_or(0);
            let open = schema_tree::is_unfolded(&state.schema, &ui.schema.toggled, position);
            let wish = match action {
                Action::Fold => false,
                Action::Unfold => true,
                _ => !open,
            };
            if open != wish && !ui.schema.toggled.remove(&name) {
                ui.schema.toggled.insert(name.clone());
            }
            ui.focused().selected = Some(identity((&name, None::<usize>)));
        }
        _ => {}
    }
    Vec::new()
}

fn copy_item(ui: &Ui, state: &StudioState) -> Vec<Effect> {
    let (what, text) = match (ui.schema.tab, selected(ui, state)) {
        (SchemaTab::Ddl, _) => ("DDL", state.schema.ddl.to_string()),
        (SchemaTab::Sdl, _) => ("SDL", state.schema.sdl.to_string()),
        (_, Some(row)) => ("the type", type_text(row.ty)),
        (_, None) => {
            let rows = state.row_counts.iter().map(|(name, rows)| format!("{name}\t{rows}\n"));
            ("row counts", rows.collect())
        }
    };
    vec![Effect::Copy { what: what.to_owned(), text }]
}

fn type_text(ty: &TypeSummary) -> String {
    let mut text = format!("{} {}\n", ty.name, ty.table);
    for field in &ty.fields {
        text.push_str(&format!("  {}: {}  {}\n", field.name, field.ty, field.note));
    }
    text
}
