//! The schema of every test project and template as text: golden files by the name of the folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use studio_model::SourceSet;

use super::{golden_text, schema_of};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.join("src/index.exo").is_file()).collect()
}

/// Adds the model files below a folder by their paths from the root of the project.
fn add_models(project: &Path, folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_models(project, &path, texts);
        } else if path.extension().is_some_and(|extension| extension == "exo") {
            let name = path.strip_prefix(project).unwrap().to_string_lossy().replace('\\', "/");
            texts.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_project() {
    let mut projects = BTreeMap::new();
    for (prefix, parent) in [("", "engine/tests/projects"), ("template-", "templates")] {
        for folder in folders(&root().join(parent)) {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            projects.insert(format!("{prefix}{name}"), folder);
        }
    }
    assert!(projects.len() > 20, "{projects:?}");
    for (name, folder) in &projects {
        let mut texts = Vec::new();
        add_models(folder, &folder.join("src"), &mut texts);
        golden_text(&format!("projects/{name}"), &schema_of(&SourceSet::from_texts(texts)));
    }
    for entry in std::fs::read_dir(root().join("snapshots/sdl/projects")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_snapshot = path.extension().is_some_and(|extension| extension == "snap");
        assert!(!is_snapshot || projects.contains_key(&name), "no project `{name}`");
    }
}
