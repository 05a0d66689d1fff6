//! Source files, spans and positions. Knows nothing of the language.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Project-relative path of the root model.
pub const ROOT_FILE: &str = "src/index.exo";

/// Every file of a project that the compiler may look at. Paths are project-relative with `/`.
#[derive(Debug, Clone, Default)]
pub struct SourceSet {
    texts: BTreeMap<String, Arc<str>>,
    assets: Option<BTreeSet<String>>,
    root: Option<String>,
}

impl SourceSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// A set from pairs of path and text.
    pub fn from_texts<P: AsRef<str>, T: AsRef<str>>(texts: impl IntoIterator<Item = (P, T)>) -> Self {
        let mut set = Self::new();
        for (path, text) in texts {
            set.add(path.as_ref(), text.as_ref());
        }
        set
    }

    /// A set with only a root model.
    pub fn from_root(text: &str) -> Self {
        Self::from_texts([(ROOT_FILE, text)])
    }

    /// Adds or replaces a model file.
    pub fn add(&mut self, path: &str, text: impl Into<Arc<str>>) {
        self.texts.insert(normalize("", path), text.into());
    }

    /// Names another root file than [`ROOT_FILE`].
    pub fn set_root(&mut self, path: &str) {
        self.root = Some(normalize("", path));
    }

    /// Says which other files (scripts, components) exist. Without this, their existence is not checked.
    pub fn set_assets<P: AsRef<str>>(&mut self, paths: impl IntoIterator<Item = P>) {
        self.assets = Some(paths.into_iter().map(|path| normalize("", path.as_ref())).collect());
    }

    /// The root file's path.
    pub fn root(&self) -> &str {
        self.root.as_deref().unwrap_or(ROOT_FILE)
    }

    /// The text of a model file.
    pub fn text(&self, path: &str) -> Option<&Arc<str>> {
        self.texts.get(path)
    }

    /// Paths of all model files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }

    /// Whether some model file lies below the folder.
    pub(crate) fn is_folder(&self, path: &str) -> bool {
        let prefix = format!("{path}/");
        self.texts
            .range(prefix.clone()..)
            .next()
            .is_some_and(|(candidate, _)| path.is_empty() || candidate.starts_with(&prefix))
    }

    /// Whether the other file exists; `None` when unknown.
    pub(crate) fn has_asset(&self, path: &str) -> Option<bool> {
        self.assets.as_ref().map(|assets| assets.contains(path))
    }
}

/// Joins a path with the folder it is relative to and removes `.` and `..`.
pub(crate) fn normalize(folder: &str, path: &str) -> String {
    let path = path.replace('\\', "/");
    let start = if path.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

/// The folder of a path, without the trailing slash; empty for a bare name.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A file of a [`FileTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A byte range of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The smallest span covering both (of one file).
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
    /// The empty span at the end.
    pub fn after(self) -> Span {
        Span { start: self.end, ..self }
    }
    /// The empty span at the start.
    pub fn before(self) -> Span {
        Span { end: self.start, ..self }
    }
    /// Whether `other` lies inside.
    pub fn contains(self, other: Span) -> bool {
        self.file == other.file && self.start <= other.start && other.end <= self.end
    }
}

/// 1-based line and column (in characters).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// 1-based line.
    pub line: u32,
    /// 1-based column in characters.
    pub column: u32,
}

/// The highest bit of each of eight bytes that is a line break.
fn breaks(bytes: u64) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let differ = bytes ^ 0x0a0a_0a0a_0a0a_0a0a;
    !(((differ & LOW) + LOW) | differ | LOW)
}

/// One file that took part in a compilation.
#[derive(Debug)]
pub struct SourceFile {
    /// Project-relative path.
    pub path: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    line_starts: Vec<u32>,
    /// The line (from 0) of the place asked for last: places are mostly asked for in order.
    recent: AtomicU32,
}

impl Clone for SourceFile {
    fn clone(&self) -> Self {
        Self {
            path: self.path.clone(),
            text: self.text.clone(),
            line_starts: self.line_starts.clone(),
            recent: AtomicU32::new(0),
        }
    }
}

impl SourceFile {
    /// A file with its lines counted.
    pub fn new(path: &str, text: Arc<str>) -> Self {
        // A line of a model is some thirty bytes long.
        let mut line_starts = Vec::with_capacity(text.len() / 24 + 1);
        line_starts.push(0);
        let (chunks, rest) = text.as_bytes().as_chunks::<8>();
        for (index, chunk) in chunks.iter().enumerate() {
            let mut breaks = breaks(u64::from_le_bytes(*chunk));
            while breaks != 0 {
                line_starts.push(index as u32 * 8 + breaks.trailing_zeros() / 8 + 1);
                breaks &= breaks - 1;
            }
        }
        for (index, byte) in rest.iter().enumerate() {
            if *byte == b'\n' {
                line_starts.push((chunks.len() * 8 + index) as u32 + 1);
            }
        }
        Self { path: Arc::from(path), text, line_starts, recent: AtomicU32::new(0) }
    }

