//! `exo-studio new`.

use crate::harness::{command, folder, text};

#[test]
fn an_existing_path_is_refused_with_a_next_step() {
    let folder = folder();
    let path = folder.path().join("todo");
    std::fs::create_dir(&path).unwrap();
    let output = command().arg("new").arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = text(&output);
    assert!(text.contains("exists already") && text.contains("next:"), "{text}");
}

#[test]
fn a_project_has_a_repository_of_its_own_and_says_what_comes_next() {
    let folder = folder();
    let path = folder.path().join("shop");
    let output = command().arg("new").arg(&path).args(["-t", "bookshop"]).output().unwrap();
    let text = text(&output);
    assert!(text.contains("next: cd") && text.contains("src/index.exo"), "{text}");
    assert!(path.join(".git").is_dir() && path.join(".gitignore").is_file());
}

#[test]
fn a_folder_without_a_model_is_no_project() {
    let folder = folder();
    let output = command().arg(folder.path()).arg("--plain").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let text = text(&output);
    assert!(text.contains("src/index.exo") && text.contains("exo-studio new"), "{text}");
}
