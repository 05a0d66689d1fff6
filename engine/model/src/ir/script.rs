//! The code of script modules inside a compiled model (language.md 8.6).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// One JavaScript module, its types stripped and its imports resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// JavaScript.
    pub code: String,
    /// Import specifiers as written, and the path of the script each leads to.
    pub imports: BTreeMap<String, String>,
    /// Where the lines of `code` come from; empty when they are those of the file.
    pub lines: Vec<LineMark>,
    /// Exported names; `None` when other files decide (`export *`).
    pub exports: Option<BTreeSet<String>>,
}

/// From this place in the generated code on, the source line is this one. All counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineMark {
    /// Generated line.
    pub line: u32,
    /// Generated column.
    pub column: u32,
    /// Line of the file.
    pub source: u32,
}

impl Script {
    /// The line of the file behind a place in the code.
    pub fn source_line(&self, line: u32, column: u32) -> u32 {
        let after = self.lines.partition_point(|mark| (mark.line, mark.column) <= (line, column));
        self.lines[..after].last().map_or(line, |mark| mark.source)
    }
}
