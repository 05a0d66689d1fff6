//! Reports of a run: for people, for machines, for CI services (section 2.6).

pub mod github;
pub mod json;
pub mod junit;
pub mod text;

use std::path::Path;

/// A path as reports show it: from the directory of the run, with `/`.
pub(crate) fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}
