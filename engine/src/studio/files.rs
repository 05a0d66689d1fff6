//! The files of a project that somebody may want to open: sources, tests, configuration.

use std::path::Path;

/// Folders whose files are listed.
const FOLDERS: [&str; 4] = ["src", "tests", "playground", "trusted-documents"];
/// Deepest nesting.
const DEPTH: usize = 32;
/// Most files; a project with more still opens those by typing their path.
const MOST: usize = 5_000;

/// Project-relative paths, sorted. What cannot be read is left out: this is a list to choose from.
pub(super) fn list(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        walk(&root.join(folder), folder, DEPTH, &mut found);
    }
    let Ok(entries) = std::fs::read_dir(root) else { return found };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let known = name == "exo.toml" || name == "README.md" || name == ".env" || name.starts_with(".env.");
        if known && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            found.push(name);
        }
    }
    found.sort_unstable();
    found
}

fn walk(folder: &Path, relative: &str, depth: usize, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let (Ok(kind), name) = (entry.file_type(), entry.file_name()) else { continue };
        let name = name.to_string_lossy();
        if found.len() >= MOST || name.starts_with('.') || name == "node_modules" {
            continue;
        }
        let path = format!("{relative}/{name}");
        if kind.is_dir() && depth > 0 {
            walk(&entry.path(), &path, depth - 1, found);
        } else if kind.is_file() {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_tests_and_settings_are_listed_and_outputs_are_not() {
        let root = tempfile::tempdir().unwrap();
        for file in ["src/a/b.exo", "src/index.exo", "tests/x.exotest", "exo.toml", "target/out", "src/.swap"]
        {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(list(root.path()), ["exo.toml", "src/a/b.exo", "src/index.exo", "tests/x.exotest"]);
        assert_eq!(list(Path::new("/nowhere/at/all")), Vec::<String>::new());
    }
}
