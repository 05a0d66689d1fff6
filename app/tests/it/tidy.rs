//! Rules about the repository itself.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().filter_map(Result::ok) {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir()
            && name != "target"
            && name != "node_modules"
            && !name.to_string_lossy().starts_with('.')
        {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn no_source_file_outgrows_a_reader() {
    let mut files = Vec::new();
    for folder in ["app", "engine", "tui", "embedded-graphiql"] {
        rust_files(&root().join(folder), &mut files);
    }
    let long: Vec<_> = files
        .iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "tests"))
        .map(|path| (fs::read_to_string(path).unwrap().lines().count(), path))
        .filter(|(lines, _)| *lines > 1000)
        .collect();
    assert!(long.is_empty(), "split these by concept: {long:?}");
}

#[test]
fn the_top_level_holds_what_the_map_says() {
    let known = [
        "app",
        "engine",
        "tui",
        "embedded-graphiql",
        "templates",
        "snapshots",
        "bench",
        "target",
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "clippy.toml",
        "rustfmt.toml",
        "deny.toml",
        // Made by README command one.
        "todo",
    ];
    let unknown: Vec<_> = fs::read_dir(root())
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && !known.contains(&name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?} are not part of the repository map");
}

#[test]
fn every_template_is_embedded_and_documented() {
    for entry in fs::read_dir(root().join("templates")).unwrap().filter_map(Result::ok) {
        if entry.path().is_dir() {
            assert!(entry.path().join("README.md").is_file(), "{:?}", entry.path());
        }
    }
}

/// Guests in C are folders of their own, so each has the header; there is one text of it.
#[test]
fn the_header_of_guests_in_c_is_the_same_everywhere() {
    let read = |path: &str| std::fs::read_to_string(root().join(path).join("exo_hooks.h")).unwrap();
    let first = read("app/hook-guests/c");
    for copy in ["templates/with-hooks/hooks/guard", "templates/with-hooks/src/limit"] {
        assert!(read(copy) == first, "copy app/hook-guests/c/exo_hooks.h to {copy}");
    }
}