    /// The line (from 1) of a byte offset, and where it starts.
    fn line(&self, offset: u32) -> (usize, usize) {
        let starts = &self.line_starts;
        let recent = self.recent.load(Ordering::Relaxed) as usize;
        let near = (recent..recent + 3).find(|line| {
            starts.get(*line).is_some_and(|start| *start <= offset)
                && starts.get(line + 1).is_none_or(|next| *next > offset)
        });
        let line = near.unwrap_or_else(|| starts.partition_point(|start| *start <= offset).max(1) - 1);
        self.recent.store(line as u32, Ordering::Relaxed);
        (line + 1, starts[line] as usize)
    }

    /// Line and column of a byte offset; offsets past the end give the end.
    pub fn position(&self, offset: u32) -> Position {
        let offset = offset.min(self.text.len() as u32);
        let (line, start) = self.line(offset);
        let before = self.text.get(start..offset as usize).unwrap_or_default();
        let column = if before.is_ascii() { before.len() } else { before.chars().count() };
        Position { line: line as u32, column: column as u32 + 1 }
    }

    /// 0-based line and column in UTF-16 units, as editors count; offsets past the end give the end.
    pub fn utf16_position(&self, offset: u32) -> (u32, u32) {
        let offset = offset.min(self.text.len() as u32);
        let (line, start) = self.line(offset);
        let before = self.text.get(start..offset as usize).unwrap_or_default();
        let column = if before.is_ascii() { before.len() } else { before.encode_utf16().count() };
        (line as u32 - 1, column as u32)
    }

    /// The byte offset of a 0-based line and UTF-16 column. Columns past the end of a line mean its end, lines
    /// past the last one the end of the text, columns inside a character its start: editors send all of them.
    pub fn utf16_offset(&self, line: u32, column: u32) -> u32 {
        let Some(start) = self.line_starts.get(line as usize).map(|start| *start as usize) else {
            return self.text.len() as u32;
        };
        let rest = self.text.get(start..).unwrap_or_default();
        let text = rest.split('\n').next().unwrap_or_default();
        let text = text.strip_suffix('\r').unwrap_or(text);
        let mut units = 0;
        for (at, character) in text.char_indices() {
            units += character.len_utf16() as u32;
            if units > column {
                return (start + at) as u32;
            }
        }
        (start + text.len()) as u32
    }

    /// The byte offset of a line and column; `None` past the end.
    pub fn offset(&self, position: Position) -> Option<u32> {
        let start = *self.line_starts.get(position.line.checked_sub(1)? as usize)? as usize;
        let line = self.text.get(start..)?.split('\n').next()?;
        let column = position.column.checked_sub(1)? as usize;
        let within = line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(column)?;
        Some((start + within) as u32)
    }
}

/// The files that took part in a compilation, in reading order: root first, then imports depth-first.
#[derive(Debug, Clone, Default)]
pub struct FileTable {
    files: Vec<SourceFile>,
}

impl FileTable {
    pub(crate) fn add(&mut self, path: &str, text: Arc<str>) -> FileId {
        self.files.push(SourceFile::new(path, text));
        FileId((self.files.len() - 1) as u32)
    }

    /// The file with this id.
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// The file with this project-relative path.
    pub fn find(&self, path: &str) -> Option<FileId> {
        self.iter().find(|(_, file)| &*file.path == path).map(|(id, _)| id)
    }

    /// All files in reading order.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(index, file)| (FileId(index as u32), file))
    }

    /// Path of the file of a span; empty for an unknown file.
    pub fn path(&self, span: Span) -> Arc<str> {
        self.get(span.file).map_or_else(|| Arc::from(""), |file| file.path.clone())
    }

    /// Line and column of the start of a span.
    pub fn position(&self, span: Span) -> Position {
        self.get(span.file).map_or(Position { line: 0, column: 0 }, |file| file.position(span.start))
    }

    /// The text of a span.
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.file)
            .and_then(|file| file.text.get(span.start as usize..span.end as usize))
            .unwrap_or_default()
    }

    /// `path:line:column` of a span.
    pub fn location(&self, span: Span) -> String {
        let position = self.position(span);
        format!("{}:{}:{}", self.path(span), position.line, position.column)
    }
}

#[cfg(test)]
mod tests {
    use super::SourceFile;

    #[test]
    fn lines_start_behind_every_break() {
        let text = "\n\n\u{b}\u{8a}ab\n\n\ncdefghijklmnop\u{10a}q\r\n\u{9}\n\u{2028}\n";
        for cut in (0..=text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            let text = &text[cut..];
            let file = SourceFile::new("a.exo", text.into());
            let breaks = text.match_indices('\n').map(|(at, _)| at as u32 + 1);
            assert_eq!(file.line_starts, std::iter::once(0).chain(breaks).collect::<Vec<_>>());
        }
    }

    #[test]
    fn editors_count_utf16_units() {
        let file = SourceFile::new("a.exo", "a\u{e4}\u{1f600}b\r\nc".into());
        for (offset, place) in
            [(0, (0, 0)), (1, (0, 1)), (3, (0, 2)), (7, (0, 4)), (8, (0, 5)), (10, (1, 0)), (11, (1, 1))]
        {
            assert_eq!(file.utf16_position(offset), place, "{offset}");
            assert_eq!(file.utf16_offset(place.0, place.1), offset);
        }
        assert_eq!(file.utf16_offset(0, 3), 3, "inside a surrogate pair");
        assert_eq!(file.utf16_offset(0, 99), 8, "the line break is no column");
        assert_eq!(file.utf16_offset(9, 0), 11);
        assert_eq!(file.utf16_position(99), (1, 1));
    }
}
